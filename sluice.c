/* sluice.c - the responder: FastCGI, or CGI where the server starts it so. */
#include "config.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <curl/curl.h>
#include <sodium.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secrecy.h"
#include "base/spool.h"
#include "conf/conf.h"
#include "fcgi/front.h"
#include "gateway/metrics.h"
#include "handlers/catalog.h"
#include "handlers/exchange.h"
#include "handlers/leader.h"
#include "handlers/store_watch.h"

enum {
	RELOAD_MS = 1000,
	LINGER_BYTES = 1 << 30,
	INTAKE_IDLE_MS = 60000,
	HEAP_SLACK_BYTES = 256 << 10,
};

/* The process. */
struct responder {
	struct app	 app;
	struct front	 front;
	struct leader	 leader;
	struct store_watch store_watch;
	bool		 stays;		/* a CGI run is over too soon to lead or watch */
	const char	*conf_path;
	uint64_t	 fingerprint;	/* of the configuration in force or last refused */
	uv_timer_t	 reload_timer;
	uv_signal_t	 hup, term, usr1;
	bool		 signalled;	/* told to stop */
	uint64_t	 trimmed;	/* requests served when memory was last given back */
};

static void
log_problem(const struct err_at *at)
{
	if (at->line > 0)
		log_error("%s:%u: %s", at->file, at->line, at->text);
	else
		log_error("%s: %s", at->file, at->text);
}

static void
responder_report(void *arg, const struct err_at *at)
{
	(void)arg;
	log_problem(at);
}

/*
 * At start the place of the log is itself configuration: problems are kept
 * until it is known. More than fit are counted.
 */
struct problems {
	struct err_at	 kept[32];
	size_t		 count;
};

static void
problems_add(void *arg, const struct err_at *at)
{
	struct problems *p = arg;

	if (p->count < sizeof p->kept / sizeof p->kept[0])
		p->kept[p->count] = *at;
	p->count++;
}

static void
problems_log(const struct problems *p)
{
	size_t	 most = sizeof p->kept / sizeof p->kept[0];

	for (size_t i = 0; i < p->count && i < most; i++)
		log_problem(&p->kept[i]);
	if (p->count > most)
		log_error("and %zu problems more", p->count - most);
}

/* Or a connection would get the number of stderr, and our diagnostics. */
static void
open_standard_files(void)
{
	int	 fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close(fd);
}

static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Or glibc grows and trims the heap's top with every other request. */
static void
keep_heap_slack(void)
{
	mallopt(M_TOP_PAD, HEAP_SLACK_BYTES);
	mallopt(M_TRIM_THRESHOLD, 4 * HEAP_SLACK_BYTES);
}

static struct front_limits
limits_of(const struct conf *conf)
{
	return (struct front_limits){
		.client_buffer = (size_t)conf->limits.client_buffer_bytes,
		.linger_bytes = LINGER_BYTES,
		.intake_idle_ms = INTAKE_IDLE_MS,
		.intake_total_ms = conf->timeouts.total_ms,
	};
}

/* CONF and what was made at run time take over; requests in flight keep theirs. */
static void
responder_compile(struct responder *r, struct conf *conf)
{
	struct snapshot *before = r->app.snapshot;

	r->app.snapshot = snapshot_create(conf, r->app.managed, before);
	roster_tell(&r->app.snapshot->roster,
	    before == NULL ? NULL : &before->roster);
	if (before != NULL) {
		snapshot_refresh(r->app.snapshot, r->app.state,
		    clock_wall_us() / 1000);
		snapshot_forget_changed(r->app.snapshot, before);
	}
	snapshot_unref(before);
}

/* A configuration that was read well. */
static void
responder_use(struct responder *r, struct conf *conf)
{
	responder_compile(r, conf);
	r->front.limits = limits_of(conf);
	spool_set_total(conf->limits.spool_total_bytes);
	r->front.hangup.interval_ms = conf->timeouts.hangup_probe_ms;
	log_open(conf->log.dir, conf->log.level);
	if (strcmp(r->app.journal.dir, conf->log.dir) != 0)
		journal_move(&r->app.journal, conf->log.dir);
	if (conf->auth.open)
		log_warn("auth.open is set: anybody may use the gateway");
	else if (r->app.snapshot->key_count == 0 &&
	    key_list_count(r->app.keys) == 0)
		log_warn("%s names no client key, and there is no other: every "
		    "request is refused", conf->auth.keys_env);
}

/* What was made at run time has changed. */
static void
responder_on_join(struct app *app)
{
	struct responder *r = (struct responder *)((char *)app -
	    offsetof(struct responder, app));

	responder_compile(r, conf_ref(app->snapshot->conf));
	log_info("channels read: %zu of the database, %zu providers in all",
	    app->managed->channel_count, app->snapshot->roster.count);
}

static void
responder_reload(struct responder *r)
{
	struct conf *conf = conf_load(r->conf_path, r->app.snapshot->conf,
	    responder_report, NULL);

	if (conf == NULL) {
		log_error("the configuration stays as it was");
		return;
	}
	responder_use(r, conf);
	r->fingerprint = conf->fingerprint;
	log_info("configuration reloaded: %zu providers, %zu unusable",
	    conf->provider_count, conf->broken_count);
}

/* After a busy time: a pool on a small host should be as small as it was before. */
static void
give_memory_back(struct responder *r)
{
	if (r->front.active > 0 || r->front.served == r->trimmed)
		return;
	client_trim(&r->app.client);
	malloc_trim(0);
	r->trimmed = r->front.served;
}

