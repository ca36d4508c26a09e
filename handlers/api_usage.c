#include "config.h"

#include "handlers/api_usage.h"

#include "handlers/admin.h"
#include "handlers/admin_json.h"
#include "handlers/usage_print.h"
#include "handlers/usage_words.h"

enum { ROWS_MAX = 100000, ROWS_MAX_BYTES = 48 << 20 };

const struct route_query api_usage_query[] = {
	{ "from", "a time, such as 2026-01-31, 2026-01-31T10:00:00Z, seconds "
	    "since 1970, or 7d: so long ago" },
	{ "to", "a time likewise, which is no longer part of it" },
	{ "by", "some of hour, day, key, model and provider, with commas" },
	{ "key", "one key alone, by its name or id" },
	{ "model", "one model alone" },
	{ "provider", "one provider alone" },
	{ NULL, NULL }
};

struct answer {
	struct buf	*out;
	struct usage_query query;
	struct names	*names;
	struct usage_sum total;
	unsigned	 rows;
};

/* ---- What is asked. ---- */

static bool
read_time(struct admin_job *j, const char *name, int64_t now_s,
    int64_t *time_s)
{
	const char *text = admin_query(j, name);

	if (text == NULL || usage_words_time(text, now_s, time_s))
		return true;
	admin_fail(j, ERR_FIELD_VALUE, name, "A time is expected, such as "
	    "2026-01-31, 2026-01-31T10:00:00Z, seconds since 1970, or 7d.");
	return false;
}

static bool
read_query(struct admin_job *j, struct answer *a)
{
	struct usage_query *q = &a->query;
	int64_t	 now_s = admin_now_s();
	const char *by = admin_query(j, "by");

	usage_words_init(q, now_s);
	if (!read_time(j, "from", now_s, &q->from_s) ||
	    !read_time(j, "to", now_s, &q->to_s))
		return false;
	if (by != NULL && (q->by = usage_words_by(by)) == 0) {
		admin_fail(j, ERR_FIELD_VALUE, "by", "Some of hour, day, key, "
		    "model and provider are expected, with commas.");
		return false;
	}
	usage_words_round(q);
	if (q->to_s <= q->from_s) {
		admin_fail(j, ERR_FIELD_VALUE, "to", "It is not after from.");
		return false;
	}
	q->key_id = admin_query_key(j);
	q->model = admin_query(j, "model");
	q->provider = admin_query(j, "provider");
	q->sums_max = ROWS_MAX + 1;
	return true;
}

/* ---- The answer. ---- */

static void
put_row(void *arg, const struct usage_sum *sum)
{
	struct answer *a = arg;
	unsigned by = a->query.by;

	if (++a->rows > ROWS_MAX || buf_len(a->out) > ROWS_MAX_BYTES) {
		a->rows = ROWS_MAX + 1;
		return;
	}
	admin_json_open(a->out);
	if ((by & (USAGE_BY_HOUR | USAGE_BY_DAY)) != 0)
		admin_json_time(a->out, "time", sum->time_s);
	if ((by & USAGE_BY_KEY) != 0)
		admin_json_text_or_null(a->out, "key_name",
		    names_of_key(a->names, sum->key_id));
	admin_json_next(a->out);
	usage_print_members(a->out, sum, by &
	    ~(unsigned)(USAGE_BY_HOUR | USAGE_BY_DAY));
	admin_json_close(a->out);
	usage_print_add(&a->total, sum);
}

static bool
put_rows(struct admin_job *j, struct answer *a)
{
	struct usage *u = usage_open(j->db);
	bool	 ok = u != NULL && usage_each(u, &a->query, put_row, a);

	usage_close(u);
	if (!ok)
		admin_fail(j, ERR_STORE, NULL, NULL);
	else if (a->rows > ROWS_MAX)
		admin_fail(j, ERR_FIELD_VALUE, "by", "These are more than "
		    "100000 rows: ask for a shorter time, or by less.");
	return ok && a->rows <= ROWS_MAX;
}

static void
put_answer(struct admin_job *j, struct answer *a)
{
	buf_puts(a->out, "{");
	admin_json_time(a->out, "from", a->query.from_s);
	admin_json_time(a->out, "to", a->query.to_s);
	admin_json_name(a->out, "by");
	buf_puts(a->out, "[");
	usage_words_put_by(a->out, a->query.by);
	buf_puts(a->out, "],\"rows\":[");
	if (!put_rows(j, a))
		return;
	buf_puts(a->out, "],\"total\":{");
	usage_print_members(a->out, &a->total, 0);
	buf_puts(a->out, "}}");
}

static void
tell_usage(struct admin_job *j)
{
	struct answer a = { .out = &j->body, .names = names_open(j->db) };

	if (read_query(j, &a))
		put_answer(j, &a);
	names_close(a.names);
}

void
api_usage_handle(struct exchange *x)
{
	admin_run(admin_begin(x), tell_usage);
}
