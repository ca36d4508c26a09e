#include "config.h"

#include "handlers/leader.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/state.h"

enum { SWEEP_TICKS = 5 };

void
leader_init(struct leader *l, struct app *app)
{
	*l = (struct leader){ .app = app,
		.import = usage_import_create(app->db) };
	prober_init(&l->prober, app);
}

void
leader_fini(struct leader *l)
{
	usage_import_free(l->import);
	l->import = NULL;
}

static void
leader_on_sweep(uv_work_t *work)
{
	struct leader *l = work->data;
	const struct conf *conf = l->sweeping->conf;

	uint64_t now_ms = clock_wall_us() / 1000;
	enum usage_import_end end;

	state_sweep(l->app->state, conf->log.dir);
	if (l->upgrades)
		seal_upgrade_run(l->app->db, conf);
	end = usage_import_run(l->import, conf->log.dir, conf->retention_days);
	l->has_more = end == USAGE_IMPORT_MORE;
	if (end == USAGE_IMPORT_DONE)
		usage_base_set(l->app->state, l->app->db, now_ms);
}

static void
leader_on_swept(uv_work_t *work, int status)
{
	struct leader *l = work->data;

	(void)status;
	snapshot_unref(l->sweeping);
	l->sweeping = NULL;
	if (l->has_more)
		l->ticks = 0;
}

/* It reads and writes files: on the thread pool, and one at a time. */
static void
leader_sweep(struct leader *l)
{
	if (l->sweeping != NULL)
		return;
	l->sweeping = snapshot_ref(l->app->snapshot);
	l->upgrades = l->app->managed != NULL &&
	    l->app->managed->needs_upgrade;
	l->sweep.data = l;
	uv_queue_work(l->app->loop, &l->sweep, leader_on_sweep,
	    leader_on_swept);
}

void
leader_tick(struct leader *l)
{
	bool	 leads = !l->is_over && state_lead(l->app->state);

	if (leads && !l->leads) {
		log_info("this process leads: it probes channels for all");
		prober_start(&l->prober);
		l->ticks = 0;
	} else if (!leads && l->leads)
		prober_stop(&l->prober);
	l->leads = leads;
	if (leads && l->ticks++ % SWEEP_TICKS == 0)
		leader_sweep(l);
}

void
leader_stop(struct leader *l)
{
	l->is_over = true;
	if (l->leads)
		state_resign(l->app->state);
	l->leads = false;
	prober_stop(&l->prober);
}
