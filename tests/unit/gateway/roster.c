/* Provider files and channels of the database in one configuration. */
#include "config.h"

#include "gateway/roster.h"

#include <sodium.h>

#include "gateway/snapshot.h"
#include "tests/unit/conf/dir.h"

#define URL "base_url = \"http://file/v1\";\n"
#define SEAL "0707070707070707070707070707070707070707070707070707070707070707"

struct fixture {
	struct dir	*dir;
	unsigned char	 sealed[2][SEAL_MAX];
	struct managed_served served[2];
	struct managed_channel channels[2];
	struct managed_secret secret;
	struct managed_list list;
};

static const struct seal_purpose of_made = { SEAL_CHANNEL, "1",
	"http://made:80" };
static const struct seal_purpose of_key = { SEAL_VARIABLE, "ROSTER_KEY",
	"http://second:80" };

static struct managed_sealed
close_secret(const struct seal_purpose *purpose, const char *secret,
    unsigned char sealed[SEAL_MAX])
{
	struct seal seal;

	memset(seal.key, 7, SEAL_KEY);
	return (struct managed_sealed){ sealed,
	    seal_close(&seal, purpose, secret, sealed) };
}

/* As secrets were sealed before they had a purpose. */
static struct managed_sealed
close_unbound(const char *secret, unsigned char sealed[SEAL_MAX])
{
	struct seal seal;
	size_t	 n = strlen(secret);

	memset(seal.key, 7, SEAL_KEY);
	randombytes_buf(sealed, 24);
	crypto_secretbox_easy(sealed + 24, (const unsigned char *)secret, n,
	    sealed, seal.key);
	return (struct managed_sealed){ sealed, n + 40 };
}

/* What stands in for ROSTER_KEY is for PLACE. */
static void
give_for(struct fixture *x, const char *place)
{
	struct seal_purpose purpose = of_key;

	purpose.place = place;
	x->secret = (struct managed_secret){ "ROSTER_KEY", place,
		close_secret(&purpose, "sk-given", x->sealed[1]) };
}

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	if (sodium_init() < 0 || dir_setup((void **)&x->dir) != 0)
		return -1;
	setenv("ROSTER_SEAL", SEAL, 1);
	unsetenv("ROSTER_KEY");
	dir_write(x->dir, "sluice.conf",
	    "auth: { seal_key_env = \"ROSTER_SEAL\"; "
	    "channel_env = [ \"ROSTER_*\" ]; };");
	x->served[0] = (struct managed_served){ "m", "behind", 3, 77 };
	x->served[1] = (struct managed_served){ "*", "*", 10, 78 };
	x->channels[0] = (struct managed_channel){ .id = 1, .name = "made",
		.kind = "anthropic", .base_url = "http://made/v1",
		.key = close_secret(&of_made, "sk-made", x->sealed[0]),
		.weight = 5, .priority = 1,
		.models = x->served, .model_count = 1 };
	x->channels[1] = (struct managed_channel){ .id = 2, .name = "second",
		.kind = "openai", .base_url = "http://second/v1",
		.api_key_env = "ROSTER_KEY", .weight = 10,
		.models = x->served, .model_count = 2 };
	give_for(x, of_key.place);
	x->list = (struct managed_list){ .refs = 1, .is_bound = true,
		.channels = x->channels,
		.channel_count = 2, .secrets = &x->secret, .secret_count = 1 };
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(x->list.refs, 1);
	dir_teardown((void **)&x->dir);
	free(x);
	return 0;
}

static struct snapshot *
load_after(struct fixture *x, const struct snapshot *before)
{
	return snapshot_create(dir_load(x->dir, NULL), &x->list, before);
}

static struct snapshot *
load(struct fixture *x)
{
	return load_after(x, NULL);
}

static const struct model *
find(const struct snapshot *s, const char *name)
{
	const char *rest;

	return snapshot_find(s, name, &rest);
}

