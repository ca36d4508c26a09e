#include "config.h"

#include "handlers/api_keys.h"

#include <string.h>

#include "base/when.h"
#include "gateway/cost.h"
#include "handlers/admin.h"
#include "handlers/admin_json.h"
#include "handlers/key_answer.h"

enum { DEFAULT_GRACE_S = 86400, GRACE_MAX_S = 366 * 86400 };

/* PUT takes what stands before the name; limits are rows of the store's own. */
enum key_member {
	OWNER, ENABLED, EXPIRES_AT, MODELS, ENDPOINTS, REMOTE_USER,
	LIMITS, NAME = LIMITS + KEYS__LIMITS, KEY, MEMBERS
};

#define COUNT(limit, name, max, member)					\
	[LIMITS + (limit)] = { name, FIELD_INTEGER, false, 1, max },
#define COST(limit, name, max_nano, member)				\
	[LIMITS + (limit)] = { name, FIELD_MONEY, false, 0,		\
	    (max_nano) / COST_UNIT },

static const struct field add_fields[MEMBERS] = {
	[OWNER] = { "owner", FIELD_TEXT, false, 0, KEYS_OWNER_MAX },
	[ENABLED] = { "enabled", FIELD_BOOL, false, 0, 0 },
	[EXPIRES_AT] = { "expires_at", FIELD_TEXT, false, 1, 32 },
	[MODELS] = { "models", FIELD_TEXTS, false, 0, KEYS_PATTERNS_MAX },
	[ENDPOINTS] = { "endpoints", FIELD_TEXTS, false, 0,
	    KEYS_PATTERNS_MAX },
	[REMOTE_USER] = { "remote_user", FIELD_TEXT, false, 1,
	    KEYS_REMOTE_USER_MAX },
	KEYS_LIMITS_ROWS(COUNT, COST)
	[NAME] = { "name", FIELD_TEXT, true, 1, KEYS_NAME_MAX },
	[KEY] = { "key", FIELD_TEXT, false, KEYS_SECRET_MIN,
	    KEYS_SECRET_MAX },
};

enum { ROTATE_GRACE, ROTATE_KEY, ROTATE__MEMBERS };

static const struct field rotate_fields[ROTATE__MEMBERS] = {
	[ROTATE_GRACE] = { "grace_seconds", FIELD_INTEGER, false, 0,
	    GRACE_MAX_S },
	[ROTATE_KEY] = { "key", FIELD_TEXT, false, KEYS_SECRET_MIN,
	    KEYS_SECRET_MAX },
};

const struct form api_keys_add_form = { add_fields, MEMBERS };
const struct form api_keys_set_form = { add_fields, NAME };
const struct form api_keys_rotate_form = { rotate_fields, ROTATE__MEMBERS };

/* ---- What the body says. ---- */

/* NULL: not given; null and [] are "", which is no text of a client's. */
static const char *
read_lines(struct admin_job *j, enum key_member member)
{
	const struct field_value *v = &j->values[member];
	const char *lines = "";

	if (!v->is_set && !v->is_null)
		return NULL;
	for (size_t i = 0; i < v->text_count; i++)
		lines = arena_concat(&j->arena, lines, i == 0 ? "" : "\n",
		    v->texts[i], NULL);
	return lines;
}

/* NULL: not given; null is "". */
static const char *
read_text(const struct admin_job *j, enum key_member member)
{
	const struct field_value *v = &j->values[member];

	return v->is_null ? "" : v->is_set ? v->text : NULL;
}

static bool
read_expires(struct admin_job *j, struct keys_change *c)
{
	const struct field_value *v = &j->values[EXPIRES_AT];

	c->has_expires = v->is_set || v->is_null;
	if (!v->is_set || (when_parse_time(v->text, &c->expires) &&
	    c->expires > 0))
		return true;
	admin_fail(j, ERR_FIELD_VALUE, "expires_at",
	    "'expires_at' must be a time such as 2026-12-31T00:00:00Z.");
	return false;
}

/* No more than nothing, and less than can be counted, would be no limit at all. */
static bool
read_limits(struct admin_job *j, struct keys_change *c)
{
	for (enum keys_limit i = 0; i < KEYS__LIMITS; i++) {
		const struct field_value *v = &j->values[LIMITS + i];

		if (v->is_set && v->integer == 0) {
			admin_fail(j, ERR_FIELD_VALUE, keys_limits_name(i),
			    "A limit must be more than 0; null is none.");
			return false;
		}
		c->has_limit[i] = v->is_set || v->is_null;
		keys_limits_set(&c->limits, i, (uint64_t)v->integer);
	}
	return true;
}

