/* The database there and back, with others at work and whoever is killed. */
#include "config.h"

#include "store/backup.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "store/keys.h"
#include "store/watch.h"
#include "tests/unit/store/database.h"

enum { ROUNDS = 40, KILL_US = 20000, MANY = 2000 };

struct fixture {
	struct place	*place;
	struct db	*db;
	char		 file[128];
	char		 kept[BACKUP_KEPT_SIZE];
};

static const struct keys_change nothing;

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	if (sodium_init() < 0)
		return -1;
	log_open("/dev/null", LOG_LEVEL_ERROR);
	x->place = place_make();
	mkdir(x->place->state_dir, 0700);
	x->db = db_create(x->place->state_dir);
	snprintf(x->file, sizeof x->file, "%s/copy.db", x->place->dir);
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
add(struct fixture *x, const char *name)
{
	char	 secret[64];

	snprintf(secret, sizeof secret, "sk-0123456789abcdef-%s", name);
	assert_int_equal(keys_add(x->db, name, secret, &nothing, 1000),
	    KEYS_DONE);
}

static int64_t
keys_in(const char *path)
{
	sqlite3	*sqlite;
	int64_t	 n;

	assert_int_equal(sqlite3_open_v2(path, &sqlite, SQLITE_OPEN_READONLY,
	    NULL), SQLITE_OK);
	n = database_number(sqlite, "SELECT count(*) FROM keys");
	sqlite3_close(sqlite);
	return n;
}

static int64_t
keys_of(struct fixture *x)
{
	assert_non_null(db_get(x->db));
	return database_number(db_get(x->db), "SELECT count(*) FROM keys");
}

