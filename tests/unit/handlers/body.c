/* What is read of a body, and that a spliced one differs only where it must. */
#include "config.h"

#include "handlers/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <yajl/yajl_tree.h>

#include "handlers/route.h"

enum { TEXT_MAX = 16384 };

#define USAGE "\"stream_options\":{\"include_usage\":true}"

static const struct route chat, messages = {
	.dialect = ROUTE_DIALECT_MESSAGES };
static const char boundary_type[] = "multipart/form-data; boundary=XyZ";

struct fixture {
	struct exchange	 x;
	struct arena	 arena;
	struct snapshot	 snapshot;
	struct json_scan json;
	struct multipart_scan multipart;
	struct spelling	 names;		/* of a form */
	struct body	 body;
	char		 text[TEXT_MAX];	/* what goes upstream */
	size_t		 len;
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	arena_init(&f->arena, 1000);
	f->x.call.arena = &f->arena;
	f->x.call.snapshot = &f->snapshot;
	f->x.route = &chat;
	spool_init(&f->x.body, TEXT_MAX);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	spool_fini(&f->x.body);
	arena_fini(&f->arena);
	free(f);
	return 0;
}

/* The exchange of before is forgotten. */
static void
begin(struct fixture *f, const char *text, size_t n)
{
	f->x.call.model = NULL;
	f->x.call.stream = false;
	f->x.scan = NULL;
	f->x.multipart = NULL;
	spool_fini(&f->x.body);
	spool_init(&f->x.body, TEXT_MAX);
	assert_int_equal(spool_append(&f->x.body, text, n), ERR_NONE);
}

static enum err
read_json(struct fixture *f, const char *text)
{
	begin(f, text, strlen(text));
	json_scan_init(&f->json, exchange_members, MEMBER__MAX);
	assert_int_equal(json_scan_feed(&f->json, text, strlen(text)),
	    ERR_NONE);
	assert_int_equal(json_scan_end(&f->json), ERR_NONE);
	f->x.scan = &f->json;
	return body_read(&f->x, &f->body);
}

static enum err
read_form(struct fixture *f, const char *text)
{
	begin(f, text, strlen(text));
	spelling_init(&f->names);
	for (size_t i = 0; i <= MEMBER_STREAM; i++)
		spelling_add(&f->names, exchange_members[i]);
	assert_int_equal(multipart_scan_init(&f->multipart, boundary_type,
	    &f->names), ERR_NONE);
	assert_int_equal(multipart_scan_feed(&f->multipart, text,
	    strlen(text)), ERR_NONE);
	assert_int_equal(multipart_scan_end(&f->multipart), ERR_NONE);
	f->x.multipart = &f->multipart;
	return body_read(&f->x, &f->body);
}

static enum err
make_splice(struct fixture *f, const char *model, bool inject)
{
	const struct plan_step step = { .model = model };
	struct splice s;
	enum err err = body_splice(&f->x, &f->body, &step, inject, &s);
	ssize_t	 n;

	if (err != ERR_NONE)
		return err;
	n = splice_read(&s, 0, f->text, TEXT_MAX - 1);
	assert_int_equal(n, s.len);
	f->len = (size_t)n;
	f->text[n] = '\0';
	return ERR_NONE;
}

static void
expect(struct fixture *f, const char *model, bool inject, const char *text)
{
	assert_int_equal(make_splice(f, model, inject), ERR_NONE);
	assert_string_equal(f->text, text);
}

/* ---- Reading. ---- */

static void
members_are_read(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_json(f, "{\"model\":\"g\\u0070t\",\"stream\":true,"
	    "\"user\":\"u\",\"prompt_cache_key\":\"k\"}"), ERR_NONE);
	assert_string_equal(f->x.call.model, "gpt");
	assert_true(f->x.call.stream);
	assert_true(f->body.is_stream);
	assert_string_equal(f->body.sticky, "k");
	assert_int_equal(read_json(f, "{\"model\":\"m\",\"stream\":null,"
	    "\"user\":\"u\",\"prompt_cache_key\":\"\"}"), ERR_NONE);
	assert_false(f->body.is_stream);
	assert_string_equal(f->body.sticky, "u");
	assert_int_equal(read_json(f, "{\"model\":\"m\",\"user\":7}"),
	    ERR_NONE);
	assert_null(f->body.sticky);
}

