/* From configuration files to models: names, order, merging. */
#include "config.h"

#include "gateway/snapshot.h"

#include "tests/unit/conf/dir.h"

#define URL "base_url = \"http://one/v1\";\n"

static struct snapshot *
load(struct dir *d)
{
	return snapshot_create(dir_load_good(d), NULL, NULL);
}

static const struct model *
find(const struct snapshot *s, const char *name)
{
	const char *rest;

	return snapshot_find(s, name, &rest);
}

static void
no_providers_make_no_models(void **state)
{
	struct snapshot *s;

	dir_write(*state, "sluice.conf", "");
	s = load(*state);
	assert_int_equal(s->model_count, 0);
	assert_null(find(s, "any"));
	assert_null(find(s, ""));
	assert_null(s->default_model);
	snapshot_unref(s);
	snapshot_unref(NULL);
}

static void
one_name_in_two_files_is_one_model(void **state)
{
	struct snapshot *s;
	const struct model *m;
	struct stat st;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/b.conf", "base_url = \"http://b/v1\";\n"
	    "models = ( { name = \"same\"; target = \"other\"; } );");
	dir_write(*state, "providers.d/a.conf", "base_url = \"http://a/v1/\";\n"
	    "name = \"first\"; models = ( { name = \"same\"; } );");
	s = load(*state);
	assert_int_equal(s->model_count, 1);
	m = find(s, "same");
	assert_non_null(m);
	assert_string_equal(m->id, "same");
	assert_int_equal(m->target_count, 2);
	assert_string_equal(m->targets[0].base_url, "http://a/v1");
	assert_string_equal(m->targets[0].model, "same");
	assert_string_equal(m->targets[1].base_url, "http://b/v1");
	assert_string_equal(m->targets[1].model, "other");
	assert_string_equal(m->owned_by, "first");
	assert_int_equal(stat(dir_path(*state, "providers.d/a.conf"), &st), 0);
	assert_int_equal(m->created, st.st_mtime);
	assert_string_equal(m->targets[1].provider->name, "b");
	snapshot_unref(s);
}

static void
names_are_put_together(void **state)
{
	struct snapshot *s;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/a.conf", URL
	    "namespace = \"team\"; prefix = \"x-\"; models = ( "
	    "{ name = \"m\"; }, { name = \"Qwen/Qwen2.5-7B\"; } );");
	dir_write(*state, "providers.d/b.conf", URL
	    "prefix = \"p/\"; models = ( { name = \"m\"; }, "
	    "{ name = \"a/b/c\"; } );");
	s = load(*state);
	assert_int_equal(s->model_count, 4);
	assert_non_null(find(s, "team/x-m"));
	assert_non_null(find(s, "team/x-Qwen/Qwen2.5-7B"));
	assert_non_null(find(s, "p/m"));
	assert_non_null(find(s, "p/a/b/c"));
	assert_string_equal(find(s, "team/x-m")->targets[0].model, "m");
	assert_null(find(s, "m"));
	assert_null(find(s, "x-m"));
	assert_null(find(s, "team/m"));
	assert_null(find(s, "default/team/x-"));
	assert_null(find(s, "P/M"));
	snapshot_unref(s);
}

static void
a_leading_default_is_stripped(void **state)
{
	struct snapshot *s;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/a.conf", URL
	    "models = ( { name = \"m\"; }, { name = \"default/d\"; } );");
	s = load(*state);
	assert_ptr_equal(find(s, "default/m"), find(s, "m"));
	assert_non_null(find(s, "m"));
	assert_non_null(find(s, "default/d"));
	assert_null(find(s, "default/"));
	assert_null(find(s, "default"));
	assert_null(find(s, "default/default/m"));
	snapshot_unref(s);
}

