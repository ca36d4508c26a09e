/* Whatever an upstream does: what reaches the sink, and how it ends. */
#include "config.h"

#include "upstream/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <semaphore.h>
#include <sys/ioctl.h>

#include "tests/unit/upstream/server.h"

#define OK "HTTP/1.1 200 OK\r\n"

enum { FAR_MS = 60000, BODY_MAX = 1 << 23 };

/* One process, one attempt, and everything the sink is told. */
struct run {
	uv_loop_t	 loop;
	struct client	 client;
	struct attempt	*attempt;
	struct attempt_request request;
	uv_timer_t	 guard, pulse;

	int		 heads, dones, status;
	int64_t		 length;
	bool		 close_delimited;
	char		 fields[8192];	/* "name=value;" */
	struct buf	 body;
	enum err	 err;

	/* how the sink behaves */
	bool		 cancel_in_head, cancel_in_data, free_in_done;
	bool		 note_tokens;
	size_t		 pause_every;	/* bytes; 0 = never */
	size_t		 until_pause;
	int		 pauses;
	struct run	*loser;		/* is cancelled in our data... */
	bool		 was_asked;	/* ...before which it was asked */
};

/* In the place of libc's, for libcurl too: it takes no more bytes than these. */
static _Thread_local size_t sends_bytes = SIZE_MAX;

ssize_t
send(int fd, const void *bytes, size_t n, int flags)
{
	ssize_t	 sent;

	if (sends_bytes == 0) {
		errno = EAGAIN;
		return -1;
	}
	sent = sendto(fd, bytes, n < sends_bytes ? n : sends_bytes, flags,
	    NULL, 0);
	if (sent > 0 && sends_bytes != SIZE_MAX)
		sends_bytes -= (size_t)sent;
	return sent;
}

static void
on_head(void *arg, struct attempt *a)
{
	struct run *r = arg;
	const char *name, *value;
	size_t	 at = 0, name_len, value_len, len = 0;

	assert_int_equal(r->dones, 0);
	uv_stop(&r->loop);		/* or this turn would wait for another event */
	r->heads++;
	r->status = a->status;
	r->length = a->content_length;
	r->close_delimited = a->close_delimited;
	while (attempt_next_field(a, &at, &name, &name_len, &value, &value_len))
		len += (size_t)snprintf(r->fields + len,
		    sizeof(r->fields) - len, "%.*s=%.*s;", (int)name_len, name,
		    (int)value_len, value);
	if (r->cancel_in_head)
		attempt_cancel(a);
}

static bool
on_data(void *arg, const char *bytes, size_t n)
{
	struct run *r = arg;

	assert_int_equal(r->heads, 1);
	assert_int_equal(r->dones, 0);
	assert_int_equal(buf_append(&r->body, bytes, n), ERR_NONE);
	uv_stop(&r->loop);
	if (r->cancel_in_data)
		attempt_cancel(r->attempt);
	if (r->loser != NULL && r->loser->attempt != NULL) {
		r->loser->was_asked = attempt_is_asked(r->loser->attempt);
		attempt_cancel(r->loser->attempt);
		assert_true(attempt_reads_body(r->loser->attempt));
	}
	if (r->note_tokens)
		attempt_note_token(r->attempt);
	if (r->pause_every == 0)
		return true;
	if (n < r->until_pause) {
		r->until_pause -= n;
		return true;
	}
	r->until_pause = r->pause_every;
	r->pauses++;
	return false;
}

static void
on_done(void *arg, enum err err)
{
	struct run *r = arg;

	r->dones++;
	r->err = err;
	uv_stop(&r->loop);
	if (r->free_in_done) {
		attempt_free(r->attempt);
		r->attempt = NULL;
	}
}

static void
on_guard(uv_timer_t *timer)
{
	(void)timer;
	fail_msg("it does not end");
}

static void
run_open(struct run *r, const char *url)
{
	memset(r, 0, sizeof(*r));
	assert_int_equal(uv_loop_init(&r->loop), 0);
	assert_int_equal(client_open(&r->client, &r->loop), ERR_NONE);
	uv_timer_init(&r->loop, &r->guard);
	uv_timer_start(&r->guard, on_guard, 60000, 0);
	uv_timer_init(&r->loop, &r->pulse);
	buf_init(&r->body, BODY_MAX);
	r->request = (struct attempt_request){
		.method = "POST", .url = url, .has_body = true,
		.body = "{}", .body_len = 2,
		.connect_ms = FAR_MS, .headers_ms = FAR_MS,
		.first_token_ms = FAR_MS, .idle_ms = FAR_MS,
		.total_ms = FAR_MS,
	};
}

/* Start one more attempt; what the last one left is forgotten. */
static void
run_start(struct run *r)
{
	const struct sink sink = { on_head, on_data, on_done, r };

	attempt_free(r->attempt);
	r->heads = r->dones = r->status = 0;
	r->fields[0] = '\0';
	buf_fini(&r->body);
	r->until_pause = r->pause_every;
	r->attempt = attempt_start(&r->client, &r->request, &sink);
	assert_non_null(r->attempt);
}

static enum err
run_wait(struct run *r)
{
	while (r->dones == 0)
		uv_run(&r->loop, UV_RUN_ONCE);
	assert_int_equal(r->dones, 1);
	return r->err;
}

static enum err
run(struct run *r)
{
	run_start(r);
	return run_wait(r);
}

/* Nothing may be left: handles, memory, a second done. */
static void
run_close(struct run *r)
{
	int	 dones = r->dones;

	attempt_free(r->attempt);
	client_close(&r->client);
	uv_close((uv_handle_t *)&r->guard, NULL);
	uv_close((uv_handle_t *)&r->pulse, NULL);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	assert_int_equal(r->dones, dones);
	buf_fini(&r->body);
}

