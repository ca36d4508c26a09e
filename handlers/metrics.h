/* metrics.h - GET /metrics: what all processes have counted, for Prometheus. */
#ifndef HANDLERS_METRICS_H
#define HANDLERS_METRICS_H

#include "base/err.h"
#include "handlers/exchange.h"

/*
 * May this client see it? ERR_NONE, ERR_INVALID_API_KEY or, after too many wrong
 * keys, ERR_ADMIN_LOCKED. The call's key_id tells whether it has shown the admin
 * key.
 */
enum err metrics_check(struct exchange *);

void	metrics_handle(struct exchange *);
#endif
