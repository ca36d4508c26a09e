#include "config.h"

#include "bench/http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LINE_MAX_BYTES = 1024 };

/* The value of the header line at LINE when it is NAME's, else NULL. */
static const char *
value_of(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	for (line += n + 1; *line == ' '; line++)
		;
	return line;
}

static void
read_line(const char *line, struct http_head *head)
{
	const char *value;

	if ((value = value_of(line, "content-length")) != NULL)
		head->length = strtoll(value, NULL, 10);
	else if ((value = value_of(line, "transfer-encoding")) != NULL)
		head->chunked = strncasecmp(value, "chunked", 7) == 0;
	else if ((value = value_of(line, "connection")) != NULL)
		head->close = strncasecmp(value, "close", 5) == 0;
}

enum http_step
http_parse(const char *buf, size_t len, struct http_head *head)
{
	const char *end = memmem(buf, len, "\r\n\r\n", 4);
	const char *line = buf;

	if (end == NULL)
		return HTTP_MORE;
	*head = (struct http_head){ .bytes = (size_t)(end - buf) + 4,
	    .length = -1 };
	if (head->bytes > 12 && strncmp(buf, "HTTP/1.1 ", 9) == 0)
		head->status = atoi(buf + 9);
	while (line < end) {
		/* The empty line is there, so this always finds one. */
		line = (const char *)memchr(line, '\n',
		    (size_t)(end + 2 - line)) + 1;
		read_line(line, head);
	}
	return HTTP_DONE;
}

void
http_body_init(struct http_body *body, const struct http_head *head)
{
	*body = (struct http_body){ .state = HTTP_BODY_END };
	if (head->chunked) {
		body->state = HTTP_BODY_SIZE;
	} else if (head->length > 0) {
		body->state = HTTP_BODY_PLAIN;
		body->left = (uint64_t)head->length;
	} else if (head->length < 0 && head->status != 0 &&
	    head->status != 204 && head->status != 304) {
		body->state = HTTP_BODY_TO_EOF;
	}
}

static enum http_step
feed_size(struct http_body *body, char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at;

	if (++body->line > LINE_MAX_BYTES)
		return HTTP_BAD;
	if (c == '\n') {
		body->state = body->left > 0 ? HTTP_BODY_DATA :
		    HTTP_BODY_TRAILER;
		body->line = 0;
		body->in_digits = false;
		return HTTP_MORE;
	}
	if (body->line == 1)
		body->in_digits = true;
	at = memchr(digits, tolower((unsigned char)c), 16);
	if (at == NULL)
		body->in_digits = false;
	else if (body->in_digits)
		body->left = body->left * 16 + (uint64_t)(at - digits);
	return body->left >> 40 ? HTTP_BAD : HTTP_MORE;
}

/* One byte that is framing. */
static enum http_step
feed_frame(struct http_body *body, char c)
{
	switch (body->state) {
	case HTTP_BODY_SIZE:
		return feed_size(body, c);
	case HTTP_BODY_DATA_END:
		if (c == '\n')
			body->state = HTTP_BODY_SIZE;
		else if (c != '\r')
			return HTTP_BAD;
		return HTTP_MORE;
	case HTTP_BODY_TRAILER:
		if (c == '\n') {
			if (body->line == 0)
				body->state = HTTP_BODY_END;
			body->line = 0;
		} else if (c != '\r' && ++body->line > LINE_MAX_BYTES) {
			return HTTP_BAD;
		}
		return HTTP_MORE;
	default:
		return HTTP_BAD;
	}
}

static size_t
feed_data(struct http_body *body, const char *buf, size_t len,
    http_body_fn *sink, void *arg)
{
	if (body->state != HTTP_BODY_TO_EOF) {
		if (len > body->left)
			len = (size_t)body->left;
		body->left -= len;
	}
	sink(arg, buf, len);
	if (body->left == 0 && body->state == HTTP_BODY_DATA)
		body->state = HTTP_BODY_DATA_END;
	else if (body->left == 0 && body->state == HTTP_BODY_PLAIN)
		body->state = HTTP_BODY_END;
	return len;
}

enum http_step
http_body_feed(struct http_body *body, const char *buf, size_t len,
    size_t *used, http_body_fn *sink, void *arg)
{
	size_t at = 0;

	while (at < len && body->state != HTTP_BODY_END) {
		if (body->state == HTTP_BODY_DATA ||
		    body->state == HTTP_BODY_PLAIN ||
		    body->state == HTTP_BODY_TO_EOF)
			at += feed_data(body, buf + at, len - at, sink, arg);
		else if (feed_frame(body, buf[at++]) == HTTP_BAD)
			return HTTP_BAD;
	}
	*used = at;
	return body->state == HTTP_BODY_END ? HTTP_DONE : HTTP_MORE;
}
