/* Which targets serve a model at a path, in which order, and who gets what share. */
#include "config.h"

#include "gateway/plan.h"

#include "tests/unit/conf/dir.h"

enum { KEYS = 20000 };

static const uint64_t now = UINT64_C(1800000000000);	/* ms: in 2027 */

struct fixture {
	struct dir	*dir;
	struct state	*state;
	struct snapshot	*snapshot;
	struct plan	 plan;
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	dir_setup((void **)&x->dir);
	dir_write(x->dir, "sluice.conf", "");
	x->state = state_open(x->dir->path);
	*state = x;
	return state_is_private(x->state) ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	snapshot_unref(x->snapshot);
	state_close(x->state);
	dir_teardown((void **)&x->dir);
	free(x);
	return 0;
}

static void
provider(struct fixture *x, const char *file, const char *text)
{
	char	 name[64], whole[2048];

	snprintf(name, sizeof name, "providers.d/%s.conf", file);
	snprintf(whole, sizeof whole, "base_url = \"http://%s/v1\";\n%s", file,
	    text);
	dir_write(x->dir, name, whole);
}

static void
load(struct fixture *x)
{
	snapshot_unref(x->snapshot);
	x->snapshot = snapshot_create(dir_load_good(x->dir), NULL, NULL);
	snapshot_refresh(x->snapshot, x->state, now);
}

/* Ten providers, p0 to p9, with one model. */
static void
load_ten(struct fixture *x)
{
	char	 name[16];

	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "p%d", i);
		provider(x, name, "models = ( { name = \"m\"; } );");
	}
	load(x);
}

static struct channel *
channel(struct fixture *x, const char *name)
{
	for (size_t i = 0; i < x->snapshot->channel_count; i++)
		if (strcmp(x->snapshot->channels[i].name, name) == 0)
			return &x->snapshot->channels[i];
	fail_msg("no channel %s", name);
	return NULL;
}

/* Its breaker opens, for 30 s. */
static void
put_out(struct fixture *x, const char *name)
{
	const struct channel_end end = { .verdict = CHANNEL_FAILED,
		.retry_after_ms = -1 };

	for (int i = 0; i < 3; i++)
		channel_leave(channel(x, name), x->state, x->snapshot->conf,
		    now, &end);
	assert_true(channel_is_out(channel(x, name), now));
}

static uint64_t
key_of(unsigned caller)
{
	char	 text[32];

	return channel_hash(text, (size_t)sprintf(text, "caller %u", caller));
}

static enum err
make(struct fixture *x, const char *model, const char *path, bool is_sticky,
    unsigned caller)
{
	const struct plan_query q = { .model = model, .api_path = path,
		.key = key_of(caller), .is_sticky = is_sticky, .now_ms = now };

	return plan_make(&x->plan, x->snapshot, &q);
}

static const char *
step_name(const struct fixture *x, size_t i)
{
	return x->plan.steps[i].target->provider->name;
}

/* "provider:model provider:model"; OUT is of 256 bytes. */
static const char *
describe(const struct fixture *x, char *out)
{
	size_t	 len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < x->plan.count; i++)
		len += (size_t)snprintf(out + len, 256 - len, "%s%s:%s",
		    i > 0 ? " " : "", step_name(x, i), x->plan.steps[i].model);
	return out;
}

static const char *
plan(struct fixture *x, const char *model, const char *path)
{
	static char text[256];

	return make(x, model, path, true, 1) == ERR_NONE ?
	    describe(x, text) : "none";
}

/* ---- What serves a path. ---- */

static void
load_paths(struct fixture *x)
{
	provider(x, "a", "models = ( { name = \"some\"; "
	    "target = \"a-some\"; paths = [ \"embeddings\", \"rerank\" ]; } );");
	provider(x, "b", "priority = 1; models = ( { name = \"some\"; "
	    "endpoints = ( { path = \"embeddings\"; target = \"b-embed\"; }, "
	    "{ path = \"chat/completions\"; } ); } );");
	provider(x, "c", "prefix = \"any-\"; models = ( { name = \"*\"; } );");
	load(x);
}

static void
paths_and_endpoints_choose(void **state)
{
	load_paths(*state);
	assert_string_equal(plan(*state, "some", "embeddings"),
	    "a:a-some b:b-embed");
	assert_string_equal(plan(*state, "some", "rerank"), "a:a-some");
	assert_string_equal(plan(*state, "some", "chat/completions"),
	    "b:some");
	assert_string_equal(plan(*state, "default/some", "rerank"), "a:a-some");
}

