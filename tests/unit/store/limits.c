/* What keys have used: the same for all, exact, whoever is killed. */
#include "config.h"

#include "store/limits.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "store/accounts.h"
#include "store/journal.h"
#include "store/journal_find.h"
#include "store/layout.h"
#include "store/segment.h"
#include "tests/unit/store/said.h"

#define KEY "k0112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100"
#define NOON_S 1777896000ll		/* Monday 2026-05-04 12:00:00 UTC */
#define NOON_US (NOON_S * 1000000ull)
#define DAY_S 86400ll

static int
set_up(void **state)
{
	log_open(NULL, LOG_LEVEL_ERROR);
	*state = place_make();
	return 0;
}

static int
tear_down(void **state)
{
	let_log_be();
	place_remove(*state);
	return 0;
}

static struct state *
open_shared(struct place *p)
{
	struct state *s = state_open(p->state_dir);

	if (state_is_private(s))
		abort();
	return s;
}

static uint32_t
find(struct state *s, const char *key)
{
	uint32_t account = limits_find(s, key);

	if (account == 0)
		abort();
	return account;
}

static struct limits_spent
read_at(struct state *s, uint32_t account, int64_t now_s)
{
	struct limits_spent spent;

	limits_read(s, account, now_s, &spent);
	return spent;
}

static void
spend(struct state *s, uint32_t account, int64_t start_s, uint64_t tokens)
{
	struct limits_sum sum = { tokens, tokens * 10 };

	state_begin(s);
	limits_spend(s, account, start_s, &sum);
	state_commit(s, NULL, NOON_US, "req_a", "}\n", 2, "}\n", 2);
}

static void
assert_spent(struct state *s, uint32_t account, int64_t now_s, uint64_t day,
    uint64_t week, uint64_t month)
{
	struct limits_spent spent = read_at(s, account, now_s);

	assert_int_equal(spent.periods[LIMITS_DAY].tokens, day);
	assert_int_equal(spent.periods[LIMITS_WEEK].tokens, week);
	assert_int_equal(spent.periods[LIMITS_MONTH].tokens, month);
	for (int i = 0; i < LIMITS__PERIODS; i++)
		assert_int_equal(spent.periods[i].cost_nano,
		    spent.periods[i].tokens * 10);
}

static void
a_key_has_one_account(void **state)
{
	struct state *s = open_shared(*state), *t = open_shared(*state);
	uint32_t one = limits_find(s, KEY), other = limits_find(t, OTHER);

	assert_int_not_equal(one, 0);
	assert_int_not_equal(other, 0);
	assert_int_not_equal(one, other);
	assert_int_equal(limits_find(t, KEY), one);
	assert_int_equal(limits_find(s, OTHER), other);
	state_close(t);
	state_close(s);
}

static void
another_kind_of_id_has_none(void **state)
{
	static const char *const ids[] = { "", "0", KEY "0", KEY KEY,
		"00112233445566778899aabbccddeef",
		"g0112233445566778899aabbccddeeff",
		"0011223344556677 899aabbccddeeff" };
	struct state *s = open_shared(*state);
	struct limits_left left;

	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
		assert_int_equal(limits_find(s, ids[i]), 0);
	assert_true(limits_enter(s, 0, 1));
	assert_true(limits_enter(s, 0, 1));
	limits_leave(s, 0);
	assert_true(limits_take(s, 0, LIMITS_TOKENS, 5, 1, NOON_US, &left));
	assert_true(limits_take(s, 0, LIMITS_TOKENS, 5, 1, NOON_US, NULL));
	limits_correct(s, 0, LIMITS_TOKENS, -5, 1, NOON_US);
	limits_reserve(s, 0, &(struct limits_sum){ 1, 1 });
	limits_release(s, 0, &(struct limits_sum){ 1, 1 });
	spend(s, 0, NOON_S, 5);
	assert_spent(s, 0, NOON_S, 0, 0, 0);
	state_close(s);
}

static void
concurrency_has_its_limit(void **state)
{
	struct state *s = open_shared(*state), *t = open_shared(*state);
	uint32_t a = find(s, KEY);

	assert_true(limits_enter(s, a, 3));
	assert_true(limits_enter(t, a, 3));
	assert_true(limits_enter(s, a, 3));
	assert_false(limits_enter(s, a, 3));
	assert_false(limits_enter(t, a, 3));
	assert_true(limits_enter(t, a, 0));
	assert_int_equal(read_at(s, a, NOON_S).in_flight, 4);
	limits_leave(s, a);
	assert_false(limits_enter(t, a, 3));
	limits_leave(t, a);
	assert_true(limits_enter(t, a, 3));
	assert_true(limits_enter(t, find(t, OTHER), 1));
	state_close(t);
	assert_int_equal(read_at(s, a, NOON_S).in_flight, 1);
	limits_leave(s, a);
	limits_leave(s, a);
	assert_int_equal(read_at(s, a, NOON_S).in_flight, 0);
	state_close(s);
}

