/* Many processes, one state: nothing is lost, and nothing is counted twice. */
#include "config.h"

#include "store/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/id.h"
#include "store/journal.h"
#include "store/journal_find.h"
#include "store/layout.h"
#include "store/ledger.h"
#include "store/segment.h"
#include "tests/unit/store/said.h"

#define NOON_US 1777896000000000ull		/* 2026-05-04 12:00:00 UTC */
#define HOUR_US 3600000000ull

static int
set_up(void **state)
{
	log_open(NULL, LOG_LEVEL_ERROR);
	setenv("TZ", "UTC", 1);
	tzset();
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

/* What state_each tells of one series. */
struct wanted {
	const char	*text;
	unsigned	 times;
	uint64_t	 first;
};

static void
on_each(void *arg, const char *text, const uint64_t *cells, unsigned count,
    bool is_gauge)
{
	struct wanted *w = arg;

	(void)count;
	(void)is_gauge;
	if (strcmp(text, w->text) != 0)
		return;
	w->times++;
	w->first = cells[0];
}

/* The sum of the first cell; the series must be there, once. */
static uint64_t
total(struct state *s, const char *text)
{
	struct wanted w = { .text = text };

	state_each(s, on_each, &w);
	assert_int_equal(w.times, 1);
	return w.first;
}

static int32_t
counter(struct state *s, const char *text)
{
	int32_t	 cell = state_series(s, text, strlen(text), 1, false);

	if (cell < 0)
		abort();
	return cell;
}

static int32_t
gauge(struct state *s, const char *text)
{
	int32_t	 cell = state_series(s, text, strlen(text), 1, true);

	if (cell < 0)
		abort();
	return cell;
}

static struct state *
open_shared(struct place *p)
{
	struct state *s = state_open(p->state_dir);

	if (state_is_private(s))
		abort();
	return s;
}

/* In words[1 + number]: the owner word. */
static void
count_and_stay(struct place *p, unsigned number)
{
	struct state *s = open_shared(p);

	state_add(s, counter(s, "c"), 10);
	state_add(s, gauge(s, "g"), 3);
	atomic_store(&p->words[1 + number], state_owner(s));
	report_and_stay(&p->words[0]);
}

static void
one_process_counts(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	int32_t	 c = counter(s, "c"), g = gauge(s, "g");

	state_add(s, c, 5);
	state_add(s, c, 1);
	state_add(s, g, 1);
	state_add(s, g, -3);
	state_add(s, -1, 7);
	assert_int_equal(state_own(s, c), 6);
	assert_int_equal(state_own(s, -1), 0);
	assert_int_equal(total(s, "c"), 6);
	assert_int_equal((int64_t)total(s, "g"), -2);
	state_close(s);
	s = open_shared(p);
	assert_int_equal(total(s, "c"), 6);
	assert_int_equal(total(s, "g"), 0);
	state_close(s);
	state_close(NULL);
}

static void
the_counts_of_the_killed_stay_and_their_gauges_go(void **state)
{
	struct place *p = *state;
	struct state *s;
	pid_t	 pid = child_start(count_and_stay, p, 0);
	uint16_t first, second;

	until(&p->words[0], 1);
	first = (uint16_t)p->words[1];
	s = open_shared(p);
	assert_int_equal(total(s, "c"), 10);
	assert_int_equal(total(s, "g"), 3);
	assert_true(state_is_alive(s, first));
	child_kill(pid);
	assert_false(state_is_alive(s, first));
	assert_int_equal(total(s, "c"), 10);
	assert_int_equal(total(s, "g"), 0);

	pid = child_start(count_and_stay, p, 0);
	until(&p->words[0], 2);
	second = (uint16_t)p->words[1];
	assert_int_equal(second >> 8, first >> 8);
	assert_int_not_equal(second, first);
	assert_true(state_is_alive(s, second));
	assert_false(state_is_alive(s, first));
	assert_int_equal(total(s, "c"), 20);
	assert_int_equal(total(s, "g"), 3);
	child_kill(pid);
	state_close(s);
}

static void
owners_are_told_apart(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p), *t = open_shared(p);

	assert_int_not_equal(state_owner(s), 0);
	assert_int_not_equal(state_owner(s), state_owner(t));
	assert_true(state_is_alive(s, state_owner(s)));
	assert_true(state_is_alive(s, state_owner(t)));
	assert_false(state_is_alive(s, 0));
	assert_false(state_is_alive(s, 0xFFFF));
	assert_false(state_is_alive(s, state_owner(t) ^ 0x80));
	state_close(t);
	assert_int_equal(state_owner(s) >> 8, 0);
	for (int i = 0; i < 600; i++) {
		t = open_shared(p);
		assert_int_equal(state_owner(t) >> 8, 1);
		assert_int_not_equal(state_owner(t) & 0xFF, 0);
		state_close(t);
	}
	state_close(s);
}

