/* dialect.h - how each kind of provider wants to be asked: URL and key. */
#ifndef UPSTREAM_DIALECT_H
#define UPSTREAM_DIALECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "conf/conf.h"

/* One place to ask. Everything is borrowed. */
struct dialect_call {
	const struct conf_provider *provider;
	const char	*base_url;	/* no trailing slash */
	const char	*deployment;	/* kind azure, or NULL */
	const char	*path;		/* what stands after /v1/, percent-encoded */
	const char	*query;		/* "?a=b" or "" */
};

/*
 * The URL, in ARENA. For azure without the v1 API: the deployment's own URL for
 * the operations that have one, and api-version in the query (Azure OpenAI
 * REST reference); a base_url that names a deployment already is taken as it is.
 */
const char *dialect_url(struct arena *, const struct dialect_call *);

/*
 * The line that carries KEY ("Authorization: Bearer KEY", "api-key: KEY"), in
 * ARENA. anthropic's OpenAI-compatible paths take a Bearer token where its own
 * take x-api-key.
 */
char	*dialect_key_line(struct arena *, const struct conf_provider *,
	    const char *path, const char *key);

/* A field that the kind insists on when the client has not sent it, or NULL. Static. */
const char *dialect_required_field(enum conf_kind, const char **value);
#endif
