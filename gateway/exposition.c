#include "config.h"

#include "gateway/exposition.h"

#include <assert.h>
#include <string.h>

#include "store/state.h"

enum {
	NAME_MAX_BYTES = 64,
	LABEL_MAX_BYTES = 64,		/* of a family's own, le included */
	NUMBER_MAX_BYTES = 32,
	LINE_MAX_BYTES = NAME_MAX_BYTES + STATE_TEXT_MAX + LABEL_MAX_BYTES +
	    NUMBER_MAX_BYTES + 32,	/* "_bucket", and punctuation */
	LINES_MAX = FAMILY_BOUNDS_MAX + 3
};

/* The lines of one series. */
struct lines {
	char	*end;
	char	 text[LINES_MAX * LINE_MAX_BYTES];
};

static char *
put(char *end, const char *text, size_t n)
{
	memcpy(end, text, n);
	return end + n;
}

static char *
put_text(char *end, const char *text)
{
	return put(end, text, strlen(text));
}

static char *
put_number(char *end, uint64_t number)
{
	char	 digits[20];
	size_t	 at = sizeof digits;

	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	return put(end, digits + at, sizeof digits - at);
}

/* NUMBER / UNIT, which is a power of 10: all decimals, no zeros after them. */
static char *
put_decimal(char *end, uint64_t number, uint64_t unit)
{
	uint64_t rest;

	if (unit == 0)
		unit = 1;
	end = put_number(end, number / unit);
	rest = number % unit;
	if (rest == 0)
		return end;
	*end++ = '.';
	while (rest > 0) {
		unit /= 10;
		*end++ = (char)('0' + rest / unit);
		rest %= unit;
	}
	return end;
}

/* ---- A family's head. ---- */

static void
set_bounds(struct exposition *e)
{
	const struct family_info *f = e->family;
	unsigned i;

	assert(f->bound_count <= FAMILY_BOUNDS_MAX);
	for (i = 0; i < f->bound_count; i++)
		*put_decimal(e->le[i], f->bounds[i], f->unit) = '\0';
	strcpy(e->le[i], "+Inf");
}

enum err
exposition_begin(struct exposition *e, struct buf *out,
    const struct family_info *f, const struct family_info *previous)
{
	static const char *const types[] = {
		[FAMILY_COUNTER] = "counter", [FAMILY_GAUGE] = "gauge",
		[FAMILY_HISTOGRAM] = "histogram",
	};

	assert(strlen(f->name) <= NAME_MAX_BYTES);
	e->out = out;
	e->family = f;
	if (f->type == FAMILY_HISTOGRAM)
		set_bounds(e);
	if (previous != NULL && strcmp(previous->name, f->name) == 0)
		return ERR_NONE;
	return buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name,
	    f->help, f->name, types[f->type]);
}

/* ---- A series. ---- */

/* name{labels,more}, with a space behind it. */
static char *
put_series(char *end, const struct family_info *f, const char *suffix,
    const char *labels, size_t n, const char *more)
{
	end = put_text(end, f->name);
	end = put_text(end, suffix);
	if (n > 0 || *more != '\0')
		*end++ = '{';
	end = put(end, labels, n);
	if (n > 0 && *more != '\0')
		*end++ = ',';
	end = put_text(end, more);
	if (n > 0 || *more != '\0')
		*end++ = '}';
	*end++ = ' ';
	return end;
}

static void
add_values(struct lines *l, const struct family_info *f, const char *labels,
    size_t n, const uint64_t *cells)
{
	unsigned count = f->label_count > 0 ? f->label_count : 1;

	for (unsigned i = 0; i < count; i++) {
		if (cells[i] == 0 && f->type != FAMILY_GAUGE)
			continue;
		l->end = put_series(l->end, f, "", labels, n,
		    f->label_count > 0 ? f->labels[i] : "");
		l->end = put_decimal(l->end, cells[i], f->unit);
		*l->end++ = '\n';
	}
}

/* All buckets of a series begin alike, and that is most of their text. */
static uint64_t
add_buckets(struct lines *l, const struct exposition *e, const char *labels,
    size_t n, const uint64_t *cells)
{
	const struct family_info *f = e->family;
	char	 first[LINE_MAX_BYTES];
	size_t	 len = (size_t)(put_series(first, f, "_bucket", labels, n,
		    "le=\"") - first) - 2;	/* without "} " */
	uint64_t sum = 0;

	for (unsigned i = 0; i <= f->bound_count; i++) {
		sum += cells[i];
		l->end = put(l->end, first, len);
		l->end = put_text(l->end, e->le[i]);
		l->end = put(l->end, "\"} ", 3);
		l->end = put_number(l->end, sum);
		*l->end++ = '\n';
	}
	return sum;
}

static void
add_histogram(struct lines *l, const struct exposition *e, const char *labels,
    size_t n, const uint64_t *cells)
{
	const struct family_info *f = e->family;
	uint64_t count = add_buckets(l, e, labels, n, cells);

	if (count == 0) {
		l->end = l->text;
		return;
	}
	l->end = put_series(l->end, f, "_sum", labels, n, "");
	l->end = put_decimal(l->end, cells[f->bound_count + 1], f->unit);
	*l->end++ = '\n';
	l->end = put_series(l->end, f, "_count", labels, n, "");
	l->end = put_number(l->end, count);
	*l->end++ = '\n';
}

enum err
exposition_put(const struct exposition *e, const char *labels, size_t n,
    const uint64_t *cells)
{
	const struct family_info *f = e->family;
	struct lines l;

	assert(n <= STATE_TEXT_MAX && f->label_count <= LINES_MAX);
	l.end = l.text;
	if (f->type == FAMILY_HISTOGRAM)
		add_histogram(&l, e, labels, n, cells + f->cell);
	else
		add_values(&l, f, labels, n, cells + f->cell);
	return buf_append(e->out, l.text, (size_t)(l.end - l.text));
}
