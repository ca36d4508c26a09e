/* Accepting: which mode the process is in, and when it stops. */
#include "config.h"

#include "fcgi/front.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static const struct request_handler no_handler;
static const struct front_limits limits = {
	.client_buffer = 1000, .linger_bytes = 1000,
	.intake_idle_ms = 60000, .intake_total_ms = 60000,
};

/* A listening socket without a place in the file system. */
static int
listen_anywhere(struct sockaddr_un *name, socklen_t *len)
{
	int	 fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	assert_int_equal(bind(fd, (struct sockaddr *)name,
	    sizeof(sa_family_t)), 0);
	*len = sizeof(*name);
	assert_int_equal(getsockname(fd, (struct sockaddr *)name, len), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

/* front_is_fastcgi with FD as standard input. */
static bool
is_fastcgi_with(int fd)
{
	int	 saved = dup(STDIN_FILENO);
	bool	 is;

	dup2(fd, STDIN_FILENO);
	is = front_is_fastcgi();
	if (saved >= 0)
		dup2(saved, STDIN_FILENO);
	else
		close(STDIN_FILENO);
	close(saved);
	return is;
}

static void
only_a_listening_socket_is_fastcgi(void **state)
{
	struct sockaddr_un name;
	socklen_t len;
	int	 listening = listen_anywhere(&name, &len), pair[2], pipes[2];
	int	 null = open("/dev/null", O_RDONLY);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(pipe(pipes), 0);
	assert_true(is_fastcgi_with(listening));
	assert_false(is_fastcgi_with(pair[0]));	/* mod_cgid */
	assert_false(is_fastcgi_with(pipes[0]));
	assert_false(is_fastcgi_with(null));
	close(listening);
	close(pair[0]);
	close(pair[1]);
	close(pipes[0]);
	close(pipes[1]);
	close(null);
}

struct fixture {
	uv_loop_t	 loop;
	struct front	 front;
	struct sockaddr_un name;
	socklen_t	 len;
	int		 stops;
};

static void
on_stopped(struct front *f)
{
	((struct fixture *)((char *)f - offsetof(struct fixture, front)))->
	    stops++;
}

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	int	 fd = listen_anywhere(&x->name, &x->len);

	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&x->loop);
	x->front.stopped = on_stopped;
	assert_int_equal(front_open(&x->front, &x->loop, fd, &no_handler,
	    &limits, 500), 0);
	*state = x;
	return 0;
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(x->front.conn_count, 0);
	hangup_close(&x->front.hangup);
	uv_walk(&x->loop, close_handle, NULL);
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&x->loop), 0);
	close(x->front.listen_fd);
	free(x);
	return 0;
}

static int
connect_to(struct fixture *x)
{
	int	 fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&x->name, x->len), 0);
	return fd;
}

static void
turn_until_count_is(struct fixture *x, size_t count)
{
	for (int i = 0; x->front.conn_count != count && i < 5000; i++) {
		uv_run(&x->loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 1);
	}
	assert_int_equal(x->front.conn_count, count);
}

static bool
is_at_end(int fd)
{
	char	 c;

	return read(fd, &c, 1) == 0;
}

static void
connections_are_counted(void **state)
{
	enum { COUNT = 50 };
	struct fixture *x = *state;
	int	 fds[COUNT];

	for (int i = 0; i < COUNT; i++)
		fds[i] = connect_to(x);
	turn_until_count_is(x, COUNT);
	for (int i = 0; i < COUNT / 2; i++)
		close(fds[i]);
	turn_until_count_is(x, COUNT / 2);
	for (int i = COUNT / 2; i < COUNT; i++)
		close(fds[i]);
	turn_until_count_is(x, 0);
}

static void
stopping_without_connections_is_at_once(void **state)
{
	struct fixture *x = *state;

	front_stop(&x->front);
	assert_int_equal(x->stops, 1);
	front_stop(&x->front);
	assert_int_equal(x->stops, 1);
}

static void
stopping_closes_idle_connections(void **state)
{
	struct fixture *x = *state;
	int	 a = connect_to(x), b = connect_to(x);

	turn_until_count_is(x, 2);
	front_stop(&x->front);
	turn_until_count_is(x, 0);
	assert_int_equal(x->stops, 1);
	assert_true(is_at_end(a));
	assert_true(is_at_end(b));
	close(a);
	close(b);
}

