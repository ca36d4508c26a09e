/* A connection from its first byte to its last, against a web server's side. */
#include "config.h"

#include "fcgi/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/fcgi/wire.h"

enum { LATER_MS = 3600000 };

/* What the handler was told, as one text, and how it behaves. */
static struct {
	char	 told[256];		/* H(ead) B(ody) R(esume) E(nd of body) G(one) D(one: end) W(ritable) */
	size_t	 body_len;
	char	 body[400000];
	char	 path[64];
	enum err body_err;
	int	 requests, ended;
	struct request *current;

	int	 busy;			/* turns that each piece of the body takes */
	int	 turns;			/* of them that are left */
	bool	 refuses;		/* answer in resume */
	bool	 early;			/* answer in head */
	bool	 silent;		/* do not answer at all */
	bool	 unended;		/* write the answer, do not end it */
	bool	 tells_length;		/* of that */
	bool	 gone;			/* whether the client had left, at the end */
	size_t	 much;			/* answer so many bytes, as the client takes them */
	size_t	 written;
} seen;

static void
tell(char what)
{
	size_t	 n = strlen(seen.told);

	if (n > 0 && seen.told[n - 1] == what && strchr("BRW", what) != NULL)
		return;
	assert_true(n + 1 < sizeof(seen.told));
	seen.told[n] = what;
	seen.told[n + 1] = '\0';
}

static void
answer(struct request *r, int status, const char *text)
{
	response_begin(&r->response, status);
	response_field(&r->response, "X-Path", seen.path);
	request_end(r, text, strlen(text));
}

static void
on_head(struct request *r)
{
	const char *path = params_get(&r->params, "REQUEST_URI");

	tell('H');
	seen.requests++;
	seen.current = r;
	seen.body_len = 0;
	snprintf(seen.path, sizeof(seen.path), "%s", path == NULL ? "-" : path);
	if (r->err != ERR_NONE)
		answer(r, err_get(r->err)->status, "unread");
	else if (seen.early)
		answer(r, 401, "early");
}

static void
on_body(struct request *r, const char *bytes, size_t n)
{
	assert_ptr_equal(r, seen.current);
	tell('B');
	assert_false(r->is_busy);
	r->is_busy = seen.busy > 0;
	seen.turns = seen.busy;
	assert_true(seen.body_len + n <= sizeof(seen.body));
	memcpy(seen.body + seen.body_len, bytes, n);
	seen.body_len += n;
}

static void
on_resume(struct request *r)
{
	assert_ptr_equal(r, seen.current);
	assert_true(r->is_busy);
	tell('R');
	if (seen.refuses)
		answer(r, 413, "late");
	r->is_busy = --seen.turns > 0;
}

static void
write_much(struct request *r)
{
	static char bytes[5000];

	while (seen.written < seen.much &&
	    !response_is_full(&r->response)) {
		size_t n = seen.much - seen.written;

		n = n < sizeof(bytes) ? n : sizeof(bytes);
		seen.written += n;
		if (request_write(r, bytes, n) != ERR_NONE)
			return;
	}
	if (seen.written == seen.much)
		request_end(r, NULL, 0);
}

static void
on_body_end(struct request *r, enum err err)
{
	tell('E');
	seen.body_err = err;
	if (seen.silent && err == ERR_NONE)
		return;
	if (seen.much > 0) {
		response_begin(&r->response, 200);
		write_much(r);
	} else if (seen.unended) {
		response_begin(&r->response, 200);
		if (seen.tells_length)
			response_length(&r->response, 5);
		request_write(r, "hello", 5);
	} else
		answer(r, err == ERR_NONE ? 200 : err_get(err)->status,
		    "hello");
}

static void
on_writable(struct request *r)
{
	tell('W');
	write_much(r);
}

static void
on_gone(struct request *r)
{
	tell('G');
	assert_true(r->gone);
	request_abort(r);
}

static void
on_end(struct request *r)
{
	assert_ptr_equal(r, seen.current);
	tell('D');
	seen.gone = r->gone;
	seen.ended++;
	seen.current = NULL;
}

static const struct request_handler handler = {
	.head = on_head, .body = on_body, .resume = on_resume,
	.body_end = on_body_end, .writable = on_writable, .gone = on_gone,
	.end = on_end,
};

/* A front, and one web server that talks to it. */
struct talk {
	uv_loop_t	 loop;
	struct front	 front;
	int		 fd;		/* the web server's */
	struct buf	 out, in;
	bool		 eof, stopped;
	struct sockaddr_un name;
	socklen_t	 name_len;
};

static void
on_stopped(struct front *f)
{
	((struct talk *)((char *)f - offsetof(struct talk, front)))->stopped =
	    true;
}

