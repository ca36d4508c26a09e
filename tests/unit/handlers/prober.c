/* Which channels are asked, when, and what their answers do to them. */
#include "config.h"

#include "handlers/prober.h"

#include <sodium.h>

#include "base/clock.h"
#include "tests/unit/conf/dir.h"
#include "tests/unit/upstream/server.h"

#define PROVIDER "api_key_env = \"SLUICE_TEST_KEY\";\n"			\
	"headers = ( { name = \"X-Team\"; value = \"lab\"; } );\n"

struct fixture {
	struct dir	*dir;
	struct app	 app;
	uv_loop_t	 loop;
	uv_timer_t	 guard;
	struct prober	 prober;
	struct server	*server;

	/* what was told */
	unsigned	 told, asked_to_end;
	enum channel_verdict verdict;
	char		 reason[128];
};

static void
on_guard(uv_timer_t *timer)
{
	(void)timer;
	fail_msg("it does not end");
}

static void
on_told(void *arg, const struct channel *c, enum channel_verdict verdict,
    const char *reason)
{
	struct fixture *x = arg;

	(void)c;
	x->told++;
	x->verdict = verdict;
	snprintf(x->reason, sizeof x->reason, "%s", reason);
	if (x->told == x->asked_to_end)
		uv_stop(&x->loop);
}

static void
on_over(void *arg)
{
	struct fixture *x = arg;

	uv_stop(&x->loop);
}

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	setenv("SLUICE_TEST_KEY", "the-key", 1);
	dir_setup((void **)&x->dir);
	uv_loop_init(&x->loop);
	x->app.loop = &x->loop;
	assert_int_equal(client_open(&x->app.client, &x->loop), ERR_NONE);
	x->app.state = state_open(x->dir->path);
	assert_false(state_is_private(x->app.state));
	uv_timer_init(&x->loop, &x->guard);
	uv_timer_start(&x->guard, on_guard, 60000, 0);
	prober_init(&x->prober, &x->app);
	x->prober.told = on_told;
	x->prober.over = on_over;
	x->prober.arg = x;
	x->server = calloc(1, sizeof *x->server);
	x->server->fd = -1;
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	prober_fini(&x->prober);
	client_close(&x->app.client);
	if (x->server->fd >= 0)
		server_stop(x->server);
	uv_close((uv_handle_t *)&x->guard, NULL);
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&x->loop), 0);
	state_close(x->app.state);
	snapshot_unref(x->app.snapshot);
	dir_teardown((void **)&x->dir);
	free(x->server);
	free(x);
	return 0;
}

/* COUNT providers of the server's, and the snapshot of them. */
static void
configure(struct fixture *x, unsigned count, const char *health,
    const char *more)
{
	char	 name[64], text[1024];

	dir_write(x->dir, "sluice.conf", "auth: { open = true; };\n");
	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof name, "providers.d/p%02u.conf", i);
		snprintf(text, sizeof text, "base_url = \"%s\";\n" PROVIDER
		    "health: { path = \"/models?x=1\"; %s };\n%s\n",
		    x->server->url, health, more);
		dir_write(x->dir, name, text);
	}
	snapshot_unref(x->app.snapshot);
	x->app.snapshot = snapshot_create(dir_load_good(x->dir), NULL, NULL);
}

static struct channel *
channel(const struct fixture *x)
{
	return &x->app.snapshot->channels[0];
}

static uint64_t
now_ms(void)
{
	return clock_wall_us() / 1000;
}

/* Ask whatever is due; the record's time then is long ago again. */
static void
ask(struct fixture *x)
{
	prober_run_once(&x->prober);
	uv_run(&x->loop, UV_RUN_DEFAULT);
}

static void
forget_time(const struct fixture *x)
{
	atomic_store(&channel(x)->shared->last_end_ms, 1);
}

static const char *answer;

static void
serve(struct server *s, int fd)
{
	while (server_read(s, fd))
		server_say(fd, answer);
}

static void
serve_and_close(struct server *s, int fd)
{
	if (server_read(s, fd))
		server_say(fd, answer);
}

static void
serve_never(struct server *s, int fd)
{
	(void)s;
	server_wait_for_close(fd);
}

static void
serve_endless(struct server *s, int fd)
{
	static const char zeros[65536];

	if (!server_read(s, fd))
		return;
	server_say(fd, "HTTP/1.1 200 OK\r\n\r\n");
	while (send(fd, zeros, sizeof zeros, MSG_NOSIGNAL) > 0)
		continue;
}

#define STATUS(n) "HTTP/1.1 " #n " Fine\r\nContent-Length: 2\r\n\r\n{}"
#define SAYS(n, length, text) "HTTP/1.1 " #n " Fine\r\n"	\
	"Content-Length: " #length "\r\n\r\n" text

