#include "config.h"

#include "handlers/receive.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/decoder.h"
#include "base/media_type.h"
#include "gateway/gate.h"
#include "handlers/capture.h"
#include "handlers/references.h"
#include "handlers/reply.h"
#include "handlers/route.h"

/* What a body may be made of before the others have their turn. */
enum { TURN_BYTES = 1 << 20, PIECE_BYTES = 65536 };

/* A body that is decoded. */
struct decoding {
	struct decoder	*decoder;
	struct buf	 waiting;	/* of the body: read, not decoded yet */
	uint64_t	 made_bytes;	/* so far */
};

static struct spelling member_spelling, field_spelling;

/* Only one body is decoded at a time: they share the landing place. */
static char piece[PIECE_BYTES];

void
receive_init(void)
{
	spelling_init(&member_spelling);
	spelling_init(&field_spelling);
	for (size_t i = 0; i < MEMBER__MAX; i++)
		spelling_add(&member_spelling, exchange_members[i]);
	for (size_t i = 0; i < MEMBER_FORM__MAX; i++)
		spelling_add(&field_spelling, exchange_members[i]);
}

uint64_t
receive_max_bytes(const struct exchange *x)
{
	uint64_t most = x->call.snapshot->conf->limits.body_bytes;

	return x->route->body_max != 0 && x->route->body_max < most ?
	    x->route->body_max : most;
}

/* ---- Scanning. ---- */

static void
reply_json_error(struct exchange *x, enum err err)
{
	const char *text = err_get(err)->text;
	struct arena *arena = x->call.arena;

	if (err == ERR_JSON_DUPLICATE)
		text = arena_printf(arena,
		    "The member \"%s\" appears twice in the request body.",
		    exchange_members[x->scan->err_name]);
	else if (err == ERR_JSON_SPELLING)
		text = arena_printf(arena,
		    "A member of the request body has a name that some "
		    "providers read as \"%s\" (byte %" PRIu64 ").",
		    exchange_members[x->scan->err_name], x->scan->err_offset);
	else if (err == ERR_JSON_SYNTAX || err == ERR_JSON_NAME ||
	    err == ERR_JSON_UTF8)
		text = arena_printf(arena, "%.*s (byte %" PRIu64 ").",
		    (int)strlen(text) - 1, text, x->scan->err_offset);
	reply_error(x, err, text);
}

/* What is looked for besides, where the key or a provider cares. */
static const struct spelling *
find_noted(const struct exchange *x)
{
	const struct deny *deny = &x->call.snapshot->deny;

	return x->route->body == ROUTE_BODY_MODEL && (deny->has_all ||
	    gate_check_model(&x->call, NULL) != ERR_NONE) ? &deny->names : NULL;
}

static void
begin_json(struct exchange *x)
{
	x->content_type = "application/json";
	x->scan = malloc(sizeof *x->scan);
	if (x->scan == NULL)
		abort();
	json_scan_init_strict(x->scan, &member_spelling);
	x->scan->is_wanted = references_names(x);
	x->scan->noted = find_noted(x);
}

static enum err
begin_form(struct exchange *x, const char *type)
{
	char *told = arena_alloc(x->call.arena, MULTIPART_TYPE_SIZE);
	enum err err;

	x->multipart = malloc(sizeof *x->multipart);
	if (x->multipart == NULL)
		abort();
	err = multipart_scan_init(x->multipart, type,
	    references_fields(x, &field_spelling));
	if (err == ERR_NONE)
		multipart_write_type(x->multipart, told);
	x->multipart->names.noted = find_noted(x);
	x->content_type = told;
	return err;
}

/* What administrators send is JSON whatever it is called: nobody else reads it. */
static enum media_type
find_media_type(const struct exchange *x, const char *type)
{
	return x->route->body == ROUTE_BODY_JSON_OR_NONE ? MEDIA_TYPE_JSON :
	    media_type_parse(type);
}

/*
 * The first byte of a body is here: decide how it is read. A provider must read
 * it in no other way, so what it is called there follows from that.
 */
static enum err
begin_body(struct exchange *x)
{
	const char *type = params_get(&x->request->params, "CONTENT_TYPE");

	x->body_begun = true;
	switch (find_media_type(x, type)) {
	case MEDIA_TYPE_CHARSET:
		return ERR_CHARSET;
	case MEDIA_TYPE_FORM:
		if (x->route->takes_forms)
			return begin_form(x, type);
		/* FALLTHROUGH */
	case MEDIA_TYPE_OTHER:
		x->content_type = type;
		return x->route->body == ROUTE_BODY_ANY ? ERR_NONE :
		    ERR_MEDIA_TYPE;
	default:
		begin_json(x);
		return ERR_NONE;
	}
}

/* False: it was refused, and that has been told. */
static bool
scan_body(struct exchange *x, const char *bytes, size_t n)
{
	enum err err = x->body_begun ? ERR_NONE : begin_body(x);

	if (err == ERR_NONE && x->multipart != NULL)
		err = multipart_scan_feed(x->multipart, bytes, n);
	if (err != ERR_NONE) {
		reply_error(x, err, x->multipart == NULL ? NULL :
		    x->multipart->reason);
		return false;
	}
	if (x->scan != NULL)
		err = json_scan_feed(x->scan, bytes, n);
	if (err != ERR_NONE)
		reply_json_error(x, err);
	return err == ERR_NONE;
}