static void
reservations_are_seen_by_all_and_released(void **state)
{
	struct state *s = open_shared(*state), *t = open_shared(*state);
	uint32_t a = find(s, KEY);
	struct limits_spent spent;

	limits_reserve(s, a, &(struct limits_sum){ 100, 7 });
	limits_reserve(t, a, &(struct limits_sum){ 10, 0 });
	spent = read_at(t, a, NOON_S);
	assert_int_equal(spent.reserved.tokens, 110);
	assert_int_equal(spent.reserved.cost_nano, 7);
	limits_release(s, a, &(struct limits_sum){ 100, 7 });
	limits_release(s, a, &(struct limits_sum){ 100, 7 });
	spent = read_at(t, a, NOON_S);
	assert_int_equal(spent.reserved.tokens, 10);
	assert_int_equal(spent.reserved.cost_nano, 0);
	state_close(t);
	assert_int_equal(read_at(s, a, NOON_S).reserved.tokens, 0);
	state_close(s);
}

static void
sums_are_those_of_the_calendar(void **state)
{
	struct state *s = open_shared(*state), *t = open_shared(*state);
	uint32_t a = find(s, KEY);

	spend(s, a, NOON_S - 4 * DAY_S, 1);	/* Thursday, 30 April */
	spend(s, a, NOON_S - 3 * DAY_S, 10);	/* 1 May */
	spend(t, a, NOON_S - DAY_S, 100);	/* Sunday */
	assert_spent(s, a, NOON_S - DAY_S, 100, 111, 110);
	assert_spent(s, a, NOON_S, 0, 0, 110);
	spend(s, a, NOON_S, 1000);
	assert_spent(t, a, NOON_S, 1000, 1000, 1110);
	spend(t, a, NOON_S, 10000);
	spend(t, a, NOON_S, 10000);
	assert_spent(t, a, NOON_S, 21000, 21000, 21110);
	assert_spent(t, a, NOON_S + DAY_S, 0, 21000, 21110);
	assert_spent(t, a, NOON_S + 28 * DAY_S, 0, 0, 0);
	state_close(t);
	state_close(s);
	s = open_shared(*state);
	assert_spent(s, find(s, KEY), NOON_S, 21000, 21000, 21110);
	state_close(s);
}


/* Spread like the halves of hashes that they are. */
static const char *
key_of(unsigned number)
{
	static char key[40];

	snprintf(key, sizeof key, "%08x%08x%016x", number * 2654435761u,
	    number * 40503u, number);
	return key;
}

static void
a_late_request_counts_where_its_time_still_lasts(void **state)
{
	struct state *s = open_shared(*state);
	uint32_t a = find(s, KEY);

	spend(s, a, NOON_S, 1);			/* Monday */
	spend(s, a, NOON_S - DAY_S, 10);	/* began on Sunday */
	assert_spent(s, a, NOON_S, 1, 1, 11);
	spend(s, a, NOON_S + DAY_S, 100);
	spend(s, a, NOON_S, 1000);
	assert_spent(s, a, NOON_S + DAY_S, 100, 1101, 1111);
	spend(s, a, NOON_S + 28 * DAY_S, 1);	/* Monday, 1 June */
	spend(s, a, NOON_S + 27 * DAY_S, 10);	/* of another week and month */
	assert_spent(s, a, NOON_S + 28 * DAY_S, 1, 1, 1);
	state_close(s);
}

/* A day that no request can have begun before, and yet it did: never for ever. */
static void
a_clock_that_was_wrong_is_recovered_from(void **state)
{
	static const int64_t times[] = { INT64_MAX, INT64_MIN, -1, 0 };
	struct state *s = open_shared(*state);
	uint32_t a = find(s, KEY);

	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		spend(s, a, times[i], 5);
		assert_spent(s, a, NOON_S, 0, 0, 0);
		spend(s, a, NOON_S, 7);
		assert_spent(s, a, NOON_S, 7, 7, 7);
	}
	state_close(s);
}

static void
one_transaction_may_spend_twice(void **state)
{
	struct state *s = open_shared(*state);
	uint32_t a = find(s, KEY), b = find(s, OTHER);
	struct limits_sum five = { 5, 50 };

	spend(s, a, NOON_S - DAY_S, 1);
	state_begin(s);
	limits_spend(s, a, NOON_S - DAY_S, &five);
	limits_spend(s, a, NOON_S, &five);
	limits_spend(s, b, NOON_S, &five);
	limits_spend(s, a, NOON_S, &five);
	assert_spent(s, a, NOON_S - DAY_S, 1, 1, 1);
	state_commit(s, NULL, NOON_US, "req_a", "}\n", 2, "}\n", 2);
	assert_spent(s, a, NOON_S, 10, 10, 16);
	assert_spent(s, b, NOON_S, 5, 5, 5);
	state_close(s);
}