static void
when_all_slots_are_taken_one_works_alone(void **state)
{
	struct place *p = *state;
	struct state *s[LAYOUT_SLOTS], *more;

	for (unsigned i = 0; i < LAYOUT_SLOTS; i++) {
		s[i] = open_shared(p);
		assert_int_equal(state_owner(s[i]) >> 8, i);
	}
	more = state_open(p->state_dir);
	assert_true(state_is_private(more));
	state_add(more, counter(more, "c"), 1);
	assert_int_equal(total(more, "c"), 1);
	state_refresh(more);
	assert_true(state_is_private(more));
	assert_int_equal(state_generation(more), 0);
	state_close(s[77]);
	state_refresh(more);
	assert_false(state_is_private(more));
	assert_int_equal(state_generation(more), 1);
	assert_int_equal(state_owner(more) >> 8, 77);
	s[77] = more;
	for (unsigned i = 0; i < LAYOUT_SLOTS; i++)
		state_close(s[i]);
}

/* True for root too: a file stands where a directory would have to. */
static void
without_a_directory_one_works_alone(void **state)
{
	struct place *p = *state;
	char	 inside[128];
	struct state *s;
	FILE	*f = fopen(p->state_dir, "w");
	const char *dirs[] = { p->state_dir, inside };

	fclose(f);
	snprintf(inside, sizeof inside, "%s/inside", p->state_dir);
	for (int i = 0; i < 2; i++) {
		s = state_open(dirs[i]);
		assert_true(state_is_private(s));
		state_begin(s);
		state_batch_add(s, counter(s, "c"), 4);
		state_commit(s, NULL, NOON_US, "req_a", "}\n", 2, "}\n", 2);
		state_add(s, gauge(s, "g"), 2);
		assert_int_equal(total(s, "c"), 4);
		assert_int_equal(total(s, "g"), 2);
		assert_non_null(state_channel(s, "up"));
		assert_ptr_equal(state_channel(s, "up"),
		    state_channel(s, "up"));
		assert_true(state_is_alive(s, 0x1234));
		assert_true(state_lead(s));
		assert_int_equal(state_sweep(s, p->log), 0);
		state_refresh(s);
		assert_int_equal(state_generation(s), 0);
		state_close(s);
	}
}

enum { HAMMERS = 8, BLOWS = 100000 };

static void
hammer(struct place *p, unsigned number)
{
	struct state *s = open_shared(p);
	int32_t	 cell = counter(s, "hammer");

	(void)number;
	for (int i = 0; i < BLOWS; i++)
		state_add(s, cell, 1);
	state_close(s);
}

static void
no_increment_is_lost(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	pid_t	 pids[HAMMERS];

	for (unsigned i = 0; i < HAMMERS; i++)
		pids[i] = child_start(hammer, p, i);
	for (unsigned i = 0; i < HAMMERS; i++)
		assert_int_equal(child_wait(pids[i]), 0);
	assert_int_equal(total(s, "hammer"), (uint64_t)HAMMERS * BLOWS);
	state_close(s);
}

static void
use_channel(struct place *p, unsigned number)
{
	struct state *s = open_shared(p);
	struct state_channel *c = state_channel(s, "openai/0");

	(void)number;
	for (int i = 0; i < 1000; i++)
		atomic_fetch_add(&c->plain_buckets[STATE_BUCKETS - 1], 1);
	atomic_store(&c->breaker, 42);
	state_close(s);
}

static void
channels_are_shared(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	struct state_channel *c = state_channel(s, "openai/0");
	pid_t	 pids[4];

	assert_int_equal(c->breaker, 0);
	for (unsigned i = 0; i < 4; i++)
		pids[i] = child_start(use_channel, p, i);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(child_wait(pids[i]), 0);
	assert_int_equal(c->breaker, 42);
	assert_int_equal(c->plain_buckets[STATE_BUCKETS - 1], 4000);
	assert_int_equal(state_channel(s, "openai/1")->breaker, 0);
	assert_ptr_equal(state_channel(s, "openai/0"), c);
	state_close(s);
}

