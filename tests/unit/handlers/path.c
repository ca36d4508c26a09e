/* One path, whatever the web server makes of it. */
#include "config.h"

#include "handlers/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const roots[] = {
	"v1", "v2/rerank", "openai", "health", "echo", "api/keys", NULL
};

enum { PAIRS_MAX = 4 };

static const char *mount;		/* of the configuration */

/* path_find with these parameters, as "decoded raw [of deployment]". */
static const char *
find(struct arena *arena, const char *const *given)
{
	const char *pairs[PAIRS_MAX];
	unsigned lens[PAIRS_MAX];
	struct params p = { .pairs = pairs, .name_lens = lens };
	struct path path;

	for (; p.count < PAIRS_MAX && given[p.count] != NULL; p.count++) {
		pairs[p.count] = given[p.count];
		lens[p.count] = (unsigned)strcspn(given[p.count], "=");
	}
	params_index(&p, arena);
	switch (path_find(&path, arena, &p, roots, mount)) {
	case ERR_NONE:
		return arena_printf(arena, "%s %.*s%s%s", path.decoded,
		    (int)path.raw_len, path.raw,
		    path.deployment == NULL ? "" : " of ",
		    path.deployment == NULL ? "" : path.deployment);
	case ERR_BAD_REQUEST:
		return "bad";
	case ERR_PATH:
		return "odd";
	default:
		return "none";
	}
}

static void
assert_uri(const char *uri, const char *want)
{
	struct arena arena;
	const char *given[2] = { NULL, NULL };

	arena_init(&arena, 1000);
	given[0] = arena_printf(&arena, "REQUEST_URI=%s", uri);
	assert_string_equal(find(&arena, given), want);
	arena_fini(&arena);
}

static void
plain_paths_are_themselves(void **state)
{
	(void)state;
	assert_uri("/v1/models", "/v1/models /v1/models");
	assert_uri("/health", "/health /health");
	assert_uri("/", "/ /");
	assert_uri("/favicon.ico", "/favicon.ico /favicon.ico");
	assert_uri("/v1", "/v1 /v1");
	assert_uri("/v10/models", "/v10/models /v10/models");
}

static void
queries_and_fragments_are_cut_off(void **state)
{
	(void)state;
	assert_uri("/v1/models?a=/v1/b&c=%zz", "/v1/models /v1/models");
	assert_uri("/v1/models#x", "/v1/models /v1/models");
	assert_uri("/v1/models?", "/v1/models /v1/models");
	assert_uri("/?x=/v1/models", "/ /");
}

static void
one_trailing_slash_is_cut_off(void **state)
{
	(void)state;
	assert_uri("/v1/models/", "/v1/models /v1/models/");
	assert_uri("/v1/models//", "odd");
	assert_uri("/v1/", "/v1 /v1/");
	assert_uri("/v1/models/?x", "/v1/models /v1/models/");
}

