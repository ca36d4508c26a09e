/* Transfers on the loop: side by side, taken out, and nothing left behind. */
#include "config.h"

#include "upstream/client.h"

#include <poll.h>
#include <semaphore.h>

#include "tests/unit/upstream/server.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct fixture {
	uv_loop_t	 loop;
	struct client	 client;
	uv_timer_t	 guard;
	struct server	 server;
};

struct load {
	struct client_transfer transfer;
	struct client	*client;
	uv_loop_t	*loop;
	size_t		 bytes;
	int		 dones;
	CURLcode	 code;
	int		 pauses;	/* to come, one before each piece of the body */
	bool		 is_paused;
};

/*
 * In the place of libc's, for libcurl too: where this is set, a request is
 * answered before send has returned, however busy the machine is.
 */
static _Thread_local bool upstream_is_quick;

ssize_t
send(int fd, const void *bytes, size_t n, int flags)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	ssize_t	 sent = sendto(fd, bytes, n, flags, NULL, 0);

	if (upstream_is_quick && sent > 0)
		poll(&readable, 1, 60000);
	return sent;
}

static sem_t may_speak, has_spoken;	/* between a server's answers */

static void
on_guard(uv_timer_t *timer)
{
	(void)timer;
	fail_msg("it does not end");
}

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	uv_loop_init(&x->loop);
	assert_int_equal(client_open(&x->client, &x->loop), ERR_NONE);
	uv_timer_init(&x->loop, &x->guard);
	uv_timer_start(&x->guard, on_guard, 60000, 0);
	sem_init(&may_speak, 0, 0);
	sem_init(&has_spoken, 0, 0);
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	client_close(&x->client);
	sem_post(&may_speak);
	server_stop(&x->server);
	uv_close((uv_handle_t *)&x->guard, NULL);
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&x->loop), 0);
	free(x);
	return 0;
}

static void
on_done(struct client_transfer *t, CURLcode code)
{
	struct load *l = (struct load *)((char *)t -
	    offsetof(struct load, transfer));

	if (client_may_replace(t, code)) {
		assert_int_equal(client_replace(l->client, t), ERR_NONE);
		return;
	}
	l->dones++;
	l->code = code;
	uv_stop(l->loop);		/* or this turn would wait for another event */
}

static size_t
on_data(char *bytes, size_t size, size_t n, void *arg)
{
	struct load *l = arg;

	(void)bytes;
	if (l->pauses > 0) {
		l->pauses--;
		l->is_paused = true;
		uv_stop(l->loop);
		return CURL_WRITEFUNC_PAUSE;
	}
	l->bytes += size * n;
	return size * n;
}

static void
load_start(struct fixture *x, struct load *l, const char *url)
{
	bool	 is_fresh;

	*l = (struct load){ .transfer.done = on_done, .loop = &x->loop,
		.client = &x->client };
	l->transfer.easy = client_take(&x->client, false, &is_fresh);
	assert_non_null(l->transfer.easy);
	curl_easy_setopt(l->transfer.easy, CURLOPT_URL, url);
	curl_easy_setopt(l->transfer.easy, CURLOPT_PROXY, "");
	curl_easy_setopt(l->transfer.easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(l->transfer.easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(l->transfer.easy, CURLOPT_WRITEDATA, l);
	assert_int_equal(client_start(&x->client, &l->transfer), ERR_NONE);
}

static void
load_end(struct load *l)
{
	curl_easy_cleanup(l->transfer.easy);
}

static void
turn_until(struct fixture *x, const int *dones, int want)
{
	while (*dones < want)
		uv_run(&x->loop, UV_RUN_ONCE);
}

static void
serve(struct server *s, int fd)
{
	while (server_read(s, fd))
		server_say(fd, ANSWER);
}

static void
serve_once(struct server *s, int fd)
{
	if (server_read(s, fd))
		server_say(fd, ANSWER);
}

static void
serve_never(struct server *s, int fd)
{
	(void)s;
	server_wait_for_close(fd);
}

static void
done_is_not_called_while_starting(void **state)
{
	struct fixture *x = *state;
	struct load l;

	server_start(&x->server, serve);
	load_start(x, &l, x->server.url);
	assert_int_equal(l.dones, 0);
	turn_until(x, &l.dones, 1);
	assert_int_equal(l.code, CURLE_OK);
	assert_int_equal(l.bytes, 2);
	load_end(&l);
}

static void
failures_are_told(void **state)
{
	struct fixture *x = *state;
	struct load l;

	server_listen(&x->server, 1);
	shutdown(x->server.fd, SHUT_RDWR);
	load_start(x, &l, x->server.url);
	turn_until(x, &l.dones, 1);
	assert_int_equal(l.code, CURLE_COULDNT_CONNECT);
	load_end(&l);
}

static void
warm_connections_are_shared(void **state)
{
	struct fixture *x = *state;
	struct load l;

	server_start(&x->server, serve);
	for (int i = 0; i < 30; i++) {
		load_start(x, &l, x->server.url);
		turn_until(x, &l.dones, 1);
		assert_int_equal(l.code, CURLE_OK);
		load_end(&l);
	}
	assert_int_equal(x->server.connections, 1);
}

/* The server closes after each answer: every number is used again. */
static void
connections_that_die_in_the_pool_are_forgotten(void **state)
{
	struct fixture *x = *state;
	struct load l;

	server_start(&x->server, serve_once);
	for (int i = 0; i < 30; i++) {
		load_start(x, &l, x->server.url);
		turn_until(x, &l.dones, 1);
		assert_int_equal(l.code, CURLE_OK);
		load_end(&l);
		for (int j = 0; j < i % 3; j++)
			uv_run(&x->loop, UV_RUN_NOWAIT);
	}
}

/* ---- In use, or at rest. ---- */

static size_t long_answer_bytes;

/* The beginning first: what follows comes while the transfer is paused. */
static void
serve_long(struct server *s, int fd)
{
	static const char piece[65536];
	char	 head[80];
	size_t	 n;

	while (server_read(s, fd)) {
		snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n"
		    "Content-Length: %zu\r\n\r\n", long_answer_bytes);
		server_say(fd, head);
		for (size_t left = long_answer_bytes; left > 0; left -= n) {
			n = left < sizeof(piece) ? left : sizeof(piece);
			server_send(fd, piece, n);
		}
	}
}

static void
turn_a_little(struct fixture *x)
{
	for (int i = 0; i < 5; i++)
		uv_run(&x->loop, UV_RUN_NOWAIT);
}

static void
load_slowly(struct fixture *x, int pauses)
{
	struct load l;

	load_start(x, &l, x->server.url);
	l.pauses = pauses;
	while (l.dones == 0) {
		uv_run(&x->loop, UV_RUN_ONCE);
		if (!l.is_paused)
			continue;
		assert_int_equal(l.transfer.use.state, SOCKET_USED);
		turn_a_little(x);
		l.is_paused = false;
		client_resume(&x->client, &l.transfer);
	}
	assert_int_equal(l.code, CURLE_OK);
	assert_int_equal(l.bytes, long_answer_bytes);
	load_end(&l);
}

/*
 * Sent, answered and paused in one go: libcurl has asked to know nothing of the
 * socket, as of one that rests, and there is more to read.
 */
static void
a_connection_is_not_shut_while_it_is_used(void **state)
{
	static const size_t sizes[] = { 2, 5000, 300000, 3 << 20 };
	struct fixture *x = *state;

	server_start(&x->server, serve_long);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (int pauses = 0; pauses < 4; pauses++)
			for (int at_once = 0; at_once < 2; at_once++) {
				long_answer_bytes = sizes[i];
				upstream_is_quick = at_once != 0;
				load_slowly(x, pauses);
				upstream_is_quick = false;
				if (pauses % 2 == 0)
					turn_a_little(x);
			}
	server_stop(&x->server);
	assert_int_equal(x->server.connections, 1);
	server_listen(&x->server, 1);
}

/* After each answer one that nobody has asked for. */
static void
serve_unasked(struct server *s, int fd)
{
	while (server_read(s, fd)) {
		server_say(fd, ANSWER);
		sem_wait(&may_speak);
		server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
		    "unasked");
		sem_post(&has_spoken);
	}
}