static void
sums_end_at_the_greatest_number(void **state)
{
	struct state *s = open_shared(*state);
	struct limits_sum most = { UINT64_MAX, UINT64_MAX };
	uint32_t a = find(s, KEY);
	struct limits_spent spent;

	for (int i = 0; i < 2; i++) {
		limits_reserve(s, a, &most);
		state_begin(s);
		limits_spend(s, a, NOON_S, &most);
		state_commit(s, NULL, NOON_US, "req_a", "}\n", 2, "}\n", 2);
	}
	spent = read_at(s, a, NOON_S);
	assert_true(spent.reserved.tokens == UINT64_MAX);
	assert_true(spent.periods[LIMITS_MONTH].cost_nano == UINT64_MAX);
	limits_release(s, a, &most);
	assert_int_equal(read_at(s, a, NOON_S).reserved.tokens, 0);
	state_close(s);
}

static void
buckets_are_shared(void **state)
{
	struct state *s = open_shared(*state), *t = open_shared(*state);
	uint32_t a = find(s, KEY);
	struct limits_left left;

	assert_true(limits_take(s, a, LIMITS_REQUESTS, 1, 2, NOON_US, &left));
	assert_int_equal(left.remaining, 1);
	assert_true(limits_take(t, a, LIMITS_REQUESTS, 1, 2, NOON_US, NULL));
	assert_false(limits_take(s, a, LIMITS_REQUESTS, 1, 2, NOON_US, &left));
	assert_int_equal(left.wait_us, 30000000);
	assert_true(limits_take(s, a, LIMITS_TOKENS, 2, 2, NOON_US, NULL));
	limits_correct(t, a, LIMITS_REQUESTS, 1, 2, NOON_US);
	limits_look(s, a, LIMITS_REQUESTS, 2, NOON_US, &left);
	assert_int_equal(left.remaining, 1);
	assert_true(limits_take(s, a, LIMITS_REQUESTS, 9, 0, NOON_US, &left));
	assert_true(left.remaining == UINT64_MAX);
	limits_look(s, a, LIMITS_REQUESTS, 0, NOON_US, &left);
	assert_true(left.remaining == UINT64_MAX);
	state_close(t);
	state_close(s);
}

/* --- processes at once --- */

enum { RACERS = 8, RACE_KEYS = 900, PLACES = 5000 };

static void
race(void (*run)(struct place *, unsigned), struct place *p, unsigned racers)
{
	pid_t	 pids[RACERS];

	atomic_store(&p->words[0], 0);
	for (unsigned i = 0; i < racers; i++)
		pids[i] = child_start(run, p, i);
	until(&p->words[0], racers);
	atomic_store(&p->words[1], 1);
	for (unsigned i = 0; i < racers; i++)
		assert_int_equal(child_wait(pids[i]), 0);
	atomic_store(&p->words[1], 0);
}

/* Who then does not come to an end is ended. */
static struct state *
open_and_wait(struct place *p)
{
	struct state *s = open_shared(p);

	atomic_fetch_add(&p->words[0], 1);
	until(&p->words[1], 1);
	alarm(120);
	return s;
}

/* Key by key at once. In words[10]: how many disagree; behind: the accounts. */
static void
find_many(struct place *p, unsigned number)
{
	struct state *s = open_and_wait(p);
	uint32_t account, none;

	(void)number;
	for (unsigned i = 0; i < RACE_KEYS; i++) {
		atomic_fetch_add(&p->words[2], 1);
		for (unsigned spins = 0; atomic_load(&p->words[2]) <
		    2 * (i + 1); spins++)
			if (spins > 10000)
				sched_yield();
		account = find(s, key_of(i));
		none = 0;
		if (!atomic_compare_exchange_strong(&p->words[20 + i], &none,
		    account) && none != account)
			atomic_fetch_add(&p->words[10], 1);
	}
	state_close(s);
}

static void
processes_that_come_at_once_have_one_account(void **state)
{
	struct place *p = *state;

	struct state *s;

	race(find_many, p, 2);
	assert_int_equal(p->words[10], 0);
	s = open_shared(p);
	for (unsigned i = 0; i < RACE_KEYS; i++)
		assert_int_equal(find(s, key_of(i)), p->words[20 + i]);
	state_close(s);
	for (unsigned i = 0; i < RACE_KEYS; i++)
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(p->words[20 + i],
			    p->words[20 + j]);
}