static void
the_table_of_channels_has_an_end(void **state)
{
	struct state *s = open_shared(*state);
	char	 name[STATE_CHANNEL_MAX + 2];

	for (int i = 0; i < LAYOUT_CHANNELS - 1; i++) {
		snprintf(name, sizeof name, "channel %d", i);
		assert_non_null(state_channel(s, name));
	}
	memset(name, 'x', sizeof name);
	name[STATE_CHANNEL_MAX + 1] = '\0';
	assert_null(state_channel(s, name));
	name[STATE_CHANNEL_MAX] = '\0';
	assert_non_null(state_channel(s, name));
	assert_null(state_channel(s, "one more"));
	assert_non_null(state_channel(s, "channel 0"));
	state_close(s);
}

/* In words[1] who led at once, in words[2] how many, in words[3] who leads. */
static void
try_to_lead(struct place *p, unsigned number)
{
	struct state *s = open_shared(p);

	if (state_lead(s) && state_lead(s)) {
		atomic_store(&p->words[1], number);
		atomic_fetch_add(&p->words[2], 1);
	}
	atomic_fetch_add(&p->words[0], 1);
	while (!state_lead(s))
		sched_yield();
	atomic_store(&p->words[3], number);
	for (;;)
		pause();
}

static void
one_leads_and_is_followed(void **state)
{
	struct place *p = *state;
	pid_t	 pids[4];
	unsigned leader;

	atomic_store(&p->words[3], 99);
	for (unsigned i = 0; i < 4; i++)
		pids[i] = child_start(try_to_lead, p, i);
	until(&p->words[0], 4);
	assert_int_equal(p->words[2], 1);
	leader = p->words[1];
	alarm(120);
	while (atomic_load(&p->words[3]) != leader)
		sched_yield();
	child_kill(pids[leader]);
	while (atomic_load(&p->words[3]) == leader)
		sched_yield();
	alarm(0);
	assert_in_range(p->words[3], 0, 3);
	for (unsigned i = 0; i < 4; i++)
		if (i != leader)
			child_kill(pids[i]);
}

struct census {
	unsigned	 count, alive, leaders;
	uint32_t	 leader, dead;
};

static void
take_census(void *arg, const struct state_process *process)
{
	struct census *c = arg;

	c->count++;
	c->alive += process->is_alive;
	if (process->leads) {
		c->leaders++;
		c->leader = process->pid;
	}
	if (!process->is_alive)
		c->dead = process->pid;
	assert_true(process->start_wall_us <= clock_wall_us() &&
	    process->start_wall_us + HOUR_US > clock_wall_us());
}

static struct census
census(struct state *s)
{
	struct census c = { .count = 0 };

	state_each_process(s, take_census, &c);
	return c;
}

static void
who_is_there_and_who_leads(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	pid_t	 pid = child_start(count_and_stay, p, 0);
	struct census c;

	until(&p->words[0], 1);
	c = census(s);
	assert_true(c.count == 2 && c.alive == 2 && c.leaders == 0);
	assert_true(state_lead(s));
	c = census(s);
	assert_true(c.leaders == 1 && c.leader == (uint32_t)getpid());
	child_kill(pid);
	c = census(s);
	assert_true(c.count == 2 && c.alive == 1 && c.dead == (uint32_t)pid);
	state_sweep(s, p->log);
	state_resign(s);
	c = census(s);
	assert_true(c.count == 1 && c.alive == 1 && c.leaders == 0);
	state_close(s);
}

static void
one_resigns_and_may_lead_again(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p), *t = open_shared(p);

	state_resign(s);		/* nothing to resign from */
	assert_true(state_lead(s));
	assert_false(state_lead(t));
	state_resign(t);
	assert_false(state_lead(t));
	state_resign(s);
	assert_true(state_lead(t));
	assert_false(state_lead(s));
	state_resign(t);
	assert_true(state_lead(s));
	state_close(t);
	state_close(s);
}

