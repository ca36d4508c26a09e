/* Each line is counted once, whatever becomes of files, processes and disk. */
#include "config.h"

#include "store/usage_import.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "store/backup.h"
#include "store/key_ids.h"
#include "tests/unit/store/database.h"

#define NOON_MS 1777896000000			/* 2026-05-04 12:00:00 UTC */
#define DAY_MS 86400000
#define ONE "2026050412.log"
#define TWO "2026050413.log"
#define TORN "{\"asctime\":\"2026\",\"request_id\":\"req_to"

enum { KEEP = 0, ROUNDS = 40, KILL_US = 300000, LINES = 24000, FILES = 3 };

struct fixture {
	struct place	*place;
	struct db	*db;
	struct usage_import *import;
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	log_open(NULL, LOG_LEVEL_ERROR);
	setenv("TZ", "UTC", 1);
	tzset();
	x->place = place_make();
	mkdir(x->place->log, 0700);
	mkdir(x->place->state_dir, 0700);
	x->db = db_create(x->place->state_dir);
	x->import = usage_import_create(x->db);
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	usage_import_free(x->import);
	database_remove(x->place, x->db);
	free(x);
	return 0;
}

static const char *
path_of(const struct fixture *x, const char *name)
{
	static char paths[4][256];
	static unsigned i;

	snprintf(paths[++i % 4], sizeof paths[0], "%s/%s", x->place->log,
	    name);
	return paths[i % 4];
}

