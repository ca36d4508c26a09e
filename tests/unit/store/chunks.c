/* Chunks are given out once each, in order, and the file grows for them. */
#include "config.h"

#include "store/chunks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/unit/store/children.h"

struct fixture {
	struct place	*p;
	struct segment	 s;
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	log_open(NULL, LOG_LEVEL_ERROR);
	x->p = place_make();
	if (!segment_open(&x->s, x->p->state_dir, SEGMENT_START))
		return -1;
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	segment_close(&x->s);
	segment_unmap(x->s.map);
	place_remove(x->p);
	free(x);
	return 0;
}

static size_t
file_size(const struct fixture *x)
{
	struct stat st;

	assert_int_equal(stat(x->p->state, &st), 0);
	assert_true(st.st_blocks * 512 >= st.st_size);
	return (size_t)st.st_size;
}

static void
an_owner_is_who_claimed(void **state)
{
	struct fixture *x = *state;
	unsigned hint = 0, slot, which;

	assert_false(chunks_owner(x->s.map, 0, &slot, &which));
	assert_int_equal(chunks_claim(&x->s, 5, 77, &hint), 0);
	assert_int_equal(chunks_claim(&x->s, CHUNKS_OF_ACCOUNTS, 7499, &hint),
	    1);
	assert_true(chunks_owner(x->s.map, 0, &slot, &which));
	assert_int_equal(slot, 5);
	assert_int_equal(which, 77);
	assert_true(chunks_owner(x->s.map, 1, &slot, &which));
	assert_int_equal(slot, CHUNKS_OF_ACCOUNTS);
	assert_int_equal(which, 7499);
	x->s.map->chunk_owner[0] = (LAYOUT_SLOTS + 2) << 16;
	assert_false(chunks_owner(x->s.map, 0, &slot, &which));
	x->s.map->chunk_owner[0] = 1 << 16 | LAYOUT_BANK_CHUNKS;
	assert_false(chunks_owner(x->s.map, 0, &slot, &which));
}

/* Before it must: what is claimed meanwhile need not wait. */
static void
the_file_grows_when_little_is_left(void **state)
{
	struct fixture *x = *state;
	unsigned hint = 0;
	int	 i;

	do
		i = chunks_claim(&x->s, 1, 1, &hint);
	while (segment_chunks(x->s.map) == LAYOUT_BASE_CHUNKS);
	assert_in_range(i, LAYOUT_BASE_CHUNKS - 100, LAYOUT_BASE_CHUNKS - 10);
	assert_int_equal(segment_chunks(x->s.map), LAYOUT_BASE_CHUNKS +
	    LAYOUT_GROW_CHUNKS);
	assert_int_equal(file_size(x), layout_bytes(LAYOUT_BASE_CHUNKS +
	    LAYOUT_GROW_CHUNKS));
	assert_true(segment_is_whole(&x->s));
	assert_true(segment_is_current(&x->s, x->p->state_dir));
	while ((i = chunks_claim(&x->s, 1, 1, &hint)) < 3000) {
		assert_true(i >= 0);
		x->s.map->chunks[i].cells[0] = (uint64_t)i;
	}
	for (i = LAYOUT_BASE_CHUNKS; i < 3000; i++)
		assert_int_equal(x->s.map->chunks[i].cells[0], i);
}

static void
two_do_not_grow_it_twice(void **state)
{
	struct fixture *x = *state;
	struct segment other;
	unsigned hint = LAYOUT_BASE_CHUNKS;

	assert_true(segment_open(&other, x->p->state_dir, SEGMENT_START));
	assert_true(segment_grow(&x->s, LAYOUT_BASE_CHUNKS));
	assert_true(segment_grow(&other, LAYOUT_BASE_CHUNKS));
	assert_int_equal(segment_chunks(x->s.map), LAYOUT_BASE_CHUNKS +
	    LAYOUT_GROW_CHUNKS);
	assert_true(segment_lock(&other, LAYOUT_LOCK_GROW));
	assert_false(segment_grow(&x->s, segment_chunks(x->s.map)));
	hint = segment_chunks(x->s.map);
	assert_int_equal(chunks_claim(&x->s, 1, 1, &hint), -1);
	segment_unlock(&other, LAYOUT_LOCK_GROW);
	assert_int_equal(chunks_claim(&x->s, 1, 1, &hint), LAYOUT_BASE_CHUNKS +
	    LAYOUT_GROW_CHUNKS);
	segment_close(&other);
	segment_unmap(other.map);
}

