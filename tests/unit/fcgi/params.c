/* Parameters: what libfcgi makes of the bytes, and what it never gets to see. */
#include "config.h"

#include "fcgi/params.h"

#include <unistd.h>

#include "fcgi/front.h"
#include "tests/unit/fcgi/wire.h"

extern char **environ;

struct parsed {
	struct arena	 arena;
	struct params	 params;
	struct buf	 raw;
};

static int
set_up_library(void **state)
{
	(void)state;
	front_init_library();
	return 0;
}

static void
parsed_init(struct parsed *p)
{
	memset(p, 0, sizeof(*p));
	arena_init(&p->arena, 1024);
	buf_init(&p->raw, WIRE_MAX);
}

static void
parsed_fini(struct parsed *p)
{
	arena_fini(&p->arena);
	buf_fini(&p->raw);
}

static enum err
parse(struct parsed *p)
{
	return params_parse(&p->params, &p->arena, buf_data(&p->raw),
	    buf_len(&p->raw));
}

static void
names_have_values(void **state)
{
	struct parsed p;

	(void)state;
	parsed_init(&p);
	wire_pair(&p.raw, "REQUEST_METHOD", "GET");
	wire_pair(&p.raw, "QUERY_STRING", "");
	wire_pair(&p.raw, "HTTP_X", "a=b=c");
	assert_int_equal(parse(&p), ERR_NONE);
	assert_string_equal(params_get(&p.params, "REQUEST_METHOD"), "GET");
	assert_string_equal(params_get(&p.params, "QUERY_STRING"), "");
	assert_string_equal(params_get(&p.params, "HTTP_X"), "a=b=c");
	assert_null(params_get(&p.params, "HTTP_"));
	assert_null(params_get(&p.params, "HTTP_XY"));
	assert_null(params_get(&p.params, "HTTP_X=a"));
	assert_null(params_get(&p.params, ""));
	parsed_fini(&p);
}

/* However the names are spread; of one name the first value counts. */
static void
each_of_many_names_is_found(void **state)
{
	char	 name[32], value[32];
	struct parsed p;

	(void)state;
	parsed_init(&p);
	for (int i = 0; i < 400; i++) {
		snprintf(name, sizeof(name), "HTTP_%.*s%d", i % 7, "ABCDEFG",
		    i / 2);
		snprintf(value, sizeof(value), "%d", i);
		wire_pair(&p.raw, name, value);
		wire_pair(&p.raw, i % 3 == 0 ? name : "HTTP_SAME", "again");
	}
	assert_int_equal(parse(&p), ERR_FIELDS_TOO_LARGE);
	parsed_fini(&p);

	parsed_init(&p);
	for (int i = 0; i < 250; i++) {
		snprintf(name, sizeof(name), "HTTP_%.*s%d", i % 7, "ABCDEFG",
		    i);
		snprintf(value, sizeof(value), "%d", i);
		wire_pair(&p.raw, name, value);
		wire_pair(&p.raw, i % 3 == 0 ? name : "HTTP_SAME", "again");
	}
	assert_int_equal(parse(&p), ERR_NONE);
	for (int i = 0; i < 250; i++) {
		snprintf(name, sizeof(name), "HTTP_%.*s%d", i % 7, "ABCDEFG",
		    i);
		snprintf(value, sizeof(value), "%d", i);
		assert_string_equal(params_get(&p.params, name), value);
		name[strlen(name) - 1] = 'x';
		assert_null(params_get(&p.params, name));
	}
	assert_string_equal(params_get(&p.params, "HTTP_SAME"), "again");
	parsed_fini(&p);
}

static void
no_parameters_are_fine(void **state)
{
	struct parsed p;

	(void)state;
	parsed_init(&p);
	assert_int_equal(parse(&p), ERR_NONE);
	assert_null(params_get(&p.params, "REQUEST_METHOD"));
	parsed_fini(&p);
}

/* Every length about where one byte becomes four. */
static void
lengths_of_both_kinds(void **state)
{
	static char name[400], value[70001];

	(void)state;
	memset(name, 'N', sizeof(name));
	memset(value, 'v', sizeof(value));
	for (size_t n = 1; n < 300; n = n == 1 ? 120 : n + 1) {
		struct parsed p;
		size_t	 len = n * 233;

		parsed_init(&p);
		wire_length(&p.raw, n, n % 3 == 0);
		wire_length(&p.raw, len, n % 2 == 0);
		buf_append(&p.raw, name, n);
		buf_append(&p.raw, value, len);
		wire_pair(&p.raw, "AFTER", "it");
		assert_int_equal(parse(&p), ERR_NONE);
		name[n] = '\0';
		assert_int_equal(strlen(params_get(&p.params, name)), len);
		name[n] = 'N';
		assert_string_equal(params_get(&p.params, "AFTER"), "it");
		parsed_fini(&p);
	}
}