/* False: something in it was refused. */
static bool
read_change(struct admin_job *j, struct keys_change *c)
{
	*c = (struct keys_change){
		.owner = read_text(j, OWNER),
		.models = read_lines(j, MODELS),
		.endpoints = read_lines(j, ENDPOINTS),
		.remote_user = read_text(j, REMOTE_USER),
		.has_enabled = j->values[ENABLED].is_set,
		.enabled = j->values[ENABLED].boolean,
	};
	if (j->values[ENABLED].is_null) {
		admin_fail(j, ERR_FIELD_VALUE, "enabled",
		    "'enabled' must be true or false.");
		return false;
	}
	return read_expires(j, c) && read_limits(j, c);
}

/* The one that was brought along, or one that is made. */
static const char *
choose_secret(struct admin_job *j, size_t member)
{
	char	*made;

	if (j->values[member].is_set)
		return j->values[member].text;
	made = arena_alloc(&j->arena, KEYS_MADE_SIZE);
	keys_make(made);
	return made;
}

/* ---- What is done. ---- */

static void
put_record(void *job, const struct keys_record *record)
{
	struct admin_job *j = job;

	admin_json_open(&j->body);
	key_answer_put(&j->body, record);
	admin_json_close(&j->body);
}

/* SECRET, unless NULL, is shown with the record of NAME, this once. */
static void
answer_with(struct admin_job *j, const char *name, const char *secret)
{
	if (!key_answer_judge(j, keys_tell(j->db, name, put_record, j),
	    NULL) || secret == NULL)
		return;
	j->body.end--;			/* the brace */
	admin_json_text(&j->body, "key", secret);
	admin_json_close(&j->body);
}

/* What can be no name is the name of none. True: END is KEYS_DONE. */
static bool
judge_named(struct admin_job *j, enum keys_end end)
{
	return key_answer_judge(j, end == KEYS_BAD_NAME ? KEYS_NOT_FOUND :
	    end, "key");
}

static void
note(struct admin_job *j, const char *name, const char *what)
{
	j->audit = arena_printf(&j->arena, "key %s %s", name, what);
}

static void
list(struct admin_job *j)
{
	buf_puts(&j->body, "[");
	key_answer_judge(j, keys_each(j->db, put_record, j), NULL);
	buf_puts(&j->body, "]");
}

static void
add(struct admin_job *j)
{
	const char *name = j->values[NAME].text;
	const char *secret = choose_secret(j, KEY);
	struct keys_change change;

	if (!read_change(j, &change) || !key_answer_judge(j, keys_add(j->db,
	    name, secret, &change, admin_now_s()), "key"))
		return;
	note(j, name, "added");
	answer_with(j, name, secret);
}

/* Which key is shown, for what is used of it. */
struct shown {
	char		 id[KEYS_ID_SIZE];
	bool		 is_limited;
};

static void
put_shown(void *job, const struct keys_record *record)
{
	struct admin_job *j = job;
	struct shown *shown = arena_alloc(&j->arena, sizeof *shown);

	strncpy(shown->id, record->id, sizeof shown->id - 1);
	shown->is_limited = keys_limits_exist(&record->limits);
	j->state = shown;
	put_record(job, record);
}

static void
put_used(struct admin_job *j)
{
	const struct shown *shown = j->state;

	j->body.end--;			/* the brace */
	key_answer_put_used(&j->body, j->app->state, shown->id,
	    shown->is_limited, admin_now_s());
	admin_json_close(&j->body);
}

static void
show(struct admin_job *j)
{
	j->finish = put_used;
	judge_named(j, keys_tell(j->db, j->params[0], put_shown, j));
}

static void
set(struct admin_job *j)
{
	const char *name = j->params[0];
	struct keys_change change;

	if (!read_change(j, &change) ||
	    !judge_named(j, keys_set(j->db, name, &change)))
		return;
	note(j, name, "changed");
	answer_with(j, name, NULL);
}

static void
rotate(struct admin_job *j)
{
	const char *name = j->params[0];
	const char *secret = choose_secret(j, ROTATE_KEY);
	int64_t	 grace_s = j->values[ROTATE_GRACE].is_set ?
		    j->values[ROTATE_GRACE].integer : DEFAULT_GRACE_S;

	if (!judge_named(j, keys_rotate(j->db, name, secret, grace_s,
	    admin_now_s())))
		return;
	note(j, name, "rotated");
	answer_with(j, name, secret);
}

static void
delete(struct admin_job *j)
{
	if (!judge_named(j, keys_delete(j->db, j->params[0])))
		return;
	note(j, j->params[0], "deleted");
}

/* ---- The routes. ---- */

void
api_keys_list(struct exchange *x)
{
	admin_run(admin_begin(x), list);
}

void
api_keys_add(struct exchange *x)
{
	admin_run(admin_begin(x), add);
}

void
api_keys_show(struct exchange *x)
{
	admin_run(admin_begin(x), show);
}

void
api_keys_set(struct exchange *x)
{
	admin_run(admin_begin(x), set);
}

void
api_keys_rotate(struct exchange *x)
{
	admin_run(admin_begin(x), rotate);
}

void
api_keys_delete(struct exchange *x)
{
	admin_run(admin_begin(x), delete);
}
