/* Keys in the database: what may be stored, and what changing one does. */
#include "config.h"

#include "store/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/log.h"
#include "store/db.h"
#include "tests/unit/store/children.h"

#define SECRET "sk-one-one-one-one"
#define NOW 1777852800LL

struct fixture {
	struct place	*place;
	struct db	*db;
	char		 told[4096];
};

static const struct keys_change nothing;

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	if (sodium_init() < 0)
		return -1;
	log_open(NULL, LOG_LEVEL_ERROR);
	x->place = place_make();
	x->db = db_create(x->place->dir);
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	db_free(x->db);
	place_remove(x->place);
	free(x);
	return 0;
}

static enum keys_end
add(struct fixture *x, const char *name, const char *secret)
{
	return keys_add(x->db, name, secret, &nothing, NOW);
}

static void
tell(void *arg, const struct keys_record *r)
{
	struct fixture *x = arg;
	size_t	 n = strlen(x->told);

	assert_int_equal(strlen(r->id), KEYS_ID_SIZE - 1);
	snprintf(x->told + n, sizeof x->told - n, "%s:%s:%s:%s:%d:%lld:%lld:"
	    "%lld:%lld ", r->name, r->owner, r->models, r->endpoints,
	    r->enabled, (long long)r->created, (long long)r->expires,
	    (long long)r->rotated, (long long)r->old_until);
}

static const char *
listed(struct fixture *x)
{
	x->told[0] = '\0';
	assert_int_equal(keys_each(x->db, tell, x), KEYS_DONE);
	return x->told;
}