static void
responder_on_timer(uv_timer_t *timer)
{
	struct responder *r = timer->data;
	uint64_t now = conf_fingerprint(r->app.snapshot->conf);

	give_memory_back(r);
	state_refresh(r->app.state);
	journal_flush(&r->app.journal, clock_wall_us());
	if (r->stays) {
		leader_tick(&r->leader);
		store_watch_look(&r->store_watch);
	}
	if (now == r->fingerprint)
		return;
	r->fingerprint = now;
	responder_reload(r);
}

static void
responder_on_hup(uv_signal_t *signal, int number)
{
	(void)number;
	responder_reload(signal->data);
}

/*
 * The first signal lets requests finish, the second ends at once. Apache sends
 * one to a CGI process that has answered and is still writing its journal.
 */
static void
responder_on_stop(uv_signal_t *signal, int number)
{
	struct responder *r = signal->data;

	if (r->signalled) {
		log_warn("signal %d again: ending at once", number);
		_exit(1);
	}
	r->signalled = true;
	log_info("signal %d: finishing %zu requests", number,
	    r->front.active);
	leader_stop(&r->leader);
	front_stop(&r->front);
}

static void
responder_on_stopped(struct front *front)
{
	uv_stop(front->loop);
}

static void
watch_signal(struct responder *r, uv_signal_t *handle, int number,
    uv_signal_cb callback)
{
	uv_signal_init(r->app.loop, handle);
	handle->data = r;
	uv_signal_start(handle, callback, number);
	uv_unref((uv_handle_t *)handle);
}

/*
 * A signal that comes before the loop can take it waits: libfcgi's own handlers
 * would swallow it.
 */
static void
hold_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGHUP);
	sigprocmask(how, &set, NULL);
}

static void
responder_watch(struct responder *r)
{
	signal(SIGPIPE, SIG_IGN);
	watch_signal(r, &r->term, SIGTERM, responder_on_stop);
	watch_signal(r, &r->usr1, SIGUSR1, responder_on_stop);
	watch_signal(r, &r->hup, SIGHUP, responder_on_hup);
	uv_timer_init(r->app.loop, &r->reload_timer);
	r->reload_timer.data = r;
	uv_timer_start(&r->reload_timer, responder_on_timer, RELOAD_MS,
	    RELOAD_MS);
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void
responder_close(struct responder *r)
{
	leader_stop(&r->leader);
	catalog_free(r->app.catalog);
	client_close(&r->app.client);
	hangup_close(&r->front.hangup);
	uv_walk(r->app.loop, close_handle, NULL);
	uv_run(r->app.loop, UV_RUN_DEFAULT);
	uv_loop_close(r->app.loop);
	leader_fini(&r->leader);
	store_watch_fini(&r->store_watch);
	journal_flush(&r->app.journal, clock_wall_us());
	journal_close(&r->app.journal);
	metrics_note_lost_lines(r->app.state,
	    journal_take_lost(&r->app.journal));
	state_close(r->app.state);
	db_free(r->app.db);
	snapshot_unref(r->app.snapshot);
	curl_global_cleanup();
}

static struct conf *
load_or_die(const char *path)
{
	struct problems problems = { .count = 0 };
	struct conf *conf = conf_load(path, NULL, problems_add, &problems);

	log_open(conf == NULL ? LOCALSTATEDIR "/lib/sluice/log" :
	    conf->log.dir, conf == NULL ? LOG_LEVEL_INFO : conf->log.level);
	problems_log(&problems);
	if (conf == NULL) {
		log_error("no usable configuration in %s", path);
		exit(1);
	}
	return conf;
}

int
main(void)
{
	static struct responder r;
	struct conf *conf;
	bool	 fastcgi = front_is_fastcgi();
	int	 err;

	secrecy_begin();
	hold_signals(SIG_BLOCK);
	signal(SIGXFSZ, SIG_IGN);	/* a file's limit is an error like a full disk */
	open_standard_files();
	raise_file_limit();
	keep_heap_slack();
	front_init_library();
	if (sodium_init() < 0)
		return 1;
	r.conf_path = conf_default_path();
	conf = load_or_die(r.conf_path);
	conf_hide_seal_key(conf);
	r.app.loop = uv_default_loop();
	journal_open(&r.app.journal, conf->log.dir);
	r.app.state = state_open(conf->state_dir);
	r.app.db = db_create(conf->state_dir);
	if (client_open(&r.app.client, r.app.loop) != ERR_NONE)
		return 1;
	r.app.catalog = catalog_create(&r.app);
	leader_init(&r.leader, &r.app);
	store_watch_init(&r.store_watch, &r.app);
	r.stays = fastcgi;
	if (!r.stays && r.app.managed != NULL && r.app.managed->needs_upgrade)
		seal_upgrade_run(r.app.db, conf);	/* nobody may lead */
	responder_use(&r, conf);
	r.app.join = responder_on_join;
	r.fingerprint = conf->fingerprint;
	exchange_set_app(&r.app);
	responder_watch(&r);
	r.front.stopped = responder_on_stopped;
	err = front_open(&r.front, r.app.loop, fastcgi ? STDIN_FILENO : -1,
	    &exchange_handler, &r.front.limits,
	    conf->timeouts.hangup_probe_ms);
	if (err != 0) {
		log_error("cannot listen: %s", uv_strerror(err));
		return 1;
	}
	hold_signals(SIG_UNBLOCK);
	uv_run(r.app.loop, UV_RUN_DEFAULT);
	responder_close(&r);
	return 0;
}