static int
talk_listen(struct sockaddr_un *name, socklen_t *len)
{
	int	 fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	assert_int_equal(bind(fd, (struct sockaddr *)name,
	    sizeof(sa_family_t)), 0);		/* the kernel picks a name */
	*len = sizeof(*name);
	assert_int_equal(getsockname(fd, (struct sockaddr *)name, len), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static void
talk_connect(struct talk *t)
{
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(t->fd, (struct sockaddr *)&t->name,
	    t->name_len), 0);
	buf_fini(&t->in);
}

static int
talk_open(void **state)
{
	static const struct front_limits limits = {
		.client_buffer = 20000, .linger_bytes = 1000000,
		.intake_idle_ms = 60000, .intake_total_ms = 600000,
	};
	struct talk *t = calloc(1, sizeof(*t));
	int	 fd = talk_listen(&t->name, &t->name_len);

	signal(SIGPIPE, SIG_IGN);
	memset(&seen, 0, sizeof(seen));
	front_init_library();
	uv_loop_init(&t->loop);
	t->front.stopped = on_stopped;
	assert_int_equal(front_open(&t->front, &t->loop, fd, &handler,
	    &limits, 10), 0);
	buf_init(&t->out, WIRE_MAX);
	buf_init(&t->in, WIRE_MAX);
	talk_connect(t);
	*state = t;
	return 0;
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* The web server leaves; then nothing may be left. */
static int
talk_close(void **state)
{
	struct talk *t = *state;

	if (t->fd >= 0)
		close(t->fd);
	for (int i = 0; t->front.conn_count > 0 && i < 2000; i++) {
		uv_run(&t->loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 1);
	}
	assert_int_equal(t->front.conn_count, 0);
	assert_int_equal(seen.ended, seen.requests);
	hangup_close(&t->front.hangup);
	uv_walk(&t->loop, close_handle, NULL);
	uv_run(&t->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&t->loop), 0);
	close(t->front.listen_fd);
	buf_fini(&t->out);
	buf_fini(&t->in);
	free(t);
	return 0;
}

/* One turn: send what waits, turn the loop, read what came. */
static void
turn(struct talk *t)
{
	static char bytes[65536];
	ssize_t	 n;

	if (t->fd >= 0 && buf_len(&t->out) > 0 && (n = send(t->fd,
	    buf_data(&t->out), buf_len(&t->out), MSG_NOSIGNAL)) > 0)
		buf_consume(&t->out, (size_t)n);
	uv_run(&t->loop, UV_RUN_NOWAIT);
	if (t->fd < 0)
		return;
	n = read(t->fd, bytes, sizeof(bytes));
	if (n > 0)
		buf_append(&t->in, bytes, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		t->eof = true;
	else
		poll(NULL, 0, 1);
}

#define TURN_UNTIL(t, condition) do {					\
	for (int turns = 0; !(condition) && turns < 20000; turns++)	\
		turn(t);						\
	assert_true(condition);						\
} while (0)

/* Some turns in which nothing should happen. */
static void
turn_a_little(struct talk *t)
{
	for (int i = 0; i < 50; i++)
		turn(t);
}

static bool
has_answer(struct talk *t, unsigned id, struct wire_answer *a)
{
	buf_fini(&a->text);
	wire_parse(a, buf_data(&t->in), buf_len(&t->in), id);
	return a->ended;
}

/* Wait for the answer to request ID and take it off. */
static void
take_answer(struct talk *t, unsigned id, const char *status, const char *path,
    const char *body)
{
	struct wire_answer a = { .used = 0 };
	char	 want[256];

	TURN_UNTIL(t, has_answer(t, id, &a));
	snprintf(want, sizeof(want), "Status: %s\r\nX-Path: %s\r\n\r\n%s",
	    status, path, body);
	assert_int_equal(buf_len(&a.text), strlen(want));
	assert_memory_equal(buf_data(&a.text), want, strlen(want));
	buf_consume(&t->in, a.used);
	buf_fini(&a.text);
	TURN_UNTIL(t, seen.ended == seen.requests);
}

static struct conn *
only_conn(struct talk *t)
{
	assert_int_equal(t->front.conn_count, 1);
	return t->front.conns;
}

/* ---- Requests that go well. ---- */

static void
one_request_is_answered_and_closed(void **state)
{
	struct talk *t = *state;

	wire_head(&t->out, 1, false, "/a", "3");
	wire_body(&t->out, 1, "abc", 3);
	wire_end(&t->out, 1);
	take_answer(t, 1, "200 OK", "/a", "hello");
	assert_int_equal(seen.body_len, 3);
	assert_memory_equal(seen.body, "abc", 3);
	assert_int_equal(seen.body_err, ERR_NONE);
	TURN_UNTIL(t, t->eof);
	assert_string_equal(seen.told, "HBED");
}

static void
a_request_may_come_byte_by_byte(void **state)
{
	struct talk *t = *state;
	struct buf all;

	buf_init(&all, WIRE_MAX);
	wire_head(&all, 258, true, "/slow", NULL);
	wire_body(&all, 258, "abc", 3);
	wire_end(&all, 258);
	for (size_t i = 0; i < buf_len(&all); i++) {
		buf_append(&t->out, buf_data(&all) + i, 1);
		turn(t);
	}
	buf_fini(&all);
	take_answer(t, 258, "200 OK", "/slow", "hello");
	assert_memory_equal(seen.body, "abc", 3);
	assert_string_equal(seen.told, "HBED");
}

static void
a_large_body_arrives_whole(void **state)
{
	static char body[350000];
	struct talk *t = *state;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)(i % 251);
	wire_head(&t->out, 1, false, "/", "350000");
	wire_body(&t->out, 1, body, sizeof(body));
	wire_end(&t->out, 1);
	take_answer(t, 1, "200 OK", "/", "hello");
	assert_int_equal(seen.body_len, sizeof(body));
	assert_memory_equal(seen.body, body, sizeof(body));
}

