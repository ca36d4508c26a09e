/* Channels in the database: what may be stored, and what stays as it was. */
#include "config.h"

#include "store/managed_channels.h"

#include <stddef.h>

#include "store/store.h"
#include "tests/unit/store/database.h"

#define NOW 1777852800LL

struct fixture {
	struct place	*place;
	struct db	*db;
	struct seal	 seal;
};

/* What EACH saw last, its texts copied. */
struct seen {
	size_t		 count;
	struct managed_record record;
	char		 texts[5][128];
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	x->db = database_make(&x->place);
	memset(x->seal.key, 7, SEAL_KEY);
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

static void
see(void *arg, const struct managed_record *r)
{
	struct seen *s = arg;
	const char *texts[] = { r->name, r->kind, r->base_url, r->hint,
		r->api_key_env };

	s->count++;
	s->record = *r;
	for (size_t i = 0; i < 5; i++)
		snprintf(s->texts[i], sizeof s->texts[i], "%s", texts[i]);
}

static void
assert_channel(struct fixture *x, int64_t id, const char *const texts[5])
{
	struct seen s = { .count = 0 };

	assert_int_equal(managed_channels_each(x->db, id, see, &s),
	    MANAGED_DONE);
	assert_int_equal(s.count, 1);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(s.texts[i], texts[i]);
}

static int64_t
number(struct fixture *x, const char *sql)
{
	return database_number(db_get(x->db), sql);
}

static enum managed_end
add(struct fixture *x, const char *name, const char *const *models,
    size_t count, int64_t *id)
{
	struct managed_change c = { .name = name, .base_url = "http://h",
		.api_key = "sk-0123456789-abc", .seal = &x->seal };

	return managed_channels_add(x->db, &c, models, count, NOW, id);
}

static void
a_new_one_is_as_usual(void **state)
{
	struct fixture *x = *state;
	struct seen s = { .count = 0 };
	int64_t	 id;

	assert_int_equal(add(x, "one", NULL, 0, &id), MANAGED_DONE);
	assert_channel(x, id, (const char *[]){ "one", "openai",
	    "http://h/v1", "s...-abc", "" });
	managed_channels_each(x->db, 0, see, &s);
	assert_int_equal(s.record.weight, 10);
	assert_int_equal(s.record.priority, 0);
	assert_true(s.record.enabled);
	assert_int_equal(s.record.created, NOW);
	assert_int_equal(s.record.updated, NOW);
}

static void
models_are_made_and_mapped_with_it(void **state)
{
	static const char *const models[] = { "a", "b", "a" };
	struct fixture *x = *state;
	int64_t	 id;

	assert_int_equal(add(x, "one", models, 3, &id), MANAGED_DONE);
	assert_int_equal(number(x, "SELECT count(*) FROM models"), 2);
	assert_int_equal(number(x, "SELECT count(*) FROM model_channels"), 2);
	assert_int_equal(add(x, "two", models, 1, &id), MANAGED_DONE);
	assert_int_equal(number(x, "SELECT count(*) FROM models"), 2);
	assert_int_equal(number(x, "SELECT count(*) FROM model_channels"), 3);
}

/* What fails in the end leaves nothing. */
static void
it_is_made_as_a_whole_or_not_at_all(void **state)
{
	static const char *const models[] = { "a", "b*" };
	struct fixture *x = *state;
	int64_t	 id;

	assert_int_equal(add(x, "one", models, 2, &id), MANAGED_BAD_MODEL);
	assert_int_equal(number(x, "SELECT count(*) FROM channels"), 0);
	assert_int_equal(number(x, "SELECT count(*) FROM models"), 0);
	assert_int_equal(add(x, "one", models, 1, &id), MANAGED_DONE);
	assert_int_equal(add(x, "one", models + 1, 1, &id),
	    MANAGED_NAME_TAKEN);
}

static void
only_what_is_given_changes(void **state)
{
	struct fixture *x = *state;
	struct managed_change nothing = { .name = NULL };
	struct managed_change url = { .base_url = "http://h/v2/" };
	struct managed_change variable = { .api_key_env = "SOME_KEY" };
	struct managed_change key = { .api_key = "sk-9876543210-xyz",
		.seal = &x->seal };
	int64_t	 id;

	assert_int_equal(add(x, "one", NULL, 0, &id), MANAGED_DONE);
	assert_int_equal(managed_channels_set(x->db, id, &nothing, NOW + 1),
	    MANAGED_DONE);
	assert_channel(x, id, (const char *[]){ "one", "openai",
	    "http://h/v1", "s...-abc", "" });
	managed_channels_set(x->db, id, &url, NOW);
	managed_channels_set(x->db, id, &variable, NOW);
	assert_channel(x, id, (const char *[]){ "one", "openai",
	    "http://h/v2", "", "SOME_KEY" });
	assert_int_equal(number(x,
	    "SELECT count(*) FROM channels WHERE sealed IS NULL"), 1);
	managed_channels_set(x->db, id, &key, NOW);
	assert_channel(x, id, (const char *[]){ "one", "openai",
	    "http://h/v2", "s...-xyz", "" });
	assert_int_equal(number(x, "SELECT updated FROM channels"), NOW);
}

/* Does the key of channel ID open for ORIGIN? */
static bool
opens(struct fixture *x, int64_t id, const char *name, const char *origin)
{
	const struct seal_purpose purpose = { SEAL_CHANNEL, name, origin };
	char	 secret[SEAL_SECRET_MAX + 1];
	sqlite3_stmt *stmt = managed_prepare(db_get(x->db),
	    "SELECT sealed FROM channels WHERE id = ?1");
	bool	 ok;

	sqlite3_bind_int64(stmt, 1, id);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	ok = seal_open(&x->seal, &purpose, sqlite3_column_blob(stmt, 0),
	    (size_t)sqlite3_column_bytes(stmt, 0), secret);
	sqlite3_finalize(stmt);
	return ok;
}

static void
a_key_is_sealed_for_its_channel_and_origin(void **state)
{
	struct fixture *x = *state;
	struct managed_change path = { .base_url = "HTTP://H:80/v2" };
	struct managed_change moved = { .base_url = "https://h/v1",
		.api_key = "sk-other", .seal = &x->seal };
	int64_t	 one, two;

	assert_int_equal(add(x, "one", NULL, 0, &one), MANAGED_DONE);
	assert_int_equal(add(x, "two", NULL, 0, &two), MANAGED_DONE);
	assert_true(opens(x, one, "1", "http://h:80"));
	assert_true(opens(x, two, "2", "http://h:80"));
	assert_false(opens(x, one, "2", "http://h:80"));
	assert_false(opens(x, one, "1", "https://h:443"));
	assert_int_equal(managed_channels_set(x->db, one, &path, NOW),
	    MANAGED_DONE);
	assert_true(opens(x, one, "1", "http://h:80"));
	assert_int_equal(managed_channels_set(x->db, one, &moved, NOW),
	    MANAGED_DONE);
	assert_false(opens(x, one, "1", "http://h:80"));
	assert_true(opens(x, one, "1", "https://h:443"));
}

/* A change that takes the key elsewhere needs the key. */
static void
another_origin_needs_the_key(void **state)
{
	static const struct { const char *url; enum managed_end end; } cases[] = {
		{ "https://h/v1", MANAGED_NEEDS_KEY },
		{ "http://h:81/v1", MANAGED_NEEDS_KEY },
		{ "http://h.evil.example/v1", MANAGED_NEEDS_KEY },
		{ "http://127.0.0.1/v1", MANAGED_NEEDS_KEY },
		{ "http://h./v1", MANAGED_NEEDS_KEY },
		{ "http://h:80/v1", MANAGED_DONE },
		{ "HTTP://H/v1/x", MANAGED_DONE },
		{ "http://h/", MANAGED_DONE },
	};
	struct fixture *x = *state;
	struct managed_change c = { .name = NULL }, variable = {
		.api_key_env = "SOME_KEY" };
	int64_t	 id;

	assert_int_equal(add(x, "one", NULL, 0, &id), MANAGED_DONE);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
			c.base_url = cases[i].url;
			assert_int_equal(managed_channels_set(x->db, id, &c,
			    NOW), cases[i].end);
		}
		assert_int_equal(managed_channels_set(x->db, id, &variable,
		    NOW), MANAGED_DONE);
	}
	variable.base_url = "https://other/v1";
	assert_int_equal(managed_channels_set(x->db, id, &variable, NOW),
	    MANAGED_DONE);
	c = (struct managed_change){ .base_url = "http://h/v1",
		.api_key = "sk-new", .seal = &x->seal };
	assert_int_equal(managed_channels_set(x->db, id, &c, NOW),
	    MANAGED_DONE);
	assert_true(opens(x, id, "1", "http://h:80"));
	assert_int_equal(number(x, "SELECT count(*) FROM channels WHERE "
	    "api_key_env IS NULL"), 1);
}