static void
a_deleted_file_is_made_again(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p), *t = open_shared(p);
	struct state_channel *old = state_channel(s, "up");
	int32_t	 c = counter(s, "c");

	state_add(s, c, 5);
	state_refresh(s);
	assert_int_equal(state_generation(s), 0);
	assert_true(state_lead(s));
	assert_int_equal(unlink(p->state), 0);
	state_refresh(s);
	state_refresh(t);
	assert_int_equal(state_generation(s), 1);
	assert_int_equal(state_generation(t), 1);
	state_refresh(s);
	assert_int_equal(state_generation(s), 1);
	assert_false(state_is_private(s));
	atomic_store(&old->breaker, 1);
	assert_int_equal(state_channel(s, "up")->breaker, 0);
	state_add(s, counter(s, "c"), 1);
	state_add(t, counter(t, "c"), 2);
	assert_int_equal(total(s, "c"), 3);
	assert_true(state_lead(t));
	assert_false(state_lead(s));
	state_close(t);
	assert_int_equal(unlink(p->state), 0);
	state_refresh(s);
	assert_int_equal(state_generation(s), 2);
	state_close(s);
}

static void
a_replaced_file_is_attached_but_not_amid_a_transaction(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p), *t;
	char	 away[128];
	int32_t	 c = counter(s, "c");

	snprintf(away, sizeof away, "%s.old", p->state);
	assert_int_equal(rename(p->state, away), 0);
	t = open_shared(p);
	state_add(t, counter(t, "t"), 9);
	state_begin(s);
	state_batch_add(s, c, 1);
	state_refresh(s);
	assert_int_equal(state_generation(s), 0);
	state_commit(s, NULL, NOON_US, "req_a", "}\n", 2, "}\n", 2);
	assert_int_equal(state_own(s, c), 1);
	state_refresh(s);
	assert_int_equal(state_generation(s), 1);
	assert_int_equal(total(s, "t"), 9);
	state_close(s);
	state_close(t);
}

static void
a_file_that_was_cut_is_left_behind(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p), *t;

	state_add(s, counter(s, "c"), 5);
	state_add(s, gauge(s, "g"), 1);
	assert_int_equal(truncate(p->state, 0), 0);
	state_refresh(s);	/* which may not touch what is gone */
	assert_int_equal(state_generation(s), 1);
	assert_false(state_is_private(s));
	state_add(s, counter(s, "c"), 1);
	t = open_shared(p);
	assert_int_equal(total(t, "c"), 1);
	assert_int_equal(truncate(p->state, 4096), 0);
	state_close(t);
	state_close(s);
}

static unsigned
count_descriptors(void)
{
	DIR	*d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Each has a part that can be touched and one that the file may yet grow to. */
static unsigned
count_mappings(const struct place *p)
{
	FILE	*f = fopen("/proc/self/maps", "r");
	char	 line[4096];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL)
		n += strstr(line, p->state) != NULL;
	fclose(f);
	return n;
}

static void
a_thousand_looks_leave_nothing_open(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	unsigned before = count_descriptors();

	be_quiet();
	for (int i = 0; i < 1000; i++) {
		if (i % 10 == 1)
			assert_int_equal(unlink(p->state), 0);
		if (i % 10 == 3)
			assert_int_equal(truncate(p->state, i % 4096), 0);
		if (i % 10 == 5) {
			assert_int_equal(unlink(p->state), 0);
			assert_int_equal(mkdir(p->state, 0700), 0);
		}
		if (i % 10 == 7)
			assert_int_equal(rmdir(p->state), 0);
		state_refresh(s);
		assert_true(state_channel(s, "up") != NULL);
		state_add(s, counter(s, "c"), 1);
	}
	assert_int_equal(state_generation(s), 300);
	assert_int_equal(count_descriptors(), before + 1);	/* the log's */
	assert_int_equal(count_mappings(p), 2 * 2);
	state_close(s);
	assert_int_equal(count_mappings(p), 0);
}

static void
a_file_that_cannot_be_made_anew_is_told_once(void **state)
{
	struct place *p = *state;
	char	 fresh[128];
	struct state *s = open_shared(p);

	state_close(s);
	snprintf(fresh, sizeof fresh, "%s.new", p->state);
	assert_int_equal(mkdir(fresh, 0700), 0);
	assert_int_equal(truncate(p->state, 100), 0);
	listen_to_log(p);
	s = state_open(p->state_dir);
	assert_true(state_is_private(s));
	for (int i = 0; i < 5; i++)
		state_refresh(s);
	assert_int_equal(count_said(p, "nothing is shared"), 1);
	assert_int_equal(count_said(p, ""), 1);
	assert_int_equal(rmdir(fresh), 0);
	state_refresh(s);
	assert_false(state_is_private(s));
	assert_int_equal(count_said(p, "damaged: it is made anew"), 1);
	state_close(s);
}

