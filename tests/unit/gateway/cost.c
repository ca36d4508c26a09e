/* What tokens cost, to the last decimal. */
#include "config.h"

#include "gateway/cost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MAX53 (UINT64_C(1) << 53)
#define UNSET (-1.0)

static struct cost_prices
prices(double input, double cached, double cache_write, double output)
{
	const struct conf_prices c = { input, cached, cache_write, output };

	return cost_make_prices(&c);
}

/* The cost as text, "-" when it is not known. */
static const char *
cost_of(struct cost_prices p, struct usage u)
{
	static char text[64];
	struct buf out;
	uint64_t cost = 1;

	if (!cost_find(&p, &u, &cost)) {
		assert_true(cost == 0);
		return "-";
	}
	buf_init(&out, sizeof(text));
	cost_put(&out, cost);
	assert_true(buf_len(&out) < sizeof(text));
	memcpy(text, buf_data(&out), buf_len(&out));
	text[buf_len(&out)] = '\0';
	buf_fini(&out);
	return text;
}

#define REPORTED(...) (struct usage){ USAGE_REPORTED, __VA_ARGS__ }

static void
every_kind_of_token_has_its_price(void **state)
{
	const struct cost_prices p = prices(1, 20, 300, 4000);

	(void)state;
	assert_string_equal(cost_of(p, REPORTED(1000000, 0, 0, 0, 0)), "1");
	assert_string_equal(cost_of(p, REPORTED(0, 1000000, 0, 0, 0)), "20");
	assert_string_equal(cost_of(p, REPORTED(0, 0, 1000000, 0, 0)), "300");
	assert_string_equal(cost_of(p, REPORTED(0, 0, 0, 1000000, 0)), "4000");
	assert_string_equal(cost_of(p, REPORTED(0, 0, 0, 0, 1000000)), "4000");
	assert_string_equal(cost_of(p, REPORTED(1, 1, 1, 1, 1)), "0.008321");
}

static void
what_is_not_set_costs_as_much_as_input(void **state)
{
	(void)state;
	assert_string_equal(cost_of(prices(2.5, UNSET, UNSET, 10),
	    REPORTED(0, 1, 1, 0, 0)), "0.000005");
	assert_string_equal(cost_of(prices(2.5, 0, 0, 10),
	    REPORTED(0, 1, 1, 0, 0)), "0");
	assert_string_equal(cost_of(prices(2.5, 1.25, UNSET, 10),
	    REPORTED(0, 1, 1, 0, 0)), "0.00000375");
}

static void
without_usage_or_prices_nothing_is_known(void **state)
{
	static const struct cost_prices none;
	const struct usage nothing = { .source = USAGE_NONE };

	(void)state;
	assert_string_equal(cost_of(none, REPORTED(1, 1, 1, 1, 1)), "-");
	assert_string_equal(cost_of(prices(0, UNSET, UNSET, 0),
	    REPORTED(1, 1, 1, 1, 1)), "-");
	assert_string_equal(cost_of(prices(1, 1, 1, 1), nothing), "-");
	assert_string_equal(cost_of(prices(1, 1, 1, 1),
	    REPORTED(0, 0, 0, 0, 0)), "0");
	for (int i = 0; i < 4; i++)	/* one of them is enough */
		assert_string_equal(cost_of(prices(i == 0, i == 1, i == 2,
		    i == 3), REPORTED(0, 0, 0, 0, 0)), "0");
}

static void
estimates_cost_as_well(void **state)
{
	struct usage u = { .source = USAGE_ESTIMATED, .input_tokens = 4 };

	(void)state;
	assert_string_equal(cost_of(prices(0.25, 0, 0, 0), u), "0.000001");
	u.source = USAGE_PARTIAL;
	assert_string_equal(cost_of(prices(0.25, 0, 0, 0), u), "0.000001");
}

