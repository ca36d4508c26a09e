#include "config.h"

#include "handlers/key_answer.h"

#include "handlers/admin_json.h"
#include "store/limits.h"

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
};

void
key_answer_put_limits(struct buf *out, const struct keys_limits *limits)
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
	key_answer_put_limits(out, &r->limits);
}

/* Named as the limits are. */
static void
put_spent(struct buf *out, const struct limits_spent *spent)
{
	static const enum keys_limit tokens[LIMITS__PERIODS] = {
		KEYS_DAY_TOKENS, KEYS_WEEK_TOKENS, KEYS_MONTH_TOKENS,
	};

	admin_json_name(out, "spent");
	admin_json_open(out);
	for (size_t i = 0; i < LIMITS__PERIODS; i++) {
		admin_json_integer(out, keys_limits_name(tokens[i]),
		    spent->periods[i].tokens);
		admin_json_money(out, keys_limits_name(tokens[i] + 1),
		    spent->periods[i].cost_nano);
	}
	admin_json_close(out);
}

void
key_answer_put_used(struct buf *out, struct state *state, const char *id,
    bool is_limited, int64_t now_s)
{
	struct limits_spent spent;

	if (!is_limited) {
		admin_json_null(out, "in_flight");
		admin_json_null(out, "spent");
		return;
	}
	limits_read(state, limits_find(state, id), now_s, &spent);
	admin_json_integer(out, "in_flight", spent.in_flight);
	put_spent(out, &spent);
}

bool
key_answer_judge(struct admin_job *j, enum keys_end end, const char *secret)
{
	const char *param = failures[end].param;

	if (end == KEYS_DONE)
		return true;
	if (end == KEYS_BAD_SECRET || end == KEYS_SECRET_TAKEN)
		param = secret;
	if (end == KEYS_BROKEN)
		admin_fail(j, ERR_STORE, NULL, NULL);
	else
		admin_refuse(j, failures[end].err, param, keys_end_text(end));
	return false;
}