/* What a server says of where we are mounted, and the path behind that. */
static const struct { const char *pairs[PAIRS_MAX + 1], *mount, *want; }
mounts[] = {
	{ { "REQUEST_URI=/cgi-bin/sluice.fcgi/v1/models",
	    "SCRIPT_NAME=/cgi-bin/sluice.fcgi" }, "",
	    "/v1/models /v1/models" },
	{ { "REQUEST_URI=/ai/health?x", "SCRIPT_NAME=/ai/sluice.fcgi" }, "",
	    "/health /health" },
	{ { "REQUEST_URI=/~me/a%20b/v1/x", "SCRIPT_NAME=/~me/a b" }, "",
	    "/v1/x /v1/x" },
	{ { "REQUEST_URI=/~me/a%20b/v1/x", "SCRIPT_NAME=/~me/a b/s.cgi" }, "",
	    "/v1/x /v1/x" },
	{ { "REQUEST_URI=/v1/models", "SCRIPT_NAME=/sluice.fcgi" }, "",
	    "/v1/models /v1/models" },
	{ { "REQUEST_URI=/v1/models", "SCRIPT_NAME=/v1" }, "",
	    "/v1/models /v1/models" },
	{ { "REQUEST_URI=/v1/models/v1/health", "SCRIPT_NAME=/v1/models" }, "",
	    "/v1/models/v1/health /v1/models/v1/health" },
	{ { "REQUEST_URI=/cgi-bin/s.fcgi", "SCRIPT_NAME=/cgi-bin/s.fcgi" }, "",
	    "/cgi-bin/s.fcgi /cgi-bin/s.fcgi" },

	/* nginx gives the whole path, of the client's choice. */
	{ { "REQUEST_URI=/x/v1/models", "SCRIPT_NAME=/x/v1/models" }, "",
	    "/x/v1/models /x/v1/models" },
	{ { "REQUEST_URI=/x/health", "SCRIPT_NAME=/x/health" }, "",
	    "/x/health /x/health" },
	{ { "REQUEST_URI=/x/%76%31", "SCRIPT_NAME=/x/v1" }, "",
	    "/x/v1 /x/%76%31" },

	/* lighttpd cuts SCRIPT_NAME off the client's path. */
	{ { "REQUEST_URI=/x/v1/models", "SCRIPT_NAME=/x",
	    "SERVER_SOFTWARE=lighttpd/1.4.69" }, "",
	    "/x/v1/models /x/v1/models" },

	/* A root in front leaves no room for a mount. */
	{ { "REQUEST_URI=/api/v1/models", "SCRIPT_NAME=/api" }, "",
	    "/api/v1/models /api/v1/models" },
	{ { "REQUEST_URI=/api/x/api/keys", "SCRIPT_NAME=/api/x" }, "",
	    "/api/x/api/keys /api/x/api/keys" },
	{ { "REQUEST_URI=/health/v1/models", "SCRIPT_NAME=/health" }, "",
	    "/health/v1/models /health/v1/models" },
	{ { "REQUEST_URI=/v1/v1/models", "SCRIPT_NAME=/v1" }, "",
	    "/v1/v1/models /v1/v1/models" },

	/* The configuration's word. */
	{ { "REQUEST_URI=/api/v1/models", "SCRIPT_NAME=/v1" }, "/api",
	    "/v1/models /v1/models" },
	{ { "REQUEST_URI=/a/b/health", NULL }, "/a/b", "/health /health" },
	{ { "REQUEST_URI=/a/bc/health", NULL }, "/a/b",
	    "/a/bc/health /a/bc/health" },
	{ { "REQUEST_URI=/a/b", NULL }, "/a/b", "none" },
	{ { "REQUEST_URI=/health", NULL }, "/a/b", "/health /health" },
	{ { "REQUEST_URI=/a/b/x/health", NULL }, "/a/b",
	    "/x/health /x/health" },
};

static void
mounts_are_cut_off(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1000);
	for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
		mount = mounts[i].mount;
		assert_string_equal(find(&arena, mounts[i].pairs),
		    mounts[i].want);
	}
	mount = NULL;
	arena_fini(&arena);
}

static void
no_mount_is_guessed(void **state)
{
	static const char *const paths[] = {
		"/ai/health", "/a/v1/models", "/api/v1/models", "/x/api/keys",
		"/ai/api/keys/v1", "/api/keysx/health", "/openai/api/keys",
		"/mount/other", "/mountv1/v1x/xv1", "/health/v1", "/echo/v1",
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 1000);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		if (strncmp(paths[i], "/openai", 7) != 0)
			assert_uri(paths[i], arena_printf(&arena, "%s %s",
			    paths[i], paths[i]));
	}
	assert_uri("/openai/api/keys", "/v1/api/keys /openai/api/keys");
	arena_fini(&arena);
}