static void
the_first_of_a_name_counts(void **state)
{
	struct parsed p;

	(void)state;
	parsed_init(&p);
	wire_pair(&p.raw, "A", "first");
	wire_pair(&p.raw, "B", "b");
	wire_pair(&p.raw, "A", "second");
	assert_int_equal(parse(&p), ERR_NONE);
	assert_string_equal(params_get(&p.params, "A"), "first");
	parsed_fini(&p);
}

static void
a_nul_ends_what_it_stands_in(void **state)
{
	struct parsed p;

	(void)state;
	parsed_init(&p);
	wire_length(&p.raw, 3, false);
	wire_length(&p.raw, 5, false);
	buf_append(&p.raw, "A\0B" "on\0ff", 8);
	wire_length(&p.raw, 1, false);
	wire_length(&p.raw, 5, false);
	buf_append(&p.raw, "C" "on\0ff", 6);
	wire_pair(&p.raw, "D", "d");
	assert_int_equal(parse(&p), ERR_NONE);
	assert_null(params_get(&p.params, "A"));
	assert_string_equal(params_get(&p.params, "C"), "on");
	assert_string_equal(params_get(&p.params, "D"), "d");
	parsed_fini(&p);
}

static void
lengths_that_lie_are_refused(void **state)
{
	static const struct { size_t n; const char *bytes; } lies[] = {
		{ 1, "\x05" },
		{ 2, "\x05\x00" },
		{ 6, "\x05\x00" "NAME" },
		{ 7, "\x04\x02" "NAMEv" },
		{ 3, "\x80\x00\x00" },
		{ 5, "\x80\x00\x00\x00\x80" },
		{ 9, "\xff\xff\xff\xff\x00" "NAME" },
		{ 9, "\x00\xff\xff\xff\xff" "NAME" },
		{ 12, "\xff\xff\xff\xff\xff\xff\xff\xff" "NAME" },
		{ 12, "\x80\x00\x00\x04\xff\xff\xff\xfc" "NAME" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct parsed p;

		parsed_init(&p);
		buf_append(&p.raw, lies[i].bytes, lies[i].n);
		assert_int_equal(parse(&p), ERR_BAD_REQUEST);
		parsed_fini(&p);
	}
}

/* Cut anywhere: an error, or the pairs before the cut. */
static void
a_cut_is_never_misread(void **state)
{
	struct parsed p;
	size_t	 ends[4];

	(void)state;
	parsed_init(&p);
	ends[0] = 0;
	wire_pair(&p.raw, "ONE", "1");
	ends[1] = buf_len(&p.raw);
	wire_pair(&p.raw, "TWO", "22");
	ends[2] = buf_len(&p.raw);
	wire_pair(&p.raw, "", "");
	ends[3] = buf_len(&p.raw);
	for (size_t n = 0; n <= ends[3]; n++) {
		bool	 whole = n == ends[0] || n == ends[1] || n == ends[2] ||
			    n == ends[3];

		assert_int_equal(params_parse(&p.params, &p.arena,
		    buf_data(&p.raw), n), whole ? ERR_NONE : ERR_BAD_REQUEST);
		if (whole)
			assert_int_equal(params_get(&p.params, "TWO") != NULL,
			    n >= ends[2]);
	}
	parsed_fini(&p);
}

static void
the_number_is_bounded(void **state)
{
	struct parsed p;
	char	 name[16];

	(void)state;
	parsed_init(&p);
	for (int i = 0; i < PARAMS_COUNT_MAX; i++) {
		snprintf(name, sizeof(name), "N%d", i);
		wire_pair(&p.raw, name, name + 1);
	}
	assert_int_equal(parse(&p), ERR_NONE);
	wire_pair(&p.raw, "ONE", "more");
	assert_int_equal(parse(&p), ERR_FIELDS_TOO_LARGE);
	parsed_fini(&p);
}

static void
the_size_is_bounded(void **state)
{
	static char value[PARAMS_BYTES_MAX + 1];
	struct parsed p;

	(void)state;
	memset(value, 'v', sizeof(value));
	for (int over = 0; over < 2; over++) {
		size_t	 len = PARAMS_BYTES_MAX - 6 + (size_t)over;

		parsed_init(&p);
		wire_length(&p.raw, 1, false);
		wire_length(&p.raw, len, true);
		buf_puts(&p.raw, "N");
		buf_append(&p.raw, value, len);
		assert_int_equal(parse(&p), over ? ERR_FIELDS_TOO_LARGE :
		    ERR_NONE);
		if (!over)
			assert_int_equal(strlen(params_get(&p.params, "N")),
			    len);
		parsed_fini(&p);
	}
}

/* The memory file is used again: a short request after a long one. */
static void
nothing_is_left_of_the_last_request(void **state)
{
	static char value[100000];
	struct parsed p;

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	for (int i = 0; i < 20; i++) {
		parsed_init(&p);
		wire_pair(&p.raw, "LONG", value);
		assert_int_equal(parse(&p), ERR_NONE);
		buf_fini(&p.raw);
		wire_pair(&p.raw, "SHORT", "s");
		assert_int_equal(parse(&p), ERR_NONE);
		assert_string_equal(params_get(&p.params, "SHORT"), "s");
		assert_null(params_get(&p.params, "LONG"));
		buf_fini(&p.raw);
		buf_puts(&p.raw, "\x7f");
		assert_int_equal(parse(&p), ERR_BAD_REQUEST);
		parsed_fini(&p);
	}
}

static void
they_are_copies(void **state)
{
	struct parsed p;

	(void)state;
	parsed_init(&p);
	wire_pair(&p.raw, "A", "value");
	assert_int_equal(parse(&p), ERR_NONE);
	memset(p.raw.data, 'x', buf_len(&p.raw));
	assert_string_equal(params_get(&p.params, "A"), "value");
	parsed_fini(&p);
}

static void
the_environment_works_the_same(void **state)
{
	static char a[] = "REQUEST_METHOD=GET", b[] = "EMPTY=", c[] = "ODD",
	    d[] = "REQUEST_METHOD=POST";
	char	*fake[] = { c, a, b, d, NULL }, **real = environ;
	struct parsed p;

	(void)state;
	parsed_init(&p);
	environ = fake;
	assert_int_equal(params_from_environ(&p.params, &p.arena), ERR_NONE);
	environ = real;
	assert_string_equal(params_get(&p.params, "REQUEST_METHOD"), "GET");
	assert_string_equal(params_get(&p.params, "EMPTY"), "");
	assert_null(params_get(&p.params, "ODD"));
	assert_null(params_get(&p.params, "OD"));
	parsed_fini(&p);
}

/* All of it or none: what is left out could be whom the web server knows. */
static void
an_environment_that_is_too_large_is_refused(void **state)
{
	enum { MOST = PARAMS_COUNT_MAX + 1 };
	static char pairs[MOST + 1][16];
	char	*fake[MOST + 2] = { NULL }, **real = environ;
	struct parsed p;

	(void)state;
	for (size_t i = 0; i <= MOST; i++) {
		snprintf(pairs[i], sizeof pairs[i], "HTTP_X%zu=y", i);
		fake[i] = pairs[i];
	}
	for (int over = 1; over >= 0; over--) {
		fake[MOST - 1 + over] = pairs[MOST - 1 + over];
		fake[MOST + over] = NULL;
		parsed_init(&p);
		environ = fake;
		assert_int_equal(params_from_environ(&p.params, &p.arena),
		    over ? ERR_FIELDS_TOO_LARGE : ERR_NONE);
		environ = real;
		assert_int_equal(params_get(&p.params, "HTTP_X511") == NULL,
		    over);
		parsed_fini(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_have_values),
		cmocka_unit_test(each_of_many_names_is_found),
		cmocka_unit_test(no_parameters_are_fine),
		cmocka_unit_test(lengths_of_both_kinds),
		cmocka_unit_test(the_first_of_a_name_counts),
		cmocka_unit_test(a_nul_ends_what_it_stands_in),
		cmocka_unit_test(lengths_that_lie_are_refused),
		cmocka_unit_test(a_cut_is_never_misread),
		cmocka_unit_test(the_number_is_bounded),
		cmocka_unit_test(the_size_is_bounded),
		cmocka_unit_test(nothing_is_left_of_the_last_request),
		cmocka_unit_test(they_are_copies),
		cmocka_unit_test(the_environment_works_the_same),
		cmocka_unit_test(an_environment_that_is_too_large_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up_library, NULL);
}
