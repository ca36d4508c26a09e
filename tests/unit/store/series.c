/* A text has the same cells everywhere, and its sum is that of all slots. */
#include "config.h"

#include "store/series.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/log.h"
#include "store/segment.h"
#include "tests/unit/store/children.h"

struct fixture {
	struct segment	 segment;
	struct layout	*map;
	bool		 is_alive[LAYOUT_SLOTS];
	struct bank	 banks[3];
	char		 said[4096];	/* what series_each told */
	unsigned	 told;
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	log_open(NULL, LOG_LEVEL_ERROR);
	segment_open_private(&x->segment);
	x->map = x->segment.map;
	for (unsigned i = 0; i < 3; i++) {
		bank_init(&x->banks[i], &x->segment, i);
		x->is_alive[i] = true;
	}
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	segment_unmap(x->map);
	free(x);
	return 0;
}

static int32_t
get(struct fixture *x, const char *text, unsigned count, bool is_gauge)
{
	return series_get(x->map, text, strlen(text), count, is_gauge);
}

static void
add(struct fixture *x, unsigned slot, int32_t cell, uint64_t delta)
{
	_Atomic uint64_t *own = bank_get(&x->banks[slot], (uint32_t)cell);

	assert_non_null(own);
	*own += delta;
}

static void
on_each(void *arg, const char *text, const uint64_t *cells, unsigned count,
    bool is_gauge)
{
	struct fixture *x = arg;
	size_t	 n = strlen(x->said);

	x->told++;
	if (n > sizeof x->said - 512)
		return;
	n += (size_t)snprintf(x->said + n, sizeof x->said - n, "%s%s",
	    text, is_gauge ? "~" : "=");
	for (unsigned i = 0; i < count; i++)
		n += (size_t)snprintf(x->said + n, sizeof x->said - n,
		    "%s%lld", i > 0 ? "," : "", (long long)cells[i]);
	snprintf(x->said + n, sizeof x->said - n, " ");
}

static const char *
tell(struct fixture *x)
{
	x->said[0] = '\0';
	x->told = 0;
	series_each(x->map, x->is_alive, on_each, x);
	return x->said;
}

static void
a_text_has_its_cells(void **state)
{
	struct fixture *x = *state;
	int32_t	 a = get(x, "a", 1, false), b = get(x, "b", 32, false);

	assert_true(a > 0 && b > 0 && a != b);
	assert_int_equal(get(x, "a", 1, false), a);
	assert_int_equal(get(x, "b", 32, false), b);
	assert_int_equal(series_get(x->map, "abc", 1, 1, false), a);
	assert_int_not_equal(get(x, "ab", 1, false), a);
}

static void
another_shape_is_another_series(void **state)
{
	struct fixture *x = *state;
	int32_t	 a = get(x, "a", 1, false);

	assert_int_not_equal(get(x, "a", 2, false), a);
	assert_int_not_equal(get(x, "a", 1, true), a);
}

static void
what_cannot_be_is_refused(void **state)
{
	struct fixture *x = *state;
	char	 text[STATE_TEXT_MAX + 2];

	memset(text, 'x', sizeof text);
	assert_int_equal(series_get(x->map, text, 0, 1, false), -1);
	assert_int_equal(series_get(x->map, text, 1, 0, false), -1);
	assert_int_equal(series_get(x->map, text, 1, 33, false), -1);
	assert_int_equal(series_get(x->map, text, STATE_TEXT_MAX + 1, 1, false),
	    -1);
	assert_true(series_get(x->map, text, STATE_TEXT_MAX, 1, false) > 0);
	tell(x);
	assert_int_equal(x->told, 1);
}

/* Each cell is of one series, and the cells of one lie in one chunk. */
static void
cells_do_not_overlap_nor_straddle(void **state)
{
	struct fixture *x = *state;
	bool	*taken = calloc(LAYOUT_SERIES_CELLS, sizeof *taken);
	char	 text[32];

	for (unsigned i = 0; i < 3000; i++) {
		unsigned count = 1 + i * 7 % 32;
		int32_t	 first;

		snprintf(text, sizeof text, "s%u", i);
		first = get(x, text, count, false);
		assert_true(first > 0);
		assert_int_equal(first / LAYOUT_CHUNK_CELLS,
		    (first + (int)count - 1) / LAYOUT_CHUNK_CELLS);
		for (unsigned j = 0; j < count; j++) {
			assert_false(taken[first + (int)j]);
			taken[first + (int)j] = true;
		}
	}
	free(taken);
}

