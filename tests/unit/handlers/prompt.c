/* System prompts: which a request gets, and that every other byte stays the client's. */
#include "config.h"

#include "handlers/prompt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/log.h"
#include "handlers/body.h"
#include "handlers/route.h"
#include "store/key_ids.h"
#include "tests/unit/store/children.h"

#define CHAT		"/v1/chat/completions"
#define RESPONSES	"/v1/responses"
#define MESSAGES	"/v1/messages"
#define COUNT		"/v1/messages/count_tokens"

#define SYSTEM(text)	"{\"role\":\"system\",\"content\":\"" text "\"}"
#define BLOCK(text)	"{\"type\":\"text\",\"text\":\"" text "\"}"
static const struct route route;

#define USAGE		"\"stream_options\":{\"include_usage\":true}"

enum { TEXT_MAX = 1 << 20 };

struct fixture {
	struct exchange	 x;
	struct arena	 arena;
	struct snapshot	 snapshot;
	struct model	 models[2], wildcard;
	struct json_scan json;
	struct body	 body;
	struct place	*place;
	struct db	*db;
	struct watch	*watch;
	size_t		 memory_max;	/* of the body; what is longer is in a file */
	char		*text;		/* what goes upstream */
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (sodium_init() < 0)
		return -1;
	log_open(NULL, LOG_LEVEL_ERROR);
	f->place = place_make();
	f->db = db_create(f->place->dir);
	f->watch = watch_create(f->db);
	arena_init(&f->arena, 1000);
	f->models[0].id = "lab/special";
	f->models[1].id = "m";
	f->wildcard = (struct model){ .id = "lab/", .is_wildcard = true };
	f->snapshot.models = f->models;
	f->snapshot.model_count = 2;
	f->snapshot.wildcards = &f->wildcard;
	f->snapshot.wildcard_count = 1;
	f->snapshot.default_model = "m";
	f->x.call.arena = &f->arena;
	f->x.call.snapshot = &f->snapshot;
	f->x.route = &route;
	f->memory_max = TEXT_MAX;
	f->text = malloc(TEXT_MAX);
	spool_init(&f->x.body, TEXT_MAX);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	prompt_list_unref(f->x.call.prompts);
	watch_free(f->watch);
	db_free(f->db);
	place_remove(f->place);
	spool_fini(&f->x.body);
	arena_fini(&f->arena);
	free(f->text);
	free(f);
	return 0;
}

static void
set(struct fixture *f, enum prompts_scope scope, const char *name,
    const char *text)
{
	struct watch_found found;
	struct prompt_list *list;

	assert_int_equal(prompts_set(f->db, scope, name, text, 1),
	    PROMPTS_DONE);
	watch_read(f->watch, &found);
	list = watch_take(&found, WATCH_PROMPTS);
	watch_drop(&found);
	if (list == NULL)
		return;
	prompt_list_unref(f->x.call.prompts);
	f->x.call.prompts = list;
}

/* As the front does it with a request to PATH. */
static void
read_body(struct fixture *f, const char *path, const char *text)
{
	size_t	 n = strlen(text);

	f->x.call.model = NULL;
	f->x.call.path = path;
	spool_fini(&f->x.body);
	spool_init(&f->x.body, f->memory_max);
	assert_int_equal(spool_append(&f->x.body, text, n), ERR_NONE);
	json_scan_init(&f->json, exchange_members, MEMBER__MAX);
	assert_int_equal(json_scan_feed(&f->json, text, n), ERR_NONE);
	assert_int_equal(json_scan_end(&f->json), ERR_NONE);
	f->x.scan = &f->json;
	assert_int_equal(body_read(&f->x, &f->body), ERR_NONE);
	f->body.prompt = prompt_find(&f->x);
	f->x.scan = NULL;
}

static void
make_splice(struct fixture *f, const char *model, bool inject)
{
	const struct plan_step step = { .model = model };
	struct splice s;

	assert_int_equal(body_splice(&f->x, &f->body, &step, inject, &s),
	    ERR_NONE);
	assert_true(s.len < TEXT_MAX);
	assert_int_equal(splice_read(&s, 0, f->text, TEXT_MAX - 1), s.len);
	f->text[s.len] = '\0';
}

static void
expect(struct fixture *f, const char *path, const char *text,
    const char *want)
{
	read_body(f, path, text);
	make_splice(f, f->x.call.model, false);
	assert_string_equal(f->text, want);
}

/* ---- Which. ---- */

