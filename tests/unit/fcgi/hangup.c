/* A client's leaving, as the kernel tells it of a real connection. */
#include "config.h"

#include "fcgi/hangup.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* One request of a client whose TCP connection is real. */
struct fixture {
	uv_loop_t	 loop;
	struct hangup	 hangup;
	uv_timer_t	 guard;
	bool		 guarded;

	int		 listener, client, server;
	char		 texts[5][64];
	const char	*pairs[5];
	unsigned	 name_lens[5];
	struct params	 params;
	struct arena	 arena;

	struct hangup_watch watch;
	int		 armed, left;
};

static void
on_arm(struct hangup_watch *w)
{
	((struct fixture *)((char *)w - offsetof(struct fixture, watch)))->
	    armed++;
}

static void
on_left(struct hangup_watch *w)
{
	struct fixture *x = (struct fixture *)((char *)w -
	    offsetof(struct fixture, watch));

	assert_null(w->link);
	x->left++;
	uv_stop(&x->loop);
}

static void
on_guard(uv_timer_t *timer)
{
	((struct fixture *)timer->data)->guarded = true;
}

static void
connect_client(struct fixture *x)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(name);

	x->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(x->listener, (struct sockaddr *)&name, len), 0);
	assert_int_equal(listen(x->listener, 1), 0);
	getsockname(x->listener, (struct sockaddr *)&name, &len);
	snprintf(x->texts[1], sizeof(x->texts[1]), "SERVER_PORT=%u",
	    (unsigned)ntohs(name.sin_port));
	x->client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(x->client, (struct sockaddr *)&name, len), 0);
	x->server = accept(x->listener, (struct sockaddr *)&name, &len);
	snprintf(x->texts[3], sizeof(x->texts[3]), "REMOTE_PORT=%u",
	    (unsigned)ntohs(name.sin_port));
}

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct fixture *x = &fixture;

	memset(x, 0, sizeof(*x));
	uv_loop_init(&x->loop);
	hangup_init(&x->hangup, &x->loop, 10);
	uv_timer_init(&x->loop, &x->guard);
	x->guard.data = x;
	connect_client(x);
	strcpy(x->texts[0], "SERVER_ADDR=127.0.0.1");
	strcpy(x->texts[2], "REMOTE_ADDR=127.0.0.1");
	strcpy(x->texts[4], "SERVER_SOFTWARE=lighttpd/1.4.69");
	for (int i = 0; i < 5; i++) {
		x->pairs[i] = x->texts[i];
		x->name_lens[i] = (unsigned)strcspn(x->texts[i], "=");
	}
	x->params = (struct params){ .pairs = x->pairs,
	    .name_lens = x->name_lens, .count = 5 };
	arena_init(&x->arena, 100);
	params_index(&x->params, &x->arena);
	x->watch.arm = on_arm;
	x->watch.left = on_left;
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	hangup_end(&x->watch);
	hangup_close(&x->hangup);
	uv_close((uv_handle_t *)&x->guard, NULL);
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&x->loop), 0);
	if (x->client >= 0)
		close(x->client);
	close(x->server);
	close(x->listener);
	arena_fini(&x->arena);
	return 0;
}

/* Turn the loop until something is found, for MS at most. */
static void
turn(struct fixture *x, unsigned ms)
{
	x->guarded = false;
	uv_timer_start(&x->guard, on_guard, ms, 0);
	while (!x->guarded && x->left == 0)
		uv_run(&x->loop, UV_RUN_ONCE);
	uv_timer_stop(&x->guard);
}

static void
poll_results_are_understood(void **state)
{
	(void)state;
	assert_true(hangup_is(UV_EBADF, 0));
	assert_true(hangup_is(0, UV_DISCONNECT));
	assert_true(hangup_is(0, UV_DISCONNECT | UV_WRITABLE));
	assert_false(hangup_is(0, UV_WRITABLE));
	assert_false(hangup_is(0, UV_READABLE));
}

static void
a_client_that_stays_is_left_alone(void **state)
{
	struct fixture *x = *state;

	hangup_begin(&x->hangup, &x->watch, &x->params);
	turn(x, 150);
	assert_int_equal(x->armed, 1);
	assert_int_equal(x->left, 0);
}

