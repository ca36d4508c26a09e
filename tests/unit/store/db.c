/* The database's file: who may read it, and that its locks hold. */
#include "config.h"

#include "store/db.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/log.h"
#include "tests/unit/store/children.h"

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

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_second_connection_leaves_the_locks_of_the_first),
		TEST(it_is_not_for_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
