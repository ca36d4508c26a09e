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

static struct managed_sealed
close_secret(const char *secret, unsigned char sealed[SEAL_MAX])
{
	struct seal seal;

	memset(seal.key, 7, SEAL_KEY);
	return (struct managed_sealed){ sealed,
	    seal_close(&seal, secret, sealed) };
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
	    "auth: { seal_key_env = \"ROSTER_SEAL\"; };");
	x->served[0] = (struct managed_served){ "m", "behind", 3, 77 };
	x->served[1] = (struct managed_served){ "*", "*", 10, 78 };
	x->channels[0] = (struct managed_channel){ .name = "made",
		.kind = "anthropic", .base_url = "http://made/v1",
		.key = close_secret("sk-made", x->sealed[0]),
		.weight = 5, .priority = 1,
		.models = x->served, .model_count = 1 };
	x->channels[1] = (struct managed_channel){ .name = "second",
		.kind = "openai", .base_url = "http://second/v1",
		.api_key_env = "ROSTER_KEY", .weight = 10,
		.models = x->served, .model_count = 2 };
	x->secret = (struct managed_secret){ "ROSTER_KEY",
		close_secret("sk-given", x->sealed[1]) };
	x->list = (struct managed_list){ .refs = 1, .channels = x->channels,
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
	assert_string_equal(s->roster.notes[0], "channel second is not in "
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
	assert_string_equal(s->roster.notes[0], "channel made is not in use: "
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
	assert_non_null(strstr(s->roster.notes[0],
	    "channel made is not in use: its key cannot be opened: "
	    "ROSTER_SEAL does not hold"));
	snapshot_unref(s);
	setenv("ROSTER_SEAL", "080707070707070707070707070707070707070707070707"
	    "0707070707070707", 1);
	s = load(*state);
	assert_string_equal(s->roster.notes[0], "channel made is not in use: "
	    "its key was sealed with another one, or is damaged");
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
	assert_non_null(strstr(s->roster.notes[0], "channel made goes on with "
	    "its key of before: its key cannot be opened: "));
	snapshot_unref(before);
	assert_string_equal(s->roster.entries[1].key, "sk-given");
	before = s;
	x->channels[0].key = close_secret("sk-made", x->sealed[0]);
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
	assert_string_equal(s->roster.notes[0],
	    "channel made is not in use: its kind is unknown");
	assert_string_equal(s->roster.notes[1],
	    "channel second is not in use: ROSTER_KEY is not set");
	snapshot_unref(s);
	x->channels[1].api_key_env = "ROSTER_SEAL";
	s = load(x);
	assert_string_equal(s->roster.notes[1], "channel second is not in use:"
	    " its variable holds a secret of the gateway");
	snapshot_unref(s);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
