#include "config.h"

#include "handlers/key_answer.h"

#include "handlers/admin_json.h"

/* PARAM: the member that it is about; NULL: none, or the one with the key. */
static const struct {
	enum err	 err;
	const char	*param;
} failures[KEYS__END] = {
	[KEYS_BAD_NAME] = { ERR_FIELD_VALUE, "name" },
	[KEYS_BAD_OWNER] = { ERR_FIELD_VALUE, "owner" },
	[KEYS_BAD_REMOTE_USER] = { ERR_FIELD_VALUE, "remote_user" },
	[KEYS_BAD_MODELS] = { ERR_FIELD_VALUE, "models" },
	[KEYS_BAD_ENDPOINTS] = { ERR_FIELD_VALUE, "endpoints" },
	[KEYS_BAD_LIMIT] = { ERR_FIELD_VALUE, NULL },
	[KEYS_BAD_TIME] = { ERR_FIELD_VALUE, "expires_at" },
	[KEYS_BAD_SECRET] = { ERR_FIELD_VALUE, NULL },
	[KEYS_NAME_TAKEN] = { ERR_CONFLICT, "name" },
	[KEYS_REMOTE_USER_TAKEN] = { ERR_CONFLICT, "remote_user" },
	[KEYS_SECRET_TAKEN] = { ERR_CONFLICT, NULL },
	[KEYS_NOT_FOUND] = { ERR_OBJECT_NOT_FOUND, NULL },
	[KEYS_BROKEN] = { ERR_STORE, NULL },
};

static void
put_limits(struct buf *out, const struct keys_limits *limits)
{
	for (enum keys_limit i = 0; i < KEYS__LIMITS; i++) {
		uint64_t value = keys_limits_get(limits, i);

		if (value == 0)
			admin_json_null(out, keys_limits_name(i));
		else if (keys_limits_is_cost(i))
			admin_json_money(out, keys_limits_name(i), value);
		else
			admin_json_integer(out, keys_limits_name(i), value);
	}
}

void
key_answer_put(struct buf *out, const struct keys_record *r)
{
	admin_json_text(out, "name", r->name);
	admin_json_text(out, "id", r->id);
	admin_json_text(out, "owner", r->owner);
	admin_json_bool(out, "enabled", r->enabled);
	admin_json_text(out, "hint", r->hint);
	admin_json_time(out, "created_at", r->created);
	admin_json_time(out, "expires_at", r->expires);
	admin_json_time(out, "rotated_at", r->rotated);
	admin_json_time(out, "old_until", r->old_until);
	admin_json_lines(out, "models", r->models);
	admin_json_lines(out, "endpoints", r->endpoints);
	if (r->remote_user[0] == '\0')
		admin_json_null(out, "remote_user");
	else
		admin_json_text(out, "remote_user", r->remote_user);
	put_limits(out, &r->limits);
}

/* A sentence of the store's, as one of an answer. */
static const char *
sentence(struct admin_job *j, enum keys_end end)
{
	char	*text = arena_concat(&j->arena, keys_end_text(end), ".", NULL);

	if (text[0] >= 'a' && text[0] <= 'z')
		text[0] = (char)(text[0] - 'a' + 'A');
	return text;
}

bool
key_answer_judge(struct admin_job *j, enum keys_end end, const char *secret)
{
	const char *param = failures[end].param;

	if (end == KEYS_DONE)
		return true;
	if (end == KEYS_BAD_SECRET || end == KEYS_SECRET_TAKEN)
		param = secret;
	admin_fail(j, failures[end].err, param,
	    end == KEYS_BROKEN ? NULL : sentence(j, end));
	return false;
}
