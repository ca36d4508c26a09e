#include "config.h"

#include "fcgi/response.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fastcgi.h>

#include "base/http.h"
#include "fcgi/record.h"

enum {
	HEAD_BYTES_MAX = 131072,
	OUT_SLACK = 1 << 20,		/* one write may exceed the high water mark by this */
	END_BYTES = 3 * RECORD_HEAD,	/* empty STDOUT, END_REQUEST and its content */
	IOV_MAX_USED = 64,
};

/* Bytes on their way out: the framed pieces of one write. */
struct frames {
	uint8_t		 heads[IOV_MAX_USED / 2][RECORD_HEAD];
	struct iovec	 iov[IOV_MAX_USED];
	int		 count, head_count;
	size_t		 total;
};

void
response_init(struct response *r, int fd, uint16_t id, size_t high_water)
{
	*r = (struct response){ .fd = fd, .id = id, .high_water = high_water,
		.length = RESPONSE_LENGTH_UNKNOWN };
	buf_init(&r->head, HEAD_BYTES_MAX);
	buf_init(&r->out, high_water + OUT_SLACK);
}

void
response_fini(struct response *r)
{
	buf_fini(&r->head);
	buf_fini(&r->out);
}

void
response_begin(struct response *r, int status)
{
	assert(r->state == RESPONSE_HEAD && r->status == 0);
	r->status = status;
	buf_printf(&r->head, "Status: %d %s\r\n", status,
	    http_reason(status));
}

void
response_field(struct response *r, const char *name, const char *value)
{
	if (!http_is_field_value(value, strlen(value)))
		return;
	if (buf_puts(&r->head, name) != ERR_NONE ||
	    buf_puts(&r->head, ": ") != ERR_NONE ||
	    buf_puts(&r->head, value) != ERR_NONE ||
	    buf_puts(&r->head, "\r\n") != ERR_NONE)
		r->gone = true;
}

void
response_length(struct response *r, uint64_t n)
{
	char	 text[24];

	snprintf(text, sizeof text, "%ju", (uintmax_t)n);
	response_field(r, "Content-Length", text);
	r->length = n;
}

void
response_expect(struct response *r, size_t n)
{
	r->length = r->body_bytes + n;
}

void
response_reset(struct response *r)
{
	assert(r->state == RESPONSE_HEAD);
	r->status = 0;
	r->length = RESPONSE_LENGTH_UNKNOWN;
	buf_fini(&r->head);
}

static void
frames_init(struct frames *f)
{
	f->count = f->head_count = 0;
	f->total = 0;
}

static void
frames_add(struct frames *f, const void *bytes, size_t n)
{
	assert(f->count < IOV_MAX_USED);
	f->iov[f->count++] = (struct iovec){ (void *)(uintptr_t)bytes, n };
	f->total += n;
}

static void
frames_add_head(struct frames *f, uint16_t id, size_t len)
{
	uint8_t	*head = f->heads[f->head_count++];

	record_head(head, FCGI_STDOUT, id, len);
	frames_add(f, head, RECORD_HEAD);
}

/* STDOUT records around FIRST and SECOND; the two share a record when they fit. */
static void
frames_add_stdout(struct frames *f, uint16_t id, const char *first,
    size_t first_len, const char *second, size_t second_len)
{
	size_t	 len;

	if (first_len > 0 && first_len + second_len <= RECORD_CONTENT_MAX) {
		frames_add_head(f, id, first_len + second_len);
		frames_add(f, first, first_len);
		if (second_len > 0)
			frames_add(f, second, second_len);
		return;
	}
	for (; first_len > 0; first += len, first_len -= len) {
		len = first_len < RECORD_CONTENT_MAX ? first_len :
		    RECORD_CONTENT_MAX;
		frames_add_head(f, id, len);
		frames_add(f, first, len);
	}
	for (; second_len > 0; second += len, second_len -= len) {
		len = second_len < RECORD_CONTENT_MAX ? second_len :
		    RECORD_CONTENT_MAX;
		frames_add_head(f, id, len);
		frames_add(f, second, len);
	}
}

static void
response_lost(struct response *r)
{
	r->gone = true;
	buf_fini(&r->out);
}

/* Keep what writev did not take. */
static void
response_keep(struct response *r, const struct frames *f, size_t written)
{
	for (int i = 0; i < f->count; i++) {
		const char *base = f->iov[i].iov_base;
		size_t	 len = f->iov[i].iov_len;

		if (written >= len) {
			written -= len;
			continue;
		}
		if (buf_append(&r->out, base + written, len - written) !=
		    ERR_NONE) {
			response_lost(r);
			return;
		}
		written = 0;
	}
}

