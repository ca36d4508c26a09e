#include "config.h"

#include "handlers/api_health.h"

#include <unistd.h>

#include "base/clock.h"
#include "gateway/metrics.h"
#include "handlers/admin.h"
#include "handlers/admin_json.h"

static const char *const breakers[] = {
	[BREAKER_CLOSED] = "closed", [BREAKER_OPEN] = "open",
	[BREAKER_HALF_OPEN] = "half_open",
};

/* ---- On the loop: what the state segment says. ---- */

static void
put_channel(struct buf *out, const struct snapshot *s,
    const struct channel *c, const struct collection *counts, uint64_t now_ms)
{
	const struct roster_entry *entry = roster_find(&s->roster,
	    c->provider->name);
	struct channel_status status;
	struct channel_report report;

	channel_read(c, now_ms, &status);
	channel_report(c, now_ms, &report);
	admin_json_open(out);
	admin_json_text(out, "name", c->name);
	admin_json_text(out, "provider", c->provider->name);
	admin_json_text(out, "base_url", c->base_url);
	admin_json_bool(out, "has_key", entry != NULL && entry->key != NULL);
	admin_json_text(out, "breaker", breakers[status.breaker]);
	admin_json_bool(out, "is_out", status.is_out);
	admin_json_number(out, "error_rate", status.error_rate);
	admin_json_ms(out, "first_token_ms", report.first_token_ms);
	admin_json_ms(out, "total_ms", report.total_ms);
	admin_json_integer(out, "in_flight", metrics_tries(counts, c->name));
	admin_json_time(out, "last_end",
	    (int64_t)(status.last_end_ms / 1000));
	admin_json_close(out);
}

static void
put_channels(struct buf *out, struct snapshot *s, struct state *state)
{
	uint64_t now_ms = clock_wall_us() / 1000;
	struct collection counts;

	snapshot_refresh(s, state, now_ms);
	collection_init(&counts, state);
	admin_json_name(out, "channels");
	buf_puts(out, "[");
	for (size_t i = 0; i < s->channel_count; i++)
		put_channel(out, s, &s->channels[i], &counts, now_ms);
	buf_puts(out, "]");
	collection_fini(&counts);
}

static void
put_process(void *arg, const struct state_process *p)
{
	struct buf *out = arg;

	admin_json_open(out);
	admin_json_integer(out, "slot", p->slot);
	admin_json_integer(out, "pid", p->pid);
	admin_json_time(out, "started_at",
	    (int64_t)(p->start_wall_us / 1000000));
	admin_json_bool(out, "alive", p->is_alive);
	admin_json_bool(out, "leads", p->leads);
	admin_json_close(out);
}

/* ---- On the thread pool: files. ---- */

static void
tell_files(struct admin_job *j)
{
	struct names *names = names_open(j->db);

	admin_json_text(&j->body, "database",
	    names_can_read(names) ? "ok" : "unusable");
	admin_json_bool(&j->body, "journal_is_writable",
	    !j->journal_fails && journal_can_write(j->snapshot->conf->log.dir));
	buf_puts(&j->body, "}");
	names_close(names);
}

void
api_health_handle(struct exchange *x)
{
	struct admin_job *job = admin_begin(x);
	struct state *state = x->app->state;
	struct buf *out;

	if (job == NULL)
		return;
	out = &job->body;
	admin_json_open(out);
	admin_json_text(out, "status",
	    job->snapshot->roster.broken_count > 0 ? "degraded" : "ok");
	put_channels(out, job->snapshot, state);
	admin_json_name(out, "processes");
	buf_puts(out, "[");
	state_each_process(state, put_process, out);
	buf_puts(out, "]");
	admin_json_text(out, "state",
	    state_is_private(state) ? "private" : "shared");
	job->journal_fails = journal_is_failing(&x->app->journal);
	admin_run(job, tell_files);
}