static void
without_a_key_a_channel_goes_anywhere(void **state)
{
	struct fixture *x = *state;
	struct managed_change c = { .name = "bare", .base_url = "http://h" };
	struct managed_change moved = { .base_url = "https://other:8443" };
	int64_t	 id;

	assert_int_equal(managed_channels_add(x->db, &c, NULL, 0, NOW, &id),
	    MANAGED_DONE);
	assert_int_equal(managed_channels_set(x->db, id, &moved, NOW),
	    MANAGED_DONE);
	assert_channel(x, id, (const char *[]){ "bare", "openai",
	    "https://other:8443/v1", "", "" });
}

static void
what_may_not_be_stored_is_not(void **state)
{
	static const struct {
		struct managed_change change;
		enum managed_end end;
	} cases[] = {
		{ { .name = "" }, MANAGED_BAD_NAME },
		{ { .name = "a/b" }, MANAGED_BAD_NAME },
		{ { .name = "a " }, MANAGED_BAD_NAME },
		{ { .name = "a,b" }, MANAGED_BAD_NAME },
		{ { .name = "a\x7f" }, MANAGED_BAD_NAME },
		{ { .name = "a\xff" }, MANAGED_BAD_NAME },
		{ { .kind = "echo" }, MANAGED_BAD_KIND },
		{ { .base_url = "gopher://h" }, MANAGED_BAD_URL },
		{ { .base_url = "http://u@h/v1" }, MANAGED_BAD_URL },
		{ { .kind = "azure" }, MANAGED_BAD_AZURE },
		{ { .api_key_env = "HTTP_KEY" }, MANAGED_BAD_VARIABLE },
		{ { .api_key = "a b" }, MANAGED_BAD_SECRET },
		{ { .api_key = "" }, MANAGED_BAD_SECRET },
		{ { .base_url = "http://[:::]/v1" }, MANAGED_NEEDS_KEY },
		{ { .has_weight = true, .weight = 1000001 },
		  MANAGED_BAD_WEIGHT },
		{ { .has_priority = true, .priority = 1000001 },
		  MANAGED_BAD_PRIORITY },
		{ { .name = "two" }, MANAGED_NAME_TAKEN },
	};
	struct fixture *x = *state;
	int64_t	 id;

	assert_int_equal(add(x, "two", NULL, 0, &id), MANAGED_DONE);
	assert_int_equal(add(x, "one", NULL, 0, &id), MANAGED_DONE);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(managed_channels_set(x->db, id,
		    &cases[i].change, NOW), cases[i].end);
	assert_channel(x, id, (const char *[]){ "one", "openai",
	    "http://h/v1", "s...-abc", "" });
}

