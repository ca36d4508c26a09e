#include "config.h"

#include "handlers/cross_site.h"

#include <string.h>
#include <strings.h>

#include "conf/origin.h"

/* ORIGIN's scheme, and the host that the client has asked. */
static bool
is_of_host(const struct exchange *x, const char *origin)
{
	const char *host = params_get(&x->request->params, "HTTP_HOST");
	const char *end = strstr(origin, "://");

	return host != NULL && end != NULL && origin_same(origin,
	    arena_printf(x->call.arena, "%.*s://%s", (int)(end - origin),
	    origin, host));
}

bool
cross_site_is(const struct exchange *x)
{
	const struct params *p = &x->request->params;
	const char *origin = params_get(p, "HTTP_ORIGIN");
	const char *site = params_get(p, "HTTP_SEC_FETCH_SITE");

	if (x->origin != NULL)
		return false;		/* cors.origins lists it */
	if (origin != NULL && *origin != '\0' && !is_of_host(x, origin) &&
	    !origin_same(origin, x->call.snapshot->conf->base_url))
		return true;
	return site != NULL && *site != '\0' &&
	    strcasecmp(site, "same-origin") != 0 &&
	    strcasecmp(site, "none") != 0;
}