static void
wildcards_take_the_rest(void **state)
{
	struct snapshot *s;
	const char *rest;
	const struct model *m;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/a.conf", URL
	    "models = ( { name = \"exact\"; }, { name = \"*\"; } );");
	dir_write(*state, "providers.d/b.conf", URL
	    "prefix = \"my-\"; models = ( { name = \"*\"; } );");
	dir_write(*state, "providers.d/c.conf", URL
	    "namespace = \"ns\"; models = ( { name = \"*\"; "
	    "target = \"fixed\"; } );");
	s = load(*state);
	assert_int_equal(s->model_count, 1);
	m = snapshot_find(s, "exact", &rest);
	assert_null(rest);
	assert_false(m->is_wildcard);
	m = snapshot_find(s, "my-thing", &rest);
	assert_string_equal(m->owned_by, "b");
	assert_string_equal(rest, "thing");
	m = snapshot_find(s, "my-", &rest);
	assert_string_equal(m->owned_by, "a");
	assert_string_equal(rest, "my-");
	m = snapshot_find(s, "ns/x/y", &rest);
	assert_string_equal(m->owned_by, "c");
	assert_string_equal(rest, "x/y");
	assert_string_equal(m->targets[0].model, "fixed");
	m = snapshot_find(s, "default/any", &rest);
	assert_string_equal(m->owned_by, "a");
	assert_string_equal(rest, "any");
	assert_null(m->targets[0].model);
	assert_null(snapshot_find(s, "", &rest));
	snapshot_unref(s);
}

static void
endpoints_are_targets_of_their_own(void **state)
{
	struct snapshot *s;
	const struct model *m;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/a.conf", URL "models = ( "
	    "{ name = \"m\"; target = \"t\"; paths = [ \"embeddings\" ]; "
	    "endpoints = ( { path = \"chat/completions\"; "
	    "base_url = \"http://gpu:8000/v1/\"; target = \"llama\"; }, "
	    "{ path = \"completions\"; } ); }, "
	    "{ name = \"only\"; endpoints = ( { path = \"responses\"; } ); } );");
	s = load(*state);
	m = find(s, "m");
	assert_int_equal(m->target_count, 3);
	assert_string_equal(m->targets[0].path, "chat/completions");
	assert_string_equal(m->targets[0].base_url, "http://gpu:8000/v1");
	assert_string_equal(m->targets[0].model, "llama");
	assert_string_equal(m->targets[1].path, "completions");
	assert_string_equal(m->targets[1].base_url, "http://one/v1");
	assert_string_equal(m->targets[1].model, "t");
	assert_null(m->targets[2].path);
	assert_int_equal(m->targets[2].path_count, 1);
	assert_string_equal(m->targets[2].paths[0], "embeddings");
	assert_int_equal(find(s, "only")->target_count, 1);
	snapshot_unref(s);
}

static void
the_nearest_timeout_counts(void **state)
{
	struct snapshot *s;
	const struct target *t;

	dir_write(*state, "sluice.conf", "timeouts: { connect = 1.0; "
	    "first_token = 1.5; idle = 1.0; total = 1.0; };");
	dir_write(*state, "providers.d/a.conf", URL
	    "timeouts: { idle = 2.0; total = 2.0; headers = 2.0; };\n"
	    "models = ( { name = \"m\"; timeouts: { total = 3.0; "
	    "headers = 3.0; }; endpoints = ( { path = \"chat/completions\"; "
	    "timeouts: { headers = 4.0; }; }, { path = \"completions\"; } ); },"
	    "{ name = \"n\"; } );");
	s = load(*state);
	t = find(s, "m")->targets;
	assert_int_equal(t[0].timeouts.connect_ms, 1000);
	assert_int_equal(t[0].timeouts.first_token_ms, 1500);
	assert_int_equal(t[0].timeouts.idle_ms, 2000);
	assert_int_equal(t[0].timeouts.total_ms, 3000);
	assert_int_equal(t[0].timeouts.headers_ms, 4000);
	assert_int_equal(t[1].timeouts.headers_ms, 3000);
	t = find(s, "n")->targets;
	assert_int_equal(t[0].timeouts.headers_ms, 2000);
	assert_int_equal(t[0].timeouts.total_ms, 2000);
	snapshot_unref(s);
}

