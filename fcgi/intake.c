#include "config.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include <fastcgi.h>

#include "fcgi/conn.h"

/*
 * A record of ours outside of an answer. While an answer waits to be written
 * there is no place for it, and it is left out. False: the peer has gone.
 */
static bool
intake_reply(struct conn *c, uint8_t type, uint16_t id, const void *content,
    size_t n)
{
	char	 record[RECORD_HEAD + 128];

	if (c->active && response_is_pending(&c->request.response))
		return true;
	assert(n <= sizeof record - RECORD_HEAD);
	record_head((uint8_t *)record, type, id, n);
	memcpy(record + RECORD_HEAD, content, n);
	return write(c->out_fd, record, RECORD_HEAD + n) ==
	    (ssize_t)(RECORD_HEAD + n);
}

static bool
intake_refuse(struct conn *c, uint16_t id, uint8_t protocol_status)
{
	const uint8_t content[RECORD_HEAD] = { 0, 0, 0, 0, protocol_status };

	return intake_reply(c, FCGI_END_REQUEST, id, content, sizeof content);
}

/* FCGI_GET_VALUES (section 4.1): the variables asked for that we know. */
static bool
intake_values(struct conn *c)
{
	static const struct { const char *name, *value; } known[] = {
		{ FCGI_MAX_CONNS, "1024" },
		{ FCGI_MAX_REQS, "1024" },
		{ FCGI_MPXS_CONNS, "0" },
	};
	char	 out[128];
	size_t	 len = 0, name, value;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		name = strlen(known[i].name);
		value = strlen(known[i].value);
		if (memmem(buf_data(&c->small), buf_len(&c->small),
		    known[i].name, name) == NULL)
			continue;
		out[len++] = (char)name;
		out[len++] = (char)value;
		memcpy(out + len, known[i].name, name);
		memcpy(out + len + name, known[i].value, value);
		len += name + value;
	}
	return intake_reply(c, FCGI_GET_VALUES_RESULT, 0, out, len);
}

static bool
intake_management(struct conn *c, const struct record_piece *p)
{
	const uint8_t unknown[RECORD_HEAD] = { p->type };

	bool	 ok;

	if (p->type != FCGI_GET_VALUES)
		return !p->last || intake_reply(c, FCGI_UNKNOWN_TYPE, 0,
		    unknown, sizeof unknown);
	if (buf_append(&c->small, p->data, p->len) != ERR_NONE)
		return false;
	if (!p->last)
		return true;
	ok = intake_values(c);
	buf_fini(&c->small);
	return ok;
}

/* FCGI_BEGIN_REQUEST (section 5.1); its content is always 8 bytes. */
static bool
intake_begin(struct conn *c, const struct record_piece *p)
{
	const uint8_t *content;
	unsigned role;
	bool	 ok = true;

	if (p->record_len != RECORD_HEAD ||
	    buf_append(&c->small, p->data, p->len) != ERR_NONE)
		return false;
	if (!p->last)
		return true;
	content = (const uint8_t *)buf_data(&c->small);
	role = (unsigned)content[0] << 8 | content[1];
	if (c->state == CONN_BODY && c->answered && !c->active)
		conn_begin_again(c);
	if (c->state != CONN_IDLE) {
		if (p->id == c->id)
			return false;
		ok = intake_refuse(c, p->id, FCGI_CANT_MPX_CONN);
	} else if (role != FCGI_RESPONDER)
		ok = intake_refuse(c, p->id, FCGI_UNKNOWN_ROLE);
	else {
		c->id = p->id;
		c->keep = (content[2] & FCGI_KEEP_CONN) != 0;
		c->state = CONN_PARAMS;
		c->since_ms = uv_now(c->front->loop);
	}
	buf_fini(&c->small);
	return ok;
}

static bool
intake_params(struct conn *c, const struct record_piece *p)
{
	struct request *r = &c->request;

	if (c->state != CONN_PARAMS)
		return false;
	if (p->record_len > 0) {
		if (buf_append(&c->params, p->data, p->len) != ERR_NONE)
			r->err = ERR_FIELDS_TOO_LARGE;
		return true;
	}
	if (r->err == ERR_NONE)
		r->err = params_parse(&r->params, &r->arena,
		    buf_data(&c->params), buf_len(&c->params));
	buf_fini(&c->params);
	if (r->err == ERR_NONE)
		r->err = request_init_length(r);
	conn_take_head(c);
	return true;
}

static bool
intake_stdin(struct conn *c, const struct record_piece *p)
{
	if (c->state != CONN_BODY)
		return false;
	if (p->record_len == 0)
		conn_take_end(c, ERR_NONE);
	else
		conn_take_body(c, p->data, p->len);
	return true;
}

static bool
intake_piece(struct conn *c, const struct record_piece *p)
{
	if (p->id == 0)
		return intake_management(c, p);
	if (p->type == FCGI_BEGIN_REQUEST)
		return intake_begin(c, p);
	if (c->state == CONN_IDLE || p->id != c->id)
		return true;		/* section 3.3: ignore unknown requests */
	switch (p->type) {
	case FCGI_PARAMS:
		return intake_params(c, p);
	case FCGI_STDIN:
		return intake_stdin(c, p);
	case FCGI_ABORT_REQUEST:
		conn_take_gone(c);
		return c->active;
	default:
		return true;		/* FCGI_DATA is not for responders */
	}
}

bool
intake_feed(struct conn *c, const char *bytes, size_t n)
{
	struct record_piece piece;
	bool	 found, bad;
	size_t	 used;

	while (n > 0 && !c->lost && !c->request.gone) {
		if (c->state == CONN_ANSWER || c->request.is_busy)
			return buf_append(&c->leftover, bytes, n) == ERR_NONE;
		used = record_read(&c->reader, bytes, n, &piece, &found, &bad);
		if (bad || (found && !intake_piece(c, &piece)))
			return false;
		bytes += used;
		n -= used;
	}
	return true;
}