static void
without_prompts_nothing_is_done(void **state)
{
	struct fixture *f = *state;
	static const char text[] = "{\"model\":\"m\",\"messages\":[]}";

	expect(f, CHAT, text, text);
	assert_null(f->body.prompt);
	set(f, PROMPTS_GLOBAL, "", "P");
	set(f, PROMPTS_GLOBAL, "", "");
	assert_non_null(f->x.call.prompts);
	expect(f, CHAT, text, text);
	assert_null(f->body.prompt);
}

/* The id of the call's key, as the store makes it. */
static void
be_the_key(struct fixture *f, const char *secret)
{
	unsigned char hash[KEYS_HASH];
	char	 id[KEYS_ID_SIZE];
	struct key_ids ids;

	crypto_hash_sha256(hash, (const unsigned char *)secret,
	    strlen(secret));
	assert_true(key_ids_load(&ids, f->place->dir));
	key_ids_make(&ids, hash, id);
	key_ids_forget(&ids);
	f->x.call.key_id = arena_strdup(&f->arena, id);
}

static void
scopes_are_joined_in_their_order(void **state)
{
	struct fixture *f = *state;
	static const char text[] = "{\"model\":\"m\",\"messages\":[]}";
	static const struct keys_change nothing;

	assert_int_equal(keys_add(f->db, "alice", "sk-one-one-one-one",
	    &nothing, 1), KEYS_DONE);
	set(f, PROMPTS_KEY, "alice", "K");
	set(f, PROMPTS_GLOBAL, "", "G");
	be_the_key(f, "sk-one-one-one-one");
	expect(f, CHAT, text, "{\"model\":\"m\",\"messages\":["
	    SYSTEM("G\\n\\nK") "]}");
	set(f, PROMPTS_MODEL, "m", "M");
	expect(f, CHAT, text, "{\"model\":\"m\",\"messages\":["
	    SYSTEM("G\\n\\nM\\n\\nK") "]}");
	set(f, PROMPTS_GLOBAL, "", "");
	set(f, PROMPTS_MODEL, "m", "");
	expect(f, CHAT, text, "{\"model\":\"m\",\"messages\":["
	    SYSTEM("K") "]}");
	be_the_key(f, "sk-two-two-two-two");
	expect(f, CHAT, text, text);
}

static void
a_model_is_known_by_its_exposed_id(void **state)
{
	struct fixture *f = *state;
	static const struct { const char *asked; const char *want; } cases[] = {
		{ "m", "M" }, { "default/m", "M" }, { "lab/special", "S" },
		{ "default/lab/special", "S" }, { "lab/any", "A" },
		{ "default/lab/any", "A" }, { "lab/other", NULL },
	};
	char	 text[200], want[400];

	set(f, PROMPTS_MODEL, "m", "M");
	set(f, PROMPTS_MODEL, "lab/special", "S");
	set(f, PROMPTS_MODEL, "lab/any", "A");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(text, sizeof text, "{\"model\":\"%s\",\"messages\":"
		    "[]}", cases[i].asked);
		snprintf(want, sizeof want, cases[i].want == NULL ?
		    "{\"model\":\"%s\",\"messages\":[]}" :
		    "{\"model\":\"%s\",\"messages\":[" SYSTEM("%s") "]}",
		    cases[i].asked, cases[i].want);
		expect(f, CHAT, text, want);
	}
	read_body(f, CHAT, "{\"messages\":[]}");
	make_splice(f, "m", false);
	assert_string_equal(f->text, "{\"model\":\"m\",\"messages\":["
	    SYSTEM("M") "]}");
}

static void
other_paths_get_none(void **state)
{
	struct fixture *f = *state;
	static const char *const paths[] = {
		"/v1/completions", "/v1/embeddings", "/v1/moderations",
		"/v1/audio/speech", "/v1/images/generations", "/v1/rerank",
		"/v1/responses/x", "/v1/other",
	};
	static const char text[] = "{\"model\":\"m\",\"messages\":[],"
	    "\"instructions\":\"i\",\"system\":\"s\"}";

	set(f, PROMPTS_GLOBAL, "", "P");
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		expect(f, paths[i], text, text);
}

/* ---- Where. ---- */