static void
put(const struct fixture *x, const char *name, const char *text)
{
	FILE	*f = fopen(path_of(x, name), "a");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Of request N: N tokens, N nano-units, at MS. */
static const char *
line_at(unsigned n, int64_t ms)
{
	static char line[1024];

	snprintf(line, sizeof line, "{\"asctime\":\"2026-05-04 12:00:00.000\","
	    "\"time_ms\":%lld,\"request_id\":\"req_%u\",\"api_path\":\"/v1/x\","
	    "\"key_id\":\"key%u\",\"request_model_name\":\"m\","
	    "\"target_provider\":\"p\",\"status\":200,\"outcome\":\"ok\","
	    "\"cost\":0.%09u,\"attempts\":[],\"usage\":{\"source\":\"reported\","
	    "\"input_tokens\":%u}}\n", (long long)ms, n, n % 3, n, n);
	return line;
}

static const char *
line(unsigned n)
{
	return line_at(n, NOON_MS + (int64_t)n);
}

static enum usage_import_end
run_for(struct fixture *x, unsigned days)
{
	enum usage_import_end end;

	do
		end = usage_import_run(x->import, x->place->log, days);
	while (end == USAGE_IMPORT_MORE);
	return end;
}

static void
import(struct fixture *x)
{
	assert_int_equal(run_for(x, KEEP), USAGE_IMPORT_DONE);
}

/* As another process would, which makes the database when there is none. */
static int64_t
ask(struct fixture *x, const char *sql)
{
	struct db *db = db_create(x->place->state_dir);
	sqlite3	*sqlite = db_connect(db);
	int64_t	 number = database_number(sqlite, sql);

	sqlite3_close(sqlite);
	db_free(db);
	return number;
}

/* That rows and both sums tell of COUNT requests with TOKENS tokens. */
static void
assert_books(struct fixture *x, int64_t count, int64_t tokens)
{
	assert_int_equal(ask(x, "SELECT count(*) FROM usage"), count);
	assert_int_equal(ask(x, "SELECT sum(input_tokens) FROM usage"), tokens);
	assert_int_equal(ask(x, "SELECT sum(requests) FROM usage_hours"),
	    count);
	assert_int_equal(ask(x, "SELECT sum(requests) FROM usage_days"), count);
	assert_int_equal(ask(x, "SELECT sum(input_tokens) FROM usage_hours"),
	    tokens);
	assert_int_equal(ask(x, "SELECT sum(input_tokens) FROM usage_days"),
	    tokens);
	assert_int_equal(ask(x, "SELECT sum(cost_nano) FROM usage_hours"),
	    tokens);
	assert_int_equal(ask(x, "SELECT sum(cost_nano) FROM usage_days"),
	    tokens);
}

/* ---- Lines. ---- */

static void
two_files_and_what_is_added(void **state)
{
	struct fixture *x = *state;

	put(x, ONE, line(1));
	import(x);
	assert_books(x, 1, 1);
	put(x, ONE, line(2));
	put(x, TWO, line(3));
	import(x);
	assert_books(x, 3, 6);
	import(x);
	assert_books(x, 3, 6);
	put(x, ONE, line(4));
	import(x);
	assert_books(x, 4, 10);
}

static void
lines_that_are_there_already(void **state)
{
	struct fixture *x = *state;

	put(x, ONE, line(1));
	put(x, ONE, line(1));
	put(x, TWO, line(2));
	put(x, TWO, line(1));
	import(x);
	assert_books(x, 2, 3);
	put(x, ONE, line(2));
	import(x);
	assert_books(x, 2, 3);
}

static void
torn_lines_are_skipped(void **state)
{
	struct fixture *x = *state;

	put(x, ONE, TORN);
	put(x, ONE, line(1));
	put(x, ONE, TORN "\n\n" "no json\n" "{\"asctime\":1}\n" "{}\n");
	put(x, ONE, line(2));
	put(x, ONE, "{\"asctime\":}\n");
	import(x);
	assert_books(x, 2, 3);
}

static void
a_line_without_its_end_waits(void **state)
{
	struct fixture *x = *state;
	char	 half[1024];

	strcpy(half, line(2));
	half[100] = '\0';
	put(x, ONE, half);
	import(x);
	assert_int_equal(ask(x, "SELECT count(*) FROM usage"), 0);
	put(x, ONE, line(2) + 100);
	import(x);
	assert_books(x, 1, 2);
	put(x, ONE, line(3));
	strcpy(half, line(4));
	half[strlen(half) - 1] = '\0';
	put(x, ONE, half);
	import(x);
	assert_books(x, 2, 5);
	put(x, ONE, "\n");
	import(x);
	assert_books(x, 3, 9);
}

/* Of the health of the gateway, say: no model and no provider. */
/* A line of the versions before has an id that is translated. */
static void
ids_of_before_are_those_of_now(void **state)
{
	struct fixture *x = *state;
	char	 text[1024], id[KEYS_ID_SIZE], sql[256], *at;
	struct key_ids ids;

	for (unsigned i = 1; i <= 2; i++) {
		snprintf(text, sizeof text, "%s", line(3 * i));
		at = strstr(text, "\"key_id\":\"key0\"");
		memmove(at + 43, at + 15, strlen(at + 15) + 1);
		memcpy(at, "\"key_id\":\"000102030405060708090a0b0c0d0e0f"
		    "\"", 43);
		put(x, ONE, text);
	}
	import(x);
	assert_true(key_ids_load(&ids, x->place->state_dir));
	key_ids_translate(&ids, "000102030405060708090a0b0c0d0e0f", id);
	for (int i = 0; i < 2; i++) {
		snprintf(sql, sizeof sql, "SELECT sum(requests) FROM %s WHERE "
		    "key_id = '%s'", i == 0 ? "usage_hours" : "usage_days",
		    id);
		assert_int_equal(ask(x, sql), 2);
	}
	assert_int_equal(ask(x, "SELECT count(*) FROM usage WHERE key_id GLOB "
	    "'0*'"), 0);
}

static void
requests_without_usage_are_no_rows(void **state)
{
	struct fixture *x = *state;

	put(x, ONE, "{\"asctime\":\"\",\"time_ms\":1777896000000,"
	    "\"request_id\":\"req_h\",\"request_model_name\":null,"
	    "\"target_provider\":null,\"api_path\":\"/health\"}\n");
	put(x, ONE, line(1));
	import(x);
	assert_books(x, 1, 1);
}

static void
a_line_longer_than_any(void **state)
{
	struct fixture *x = *state;
	FILE	*f;

	put(x, ONE, line(1));
	f = fopen(path_of(x, ONE), "a");
	for (int i = 0; i < 9 << 20; i++)
		fputc('x', f);
	fclose(f);
	import(x);
	assert_books(x, 1, 1);
	put(x, ONE, "\n");
	put(x, ONE, line(2));
	import(x);
	assert_books(x, 2, 3);
}

static void
tries_that_consumed_are_counted_for_their_provider(void **state)
{
	struct fixture *x = *state;

	put(x, ONE, "{\"asctime\":\"\",\"time_ms\":1777896000000,"
	    "\"request_id\":\"req_1\",\"request_model_name\":\"m\","
	    "\"target_provider\":\"b\",\"status\":200,\"outcome\":\"ok\","
	    "\"attempts\":[{\"provider\":\"a\",\"usage\":{\"source\":\"partial\","
	    "\"input_tokens\":5,\"output_tokens\":1}},{\"provider\":\"b\"}],"
	    "\"usage\":{\"source\":\"estimated\",\"input_tokens\":7}}\n");
	import(x);
	assert_int_equal(ask(x, "SELECT count(*) FROM usage"), 2);
	assert_int_equal(ask(x, "SELECT tries FROM usage WHERE try = 0"), 2);
	assert_int_equal(ask(x, "SELECT requests * 100 + input_tokens * 10 + "
	    "output_tokens FROM usage_days WHERE provider = 'a'"), 51);
	assert_int_equal(ask(x, "SELECT requests * 100 + input_tokens * 10 + "
	    "output_tokens FROM usage_hours WHERE provider = 'b'"), 170);
	assert_int_equal(ask(x, "SELECT sum(estimated) FROM usage_days"), 1);
	assert_int_equal(ask(x, "SELECT sum(unpriced) FROM usage_days"), 2);
}

/* It could be any number of them. */
static void
models_that_nobody_serves_are_not_told_apart_in_sums(void **state)
{
	struct fixture *x = *state;
	char	 text[256];

	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof text, "{\"asctime\":\"\","
		    "\"time_ms\":1777896000000,\"request_id\":\"req_%d\","
		    "\"request_model_name\":\"made-up-%d\",\"status\":404,"
		    "\"outcome\":\"model_not_found\"}\n", i, i);
		put(x, ONE, text);
	}
	import(x);
	assert_int_equal(ask(x, "SELECT count(*) FROM usage_days"), 1);
	assert_int_equal(ask(x, "SELECT errors FROM usage_days "
	    "WHERE model = ''"), 10);
}

