/* api_error.h - the error objects of OpenAI's and Anthropic's APIs. */
#ifndef HANDLERS_API_ERROR_H
#define HANDLERS_API_ERROR_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* What there is to say, whatever the shape. Texts are borrowed. */
struct api_error {
	int		 status;	/* HTTP: Anthropic's type follows from it */
	const char	*message;
	const char	*type;		/* OpenAI's; NULL = none, as of the other two */
	const char	*param;
	const char	*code;
};

/* ERR as its table has it; TEXT is the message instead, unless it is NULL. */
struct api_error api_error_of(enum err, const char *text);

/* {"message","type","param","code"}: the inner object of OpenAI's API reference. */
void	api_error_put_members(struct buf *out, const struct api_error *);

/* {"error":{...}} around that. */
enum err api_error_put_openai(struct buf *out, const struct api_error *);

/* https://docs.anthropic.com/en/api/errors */
enum err api_error_put_anthropic(struct buf *out, const struct api_error *,
	    const char *request_id);

/* The shapes in which a provider may have told an error. */
enum api_error_shape {
	API_ERROR_NONE,			/* nothing that says so */
	API_ERROR_OPENAI,		/* a member "error" */
	API_ERROR_ANTHROPIC		/* that, and "type": "error" */
};

/*
 * Read what a provider told with STATUS and BODY, which ends with a NUL: E is
 * filled with what is found, in ARENA, and with the status where there is no
 * message. Blocks on nothing.
 */
enum api_error_shape api_error_read(struct api_error *e, struct arena *,
	    int status, const char *body);
#endif