static void
test_what_an_answer_says(void **state)
{
	static const struct {
		const char	*answer;
		enum channel_verdict verdict;
	} cases[] = {
		{ STATUS(200), CHANNEL_WELL },
		{ STATUS(301), CHANNEL_UNKNOWN },
		{ STATUS(404), CHANNEL_WELL },
		{ STATUS(405), CHANNEL_WELL },
		{ STATUS(400), CHANNEL_UNKNOWN },
		{ STATUS(429), CHANNEL_UNKNOWN },
		{ STATUS(401), CHANNEL_REFUSED_KEY },
		{ STATUS(402), CHANNEL_REFUSED_KEY },
		{ STATUS(403), CHANNEL_REFUSED_KEY },
		{ SAYS(400, 38, "{\"error\":{\"status\":\"API_KEY_INVALID\"}}"),
		    CHANNEL_REFUSED_KEY },
		{ SAYS(429, 39, "{\"error\":{\"code\":\"insufficient_quota\"}}"),
		    CHANNEL_REFUSED_KEY },
		{ SAYS(200, 24, "{\"id\":\"API_KEY_INVALID\"}"), CHANNEL_WELL },
		{ STATUS(500), CHANNEL_FAILED },
		{ STATUS(503), CHANNEL_FAILED },
	};
	struct fixture *x = *state;

	server_start(x->server, serve);
	configure(x, 1, "interval = 30.0;", "");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		answer = cases[i].answer;
		ask(x);
		assert_int_equal(x->told, i + 1);
		if (x->verdict != cases[i].verdict)
			fail_msg("%.12s is %d", answer, x->verdict);
		forget_time(x);
	}
	assert_string_equal(x->reason,
	    "The provider answered with status 503.");
}

static void
test_what_is_asked(void **state)
{
	struct fixture *x = *state;

	answer = STATUS(200);
	server_start(x->server, serve_and_close);
	configure(x, 1, "interval = 30.0;", "");
	ask(x);
	assert_int_equal(x->verdict, CHANNEL_WELL);
	assert_ptr_equal(strstr(x->server->request, "GET /v1/models?x=1 "),
	    x->server->request);
	assert_non_null(strstr(x->server->request,
	    "\r\nAuthorization: Bearer the-key\r\n"));
	assert_non_null(strstr(x->server->request, "\r\nX-Team: lab\r\n"));
	assert_non_null(strstr(x->server->request, "\r\nX-Sluice-Hop: 1\r\n"));
}

static void
test_an_endpoint_with_a_base_url_is_asked_there(void **state)
{
	struct fixture *x = *state;
	char	 more[256];

	answer = STATUS(200);
	server_start(x->server, serve_and_close);
	snprintf(more, sizeof more, "models = ( { name = \"m\"; endpoints = "
	    "( { path = \"embeddings\"; base_url = \"%.*s/other\"; } ); } );",
	    (int)(strlen(x->server->url) - strlen("/v1")), x->server->url);
	configure(x, 1, "interval = 30.0;", more);
	atomic_store(&state_channel(x->app.state, "p00")->last_end_ms,
	    now_ms());
	ask(x);
	assert_int_equal(x->told, 1);
	assert_ptr_equal(strstr(x->server->request, "GET /other/models?x=1 "),
	    x->server->request);
}

static void
test_nobody_listens(void **state)
{
	struct fixture *x = *state;

	server_listen(x->server, 1);
	close(x->server->fd);
	x->server->fd = -1;
	configure(x, 1, "interval = 30.0;", "");
	ask(x);
	assert_int_equal(x->verdict, CHANNEL_FAILED);
	assert_string_equal(x->reason, "The provider could not be reached.");
}

static void
test_no_answer_in_time(void **state)
{
	struct fixture *x = *state;

	server_start(x->server, serve_never);
	configure(x, 1, "interval = 30.0; timeout = 0.05;", "");
	ask(x);
	assert_int_equal(x->verdict, CHANNEL_FAILED);
}

static void
test_an_endless_answer_is_not_read_to_its_end(void **state)
{
	struct fixture *x = *state;

	server_start(x->server, serve_endless);
	configure(x, 1, "interval = 30.0; timeout = 50.0;", "");
	ask(x);
	assert_int_equal(x->verdict, CHANNEL_WELL);
}

static void
test_failures_take_a_channel_out_and_an_answer_back_in(void **state)
{
	struct fixture *x = *state;

	answer = STATUS(500);
	server_start(x->server, serve);
	configure(x, 1, "interval = 30.0;", "");
	for (int i = 0; i < 3; i++) {
		if (i > 0)
			assert_false(channel_is_out(channel(x), now_ms()));
		ask(x);
		forget_time(x);
	}
	assert_true(channel_is_out(channel(x), now_ms()));
	answer = STATUS(429);
	ask(x);
	forget_time(x);
	assert_true(channel_is_out(channel(x), now_ms()));
	answer = STATUS(200);
	ask(x);
	assert_false(channel_is_out(channel(x), now_ms()));
	assert_int_equal(channel_enter(channel(x), x->app.state, 0,
	    now_ms(), 1000), BREAKER_PASS_PROBE);
}

