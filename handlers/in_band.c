#include "config.h"

#include "handlers/in_band.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "handlers/route.h"

enum { DIGITS_MAX = 15 };

static const char *const pings[] = {
	[ROUTE_DIALECT_CHAT] = ": keep-alive\n\n",
	[ROUTE_DIALECT_MESSAGES] = "event: ping\ndata: {\"type\": \"ping\"}\n\n",
	[ROUTE_DIALECT_RESPONSES] = ": keep-alive\n\n",
};

const char *
in_band_ping(const struct exchange *x)
{
	return pings[x->route->dialect];
}

/* ---- Following. ---- */

/*
 * The value of the first member called NAME, quotes included, in the N bytes
 * TEXT; NULL: there is none. Inside a string a quote has a backslash before it.
 */
static const char *
find_value(const char *text, size_t n, const char *name)
{
	const char *end = text + n, *p = text, *at;
	size_t	 len = strlen(name);

	while ((at = memmem(p, (size_t)(end - p), name, len)) != NULL) {
		p = at + len;
		while (p < end && strchr(" \t", *p) != NULL && *p != '\0')
			p++;
		if (p == end || *p != ':' || (at > text && at[-1] == '\\'))
			continue;
		for (p++; p < end && (*p == ' ' || *p == '\t'); p++)
			;
		return p < end ? p : NULL;
	}
	return NULL;
}

static void
follow_number(struct in_band_place *place, const char *data, size_t n)
{
	const char *p = find_value(data, n, "\"sequence_number\"");
	uint64_t number = 0;
	int	 digits = 0;

	for (; p != NULL && p < data + n && isdigit((unsigned char)*p) &&
	    digits <= DIGITS_MAX; p++, digits++)
		number = 10 * number + (uint64_t)(*p - '0');
	place->next = digits == 0 || digits > DIGITS_MAX ? place->next + 1 :
	    number + 1;
}

/* The first events have the whole response, and its id in it. */
static void
follow_id(struct in_band_place *place, const char *data, size_t n)
{
	const char *end = data + n;
	const char *response = find_value(data, n, "\"response\"");
	const char *id = response == NULL ? NULL :
	    find_value(response, (size_t)(end - response), "\"id\"");
	size_t	 len = 0;

	if (id == NULL || *id++ != '"')
		return;
	while (id + len < end && (isalnum((unsigned char)id[len]) ||
	    id[len] == '_' || id[len] == '-'))
		len++;
	if (len > 0 && len < sizeof place->id && id + len < end &&
	    id[len] == '"')
		memcpy(place->id, id, len);
}

void
in_band_follow(struct in_band_place *place, const char *data, size_t n)
{
	if (data == NULL) {
		place->next++;
		return;
	}
	if (place->id[0] == '\0')
		follow_id(place, data, n);
	follow_number(place, data, n);
}

/* ---- Telling. ---- */

static void
put_member(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	if (text == NULL)
		buf_puts(out, "null");
	else
		json_write_string(out, text, strlen(text));
}

/* The event "error" of the API reference; clients of before it read "error" in it. */
static void
put_error_event(struct buf *out, uint64_t number, const struct api_error *e)
{
	buf_printf(out, "event: error\ndata: {\"type\":\"error\","
	    "\"sequence_number\":%" PRIu64, number);
	put_member(out, "code", e->code);
	put_member(out, "message", e->message);
	put_member(out, "param", e->param);
	buf_puts(out, ",\"error\":");
	api_error_put_members(out, e);
	buf_puts(out, "}\n\n");
}

/* The event "response.failed", whose response has nothing but what is required. */
static void
put_failed_event(struct buf *out, uint64_t number, const struct exchange *x,
    const char *id, const struct api_error *e)
{
	const struct call *c = &x->call;

	buf_printf(out, "event: response.failed\ndata: "
	    "{\"type\":\"response.failed\",\"sequence_number\":%" PRIu64
	    ",\"response\":{\"id\":\"%s%s\",\"object\":\"response\","
	    "\"created_at\":%" PRIu64 ",\"status\":\"failed\",\"error\":{",
	    number, *id == '\0' ? "resp_" : "", *id == '\0' ? c->id : id,
	    c->start_wall_us / 1000000);
	buf_puts(out, "\"code\":");
	json_write_string(out, e->code == NULL ? "server_error" : e->code,
	    strlen(e->code == NULL ? "server_error" : e->code));
	put_member(out, "message", e->message);
	buf_puts(out, "},\"incomplete_details\":null,\"instructions\":null,"
	    "\"metadata\":{}");
	put_member(out, "model", c->model);
	buf_puts(out, ",\"output\":[],\"parallel_tool_calls\":true,"
	    "\"temperature\":null,\"tool_choice\":\"auto\",\"tools\":[],"
	    "\"top_p\":null,\"usage\":null}}\n\n");
}

void
in_band_put_error(struct buf *out, const struct exchange *x,
    const struct in_band_place *place, const struct api_error *e)
{
	switch (x->route->dialect) {
	case ROUTE_DIALECT_RESPONSES:
		put_error_event(out, place->next, e);
		put_failed_event(out, place->next + 1, x, place->id, e);
		return;
	case ROUTE_DIALECT_MESSAGES:
		buf_puts(out, "event: error\ndata: ");
		api_error_put_anthropic(out, e, x->call.id);
		break;
	default:
		buf_puts(out, "data: ");
		api_error_put_openai(out, e);
	}
	buf_puts(out, "\n\n");
}

void
in_band_put_answer(struct buf *out, const struct exchange *x,
    const struct in_band_place *place, int status, const char *text)
{
	enum route_dialect dialect = x->route->dialect;
	struct api_error e;
	enum api_error_shape shape = api_error_read(&e, x->call.arena, status,
	    text);

	if (dialect == ROUTE_DIALECT_MESSAGES && shape == API_ERROR_ANTHROPIC)
		buf_puts(out, "event: error\n");
	else if (dialect != ROUTE_DIALECT_CHAT || shape == API_ERROR_NONE) {
		in_band_put_error(out, x, place, &e);
		return;
	}
	buf_puts(out, "data: ");
	buf_puts(out, text);
	buf_puts(out, "\n\n");
}