/* Of /v1/messages alone; a session that stands in it counts before the whole. */
static void
the_user_may_stand_in_metadata(void **state)
{
	static const struct { const char *metadata, *sticky; } cases[] = {
		{ "{\"user_id\":\"u\"}", "u" },
		{ "{\"a\":[],\"user_id\":\"\\u0075\"}", "u" },
		{ "{\"user_id\":\"{\\\"session_id\\\":\\\"s\\\"}\"}", "s" },
		{ "{\"user_id\":\"{\\\"session_id\\\":7}\"}",
		    "{\"session_id\":7}" },
		{ "{\"user_id\":\"{s\"}", "{s" },
		{ "{\"user_id\":7}", NULL }, { "{\"user_id\":null}", NULL },
		{ "{}", NULL }, { "null", NULL }, { "\"u\"", NULL },
		{ "[\"user_id\",\"u\"]", NULL },
		{ "{\"user\":{\"user_id\":\"u\"}}", NULL },
	};
	struct fixture *f = *state;
	char	 text[256];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(text, sizeof text, "{\"model\":\"m\",\"metadata\":%s}",
		    cases[i].metadata);
		f->x.route = &chat;
		assert_int_equal(read_json(f, text), ERR_NONE);
		assert_null(f->body.sticky);
		f->x.route = &messages;
		assert_int_equal(read_json(f, text), ERR_NONE);
		if (cases[i].sticky == NULL)
			assert_null(f->body.sticky);
		else
			assert_string_equal(f->body.sticky, cases[i].sticky);
	}
}

static void
wrong_types_are_told(void **state)
{
	static const char *const models[] = { "null", "7", "\"\"", "[]",
	    "{}", "true", "\"a\\u0000b\"", "\"m\\ud800\"", "\"\\udc00m\"",
	    "\"m\xEF\xBF\xBD\"" };
	static const char *const streams[] = { "1", "\"true\"", "[]", "{}" };
	char	 text[600];

	for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
		snprintf(text, sizeof text, "{\"model\":%s}", models[i]);
		assert_int_equal(read_json(*state, text), ERR_MODEL_TYPE);
	}
	for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
		snprintf(text, sizeof text, "{\"model\":\"m\",\"stream\":%s}",
		    streams[i]);
		assert_int_equal(read_json(*state, text), ERR_STREAM_TYPE);
	}
	snprintf(text, sizeof text, "{\"model\":\"%0257d\"}", 0);
	assert_int_equal(read_json(*state, text), ERR_MODEL_TYPE);
	snprintf(text, sizeof text, "{\"model\":\"%0256d\"}", 0);
	assert_int_equal(read_json(*state, text), ERR_NONE);
}

static void
a_default_stands_in_for_a_missing_model(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_json(f, "{}"), ERR_MODEL_MISSING);
	f->snapshot.default_model = "usual";
	assert_int_equal(read_json(f, "{}"), ERR_NONE);
	assert_string_equal(f->x.call.model, "usual");
	assert_int_equal(read_json(f, "{\"model\":null}"), ERR_MODEL_TYPE);
}

static void
a_wish_about_usage_is_seen(void **state)
{
	struct fixture *f = *state;
	static const struct { const char *options; bool asks; } cases[] = {
		{ "null", false }, { "{}", false }, { "{ }", false },
		{ "{\"x\":1}", false }, { "{\"x\":{\"include_usage\":1}}",
		    false },
		{ "{\"include_usage\":true}", true },
		{ "{\"include_usage\":false}", true },
		{ "{\"include_usage\":null}", true },
		{ "{\"x\":[],\"include\\u005fusage\":true}", true },
		{ "7", true }, { "[]", true }, { "\"\"", true },
	};
	char	 text[200];

	assert_int_equal(read_json(f, "{\"model\":\"m\"}"), ERR_NONE);
	assert_false(f->body.asks_usage);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(text, sizeof text, "{\"stream_options\":%s,"
		    "\"model\":\"m\"}", cases[i].options);
		assert_int_equal(read_json(f, text), ERR_NONE);
		assert_int_equal(f->body.asks_usage, cases[i].asks);
	}
}