static void
hours_and_days_are_those_of_utc(void **state)
{
	struct fixture *x = *state;
	int64_t	 midnight = NOON_MS + DAY_MS / 2;

	put(x, ONE, line_at(1, midnight - 1));
	put(x, ONE, line_at(2, midnight));
	import(x);
	assert_int_equal(ask(x, "SELECT sum(input_tokens) FROM usage_days "
	    "WHERE time = 1777852800"), 1);
	assert_int_equal(ask(x, "SELECT sum(input_tokens) FROM usage_days "
	    "WHERE time = 1777939200"), 2);
	assert_int_equal(ask(x, "SELECT sum(input_tokens) FROM usage_hours "
	    "WHERE time = 1777939200 - 3600"), 1);
	assert_int_equal(ask(x, "SELECT sum(input_tokens) FROM usage_hours "
	    "WHERE time = 1777939200"), 2);
}

/* ---- Files. ---- */

static void
a_renamed_file(void **state)
{
	struct fixture *x = *state;

	put(x, ONE, line(1));
	import(x);
	put(x, ONE, line(2));
	assert_int_equal(rename(path_of(x, ONE), path_of(x, ONE ".1")), 0);
	put(x, ONE, line(3));
	import(x);
	assert_books(x, 3, 6);
	put(x, ONE ".1", line(4));
	import(x);
	assert_books(x, 4, 10);
}

/* As logrotate's copytruncate does. */
static void
a_file_that_was_copied_and_emptied(void **state)
{
	struct fixture *x = *state;

	put(x, ONE, line(1));
	put(x, ONE, line(2));
	import(x);
	put(x, ONE, line(3));
	put(x, ONE ".1", line(1));
	put(x, ONE ".1", line(2));
	put(x, ONE ".1", line(3));
	assert_int_equal(truncate(path_of(x, ONE), 0), 0);
	put(x, ONE, line(4));
	import(x);
	assert_books(x, 4, 10);
}