/* In words[10]: how many were taken. */
static void
take_until_refused(struct place *p, unsigned number)
{
	struct state *s = open_and_wait(p);
	uint32_t a = find(s, KEY);

	(void)number;
	while (limits_take(s, a, LIMITS_REQUESTS, 1, PLACES, NOON_US, NULL))
		atomic_fetch_add(&p->words[10], 1);
	state_close(s);
}

static void
a_bucket_gives_what_it_has_to_all_together(void **state)
{
	struct place *p = *state;

	race(take_until_refused, p, RACERS);
	assert_int_equal(p->words[10], PLACES);
}

enum { MOST = 3, ENTRIES = 1000 };

/* In words[10]: who is in; [11]: the most there were; [12]: they were too many. */
static void
enter_and_leave(struct place *p, unsigned number)
{
	struct state *s = open_and_wait(p);
	uint32_t a = find(s, KEY), in;

	(void)number;
	for (unsigned i = 0; i < ENTRIES;) {
		if (!limits_enter(s, a, MOST)) {
			sched_yield();
			continue;
		}
		in = atomic_fetch_add(&p->words[10], 1) + 1;
		if (in > MOST)
			atomic_fetch_add(&p->words[12], 1);
		if (in > atomic_load(&p->words[11]))
			atomic_store(&p->words[11], in);
		if (i++ % 8 == 0)
			sched_yield();
		atomic_fetch_sub(&p->words[10], 1);
		limits_leave(s, a);
	}
	state_close(s);
}

static void
concurrency_is_never_exceeded_and_is_reached(void **state)
{
	struct place *p = *state;
	struct state *s;

	for (unsigned racers = 2; racers <= RACERS; racers *= 2)
		race(enter_and_leave, p, racers);
	assert_int_equal(p->words[12], 0);
	assert_int_equal(p->words[11], MOST);
	s = open_shared(p);
	assert_int_equal(read_at(s, find(s, KEY), NOON_S).in_flight, 0);
	state_close(s);
}

enum { ALLOWED = 3000 };

/* Until refused: what is spent and reserved may not be more. */
static void
spend_what_is_allowed(struct place *p, unsigned number)
{
	const struct limits_sum one = { 1, 10 };
	struct state *s = open_and_wait(p);
	uint32_t a = find(s, KEY);
	struct limits_spent spent;
	bool	 allowed;

	(void)number;
	do {
		limits_reserve(s, a, &one);
		limits_read(s, a, NOON_S, &spent);
		allowed = spent.periods[LIMITS_DAY].tokens +
		    spent.reserved.tokens <= ALLOWED;
		if (allowed)
			spend(s, a, NOON_S, 1);
		limits_release(s, a, &one);
	} while (allowed);
	state_close(s);
}

/* Who is refused saw the reservations of all others, at most. */
static void
nothing_is_overspent(void **state)
{
	struct place *p = *state;
	struct limits_spent spent;
	struct state *s;

	for (unsigned racers = 2; racers <= RACERS; racers *= 2) {
		race(spend_what_is_allowed, p, racers);
		s = open_shared(p);
		spent = read_at(s, find(s, KEY), NOON_S);
		assert_in_range(spent.periods[LIMITS_DAY].tokens,
		    ALLOWED - racers + 1, ALLOWED);
		assert_int_equal(spent.reserved.tokens, 0);
		state_close(s);
		assert_int_equal(unlink(p->state), 0);
	}
}

/* --- the killed --- */

static void
enter_and_stay(struct place *p, unsigned number)
{
	struct state *s = open_shared(p);
	uint32_t a = find(s, KEY);

	(void)number;
	if (!limits_enter(s, a, 1))
		abort();
	limits_reserve(s, a, &(struct limits_sum){ 100, 1000 });
	spend(s, a, NOON_S, 3);
	report_and_stay(&p->words[0]);
}

/* A millisecond. */
static void
until_in_flight(struct state *s, uint32_t account, uint32_t count)
{
	alarm(120);
	while (read_at(s, account, NOON_S).in_flight != count)
		sched_yield();
	alarm(0);
}

static void
the_killed_hold_nothing_from_that_moment_on(void **state)
{
	struct place *p = *state;
	struct state *s;
	uint32_t a;
	pid_t	 pid = child_start(enter_and_stay, p, 0);

	until(&p->words[0], 1);
	s = open_shared(p);
	a = find(s, KEY);
	assert_false(limits_enter(s, a, 1));
	assert_int_equal(read_at(s, a, NOON_S).reserved.tokens, 100);
	child_kill(pid);
	assert_true(limits_enter(s, a, 1));
	until_in_flight(s, a, 1);
	assert_int_equal(read_at(s, a, NOON_S).reserved.tokens, 0);
	assert_spent(s, a, NOON_S, 3, 3, 3);
	assert_int_equal(state_sweep(s, p->log), 1);
	limits_leave(s, a);

	/* The next owner of the slot does not inherit. */
	pid = child_start(enter_and_stay, p, 0);
	until(&p->words[0], 2);
	child_kill(pid);
	pid = child_start(enter_and_stay, p, 0);
	until(&p->words[0], 3);
	until_in_flight(s, a, 1);
	assert_int_equal(read_at(s, a, NOON_S).reserved.cost_nano, 1000);
	assert_spent(s, a, NOON_S, 9, 9, 9);
	child_kill(pid);
	state_close(s);
}

