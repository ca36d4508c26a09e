/* param.h - the parameters of a field value: ; name=value; name="value". */
#ifndef BASE_PARAM_H
#define BASE_PARAM_H

#include <stdbool.h>
#include <stddef.h>

struct param_text {
	const char	*p;
	size_t		 n;
};

struct param {
	struct param_text name;		/* a token */
	struct param_text value;	/* as it stands, escapes and all, without its quotes */
	bool		  quoted;
};

enum param_result { PARAM_FOUND, PARAM_END, PARAM_BAD };

/* Drop the spaces and tabs that TEXT begins with. */
void	param_skip_space(struct param_text *text);

/* Whether TEXT is WORD, whatever the case. */
bool	param_is(struct param_text text, const char *word);

/*
 * The value that REST begins with, up to white space or a semicolon. REST is
 * then what follows: the parameters.
 */
struct param_text param_first(struct param_text *rest);

/*
 * Read the next parameter off REST (RFC 9110 section 5.6.6, of RFC 2045's
 * liberties none: no comments, no space around the equals sign). A semicolon
 * may stand at the end. In a quoted value a backslash hides the byte after it;
 * any other value goes up to white space, a semicolon or a quote and may be
 * more than a token, or nothing. PARAM_BAD: neither a parameter nor the end.
 */
enum param_result param_next(struct param_text *rest, struct param *);
#endif
