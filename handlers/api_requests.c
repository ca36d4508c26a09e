#include "config.h"

#include "handlers/api_requests.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "handlers/admin.h"
#include "handlers/admin_json.h"

struct entry {
	uint32_t	 pid;
	enum live_phase	 phase;
	struct live_request request;
};

struct list {
	struct arena	*arena;
	struct entry	**entries;
	size_t		 count, size;
	uint64_t	 unlisted, now_us;
};

/* ---- On the loop: the state segment is copied. ---- */

static void
add(void *arg, uint32_t pid, enum live_phase phase,
    const struct live_request *request)
{
	struct list *l = arg;
	struct entry **more;

	if (l->count == l->size) {
		l->size = l->size == 0 ? LIVE_MAX : 2 * l->size;
		more = arena_alloc(l->arena, l->size * sizeof *more);
		if (l->count > 0)
			memcpy(more, l->entries, l->count * sizeof *more);
		l->entries = more;
	}
	l->entries[l->count] = arena_alloc(l->arena, sizeof **l->entries);
	*l->entries[l->count++] = (struct entry){ .pid = pid, .phase = phase,
		.request = *request };
}

/* ---- On the thread pool. ---- */

/* The oldest first. */
static int
compare(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a,
		    *y = *(struct entry *const *)b;

	return x->request.since_us < y->request.since_us ? -1 :
	    x->request.since_us > y->request.since_us;
}

static const char *
null_if_empty(const char *text)
{
	return *text == '\0' ? NULL : text;
}

static void
put_entry(struct buf *out, const struct entry *e, struct names *names,
    uint64_t now_us)
{
	const struct live_request *r = &e->request;

	admin_json_open(out);
	admin_json_text(out, "id", r->id);
	admin_json_time(out, "since", (int64_t)(r->since_us / 1000000));
	admin_json_integer(out, "age_ms",
	    now_us > r->since_us ? (now_us - r->since_us) / 1000 : 0);
	admin_json_text(out, "phase", live_phase_names[e->phase]);
	admin_json_text(out, "method", r->method);
	admin_json_text(out, "path", r->path);
	admin_json_text_or_null(out, "key_id", null_if_empty(r->key_id));
	admin_json_text_or_null(out, "key_name",
	    names_of_key(names, r->key_id));
	admin_json_text(out, "client_host", r->client_host);
	admin_json_text_or_null(out, "model", null_if_empty(r->model));
	admin_json_text_or_null(out, "provider", null_if_empty(r->provider));
	admin_json_bool(out, "stream", r->stream != 0);
	admin_json_integer(out, "pid", e->pid);
	admin_json_close(out);
}

static void
tell_requests(struct admin_job *j)
{
	const struct list *l = j->state;
	struct names *names = names_open(j->db);

	if (l->count > 0)
		qsort(l->entries, l->count, sizeof *l->entries, compare);
	buf_puts(&j->body, "{");
	admin_json_name(&j->body, "requests");
	buf_puts(&j->body, "[");
	for (size_t i = 0; i < l->count; i++)
		put_entry(&j->body, l->entries[i], names, l->now_us);
	buf_puts(&j->body, "]");
	admin_json_integer(&j->body, "unlisted", l->unlisted);
	buf_puts(&j->body, "}");
	names_close(names);
}

void
api_requests_handle(struct exchange *x)
{
	struct admin_job *job = admin_begin(x);
	struct list *l;

	if (job == NULL)
		return;
	l = arena_alloc(&job->arena, sizeof *l);
	*l = (struct list){ .arena = &job->arena, .now_us = clock_wall_us() };
	l->unlisted = live_each(x->app->state, add, l);
	job->state = l;
	admin_run(job, tell_requests);
}