/* Which of the two would a provider go by? */
static void
a_wish_in_two_spellings_is_refused(void **state)
{
	static const struct { const char *options; enum err err; } cases[] = {
		{ "{\"Include_Usage\":false}", ERR_JSON_SPELLING },
		{ "{\"includeUsage\":false}", ERR_JSON_SPELLING },
		{ "{\"include_u\u017fage\":0}", ERR_JSON_SPELLING },
		{ "{\"include_usage\":true,\"INCLUDE_USAGE\":false}",
		    ERR_JSON_SPELLING },
		{ "{\"include_usage\":true,\"include_usage\":false}",
		    ERR_JSON_DUPLICATE },
		{ "{\"include_usage\\u0000\":false}", ERR_JSON_NAME },
		{ "{\"__proto__\":{\"include_usage\":false}}", ERR_JSON_NAME },
	};
	char	 text[200];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(text, sizeof text, "{\"model\":\"m\","
		    "\"stream_options\":%s}", cases[i].options);
		assert_int_equal(read_json(*state, text), cases[i].err);
	}
}

static void
numbers_are_read_as_providers_do(void **state)
{
	static const struct { const char *text; bool has; uint64_t number; }
	cases[] = {
		{ "7", true, 7 }, { "1e3", true, 1000 }, { "7.2", true, 8 },
		{ "-5", true, 0 }, { "1E+2", true, 100 },
		{ "\"100000\"", true, 100000 }, { "\" 5 \"", true, 5 },
		{ "\"1e5\"", true, 100000 }, { "\"0x10\"", false, 0 },
		{ "\"inf\"", false, 0 }, { "\"\"", false, 0 },
		{ "\"many\"", false, 0 }, { "null", false, 0 },
		{ "true", false, 0 }, { "[7]", false, 0 },
		{ "1e999", true, UINT64_C(1) << 52 },
		{ "100000000000000000000000000000000000000000000000000000000"
		    "00000000000000000000", true, UINT64_C(1) << 52 },
	};
	struct fixture *f = *state;
	char	 text[200];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(text, sizeof text, "{\"model\":\"m\","
		    "\"max_tokens\":%s,\"n\":%s}", cases[i].text,
		    cases[i].text);
		assert_int_equal(read_json(f, text), ERR_NONE);
		assert_int_equal(f->body.has_max_output, cases[i].has);
		assert_int_equal(f->body.max_output, cases[i].number);
		assert_int_equal(f->body.answers, cases[i].number);
	}
}

static void
forms_say_stream_in_words(void **state)
{
	static const struct { const char *text; enum err err; bool stream; }
	cases[] = {
		{ "true", ERR_NONE, true }, { "True", ERR_NONE, true },
		{ "false", ERR_NONE, false }, { "FALSE", ERR_NONE, false },
		{ "1", ERR_STREAM_TYPE, false }, { "on", ERR_STREAM_TYPE, false },
		{ "", ERR_STREAM_TYPE, false }, { " true", ERR_STREAM_TYPE, false },
		{ "true\r\n", ERR_STREAM_TYPE, false },
	};
	struct fixture *f = *state;
	char	 text[300];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(text, sizeof text, "--XyZ\r\nContent-Disposition: "
		    "form-data; name=model\r\n\r\nm\r\n--XyZ\r\n"
		    "Content-Disposition: form-data; name=stream\r\n\r\n%s"
		    "\r\n--XyZ--\r\n", cases[i].text);
		assert_int_equal(read_form(f, text), cases[i].err);
		if (cases[i].err == ERR_NONE)
			assert_int_equal(f->body.is_stream, cases[i].stream);
	}
}

/* Too large to look into: it is left alone. */
static void
large_options_are_left_alone(void **state)
{
	struct fixture *f = *state;
	char	 text[6000];

	snprintf(text, sizeof text, "{\"stream_options\":{\"x\":\"%05000d\"},"
	    "\"model\":\"m\"}", 0);
	assert_int_equal(read_json(f, text), ERR_NONE);
	assert_true(f->body.asks_usage);
}

/* ---- Splicing. ---- */

static void
what_fits_is_not_touched(void **state)
{
	static const char text[] = " {\"model\" : \"\\u006d\",\r\n \"x\": 1e400}\t";

	assert_int_equal(read_json(*state, text), ERR_NONE);
	expect(*state, "m", false, text);
}

static void
a_model_is_replaced_in_its_place(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_json(f, " { \"a\":1 , \"model\" : \"m\" , "
	    "\"b\":[\"model\"] } "), ERR_NONE);
	expect(f, "other", false, " { \"a\":1 , \"model\" : \"other\" , "
	    "\"b\":[\"model\"] } ");
	expect(f, "q\"\\\n", false, " { \"a\":1 , \"model\" : "
	    "\"q\\\"\\\\\\n\" , \"b\":[\"model\"] } ");
	expect(f, "m", false, " { \"a\":1 , \"model\" : \"m\" , "
	    "\"b\":[\"model\"] } ");
}