static void
test_one_that_ended_something_lately_is_not_asked(void **state)
{
	struct fixture *x = *state;

	answer = STATUS(429);
	server_start(x->server, serve);
	configure(x, 1, "interval = 30.0;", "");
	ask(x);
	assert_int_equal(x->told, 1);	/* and then it has ended a probe */
	ask(x);
	assert_int_equal(x->told, 1);
	atomic_store(&channel(x)->shared->last_end_ms, now_ms() - 31000);
	ask(x);
	assert_int_equal(x->told, 2);
	atomic_store(&channel(x)->shared->last_end_ms, now_ms() + 31000);
	ask(x);				/* the clock was set back */
	assert_int_equal(x->told, 3);
}

static void
test_without_an_interval_none_is_asked(void **state)
{
	struct fixture *x = *state;

	server_listen(x->server, 8);
	configure(x, 3, "interval = 0.0;", "");
	ask(x);
	assert_int_equal(x->told, 0);
}

static void
test_only_so_many_at_once(void **state)
{
	struct fixture *x = *state;

	server_listen(x->server, 64);
	configure(x, PROBER_AT_ONCE + 4, "interval = 30.0; timeout = 0.2;",
	    "");
	prober_run_once(&x->prober);
	assert_int_equal(x->prober.running, PROBER_AT_ONCE);
	x->asked_to_end = 1;
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert_true(x->prober.running <= PROBER_AT_ONCE);
	x->asked_to_end = 0;
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert_int_equal(x->told, PROBER_AT_ONCE + 4);
	assert_int_equal(x->verdict, CHANNEL_FAILED);
}

static void
test_first_ones_are_spread_over_the_interval(void **state)
{
	struct fixture *x = *state;

	server_listen(x->server, 64);
	configure(x, 12, "interval = 40000.0;", "");
	prober_start(&x->prober);
	assert_int_equal(x->prober.running, 0);
	x->prober.since_ms -= 20000000;	/* half of it has passed */
	while (x->prober.running == 0)
		uv_run(&x->loop, UV_RUN_ONCE);
	assert_true(x->prober.running < 12);
}

static void
test_each_is_asked_again_and_again(void **state)
{
	struct fixture *x = *state;

	answer = STATUS(200);
	server_start(x->server, serve);
	configure(x, 1, "interval = 0.05;", "");
	prober_start(&x->prober);
	x->asked_to_end = 4;
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert_int_equal(x->told, 4);
}

static void
test_stopping_ends_what_runs(void **state)
{
	struct fixture *x = *state;

	server_listen(x->server, 64);
	configure(x, 5, "interval = 30.0; timeout = 50.0;", "");
	prober_run_once(&x->prober);
	assert_int_equal(x->prober.running, 5);
	prober_stop(&x->prober);
	assert_int_equal(x->prober.running, 0);
	assert_int_equal(x->told, 0);
	assert_false(channel_is_out(channel(x), now_ms()));
}

/* What is asked holds on to its configuration until the new one asks anew. */
static void
test_a_reload_drops_what_runs(void **state)
{
	struct fixture *x = *state;

	server_start(x->server, serve_never);
	configure(x, 1, "interval = 0.05; timeout = 50.0;", "");
	prober_start(&x->prober);
	while (x->prober.running == 0)
		uv_run(&x->loop, UV_RUN_ONCE);
	channel(x)->is_unwell = true;
	configure(x, 2, "interval = 0.05; timeout = 0.06;", "");
	while (x->prober.snapshot != x->app.snapshot)
		uv_run(&x->loop, UV_RUN_ONCE);
	assert_int_equal(x->told, 0);
	assert_true(channel(x)->is_unwell);	/* as was known before */
	assert_false(channel(x)[1].is_unwell);
	for (unsigned i = 0; i < PROBER_AT_ONCE; i++)
		assert_true(x->prober.probes[i].channel == NULL ||
		    x->prober.probes[i].channel == channel(x) ||
		    x->prober.probes[i].channel == channel(x) + 1);
	x->asked_to_end = 2;
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert_int_equal(x->verdict, CHANNEL_FAILED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(test_what_an_answer_says),
		TEST(test_what_is_asked),
		TEST(test_an_endpoint_with_a_base_url_is_asked_there),
		TEST(test_nobody_listens),
		TEST(test_no_answer_in_time),
		TEST(test_an_endless_answer_is_not_read_to_its_end),
		TEST(test_failures_take_a_channel_out_and_an_answer_back_in),
		TEST(test_one_that_ended_something_lately_is_not_asked),
		TEST(test_without_an_interval_none_is_asked),
		TEST(test_only_so_many_at_once),
		TEST(test_first_ones_are_spread_over_the_interval),
		TEST(test_each_is_asked_again_and_again),
		TEST(test_stopping_ends_what_runs),
		TEST(test_a_reload_drops_what_runs),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
