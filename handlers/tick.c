#include "config.h"

#include "handlers/tick.h"

#include <signal.h>

#include <sodium.h>
#include <uv.h>

#include "base/clock.h"
#include "handlers/exchange.h"
#include "handlers/prober.h"
#include "handlers/store_watch.h"
#include "store/state.h"
#include "store/store.h"

struct tick {
	struct app	 app;
	struct prober	 prober;
	struct store_watch watch;
	FILE		*out;
	enum tick_end	 end;
};

static const char *const words[] = {
	[CHANNEL_WELL] = "well", [CHANNEL_FAILED] = "not well",
	[CHANNEL_FAILED_REQUEST] = "not well",
	[CHANNEL_REFUSED_KEY] = "not well", [CHANNEL_UNKNOWN] = "unclear",
};

static void
tick_on_told(void *arg, const struct channel *c, enum channel_verdict verdict,
    const char *reason)
{
	struct tick *t = arg;
	bool	 is_well = verdict == CHANNEL_WELL;

	fprintf(t->out, "%s %s%s%s\n", c->name, words[verdict],
	    is_well ? "" : ": ", is_well ? "" : reason);
	if (!is_well && verdict != CHANNEL_UNKNOWN)
		t->end = TICK_UNWELL;
}

/* Connections that are kept for more would keep the loop. */
static void
tick_on_over(void *arg)
{
	struct tick *t = arg;

	uv_stop(t->app.loop);
}

static void
tick_probe(struct tick *t)
{
	prober_init(&t->prober, &t->app);
	t->prober.told = tick_on_told;
	t->prober.over = tick_on_over;
	t->prober.arg = t;
	prober_run_once(&t->prober);
	uv_run(t->app.loop, UV_RUN_DEFAULT);
	prober_fini(&t->prober);
	client_close(&t->app.client);
	uv_run(t->app.loop, UV_RUN_DEFAULT);	/* closes all handles */
	uv_loop_close(t->app.loop);
	curl_global_cleanup();
}

static void
tick_import(struct tick *t)
{
	const struct conf *conf = t->app.snapshot->conf;
	struct usage_import *import = usage_import_create(t->app.db);
	enum usage_import_end end;
	uint64_t now_ms;

	do {
		now_ms = clock_wall_us() / 1000;
		end = usage_import_run(import, conf->log.dir,
		    conf->retention_days);
	} while (end == USAGE_IMPORT_MORE);
	if (end == USAGE_IMPORT_DONE)
		usage_base_set(t->app.state, t->app.db, now_ms);
	if (end == USAGE_IMPORT_FAILED)
		t->end = TICK_UNWELL;
	usage_import_free(import);
}

static enum tick_end
tick_lead(struct tick *t)
{
	signal(SIGPIPE, SIG_IGN);	/* a provider may close first */
	if (client_open(&t->app.client, t->app.loop) != ERR_NONE)
		return TICK_BROKEN;
	state_sweep(t->app.state, t->app.snapshot->conf->log.dir);
	seal_upgrade_run(t->app.db, t->app.snapshot->conf);
	tick_import(t);
	tick_probe(t);
	return t->end;
}

enum tick_end
tick_run(struct conf *conf, FILE *out)
{
	struct tick t = { .out = out, .end = TICK_WELL };
	enum tick_end end;

	signal(SIGXFSZ, SIG_IGN);
	if (sodium_init() < 0) {
		conf_free(conf);
		return TICK_BROKEN;
	}
	t.app.loop = uv_default_loop();
	t.app.state = state_open(conf->state_dir);
	t.app.db = db_create(conf->state_dir);
	store_watch_init(&t.watch, &t.app);
	t.app.snapshot = snapshot_create(conf, t.app.managed, NULL);
	if (state_is_private(t.app.state))
		end = TICK_NOT_SHARED;
	else if (!state_lead(t.app.state))
		end = TICK_NOT_NEEDED;
	else
		end = tick_lead(&t);
	store_watch_fini(&t.watch);
	state_close(t.app.state);
	db_free(t.app.db);
	snapshot_unref(t.app.snapshot);
	return end;
}
