/* wire.h - FastCGI as a web server writes and reads it. */
#ifndef TESTS_UNIT_FCGI_WIRE_H
#define TESTS_UNIT_FCGI_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fastcgi.h>

#include "base/buf.h"
#include "fcgi/record.h"

enum { WIRE_MAX = 1 << 26 };

static inline void
wire_record(struct buf *out, int type, unsigned id, const void *content,
    size_t n, uint8_t padding)
{
	static const char zeros[255];
	uint8_t	 head[RECORD_HEAD];

	record_head(head, (uint8_t)type, (uint16_t)id, n);
	head[6] = padding;
	assert_int_equal(buf_append(out, head, sizeof(head)), ERR_NONE);
	assert_int_equal(buf_append(out, content, n), ERR_NONE);
	assert_int_equal(buf_append(out, zeros, padding), ERR_NONE);
}

static inline void
wire_begin(struct buf *out, unsigned id, int role, bool keep)
{
	const uint8_t content[8] = { (uint8_t)(role >> 8), (uint8_t)role, keep };

	wire_record(out, FCGI_BEGIN_REQUEST, id, content, 8, 0);
}

static inline void
wire_length(struct buf *out, size_t n, bool always_long)
{
	const uint8_t bytes[4] = { (uint8_t)(n >> 24 | 0x80), (uint8_t)(n >> 16),
	    (uint8_t)(n >> 8), (uint8_t)n };

	if (n < 128 && !always_long)
		buf_append(out, bytes + 3, 1);
	else
		buf_append(out, bytes, 4);
}

/* One name and value as they stand in PARAMS. */
static inline void
wire_pair(struct buf *out, const char *name, const char *value)
{
	wire_length(out, strlen(name), false);
	wire_length(out, strlen(value), false);
	buf_puts(out, name);
	buf_puts(out, value);
}

/* BEGIN and PARAMS of a POST to PATH with a body of LENGTH bytes. */
static inline void
wire_head(struct buf *out, unsigned id, bool keep, const char *path,
    const char *length)
{
	struct buf params;

	buf_init(&params, WIRE_MAX);
	wire_pair(&params, "REQUEST_METHOD", "POST");
	wire_pair(&params, "REQUEST_URI", path);
	if (length != NULL)
		wire_pair(&params, "CONTENT_LENGTH", length);
	wire_begin(out, id, FCGI_RESPONDER, keep);
	wire_record(out, FCGI_PARAMS, id, buf_data(&params), buf_len(&params),
	    3);
	wire_record(out, FCGI_PARAMS, id, "", 0, 0);
	buf_fini(&params);
}

static inline void
wire_body(struct buf *out, unsigned id, const void *bytes, size_t n)
{
	for (size_t len; n > 0; n -= len) {
		len = n < 40000 ? n : 40000;
		wire_record(out, FCGI_STDIN, id, bytes, len, 7);
		bytes = (const char *)bytes + len;
	}
}

static inline void
wire_end(struct buf *out, unsigned id)
{
	wire_record(out, FCGI_STDIN, id, "", 0, 0);
}

/* What an answer's records say. */
struct wire_answer {
	struct buf	 text;		/* STDOUT joined */
	unsigned	 records;	/* of STDOUT, not empty */
	size_t		 first_len;	/* content of the first of them */
	bool		 padded;	/* a record had padding */
	bool		 closed;	/* the empty STDOUT record came */
	bool		 ended;		/* END_REQUEST came */
	bool		 poisoned;	/* a record of another version came */
	int		 protocol_status;
	int		 other_type;	/* of the last record of another type */
	char		 other[256];	/* and its content */
	size_t		 other_len;
	size_t		 used;		/* bytes up to the end of the answer */
};

/* Take one record; returns its length, 0 when it is not complete. */
static inline size_t
wire_take(struct wire_answer *a, const uint8_t *p, size_t n, unsigned id)
{
	size_t	 len, all;

	if (n < RECORD_HEAD)
		return 0;
	if (p[0] != FCGI_VERSION_1) {
		a->poisoned = true;
		return n;
	}
	len = (size_t)p[4] << 8 | p[5];
	all = RECORD_HEAD + len + p[6];
	if (n < all)
		return 0;
	if (p[1] != FCGI_STDOUT && p[1] != FCGI_END_REQUEST) {
		a->other_type = p[1];
		a->other_len = len < sizeof(a->other) ? len : sizeof(a->other);
		memcpy(a->other, p + RECORD_HEAD, a->other_len);
		return all;
	}
	assert_int_equal(p[2] << 8 | p[3], id);
	a->padded |= p[6] != 0;
	if (p[1] == FCGI_END_REQUEST) {
		assert_int_equal(len, 8);
		a->ended = true;
		a->protocol_status = p[12];
		return all;
	}
	assert_true(len <= RECORD_CONTENT_MAX);
	assert_false(a->closed);
	if (len == 0)
		a->closed = true;
	else if (a->records++ == 0)
		a->first_len = len;
	buf_append(&a->text, p + RECORD_HEAD, len);
	return all;
}

/* Read the records of request ID out of N bytes, up to its END_REQUEST. */
static inline void
wire_parse(struct wire_answer *a, const char *bytes, size_t n, unsigned id)
{
	size_t	 len;

	*a = (struct wire_answer){ .protocol_status = -1 };
	buf_init(&a->text, WIRE_MAX);
	while (!a->ended && !a->poisoned && (len = wire_take(a,
	    (const uint8_t *)bytes + a->used, n - a->used, id)) > 0)
		a->used += len;
}

/* The answer's text is HEAD (lines) and a body of N bytes. */
static inline const char *
wire_find_body(const struct wire_answer *a, size_t *n)
{
	const char *text = buf_data(&a->text);
	const char *end = memmem(text, buf_len(&a->text), "\r\n\r\n", 4);

	assert_non_null(end);
	*n = buf_len(&a->text) - (size_t)(end + 4 - text);
	return end + 4;
}
#endif
