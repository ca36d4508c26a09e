/* Which members a provider does not take, and of whom. */
#include "config.h"

#include "gateway/deny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *own_names[] = { "models", "my_route" };

static const struct conf_provider usual;
static const struct conf_provider own = { .deny_members = own_names,
	.deny_member_count = 2 };
static const struct conf_provider to_all = { .deny_members = own_names,
	.deny_member_count = 2, .deny_to = CONF_DENY_ALL };
static const struct conf_provider to_nobody = { .deny_to = CONF_DENY_NOBODY };

static uint64_t
mask_of(const struct deny *d, const char *name)
{
	return spelling_mask(&d->names, name, strlen(name));
}

static void
lists_are_joined_and_kept_apart(void **state)
{
	struct deny d;
	bool full = false;
	uint64_t u, o;

	(void)state;
	deny_init(&d);
	u = deny_add(&d, &usual, &full);
	o = deny_add(&d, &own, &full);
	assert_false(full);
	assert_false(d.has_all);
	assert_true(u != 0 && (u & mask_of(&d, "fallbacks")) != 0);
	assert_int_equal(o, mask_of(&d, "models") | mask_of(&d, "my_route"));
	assert_int_equal(u & mask_of(&d, "my_route"), 0);
	assert_int_equal(deny_add(&d, &usual, &full), u);
	assert_int_equal(deny_add(&d, &to_nobody, &full), 0);
	assert_int_equal(deny_add(&d, &to_all, &full), o);
	assert_true(d.has_all);
	assert_false(full);
}

static void
names_are_known_in_any_spelling(void **state)
{
	static const char *const denied[] = {
		"models", "Models", "MODELS", "models[]", "model_list",
		"modelList", "route", "Route", "provider", "providerOptions",
		"provider-options", "mock_testing_fallbacks", "extraBody",
		"mock_testing_content_policy_fallbacks", "\xC5\xBFpecific_deployment",
	};
	static const char *const others[] = { "model", "messages", "routes",
		"tools", "metadata", "temperature", "user", "" };
	struct deny d;
	bool full = false;
	uint64_t u;

	(void)state;
	deny_init(&d);
	u = deny_add(&d, &usual, &full);
	for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++)
		if ((mask_of(&d, denied[i]) & u) == 0)
			fail_msg("%s", denied[i]);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_int_equal(mask_of(&d, others[i]), 0);
}

static void
it_depends_on_the_key(void **state)
{
	struct deny d;
	bool full = false;
	uint64_t o, models;

	(void)state;
	deny_init(&d);
	o = deny_add(&d, &own, &full);
	models = mask_of(&d, "models");
	assert_string_equal(deny_find(&d, &own, o, models, true), "models");
	assert_null(deny_find(&d, &own, o, models, false));
	assert_null(deny_find(&d, &own, o, 0, true));
	assert_string_equal(deny_find(&d, &to_all, o, models, false), "models");
	assert_null(deny_find(&d, &to_nobody, 0, models, true));
}

static void
more_than_there_is_room_for_is_told(void **state)
{
	static char texts[SPELLING_MAX + 1][8];
	const char *names[SPELLING_MAX + 1];
	struct conf_provider p = { .deny_members = names };
	struct deny d;
	bool full = false;

	(void)state;
	for (size_t i = 0; i <= SPELLING_MAX; i++) {
		snprintf(texts[i], sizeof texts[i], "m%zu", i);
		names[i] = texts[i];
	}
	deny_init(&d);
	p.deny_member_count = SPELLING_MAX;
	assert_int_equal(deny_add(&d, &p, &full), UINT64_MAX);
	assert_false(full);
	p.deny_member_count++;
	assert_int_equal(deny_add(&d, &p, &full), UINT64_MAX);
	assert_true(full);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_joined_and_kept_apart),
		cmocka_unit_test(names_are_known_in_any_spelling),
		cmocka_unit_test(it_depends_on_the_key),
		cmocka_unit_test(more_than_there_is_room_for_is_told),
	};

	return cmocka_run_group_tests_name("deny", tests, NULL, NULL);
}