static void
others_who_make_the_file_are_given_a_second(void **state)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = 0, .l_len = 1 };
	struct place *p = *state;
	struct state *s = open_shared(p);
	char	 path[128];
	int	 fd;

	listen_to_log(p);
	snprintf(path, sizeof path, "%s.lock", p->state);
	fd = open(path, O_RDWR);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	assert_int_equal(unlink(p->state), 0);
	state_refresh(s);
	assert_int_equal(count_said(p, ""), 0);
	for (int i = 0; i < 5; i++)
		state_refresh(s);
	assert_int_equal(count_said(p, "do not let go of state.lock"), 1);
	assert_int_equal(count_said(p, ""), 1);
	assert_int_equal(state_generation(s), 0);
	close(fd);
	state_refresh(s);
	assert_int_equal(state_generation(s), 1);
	state_close(s);
}

/* As long as the real ones; those come in bulk, and a fork would copy them. */
static void
make_id(char id[ID_SIZE])
{
	static unsigned count;

	snprintf(id, ID_SIZE, "req_%08x%016llx%06x", (unsigned)getpid(),
	    (unsigned long long)clock_now_us(), count++ & 0xFFFFFF);
}

/* The transaction of a request, with a line of SIZE bytes or so. */
static void
settle(struct state *s, struct journal *j, uint64_t wall_us, int32_t cell,
    unsigned size)
{
	static char line[3 * STATE_LINE_MAX];
	char	 short_line[256], id[ID_SIZE];
	int	 n, short_n;

	make_id(id);
	short_n = snprintf(short_line, sizeof short_line,
	    "{\"asctime\":\"2026\",\"request_id\":\"%s\"}\n", id);
	n = snprintf(line, sizeof line,
	    "{\"asctime\":\"2026\",\"request_id\":\"%s\",\"body\":\"%0*d\"}\n",
	    id, (int)size, 0);
	state_begin(s);
	state_batch_add(s, cell, 1);
	state_batch_add(s, cell + 1, 2);
	state_batch_add(s, -1, 1);
	state_commit(s, j, wall_us, id, line, (size_t)n, short_line,
	    (size_t)short_n);
}

/* Every line of the journal: how many are whole, and of how many requests. */
struct lines {
	unsigned	 whole, distinct;
	char		(*ids)[ID_SIZE];
};

enum { HOURS = 20, LINES_MAX = 400000 };

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
read_hour(const struct place *p, unsigned hour, struct lines *lines)
{
	char	 path[JOURNAL_PATH_SIZE], *line = NULL;
	size_t	 size = 0, len;
	ssize_t	 n;
	FILE	*f;

	journal_path(p->log, NOON_US + hour * HOUR_US, path);
	f = fopen(path, "r");
	while (f != NULL && (n = getline(&line, &size, f)) > 0) {
		const char *whole = journal_find_whole(line, (size_t)n - 1,
		    &len);

		if (whole == NULL || line[n - 1] != '\n')
			continue;
		assert_in_range(lines->whole, 0, LINES_MAX - 1);
		memcpy(lines->ids[lines->whole++], strstr(whole, "req_"), 34);
	}
	if (f != NULL)
		fclose(f);
	free(line);
}

static struct lines
read_lines(const struct place *p)
{
	struct lines lines = { .ids = calloc(LINES_MAX, ID_SIZE) };

	for (unsigned i = 0; i < HOURS; i++)
		read_hour(p, i, &lines);
	qsort(lines.ids, lines.whole, ID_SIZE, compare_ids);
	for (unsigned i = 0; i < lines.whole; i++)
		lines.distinct += i == 0 ||
		    strcmp(lines.ids[i], lines.ids[i - 1]) != 0;
	free(lines.ids);
	return lines;
}

static void
assert_exact(const struct place *p, struct state *s)
{
	struct lines lines = read_lines(p);

	assert_int_equal(lines.whole, lines.distinct);
	assert_int_equal(total(s, "settled"), lines.whole);
}

