/* route.h - the table of routes: who serves what, under which policy. */
#ifndef HANDLERS_ROUTE_H
#define HANDLERS_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "handlers/exchange.h"

enum route_body {
	ROUTE_BODY_NONE,		/* read and dropped */
	ROUTE_BODY_JSON,
	ROUTE_BODY_MODEL,		/* JSON, or a form where Content-Type says so */
	ROUTE_BODY_ANY			/* those, anything else, or none */
};

enum route_key {
	ROUTE_KEY_NONE,			/* anybody */
	ROUTE_KEY_CLIENT,		/* a client key */
	ROUTE_KEY_MODELS,		/* a client key unless auth.models_open */
	ROUTE_KEY_ECHO,			/* the echo provider's own */
	ROUTE_KEY_METRICS		/* the admin's, or an address in metrics.allow */
};

struct route {
	const char	*method;	/* GET stands for HEAD too; "*" = any */
	const char	*pattern;	/* a path; a final "*" takes any rest that is not empty */
	enum route_key	 key;
	enum route_body	 body;
	bool		 is_anthropic;	/* errors have Anthropic's shape */
	void		(*handle)(struct exchange *);	/* the request is complete */
	const char	*help;		/* for the documentation */
};

/* All routes, route_count of them, specific ones first. */
extern const struct route routes[];
extern const size_t route_count;

/* First path segments of all routes, NULL-terminated: what a mount prefix ends before. */
extern const char *const route_roots[];

/*
 * The route of METHOD and PATH. ERR_NOT_FOUND, or ERR_METHOD_NOT_ALLOWED: then
 * *OUT is a route of that path, for route_allow. OPTIONS is never found but
 * reported so.
 */
enum err route_find(const struct route **out, const char *method,
	    const char *path);

/* What stands behind the pattern's literal part in PATH. Borrowed. */
const char *route_rest(const struct route *, const char *path);

/* The Allow field (RFC 9110 section 10.2.1) for the path of this route. Static memory. */
const char *route_allow(const struct route *);
#endif