static void
new_members_come_first(void **state)
{
	struct fixture *f = *state;

	f->snapshot.default_model = "usual";
	assert_int_equal(read_json(f, "{}"), ERR_NONE);
	expect(f, "m", false, "{\"model\":\"m\"}");
	expect(f, "m", true, "{\"model\":\"m\"," USAGE "}");
	assert_int_equal(read_json(f, " { \"a\":1}"), ERR_NONE);
	expect(f, "m", false, " {\"model\":\"m\", \"a\":1}");
	expect(f, "m", true, " {\"model\":\"m\"," USAGE ", \"a\":1}");
	assert_int_equal(read_json(f, "{\"model\":\"m\"}"), ERR_NONE);
	expect(f, "m", true, "{" USAGE ",\"model\":\"m\"}");
	expect(f, "n", true, "{" USAGE ",\"model\":\"n\"}");
}

/* Longer than anything that a client may say, but a file may name it. */
static void
a_long_name_upstream_fits(void **state)
{
	struct fixture *f = *state;
	char	 name[3001], want[3100];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_int_equal(read_json(f, "{\"model\":\"m\"}"), ERR_NONE);
	snprintf(want, sizeof want, "{\"model\":\"%s\"}", name);
	expect(f, name, false, want);
	f->snapshot.default_model = "usual";
	assert_int_equal(read_json(f, "{}"), ERR_NONE);
	expect(f, name, false, want);
	assert_int_equal(read_form(f, "--XyZ\r\nContent-Disposition: form-data; "
	    "name=\"a\"\r\n\r\n1\r\n--XyZ--\r\n"), ERR_NONE);
	assert_int_equal(make_splice(f, name, false), ERR_NONE);
	assert_non_null(strstr(f->text, name));
	assert_non_null(strstr(f->text, "n\r\n--XyZ\r\nContent-Disposition"));
}

/* ---- Every combination. ---- */

static const char *const model_texts[] = { NULL, "\"m\"", "\"client\"" };
static const char *const option_texts[] = {
	NULL, "null", "{}", "{ }", "{\"x\":[1]}", "{\"include_usage\":true}",
	"{\"include_usage\":false}", "{ \"x\" : {} , \"y\":1 }", "7",
};

/* At which places the three kinds of members stand. */
static const char *const orders[] = { "mox", "mxo", "omx", "oxm", "xmo", "xom",
    "mo", "om" };

static void
build(char *out, const char *order, const char *model, const char *options,
    const char *space)
{
	bool	 is_first = true;

	out += sprintf(out, "%s{%s", space, space);
	for (; *order != '\0'; order++) {
		const char *name = *order == 'm' ? "model" : *order == 'o' ?
		    "stream_options" : "x";
		const char *value = *order == 'm' ? model : *order == 'o' ?
		    options : "[{\"model\":\"deep\"},\"\\u00e9\", 1.50]";

		if (value == NULL)
			continue;
		out += sprintf(out, "%s\"%s\"%s:%s%s", is_first ? "" : ",",
		    name, space, space, value);
		is_first = false;
	}
	sprintf(out, "%s}%s", space, space);
}

static yajl_val
find_member(yajl_val object, const char *name)
{
	const char *path[] = { name, NULL };

	return yajl_tree_get(object, path, yajl_t_any);
}

/* As a JSON parser sees it. */
static void
check_meaning(const struct fixture *f, bool inject, const char *options)
{
	char	 why[200];
	yajl_val tree = yajl_tree_parse(f->text, why, sizeof why), usage;
	size_t	 models = 0, wishes = 0;

	if (tree == NULL)
		fail_msg("%s: %s", f->text, why);
	for (size_t i = 0; i < tree->u.object.len; i++) {
		models += strcmp(tree->u.object.keys[i], "model") == 0;
		wishes += strcmp(tree->u.object.keys[i], "stream_options") == 0;
	}
	assert_int_equal(models, 1);
	assert_int_equal(wishes, inject || options != NULL);
	assert_string_equal(YAJL_GET_STRING(find_member(tree, "model")), "m");
	if (inject) {
		usage = find_member(find_member(tree, "stream_options"),
		    "include_usage");
		assert_true(YAJL_IS_TRUE(usage));
	}
	yajl_tree_free(tree);
}

