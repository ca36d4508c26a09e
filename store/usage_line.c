#include "config.h"

#include "store/usage_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <yajl/yajl_parse.h>

enum { NESTING_MAX = 6, NUMBER_SIZE = 40 };

/* Which object or array of the line is being read. */
enum place { PLACE_LINE, PLACE_USAGE, PLACE_TRIES, PLACE_TRY, PLACE_OTHER };

enum kind { KIND_TEXT, KIND_NUMBER, KIND_COST, KIND_FLAG, KIND_PLACE };

#define FIELD(member)	.offset = offsetof(struct usage_record, member), \
	.size = sizeof ((struct usage_record *)0)->member
#define NAME(text)	.name = text, .len = sizeof text - 1
#define TEXT(member)	.kind = KIND_TEXT, FIELD(member)
#define NUMBER(member)	.kind = KIND_NUMBER, FIELD(member)
#define COST(member)	.kind = KIND_COST, FIELD(member)
#define FLAG(member)	.kind = KIND_FLAG, FIELD(member)
#define OPENS(in)	.kind = KIND_PLACE, .opens = in

static const struct member {
	enum place	 place;
	const char	*name;
	size_t		 len;
	enum kind	 kind;
	size_t		 offset, size;
	enum place	 opens;
} members[] = {
	{ PLACE_LINE, NAME("asctime"), TEXT(asctime) },
	{ PLACE_LINE, NAME("time_ms"), NUMBER(time_ms) },
	{ PLACE_LINE, NAME("request_id"), TEXT(id) },
	{ PLACE_LINE, NAME("key_id"), TEXT(key_id) },
	{ PLACE_LINE, NAME("api_path"), TEXT(path) },
	{ PLACE_LINE, NAME("request_model_name"), TEXT(model) },
	{ PLACE_LINE, NAME("target_provider"), TEXT(provider) },
	{ PLACE_LINE, NAME("target_model_name"), TEXT(target_model) },
	{ PLACE_LINE, NAME("stream"), FLAG(stream) },
	{ PLACE_LINE, NAME("status"), NUMBER(status) },
	{ PLACE_LINE, NAME("outcome"), TEXT(outcome) },
	{ PLACE_LINE, NAME("duration_ms"), NUMBER(duration_ms) },
	{ PLACE_LINE, NAME("ttfb_ms"), NUMBER(ttfb_ms) },
	{ PLACE_LINE, NAME("cost"), COST(cost_nano) },
	{ PLACE_LINE, NAME("usage"), OPENS(PLACE_USAGE) },
	{ PLACE_LINE, NAME("attempts"), OPENS(PLACE_TRIES) },
	{ PLACE_TRY, NAME("provider"), TEXT(provider) },
	{ PLACE_TRY, NAME("model"), TEXT(target_model) },
	{ PLACE_TRY, NAME("status"), NUMBER(status) },
	{ PLACE_TRY, NAME("outcome"), TEXT(outcome) },
	{ PLACE_TRY, NAME("duration_ms"), NUMBER(duration_ms) },
	{ PLACE_TRY, NAME("first_token_ms"), NUMBER(first_token_ms) },
	{ PLACE_TRY, NAME("cost"), COST(cost_nano) },
	{ PLACE_TRY, NAME("usage"), OPENS(PLACE_USAGE) },
	{ PLACE_USAGE, NAME("source"), TEXT(source) },
	{ PLACE_USAGE, NAME("input_tokens"), NUMBER(input_tokens) },
	{ PLACE_USAGE, NAME("cache_read_tokens"), NUMBER(cache_read_tokens) },
	{ PLACE_USAGE, NAME("cache_write_tokens"), NUMBER(cache_write_tokens) },
	{ PLACE_USAGE, NAME("output_tokens"), NUMBER(output_tokens) },
	{ PLACE_USAGE, NAME("reasoning_tokens"), NUMBER(reasoning_tokens) },
};
enum { MEMBER_COUNT = sizeof members / sizeof members[0] };

struct reading {
	struct usage_line *line;
	struct usage_record *record;	/* NULL: of a try too many */
	const struct member *member;	/* whose value comes; NULL: an unknown one */
	enum place	 places[NESTING_MAX];
	unsigned	 depth;		/* may be more than what places has */
};

static void
record_begin(struct usage_record *r)
{
	memset(r, 0, sizeof *r);
	r->first_token_ms = r->ttfb_ms = r->cost_nano = -1;
}

static enum place
place_of(const struct reading *r)
{
	return r->depth == 0 || r->depth > NESTING_MAX ? PLACE_OTHER :
	    r->places[r->depth - 1];
}

/* Where the coming value of a member of KIND goes; NULL: nowhere. */
static void *
field_of(const struct reading *r, enum kind kind)
{
	if (r->member == NULL || r->member->kind != kind || r->record == NULL)
		return NULL;
	return (char *)r->record + r->member->offset;
}

static int
on_null(void *arg)
{
	(void)arg;
	return 1;
}

static int
on_boolean(void *arg, int value)
{
	bool	*flag = field_of(arg, KIND_FLAG);

	if (flag != NULL)
		*flag = value;
	return 1;
}