static void
azures_ways_in_lead_to_the_same_places(void **state)
{
	(void)state;
	assert_uri("/v2/rerank/", "/v1/rerank /v2/rerank/");
	assert_uri("/v2/rerank/x", "/v2/rerank/x /v2/rerank/x");
	assert_uri("/openai/v1/models", "/v1/models /openai/v1/models");
	assert_uri("/openai/files/f", "/v1/files/f /openai/files/f");
	assert_uri("/openai/responses?api-version=1",
	    "/v1/responses /openai/responses");
	assert_uri("/openai/deployments/gpt-4o/chat/completions?api-version=1",
	    "/v1/chat/completions /openai/deployments/gpt-4o/chat/completions"
	    " of gpt-4o");
	assert_uri("/v1/deployments/d/embeddings/",
	    "/v1/embeddings /v1/deployments/d/embeddings/ of d");
	assert_uri("/openai/v1/deployments/d/x",
	    "/v1/x /openai/v1/deployments/d/x of d");
	assert_uri("/openai/deployments/a%2Fb/x",
	    "/v1/b/x /openai/deployments/a%2Fb/x of a");
	assert_uri("/openai/deployments", "/v1/deployments "
	    "/openai/deployments");
	assert_uri("/v1/deployments/d", "/v1/deployments/d /v1/deployments/d");
	assert_uri("/openai", "/v1 /openai");
	assert_uri("/openaix/v1/models", "/openaix/v1/models "
	    "/openaix/v1/models");
	assert_uri("/v1/openai/models", "/v1/openai/models /v1/openai/models");
}

static void
empty_segments_and_semicolons_are_refused(void **state)
{
	(void)state;
	assert_uri("//v1/models", "odd");
	assert_uri("/v1//models", "odd");
	assert_uri("/v1///models", "odd");
	assert_uri("//", "odd");
	assert_uri("/v1/%2Fmodels", "odd");
	assert_uri("/v1%2F/models", "odd");
	assert_uri("/v1/models/%2f", "odd");
	assert_uri("/v1/chat/completions//", "odd");
	assert_uri("/v1/chat/completions;x", "odd");
	assert_uri("/v1/chat;x=1/completions", "odd");
	assert_uri("/v1/chat/completions%3Bx", "odd");
	assert_uri("/ai//v1/models", "odd");
	assert_uri("http://host//v1/models", "odd");
	assert_uri("/v1/models?a=//;b", "/v1/models /v1/models");
}

static void
escapes_are_decoded_once(void **state)
{
	(void)state;
	assert_uri("/v1/models/a%2Fb", "/v1/models/a/b /v1/models/a%2Fb");
	assert_uri("/v1/models/a%2fb", "/v1/models/a/b /v1/models/a%2fb");
	assert_uri("/v1/models/%41%7a", "/v1/models/Az /v1/models/%41%7a");
	assert_uri("/v1/models/%252e", "/v1/models/%2e /v1/models/%252e");
	assert_uri("/v1/models/%C3%A9", "/v1/models/\xc3\xa9 /v1/models/%C3%A9");
	assert_uri("/v1/models/a%3Fb", "/v1/models/a?b /v1/models/a%3Fb");
	assert_uri("/v1/models/a+b", "/v1/models/a+b /v1/models/a+b");
	assert_uri("/v%31/models", "none");
	assert_uri("/%6fpenai/models", "none");
	assert_uri("/api/%6beys", "none");
}

static void
broken_escapes_are_refused(void **state)
{
	(void)state;
	assert_uri("/v1/%", "bad");
	assert_uri("/v1/%4", "bad");
	assert_uri("/v1/%g1", "bad");
	assert_uri("/v1/%1g", "bad");
	assert_uri("/v1/%4?1", "bad");
	assert_uri("/v1/%%41", "bad");
}

static void
control_characters_are_refused(void **state)
{
	(void)state;
	assert_uri("/v1/a%00b", "bad");
	assert_uri("/v1/a%0d%0aX:y", "bad");
	assert_uri("/v1/a%7f", "bad");
	assert_uri("/v1/a\rb", "bad");
	assert_uri("/v1/a b", "bad");
	assert_uri("/v1/a?b\nc", "bad");
	assert_uri("/v1/a?b c", "bad");
}

