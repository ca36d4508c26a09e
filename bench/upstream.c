/*
 * upstream - a mock OpenAI upstream that costs next to nothing.
 *
 *	upstream [PORT]
 *
 * Listens on 127.0.0.1, prints the port and serves until it is killed. The
 * model that a request names says what the answer is:
 *
 *	json-SIZE		one JSON answer of SIZE bytes
 *	sse-CHUNKS-MS-SIZE	an event stream: CHUNKS events of SIZE bytes, one
 *				every MS milliseconds, and [DONE]
 *
 * An event's content begins with its number, 8 digits, and the moment it was
 * written, 20 digits of CLOCK_MONOTONIC nanoseconds; load reads both.
 */
#include "config.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <uv.h>

#include "bench/http.h"

enum {
	HEAD_MAX = 4096,
	BODY_KEPT = 512,	/* the model stands within these */
	ANSWER_MIN = 320,
	ANSWER_MAX = 1 << 20,
	QUEUE_MAX = 4 << 20	/* unsent bytes of one connection */
};

struct conn {
	uv_tcp_t	 tcp;
	uv_timer_t	 timer;
	char		 head[HEAD_MAX];
	size_t		 head_len;
	bool		 in_body;
	struct http_head head_info;
	struct http_body body;
	char		 kept[BODY_KEPT + 1];
	size_t		 kept_len;
	unsigned	 chunks;	/* of the running stream */
	unsigned	 sent;
	unsigned	 interval_ms;
	size_t		 size;
	int		 handles;	/* still open */
};

struct late_write {
	uv_write_t	 req;
	char		 bytes[];
};

static char read_buf[65536];
static char answer[ANSWER_MAX + 512];	/* built for answer_size */
static size_t answer_size, answer_len;

static const char json_begin[] =
    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\","
    "\"created\":1700000000,\"model\":\"bench\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"";
static const char json_end[] =
    "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,"
    "\"completion_tokens\":34,\"total_tokens\":46}}";
static const char event_begin[] =
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\","
    "\"created\":1700000000,\"model\":\"bench\",\"choices\":[{\"index\":0,"
    "\"delta\":{\"content\":\"";
static const char event_end[] =
    "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
static const char stream_head[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char stream_end[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

static void
on_close(uv_handle_t *handle)
{
	struct conn *conn = handle->data;

	if (--conn->handles == 0)
		free(conn);
}

static void
conn_close(struct conn *conn)
{
	if (uv_is_closing((uv_handle_t *)&conn->tcp))
		return;
	uv_close((uv_handle_t *)&conn->tcp, on_close);
	uv_close((uv_handle_t *)&conn->timer, on_close);
}

static void
on_late(uv_write_t *req, int status)
{
	(void)status;
	free(req->data);
}

/* What the socket does not take at once is copied and sent later. */
static void
conn_send(struct conn *conn, const char *bytes, size_t len)
{
	uv_stream_t *stream = (uv_stream_t *)&conn->tcp;
	uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)len);
	struct late_write *late;
	int n = 0;

	if (uv_stream_get_write_queue_size(stream) == 0)
		n = uv_try_write(stream, &buf, 1);
	if (n == UV_EAGAIN)
		n = 0;
	if (n == (int)len)
		return;
	if (n < 0 || uv_stream_get_write_queue_size(stream) > QUEUE_MAX ||
	    (late = malloc(sizeof(*late) + len - (size_t)n)) == NULL) {
		conn_close(conn);
		return;
	}
	memcpy(late->bytes, bytes + n, len - (size_t)n);
	late->req.data = late;
	buf = uv_buf_init(late->bytes, (unsigned)(len - (size_t)n));
	if (uv_write(&late->req, stream, &buf, 1, on_late) != 0)
		free(late);
}

/* Text around a filling of 'x' that makes the whole SIZE bytes long. */
static size_t
put_text(char *to, const char *begin, size_t begin_len, const char *end,
    size_t end_len, size_t size)
{
	memcpy(to, begin, begin_len);
	memset(to + begin_len, 'x', size - begin_len - end_len);
	memcpy(to + size - end_len, end, end_len);
	return size;
}

static void
answer_json(struct conn *conn, size_t size)
{
	if (answer_size != size) {
		answer_len = (size_t)snprintf(answer, 512,
		    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		    "Content-Length: %zu\r\n\r\n", size);
		answer_len += put_text(answer + answer_len, json_begin,
		    sizeof(json_begin) - 1, json_end, sizeof(json_end) - 1,
		    size);
		answer_size = size;
	}
	conn_send(conn, answer, answer_len);
}

static void
send_event(struct conn *conn)
{
	static char out[ANSWER_MAX + 1024];
	char stamp[32];
	size_t len = 0, text;

	if (conn->sent == 0) {
		memcpy(out, stream_head, sizeof(stream_head) - 1);
		len = sizeof(stream_head) - 1;
	}
	len += (size_t)snprintf(out + len, 16, "%zx\r\n", conn->size);
	text = len + sizeof(event_begin) - 1;
	len += put_text(out + len, event_begin, sizeof(event_begin) - 1,
	    event_end, sizeof(event_end) - 1, conn->size);
	snprintf(stamp, sizeof(stamp), "%08u%020" PRIu64, conn->sent,
	    uv_hrtime());
	memcpy(out + text, stamp, 28);
	memcpy(out + len, "\r\n", 2);
	len += 2;
	if (++conn->sent == conn->chunks) {
		memcpy(out + len, stream_end, sizeof(stream_end) - 1);
		len += sizeof(stream_end) - 1;
	}
	conn_send(conn, out, len);
}

