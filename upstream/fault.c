#include "config.h"

#include "upstream/fault.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { BODY_MAX_BYTES = 16 * 1024 };

struct text {
	const char	*p;
	size_t		 n;
};

/* Values of "code", "type", "reason" and the like that say more than a status. */
static const struct { const char *word; enum fault fault; } codes[] = {
	{ "content_filter", FAULT_POLICY },
	{ "content_policy_violation", FAULT_POLICY },
	{ "ResponsibleAIPolicyViolation", FAULT_POLICY },
	{ "moderation_blocked", FAULT_POLICY },
	{ "context_length_exceeded", FAULT_CONTEXT },
	{ "exceed_context_size_error", FAULT_CONTEXT },		/* llama.cpp */
	{ "model_not_found", FAULT_MODEL },
	{ "DeploymentNotFound", FAULT_MODEL },			/* Azure */
	{ "insufficient_quota", FAULT_KEY },
	{ "billing_hard_limit_reached", FAULT_KEY },
	{ "billing_not_active", FAULT_KEY },
	{ "billing_error", FAULT_KEY },
	{ "account_deactivated", FAULT_KEY },
	{ "API_KEY_INVALID", FAULT_KEY },			/* Gemini, with 400 */
};

/* Sentences of those who have no code for it, without regard to case. */
static const struct { const char *words; enum fault fault; } sentences[] = {
	{ "content management policy", FAULT_POLICY },		/* Azure */
	{ "maximum context length", FAULT_CONTEXT },		/* OpenAI, vLLM, SGLang */
	{ "longer than the maximum model length", FAULT_CONTEXT }, /* vLLM */
	{ "prompt is too long", FAULT_CONTEXT },		/* Anthropic */
	{ "exceed context limit", FAULT_CONTEXT },
	{ "available context size", FAULT_CONTEXT },		/* llama.cpp */
	{ "exceeds the context window", FAULT_CONTEXT },	/* /v1/responses */
	{ "exceeds the maximum number of tokens", FAULT_CONTEXT }, /* Gemini */
	{ "credit balance is too low", FAULT_KEY },		/* Anthropic, with 400 */
};

/* What the names of errors in a stream stand for. */
static const struct { const char *word; int status; } kinds[] = {
	{ "rate_limit_error", 429 },
	{ "rate_limit_exceeded", 429 },
	{ "RESOURCE_EXHAUSTED", 429 },
	{ "overloaded_error", 529 },
	{ "authentication_error", 401 },
	{ "invalid_api_key", 401 },
	{ "permission_error", 403 },
	{ "not_found_error", 404 },
	{ "request_too_large", 413 },
	{ "invalid_request_error", 400 },
	{ "BadRequestError", 400 },
	{ "INVALID_ARGUMENT", 400 },
	{ "invalid_prompt", 400 },
	{ "server_error", 500 },
	{ "api_error", 500 },
};

/* Members whose value may be an HTTP status. */
static const char *const status_names[] = { "code", "status", "status_code" };

static size_t
skip_space(struct text text, size_t i)
{
	while (i < text.n && memchr(" \t\r\n", text.p[i], 4) != NULL)
		i++;
	return i;
}

/*
 * Where WORD next stands as a whole JSON string at or after I: one past its
 * last quote, or 0. The first quote of what a string quotes has a backslash.
 */
static size_t
string_find(struct text text, size_t i, const char *word)
{
	size_t len = strlen(word);
	const char *p;

	while (i < text.n &&
	    (p = memmem(text.p + i, text.n - i, word, len)) != NULL) {
		size_t at = (size_t)(p - text.p);

		i = at + len;
		if (at > 0 && i < text.n && text.p[at - 1] == '"' &&
		    text.p[i] == '"' && (at < 2 || text.p[at - 2] != '\\'))
			return i + 1;
	}
	return 0;
}

/* The object that begins at I, as far as it is there. */
static struct text
object_at(struct text text, size_t i)
{
	size_t start = i, depth = 0;
	bool in_string = false;

	for (; i < text.n; i++) {
		char c = text.p[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && (c == '}' || c == ']') && --depth == 0)
			return (struct text){ text.p + start, i + 1 - start };
	}
	return (struct text){ text.p + start, text.n - start };
}

/*
 * The object "error", if there is one: beside it a failed response holds what
 * the client wrote. Else all of it.
 */
static struct text
error_of(const char *p, size_t n)
{
	struct text text = { p, n > BODY_MAX_BYTES ? BODY_MAX_BYTES : n };
	size_t end = 0, next;

	while ((end = string_find(text, end, "error")) != 0) {
		next = skip_space(text, end);
		if (next == text.n || text.p[next] != ':')
			continue;
		next = skip_space(text, next + 1);
		if (next < text.n && text.p[next] == '{')
			return object_at(text, next);
	}
	return text;
}

