/* listing.h - a provider's list of a collection, of which a key sees its own. */
#ifndef HANDLERS_LISTING_H
#define HANDLERS_LISTING_H

#include "handlers/collection.h"
#include "handlers/exchange.h"

/*
 * Answer with those objects of the collection at TARGET that the exchange's key
 * has made. The provider is asked for further pages, a few, while there are none
 * of them in one. What is no list that can be read is 403, never passed on.
 */
void	listing_begin(struct exchange *, const struct collection *,
	    const struct target *);
#endif
