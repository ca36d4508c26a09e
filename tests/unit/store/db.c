/* The database's file: who may read it, its locks, and what may become of it. */
#include "config.h"

#include "store/db.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "store/key_ids.h"
#include "tests/unit/store/before.h"

/* Where SQLite keeps the lock of who has it open: sqlite.org/fileformat2.html. */
#define SHARED_FIRST	(0x40000000 + 2)
enum { SHARED_SIZE = 510 };

struct fixture {
	struct place	*place;
	struct db	*db;
};

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

/* As another process sees it. */
static bool
is_locked(const struct db *db)
{
	int	 status;
	pid_t	 pid = fork();

	if (pid == 0) {
		struct flock lock = { .l_type = F_WRLCK,
			.l_whence = SEEK_SET, .l_start = SHARED_FIRST,
			.l_len = SHARED_SIZE };
		int	 fd = open(db_path(db), O_RDWR | O_CLOEXEC);

		if (fd < 0 || fcntl(fd, F_GETLK, &lock) != 0)
			_exit(2);
		_exit(lock.l_type == F_UNLCK ? 0 : 1);
	}
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 1;
}

/* Rows were lost: another process deleted the WAL that was being written. */
static void
a_second_connection_leaves_the_locks_of_the_first(void **state)
{
	struct fixture *x = *state;
	sqlite3	*second, *reader;

	assert_non_null(db_get(x->db));
	assert_true(is_locked(x->db));
	second = db_connect(x->db);
	assert_non_null(second);
	assert_true(is_locked(x->db));
	sqlite3_close(second);
	reader = db_connect_reader(x->db);
	assert_non_null(reader);
	sqlite3_close(reader);
	assert_true(is_locked(x->db));
}

