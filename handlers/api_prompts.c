#include "config.h"

#include "handlers/api_prompts.h"

#include <string.h>

#include "handlers/admin.h"
#include "handlers/prompts_print.h"
#include "handlers/route.h"

enum { TEXT, FIELDS };

static const struct field put_fields[FIELDS] = {
	[TEXT] = { "text", FIELD_LONG_TEXT, true, 0, PROMPTS_TEXT_MAX },
};

static const struct field setprompt_fields[FIELDS] = {
	[TEXT] = { "prompt", FIELD_LONG_TEXT, true, 0, PROMPTS_TEXT_MAX },
};

const struct form api_prompts_put_form = { put_fields, FIELDS };
const struct form api_prompts_setprompt_form = { setprompt_fields, FIELDS };

/* Whose prompt the route is about; what is none of these is about that of all. */
static const struct {
	const char	*begins;	/* of the pattern */
	enum prompts_scope scope;
	const char	*whose;		/* for the audit */
} subjects[] = {
	{ "/api/prompts/models/", PROMPTS_MODEL, "model " },
	{ "/api/prompts/keys/", PROMPTS_KEY, "key " },
	{ "/", PROMPTS_GLOBAL, "all requests" },
};

/* What a failure is to the client. */
static const struct {
	enum err	 err;
	const char	*text;		/* NULL: the end's own */
} failures[PROMPTS__END] = {
	[PROMPTS_BAD_NAME] = { ERR_FIELD_VALUE,
	    "A model's name is 1 to 256 bytes of text on one line." },
	[PROMPTS_BAD_TEXT] = { ERR_FIELD_VALUE,
	    "A prompt is at most 65536 bytes without control characters." },
	[PROMPTS_NO_KEY] = { ERR_OBJECT_NOT_FOUND,
	    "There is no key of this name." },
	[PROMPTS_NOT_FOUND] = { ERR_OBJECT_NOT_FOUND,
	    "There is no such prompt." },
	[PROMPTS_BROKEN] = { ERR_STORE, NULL },
};

/* Of a job: whose prompt it is about. */
struct subject {
	enum prompts_scope scope;
	const char	*name, *whose;
};

static struct subject *
make_subject(struct admin_job *j)
{
	struct subject *s = arena_alloc(&j->arena, sizeof *s);
	const char *name = j->params[0] == NULL ? "" : j->params[0];
	size_t	 i = 0;

	while (strncmp(subjects[i].begins, j->route->pattern,
	    strlen(subjects[i].begins)) != 0)
		i++;
	*s = (struct subject){ .scope = subjects[i].scope, .name = name,
		.whose = arena_concat(&j->arena, subjects[i].whose, name,
		NULL) };
	return s;
}

static void
begin(struct exchange *x, void (*work)(struct admin_job *))
{
	struct admin_job *j = admin_begin(x);

	if (j == NULL)
		return;
	j->state = make_subject(j);
	admin_run(j, work);
}

static void
fail(struct admin_job *j, enum prompts_end end)
{
	admin_fail(j, failures[end].err, NULL, failures[end].text);
}

/* ---- Reading. ---- */

static void
put_one(void *arg, const struct prompts_record *r)
{
	struct admin_job *j = arg;

	prompts_print_record(&j->body, r);
}

static void
list_all(struct admin_job *j)
{
	enum prompts_end end;

	buf_puts(&j->body, "[");
	end = prompts_each(j->db, put_one, j);
	buf_puts(&j->body, "]");
	if (end != PROMPTS_DONE)
		fail(j, end);
}

static void
find_one(struct admin_job *j)
{
	const struct subject *s = j->state;
	enum prompts_end end = prompts_find(j->db, s->scope, s->name, put_one,
		    j);

	if (end != PROMPTS_DONE)
		fail(j, end);
}

void
api_prompts_handle_list(struct exchange *x)
{
	begin(x, list_all);
}

void
api_prompts_handle_get(struct exchange *x)
{
	begin(x, find_one);
}

/* ---- Changing. ---- */

static enum prompts_end
set_text(struct admin_job *j)
{
	const struct subject *s = j->state;
	const char *text = j->values[TEXT].text;
	enum prompts_end end = prompts_set(j->db, s->scope, s->name, text,
		    admin_now_s());

	if (end != PROMPTS_DONE)
		fail(j, end);
	else
		j->audit = arena_printf(&j->arena, "prompt of %s %s",
		    s->whose, *text == '\0' ? "deleted" : "set");
	return end;
}

static void
put_text(struct admin_job *j)
{
	if (set_text(j) != PROMPTS_DONE)
		return;
	if (*j->values[TEXT].text == '\0')
		j->status = 204;
	else
		find_one(j);
}

static void
set_prompt(struct admin_job *j)
{
	if (set_text(j) == PROMPTS_DONE)
		buf_puts(&j->body, "null");
}

static void
delete_one(struct admin_job *j)
{
	const struct subject *s = j->state;
	enum prompts_end end = prompts_delete(j->db, s->scope, s->name);

	if (end != PROMPTS_DONE) {
		fail(j, end);
		return;
	}
	j->audit = arena_printf(&j->arena, "prompt of %s deleted", s->whose);
}

void
api_prompts_handle_put(struct exchange *x)
{
	begin(x, put_text);
}

void
api_prompts_handle_delete(struct exchange *x)
{
	begin(x, delete_one);
}

void
api_prompts_handle_setprompt(struct exchange *x)
{
	begin(x, set_prompt);
}