static void
decimals_are_exact(void **state)
{
	static const struct { double price; uint64_t tokens;
	    const char *want; } cases[] = {
		{ 2.5, 1, "0.0000025" },
		{ 0.075, 1, "0.000000075" },
		{ 0.1, 3, "0.0000003" },
		{ 1000000, 1, "1" },
		{ 0.000001, 1000000, "0.000001" },
		{ 0.001, 1, "0.000000001" },
		{ 0.07, 123456789, "8.64197523" },
		{ 123456.789, 1000000, "123456.789" },
		{ 12.000001, 10, "0.00012" },	/* .00012000001 */
		{ 0.0005, 1, "0.000000001" },
		{ 0.0004, 1, "0" },
		{ 0.0375, 3, "0.000000113" },	/* .0000001125 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(cost_of(prices(cases[i].price, 0, 0, 0),
		    REPORTED(cases[i].tokens, 0, 0, 0, 0)), cases[i].want);
}

/* Five halves are not five times one. */
static void
a_sum_is_rounded_once(void **state)
{
	(void)state;
	assert_string_equal(cost_of(prices(0.0005, UNSET, UNSET, 0.0005),
	    REPORTED(1, 1, 1, 1, 1)), "0.000000003");
	assert_string_equal(cost_of(prices(0.0001, UNSET, UNSET, 0.0001),
	    REPORTED(1, 1, 1, 1, 0)), "0");
}

static void
no_number_of_tokens_overflows(void **state)
{
	static const uint64_t many[] = { MAX53, MAX53 + 1, UINT64_MAX };

	(void)state;
	assert_string_equal(cost_of(prices(0.000001, 0, 0, 0),
	    REPORTED(MAX53, 0, 0, 0, 0)), "9007.199254741");
	assert_string_equal(cost_of(prices(0.1, 0, 0, 0),
	    REPORTED(MAX53, 0, 0, 0, 0)), "900719925.4740992");
	for (size_t i = 0; i < sizeof(many) / sizeof(*many); i++) {
		assert_string_equal(cost_of(prices(0.12, 0, 0, 0),
		    REPORTED(many[i], 0, 0, 0, 0)), "1000000000");
		/* 2048 x 2^53 is 0 in 64 bits. */
		assert_string_equal(cost_of(prices(2.048, 0, 0, 0),
		    REPORTED(many[i], 0, 0, 0, 0)), "1000000000");
		assert_string_equal(cost_of(prices(999999.999999, 1e6, 1e6,
		    1e6), REPORTED(many[i], many[i], many[i], many[i], many[i])),
		    "1000000000");
		assert_string_equal(cost_of(prices(0.000999999, UNSET, UNSET,
		    0.000999999), REPORTED(many[i], 0, 0, 0, 0)),
		    "9007190.247541737");
	}
}

static void
an_amount_is_read_as_people_write_it(void **state)
{
	static const struct { const char *text; uint64_t cost; } good[] = {
		{ "0", 0 }, { "12", 12 * COST_UNIT },
		{ "12.50", 12500000000 }, { "0.000000001", 1 },
		{ "9999999999.999999999", UINT64_C(9999999999999999999) },
	};
	static const char *const bad[] = {
		"", "x", "-1", "+1", " 1", "1 ", "1.", ".5", "1,5", "1e3",
		"0.0000000001", "10000000000", "1.2.3",
	};
	uint64_t cost;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_true(cost_parse(good[i].text, &cost));
		assert_int_equal(cost, good[i].cost);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (cost_parse(bad[i], &cost))
			fail_msg("%s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_token_has_its_price),
		cmocka_unit_test(what_is_not_set_costs_as_much_as_input),
		cmocka_unit_test(without_usage_or_prices_nothing_is_known),
		cmocka_unit_test(estimates_cost_as_well),
		cmocka_unit_test(decimals_are_exact),
		cmocka_unit_test(a_sum_is_rounded_once),
		cmocka_unit_test(no_number_of_tokens_overflows),
		cmocka_unit_test(an_amount_is_read_as_people_write_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
