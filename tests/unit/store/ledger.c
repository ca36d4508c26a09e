/* Wherever a process dies, its line and its counts are there once, or not. */
#include "config.h"

#include "store/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "base/log.h"
#include "store/journal.h"
#include "store/segment.h"
#include "tests/unit/store/children.h"

#define NOON_US 1777896000000000ull		/* 2026-05-04 12:00:00 UTC */
#define HOUR_US 3600000000ull
#define LINE(id) "{\"asctime\":\"2026\",\"request_id\":\"" id "\",\"n\":1}\n"
#define OURS LINE("req_ours")
#define OTHER LINE("req_other")
#define TORN "{\"asctime\":\"2026\",\"request_id\":\"req_ours\",\"n"

enum { SLOT = 3 };

struct fixture {
	struct place	*place;
	struct segment	 segment;
	struct bank	 bank;
	struct layout_record *record;
	struct ledger_batch batch;
	char		 journal[128], next_hour[128];
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	log_open(NULL, LOG_LEVEL_ERROR);
	setenv("TZ", "UTC", 1);
	tzset();
	x->place = place_make();
	snprintf(x->journal, sizeof x->journal, "%s/2026050412.log",
	    x->place->log);
	snprintf(x->next_hour, sizeof x->next_hour, "%s/2026050413.log",
	    x->place->log);
	segment_open_private(&x->segment);
	x->record = &x->segment.map->slots[SLOT].record;
	bank_init(&x->bank, &x->segment, SLOT);
	ledger_begin(&x->batch);
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	segment_unmap(x->segment.map);
	place_remove(x->place);
	free(x);
	return 0;
}

static uint64_t
value_of(struct fixture *x, uint32_t cell)
{
	return *bank_get(&x->bank, cell);
}

