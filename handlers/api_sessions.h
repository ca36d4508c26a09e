/* api_sessions.h - /api/sessions: which callers were sent where; to send one
 * elsewhere. */
#ifndef HANDLERS_API_SESSIONS_H
#define HANDLERS_API_SESSIONS_H

#include "handlers/exchange.h"

void	api_sessions_list(struct exchange *);
void	api_sessions_delete(struct exchange *);
#endif