static void
channels_become_targets(void **state)
{
	struct snapshot *s = load(*state);
	const struct model *m = find(s, "m");
	const struct target *t;

	assert_int_equal(s->roster.note_count, 0);
	assert_int_equal(m->target_count, 2);
	assert_int_equal(m->created, 77);
	assert_string_equal(m->owned_by, "made");
	t = &m->targets[1];		/* by priority */
	assert_string_equal(t->provider->name, "made");
	assert_int_equal(t->provider->kind, CONF_KIND_ANTHROPIC);
	assert_string_equal(t->base_url, "http://made/v1");
	assert_string_equal(t->model, "behind");
	assert_string_equal(t->key, "sk-made");
	assert_true(t->weight == 15);
	assert_int_equal(t->timeouts.total_ms, 900000);
	assert_string_equal(m->targets[0].key, "sk-given");
	m = find(s, "anything");
	assert_true(m->is_wildcard);
	assert_null(m->targets[0].model);
	snapshot_unref(s);
}

static void
files_and_channels_share_a_model(void **state)
{
	struct fixture *x = *state;
	struct snapshot *s;

	dir_write(x->dir, "providers.d/a.conf", URL
	    "models = ( { name = \"m\"; } );");
	s = load(x);
	assert_int_equal(find(s, "m")->target_count, 3);
	assert_string_equal(find(s, "m")->owned_by, "a");
	snapshot_unref(s);
}

static void
the_environment_wins_over_what_was_given(void **state)
{
	struct snapshot *s;

	setenv("ROSTER_KEY", "sk-environment", 1);
	s = load(*state);
	assert_string_equal(find(s, "m")->targets[0].key, "sk-environment");
	snapshot_unref(s);
	setenv("ROSTER_KEY", "sk\n", 1);
	s = load(*state);
	assert_string_equal(s->roster.notes[0].text, "channel second is not in "
	    "use: ROSTER_KEY cannot be sent");
	snapshot_unref(s);
	unsetenv("ROSTER_KEY");
}

static void
a_file_gets_its_key(void **state)
{
	struct fixture *x = *state;
	struct snapshot *s;

	dir_write(x->dir, "providers.d/a.conf", URL
	    "api_key_env = \"ROSTER_KEY\"; models = ( { name = \"f\"; } );");
	give_for(x, "http://file:80");
	x->list.channel_count = 1;
	s = load(x);
	assert_string_equal(find(s, "f")->targets[0].key, "sk-given");
	assert_int_equal(s->roster.broken_count, 0);
	snapshot_unref(s);
	x->list.secret_count = 0;
	x->list.channel_count = 1;
	s = load(x);
	assert_null(find(s, "f"));
	assert_int_equal(s->roster.broken_count, 1);
	assert_int_equal(s->roster.note_count, 0);
	snapshot_unref(s);
}

static void
a_files_name_wins(void **state)
{
	struct fixture *x = *state;
	struct snapshot *s;

	dir_write(x->dir, "providers.d/a.conf", "name = \"made\";\n" URL);
	s = load(x);
	assert_int_equal(s->roster.count, 2);
	assert_string_equal(roster_find(&s->roster, "made")->provider->base_url,
	    "http://file/v1");
	assert_string_equal(s->roster.notes[0].text, "channel made is not in use: "
	    "a provider file has its name");
	assert_int_equal(s->roster.broken_count, 1);
	assert_null(roster_find(&s->roster, "nobody"));
	snapshot_unref(s);
}

static void
what_cannot_be_opened_is_left_out(void **state)
{
	struct snapshot *s;

	setenv("ROSTER_SEAL", "08" SEAL, 1);
	s = load(*state);
	assert_int_equal(s->roster.count, 0);
	assert_int_equal(s->roster.note_count, 2);
	assert_non_null(strstr(s->roster.notes[0].text,
	    "channel made is not in use: its key cannot be opened: "
	    "ROSTER_SEAL does not hold"));
	snapshot_unref(s);
	setenv("ROSTER_SEAL", "080707070707070707070707070707070707070707070707"
	    "0707070707070707", 1);
	s = load(*state);
	assert_string_equal(s->roster.notes[0].text, "channel made is not in use: "
	    "its key was sealed for another base URL or with another seal "
	    "key, or is damaged: give the key again");
	assert_null(find(s, "m"));
	snapshot_unref(s);
}