static void
put(const struct fixture *x, const char *path, const char *text)
{
	FILE	*f;

	mkdir(x->place->log, 0700);
	f = fopen(path, "a");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
assert_file(const char *path, const char *want)
{
	char	 text[4096] = "";
	FILE	*f = fopen(path, "r");

	if (f != NULL) {
		text[fread(text, 1, sizeof text - 1, f)] = '\0';
		fclose(f);
	}
	assert_string_equal(text, want);
}

/* Cells 5 and 300 have 10 and 20; the transaction adds 1 and 2. */
static void
hold(struct fixture *x, const char *line)
{
	*bank_get(&x->bank, 5) = 10;
	*bank_get(&x->bank, 300) = 20;
	assert_true(ledger_add(&x->batch, 5, 1));
	assert_true(ledger_add(&x->batch, 300, 2));
	ledger_hold(x->record, &x->bank, &x->batch, NOON_US, "req_ours", line,
	    strlen(line));
}

/* As a sweeper does: with nothing but what is in the segment. */
static bool
recover(struct fixture *x)
{
	struct bank bank;

	bank_init(&bank, &x->segment, SLOT);
	return ledger_recover(x->record, &bank, x->place->log);
}

static void
assert_settled(struct fixture *x, const char *journal)
{
	assert_int_equal(x->record->state, LEDGER_EMPTY);
	assert_int_equal(value_of(x, 5), 11);
	assert_int_equal(value_of(x, 300), 22);
	assert_file(x->journal, journal);
}

static void
nothing_is_counted_before_the_line(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	assert_int_equal(value_of(x, 5), 10);
	ledger_written(x->record);
	assert_int_equal(value_of(x, 5), 10);
	ledger_apply(x->record, &x->bank);
	ledger_clear(x->record);
	assert_settled(x, "");
	assert_true(recover(x));
	assert_settled(x, "");
}

static void
death_before_the_record_was_complete(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	x->record->state = LEDGER_EMPTY;
	assert_false(ledger_needs_journal(x->record));
	assert_true(recover(x));
	assert_int_equal(value_of(x, 5), 10);
	assert_file(x->journal, "");
}

static void
death_before_the_line_was_written(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	put(x, x->journal, OTHER);
	assert_true(ledger_needs_journal(x->record));
	assert_true(recover(x));
	assert_settled(x, OTHER OURS);
}

static void
death_after_the_line_was_written(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	put(x, x->journal, OURS OTHER);
	assert_true(recover(x));
	assert_settled(x, OURS OTHER);
}

static void
death_while_the_line_was_written(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	put(x, x->journal, OTHER TORN);
	assert_true(recover(x));
	assert_settled(x, OTHER TORN "\n" OURS);
}

/* Behind a newline and a second copy, the first would be a line as well. */
static void
death_before_the_newline_was_written(void **state)
{
	struct fixture *x = *state;
	char	 most[] = OTHER OURS;

	hold(x, OURS);
	most[sizeof most - 2] = '\0';
	put(x, x->journal, most);
	assert_true(recover(x));
	assert_settled(x, OTHER OURS);
}

static void
death_while_the_line_was_written_and_others_went_on(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	put(x, x->journal, TORN OTHER);
	assert_true(recover(x));
	assert_settled(x, TORN OTHER OURS);
}

static void
death_while_the_counts_were_applied(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	put(x, x->journal, OURS);
	ledger_written(x->record);
	*bank_get(&x->bank, 5) = 11;
	assert_false(ledger_needs_journal(x->record));
	assert_true(recover(x));
	assert_settled(x, OURS);
}

static void
written_needs_no_journal(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	ledger_written(x->record);
	assert_true(ledger_recover(x->record, &x->bank, NULL));
	assert_settled(x, "");
}

/* A sweeper that is killed leaves what the next one begins with. */
static void
death_of_the_sweeper_at_each_step(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	put(x, x->journal, TORN);
	assert_true(recover(x));
	assert_settled(x, TORN "\n" OURS);
	x->record->state = LEDGER_HELD;			/* after its append */
	assert_true(recover(x));
	assert_settled(x, TORN "\n" OURS);
	x->record->state = LEDGER_WRITTEN;		/* after the counts */
	*bank_get(&x->bank, 300) = 20;			/* or in between */
	assert_true(recover(x));
	assert_settled(x, TORN "\n" OURS);
}

static void
a_line_in_the_next_hours_file_is_found(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	put(x, x->next_hour, OURS);
	assert_true(recover(x));
	assert_settled(x, "");
	assert_file(x->next_hour, OURS);
}

static void
a_journal_that_cannot_be_used_is_waited_for(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	assert_false(ledger_recover(x->record, &x->bank, NULL));
	put(x, x->journal, "");
	unlink(x->journal);
	assert_int_equal(mkdir(x->journal, 0700), 0);
	assert_false(recover(x));
	assert_int_equal(x->record->state, LEDGER_HELD);
	assert_int_equal(value_of(x, 5), 10);
	assert_int_equal(rmdir(x->journal), 0);
	assert_true(recover(x));
	assert_settled(x, OURS);
}

static void
assert_dropped(struct fixture *x)
{
	assert_false(ledger_needs_journal(x->record));
	assert_true(recover(x));
	assert_int_equal(x->record->state, LEDGER_EMPTY);
	assert_int_equal(value_of(x, 5), 10);
	assert_file(x->journal, "");
	ledger_begin(&x->batch);
	hold(x, OURS);
}

static void
a_damaged_record_is_dropped(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	x->record->line_len = STATE_LINE_MAX + 1;
	assert_dropped(x);
	x->record->line_len = 1;
	assert_dropped(x);
	x->record->line_len--;
	assert_dropped(x);
	x->record->line[3] = '\n';
	assert_dropped(x);
	x->record->line[3] = '\0';
	assert_dropped(x);
	x->record->redo_count = STATE_BATCH_MAX + 1;
	assert_dropped(x);
	x->record->state = 77;
	assert_dropped(x);
	x->record->id[0] = '\0';
	assert_dropped(x);
	x->record->id[2] = '"';
	assert_dropped(x);
	memset(x->record->id, 'x', sizeof x->record->id);
	assert_dropped(x);
}

static void
a_value_for_no_cell_goes_nowhere(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	x->record->redo[0].cell = UINT32_MAX;
	x->record->redo[1].cell = LAYOUT_CELLS;
	assert_true(recover(x));
	assert_int_equal(value_of(x, 5), 10);
	assert_int_equal(value_of(x, 300), 20);
	assert_file(x->journal, OURS);
}

static void
a_line_that_cannot_be_held_is_dropped(void **state)
{
	struct fixture *x = *state;
	char	*line = malloc(STATE_LINE_MAX + 2);

	memset(line, 'x', STATE_LINE_MAX + 1);
	line[STATE_LINE_MAX + 1] = '\0';
	hold(x, line);
	assert_int_equal(x->record->line_len, 0);
	assert_dropped(x);
	free(line);
}

static void
a_line_of_the_greatest_length_is_kept(void **state)
{
	struct fixture *x = *state;
	char	*line = calloc(1, STATE_LINE_MAX + 1);

	memset(line, 'x', STATE_LINE_MAX);
	memcpy(line, OURS, strlen(OURS) - 2);
	memcpy(line + STATE_LINE_MAX - 2, "}\n", 2);
	assert_int_equal(strlen(line), STATE_LINE_MAX);
	hold(x, line);
	assert_true(recover(x));
	assert_int_equal(value_of(x, 5), 11);
	free(line);
}

static void
a_cell_may_come_again(void **state)
{
	struct fixture *x = *state;

	hold(x, OURS);
	ledger_begin(&x->batch);
	ledger_add(&x->batch, 5, 1);
	ledger_add(&x->batch, 261, 7);		/* has the same hint as 5 */
	ledger_add(&x->batch, 5, 2);
	ledger_add(&x->batch, 261, 1);
	ledger_add(&x->batch, 5, (uint64_t)-4);
	assert_int_equal(x->batch.count, 2);
	*bank_get(&x->bank, 261) = 0;
	ledger_hold(x->record, &x->bank, &x->batch, NOON_US, "req_ours", OURS,
	    strlen(OURS));
	assert_true(recover(x));
	assert_int_equal(value_of(x, 5), 9);
	assert_int_equal(value_of(x, 261), 8);
}

static void
a_full_batch_takes_what_it_knows(void **state)
{
	struct fixture *x = *state;

	for (uint32_t i = 0; i < STATE_BATCH_MAX; i++)
		assert_true(ledger_add(&x->batch, 1 + 3 * i, i));
	assert_false(ledger_add(&x->batch, 2, 1));
	assert_false(ledger_add(&x->batch, 1 + 3 * STATE_BATCH_MAX, 1));
	for (uint32_t i = 0; i < STATE_BATCH_MAX; i++)
		assert_true(ledger_add(&x->batch, 1 + 3 * i, 1));
	for (uint32_t i = 0; i < STATE_BATCH_MAX; i++)
		bank_get(&x->bank, 1 + 3 * i);
	ledger_hold(x->record, &x->bank, &x->batch, NOON_US, "req_ours", OURS,
	    strlen(OURS));
	assert_true(recover(x));
	for (uint32_t i = 0; i < STATE_BATCH_MAX; i++)
		assert_int_equal(value_of(x, 1 + 3 * i), i + 1);
	assert_int_equal(value_of(x, 2), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_counted_before_the_line),
		TEST(death_before_the_record_was_complete),
		TEST(death_before_the_line_was_written),
		TEST(death_after_the_line_was_written),
		TEST(death_while_the_line_was_written),
		TEST(death_before_the_newline_was_written),
		TEST(death_while_the_line_was_written_and_others_went_on),
		TEST(death_while_the_counts_were_applied),
		TEST(written_needs_no_journal),
		TEST(death_of_the_sweeper_at_each_step),
		TEST(a_line_in_the_next_hours_file_is_found),
		TEST(a_journal_that_cannot_be_used_is_waited_for),
		TEST(a_damaged_record_is_dropped),
		TEST(a_value_for_no_cell_goes_nowhere),
		TEST(a_line_that_cannot_be_held_is_dropped),
		TEST(a_line_of_the_greatest_length_is_kept),
		TEST(a_cell_may_come_again),
		TEST(a_full_batch_takes_what_it_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
