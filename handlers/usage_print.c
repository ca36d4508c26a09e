#include "config.h"

#include "handlers/usage_print.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/json.h"

enum { CELL_SIZE = 512, LINE_MAX_BYTES = 64 << 10 };
#define NANO		1000000000

enum column {
	COLUMN_HOUR, COLUMN_DAY, COLUMN_KEY, COLUMN_MODEL, COLUMN_PROVIDER,
	COLUMN_REQUESTS, COLUMN_ERRORS, COLUMN_INPUT, COLUMN_CACHE_READ,
	COLUMN_CACHE_WRITE, COLUMN_OUTPUT, COLUMN_REASONING,
	COLUMN_ESTIMATED, COLUMN_UNPRICED, COLUMN_COST, COLUMN__MAX
};

#define TEXT(member)	.offset = offsetof(struct usage_sum, member)
#define NUMBER(member)	.is_number = true, TEXT(member)

/* What is shown where BY is asked for; 0 is always. */
static const struct {
	const char	*title, *name;		/* of the table, of JSON */
	unsigned	 by;
	bool		 is_number;
	size_t		 offset;
} columns[COLUMN__MAX] = {
	[COLUMN_HOUR] = { "hour (UTC)", "hour", USAGE_BY_HOUR, TEXT(time_s) },
	[COLUMN_DAY] = { "day (UTC)", "day", USAGE_BY_DAY, TEXT(time_s) },
	[COLUMN_KEY] = { "key", "key", USAGE_BY_KEY, TEXT(key_id) },
	[COLUMN_MODEL] = { "model", "model", USAGE_BY_MODEL, TEXT(model) },
	[COLUMN_PROVIDER] = { "provider", "provider", USAGE_BY_PROVIDER,
	    TEXT(provider) },
	[COLUMN_REQUESTS] = { "requests", "requests", 0, NUMBER(requests) },
	[COLUMN_ERRORS] = { "errors", "errors", 0, NUMBER(errors) },
	[COLUMN_INPUT] = { "input", "input_tokens", 0, NUMBER(input_tokens) },
	[COLUMN_CACHE_READ] = { "cache read", "cache_read_tokens", 0,
	    NUMBER(cache_read_tokens) },
	[COLUMN_CACHE_WRITE] = { "cache write", "cache_write_tokens", 0,
	    NUMBER(cache_write_tokens) },
	[COLUMN_OUTPUT] = { "output", "output_tokens", 0, NUMBER(output_tokens) },
	[COLUMN_REASONING] = { "reasoning", "reasoning_tokens", 0,
	    NUMBER(reasoning_tokens) },
	[COLUMN_ESTIMATED] = { "estimated", "estimated", 0, NUMBER(estimated) },
	[COLUMN_UNPRICED] = { "unpriced", "unpriced", 0, NUMBER(unpriced) },
	[COLUMN_COST] = { "cost", "cost", 0, NUMBER(cost_nano) },
};

struct print {
	FILE		*out;
	const struct usage_query *query;
	int		 widths[COLUMN__MAX];
	size_t		 rows;
	struct usage_sum total;
};

/* ---- Cells. ---- */

/* In the table. */
static bool
is_shown(const struct print *p, enum column c)
{
	if (c == COLUMN_UNPRICED)
		return false;		/* the cost tells */
	return columns[c].by == 0 || (columns[c].by & p->query->by) != 0;
}

static const void *
field_of(const struct usage_sum *sum, enum column c)
{
	return (const char *)sum + columns[c].offset;
}

static void
format_time(int64_t time_s, enum column c, char cell[CELL_SIZE])
{
	time_t	 second = time_s;
	struct tm tm;

	gmtime_r(&second, &tm);
	strftime(cell, CELL_SIZE, c == COLUMN_DAY ? "%Y-%m-%d" :
	    "%Y-%m-%dT%H:00Z", &tm);
}

/* All digits that are not 0, and two at least. */
static void
format_money(int64_t nano, char cell[CELL_SIZE])
{
	int	 n = snprintf(cell, CELL_SIZE, "%lld.%09lld",
		     (long long)(nano / NANO), (long long)(nano % NANO));

	while (n > 3 && cell[n - 1] == '0' && cell[n - 3] != '.')
		cell[--n] = '\0';
}

/* A model's name may be what a client made up: nothing of it is obeyed. */
static void
format_text(const char *text, char cell[CELL_SIZE])
{
	snprintf(cell, CELL_SIZE, "%s", text[0] == '\0' ? "-" : text);
	for (char *c = cell; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7F)
			*c = '?';
		else if (c[0] == '\xC2' && (unsigned char)c[1] >= 0x80 &&
		    (unsigned char)c[1] < 0xA0)
			c[0] = c[1] = '?';
}

static void
format_cost(const struct usage_sum *sum, char cell[CELL_SIZE])
{
	if (sum->cost_nano == 0 && sum->unpriced > 0) {
		strcpy(cell, "-");
		return;
	}
	format_money(sum->cost_nano, cell);
	if (sum->unpriced > 0)
		strcat(cell, "+");
}

