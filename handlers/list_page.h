/* list_page.h - a page of a provider's list, less what is not for the client. */
#ifndef HANDLERS_LIST_PAGE_H
#define HANDLERS_LIST_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"

enum { LIST_PAGE_ITEMS_MAX = 20000 };

/* What of the page's own members is changed. */
enum list_member {
	LIST_DATA, LIST_FIRST_ID, LIST_LAST_ID, LIST_HAS_MORE, LIST_TOTAL,
	LIST_TOTAL_COUNT, LIST__MEMBERS
};

/* One object of the array "data". */
struct list_item {
	size_t		 start, end;	/* its bytes */
	const char	*id;		/* in the arena; "" = it has none */
};

struct list_page {
	const char	*text;		/* borrowed */
	size_t		 len;
	struct list_item *items;	/* in the arena */
	size_t		 count;
	bool		 has_more;
	struct json_range members[LIST__MEMBERS];
};

/*
 * Read N bytes of JSON. False: this is no list that can be read: an object with an
 * array "data" of objects, at most LIST_PAGE_ITEMS_MAX.
 */
bool	list_page_read(struct list_page *, struct arena *, const char *text,
	    size_t n);

/*
 * Append the page with the first MOST (0 = all) of those items that IS_WANTED
 * names. They keep their bytes and the page its other members, but first_id,
 * last_id and totals are of what is left, and there is more where not all of
 * them are here. Without any the last_id stays, so that one can go on from it.
 */
void	list_page_write(const struct list_page *, const bool *is_wanted,
	    size_t most, struct buf *out);

/* The id that the next page follows; NULL: there is none, or no next page. */
const char *list_page_next(const struct list_page *);
#endif
