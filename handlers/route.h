/* route.h - the table of routes: who serves what, under which policy. */
#ifndef HANDLERS_ROUTE_H
#define HANDLERS_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "handlers/exchange.h"
#include "upstream/answer.h"

struct form;

enum route_body {
	ROUTE_BODY_NONE,		/* read and dropped */
	ROUTE_BODY_JSON,
	ROUTE_BODY_JSON_OR_NONE,	/* whatever Content-Type says */
	ROUTE_BODY_MODEL,		/* JSON, or a form where takes_forms */
	ROUTE_BODY_ANY			/* those, anything else, or none */
};

enum route_key {
	ROUTE_KEY_NONE,			/* anybody */
	ROUTE_KEY_CLIENT,		/* a client key */
	ROUTE_KEY_MODELS,		/* a client key unless auth.models_open */
	ROUTE_KEY_ECHO,			/* the echo provider's own */
	ROUTE_KEY_ADMIN,		/* the admin key */
	ROUTE_KEY_METRICS		/* the admin's, or an address in metrics.allow */
};

/* In which API's shape the gateway itself speaks, errors above all. */
enum route_dialect {
	ROUTE_DIALECT_CHAT,		/* OpenAI's, and whatever has none of its own */
	ROUTE_DIALECT_MESSAGES,		/* Anthropic's */
	ROUTE_DIALECT_RESPONSES		/* OpenAI's, whose streams are of typed events */
};

/* What JSON bodies may name, which must be the key's own: handlers/references. */
enum route_objects {
	ROUTE_OBJECTS_NONE,
	ROUTE_OBJECTS_NAMED,		/* files and the like */
	ROUTE_OBJECTS_ITEMS,		/* those, and parts of responses */
	ROUTE_OBJECTS_ANY		/* whatever there is: each body is read for them */
};

/* What a query may say. A table of them ends with a NAME that is NULL. */
struct route_query {
	const char	*name, *help;
};

struct route {
	const char	*method;	/* GET stands for HEAD too; "*" = GET, HEAD, POST, PUT, PATCH, DELETE */
	const char	*pattern;	/* a path; "{id}" takes one segment, a final "*" any rest, not empty ones */
	enum route_key	 key;
	enum route_body	 body;
	bool		 is_uncounted;	/* a client key's limits are not for it */
	unsigned	 body_max;	/* bytes; 0 = limits.body */
	enum route_dialect dialect;

	enum route_objects objects;

	/* For what is relayed by the model that the body names. */
	const char	*api_path;	/* what is asked of the provider, below its base URL; NULL: what stands behind /v1/ */
	const char	*passed_query;	/* the one pair of the client's query that goes up, "name=value"; NULL: none does */
	const char	*usual_models;	/* a piece of the names of models, one of which a body without one means; NULL: it must name one */
	bool		 takes_forms;	/* multipart/form-data, too */
	enum answer_kind answer;	/* what a good one looks like */
	bool		 counts_tokens;	/* always consumes tokens, whether or not the provider says how many */
	bool		 generates_text; /* so a limit of output tokens is for it */
	bool		 has_usage_chunk; /* of its streams, if stream_options asks for one */

	/* For "*" alone: the row for a POST whose path the configuration relays by model. */
	const struct route *configured;

	void		(*handle)(struct exchange *);	/* the request is complete */
	const char	*help;		/* for the documentation */

	/* For administrators' routes. */
	const struct form *form;	/* of the body; NULL: no members */
	const struct route_query *query; /* NULL: nothing is asked */
	int		 status;	/* of success; 0 = 200 */
};

/* All routes, route_count of them, specific ones first. */
extern const struct route routes[];
extern const size_t route_count;

/*
 * What all routes begin with, NULL-terminated: what a mount prefix ends before.
 * Sites are mounted at /api themselves, so that alone is none.
 */
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

/*
 * What the placeholder at INDEX of the pattern, "{id}" or "*", stands for in
 * PATH; in ARENA. NULL: there are not so many.
 */
const char *route_param(const struct route *, const char *path, size_t index,
	    struct arena *);

/*
 * Does PATH, which is served by the row "*", look to an upstream or a proxy before
 * it like a path of another row: in another case or, for what is relayed by model,
 * behind more segments? "/v1/Chat/completions", "/v1/engines/m/completions".
 */
bool	route_resembles_other(const char *path);

/*
 * What is wrong with PATH, at which there is nothing, if that is one of the usual
 * mistakes about base URLs: a sentence, static memory. NULL: it is not.
 */
const char *route_advice(const char *path);

/* The Allow field (RFC 9110 section 10.2.1) for the path of this route. Static memory. */
const char *route_allow(const struct route *);
#endif
