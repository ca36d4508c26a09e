/* model_json.h - one model, as clients of each API read it. */
#ifndef HANDLERS_MODEL_JSON_H
#define HANDLERS_MODEL_JSON_H

#include "base/buf.h"
#include "gateway/snapshot.h"

/*
 * The model called ID, which is M's own or begins with it, and is OWNED_BY a
 * provider: OpenAI's object of
 * https://platform.openai.com/docs/api-reference/models/object, with the members
 * of https://docs.anthropic.com/en/api/models beside it.
 */
void	model_json_put(struct buf *out, const struct model *m, const char *id,
	    const char *owned_by);

/*
 * The same for Codex (codex-rs/protocol/src/openai_models.rs, ModelInfo), which
 * refuses a catalog that lacks a member. Entries come in the order of PRIORITY.
 */
void	model_json_put_codex(struct buf *out, const struct model *m,
	    const char *id, size_t priority);
#endif
