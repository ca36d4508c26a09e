/* prompt.h - the system prompt that a request gets, and where in its body (P46). */
#ifndef HANDLERS_PROMPT_H
#define HANDLERS_PROMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/splice.h"
#include "handlers/exchange.h"

/* Edits that prompt_splice makes at most: the texts, what joins them, and the ends. */
enum { PROMPT_EDITS_MAX = 2 * PROMPTS__SCOPES + 2 };

struct prompt {
	const struct prompt_text *texts[PROMPTS__SCOPES];	/* the call's list has them */
	size_t		 count;
	const char	*before, *after;	/* around them */
	const char	*comma;		/* behind that: "," or "" */
	uint64_t	 start, end;	/* the bytes that they replace; often none */
	bool		 is_member;	/* it is a new member of the body's object */
};

/*
 * What applies to the exchange: the global prompt, then that of its model by
 * the exposed id, then that of its key. NULL: none does, or its path has no
 * system prompts, or the body is none to put one into; then it is for the
 * provider to judge. In the arena. After body_read, before the scan is forgotten.
 */
const struct prompt *prompt_find(struct exchange *);

/* Put it in; with is_member, the commas around it are the caller's. */
void	prompt_splice(const struct prompt *, struct splice *);
#endif