static void
response_send(struct response *r, const struct frames *f)
{
	ssize_t	 written = 0;

	if (f->total == 0 || r->gone)
		return;
	if (buf_len(&r->out) == 0) {
		do
			written = writev(r->fd, f->iov, f->count);
		while (written < 0 && errno == EINTR);
		if (written < 0 && errno != EAGAIN) {
			response_lost(r);
			return;
		}
	}
	response_keep(r, f, written < 0 ? 0 : (size_t)written);
}

/* Frame the head (once) and up to N bytes; returns how many bytes fitted. */
static size_t
response_frame(struct response *r, struct frames *f, const char *bytes,
    size_t n)
{
	size_t	 most = (IOV_MAX_USED / 2 - 6) * (size_t)RECORD_CONTENT_MAX;

	if (n > most)
		n = most;
	if (r->no_body)
		n = 0;
	if (r->id != 0)
		frames_add_stdout(f, r->id, buf_data(&r->head),
		    buf_len(&r->head), bytes, n);
	else {
		frames_add(f, buf_data(&r->head), buf_len(&r->head));
		frames_add(f, bytes, n);
	}
	return n;
}

static void
response_end_head(struct response *r)
{
	if (r->state != RESPONSE_HEAD)
		return;
	assert(r->status != 0);
	if (buf_puts(&r->head, "\r\n") != ERR_NONE)
		response_lost(r);
	r->state = RESPONSE_BODY;
}

/* No body byte can follow those that there are. */
static bool
response_is_last(const struct response *r)
{
	return r->state == RESPONSE_DONE || r->no_body ||
	    r->body_bytes >= r->length || r->status == 204 || r->status == 304;
}

/*
 * A web server that has as many bytes as the head told, or knows that none may
 * follow, closes at once, and has no use for END_REQUEST (lighttpd; RFC 9110
 * section 6.4.1 has the statuses).
 */
static void
response_note_sent(struct response *r)
{
	if (!r->gone && !r->broken && buf_len(&r->out) <= r->tail &&
	    response_is_last(r))
		r->whole = true;
}

/* Send all of BYTES and, in the same system call if it fits, the TAIL. */
static void
response_send_all(struct response *r, const char *bytes, size_t n,
    const void *tail, size_t tail_len)
{
	size_t	 used;

	response_end_head(r);
	r->body_bytes += n;
	do {
		struct frames f;

		frames_init(&f);
		used = response_frame(r, &f, bytes, n);
		if (r->no_body)
			used = n;
		bytes += used;
		n -= used;
		if (n == 0 && tail_len > 0)
			frames_add(&f, tail, tail_len);
		response_send(r, &f);
		buf_fini(&r->head);
	} while (n > 0 && !r->gone);
	response_note_sent(r);
}

enum err
response_write(struct response *r, const void *bytes, size_t n)
{
	assert(r->state != RESPONSE_DONE);
	response_send_all(r, bytes, n, NULL, 0);
	return r->gone ? ERR_CLIENT_GONE : ERR_NONE;
}

void
response_end(struct response *r, const void *bytes, size_t n)
{
	uint8_t	 end[END_BYTES] = { 0 };

	assert(r->state != RESPONSE_DONE);
	record_head(end, FCGI_STDOUT, r->id, 0);
	record_head(end + RECORD_HEAD, FCGI_END_REQUEST, r->id, RECORD_HEAD);
	end[2 * RECORD_HEAD + 4] = FCGI_REQUEST_COMPLETE;
	/* The last piece is as large as it is; nothing can be added to it. */
	r->out.max += n + n / RECORD_CONTENT_MAX * RECORD_HEAD;
	r->tail = r->id == 0 ? 0 : sizeof end;
	response_send_all(r, bytes, n, end, r->tail);
	r->state = RESPONSE_DONE;
	response_note_sent(r);
}

void
response_abort(struct response *r)
{
	struct frames	 f;
	uint8_t		 poison[RECORD_HEAD];

	if (r->state == RESPONSE_DONE)
		return;
	frames_init(&f);
	record_poison(poison, r->id);
	if (r->id != 0 && r->state == RESPONSE_BODY) {
		frames_add(&f, poison, sizeof poison);
		response_send(r, &f);
	}
	r->broken = true;
	r->state = RESPONSE_DONE;
}

bool
response_is_full(const struct response *r)
{
	return buf_len(&r->out) >= r->high_water;
}

bool
response_is_pending(const struct response *r)
{
	return buf_len(&r->out) > 0;
}

enum err
response_flush(struct response *r)
{
	ssize_t	 written;

	while (!r->gone && buf_len(&r->out) > 0) {
		written = write(r->fd, buf_data(&r->out), buf_len(&r->out));
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno == EAGAIN)
			return ERR_NONE;
		if (written < 0)
			response_lost(r);
		else
			buf_consume(&r->out, (size_t)written);
		response_note_sent(r);
	}
	if (buf_len(&r->out) == 0)
		buf_fini(&r->out);
	return r->gone ? ERR_CLIENT_GONE : ERR_NONE;
}