static void
paths_are_whole_paths(void **state)
{
	struct fixture *x = *state;
	static const char *const paths[] = {
		"", "embedding", "embeddings/", "embeddings/x", "/embeddings",
		"Embeddings", "completions", "chat", "responses",
	};

	load_paths(x);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		assert_int_equal(make(x, "some", paths[i], i % 2, 1),
		    ERR_MODEL_NOT_FOUND);
	assert_int_equal(x->plan.count, 0);
}

static void
a_wildcard_passes_the_rest_on(void **state)
{
	struct fixture *x = *state;

	load_paths(x);
	assert_string_equal(plan(x, "any-thing/else", "embeddings"),
	    "c:thing/else");
	assert_false(x->plan.is_exact);
	assert_string_equal(plan(x, "any-", "embeddings"), "none");
	assert_string_equal(plan(x, "some", "rerank"), "a:a-some");
	assert_true(x->plan.is_exact);
}

static void
unknown_models_are_not_found(void **state)
{
	struct fixture *x = *state;

	load_paths(x);
	assert_int_equal(make(x, "nothing", "embeddings", true, 1),
	    ERR_MODEL_NOT_FOUND);
	assert_int_equal(make(x, "", "embeddings", false, 1),
	    ERR_MODEL_NOT_FOUND);
	assert_int_equal(x->plan.count, 0);
	assert_false(plan_has_more(&x->plan));
	assert_null(plan_take(&x->plan, x->state, now));
}

static void
azure_has_a_deployment(void **state)
{
	struct fixture *x = *state;

	provider(x, "a", "kind = \"azure\"; "
	    "api_version = \"2024-10-21\"; models = ( { name = \"own\"; "
	    "deployment = \"d\"; }, { name = \"m\"; target = \"t\"; }, "
	    "{ name = \"*\"; } );");
	provider(x, "b", "models = ( { name = \"plain\"; } );");
	load(x);
	assert_string_equal(plan(x, "own", "p"), "a:own");
	assert_string_equal(x->plan.steps[0].deployment, "d");
	assert_string_equal(plan(x, "m", "p"), "a:t");
	assert_string_equal(x->plan.steps[0].deployment, "t");
	assert_string_equal(plan(x, "other", "p"), "a:other");
	assert_string_equal(x->plan.steps[0].deployment, "other");
	assert_string_equal(plan(x, "plain", "p"), "b:plain");
	assert_null(x->plan.steps[0].deployment);
}

/* ---- The order. ---- */

static void
lower_priorities_come_first(void **state)
{
	struct fixture *x = *state;

	provider(x, "a", "priority = 7; models = ( { name = \"m\"; } );");
	provider(x, "b", "priority = 1; models = ( { name = \"m\"; } );");
	provider(x, "c", "weight = 1000; priority = 1000000; "
	    "models = ( { name = \"m\"; } );");
	provider(x, "d", "models = ( { name = \"m\"; } );");
	load(x);
	for (unsigned i = 0; i < 200; i++) {
		char text[256];

		assert_int_equal(make(x, "m", "p", i % 2, i), ERR_NONE);
		assert_string_equal(describe(x, text), "d:m b:m a:m c:m");
	}
}

static void
a_plan_has_six_different_steps(void **state)
{
	struct fixture *x = *state;

	load_ten(x);
	for (unsigned i = 0; i < 500; i++) {
		assert_int_equal(make(x, "m", "p", i % 2, i), ERR_NONE);
		assert_int_equal(x->plan.count, PLAN_STEPS_MAX);
		for (size_t j = 0; j < x->plan.count; j++)
			for (size_t k = 0; k < j; k++)
				assert_ptr_not_equal(x->plan.steps[j].target,
				    x->plan.steps[k].target);
	}
}

/* Machines have the same providers, but not always in files of the same names. */
static void
a_caller_finds_the_same_order_everywhere(void **state)
{
	struct fixture *x = *state, *other;
	char	 file[16], text[96], one[256], two[256];

	load_ten(x);
	set_up((void **)&other);
	for (int i = 0; i < 10; i++) {
		snprintf(file, sizeof file, "f%d", i * 7 % 10);
		snprintf(text, sizeof text, "name = \"p%d\"; "
		    "models = ( { name = \"m\"; } );", i);
		provider(other, file, text);
	}
	load(other);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(make(x, "m", "p", true, i), ERR_NONE);
		assert_int_equal(make(other, "m", "p", true, i), ERR_NONE);
		assert_string_equal(describe(x, one), describe(other, two));
		assert_int_equal(make(x, "m", "p", true, i), ERR_NONE);
		assert_string_equal(describe(x, one), two);
	}
	tear_down((void **)&other);
}

