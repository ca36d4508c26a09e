#include "config.h"

#include "fcgi/conn.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fastcgi.h>

enum { READS_AT_ONCE = 16 };	/* then the others have their turn */

/* Only one connection reads at a time: they share the landing place. */
static char scratch[CONN_READ_BYTES];

void
conn_set_due(struct conn *c)
{
	if (c->due)
		return;
	c->due = true;
	c->next_due = c->front->due;
	c->front->due = c;
}

void
conn_lose(struct conn *c)
{
	c->lost = true;
	if (c->active)
		c->request.response.gone = true;
	conn_set_due(c);
}

static struct conn *
conn_create(struct front *front, int in_fd, int out_fd)
{
	struct conn *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->front = front;
	c->in_fd = in_fd;
	c->out_fd = out_fd;
	c->progress_ms = c->since_ms = uv_now(front->loop);
	buf_init(&c->params, PARAMS_BYTES_MAX);
	buf_init(&c->small, 1024);
	buf_init(&c->leftover, CONN_READ_BYTES);
	arena_init(&c->request.arena, CONN_ARENA_BYTES);
	c->request.changed = conn_changed;
	c->next = front->conns;
	c->link = &front->conns;
	if (c->next != NULL)
		c->next->link = &c->next;
	front->conns = c;
	front->conn_count++;
	return c;
}

/* ---- The handler's side. ---- */

static void
conn_arm(struct hangup_watch *w)
{
	conn_update((struct conn *)((char *)w - offsetof(struct conn, watch)));
}

static void
conn_left(struct hangup_watch *w)
{
	conn_take_gone((struct conn *)((char *)w -
	    offsetof(struct conn, watch)));
}

void
conn_take_head(struct conn *c)
{
	struct request *r = &c->request;

	response_init(&r->response, c->out_fd, c->cgi ? 0 : c->id,
	    c->front->limits.client_buffer);
	c->state = CONN_BODY;
	c->active = true;
	c->front->active++;
	c->watch.arm = conn_arm;
	c->watch.left = conn_left;
	hangup_begin(&c->front->hangup, &c->watch, &r->params);
	c->front->handler->head(r);
}

void
conn_take_body(struct conn *c, const char *bytes, size_t n)
{
	c->request.received += n;
	if (!c->answered) {
		c->front->handler->body(&c->request, bytes, n);
		if (c->request.is_busy)
			front_set_busy(c->front);
		return;
	}
	c->discarded += n;
	if (c->discarded > c->front->limits.linger_bytes)
		conn_lose(c);
}

void
conn_take_end(struct conn *c, enum err err)
{
	struct request *r = &c->request;

	c->state = CONN_ANSWER;
	conn_set_due(c);
	if (c->answered)
		return;
	if (err == ERR_NONE && r->has_length && r->received < r->content_length)
		err = ERR_BODY_TRUNCATED;
	c->front->handler->body_end(r, err);
}

/*
 * Who has the whole answer may leave: to the handler nothing has happened, it
 * only writes to nobody from now on.
 */
void
conn_take_gone(struct conn *c)
{
	struct request *r = &c->request;

	hangup_end(&c->watch);
	if (!c->active || r->gone)
		return;
	r->gone = !r->response.whole;
	r->response.gone = true;
	if (r->gone && !c->answered)
		c->front->handler->gone(r);
	conn_set_due(c);
}

void
conn_changed(struct request *r)
{
	struct conn *c = (struct conn *)((char *)r -
	    offsetof(struct conn, request));

	if (r->response.state == RESPONSE_DONE)
		c->answered = true;
	if (response_is_full(&r->response))
		c->was_full = true;
	if (c->answered || r->response.gone || response_is_pending(&r->response))
		conn_set_due(c);
	if (c->answered && !response_is_pending(&r->response))
		conn_answer_sent(c);
}

/* ---- Reading and writing. ---- */

static bool
conn_is_reading(const struct conn *c)
{
	return !c->lost && !c->request.response.gone &&
	    c->state != CONN_ANSWER && !c->request.is_busy;
}

static void
conn_read_eof(struct conn *c)
{
	if (c->cgi && c->state == CONN_BODY)
		conn_take_end(c, c->until_eof ? ERR_NONE : ERR_BODY_TRUNCATED);
	else
		conn_lose(c);
}