static void
assert_body(const struct run *r, const char *text)
{
	assert_int_equal(buf_len(&r->body), strlen(text));
	assert_memory_equal(buf_data(&r->body), text, strlen(text));
}

/* ---- Scripts that are one text. ---- */

static const char *script_text;

static void
serve_text(struct server *s, int fd)
{
	if (server_read(s, fd))
		server_say(fd, script_text);
}

static void
serve_text_and_wait(struct server *s, int fd)
{
	if (server_read(s, fd))
		server_say(fd, script_text);
	server_wait_for_close(fd);
}

static struct server server;

static int
stop_server(void **state)
{
	(void)state;
	server_stop(&server);
	return 0;
}

static enum err
run_text(struct run *r, const char *text)
{
	script_text = text;
	server_start(&server, serve_text);
	run_open(r, server.url);
	return run(r);
}

/* ---- Whole answers. ---- */

static void
an_answer_arrives_whole(void **state)
{
	struct run r;

	(void)state;
	assert_int_equal(run_text(&r, OK "Content-Type: text/plain\r\n"
	    "X-Odd:   spaces  \r\nContent-Length: 5\r\n\r\nhello"), ERR_NONE);
	assert_int_equal(r.heads, 1);
	assert_int_equal(r.status, 200);
	assert_int_equal(r.length, 5);
	assert_false(r.close_delimited);
	assert_body(&r, "hello");
	assert_non_null(strstr(r.fields, "Content-Type=text/plain;"));
	assert_non_null(strstr(r.fields, "X-Odd=spaces"));
	run_close(&r);
}

static void
chunks_are_joined(void **state)
{
	struct run r;

	(void)state;
	assert_int_equal(run_text(&r, OK "Transfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\r\n1;ext=1\r\nd\r\n0\r\nX-Trailer: t\r\n\r\n"), ERR_NONE);
	assert_int_equal(r.length, -1);
	assert_false(r.close_delimited);
	assert_body(&r, "abcd");
	assert_null(strstr(r.fields, "X-Trailer"));
	run_close(&r);
}

static void
an_end_by_closing_is_told(void **state)
{
	struct run r;

	(void)state;
	assert_int_equal(run_text(&r, OK "\r\nhello"), ERR_NONE);
	assert_true(r.close_delimited);
	assert_int_equal(r.length, -1);
	assert_body(&r, "hello");
	run_close(&r);
}

static void
answers_without_a_body_end(void **state)
{
	static const char *const texts[] = {
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\n\r\n",
		"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
	};
	static const int statuses[] = { 204, 304, 500 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct run r;

		script_text = texts[i];
		server_start(&server, serve_text_and_wait);
		run_open(&r, server.url);
		assert_int_equal(run(&r), ERR_NONE);
		assert_int_equal(r.status, statuses[i]);
		assert_false(r.close_delimited);
		assert_int_equal(buf_len(&r.body), 0);
		run_close(&r);
		if (i < 2)
			server_stop(&server);
	}
}

static void
redirects_are_not_followed(void **state)
{
	struct run r;

	(void)state;
	assert_int_equal(run_text(&r, "HTTP/1.1 307 Go\r\nLocation: /else\r\n"
	    "Content-Length: 2\r\n\r\nno"), ERR_NONE);
	assert_int_equal(r.status, 307);
	assert_body(&r, "no");
	run_close(&r);
	assert_int_equal(server.connections, 1);
}

static void
interim_answers_are_passed_over(void **state)
{
	struct run r;

	(void)state;
	assert_int_equal(run_text(&r, "HTTP/1.1 100 Continue\r\n\r\n"
	    "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
	    OK "X-Real: 1\r\nContent-Length: 2\r\n\r\nhi"), ERR_NONE);
	assert_int_equal(r.heads, 1);
	assert_int_equal(r.status, 200);
	assert_null(strstr(r.fields, "Link"));
	assert_non_null(strstr(r.fields, "X-Real=1;"));
	assert_body(&r, "hi");
	run_close(&r);
}

/* ---- What is sent. ---- */

static void
serve_body_back(struct server *s, int fd)
{
	char	 head[64];
	const char *body;
	size_t	 len;

	while (server_read(s, fd)) {
		body = strstr(s->request, "\r\n\r\n") + 4;
		len = s->request_len - (size_t)(body - s->request);
		snprintf(head, sizeof(head), OK "Content-Length: %zu\r\n\r\n",
		    len);
		server_say(fd, head);
		server_send(fd, body, len);
	}
}

static char big[300000];

static ssize_t
read_big(void *arg, uint64_t offset, void *out, size_t n)
{
	size_t	 left = sizeof(big) - (size_t)offset;

	(void)arg;
	n = n < left ? n : left;
	memcpy(out, big + offset, n);
	return (ssize_t)n;
}

static void
use_big_body(struct run *r)
{
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)('a' + (i * 7 + i / 100) % 26);
	r->request.body = NULL;
	r->request.body_len = sizeof(big);
	r->request.body_read = read_big;
}

static void
a_body_in_memory_is_sent(void **state)
{
	struct run r;

	(void)state;
	server_start(&server, serve_body_back);
	run_open(&r, server.url);
	r.request.body = "{\"a\":1}";
	r.request.body_len = 7;
	assert_int_equal(run(&r), ERR_NONE);
	assert_body(&r, "{\"a\":1}");
	r.request.body = "";
	r.request.body_len = 0;
	assert_int_equal(run(&r), ERR_NONE);
	assert_body(&r, "");
	run_close(&r);
}