/* What comes meanwhile waits, the end of the body and the next request, too. */
static void
a_busy_request_takes_its_turns(void **state)
{
	static char body[350000];
	struct talk *t = *state;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)(i % 251);
	for (seen.busy = 1; seen.busy <= 3; seen.busy++) {
		seen.told[0] = '\0';
		wire_head(&t->out, 1, true, "/busy", "350000");
		wire_body(&t->out, 1, body, sizeof(body));
		wire_end(&t->out, 1);
		wire_head(&t->out, 2, true, "/next", NULL);
		wire_body(&t->out, 2, "abc", 3);
		wire_end(&t->out, 2);
		TURN_UNTIL(t, seen.requests == 2 * seen.busy);
		take_answer(t, 1, "200 OK", "/busy", "hello");
		take_answer(t, 2, "200 OK", "/next", "hello");
		assert_string_equal(seen.told + strlen(seen.told) - 5, "HBRED");
		assert_memory_equal(seen.body, "abc", 3);
	}
}

static void
a_busy_request_gets_its_body_whole(void **state)
{
	static char body[350000];
	struct talk *t = *state;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)(i % 251);
	seen.busy = 2;
	wire_head(&t->out, 1, false, "/", "350000");
	wire_body(&t->out, 1, body, sizeof(body));
	wire_end(&t->out, 1);
	take_answer(t, 1, "200 OK", "/", "hello");
	assert_int_equal(seen.body_len, sizeof(body));
	assert_memory_equal(seen.body, body, sizeof(body));
}

static void
a_busy_request_may_be_refused(void **state)
{
	static char body[350000];
	struct talk *t = *state;

	seen.busy = 1000000;
	seen.refuses = true;
	wire_head(&t->out, 1, true, "/", "350000");
	wire_body(&t->out, 1, body, sizeof(body));
	wire_end(&t->out, 1);
	take_answer(t, 1, "413 Content Too Large", "/", "late");
	assert_string_equal(seen.told, "HBRD");
	seen.busy = 0;
	wire_head(&t->out, 2, false, "/next", NULL);
	wire_end(&t->out, 2);
	take_answer(t, 2, "200 OK", "/next", "hello");
}

static void
a_busy_request_has_a_deadline(void **state)
{
	struct talk *t = *state;

	seen.busy = 1000000;
	wire_head(&t->out, 1, false, "/", "3");
	wire_body(&t->out, 1, "abc", 3);
	wire_end(&t->out, 1);
	TURN_UNTIL(t, strchr(seen.told, 'R') != NULL);
	conn_sweep(only_conn(t), uv_now(&t->loop) + LATER_MS);
	take_answer(t, 1, "408 Request Timeout", "/", "hello");
	assert_string_equal(seen.told, "HBRED");
}

static void
leaving_while_busy(void **state)
{
	struct talk *t = *state;

	seen.busy = 20;
	wire_head(&t->out, 1, false, "/", "3");
	wire_body(&t->out, 1, "abc", 3);
	TURN_UNTIL(t, strchr(seen.told, 'R') != NULL);
	close(t->fd);
	t->fd = -1;
	TURN_UNTIL(t, seen.ended == 1);
	assert_string_equal(seen.told, "HBRGD");
}

static void
a_connection_is_kept(void **state)
{
	struct talk *t = *state;

	for (int i = 0; i < 20; i++) {
		wire_head(&t->out, 1, true, "/again", "0");
		wire_end(&t->out, 1);
		take_answer(t, 1, "200 OK", "/again", "hello");
		assert_false(t->eof);
	}
	assert_int_equal(seen.requests, 20);
	assert_int_equal(t->front.conn_count, 1);
	wire_head(&t->out, 1, false, "/last", "0");
	wire_end(&t->out, 1);
	take_answer(t, 1, "200 OK", "/last", "hello");
	TURN_UNTIL(t, t->eof);
}

/* Ten requests in one piece: each waits for the one before it. */
static void
pipelined_requests_are_answered_in_order(void **state)
{
	struct talk *t = *state;
	char	 path[16];

	for (unsigned i = 1; i <= 10; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		wire_head(&t->out, i, true, path, NULL);
		wire_body(&t->out, i, path, strlen(path));
		wire_end(&t->out, i);
	}
	for (unsigned i = 1; i <= 10; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		take_answer(t, i, "200 OK", path, "hello");
	}
	assert_string_equal(seen.told, "HBEDHBEDHBEDHBEDHBEDHBEDHBEDHBEDHBEDHBED");
}