static void
a_full_directory_says_so_and_keeps_what_it_has(void **state)
{
	struct fixture *x = *state;
	char	 text[32];
	int32_t	 first = get(x, "s0", 1, false);

	for (unsigned i = 1; i < LAYOUT_SERIES; i++) {
		snprintf(text, sizeof text, "s%u", i);
		assert_true(get(x, text, 1, false) > 0);
	}
	assert_int_equal(get(x, "one more", 1, false), -1);
	assert_int_equal(get(x, "s0", 1, false), first);
	tell(x);
	assert_int_equal(x->told, LAYOUT_SERIES);
}

static void
no_cells_left_is_said_too(void **state)
{
	struct fixture *x = *state;

	x->map->next_cell = LAYOUT_SERIES_CELLS - 8;
	assert_int_equal(get(x, "nine", 9, false), -1);
	assert_int_equal(get(x, "nine", 9, false), -1);
	assert_int_equal(get(x, "eight", 8, false),
	    LAYOUT_SERIES_CELLS - 8);
	assert_int_equal(get(x, "one", 1, false), -1);
	assert_string_equal(tell(x), "eight=0,0,0,0,0,0,0,0 ");
}

static void
sums_are_over_all_slots_and_sorted(void **state)
{
	struct fixture *x = *state;
	int32_t	 b = get(x, "b", 2, false), a = get(x, "a", 1, false);

	add(x, 0, b, 1);
	add(x, 1, b, 10);
	add(x, 2, b + 1, 100);
	add(x, 2, a, 5);
	x->is_alive[1] = false;
	assert_string_equal(tell(x), "a=5 b=11,100 ");
}

static void
a_gauge_is_that_of_the_living(void **state)
{
	struct fixture *x = *state;
	int32_t	 g = get(x, "g", 1, true);

	add(x, 0, g, 3);
	add(x, 1, g, (uint64_t)-5);
	add(x, 2, g, 100);
	assert_string_equal(tell(x), "g~98 ");
	x->is_alive[2] = false;
	assert_string_equal(tell(x), "g~-2 ");
}

static void
clearing_gauges_leaves_counts_and_others(void **state)
{
	struct fixture *x = *state;
	int32_t	 g = get(x, "g", 3, true), c = get(x, "c", 1, false);

	add(x, 0, g, 1);
	add(x, 1, g, 1);
	add(x, 1, g + 2, 2);
	add(x, 1, c, 7);
	series_clear_gauges(x->map, &x->banks[1]);
	assert_string_equal(tell(x), "c=7 g~1,0,0 ");
}

static void
one_text_is_told_once(void **state)
{
	struct fixture *x = *state;

	add(x, 0, get(x, "a", 1, false), 1);
	add(x, 0, get(x, "a", 3, false) + 2, 5);
	add(x, 0, get(x, "a", 3, false), 10);
	assert_string_equal(tell(x), "a=11,0,5 ");
}

static int
place_of(const struct fixture *x, const char *text)
{
	for (int i = 0; i < LAYOUT_SERIES; i++)
		if (strcmp(x->map->series[i].text, text) == 0)
			return i;
	return -1;
}

/* A process that died over it left a claimed place, or more. */
static void
a_half_made_series_is_completed(void **state)
{
	struct fixture *x = *state;
	int32_t	 first = get(x, "a", 1, false);
	struct layout_series *s = &x->map->series[place_of(x, "a")];

	s->is_ready = 0;
	assert_string_equal(tell(x), "");
	memset(s->text, 0, sizeof s->text);
	assert_int_equal(get(x, "a", 1, false), first);
	s->is_ready = 0;
	s->first = 0;
	assert_true(get(x, "a", 1, false) > first);
	assert_string_equal(tell(x), "a=0 ");
}

static void
another_text_of_the_same_hash_is_told_apart(void **state)
{
	struct fixture *x = *state;
	int32_t	 first = get(x, "a", 1, false), other;

	strcpy(x->map->series[place_of(x, "a")].text, "b");
	other = get(x, "a", 1, false);
	assert_true(other > 0 && other != first);
	assert_int_equal(get(x, "a", 1, false), other);
	assert_string_equal(tell(x), "a=0 b=0 ");
}