/* Rendezvous hashing: the others' callers stay, and one's own go to their second. */
static void
a_channel_that_goes_moves_only_its_callers(void **state)
{
	struct fixture *x = *state;
	static char firsts[KEYS][8], seconds[KEYS][8];
	unsigned moved = 0;

	load_ten(x);
	for (unsigned i = 0; i < KEYS; i++) {
		assert_int_equal(make(x, "m", "p", true, i), ERR_NONE);
		strcpy(firsts[i], step_name(x, 0));
		strcpy(seconds[i], step_name(x, 1));
	}
	assert_int_equal(remove(dir_path(x->dir, "providers.d/p3.conf")), 0);
	load(x);
	for (unsigned i = 0; i < KEYS; i++) {
		bool	 moves = strcmp(firsts[i], "p3") == 0;

		assert_int_equal(make(x, "m", "p", true, i), ERR_NONE);
		assert_string_equal(step_name(x, 0), moves ? seconds[i] :
		    firsts[i]);
		moved += moves;
	}
	assert_in_range(moved, KEYS / 10 * 9 / 10, KEYS / 10 * 11 / 10);
}

static void
a_caller_keeps_its_channel_for_other_models(void **state)
{
	struct fixture *x = *state;
	char	 first[16];

	provider(x, "a", "models = ( { name = \"m\"; }, { name = \"n\"; } );");
	provider(x, "b", "models = ( { name = \"m\"; }, { name = \"n\"; } );");
	load(x);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(make(x, "m", "p", true, i), ERR_NONE);
		strcpy(first, step_name(x, 0));
		assert_int_equal(make(x, "n", "p", true, i), ERR_NONE);
		assert_string_equal(step_name(x, 0), first);
	}
}

/* 400 channels, of which each half serves a model of its own as well. */
static void
load_many(struct fixture *x)
{
	char	 name[16], text[128];

	for (int i = 0; i < 400; i++) {
		snprintf(name, sizeof name, "p%d", i);
		snprintf(text, sizeof text, "weight = %d; models = ( "
		    "{ name = \"m\"; }, { name = \"half%d\"; } );",
		    1 + i % 7, i % 2);
		provider(x, name, text);
	}
	load(x);
}

/* Those of M that serve HALF, too, are the best of HALF, in its order. */
static size_t
count_of_half(struct fixture *x, const struct plan *m, int half, bool is_sticky,
    unsigned caller)
{
	size_t	 count = 0;

	assert_int_equal(make(x, half == 0 ? "half0" : "half1", "p", is_sticky,
	    caller), ERR_NONE);
	for (size_t i = 0; i < m->count; i++)
		if (atoi(m->steps[i].target->provider->name + 1) % 2 == half)
			assert_ptr_equal(m->steps[i].target->channel,
			    x->plan.steps[count++].target->channel);
	return count;
}

static void
expect_best_of_halves(struct fixture *x)
{
	struct plan m;

	for (unsigned i = 0; i < 600; i++) {
		assert_int_equal(make(x, "m", "p", i % 2, i), ERR_NONE);
		m = x->plan;
		assert_int_equal(m.count, PLAN_STEPS_MAX);
		assert_int_equal(count_of_half(x, &m, 0, i % 2, i) +
		    count_of_half(x, &m, 1, i % 2, i), PLAN_STEPS_MAX);
	}
}

/* Whatever is taken to be hopeless among many, and however many are out. */
static void
many_channels_are_ordered_like_few(void **state)
{
	struct fixture *x = *state;
	char	 name[16];

	load_many(x);
	expect_best_of_halves(x);
	for (int i = 0; i < 400; i++) {
		snprintf(name, sizeof name, "p%d", i);
		if (i % 8 != 2 && i % 8 != 5)
			put_out(x, name);
	}
	expect_best_of_halves(x);
	for (int i = 0; i < 400; i++) {
		snprintf(name, sizeof name, "p%d", i);
		if (i % 8 == 2 || i % 8 == 5)
			put_out(x, name);
	}
	expect_best_of_halves(x);
}

/* ---- Shares. ---- */