static void
a_large_body_is_fetched(void **state)
{
	struct run r;

	(void)state;
	server_start(&server, serve_body_back);
	run_open(&r, server.url);
	use_big_body(&r);
	assert_int_equal(run(&r), ERR_NONE);
	assert_int_equal(buf_len(&r.body), sizeof(big));
	assert_memory_equal(buf_data(&r.body), big, sizeof(big));
	run_close(&r);
}

static ssize_t
read_badly(void *arg, uint64_t offset, void *out, size_t n)
{
	return offset > 100000 ? -1 : read_big(arg, offset, out, n);
}

static void
serve_nothing(struct server *s, int fd)
{
	(void)s;
	server_wait_for_close(fd);
}

static void
a_spool_that_cannot_be_read_ends_it(void **state)
{
	struct run r;

	(void)state;
	server_start(&server, serve_nothing);
	run_open(&r, server.url);
	use_big_body(&r);
	r.request.body_read = read_badly;
	assert_int_equal(run(&r), ERR_SPOOL);
	run_close(&r);
}

static void
the_request_is_as_asked_for(void **state)
{
	struct run r;
	struct curl_slist expect = { (char *)(uintptr_t)"Expect:", NULL };
	struct curl_slist key = { (char *)(uintptr_t)"X-Key: k", &expect };
	char	 url[128];

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("all_proxy", "http://127.0.0.1:1/", 1);
	script_text = OK "Content-Length: 0\r\n\r\n";
	server_start(&server, serve_text);
	snprintf(url, sizeof(url), "%s/a/../b%%2Fc?q=1", server.url);
	run_open(&r, url);
	r.request.headers = &key;
	assert_int_equal(run(&r), ERR_NONE);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	run_close(&r);
	server_join(&server);
	assert_memory_equal(server.request,
	    "POST /v1/a/../b%2Fc?q=1 HTTP/1.1\r\n", 34);
	assert_non_null(strstr(server.request, "\r\nX-Key: k\r\n"));
	assert_null(strcasestr(server.request, "\r\nExpect"));
	assert_null(strcasestr(server.request, "\r\nAccept-Encoding"));
}

static void
get_has_no_body(void **state)
{
	struct run r;

	(void)state;
	script_text = OK "Content-Length: 2\r\n\r\nok";
	server_start(&server, serve_text);
	run_open(&r, server.url);
	r.request.method = "GET";
	assert_int_equal(run(&r), ERR_NONE);
	assert_body(&r, "ok");
	run_close(&r);
	assert_memory_equal(server.request, "GET /v1 ", 8);
}

/* ---- Connections. ---- */

static void
serve_many(struct server *s, int fd)
{
	while (server_read(s, fd))
		server_say(fd, OK "Content-Length: 2\r\n\r\nok");
}

static void
a_connection_is_used_again(void **state)
{
	struct run r;

	(void)state;
	server_start(&server, serve_many);
	run_open(&r, server.url);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(run(&r), ERR_NONE);
		assert_body(&r, "ok");
	}
	use_big_body(&r);
	for (int i = 0; i < 20; i++)
		assert_int_equal(run(&r), ERR_NONE);
	run_close(&r);
	server_join(&server);
	assert_int_equal(server.connections, 1);
}

/* A handle that was used before says nothing of its first user's. */
static void
a_handle_that_is_used_again_starts_afresh(void **state)
{
	struct run r;
	struct curl_slist key = { (char *)(uintptr_t)"X-Key: k", NULL };
	char	 url[128];

	(void)state;
	server_start(&server, serve_many);
	snprintf(url, sizeof(url), "%s/first", server.url);
	run_open(&r, url);
	r.request.headers = &key;
	assert_int_equal(run(&r), ERR_NONE);
	r.request = (struct attempt_request){ .method = "POST",
		.url = server.url, .has_body = true, .body = "[1,2,3]",
		.body_len = 7, .connect_ms = FAR_MS, .headers_ms = FAR_MS,
		.idle_ms = FAR_MS, .total_ms = FAR_MS };
	assert_int_equal(run(&r), ERR_NONE);
	assert_memory_equal(server.request, "POST /v1 ", 9);
	assert_null(strstr(server.request, "X-Key"));
	assert_non_null(strstr(server.request, "\r\n\r\n[1,2,3]"));
	assert_int_equal(r.client.spare_count, 0);
	r.request.method = "GET";
	r.request.has_body = false;
	assert_int_equal(run(&r), ERR_NONE);
	assert_int_equal(r.client.spare_count, 1);
	assert_memory_equal(server.request, "GET /v1 ", 8);
	assert_null(strcasestr(server.request, "Content-Length"));
	client_trim(&r.client);
	assert_int_equal(r.client.spare_count, 0);
	assert_int_equal(run(&r), ERR_NONE);
	run_close(&r);
	server_join(&server);
}

static void
reset(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
	    sizeof(struct linger));
}

/* How a connection dies that has served one request, or the last of many. */
enum death {
	CLOSED_AT_REST, RESET_AT_REST, CLOSED_BY_REQUEST, RESET_BY_REQUEST,
	CLOSED_IN_REQUEST, RESET_IN_REQUEST, DEATHS
};

static enum death death;
static int requests;		/* that the server has begun to read */

static bool
is_reset(void)
{
	return death == RESET_AT_REST || death == RESET_BY_REQUEST ||
	    death == RESET_IN_REQUEST;
}

