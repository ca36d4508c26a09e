/* Whose an object is: by kind, provider and id there is one key that it belongs to. */
#include "config.h"

#include "store/objects.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/store/database.h"

enum { NOW = 1000000, DAY = 86400 };

struct fixture {
	struct place	*place;
	struct db	*db;
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	x->db = database_make(&x->place);
	assert_non_null(db_get(x->db));
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

static struct object
object(const char *kind, const char *id, const char *provider,
    const char *key_id)
{
	struct object o = { .expires = 0 };

	snprintf(o.kind, sizeof o.kind, "%s", kind);
	snprintf(o.id, sizeof o.id, "%s", id);
	snprintf(o.provider, sizeof o.provider, "%s", provider);
	snprintf(o.key_id, sizeof o.key_id, "%s", key_id);
	return o;
}

static enum objects_result
put(struct fixture *x, const char *kind, const char *id, const char *provider,
    const char *key_id, int64_t now)
{
	const struct object o = object(kind, id, provider, key_id);

	return objects_put(x->db, &o, now);
}

static enum objects_result
find(struct fixture *x, const char *kind, const char *id, const char *key_id,
    int64_t now, char provider[OBJECTS_NAME_MAX])
{
	struct object o = object(kind, id, "", key_id);
	enum objects_result result = objects_find(x->db, &o, now);

	memcpy(provider, o.provider, OBJECTS_NAME_MAX);
	return result;
}

static void
each_key_finds_its_own(void **state)
{
	static const char *const kinds[] = { "response", "image", "files",
		"messages/batches" };
	static const char *const keys[] = { "", "ann", "eve" };
	char	 provider[OBJECTS_NAME_MAX], id[16];
	struct fixture *x = *state;

	for (int i = 0; i < 12; i++) {
		snprintf(id, sizeof id, "id%d", i / 3);
		assert_int_equal(put(x, kinds[i / 3], id, "p", keys[i / 3 % 3],
		    NOW), OBJECTS_OK);
	}
	for (int i = 0; i < 4 * 4 * 3; i++) {
		int	 id_of = i / 3 % 4, kind = i / 12, key = i % 3;
		bool	 is_own = id_of == kind && kind % 3 == key;

		snprintf(id, sizeof id, "id%d", id_of);
		assert_int_equal(find(x, kinds[kind], id, keys[key], NOW,
		    provider), is_own ? OBJECTS_OK : OBJECTS_NONE);
		assert_string_equal(provider, is_own ? "p" : "");
	}
}

static void
who_made_it_first_keeps_it(void **state)
{
	struct fixture *x = *state;
	char	 provider[OBJECTS_NAME_MAX];

	assert_int_equal(put(x, "files", "f", "p", "ann", NOW), OBJECTS_OK);
	assert_int_equal(put(x, "files", "f", "p", "eve", NOW + 1),
	    OBJECTS_NONE);
	assert_int_equal(find(x, "files", "f", "eve", NOW, provider),
	    OBJECTS_NONE);
	assert_int_equal(put(x, "files", "f", "p", "ann", NOW + 2),
	    OBJECTS_OK);
	assert_int_equal(put(x, "files", "f", "q", "eve", NOW + 3),
	    OBJECTS_OK);
	assert_int_equal(find(x, "files", "f", "ann", NOW, provider),
	    OBJECTS_OK);
	assert_string_equal(provider, "p");
	assert_int_equal(find(x, "files", "f", "eve", NOW, provider),
	    OBJECTS_OK);
	assert_string_equal(provider, "q");
}

static void
one_of_several_providers_can_be_asked_for(void **state)
{
	struct fixture *x = *state;
	struct object o = object("files", "f", "p", "ann");
	char	 provider[OBJECTS_NAME_MAX];

	assert_int_equal(put(x, "files", "f", "p", "ann", NOW), OBJECTS_OK);
	assert_int_equal(put(x, "files", "f", "q", "ann", NOW + 1),
	    OBJECTS_OK);
	assert_int_equal(find(x, "files", "f", "ann", NOW, provider),
	    OBJECTS_OK);
	assert_string_equal(provider, "q");
	assert_int_equal(objects_find(x->db, &o, NOW), OBJECTS_OK);
	assert_string_equal(o.provider, "p");
	strcpy(o.provider, "r");
	assert_int_equal(objects_find(x->db, &o, NOW), OBJECTS_NONE);
}

/* The last second at which each can be found. */
static const struct { const char *kind; int64_t kept, used, found; } lives[] = {
	{ "image", DAY, DAY / 2, DAY },
	{ "response", 30 * DAY, 15 * DAY, 30 * DAY },
	{ "files", 400 * DAY, 300 * DAY, 700 * DAY },
	{ "vector_stores", 400 * DAY, 0, 400 * DAY },
};

static void
it_is_forgotten_in_time(void **state)
{
	struct fixture *x = *state;
	char	 provider[OBJECTS_NAME_MAX];

	for (size_t i = 0; i < sizeof lives / sizeof lives[0]; i++) {
		const char *kind = lives[i].kind;

		assert_int_equal(put(x, kind, "o", "p", "ann", NOW),
		    OBJECTS_OK);
		assert_int_equal(find(x, kind, "o", "ann", NOW +
		    lives[i].used, provider), OBJECTS_OK);
		assert_int_equal(find(x, kind, "o", "ann", NOW +
		    lives[i].found + 1, provider), OBJECTS_NONE);
		assert_int_equal(put(x, kind, "o", "p", "eve", NOW +
		    lives[i].found), OBJECTS_NONE);
		assert_int_equal(put(x, kind, "o", "p", "eve", NOW +
		    lives[i].found + 1), OBJECTS_OK);
	}
}

static void
it_can_be_forgotten_at_once(void **state)
{
	struct fixture *x = *state;
	struct object others = object("files", "f", "p", "eve");
	struct object own = object("files", "f", "p", "ann");
	char	 provider[OBJECTS_NAME_MAX];

	assert_int_equal(put(x, "files", "f", "p", "ann", NOW), OBJECTS_OK);
	assert_int_equal(objects_forget(x->db, &others), OBJECTS_NONE);
	assert_int_equal(find(x, "files", "f", "ann", NOW, provider),
	    OBJECTS_OK);
	assert_int_equal(objects_forget(x->db, &own), OBJECTS_OK);
	assert_int_equal(find(x, "files", "f", "ann", NOW, provider),
	    OBJECTS_NONE);
	assert_int_equal(put(x, "files", "f", "p", "eve", NOW), OBJECTS_OK);
}

static int64_t
count(struct fixture *x, const char *key_id)
{
	char	 sql[128];

	snprintf(sql, sizeof sql,
	    "SELECT count(*) FROM objects WHERE key_id = '%s'", key_id);
	return database_number(db_get(x->db), sql);
}

static void
a_key_cannot_fill_the_table(void **state)
{
	struct fixture *x = *state;
	char	 id[16], provider[OBJECTS_NAME_MAX];
	int	 rounds = 0;

	database_run(x->db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
	    "SELECT i + 1 FROM n WHERE i < 100500) INSERT INTO objects "
	    "SELECT 'files', 'f' || i, 'p', '', 'ann', 30000000 + i FROM n "
	    "UNION ALL SELECT 'files', 'e' || i, 'p', '', 'eve', 1 + i "
	    "FROM n WHERE i < 5 UNION ALL SELECT 'batches', 'b' || i, 'p', '',"
	    "'ann', 40000000 FROM n WHERE i < 5");
	while (count(x, "ann") > OBJECTS_OF_KEY_MAX + 4) {
		assert_true(rounds++ < 100000);
		snprintf(id, sizeof id, "new%d", rounds);
		assert_int_equal(put(x, "files", id, "p", "ann", NOW),
		    OBJECTS_OK);
	}
	assert_int_equal(count(x, "ann"), OBJECTS_OF_KEY_MAX + 4);
	assert_int_equal(find(x, "files", "f1", "ann", NOW, provider),
	    OBJECTS_NONE);
	assert_int_equal(find(x, "files", "f100500", "ann", NOW, provider),
	    OBJECTS_OK);
	assert_int_equal(find(x, "files", id, "ann", NOW, provider),
	    OBJECTS_OK);
	assert_int_equal(count(x, "eve"), 0);	/* had expired */
}

static void
a_key_that_is_deleted_leaves_none(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(put(x, "files", "a", "p", "k_ann", NOW), OBJECTS_OK);
	assert_int_equal(put(x, "files", "e", "p", "k_eve", NOW), OBJECTS_OK);
	database_run(x->db, "INSERT INTO keys (id, hash, name, owner, enabled,"
	    " created, models, endpoints) VALUES ('k_ann', x'00', 'ann', '',"
	    " 1, 1, '', ''); DELETE FROM keys");
	assert_int_equal(count(x, "k_ann"), 0);
	assert_int_equal(count(x, "k_eve"), 1);
}

static void
a_database_that_fails_is_no_answer(void **state)
{
	struct fixture *x = *state;
	struct object o = object("files", "f", "p", "ann");

	assert_int_equal(objects_put(x->db, &o, NOW), OBJECTS_OK);
	database_run(x->db, "PRAGMA user_version = 1000");
	assert_int_equal(objects_find(x->db, &o, NOW), OBJECTS_DB_ERROR);
	assert_int_equal(objects_put(x->db, &o, NOW), OBJECTS_DB_ERROR);
	assert_int_equal(objects_forget(x->db, &o), OBJECTS_DB_ERROR);
}

/* In the first schema the same id could be that of several keys. */
static const char first_schema[] = "PRAGMA journal_mode = WAL;"
	"CREATE TABLE objects ("
	"  kind TEXT NOT NULL, id TEXT NOT NULL, provider TEXT NOT NULL,"
	"  url TEXT NOT NULL, key_id TEXT NOT NULL, expires INTEGER NOT NULL,"
	"  PRIMARY KEY (kind, id, key_id)) WITHOUT ROWID;"
	"CREATE INDEX objects_expires ON objects (expires);"
	"INSERT INTO objects VALUES"
	"  ('response', 'r', 'p', '', 'ann', 2000000),"
	"  ('response', 'r', 'p', '', 'eve', 2000001),"
	"  ('image', 'i', 'q', 'u', 'eve', 2000000);"
	"PRAGMA user_version = 1";

static void
what_was_remembered_before_stays(void **state)
{
	struct place *place = place_make();
	struct fixture x = { .place = place, .db = db_create(place->dir) };
	char	 provider[OBJECTS_NAME_MAX];
	sqlite3	*sqlite;

	(void)state;
	assert_int_equal(sqlite3_open(db_path(x.db), &sqlite), SQLITE_OK);
	assert_int_equal(sqlite3_exec(sqlite, first_schema, NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(sqlite);
	assert_int_equal(find(&x, "response", "r", "ann", NOW, provider),
	    OBJECTS_OK);
	assert_int_equal(find(&x, "response", "r", "eve", NOW, provider),
	    OBJECTS_NONE);
	assert_int_equal(find(&x, "image", "i", "eve", NOW, provider),
	    OBJECTS_OK);
	assert_string_equal(provider, "q");
	database_remove(place, x.db);
}

static void
several_are_put_at_once(void **state)
{
	struct fixture *x = *state;
	const struct object o = object("", "", "p", "ann");
	const struct object_id ids[] = { { "response", "r" },
		{ "item", "i" }, { "files", "f" } };
	char	 provider[OBJECTS_NAME_MAX];

	assert_int_equal(put(x, "item", "i", "p", "eve", NOW), OBJECTS_OK);
	assert_int_equal(objects_put_all(x->db, &o, ids, 3, NOW), OBJECTS_OK);
	assert_int_equal(find(x, "response", "r", "ann", NOW, provider),
	    OBJECTS_OK);
	assert_int_equal(find(x, "item", "i", "ann", NOW, provider),
	    OBJECTS_NONE);
	assert_int_equal(find(x, "files", "f", "ann", NOW, provider),
	    OBJECTS_OK);
	assert_int_equal(put(x, "response", "q", "p", "eve", NOW),
	    OBJECTS_OK);
	assert_int_equal(objects_put_all(x->db, &o, (struct object_id[]){
	    { "response", "q" } }, 1, NOW), OBJECTS_NONE);
}

static void
what_is_anothers_can_be_told_from_what_is_nobodys(void **state)
{
	struct fixture *x = *state;
	const struct object ann = object("item", "i", "", "ann");
	const struct object eve = object("item", "i", "", "eve");

	assert_int_equal(objects_find_others(x->db, &eve, NOW), OBJECTS_NONE);
	assert_int_equal(put(x, "item", "i", "p", "ann", NOW), OBJECTS_OK);
	assert_int_equal(objects_find_others(x->db, &eve, NOW), OBJECTS_OK);
	assert_int_equal(objects_find_others(x->db, &ann, NOW), OBJECTS_NONE);
	assert_int_equal(objects_find_others(x->db, &eve, NOW + 31 * DAY),
	    OBJECTS_NONE);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(each_key_finds_its_own),
		TEST(who_made_it_first_keeps_it),
		TEST(one_of_several_providers_can_be_asked_for),
		TEST(it_is_forgotten_in_time),
		TEST(it_can_be_forgotten_at_once),
		TEST(a_key_cannot_fill_the_table),
		TEST(a_key_that_is_deleted_leaves_none),
		TEST(a_database_that_fails_is_no_answer),
		TEST(what_was_remembered_before_stays),
		TEST(several_are_put_at_once),
		TEST(what_is_anothers_can_be_told_from_what_is_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
