/* echo.h - the demo's upstream under /echo/v1: OpenAI-shaped and deterministic.
 *
 * Served only when the configuration names a provider of kind echo, to holders
 * of that provider's key. The gateway reaches it over HTTP like any provider.
 * Where each process takes one request at a time (mod_fcgid, CGI) it therefore
 * needs a second process.
 */
#ifndef HANDLERS_ECHO_H
#define HANDLERS_ECHO_H

#include "handlers/exchange.h"

void	echo_handle_chat(struct exchange *);
void	echo_handle_completion(struct exchange *);
void	echo_handle_embedding(struct exchange *);
void	echo_handle_models(struct exchange *);
#endif