static void
serve_once_then_die(struct server *s, int fd)
{
	char	 some[10];

	if (!server_read(s, fd))
		return;
	requests++;
	server_say(fd, OK "Content-Length: 2\r\n\r\nok");
	if (death >= CLOSED_IN_REQUEST)
		requests += recv(fd, some, sizeof some, 0) > 0;
	else if (death >= CLOSED_BY_REQUEST)
		requests += server_read(s, fd);
	if (is_reset())
		reset(fd);
}

/* More often than libcurl allows one of its handles to start over. */
static void
run_over_dying_connections(struct run *r)
{
	for (int i = 0; i < 20; i++) {
		assert_int_equal(run(r), ERR_NONE);
		assert_body(r, "ok");
	}
}

static void
a_dead_kept_connection_is_replaced(void **state)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH",
		"DELETE" };
	struct run r;

	(void)state;
	for (death = 0; death < DEATHS; death++) {
		requests = 0;
		server_start(&server, serve_once_then_die);
		run_open(&r, server.url);
		for (int i = 0; i < 5; i++) {
			r.request.method = methods[i];
			r.request.has_body = i != 0;
			run_over_dying_connections(&r);
		}
		r.request.method = "POST";
		use_big_body(&r);
		run_over_dying_connections(&r);
		run_close(&r);
		server_join(&server);
		assert_int_equal(server.connections, 120);
		assert_true(requests <= 239);
		if (death < DEATHS - 1)
			close(server.fd);
	}
}

/* After one good answer. */
static void
serve_once_then_text(struct server *s, int fd)
{
	if (!server_read(s, fd))
		return;
	requests++;
	server_say(fd, OK "Content-Length: 2\r\n\r\nok");
	if (!server_read(s, fd))
		return;
	requests++;
	server_say(fd, script_text);
}

/* Then the provider has begun to work on it. */
static void
what_has_been_answered_in_part_is_not_repeated(void **state)
{
	static const char *const texts[] = {
		OK, OK "Content-Length: 5\r\n", OK "Content-Length: 5\r\n\r\n",
		OK "Content-Length: 5\r\n\r\nok",
		"HTTP/1.1 100 Continue\r\n\r\n", "SSH-2.0-x\r\n", "\r\n\r\n",
	};
	const size_t count = sizeof(texts) / sizeof(*texts);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct run r;

		requests = 0;
		script_text = texts[i];
		server_start(&server, serve_once_then_text);
		run_open(&r, server.url);
		assert_int_equal(run(&r), ERR_NONE);
		assert_int_not_equal(run(&r), ERR_NONE);
		run_close(&r);
		server_join(&server);
		assert_int_equal(requests, 2);
		assert_int_equal(server.connections, 1);
		if (i < count - 1)
			close(server.fd);
	}
}

/* Answers the first request of all, and then closes for each. */
static void
serve_one_then_none(struct server *s, int fd)
{
	if (requests == 0)
		serve_once_then_text(s, fd);
	else
		requests += server_read(s, fd);
}

static void
it_is_replaced_once(void **state)
{
	struct run r;

	(void)state;
	requests = 0;
	script_text = "";
	server_start(&server, serve_one_then_none);
	run_open(&r, server.url);
	assert_int_equal(run(&r), ERR_NONE);
	assert_int_equal(run(&r), ERR_UPSTREAM_RESET);	/* the kept one, and a fresh one */
	assert_int_equal(run(&r), ERR_UPSTREAM_RESET);	/* a fresh one */
	run_close(&r);
	server_join(&server);
	assert_int_equal(requests, 4);
	assert_int_equal(server.connections, 3);
}

/* Silence is no death: the deadline is, and it is the first connection's. */
static void
a_silent_kept_connection_is_not_replaced(void **state)
{
	struct run r;

	(void)state;
	script_text = OK "Content-Length: 2\r\n\r\nok";
	server_start(&server, serve_text_and_wait);
	run_open(&r, server.url);
	assert_int_equal(run(&r), ERR_NONE);
	r.request.headers_ms = 200;
	assert_int_equal(run(&r), ERR_TIMEOUT_HEADERS);
	run_close(&r);
	server_join(&server);
	assert_int_equal(server.connections, 1);
}

/* ---- Failures. ---- */

static void
nobody_listens(void **state)
{
	struct run r;

	(void)state;
	server_listen(&server, 1);
	close(server.fd);
	server.fd = -1;
	run_open(&r, server.url);
	assert_int_equal(run(&r), ERR_UPSTREAM_CONNECT);
	assert_int_equal(r.heads, 0);
	run_close(&r);
	server_listen(&server, 1);
}

static void
a_proxy_that_is_not_there(void **state)
{
	struct run r;

	(void)state;
	server_listen(&server, 1);
	run_open(&r, "http://127.0.0.1:9/v1");
	close(server.fd);
	r.request.proxy = server.url;
	assert_int_not_equal(run(&r), ERR_NONE);
	assert_int_equal(r.heads, 0);
	run_close(&r);
	server_listen(&server, 1);
}

static void
serve_plain_text(struct server *s, int fd)
{
	(void)s;
	server_say(fd, "HTTP/1.1 400 This is not TLS\r\n\r\n");
	server_wait_for_close(fd);
}

static void
tls_to_a_plain_server(void **state)
{
	struct run r;
	char	 url[80];

	(void)state;
	server_start(&server, serve_plain_text);
	snprintf(url, sizeof(url), "https%.60s", server.url + 4);
	run_open(&r, url);
	assert_int_equal(run(&r), ERR_UPSTREAM_TLS);
	assert_int_equal(r.heads, 0);
	run_close(&r);
}

static void
tls_to_a_silent_server(void **state)
{
	struct run r;
	char	 url[80];

	(void)state;
	server_start(&server, serve_nothing);
	snprintf(url, sizeof(url), "https%.60s", server.url + 4);
	run_open(&r, url);
	r.request.connect_ms = 200;
	assert_int_equal(run(&r), ERR_TIMEOUT_CONNECT);
	run_close(&r);
}

