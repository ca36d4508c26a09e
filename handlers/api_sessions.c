#include "config.h"

#include "handlers/api_sessions.h"

#include <stdlib.h>
#include <string.h>

#include "handlers/admin.h"
#include "handlers/admin_json.h"
#include "store/sessions.h"

struct entry {
	uint64_t	 caller, last_ms;
	struct session	 session;
};

/* All of the state segment, or those of one id. */
struct list {
	uint64_t	 id;		/* 0: of any */
	size_t		 count;
	struct entry	 entries[SESSIONS_SETS * SESSIONS_WAYS];
};

/* ---- On the loop: the state segment is copied. ---- */

static void
add(void *arg, uint64_t caller, uint64_t last_ms, const struct session *s)
{
	struct list *l = arg;

	if (l->id == 0 || l->id == sessions_id(caller))
		l->entries[l->count++] = (struct entry){ .caller = caller,
			.last_ms = last_ms, .session = *s };
}

static struct list *
read_list(struct admin_job *j, uint64_t id)
{
	struct list *l = arena_alloc(&j->arena, sizeof *l);

	l->id = id;
	l->count = 0;
	sessions_each(j->app->state, add, l);
	return l;
}

/* ---- On the thread pool. ---- */

/* The latest first. */
static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->last_ms > y->last_ms ? -1 : x->last_ms < y->last_ms;
}

static void
put_number(struct buf *out, const char *name, int64_t number)
{
	if (number == 0)
		admin_json_null(out, name);
	else
		admin_json_integer(out, name, (uint64_t)number);
}

static void
put_entry(struct buf *out, const struct entry *e, struct names *names)
{
	const struct session *s = &e->session;

	admin_json_open(out);
	admin_json_integer(out, "id", sessions_id(e->caller));
	put_number(out, "user_id", names_user_id(names, s->key_id));
	put_number(out, "channel_id", names_channel_id(names, s->channel));
	admin_json_text_or_null(out, "key_id",
	    s->key_id[0] == '\0' ? NULL : s->key_id);
	admin_json_text(out, "channel", s->channel);
	admin_json_text(out, "model", s->model);
	admin_json_time(out, "last_used_at", (int64_t)(e->last_ms / 1000));
	admin_json_time(out, "created_at", (int64_t)(s->created_ms / 1000));
	admin_json_close(out);
}

/* One whose caller has another salt since has been deleted. */
static void
tell_sessions(struct admin_job *j)
{
	struct list *l = j->state;
	struct names *names = names_open(j->db);

	if (!names_can_read(names))
		admin_fail(j, ERR_STORE, NULL, NULL);
	qsort(l->entries, l->count, sizeof l->entries[0], compare);
	buf_puts(&j->body, "[");
	for (size_t i = 0; i < l->count; i++)
		if (names_salt(names, l->entries[i].caller) ==
		    l->entries[i].session.salt)
			put_entry(&j->body, &l->entries[i], names);
	buf_puts(&j->body, "]");
	names_close(names);
}

/* Different callers of one id, should there ever be any, all get another salt. */
static void
delete_sessions(struct admin_job *j)
{
	const struct list *l = j->state;
	int64_t	 now_s = admin_now_s();
	bool	 was_there = false, done;

	for (size_t i = 0; i < l->count; i++) {
		if (!salts_change(j->db, l->entries[i].caller,
		    l->entries[i].session.salt, now_s, &done)) {
			admin_fail(j, ERR_STORE, NULL, NULL);
			return;
		}
		was_there = was_there || done;
	}
	if (!was_there) {
		admin_fail(j, ERR_OBJECT_NOT_FOUND, NULL, NULL);
		return;
	}
	j->audit = arena_printf(&j->arena, "session %s deleted", j->params[0]);
}

void
api_sessions_list(struct exchange *x)
{
	struct admin_job *job = admin_begin(x);

	if (job == NULL)
		return;
	job->state = read_list(job, 0);
	admin_run(job, tell_sessions);
}

void
api_sessions_delete(struct exchange *x)
{
	struct admin_job *job = admin_begin(x);
	int64_t	 id = job == NULL ? 0 : admin_id(job, 0);

	if (job == NULL)
		return;
	if (id == 0) {
		admin_fail(job, ERR_OBJECT_NOT_FOUND, NULL, NULL);
		admin_end(job);
		return;
	}
	job->state = read_list(job, (uint64_t)id);
	admin_run(job, delete_sessions);
}