/* Of the table. */
static void
format_cell(const struct usage_sum *sum, enum column c, char cell[CELL_SIZE])
{
	if (c <= COLUMN_DAY)
		format_time(sum->time_s, c, cell);
	else if (c == COLUMN_COST)
		format_cost(sum, cell);
	else if (columns[c].is_number)
		snprintf(cell, CELL_SIZE, "%lld",
		    (long long)*(const int64_t *)field_of(sum, c));
	else
		format_text(*(const char *const *)field_of(sum, c), cell);
}

void
usage_print_add(struct usage_sum *total, const struct usage_sum *sum)
{
	for (enum column c = COLUMN_REQUESTS; c < COLUMN__MAX; c++)
		*(int64_t *)((char *)total + columns[c].offset) +=
		    *(const int64_t *)field_of(sum, c);
}

/* ---- The table. ---- */

static void
widen(struct print *p, enum column c, const char *cell)
{
	int	 n = (int)strlen(cell);

	if (n > p->widths[c])
		p->widths[c] = n;
}

/* The first pass: how wide columns are, and the total. */
static void
measure(void *arg, const struct usage_sum *sum)
{
	struct print *p = arg;
	char	 cell[CELL_SIZE];

	for (enum column c = 0; c < COLUMN__MAX; c++) {
		if (!is_shown(p, c))
			continue;
		format_cell(sum, c, cell);
		widen(p, c, cell);
	}
	usage_print_add(&p->total, sum);
	p->rows++;
}

static void
put_cell(const struct print *p, enum column c, const char *cell, bool *first)
{
	fputs(*first ? "" : "  ", p->out);
	*first = false;
	fprintf(p->out, columns[c].is_number ? "%*s" : "%-*s", p->widths[c],
	    cell);
}

static void
put_row(void *arg, const struct usage_sum *sum)
{
	struct print *p = arg;
	char	 cell[CELL_SIZE];
	bool	 first = true;

	for (enum column c = 0; c < COLUMN__MAX; c++) {
		if (!is_shown(p, c))
			continue;
		format_cell(sum, c, cell);
		put_cell(p, c, cell, &first);
	}
	fputs("\n", p->out);
}

static void
put_titles(struct print *p)
{
	bool	 first = true;

	for (enum column c = 0; c < COLUMN__MAX; c++)
		if (is_shown(p, c))
			put_cell(p, c, columns[c].title, &first);
	fputs("\n", p->out);
}

static void
put_total(struct print *p)
{
	char	 cell[CELL_SIZE];
	bool	 first = true;

	for (enum column c = 0; c < COLUMN__MAX; c++) {
		if (!is_shown(p, c))
			continue;
		if (columns[c].is_number)
			format_cell(&p->total, c, cell);
		else
			strcpy(cell, first ? "total" : "");
		put_cell(p, c, cell, &first);
	}
	fputs("\n", p->out);
}

bool
usage_print_table(struct usage *u, const struct usage_query *query, FILE *out)
{
	struct print p = { .out = out, .query = query };
	char	 cell[CELL_SIZE];

	if (!usage_each(u, query, measure, &p))
		return false;
	for (enum column c = 0; c < COLUMN__MAX; c++) {
		widen(&p, c, columns[c].title);
		if (columns[c].is_number) {
			format_cell(&p.total, c, cell);
			widen(&p, c, cell);
		}
	}
	put_titles(&p);
	if (!usage_each(u, query, put_row, &p))
		return false;
	if (p.rows > 1)
		put_total(&p);
	return true;
}

/* ---- JSON. ---- */

static void
put_text(struct buf *out, const char *text)
{
	if (text[0] == '\0')
		buf_puts(out, "null");
	else
		json_write_string(out, text, strlen(text));
}

static void
put_value(struct buf *out, const struct usage_sum *sum, enum column c)
{
	char	 cell[CELL_SIZE];

	if (!columns[c].is_number && c > COLUMN_DAY) {
		put_text(out, *(const char *const *)field_of(sum, c));
		return;
	}
	if (c == COLUMN_COST)
		format_money(sum->cost_nano, cell);
	else
		format_cell(sum, c, cell);
	if (columns[c].is_number)
		buf_puts(out, cell);
	else
		put_text(out, cell);
}

void
usage_print_members(struct buf *out, const struct usage_sum *sum, unsigned by)
{
	const char *before = "";

	for (enum column c = 0; c < COLUMN__MAX; c++) {
		if (columns[c].by != 0 && (columns[c].by & by) == 0)
			continue;
		buf_printf(out, "%s\"%s\":", before, columns[c].name);
		put_value(out, sum, c);
		before = ",";
	}
}

static void
put_json(void *arg, const struct usage_sum *sum)
{
	struct print *p = arg;
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	buf_puts(&line, "{");
	usage_print_members(&line, sum, p->query->by);
	buf_puts(&line, "}\n");
	fwrite(buf_data(&line), 1, buf_len(&line), p->out);
	buf_fini(&line);
}

bool
usage_print_json(struct usage *u, const struct usage_query *query, FILE *out)
{
	struct print p = { .out = out, .query = query };

	return usage_each(u, query, put_json, &p);
}
