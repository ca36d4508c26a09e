/* provider.h - one provider file. */
#ifndef CONF_PROVIDER_H
#define CONF_PROVIDER_H

#include <stdbool.h>

#include "conf/conf.h"

enum provider_state {
	PROVIDER_USABLE,
	PROVIDER_KEYLESS,		/* good, but the variable of its key is not set */
	PROVIDER_DISABLED,		/* good, but a variable that it names cannot be used */
	PROVIDER_BROKEN
};

/*
 * Read the provider file PATH (absolute). CONF gives the environment and the
 * providers that are already there, whose names are taken. Everything wrong
 * goes to REPORT. Only where the file is usable or keyless, *OUT is the
 * provider, with one reference that is the caller's. WATCH, if it is not NULL, is
 * called with each file that PATH names, before that is read.
 */
enum provider_state provider_load(struct conf_provider **out, const char *path,
	    struct conf *conf, conf_report_fn *report, void *arg,
	    void (*watch)(struct conf *, const char *file));

/* Drop one reference. */
void	provider_release(struct conf_provider *);

/* The provider called NAME, borrowed, or NULL. */
struct conf_provider *provider_find(const struct conf *, const char *name);

/* Is there a usable or keyless one called NAME? */
bool	provider_is_known(const struct conf *, const char *name);

/* Has CONF's environment every variable that the provider names, fit for a
 * header? Usable, keyless or disabled. */
enum provider_state provider_judge_variables(const struct conf_provider *,
	    const struct conf *conf);

/*
 * Is the origin of URL the provider's, that of base_url or of an endpoint's own?
 * Its key may go nowhere else.
 */
bool	provider_leads_to(const struct conf_provider *, const char *url);

/*
 * Where it sends its key, each place once, COUNT of them in ARENA: an origin, or
 * one without TLS and the proxy on the way to it, which sees the key as well.
 */
const char *const *provider_places(const struct conf_provider *,
	    struct arena *, size_t *count);

/* Where the files of CONF whose key is in VARIABLE send it, likewise. */
const char *const *provider_places_of(const struct conf *,
	    const char *variable, struct arena *, size_t *count);

/*
 * A provider that no file describes: all that is not said here is as in an empty
 * file. It is in ARENA, is never released, and borrows what is given. NULL: its
 * KIND is no word of the key table.
 */
struct conf_provider *provider_make(struct arena *, const char *name,
	    const char *kind, const char *base_url);

/* COUNT models, nameless, for one of those. */
struct conf_model *provider_make_models(struct arena *, size_t count);
#endif
