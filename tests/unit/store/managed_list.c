/* What was made at run time as a process knows it, with what leads to it. */
#include "config.h"

#include "store/managed_list.h"

#include <stddef.h>

#include "store/store.h"
#include "tests/unit/store/database.h"

#define NOW 1777852800LL

struct fixture {
	struct place	*place;
	struct db	*db;
	struct watch	*watch;
	struct managed_list *list;
	struct seal	 seal;
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	x->db = database_make(&x->place);
	x->watch = watch_create(x->db);
	memset(x->seal.key, 7, SEAL_KEY);
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	managed_list_unref(x->list);
	watch_free(x->watch);
	database_remove(x->place, x->db);
	free(x);
	return 0;
}

/* Did anything change? */
static bool
look(struct fixture *x)
{
	struct watch_found found;
	struct managed_list *list;

	watch_read(x->watch, &found);
	list = watch_take(&found, WATCH_MANAGED);
	watch_drop(&found);
	if (list == NULL)
		return false;
	managed_list_unref(x->list);
	x->list = list;
	return true;
}

static int64_t
add(struct fixture *x, const char *name, const char *model)
{
	struct managed_change c = { .name = name, .base_url = "http://h",
		.kind = "anthropic", .has_weight = true, .weight = 7,
		.has_priority = true, .priority = 2,
		.api_key = "sk-secret", .seal = &x->seal };
	int64_t	 id;

	assert_int_equal(managed_channels_add(x->db, &c, &model, model != NULL,
	    NOW, &id), MANAGED_DONE);
	return id;
}

static void
assert_sealed(struct fixture *x, const struct managed_sealed *sealed,
    const struct seal_purpose *purpose, const char *expected)
{
	char	 secret[SEAL_SECRET_MAX + 1];

	assert_true(seal_open(&x->seal, purpose, sealed->bytes, sealed->len,
	    secret));
	assert_string_equal(secret, expected);
}

static void
channels_are_there_with_their_models(void **state)
{
	struct fixture *x = *state;
	const struct managed_channel *c;
	int64_t	 id = add(x, "one", "m"), model;

	add(x, "two", NULL);
	assert_int_equal(managed_models_add(x->db, "n", NOW + 5, &model),
	    MANAGED_DONE);
	assert_int_equal(managed_models_map(x->db, model, id, "behind", 3,
	    NOW + 6), MANAGED_DONE);
	assert_true(look(x));
	assert_int_equal(x->list->channel_count, 2);
	c = &x->list->channels[0];
	assert_string_equal(c->name, "one");
	assert_string_equal(c->kind, "anthropic");
	assert_string_equal(c->base_url, "http://h/v1");
	assert_null(c->api_key_env);
	assert_int_equal(c->id, id);
	assert_sealed(x, &c->key, &(struct seal_purpose){ SEAL_CHANNEL, "1",
	    "http://h:80" }, "sk-secret");
	assert_int_equal(c->weight, 7);
	assert_int_equal(c->priority, 2);
	assert_int_equal(c->model_count, 2);
	assert_string_equal(c->models[0].model, "m");
	assert_string_equal(c->models[0].target, "m");
	assert_int_equal(c->models[0].weight, 10);
	assert_string_equal(c->models[1].model, "n");
	assert_string_equal(c->models[1].target, "behind");
	assert_int_equal(c->models[1].weight, 3);
	assert_int_equal(c->models[1].created, NOW + 5);
	assert_int_equal(x->list->channels[1].model_count, 0);
}

static void
disabled_ones_are_left_out(void **state)
{
	struct fixture *x = *state;
	struct managed_change off = { .has_enabled = true };
	int64_t	 id = add(x, "one", "m");

	managed_channels_set(x->db, id, &off, NOW);
	assert_true(look(x));
	assert_int_equal(x->list->channel_count, 0);
}

static enum managed_end
give(struct fixture *x, const char *name, const char *value, size_t count)
{
	static const char *const places[] = { "http://h:80", "http://i:80" };

	return secrets_set(x->db, name, value, places, count, &x->seal, NOW);
}