static void
nobody_is_accepted_after_stopping(void **state)
{
	struct fixture *x = *state;
	int	 fd;

	front_stop(&x->front);
	fd = connect_to(x);
	for (int i = 0; i < 20; i++)
		uv_run(&x->loop, UV_RUN_NOWAIT);
	assert_int_equal(x->front.conn_count, 0);
	close(fd);
}

/* It neither spins nor gives up: the next sweep tries again. */
static void
it_survives_a_lack_of_descriptors(void **state)
{
	struct fixture *x = *state;
	struct rlimit old, none;
	int	 fd = connect_to(x);

	log_open(NULL, LOG_LEVEL_ERROR);
	uv_run(&x->loop, UV_RUN_NOWAIT);	/* libuv's own are open */
	turn_until_count_is(x, 1);
	close(fd);
	turn_until_count_is(x, 0);
	fd = connect_to(x);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; x->front.accepting && i < 5000; i++)
		uv_run(&x->loop, UV_RUN_NOWAIT);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_false(x->front.accepting);
	assert_int_equal(x->front.conn_count, 0);
	close(fd);
	fd = connect_to(x);
	turn_until_count_is(x, 1);
	assert_true(x->front.accepting);
	close(fd);
	turn_until_count_is(x, 0);
	log_open(NULL, LOG_LEVEL_INFO);
}

/* Those beyond wait in the backlog until one has closed. */
static void
connections_have_a_limit(void **state)
{
	struct fixture *x = *state;
	int	 fds[6];

	x->front.conn_max = 3;
	for (int i = 0; i < 6; i++)
		fds[i] = connect_to(x);
	turn_until_count_is(x, 3);
	for (int i = 0; i < 20; i++)
		uv_run(&x->loop, UV_RUN_NOWAIT);
	assert_int_equal(x->front.conn_count, 3);
	assert_false(x->front.accepting);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	turn_until_count_is(x, 2);
	close(fds[4]);
	close(fds[5]);
	turn_until_count_is(x, 0);
	for (int i = 0; !x->front.accepting && i < 20; i++)
		uv_run(&x->loop, UV_RUN_NOWAIT);
	assert_true(x->front.accepting);
}

static void
descriptors_are_not_inherited(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(fcntl(x->front.listen_fd, F_GETFD) & FD_CLOEXEC,
	    FD_CLOEXEC);
}

/* Does a front on a TCP port talk to us, with this list of web servers? */
static bool
accepts_with(const char *list)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(name);
	struct front front = { .stopped = on_stopped };
	uv_loop_t loop;
	bool	 taken = false, refused = false;
	int	 fd = socket(AF_INET, SOCK_STREAM, 0);
	int	 client = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	getsockname(fd, (struct sockaddr *)&name, &len);
	setenv("FCGI_WEB_SERVER_ADDRS", list, 1);
	uv_loop_init(&loop);
	assert_int_equal(front_open(&front, &loop, fd, &no_handler, &limits,
	    500), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&name, len), 0);
	fcntl(client, F_SETFL, O_NONBLOCK);
	for (int i = 0; !taken && !refused && i < 5000; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		taken = front.conn_count == 1;
		refused = is_at_end(client);
		poll(NULL, 0, 1);
	}
	assert_true(taken != refused);
	close(client);
	while (front.conn_count > 0)
		uv_run(&loop, UV_RUN_ONCE);
	hangup_close(&front.hangup);
	uv_walk(&loop, close_handle, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	close(fd);
	unsetenv("FCGI_WEB_SERVER_ADDRS");
	return taken;
}

static void
only_named_servers_may_connect(void **state)
{
	(void)state;
	log_open(NULL, LOG_LEVEL_ERROR);
	assert_true(accepts_with("127.0.0.1"));
	assert_true(accepts_with("192.0.2.1,127.0.0.1"));
	assert_true(accepts_with("127.0.0.1,192.0.2.1"));
	assert_false(accepts_with("192.0.2.1"));
	assert_false(accepts_with("127.0.0.10"));
	assert_false(accepts_with("127.0.0"));
	assert_false(accepts_with("1127.0.0.1"));
	log_open(NULL, LOG_LEVEL_INFO);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_listening_socket_is_fastcgi),
		TEST(connections_are_counted),
		TEST(stopping_without_connections_is_at_once),
		TEST(stopping_closes_idle_connections),
		TEST(nobody_is_accepted_after_stopping),
		TEST(it_survives_a_lack_of_descriptors),
		TEST(connections_have_a_limit),
		TEST(descriptors_are_not_inherited),
		cmocka_unit_test(only_named_servers_may_connect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
