/* What a body names, however its members are spelled and in whatever pieces it comes. */
#include "config.h"

#include "handlers/references.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "handlers/route.h"

#define RESPONSES	"/v1/responses"
#define CHAT		"/v1/chat/completions"

enum { TEXT_MAX = 1 << 20, ROUNDS = 40 };

struct fixture {
	struct exchange	 x;
	struct arena	 arena;
	struct json_scan scan;
};

static void
begin(struct fixture *f, const char *path)
{
	memset(f, 0, sizeof *f);
	arena_init(&f->arena, 1000);
	f->x.call.arena = &f->arena;
	assert_int_equal(route_find(&f->x.route, "POST", path), ERR_NONE);
	spool_init(&f->x.body, 64);	/* most are in a file */
}

static void
end(struct fixture *f)
{
	spool_fini(&f->x.body);
	arena_fini(&f->arena);
}

/* In pieces of up to MOST bytes. */
static void
feed(struct fixture *f, const char *text, size_t len, size_t most)
{
	size_t	 n;

	json_scan_init(&f->scan, NULL, 0);
	f->x.scan = &f->scan;
	f->scan.is_wanted = references_names(&f->x);
	for (size_t at = 0; at < len; at += n) {
		n = 1 + (size_t)random() % most;
		n = n < len - at ? n : len - at;
		assert_int_equal(json_scan_feed(&f->scan, text + at, n),
		    ERR_NONE);
		assert_int_equal(spool_append(&f->x.body, text + at, n),
		    ERR_NONE);
	}
	assert_int_equal(json_scan_end(&f->scan), ERR_NONE);
}

/* "kind:id kind:id" of what is found, as a request would look for it. */
static void
read_all(struct fixture *f, char *out, size_t size)
{
	struct id_list list = { .count = 0 };
	size_t	 len = 0;

	out[0] = '\0';
	if (!f->scan.has_wanted)
		return;
	assert_int_equal(references_read(&f->x, &list), ERR_NONE);
	for (size_t i = 0; i < list.count && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s:%s",
		    i == 0 ? "" : " ", list.items[i].kind, list.items[i].id);
}

static void
check(const char *path, const char *body, size_t len, size_t most,
    const char *expected)
{
	struct fixture *f = malloc(sizeof *f);
	char	 found[4096];

	begin(f, path);
	feed(f, body, len, most);
	read_all(f, found, sizeof found);
	if (strcmp(found, expected) != 0)
		fail_msg("%s %s: found %s, not %s", path, body, found,
		    expected);
	end(f);
	free(f);
}

