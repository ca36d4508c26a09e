/* import_yaml.h - the plain settings of a small YAML file. */
#ifndef CONF_IMPORT_YAML_H
#define CONF_IMPORT_YAML_H

#include <stdbool.h>

struct import;

/* NAME is dotted: "server.port". LINE is where VALUE stands. Both borrowed. */
typedef void import_yaml_fn(struct import *, void *arg, unsigned line,
	    const char *name, const char *value);

/*
 * Give every scalar of TEXT, a mapping of mappings, to TAKE with ARG. Aliases, lists and
 * more than one document are refused. False: reported with the line.
 */
bool	import_yaml_read(struct import *, const char *text, import_yaml_fn *take,
	    void *arg);
#endif