static void
a_large_answer_waits_for_a_slow_client(void **state)
{
	struct talk *t = *state;
	struct wire_answer a = { .used = 0 };
	size_t	 n;

	seen.much = 3000000;
	wire_head(&t->out, 1, true, "/much", NULL);
	wire_end(&t->out, 1);
	n = buf_len(&t->out);
	assert_int_equal(write(t->fd, buf_data(&t->out), n), n);
	buf_consume(&t->out, n);
	for (int i = 0; i < 50; i++)		/* and nobody reads */
		uv_run(&t->loop, UV_RUN_NOWAIT);
	assert_true(seen.written < 1000000);
	TURN_UNTIL(t, has_answer(t, 1, &a));
	wire_find_body(&a, &n);
	assert_int_equal(n, 3000000);
	assert_string_equal(seen.told, "HEWD");
	buf_fini(&a.text);
}

/* ---- Bodies that are not what was announced. ---- */

static void
a_short_body_is_truncated(void **state)
{
	struct talk *t = *state;

	wire_head(&t->out, 1, true, "/short", "10");
	wire_body(&t->out, 1, "abc", 3);
	wire_end(&t->out, 1);
	take_answer(t, 1, "400 Bad Request", "/short", "hello");
	assert_int_equal(seen.body_err, ERR_BODY_TRUNCATED);
	assert_int_equal(t->front.conn_count, 1);
}

static void
an_unknown_length_is_fine(void **state)
{
	struct talk *t = *state;

	wire_head(&t->out, 1, true, "/", "");
	wire_body(&t->out, 1, "abc", 3);
	wire_end(&t->out, 1);
	take_answer(t, 1, "200 OK", "/", "hello");
	assert_int_equal(seen.body_len, 3);
}

/* ---- Answers before the request is complete. ---- */

static void
an_early_answer_arrives_and_the_rest_is_discarded(void **state)
{
	static char body[300000];
	struct talk *t = *state;

	seen.early = true;
	wire_head(&t->out, 1, false, "/early", "300000");
	wire_body(&t->out, 1, body, 1000);
	take_answer(t, 1, "401 Unauthorized", "/early", "early");
	TURN_UNTIL(t, t->eof);			/* our side is shut down */
	assert_int_equal(t->front.conn_count, 1);
	wire_body(&t->out, 1, body, sizeof(body) - 1000);
	TURN_UNTIL(t, buf_len(&t->out) == 0);
	assert_int_equal(t->front.conn_count, 1);
	wire_end(&t->out, 1);
	TURN_UNTIL(t, t->front.conn_count == 0);
	assert_string_equal(seen.told, "HD");
}

/* mod_proxy_fcgi sends its next request where the last one's body never ended. */
static void
a_kept_connection_outlives_an_early_answer(void **state)
{
	static char body[1000];
	struct talk *t = *state;

	seen.early = true;
	wire_head(&t->out, 1, true, "/early", "300000");
	wire_body(&t->out, 1, body, sizeof(body));
	take_answer(t, 1, "401 Unauthorized", "/early", "early");
	wire_body(&t->out, 1, body, sizeof(body));
	TURN_UNTIL(t, buf_len(&t->out) == 0);
	assert_false(t->eof);
	wire_head(&t->out, 1, true, "/next", "0");
	wire_end(&t->out, 1);
	take_answer(t, 1, "401 Unauthorized", "/next", "early");
	assert_int_equal(t->front.conn_count, 1);
	assert_string_equal(seen.told, "HDHD");
}

static void
an_early_answer_to_a_whole_request_keeps_the_connection(void **state)
{
	struct talk *t = *state;

	seen.early = true;
	for (int i = 0; i < 3; i++) {
		wire_head(&t->out, 1, true, "/early", "3");
		wire_body(&t->out, 1, "abc", 3);
		wire_end(&t->out, 1);
		take_answer(t, 1, "401 Unauthorized", "/early", "early");
	}
	assert_false(t->eof);
	assert_string_equal(seen.told, "HDHDHD");
}

static void
discarding_has_a_limit(void **state)
{
	static char body[1200000];
	struct talk *t = *state;

	seen.early = true;
	wire_head(&t->out, 1, false, "/early", NULL);
	wire_body(&t->out, 1, body, sizeof(body));
	TURN_UNTIL(t, t->front.conn_count == 0 && seen.ended == 1);
}

static void
lingering_has_a_deadline(void **state)
{
	struct talk *t = *state;

	seen.early = true;
	wire_head(&t->out, 1, false, "/early", NULL);
	take_answer(t, 1, "401 Unauthorized", "/early", "early");
	TURN_UNTIL(t, t->eof);
	assert_int_equal(t->front.conn_count, 1);
	conn_sweep(only_conn(t), uv_now(&t->loop) + LATER_MS);
	TURN_UNTIL(t, t->front.conn_count == 0);
}

/* ---- What else a web server may send. ---- */