static void
a_file_that_shrank(void **state)
{
	struct fixture *x = *state;

	put(x, ONE, line(1));
	put(x, ONE, line(2));
	put(x, ONE, line(3));
	import(x);
	assert_int_equal(truncate(path_of(x, ONE), (off_t)strlen(line(1))), 0);
	put(x, ONE, line(4));
	import(x);
	assert_books(x, 4, 10);
	put(x, ONE, line(5));
	import(x);
	assert_books(x, 5, 15);
}

/* The ids of what was deleted are not there to tell. */
static void
a_copy_of_what_was_deleted_is_not_counted_again(void **state)
{
	struct fixture *x = *state;

	put(x, ONE, line(1));
	put(x, ONE, line(2));
	import(x);
	assert_int_equal(ask(x, "DELETE FROM usage RETURNING 7"), 7);
	put(x, TWO, line(1));
	put(x, TWO, line(2));
	put(x, TWO, line(3));
	import(x);
	assert_int_equal(ask(x, "SELECT sum(requests) FROM usage_days"), 3);
}

static void
files_that_are_gone_or_none_of_ours(void **state)
{
	struct fixture *x = *state;

	put(x, ONE, line(1));
	import(x);
	unlink(path_of(x, ONE));
	put(x, ONE ".gz", "\x1F\x8B\x08 compressed\n");
	put(x, TWO, "");
	put(x, "sluice.log", line(2));
	put(x, "12345.log", line(2));
	put(x, "202605041.log", line(2));
	mkdir(path_of(x, "2026050415.log"), 0700);
	assert_int_equal(symlink("sluice.log", path_of(x, "2026050416.log")),
	    0);
	import(x);
	assert_books(x, 1, 1);
	put(x, TWO, line(3));
	import(x);
	assert_books(x, 2, 4);
}

static void
without_a_directory_there_is_nothing_to_do(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(usage_import_run(x->import, "/none", KEEP),
	    USAGE_IMPORT_DONE);
}

/* ---- Retention. ---- */

static void
set_age(const struct fixture *x, const char *name, int days)
{
	struct timespec times[2];

	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= days * (time_t)86400;
	times[1] = times[0];
	assert_int_equal(utimensat(AT_FDCWD, path_of(x, name), times, 0), 0);
}

static bool
is_there(const struct fixture *x, const char *name)
{
	return access(path_of(x, name), F_OK) == 0;
}

static int64_t
days_ago(int days)
{
	return (int64_t)(clock_wall_us() / 1000) - days * (int64_t)DAY_MS;
}

static void
what_is_old_is_deleted(void **state)
{
	struct fixture *x = *state;

	put(x, ONE, line_at(1, days_ago(12)));
	put(x, TWO, line_at(2, days_ago(9)));
	put(x, "2026050414.log.1", line_at(3, days_ago(12)));
	put(x, "2026050415.log", "");
	put(x, "2026050416.log", "no line of ours\n");
	set_age(x, ONE, 11);
	set_age(x, TWO, 9);
	set_age(x, "2026050414.log.1", 11);
	set_age(x, "2026050415.log", 11);
	set_age(x, "2026050416.log", 11);
	import(x);
	assert_books(x, 3, 6);
	assert_true(is_there(x, ONE));
	assert_int_equal(run_for(x, 10), USAGE_IMPORT_DONE);
	assert_int_equal(ask(x, "SELECT sum(input_tokens) FROM usage"), 2);
	assert_int_equal(ask(x, "SELECT sum(requests) FROM usage_hours"), 1);
	assert_int_equal(ask(x, "SELECT sum(requests) FROM usage_days"), 3);
	assert_false(is_there(x, ONE));
	assert_true(is_there(x, TWO));
	assert_true(is_there(x, "2026050414.log.1"));
	assert_false(is_there(x, "2026050415.log"));
	assert_true(is_there(x, "2026050416.log"));
	put(x, TWO, line_at(4, days_ago(0)));
	assert_int_equal(run_for(x, 10), USAGE_IMPORT_DONE);
	assert_int_equal(ask(x, "SELECT sum(requests) FROM usage_days"), 4);
}