/* Bytes of the body as a provider gets to read them. False: as above. */
static bool
take(struct exchange *x, const char *bytes, size_t n)
{
	enum err err;

	if (!scan_body(x, bytes, n))
		return false;
	capture_request(x, bytes, n);
	err = spool_append(&x->body, bytes, n);
	if (err != ERR_NONE)
		reply_error(x, err, NULL);
	return err == ERR_NONE;
}

/* ---- Decoding. ---- */

static bool
take_decoded(struct exchange *x, size_t n)
{
	x->decoding->made_bytes += n;
	if (x->decoding->made_bytes <= receive_max_bytes(x))
		return take(x, piece, n);
	reply_error(x, ERR_BODY_TOO_LARGE,
	    "The request body is too large when it is decoded.");
	return false;
}

/*
 * Decode the N bytes at IN as far as this turn goes. Returns how many of them
 * that were; the request is busy if there is more to do.
 */
static size_t
decode(struct exchange *x, const char *in, size_t n)
{
	struct decoder *d = x->decoding->decoder;
	size_t	 at = 0, turn = 0, used, made = 1;

	x->request->is_busy = false;
	while (at < n || made > 0) {
		if (turn >= TURN_BYTES) {
			x->request->is_busy = true;
			break;
		}
		if (decoder_step(d, in + at, n - at, &used, piece,
		    sizeof piece, &made) != ERR_NONE) {
			reply_error(x, ERR_DECODE, NULL);
			break;
		}
		if (made > 0 && !take_decoded(x, made))
			break;
		at += used;
		turn += made;
	}
	return at;
}

/* False: it was refused, and that has been told. */
static bool
begin_decoding(struct exchange *x)
{
	enum coding coding = decoder_coding(params_get(&x->request->params,
	    "HTTP_CONTENT_ENCODING"));

	x->coding_known = true;
	if (coding == CODING_UNKNOWN)
		reply_error(x, ERR_CODING, NULL);
	if (coding == CODING_UNKNOWN || coding == CODING_NONE)
		return coding == CODING_NONE;
	x->decoding = arena_alloc(x->call.arena, sizeof *x->decoding);
	x->decoding->decoder = decoder_create(coding);
	buf_init(&x->decoding->waiting, PIECE_BYTES);
	return true;
}

/* ---- For the front edge. ---- */

void
receive_body(struct exchange *x, const char *bytes, size_t n)
{
	size_t	 used;

	if (x->request->received > receive_max_bytes(x)) {
		reply_error(x, ERR_BODY_TOO_LARGE, NULL);
		return;
	}
	if (x->route->body == ROUTE_BODY_NONE ||
	    (!x->coding_known && !begin_decoding(x)))
		return;
	if (x->decoding == NULL) {
		take(x, bytes, n);
		return;
	}
	used = decode(x, bytes, n);
	if (x->request->is_busy &&
	    buf_append(&x->decoding->waiting, bytes + used, n - used) !=
	    ERR_NONE)
		reply_error(x, ERR_NO_MEMORY, NULL);
}

void
receive_resume(struct exchange *x)
{
	struct buf *waiting = &x->decoding->waiting;

	buf_consume(waiting, decode(x, buf_data(waiting), buf_len(waiting)));
	if (!x->request->is_busy)
		buf_fini(waiting);
}

static enum err
end_decoding(struct exchange *x)
{
	enum err err = x->decoding == NULL ? ERR_NONE :
		    decoder_end(x->decoding->decoder);

	receive_release(x);
	return err;
}

static bool
needs_body(const struct exchange *x)
{
	return x->route->body == ROUTE_BODY_JSON ||
	    x->route->body == ROUTE_BODY_MODEL;
}

void
receive_end(struct exchange *x, enum err err)
{
	if (err == ERR_NONE)
		x->call.ready_us = clock_now_us();
	if (err != ERR_NONE)
		reply_error(x, err, NULL);
	else if ((err = end_decoding(x)) != ERR_NONE)
		reply_error(x, err, "The request body ends before what its "
		    "Content-Encoding says does.");
	else if (!x->body_begun && needs_body(x))
		reply_error(x, ERR_JSON_TRUNCATED,
		    "The request has no body; a JSON object is expected.");
	else if (x->scan != NULL && (err = json_scan_end(x->scan)) != ERR_NONE)
		reply_json_error(x, err);
	else if (x->multipart != NULL &&
	    (err = multipart_scan_end(x->multipart)) != ERR_NONE)
		reply_error(x, err, x->multipart->reason);
	else
		x->route->handle(x);
}

void
receive_release(struct exchange *x)
{
	if (x->decoding == NULL)
		return;
	decoder_free(x->decoding->decoder);
	buf_fini(&x->decoding->waiting);
	x->decoding = NULL;
}
