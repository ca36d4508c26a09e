/* What is being served: listed, told of all processes, and gone with them. */
#include "config.h"

#include "store/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/log.h"
#include "store/layout.h"
#include "tests/unit/store/children.h"

enum { WORD_READY, WORD_ROUNDS };

struct fixture {
	struct place	*place;
	struct state	*state, *other;
	struct live	 live, others;
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
	live_init(&x->live, x->state);
	live_init(&x->others, x->other);
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
tell(void *arg, uint32_t pid, enum live_phase phase,
    const struct live_request *r)
{
	struct fixture *x = arg;
	size_t	 n = strlen(x->told);

	(void)pid;
	x->count++;
	snprintf(x->told + n, sizeof x->told - n, "%s:%s:%s:%s:%s:%d ", r->id,
	    live_phase_names[phase], r->key_id, r->model, r->provider,
	    r->stream);
}

/* As the other process sees it. */
static const char *
listed(struct fixture *x, uint64_t *unlisted)
{
	uint64_t more;

	x->told[0] = '\0';
	x->count = 0;
	more = live_each(x->other, tell, x);
	if (unlisted != NULL)
		*unlisted = more;
	else
		assert_int_equal(more, 0);
	return x->told;
}

static struct live_place
begin(struct live *l, const char *id)
{
	const struct live_begin b = { .since_us = 5, .id = id, .key_id = "k",
		.method = "POST", .client_host = "192.0.2.1", .path = "/v1/x" };

	return live_begin(l, &b);
}

static void
a_request_from_its_beginning_to_its_end(void **state)
{
	struct fixture *x = *state;
	struct live_place place = begin(&x->live, "r1");

	assert_string_equal(listed(x, NULL), "r1:intake:k:::0 ");
	live_note_target(&x->live, place, true, "m", "up");
	assert_string_equal(listed(x, NULL), "r1:waiting:k:m:up:1 ");
	live_note_phase(&x->live, place, LIVE_ANSWERING);
	assert_string_equal(listed(x, NULL), "r1:answering:k:m:up:1 ");
	live_note_target(&x->live, place, false, NULL, "other");
	assert_string_equal(listed(x, NULL), "r1:waiting:k::other:0 ");
	live_end(&x->live, place);
	assert_string_equal(listed(x, NULL), "");
}

static void
all_processes_are_told(void **state)
{
	struct fixture *x = *state;
	struct live_place a = begin(&x->live, "a"), b = begin(&x->others, "b"),
		    c = begin(&x->live, "c");

	assert_string_equal(listed(x, NULL),
	    "a:intake:k:::0 c:intake:k:::0 b:intake:k:::0 ");
	live_end(&x->live, a);
	live_end(&x->others, b);
	assert_string_equal(listed(x, NULL), "c:intake:k:::0 ");
	live_end(&x->live, c);
}

static void
more_than_there_are_places_are_counted(void **state)
{
	struct fixture *x = *state;
	struct live_place places[LIVE_MAX + 3];
	uint64_t unlisted;

	for (unsigned i = 0; i < LIVE_MAX + 3; i++)
		places[i] = begin(&x->live, "r");
	listed(x, &unlisted);
	assert_int_equal(x->count, LIVE_MAX);
	assert_int_equal(unlisted, 3);
	live_note_target(&x->live, places[LIVE_MAX], true, "m", "up");
	live_note_phase(&x->live, places[LIVE_MAX], LIVE_ANSWERING);
	live_end(&x->live, places[LIVE_MAX + 1]);
	live_end(&x->live, places[0]);
	assert_int_equal(begin(&x->live, "late").index, 0);
	assert_non_null(strstr(listed(x, &unlisted), "late:"));
	assert_int_equal(unlisted, 2);
}

static void
nowhere_is_no_place(void **state)
{
	struct fixture *x = *state;

	live_note_target(&x->live, live_nowhere, true, "m", "up");
	live_note_phase(&x->live, live_nowhere, LIVE_ANSWERING);
	live_end(&x->live, live_nowhere);
	assert_string_equal(listed(x, NULL), "");
}

static void
long_texts_are_cut(void **state)
{
	struct fixture *x = *state;
	char	 text[1000];
	struct live_place place;

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	place = begin(&x->live, text);
	live_note_target(&x->live, place, false, text, text);
	listed(x, NULL);
	assert_int_equal(strlen(x->told), (ID_SIZE - 1) + strlen(":waiting:k:") +
	    63 + 1 + 47 + strlen(":0 "));
}

static void
die_with_requests(struct place *p, unsigned number)
{
	struct live l;

	(void)number;
	live_init(&l, state_open(p->state_dir));
	for (unsigned i = 0; i < LIVE_MAX + 1; i++)
		begin(&l, "dead");
	report_and_stay(&p->words[WORD_READY]);
}

/* Neither are they told, nor does the slot's next owner inherit them. */
static void
the_dead_serve_nobody(void **state)
{
	struct fixture *x = *state;
	pid_t	 pid = child_start(die_with_requests, x->place, 0);
	struct state *next;
	struct live l;
	uint64_t unlisted;

	until(&x->place->words[WORD_READY], 1);
	listed(x, &unlisted);
	assert_int_equal(x->count, LIVE_MAX);
	assert_int_equal(unlisted, 1);
	child_kill(pid);
	assert_string_equal(listed(x, NULL), "");
	next = state_open(x->place->state_dir);
	live_init(&l, next);
	assert_string_equal(listed(x, NULL), "");
	begin(&l, "next");
	assert_string_equal(listed(x, NULL), "next:intake:k:::0 ");
	state_close(next);
	assert_string_equal(listed(x, NULL), "");
}

static void
another_file_has_none_of_them(void **state)
{
	struct fixture *x = *state;
	struct live_place old = begin(&x->live, "old"), fresh;

	unlink(x->place->state);
	state_refresh(x->state);
	state_refresh(x->other);
	assert_string_equal(listed(x, NULL), "");
	fresh = begin(&x->live, "new");
	assert_int_equal(fresh.index, old.index);
	live_note_target(&x->live, old, true, "m", "up");
	live_end(&x->live, old);
	assert_string_equal(listed(x, NULL), "new:intake:k:::0 ");
	live_end(&x->live, fresh);
	assert_string_equal(listed(x, NULL), "");
}

/* Who reads never sees a half of one and a half of another. */
static void
write_for_ever(struct place *p, unsigned number)
{
	struct live l;

	(void)number;
	live_init(&l, state_open(p->state_dir));
	for (unsigned i = 0; ; i++) {
		const char *text = i % 2 == 0 ? "even" : "odd";
		struct live_place place = begin(&l, text);

		live_note_target(&l, place, i % 2, text, text);
		live_end(&l, place);
		atomic_store(&p->words[WORD_ROUNDS], i);
	}
}

static void
expect_one_text(void *arg, uint32_t pid, enum live_phase phase,
    const struct live_request *r)
{
	(void)pid;
	++*(unsigned *)arg;
	if (phase == LIVE_INTAKE && r->model[0] == '\0')
		return;
	assert_string_equal(r->model, r->id);
	assert_string_equal(r->provider, r->id);
	assert_int_equal(r->stream, strcmp(r->id, "odd") == 0);
}

static void
readers_see_no_halves(void **state)
{
	struct fixture *x = *state;
	pid_t	 pid = child_start(write_for_ever, x->place, 0);
	unsigned seen = 0;

	until(&x->place->words[WORD_ROUNDS], 10);
	alarm(120);
	while (seen < 2000)
		live_each(x->state, expect_one_text, &seen);
	alarm(0);
	child_kill(pid);
}

static void
any_bytes_do_no_harm(void **state)
{
	struct fixture *x = *state;
	struct layout *map = state_map(x->state);
	uint32_t epoch = map->slots[state_slot(x->state)].epoch;
	struct layout_lives *lives = &map->lives[state_slot(x->state)];
	struct live_place place;
	uint64_t unlisted;

	memset(map->lives, 0xFE, sizeof map->lives);
	listed(x, &unlisted);
	for (unsigned i = 0; i < LIVE_MAX; i++)
		lives->places[i].request.epoch = epoch;
	listed(x, &unlisted);
	assert_int_equal(x->count, LIVE_MAX);
	memset(map->lives, 0xFF, sizeof map->lives);
	place = begin(&x->live, "good");
	assert_non_null(strstr(listed(x, &unlisted), "good:intake"));
	live_end(&x->live, place);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_request_from_its_beginning_to_its_end),
		TEST(all_processes_are_told),
		TEST(more_than_there_are_places_are_counted),
		TEST(nowhere_is_no_place),
		TEST(long_texts_are_cut),
		TEST(the_dead_serve_nobody),
		TEST(another_file_has_none_of_them),
		TEST(readers_see_no_halves),
		TEST(any_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
