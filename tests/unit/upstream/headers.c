/* Which fields cross the gateway. */
#include "config.h"

#include "upstream/headers.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
what_providers_need_is_sent(void **state)
{
	static const char *const names[] = {
		"accept", "content-type", "openai-beta",
		"anthropic-version", "anthropic-beta",
		"idempotency-key", "user-agent", "x-session-id",
		"x-client-request-id", "x-claude-code-session-id",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_true(headers_pass_request(names[i]));
}

static void
nothing_else_of_the_client_is_sent(void **state)
{
	static const char *const names[] = {
		"authorization", "x-api-key", "api-key", "cookie", "host",
		"connection", "transfer-encoding", "te", "upgrade", "expect",
		"proxy-authorization", "accept-encoding", "content-length",
		"x-forwarded-for", "x-sluice-hop", "openai", "openai-",
		"openai-organization", "openai-project", "openai-x",
		"anthropic-workspace", "anthropic-organization",
		"x-goog-api-key", "x-goog-user-project", "x-stainless-lang",
		"helicone-auth", "cf-aig-authorization", "http-referer",
		"x-session", "x-session-idx", "x-session-id-2",
		"anthropic-", "xopenai-beta", "accept-", "content-typex", "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_false(headers_pass_request(names[i]));
}

static bool
passes(const char *name)
{
	char	 upper[64];
	bool	 pass = headers_pass_response(name, strlen(name));

	for (size_t i = 0; i <= strlen(name); i++)
		upper[i] = (char)toupper((unsigned char)name[i]);
	assert_int_equal(headers_pass_response(upper, strlen(upper)), pass);
	return pass;
}

static void
what_clients_need_arrives(void **state)
{
	static const char *const names[] = {
		"content-type", "content-encoding", "retry-after",
		"retry-after-ms", "x-ratelimit-remaining-tokens",
		"openai-processing-ms", "openai-version", "cache-control",
		"x-servers", "dated", "statusx", "anthropic-ratelimit-x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_true(passes(names[i]));
}

static void
what_is_not_the_providers_business_does_not(void **state)
{
	static const char *const names[] = {
		"connection", "keep-alive", "transfer-encoding", "te",
		"trailer", "upgrade", "proxy-authenticate", "proxy-connection",
		"content-length", "date", "server", "via", "set-cookie",
		"set-cookie2", "alt-svc", "strict-transport-security",
		"access-control-allow-origin", "x-request-id", "x-powered-by",
		"refresh",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_false(passes(names[i]));
	assert_false(headers_pass_response("", 0));
}

/* A provider must not make the web server send a local file. */
static void
commands_to_the_web_server_are_stopped(void **state)
{
	static const char *const names[] = {
		"status", "location", "x-sendfile", "x-sendfile2",
		"x-lighttpd-send-file", "x-accel-redirect", "x-accel-buffering",
		"x-accel-expires", "x-sendfile-temporary",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_false(passes(names[i]));
}

static void
only_n_bytes_of_the_name_count(void **state)
{
	(void)state;
	assert_false(headers_pass_response("server: x", 6));
	assert_true(headers_pass_response("server: x", 5));
	assert_false(headers_pass_response("X-Accel-Redirect", 16));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_providers_need_is_sent),
		cmocka_unit_test(nothing_else_of_the_client_is_sent),
		cmocka_unit_test(what_clients_need_arrives),
		cmocka_unit_test(what_is_not_the_providers_business_does_not),
		cmocka_unit_test(commands_to_the_web_server_are_stopped),
		cmocka_unit_test(only_n_bytes_of_the_name_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