enum { KILLS = 150, VICTIMS = 2, VICTIM_KEYS = 30 };

/* A request with a line in the journal; in words[10]: how many began. */
static void
serve(struct place *p, struct state *s, struct journal *j, unsigned i)
{
	const struct limits_sum most = { 50, 500 }, used = { 2, 20 };
	uint32_t a = find(s, key_of(i % VICTIM_KEYS));
	char	 id[40], line[120];
	int	 n;

	snprintf(id, sizeof id, "req_%08x%022x", (unsigned)getpid(), i);
	n = snprintf(line, sizeof line,
	    "{\"asctime\":\"2026\",\"request_id\":\"%s\"}\n", id);
	if (!limits_enter(s, a, 100))
		abort();
	limits_reserve(s, a, &most);
	state_begin(s);
	limits_spend(s, a, NOON_S + i / 64 % 2 * DAY_S, &used);
	state_commit(s, j, NOON_US, id, line, (size_t)n, NULL, 0);
	limits_release(s, a, &most);
	limits_leave(s, a);
	atomic_fetch_add(&p->words[10], 1);
}

static void
serve_until_killed(struct place *p, unsigned number)
{
	struct state *s = open_shared(p);
	struct journal j;

	(void)number;
	journal_open(&j, p->log);
	for (unsigned i = 0;; i++)
		serve(p, s, &j, i);
}

/* The whole ones: a kill may have torn one, which is written once more then. */
static unsigned
count_lines(const struct place *p)
{
	char	 path[JOURNAL_PATH_SIZE], line[512];
	unsigned n = 0;
	size_t	 len;
	FILE	*f;

	journal_path(p->log, NOON_US, path);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL)
		n += line[strlen(line) - 1] == '\n' && journal_find_whole(line,
		    strlen(line) - 1, &len) != NULL;
	fclose(f);
	return n;
}

static void
assert_nothing_held(struct state *s)
{
	for (unsigned i = 0; i < VICTIM_KEYS; i++) {
		struct limits_spent spent;

		until_in_flight(s, find(s, key_of(i)), 0);
		spent = read_at(s, find(s, key_of(i)), NOON_S);
		assert_int_equal(spent.reserved.tokens, 0);
		assert_int_equal(spent.reserved.cost_nano, 0);
	}
}

static void
kills_at_any_moment_lose_and_double_nothing(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	uint64_t week = 0, cost = 0;
	pid_t	 pids[VICTIMS];

	srand(20260504);
	for (unsigned round = 0; round < KILLS; round++) {
		atomic_store(&p->words[10], 0);
		for (unsigned i = 0; i < VICTIMS; i++)
			pids[i] = child_start(serve_until_killed, p, i);
		until(&p->words[10], 1 + (unsigned)rand() % 200);
		for (unsigned i = 0; i < VICTIMS; i++) {
			for (volatile int j = rand() % 3000; j > 0; j--)
				continue;
			child_kill(pids[i]);
		}
		assert_nothing_held(s);
		if (round % 3 == 0)
			state_sweep(s, p->log);
	}
	state_sweep(s, p->log);
	for (unsigned i = 0; i < VICTIM_KEYS; i++) {
		struct limits_spent spent = read_at(s, find(s, key_of(i)),
		    NOON_S + DAY_S);

		week += spent.periods[LIMITS_WEEK].tokens;
		cost += spent.periods[LIMITS_WEEK].cost_nano;
	}
	assert_int_equal(week, 2 * count_lines(p));
	assert_int_equal(cost, 20 * count_lines(p));
	assert_nothing_held(s);
	state_close(s);
}

/* --- what was spent before --- */

struct told {
	struct state	*s;
	unsigned	 count;
	uint32_t	 account;
	char		 key_id[40];
	uint64_t	 born_ms;
};

static void
on_new(void *arg, uint32_t account, const char *key_id, uint64_t born_ms)
{
	struct told *told = arg;
	const struct limits_base base = { .day = NOON_S / DAY_S,
		.periods = { { 1, 10 }, { 20, 200 }, { 300, 3000 } } };

	told->count++;
	told->account = account;
	told->born_ms = born_ms;
	snprintf(told->key_id, sizeof told->key_id, "%s", key_id);
	if (told->s != NULL)
		limits_set_base(told->s, account, &base);
}