static void
serve_reset(struct server *s, int fd)
{
	server_read(s, fd);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
	    sizeof(struct linger));
}

static void
a_reset_before_the_answer(void **state)
{
	struct run r;

	(void)state;
	server_start(&server, serve_reset);
	run_open(&r, server.url);
	assert_int_equal(run(&r), ERR_UPSTREAM_RESET);
	assert_int_equal(r.heads, 0);
	run_close(&r);
}

/* Texts that are no answer, or not all of one. */
static const struct { const char *text; enum err err; int heads; } bad[] = {
	{ "", ERR_UPSTREAM_RESET, 0 },
	{ "HELLO\r\n\r\n", ERR_UPSTREAM_GARBAGE, 0 },
	{ "SSH-2.0-x\r\n", ERR_UPSTREAM_GARBAGE, 0 },
	{ "HTTP/1.1 abc\r\n\r\n", ERR_UPSTREAM_GARBAGE, 0 },
	{ "HTTP/1.1 99 x\r\n\r\n", ERR_UPSTREAM_GARBAGE, 0 },
	{ "HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n",
	  ERR_UPSTREAM_GARBAGE, 0 },
	{ "HTTP/7.0 200 x\r\n\r\n", ERR_UPSTREAM_GARBAGE, 0 },
	{ OK "Content-Length: -5\r\n\r\n", ERR_UPSTREAM_GARBAGE, 0 },
	{ OK "Content-Type: text/plain\r\n", ERR_UPSTREAM_GARBAGE, 0 },
	{ OK "Content-Length: 10\r\n\r\nshort", ERR_UPSTREAM_CUT, 1 },
	{ OK "Content-Length: 10\r\n\r\n", ERR_UPSTREAM_CUT, 1 },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", ERR_UPSTREAM_CUT, 1 },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	  ERR_UPSTREAM_CUT, 1 },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
	  ERR_UPSTREAM_CUT, 1 },
	{ OK "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", ERR_UPSTREAM_CUT, 1 },
};

static void
bad_answers_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct run r;
		enum err err = run_text(&r, bad[i].text);

		if (err != bad[i].err || r.heads != bad[i].heads)
			fail_msg("%s: %s, %d heads", bad[i].text,
			    err_get(err)->name, r.heads);
		run_close(&r);
		server_stop(&server);
	}
	server_listen(&server, 1);
}

static void
serve_endless_fields(struct server *s, int fd)
{
	char	 line[1024];

	if (!server_read(s, fd))
		return;
	server_say(fd, OK);
	memset(line, 'x', sizeof(line));
	memcpy(line, "X-A: ", 5);
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	for (int i = 0; i < 200; i++)
		server_send(fd, line, sizeof(line));
	server_wait_for_close(fd);
}

static void
endless_fields_are_refused(void **state)
{
	struct run r;

	(void)state;
	server_start(&server, serve_endless_fields);
	run_open(&r, server.url);
	assert_int_equal(run(&r), ERR_UPSTREAM_HEADERS_SIZE);
	assert_int_equal(r.heads, 0);
	run_close(&r);
}

/* Two texts by which a provider could send bytes before a head. */
static void
no_bytes_come_before_a_head(void **state)
{
	static const char *const texts[] = {
		"HTTP/1.1 101 Switching Protocols\r\n\r\nbytes of another sort",
		OK "HTTP/: 100 C\r\nContent-Length: 5\r\n\r\nbytes",
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct run r;

		if (run_text(&r, texts[i]) == ERR_NONE)
			assert_int_equal(r.heads, 1);
		else
			assert_int_equal(buf_len(&r.body), 0);
		assert_int_equal(i == 0 ? r.heads : 0, 0);
		run_close(&r);
		server_stop(&server);
	}
	server_listen(&server, 1);
}

static void
serve_endless_interim(struct server *s, int fd)
{
	if (!server_read(s, fd))
		return;
	for (int i = 0; i < 10000; i++)
		server_say(fd, "HTTP/1.1 103 Early\r\nX: y\r\n\r\n");
	server_wait_for_close(fd);
}

static void
endless_interim_answers_are_refused(void **state)
{
	struct run r;

	(void)state;
	server_start(&server, serve_endless_interim);
	run_open(&r, server.url);
	assert_int_equal(run(&r), ERR_UPSTREAM_HEADERS_SIZE);
	run_close(&r);
}

/* ---- The five timeouts, each with the others far away. ---- */

static void
the_connection_times_out(void **state)
{
	struct run r;
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	int	 waiting[8];

	(void)state;
	server_listen(&server, 0);	/* ... and its queue is full */
	getsockname(server.fd, (struct sockaddr *)&name, &len);
	for (int i = 0; i < 8; i++) {
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(waiting[i], (struct sockaddr *)&name, len);
	}
	run_open(&r, server.url);
	r.request.connect_ms = 200;
	assert_int_equal(run(&r), ERR_TIMEOUT_CONNECT);
	run_close(&r);
	for (int i = 0; i < 8; i++)
		close(waiting[i]);
}

static void
run_against_silence(struct run *r, const char *text)
{
	script_text = text;
	server_start(&server, serve_text_and_wait);
	run_open(r, server.url);
}

static void
the_headers_time_out(void **state)
{
	struct run r;

	(void)state;
	run_against_silence(&r, "HTTP/1.1 200 OK\r\nX: y\r\n");
	r.request.headers_ms = 200;
	assert_int_equal(run(&r), ERR_TIMEOUT_HEADERS);
	assert_int_equal(r.heads, 0);
	run_close(&r);
}