static void
made_keys_are_long_and_differ(void **state)
{
	char	 a[KEYS_MADE_SIZE], b[KEYS_MADE_SIZE];

	(void)state;
	keys_make(a);
	keys_make(b);
	assert_int_equal(strlen(a), KEYS_MADE_SIZE - 1);
	assert_memory_equal(a, "sk-", 3);
	assert_int_equal(strspn(a + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz"), KEYS_MADE_SIZE - 4);
	assert_string_not_equal(a, b);
}

static void
a_key_is_added_changed_and_deleted(void **state)
{
	struct fixture *x = *state;
	const struct keys_change limited = { .owner = "Al & Bo", .models =
		"gpt-*\nllama", .endpoints = "chat/completions",
		.has_expires = true, .expires = NOW + 9 };
	const struct keys_change off = { .has_enabled = true },
	    all = { .owner = "", .models = "", .endpoints = "",
		.has_expires = true };

	assert_int_equal(keys_add(x->db, "b", SECRET, &limited, NOW),
	    KEYS_DONE);
	assert_int_equal(add(x, "a@x.org", SECRET "2"), KEYS_DONE);
	assert_string_equal(listed(x), "a@x.org::::1:1777852800:0:0:0 "
	    "b:Al & Bo:gpt-*\nllama:chat/completions:1:1777852800:1777852809"
	    ":0:0 ");
	assert_int_equal(keys_delete(x->db, "a@x.org"), KEYS_DONE);
	assert_int_equal(keys_set(x->db, "b", &off), KEYS_DONE);
	assert_string_equal(listed(x), "b:Al & Bo:gpt-*\nllama:"
	    "chat/completions:0:1777852800:1777852809:0:0 ");
	assert_int_equal(keys_set(x->db, "b", &all), KEYS_DONE);
	assert_string_equal(listed(x), "b::::0:1777852800:0:0:0 ");
}

static void
names_and_keys_are_unique(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(add(x, "a", SECRET), KEYS_DONE);
	assert_int_equal(add(x, "a", SECRET "2"), KEYS_NAME_TAKEN);
	assert_int_equal(add(x, "b", SECRET), KEYS_SECRET_TAKEN);
	assert_int_equal(keys_rotate(x->db, "a", SECRET "3", 60, NOW),
	    KEYS_DONE);
	assert_int_equal(add(x, "b", SECRET), KEYS_SECRET_TAKEN);
	assert_int_equal(add(x, "b", SECRET "3"), KEYS_SECRET_TAKEN);
	assert_string_equal(listed(x),
	    "a::::1:1777852800:0:1777852800:1777852860 ");
	assert_int_equal(keys_rotate(x->db, "a", SECRET "4", 0, NOW + 1),
	    KEYS_DONE);
	assert_string_equal(listed(x), "a::::1:1777852800:0:1777852801:0 ");
}

static void
who_is_not_there_cannot_be_changed(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(keys_set(x->db, "a", &nothing), KEYS_NOT_FOUND);
	assert_int_equal(keys_delete(x->db, "a"), KEYS_NOT_FOUND);
	assert_int_equal(keys_rotate(x->db, "a", SECRET, 0, NOW),
	    KEYS_NOT_FOUND);
	assert_int_equal(keys_delete(x->db, "a' OR '1'='1"), KEYS_BAD_NAME);
	assert_string_equal(listed(x), "");
}

static void
every_field_is_judged(void **state)
{
	struct fixture *x = *state;
	static char long_name[KEYS_NAME_MAX + 2], long_secret[KEYS_SECRET_MAX
	    + 2], many[2 * KEYS_PATTERNS_MAX + 2];
	const struct { const char *name, *secret; struct keys_change change;
	    enum keys_end end; } cases[] = {
		{ "", SECRET, nothing, KEYS_BAD_NAME },
		{ "-a", SECRET, nothing, KEYS_BAD_NAME },
		{ "a b", SECRET, nothing, KEYS_BAD_NAME },
		{ "a\n", SECRET, nothing, KEYS_BAD_NAME },
		{ long_name, SECRET, nothing, KEYS_BAD_NAME },
		{ "a", "", nothing, KEYS_BAD_SECRET },
		{ "a", "sk-short", nothing, KEYS_BAD_SECRET },
		{ "a", SECRET " ", nothing, KEYS_BAD_SECRET },
		{ "a", SECRET ",x", nothing, KEYS_BAD_SECRET },
		{ "a", SECRET "\303\244", nothing, KEYS_BAD_SECRET },
		{ "a", long_secret, nothing, KEYS_BAD_SECRET },
		{ "a", SECRET, { .owner = "a\nb" }, KEYS_BAD_OWNER },
		{ "a", SECRET, { .owner = "\377" }, KEYS_BAD_OWNER },
		{ "a", SECRET, { .models = "a\n\nb" }, KEYS_BAD_MODELS },
		{ "a", SECRET, { .models = "a\n" }, KEYS_BAD_MODELS },
		{ "a", SECRET, { .models = "a?" }, KEYS_BAD_MODELS },
		{ "a", SECRET, { .models = "[a]" }, KEYS_BAD_MODELS },
		{ "a", SECRET, { .models = " a" }, KEYS_BAD_MODELS },
		{ "a", SECRET, { .models = many }, KEYS_BAD_MODELS },
		{ "a", SECRET, { .endpoints = "/v1/models" },
		  KEYS_BAD_ENDPOINTS },
		{ "a", SECRET, { .endpoints = "a\n/v1/b" },
		  KEYS_BAD_ENDPOINTS },
		{ "a", SECRET, { .has_expires = true, .expires = -1 },
		  KEYS_BAD_TIME },
		{ "a", SECRET, { .has_expires = true, .expires = INT64_MAX },
		  KEYS_BAD_TIME },
	};

	memset(long_name, 'a', KEYS_NAME_MAX + 1);
	memset(long_secret, 'a', KEYS_SECRET_MAX + 1);
	for (int i = 0; i <= KEYS_PATTERNS_MAX; i++)
		memcpy(&many[2 * i], "\na", 2);
	many[0] = '*';			/* "*a", then one "a" on each line */
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (keys_add(x->db, cases[i].name, cases[i].secret,
		    &cases[i].change, NOW) != cases[i].end)
			fail_msg("case %zu", i);
	for (int i = 0; i < KEYS__END; i++)
		assert_true(strlen(keys_end_text((enum keys_end)i)) > 3);
	assert_string_equal(listed(x), "");
}

static void
a_database_that_cannot_be_used_is_told(void **state)
{
	struct fixture *x = *state;
	struct db *db = db_create("/nowhere/at/all");

	log_open("/dev/null", LOG_LEVEL_ERROR);
	assert_int_equal(keys_add(db, "a", SECRET, &nothing, NOW),
	    KEYS_BROKEN);
	assert_int_equal(keys_each(db, tell, x), KEYS_BROKEN);
	db_free(db);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(made_keys_are_long_and_differ),
		TEST(a_key_is_added_changed_and_deleted),
		TEST(names_and_keys_are_unique),
		TEST(who_is_not_there_cannot_be_changed),
		TEST(every_field_is_judged),
		TEST(a_database_that_cannot_be_used_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
