/* Pages of lists: what is left of them, byte for byte, and what they say of it. */
#include "config.h"

#include "handlers/list_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OUT_MAX = 1 << 20, ROUNDS = 300, ITEMS = 12 };

/* Of PAGE the items whose ids begin with "my", at most MOST of them. */
static void
filter(const char *text, size_t most, struct buf *out)
{
	struct arena arena;
	struct list_page page;
	bool	 wanted[64] = { false };

	arena_init(&arena, 1000);
	buf_init(out, OUT_MAX);
	assert_true(list_page_read(&page, &arena, text, strlen(text)));
	assert_true(page.count <= 64);
	for (size_t i = 0; i < page.count; i++)
		wanted[i] = strncmp(page.items[i].id, "my", 2) == 0;
	list_page_write(&page, wanted, most, out);
	arena_fini(&arena);
}

#define MY1	"{\"id\":\"my1\",\"n\":1.50}"
#define MY2	"{ \"x\":[\"}\",{\"id\":\"a\"}], \"id\" : \"m\\u00792\" }"
#define THEIRS	"{\"id\":\"their1\",\"x\":\"\\\\\\\"]}\"}"

static const struct { const char *page; size_t most; const char *left; }
cases[] = {
	{ "{\"object\":\"list\",\"data\":[]}", 0,
	    "{\"object\":\"list\",\"data\":[]}" },
	{ "{\"object\":\"list\",\"data\":[" THEIRS "]}", 0,
	    "{\"object\":\"list\",\"data\":[]}" },
	{ " {\"object\":\"list\" ,\"data\" : [ " MY1 " , " THEIRS ",\n" MY2
	    " ],\"z\":1e3} ", 0, " {\"object\":\"list\" ,\"data\" : [" MY1
	    "," MY2 "],\"z\":1e3} " },
	{ "{\"data\":[" MY1 "," MY2 "],\"has_more\":false,\"first_id\":\"my1\""
	    ",\"last_id\":\"my2\"}", 1, "{\"data\":[" MY1 "],\"has_more\":true"
	    ",\"first_id\":\"my1\",\"last_id\":\"my1\"}" },
	{ "{\"first_id\":\"their1\",\"has_more\":true,\"data\":[" THEIRS ","
	    MY2 "," THEIRS "],\"last_id\":\"their1\",\"total\":99}", 5,
	    "{\"first_id\":\"my2\",\"has_more\":true,\"data\":[" MY2
	    "],\"last_id\":\"my2\",\"total\":1}" },
	{ "{\"data\":[" THEIRS "],\"has_more\":true,\"first_id\":\"their1\","
	    "\"last_id\":\"their1\",\"total_count\":3}", 0,
	    "{\"data\":[],\"has_more\":true,\"first_id\":null,"
	    "\"last_id\":\"their1\",\"total_count\":0}" },
	{ "{\"data\":[" THEIRS "],\"has_more\":false,\"first_id\":\"their1\","
	    "\"last_id\":\"their1\"}", 0, "{\"data\":[],\"has_more\":false,"
	    "\"first_id\":null,\"last_id\":null}" },
	/* What has no id that can be read is nobody's. */
	{ "{\"data\":[{},{\"id\":7},{\"id\":null},{\"ID\":\"my\"},"
	    "{\"id\":\"my\",\"id\":\"my\"},{\"id\":\"my\\u0000\"},"
	    "{\"x\":{\"id\":\"my\"}}," MY1 "]}", 0, "{\"data\":[" MY1 "]}" },
};

static void
each_page_keeps_what_is_wanted(void **state)
{
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		filter(cases[i].page, cases[i].most, &out);
		if (buf_len(&out) != strlen(cases[i].left) ||
		    memcmp(buf_data(&out), cases[i].left, buf_len(&out)) != 0)
			fail_msg("%s: left %.*s, not %s", cases[i].page,
			    (int)buf_len(&out), buf_data(&out),
			    cases[i].left);
		buf_fini(&out);
	}
}

