/* Every kind of string value: what is let in and what is not. */
#include "config.h"

#include "conf/values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct sample {
	values_fn	*judge;
	const char	*value;
	bool		 good;
} samples[] = {
	{ values_base_url, "http://h", true },
	{ values_base_url, "https://api.openai.com/v1", true },
	{ values_base_url, "HTTPS://api.openai.com/v1/", true },
	{ values_base_url, "http://127.0.0.1:8080/a%20b/@x", true },
	{ values_base_url, "http://[::1]:8080/v1", true },
	{ values_base_url, "http://my_host-1.lan:65535", true },
	{ values_base_url, "ftp://h", false },
	{ values_base_url, "file:///etc/passwd", false },
	{ values_base_url, "//h/v1", false },
	{ values_base_url, "h/v1", false },
	{ values_base_url, "http://", false },
	{ values_base_url, "http:///v1", false },
	{ values_base_url, "http://:80/v1", false },
	{ values_base_url, "http://user:secret@h/v1", false },
	{ values_base_url, "http://user@h", false },
	{ values_base_url, "http://h?x=1", false },
	{ values_base_url, "http://h/v1?x=1", false },
	{ values_base_url, "http://h/v1#f", false },
	{ values_base_url, "http://h/a b", false },
	{ values_base_url, "http://h/a\\b", false },
	{ values_base_url, "http://h/a\nb", false },
	{ values_base_url, "http://h/%zz", false },
	{ values_base_url, "http://h/%4", false },
	{ values_base_url, "http://h/\xc3\xa9", false },
	{ values_base_url, "http://h:0", false },
	{ values_base_url, "http://h:65536", false },
	{ values_base_url, "http://h:999999", false },
	{ values_base_url, "http://h:", false },
	{ values_base_url, "http://h:80x", false },
	{ values_base_url, "http://[::1", false },
	{ values_base_url, "http://[]", false },
	{ values_base_url, "http://-h", false },

	{ values_proxy, "http://proxy:3128", true },
	{ values_proxy, "https://proxy:3128/", true },
	{ values_proxy, "socks5://127.0.0.1:1080", true },
	{ values_proxy, "socks5h://me:p%40ss@127.0.0.1:1080", true },
	{ values_proxy, "socks4://h:1", false },
	{ values_proxy, "h:3128", false },
	{ values_proxy, "http://h:3128/path", false },
	{ values_proxy, "http://a@b@h:3128", false },
	{ values_proxy, "http://a@", false },
	{ values_proxy, "http://a b@h", false },

	{ values_origin, "*", true },
	{ values_origin, "https://chat.example", true },
	{ values_origin, "http://localhost:3000", true },
	{ values_origin, "https://chat.example/", false },
	{ values_origin, "https://*.example", false },
	{ values_origin, "chat.example", false },
	{ values_origin, "null", false },

	{ values_env, "OPENAI_API_KEY", true },
	{ values_env, "_x9", true },
	{ values_env, "REMOTE_KEY", true },
	{ values_env, "HTTPKEY", true },
	{ values_env, "9X", false },
	{ values_env, "A-B", false },
	{ values_env, "sk-proj-0123456789", false },
	{ values_env, "A=B", false },
	{ values_env, "HTTP_PROXY", false },
	{ values_env, "http_x", false },
	{ values_env, "HTTP_", false },
	{ values_env, "HTTPS", false },
	{ values_env, "CONTENT_TYPE", false },
	{ values_env, "CONTENT_ANYTHING", false },
	{ values_env, "REDIRECT_HTTP_AUTHORIZATION", false },
	{ values_env, "SSL_CLIENT_S_DN", false },
	{ values_env, "FCGI_ROLE", false },
	{ values_env, "AUTH_TYPE", false },
	{ values_env, "GATEWAY_INTERFACE", false },
	{ values_env, "PATH_INFO", false },
	{ values_env, "PATH_TRANSLATED", false },
	{ values_env, "QUERY_STRING", false },
	{ values_env, "REMOTE_ADDR", false },
	{ values_env, "REMOTE_HOST", false },
	{ values_env, "REMOTE_IDENT", false },
	{ values_env, "REMOTE_USER", false },
	{ values_env, "REQUEST_METHOD", false },
	{ values_env, "REQUEST_URI", false },
	{ values_env, "SCRIPT_NAME", false },
	{ values_env, "SERVER_NAME", false },
	{ values_env, "SERVER_PORT", false },
	{ values_env, "SERVER_PROTOCOL", false },
	{ values_env, "SERVER_SOFTWARE", false },

	{ values_env_pattern, "OPENAI_API_KEY", true },
	{ values_env_pattern, "OPENAI_*", true },
	{ values_env_pattern, "_*", true },
	{ values_env_pattern, "*", false },
	{ values_env_pattern, "OPENAI*", false },
	{ values_env_pattern, "OPENAI_*_KEY", false },
	{ values_env_pattern, "*_KEY", false },
	{ values_env_pattern, "OPENAI_**", false },
	{ values_env_pattern, "HTTP_*", false },
	{ values_env_pattern, "SSL_*", false },
	{ values_env_pattern, "9_*", false },
	{ values_env_pattern, "REMOTE_USER", false },
	{ values_env_pattern, "A-B_*", false },

	{ values_header_name, "X-Team", true },
	{ values_header_name, "Authorization", true },
	{ values_header_name, "x!#$%&'*+-.^_`|~9", true },
	{ values_header_name, "X Team", false },
	{ values_header_name, "X:Team", false },
	{ values_header_name, "X\r\nY", false },
	{ values_header_name, "X(1)", false },
	{ values_header_name, "H\xc3\xa9", false },
	{ values_header_name, "Host", false },
	{ values_header_name, "hOST", false },
	{ values_header_name, "Content-Length", false },
	{ values_header_name, "Content-Type", false },
	{ values_header_name, "Transfer-Encoding", false },
	{ values_header_name, "Connection", false },
	{ values_header_name, "TE", false },
	{ values_header_name, "Expect", false },
	{ values_header_name, "Accept-Encoding", false },
	{ values_header_name, "X-Request-Id", false },
	{ values_header_name, "x-sluice-hop", false },

	{ values_header_value, "lab", true },
	{ values_header_value, "a, b; c=\"d\"", true },
	{ values_header_value, "a\r\nHost: x", false },
	{ values_header_value, "a\nb", false },
	{ values_header_value, "a\tb", false },
	{ values_header_value, "a\x7f", false },
	{ values_header_value, " a", false },
	{ values_header_value, "a ", false },

	{ values_name, "openai-2.eu_west", true },
	{ values_name, "a b", false },
	{ values_name, "a/b", false },
	{ values_name, "\xc3\xa9", false },
	{ values_name, "0123456789012345678901234567890123456789"
	    "0123456789012345678901234", false },

	{ values_model, "*", true },
	{ values_model, "Qwen/Qwen2.5-7B", true },
	{ values_model, "gpt 4o", true },
	{ values_model, "gpt-*", false },
	{ values_model, "**", false },

	{ values_api_path, "chat/completions", true },
	{ values_api_path, "embeddings", true },
	{ values_api_path, "/embeddings", false },
	{ values_api_path, "embeddings/", false },
	{ values_api_path, "a//b", false },
	{ values_api_path, "a/../b", false },
	{ values_api_path, ".", false },
	{ values_api_path, "a?b", false },
	{ values_api_path, "v1/embeddings", false },

	{ values_health_path, "/models", true },
	{ values_health_path, "/", true },
	{ values_health_path, "models", false },
	{ values_health_path, "/a b", false },
	{ values_health_path, "/a?b=c&d", true },
	{ values_health_path, "/a?b c", false },
	{ values_health_path, "/a?b?c", false },
	{ values_health_path, "/a?#b", false },
	{ values_health_path, "/a\r\nb", false },

	{ values_sticky, "auto", true },
	{ values_sticky, "none", true },
	{ values_sticky, "header:X-Session", true },
	{ values_sticky, "header:x!#$%&'*+-.^_`|~9", true },
	{ values_sticky, "Auto", false },
	{ values_sticky, "Header:X-Session", false },
	{ values_sticky, "headerX-Session", false },
	{ values_sticky, "autos", false },
	{ values_sticky, "header", false },
	{ values_sticky, "header:", false },
	{ values_sticky, "header: X", false },
	{ values_sticky, "header:X Y", false },
	{ values_sticky, "header:X:Y", false },
	{ values_sticky, "header:X\r\nY", false },
	{ values_sticky, "header:H\xc3\xa9", false },
	{ values_sticky, "X-Session", false },

	{ values_address, "127.0.0.1", true },
	{ values_address, "10.0.0.0/8", true },
	{ values_address, "0.0.0.0/0", true },
	{ values_address, "192.0.2.7/32", true },
	{ values_address, "::1", true },
	{ values_address, "::/0", true },
	{ values_address, "2001:db8::/128", true },
	{ values_address, "::ffff:192.0.2.7", true },
	{ values_address, "ABCD:EF01:2345:6789:ABCD:EF01:192.168.158.190/128",
	    true },
	{ values_address, "10.0.0.0/33", false },
	{ values_address, "::/129", false },
	{ values_address, "10.0.0.0/", false },
	{ values_address, "10.0.0.0/-1", false },
	{ values_address, "10.0.0.0/+8", false },
	{ values_address, "10.0.0.0/ 8", false },
	{ values_address, "10.0.0.0/8x", false },
	{ values_address, "10.0.0.0/8/8", false },
	{ values_address, "10.0.0.0/4294967304", false },
	{ values_address, "10.0.0.0/255.0.0.0", false },
	{ values_address, "/8", false },
	{ values_address, "10.0.0", false },
	{ values_address, "10.0.0.256", false },
	{ values_address, "[::1]", false },
	{ values_address, "fe80::1%eth0", false },
	{ values_address, "::1:", false },
	{ values_address, "localhost", false },
	{ values_address, "*", false },
	{ values_address, "1111111111111111111111111111111111111111111111111"
	    "1111", false },
};

