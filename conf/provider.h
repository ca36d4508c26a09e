/* provider.h - one provider file. */
#ifndef CONF_PROVIDER_H
#define CONF_PROVIDER_H

#include <stdbool.h>

#include "conf/conf.h"

enum provider_state {
	PROVIDER_USABLE,
	PROVIDER_DISABLED,		/* good, but a variable that it names cannot be used */
	PROVIDER_BROKEN
};

/*
 * Read the provider file PATH (absolute). CONF gives the environment and the
 * providers that are already there, whose names are taken. Everything wrong
 * goes to REPORT. Only where the file is usable, *OUT is the provider, with one
 * reference that is the caller's.
 */
enum provider_state provider_load(struct conf_provider **out, const char *path,
	    const struct conf *conf, conf_report_fn *report, void *arg);

/* Drop one reference. */
void	provider_release(struct conf_provider *);

/* The provider called NAME, borrowed, or NULL. */
struct conf_provider *provider_find(const struct conf *, const char *name);

/* True when CONF's environment has every variable that the provider names,
 * fit for a header. */
bool	provider_has_variables(const struct conf_provider *,
	    const struct conf *conf);
#endif
