/* state.c - what counting costs, as JSON. With "hammer": is any count lost? */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "store/journal.h"
#include "store/live.h"
#include "store/sessions.h"
#include "store/state.h"

enum { SERIES = 10, CELLS_EACH = 2, ROUNDS = 20000, REPEATS = 15 };
enum { PROCESSES = 8, INCREMENTS = 2000000 };

struct bench {
	char		 dir[64];
	struct state	*state;
	struct live	 live;
	struct journal	 journal;
	char		 texts[SERIES][STATE_TEXT_MAX + 1];
	size_t		 lens[SERIES];
	int32_t		 cells[SERIES];
	char		 id[ID_SIZE];
	char		 line[600];
	size_t		 line_len;
};

static void
run_settle(struct bench *b, struct journal *journal)
{
	uint64_t wall_us = clock_wall_us();

	for (int i = 0; i < ROUNDS; i++) {
		state_begin(b->state);
		for (int j = 0; j < SERIES; j++)
			for (int k = 0; k < CELLS_EACH; k++)
				state_batch_add(b->state, b->cells[j] + k, 1);
		state_commit(b->state, journal, wall_us, b->id, b->line,
		    b->line_len, NULL, 0);
	}
}

static void
settle_counts(struct bench *b)
{
	run_settle(b, NULL);
}

static void
settle_and_write(struct bench *b)
{
	run_settle(b, &b->journal);
}

static void
write_alone(struct bench *b)
{
	uint64_t wall_us = clock_wall_us();

	for (int i = 0; i < ROUNDS; i++)
		journal_append(&b->journal, wall_us, b->line, b->line_len);
}

static void
find_series(struct bench *b)
{
	for (int i = 0; i < ROUNDS; i++)
		if (state_series(b->state, b->texts[i % SERIES],
		    b->lens[i % SERIES], CELLS_EACH, false) < 0)
			abort();
}

static void
add_count(struct bench *b)
{
	for (int i = 0; i < ROUNDS; i++)
		state_add(b->state, b->cells[i % SERIES], 1);
}

/* All that a request adds to its list. */
static void
list_request(struct bench *b)
{
	const struct live_begin begin = { .since_us = 1, .id = b->id,
		.key_id = "2c26b46b68ffc68ff99b453c1d304134",
		.method = "POST", .client_host = "192.0.2.7",
		.path = "/v1/chat/completions" };

	for (int i = 0; i < ROUNDS; i++) {
		struct live_place place = live_begin(&b->live, &begin);

		live_note_target(&b->live, place, true, "llama-3.3-70b",
		    "cloud");
		live_note_phase(&b->live, place, LIVE_ANSWERING);
		live_end(&b->live, place);
	}
}

static void
note_session(struct bench *b)
{
	struct session_note note = { .model = "llama-3.3-70b",
		.channel = "cloud",
		.key_id = "2c26b46b68ffc68ff99b453c1d304134" };

	for (int i = 0; i < ROUNDS; i++) {
		note.caller = (uint64_t)(i % 500 + 1);
		note.now_ms = (uint64_t)i;
		sessions_note(b->state, &note);
	}
}

/* The best of REPEATS, in ns for each round; each with a journal of its own. */
static double
measure(void (*run)(struct bench *), struct bench *b)
{
	uint64_t best = UINT64_MAX, took;

	for (int i = 0; i < REPEATS; i++) {
		journal_close(&b->journal);
		unlink(b->journal.path);
		took = clock_now_us();
		run(b);
		took = clock_now_us() - took;
		best = took < best ? took : best;
	}
	return (double)best * 1000 / ROUNDS;
}

static void
set_up(struct bench *b)
{
	strcpy(b->dir, "/tmp/sluice-bench.XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		abort();
	b->state = state_open(b->dir);
	live_init(&b->live, b->state);
	journal_open(&b->journal, b->dir);
	for (int i = 0; i < SERIES; i++) {
		b->lens[i] = (size_t)snprintf(b->texts[i], sizeof b->texts[i],
		    "gateway_requests_%d_total{method=\"POST\",status=\"200\","
		    "route=\"/v1/chat/completions\"}", i);
		b->cells[i] = state_series(b->state, b->texts[i], b->lens[i],
		    CELLS_EACH, false);
	}
	id_make(b->id);
	b->line_len = (size_t)snprintf(b->line, sizeof b->line,
	    "{\"asctime\":\"2026-05-04 13:37:00.123\",\"request_id\":\"%s\","
	    "\"text\":\"%0400d\"}\n", b->id, 0);
}

static void
tear_down(struct bench *b)
{
	char	 command[128];

	state_close(b->state);
	journal_close(&b->journal);
	snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
	if (system(command) != 0)
		abort();
}

static void
increment(const struct bench *b)
{
	struct state *state = state_open(b->dir);
	int32_t	 cell = state_series(state, "hammer", 6, 1, false);

	for (int i = 0; i < INCREMENTS; i++)
		state_add(state, cell, 1);
	state_close(state);
	_exit(0);
}

static void
read_hammer(void *arg, const char *text, const uint64_t *cells, unsigned count,
    bool is_gauge)
{
	(void)count;
	(void)is_gauge;
	if (strcmp(text, "hammer") == 0)
		*(uint64_t *)arg = cells[0];
}

static int
hammer(struct bench *b)
{
	const uint64_t want = (uint64_t)PROCESSES * INCREMENTS;
	uint64_t start_us = clock_now_us(), got = 0;

	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0)
			increment(b);
	while (wait(NULL) > 0)
		continue;
	state_each(b->state, read_hammer, &got);
	printf("{\"processes\":%d,\"increments\":%llu,\"lost\":%lld,"
	    "\"ns_each\":%.2f}\n", PROCESSES, (unsigned long long)want,
	    (long long)(want - got),
	    (double)(clock_now_us() - start_us) * 1000 / (double)want);
	return got != want;
}

static void
report(struct bench *b)
{
	double	 settle = measure(settle_counts, b),
		 settle_and_append = measure(settle_and_write, b),
		 append = measure(write_alone, b),
		 series = measure(find_series, b), add = measure(add_count, b),
		 live = measure(list_request, b),
		 session = measure(note_session, b);

	printf("{\"settle_ns\":%.0f,\"settle_and_write_ns\":%.0f,"
	    "\"write_ns\":%.0f,\"series_ns\":%.0f,\"add_ns\":%.1f,"
	    "\"live_ns\":%.0f,\"session_ns\":%.0f,"
	    "\"cells\":%d,\"is_private\":%s}\n", settle, settle_and_append,
	    append, series, add, live, session, SERIES * CELLS_EACH,
	    state_is_private(b->state) ? "true" : "false");
}

int
main(int argc, char **argv)
{
	static struct bench b;
	int	 status = 0;

	set_up(&b);
	if (argc > 1 && strcmp(argv[1], "hammer") == 0)
		status = hammer(&b);
	else
		report(&b);
	tear_down(&b);
	return status;
}