static void
there_is_an_end(void **state)
{
	struct fixture *x = *state;
	unsigned hint = LAYOUT_CHUNKS - 1;

	x->s.map->more_chunks = LAYOUT_CHUNKS - LAYOUT_BASE_CHUNKS;
	assert_int_equal(chunks_claim(&x->s, 1, 1, &hint), LAYOUT_CHUNKS - 1);
	assert_int_equal(chunks_claim(&x->s, 1, 1, &hint), -1);
	x->s.map->more_chunks = UINT32_MAX;
	assert_int_equal(segment_chunks(x->s.map), LAYOUT_CHUNKS);
	assert_int_equal(chunks_claim(&x->s, 1, 1, &hint), -1);
}

static void
a_full_disk_is_no_room(void **state)
{
	struct fixture *x = *state;
	struct rlimit before, limit;
	unsigned hint = LAYOUT_BASE_CHUNKS - 1;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = file_size(x);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(chunks_claim(&x->s, 1, 1, &hint),
	    LAYOUT_BASE_CHUNKS - 1);
	assert_int_equal(chunks_claim(&x->s, 1, 1, &hint), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(chunks_claim(&x->s, 1, 1, &hint), LAYOUT_BASE_CHUNKS);
	signal(SIGXFSZ, SIG_DFL);
}

/* It would look whole again. */
static void
a_file_that_was_cut_does_not_grow(void **state)
{
	struct fixture *x = *state;
	unsigned hint = LAYOUT_BASE_CHUNKS;

	assert_int_equal(truncate(x->p->state, 100000), 0);
	assert_int_equal(chunks_claim(&x->s, 1, 1, &hint), -1);
	assert_int_equal(file_size(x), 100000);
	assert_false(segment_is_whole(&x->s));
}

enum { RACERS = 8, CLAIMS = 400 };

/* Each its own chunks, and what is written there stays. */
static void
claim_many(struct place *p, unsigned number)
{
	struct segment s;
	unsigned hint = 0;
	int	 mine[CLAIMS];

	if (!segment_open(&s, p->state_dir, SEGMENT_START))
		abort();
	atomic_fetch_add(&p->words[0], 1);
	until(&p->words[0], RACERS);
	alarm(120);
	for (unsigned i = 0; i < CLAIMS; i++) {
		do			/* on a busy machine it may be -1 */
			mine[i] = chunks_claim(&s, number, i, &hint);
		while (mine[i] < 0);
		for (unsigned j = 0; j < LAYOUT_CHUNK_CELLS; j++)
			s.map->chunks[mine[i]].cells[j] += number + 1;
	}
	for (unsigned i = 0; i < CLAIMS; i++)
		for (unsigned j = 0; j < LAYOUT_CHUNK_CELLS; j++)
			if (s.map->chunks[mine[i]].cells[j] != number + 1)
				abort();
}

static void
processes_that_claim_at_once_get_others(void **state)
{
	struct fixture *x = *state;
	pid_t	 pids[RACERS];
	unsigned slot, which, counts[RACERS] = { 0 };

	for (unsigned i = 0; i < RACERS; i++)
		pids[i] = child_start(claim_many, x->p, i);
	for (unsigned i = 0; i < RACERS; i++)
		assert_int_equal(child_wait(pids[i]), 0);
	for (unsigned i = 0; i < RACERS * CLAIMS; i++) {
		assert_true(chunks_owner(x->s.map, i, &slot, &which));
		counts[slot]++;
	}
	for (unsigned i = 0; i < RACERS; i++)
		assert_int_equal(counts[i], CLAIMS);
	assert_int_equal(x->s.map->chunk_owner[RACERS * CLAIMS], 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_owner_is_who_claimed),
		TEST(the_file_grows_when_little_is_left),
		TEST(two_do_not_grow_it_twice),
		TEST(there_is_an_end),
		TEST(a_full_disk_is_no_room),
		TEST(a_file_that_was_cut_does_not_grow),
		TEST(processes_that_claim_at_once_get_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