static void
a_client_that_closes_has_left(void **state)
{
	struct fixture *x = *state;

	hangup_begin(&x->hangup, &x->watch, &x->params);
	turn(x, 50);
	close(x->client);
	x->client = -1;
	turn(x, 20000);
	assert_int_equal(x->left, 1);
	x->left = 0;
	turn(x, 50);
	assert_int_equal(x->left, 0);		/* told once */
}

static void
a_client_that_resets_has_left(void **state)
{
	struct fixture *x = *state;

	hangup_begin(&x->hangup, &x->watch, &x->params);
	setsockopt(x->client, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
	    sizeof(struct linger));
	close(x->client);
	x->client = -1;
	turn(x, 20000);
	assert_int_equal(x->left, 1);
}

static void
a_connection_of_another_host_is_not_judged(void **state)
{
	struct fixture *x = *state;

	strcpy(x->texts[2], "REMOTE_ADDR=192.0.2.7");
	hangup_begin(&x->hangup, &x->watch, &x->params);
	close(x->client);
	x->client = -1;
	turn(x, 100);
	assert_int_equal(x->left, 0);
	assert_int_equal(x->armed, 1);
	assert_false(x->watch.probing);
}

static void
missing_addresses_are_no_harm(void **state)
{
	struct fixture *x = *state;

	x->params.count = 0;
	hangup_begin(&x->hangup, &x->watch, &x->params);
	turn(x, 100);
	assert_int_equal(x->armed, 1);
	assert_int_equal(x->left, 0);
}

static void
nginx_tells_by_itself(void **state)
{
	struct fixture *x = *state;

	strcpy(x->texts[4], "SERVER_SOFTWARE=nginx/1.22.1");
	hangup_begin(&x->hangup, &x->watch, &x->params);
	assert_false(x->watch.probing);
	turn(x, 50);
	assert_int_equal(x->armed, 1);
}

static void
an_ended_watch_says_nothing(void **state)
{
	struct fixture *x = *state;

	hangup_begin(&x->hangup, &x->watch, &x->params);
	hangup_end(&x->watch);
	hangup_end(&x->watch);
	close(x->client);
	x->client = -1;
	turn(x, 100);
	assert_int_equal(x->armed, 0);
	assert_int_equal(x->left, 0);
	assert_false(uv_is_active((uv_handle_t *)&x->hangup.timer));
}

static void
a_watch_can_begin_again(void **state)
{
	struct fixture *x = *state;

	for (int i = 1; i <= 3; i++) {
		hangup_begin(&x->hangup, &x->watch, &x->params);
		turn(x, 40);
		assert_int_equal(x->armed, i);
		hangup_end(&x->watch);
	}
}

static void
many_watches_keep_apart(void **state)
{
	struct fixture *x = *state;
	struct fixture others[3];
	struct params none = { .count = 0 };

	memset(others, 0, sizeof(others));
	for (int i = 0; i < 3; i++) {
		others[i].watch.arm = on_arm;
		others[i].watch.left = on_left;
		hangup_begin(&x->hangup, &others[i].watch, &none);
	}
	hangup_end(&others[1].watch);
	hangup_begin(&x->hangup, &x->watch, &x->params);
	hangup_end(&others[0].watch);
	close(x->client);
	x->client = -1;
	turn(x, 20000);
	assert_int_equal(x->left, 1);
	assert_int_equal(others[0].armed, 0);
	assert_int_equal(others[1].armed, 0);
	assert_int_equal(others[2].armed, 1);
	assert_int_equal(others[2].left, 0);
	hangup_end(&others[2].watch);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(poll_results_are_understood),
		TEST(a_client_that_stays_is_left_alone),
		TEST(a_client_that_closes_has_left),
		TEST(a_client_that_resets_has_left),
		TEST(a_connection_of_another_host_is_not_judged),
		TEST(missing_addresses_are_no_harm),
		TEST(nginx_tells_by_itself),
		TEST(an_ended_watch_says_nothing),
		TEST(a_watch_can_begin_again),
		TEST(many_watches_keep_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