static void
many_old_rows_are_deleted(void **state)
{
	struct fixture *x = *state;
	FILE	*f = fopen(path_of(x, ONE), "w");

	for (unsigned n = 1; n <= 12000; n++)
		fputs(line_at(n, days_ago(20) + (int64_t)n * 1000), f);
	fclose(f);
	assert_int_equal(run_for(x, 10), USAGE_IMPORT_DONE);
	assert_int_equal(ask(x, "SELECT count(*) FROM usage"), 0);
	assert_int_equal(ask(x, "SELECT count(*) FROM usage_hours"), 0);
	assert_int_equal(ask(x, "SELECT sum(requests) FROM usage_days"), 12000);
}

/* ---- A database that cannot be used. ---- */

static void
a_locked_database_is_waited_for(void **state)
{
	struct fixture *x = *state;
	sqlite3	*other = db_connect(x->db);

	put(x, ONE, line_at(1, days_ago(12)));
	set_age(x, ONE, 11);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	assert_int_equal(run_for(x, 10), USAGE_IMPORT_FAILED);
	assert_true(is_there(x, ONE));
	sqlite3_close(other);
	assert_int_equal(run_for(x, 10), USAGE_IMPORT_DONE);
	assert_int_equal(ask(x, "SELECT sum(requests) FROM usage_days"), 1);
	assert_false(is_there(x, ONE));
}

static void
remove_database(struct fixture *x)
{
	char	 path[256];

	for (const char *end = "\0-wal\0-shm\0"; ; end += strlen(end) + 1) {
		snprintf(path, sizeof path, "%s%s", db_path(x->db), end);
		unlink(path);
		if (strcmp(end, "-shm") == 0)
			return;
	}
}

static void
garbage_is_left_alone_and_a_new_one_is_filled(void **state)
{
	struct fixture *x = *state;
	FILE	*f;

	put(x, ONE, line(1));
	import(x);
	f = fopen(db_path(x->db), "w");
	for (int i = 0; i < 5000; i++)
		fputs("garbage", f);
	fclose(f);
	put(x, ONE, line(2));
	assert_int_equal(run_for(x, KEEP), USAGE_IMPORT_FAILED);
	assert_int_equal(run_for(x, KEEP), USAGE_IMPORT_FAILED);
	remove_database(x);
	assert_int_equal(ask(x, "SELECT count(*) FROM usage"), 0);
	import(x);
	assert_books(x, 2, 3);
}

/* Who has seen it does not make another: that would have no keys. */
static void
a_deleted_database_is_missed(void **state)
{
	struct fixture *x = *state;

	put(x, ONE, line(1));
	import(x);
	remove_database(x);
	assert_int_equal(run_for(x, KEEP), USAGE_IMPORT_FAILED);
	assert_int_equal(access(db_path(x->db), F_OK), -1);
}

/* By another process, and often at the same inode. */
static void
a_database_that_was_made_anew_is_filled_again(void **state)
{
	struct fixture *x = *state;

	put(x, ONE, line(1));
	import(x);
	remove_database(x);
	assert_int_equal(ask(x, "SELECT count(*) FROM usage"), 0);
	import(x);
	assert_books(x, 1, 1);
}

/* How far the journal was read goes back with what was read of it. */
static void
what_a_backup_lacks_is_imported_again(void **state)
{
	struct fixture *x = *state;
	char	 file[128], kept[BACKUP_KEPT_SIZE];

	snprintf(file, sizeof file, "%s/copy.db", x->place->dir);
	put(x, ONE, line(1));
	import(x);
	assert_int_equal(backup_make(x->db, file, false), BACKUP_DONE);
	put(x, ONE, line(2));
	put(x, TWO, line(3));
	import(x);
	assert_books(x, 3, 6);
	assert_int_equal(backup_restore(x->db, file, kept), BACKUP_DONE);
	assert_books(x, 1, 1);
	import(x);			/* though no file of the journal changed */
	assert_books(x, 3, 6);
	put(x, ONE, line(4));
	import(x);
	assert_books(x, 4, 10);
}

static void
a_full_disk_changes_nothing(void **state)
{
	struct fixture *x = *state;
	struct rlimit limit, small;

	put(x, ONE, line(1));
	import(x);
	for (unsigned n = 2; n <= 2000; n++)
		put(x, ONE, line(n));
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = limit;
	small.rlim_cur = 100000;
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(run_for(x, KEEP), USAGE_IMPORT_FAILED);
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_books(x, 1, 1);
	import(x);
	assert_books(x, 2000, 2001000);
}