static const struct {
	const char	*path, *text, *want;	/* NULL: the same */
} places[] = {
	{ CHAT, " {\"messages\" : [ \r\n\t] , \"x\":1e400}\n",
	  " {\"messages\" : [" SYSTEM("P") " \r\n\t] , \"x\":1e400}\n" },
	{ CHAT, "{\"messages\":[\n {\"role\" :\"user\"}]}",
	  "{\"messages\":[" SYSTEM("P") ",\n {\"role\" :\"user\"}]}" },
	{ CHAT, "{\"m\\u0065ssages\":[1,[]],\"x\":\"messages\"}",
	  "{\"m\\u0065ssages\":[" SYSTEM("P") ",1,[]],\"x\":\"messages\"}" },
	{ CHAT, "{\"messages\":[[]]}", "{\"messages\":[" SYSTEM("P") ",[]]}" },
	{ CHAT, "{\"x\":{\"messages\":[]}}", NULL },
	{ CHAT, "{\"messages\":null}", NULL },
	{ CHAT, "{\"messages\":\"\"}", NULL },
	{ CHAT, "{\"messages\":{\"a\":[]}}", NULL },
	{ CHAT, "{\"instructions\":\"i\",\"system\":[]}", NULL },
	{ CHAT, "{}", NULL },

	{ RESPONSES, "{}", "{\"instructions\":\"P\"}" },
	{ RESPONSES, "{ \"x\":1}", "{\"instructions\":\"P\", \"x\":1}" },
	{ RESPONSES, "{\"instructions\" : \"a\\\"b\" }",
	  "{\"instructions\" : \"P\\n\\na\\\"b\" }" },
	{ RESPONSES, "{\"instructions\":\"\"}",
	  "{\"instructions\":\"P\\n\\n\"}" },
	{ RESPONSES, "{\"instructions\": null ,\"x\":1}",
	  "{\"instructions\": \"P\" ,\"x\":1}" },
	{ RESPONSES, "{\"instructions\":[]}", NULL },
	{ RESPONSES, "{\"instructions\":7}", NULL },
	{ RESPONSES, "{\"instructions\":{\"instructions\":\"\"}}", NULL },

	{ MESSAGES, "{}", "{\"system\":\"P\"}" },
	{ MESSAGES, "{\"messages\":[]}", "{\"system\":\"P\",\"messages\":[]}" },
	{ MESSAGES, "{\"system\":\"s\"}", "{\"system\":\"P\\n\\ns\"}" },
	{ MESSAGES, "{\"system\":null}", "{\"system\":\"P\"}" },
	{ MESSAGES, "{\"system\":[ ]}", "{\"system\":[" BLOCK("P") " ]}" },
	{ MESSAGES, "{\"system\":[ {\"type\":\"text\"}]}",
	  "{\"system\":[" BLOCK("P") ", {\"type\":\"text\"}]}" },
	{ MESSAGES, "{\"system\":true}", NULL },
	{ MESSAGES, "{\"system\":{\"system\":[]}}", NULL },
	{ COUNT, "{\"system\":\"s\"}", "{\"system\":\"P\\n\\ns\"}" },
	{ COUNT, "{\"messages\":[]}", "{\"system\":\"P\",\"messages\":[]}" },
};

/* The body's model is the default; a name in it would be one more edit. */
static void
expect_with_model(struct fixture *f, const char *path, const char *text,
    const char *want)
{
	static const char member[] = "\"model\":\"m\"";
	const char *place;
	char	 all[1000];

	read_body(f, path, text);
	make_splice(f, "m", false);
	place = strstr(f->text, member);
	assert_non_null(place);
	place += sizeof member - 1;
	snprintf(all, sizeof all, "%.*s%s", (int)(strchr(f->text, '{') + 1 -
	    f->text), f->text, place + (*place == ','));
	assert_string_equal(all, want);
}

static void
it_is_put_in_its_place(void **state)
{
	struct fixture *f = *state;

	set(f, PROMPTS_GLOBAL, "", "P");
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		expect_with_model(f, places[i].path, places[i].text,
		    places[i].want == NULL ? places[i].text :
		    places[i].want);
}

/* As it is, when the body names a model that stays. */
static void
what_has_a_model_is_changed_in_no_other_place(void **state)
{
	struct fixture *f = *state;

	set(f, PROMPTS_GLOBAL, "", "P");
	expect(f, RESPONSES, " {\"model\":\"m\"} ",
	    " {\"instructions\":\"P\",\"model\":\"m\"} ");
	expect(f, MESSAGES, "{\"system\" :[],\"model\":\"m\"}",
	    "{\"system\" :[" BLOCK("P") "],\"model\":\"m\"}");
	expect(f, CHAT, "{\"messages\":[ 1 ],\"model\":\"m\"}",
	    "{\"messages\":[" SYSTEM("P") ", 1 ],\"model\":\"m\"}");
}

static void
its_own_signs_are_escaped(void **state)
{
	struct fixture *f = *state;

	set(f, PROMPTS_GLOBAL, "", "say \"\\\"\r\n\t\xC3\xBC");
	expect(f, CHAT, "{\"model\":\"m\",\"messages\":[]}",
	    "{\"model\":\"m\",\"messages\":["
	    SYSTEM("say \\\"\\\\\\\"\\r\\n\\t\xC3\xBC") "]}");
}

