#include "config.h"

#include "handlers/as_chunks.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/tree.h"

/* What is written; once something did not fit, all of it is worthless. */
struct writer {
	struct buf	*out;
	bool		 is_full;
};

static void
put(struct writer *w, const char *text)
{
	w->is_full |= buf_puts(w->out, text) != ERR_NONE;
}

static void
put_name(struct writer *w, const char *name)
{
	w->is_full |= json_write_string(w->out, name, strlen(name)) !=
	    ERR_NONE;
	put(w, ":");
}

static void
put_member(struct writer *w, const char *name, yajl_val value)
{
	put_name(w, name);
	w->is_full |= tree_write(w->out, value) != ERR_NONE;
}

/* In deltas calls have numbers, by which clients put their pieces together. */
static void
put_calls(struct writer *w, yajl_val calls)
{
	char	 number[32];

	put(w, "[");
	for (size_t i = 0; i < calls->u.array.len; i++) {
		yajl_val call = calls->u.array.values[i];

		snprintf(number, sizeof number, "%s{\"index\":%zu",
		    i == 0 ? "" : ",", i);
		put(w, number);
		for (size_t j = 0; YAJL_IS_OBJECT(call) &&
		    j < call->u.object.len; j++) {
			if (strcmp(call->u.object.keys[j], "index") == 0)
				continue;
			put(w, ",");
			put_member(w, call->u.object.keys[j],
			    call->u.object.values[j]);
		}
		put(w, "}");
	}
	put(w, "]");
}

static void
put_delta(struct writer *w, yajl_val message)
{
	put(w, "{");
	for (size_t i = 0; i < message->u.object.len; i++) {
		const char *name = message->u.object.keys[i];
		yajl_val value = message->u.object.values[i];

		if (i > 0)
			put(w, ",");
		if (strcmp(name, "tool_calls") == 0 && YAJL_IS_ARRAY(value)) {
			put_name(w, name);
			put_calls(w, value);
		} else
			put_member(w, name, value);
	}
	put(w, "}");
}

/* A choice of /v1/completions is the same in a stream. */
static void
put_choice(struct writer *w, yajl_val choice)
{
	put(w, "{");
	for (size_t i = 0; i < choice->u.object.len; i++) {
		const char *name = choice->u.object.keys[i];
		yajl_val value = choice->u.object.values[i];

		if (i > 0)
			put(w, ",");
		if (strcmp(name, "message") == 0 && YAJL_IS_OBJECT(value)) {
			put_name(w, "delta");
			put_delta(w, value);
		} else
			put_member(w, name, value);
	}
	put(w, "}");
}

/* A chunk's beginning: what stands beside the answer's choices. */
static void
begin_chunk(struct writer *w, yajl_val answer)
{
	put(w, "data: {");
	for (size_t i = 0; i < answer->u.object.len; i++) {
		const char *name = answer->u.object.keys[i];
		yajl_val value = answer->u.object.values[i];

		if (strcmp(name, "choices") == 0 || strcmp(name, "usage") == 0)
			continue;
		if (strcmp(name, "object") == 0 && YAJL_IS_STRING(value) &&
		    strcmp(value->u.string, "chat.completion") == 0)
			put(w, "\"object\":\"chat.completion.chunk\"");
		else
			put_member(w, name, value);
		put(w, ",");
	}
	put(w, "\"choices\":[");
}

static void
put_chunks(struct writer *w, yajl_val answer, yajl_val choices,
    bool wants_usage)
{
	yajl_val usage = tree_find(answer, "usage");

	for (size_t i = 0; i < choices->u.array.len; i++) {
		if (!YAJL_IS_OBJECT(choices->u.array.values[i]))
			continue;
		begin_chunk(w, answer);
		put_choice(w, choices->u.array.values[i]);
		put(w, "]}\n\n");
	}
	if (wants_usage && YAJL_IS_OBJECT(usage)) {
		begin_chunk(w, answer);
		put(w, "],");
		put_member(w, "usage", usage);
		put(w, "}\n\n");
	}
	put(w, "data: [DONE]\n\n");
}

bool
as_chunks_put(struct buf *out, const char *json, size_t n, bool wants_usage)
{
	struct writer w = { .out = out };
	yajl_val answer = tree_parse(json, n);
	yajl_val choices = tree_find(answer, "choices");
	bool	 is_chat = YAJL_IS_ARRAY(choices);

	if (is_chat)
		put_chunks(&w, answer, choices, wants_usage);
	yajl_tree_free(answer);
	return is_chat && !w.is_full;
}
