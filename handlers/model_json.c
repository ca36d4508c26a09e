#include "config.h"

#include "handlers/model_json.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/when.h"

/*
 * Codex begins each conversation with what its catalog says here, and knows
 * nothing of a model's habits but that.
 */
#define CODEX_INSTRUCTIONS						\
	"You are a coding agent in the user's terminal. Read what is there "	\
	"before you change it, keep to its style, and make the smallest "	\
	"change that does all of what was asked. Look at files and run "	\
	"commands instead of guessing, and run the tests that matter when "	\
	"you are done. Leave other people's changes alone, and ask before "	\
	"anything that cannot be undone. Say briefly what you did, what you "	\
	"did not check, and what is left to do."

static void
put_text(struct buf *out, const char *member, const char *text)
{
	buf_puts(out, member);
	json_write_string(out, text, strlen(text));
}

static void
put_tokens(struct buf *out, const char *member, unsigned tokens)
{
	if (tokens != 0)
		buf_printf(out, "%s%u", member, tokens);
}

static const char *
display_name(const struct model *m, const char *id)
{
	return m->display_name != NULL && !m->is_wildcard ? m->display_name :
	    id;
}

void
model_json_put(struct buf *out, const struct model *m, const char *id,
    const char *owned_by)
{
	char	 created_at[WHEN_TEXT_SIZE];

	when_format(m->created, created_at);
	put_text(out, "{\"id\":", id);
	buf_printf(out, ",\"object\":\"model\",\"created\":%" PRId64,
	    m->created);
	put_text(out, ",\"owned_by\":", owned_by);
	put_text(out, ",\"type\":\"model\",\"display_name\":",
	    display_name(m, id));
	put_text(out, ",\"created_at\":", created_at);
	put_tokens(out, ",\"context_window\":", m->context_window);
	put_tokens(out, ",\"max_input_tokens\":", m->context_window);
	put_tokens(out, ",\"max_completion_tokens\":", m->max_output);
	put_tokens(out, ",\"max_tokens\":", m->max_output);
	buf_puts(out, "}");
}

void
model_json_put_codex(struct buf *out, const struct model *m, const char *id,
    size_t priority)
{
	put_text(out, "{\"slug\":", id);
	put_text(out, ",\"display_name\":", display_name(m, id));
	buf_printf(out, ",\"description\":null,\"priority\":%zu"
	    ",\"context_window\":%u,\"visibility\":\"list\","
	    "\"supported_in_api\":true,\"upgrade\":null,"
	    "\"shell_type\":\"default\",\"supported_reasoning_levels\":[],"
	    "\"supports_reasoning_summaries\":false,"
	    "\"support_verbosity\":false,\"default_verbosity\":null,"
	    "\"apply_patch_tool_type\":null,"
	    "\"supports_parallel_tool_calls\":true,"
	    "\"experimental_supported_tools\":[],"
	    "\"truncation_policy\":{\"mode\":\"bytes\",\"limit\":10000}",
	    priority, m->context_window);
	put_text(out, ",\"base_instructions\":", CODEX_INSTRUCTIONS);
	buf_puts(out, "}");
}