/* How many of KEYS callers come to a step that NAME serves. */
static unsigned
share(struct fixture *x, bool is_sticky, const char *name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < KEYS; i++) {
		assert_int_equal(make(x, "m", "p", is_sticky, i), ERR_NONE);
		count += strcmp(step_name(x, 0), name) == 0;
	}
	return count;
}

/* PART of WHOLE, to 4 percent of it or 1 percent of all callers. */
static void
expect_share(struct fixture *x, bool is_sticky, const char *name, double part,
    double whole)
{
	double	 got = share(x, is_sticky, name), want = KEYS * part / whole;
	double	 slack = want * 0.04 > KEYS * 0.01 ? want * 0.04 : KEYS * 0.01;

	if (got < want - slack || got > want + slack)
		fail_msg("%s has %g of %d callers, not %g", name, got, KEYS,
		    want);
}

static void
shares_are_as_the_weights(void **state)
{
	struct fixture *x = *state;

	provider(x, "a", "models = ( { name = \"m\"; } );");	/* 10 x 10 */
	provider(x, "b", "weight = 30; models = ( { name = \"m\"; } );");
	provider(x, "c", "weight = 20; models = ( { name = \"m\"; "
	    "weight = 20; } );");
	provider(x, "d", "models = ( { name = \"m\"; weight = 2; } );");
	load(x);
	for (int sticky = 0; sticky < 2; sticky++) {
		expect_share(x, sticky, "a", 100, 820);
		expect_share(x, sticky, "b", 300, 820);
		expect_share(x, sticky, "c", 400, 820);
		expect_share(x, sticky, "d", 20, 820);
	}
}

static void
the_largest_weights_are_weights(void **state)
{
	struct fixture *x = *state;

	provider(x, "a", "weight = 65536; models = ( { name = \"m\"; "
	    "weight = 65536; } );");
	provider(x, "b", "weight = 131072; models = ( { name = \"m\"; "
	    "weight = 65536; } );");
	load(x);
	expect_share(x, true, "a", 1, 3);
	expect_share(x, false, "b", 2, 3);
	provider(x, "c", "weight = 1000000; models = ( { name = \"m\"; "
	    "weight = 1000000; } );");
	provider(x, "d", "weight = 1; models = ( { name = \"m\"; "
	    "weight = 1; } );");
	load(x);
	expect_share(x, true, "c", 1, 1.013);
	assert_string_equal(step_name(x, x->plan.count - 1), "d");
}

static void
teach(struct fixture *x, const char *name, enum channel_verdict verdict,
    uint64_t first_token_ms)
{
	const struct channel_end end = { .verdict = verdict, .total_ms = 900000,
		.first_token_ms = first_token_ms, .retry_after_ms = -1 };

	channel_leave(channel(x, name), x->state, x->snapshot->conf, now, &end);
}

/* P38: weight x 1 / (1 + latency) x max(0.1, 1 - error rate). */
static void
what_is_not_sticky_goes_by_the_score(void **state)
{
	struct fixture *x = *state;

	provider(x, "a", "models = ( { name = \"m\"; } );");
	provider(x, "b", "models = ( { name = \"m\"; } );");
	provider(x, "c", "weight = 20; models = ( { name = \"m\"; } );");
	load(x);
	teach(x, "b", CHANNEL_WELL, 1000);
	teach(x, "c", CHANNEL_WELL, 3000);
	teach(x, "c", CHANNEL_FAILED, 0);
	snapshot_refresh(x->snapshot, x->state, now + 1000);
	expect_share(x, false, "a", 100, 175);
	expect_share(x, false, "b", 50, 175);
	expect_share(x, false, "c", 25, 175);
	expect_share(x, true, "a", 1, 4);
	expect_share(x, true, "c", 2, 4);
}

/* ---- Channels that are out. ---- */

static void
channels_that_are_out_go_last(void **state)
{
	struct fixture *x = *state;
	char	 first[16];

	provider(x, "a", "models = ( { name = \"m\"; } );");
	provider(x, "b", "models = ( { name = \"m\"; } );");
	provider(x, "c", "priority = 1; models = ( { name = \"m\"; } );");
	load(x);
	assert_int_equal(make(x, "m", "p", true, 5), ERR_NONE);
	strcpy(first, step_name(x, 0));
	put_out(x, first);
	for (int sticky = 0; sticky < 2; sticky++) {
		assert_int_equal(make(x, "m", "p", sticky, 5), ERR_NONE);
		assert_int_equal(x->plan.count, 3);
		assert_string_equal(step_name(x, 1), "c");
		assert_string_equal(step_name(x, 2), first);
	}
	put_out(x, first[0] == 'a' ? "b" : "a");
	put_out(x, "c");
	assert_int_equal(make(x, "m", "p", true, 5), ERR_NONE);
	assert_int_equal(x->plan.count, 3);	/* all are tried all the same */
	assert_string_equal(step_name(x, 2), "c");
}

