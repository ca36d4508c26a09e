#include "config.h"

#include "handlers/keys_print.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "gateway/cost.h"
#include "handlers/admin_json.h"
#include "handlers/key_answer.h"

enum { LINE_MAX_BYTES = 1 << 20, TIME_SIZE = 32 };

enum column {
	COLUMN_NAME, COLUMN_ID, COLUMN_HINT, COLUMN_STATE, COLUMN_CREATED, COLUMN_EXPIRES,
	COLUMN_OLD_UNTIL, COLUMN_OWNER, COLUMN_REMOTE_USER, COLUMN_MODELS,
	COLUMN_ENDPOINTS, COLUMN_LIMITS, COLUMN__MAX
};

static const char *const titles[COLUMN__MAX] = {
	[COLUMN_NAME] = "name", [COLUMN_ID] = "id", [COLUMN_HINT] = "key",
	[COLUMN_STATE] = "state",
	[COLUMN_CREATED] = "created (UTC)", [COLUMN_EXPIRES] = "expires",
	[COLUMN_OLD_UNTIL] = "old key until", [COLUMN_OWNER] = "owner",
	[COLUMN_REMOTE_USER] = "remote user", [COLUMN_MODELS] = "models",
	[COLUMN_ENDPOINTS] = "endpoints", [COLUMN_LIMITS] = "limits",
};

struct print {
	FILE		*out;
	int64_t		 now_s;
	bool		 is_measuring;
	int		 widths[COLUMN__MAX];
	struct buf	 cells[COLUMN__MAX];
};

static const char *
state_of(const struct print *p, const struct keys_record *r)
{
	if (!r->enabled)
		return "disabled";
	return r->expires != 0 && r->expires <= p->now_s ? "expired" :
	    "enabled";
}

static void
put_amount(struct buf *b, enum keys_limit limit, uint64_t amount)
{
	if (keys_limits_is_cost(limit))
		cost_put(b, amount);
	else
		buf_put_number(b, amount);
}

/* ---- The table. ---- */

static void
set_cell(struct print *p, enum column column, const char *text)
{
	struct buf *cell = &p->cells[column];

	buf_consume(cell, buf_len(cell));
	for (text = *text == '\0' ? "-" : text; *text != '\0'; text++)
		buf_append(cell, *text == '\n' ? "," : text, 1);
}

static void
set_time(struct print *p, enum column column, int64_t time_s)
{
	char	 text[TIME_SIZE] = "";
	time_t	 time = (time_t)time_s;
	struct tm tm;

	if (time_s != 0 && gmtime_r(&time, &tm) != NULL)
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	set_cell(p, column, text);
}

/* "rpm=60,day_cost=1.5" */
static void
set_limits(struct print *p, const struct keys_limits *limits)
{
	struct buf *cell = &p->cells[COLUMN_LIMITS];

	if (!keys_limits_exist(limits)) {
		set_cell(p, COLUMN_LIMITS, "");
		return;
	}
	buf_consume(cell, buf_len(cell));
	for (int i = 0; i < KEYS__LIMITS; i++) {
		enum keys_limit limit = (enum keys_limit)i;
		uint64_t amount = keys_limits_get(limits, limit);

		if (amount == 0)
			continue;
		buf_printf(cell, "%s%s=", buf_len(cell) > 0 ? "," : "",
		    keys_limits_name(limit));
		put_amount(cell, limit, amount);
	}
}

static void
put_cells(struct print *p)
{
	for (int i = 0; i < COLUMN__MAX; i++) {
		int	 n = (int)buf_len(&p->cells[i]);
		bool	 is_last = i == COLUMN__MAX - 1;

		if (p->is_measuring)
			p->widths[i] = n > p->widths[i] ? n : p->widths[i];
		else
			fprintf(p->out, "%.*s%*s", n, buf_data(&p->cells[i]),
			    is_last ? 0 : p->widths[i] - n + 2,
			    is_last ? "\n" : "");
	}
}

static void
put_row(void *arg, const struct keys_record *r)
{
	struct print *p = arg;

	set_cell(p, COLUMN_NAME, r->name);
	set_cell(p, COLUMN_ID, r->id);
	set_cell(p, COLUMN_HINT, r->hint);
	set_cell(p, COLUMN_STATE, state_of(p, r));
	set_time(p, COLUMN_CREATED, r->created);
	set_time(p, COLUMN_EXPIRES, r->expires);
	set_time(p, COLUMN_OLD_UNTIL, r->old_until > p->now_s ?
	    r->old_until : 0);
	set_cell(p, COLUMN_OWNER, r->owner);
	set_cell(p, COLUMN_REMOTE_USER, r->remote_user);
	set_cell(p, COLUMN_MODELS, r->models);
	set_cell(p, COLUMN_ENDPOINTS, r->endpoints);
	set_limits(p, &r->limits);
	put_cells(p);
}

static void
put_titles(struct print *p)
{
	for (int i = 0; i < COLUMN__MAX; i++)
		set_cell(p, (enum column)i, titles[i]);
	put_cells(p);
}

/* Read twice: before anything is printed all widths must be known. */
enum keys_end
keys_print_table(struct db *db, int64_t now_s, FILE *out)
{
	struct print p = { .out = out, .now_s = now_s, .is_measuring = true };
	enum keys_end end;

	for (int i = 0; i < COLUMN__MAX; i++)
		buf_init(&p.cells[i], LINE_MAX_BYTES);
	put_titles(&p);
	end = keys_each(db, put_row, &p);
	p.is_measuring = false;
	if (end == KEYS_DONE) {
		put_titles(&p);
		end = keys_each(db, put_row, &p);
	}
	for (int i = 0; i < COLUMN__MAX; i++)
		buf_fini(&p.cells[i]);
	return end;
}

/* ---- JSON. ---- */

/* In seconds since 1970; 0 is null. */
static void
put_time(struct buf *b, const char *name, int64_t time_s)
{
	if (time_s == 0)
		admin_json_null(b, name);
	else
		admin_json_integer(b, name, (uint64_t)time_s);
}

static void
put_limits(struct buf *b, const struct keys_limits *limits)
{
	admin_json_name(b, "limits");
	admin_json_open(b);
	key_answer_put_limits(b, limits);
	admin_json_close(b);
}

static void
put_object(void *arg, const struct keys_record *r)
{
	struct print *p = arg;
	struct buf b;

	buf_init(&b, LINE_MAX_BYTES);
	admin_json_open(&b);
	admin_json_text(&b, "name", r->name);
	admin_json_text(&b, "id", r->id);
	admin_json_text(&b, "hint", r->hint);
	admin_json_text(&b, "owner", r->owner);
	admin_json_text(&b, "remote_user", r->remote_user);
	admin_json_text(&b, "state", state_of(p, r));
	admin_json_lines(&b, "models", r->models);
	admin_json_lines(&b, "endpoints", r->endpoints);
	put_limits(&b, &r->limits);
	put_time(&b, "created", r->created);
	put_time(&b, "expires", r->expires);
	put_time(&b, "rotated", r->rotated);
	put_time(&b, "old_until", r->old_until);
	admin_json_close(&b);
	admin_json_print(&b, p->out);
	buf_fini(&b);
}

enum keys_end
keys_print_json(struct db *db, int64_t now_s, FILE *out)
{
	struct print p = { .out = out, .now_s = now_s };

	return keys_each(db, put_object, &p);
}
