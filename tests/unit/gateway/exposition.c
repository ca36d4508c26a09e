/* Prometheus' text format, to the byte. */
#include "config.h"

#include "gateway/exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const unsigned bounds[] = { 50, 5000, 1000000, 2500000 };
static const char *const two[] = { "type=\"a\"", "type=\"b\"" };
static const struct family_info
    counter = { .name = "c_total", .help = "Count.", .cell = 1 },
    gauge = { .name = "g", .help = "Level.", .type = FAMILY_GAUGE },
    typed = { .name = "c_total", .help = "Count.", .labels = two,
	.label_count = 2 },
    seconds = { .name = "s_total", .help = "Time.", .unit = 1000000 },
    histogram = { .name = "h", .help = "Times.", .type = FAMILY_HISTOGRAM,
	.unit = 1000000, .bounds = bounds, .bound_count = 4 };

/* What FAMILY prints for a series with LABELS and CELLS. */
static void
assert_shown(const struct family_info *family, const char *labels,
    const uint64_t *cells, const char *want)
{
	struct exposition e;
	struct buf out;

	buf_init(&out, 1 << 20);
	assert_int_equal(exposition_begin(&e, &out, family, family), ERR_NONE);
	assert_int_equal(exposition_put(&e, labels, strlen(labels), cells),
	    ERR_NONE);
	buf_append(&out, "", 1);
	assert_string_equal(buf_data(&out), want);
	buf_fini(&out);
}

static void
a_family_has_one_head(void **state)
{
	struct exposition e;
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	exposition_begin(&e, &out, &counter, NULL);
	exposition_begin(&e, &out, &typed, &counter);
	exposition_begin(&e, &out, &histogram, &typed);
	exposition_begin(&e, &out, &gauge, &histogram);
	buf_append(&out, "", 1);
	assert_string_equal(buf_data(&out),
	    "# HELP c_total Count.\n# TYPE c_total counter\n"
	    "# HELP h Times.\n# TYPE h histogram\n"
	    "# HELP g Level.\n# TYPE g gauge\n");
	buf_fini(&out);
}

static void
values_have_their_labels(void **state)
{
	const uint64_t cells[] = { 7, UINT64_MAX };

	(void)state;
	assert_shown(&counter, "", cells, "c_total 18446744073709551615\n");
	assert_shown(&counter, "x=\"y\"", cells,
	    "c_total{x=\"y\"} 18446744073709551615\n");
	assert_shown(&typed, "", cells, "c_total{type=\"a\"} 7\n"
	    "c_total{type=\"b\"} 18446744073709551615\n");
	assert_shown(&typed, "x=\"y\"", cells, "c_total{x=\"y\",type=\"a\"} 7\n"
	    "c_total{x=\"y\",type=\"b\"} 18446744073709551615\n");
}

static void
what_has_not_counted_is_not_shown(void **state)
{
	const uint64_t cells[6] = { 0, 0, 0, 0, 0, 0 };
	const uint64_t one[] = { 0, 3 };

	(void)state;
	assert_shown(&counter, "", cells, "");
	assert_shown(&typed, "", one, "c_total{type=\"b\"} 3\n");
	assert_shown(&histogram, "x=\"y\"", cells, "");
	assert_shown(&gauge, "x=\"y\"", cells, "g{x=\"y\"} 0\n");
}

