/* A file that is cut under its mapping. */
#include "config.h"

#include "store/guard.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGES = 8, PAGE = 4096, SIZE = PAGES * PAGE };

static int
file_open(void)
{
	char	 path[] = "/tmp/sluice-guard.XXXXXX";
	int	 fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	return fd;
}

static char *
map_file(int fd)
{
	char	*map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, 0);

	assert_ptr_not_equal(map, MAP_FAILED);
	memset(map, 'x', SIZE);
	return map;
}

static void
lost_pages_are_zeros_of_our_own(void **state)
{
	int	 fd = file_open();
	char	*map = map_file(fd);

	(void)state;
	guard_open(map, SIZE);
	assert_int_equal(ftruncate(fd, 2 * PAGE), 0);
	for (size_t i = 2 * PAGE; i < SIZE; i += PAGE / 2) {
		assert_int_equal(map[i], 0);
		map[i] = 'y';
		assert_int_equal(map[i], 'y');
	}
	assert_int_equal(map[PAGE], 'x');
	guard_close(map);
	munmap(map, SIZE);
	close(fd);
}

/* Touch a lost page in a child; the signal that ended it, or 0. */
static int
signal_of_touching(volatile char *byte)
{
	int	 status;
	pid_t	 child = fork();

	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		(void)*byte;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
others_die_as_before(void **state)
{
	int	 fd = file_open();
	char	*guarded = map_file(fd), *other = map_file(fd);

	(void)state;
	guard_open(guarded, SIZE);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(signal_of_touching(guarded + PAGE), 0);
	assert_int_equal(signal_of_touching(other + PAGE), SIGBUS);
	guard_close(guarded);
	assert_int_equal(signal_of_touching(guarded + PAGE), SIGBUS);
	munmap(guarded, SIZE);
	munmap(other, SIZE);
	close(fd);
}

static void
places_are_used_again(void **state)
{
	int	 fd = file_open();
	char	*map = map_file(fd);

	(void)state;
	for (int i = 0; i < 10 * GUARD_MAX; i++) {
		guard_open(map, SIZE);
		guard_close(map);
	}
	guard_open(map, SIZE);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(map[SIZE - 1], 0);
	guard_close(map);
	munmap(map, SIZE);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_pages_are_zeros_of_our_own),
		cmocka_unit_test(others_die_as_before),
		cmocka_unit_test(places_are_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