static void
a_first_token_times_out(void **state)
{
	struct run r;

	(void)state;
	run_against_silence(&r, OK "\r\n: comment\n\n");
	r.request.stream = true;
	r.request.first_token_ms = 200;
	assert_int_equal(run(&r), ERR_TIMEOUT_FIRST_TOKEN);
	assert_body(&r, ": comment\n\n");
	run_close(&r);
}

static void
after_a_token_silence_times_out(void **state)
{
	struct run r;

	(void)state;
	run_against_silence(&r, OK "\r\ndata: x\n\n");
	r.request.stream = r.note_tokens = true;
	r.request.first_token_ms = FAR_MS - 1;
	r.request.idle_ms = 200;
	assert_int_equal(run(&r), ERR_TIMEOUT_IDLE);
	assert_body(&r, "data: x\n\n");
	run_close(&r);
}

static void
a_plain_answer_has_no_first_token(void **state)
{
	struct run r;

	(void)state;
	run_against_silence(&r, OK "Content-Length: 9\r\n\r\nhalf");
	r.request.first_token_ms = 1;
	r.request.idle_ms = 200;
	assert_int_equal(run(&r), ERR_TIMEOUT_IDLE);
	run_close(&r);
}

static void
the_whole_times_out(void **state)
{
	static const char *const texts[] = { "", OK "\r\nx" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct run r;

		run_against_silence(&r, texts[i]);
		r.request.total_ms = 200;
		assert_int_equal(run(&r), ERR_TIMEOUT_TOTAL);
		assert_int_equal(r.heads, i);
		run_close(&r);
		server_stop(&server);
	}
	server_listen(&server, 1);
}

/* Without a limit of its own the head has as long as the whole. */
static void
headers_of_zero_do_not_time_out(void **state)
{
	struct run r;

	(void)state;
	run_against_silence(&r, "");
	r.request.headers_ms = 0;
	r.request.total_ms = 200;
	assert_int_equal(run(&r), ERR_TIMEOUT_TOTAL);
	run_close(&r);
}

/* ---- Pausing. ---- */

static void
serve_big(struct server *s, int fd)
{
	char	 head[64];

	if (!server_read(s, fd))
		return;
	snprintf(head, sizeof(head), OK "Content-Length: %zu\r\n\r\n",
	    4 * sizeof(big));
	server_say(fd, head);
	for (int i = 0; i < 4; i++)
		server_send(fd, big, sizeof(big));
}

static void
on_pulse(uv_timer_t *timer)
{
	struct run *r = timer->data;

	attempt_resume(r->attempt);
}

static void
nothing_is_lost_over_pauses(void **state)
{
	struct run r;

	(void)state;
	for (int streamed = 0; streamed < 2; streamed++) {
		server_start(&server, serve_big);
		run_open(&r, server.url);
		use_big_body(&r);
		r.request.stream = r.note_tokens = streamed != 0;
		r.pause_every = 100000;
		r.pulse.data = &r;
		uv_timer_start(&r.pulse, on_pulse, 1, 2);
		assert_int_equal(run(&r), ERR_NONE);
		assert_true(r.pauses >= 10);
		assert_int_equal(buf_len(&r.body), 4 * sizeof(big));
		for (size_t i = 0; i < 4; i++)
			assert_memory_equal(buf_data(&r.body) +
			    i * sizeof(big), big, sizeof(big));
		run_close(&r);
		if (streamed == 0)
			server_stop(&server);
	}
}

static void
a_paused_answer_is_not_idle(void **state)
{
	struct run r;

	(void)state;
	server_start(&server, serve_big);
	run_open(&r, server.url);
	r.pause_every = 1;
	r.request.idle_ms = 50;
	r.request.total_ms = 400;
	assert_int_equal(run(&r), ERR_TIMEOUT_TOTAL);
	run_close(&r);
}

static void
a_resume_too_many_is_harmless(void **state)
{
	struct run r;

	(void)state;
	script_text = OK "Content-Length: 2\r\n\r\nok";
	server_start(&server, serve_text);
	run_open(&r, server.url);
	run_start(&r);
	attempt_resume(r.attempt);
	assert_int_equal(run_wait(&r), ERR_NONE);
	attempt_resume(r.attempt);
	attempt_note_token(r.attempt);
	run_close(&r);
}

/* ---- Cancelling. ---- */

/* Turn the loop for a while in which nothing may happen. */
static void
run_a_little(struct run *r)
{
	uv_timer_start(&r->pulse, on_pulse, 100, 0);
	r->pulse.data = r;
	for (int i = 0; uv_is_active((uv_handle_t *)&r->pulse) && i < 100; i++)
		uv_run(&r->loop, UV_RUN_ONCE);
}

static void
cancelling_in_head_ends_it(void **state)
{
	struct run r;

	(void)state;
	run_against_silence(&r, OK "Content-Length: 9\r\n\r\nsome");
	r.cancel_in_head = true;
	run_start(&r);
	while (r.heads == 0)
		uv_run(&r.loop, UV_RUN_ONCE);
	run_a_little(&r);
	assert_int_equal(r.dones, 0);
	assert_int_equal(buf_len(&r.body), 0);
	run_close(&r);
}

static void
cancelling_in_data_ends_it(void **state)
{
	struct run r;
	size_t	 len;

	(void)state;
	server_start(&server, serve_big);
	run_open(&r, server.url);
	r.cancel_in_data = true;
	run_start(&r);
	while (buf_len(&r.body) == 0)
		uv_run(&r.loop, UV_RUN_ONCE);
	len = buf_len(&r.body);
	run_a_little(&r);
	assert_int_equal(r.dones, 0);
	assert_int_equal(buf_len(&r.body), len);
	run_close(&r);
}