static void
units_are_exact_decimals(void **state)
{
	static const struct { uint64_t us; const char *want; } cases[] = {
		{ 1, "s_total 0.000001\n" },
		{ 10, "s_total 0.00001\n" },
		{ 999999, "s_total 0.999999\n" },
		{ 1000000, "s_total 1\n" },
		{ 1000001, "s_total 1.000001\n" },
		{ 90500000, "s_total 90.5\n" },
		{ UINT64_MAX, "s_total 18446744073709.551615\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_shown(&seconds, "", &cases[i].us, cases[i].want);
}

static void
buckets_are_cumulative(void **state)
{
	const uint64_t cells[] = { 1, 0, 2, 4, 8, 12345678 };

	(void)state;
	assert_shown(&histogram, "", cells,
	    "h_bucket{le=\"0.00005\"} 1\n"
	    "h_bucket{le=\"0.005\"} 1\n"
	    "h_bucket{le=\"1\"} 3\n"
	    "h_bucket{le=\"2.5\"} 7\n"
	    "h_bucket{le=\"+Inf\"} 15\n"
	    "h_sum 12.345678\n"
	    "h_count 15\n");
	assert_shown(&histogram, "x=\"y\"", cells,
	    "h_bucket{x=\"y\",le=\"0.00005\"} 1\n"
	    "h_bucket{x=\"y\",le=\"0.005\"} 1\n"
	    "h_bucket{x=\"y\",le=\"1\"} 3\n"
	    "h_bucket{x=\"y\",le=\"2.5\"} 7\n"
	    "h_bucket{x=\"y\",le=\"+Inf\"} 15\n"
	    "h_sum{x=\"y\"} 12.345678\n"
	    "h_count{x=\"y\"} 15\n");
}

/* Every family, its cells and labels at their largest. */
static void
the_longest_lines_fit(void **state)
{
	char	 labels[STATE_TEXT_MAX];
	uint64_t cells[STATE_CELLS_MAX];
	struct exposition e;
	struct buf out;

	(void)state;
	memset(labels, 'x', sizeof(labels));
	for (size_t i = 0; i < STATE_CELLS_MAX; i++)
		cells[i] = UINT64_MAX;
	buf_init(&out, 1 << 20);
	for (enum family f = 0; f < FAMILY__MAX; f++) {
		assert_int_equal(exposition_begin(&e, &out, &families[f],
		    NULL), ERR_NONE);
		assert_int_equal(exposition_put(&e, labels, sizeof(labels),
		    cells), ERR_NONE);
	}
	buf_fini(&out);
}

static void
the_ceiling_is_an_error(void **state)
{
	const uint64_t cells[] = { 1, 0, 2, 4, 8, 12345678 };
	struct exposition e;
	struct buf out;

	(void)state;
	buf_init(&out, 20);
	assert_int_equal(exposition_begin(&e, &out, &histogram, NULL),
	    ERR_NO_MEMORY);
	assert_int_equal(exposition_put(&e, "", 0, cells), ERR_NO_MEMORY);
	buf_fini(&out);
}

/* Else a cell would belong to two of them, or to another series. */
static void
families_do_not_share_cells(void **state)
{
	unsigned taken[GROUP__MAX][STATE_CELLS_MAX] = { { 0 } };

	(void)state;
	for (enum family f = 0; f < FAMILY__MAX; f++) {
		const struct family_info *i = &families[f];
		unsigned n = i->type == FAMILY_HISTOGRAM ? i->bound_count + 2 :
		    i->label_count > 0 ? i->label_count : 1;

		assert_non_null(i->name);
		assert_int_equal(strncmp(i->name, "gateway_", 8), 0);
		if (f > 0 && strcmp(i->name, families[f - 1].name) != 0)
			assert_non_null(i->help);
		assert_int_equal(i->group == GROUP_SHARED, i->read != NULL);
		if (i->group == GROUP_SHARED)
			continue;
		assert_true(i->cell + n <= groups[i->group].cells);
		assert_int_equal(i->type == FAMILY_GAUGE,
		    groups[i->group].is_gauge);
		while (n-- > 0)
			assert_int_equal(taken[i->group][i->cell + n]++, 0);
	}
	for (enum group g = 0; g < GROUP_SHARED; g++)
		for (unsigned i = 0; i < groups[g].cells; i++)
			assert_int_equal(taken[g][i], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_has_one_head),
		cmocka_unit_test(values_have_their_labels),
		cmocka_unit_test(what_has_not_counted_is_not_shown),
		cmocka_unit_test(units_are_exact_decimals),
		cmocka_unit_test(buckets_are_cumulative),
		cmocka_unit_test(the_longest_lines_fit),
		cmocka_unit_test(the_ceiling_is_an_error),
		cmocka_unit_test(families_do_not_share_cells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