static bool
has_value(struct text text, const char *word)
{
	size_t end = 0, next;

	while ((end = string_find(text, end, word)) != 0) {
		next = skip_space(text, end);
		if (next == text.n || text.p[next] != ':')
			return true;
	}
	return false;
}

static bool
has_words(struct text text, const char *words)
{
	size_t len = strlen(words);

	for (size_t i = 0; i + len <= text.n; i++)
		if ((text.p[i] | 0x20) == words[0] &&
		    strncasecmp(text.p + i, words, len) == 0)
			return true;
	return false;
}

/* What the text itself says; FAULT_NONE = nothing. */
static enum fault
fault_in(struct text text)
{
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (has_value(text, codes[i].word))
			return codes[i].fault;
	for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
		if (has_words(text, sentences[i].words))
			return sentences[i].fault;
	return FAULT_NONE;
}

/* By the status alone. RFC 9110 section 15; 529 is Anthropic's "overloaded". */
static enum fault
fault_of_status(int status)
{
	switch (status) {
	case 401:
	case 402:
	case 403:
		return FAULT_KEY;
	case 408:
		return FAULT_SERVER;
	case 429:
		return FAULT_RATE;
	case 501:
	case 505:
	case 508:			/* our own: the provider is this gateway */
		return FAULT_REQUEST;
	default:
		if (status < 400)
			return FAULT_NONE;
		return status < 500 ? FAULT_REQUEST : FAULT_SERVER;
	}
}

/* Whether what the text says is to be believed with that status. */
static bool
is_plausible(int status, enum fault said)
{
	switch (status) {
	case 400:
	case 413:
	case 422:
		return true;
	case 404:
		return said == FAULT_MODEL;
	case 403:
		return said == FAULT_POLICY;
	case 429:
		return said == FAULT_KEY;
	case 500:
		return said == FAULT_CONTEXT;	/* older llama.cpp */
	default:
		return false;
	}
}

enum fault
fault_of_answer(int status, const char *body, size_t n)
{
	enum fault said;

	if (status < 400)
		return FAULT_NONE;	/* as most do: nothing is looked for */
	said = fault_in(error_of(body, n));
	if (said != FAULT_NONE && is_plausible(status, said))
		return said;
	return fault_of_status(status);
}

bool
fault_names_model(const char *body, size_t n, const char *model)
{
	if (n > BODY_MAX_BYTES)
		n = BODY_MAX_BYTES;
	return n > 0 && *model != '\0' &&
	    memmem(body, n, model, strlen(model)) != NULL;
}

/* The number, or the number in a string, at I; 0 if it is no error's status. */
static int
status_at(struct text text, size_t i)
{
	int status = 0, digits = 0;

	if (i < text.n && text.p[i] == '"')
		i++;
	for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
		if (++digits <= 3)
			status = status * 10 + (text.p[i] - '0');
	return digits == 3 && status >= 400 && status < 600 ? status : 0;
}

static int
status_find(struct text text)
{
	size_t count = sizeof status_names / sizeof status_names[0];
	int status = 0;

	for (size_t i = 0; i < count; i++) {
		size_t end = 0, next;

		while (status == 0 &&
		    (end = string_find(text, end, status_names[i])) != 0) {
			next = skip_space(text, end);
			if (next < text.n && text.p[next] == ':')
				status = status_at(text,
				    skip_space(text, next + 1));
		}
	}
	return status;
}

static int
kind_find(struct text text)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (has_value(text, kinds[i].word))
			return kinds[i].status;
	return 0;
}

/* What an error object says by numbers and names; 0 = nothing. */
static int
status_told(struct text text)
{
	int status = status_find(text);

	return status != 0 ? status : kind_find(text);
}

enum fault
fault_of_event(const char *data, size_t n)
{
	struct text text = error_of(data, n);
	enum fault said = fault_in(text);
	int status;

	if (said != FAULT_NONE)
		return said;
	status = status_told(text);
	return status == 0 ? FAULT_SERVER : fault_of_status(status);
}

int
fault_status_of_error(const char *body, size_t n)
{
	/* Those with which fault_of_answer believes the text. */
	static const int statuses[] = {
		[FAULT_RATE] = 429, [FAULT_SERVER] = 502, [FAULT_KEY] = 401,
		[FAULT_CONTEXT] = 400, [FAULT_MODEL] = 404,
		[FAULT_POLICY] = 400, [FAULT_REQUEST] = 400,
	};
	struct text text = error_of(body, n);
	enum fault said = fault_in(text);
	int status = said == FAULT_NONE ? status_told(text) : statuses[said];

	return status == 0 ? 502 : status;
}
