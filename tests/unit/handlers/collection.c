/* Which paths are of which collection, and whose they therefore are. */
#include "config.h"

#include "handlers/collection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char	*path, *kind, *id, *rest;
} cases[] = {
	{ "files", "files", NULL, "" },
	{ "files/file-1", "files", "file-1", "" },
	{ "files/file-1/content", "files", "file-1", "content" },
	{ "filesx/file-1", "filesx", "file-1", "" },
	{ "vector_stores/vs_1/file_batches/vsfb_1/files", "vector_stores",
	    "vs_1", "file_batches/vsfb_1/files" },
	{ "threads/thread_1/runs/run_1/submit_tool_outputs", "threads",
	    "thread_1", "runs/run_1/submit_tool_outputs" },
	{ "threads/runs", "threads", NULL, "" },
	{ "threads/runs/x", "threads", "x", "" },
	{ "fine_tuning/jobs", "fine_tuning/jobs", NULL, "" },
	{ "fine_tuning/jobs/ftjob-1/events", "fine_tuning/jobs", "ftjob-1",
	    "events" },
	{ "fine_tuning/models", "fine_tuning", "models", "" },
	{ "messages/batches/msgbatch_1/results", "messages/batches",
	    "msgbatch_1", "results" },
	{ "videos/edits", "videos", NULL, "" },
	{ "videos/video_1/remix", "videos", "video_1", "remix" },
	{ "agents/environments/templates/t", "agents/environments/templates",
	    "t", "" },
	{ "agents/agent_1", "agents", "agent_1", "" },
	{ "organization/users", "organization", "users", "" },
	{ "organizations/api_keys/apikey_1", "organizations", "api_keys",
	    "apikey_1" },
	{ "usage", "usage", NULL, "" },
	{ "a/b/c/d", "a", "b", "c/d" },
};

static void
each_path_is_of_one_collection(void **state)
{
	struct arena arena;
	struct collection c;

	(void)state;
	arena_init(&arena, 100);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_true(collection_find(&c, &arena, cases[i].path));
		assert_string_equal(c.kind, cases[i].kind);
		if (cases[i].id == NULL)
			assert_null(c.id);
		else
			assert_string_equal(c.id, cases[i].id);
		assert_string_equal(c.rest, cases[i].rest);
	}
	arena_fini(&arena);
}

static void
some_make_more_than_they_are(void **state)
{
	struct arena arena;
	struct collection c;

	(void)state;
	arena_init(&arena, 100);
	assert_true(collection_find(&c, &arena, "threads/runs"));
	assert_true(c.makes_part);
	assert_true(collection_find(&c, &arena, "threads"));
	assert_false(c.makes_part || c.makes_more);
	assert_true(collection_find(&c, &arena, "videos/v/remix"));
	assert_true(c.makes_more);
	assert_true(collection_find(&c, &arena, "videos/v/content"));
	assert_false(c.makes_more);
	arena_fini(&arena);
}

/* Every name and id up to what can be remembered, and not one byte more. */
static void
what_is_too_long_is_of_none(void **state)
{
	char	 path[2 * OBJECTS_ID_MAX + OBJECTS_KIND_MAX];
	struct arena arena;
	struct collection c;

	(void)state;
	arena_init(&arena, 100);
	for (size_t n = 1; n < 2 * OBJECTS_KIND_MAX; n++) {
		memset(path, 'k', n);
		strcpy(path + n, "/id");
		assert_int_equal(collection_find(&c, &arena, path),
		    n < OBJECTS_KIND_MAX);
	}
	for (size_t n = 1; n < 2 * OBJECTS_ID_MAX; n++) {
		memcpy(path, "files/", 6);
		memset(path + 6, 'i', n);
		path[6 + n] = '\0';
		assert_int_equal(collection_find(&c, &arena, path),
		    n < OBJECTS_ID_MAX);
	}
	assert_false(collection_find(&c, &arena, ""));
	assert_false(collection_find(&c, &arena, "files/"));
	assert_false(collection_find(&c, &arena, "/x"));
	arena_fini(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_path_is_of_one_collection),
		cmocka_unit_test(some_make_more_than_they_are),
		cmocka_unit_test(what_is_too_long_is_of_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