static void
all_edits_find_their_places(void **state)
{
	struct fixture *f = *state;
	static const struct { const char *text, *want; } cases[] = {
		{ "{\"messages\":[],\"stream_options\":{},\"model\":\"m\"}",
		  "{\"messages\":[" SYSTEM("P") "],\"stream_options\":"
		  "{\"include_usage\":true},\"model\":\"up\"}" },
		{ "{\"model\":\"m\",\"stream_options\":null,\"messages\":[]}",
		  "{\"model\":\"up\",\"stream_options\":"
		  "{\"include_usage\":true},\"messages\":[" SYSTEM("P") "]}" },
		{ "{\"stream_options\":{},\"messages\":[1],\"model\":\"m\"}",
		  "{\"stream_options\":{\"include_usage\":true},"
		  "\"messages\":[" SYSTEM("P") ",1],\"model\":\"up\"}" },
		{ "{\"messages\":[1]}", "{\"model\":\"up\"," USAGE
		  ",\"messages\":[" SYSTEM("P") ",1]}" },
	};

	set(f, PROMPTS_GLOBAL, "", "P");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		read_body(f, CHAT, cases[i].text);
		make_splice(f, "up", true);
		assert_string_equal(f->text, cases[i].want);
	}
}

/* Nobody asks a stream's usage of these paths, but that is not for splicing to know. */
static void
new_members_have_their_commas(void **state)
{
	struct fixture *f = *state;

	set(f, PROMPTS_GLOBAL, "", "P");
	read_body(f, RESPONSES, "{}");
	make_splice(f, "m", true);
	assert_string_equal(f->text, "{\"model\":\"m\"," USAGE
	    ",\"instructions\":\"P\"}");
	read_body(f, RESPONSES, "{\"model\":\"m\"}");
	make_splice(f, "m", true);
	assert_string_equal(f->text, "{" USAGE ",\"instructions\":\"P\","
	    "\"model\":\"m\"}");
}

/* A try after another: the body may be spliced as often as one likes. */
static void
every_try_gets_it(void **state)
{
	struct fixture *f = *state;

	set(f, PROMPTS_GLOBAL, "", "P");
	read_body(f, CHAT, "{\"messages\":[],\"model\":\"m\"}");
	for (int i = 0; i < 3; i++) {
		make_splice(f, i == 1 ? "other" : "m", false);
		assert_string_equal(f->text, i == 1 ? "{\"messages\":["
		    SYSTEM("P") "],\"model\":\"other\"}" : "{\"messages\":["
		    SYSTEM("P") "],\"model\":\"m\"}");
	}
}

/* White space that a client may send as much of as it likes, and texts of full size. */
static void
large_bodies_in_files_are_no_different(void **state)
{
	struct fixture *f = *state;
	enum { SPACES = 200000 };
	static const char end[] = "],\"model\":\"m\"}";
	char	*body = malloc(SPACES + 100), *prompt, *want;
	size_t	 n = strlen(strcpy(body, "{\"messages\":["));

	memset(body + n, ' ', SPACES);
	strcpy(body + n + SPACES, end);
	prompt = malloc(PROMPTS_TEXT_MAX + 1);
	memset(prompt, '"', PROMPTS_TEXT_MAX);
	prompt[PROMPTS_TEXT_MAX] = '\0';
	set(f, PROMPTS_GLOBAL, "", prompt);
	f->memory_max = 16;
	read_body(f, CHAT, body);
	assert_null(spool_memory(&f->x.body));
	make_splice(f, "m", false);
	want = f->text + n + sizeof SYSTEM("") - 1 + 2 * PROMPTS_TEXT_MAX;
	assert_memory_equal(f->text, body, n);
	assert_memory_equal(f->text + n, SYSTEM(""), sizeof SYSTEM("") - 3);
	assert_memory_equal(want - 4, "\\\"\"}", 4);
	assert_string_equal(want, body + n);
	free(prompt);
	free(body);
}

/* A form has no place for it. */
static void
a_form_is_left_alone(void **state)
{
	struct fixture *f = *state;

	set(f, PROMPTS_GLOBAL, "", "P");
	f->x.call.path = CHAT;
	f->x.call.model = "m";
	f->x.scan = NULL;
	assert_null(prompt_find(&f->x));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(without_prompts_nothing_is_done),
		TEST(scopes_are_joined_in_their_order),
		TEST(a_model_is_known_by_its_exposed_id),
		TEST(other_paths_get_none),
		TEST(it_is_put_in_its_place),
		TEST(what_has_a_model_is_changed_in_no_other_place),
		TEST(its_own_signs_are_escaped),
		TEST(all_edits_find_their_places),
		TEST(new_members_have_their_commas),
		TEST(every_try_gets_it),
		TEST(large_bodies_in_files_are_no_different),
		TEST(a_form_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