/* DESIGN section 7.9. */
static void
what_was_opened_before_goes_on(void **state)
{
	struct fixture *x = *state;
	struct snapshot *before = load(x), *s;

	setenv("ROSTER_SEAL", "08" SEAL, 1);
	x->channels[0].weight = 9;
	s = load_after(x, before);
	assert_int_equal(s->roster.count, 2);
	assert_int_equal(s->roster.broken_count, 0);
	assert_string_equal(s->roster.entries[0].key, "sk-made");
	assert_non_null(strstr(s->roster.notes[0].text, "channel made goes on with "
	    "its key of before: its key cannot be opened: "));
	snapshot_unref(before);
	assert_string_equal(s->roster.entries[1].key, "sk-given");
	before = s;
	x->channels[0].key = close_secret(&of_made, "sk-made", x->sealed[0]);
	s = load_after(x, before);		/* it was given anew */
	assert_int_equal(s->roster.count, 1);
	snapshot_unref(before);
	snapshot_unref(s);
}

static void
other_problems_are_told(void **state)
{
	struct fixture *x = *state;
	struct snapshot *s;

	x->channels[0].kind = "newer";
	x->list.secret_count = 0;
	s = load(x);
	assert_string_equal(s->roster.notes[0].text,
	    "channel made is not in use: its kind is unknown");
	assert_string_equal(s->roster.notes[1].text,
	    "channel second is not in use: ROSTER_KEY is not set");
	snapshot_unref(s);
	x->channels[1].api_key_env = "ROSTER_SEAL";
	s = load(x);
	assert_string_equal(s->roster.notes[1].text, "channel second is not in use:"
	    " its variable holds a secret of the gateway");
	snapshot_unref(s);
}

/* Whatever a row is made to say, its key goes nowhere else. */
static void
a_sealed_key_opens_for_its_own_origin_alone(void **state)
{
	static const struct { int64_t id; const char *url; bool opens; }
	cases[] = {
		{ 1, "http://made/v1", true }, { 1, "http://made/v2", true },
		{ 1, "HTTP://MADE:80/v1", true }, { 1, "https://made/v1", false },
		{ 1, "http://made:8080/v1", false },
		{ 1, "http://made.evil.example/v1", false },
		{ 1, "http://evil.example/v1", false }, { 1, "", false },
		{ 1, "http://u@made/v1", false }, { 2, "http://made/v1", false },
	};
	struct fixture *x = *state;
	struct snapshot *before = load(x), *s;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		x->channels[0].id = cases[i].id;
		x->channels[0].base_url = cases[i].url;
		s = load_after(x, before);
		if ((roster_find(&s->roster, "made") != NULL) !=
		    cases[i].opens)
			fail_msg("%s", cases[i].url);
		assert_int_equal(roster_find_problem(&s->roster, "made") ==
		    NULL, cases[i].opens);
		snapshot_unref(s);
	}
	snapshot_unref(before);
}

/* Without the seal key, what is open stays open for what it was opened for. */
static void
what_was_opened_before_goes_on_at_its_origin_alone(void **state)
{
	struct fixture *x = *state;
	struct snapshot *before = load(x), *s;

	setenv("ROSTER_SEAL", "08" SEAL, 1);
	x->channels[0].base_url = "http://evil.example/v1";
	s = load_after(x, before);
	assert_null(roster_find(&s->roster, "made"));
	snapshot_unref(s);
	x->channels[0].base_url = "http://made/v3";
	s = load_after(x, before);
	assert_string_equal(roster_find(&s->roster, "made")->key, "sk-made");
	snapshot_unref(s);
	x->channels[1].base_url = "http://evil.example/v1";
	s = load_after(x, before);
	assert_null(roster_find(&s->roster, "second"));
	snapshot_unref(s);
	snapshot_unref(before);
}

static void
what_was_given_for_one_place_goes_to_no_other(void **state)
{
	struct fixture *x = *state;
	struct snapshot *s;

	x->channels[1].base_url = "http://evil.example/v1";
	s = load(x);
	assert_null(roster_find(&s->roster, "second"));
	assert_non_null(strstr(roster_find_problem(&s->roster, "second"),
	    "give the key again"));
	snapshot_unref(s);
	x->secret.place = "http://evil.example:80";	/* a row that was changed */
	s = load(x);
	assert_null(roster_find(&s->roster, "second"));
	snapshot_unref(s);
}