/*
 * CGI: the body is as long as CONTENT_LENGTH says (RFC 3875 section 4.2); where
 * a server passes a chunked request on without one (mod_cgid), it ends with
 * standard input.
 */
static void
conn_take_cgi_end(struct conn *c)
{
	if (!c->until_eof && !c->request.is_busy &&
	    c->request.received >= c->request.content_length)
		conn_take_end(c, ERR_NONE);
}

static bool
conn_feed(struct conn *c, const char *bytes, size_t n)
{
	if (!c->cgi)
		return intake_feed(c, bytes, n);
	conn_take_body(c, bytes, n);
	conn_take_cgi_end(c);
	return true;
}

/* What was read while the request was busy comes now. */
static bool
conn_feed_leftover(struct conn *c)
{
	struct buf leftover = c->leftover;
	bool	 ok;

	if (c->cgi) {
		conn_take_cgi_end(c);
		return true;
	}
	buf_init(&c->leftover, CONN_READ_BYTES);
	ok = buf_len(&leftover) == 0 ||
	    intake_feed(c, buf_data(&leftover), buf_len(&leftover));
	buf_fini(&leftover);
	return ok;
}

void
conn_resume(struct conn *c)
{
	struct request *r = &c->request;

	c->progress_ms = uv_now(c->front->loop);
	if (c->answered || r->gone)
		r->is_busy = false;
	else
		c->front->handler->resume(r);
	if (!r->is_busy && !conn_feed_leftover(c))
		conn_lose(c);
	conn_set_due(c);
}

static size_t
conn_read_size(const struct conn *c)
{
	uint64_t left;

	if (!c->cgi || c->until_eof)
		return CONN_READ_BYTES;
	left = c->request.content_length - c->request.received;
	return left < CONN_READ_BYTES ? (size_t)left : CONN_READ_BYTES;
}

static void
conn_read(struct conn *c)
{
	ssize_t	 n;
	size_t	 size;

	for (int i = 0; conn_is_reading(c) && (c->in_file ||
	    i < READS_AT_ONCE); i++) {
		size = conn_read_size(c);
		n = read(c->in_fd, scratch, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			if (n == 0)
				conn_read_eof(c);
			else
				conn_lose(c);
			break;
		}
		c->progress_ms = uv_now(c->front->loop);
		if (!conn_feed(c, scratch, (size_t)n))
			conn_lose(c);
		if ((size_t)n < size)
			break;
	}
	conn_set_due(c);
}

/*
 * Something comes while a request is answered: FCGI_ABORT_REQUEST (FastCGI 1.0
 * section 5.4) ends it; the next request's beginning waits for its turn.
 */
static void
conn_read_ahead(struct conn *c)
{
	uint8_t	 abort[RECORD_HEAD];
	ssize_t	 n = read(c->in_fd, scratch, sizeof scratch);

	if (n < 0)
		return;
	record_head(abort, FCGI_ABORT_REQUEST, c->id, 0);
	if (n == 0 || (n >= RECORD_HEAD &&
	    memcmp(scratch, abort, RECORD_HEAD - 2) == 0))
		conn_take_gone(c);
	else if (buf_append(&c->leftover, scratch, (size_t)n) != ERR_NONE)
		conn_lose(c);
}

static void
conn_flush(struct conn *c)
{
	struct response *r = &c->request.response;

	c->progress_ms = uv_now(c->front->loop);
	response_flush(r);
	if (c->was_full && !response_is_pending(r) && !r->gone) {
		c->was_full = false;
		if (!c->answered)
			c->front->handler->writable(&c->request);
	}
	if (c->answered && !response_is_pending(r))
		conn_answer_sent(c);
	conn_set_due(c);
}

static void
conn_on_event(struct conn *c, int status, int events)
{
	if (c->active && c->state == CONN_ANSWER &&
	    hangup_is(status, events)) {
		conn_take_gone(c);
		conn_set_due(c);
		return;
	}
	if (status < 0) {
		conn_lose(c);
		return;
	}
	if ((events & UV_WRITABLE) != 0)
		conn_flush(c);
	if ((events & UV_READABLE) != 0 && c->state == CONN_ANSWER)
		conn_read_ahead(c);
	else if ((events & UV_READABLE) != 0)
		conn_read(c);
	conn_update(c);
}

