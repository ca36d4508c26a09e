/* echo.h - the demo's upstream under /echo/v1: OpenAI-shaped and deterministic.
 *
 * Served only when the configuration names a provider of kind echo, to holders
 * of that provider's key. The gateway reaches it over HTTP like any provider.
 * Where each process takes one request at a time (mod_fcgid, CGI) it therefore
 * needs a second process.
 */
#ifndef HANDLERS_ECHO_H
#define HANDLERS_ECHO_H

#include <stdbool.h>

#include "handlers/exchange.h"

/* Is there a provider of kind echo? */
bool	echo_is_configured(const struct snapshot *);

/*
 * Who may use it: ERR_NOT_FOUND where no echo provider is configured,
 * ERR_INVALID_API_KEY without the key of one.
 */
enum err echo_check(const struct exchange *);

void	echo_handle_chat(struct exchange *);
void	echo_handle_completion(struct exchange *);
void	echo_handle_embedding(struct exchange *);
void	echo_handle_models(struct exchange *);
#endif