static void
every_sample_is_judged_as_it_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];

		if ((s->judge(s->value) == NULL) != s->good)
			fail_msg("%s should be %s", s->value,
			    s->good ? "good" : "bad");
	}
}

static void
a_verdict_never_repeats_the_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		const char *verdict = s->judge(s->value);

		if (verdict == NULL)
			continue;
		assert_int_equal(strncmp(verdict, "expected ", 9), 0);
		if (strlen(s->value) > 12)
			assert_null(strstr(verdict, s->value));
	}
}

static void
userinfo_is_found(void **state)
{
	size_t start;

	(void)state;
	assert_int_equal(values_userinfo("http://me:pw@h:1", &start), 6);
	assert_int_equal(start, 7);
	assert_int_equal(values_userinfo("socks5h://h:1", &start), 0);
	assert_int_equal(start, 10);
}

static void
text_is_utf8_without_controls(void **state)
{
	(void)state;
	assert_true(values_is_text("", 0));
	assert_true(values_is_text("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10));
	assert_false(values_is_text("a\n", 2));
	assert_false(values_is_text("a\0b", 3));
	assert_false(values_is_text("\x7f", 1));
	assert_false(values_is_text("\xc3", 1));
	assert_false(values_is_text("\xc0\x80", 2));
	assert_false(values_is_text("\xed\xa0\x80", 3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sample_is_judged_as_it_should),
		cmocka_unit_test(a_verdict_never_repeats_the_value),
		cmocka_unit_test(userinfo_is_found),
		cmocka_unit_test(text_is_utf8_without_controls),
	};

	return cmocka_run_group_tests_name("conf/values", tests, NULL, NULL);
}