/* Take WHAT out of TEXT, where it stands exactly once. */
static void
cut(char *text, const char *what)
{
	char	*place = strstr(text, what);

	assert_non_null(place);
	memmove(place, place + strlen(what), strlen(place + strlen(what)) + 1);
}

/*
 * Without what was added, and with the client's model and options put back, it
 * is the client's text, byte for byte.
 */
static void
check_bytes(struct fixture *f, const char *source, const char *model,
    const char *options, bool inject)
{
	bool	 has_more = f->body.has_members;
	char	 text[TEXT_MAX], *place;

	strcpy(text, f->text);
	if (model == NULL)
		cut(text, inject && options == NULL ? "\"model\":\"m\"," :
		    has_more ? "\"model\":\"m\"," : "\"model\":\"m\"");
	if (inject && options == NULL)
		cut(text, has_more ? USAGE "," : USAGE);
	else if (inject && strcmp(options, "null") == 0) {
		place = strstr(text, "{\"include_usage\":true}");
		assert_non_null(place);
		cut(place, "{\"include_usage\":true}");
		memmove(place + 4, place, strlen(place) + 1);
		memcpy(place, "null", 4);
	} else if (inject)
		cut(text, f->body.options_have_members ?
		    "\"include_usage\":true," : "\"include_usage\":true");
	if (model != NULL && strcmp(model, "\"m\"") != 0) {
		place = text + f->body.model_start;
		if (inject && options == NULL)
			assert_true(f->body.model_start > 0);
		assert_memory_equal(place, "\"m\"", 3);
		memmove(place + strlen(model), place + 3,
		    strlen(place + 3) + 1);
		memcpy(place, model, strlen(model));
	}
	assert_string_equal(text, source);
}

static void
check_combination(struct fixture *f, const char *order, const char *model,
    const char *options, const char *space)
{
	char	 source[1000];

	build(source, order, model, options, space);
	assert_int_equal(read_json(f, source), ERR_NONE);
	for (int inject = 0; inject <= !f->body.asks_usage; inject++) {
		assert_int_equal(make_splice(f, "m", inject), ERR_NONE);
		check_meaning(f, inject, options);
		check_bytes(f, source, model, options, inject);
	}
}

static void
every_combination_is_valid_and_otherwise_unchanged(void **state)
{
	static const char *const spaces[] = { "", " ", "\r\n\t" };
	struct fixture *f = *state;

	f->snapshot.default_model = "usual";
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
		for (size_t j = 0; j < sizeof model_texts /
		    sizeof *model_texts; j++)
			for (size_t k = 0; k < sizeof option_texts /
			    sizeof *option_texts; k++)
				for (size_t l = 0; l < 3; l++)
					check_combination(f, orders[i],
					    model_texts[j], option_texts[k],
					    spaces[l]);
}

/* ---- Forms. ---- */

#define PART(name, value) "--XyZ\r\nContent-Disposition: form-data; name=\"" \
	name "\"\r\n\r\n" value "\r\n"

/* Java's clients call what is ASCII that. */
#define LATIN_PART(value) "--XyZ\r\nContent-Disposition: form-data; " \
	"name=\"model\"\r\nContent-Type: text/plain; charset=ISO-8859-1" \
	"\r\n\r\n" value "\r\n"

static void
a_field_is_replaced_in_its_place(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_form(f, PART("a", "model") PART("model", "m")
	    PART("stream", "true") "--XyZ--\r\n"), ERR_NONE);
	assert_true(f->body.is_form);
	assert_true(f->body.is_stream);
	assert_string_equal(f->x.call.model, "m");
	expect(f, "m", true, PART("a", "model") PART("model", "m")
	    PART("stream", "true") "--XyZ--\r\n");
	expect(f, "other", true, PART("a", "model") PART("model", "other")
	    PART("stream", "true") "--XyZ--\r\n");
}

static void
a_missing_field_becomes_the_first(void **state)
{
	struct fixture *f = *state;
	char	 again[TEXT_MAX];

	assert_int_equal(read_form(f, PART("a", "1") "--XyZ--\r\n"),
	    ERR_MODEL_MISSING);
	f->snapshot.default_model = "usual";
	assert_int_equal(read_form(f, PART("a", "1") "--XyZ--\r\n"), ERR_NONE);
	assert_false(f->body.is_stream);
	expect(f, "m", false, PART("model", "m") PART("a", "1") "--XyZ--\r\n");
	assert_int_equal(read_form(f, "\r\n--XyZ\r\nContent-Disposition: "
	    "form-data; name=\"a\"\r\n\r\n1\r\n--XyZ--"), ERR_NONE);
	assert_int_equal(make_splice(f, "m", false), ERR_NONE);
	memcpy(again, f->text, f->len + 1);
	assert_int_equal(read_form(f, again), ERR_NONE);
	assert_string_equal(f->x.call.model, "m");
}

