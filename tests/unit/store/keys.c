/* Keys in the database: what may be stored, and what changing one does. */
#include "config.h"

#include "store/keys.h"

#include <stdio.h>

#include "tests/unit/store/database.h"

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

	x->db = database_make(&x->place);
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	database_remove(x->place, x->db);
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
	    + 2], long_user[KEYS_REMOTE_USER_MAX + 2], many[2 * KEYS_PATTERNS_MAX + 3];
	const struct { const char *name, *secret; struct keys_change change;
	    enum keys_end end; } cases[] = {
		{ "", SECRET, nothing, KEYS_BAD_NAME },
		{ "-a", SECRET, nothing, KEYS_BAD_NAME },
		{ "a b", SECRET, nothing, KEYS_BAD_NAME },
		{ "a\n", SECRET, nothing, KEYS_BAD_NAME },
		{ long_name, SECRET, nothing, KEYS_BAD_NAME },
		{ "a", "", nothing, KEYS_BAD_SECRET },
		{ "a", "sk-shor", nothing, KEYS_BAD_SECRET },
		{ "a", SECRET " ", nothing, KEYS_BAD_SECRET },
		{ "a", SECRET ",x", nothing, KEYS_BAD_SECRET },
		{ "a", SECRET "\303\244", nothing, KEYS_BAD_SECRET },
		{ "a", long_secret, nothing, KEYS_BAD_SECRET },
		{ "a", SECRET, { .owner = "a\nb" }, KEYS_BAD_OWNER },
		{ "a", SECRET, { .owner = "\377" }, KEYS_BAD_OWNER },
		{ "a", SECRET, { .remote_user = "a\nb" },
		  KEYS_BAD_REMOTE_USER },
		{ "a", SECRET, { .remote_user = long_user },
		  KEYS_BAD_REMOTE_USER },
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
	memset(long_user, 'a', KEYS_REMOTE_USER_MAX + 1);
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
remember_limits(void *arg, const struct keys_record *r)
{
	*(struct keys_limits *)arg = r->limits;
}

static void
each_limit_is_set_kept_and_removed(void **state)
{
	struct fixture *x = *state;
	struct keys_limits now, expected = { 0 };

	assert_int_equal(add(x, "a", SECRET), KEYS_DONE);
	assert_int_equal(add(x, "b", SECRET "2"), KEYS_DONE);
	for (int i = 0; i < KEYS__LIMITS; i++) {
		enum keys_limit limit = (enum keys_limit)i;
		struct keys_change c = { .owner = "me" };

		c.has_limit[i] = true;
		keys_limits_set(&c.limits, limit, keys_limits_max(limit) + 1);
		assert_int_equal(keys_set(x->db, "a", &c), KEYS_BAD_LIMIT);
		keys_limits_set(&c.limits, limit, keys_limits_max(limit));
		keys_limits_set(&expected, limit, keys_limits_max(limit));
		assert_int_equal(keys_set(x->db, "a", &c), KEYS_DONE);
		assert_int_equal(keys_tell(x->db, "a", remember_limits, &now),
		    KEYS_DONE);
		assert_memory_equal(&now, &expected, sizeof now);
	}
	for (int i = 0; i < KEYS__LIMITS; i++) {
		struct keys_change c = { .has_expires = false };

		c.has_limit[i] = true;
		keys_limits_set(&expected, (enum keys_limit)i, 0);
		assert_int_equal(keys_set(x->db, "a", &c), KEYS_DONE);
		assert_int_equal(keys_tell(x->db, "a", remember_limits, &now),
		    KEYS_DONE);
		assert_memory_equal(&now, &expected, sizeof now);
	}
	assert_false(keys_limits_exist(&now));
	assert_int_equal(keys_tell(x->db, "c", remember_limits, &now),
	    KEYS_NOT_FOUND);
}

static void
remember_user(void *arg, const struct keys_record *r)
{
	snprintf(arg, 64, "%s %s", r->hint, r->remote_user);
}

static const char *
user_of(struct fixture *x, const char *name)
{
	assert_int_equal(keys_tell(x->db, name, remember_user, x->told),
	    KEYS_DONE);
	return x->told;
}

static void
a_remote_user_is_one_keys_alone(void **state)
{
	struct fixture *x = *state;
	const struct keys_change bo = { .remote_user = "CN=Bo" },
	    nobody = { .remote_user = "" };

	assert_int_equal(keys_add(x->db, "a", SECRET, &bo, NOW), KEYS_DONE);
	assert_int_equal(keys_add(x->db, "b", SECRET "2", &bo, NOW),
	    KEYS_REMOTE_USER_TAKEN);
	assert_int_equal(add(x, "b", SECRET "2"), KEYS_DONE);
	assert_int_equal(add(x, "b", SECRET "3"), KEYS_NAME_TAKEN);
	assert_int_equal(keys_set(x->db, "b", &bo), KEYS_REMOTE_USER_TAKEN);
	assert_string_equal(user_of(x, "a"), "sk...-one CN=Bo");
	assert_int_equal(keys_set(x->db, "a", &nothing), KEYS_DONE);
	assert_string_equal(user_of(x, "a"), "sk...-one CN=Bo");
	assert_int_equal(keys_set(x->db, "a", &nobody), KEYS_DONE);
	assert_string_equal(user_of(x, "a"), "sk...-one ");
	assert_int_equal(keys_set(x->db, "b", &nobody), KEYS_DONE);
	assert_int_equal(keys_set(x->db, "b", &bo), KEYS_DONE);
}

static void
a_key_is_rotated_to_none_that_is_known(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(add(x, "a", SECRET), KEYS_DONE);
	assert_int_equal(add(x, "b", "sk-two-two-two-two"), KEYS_DONE);
	assert_int_equal(keys_rotate(x->db, "b", SECRET, 0, NOW),
	    KEYS_SECRET_TAKEN);
	assert_int_equal(keys_rotate(x->db, "a", SECRET, 60, NOW),
	    KEYS_SECRET_TAKEN);
	assert_int_equal(keys_rotate(x->db, "a", SECRET "2", 60, NOW),
	    KEYS_DONE);
	assert_int_equal(keys_rotate(x->db, "b", SECRET, 0, NOW),
	    KEYS_SECRET_TAKEN);
	assert_int_equal(keys_rotate(x->db, "a", SECRET, 60, NOW), KEYS_DONE);
}

static void
a_hint_is_of_the_key_that_is_good(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(add(x, "a", "a-user-api-key-1"), KEYS_DONE);
	assert_string_equal(user_of(x, "a"), "a...ey-1 ");
	assert_int_equal(keys_rotate(x->db, "a", "sk-456789012345678wxyz", 0,
	    NOW), KEYS_DONE);
	assert_string_equal(user_of(x, "a"), "sk-...wxyz ");
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
		TEST(each_limit_is_set_kept_and_removed),
		TEST(a_remote_user_is_one_keys_alone),
		TEST(a_key_is_rotated_to_none_that_is_known),
		TEST(a_hint_is_of_the_key_that_is_good),
		TEST(a_database_that_cannot_be_used_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