static void
headers_stay_unset_unless_a_file_sets_them(void **state)
{
	struct snapshot *s;
	const struct target *t;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/a.conf", URL
	    "models = ( { name = \"m\"; } );");
	s = load(*state);
	t = find(s, "m")->targets;
	assert_int_equal(t->timeouts.headers_ms, 0);
	assert_int_equal(t->timeouts.total_ms, 900000);
	assert_null(t->key);
	snapshot_unref(s);
}

static void
assert_prices(const struct snapshot *s, const char *name, size_t target,
    struct cost_prices want)
{
	const struct cost_prices *p = &find(s, name)->targets[target].prices;

	assert_int_equal(p->input, want.input);
	assert_int_equal(p->cache_read, want.cache_read);
	assert_int_equal(p->cache_write, want.cache_write);
	assert_int_equal(p->output, want.output);
}

/* In billionths for a million tokens. */
static void
prices_are_the_models_at_each_of_its_targets(void **state)
{
	struct snapshot *s;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/a.conf", URL "models = ( "
	    "{ name = \"m\"; prices: { input = 2.5; cached = 1.25; "
	    "cache_write = 0.0; output = 10; }; paths = [ \"embeddings\" ]; "
	    "endpoints = ( { path = \"chat/completions\"; } ); }, "
	    "{ name = \"n\"; prices: { input = 0.1; }; }, "
	    "{ name = \"o\"; }, { name = \"*\"; "
	    "prices: { output = 1000000; }; } );");
	dir_write(*state, "providers.d/b.conf", URL "models = ( "
	    "{ name = \"m\"; prices: { input = 3; output = 0.000000001; }; "
	    "} );");
	dir_write(*state, "providers.d/c.conf", URL "force_model = \"f\"; "
	    "prefix = \"c-\";");
	s = load(*state);
	for (size_t i = 0; i < 2; i++)
		assert_prices(s, "m", i, (struct cost_prices){ 2500000000,
		    1250000000, 0, 10 * COST_UNIT });
	assert_prices(s, "m", 2, (struct cost_prices){ 3 * COST_UNIT,
	    3 * COST_UNIT, 3 * COST_UNIT, 1 });
	assert_prices(s, "n", 0, (struct cost_prices){ 100000000, 100000000,
	    100000000, 0 });
	assert_prices(s, "o", 0, (struct cost_prices){ 0, 0, 0, 0 });
	assert_prices(s, "any", 0, (struct cost_prices){ 0, 0, 0,
	    1000000 * COST_UNIT });
	assert_prices(s, "c-f", 0, (struct cost_prices){ 0, 0, 0, 0 });
	snapshot_unref(s);
}

static void
keys_come_from_the_environment(void **state)
{
	struct snapshot *s;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/a.conf", URL
	    "api_key_env = \"SNAPSHOT_TEST_KEY\"; "
	    "models = ( { name = \"m\"; } );");
	setenv("SNAPSHOT_TEST_KEY", "sk-secret", 1);
	s = load(*state);
	assert_string_equal(find(s, "m")->targets[0].key, "sk-secret");
	snapshot_unref(s);
	unsetenv("SNAPSHOT_TEST_KEY");
}

static void
client_keys_are_split_and_trimmed(void **state)
{
	static const struct { const char *list; size_t count; } lists[] = {
		{ "one", 1 }, { "one,two", 2 }, { " one , two\t,three ", 3 },
		{ ",,one,, ,", 1 }, { " ", 0 }, { ",", 0 }, { "a b,c", 2 },
	};
	struct snapshot *s;

	dir_write(*state, "sluice.conf",
	    "auth: { keys_env = \"SNAPSHOT_TEST_KEYS\"; };");
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		setenv("SNAPSHOT_TEST_KEYS", lists[i].list, 1);
		s = load(*state);
		assert_int_equal(s->key_count, lists[i].count);
		snapshot_unref(s);
	}
	unsetenv("SNAPSHOT_TEST_KEYS");
	s = load(*state);
	assert_int_equal(s->key_count, 0);
	snapshot_unref(s);
}