/* All places of a file: its endpoints, and the proxy that sees what has no TLS. */
static void
a_file_that_leads_elsewhere_gets_no_key(void **state)
{
	static const struct { const char *more; bool opens; } cases[] = {
		{ "models = ( { name = \"f\"; } );", true },
		{ "models = ( { name = \"f\"; endpoints = ( { path = \"x\"; "
		  "base_url = \"http://file/v9\"; } ); } );", true },
		{ "models = ( { name = \"f\"; endpoints = ( { path = \"x\"; "
		  "base_url = \"http://other/v1\"; } ); } );", false },
		{ "proxy = \"\";", true },
		{ "proxy = \"http://proxy:3128\";", false },
	};
	struct fixture *x = *state;
	struct snapshot *s;
	char	 text[512];

	x->list.channel_count = 0;
	give_for(x, "http://file:80");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(text, sizeof text, "%s%s", URL
		    "api_key_env = \"ROSTER_KEY\";", cases[i].more);
		dir_write(x->dir, "providers.d/a.conf", text);
		s = load(x);
		assert_int_equal(roster_find(&s->roster, "a") != NULL,
		    cases[i].opens);
		snapshot_unref(s);
	}
	give_for(x, "http://file:80 by http://proxy:3128");
	s = load(x);
	assert_string_equal(roster_find(&s->roster, "a")->key, "sk-given");
	snapshot_unref(s);
}

/* Until they are sealed anew; then never again. */
static void
keys_of_before_open_until_they_are_bound(void **state)
{
	struct fixture *x = *state;
	struct snapshot *s;

	x->list.is_bound = false;
	x->channels[0].key = close_unbound("sk-before", x->sealed[0]);
	s = load(x);
	assert_string_equal(roster_find(&s->roster, "made")->key, "sk-before");
	snapshot_unref(s);
	x->list.is_bound = true;
	s = load(x);
	assert_null(roster_find(&s->roster, "made"));
	snapshot_unref(s);
}

/* What stood in for a variable before goes to files alone. */
static void
an_unbound_secret_is_for_files_alone(void **state)
{
	struct fixture *x = *state;
	struct snapshot *s;

	x->secret.place = "";
	x->secret.value = close_unbound("sk-before", x->sealed[1]);
	dir_write(x->dir, "providers.d/a.conf", URL
	    "api_key_env = \"ROSTER_KEY\";");
	s = load(x);
	assert_string_equal(roster_find(&s->roster, "a")->key, "sk-before");
	assert_null(roster_find(&s->roster, "second"));
	snapshot_unref(s);
}

static void
a_channel_names_only_variables_that_the_file_allows(void **state)
{
	struct fixture *x = *state;
	struct snapshot *s;

	setenv("ROSTER_KEY", "sk-environment", 1);
	s = load(x);
	assert_string_equal(roster_find(&s->roster, "second")->key,
	    "sk-environment");
	snapshot_unref(s);
	dir_write(x->dir, "sluice.conf", "auth: { seal_key_env = "
	    "\"ROSTER_SEAL\"; channel_env = [ \"ROSTER_KEYS\" ]; };");
	s = load(x);
	assert_null(roster_find(&s->roster, "second"));
	assert_string_equal(roster_find_problem(&s->roster, "second"),
	    "its variable ROSTER_KEY is not in auth.channel_env of "
	    "sluice.conf");
	assert_string_equal(s->roster.notes[0].text, "channel second is not in "
	    "use: its variable ROSTER_KEY is not in auth.channel_env of "
	    "sluice.conf");
	assert_null(roster_find_problem(&s->roster, "made"));
	snapshot_unref(s);
	unsetenv("ROSTER_KEY");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(channels_become_targets),
		TEST(files_and_channels_share_a_model),
		TEST(the_environment_wins_over_what_was_given),
		TEST(a_file_gets_its_key),
		TEST(a_files_name_wins),
		TEST(what_cannot_be_opened_is_left_out),
		TEST(what_was_opened_before_goes_on),
		TEST(other_problems_are_told),
		TEST(a_sealed_key_opens_for_its_own_origin_alone),
		TEST(what_was_opened_before_goes_on_at_its_origin_alone),
		TEST(what_was_given_for_one_place_goes_to_no_other),
		TEST(a_file_that_leads_elsewhere_gets_no_key),
		TEST(keys_of_before_open_until_they_are_bound),
		TEST(an_unbound_secret_is_for_files_alone),
		TEST(a_channel_names_only_variables_that_the_file_allows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