static void
it_may_be_freed_in_done(void **state)
{
	struct run r;

	(void)state;
	script_text = OK "Content-Length: 2\r\n\r\nok";
	server_start(&server, serve_text_and_wait);
	run_open(&r, server.url);
	r.free_in_done = true;
	assert_int_equal(run(&r), ERR_NONE);
	r.request.url = "http://127.0.0.1:1/";
	assert_int_not_equal(run(&r), ERR_NONE);
	run_close(&r);
}

static void
it_may_be_freed_in_done_of_a_timeout(void **state)
{
	struct run r;

	(void)state;
	run_against_silence(&r, OK "\r\n");
	r.free_in_done = true;
	r.request.idle_ms = 50;
	assert_int_equal(run(&r), ERR_TIMEOUT_IDLE);
	run_close(&r);
}

static void
on_nothing(uv_timer_t *timer)
{
	(void)timer;
}

static void
cancelling_at_any_time_is_clean(void **state)
{
	(void)state;
	server_start(&server, serve_big);
	for (int turns = 0; turns < 12; turns++) {
		struct run r;

		run_open(&r, server.url);
		r.pause_every = turns % 2 == 0 ? 0 : 50000;
		run_start(&r);
		uv_timer_start(&r.pulse, on_nothing, 2, 2);
		for (int i = 0; i < turns && r.dones == 0; i++)
			uv_run(&r.loop, UV_RUN_ONCE);
		attempt_cancel(r.attempt);
		attempt_cancel(r.attempt);
		attempt_resume(r.attempt);
		run_a_little(&r);
		run_close(&r);
	}
	attempt_cancel(NULL);
	attempt_free(NULL);
}

static void
a_cancelled_connection_is_closed(void **state)
{
	struct run r;

	(void)state;
	run_against_silence(&r, OK "\r\nx");
	run_start(&r);
	while (buf_len(&r.body) == 0)
		uv_run(&r.loop, UV_RUN_ONCE);
	attempt_cancel(r.attempt);
	server_join(&server);		/* it has seen the end */
	run_close(&r);
}

/* ---- Who reads the body. ---- */

