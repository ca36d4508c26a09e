/* A body in memory, in a file, and on its way from one to the other. */
#include "config.h"

#include "base/spool.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { MEMORY = 1000 };

static char sample[8 * MEMORY];

static int
fill_sample(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sample); i++)
		sample[i] = (char)(i * 7 + i / 256);
	return unsetenv("TMPDIR");
}

/* Everything can be read, in pieces of SIZE. */
static void
assert_reads(const struct spool *s, size_t len, size_t size)
{
	char out[sizeof(sample)];
	size_t at = 0;
	ssize_t got;

	assert_int_equal(s->len, len);
	while ((got = spool_read(s, at, out, size)) > 0) {
		assert_true((size_t)got <= size);
		assert_memory_equal(out, sample + at, got);
		at += (size_t)got;
	}
	assert_int_equal(got, 0);
	assert_int_equal(at, len);
}

static void
assert_in_unlinked_file(const struct spool *s)
{
	struct stat st;

	assert_true(s->fd >= 0);
	assert_null(spool_memory(s));
	assert_int_equal(fstat(s->fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, s->len);
	assert_null(s->memory.data);
}

static void
an_empty_one_is_empty_memory(void **state)
{
	struct spool s;
	char c;

	(void)state;
	spool_init(&s, MEMORY);
	assert_int_equal(s.len, 0);
	assert_non_null(spool_memory(&s));
	assert_int_equal(spool_read(&s, 0, &c, 1), 0);
	assert_int_equal(spool_read(&s, 5, &c, 1), 0);
	spool_fini(&s);
}

static void
the_boundary_is_exact(void **state)
{
	struct spool s;

	(void)state;
	spool_init(&s, MEMORY);
	assert_int_equal(spool_append(&s, sample, MEMORY - 1), ERR_NONE);
	assert_int_equal(spool_append(&s, sample + MEMORY - 1, 1), ERR_NONE);
	assert_int_equal(s.fd, -1);
	assert_memory_equal(spool_memory(&s), sample, MEMORY);
	assert_int_equal(spool_append(&s, sample, 0), ERR_NONE);
	assert_int_equal(s.fd, -1);
	assert_int_equal(spool_append(&s, sample + MEMORY, 1), ERR_NONE);
	assert_in_unlinked_file(&s);
	assert_reads(&s, MEMORY + 1, 17);
	spool_fini(&s);
}

static void
one_large_piece_goes_to_the_file(void **state)
{
	struct spool s;

	(void)state;
	spool_init(&s, MEMORY);
	assert_int_equal(spool_append(&s, sample, sizeof(sample)), ERR_NONE);
	assert_in_unlinked_file(&s);
	assert_reads(&s, sizeof(sample), sizeof(sample));
	spool_fini(&s);
}

static void
no_memory_at_all_works(void **state)
{
	struct spool s;

	(void)state;
	spool_init(&s, 0);
	assert_int_equal(spool_append(&s, sample, 1), ERR_NONE);
	assert_in_unlinked_file(&s);
	assert_int_equal(spool_append(&s, sample + 1, 99), ERR_NONE);
	assert_reads(&s, 100, 1);
	spool_fini(&s);
}

static void
it_reads_the_same_at_every_offset(void **state)
{
	char out[64];

	(void)state;
	for (size_t len = MEMORY - 300; len < MEMORY + 300; len += 299) {
		struct spool s;

		spool_init(&s, MEMORY);
		for (size_t at = 0, n; at < len; at += n) {
			n = 37 < len - at ? 37 : len - at;
			assert_int_equal(spool_append(&s, sample + at, n),
			    ERR_NONE);
		}
		for (size_t at = 0; at < len + 3; at++) {
			size_t left = at < len ? len - at : 0;
			size_t want = left < sizeof(out) ? left : sizeof(out);

			assert_int_equal(spool_read(&s, at, out, sizeof(out)),
			    want);
			assert_memory_equal(out, sample + at, want);
		}
		spool_fini(&s);
	}
}

static void
the_file_is_closed_with_it(void **state)
{
	struct spool s;
	int fd;

	(void)state;
	spool_init(&s, 1);
	spool_append(&s, sample, 10);
	fd = s.fd;
	spool_fini(&s);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(s.len, 0);
	assert_int_equal(spool_append(&s, sample, 1), ERR_NONE);
	assert_non_null(spool_memory(&s));
	spool_fini(&s);
}

static void
the_file_is_not_inherited(void **state)
{
	struct spool s;

	(void)state;
	spool_init(&s, 0);
	spool_append(&s, sample, 1);
	assert_int_equal(fcntl(s.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	spool_fini(&s);
}

static void
an_unusable_tmpdir_is_passed_over(void **state)
{
	static const char *const dirs[] = {
		"/nonexistent/dir", "relative", "", "/dev/null"
	};
	struct spool s;

	(void)state;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		setenv("TMPDIR", dirs[i], 1);
		spool_init(&s, 0);
		assert_int_equal(spool_append(&s, sample, 9), ERR_NONE);
		assert_in_unlinked_file(&s);
		spool_fini(&s);
	}
	unsetenv("TMPDIR");
}

static void
tmpdir_is_where_it_stands(void **state)
{
	char dir[] = "/tmp/sluice-spool.XXXXXX", link[64], place[256];
	struct spool s;
	ssize_t n;

	(void)state;
	assert_non_null(mkdtemp(dir));
	setenv("TMPDIR", dir, 1);
	spool_init(&s, 0);
	assert_int_equal(spool_append(&s, sample, 9), ERR_NONE);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", s.fd);
	n = readlink(link, place, sizeof(place));
	assert_true(n > (ssize_t)strlen(dir));
	assert_memory_equal(place, dir, strlen(dir));
	assert_int_equal(rmdir(dir), 0);	/* nothing is left in it */
	spool_fini(&s);
	unsetenv("TMPDIR");
}

static void
a_full_disk_is_an_error(void **state)
{
	struct rlimit old, small;
	struct spool s;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 2000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	spool_init(&s, MEMORY);
	assert_int_equal(spool_append(&s, sample, 1900), ERR_NONE);
	assert_int_equal(spool_append(&s, sample, 200), ERR_SPOOL);
	spool_fini(&s);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
}

/* Of all files together; what is in memory is not in them. */
static void
files_have_a_total(void **state)
{
	struct spool a, b, small;

	(void)state;
	spool_init(&a, MEMORY);
	spool_init(&b, MEMORY);
	spool_init(&small, MEMORY);
	spool_set_total(5 * MEMORY);
	assert_int_equal(spool_append(&a, sample, 3 * MEMORY), ERR_NONE);
	assert_int_equal(spool_append(&small, sample, MEMORY), ERR_NONE);
	assert_int_equal(spool_append(&b, sample, 2 * MEMORY + 1),
	    ERR_SPOOL_FULL);
	spool_fini(&b);
	assert_int_equal(spool_append(&b, sample, 2 * MEMORY), ERR_NONE);
	assert_int_equal(spool_append(&a, sample, 1), ERR_SPOOL_FULL);
	spool_set_total(MEMORY);		/* less than there is */
	assert_int_equal(spool_append(&a, sample, 1), ERR_SPOOL_FULL);
	spool_set_total(5 * MEMORY);
	spool_fini(&b);
	assert_int_equal(spool_append(&a, sample, 2 * MEMORY), ERR_NONE);
	spool_fini(&a);
	spool_fini(&small);
	spool_set_total(UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_have_a_total),
		cmocka_unit_test(an_empty_one_is_empty_memory),
		cmocka_unit_test(the_boundary_is_exact),
		cmocka_unit_test(one_large_piece_goes_to_the_file),
		cmocka_unit_test(no_memory_at_all_works),
		cmocka_unit_test(it_reads_the_same_at_every_offset),
		cmocka_unit_test(the_file_is_closed_with_it),
		cmocka_unit_test(the_file_is_not_inherited),
		cmocka_unit_test(an_unusable_tmpdir_is_passed_over),
		cmocka_unit_test(tmpdir_is_where_it_stands),
		cmocka_unit_test(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, fill_sample, NULL);
}