static void
on_tick(uv_timer_t *timer)
{
	struct conn *conn = timer->data;

	send_event(conn);
	if (conn->sent >= conn->chunks)
		uv_timer_stop(timer);
}

static void
answer_stream(struct conn *conn)
{
	conn->sent = 0;
	send_event(conn);
	if (conn->sent < conn->chunks)
		uv_timer_start(&conn->timer, on_tick, conn->interval_ms,
		    conn->interval_ms);
}

static size_t
clamp(size_t size)
{
	return size < ANSWER_MIN ? ANSWER_MIN : size > ANSWER_MAX ? ANSWER_MAX : size;
}

static void
answer_request(struct conn *conn)
{
	static const char refusal[] = "HTTP/1.1 404 Not Found\r\n"
	    "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
	const char *model;
	size_t size;

	conn->kept[conn->kept_len] = '\0';
	if ((model = strstr(conn->kept, "\"model\":\"")) != NULL)
		model += 9;
	else if ((model = strstr(conn->kept, "\"model\"\r\n\r\n")) != NULL)
		model += 11;	/* a form's field */
	else
		model = "";
	if (sscanf(model, "json-%zu", &size) == 1) {
		answer_json(conn, clamp(size));
	} else if (sscanf(model, "sse-%u-%u-%zu", &conn->chunks,
	    &conn->interval_ms, &conn->size) == 3 && conn->chunks > 0) {
		conn->size = clamp(conn->size);
		answer_stream(conn);
	} else {
		conn_send(conn, refusal, sizeof(refusal) - 1);
	}
	conn->in_body = false;
	conn->head_len = 0;
	conn->kept_len = 0;
}

static void
keep_body(void *arg, const char *buf, size_t len)
{
	struct conn *conn = arg;

	if (len > BODY_KEPT - conn->kept_len)
		len = BODY_KEPT - conn->kept_len;
	memcpy(conn->kept + conn->kept_len, buf, len);
	conn->kept_len += len;
}

static enum http_step
feed_head(struct conn *conn, const char *buf, size_t len, size_t *used)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	size_t before = conn->head_len;
	enum http_step step;

	*used = len < HEAD_MAX - before ? len : HEAD_MAX - before;
	memcpy(conn->head + before, buf, *used);
	conn->head_len += *used;
	step = http_parse(conn->head, conn->head_len, &conn->head_info);
	if (step != HTTP_DONE)
		return conn->head_len == HEAD_MAX ? HTTP_BAD : step;
	*used = conn->head_info.bytes - before;
	if (memmem(conn->head, conn->head_info.bytes, "100-continue", 12))
		conn_send(conn, go_on, sizeof(go_on) - 1);
	http_body_init(&conn->body, &conn->head_info);
	conn->in_body = true;
	return HTTP_MORE;
}

/* A request without a body is complete before another byte comes. */
static void
conn_feed(struct conn *conn, const char *buf, size_t len)
{
	enum http_step step;
	size_t used;

	while (len > 0 ||
	    (conn->in_body && conn->body.state == HTTP_BODY_END)) {
		if (conn->in_body)
			step = http_body_feed(&conn->body, buf, len, &used,
			    keep_body, conn);
		else
			step = feed_head(conn, buf, len, &used);
		if (step == HTTP_BAD) {
			conn_close(conn);
			return;
		}
		buf += used;
		len -= used;
		if (step == HTTP_DONE)
			answer_request(conn);
	}
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle;
	(void)suggested;
	*buf = uv_buf_init(read_buf, sizeof(read_buf));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *conn = stream->data;

	if (n < 0)
		conn_close(conn);
	else if (n > 0)
		conn_feed(conn, buf->base, (size_t)n);
}

static void
on_connection(uv_stream_t *server, int status)
{
	struct conn *conn;

	if (status != 0 || (conn = calloc(1, sizeof(*conn))) == NULL)
		return;
	conn->handles = 2;
	uv_tcp_init(server->loop, &conn->tcp);
	uv_timer_init(server->loop, &conn->timer);
	conn->tcp.data = conn;
	conn->timer.data = conn;
	if (uv_accept(server, (uv_stream_t *)&conn->tcp) != 0) {
		conn_close(conn);
		return;
	}
	uv_tcp_nodelay(&conn->tcp, 1);
	uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
}

static int
print_port(const uv_tcp_t *server)
{
	struct sockaddr_in addr;
	int len = sizeof(addr);
	int err = uv_tcp_getsockname(server, (struct sockaddr *)&addr, &len);

	if (err == 0)
		printf("%d\n", ntohs(addr.sin_port));
	return err == 0 && fflush(stdout) == 0 ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct rlimit limit;
	struct sockaddr_in addr;
	uv_loop_t *loop = uv_default_loop();
	uv_tcp_t server;

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	uv_tcp_init(loop, &server);
	if (uv_ip4_addr("127.0.0.1", argc > 1 ? atoi(argv[1]) : 0, &addr) ||
	    uv_tcp_bind(&server, (struct sockaddr *)&addr, 0) != 0 ||
	    uv_listen((uv_stream_t *)&server, 4096, on_connection) != 0 ||
	    print_port(&server) != 0) {
		fprintf(stderr, "upstream: cannot listen\n");
		return 1;
	}
	return uv_run(loop, UV_RUN_DEFAULT);
}
