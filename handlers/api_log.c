#include "config.h"

#include "handlers/api_log.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "handlers/admin.h"
#include "handlers/admin_json.h"
#include "store/journal_tail.h"

enum {
	LINES_DEFAULT = 100, LINES_MAX = 1000, NUMBER_DIGITS = 9,
	READ_MAX_BYTES = 64 << 20, TEXT_MAX_BYTES = 48 << 20,
	WANTED_MAX_BYTES = 512
};

/* Members of a line, by what is asked for and by what is left out. */
enum part {
	PART_KEY, PART_NAME, PART_STATUS, PART_OUTCOME, PART_WANTED,
	PART_REQUEST = PART_WANTED, PART_REQUEST_CUT, PART_RESPONSE,
	PART_RESPONSE_CUT, PART_COUNT
};

static const char *const names[PART_COUNT] = {
	[PART_KEY] = "key_id", [PART_NAME] = "request_model_name",
	[PART_STATUS] = "status", [PART_OUTCOME] = "outcome",
	[PART_REQUEST] = "request", [PART_REQUEST_CUT] = "request_cut",
	[PART_RESPONSE] = "response",
	[PART_RESPONSE_CUT] = "response_cut",
};

const struct route_query api_log_query[] = {
	{ "lines", "how many lines at most, from 1 to 1000; 100" },
	{ "key", "lines of one key alone, by its name or id" },
	{ "model", "lines of one model alone, as it was asked for" },
	{ "status", "lines with this status alone" },
	{ "outcome", "lines with this outcome alone" },
	{ "bodies", "true: with the bodies that were captured" },
	{ NULL, NULL }
};

struct question {
	unsigned	 lines;
	bool		 has_bodies;
	const char	*wanted[PART_WANTED];	/* NULL: any */
	const struct key_ids *ids;
};

/* ---- What is asked. ---- */

/* A number from LOW to HIGH where there is one. False: it is none, which was told. */
static bool
read_number(struct admin_job *j, const char *name, unsigned low,
    unsigned high, unsigned *number)
{
	const char *text = admin_query(j, name);
	size_t	 n = text == NULL ? 0 : strlen(text);

	if (text == NULL)
		return true;
	if (n > 0 && n <= NUMBER_DIGITS && strspn(text, "0123456789") == n)
		*number = (unsigned)strtoul(text, NULL, 10);
	else
		*number = 0;
	if (*number >= low && *number <= high)
		return true;
	admin_fail(j, ERR_FIELD_VALUE, name, arena_printf(&j->arena,
	    "'%s' must be a number from %u to %u.", name, low, high));
	return false;
}

static bool
read_bodies(struct admin_job *j, bool *has_bodies)
{
	const char *text = admin_query(j, "bodies");

	*has_bodies = text != NULL && strcmp(text, "true") == 0;
	if (text == NULL || *has_bodies || strcmp(text, "false") == 0)
		return true;
	admin_fail(j, ERR_FIELD_VALUE, "bodies",
	    "'bodies' must be true or false.");
	return false;
}

static bool
read_question(struct admin_job *j, struct question *q)
{
	unsigned status = 0;

	*q = (struct question){ .lines = LINES_DEFAULT,
		.ids = &j->snapshot->key_ids };
	if (!read_number(j, "lines", 1, LINES_MAX, &q->lines) ||
	    !read_number(j, "status", 100, 599, &status) ||
	    !read_bodies(j, &q->has_bodies))
		return false;
	q->wanted[PART_KEY] = admin_query_key(j);
	q->wanted[PART_NAME] = admin_query(j, "model");
	q->wanted[PART_OUTCOME] = admin_query(j, "outcome");
	if (status != 0)
		q->wanted[PART_STATUS] = arena_printf(&j->arena, "%u",
		    status);
	return true;
}

/* ---- Lines. ---- */

/* IDS, unless NULL, say how what stands there is called now. */
static bool
is_wanted(const char *line, const struct json_range *value,
    const char *wanted, const struct key_ids *ids)
{
	const char *raw = line + value->start;
	size_t	 n = (size_t)(value->end - value->start);
	char	 text[WANTED_MAX_BYTES], id[KEYS_ID_SIZE];

	if (wanted == NULL)
		return true;
	if (value->kind == JSON_NUMBER)
		return strlen(wanted) == n && memcmp(raw, wanted, n) == 0;
	if (value->kind != JSON_STRING ||
	    json_string_decode(raw, n, text, sizeof text) < 0)
		return false;
	if (ids == NULL || strlen(text) >= sizeof id)
		return strcmp(text, wanted) == 0;
	key_ids_translate(ids, text, id);
	return strcmp(id, wanted) == 0;
}

/*
 * Where ,"NAME": begins before a value: the journal writes no other spelling.
 * NULL: somebody else wrote the line.
 */
static const char *
find_member(const char *line, const struct json_range *value, const char *name)
{
	size_t	 n = strlen(name);
	const char *start;

	if (value->start < n + 4)
		return NULL;
	start = line + value->start - n - 4;
	return start[0] == ',' && start[1] == '"' &&
	    memcmp(start + 2, name, n) == 0 ? start : NULL;
}

/* The line without what MEMBERS from PART_WANTED on are. False: it is none of ours. */
static bool
put_bare(struct buf *out, const char *line, size_t n,
    const struct json_range *ranges)
{
	const char *from = line, *start;

	for (enum part m = PART_WANTED; m < PART_COUNT; m++) {
		if (ranges[m].kind == JSON_ABSENT)
			continue;
		start = find_member(line, &ranges[m], names[m]);
		if (start == NULL || start < from)
			return false;
		buf_append(out, from, (size_t)(start - from));
		from = line + ranges[m].end;
	}
	return buf_append(out, from, (size_t)(line + n - from)) == ERR_NONE;
}

/* Add the line, if it is asked for. False: it is not. */
static bool
put_line(struct buf *out, const struct question *q, const char *line, size_t n)
{
	size_t	 before = buf_len(out);
	struct json_scan scan;

	json_scan_init(&scan, names, PART_COUNT);
	if (json_scan_feed(&scan, line, n) != ERR_NONE ||
	    json_scan_end(&scan) != ERR_NONE)
		return false;
	for (enum part m = 0; m < PART_WANTED; m++)
		if (!is_wanted(line, &scan.ranges[m], q->wanted[m],
		    m == PART_KEY ? q->ids : NULL))
			return false;
	admin_json_next(out);
	if (q->has_bodies)
		return buf_append(out, line, n) == ERR_NONE;
	if (put_bare(out, line, n, scan.ranges))
		return true;
	buf_remove(out, before, buf_len(out) - before);
	return false;
}

static void
tell_log(struct admin_job *j)
{
	struct buf *out = &j->body;
	struct journal_tail *tail;
	struct question q;
	const char *line;
	size_t	 n;
	bool	 is_full = false;

	if (!read_question(j, &q))
		return;
	tail = journal_tail_open(j->snapshot->conf->log.dir, READ_MAX_BYTES);
	buf_puts(out, "{\"lines\":[");
	while (q.lines > 0 && !is_full && journal_tail_next(tail, &line, &n)) {
		is_full = buf_len(out) + n > TEXT_MAX_BYTES;
		if (!is_full && put_line(out, &q, line, n))
			q.lines--;
	}
	buf_puts(out, "]");
	admin_json_bool(out, "truncated", is_full ||
	    journal_tail_is_cut(tail));
	buf_puts(out, "}");
	journal_tail_close(tail);
}

void
api_log_handle(struct exchange *x)
{
	admin_run(admin_begin(x), tell_log);
}