static void
impossible_entries_are_not_believed(void **state)
{
	struct fixture *x = *state;
	struct layout_series *s;

	get(x, "a", 32, true);
	s = &x->map->series[place_of(x, "a")];
	s->first = LAYOUT_SERIES_CELLS - 1;
	series_clear_gauges(x->map, &x->banks[0]);
	assert_string_equal(tell(x), "");
	s->first = UINT32_MAX;
	assert_string_equal(tell(x), "");
	s->first = 32;
	s->count = 255;
	assert_string_equal(tell(x), "");
	s->count = 0;
	assert_string_equal(tell(x), "");
	s->count = 32;
	s->text[0] = '\n';
	assert_string_equal(tell(x), "");
	memset(s->text, 'x', sizeof s->text);
	assert_string_equal(tell(x), "");
	strcpy(s->text, "good");
	add(x, 0, 32, 1);
	assert_int_equal(strncmp(tell(x), "good~1,0,0,", 11), 0);
}

static void
a_bank_takes_chunks_as_it_needs_them(void **state)
{
	struct fixture *x = *state;
	struct bank again;

	assert_null(bank_find(&x->banks[0], 300));
	add(x, 0, 300, 1);
	add(x, 1, 300, 2);
	add(x, 0, 5, 3);
	assert_null(bank_find(&x->banks[0], 600));
	bank_init(&again, &x->segment, 0);
	assert_int_equal(*bank_find(&again, 300), 1);
	assert_int_equal(*bank_find(&again, 5), 3);
	assert_null(bank_find(&again, LAYOUT_CELLS));
	assert_null(bank_get(&again, (uint32_t)-1));
}

static void
without_chunks_nothing_is_counted(void **state)
{
	struct fixture *x = *state;

	for (unsigned i = 0; i < LAYOUT_CHUNKS; i++)
		x->map->chunk_owner[i] = UINT32_MAX;
	assert_null(bank_get(&x->banks[0], 1));
	assert_true(x->banks[0].is_full);
	assert_null(bank_get(&x->banks[0], 1));
	get(x, "a", 1, false);
	assert_string_equal(tell(x), "a=0 ");
}

enum { RACERS = 8, RACE_TEXTS = 300 };

static void
race(struct place *p, unsigned number)
{
	struct segment s;
	char	 text[32];
	int32_t	 cell;

	if (!segment_open(&s, p->state_dir, SEGMENT_START))
		abort();
	atomic_fetch_add(&p->words[0], 1);
	until(&p->words[0], RACERS);
	for (unsigned i = 0; i < RACE_TEXTS; i++) {
		snprintf(text, sizeof text, "series %u", i);
		cell = series_get(s.map, text, strlen(text), 2, false);
		if (cell <= 0)
			abort();
		if (number == 0)
			atomic_store(&p->words[1 + i], (uint32_t)cell);
	}
	atomic_fetch_add(&p->words[0], 1);
	until(&p->words[0], 2 * RACERS);
	for (unsigned i = 0; i < RACE_TEXTS; i++) {
		snprintf(text, sizeof text, "series %u", i);
		if ((uint32_t)series_get(s.map, text, strlen(text), 2, false) !=
		    atomic_load(&p->words[1 + i]))
			abort();
	}
}

static void
processes_that_come_at_once_agree(void **state)
{
	struct place *p = place_make();
	pid_t	 pids[RACERS];

	(void)state;
	for (unsigned i = 0; i < RACERS; i++)
		pids[i] = child_start(race, p, i);
	for (unsigned i = 0; i < RACERS; i++)
		assert_int_equal(child_wait(pids[i]), 0);
	place_remove(p);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_text_has_its_cells),
		TEST(another_shape_is_another_series),
		TEST(what_cannot_be_is_refused),
		TEST(cells_do_not_overlap_nor_straddle),
		TEST(a_full_directory_says_so_and_keeps_what_it_has),
		TEST(no_cells_left_is_said_too),
		TEST(sums_are_over_all_slots_and_sorted),
		TEST(a_gauge_is_that_of_the_living),
		TEST(clearing_gauges_leaves_counts_and_others),
		TEST(one_text_is_told_once),
		TEST(a_half_made_series_is_completed),
		TEST(another_text_of_the_same_hash_is_told_apart),
		TEST(impossible_entries_are_not_believed),
		TEST(a_bank_takes_chunks_as_it_needs_them),
		TEST(without_chunks_nothing_is_counted),
		cmocka_unit_test(processes_that_come_at_once_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
