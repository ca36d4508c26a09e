/* payment.h - what a response that was made in the background has consumed is charged once. */
#ifndef HANDLERS_PAYMENT_H
#define HANDLERS_PAYMENT_H

#include <stdbool.h>

#include "handlers/exchange.h"
#include "store/store.h"

/*
 * The exchange, whose call is uncharged, shows that U, in its arena, is done: its
 * call is charged with what it has consumed, by the model that was asked for,
 * unless another request has been. IS_EMPTY: it has consumed nothing. Leads to
 * relay_finish. Once for an exchange.
 */
void	payment_begin(struct exchange *, const struct unpaid *,
	    bool is_empty);

/* The exchange is settled: what it has paid for is off the books. */
void	payment_end(struct exchange *);
#endif
