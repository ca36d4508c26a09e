/* Recent callers: one place each, whoever writes, and none for what is old. */
#include "config.h"

#include "store/sessions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/log.h"
#include "store/layout.h"
#include "tests/unit/store/children.h"

struct fixture {
	struct place	*place;
	struct state	*state, *other;
	char		 told[8192];
	unsigned	 count;
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	log_open(NULL, LOG_LEVEL_ERROR);
	x->place = place_make();
	x->state = state_open(x->place->state_dir);
	x->other = state_open(x->place->state_dir);
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	state_close(x->state);
	state_close(x->other);
	place_remove(x->place);
	free(x);
	return 0;
}

static void
tell(void *arg, uint64_t caller, uint64_t last_ms, const struct session *s)
{
	struct fixture *x = arg;
	size_t	 n = strlen(x->told);

	x->count++;
	snprintf(x->told + n, sizeof x->told - n, "%llx:%s:%s:%s:%llu:%llu ",
	    (unsigned long long)caller, s->key_id, s->channel, s->model,
	    (unsigned long long)s->created_ms, (unsigned long long)last_ms);
}

static const char *
listed(struct fixture *x)
{
	x->told[0] = '\0';
	x->count = 0;
	sessions_each(x->other, tell, x);
	return x->told;
}

static void
note(struct state *s, uint64_t caller, uint64_t now_ms, const char *channel)
{
	const struct session_note n = { .caller = caller, .now_ms = now_ms,
		.channel = channel, .model = "m" };

	sessions_note(s, &n);
}

static void
a_caller_has_one_place(void **state)
{
	struct fixture *x = *state;

	assert_string_equal(listed(x), "");
	note(x->state, 0xA01, 10, "up");
	assert_string_equal(listed(x), "a01::up:m:10:10 ");
	note(x->other, 0xA01, 20, "up");
	assert_string_equal(listed(x), "a01::up:m:10:20 ");
	note(x->state, 0xA01, 30, "down");
	assert_string_equal(listed(x), "a01::down:m:10:30 ");
}

static void
another_salt_is_another_session(void **state)
{
	struct fixture *x = *state;
	const struct session_note n = { .caller = 0xA01, .salt = 7,
		.now_ms = 20, .key_id = "k", .channel = "up", .model = NULL };

	note(x->state, 0xA01, 10, "up");
	sessions_note(x->state, &n);
	assert_string_equal(listed(x), "a01:k:up::20:20 ");
}

static void
nobody_is_not_noted(void **state)
{
	struct fixture *x = *state;

	note(x->state, 0, 10, "up");
	assert_string_equal(listed(x), "");
}

/* Those of one set: the lower bits are the same. */
static void
who_was_away_longest_goes(void **state)
{
	struct fixture *x = *state;

	for (unsigned i = 1; i <= SESSIONS_WAYS; i++)
		note(x->state, i * SESSIONS_SETS, 10 + i, "up");
	note(x->state, SESSIONS_SETS, 100, "up");
	note(x->state, 99 * SESSIONS_SETS, 101, "up");
	listed(x);
	assert_int_equal(x->count, SESSIONS_WAYS);
	assert_non_null(strstr(x->told, "80::up:m:11:100 "));
	assert_non_null(strstr(x->told, "3180::up:m:101:101 "));
	assert_null(strstr(x->told, " 100:"));
}

static void
all_sets_hold_some(void **state)
{
	struct fixture *x = *state;

	for (unsigned i = 1; i < 100 * SESSIONS_SETS * SESSIONS_WAYS; i += 3)
		note(x->state, i, i, "up");
	listed(x);
	assert_int_equal(x->count, SESSIONS_SETS * SESSIONS_WAYS);
}

static void
long_texts_are_cut_and_are_the_same_again(void **state)
{
	struct fixture *x = *state;
	char	 text[300];
	uint32_t sequence;

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	note(x->state, 0xA01, 10, text);
	sequence = state_map(x->state)->sessions[1].sequences[0];
	note(x->state, 0xA01, 20, text);
	assert_true(sequence ==
	    state_map(x->state)->sessions[1].sequences[0]);
	listed(x);
	assert_int_equal(x->count, 1);
	assert_int_equal(strlen(x->told), strlen("a01:::m:10:20 ") + 47);
}

