/* One place has one origin, however its URL is spelled, and no URL has two. */
#include "config.h"

#include "conf/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 2000 };

static void
spellings_of_one_place_are_one(void **state)
{
	static const struct { const char *url, *origin; } cases[] = {
		{ "http://h", "http://h:80" },
		{ "HTTP://H", "http://h:80" },
		{ "http://h:80", "http://h:80" },
		{ "http://h:080/v1", "http://h:80" },
		{ "http://h:00080", "http://h:80" },
		{ "https://h", "https://h:443" },
		{ "https://h:443/", "https://h:443" },
		{ "https://h:80/", "https://h:80" },
		{ "hTTps://Api.Example.COM/v1?x=http://other#y",
		  "https://api.example.com:443" },
		{ "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000" },
		{ "http://xn--mnchen-3ya.example/v1",
		  "http://xn--mnchen-3ya.example:80" },
		{ "http://[::1]/v1", "http://[::1]:80" },
		{ "http://[0:0:0:0:0:0:0:1]:80", "http://[::1]:80" },
		{ "http://[2001:DB8::0:A]:8000", "http://[2001:db8::a]:8000" },
		{ "http://a_b.h", "http://a_b.h:80" },
		{ "http://h.", "http://h.:80" },
		{ "http://h?x", "http://h:80" },
		{ "http://h#x", "http://h:80" },
	};
	char	 origin[ORIGIN_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_true(origin_make(cases[i].url, origin));
		assert_string_equal(origin, cases[i].origin);
	}
}

static void
an_origin_is_its_own(void **state)
{
	static const char *const urls[] = {
		"http://h/v1", "https://h/v1", "http://h/v1/", "http://h/other",
	};

	(void)state;
	assert_true(origin_same(urls[0], urls[2]));
	assert_true(origin_same(urls[0], urls[3]));
	assert_false(origin_same(urls[0], urls[1]));
	assert_false(origin_same("http://h:8000", "http://h:8001"));
	assert_false(origin_same("http://h:443", "https://h:443"));
	assert_false(origin_same("http://h", "http://h."));
	assert_false(origin_same("http://a.h", "http://h"));
	assert_false(origin_same("gopher://h", "gopher://h"));
	assert_false(origin_same("", ""));
}

static void
what_could_be_read_in_two_ways_has_none(void **state)
{
	static const char *const urls[] = {
		"", "h", "//h", "http:", "http:/h", "http://", "http:///v1",
		"http://?h", "ftp://h", "httpx://h", " http://h",
		"http://u@h", "http://u:p@h", "http://h@other/v1",
		"http://h\\@other", "http://h\\other", "http://h other",
		"http://h\t", "http://h\n", "http://h%2eother",
		"http://h%00", "http://m\xc3\xbcnchen.example",
		"http://h:", "http://h:/v1", "http://h:0", "http://h:65536",
		"http://h:99999999999", "http://h:000080", "http://h:8x",
		"http://h:-1", "http://h:+80", "http://h:80:81",
		"http://[::1", "http://[::1]x", "http://[]", "http://[h]",
		"http://[::1%25eth0]", "http://[127.0.0.1]", "http://[:::]",
		"http://::1/", "http://h;x", "http://h,other", "http://h&x",
	};
	char	 origin[ORIGIN_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		if (origin_make(urls[i], origin))
			fail_msg("%s leads to %s", urls[i], origin);
		assert_string_equal(origin, "");
	}
}

static void
a_long_host_fits_or_is_refused(void **state)
{
	char	 url[400], origin[ORIGIN_SIZE];

	(void)state;
	for (size_t n = 1; n < 300; n++) {
		char	*end = stpcpy(url, "https://");

		memset(end, 'a', n);
		strcpy(end + n, ":65535/v1");
		assert_int_equal(origin_make(url, origin), n <= 253);
	}
}

/* What is put behind the authority changes nothing; in it, never to another's. */
static void
random_spellings_lead_to_one_place_or_nowhere(void **state)
{
	static const char signs[] = "/?#@:\\[]%.hH0 \t";
	char	 url[64], origin[ORIGIN_SIZE];

	(void)state;
	srandom(7);
	for (int i = 0; i < ROUNDS; i++) {
		size_t	 n = (size_t)snprintf(url, sizeof url, "http://ours/");

		while (n < 24)
			url[n++] = signs[(size_t)random() % (sizeof signs - 1)];
		url[n] = '\0';
		assert_true(origin_same(url, "http://ours"));
		url[11] = signs[(size_t)random() % (sizeof signs - 1)];
		if (!origin_make(url, origin))
			continue;
		assert_true(strcmp(origin, "http://ours:80") == 0 ||
		    strncmp(origin, "http://ours.", 12) == 0 ||
		    strncmp(origin, "http://oursh", 12) == 0 ||
		    strncmp(origin, "http://ours0", 12) == 0 ||
		    strncmp(origin, "http://ours:", 12) == 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spellings_of_one_place_are_one),
		cmocka_unit_test(an_origin_is_its_own),
		cmocka_unit_test(what_could_be_read_in_two_ways_has_none),
		cmocka_unit_test(a_long_host_fits_or_is_refused),
		cmocka_unit_test(random_spellings_lead_to_one_place_or_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