static void *
set_bases(void *arg)
{
	struct told *told = arg;

	limits_each_new(told->s, on_new, told);
	return NULL;
}

static void
what_was_spent_before_is_set_once_and_counts(void **state)
{
	struct state *s = open_shared(*state);
	struct told told = { .s = NULL };
	uint32_t a = find(s, KEY);
	pthread_t thread;

	limits_each_new(s, on_new, &told);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.account, a);
	assert_string_equal(told.key_id, KEY);
	assert_true(told.born_ms > NOON_US / 1000 / 2);
	spend(s, a, NOON_S, 5);
	told.s = s;
	assert_int_equal(pthread_create(&thread, NULL, set_bases, &told), 0);
	pthread_join(thread, NULL);
	assert_int_equal(told.count, 2);
	assert_spent(s, a, NOON_S, 6, 25, 305);
	assert_spent(s, a, NOON_S + DAY_S, 0, 25, 305);
	assert_spent(s, a, NOON_S + 7 * DAY_S, 0, 0, 305);
	limits_each_new(s, on_new, &told);
	assert_int_equal(told.count, 2);
	limits_set_base(s, a, &(struct limits_base){ .day = NOON_S / DAY_S });
	assert_spent(s, a, NOON_S, 6, 25, 305);
	limits_set_base(s, 0, &(struct limits_base){ .day = 1 });
	limits_set_base(s, a + 1, &(struct limits_base){ .day = 1 });
	state_close(s);
}

static struct layout *
map_state(struct place *p, struct segment *segment)
{
	assert_true(segment_open(segment, p->state_dir, SEGMENT_START));
	return segment->map;
}

static void
unmap_state(struct segment *segment)
{
	segment_close(segment);
	segment_unmap(segment->map);
}

/* A word that names the writer: a dead one is followed, a living one is not. */
static void
a_base_whose_writer_died_is_written_by_another(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p), *t = open_shared(p);
	struct told told = { .s = s };
	struct segment segment;
	uint32_t a = find(s, KEY);
	struct layout_account *record = accounts_record(map_state(p, &segment),
	    a);

	record->base_state = 0x10000u | state_owner(t);
	limits_each_new(s, on_new, &told);
	assert_spent(s, a, NOON_S, 0, 0, 0);
	state_close(t);
	limits_each_new(s, on_new, &told);
	assert_int_equal(told.count, 2);
	assert_spent(s, a, NOON_S, 1, 20, 300);
	unmap_state(&segment);
	state_close(s);
}

/* --- room --- */

enum { MANY = 100000 };

static off_t
size_of(struct place *p)
{
	struct stat st;

	assert_int_equal(stat(p->state, &st), 0);
	assert_true(st.st_blocks * 512 >= st.st_size);
	return st.st_size;
}

static void
use_many(struct state *s, unsigned from, unsigned to)
{
	uint32_t a;

	for (unsigned i = from; i < to; i++) {
		a = find(s, key_of(i));
		if (!limits_enter(s, a, 1) ||
		    !limits_take(s, a, LIMITS_REQUESTS, 1, 1, NOON_US, NULL) ||
		    limits_enter(s, a, 1))
			abort();
		spend(s, a, NOON_S, i + 1);
	}
}

static void
assert_many(struct state *s, unsigned to, uint32_t in_flight)
{
	struct limits_spent spent;
	uint32_t a;

	for (unsigned i = 0; i < to; i++) {
		a = find(s, key_of(i));
		limits_read(s, a, NOON_S, &spent);
		if (spent.in_flight != in_flight ||
		    spent.periods[LIMITS_WEEK].tokens != i + 1 ||
		    limits_take(s, a, LIMITS_REQUESTS, 1, 1, NOON_US, NULL))
			abort();
	}
}

static void
a_hundred_thousand_keys_have_room(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p), *t;

	assert_int_equal(size_of(p), layout_bytes(LAYOUT_BASE_CHUNKS));
	use_many(s, 0, 10);
	assert_int_equal(size_of(p), layout_bytes(LAYOUT_BASE_CHUNKS));
	t = open_shared(p);
	use_many(s, 10, MANY / 2);
	use_many(t, MANY / 2, MANY);
	assert_in_range(size_of(p), 2 * layout_bytes(LAYOUT_BASE_CHUNKS),
	    3 * 1000 * 1000 * 10);
	state_refresh(s);
	assert_int_equal(state_generation(s), 0);
	assert_many(s, MANY, 1);
	state_close(s);
	state_close(t);
	s = open_shared(p);
	assert_many(s, MANY, 0);
	state_close(s);
}