static void
a_default_model_is_kept(void **state)
{
	struct snapshot *s;

	dir_write(*state, "sluice.conf", "default_model = \"m\";");
	s = load(*state);
	assert_string_equal(s->default_model, "m");
	snapshot_unref(s);
}

/* A request holds what it began with. */
static void
references_keep_it_alive(void **state)
{
	struct snapshot *s;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/a.conf", URL
	    "models = ( { name = \"m\"; } );");
	s = load(*state);
	assert_ptr_equal(snapshot_ref(s), s);
	snapshot_unref(s);
	assert_string_equal(find(s, "m")->id, "m");
	snapshot_unref(s);
}

static void
many_models_are_all_found(void **state)
{
	static char text[200000];
	struct snapshot *s;
	size_t	 len;
	char	 name[16];

	len = (size_t)sprintf(text, URL "models = (");
	for (int i = 0; i < 2000; i++)
		len += (size_t)sprintf(text + len, "%s{ name = \"m%d\"; }",
		    i > 0 ? ", " : "", (i * 7919) % 2000);
	sprintf(text + len, ");");
	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/a.conf", text);
	s = load(*state);
	assert_int_equal(s->model_count, 2000);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		assert_string_equal(find(s, name)->id, name);
	}
	for (size_t i = 1; i < s->model_count; i++)
		assert_true(strcmp(s->models[i - 1].id, s->models[i].id) < 0);
	snapshot_unref(s);
}

/* ---- Channels, tiers, weights. ---- */

static void
each_provider_and_own_base_url_is_a_channel(void **state)
{
	struct snapshot *s;
	const struct model *m;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/a.conf", URL "models = ( "
	    "{ name = \"m\"; endpoints = ( "
	    "{ path = \"chat/completions\"; base_url = \"http://gpu/v1/\"; }, "
	    "{ path = \"embeddings\"; base_url = \"http://one/v1\"; }, "
	    "{ path = \"rerank\"; } ); }, { name = \"n\"; endpoints = ( "
	    "{ path = \"rerank\"; base_url = \"http://gpu/v1\"; } ); } );");
	dir_write(*state, "providers.d/b.conf", URL "models = ( "
	    "{ name = \"o\"; endpoints = ( { path = \"rerank\"; "
	    "base_url = \"http://gpu/v1\"; } ); } );");
	s = load(*state);
	assert_int_equal(s->channel_count, 4);
	assert_string_equal(s->channels[0].name, "a");
	assert_string_equal(s->channels[1].name, "b");
	assert_string_equal(s->channels[2].name, "a http://gpu/v1");
	assert_string_equal(s->channels[3].name, "b http://gpu/v1");
	assert_string_equal(s->channels[3].provider->name, "b");
	m = find(s, "m");
	assert_ptr_equal(m->targets[0].channel, &s->channels[2]);
	assert_ptr_equal(m->targets[1].channel, &s->channels[0]);
	assert_ptr_equal(m->targets[2].channel, &s->channels[0]);
	assert_ptr_equal(find(s, "n")->targets[0].channel, &s->channels[2]);
	assert_ptr_equal(find(s, "o")->targets[0].channel, &s->channels[3]);
	assert_ptr_equal(snapshot_find_provider(s, "b")->channel,
	    &s->channels[1]);
	snapshot_unref(s);
}

