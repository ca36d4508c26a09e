#include "config.h"

#include "handlers/admin.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/gate.h"
#include "handlers/background.h"
#include "handlers/pair.h"
#include "handlers/reply.h"
#include "handlers/route.h"
#include "handlers/store_watch.h"
#include "store/store.h"
#include "store/throttle.h"

/* Of the thread pool's, which are 4. */
enum { AT_ONCE_MAX = 2 };

enum { ANSWER_MAX_BYTES = 64 << 20, ID_DIGITS_MAX = 18, NAME_MAX_BYTES = 64 };

/* ---- Who may. ---- */

bool
admin_has_key(const struct exchange *x)
{
	const struct snapshot *s = x->call.snapshot;

	for (size_t i = 0; i < x->credentials.count; i++)
		if (gate_is_admin(s, x->credentials.shown[i]))
			return true;
	return gate_is_admin(s,
	    params_get(&x->request->params, "HTTP_ADMINKEY"));
}

/* Who shows nothing has not tried a key. */
static bool
has_guessed(const struct exchange *x)
{
	const char *key = params_get(&x->request->params, "HTTP_ADMINKEY");

	return x->credentials.count > 0 || (key != NULL && *key != '\0');
}

/* Who may not try is not told whether the key was right. */
enum err
admin_check(struct exchange *x)
{
	struct state *state = x->app->state;
	uint64_t now_s = x->call.start_wall_us / 1000000;

	if (!has_guessed(x))
		return ERR_ADMIN_KEY;
	x->retry_after_s = throttle_wait_s(state, THROTTLE_ADMIN_KEY,
	    x->call.client_host, now_s);
	if (x->retry_after_s > 0)
		return ERR_ADMIN_LOCKED;
	if (admin_has_key(x)) {
		x->call.key_id = "admin";
		return ERR_NONE;
	}
	throttle_note_failure(state, THROTTLE_ADMIN_KEY, x->call.client_host,
	    now_s);
	return ERR_ADMIN_KEY;
}

/* ---- The job. ---- */

static void
admin_free(void *job)
{
	struct admin_job *j = job;

	snapshot_unref(j->snapshot);
	buf_fini(&j->body);
	arena_fini(&j->arena);
	free(j);
}

static struct admin_job *
admin_create(struct exchange *x)
{
	struct admin_job *j = calloc(1, sizeof *j);
	const char *query = x->path.raw + x->path.raw_len;

	if (j == NULL)
		abort();
	j->x = x;
	j->route = x->route;
	j->app = x->app;
	j->db = x->app->db;
	j->snapshot = snapshot_ref(x->call.snapshot);
	j->status = j->route->status == 0 ? 200 : j->route->status;
	arena_init(&j->arena, 1024);
	buf_init(&j->body, ANSWER_MAX_BYTES);
	j->query = arena_strndup(&j->arena, query + (*query == '?'),
	    strcspn(query + (*query == '?'), "#"));
	for (size_t i = 0; i < ADMIN_PARAMS_MAX; i++)
		j->params[i] = route_param(j->route, x->call.path, i,
		    &j->arena);
	return j;
}

static const char *
read_body(struct admin_job *j, struct exchange *x, size_t *n)
{
	char	*text;

	*n = (size_t)x->body.len;
	text = arena_alloc(&j->arena, *n + 1);
	return spool_read(&x->body, 0, text, *n) == (ssize_t)*n ? text : NULL;
}

/* ---- What is asked. ---- */

static bool
is_listed(const struct route_query *query, const char *name)
{
	while (query != NULL && query->name != NULL &&
	    strcmp(query->name, name) != 0)
		query++;
	return query != NULL && query->name != NULL;
}

/* What is not a plain word is not repeated. */
static void
fail_unknown(struct admin_job *j, const char *name, size_t n)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz_";

	if (n == 0 || n > NAME_MAX_BYTES || strspn(name, plain) < n) {
		admin_fail(j, ERR_FIELD_UNKNOWN, NULL,
		    "The query has a parameter that is not known here.");
		return;
	}
	name = arena_strndup(&j->arena, name, n);
	admin_fail(j, ERR_FIELD_UNKNOWN, name, arena_printf(&j->arena,
	    "Unknown parameter '%s'.", name));
}

static size_t
find_word(const struct route_query *query, const char *name, size_t n)
{
	size_t	 i = 0;

	while (query[i].name != NULL && (strlen(query[i].name) != n ||
	    memcmp(query[i].name, name, n) != 0))
		i++;
	return i;
}

/* Is each word one of the route's, once, and well encoded? False: the job has failed. */
static bool
check_query(struct admin_job *j, const struct route_query *query)
{
	unsigned seen = 0;
	size_t	 n, name, i;

	for (const char *pair = j->query; *pair != '\0'; pair += n) {
		pair += *pair == '&';
		n = strcspn(pair, "&");
		if (n == 0)
			continue;
		name = strcspn(pair, "=&");
		i = find_word(query, pair, name);
		if (query[i].name == NULL) {
			fail_unknown(j, pair, name);
			return false;
		}
		if ((seen & 1u << i) != 0 || name == n ||
		    pair_decode(&j->arena, pair + name + 1, n - name - 1) == NULL) {
			admin_fail(j, ERR_FIELD_VALUE, query[i].name,
			    "It has no value, two, or one badly encoded.");
			return false;
		}
		seen |= 1u << i;
	}
	return true;
}