/* ---- Processes. ---- */

static int64_t
write_many(const struct fixture *x)
{
	int64_t	 tokens = 0;

	for (unsigned i = 0; i < FILES; i++) {
		char	 name[64];
		FILE	*f;

		snprintf(name, sizeof name, "20260504%02u.log", 12 + i);
		f = fopen(path_of(x, name), "w");
		assert_non_null(f);
		for (unsigned n = i; n < LINES; n += FILES, tokens += n - FILES)
			fputs(line(n), f);
		fclose(f);
	}
	return tokens;
}

static void
import_in_a_child(struct place *place, unsigned number)
{
	struct db *db = db_create(place->state_dir);
	struct usage_import *import = usage_import_create(db);

	atomic_fetch_add(&place->words[number], 1);
	while (usage_import_run(import, place->log, KEEP) !=
	    USAGE_IMPORT_DONE)
		continue;
	usage_import_free(import);
	db_free(db);
}

/* At any moment of what it does. */
static void
kill_9_in_the_middle(void **state)
{
	struct fixture *x = *state;
	int64_t	 tokens = write_many(x);

	srand(7);
	for (unsigned round = 0; round < ROUNDS; round++) {
		pid_t	 pid = child_start(import_in_a_child, x->place, round);

		uint64_t end_us;

		until(&x->place->words[round], 1);
		end_us = clock_now_us() + (uint64_t)(rand() % KILL_US);
		while (clock_now_us() < end_us)
			sched_yield();
		child_kill(pid);
		assert_int_equal(ask(x, "SELECT count(*) FROM usage"),
		    ask(x, "SELECT ifnull(sum(requests), 0) FROM usage_days"));
		if (round % 10 < 9)
			continue;
		import(x);
		assert_books(x, LINES, tokens);
		remove_database(x);
	}
}

static void
several_at_once(void **state)
{
	struct fixture *x = *state;
	int64_t	 tokens = write_many(x);
	pid_t	 pids[4];

	for (unsigned i = 0; i < 4; i++)
		pids[i] = child_start(import_in_a_child, x->place, i);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(child_wait(pids[i]), 0);
	assert_books(x, LINES, tokens);
}

/* While it is written, and the hour changes. */
static void
a_journal_that_grows(void **state)
{
	struct fixture *x = *state;
	pid_t	 pid = child_start(import_in_a_child, x->place, 0);
	int64_t	 tokens = 0;

	for (unsigned n = 0; n < 3000; n++) {
		put(x, n < 1500 ? ONE : TWO, line(n));
		tokens += n;
		if (n % 50 == 0)
			import(x);
	}
	child_wait(pid);
	import(x);
	assert_books(x, 3000, tokens);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(two_files_and_what_is_added),
		TEST(lines_that_are_there_already),
		TEST(torn_lines_are_skipped),
		TEST(a_line_without_its_end_waits),
		TEST(ids_of_before_are_those_of_now),
		TEST(requests_without_usage_are_no_rows),
		TEST(a_line_longer_than_any),
		TEST(tries_that_consumed_are_counted_for_their_provider),
		TEST(models_that_nobody_serves_are_not_told_apart_in_sums),
		TEST(hours_and_days_are_those_of_utc),
		TEST(a_renamed_file),
		TEST(a_file_that_was_copied_and_emptied),
		TEST(a_file_that_shrank),
		TEST(a_copy_of_what_was_deleted_is_not_counted_again),
		TEST(files_that_are_gone_or_none_of_ours),
		TEST(without_a_directory_there_is_nothing_to_do),
		TEST(what_is_old_is_deleted),
		TEST(many_old_rows_are_deleted),
		TEST(a_locked_database_is_waited_for),
		TEST(garbage_is_left_alone_and_a_new_one_is_filled),
		TEST(a_deleted_database_is_missed),
		TEST(a_database_that_was_made_anew_is_filled_again),
		TEST(what_a_backup_lacks_is_imported_again),
		TEST(a_full_disk_changes_nothing),
		TEST(kill_9_in_the_middle),
		TEST(several_at_once),
		TEST(a_journal_that_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