/* The state segment and /metrics take no name of any length. */
static void
long_urls_make_short_names_of_their_own(void **state)
{
	char	 text[1024], path[301];
	struct snapshot *s;

	memset(path, 'x', 300);
	path[300] = '\0';
	dir_write(*state, "sluice.conf", "");
	snprintf(text, sizeof(text), URL "models = ( { name = \"m\"; "
	    "endpoints = ( { path = \"rerank\"; base_url = "
	    "\"http://gpu/%s1\"; }, { path = \"responses\"; base_url = "
	    "\"http://gpu/%s2\"; } ); } );", path, path);
	dir_write(*state, "providers.d/a.conf", text);
	s = load(*state);
	assert_int_equal(s->channel_count, 3);
	for (size_t i = 1; i < 3; i++) {
		assert_true(strlen(s->channels[i].name) < 90);
		assert_memory_equal(s->channels[i].name, "a http://gpu/xx", 15);
	}
	assert_string_not_equal(s->channels[1].name, s->channels[2].name);
	snapshot_unref(s);
}

static void
seeds_come_from_names_alone(void **state)
{
	struct snapshot *s;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/z.conf", URL "name = \"one\";");
	dir_write(*state, "providers.d/y.conf", URL "name = \"two\";");
	s = load(*state);
	assert_true(s->channels[1].seed == channel_hash("one", 3));
	assert_true(s->channels[0].seed == channel_hash("two", 3));
	snapshot_unref(s);
}

static void
targets_stand_in_tiers(void **state)
{
	static const char *const order[] = { "c", "e", "a", "d", "b" };
	static const char *const files[][2] = {
		{ "providers.d/a.conf", "1" }, { "providers.d/b.conf", "9" },
		{ "providers.d/c.conf", "0" }, { "providers.d/d.conf", "1" },
		{ "providers.d/e.conf", "0" },
	};
	struct snapshot *s;
	const struct model *m;
	char	 text[200];

	dir_write(*state, "sluice.conf", "");
	for (size_t i = 0; i < 5; i++) {
		snprintf(text, sizeof text, URL "priority = %s; "
		    "models = ( { name = \"m\"; } );", files[i][1]);
		dir_write(*state, files[i][0], text);
	}
	s = load(*state);
	m = find(s, "m");
	assert_int_equal(m->tier_count, 3);
	assert_int_equal(m->tiers[0].end, 2);
	assert_int_equal(m->tiers[1].end, 4);
	assert_int_equal(m->tiers[2].end, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(m->targets[i].provider->name, order[i]);
		assert_ptr_equal(&s->channels[m->lanes[i].channel],
		    m->targets[i].channel);
		assert_true(m->lanes[i].seed == m->targets[i].channel->seed);
	}
	snapshot_unref(s);
}

static void
weights_are_multiplied(void **state)
{
	struct snapshot *s;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/a.conf", URL "models = ( "
	    "{ name = \"m\"; }, { name = \"n\"; weight = 3; } );");
	dir_write(*state, "providers.d/b.conf", URL "weight = 40; models = ( "
	    "{ name = \"o\"; }, { name = \"p\"; weight = 3; } );");
	dir_write(*state, "providers.d/c.conf", URL "weight = 1000000; "
	    "models = ( { name = \"q\"; weight = 1000000; } );");
	dir_write(*state, "providers.d/d.conf", URL "force_model = \"f\";");
	s = load(*state);
	assert_true(find(s, "m")->targets->weight == 100);
	assert_true(find(s, "n")->targets->weight == 30);
	assert_true(find(s, "o")->targets->weight == 400);
	assert_true(find(s, "p")->targets->weight == 120);
	assert_true(find(s, "q")->targets->weight == 1e12f);
	assert_true(find(s, "f")->targets->weight == 100);
	assert_true(find(s, "anything")->targets->weight == 100);
	assert_true(find(s, "o")->lanes->cost == 1 / 400.0f);
	snapshot_unref(s);
}