static void
six_that_are_well_leave_no_room_for_others(void **state)
{
	struct fixture *x = *state;

	load_ten(x);
	put_out(x, "p1");
	put_out(x, "p5");
	put_out(x, "p6");
	put_out(x, "p7");
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(make(x, "m", "p", i % 2, i), ERR_NONE);
		assert_int_equal(x->plan.count, 6);
		for (size_t j = 0; j < 6; j++)
			assert_false(channel_is_out(
			    x->plan.steps[j].target->channel, now));
	}
	put_out(x, "p0");
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(make(x, "m", "p", i % 2, i), ERR_NONE);
		assert_int_equal(x->plan.count, 6);
		for (size_t j = 0; j < 6; j++)
			assert_int_equal(channel_is_out(
			    x->plan.steps[j].target->channel, now), j == 5);
	}
}

/* The order among those that are out is the caller's, too. */
static void
all_out_keep_their_order(void **state)
{
	struct fixture *x = *state;
	char	 before[100][256], after[256], name[16];

	load_ten(x);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(make(x, "m", "p", true, i), ERR_NONE);
		describe(x, before[i]);
	}
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "p%d", i);
		put_out(x, name);
	}
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(make(x, "m", "p", true, i), ERR_NONE);
		assert_string_equal(describe(x, after), before[i]);
	}
}

/* ---- Taking steps. ---- */

static void
steps_are_taken_once(void **state)
{
	struct fixture *x = *state;

	load_ten(x);
	assert_int_equal(make(x, "m", "p", true, 1), ERR_NONE);
	for (size_t i = 0; i < 6; i++) {
		assert_true(plan_has_more(&x->plan));
		assert_ptr_equal(plan_take(&x->plan, x->state, now),
		    &x->plan.steps[i]);
		assert_int_equal(x->plan.steps[i].pass, BREAKER_PASS_FREE);
	}
	assert_false(plan_has_more(&x->plan));
	assert_null(plan_take(&x->plan, x->state, now));
}

/*
 * It was well when the plan was made, and another request has opened its
 * breaker since.
 */
static void
a_channel_that_goes_out_is_passed_over(void **state)
{
	struct fixture *x = *state;
	char	 first[16];

	load_ten(x);
	assert_int_equal(make(x, "m", "p", true, 1), ERR_NONE);
	strcpy(first, step_name(x, 0));
	put_out(x, first);
	for (size_t i = 1; i < 6; i++)
		assert_ptr_equal(plan_take(&x->plan, x->state, now),
		    &x->plan.steps[i]);
	assert_true(plan_has_more(&x->plan));
	assert_ptr_equal(plan_take(&x->plan, x->state, now),
	    &x->plan.steps[0]);
	assert_int_equal(x->plan.steps[0].pass, BREAKER_PASS_FORCED);
	assert_null(plan_take(&x->plan, x->state, now));
}

static void
all_out_are_forced_in_order(void **state)
{
	struct fixture *x = *state;

	provider(x, "a", "models = ( { name = \"m\"; } );");
	provider(x, "b", "priority = 1; models = ( { name = \"m\"; } );");
	load(x);
	put_out(x, "a");
	put_out(x, "b");
	assert_int_equal(make(x, "m", "p", false, 1), ERR_NONE);
	for (size_t i = 0; i < 2; i++) {
		assert_ptr_equal(plan_take(&x->plan, x->state, now),
		    &x->plan.steps[i]);
		assert_int_equal(x->plan.steps[i].pass, BREAKER_PASS_FORCED);
	}
}

static void
one_request_takes_the_probe(void **state)
{
	struct fixture *x = *state;
	struct plan first;
	uint64_t later = now + 30000;

	provider(x, "a", "models = ( { name = \"m\"; } );");
	provider(x, "b", "priority = 1; models = ( { name = \"m\"; } );");
	load(x);
	put_out(x, "a");
	assert_int_equal(make(x, "m", "p", false, 1), ERR_NONE);
	first = x->plan;
	assert_string_equal(plan_take(&first, x->state, later)->
	    target->provider->name, "b");
	assert_string_equal(plan_take(&first, x->state, later)->
	    target->provider->name, "a");
	assert_int_equal(first.steps[1].pass, BREAKER_PASS_PROBE);
	plan_take(&x->plan, x->state, later);
	plan_take(&x->plan, x->state, later);
	assert_int_equal(x->plan.steps[1].pass, BREAKER_PASS_FORCED);
}

