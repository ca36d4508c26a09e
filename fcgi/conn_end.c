/* How a request ends, and a connection, and what comes between two requests. */
#include "config.h"

#include "fcgi/conn.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LINGER_MS = 30000,
	STOP_IDLE_MS = 500,
};

/* Memory goes when neither libuv nor front->due knows it any more. */
static void
conn_free_if_unused(struct conn *c)
{
	if (c->closed && c->handles == 0 && !c->due)
		free(c);
}

static void
conn_on_close(uv_handle_t *handle)
{
	struct conn *c = handle->data;

	c->handles--;
	conn_free_if_unused(c);
}

static void
conn_close(struct conn *c)
{
	struct front *front = c->front;

	hangup_end(&c->watch);
	if (c->in_open)
		uv_close((uv_handle_t *)&c->in_poll, conn_on_close);
	if (c->out_open)
		uv_close((uv_handle_t *)&c->out_poll, conn_on_close);
	close(c->in_fd);
	if (c->out_fd >= 0 && c->out_fd != c->in_fd)
		close(c->out_fd);
	buf_fini(&c->params);
	buf_fini(&c->small);
	buf_fini(&c->leftover);
	arena_fini(&c->request.arena);
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	front->conn_count--;
	front_resume(front);
	c->closed = true;
	conn_free_if_unused(c);
	if (front->conn_count == 0 && front->stopping)
		front->stopped(front);
}

/* The answer is out, or nobody wants it: the handler lets go. */
static void
conn_end_request(struct conn *c)
{
	hangup_end(&c->watch);
	c->watch.armed = false;
	c->active = false;
	c->front->active--;
	c->front->served++;
	c->front->handler->end(&c->request);
	response_fini(&c->request.response);
}

void
conn_begin_again(struct conn *c)
{
	arena_fini(&c->request.arena);
	arena_init(&c->request.arena, CONN_ARENA_BYTES);
	c->request = (struct request){
		.arena = c->request.arena, .changed = conn_changed };
	c->state = CONN_IDLE;
	c->answered = c->was_full = c->lingering = false;
	c->discarded = 0;
	c->since_ms = c->progress_ms = uv_now(c->front->loop);
}

/* Back to waiting, as FCGI_KEEP_CONN asks (FastCGI 1.0 section 3.5). */
static void
conn_next(struct conn *c)
{
	struct buf leftover = c->leftover;

	conn_begin_again(c);
	buf_init(&c->leftover, CONN_READ_BYTES);
	if (buf_len(&leftover) > 0 &&
	    !intake_feed(c, buf_data(&leftover), buf_len(&leftover)))
		conn_lose(c);
	buf_fini(&leftover);
	conn_update(c);
}

/*
 * An early answer (401, 413) is complete, its request is not: shut our side
 * down and go on reading, or the close would take the answer with it. A server
 * that keeps connections (mod_proxy_fcgi) may already have sent its next
 * request on this one, so there only the reading goes on.
 */
static void
conn_linger(struct conn *c)
{
	if (!c->lingering) {
		c->lingering = true;
		c->since_ms = uv_now(c->front->loop);
		c->shut = !c->keep || c->front->stopping;
		if (c->shut && shutdown(c->out_fd, SHUT_WR) != 0 && c->cgi) {
			if (c->out_open)
				uv_close((uv_handle_t *)&c->out_poll,
				    conn_on_close);
			close(c->out_fd);
			c->out_fd = -1;
			c->out_open = false;
		}
	}
	conn_update(c);
}

/* The beginning of a request may be here that nobody has looked at yet. */
static bool
has_unread(const struct conn *c)
{
	int	 n = 0;

	return ioctl(c->in_fd, FIONREAD, &n) == 0 && n > 0;
}

/*
 * Who stops ends a connection that the web server would keep right behind
 * END_REQUEST, before anything else is done: the server looks for the end
 * before it sends another request, and must not look too early.
 */
void
conn_answer_sent(struct conn *c)
{
	if (!c->front->stopping || !c->keep || c->shut ||
	    c->state != CONN_ANSWER || buf_len(&c->leftover) > 0 ||
	    has_unread(c))
		return;
	c->shut = true;
	shutdown(c->out_fd, SHUT_WR);
}

/*
 * A web server that keeps connections, or has just made one, may be sending a
 * request at this moment, and few ask again when it is met by a close. So who
 * stops waits a little for such a request: what is in use closes after its
 * answer, and what is idle then is hardly used.
 */
static bool
is_left_idle(const struct conn *c)
{
	return c->front->stopping && c->state == CONN_IDLE &&
	    uv_now(c->front->loop) - c->front->stop_ms >= STOP_IDLE_MS;
}

void
conn_attend(struct conn *c)
{
	struct request *r = &c->request;

	c->due = false;
	if (c->closed) {
		conn_free_if_unused(c);
		return;
	}
	if (c->active && r->response.gone && !r->gone && !r->response.whole)
		conn_take_gone(c);
	if (c->active && c->answered &&
	    (r->response.gone || !response_is_pending(&r->response)))
		conn_end_request(c);
	if (c->active)
		conn_update(c);
	else if (c->lost || r->response.gone || r->response.broken)
		conn_close(c);
	else if (c->answered && c->state == CONN_ANSWER) {
		if (c->keep && !c->shut)
			conn_next(c);
		else
			conn_close(c);
	} else if (c->answered)
		conn_linger(c);
	else if (is_left_idle(c) && !has_unread(c))
		conn_close(c);
	else
		conn_update(c);
}

void
conn_sweep(struct conn *c, uint64_t now_ms)
{
	const struct front_limits *limits = &c->front->limits;
	bool	 late;

	if (is_left_idle(c))
		conn_set_due(c);
	if (c->lingering)
		late = now_ms - c->since_ms > LINGER_MS;
	else if (c->state == CONN_PARAMS || c->reader.head_len > 0 || c->state == CONN_BODY)
		late = now_ms - c->progress_ms > limits->intake_idle_ms ||
		    now_ms - c->since_ms > limits->intake_total_ms;
	else		/* the end of an answer that nobody fetches */
		late = c->active && c->answered &&
		    now_ms - c->progress_ms > limits->intake_idle_ms;
	if (!late)
		return;
	if (c->state == CONN_BODY && c->active && !c->answered &&
	    !c->request.gone) {
		c->since_ms = c->progress_ms = now_ms;
		c->front->handler->body_end(&c->request, ERR_REQUEST_TIMEOUT);
		conn_set_due(c);
	} else
		conn_lose(c);
}