static const struct { const char *path, *body, *expected; } cases[] = {
	{ RESPONSES, "{}", "" },
	{ RESPONSES, "{\"model\":\"m\",\"input\":\"previous_response_id\"}",
	    "" },
	{ RESPONSES, "{\"previous_response_id\":\"r1\"}", "response:r1" },
	{ RESPONSES, "{\"previous_response_id\":null}", "" },
	{ RESPONSES, "{\"previous_response_id\":\"\"}", "" },
	{ RESPONSES, "{\"previous_response_id\":\"a\",\"x\":1,"
	    "\"previous_response_id\":\"b\"}", "response:a response:b" },
	{ RESPONSES, "{\"previous_response_id\":[\"a\"]}", "response:a" },
	{ RESPONSES, "{\"previous_response_id\":{\"id\":\"a\"}}",
	    "response:a" },
	{ RESPONSES, "{\"previous_response_id\":12.50}", "response:12.50" },
	{ RESPONSES, "{\"conversation\":\"c\"}", "conversations:c" },
	{ RESPONSES, "{\"conversation\":{\"id\":\"c\"}}", "conversations:c" },
	{ RESPONSES, "{\"conversation\":{\"id\":\"c\",\"ID\":\"d\"}}",
	    "conversations:c conversations:d" },
	{ RESPONSES, "{\"conversation\":{\"x\":{\"id\":\"no\"}}}", "" },
	{ RESPONSES, "{\"input\":[{\"role\":\"user\",\"content\":["
	    "{\"type\":\"input_file\",\"file_id\":\"f1\"},"
	    "{\"type\":\"input_image\",\"file_id\":\"f2\"}]}],\"tools\":["
	    "{\"type\":\"file_search\",\"vector_store_ids\":[\"v1\",\"v2\"]},"
	    "{\"type\":\"code_interpreter\",\"container\":\"n1\"},"
	    "{\"type\":\"code_interpreter\",\"container\":{\"type\":\"auto\","
	    "\"file_ids\":[\"f3\"]}}]}",
	    "files:f1 files:f2 vector_stores:v1 vector_stores:v2 "
	    "containers:n1 files:f3" },
	{ RESPONSES, "{\"file_ids\":[{},\"a\",[\"b\"],{\"id\":\"c\"},null]}",
	    "files:a files:b files:c" },
	{ RESPONSES, "{\"tools\":[{\"type\":\"function\",\"parameters\":{"
	    "\"properties\":{\"file_id\":{\"type\":\"string\"}},"
	    "\"examples\":[{\"file_id\":\"no\"}]}},"
	    "{\"file_id\":\"yes\"}]}", "files:yes" },
	{ RESPONSES, "{\"client_metadata\":{\"thread_id\":\"no\",\"a\":{"
	    "\"file_id\":\"no\"}},\"file_id\":\"f\"}", "files:f" },
	{ RESPONSES, "{\"metadata\":{\"file_id\":\"no\"},\"text\":{"
	    "\"format\":{\"schema\":{\"default\":{\"thread_id\":\"no\"}}}}}",
	    "" },
	{ RESPONSES "/compact", "{\"previous_response_id\":\"r1\"}",
	    "response:r1" },
	{ CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
	    "\"file\",\"file\":{\"file_id\":\"f\"}}]}]}", "files:f" },
	{ CHAT, "{\"messages\":[{\"tool_calls\":[{\"id\":\"call\","
	    "\"function\":{\"arguments\":\"{\\\"file_id\\\":1}\"}}]}]}", "" },
	{ "/v1/messages", "{\"container\":{\"id\":\"n\",\"skills\":["
	    "{\"skill_id\":\"s\"}]},\"messages\":[{\"content\":["
	    "{\"type\":\"image\",\"source\":{\"type\":\"file\","
	    "\"file_id\":\"f\"}},{\"type\":\"tool_use\",\"input\":{"
	    "\"file_id\":\"no\",\"x\":{\"file_ids\":[\"no\"]}}},"
	    "{\"type\":\"tool_result\",\"content\":[{\"source\":{"
	    "\"file_id\":\"g\"}}]}]}]}",
	    "containers:n skills:s files:f files:g" },
	{ "/v1/embeddings", "{\"input\":\"x\",\"file_id\":\"no\"}", "" },
	{ "/v1/rerank", "{\"documents\":[{\"file_id\":\"no\"}]}", "" },
	{ "/v1/batches", "{\"input_file_id\":\"f\"}", "files:f" },
	{ "/v1/threads/t/runs", "{\"assistant_id\":\"a\"}", "assistants:a" },
	{ "/v1/fine_tuning/jobs", "{\"model\":\"m\",\"training_file\":\"f\","
	    "\"validation_file\":\"g\"}", "files:f files:g" },
	{ RESPONSES, "{\"file_id\":\"a\\u0000b\"}", "files:" },
	{ RESPONSES, "{\"input\":[{\"type\":\"item_reference\","
	    "\"id\":\"i1\"},{\"id\":\"i2\",\"type\":"
	    "\"item_reference\"},{\"type\":\"message\",\"id\":\"no\"},"
	    "{\"ID\":\"i3\",\"Type\":\"item_reference\"}]}",
	    "item:i1 item:i2 item:i3" },
	{ RESPONSES, "{\"input\":[{\"type\":\"image_generation_call\","
	    "\"id\":\"i1\",\"result\":null},{\"type\":"
	    "\"image_generation_call\",\"id\":\"no\",\"result\":\"QQ\"}]}",
	    "item:i1" },
	{ RESPONSES, "{\"input\":[{\"content\":[{\"annotations\":["
	    "{\"file_id\":\"no\",\"container_id\":\"no\"}]}]}]}", "" },
	{ "/v1/evals", "{\"data_source\":{\"source\":{\"type\":"
	    "\"file_id\",\"id\":\"f\"}},\"source\":\"no\"}", "files:f" },
};

static void
each_body_names_what_it_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (size_t most = 1; most < 300; most = 3 * most + 1)
			check(cases[i].path, cases[i].body,
			    strlen(cases[i].body), most, cases[i].expected);
}

/* ---- Spellings. ---- */