static void
what_is_no_list_is_not_read(void **state)
{
	static const char *const texts[] = { "", "[]", "[{\"id\":\"my\"}]",
		"{}", "{\"data\":{}}", "{\"data\":null}", "{\"data\":[1]}",
		"{\"data\":[{},\"x\"]}", "{\"data\":[[]]}", "{\"data\":[",
		"{\"data\":[]", "{\"data\":[],\"data\":[]}",
		"{\"data\":[{]}", "<html>", "{\"Data\":[]}",
		"{\"items\":[{\"id\":\"x\"}]}", "{\"data\":[{}]}x" };
	struct arena arena;
	struct list_page page;

	(void)state;
	arena_init(&arena, 1000);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_false(list_page_read(&page, &arena, texts[i],
		    strlen(texts[i])));
	arena_fini(&arena);
}

static void
pages_of_any_content_stay_lists(void **state)
{
	static const char *const items[] = { MY1, MY2, THEIRS, "{}",
		"{\"id\":\"my\\\"]}\"}", "{\"a\":{\"b\":[[{}]]},\"id\":\"x\"}" };
	char	 text[4096];
	struct buf out;
	struct arena arena;
	struct list_page page;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		size_t	 n = (size_t)sprintf(text, "{\"data\":["), kept = 0;
		int	 count = (int)(random() % ITEMS);

		for (int i = 0; i < count; i++) {
			const char *item = items[random() % 6];

			kept += item == items[0] || item == items[1] ||
			    item == items[4];
			n += (size_t)sprintf(text + n, "%s%s%s", i == 0 ? "" :
			    ",", random() % 2 ? " " : "\n\t", item);
		}
		sprintf(text + n, " ] ,\"total\":7}");
		filter(text, 0, &out);
		arena_init(&arena, 1000);
		assert_true(list_page_read(&page, &arena, buf_data(&out),
		    buf_len(&out)));
		assert_int_equal(page.count, kept);
		for (size_t i = 0; i < kept; i++)
			assert_memory_equal(page.items[i].id, "my", 2);
		arena_fini(&arena);
		buf_fini(&out);
	}
}

static void
the_next_page_follows_the_last_item(void **state)
{
	static const struct { const char *page, *next; } pages[] = {
		{ "{\"data\":[" MY1 "," THEIRS "],\"has_more\":true}",
		    "their1" },
		{ "{\"data\":[" MY1 "],\"has_more\":false}", NULL },
		{ "{\"data\":[" MY1 "]}", NULL },
		{ "{\"data\":[],\"has_more\":true}", NULL },
		{ "{\"data\":[{}],\"has_more\":true}", NULL },
	};
	struct arena arena;
	struct list_page page;

	(void)state;
	arena_init(&arena, 1000);
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		const char *next;

		assert_true(list_page_read(&page, &arena, pages[i].page,
		    strlen(pages[i].page)));
		next = list_page_next(&page);
		assert_true((next == NULL) == (pages[i].next == NULL));
		if (next != NULL)
			assert_string_equal(next, pages[i].next);
	}
	arena_fini(&arena);
}

static void
a_page_has_no_more_items_than_can_be_looked_for(void **state)
{
	char	*text = malloc(4 * LIST_PAGE_ITEMS_MAX + 64);
	struct arena arena;
	struct list_page page;

	(void)state;
	for (int more = -1; more < 2; more++) {
		size_t	 n = (size_t)sprintf(text, "{\"data\":[{}");

		for (int i = 1; i < LIST_PAGE_ITEMS_MAX + more; i++)
			n += (size_t)sprintf(text + n, ",{}");
		n += (size_t)sprintf(text + n, "]}");
		arena_init(&arena, 1000);
		assert_int_equal(list_page_read(&page, &arena, text, n),
		    more <= 0);
		arena_fini(&arena);
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_page_keeps_what_is_wanted),
		cmocka_unit_test(what_is_no_list_is_not_read),
		cmocka_unit_test(pages_of_any_content_stay_lists),
		cmocka_unit_test(the_next_page_follows_the_last_item),
		cmocka_unit_test(a_page_has_no_more_items_than_can_be_looked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