static void
a_models_release_comes_before_the_general_one(void **state)
{
	struct snapshot *s;

	dir_write(*state, "sluice.conf", "stream: { release = \"end\"; };");
	dir_write(*state, "providers.d/a.conf", URL "models = ( "
	    "{ name = \"m\"; hedge = \"p95\"; }, "
	    "{ name = \"n\"; release = \"byte\"; endpoints = ( "
	    "{ path = \"chat/completions\"; } ); } );");
	s = load(*state);
	assert_int_equal(find(s, "m")->targets->release, CONF_RELEASE_END);
	assert_int_equal(find(s, "n")->targets->release, CONF_RELEASE_BYTE);
	assert_int_equal(find(s, "m")->targets->hedge, CONF_HEDGE_P95);
	assert_int_equal(find(s, "n")->targets->hedge, CONF_HEDGE_OFF);
	snapshot_unref(s);
	dir_write(*state, "sluice.conf", "");
	s = load(*state);
	assert_int_equal(find(s, "m")->targets->release, CONF_RELEASE_TOKEN);
	snapshot_unref(s);
}

/* ---- What changes in it. ---- */

static const uint64_t now = UINT64_C(1800000000000);	/* ms: in 2027 */

static void
slow_down(struct snapshot *s, struct state *shared)
{
	const struct channel_end end = { .verdict = CHANNEL_WELL,
		.first_token_ms = 1000, .total_ms = 2000, .retry_after_ms = -1 };

	channel_leave(&s->channels[0], shared, s->conf, now, &end);
}

static void
slowness_is_looked_at_a_few_times_a_second(void **state)
{
	struct snapshot *s;
	struct dir *d = *state;
	struct state *shared = state_open(d->path);

	dir_write(d, "sluice.conf", "");
	dir_write(d, "providers.d/a.conf", URL);
	s = load(d);
	assert_null(s->channels[0].shared);
	snapshot_refresh(s, shared, now);
	assert_non_null(s->channels[0].shared);
	slow_down(s, shared);
	snapshot_refresh(s, shared, now + 249);
	assert_true(s->slowness[0] == 1);
	snapshot_refresh(s, shared, now + 250);
	assert_true(s->slowness[0] > 1.99f && s->slowness[0] < 2.01f);
	atomic_store(&s->channels[0].shared->first_token, 0);
	snapshot_refresh(s, shared, now - 3600000);	/* set back */
	assert_true(s->slowness[0] == 1);
	snapshot_unref(s);
	state_close(shared);
}

static void
another_state_file_is_noticed_at_once(void **state)
{
	struct snapshot *s;
	struct dir *d = *state;
	struct state *shared = state_open(d->path);
	const struct state_channel *before;

	dir_write(d, "sluice.conf", "");
	dir_write(d, "providers.d/a.conf", URL);
	s = load(d);
	snapshot_refresh(s, shared, now);
	slow_down(s, shared);
	before = s->channels[0].shared;
	assert_int_equal(remove(dir_path(d, "state")), 0);
	state_refresh(shared);
	snapshot_refresh(s, shared, now);
	assert_ptr_not_equal(s->channels[0].shared, before);
	assert_ptr_equal(s->channels[0].shared, state_channel(shared, "a"));
	assert_true(s->slowness[0] == 1);
	snapshot_unref(s);
	state_close(shared);
}

/* What was known of one server says nothing of another. */
static void
a_changed_server_starts_anew(void **state)
{
	const struct channel_end end = { .verdict = CHANNEL_FAILED,
		.retry_after_ms = 5000 };
	struct snapshot *s, *next;
	struct dir *d = *state;
	struct state *shared = state_open(d->path);

	dir_write(d, "sluice.conf", "");
	dir_write(d, "providers.d/a.conf", URL);
	dir_write(d, "providers.d/b.conf", URL);
	s = load(d);
	snapshot_refresh(s, shared, now);
	for (size_t i = 0; i < 2; i++)
		channel_leave(&s->channels[i], shared, s->conf, now, &end);
	dir_write(d, "providers.d/a.conf", "base_url = \"http://other/v1\";");
	next = load(d);
	snapshot_refresh(next, shared, now);
	assert_true(channel_is_out(&next->channels[0], now));
	snapshot_forget_changed(next, s);
	assert_false(channel_is_out(&next->channels[0], now));
	assert_true(channel_is_out(&next->channels[1], now));
	snapshot_unref(s);
	snapshot_unref(next);
	state_close(shared);
}

