#include "config.h"

#include "handlers/api_users.h"

#include <inttypes.h>

#include "handlers/admin.h"
#include "handlers/admin_json.h"
#include "handlers/key_answer.h"

enum { API_KEY, NAME, MEMBERS };

static const struct field fields[MEMBERS] = {
	[API_KEY] = { "api_key", FIELD_TEXT, true, KEYS_SECRET_MIN,
	    KEYS_SECRET_MAX },
	[NAME] = { "name", FIELD_TEXT, false, 0, USERS_NAME_MAX },
};

const struct form api_users_form = { fields, MEMBERS };

static void
put_user(void *job, const struct users_record *user)
{
	struct buf *out = &((struct admin_job *)job)->body;

	admin_json_open(out);
	admin_json_id(out, "id", user->id);
	admin_json_text(out, "api_key", user->hint);
	admin_json_text(out, "name", user->name);
	admin_json_time(out, "created_at", user->created);
	admin_json_time(out, "updated_at", user->updated);
	admin_json_close(out);
}

static bool
judge(struct admin_job *j, enum keys_end end)
{
	if (end == KEYS_NOT_FOUND)
		admin_fail(j, ERR_OBJECT_NOT_FOUND, NULL,
		    "There is no such user.");
	return end != KEYS_NOT_FOUND && key_answer_judge(j, end, "api_key");
}

static void
note(struct admin_job *j, int64_t id, const char *what)
{
	j->audit = arena_printf(&j->arena, "user %" PRId64 " %s", id, what);
}

static void
list(struct admin_job *j)
{
	buf_puts(&j->body, "[");
	judge(j, users_each(j->db, 0, put_user, j));
	buf_puts(&j->body, "]");
}

static void
add(struct admin_job *j)
{
	const char *name = j->values[NAME].is_set ?
		    j->values[NAME].text : "";
	struct users_new user = { .name = name, .owner = name,
		.secret = j->values[API_KEY].text };
	int64_t	 id;

	if (!judge(j, users_add(j->db, &user,
	    admin_now_s(), &id)))
		return;
	note(j, id, "added");
	judge(j, users_each(j->db, id, put_user, j));
}

/* The user that the path names. 0, which is for all of them, is none. */
static void
show(struct admin_job *j)
{
	int64_t	 id = admin_id(j, 0);

	judge(j, id == 0 ? KEYS_NOT_FOUND :
	    users_each(j->db, id, put_user, j));
}

static void
delete(struct admin_job *j)
{
	int64_t	 id = admin_id(j, 0);

	if (!judge(j, users_delete(j->db, id)))
		return;
	note(j, id, "deleted");
}

void
api_users_list(struct exchange *x)
{
	admin_run(admin_begin(x), list);
}

void
api_users_add(struct exchange *x)
{
	admin_run(admin_begin(x), add);
}

void
api_users_show(struct exchange *x)
{
	admin_run(admin_begin(x), show);
}

void
api_users_delete(struct exchange *x)
{
	admin_run(admin_begin(x), delete);
}