static void
a_transaction_writes_and_counts(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	struct journal j;
	int32_t	 cell = state_series(s, "settled", 7, 2, false);

	journal_open(&j, p->log);
	for (int i = 0; i < 10; i++)
		settle(s, &j, NOON_US, cell, i == 5 ? 2 * STATE_LINE_MAX : 100);
	journal_close(&j);
	assert_int_equal(state_own(s, cell), 10);
	assert_int_equal(state_own(s, cell + 1), 20);
	assert_exact(p, s);
	assert_int_equal(state_sweep(s, p->log), 0);
	state_close(s);
}

static void
more_cells_than_a_transaction_takes_are_counted_too(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	int32_t	 cells[STATE_BATCH_MAX + 20];
	char	 text[32];

	for (int i = 0; i < STATE_BATCH_MAX + 20; i++) {
		snprintf(text, sizeof text, "c%d", i);
		cells[i] = counter(s, text);
	}
	state_begin(s);
	for (int i = 0; i < STATE_BATCH_MAX + 20; i++)
		state_batch_add(s, cells[i], 3);
	assert_int_equal(state_own(s, cells[0]), 0);
	state_commit(s, NULL, NOON_US, "req_a", "}\n", 2, "}\n", 2);
	for (int i = 0; i < STATE_BATCH_MAX + 20; i++)
		assert_int_equal(state_own(s, cells[i]), 3);
	state_close(s);
}

/* Dies over a held transaction, a gauge in it. */
static void
die_holding(struct place *p, unsigned number)
{
	struct segment segment;
	struct bank bank;
	struct ledger_batch batch;
	static struct state *s;		/* no leak, says valgrind */
	int32_t	 cell, g;
	const char *line = "{\"asctime\":\"2026\",\"request_id\":\"req_"
	    "0123456789abcdef0123456789abcd\"}\n";

	(void)number;
	s = open_shared(p);
	cell = state_series(s, "settled", 7, 2, false);
	g = gauge(s, "g");
	state_add(s, g, 1);
	state_add(s, cell, 0);
	if (!segment_open(&segment, p->state_dir, SEGMENT_START))
		abort();
	bank_init(&bank, &segment, state_owner(s) >> 8);
	ledger_begin(&batch);
	ledger_add(&batch, (uint32_t)cell, 1);
	ledger_add(&batch, (uint32_t)g, 1);
	ledger_hold(&segment.map->slots[bank.slot].record, &bank, &batch,
	    NOON_US, "req_0123456789abcdef0123456789abcd", line, strlen(line));
	raise(SIGKILL);
}

static void
a_held_slot_is_left_to_the_sweep(void **state)
{
	struct place *p = *state;
	struct state *s, *t;

	child_wait(child_start(die_holding, p, 0));
	s = open_shared(p);
	assert_int_equal(state_owner(s) >> 8, 1);
	assert_int_equal(total(s, "settled"), 0);
	assert_int_equal(state_sweep(s, p->log), 1);
	assert_exact(p, s);
	assert_int_equal(total(s, "settled"), 1);
	assert_int_equal(state_sweep(s, p->log), 0);
	t = open_shared(p);
	assert_int_equal(state_owner(t) >> 8, 0);
	assert_int_equal(total(s, "g"), 0);
	state_close(t);
	state_close(s);
}

static void
a_sweep_clears_gauges_of_the_dead_alone(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	pid_t	 dead = child_start(count_and_stay, p, 0), living;

	until(&p->words[0], 1);
	living = child_start(count_and_stay, p, 1);
	until(&p->words[0], 2);
	child_kill(dead);
	assert_int_equal(state_sweep(s, p->log), 1);
	assert_int_equal(state_sweep(s, p->log), 0);
	assert_int_equal(total(s, "g"), 3);
	assert_int_equal(total(s, "c"), 20);
	child_kill(living);
	assert_int_equal(state_sweep(s, p->log), 1);
	assert_int_equal(total(s, "g"), 0);
	state_close(s);
}

enum { ROUNDS = 200, WRITERS = 2, SETTLED_MAX = 1000 };

/* In words[1 + number]: how many are settled; in words[30]: the hour. */
static void
settle_until_killed(struct place *p, unsigned number)
{
	struct state *s = open_shared(p);
	struct journal j;
	int32_t	 cell = state_series(s, "settled", 7, 2, false);

	journal_open(&j, p->log);
	for (unsigned i = 0; i < SETTLED_MAX; i++) {
		settle(s, &j, NOON_US + p->words[30] * HOUR_US, cell,
		    i % 16 == 0 ? STATE_LINE_MAX : i * 37 % 1500);
		atomic_fetch_add(&p->words[1 + number], 1);
	}
	report_and_stay(&p->words[0]);
}

