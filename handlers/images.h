/* images.h - image calls, and links to images that only the provider's key opens. */
#ifndef HANDLERS_IMAGES_H
#define HANDLERS_IMAGES_H

#include "handlers/exchange.h"

/*
 * POST /v1/images/...: a model call. In its answer, URLs on the provider's own
 * host, or that begin with our base_url (a provider that was told to make
 * such), become base_url/v1/images/data/{model}/{id}; others and base64 data
 * stay as they are.
 */
void	images_handle_call(struct exchange *);

/*
 * GET /v1/images/data/{model}/{id}: the image behind such a link, fetched with
 * the provider's key. The URL asked upstream comes from the store, never from
 * the client.
 */
void	images_handle_data(struct exchange *);
#endif