static void
ids_fit_a_double(void **state)
{
	(void)state;
	assert_true(sessions_id(UINT64_MAX) < UINT64_C(1) << 53);
	assert_true(sessions_id(1) == 1);
	assert_true(sessions_id(UINT64_C(5) << 11) == 5);
}

/* ---- Several processes. ---- */

enum { WORD_READY, WRITERS = 3, CALLERS = 40, ROUNDS = 20000 };

static const char *const texts[] = { "aaaaaaaa", "bbbbbbbbbbbbbb", "c" };

static void
write_often(struct place *p, unsigned number)
{
	struct state *s = state_open(p->state_dir);

	for (unsigned i = 0; i < ROUNDS; i++) {
		const char *text = texts[(i + number) % 3];
		const struct session_note n = { .now_ms = i + 1,
			.caller = (i % CALLERS + 1) * SESSIONS_SETS + i % 3,
			.salt = strlen(text), .key_id = text,
			.channel = text, .model = text };

		sessions_note(s, &n);
	}
	state_close(s);
}

static void
expect_whole(void *arg, uint64_t caller, uint64_t last_ms,
    const struct session *s)
{
	(void)last_ms;
	(void)caller;
	++*(unsigned *)arg;
	assert_string_equal(s->key_id, s->channel);
	assert_string_equal(s->key_id, s->model);
	assert_int_equal(s->salt, strlen(s->key_id));
}

static void
expect_once(void *arg, uint64_t caller, uint64_t last_ms,
    const struct session *s)
{
	uint64_t *seen = arg;

	(void)last_ms;
	(void)s;
	for (; *seen != 0; seen++)
		assert_true(*seen != caller);
	*seen = caller;
}

static void
racing_processes_leave_whole_ones(void **state)
{
	struct fixture *x = *state;
	pid_t	 pids[WRITERS];
	uint64_t seen[SESSIONS_SETS * SESSIONS_WAYS + 1] = { 0 };
	unsigned count = 0;

	for (unsigned i = 0; i < WRITERS; i++)
		pids[i] = child_start(write_often, x->place, i);
	for (unsigned i = 0; i < 300; i++)
		sessions_each(x->state, expect_whole, &count);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(child_wait(pids[i]), 0);
	sessions_each(x->state, expect_once, seen);
	count = 0;
	sessions_each(x->state, expect_whole, &count);
	assert_int_equal(count, 3 * SESSIONS_WAYS);
}

static void
die_while_writing(struct place *p, unsigned number)
{
	struct state *s = state_open(p->state_dir);

	(void)number;
	note(s, 0xA01, 5, "half");
	atomic_store(&state_map(s)->sessions[1].writer, state_owner(s));
	atomic_fetch_or(&state_map(s)->sessions[1].sequences[0], 1);
	report_and_stay(&p->words[WORD_READY]);
}

static void
who_died_while_writing_holds_nobody_up(void **state)
{
	struct fixture *x = *state;
	pid_t	 pid = child_start(die_while_writing, x->place, 0);

	until(&x->place->words[WORD_READY], 1);
	note(x->state, 0xA01, 10, "up");	/* it may be alive: left out */
	assert_string_equal(listed(x), "");
	child_kill(pid);
	note(x->state, 0xA01, 20, "up");
	assert_string_equal(listed(x), "a01::up:m:5:20 ");
}

static void
any_bytes_do_no_harm(void **state)
{
	struct fixture *x = *state;
	struct layout *map = state_map(x->state);

	for (int byte = 0xFF; byte > 0; byte -= 0x33) {
		memset(map->sessions, byte, sizeof map->sessions);
		listed(x);
		assert_int_equal(x->count, byte % 2 == 1 ? 0 :
		    SESSIONS_SETS * SESSIONS_WAYS);
		note(x->state, 0xA01, 10, "up");
		note(x->state, UINT64_MAX, 10, "up");
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_caller_has_one_place),
		TEST(another_salt_is_another_session),
		TEST(nobody_is_not_noted),
		TEST(who_was_away_longest_goes),
		TEST(all_sets_hold_some),
		TEST(long_texts_are_cut_and_are_the_same_again),
		cmocka_unit_test(ids_fit_a_double),
		TEST(racing_processes_leave_whole_ones),
		TEST(who_died_while_writing_holds_nobody_up),
		TEST(any_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
