/* Which texts could be taken for a name that counts. */
#include "config.h"

#include "base/spelling.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(s) s, sizeof(s) - 1

static const char *const names[] = {
	"model", "stream", "stream_options", "max_tokens", "n", "system",
	"messages", "mock_testing_content_policy_fallback", "m2", "maxTokens",
};
enum { NAMES = sizeof names / sizeof names[0] };

/* What is taken for a name of the table; NULL: it is another. */
static const struct {
	const char *text; size_t n; enum spelling_match match; const char *name;
} cases[] = {
	{ TEXT("model"), SPELLING_EXACT, "model" },
	{ TEXT("max_tokens"), SPELLING_EXACT, "max_tokens" },
	{ TEXT("maxTokens"), SPELLING_EXACT, "maxTokens" },
	{ TEXT("mock_testing_content_policy_fallback"), SPELLING_EXACT, "mock_testing_content_policy_fallback" },
	/* Case, separators, subscripts. */
	{ TEXT("Model"), SPELLING_OTHER, "model" },
	{ TEXT("MODEL"), SPELLING_OTHER, "model" },
	{ TEXT("mod_el"), SPELLING_OTHER, "model" },
	{ TEXT("_model"), SPELLING_OTHER, "model" },
	{ TEXT(" model"), SPELLING_OTHER, "model" },
	{ TEXT("model\t\n"), SPELLING_OTHER, "model" },
	{ TEXT("model[]"), SPELLING_OTHER, "model" },
	{ TEXT("model[\xC3\xA9"), SPELLING_OTHER, "model" },
	{ TEXT("Model [0][x]"), SPELLING_OTHER, "model" },
	{ TEXT("streamOptions"), SPELLING_OTHER, "stream_options" },
	{ TEXT("stream-options"), SPELLING_OTHER, "stream_options" },
	{ TEXT("stream options"), SPELLING_OTHER, "stream_options" },
	{ TEXT("Stream.Options"), SPELLING_OTHER, "stream_options" },
	{ TEXT("N"), SPELLING_OTHER, "n" },
	{ TEXT("M_2"), SPELLING_OTHER, "m2" },
	{ TEXT("MOCKTESTINGCONTENTPOLICYFALLBACK"), SPELLING_OTHER, "mock_testing_content_policy_fallback" },
	/* Go's two, and what other mappings make of one character or several. */
	{ TEXT("\xC5\xBFtream"), SPELLING_OTHER, "stream" },
	{ TEXT("\xC5\xBFY\xC5\xBFTEM"), SPELLING_OTHER, "system" },
	{ TEXT("max_to\xE2\x84\xAA" "ens"), SPELLING_OTHER, "max_tokens" },
	{ TEXT("me\xC3\x9F" "ages"), SPELLING_OTHER, "messages" },
	{ TEXT("\xEF\xAC\x86ream"), SPELLING_OTHER, "stream" },
	{ TEXT("\xEF\xBD\x8D\xEF\xBD\x8F\xEF\xBD\x84\xEF\xBD\x85\xEF\xBD\x8C"), SPELLING_OTHER, "model" },
	{ TEXT("\xF0\x9D\x90\xA6odel"), SPELLING_OTHER, "model" },
	{ TEXT("mo\xE2\x80\x8B" "del"), SPELLING_OTHER, "model" },
	{ TEXT("\xEF\xBB\xBFmodel"), SPELLING_OTHER, "model" },
	{ TEXT("model\xED\xA0\xBD"), SPELLING_OTHER, "model" },
	{ TEXT("model\xEF\xBF\xBD"), SPELLING_OTHER, "model" },
	/* Others. */
	{ TEXT(""), SPELLING_NONE, NULL },
	{ TEXT("mode"), SPELLING_NONE, NULL },
	{ TEXT("models"), SPELLING_NONE, NULL },
	{ TEXT("m0del"), SPELLING_NONE, NULL },
	{ TEXT("[model]"), SPELLING_NONE, NULL },
	{ TEXT("model*"), SPELLING_NONE, NULL },
	{ TEXT("model:x"), SPELLING_NONE, NULL },
	{ TEXT("x.model"), SPELLING_NONE, NULL },
	{ TEXT("*"), SPELLING_NONE, NULL },
	{ TEXT("*\xC3\xA9"), SPELLING_NONE, NULL },
	{ TEXT("\xC3\xA9"), SPELLING_NONE, NULL },
	{ TEXT("mod\xC3\xA9l"), SPELLING_NONE, NULL },
	{ TEXT("\xD0\xBCodel"), SPELLING_NONE, NULL },
	{ TEXT("\xE6\xA8\xA1\xE5\x9E\x8B"), SPELLING_NONE, NULL },
	{ TEXT("proto"), SPELLING_NONE, NULL },
	{ TEXT("__PROTO__"), SPELLING_NONE, NULL },
	/* What no name may be. */
	{ TEXT("__proto__"), SPELLING_FORBIDDEN, NULL },
	{ TEXT("\0"), SPELLING_FORBIDDEN, NULL },
	{ TEXT("model\0"), SPELLING_FORBIDDEN, NULL },
	{ TEXT("x\0y"), SPELLING_FORBIDDEN, NULL },
	{ TEXT("\xC3\xA9\0"), SPELLING_FORBIDDEN, NULL },
	{ TEXT("x[\0"), SPELLING_FORBIDDEN, NULL },
};