static void
azure_goes_with_its_own_path(void **state)
{
	struct fixture *x = *state;
	struct managed_change c = { .kind = "azure",
		.base_url = "http://h/openai" };
	struct managed_change other = { .base_url = "http://h/v1" };
	int64_t	 id;

	assert_int_equal(add(x, "one", NULL, 0, &id), MANAGED_DONE);
	assert_int_equal(managed_channels_set(x->db, id, &c, NOW),
	    MANAGED_DONE);
	assert_int_equal(managed_channels_set(x->db, id, &other, NOW),
	    MANAGED_BAD_AZURE);
	c.name = "two";
	c.base_url = "http://h";
	assert_int_equal(managed_channels_add(x->db, &c, NULL, 0, NOW, &id),
	    MANAGED_BAD_AZURE);
}

static void
what_is_not_there_is_told(void **state)
{
	struct fixture *x = *state;
	struct managed_change nothing = { .name = NULL };
	struct seen s = { .count = 0 };
	int64_t	 id, found;

	assert_int_equal(managed_channels_set(x->db, 1, &nothing, NOW),
	    MANAGED_NO_CHANNEL);
	assert_int_equal(managed_channels_delete(x->db, 1),
	    MANAGED_NO_CHANNEL);
	assert_int_equal(managed_channels_each(x->db, 1, see, &s),
	    MANAGED_NO_CHANNEL);
	assert_int_equal(managed_channels_each(x->db, 0, see, &s),
	    MANAGED_DONE);
	assert_int_equal(managed_channels_find(x->db, "one", &found),
	    MANAGED_NO_CHANNEL);
	assert_int_equal(add(x, "one", NULL, 0, &id), MANAGED_DONE);
	assert_int_equal(managed_channels_find(x->db, "one", &found),
	    MANAGED_DONE);
	assert_int_equal(found, id);
	assert_int_equal(managed_channels_delete(x->db, id), MANAGED_DONE);
	assert_int_equal(add(x, "one", NULL, 0, &found), MANAGED_DONE);
	assert_true(found > id);
}

/* A directory that is none. */
static void
without_a_database_nothing_is_done(void **state)
{
	struct fixture *x = *state;
	struct seen s = { .count = 0 };
	int64_t	 id;

	db_free(x->db);
	x->db = db_create("/nonexistent/of/sluice");
	assert_int_equal(add(x, "one", NULL, 0, &id), MANAGED_BROKEN);
	assert_int_equal(managed_channels_delete(x->db, 1), MANAGED_BROKEN);
	assert_int_equal(managed_channels_each(x->db, 0, see, &s),
	    MANAGED_BROKEN);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_new_one_is_as_usual),
		TEST(models_are_made_and_mapped_with_it),
		TEST(it_is_made_as_a_whole_or_not_at_all),
		TEST(only_what_is_given_changes),
		TEST(a_key_is_sealed_for_its_channel_and_origin),
		TEST(another_origin_needs_the_key),
		TEST(without_a_key_a_channel_goes_anywhere),
		TEST(what_may_not_be_stored_is_not),
		TEST(azure_goes_with_its_own_path),
		TEST(what_is_not_there_is_told),
		TEST(without_a_database_nothing_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
