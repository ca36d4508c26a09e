#include "config.h"

#include "base/param.h"

#include <string.h>
#include <strings.h>

#include "base/http.h"

/* Take the first N bytes off TEXT. */
static struct param_text
take(struct param_text *text, size_t n)
{
	struct param_text taken = { text->p, n };

	text->p += n;
	text->n -= n;
	return taken;
}

/* How many bytes of TEXT come before the first that is one of STOPS. */
static size_t
length_to(struct param_text text, const char *stops)
{
	size_t n = 0;

	while (n < text.n && (text.p[n] == '\0' ||
	    strchr(stops, text.p[n]) == NULL))
		n++;
	return n;
}

static bool
begins_with(struct param_text text, char c)
{
	return text.n > 0 && text.p[0] == c;
}

void
param_skip_space(struct param_text *text)
{
	while (begins_with(*text, ' ') || begins_with(*text, '\t'))
		take(text, 1);
}

bool
param_is(struct param_text text, const char *word)
{
	return strlen(word) == text.n && strncasecmp(text.p, word, text.n) == 0;
}

struct param_text
param_first(struct param_text *rest)
{
	param_skip_space(rest);
	return take(rest, length_to(*rest, "; \t"));
}

/* REST begins with a quote. */
static bool
quoted_take(struct param_text *rest, struct param_text *value)
{
	size_t n;

	take(rest, 1);
	for (n = 0; n < rest->n && rest->p[n] != '"'; n++)
		if (rest->p[n] == '\\')
			n++;
	if (n >= rest->n)
		return false;
	*value = take(rest, n);
	take(rest, 1);
	return true;
}

enum param_result
param_next(struct param_text *rest, struct param *param)
{
	param_skip_space(rest);
	if (rest->n == 0)
		return PARAM_END;
	if (!begins_with(*rest, ';'))
		return PARAM_BAD;
	take(rest, 1);
	param_skip_space(rest);
	if (rest->n == 0)
		return PARAM_END;
	param->name = take(rest, length_to(*rest, "=; \t"));
	if (!http_is_token(param->name.p, param->name.n) ||
	    !begins_with(*rest, '='))
		return PARAM_BAD;
	take(rest, 1);
	param->quoted = begins_with(*rest, '"');
	if (param->quoted)
		return quoted_take(rest, &param->value) ? PARAM_FOUND : PARAM_BAD;
	param->value = take(rest, length_to(*rest, "; \t\""));
	return PARAM_FOUND;
}