static void
private_memory_keeps_limits_too(void **state)
{
	struct place *p = *state;
	struct state *s;
	FILE	*f = fopen(p->state_dir, "w");
	struct told told = { .count = 0 };

	fclose(f);
	s = state_open(p->state_dir);
	assert_true(state_is_private(s));
	use_many(s, 0, 30000);
	assert_many(s, 30000, 1);
	told.s = s;
	limits_each_new(s, on_new, &told);
	assert_int_equal(told.count, 30000);
	assert_spent(s, find(s, key_of(6)), NOON_S, 8, 27, 307);
	state_close(s);
}

static void
more_accounts_than_there_can_be_are_told_once(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	struct segment segment;
	uint32_t a = find(s, KEY);

	map_state(p, &segment)->next_account = LAYOUT_ACCOUNTS - 1;
	listen_to_log(p);
	assert_int_equal(limits_find(s, OTHER), LAYOUT_ACCOUNTS);
	assert_true(limits_enter(s, LAYOUT_ACCOUNTS, 1));
	assert_false(limits_enter(s, LAYOUT_ACCOUNTS, 1));
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(limits_find(s, key_of(i)), 0);
	assert_int_equal(limits_find(s, KEY), a);
	assert_int_equal(count_said(p, "no room"), 1);
	assert_int_equal(count_said(p, ""), 1);
	unmap_state(&segment);
	state_close(s);
}

/* Find, enter and leave until there is no room; of how many keys there was. */
static unsigned
fill(struct state *s)
{
	unsigned n = 0;
	uint32_t a;

	while ((a = limits_find(s, key_of(n))) != 0 && n < MANY) {
		assert_true(limits_enter(s, a, 1));
		limits_leave(s, a);
		n++;
	}
	return n;
}

static void
a_full_disk_is_told_once_and_gone_when_there_is_room(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	struct state *t = open_shared(p);
	struct rlimit before, limit;
	uint32_t a;
	unsigned n;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = layout_bytes(LAYOUT_BASE_CHUNKS) + 5000;
	listen_to_log(p);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	n = fill(s);
	assert_in_range(n, 5000, 16000);
	for (int i = 0; i < 3; i++) {
		state_refresh(s);
		assert_int_equal(limits_find(s, key_of(n + 1)), 0);
	}
	a = find(t, key_of(0));
	for (int i = 0; i < 3; i++)
		assert_true(limits_enter(t, a, 1));	/* uncounted */
	assert_true(limits_enter(s, a, 1));
	assert_false(limits_enter(t, a, 1));
	limits_leave(s, a);
	assert_int_equal(state_generation(s), 0);
	assert_int_equal(count_said(p, "no room for more counts"), 1);
	assert_int_equal(count_said(p, "no room for more keys"), 1);
	assert_int_equal(size_of(p), layout_bytes(LAYOUT_BASE_CHUNKS));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	state_refresh(s);
	state_refresh(t);
	assert_true(limits_enter(t, a, 1));
	assert_false(limits_enter(t, a, 1));
	state_close(t);
	use_many(s, 0, n + 1000);
	assert_int_equal(count_said(p, ""), 2);
	signal(SIGXFSZ, SIG_DFL);
	state_close(s);
}

/* --- other files --- */

static void
another_file_begins_anew(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	uint32_t a = find(s, KEY);

	assert_true(limits_enter(s, a, 1));
	limits_reserve(s, a, &(struct limits_sum){ 5, 5 });
	spend(s, a, NOON_S, 5);
	assert_int_equal(unlink(p->state), 0);
	state_refresh(s);
	assert_int_equal(state_generation(s), 1);
	a = find(s, KEY);
	limits_leave(s, a);
	limits_release(s, a, &(struct limits_sum){ 5, 5 });
	assert_int_equal(read_at(s, a, NOON_S).in_flight, 0);
	assert_int_equal(read_at(s, a, NOON_S).reserved.tokens, 0);
	assert_spent(s, a, NOON_S, 0, 0, 0);
	assert_true(limits_enter(s, a, 1));
	assert_false(limits_enter(s, a, 1));
	state_close(s);
}

static void
a_file_that_is_cut_is_survived_and_left(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);

	for (unsigned i = 0; i < 6; i++) {
		use_many(s, 0, 20000);
		assert_true(size_of(p) >
		    (off_t)layout_bytes(LAYOUT_BASE_CHUNKS));
		assert_int_equal(truncate(p->state, i == 0 ? size_of(p) - 1 :
		    (off_t)layout_bytes(LAYOUT_BASE_CHUNKS) * (5 - i) / 4), 0);
		for (unsigned j = 0; j < 25000; j += 7) {
			uint32_t a = limits_find(s, key_of(j));

			limits_enter(s, a, 1);
			limits_reserve(s, a, &(struct limits_sum){ 5, 5 });
			spend(s, a, NOON_S, 5);
			read_at(s, a, NOON_S);
		}
		state_refresh(s);
		assert_int_equal(state_generation(s), i + 1);
		assert_int_equal(read_at(s, find(s, key_of(7)),
		    NOON_S).in_flight, 0);
	}
	state_close(s);
}