/* As one that was deleted, and then made again as another. */
static void
a_new_channel_starts_anew(void **state)
{
	const struct channel_end end = { .verdict = CHANNEL_FAILED,
		.retry_after_ms = 5000 };
	struct snapshot *s, *next;
	struct dir *d = *state;
	struct state *shared = state_open(d->path);

	dir_write(d, "sluice.conf", "");
	s = load(d);
	dir_write(d, "providers.d/a.conf", URL);
	next = load(d);
	snapshot_refresh(next, shared, now);
	channel_leave(&next->channels[0], shared, next->conf, now, &end);
	assert_true(channel_is_out(&next->channels[0], now));
	snapshot_forget_changed(next, s);
	assert_false(channel_is_out(&next->channels[0], now));
	snapshot_unref(s);
	snapshot_unref(next);
	state_close(shared);
}

/* A reload keeps what is known: it is in the segment. */
static void
another_snapshot_knows_the_same(void **state)
{
	struct snapshot *s, *next;
	struct dir *d = *state;
	struct state *shared = state_open(d->path);

	dir_write(d, "sluice.conf", "");
	dir_write(d, "providers.d/b.conf", URL);
	s = load(d);
	snapshot_refresh(s, shared, now);
	slow_down(s, shared);
	dir_write(d, "providers.d/a.conf", URL);
	next = load(d);
	snapshot_refresh(next, shared, now);
	assert_ptr_equal(next->channels[1].shared, s->channels[0].shared);
	assert_true(next->slowness[0] == 1);
	assert_true(next->slowness[1] > 1.99f);
	snapshot_unref(s);
	snapshot_unref(next);
	state_close(shared);
}

/* It means what it looks like: the name that was asked for. */
static void
a_target_of_a_star_is_the_same_name(void **state)
{
	struct snapshot *s;
	const struct model *m;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/a.conf", "base_url = \"http://a/v1\";\n"
	    "prefix = \"p-\"; models = ( { name = \"*\"; target = \"*\"; }, "
	    "{ name = \"m\"; target = \"*\"; }, { name = \"e\"; target = "
	    "\"t\"; endpoints = ( { path = \"x\"; target = \"*\"; }, "
	    "{ path = \"y\"; } ); } );");
	s = load(*state);
	m = find(s, "p-any");
	assert_true(m->is_wildcard);
	assert_null(m->targets[0].model);
	assert_string_equal(find(s, "p-m")->targets[0].model, "m");
	m = find(s, "p-e");
	assert_string_equal(m->targets[0].model, "e");
	assert_string_equal(m->targets[1].model, "t");
	snapshot_unref(s);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_providers_make_no_models),
		TEST(a_target_of_a_star_is_the_same_name),
		TEST(one_name_in_two_files_is_one_model),
		TEST(names_are_put_together),
		TEST(a_leading_default_is_stripped),
		TEST(wildcards_take_the_rest),
		TEST(endpoints_are_targets_of_their_own),
		TEST(the_nearest_timeout_counts),
		TEST(headers_stay_unset_unless_a_file_sets_them),
		TEST(prices_are_the_models_at_each_of_its_targets),
		TEST(keys_come_from_the_environment),
		TEST(client_keys_are_split_and_trimmed),
		TEST(a_default_model_is_kept),
		TEST(references_keep_it_alive),
		TEST(many_models_are_all_found),
		TEST(each_provider_and_own_base_url_is_a_channel),
		TEST(long_urls_make_short_names_of_their_own),
		TEST(seeds_come_from_names_alone),
		TEST(targets_stand_in_tiers),
		TEST(weights_are_multiplied),
		TEST(a_models_release_comes_before_the_general_one),
		TEST(slowness_is_looked_at_a_few_times_a_second),
		TEST(another_state_file_is_noticed_at_once),
		TEST(a_changed_server_starts_anew),
		TEST(a_new_channel_starts_anew),
		TEST(another_snapshot_knows_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