static void
change(const char *path, const char *sql)
{
	sqlite3	*sqlite;

	assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
	assert_int_equal(sqlite3_exec(sqlite, sql, NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(sqlite);
}

static void
write_file(const char *path, const char *text, int times)
{
	FILE	*f = fopen(path, "w");

	assert_non_null(f);
	while (times-- > 0)
		fputs(text, f);
	fclose(f);
}

static enum backup_end
back_up(struct fixture *x, bool force)
{
	return backup_make(x->db, x->file, force);
}

static enum backup_end
restore(struct fixture *x)
{
	return backup_restore(x->db, x->file, x->kept);
}

/* Nothing is left over in state_dir but what begins with the database's name. */
static unsigned
count_files(const struct fixture *x)
{
	char	 command[160];
	unsigned n;
	FILE	*f;

	snprintf(command, sizeof command, "ls '%s' | wc -l",
	    x->place->state_dir);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

static void
a_copy_is_whole_and_for_its_owner_alone(void **state)
{
	struct fixture *x = *state;
	mode_t	 mask = umask(0);
	struct stat st;
	char	 wal[160];

	add(x, "a");
	add(x, "b");				/* only in the WAL yet */
	assert_int_equal(back_up(x, false), BACKUP_DONE);
	umask(mask);
	assert_int_equal(stat(x->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(keys_in(x->file), 2);
	snprintf(wal, sizeof wal, "%s-wal", x->file);
	assert_int_equal(access(wal, F_OK), -1);
}

static void
a_file_is_only_replaced_by_force_and_a_link_never(void **state)
{
	struct fixture *x = *state;
	struct stat st;

	add(x, "a");
	write_file(x->file, "precious", 1);
	assert_int_equal(back_up(x, false), BACKUP_TAKEN);
	assert_int_equal(stat(x->file, &st), 0);
	assert_int_equal(st.st_size, 8);
	assert_int_equal(back_up(x, true), BACKUP_DONE);
	assert_int_equal(keys_in(x->file), 1);
	unlink(x->file);
	assert_int_equal(symlink("elsewhere", x->file), 0);
	assert_int_equal(back_up(x, false), BACKUP_NO_FILE);
	assert_int_equal(back_up(x, true), BACKUP_NO_FILE);
	unlink(x->file);
	assert_int_equal(mkdir(x->file, 0700), 0);
	assert_int_equal(back_up(x, true), BACKUP_NO_FILE);
	strcpy(x->file, "/nowhere/at/all");
	assert_int_equal(back_up(x, true), BACKUP_UNWRITABLE);
}

static void
what_cannot_be_copied_is_told(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(back_up(x, false), BACKUP_MISSING);
	write_file(db_path(x->db), "garbage", 5000);
	assert_int_equal(back_up(x, false), BACKUP_DAMAGED);
	assert_int_equal(access(x->file, F_OK), -1);
	assert_int_equal(restore(x), BACKUP_MISSING);
}

static void
it_comes_back_and_the_old_one_is_kept(void **state)
{
	struct fixture *x = *state;
	struct stat before, after;

	add(x, "a");
	assert_int_equal(back_up(x, false), BACKUP_DONE);
	add(x, "b");
	add(x, "c");
	assert_int_equal(stat(db_path(x->db), &before), 0);
	assert_int_equal(restore(x), BACKUP_DONE);
	assert_int_equal(stat(db_path(x->db), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(keys_of(x), 1);
	assert_int_equal(keys_in(x->kept), 3);
	assert_int_equal(stat(x->kept, &after), 0);
	assert_int_equal(after.st_mode & 0777, 0600);
	assert_int_equal(count_files(x), 5);	/* with -wal, -shm and ids.key */
	add(x, "d");
	assert_int_equal(keys_of(x), 2);
}

/* Its counters may be what they were, with other rows. */
static void
who_knows_it_by_heart_notices(void **state)
{
	struct fixture *x = *state;
	struct watch *watch = watch_create(x->db);
	struct watch_found found;

	add(x, "a");
	assert_int_equal(back_up(x, false), BACKUP_DONE);
	change(x->file, "UPDATE keys SET name = 'other';"
	    "UPDATE changes SET n = 1 WHERE kind = 'keys'");
	watch_read(watch, &found);
	watch_drop(&found);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(restore(x), BACKUP_DONE);
		unlink(x->kept);		/* of the same second */
		watch_read(watch, &found);
		assert_non_null(found.lists[WATCH_KEYS]);
		watch_drop(&found);
	}
	watch_free(watch);
}

static void
what_is_no_backup_changes_nothing(void **state)
{
	static const struct {
		const char	*sql;
		enum backup_end	 end;
	} files[] = {
		{ "PRAGMA user_version = 99", BACKUP_NEWER },
		{ "PRAGMA user_version = 0", BACKUP_FOREIGN },
		{ "PRAGMA user_version = 1", BACKUP_FOREIGN },
		{ "DROP TABLE usage_days", BACKUP_FOREIGN },
		{ "CREATE TRIGGER t AFTER INSERT ON usage BEGIN "
		    "DELETE FROM keys; END", BACKUP_FOREIGN },
		{ "CREATE TABLE more (n INTEGER)", BACKUP_FOREIGN },
	};
	struct fixture *x = *state;

	add(x, "a");
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		assert_int_equal(back_up(x, true), BACKUP_DONE);
		change(x->file, files[i].sql);
		assert_int_equal(restore(x), files[i].end);
	}
	write_file(x->file, "this is no database ", 999);
	assert_int_equal(restore(x), BACKUP_DAMAGED);
	write_file(x->file, "", 0);
	assert_int_equal(restore(x), BACKUP_FOREIGN);
	unlink(x->file);
	assert_int_equal(symlink(db_path(x->db), x->file), 0);
	assert_int_equal(restore(x), BACKUP_NO_FILE);
	assert_int_equal(keys_of(x), 1);
	assert_int_equal(count_files(x), 4);
}

/* Its pages are there, but not what they were. */
static void
a_damaged_backup_is_noticed(void **state)
{
	struct fixture *x = *state;
	char	 noise[4096];
	FILE	*f;

	for (int i = 0; i < 100; i++) {
		char	 name[32];

		snprintf(name, sizeof name, "key%d", i);
		add(x, name);
	}
	assert_int_equal(back_up(x, false), BACKUP_DONE);
	memset(noise, 0xA5, sizeof noise);
	f = fopen(x->file, "r+");
	assert_non_null(f);
	fseek(f, -8192, SEEK_END);
	fwrite(noise, 1, sizeof noise, f);
	fclose(f);
	assert_int_equal(restore(x), BACKUP_DAMAGED);
	assert_int_equal(keys_of(x), 100);
}

/* Whoever had the old file open opens the new one. */
static void
it_comes_back_where_there_is_none_or_garbage(void **state)
{
	struct fixture *x = *state;
	struct stat st;

	add(x, "a");
	assert_int_equal(back_up(x, false), BACKUP_DONE);
	unlink(db_path(x->db));
	assert_null(db_get(x->db));
	assert_int_equal(restore(x), BACKUP_DONE);
	assert_string_equal(x->kept, "");
	assert_int_equal(keys_of(x), 1);
	assert_int_equal(stat(db_path(x->db), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	sqlite3_exec(db_get(x->db), "PRAGMA wal_checkpoint(TRUNCATE)", NULL,
	    NULL, NULL);
	write_file(db_path(x->db), "garbage", 5000);
	assert_null(db_get(x->db));
	assert_int_equal(restore(x), BACKUP_DONE);
	assert_int_equal(stat(x->kept, &st), 0);
	assert_int_equal(st.st_size, 35000);
	add(x, "b");
	assert_int_equal(keys_of(x), 2);
}

static void
a_locked_database_is_not_restored(void **state)
{
	struct fixture *x = *state;
	sqlite3	*other;

	add(x, "a");
	assert_int_equal(back_up(x, false), BACKUP_DONE);
	add(x, "b");
	other = db_connect(x->db);
	sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	assert_int_equal(restore(x), BACKUP_BUSY);
	assert_int_equal(back_up(x, true), BACKUP_DONE);
	sqlite3_close(other);
	assert_int_equal(keys_of(x), 2);
}

/* ---- Killed in the middle. ---- */

static void
restore_for_ever(struct place *p, unsigned number)
{
	struct db *db = db_create(p->state_dir);
	char	 file[128], kept[BACKUP_KEPT_SIZE];

	(void)number;
	snprintf(file, sizeof file, "%s/copy.db", p->dir);
	for (;;) {
		atomic_fetch_add(&p->words[0], 1);
		if (backup_restore(db, file, kept) == BACKUP_DONE)
			unlink(kept);
	}
}

/* Either is there: MANY keys of OWNER "old", or one of another. */
static void
it_is_one_of_both_whoever_is_killed(void **state)
{
	struct fixture *x = *state;
	int64_t	 keys;

	add(x, "a");
	assert_int_equal(back_up(x, false), BACKUP_DONE);
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t before = atomic_load(&x->place->words[0]);
		pid_t	 child;

		change(db_path(x->db), "DELETE FROM keys; WITH RECURSIVE "
		    "c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT "
		    "2000) INSERT INTO keys (id, hash, name, owner, enabled, "
		    "created, models, endpoints) SELECT 'k' || i, "
		    "randomblob(32), 'n' || i, 'old', 1, 0, '', '' FROM c");
		child = child_start(restore_for_ever, x->place, 0);
		until(&x->place->words[0], before + 1);
		usleep((useconds_t)(random() % KILL_US));
		child_kill(child);
		keys = keys_of(x);
		assert_true(keys == 1 || keys == MANY);
		assert_int_equal(database_number(db_get(x->db), "SELECT count(*) "
		    "FROM pragma_integrity_check WHERE integrity_check "
		    "= 'ok'"), 1);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_copy_is_whole_and_for_its_owner_alone),
		TEST(a_file_is_only_replaced_by_force_and_a_link_never),
		TEST(what_cannot_be_copied_is_told),
		TEST(it_comes_back_and_the_old_one_is_kept),
		TEST(who_knows_it_by_heart_notices),
		TEST(what_is_no_backup_changes_nothing),
		TEST(a_damaged_backup_is_noticed),
		TEST(it_comes_back_where_there_is_none_or_garbage),
		TEST(a_locked_database_is_not_restored),
		TEST(it_is_one_of_both_whoever_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
