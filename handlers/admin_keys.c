#include "config.h"

#include "handlers/admin_keys.h"

#include "gateway/cost.h"
#include "handlers/admin.h"
#include "handlers/admin_json.h"
#include "handlers/key_answer.h"

/* All three say which key is meant. */
enum { USER, KEY, NAME, MEMBERS };

static const struct field fields[MEMBERS] = {
	[USER] = { "user", FIELD_TEXT, true, 1, KEYS_OWNER_MAX },
	[KEY] = { "key", FIELD_TEXT, true, KEYS_SECRET_MIN,
	    KEYS_SECRET_MAX },
	[NAME] = { "name", FIELD_TEXT, true, 1, USERS_NAME_MAX },
};

const struct form admin_keys_form = { fields, MEMBERS };

/* Keys that were brought along before they had to be so long must be removable. */
static const struct field known_fields[MEMBERS] = {
	[USER] = { "user", FIELD_TEXT, true, 1, KEYS_OWNER_MAX },
	[KEY] = { "key", FIELD_TEXT, true, 1, KEYS_SECRET_MAX },
	[NAME] = { "name", FIELD_TEXT, true, 1, USERS_NAME_MAX },
};

const struct form admin_keys_known_form = { known_fields, MEMBERS };

/* What the other gateway answers where there is nothing to say. */
static void
answer_null(struct admin_job *j, const char *what)
{
	buf_puts(&j->body, "null");
	j->audit = arena_printf(&j->arena, "key %s of %s %s",
	    j->values[NAME].text, j->values[USER].text, what);
}

static void
add(struct admin_job *j)
{
	struct users_new user = {
		.name = j->values[NAME].text, .owner = j->values[USER].text,
		.secret = j->values[KEY].text, .is_only = true,
	};
	int64_t	 id;
	enum keys_end end = users_add(j->db, &user, admin_now_s(), &id);

	if (end == KEYS_NAME_TAKEN)
		admin_fail(j, ERR_CONFLICT, "name",
		    "This user has a key of this name.");
	else if (key_answer_judge(j, end, "key"))
		answer_null(j, "added");
}

static void
delete(struct admin_job *j)
{
	enum keys_end end = users_delete_key(j->db, j->values[USER].text,
		    j->values[NAME].text, j->values[KEY].text);

	if (end == KEYS_NOT_FOUND)
		admin_fail(j, ERR_OBJECT_NOT_FOUND, NULL,
		    "There is no such key of this user and name.");
	else if (key_answer_judge(j, end, "key"))
		answer_null(j, "deleted");
}

static void
put_key(void *job, const struct users_key *key)
{
	struct buf *out = &((struct admin_job *)job)->body;

	admin_json_open(out);
	admin_json_text(out, "key", key->hint);
	admin_json_bool(out, "active", key->is_good);
	admin_json_text(out, "name", key->name);
	admin_json_text(out, "user", key->owner);
	admin_json_close(out);
}

static void
list(struct admin_job *j)
{
	buf_puts(&j->body, "[");
	key_answer_judge(j, users_each_key(j->db, admin_now_s(), put_key, j), NULL);
	buf_puts(&j->body, "]");
}

static void
add_cost(void *cost_nano, const struct usage_sum *sum)
{
	*(int64_t *)cost_nano += sum->cost_nano;
}

/* What all keys have cost since the day began, in UTC. */
static void
tell_quota(struct admin_job *j)
{
	int64_t	 now = admin_now_s(), cost_nano = 0;
	struct usage_query query = { .from_s = now - now % USAGE_DAY_S,
		.to_s = now - now % USAGE_DAY_S + USAGE_DAY_S };
	struct usage *usage = db_get(j->db) == NULL ? NULL :
		    usage_open(j->db);

	if (usage == NULL || !usage_each(usage, &query, add_cost, &cost_nano))
		admin_fail(j, ERR_STORE, NULL, NULL);
	else
		cost_put(&j->body, (uint64_t)cost_nano);
	usage_close(usage);
}

void
admin_keys_add(struct exchange *x)
{
	admin_run(admin_begin(x), add);
}

void
admin_keys_remove(struct exchange *x)
{
	admin_run(admin_begin(x), delete);
}

void
admin_keys_list(struct exchange *x)
{
	admin_run(admin_begin(x), list);
}

void
admin_keys_quota(struct exchange *x)
{
	admin_run(admin_begin(x), tell_quota);
}