static void
sweep_until_killed(struct place *p, unsigned number)
{
	struct state *s = open_shared(p);

	(void)number;
	atomic_fetch_add(&p->words[10], 1);
	state_sweep(s, p->log);
	state_close(s);
}

static void
spin(unsigned times)
{
	for (volatile unsigned i = 0; i < times; i++)
		continue;
}

static void
kill_round(struct place *p, unsigned round)
{
	pid_t	 pids[WRITERS], sweeper;

	for (unsigned i = 0; i < WRITERS; i++) {
		atomic_store(&p->words[1 + i], 0);
		pids[i] = child_start(settle_until_killed, p, i);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		until(&p->words[1 + i], 1 + (unsigned)rand() % 15);
		spin((unsigned)rand() % 20000);
		child_kill(pids[i]);
	}
	if (round % 3 != 0)
		return;
	atomic_store(&p->words[10], 0);
	sweeper = child_start(sweep_until_killed, p, 0);
	until(&p->words[10], 1);
	spin((unsigned)rand() % 30000);
	child_kill(sweeper);
}

static void
kills_at_any_moment_lose_and_double_nothing(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	unsigned swept = 0;

	srand(20260504);
	for (unsigned round = 0; round < ROUNDS; round++) {
		atomic_store(&p->words[30], round * HOURS / ROUNDS);
		kill_round(p, round);
		swept += state_sweep(s, p->log);
		if (round % 50 == 0)
			assert_exact(p, s);
	}
	assert_exact(p, s);
	assert_true(total(s, "settled") >= ROUNDS * WRITERS);
	assert_true(swept >= ROUNDS);
	state_close(s);
}

static void *
sweep_often(void *arg)
{
	struct place *p = ((void **)arg)[0];
	struct state *s = ((void **)arg)[1];

	while (atomic_load(&p->words[20]) == 0) {
		state_sweep(s, p->log);
		atomic_fetch_add(&p->words[21], 1);
	}
	return NULL;
}

/* The sweep of the thread pool, while the loop goes on settling. */
static void
a_sweep_disturbs_nobody(void **state)
{
	struct place *p = *state;
	struct state *s = open_shared(p);
	struct journal j;
	int32_t	 cell = state_series(s, "settled", 7, 2, false);
	void	*both[2] = { p, s };
	pthread_t thread;

	journal_open(&j, p->log);
	assert_int_equal(pthread_create(&thread, NULL, sweep_often, both), 0);
	for (unsigned round = 0; round < 20; round++) {
		pid_t	 pid = child_start(settle_until_killed, p, 0);

		until(&p->words[1], 20 * (round + 1));
		for (int i = 0; i < 50; i++) {
			settle(s, &j, NOON_US, cell, 100);
			state_refresh(s);
		}
		child_kill(pid);
	}
	until(&p->words[21], 2);
	atomic_store(&p->words[20], 1);
	pthread_join(thread, NULL);
	state_sweep(s, p->log);
	journal_close(&j);
	assert_int_equal(state_generation(s), 0);
	assert_int_equal(state_own(s, cell), 20 * 50);
	assert_exact(p, s);
	state_close(s);
}

/* Everything there is, on whatever the file holds. */
static void
use_all(struct place *p)
{
	struct state *s = state_open(p->state_dir);
	struct wanted w = { .text = "c" };
	struct journal j;
	char	 text[32];

	journal_open(&j, p->log);
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof text, "text %d", i);
		state_add(s, state_series(s, text, strlen(text),
		    1 + (unsigned)i % 32, i % 2 != 0), 1);
		if (state_channel(s, text) != NULL)
			atomic_fetch_add(&state_channel(s, text)->total, 1);
	}
	settle(s, &j, NOON_US, state_series(s, "settled", 7, 2, false), 100);
	state_each(s, on_each, &w);
	state_sweep(s, p->log);
	for (unsigned i = 0; i < 0x10000; i += 97)
		state_is_alive(s, (uint16_t)i);
	assert_true(state_is_alive(s, state_owner(s)));
	state_lead(s);
	state_refresh(s);
	journal_close(&j);
	state_close(s);
}