static void
init(struct spelling *s)
{
	spelling_init(s);
	for (size_t i = 0; i < NAMES; i++)
		spelling_add(s, names[i]);
}

/* From a copy of exactly the right size, so that a sanitizer sees a step past. */
static enum spelling_match
find(const struct spelling *s, const char *text, size_t n, size_t *index)
{
	char *copy = malloc(n == 0 ? 1 : n);
	enum spelling_match match;

	assert_non_null(copy);
	memcpy(copy, text, n);
	match = spelling_find(s, copy, n, index);
	free(copy);
	return match;
}

static void
spellings_are_told_apart(void **state)
{
	struct spelling s;

	(void)state;
	init(&s);
	assert_int_equal(s.count, NAMES);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t index = NAMES;
		enum spelling_match match = find(&s, cases[i].text, cases[i].n,
		    &index);

		if (match != cases[i].match)
			fail_msg("%s: %d", cases[i].text, match);
		if (cases[i].name != NULL)
			assert_string_equal(names[index], cases[i].name);
	}
}

/* Each subset of letters in capitals, up to 2^10 of them. */
static void
no_case_of_a_name_is_another_name(void **state)
{
	struct spelling s;
	char text[SPELLING_NAME_MAX + 1];
	size_t index;

	(void)state;
	init(&s);
	for (size_t i = 0; i < NAMES - 1; i++)
		for (unsigned capitals = 0; capitals < 1024; capitals++) {
			size_t n = strlen(names[i]);

			strcpy(text, names[i]);
			for (size_t k = 0; k < n && k < 10; k++)
				if (capitals >> k & 1)
					text[k] = (char)toupper(text[k]);
			assert_int_equal(find(&s, text, n, &index),
			    strcmp(text, names[i]) == 0 ||
			    strcmp(text, "maxTokens") == 0 ? SPELLING_EXACT :
			    SPELLING_OTHER);
		}
}

static void
long_texts_are_others_unless_they_hold_a_nul(void **state)
{
	char text[SPELLING_TEXT_MAX + 2];
	struct spelling s;
	size_t index;

	(void)state;
	init(&s);
	memset(text, ' ', sizeof text);
	memcpy(text, "model", 5);
	assert_int_equal(find(&s, text, SPELLING_TEXT_MAX, &index),
	    SPELLING_OTHER);
	assert_int_equal(find(&s, text, SPELLING_TEXT_MAX + 1, &index),
	    SPELLING_NONE);
	text[5] = '\0';
	assert_int_equal(find(&s, text, sizeof text, &index),
	    SPELLING_FORBIDDEN);
	memset(text, 'm', sizeof text);
	assert_int_equal(find(&s, text, SPELLING_NAME_MAX + 1, &index),
	    SPELLING_NONE);
	for (size_t i = 0; i < SPELLING_TEXT_MAX; i += 4)
		memcpy(text + i, "\xF0\x9D\x90\xA6", 4);
	assert_int_equal(find(&s, text, SPELLING_TEXT_MAX, &index),
	    SPELLING_OTHER);
}

static void
without_names_there_is_nothing_to_find(void **state)
{
	struct spelling s;
	size_t index;

	(void)state;
	spelling_init(&s);
	assert_int_equal(find(&s, TEXT("model"), &index), SPELLING_NONE);
	assert_int_equal(find(&s, TEXT("\xE2\x84\xAA"), &index), SPELLING_NONE);
	assert_int_equal(find(&s, TEXT("a\0"), &index), SPELLING_FORBIDDEN);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(spellings_are_told_apart),
		cmocka_unit_test(no_case_of_a_name_is_another_name),
		cmocka_unit_test(long_texts_are_others_unless_they_hold_a_nul),
		cmocka_unit_test(without_names_there_is_nothing_to_find),
	};

	return cmocka_run_group_tests_name("spelling", tests, NULL, NULL);
}