/* Numbers are printed by us, so 1e3 is one only for the cost. */
static int
on_number(void *arg, const char *text, size_t n)
{
	int64_t	*number = field_of(arg, KIND_NUMBER),
		*cost = field_of(arg, KIND_COST);
	char	 copy[NUMBER_SIZE];
	double	 value;

	if ((number == NULL && cost == NULL) || n >= sizeof copy)
		return 1;
	memcpy(copy, text, n);
	copy[n] = '\0';
	value = strtod(copy, NULL);
	if (!(value >= 0))
		return 1;
	if (number != NULL)
		*number = value < USAGE_NUMBER_MAX ? (int64_t)value :
		    USAGE_NUMBER_MAX;
	else
		*cost = (int64_t)((value < USAGE_COST_MAX ? value :
		    USAGE_COST_MAX) * USAGE_NANO + 0.5);
	return 1;
}

/* Up to a NUL, and not into the middle of a character. */
static int
on_string(void *arg, const unsigned char *text, size_t n)
{
	const struct reading *r = arg;
	char	*out = field_of(r, KIND_TEXT);
	const unsigned char *nul;

	if (out == NULL)
		return 1;
	if (n >= r->member->size)
		for (n = r->member->size - 1; n > 0 &&
		    (text[n] & 0xC0) == 0x80; n--)
			continue;
	nul = memchr(text, '\0', n);
	n = nul == NULL ? n : (size_t)(nul - text);
	memcpy(out, text, n);
	out[n] = '\0';
	return 1;
}

static int
on_key(void *arg, const unsigned char *name, size_t n)
{
	struct reading *r = arg;
	enum place place = place_of(r);

	r->member = NULL;
	if (place == PLACE_OTHER)
		return 1;
	for (const struct member *m = members; m < members + MEMBER_COUNT; m++)
		if (m->place == place && m->len == n &&
		    memcmp(m->name, name, n) == 0) {
			r->member = m;
			break;
		}
	return 1;
}

static void
try_begin(struct reading *r)
{
	unsigned i = r->line->try_count++;

	r->record = i < USAGE_TRIES_MAX ? &r->line->tries[i] : NULL;
	if (r->record != NULL)
		record_begin(r->record);
}

static int
enter(struct reading *r, bool is_object)
{
	enum place place = PLACE_OTHER;

	if (r->depth == 0)
		place = is_object ? PLACE_LINE : PLACE_OTHER;
	else if (place_of(r) == PLACE_TRIES)
		place = is_object ? PLACE_TRY : PLACE_OTHER;
	else if (r->member != NULL && r->member->kind == KIND_PLACE &&
	    (r->member->opens == PLACE_TRIES) != is_object)
		place = r->member->opens;
	if (r->depth < NESTING_MAX)
		r->places[r->depth] = place;
	r->depth++;
	r->member = NULL;
	if (place == PLACE_TRY)
		try_begin(r);
	return 1;
}

static int
on_object(void *arg)
{
	return enter(arg, true);
}

static int
on_array(void *arg)
{
	return enter(arg, false);
}

static int
on_end(void *arg)
{
	struct reading *r = arg;

	if (place_of(r) == PLACE_TRY)
		r->record = &r->line->request;
	r->depth--;
	r->member = NULL;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null, .yajl_boolean = on_boolean,
	.yajl_number = on_number, .yajl_string = on_string,
	.yajl_start_map = on_object, .yajl_map_key = on_key,
	.yajl_end_map = on_end, .yajl_start_array = on_array,
	.yajl_end_array = on_end,
};

/* Of a line without time_ms, as older ones are: local time. */
static int64_t
time_of(const char *asctime)
{
	struct tm tm = { .tm_isdst = -1 };
	int	 ms = 0;
	time_t	 second;

	if (sscanf(asctime, "%4d-%2d-%2d %2d:%2d:%2d.%3d", &tm.tm_year,
	    &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
	    &ms) < 6)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	second = mktime(&tm);
	return second <= 0 ? 0 : (int64_t)second * 1000 + ms;
}

/* As gateway_errors_total of /metrics: who left without an answer met none. */
static bool
is_error(const struct usage_record *r)
{
	if (strcmp(r->outcome, "client_gone") == 0)
		return r->ttfb_ms >= 0 && r->status >= 400;
	return strcmp(r->outcome, "ok") != 0 || r->status >= 400;
}

/* The first token of the try whose answer was passed on. */
static void
find_first_token(struct usage_line *line)
{
	unsigned i = line->try_count < USAGE_TRIES_MAX ? line->try_count :
	    USAGE_TRIES_MAX;

	while (i-- > 0)
		if (strcmp(line->tries[i].provider, line->request.provider) ==
		    0 && strcmp(line->tries[i].outcome, "hedge_lost") != 0) {
			line->request.first_token_ms =
			    line->tries[i].first_token_ms;
			return;
		}
}

bool
usage_line_read(struct usage_line *line, const char *text, size_t n)
{
	struct usage_record *request = &line->request;
	struct reading r = { .line = line, .record = request };
	yajl_handle yajl = yajl_alloc(&callbacks, NULL, &r);
	bool	 ok;

	if (yajl == NULL)
		abort();
	record_begin(request);
	line->try_count = 0;
	ok = yajl_parse(yajl, (const unsigned char *)text, n) ==
	    yajl_status_ok && yajl_complete_parse(yajl) == yajl_status_ok;
	yajl_free(yajl);
	if (!ok || request->id[0] == '\0' ||
	    (request->model[0] == '\0' && request->provider[0] == '\0'))
		return false;
	if (request->time_ms == 0)
		request->time_ms = time_of(request->asctime);
	request->is_error = is_error(request);
	find_first_token(line);
	return request->time_ms > 0;
}
