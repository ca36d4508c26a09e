/* answers.h - what is known of a new provider: given, or asked for. */
#ifndef CONF_ANSWERS_H
#define CONF_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"
#include "conf/conf.h"

enum { ANSWERS_MODELS_MAX = 100 };

struct answers {
	struct arena	 arena;
	struct conf	*conf;		/* what is there already */
	const char	*path;		/* of sluice.conf */
	const char	*name, *kind, *base_url, *api_version, *key_env;
			/* NULL: not known yet; key_env "": no key is sent */
	const char	*key;		/* the variable's value; NULL = leave it */
	const char	*models[ANSWERS_MODELS_MAX];
	size_t		 model_count;
	bool		 key_stdin;
	int		 terminal;	/* -1: nobody is asked */
	FILE		*out, *err;
};

/*
 * Judge what is given, as the key table does, and ask for the rest. False:
 * reported to err, or the user has had enough.
 */
bool	answers_get(struct answers *);

/* The provider's kind; the answer is good. */
enum conf_kind answers_kind(const struct answers *);

/* Say what is wrong. Never pass a secret. */
void	answers_fail(const struct answers *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
#endif