static void
get_values_is_answered(void **state)
{
	struct talk *t = *state;
	struct buf asked;
	struct wire_answer a = { .used = 0 };

	buf_init(&asked, WIRE_MAX);
	wire_pair(&asked, FCGI_MPXS_CONNS, "");
	wire_pair(&asked, "UNKNOWN_NAME", "");
	wire_pair(&asked, FCGI_MAX_CONNS, "");
	wire_record(&t->out, FCGI_GET_VALUES, 0, buf_data(&asked),
	    buf_len(&asked), 0);
	buf_fini(&asked);
	TURN_UNTIL(t, (has_answer(t, 1, &a), a.other_type != 0));
	assert_int_equal(a.other_type, FCGI_GET_VALUES_RESULT);
	assert_non_null(memmem(a.other, a.other_len,
	    "\x0f\x01" FCGI_MPXS_CONNS "0", 18));
	assert_non_null(memmem(a.other, a.other_len, FCGI_MAX_CONNS, 14));
	assert_null(memmem(a.other, a.other_len, FCGI_MAX_REQS, 13));
	assert_null(memmem(a.other, a.other_len, "UNKNOWN_NAME", 12));
	buf_fini(&a.text);
}

static void
unknown_management_records_are_told(void **state)
{
	struct talk *t = *state;
	struct wire_answer a = { .used = 0 };

	wire_record(&t->out, 99, 0, "what", 4, 0);
	TURN_UNTIL(t, (has_answer(t, 1, &a), a.other_type != 0));
	assert_int_equal(a.other_type, FCGI_UNKNOWN_TYPE);
	assert_int_equal(a.other[0], 99);
	buf_fini(&a.text);
	assert_int_equal(t->front.conn_count, 1);
}

static void
other_roles_are_refused(void **state)
{
	struct talk *t = *state;
	struct wire_answer a = { .used = 0 };

	wire_begin(&t->out, 5, FCGI_AUTHORIZER, true);
	TURN_UNTIL(t, has_answer(t, 5, &a));
	assert_int_equal(a.protocol_status, FCGI_UNKNOWN_ROLE);
	buf_consume(&t->in, a.used);
	buf_fini(&a.text);
	wire_head(&t->out, 5, true, "/", "0");
	wire_end(&t->out, 5);
	take_answer(t, 5, "200 OK", "/", "hello");
}

static void
multiplexing_is_refused(void **state)
{
	struct talk *t = *state;
	struct wire_answer a = { .used = 0 };

	wire_head(&t->out, 1, true, "/one", "3");
	wire_head(&t->out, 2, true, "/two", "0");
	wire_end(&t->out, 2);
	TURN_UNTIL(t, has_answer(t, 2, &a));
	assert_int_equal(a.protocol_status, FCGI_CANT_MPX_CONN);
	buf_consume(&t->in, a.used);
	buf_fini(&a.text);
	wire_body(&t->out, 1, "abc", 3);
	wire_end(&t->out, 1);
	take_answer(t, 1, "200 OK", "/one", "hello");
	assert_int_equal(seen.requests, 1);
}

static void
records_of_other_requests_are_ignored(void **state)
{
	struct talk *t = *state;

	wire_record(&t->out, FCGI_STDIN, 9, "x", 1, 0);
	wire_record(&t->out, FCGI_ABORT_REQUEST, 9, "", 0, 0);
	wire_head(&t->out, 1, true, "/one", "3");
	wire_record(&t->out, FCGI_STDIN, 9, "xyz", 3, 0);
	wire_record(&t->out, FCGI_ABORT_REQUEST, 9, "", 0, 0);
	wire_record(&t->out, FCGI_DATA, 1, "data", 4, 0);
	wire_body(&t->out, 1, "abc", 3);
	wire_end(&t->out, 1);
	take_answer(t, 1, "200 OK", "/one", "hello");
	assert_memory_equal(seen.body, "abc", 3);
	assert_int_equal(seen.body_len, 3);
}

static void
an_abort_ends_the_request(void **state)
{
	struct talk *t = *state;

	wire_head(&t->out, 1, true, "/gone", "3");
	wire_record(&t->out, FCGI_ABORT_REQUEST, 1, "", 0, 0);
	TURN_UNTIL(t, seen.ended == 1);
	assert_string_equal(seen.told, "HGD");
	TURN_UNTIL(t, t->front.conn_count == 0);
}

/* ---- Streams that make no sense. ---- */

static const struct { const char *name; int type; unsigned id; size_t n; }
nonsense[] = {
	{ "STDIN before PARAMS", FCGI_STDIN, 1, 3 },
	{ "BEGIN twice", FCGI_BEGIN_REQUEST, 1, 8 },
	{ "BEGIN too long", FCGI_BEGIN_REQUEST, 2, 9 },
	{ "BEGIN too short", FCGI_BEGIN_REQUEST, 2, 0 },
	{ "GET_VALUES without end", FCGI_GET_VALUES, 0, 2000 },
};

static void
nonsense_closes_the_connection(void **state)
{
	static const char bytes[2000] = { 100, 100, 100, 100, 100 };
	struct talk *t;

	for (size_t i = 0; i < sizeof(nonsense) / sizeof(*nonsense); i++) {
		t = *state;
		wire_begin(&t->out, 1, FCGI_RESPONDER, true);
		wire_record(&t->out, nonsense[i].type, nonsense[i].id, bytes,
		    nonsense[i].n, 0);
		wire_record(&t->out, FCGI_PARAMS, 1, "", 0, 0);
		TURN_UNTIL(t, t->eof);
		assert_int_equal(t->front.conn_count, 0);
		assert_int_equal(seen.requests, 0);
		assert_int_equal(buf_len(&t->in), 0);
		talk_close(state);
		talk_open(state);
	}
}