/* One letter of NAME, as some reader may take it. */
static size_t
spell(char *out, char letter)
{
	char	 upper = letter >= 'a' && letter <= 'z' ?
		    (char)(letter - 'a' + 'A') : letter;

	if (letter == '_' && random() % 3 == 0)
		return random() % 2 ? 0 : (size_t)sprintf(out, "-");
	switch (random() % 6) {
	case 0:
		return (size_t)sprintf(out, "%c", upper);
	case 1:
		return (size_t)sprintf(out, "\\u%04x", (unsigned)letter);
	case 2:
		return (size_t)sprintf(out, "\\u%04X", (unsigned)upper);
	case 3:
		if (letter == 's')
			return (size_t)sprintf(out, "%s", random() % 2 ?
			    "\xc5\xbf" : "\\u017f");
		if (letter == 'k')
			return (size_t)sprintf(out, "%s", random() % 2 ?
			    "\xe2\x84\xaa" : "\\u212A");
		/* FALLTHROUGH */
	default:
		return (size_t)sprintf(out, "%c", letter);
	}
}

static const struct { const char *name, *kind; } members[] = {
	{ "previous_response_id", "response" },
	{ "conversation", "conversations" }, { "file_id", "files" },
	{ "file_ids", "files" }, { "input_file_id", "files" },
	{ "training_file", "files" }, { "validation_file", "files" },
	{ "vector_store_id", "vector_stores" },
	{ "vector_store_ids", "vector_stores" },
	{ "container", "containers" }, { "assistant_id", "assistants" },
	{ "thread_id", "threads" },
};

static void
any_spelling_of_a_name_counts(void **state)
{
	char	 body[1024], expected[64];

	(void)state;
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
		for (int round = 0; round < ROUNDS; round++) {
			size_t	 n = (size_t)sprintf(body, "%s\"",
				    round % 2 ? "{\"a\":[{\"b\":1," : "{");

			for (const char *c = members[i].name; *c != '\0'; c++)
				n += spell(body + n, *c);
			n += (size_t)sprintf(body + n, "%s", round % 5 ? "" :
			    round % 2 ? " " : "[]");
			n += (size_t)sprintf(body + n, "\" :%s\"id\\u0031\"%s",
			    round % 3 ? "" : "[", round % 3 ? "" : "]");
			n += (size_t)sprintf(body + n, "%s",
			    round % 2 ? "}]}" : "}");
			sprintf(expected, "%s:id1", members[i].kind);
			check(RESPONSES, body, n, 1 + (size_t)random() % 40,
			    expected);
		}
}

/* ---- Bounds. ---- */

static void
no_more_are_taken_than_can_be_looked_for(void **state)
{
	struct fixture *f = malloc(sizeof *f);
	struct id_list list;
	char	*body = malloc(TEXT_MAX);

	(void)state;
	for (size_t count = REFERENCES_MAX - 1; count < REFERENCES_MAX + 3;
	    count++) {
		size_t	 n = (size_t)sprintf(body, "{\"file_ids\":[\"f\"");

		for (size_t i = 1; i < count; i++)
			n += (size_t)sprintf(body + n, ",\"f%zu\"", i);
		n += (size_t)sprintf(body + n, "]}");
		begin(f, "/v1/vector_stores/v/file_batches");
		feed(f, body, n, 5000);
		assert_true(f->scan.has_wanted);
		assert_int_equal(references_read(&f->x, &list), count >
		    REFERENCES_MAX ? ERR_REFERENCES : ERR_NONE);
		end(f);
	}
	free(body);
	free(f);
}

static void
any_depth_that_the_body_may_have_is_read(void **state)
{
	char	*body = malloc(TEXT_MAX);
	size_t	 n = 0;

	(void)state;
	for (int i = 0; i < JSON_DEPTH_MAX / 2 - 1; i++)
		n += (size_t)sprintf(body + n, "{\"file_ids\":[");
	n += (size_t)sprintf(body + n, "{\"file_id\":[\"f\"]}");
	for (int i = 0; i < JSON_DEPTH_MAX / 2 - 1; i++)
		n += (size_t)sprintf(body + n, "]}");
	check(CHAT, body, n, 100, "files:f");
	free(body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_body_names_what_it_names),
		cmocka_unit_test(any_spelling_of_a_name_counts),
		cmocka_unit_test(no_more_are_taken_than_can_be_looked_for),
		cmocka_unit_test(any_depth_that_the_body_may_have_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