/* False: the job has failed. */
static bool
read_values(struct admin_job *j, struct exchange *x)
{
	static const struct form no_members;
	const struct form *form = j->route->form == NULL ? &no_members :
		    j->route->form;
	struct field_problem problem = { NULL, NULL };
	enum err err = ERR_SPOOL;
	size_t	 n;
	const char *json = read_body(j, x, &n);

	exchange_forget_scan(x);
	if (json != NULL)
		err = fields_read(j->values, form->fields, form->count,
		    &j->arena, json, n, &problem);
	if (err != ERR_NONE)
		admin_fail(j, err, problem.name, problem.text);
	return err == ERR_NONE;
}

struct admin_job *
admin_begin(struct exchange *x)
{
	struct admin_job *j = admin_create(x);

	if (read_values(j, x) && (j->route->query == NULL ||
	    check_query(j, j->route->query)))
		return j;
	admin_end(j);
	return NULL;
}

void
admin_fail(struct admin_job *j, enum err err, const char *param,
    const char *text)
{
	j->err = err;
	j->param = arena_strdup(&j->arena, param);
	j->text = arena_strdup(&j->arena, text);
}

/* As a sentence: an answer's texts are. */
void
admin_refuse(struct admin_job *j, enum err err, const char *param,
    const char *text)
{
	char	*sentence = arena_concat(&j->arena, text, ".", NULL);

	if (sentence[0] >= 'a' && sentence[0] <= 'z')
		sentence[0] = (char)(sentence[0] - 'a' + 'A');
	admin_fail(j, err, param, sentence);
}

static void
admin_tell(struct exchange *x, void *job)
{
	struct admin_job *j = job;

	/* Somewhere behind this, something may not have found room. */
	if (buf_len(&j->body) > ANSWER_MAX_BYTES - ADMIN_BODY_MAX)
		admin_fail(j, ERR_NO_MEMORY, NULL, NULL);
	if (j->err == ERR_NONE && j->finish != NULL)
		j->finish(j);
	x->call.audit = arena_strdup(x->call.arena, j->audit);
	x->param = arena_strdup(x->call.arena, j->param);
	if (x->request->gone)
		request_abort(x->request);
	else if (j->err != ERR_NONE)
		reply_error(x, j->err, arena_strdup(x->call.arena, j->text));
	else
		reply_json(x, j->status, &j->body);
	if (j->audit != NULL)
		store_watch_look(j->app->watch);
}

void
admin_end(struct admin_job *j)
{
	admin_tell(j->x, j);
	admin_free(j);
}

static void
admin_on_pool(struct db *db, void *job)
{
	struct admin_job *j = job;

	(void)db;
	j->work(j);
}

static void admin_start(struct admin_job *);

/* The next one's turn. */
static void
admin_on_done(void *job)
{
	struct admin_job *j = job;
	struct admin_queue *q = &j->app->admin_queue;
	struct admin_job *next = q->first;

	admin_free(j);
	q->running--;
	if (next == NULL)
		return;
	q->first = next->next;
	admin_start(next);
}

static void
admin_start(struct admin_job *j)
{
	j->app->admin_queue.running++;
	background_run(j->x, j, admin_on_pool, admin_tell, admin_on_done);
}

/* Who leaves is audited all the same: the exchange lasts until it is told. */
void
admin_run(struct admin_job *j, void (*work)(struct admin_job *))
{
	struct admin_queue *q;

	if (j == NULL)
		return;
	q = &j->app->admin_queue;
	j->work = work;
	j->x->drains = true;
	if (q->running < AT_ONCE_MAX) {
		admin_start(j);
		return;
	}
	if (q->first == NULL)
		q->first = j;
	else
		q->last->next = j;
	q->last = j;
}

/* ---- For the work. ---- */

const char *
admin_query(struct admin_job *j, const char *name)
{
	assert(is_listed(j->route->query, name));
	return pair_find(&j->arena, j->query, name);
}

const char *
admin_query_key(struct admin_job *j)
{
	const char *text = admin_query(j, "key"), *id;
	char	*translated;
	struct names *names;

	if (text == NULL)
		return NULL;
	names = names_open(j->db);
	id = names_key_id(names, text);
	if (id != NULL)
		text = arena_strdup(&j->arena, id);
	names_close(names);
	if (id != NULL || strlen(text) >= KEYS_ID_SIZE)
		return text;
	translated = arena_alloc(&j->arena, KEYS_ID_SIZE);
	key_ids_translate(&j->snapshot->key_ids, text, translated);
	return translated;
}

int64_t
admin_now_s(void)
{
	return (int64_t)(clock_wall_us() / 1000000);
}

int64_t
admin_id(const struct admin_job *j, size_t index)
{
	const char *text = j->params[index];
	size_t	 n = text == NULL ? 0 : strlen(text);

	if (n == 0 || n > ID_DIGITS_MAX || strspn(text, "0123456789") != n)
		return 0;
	return strtoll(text, NULL, 10);
}