static void
what_nobody_asked_for_is_no_answer(void **state)
{
	struct fixture *x = *state;
	struct load l;

	server_start(&x->server, serve_unasked);
	for (int i = 0; i < 20; i++) {
		upstream_is_quick = i % 4 >= 2;
		load_start(x, &l, x->server.url);
		turn_until(x, &l.dones, 1);
		upstream_is_quick = false;
		assert_int_equal(l.code, CURLE_OK);
		assert_int_equal(l.bytes, 2);
		load_end(&l);
		sem_post(&may_speak);
		sem_wait(&has_spoken);
		if (i % 2 == 0)
			turn_a_little(x);
	}
}

/* One connection at a time is served, so the others wait their turn. */
static void
many_run_side_by_side(void **state)
{
	enum { COUNT = 100 };
	static struct load loads[COUNT];
	struct fixture *x = *state;

	server_start(&x->server, serve_once);
	for (int i = 0; i < COUNT; i++)
		load_start(x, &loads[i], x->server.url);
	for (int i = 0; i < COUNT; i++) {
		turn_until(x, &loads[i].dones, 1);
		assert_int_equal(loads[i].code, CURLE_OK);
		assert_int_equal(loads[i].bytes, 2);
		load_end(&loads[i]);
	}
}

static void
what_is_taken_out_is_not_told(void **state)
{
	struct fixture *x = *state;
	struct load l, other;

	server_start(&x->server, serve_never);
	for (int turns = 0; turns < 6; turns++) {
		load_start(x, &l, x->server.url);
		for (int i = 0; i < turns; i++)
			uv_run(&x->loop, UV_RUN_NOWAIT);
		client_remove(&x->client, &l.transfer);
		load_end(&l);
		load_start(x, &other, "http://127.0.0.1:1/");
		turn_until(x, &other.dones, 1);
		assert_int_equal(l.dones, 0);
		load_end(&other);
	}
}

static void
it_may_close_with_a_full_pool(void **state)
{
	enum { COUNT = 20 };
	static struct load loads[COUNT];
	struct fixture *x = *state;

	server_listen(&x->server, 64);
	for (int i = 0; i < COUNT; i++)
		load_start(x, &loads[i], x->server.url);
	for (int i = 0; i < 20; i++)
		uv_run(&x->loop, UV_RUN_NOWAIT);
	for (int i = 0; i < COUNT; i++) {
		client_remove(&x->client, &loads[i].transfer);
		load_end(&loads[i]);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(done_is_not_called_while_starting),
		TEST(failures_are_told),
		TEST(warm_connections_are_shared),
		TEST(connections_that_die_in_the_pool_are_forgotten),
		TEST(a_connection_is_not_shut_while_it_is_used),
		TEST(what_nobody_asked_for_is_no_answer),
		TEST(many_run_side_by_side),
		TEST(what_is_taken_out_is_not_told),
		TEST(it_may_close_with_a_full_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