static void
secrets_are_found_by_name_and_place(void **state)
{
	struct fixture *x = *state;
	const struct managed_secret *s;

	assert_int_equal(give(x, "A_KEY", "first", 2), MANAGED_DONE);
	assert_int_equal(give(x, "B_KEY", "other", 1), MANAGED_DONE);
	assert_true(look(x));
	assert_non_null(managed_list_find_secret(x->list, "A_KEY",
	    "http://i:80"));
	assert_int_equal(give(x, "A_KEY", "second", 1), MANAGED_DONE);
	assert_int_equal(give(x, "HTTP_A", "x", 1), MANAGED_BAD_VARIABLE);
	assert_int_equal(give(x, "A_KEY", "a b", 1), MANAGED_BAD_SECRET);
	assert_int_equal(give(x, "A_KEY", "x", 0), MANAGED_BAD_URL);
	assert_true(look(x));
	s = managed_list_find_secret(x->list, "A_KEY", NULL);
	assert_non_null(s);
	assert_ptr_equal(managed_list_find_secret(x->list, "A_KEY",
	    "http://h:80"), s);
	assert_sealed(x, &s->value, &(struct seal_purpose){ SEAL_VARIABLE,
	    "A_KEY", "http://h:80" }, "second");
	assert_null(managed_list_find_secret(x->list, "A_KEY",
	    "http://i:80"));
	assert_null(managed_list_find_secret(x->list, "C_KEY", NULL));
	assert_null(managed_list_find_secret(NULL, "A_KEY", NULL));
	assert_true(x->list->is_bound && !x->list->needs_upgrade);
}

/* Every kind of change is one, and nothing else is. */
static void
each_change_is_seen_once(void **state)
{
	struct fixture *x = *state;
	struct keys_change key = { .owner = NULL };
	int64_t	 id = add(x, "one", "m"), model;

	assert_true(look(x));
	assert_false(look(x));
	assert_int_equal(managed_models_find(x->db, "m", &model),
	    MANAGED_DONE);
	assert_int_equal(managed_models_rename(x->db, model, "n", NOW),
	    MANAGED_DONE);
	assert_true(look(x));
	assert_string_equal(x->list->channels[0].models[0].model, "n");
	assert_int_equal(managed_models_unmap(x->db, model, id),
	    MANAGED_DONE);
	assert_true(look(x));
	assert_int_equal(x->list->channels[0].model_count, 0);
	assert_int_equal(managed_models_map(x->db, model, id, "n", 0, NOW),
	    MANAGED_DONE);
	assert_true(look(x));
	assert_int_equal(managed_models_delete(x->db, model), MANAGED_DONE);
	assert_true(look(x));
	assert_int_equal(x->list->channels[0].model_count, 0);
	keys_add(x->db, "k", "sk-one-one-one-one", &key, NOW);
	assert_false(look(x));
	assert_int_equal(managed_channels_delete(x->db, id), MANAGED_DONE);
	assert_true(look(x));
	assert_int_equal(x->list->channel_count, 0);
}

static void
what_leads_nowhere_is_told(void **state)
{
	struct fixture *x = *state;
	int64_t	 id = add(x, "one", "m"), model;

	managed_models_find(x->db, "m", &model);
	assert_int_equal(managed_models_map(x->db, model, id + 1, "x", 0, NOW),
	    MANAGED_NO_CHANNEL);
	assert_int_equal(managed_models_map(x->db, model + 1, id, "x", 0, NOW),
	    MANAGED_NO_MODEL);
	assert_int_equal(managed_models_map(x->db, model, id, "x", 0, NOW),
	    MANAGED_MAPPING_TAKEN);
	assert_int_equal(managed_models_map(x->db, model, id, "", 0, NOW),
	    MANAGED_BAD_TARGET);
	assert_int_equal(managed_models_map(x->db, model, id, "x", 1000001,
	    NOW), MANAGED_BAD_WEIGHT);
	assert_int_equal(managed_models_unmap(x->db, model, id + 1),
	    MANAGED_NO_MAPPING);
	assert_int_equal(managed_models_delete(x->db, model + 1),
	    MANAGED_NO_MODEL);
	assert_int_equal(managed_models_rename(x->db, model, "a*", NOW),
	    MANAGED_BAD_MODEL);
	assert_int_equal(managed_models_add(x->db, "m", NOW, &id),
	    MANAGED_MODEL_TAKEN);
}

static void
a_reference_keeps_the_list(void **state)
{
	struct fixture *x = *state;
	struct managed_list *l;

	add(x, "one", "m");
	assert_true(look(x));
	l = managed_list_ref(x->list);
	add(x, "two", NULL);
	assert_true(look(x));
	assert_string_equal(l->channels[0].name, "one");
	assert_int_equal(l->channel_count, 1);
	managed_list_unref(l);
	managed_list_unref(NULL);
	assert_null(managed_list_ref(NULL));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(channels_are_there_with_their_models),
		TEST(disabled_ones_are_left_out),
		TEST(secrets_are_found_by_name_and_place),
		TEST(each_change_is_seen_once),
		TEST(what_leads_nowhere_is_told),
		TEST(a_reference_keeps_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