static void
conn_on_in(uv_poll_t *poll, int status, int events)
{
	conn_on_event(poll->data, status, events);
}

/* ---- What the descriptors are watched for. ---- */

static void
conn_poll(struct conn *c, uv_poll_t *poll, int fd, bool *open, int *in_force,
    bool *is_file, int want)
{
	if (want == *in_force || *is_file)
		return;
	if (!*open) {
		if (uv_poll_init(c->front->loop, poll, fd) != 0) {
			*is_file = true;
			return;
		}
		poll->data = c;
		*open = true;
		c->handles++;
	}
	*in_force = want;
	if (want == 0)
		uv_poll_stop(poll);
	else
		uv_poll_start(poll, want, conn_on_in);
}

/*
 * FastCGI uses one descriptor. While a request is answered, its end is watched
 * for, and an abort record; once other bytes have come, reading stops. Until the
 * hang-up watch is armed, what was registered before simply stays, which saves
 * two system calls.
 */
static void
conn_update_fastcgi(struct conn *c)
{
	int	 want = 0;

	if (conn_is_reading(c))
		want = UV_READABLE;
	else if (c->watch.armed && !c->request.response.gone &&
	    !c->request.is_busy)
		want = UV_DISCONNECT | (buf_len(&c->leftover) == 0 ?
		    UV_READABLE : 0);
	if (c->active && response_is_pending(&c->request.response))
		want |= UV_WRITABLE;
	conn_poll(c, &c->in_poll, c->in_fd, &c->in_open, &c->in_events,
	    &c->in_file, want);
}

/*
 * CGI's standard input may be half-closed by the server (mod_cgid does so after
 * the body) while the client is still there; so only errors and full hang-ups
 * on standard output count, which are reported whatever is asked for.
 */
static void
conn_update_cgi(struct conn *c)
{
	int	 want = 0;

	conn_poll(c, &c->in_poll, c->in_fd, &c->in_open, &c->in_events,
	    &c->in_file, conn_is_reading(c) ? UV_READABLE : 0);
	if (c->in_file && conn_is_reading(c))
		conn_read(c);
	if (c->out_fd < 0)
		return;
	if (c->watch.armed && !c->request.response.gone &&
	    c->state == CONN_ANSWER)
		want = UV_PRIORITIZED;
	if (c->active && response_is_pending(&c->request.response))
		want |= UV_WRITABLE;
	conn_poll(c, &c->out_poll, c->out_fd, &c->out_open, &c->out_events,
	    &c->out_file, want);
	if (c->out_file && want != 0 && c->active)
		conn_flush(c);
}

void
conn_update(struct conn *c)
{
	if (c->lost)
		return;
	if (c->cgi)
		conn_update_cgi(c);
	else
		conn_update_fastcgi(c);
}

/* ---- Beginnings. ---- */

void
conn_open(struct front *front, int fd)
{
	struct conn *c = conn_create(front, fd, fd);

	if (c == NULL)
		close(fd);
	else
		conn_read(c);
}

static void
conn_set_nonblocking(int fd)
{
	int	 on = 1;

	ioctl(fd, FIONBIO, &on);
}

void
conn_open_cgi(struct front *front)
{
	struct conn *c = conn_create(front, STDIN_FILENO, STDOUT_FILENO);
	const char *method;

	if (c == NULL)
		abort();
	c->cgi = true;
	conn_set_nonblocking(c->in_fd);
	conn_set_nonblocking(c->out_fd);
	c->request.err = params_from_environ(&c->request.params,
	    &c->request.arena);
	if (c->request.err == ERR_NONE)
		c->request.err = request_init_length(&c->request);
	method = params_get(&c->request.params, "REQUEST_METHOD");
	c->until_eof = !c->request.has_length && method != NULL &&
	    strcmp(method, "POST") == 0;
	conn_take_head(c);
	if (c->request.content_length == 0 && !c->until_eof)
		conn_take_end(c, ERR_NONE);
	else
		conn_read(c);
}