static void
another_protocol_closes_the_connection(void **state)
{
	struct talk *t = *state;

	buf_puts(&t->out, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	TURN_UNTIL(t, t->eof);
	assert_int_equal(t->front.conn_count, 0);
}

/* ---- Parameters that cannot be read: the handler says so. ---- */

static void
a_length_that_is_none_is_a_400(void **state)
{
	struct talk *t = *state;

	wire_head(&t->out, 1, true, "/", "many");
	wire_end(&t->out, 1);
	take_answer(t, 1, "400 Bad Request", "/", "unread");
	wire_head(&t->out, 1, true, "/next", "0");
	wire_end(&t->out, 1);
	take_answer(t, 1, "200 OK", "/next", "hello");
}

static void
parameters_that_lie_are_a_400(void **state)
{
	struct talk *t = *state;

	wire_begin(&t->out, 1, FCGI_RESPONDER, true);
	wire_record(&t->out, FCGI_PARAMS, 1, "ddddd", 5, 0);
	wire_record(&t->out, FCGI_PARAMS, 1, "", 0, 0);
	wire_end(&t->out, 1);
	take_answer(t, 1, "400 Bad Request", "-", "unread");
	assert_int_equal(t->front.conn_count, 1);
}

static void
too_many_parameters_are_a_431(void **state)
{
	static char bytes[60000];
	struct talk *t = *state;

	wire_begin(&t->out, 1, FCGI_RESPONDER, true);
	for (int i = 0; i < 6; i++)
		wire_record(&t->out, FCGI_PARAMS, 1, bytes, sizeof(bytes), 0);
	wire_record(&t->out, FCGI_PARAMS, 1, "", 0, 0);
	wire_end(&t->out, 1);
	take_answer(t, 1, "431 Request Header Fields Too Large", "-",
	    "unread");
	wire_head(&t->out, 1, true, "/next", "0");
	wire_end(&t->out, 1);
	take_answer(t, 1, "200 OK", "/next", "hello");
}

/* ---- The web server leaves, in every state. ---- */

static void
leave(struct talk *t)
{
	close(t->fd);
	t->fd = -1;
	turn(t);
	TURN_UNTIL(t, t->front.conn_count == 0);
}

static void
leaving_while_idle(void **state)
{
	struct talk *t = *state;

	TURN_UNTIL(t, t->front.conn_count == 1);
	leave(t);
	assert_string_equal(seen.told, "");
}

static void
leaving_in_mid_record(void **state)
{
	struct talk *t = *state;

	wire_begin(&t->out, 1, FCGI_RESPONDER, true);
	buf_append(&t->out, "\x01\x04\x00", 3);
	TURN_UNTIL(t, t->front.conn_count == 1 && buf_len(&t->out) == 0);
	leave(t);
	assert_string_equal(seen.told, "");
}

static void
leaving_in_mid_body(void **state)
{
	struct talk *t = *state;

	wire_head(&t->out, 1, true, "/", "10");
	wire_body(&t->out, 1, "abc", 3);
	TURN_UNTIL(t, seen.body_len == 3);
	leave(t);
	assert_string_equal(seen.told, "HBGD");
}

static void
leaving_before_the_answer(void **state)
{
	struct talk *t = *state;

	seen.silent = true;
	wire_head(&t->out, 1, true, "/", "0");
	wire_end(&t->out, 1);
	TURN_UNTIL(t, strcmp(seen.told, "HE") == 0);
	turn_a_little(t);
	leave(t);
	assert_string_equal(seen.told, "HEGD");
}

/* Refusing a second request writes to somebody who is not there. */
static void
leaving_after_a_request_that_is_refused(void **state)
{
	struct talk *t = *state;

	wire_head(&t->out, 1, true, "/", "10");
	wire_begin(&t->out, 2, FCGI_RESPONDER, true);
	assert_int_equal(write(t->fd, buf_data(&t->out), buf_len(&t->out)),
	    buf_len(&t->out));
	leave(t);
	assert_int_equal(seen.ended, 1);
}

static void
half_a_leave_counts_before_the_answer(void **state)
{
	struct talk *t = *state;

	seen.silent = true;
	wire_head(&t->out, 1, true, "/", "0");
	wire_end(&t->out, 1);
	TURN_UNTIL(t, strcmp(seen.told, "HE") == 0);
	shutdown(t->fd, SHUT_WR);
	TURN_UNTIL(t, seen.ended == 1);
	assert_string_equal(seen.told, "HEGD");
}

static void
leaving_in_mid_answer(void **state)
{
	struct talk *t = *state;

	seen.much = 3000000;
	wire_head(&t->out, 1, true, "/", "0");
	wire_end(&t->out, 1);
	TURN_UNTIL(t, buf_len(&t->in) > 0);
	leave(t);
	assert_int_equal(seen.ended, 1);
	assert_true(seen.written < seen.much);
	assert_non_null(strchr(seen.told, 'G'));
}

/* It closes at the last byte that the head tells, as lighttpd does. */
static void
leaving_with_the_whole_answer(void **state)
{
	struct talk *t = *state;

	seen.unended = seen.tells_length = true;
	wire_head(&t->out, 1, true, "/", "0");
	wire_end(&t->out, 1);
	TURN_UNTIL(t, buf_len(&t->in) > 0);
	turn_a_little(t);		/* it is watched by now */
	close(t->fd);
	t->fd = -1;
	TURN_UNTIL(t, only_conn(t)->request.response.gone);
	turn_a_little(t);
	assert_string_equal(seen.told, "HE");
	request_end(seen.current, NULL, 0);
	TURN_UNTIL(t, t->front.conn_count == 0);
	assert_string_equal(seen.told, "HED");
	assert_false(seen.gone);
}

/* The same, and nobody has seen it yet when the handler ends. */
static void
leaving_right_before_the_end_of_the_answer(void **state)
{
	struct talk *t = *state;

	for (int i = 0; i < 2; i++) {
		seen.unended = true;
		seen.tells_length = i == 0;
		wire_head(&t->out, 1, true, "/", "0");
		wire_end(&t->out, 1);
		TURN_UNTIL(t, buf_len(&t->in) > 0);
		close(t->fd);
		t->fd = -1;
		request_end(seen.current, NULL, 0);
		TURN_UNTIL(t, t->front.conn_count == 0);
		assert_int_equal(seen.gone, !seen.tells_length);
		if (i == 0)
			talk_connect(t);
	}
	assert_string_equal(seen.told, "HEDHED");
}

static void
leaving_while_the_rest_is_discarded(void **state)
{
	struct talk *t = *state;

	seen.early = true;
	wire_head(&t->out, 1, false, "/", "10");
	take_answer(t, 1, "401 Unauthorized", "/", "early");
	TURN_UNTIL(t, t->eof);
	leave(t);
	assert_string_equal(seen.told, "HD");
}

/* ---- Deadlines. ---- */

static void
a_head_that_does_not_arrive_is_given_up(void **state)
{
	struct talk *t = *state;

	wire_begin(&t->out, 1, FCGI_RESPONDER, true);
	TURN_UNTIL(t, t->front.conn_count == 1 && buf_len(&t->out) == 0);
	conn_sweep(only_conn(t), uv_now(&t->loop) + 1000);
	turn_a_little(t);
	assert_false(t->eof);
	conn_sweep(only_conn(t), uv_now(&t->loop) + LATER_MS);
	TURN_UNTIL(t, t->eof);
	assert_string_equal(seen.told, "");
}

static void
a_body_that_does_not_arrive_is_a_408(void **state)
{
	struct talk *t = *state;

	wire_head(&t->out, 1, true, "/late", "10");
	wire_body(&t->out, 1, "abc", 3);
	TURN_UNTIL(t, seen.body_len == 3);
	conn_sweep(only_conn(t), uv_now(&t->loop) + LATER_MS);
	assert_int_equal(seen.body_err, ERR_REQUEST_TIMEOUT);
	take_answer(t, 1, "408 Request Timeout", "/late", "hello");
	conn_sweep(only_conn(t), uv_now(&t->loop) + LATER_MS);
	TURN_UNTIL(t, t->front.conn_count == 0);
	assert_string_equal(seen.told, "HBED");
}

static void
an_idle_connection_has_no_deadline(void **state)
{
	struct talk *t = *state;

	wire_head(&t->out, 1, true, "/", "0");
	wire_end(&t->out, 1);
	take_answer(t, 1, "200 OK", "/", "hello");
	conn_sweep(only_conn(t), uv_now(&t->loop) + LATER_MS);
	turn_a_little(t);
	assert_false(t->eof);
	wire_head(&t->out, 1, true, "/", "0");
	wire_end(&t->out, 1);
	take_answer(t, 1, "200 OK", "/", "hello");
}

static void
an_answer_that_nobody_fetches_is_given_up(void **state)
{
	struct talk *t = *state;
	size_t	 n;

	seen.much = 300000;
	t->front.limits.client_buffer = 1000000;
	wire_head(&t->out, 1, true, "/", "0");
	wire_end(&t->out, 1);
	n = buf_len(&t->out);
	assert_int_equal(write(t->fd, buf_data(&t->out), n), n);
	buf_consume(&t->out, n);
	for (int i = 0; i < 50; i++)
		uv_run(&t->loop, UV_RUN_NOWAIT);
	assert_int_equal(seen.written, 300000);
	assert_int_equal(seen.ended, 0);
	conn_sweep(only_conn(t), uv_now(&t->loop) + 1000);
	uv_run(&t->loop, UV_RUN_NOWAIT);
	assert_int_equal(seen.ended, 0);
	conn_sweep(only_conn(t), uv_now(&t->loop) + LATER_MS);
	TURN_UNTIL(t, t->front.conn_count == 0);
	assert_int_equal(seen.ended, 1);
}

/* ---- Stopping. ---- */

static void
stopping_lets_the_request_finish(void **state)
{
	struct talk *t = *state;

	wire_head(&t->out, 1, true, "/", "3");
	TURN_UNTIL(t, seen.requests == 1);
	front_stop(&t->front);
	turn_a_little(t);
	assert_false(t->stopped);
	wire_body(&t->out, 1, "abc", 3);
	wire_end(&t->out, 1);
	take_answer(t, 1, "200 OK", "/", "hello");
	TURN_UNTIL(t, t->eof && t->stopped);
}

static void
stopping_closes_idle_connections(void **state)
{
	struct talk *t = *state;

	TURN_UNTIL(t, t->front.conn_count == 1);
	front_stop(&t->front);
	TURN_UNTIL(t, t->eof && t->stopped);
	front_stop(&t->front);
}

/* The web server cannot know yet that nobody is there any more. */
static void
stopping_answers_what_is_on_its_way(void **state)
{
	struct talk *t = *state;

	for (int kept = 0; kept < 2; kept++) {
		if (kept) {
			wire_head(&t->out, 1, true, "/", "0");
			wire_end(&t->out, 1);
			take_answer(t, 1, "200 OK", "/", "hello");
			assert_false(t->eof);
		}
		TURN_UNTIL(t, t->front.conn_count == 1);
		front_stop(&t->front);
		turn(t);
		wire_head(&t->out, 1, true, "/late", "0");
		wire_end(&t->out, 1);
		take_answer(t, 1, "200 OK", "/late", "hello");
		TURN_UNTIL(t, t->eof && t->stopped);
		if (!kept) {
			talk_close((void **)&t);
			talk_open((void **)&t);
			*state = t;
		}
	}
}

/* What is to be sent arrives, while the loop is busy. */
static void
push(struct talk *t)
{
	ssize_t	 n = send(t->fd, buf_data(&t->out), buf_len(&t->out),
		    MSG_NOSIGNAL);

	assert_int_equal(n, buf_len(&t->out));
	buf_consume(&t->out, (size_t)n);
}

/* It was accepted, and the web server counts on its answer. */
static void
stopping_answers_what_nobody_has_looked_at(void **state)
{
	struct talk *t = *state;

	TURN_UNTIL(t, t->front.conn_count == 1);
	wire_head(&t->out, 1, true, "/", "3");
	wire_body(&t->out, 1, "abc", 3);
	wire_end(&t->out, 1);
	push(t);
	front_stop(&t->front);
	take_answer(t, 1, "200 OK", "/", "hello");
	TURN_UNTIL(t, t->eof && t->stopped);
}

static void
stopping_does_not_wait_for_the_rest_of_a_record(void **state)
{
	struct talk *t = *state;

	TURN_UNTIL(t, t->front.conn_count == 1);
	buf_append(&t->out, "\1\1\0", 3);
	push(t);
	front_stop(&t->front);
	TURN_UNTIL(t, t->eof && t->stopped);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_open, talk_close)
	const struct CMUnitTest tests[] = {
		TEST(one_request_is_answered_and_closed),
		TEST(a_request_may_come_byte_by_byte),
		TEST(a_large_body_arrives_whole),
		TEST(a_busy_request_takes_its_turns),
		TEST(a_busy_request_gets_its_body_whole),
		TEST(a_busy_request_may_be_refused),
		TEST(a_busy_request_has_a_deadline),
		TEST(leaving_while_busy),
		TEST(a_connection_is_kept),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(a_large_answer_waits_for_a_slow_client),
		TEST(a_short_body_is_truncated),
		TEST(an_unknown_length_is_fine),
		TEST(an_early_answer_arrives_and_the_rest_is_discarded),
		TEST(a_kept_connection_outlives_an_early_answer),
		TEST(an_early_answer_to_a_whole_request_keeps_the_connection),
		TEST(discarding_has_a_limit),
		TEST(lingering_has_a_deadline),
		TEST(get_values_is_answered),
		TEST(unknown_management_records_are_told),
		TEST(other_roles_are_refused),
		TEST(multiplexing_is_refused),
		TEST(records_of_other_requests_are_ignored),
		TEST(an_abort_ends_the_request),
		TEST(nonsense_closes_the_connection),
		TEST(another_protocol_closes_the_connection),
		TEST(a_length_that_is_none_is_a_400),
		TEST(parameters_that_lie_are_a_400),
		TEST(too_many_parameters_are_a_431),
		TEST(leaving_while_idle),
		TEST(leaving_in_mid_record),
		TEST(leaving_in_mid_body),
		TEST(leaving_before_the_answer),
		TEST(leaving_after_a_request_that_is_refused),
		TEST(half_a_leave_counts_before_the_answer),
		TEST(leaving_in_mid_answer),
		TEST(leaving_with_the_whole_answer),
		TEST(leaving_right_before_the_end_of_the_answer),
		TEST(leaving_while_the_rest_is_discarded),
		TEST(a_head_that_does_not_arrive_is_given_up),
		TEST(a_body_that_does_not_arrive_is_a_408),
		TEST(an_idle_connection_has_no_deadline),
		TEST(an_answer_that_nobody_fetches_is_given_up),
		TEST(stopping_lets_the_request_finish),
		TEST(stopping_closes_idle_connections),
		TEST(stopping_answers_what_is_on_its_way),
		TEST(stopping_answers_what_nobody_has_looked_at),
		TEST(stopping_does_not_wait_for_the_rest_of_a_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
