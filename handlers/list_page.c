#include "config.h"

#include "handlers/list_page.h"

#include <stdlib.h>
#include <string.h>

enum { ID_MAX = 256 };

static const char *const names[LIST__MEMBERS] = {
	[LIST_DATA] = "data", [LIST_FIRST_ID] = "first_id",
	[LIST_LAST_ID] = "last_id", [LIST_HAS_MORE] = "has_more",
	[LIST_TOTAL] = "total", [LIST_TOTAL_COUNT] = "total_count",
};

/* ---- Reading. ---- */

static bool
scan(const char *text, size_t n, const char *const *watched, size_t count,
    struct json_range *ranges)
{
	struct json_scan s;

	json_scan_init(&s, watched, count);
	json_scan_feed(&s, text, n);
	if (json_scan_end(&s) != ERR_NONE)
		return false;
	memcpy(ranges, s.ranges, count * sizeof *ranges);
	return true;
}

/* From the quote at AT to behind its twin; the text is known to be sound. */
static size_t
skip_string(const char *text, size_t at)
{
	for (at++; text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at + 1;
}

/* From the bracket at AT to behind the one that closes it. */
static size_t
skip_brackets(const char *text, size_t at)
{
	size_t	 depth = 0;

	do {
		if (text[at] == '"') {
			at = skip_string(text, at);
			continue;
		}
		depth += text[at] == '{' || text[at] == '[';
		depth -= text[at] == '}' || text[at] == ']';
		at++;
	} while (depth > 0);
	return at;
}

static bool
add_item(struct list_page *page, struct arena *arena, size_t start,
    size_t end)
{
	static const char *const id_name[] = { "id" };
	struct list_item *item = &page->items[page->count];
	struct json_range range;
	char	 id[ID_MAX];

	if (page->count == LIST_PAGE_ITEMS_MAX)
		return false;
	page->count++;
	*item = (struct list_item){ .start = start, .end = end, .id = "" };
	if (scan(page->text + start, end - start, id_name, 1, &range) &&
	    range.kind == JSON_STRING && json_string_decode(page->text +
	    start + range.start, (size_t)(range.end - range.start), id,
	    sizeof id) > 0)
		item->id = arena_strdup(arena, id);
	return true;
}

/* The items of a sound array, from behind its bracket. False: one is no object. */
static bool
read_items(struct list_page *page, struct arena *arena, size_t at)
{
	static const char blanks[] = " \t\r\n,";
	size_t	 end;

	for (;; at = end) {
		at += strspn(page->text + at, blanks);
		if (page->text[at] == ']')
			return true;
		if (page->text[at] != '{')
			return false;
		end = skip_brackets(page->text, at);
		if (!add_item(page, arena, at, end))
			return false;
	}
}

static size_t
count_braces(const char *text, size_t n)
{
	size_t	 count = 0;

	for (size_t i = 0; i < n; i++)
		count += text[i] == '{';
	return count;
}

bool
list_page_read(struct list_page *page, struct arena *arena, const char *text,
    size_t n)
{
	const struct json_range *data = &page->members[LIST_DATA];
	size_t	 most;

	*page = (struct list_page){ .text = text, .len = n };
	if (!scan(text, n, names, LIST__MEMBERS, page->members) ||
	    data->kind != JSON_ARRAY)
		return false;
	most = count_braces(text + data->start,
	    (size_t)(data->end - data->start));
	page->items = arena_alloc(arena, (most < LIST_PAGE_ITEMS_MAX ? most :
	    LIST_PAGE_ITEMS_MAX) * sizeof *page->items);
	page->has_more = page->members[LIST_HAS_MORE].kind == JSON_TRUE;
	return read_items(page, arena, (size_t)data->start + 1);
}

const char *
list_page_next(const struct list_page *page)
{
	const char *id = page->count == 0 ? "" :
	    page->items[page->count - 1].id;

	return page->has_more && id[0] != '\0' ? id : NULL;
}

/* ---- Writing. ---- */

/* What is left of a page. */
struct rest {
	const struct list_item *first, *last;
	size_t	 count;
	bool	 is_cut;		/* there are more of them in this page */
};

static void
put_id(struct buf *out, const struct list_item *item)
{
	if (item == NULL)
		buf_puts(out, "null");
	else
		json_write_string(out, item->id, strlen(item->id));
}

static struct rest
find_rest(const struct list_page *page, const bool *is_wanted, size_t most)
{
	struct rest r = { .first = NULL };

	for (size_t i = 0; i < page->count; i++) {
		if (!is_wanted[i])
			continue;
		if (most != 0 && r.count == most) {
			r.is_cut = true;
			break;
		}
		r.last = &page->items[i];
		if (r.first == NULL)
			r.first = r.last;
		r.count++;
	}
	return r;
}

static void
put_items(const struct list_page *page, const bool *is_wanted,
    const struct rest *r, struct buf *out)
{
	size_t	 left = r->count;

	buf_puts(out, "[");
	for (size_t i = 0; left > 0; i++) {
		const struct list_item *item = &page->items[i];

		if (!is_wanted[i])
			continue;
		buf_append(out, page->text + item->start,
		    item->end - item->start);
		if (--left > 0)
			buf_puts(out, ",");
	}
	buf_puts(out, "]");
}

static void
put_raw(const struct list_page *page, const struct json_range *range,
    struct buf *out)
{
	buf_append(out, page->text + range->start,
	    (size_t)(range->end - range->start));
}

static void
put_member(const struct list_page *page, enum list_member member,
    const bool *is_wanted, const struct rest *r, struct buf *out)
{
	const struct json_range *range = &page->members[member];

	switch (member) {
	case LIST_DATA:
		put_items(page, is_wanted, r, out);
		break;
	case LIST_FIRST_ID:
		put_id(out, r->first);
		break;
	case LIST_LAST_ID:
		if (r->count == 0 && page->has_more)
			put_raw(page, range, out);
		else
			put_id(out, r->last);
		break;
	case LIST_HAS_MORE:
		if (r->is_cut)
			buf_puts(out, "true");
		else
			put_raw(page, range, out);
		break;
	default:
		buf_put_number(out, r->count);
	}
}

/* The member that begins first at or after AT, or LIST__MEMBERS. */
static enum list_member
next_member(const struct list_page *page, size_t at)
{
	enum list_member best = LIST__MEMBERS;

	for (enum list_member i = 0; i < LIST__MEMBERS; i++)
		if (page->members[i].kind != JSON_ABSENT &&
		    page->members[i].start >= at && (best == LIST__MEMBERS ||
		    page->members[i].start < page->members[best].start))
			best = i;
	return best;
}

void
list_page_write(const struct list_page *page, const bool *is_wanted,
    size_t most, struct buf *out)
{
	const struct rest r = find_rest(page, is_wanted, most);
	enum list_member member;
	size_t	 at = 0;

	while ((member = next_member(page, at)) != LIST__MEMBERS) {
		const struct json_range *range = &page->members[member];

		buf_append(out, page->text + at, (size_t)range->start - at);
		put_member(page, member, is_wanted, &r, out);
		at = (size_t)range->end;
	}
	buf_append(out, page->text + at, page->len - at);
}