/* Everything there is, on whatever the file holds. */
static void
use_all(struct place *p)
{
	struct state *s = state_open(p->state_dir), *t =
	    state_open(p->state_dir);
	struct told told = { .s = s };
	struct limits_left left;

	for (unsigned i = 0; i < 400; i++) {
		uint32_t a = limits_find(i % 3 == 0 ? t : s, key_of(i % 300));

		if (i % 50 == 0)
			a = (uint32_t)rand() * 2 + i;
		limits_enter(s, a, 1 + i % 3);
		limits_enter(t, a, 1);
		limits_take(s, a, i % 2, i, 10, NOON_US, &left);
		limits_correct(t, a, i % 2, (int)i - 100, 10, NOON_US);
		limits_look(t, a, i % 2, 10, NOON_US, &left);
		limits_reserve(s, a, &(struct limits_sum){ i, i });
		spend(s, a, NOON_S, i);
		read_at(t, a, NOON_S);
		limits_release(s, a, &(struct limits_sum){ i, i });
		limits_leave(s, a);
	}
	limits_each_new(s, on_new, &told);
	state_refresh(s);
	state_close(s);
	state_close(t);
}

static void
scribble(struct place *p, size_t start, size_t end, unsigned count)
{
	int	 fd = open(p->state, O_RDWR);

	assert_true(fd >= 0);
	for (unsigned i = 0; i < count; i++) {
		uint64_t word = (uint64_t)rand() << 33 ^ (uint64_t)rand();
		size_t	 size = 1 + (size_t)rand() % sizeof word,
			 at = start + (size_t)rand() % (end - start - size);

		if (rand() % 2 == 0)
			word = (uint64_t)rand() % 1000;
		if (rand() % 8 == 0)
			word = UINT64_MAX;
		assert_int_equal(pwrite(fd, &word, size, (off_t)at), size);
	}
	close(fd);
}

static void
garbage_anywhere_is_survived(void **state)
{
	struct place *p = *state;
#define REGION(member, count) { offsetof(struct layout, member), \
	    sizeof(((struct layout *)0)->member), count }
	static const struct {
		size_t	 start, size;
		unsigned count;
	} regions[] = {
		{ offsetof(struct layout, next_cell), 64, 10 },
		{ offsetof(struct layout, chunk_owner), 4096, 200 },
		REGION(chunk_owner, 3000),
		REGION(account_places, 30000),
		{ offsetof(struct layout, account_chunks), 400, 30 },
		REGION(account_chunks, 3000),
		{ offsetof(struct layout, chunks), 200 * 2048, 20000 },
	};

	srand(20260504);
	listen_to_log(p);
	use_all(p);
	for (size_t i = 0; i < 4 * sizeof regions / sizeof regions[0]; i++) {
		size_t	 r = i % (sizeof regions / sizeof regions[0]);

		scribble(p, regions[r].start,
		    regions[r].start + regions[r].size, regions[r].count);
		use_all(p);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_key_has_one_account),
		TEST(another_kind_of_id_has_none),
		TEST(concurrency_has_its_limit),
		TEST(reservations_are_seen_by_all_and_released),
		TEST(sums_are_those_of_the_calendar),
		TEST(a_late_request_counts_where_its_time_still_lasts),
		TEST(a_clock_that_was_wrong_is_recovered_from),
		TEST(one_transaction_may_spend_twice),
		TEST(sums_end_at_the_greatest_number),
		TEST(buckets_are_shared),
		TEST(processes_that_come_at_once_have_one_account),
		TEST(a_bucket_gives_what_it_has_to_all_together),
		TEST(concurrency_is_never_exceeded_and_is_reached),
		TEST(nothing_is_overspent),
		TEST(the_killed_hold_nothing_from_that_moment_on),
		TEST(kills_at_any_moment_lose_and_double_nothing),
		TEST(what_was_spent_before_is_set_once_and_counts),
		TEST(a_base_whose_writer_died_is_written_by_another),
		TEST(a_hundred_thousand_keys_have_room),
		TEST(private_memory_keeps_limits_too),
		TEST(more_accounts_than_there_can_be_are_told_once),
		TEST(a_full_disk_is_told_once_and_gone_when_there_is_room),
		TEST(another_file_begins_anew),
		TEST(a_file_that_is_cut_is_survived_and_left),
		TEST(garbage_anywhere_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
