#include "config.h"

#include "handlers/prompt.h"

#include <string.h>

enum { KINDS = JSON_OBJECT + 1 };

/* What is put around the texts where a member is of some kind; NULL: nothing is done. */
struct wrap {
	const char	*before, *after;
};

static const struct wrap chat_wraps[KINDS] = {
	[JSON_ARRAY] = { "{\"role\":\"system\",\"content\":\"", "\"}" },
};

static const struct wrap responses_wraps[KINDS] = {
	[JSON_ABSENT] = { "\"instructions\":\"", "\"" },
	[JSON_NULL] = { "\"", "\"" },
	[JSON_STRING] = { "", "\\n\\n" },
};

static const struct wrap anthropic_wraps[KINDS] = {
	[JSON_ABSENT] = { "\"system\":\"", "\"" },
	[JSON_NULL] = { "\"", "\"" },
	[JSON_STRING] = { "", "\\n\\n" },
	[JSON_ARRAY] = { "{\"type\":\"text\",\"text\":\"", "\"}" },
};

static const struct {
	const char	*path;
	enum member	 member;
	const struct wrap *wraps;
} apis[] = {
	{ "/v1/chat/completions", MEMBER_MESSAGES, chat_wraps },
	{ "/v1/responses", MEMBER_INSTRUCTIONS, responses_wraps },
	{ "/v1/messages", MEMBER_SYSTEM, anthropic_wraps },
	{ "/v1/messages/count_tokens", MEMBER_SYSTEM, anthropic_wraps },
};
enum { API_COUNT = sizeof apis / sizeof apis[0] };

/* ---- Which. ---- */

/* The exposed id, however the model was asked for; of a wildcard's model the full one. */
static const char *
find_model_id(const struct call *c)
{
	const char *rest;
	const struct model *m = snapshot_find(c->snapshot, c->model, &rest);

	if (m == NULL)
		return NULL;
	return rest == NULL ? m->id : arena_concat(c->arena, m->id, rest,
	    NULL);
}

static void
add_text(struct prompt *p, const struct call *c, enum prompts_scope scope,
    const char *name)
{
	const struct prompt_text *text = name == NULL ? NULL :
	    prompt_list_find(c->prompts, scope, name);

	if (text != NULL)
		p->texts[p->count++] = text;
}

static void
add_texts(struct prompt *p, const struct call *c)
{
	add_text(p, c, PROMPTS_GLOBAL, "");
	if (prompt_list_count_of(c->prompts, PROMPTS_MODEL) > 0)
		add_text(p, c, PROMPTS_MODEL, find_model_id(c));
	add_text(p, c, PROMPTS_KEY, c->key_id);
}

/* ---- Where. ---- */

static void
set_place(struct prompt *p, const struct json_scan *scan,
    const struct json_range *range)
{
	p->is_member = range->kind == JSON_ABSENT;
	p->comma = range->kind == JSON_ARRAY && range->has_items ? "," : "";
	p->start = p->is_member ? scan->object_start + 1 :
	    range->kind == JSON_NULL ? range->start : range->start + 1;
	p->end = range->kind == JSON_NULL ? range->end : p->start;
}

/* False: there is no place for it. */
static bool
find_place(struct prompt *p, const struct exchange *x)
{
	const struct json_range *range;
	const struct wrap *wrap;
	size_t	 i = 0;

	while (i < API_COUNT && strcmp(apis[i].path, x->call.path) != 0)
		i++;
	if (i == API_COUNT || x->scan == NULL)
		return false;
	range = &x->scan->ranges[apis[i].member];
	wrap = &apis[i].wraps[range->kind];
	if (wrap->before == NULL)
		return false;
	p->before = wrap->before;
	p->after = wrap->after;
	set_place(p, x->scan, range);
	return true;
}

const struct prompt *
prompt_find(struct exchange *x)
{
	struct prompt found = { .count = 0 }, *p;

	if (prompt_list_count(x->call.prompts) == 0 ||
	    !find_place(&found, x))
		return NULL;
	add_texts(&found, &x->call);
	if (found.count == 0)
		return NULL;
	p = arena_alloc(x->call.arena, sizeof *p);
	*p = found;
	return p;
}

/* ---- Putting it there. ---- */

static void
insert(struct splice *s, uint64_t at, const char *text)
{
	if (*text != '\0')
		splice_replace(s, at, at, text, strlen(text));
}

void
prompt_splice(const struct prompt *p, struct splice *s)
{
	splice_replace(s, p->start, p->end, p->before, strlen(p->before));
	for (size_t i = 0; i < p->count; i++) {
		insert(s, p->end, i > 0 ? "\\n\\n" : "");
		splice_replace(s, p->end, p->end, p->texts[i]->json,
		    p->texts[i]->len);
	}
	insert(s, p->end, p->after);
	insert(s, p->end, p->comma);
}