static void
it_is_not_for_everybody(void **state)
{
	struct fixture *x = *state;
	mode_t	 mask = umask(0);
	struct stat st;

	assert_non_null(db_get(x->db));
	umask(mask);
	assert_int_equal(stat(db_path(x->db), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
}

/* ---- Another file, or none. ---- */

static void
put_away(const struct fixture *x, const char *to)
{
	char	 from[256], path[256];

	for (size_t i = 0; i < 3; i++) {
		const char *end = i == 0 ? "" : i == 1 ? "-wal" : "-shm";

		snprintf(from, sizeof from, "%s%s", db_path(x->db), end);
		snprintf(path, sizeof path, "%s/%s%s", x->place->dir, to, end);
		rename(from, path);
	}
}

static void
bring_back(const struct fixture *x, const char *from)
{
	char	 path[256], to[256];

	for (size_t i = 0; i < 3; i++) {
		const char *end = i == 0 ? "" : i == 1 ? "-wal" : "-shm";

		snprintf(to, sizeof to, "%s%s", db_path(x->db), end);
		snprintf(path, sizeof path, "%s/%s%s", x->place->dir, from,
		    end);
		rename(path, to);
	}
}

static bool
run(struct fixture *x, const char *sql)
{
	sqlite3	*sqlite = db_get(x->db);

	return sqlite != NULL &&
	    sqlite3_exec(sqlite, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* As many as there are rows of salts. */
static int
rows(struct fixture *x)
{
	sqlite3_stmt *stmt;
	int	 n = -1;

	if (db_get(x->db) != NULL && sqlite3_prepare_v2(db_get(x->db),
	    "SELECT count(*) FROM salts", -1, &stmt, NULL) == SQLITE_OK) {
		if (sqlite3_step(stmt) == SQLITE_ROW)
			n = sqlite3_column_int(stmt, 0);
		sqlite3_finalize(stmt);
	}
	return n;
}

#define ROW "INSERT INTO salts SELECT count(*), 0, 0 FROM salts"

/* A new one without keys would make every client unknown. */
static void
one_that_is_gone_is_missed_until_it_is_back(void **state)
{
	struct fixture *x = *state;

	assert_true(run(x, ROW));
	put_away(x, "away");
	assert_null(db_get(x->db));
	assert_null(db_connect(x->db));
	assert_null(db_connect_reader(x->db));
	assert_int_equal(access(db_path(x->db), F_OK), -1);
	bring_back(x, "away");
	assert_int_equal(rows(x), 1);
	assert_true(run(x, ROW));
}

static void
who_only_read_it_misses_it_too(void **state)
{
	struct fixture *x = *state;
	struct db *other = db_create(x->place->dir);

	assert_non_null(db_get(other));
	sqlite3_close(db_connect_reader(x->db));
	db_free(other);
	put_away(x, "away");
	assert_null(db_get(x->db));
	assert_int_equal(access(db_path(x->db), F_OK), -1);
}

static void
another_in_its_place_is_opened(void **state)
{
	struct fixture *x = *state;
	struct db *other;

	assert_true(run(x, ROW) && run(x, ROW));
	put_away(x, "first");
	other = db_create(x->place->dir);	/* a process that starts */
	assert_non_null(db_get(other));
	db_free(other);
	assert_int_equal(rows(x), 0);
	assert_true(run(x, ROW));
	assert_int_equal(rows(x), 1);
	put_away(x, "second");
	bring_back(x, "first");
	assert_int_equal(rows(x), 2);
}

static void
a_transaction_ends_where_it_began(void **state)
{
	struct fixture *x = *state;
	struct db *other;

	assert_true(run(x, "BEGIN IMMEDIATE") && run(x, ROW));
	put_away(x, "first");
	other = db_create(x->place->dir);
	assert_non_null(db_get(other));
	db_free(other);
	assert_true(run(x, ROW) && run(x, "COMMIT"));
	assert_int_equal(rows(x), 0);
}

static void
one_of_a_newer_version_is_left_alone(void **state)
{
	struct fixture *x = *state;
	struct db *newer = db_create(x->place->dir);

	assert_true(run(x, ROW));
	assert_int_equal(sqlite3_exec(db_get(newer), "PRAGMA user_version = "
	    "99", NULL, NULL, NULL), SQLITE_OK);
	assert_null(db_get(x->db));
	assert_null(db_connect(x->db));
	assert_null(db_connect_reader(x->db));
	db_free(newer);
}

/* ---- Threads. ---- */

static void *
change_and_stay_open(void *state)
{
	struct fixture *x = state;

	return (void *)(intptr_t)(run(x, "PRAGMA busy_timeout = 0") &&
	    run(x, ROW));
}

/* What one began, another must not get into. */
static void
threads_have_their_own(void **state)
{
	struct fixture *x = *state;
	pthread_t thread;
	void	*changed;

	assert_true(run(x, "BEGIN IMMEDIATE") && run(x, ROW));
	assert_int_equal(pthread_create(&thread, NULL, change_and_stay_open,
	    x), 0);
	pthread_join(thread, &changed);
	assert_null(changed);
	assert_true(run(x, "ROLLBACK"));
	assert_int_equal(rows(x), 0);
}

/* ---- Killed while it is brought up to date. ---- */

enum { ROUNDS = 60, KILL_US = 4000 };

/* The schema that the first sluice had, and a row. */
static const char first_schema[] = "CREATE TABLE objects ("
	"  kind TEXT NOT NULL, id TEXT NOT NULL, provider TEXT NOT NULL,"
	"  url TEXT NOT NULL, key_id TEXT NOT NULL, expires INTEGER NOT NULL,"
	"  PRIMARY KEY (kind, id, key_id)) WITHOUT ROWID;"
	"CREATE INDEX objects_expires ON objects (expires);"
	"INSERT INTO objects VALUES ('response', 'r', 'p', 'u', 'k', 1);"
	"PRAGMA user_version = 1";

static void
make_first(struct fixture *x)
{
	sqlite3	*sqlite;

	put_away(x, "last");
	assert_int_equal(sqlite3_open(db_path(x->db), &sqlite), SQLITE_OK);
	assert_int_equal(sqlite3_exec(sqlite, "PRAGMA journal_mode = WAL",
	    NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(sqlite, first_schema, NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(sqlite);
}

static void
bring_up_to_date(struct place *p, unsigned number)
{
	struct db *db = db_create(p->dir);

	(void)number;
	atomic_store(&p->words[0], 1);
	if (db_get(db) != NULL)
		atomic_fetch_add(&p->words[1], 1);
	report_and_stay(&p->words[2]);
}

static void
the_next_finishes_what_was_killed(void **state)
{
	struct fixture *x = *state;
	sqlite3	*sqlite;
	int	 before, halves = 0;

	for (int round = 0; round < ROUNDS; round++) {
		pid_t	 child;

		make_first(x);
		atomic_store(&x->place->words[0], 0);
		child = child_start(bring_up_to_date, x->place, 0);
		until(&x->place->words[0], 1);
		usleep((useconds_t)(random() % KILL_US));
		child_kill(child);
		assert_int_equal(sqlite3_open(db_path(x->db), &sqlite),
		    SQLITE_OK);
		before = db_version(sqlite);
		sqlite3_close(sqlite);
		assert_true(before == 1 || before == db_version_known());
		halves += before == 1;
		assert_int_equal(rows(x), 0);
		assert_true(run(x, ROW) && run(x, "INSERT INTO objects "
		    "SELECT kind, 's', provider, url, key_id, 2 FROM objects"));
		assert_int_equal(sqlite3_changes(db_get(x->db)), 1);
	}
	assert_true(halves > 0);
}

/* ---- Ids of keys. ---- */

#define OLD_A "000102030405060708090a0b0c0d0e0f"
#define OLD_B "ff0102030405060708090a0b0c0d0e0f"
#define ZEROS "0, 0, 0, 0, 0, 0, 0"

/* Rows of two keys of the database, and of one that was never in it. */
static const char rows_of_before[] =
	"INSERT INTO keys (id, hash, name, owner, enabled, created, models, "
	"  endpoints) VALUES ('" OLD_A "', x'01', 'a', '', 1, 1, '', ''),"
	"  ('" OLD_B "', x'02', 'b', '', 1, 1, '', '');"
	"INSERT INTO users VALUES (1, '" OLD_A "', 'U', 1, 1);"
	"INSERT INTO prompts VALUES ('key', '" OLD_A "', 't', 1, 1),"
	"  ('model', '" OLD_A "', 't', 1, 1);"
	"INSERT INTO objects VALUES ('response', 'r', 'p', '', '" OLD_B "', 9),"
	"  ('response', 'open', 'p', '', '', 9);"
	"INSERT INTO usage_days VALUES (1, '" OLD_A "', 'm', 'p', 1, " ZEROS
	"  , 0, 0), (1, '" OLD_B "', 'm', 'p', 2, " ZEROS ", 0, 0),"
	"  (1, '', 'm', 'p', 3, " ZEROS ", 0, 0);"
	"INSERT INTO usage_hours SELECT * FROM usage_days;"
	"INSERT INTO usage (id, try, time_ms, key_id, status, error, stream, "
	"  input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, "
	"  reasoning_tokens, duration_ms, tries) VALUES ('r1', 0, 1, '" OLD_A
	"', 200, " ZEROS ", 0, 0), ('r2', 0, 2, NULL, 200, " ZEROS ", 0, 0);";

static int64_t
number(struct fixture *x, const char *sql)
{
	return database_number(db_get(x->db), sql);
}

/* What belonged together does so still, under ids that tell nothing. */
static void
ids_of_keys_are_translated_together(void **state)
{
	static const char *const columns[] = {
		"id FROM keys", "key_id FROM users", "key_id FROM objects",
		"key_id FROM usage", "key_id FROM usage_hours",
		"key_id FROM usage_days",
		"name FROM prompts WHERE scope = 'key'",
	};
	struct fixture *x = *state;
	char	 sql[256];

	before_make(x->place->dir, rows_of_before);
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
		snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT %s)",
		    columns[i]);
		assert_true(number(x, sql) > 0);
		snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT "
		    "%.*s AS id %s) WHERE id NOT GLOB 'k*' AND id <> ''",
		    (int)strcspn(columns[i], " "), columns[i],
		    strchr(columns[i], ' '));
		assert_int_equal(number(x, sql), 0);
	}
	assert_int_equal(number(x, "SELECT count(*) FROM users JOIN keys ON "
	    "keys.id = key_id WHERE keys.name = 'a'"), 1);
	assert_int_equal(number(x, "SELECT count(*) FROM prompts JOIN keys ON "
	    "id = prompts.name WHERE keys.name = 'a'"), 1);
	assert_int_equal(number(x, "SELECT count(*) FROM prompts WHERE "
	    "name = '" OLD_A "' AND scope = 'model'"), 1);
	assert_int_equal(number(x, "SELECT count(*) FROM objects o JOIN keys "
	    "k ON k.id = key_id WHERE k.name = 'b'"), 1);
	assert_int_equal(number(x, "SELECT sum(requests) FROM usage_days JOIN "
	    "keys ON id = key_id WHERE name = 'b'"), 2);
	assert_int_equal(number(x, "SELECT sum(requests) FROM usage_hours "
	    "JOIN keys ON id = key_id WHERE name = 'a'"), 1);
	assert_int_equal(number(x, "SELECT requests FROM usage_days WHERE "
	    "key_id = ''"), 3);
	assert_int_equal(number(x, "SELECT count(*) FROM usage u JOIN keys k "
	    "ON k.id = key_id WHERE k.name = 'a'"), 1);
	database_run(x->db, "DELETE FROM keys WHERE name = 'a'");
	assert_int_equal(number(x, "SELECT count(*) FROM users"), 0);
}

/* A backup of before, brought back later, has the same ids. */
static void
ids_are_translated_alike_each_time(void **state)
{
	struct fixture *x = *state;
	char	 id[KEYS_ID_SIZE], sql[128];
	struct key_ids ids;

	for (int i = 0; i < 2; i++) {
		db_free(x->db);
		x->db = db_create(x->place->dir);
		unlink(db_path(x->db));
		before_make(x->place->dir, rows_of_before);
		db_get(x->db);
		assert_true(key_ids_load(&ids, x->place->dir));
		key_ids_translate(&ids, OLD_A, id);
		snprintf(sql, sizeof sql, "SELECT count(*) FROM keys WHERE "
		    "id = '%s' AND name = 'a'", id);
		assert_int_equal(number(x, sql), 1);
	}
}

/* Without the file for it nothing changes; the next try finds all of it. */
static void
without_the_file_for_ids_it_stays(void **state)
{
	struct fixture *x = *state;
	sqlite3	*sqlite;
	char	 path[128];

	snprintf(path, sizeof path, "%s/ids.key", x->place->dir);
	before_make(x->place->dir, rows_of_before);
	assert_int_equal(symlink("/dev/zero", path), 0);
	assert_null(db_get(x->db));
	assert_int_equal(sqlite3_open(db_path(x->db), &sqlite), SQLITE_OK);
	assert_int_equal(db_version(sqlite), 4);
	assert_int_equal(database_number(sqlite, "SELECT count(*) FROM keys "
	    "WHERE id IN ('" OLD_A "', '" OLD_B "')"), 2);
	sqlite3_close(sqlite);
	unlink(path);
	assert_int_equal(number(x, "SELECT count(*) FROM keys WHERE id GLOB "
	    "'k*'"), 2);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_second_connection_leaves_the_locks_of_the_first),
		TEST(it_is_not_for_everybody),
		TEST(one_that_is_gone_is_missed_until_it_is_back),
		TEST(who_only_read_it_misses_it_too),
		TEST(another_in_its_place_is_opened),
		TEST(a_transaction_ends_where_it_began),
		TEST(one_of_a_newer_version_is_left_alone),
		TEST(threads_have_their_own),
		TEST(the_next_finishes_what_was_killed),
		TEST(ids_of_keys_are_translated_together),
		TEST(ids_are_translated_alike_each_time),
		TEST(without_the_file_for_ids_it_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