static void
scribble(const struct place *p, size_t start, size_t end, unsigned count)
{
	int	 fd = open(p->state, O_RDWR);
	char	*map = mmap(NULL, layout_bytes(LAYOUT_BASE_CHUNKS), PROT_WRITE,
	    MAP_SHARED, fd, 0);

	assert_ptr_not_equal(map, MAP_FAILED);
	for (unsigned i = 0; i < count; i++) {
		uint64_t word = (uint64_t)rand() << 33 ^ (uint64_t)rand();
		size_t	 size = 1 + (size_t)rand() % sizeof word,
			 at = start + (size_t)rand() % (end - start);

		if (rand() % 4 == 0)
			word = rand() % 2 != 0 ? 1 : UINT64_MAX;
		memcpy(map + at, &word, at + size > end ? end - at : size);
	}
	munmap(map, layout_bytes(LAYOUT_BASE_CHUNKS));
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
		REGION(head, 1),
		REGION(next_cell, 2),
		REGION(next_account, 2),
		REGION(more_chunks, 1),
		REGION(chunk_owner, 3000),
		REGION(series_hash, 5000),
		REGION(channel_hash, 3000),
		REGION(series, 60000),
		REGION(channels, 20000),
		REGION(slots, 100000),
		REGION(account_places, 5000),
		REGION(account_chunks, 5000),
		{ offsetof(struct layout, chunks),
		    LAYOUT_BASE_CHUNKS * sizeof(union layout_chunk), 20000 },
	};

	srand(20260504);
	be_quiet();
	use_all(p);
	for (size_t i = 0; i < 5 * sizeof regions / sizeof regions[0]; i++) {
		size_t	 r = i % (sizeof regions / sizeof regions[0]);

		scribble(p, regions[r].start,
		    regions[r].start + regions[r].size, regions[r].count);
		use_all(p);
	}
}

/* The records, with states and lengths that are nearly right. */
static void
garbage_in_records_is_survived(void **state)
{
	struct place *p = *state;
	struct segment segment;

	srand(20260504);
	be_quiet();
	use_all(p);
	for (int round = 0; round < 10; round++) {
		scribble(p, offsetof(struct layout, slots),
		    offsetof(struct layout, chunks), 30000);
		assert_true(segment_open(&segment, p->state_dir,
		    SEGMENT_START));
		for (unsigned i = 0; i < LAYOUT_SLOTS; i++) {
			struct layout_record *r = &segment.map->slots[i].record;

			r->state = rand() % 2 != 0 ? LEDGER_HELD :
			    LEDGER_WRITTEN;
			r->redo_count = (uint32_t)rand() % 170;
			r->line_len = (uint32_t)rand() % 9000;
			if (r->line_len >= 2 && r->line_len <= STATE_LINE_MAX &&
			    rand() % 2 != 0) {
				memset(r->line, 'x', sizeof r->line);
				memcpy(r->line + r->line_len - 2, "}\n", 2);
				memcpy(r->id, "id", 3);
			}
		}
		segment_close(&segment);
		segment_unmap(segment.map);
		use_all(p);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(one_process_counts),
		TEST(the_counts_of_the_killed_stay_and_their_gauges_go),
		TEST(owners_are_told_apart),
		TEST(when_all_slots_are_taken_one_works_alone),
		TEST(without_a_directory_one_works_alone),
		TEST(no_increment_is_lost),
		TEST(channels_are_shared),
		TEST(the_table_of_channels_has_an_end),
		TEST(one_leads_and_is_followed),
		TEST(who_is_there_and_who_leads),
		TEST(one_resigns_and_may_lead_again),
		TEST(a_deleted_file_is_made_again),
		TEST(a_replaced_file_is_attached_but_not_amid_a_transaction),
		TEST(a_file_that_was_cut_is_left_behind),
		TEST(a_thousand_looks_leave_nothing_open),
		TEST(a_file_that_cannot_be_made_anew_is_told_once),
		TEST(others_who_make_the_file_are_given_a_second),
		TEST(a_transaction_writes_and_counts),
		TEST(more_cells_than_a_transaction_takes_are_counted_too),
		TEST(a_held_slot_is_left_to_the_sweep),
		TEST(a_sweep_clears_gauges_of_the_dead_alone),
		TEST(kills_at_any_moment_lose_and_double_nothing),
		TEST(a_sweep_disturbs_nobody),
		TEST(garbage_anywhere_is_survived),
		TEST(garbage_in_records_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