static void
dot_segments_are_refused(void **state)
{
	(void)state;
	assert_uri("/v1/..", "bad");
	assert_uri("/v1/../health", "bad");
	assert_uri("/v1/./models", "bad");
	assert_uri("/v1/models/.", "bad");
	assert_uri("/v1/%2e%2e/x", "bad");
	assert_uri("/v1/.%2E/x", "bad");
	assert_uri("/v1/x%2f..%2fy", "bad");
	assert_uri("/v1/models/...", "/v1/models/... /v1/models/...");
	assert_uri("/v1/models/..a", "/v1/models/..a /v1/models/..a");
	assert_uri("/v1/models/.a.", "/v1/models/.a. /v1/models/.a.");
}

static void
absolute_uris_have_their_path_behind_the_host(void **state)
{
	(void)state;
	assert_uri("http://example.com/v1/models?x", "/v1/models /v1/models");
	assert_uri("https://user@h:443/v1/models/", "/v1/models /v1/models/");
	assert_uri("http://example.com", "/ /");
	assert_uri("v1/models", "bad");
	assert_uri("*", "bad");
}

/* What each server sends where REQUEST_URI is missing or empty. */
static const struct { const char *pairs[PAIRS_MAX + 1], *want; } servers[] = {
	{ { "SCRIPT_NAME=/v1", "PATH_INFO=/models", "QUERY_STRING=a=b" },
	  "/v1/models /v1/models" },
	{ { "SCRIPT_NAME=/cgi-bin/sluice.fcgi", "PATH_INFO=/v1/models" },
	  "/v1/models /v1/models" },
	{ { "SCRIPT_NAME=/v1/models" }, "/v1/models /v1/models" },
	{ { "PATH_INFO=/v1/models", "QUERY_STRING=" }, "/v1/models /v1/models" },
	{ { "REQUEST_URI=", "PATH_INFO=/health" }, "/health /health" },
	{ { "REQUEST_URI=/v1/models/a%2Fb", "SCRIPT_NAME=/v1/models/a/b",
	    "PATH_INFO=/other" }, "/v1/models/a/b /v1/models/a%2Fb" },
	{ { "SCRIPT_NAME=", "PATH_INFO=" }, "bad" },
	{ { "QUERY_STRING=/v1/models" }, "bad" },
	{ { NULL }, "bad" },
};

static void
other_parameters_stand_in_for_the_uri(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1000);
	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++)
		assert_string_equal(find(&arena, servers[i].pairs),
		    servers[i].want);
	arena_fini(&arena);
}

static void
the_query_stays_behind_the_raw_path(void **state)
{
	const char *pair = "REQUEST_URI=/v1/x/?a=%2F#b";
	unsigned len = 11;
	struct params p = { .pairs = &pair, .name_lens = &len, .count = 1 };
	struct arena arena;
	struct path path;

	(void)state;
	arena_init(&arena, 1000);
	params_index(&p, &arena);
	assert_int_equal(path_find(&path, &arena, &p, roots, ""),
	    ERR_NONE);
	assert_string_equal(path.raw, "/v1/x/?a=%2F#b");
	assert_int_equal(path.raw_len, 6);
	arena_fini(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_paths_are_themselves),
		cmocka_unit_test(queries_and_fragments_are_cut_off),
		cmocka_unit_test(one_trailing_slash_is_cut_off),
		cmocka_unit_test(mounts_are_cut_off),
		cmocka_unit_test(no_mount_is_guessed),
		cmocka_unit_test(azures_ways_in_lead_to_the_same_places),
		cmocka_unit_test(empty_segments_and_semicolons_are_refused),
		cmocka_unit_test(escapes_are_decoded_once),
		cmocka_unit_test(broken_escapes_are_refused),
		cmocka_unit_test(control_characters_are_refused),
		cmocka_unit_test(dot_segments_are_refused),
		cmocka_unit_test(absolute_uris_have_their_path_behind_the_host),
		cmocka_unit_test(other_parameters_stand_in_for_the_uri),
		cmocka_unit_test(the_query_stays_behind_the_raw_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
