/* body.h - what a request's body says, and what of it each target gets to see. */
#ifndef HANDLERS_BODY_H
#define HANDLERS_BODY_H

#include <stdbool.h>

#include "base/err.h"
#include "gateway/plan.h"
#include "gateway/splice.h"
#include "handlers/exchange.h"

struct prompt;

/* Where in the body the members stand that are changed on the way. Outlives the scan. */
struct body {
	bool		 is_form;
	bool		 has_model;
	const char	*model;		/* that the body names, NULL without; a deployment in the path stands above it */
	bool		 has_members;	/* JSON: the object is not empty */
	bool		 is_stream;
	uint64_t	 object_start;	/* JSON: of its "{"; a form: of its first boundary */
	uint64_t	 model_start, model_end;
	uint64_t	 options_start, options_end; /* stream_options; 0 = there is none */
	enum json_kind	 options_kind;
	bool		 options_have_members;
	bool		 asks_usage;	/* stream_options says whether usage is wanted */
	const char	*sticky;	/* prompt_cache_key, else user, else what metadata says of it; NULL = nothing */
	bool		 has_max_output;
	uint64_t	 max_output;	/* tokens that each answer may have */
	uint64_t	 answers;	/* that are to be made; 0 = it does not say */
	uint64_t	 media_bytes;	/* JSON: no text, but pictures and the like (base/media.h)... */
	uint64_t	 media_tokens;	/* ...that stand for so many tokens */
	uint64_t	 noted;		/* members that some providers do not take; see deny */
	const struct prompt *prompt;	/* to be put in; NULL = none; not read of the body */
};

/* Does the body name a model? Before the scan is forgotten. */
bool	body_has_model(const struct exchange *);

/*
 * Read the body's members: the call's model (the deployment of the path, else
 * the body's, else default_model) and stream, and what stands in struct body. ERR_MODEL_MISSING, ERR_MODEL_TYPE,
 * ERR_STREAM_TYPE.
 */
enum err body_read(struct exchange *, struct body *);

/*
 * The bytes that go to STEP: its model's name where the client's stands, the
 * body's prompt and, with INJECT, a request for the stream's usage. Every other
 * byte is the client's own.
 */
enum err body_splice(struct exchange *, const struct body *,
	    const struct plan_step *, bool inject, struct splice *);
#endif