static void
a_step_may_be_taken_again(void **state)
{
	struct fixture *x = *state;
	struct plan_step *step;

	load_ten(x);
	assert_int_equal(make(x, "m", "p", true, 1), ERR_NONE);
	step = plan_take(&x->plan, x->state, now);
	plan_retake(&x->plan, step, x->state, now);
	assert_int_equal(step->pass, BREAKER_PASS_FREE);
	put_out(x, step_name(x, 0));
	plan_retake(&x->plan, step, x->state, now);
	assert_int_equal(step->pass, BREAKER_PASS_FORCED);
	assert_true(step->is_taken);
	plan_retake(&x->plan, step, x->state, now + 30000);
	assert_int_equal(step->pass, BREAKER_PASS_PROBE);
}

/* Two tries of one request at once, and then a third after one of them. */
static void
hedged_tries_go_to_different_channels(void **state)
{
	struct fixture *x = *state;
	struct plan_step *slow, *hedge, *third;

	load_ten(x);
	assert_int_equal(make(x, "m", "p", true, 1), ERR_NONE);
	slow = plan_take(&x->plan, x->state, now);
	hedge = plan_take(&x->plan, x->state, now);
	assert_ptr_not_equal(slow->target->channel, hedge->target->channel);
	plan_retake(&x->plan, hedge, x->state, now);
	third = plan_take(&x->plan, x->state, now);
	assert_ptr_not_equal(third, slow);
	assert_ptr_not_equal(third, hedge);
}

static void
a_model_can_be_dropped(void **state)
{
	struct fixture *x = *state;

	provider(x, "a", "models = ( { name = \"m\"; target = \"small\"; } );");
	provider(x, "b", "priority = 1; models = ( { name = \"m\"; "
	    "target = \"large\"; } );");
	provider(x, "c", "priority = 2; models = ( { name = \"m\"; "
	    "target = \"small\"; } );");
	load(x);
	assert_int_equal(make(x, "m", "p", true, 1), ERR_NONE);
	plan_take(&x->plan, x->state, now);
	plan_drop_model(&x->plan, "small");
	assert_true(plan_has_more(&x->plan));
	assert_string_equal(plan_take(&x->plan, x->state, now)->model,
	    "large");
	assert_false(plan_has_more(&x->plan));
	assert_null(plan_take(&x->plan, x->state, now));
}

static void
a_single_step_names_no_model(void **state)
{
	struct fixture *x = *state;

	load_ten(x);
	plan_single(&x->plan, snapshot_find_provider(x->snapshot, "p4"), 0);
	plan_drop_model(&x->plan, "m");
	assert_string_equal(plan_take(&x->plan, x->state, now)->
	    target->provider->name, "p4");
	assert_null(x->plan.steps[0].model);
	assert_false(plan_has_more(&x->plan));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(paths_and_endpoints_choose),
		TEST(paths_are_whole_paths),
		TEST(a_wildcard_passes_the_rest_on),
		TEST(unknown_models_are_not_found),
		TEST(azure_has_a_deployment),
		TEST(lower_priorities_come_first),
		TEST(a_plan_has_six_different_steps),
		TEST(a_caller_finds_the_same_order_everywhere),
		TEST(a_channel_that_goes_moves_only_its_callers),
		TEST(a_caller_keeps_its_channel_for_other_models),
		TEST(many_channels_are_ordered_like_few),
		TEST(shares_are_as_the_weights),
		TEST(the_largest_weights_are_weights),
		TEST(what_is_not_sticky_goes_by_the_score),
		TEST(channels_that_are_out_go_last),
		TEST(six_that_are_well_leave_no_room_for_others),
		TEST(all_out_keep_their_order),
		TEST(steps_are_taken_once),
		TEST(a_channel_that_goes_out_is_passed_over),
		TEST(all_out_are_forced_in_order),
		TEST(one_request_takes_the_probe),
		TEST(a_step_may_be_taken_again),
		TEST(hedged_tries_go_to_different_channels),
		TEST(a_model_can_be_dropped),
		TEST(a_single_step_names_no_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