static int
pending_bytes(int fd)
{
	int	 n = 0;

	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

static sem_t may_answer, has_answered;

static void
serve_when_told(struct server *s, int fd)
{
	while (server_read(s, fd)) {
		sem_wait(&may_answer);
		server_say(fd, OK "Content-Length: 2\r\n\r\nok");
		sem_post(&has_answered);
	}
}

/*
 * The second's connection comes to stand in the turn of the loop in which the
 * first gets its answer. Nobody may look at the body of a cancelled attempt
 * after it has said so, and nobody is asked who has been cancelled.
 */
static void
who_is_cancelled_is_not_asked(void **state)
{
	static struct server second;
	struct run r, loser;
	char	*body;
	int	 fd, asked = 0;

	(void)state;
	sem_init(&may_answer, 0, 0);
	sem_init(&has_answered, 0, 0);
	server_start(&server, serve_when_told);
	server_listen(&second, 64);
	run_open(&r, server.url);
	for (int i = 0; i < 40; i++) {
		loser = (struct run){ .request = r.request };
		loser.request.url = second.url;
		loser.request.body = body = malloc(5000);
		loser.request.body_len = 5000;
		memset(body, 'b', 5000);
		r.loser = NULL;
		run_start(&r);
		while (!attempt_is_asked(r.attempt))
			uv_run(&r.loop, UV_RUN_ONCE);
		sem_post(&may_answer);
		sem_wait(&has_answered);
		r.loser = &loser;
		loser.attempt = attempt_start(&r.client, &loser.request,
		    &(struct sink){ on_head, on_data, on_done, &loser });
		assert_int_equal(run_wait(&r), ERR_NONE);
		attempt_cancel(loser.attempt);
		while (attempt_reads_body(loser.attempt))
			uv_run(&r.loop, UV_RUN_ONCE);
		memset(body, 'x', 5000);
		free(body);
		assert_int_equal(attempt_is_asked(loser.attempt),
		    loser.was_asked);
		asked += loser.was_asked;
		attempt_free(loser.attempt);
		loser.attempt = NULL;
	}
	assert_true(asked < 40);
	run_close(&r);
	server_stop(&server);
	fcntl(second.fd, F_SETFL, O_NONBLOCK);
	while ((fd = accept(second.fd, NULL, NULL)) >= 0) {
		assert_true(pending_bytes(fd) == 0 || asked-- > 0);
		close(fd);
	}
	server = second;		/* for stop_server */
}

static sem_t may_read;

/* Answers in the middle of the request, and reads the rest of it later. */
static void
serve_early(struct server *s, int fd)
{
	char	 byte;

	if (recv(fd, &byte, 1, MSG_PEEK) != 1)
		return;
	server_say(fd, OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
	sem_wait(&may_read);
	if (server_read(s, fd))
		server_say(fd, "0\r\n\r\n");
}

/* Copied or not, it is read until the last byte of it is on its way. */
static void
an_answer_does_not_end_the_reading(void **state)
{
	struct run r;

	(void)state;
	server_start(&server, serve_early);
	run_open(&r, server.url);
	r.request.body = memset(big, 'b', 60000);
	r.request.body_len = 60000;
	sends_bytes = 20000;
	run_start(&r);
	while (buf_len(&r.body) == 0)
		uv_run(&r.loop, UV_RUN_ONCE);
	assert_true(attempt_is_asked(r.attempt));
	assert_false(attempt_has_sent(r.attempt));
	assert_true(attempt_reads_body(r.attempt));
	sends_bytes = SIZE_MAX;
	while (!attempt_has_sent(r.attempt))
		uv_run(&r.loop, UV_RUN_ONCE);
	assert_false(attempt_reads_body(r.attempt));
	sem_post(&may_read);
	assert_int_equal(run_wait(&r), ERR_NONE);
	run_close(&r);
	server_join(&server);
	assert_memory_equal(server.request + server.request_len - 60000, big,
	    60000);
}

/* A handle that is used again: its last transfer had sent everything. */
static void
what_has_not_begun_has_sent_nothing(void **state)
{
	struct run r;

	(void)state;
	server_start(&server, serve_many);
	run_open(&r, server.url);
	assert_int_equal(run(&r), ERR_NONE);
	assert_true(attempt_is_asked(r.attempt));
	assert_true(attempt_has_sent(r.attempt));
	assert_false(attempt_reads_body(r.attempt));
	attempt_free(r.attempt);
	r.attempt = NULL;
	assert_int_equal(r.client.spare_count, 1);
	run_start(&r);
	assert_int_equal(r.client.spare_count, 0);
	assert_false(attempt_is_asked(r.attempt));
	assert_false(attempt_has_sent(r.attempt));
	assert_true(attempt_reads_body(r.attempt));
	attempt_cancel(r.attempt);
	assert_false(attempt_is_asked(r.attempt));
	assert_false(attempt_has_sent(r.attempt));
	assert_false(attempt_reads_body(r.attempt));
	run_close(&r);
}

/* ---- Names. ---- */

static sem_t name_server;

/* In the place of libc's: a name server that takes its time. */
int
getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **list)
{
	(void)node, (void)service, (void)hints, (void)list;
	sem_wait(&name_server);
	return EAI_NONAME;
}

static void
an_unknown_name_is_told(void **state)
{
	struct run r;

	(void)state;
	server_listen(&server, 1);
	sem_init(&name_server, 0, 1);
	run_open(&r, "http://unknown.invalid/v1");
	assert_int_equal(run(&r), ERR_UPSTREAM_DNS);
	run_close(&r);
}

/* The whole process would stand still meanwhile. */
static void
cancelling_a_look_up_does_not_wait_for_it(void **state)
{
	struct run r;

	(void)state;
	server_listen(&server, 1);
	sem_init(&name_server, 0, 0);
	run_open(&r, "http://slow.invalid/v1");
	run_start(&r);
	for (int i = 0; i < 3; i++)
		uv_run(&r.loop, UV_RUN_NOWAIT);
	alarm(30);			/* the end of this program if it waits */
	attempt_cancel(r.attempt);
	run_close(&r);
	alarm(0);
	sem_post(&name_server);
}

static void
a_look_up_times_out_with_the_connection(void **state)
{
	struct run r;

	(void)state;
	server_listen(&server, 1);
	sem_init(&name_server, 0, 0);
	run_open(&r, "http://slow.invalid/v1");
	r.request.connect_ms = 100;
	alarm(30);
	assert_int_equal(run(&r), ERR_TIMEOUT_CONNECT);
	run_close(&r);
	alarm(0);
	sem_post(&name_server);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, stop_server)
	const struct CMUnitTest tests[] = {
		TEST(an_answer_arrives_whole),
		TEST(chunks_are_joined),
		TEST(an_end_by_closing_is_told),
		TEST(answers_without_a_body_end),
		TEST(redirects_are_not_followed),
		TEST(interim_answers_are_passed_over),
		TEST(a_body_in_memory_is_sent),
		TEST(a_large_body_is_fetched),
		TEST(a_spool_that_cannot_be_read_ends_it),
		TEST(the_request_is_as_asked_for),
		TEST(get_has_no_body),
		TEST(a_connection_is_used_again),
		TEST(a_handle_that_is_used_again_starts_afresh),
		TEST(a_dead_kept_connection_is_replaced),
		TEST(what_has_been_answered_in_part_is_not_repeated),
		TEST(it_is_replaced_once),
		TEST(a_silent_kept_connection_is_not_replaced),
		TEST(nobody_listens),
		TEST(a_proxy_that_is_not_there),
		TEST(tls_to_a_plain_server),
		TEST(tls_to_a_silent_server),
		TEST(a_reset_before_the_answer),
		TEST(bad_answers_are_told_apart),
		TEST(no_bytes_come_before_a_head),
		TEST(endless_fields_are_refused),
		TEST(endless_interim_answers_are_refused),
		TEST(the_connection_times_out),
		TEST(the_headers_time_out),
		TEST(a_first_token_times_out),
		TEST(after_a_token_silence_times_out),
		TEST(a_plain_answer_has_no_first_token),
		TEST(the_whole_times_out),
		TEST(headers_of_zero_do_not_time_out),
		TEST(nothing_is_lost_over_pauses),
		TEST(a_paused_answer_is_not_idle),
		TEST(a_resume_too_many_is_harmless),
		TEST(cancelling_in_head_ends_it),
		TEST(cancelling_in_data_ends_it),
		TEST(it_may_be_freed_in_done),
		TEST(it_may_be_freed_in_done_of_a_timeout),
		TEST(cancelling_at_any_time_is_clean),
		TEST(a_cancelled_connection_is_closed),
		TEST(who_is_cancelled_is_not_asked),
		TEST(an_answer_does_not_end_the_reading),
		TEST(what_has_not_begun_has_sent_nothing),
		TEST(an_unknown_name_is_told),
		TEST(cancelling_a_look_up_does_not_wait_for_it),
		TEST(a_look_up_times_out_with_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