static void
odd_models_of_forms_are_told(void **state)
{
	struct fixture *f = *state;
	char	 text[600];

	assert_int_equal(read_form(f, PART("model", "") "--XyZ--\r\n"),
	    ERR_MODEL_TYPE);
	assert_int_equal(read_form(f, PART("model", "a\nb") "--XyZ--\r\n"),
	    ERR_MODEL_TYPE);
	snprintf(text, sizeof text, PART("model", "%0257d") "--XyZ--\r\n", 0);
	assert_int_equal(read_form(f, text), ERR_MODEL_TYPE);
	snprintf(text, sizeof text, PART("model", "%0256d") "--XyZ--\r\n", 0);
	assert_int_equal(read_form(f, text), ERR_NONE);
	assert_int_equal(read_form(f, PART("model", "\xC3\xA9") "--XyZ--\r\n"),
	    ERR_NONE);
	assert_int_equal(read_form(f, PART("model", "\xE9") "--XyZ--\r\n"),
	    ERR_MODEL_TYPE);
	assert_int_equal(read_form(f, LATIN_PART("m") "--XyZ--\r\n"), ERR_NONE);
	assert_int_equal(read_form(f, LATIN_PART("\xC3\xA9") "--XyZ--\r\n"),
	    ERR_MODEL_TYPE);
}

static void
what_may_be_answered_is_read(void **state)
{
	static const struct { const char *text; bool has; uint64_t max, n; }
	cases[] = {
		{ "{\"model\":\"m\"}", false, 0, 0 },
		{ "{\"model\":\"m\",\"max_tokens\":12,\"n\":3}", true, 12, 3 },
		{ "{\"model\":\"m\",\"max_tokens\":0}", true, 0, 0 },
		{ "{\"model\":\"m\",\"n\":3,\"best_of\":5}", false, 0, 5 },
		{ "{\"best_of\":2,\"model\":\"m\",\"n\":3}", false, 0, 3 },
		{ "{\"model\":\"m\",\"best_of\":4}", false, 0, 4 },
		{ "{\"model\":\"m\",\"max_output_tokens\":1,\"max_tokens\":2,"
		  "\"max_completion_tokens\":3}", true, 3, 0 },
		{ "{\"model\":\"m\",\"max_completion_tokens\":1,"
		  "\"max_tokens\":9}", true, 9, 0 },
		{ "{\"model\":\"m\",\"max_completion_tokens\":null,"
		  "\"max_output_tokens\":7}", true, 7, 0 },
		{ "{\"model\":\"m\",\"max_tokens\":1.5,\"n\":-1}", true, 2, 0 },
		{ "{\"model\":\"m\",\"max_tokens\":1e3,\"n\":\"2\"}", true,
		  1000, 2 },
		{ "{\"model\":\"m\",\"max_tokens\":12345678901234567890}",
		  true, UINT64_C(1) << 52, 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(read_json(f, cases[i].text), ERR_NONE);
		assert_int_equal(f->body.has_max_output, cases[i].has);
		assert_int_equal(f->body.max_output, cases[i].max);
		assert_int_equal(f->body.answers, cases[i].n);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(members_are_read),
		TEST(the_user_may_stand_in_metadata),
		TEST(wrong_types_are_told),
		TEST(a_default_stands_in_for_a_missing_model),
		TEST(a_wish_about_usage_is_seen),
		TEST(a_wish_in_two_spellings_is_refused),
		TEST(numbers_are_read_as_providers_do),
		TEST(forms_say_stream_in_words),
		TEST(large_options_are_left_alone),
		TEST(what_fits_is_not_touched),
		TEST(a_model_is_replaced_in_its_place),
		TEST(new_members_come_first),
		TEST(a_long_name_upstream_fits),
		TEST(every_combination_is_valid_and_otherwise_unchanged),
		TEST(a_field_is_replaced_in_its_place),
		TEST(a_missing_field_becomes_the_first),
		TEST(odd_models_of_forms_are_told),
		TEST(what_may_be_answered_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
