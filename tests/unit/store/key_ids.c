/* Ids of keys: the same for one key, of no use for finding it. */
#include "config.h"

#include "store/key_ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/log.h"
#include "tests/unit/store/children.h"

struct fixture {
	struct place	*place;
	struct key_ids	 ids;
	char		 path[96];
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	if (sodium_init() < 0)
		return -1;
	log_open(NULL, LOG_LEVEL_ERROR);
	x->place = place_make();
	snprintf(x->path, sizeof x->path, "%s/ids.key", x->place->dir);
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	place_remove(x->place);
	free(x);
	return 0;
}

static const char *
make(const struct key_ids *ids, const char *secret)
{
	static char made[2][KEYS_ID_SIZE];
	static int next;
	unsigned char hash[KEYS_HASH];
	char	*id = made[next = !next];

	crypto_hash_sha256(hash, (const unsigned char *)secret,
	    strlen(secret));
	key_ids_make(ids, hash, id);
	return id;
}

static void
the_installations_key_is_made_once(void **state)
{
	struct fixture *x = *state;
	struct key_ids again;
	struct stat st;

	assert_true(key_ids_load(&x->ids, x->place->dir));
	assert_int_equal(stat(x->path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_true(key_ids_load(&again, x->place->dir));
	assert_string_equal(make(&x->ids, "sk-one"), make(&again, "sk-one"));
	assert_string_not_equal(make(&x->ids, "sk-one"),
	    make(&again, "sk-two"));
}

/* Nobody who has a dictionary of keys, and not the file, finds one. */
static void
another_installation_has_other_ids(void **state)
{
	struct fixture *x = *state;
	struct key_ids other;
	unsigned char hash[KEYS_HASH];
	char	 hex[2 * KEYS_HASH + 1];
	const char *id;

	assert_true(key_ids_load(&x->ids, x->place->dir));
	unlink(x->path);
	assert_true(key_ids_load(&other, x->place->dir));
	id = make(&x->ids, "guessable");
	assert_string_not_equal(id, make(&other, "guessable"));
	crypto_hash_sha256(hash, (const unsigned char *)"guessable", 9);
	sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
	assert_null(strstr(hex, id + 8));
}

static void
an_id_is_a_k_and_hex(void **state)
{
	struct fixture *x = *state;
	char	 secret[32];

	key_ids_make_up(&x->ids);
	for (int i = 0; i < 1000; i++) {
		const char *id;

		snprintf(secret, sizeof secret, "secret %d", i);
		id = make(&x->ids, secret);
		assert_int_equal(strlen(id), KEYS_ID_SIZE - 1);
		assert_int_equal(id[0], 'k');
		assert_int_equal(strspn(id + 1, "0123456789abcdef"),
		    KEYS_ID_SIZE - 2);
	}
}

/* Half of the hash, as the versions before had it, leads to the same id. */
static void
an_old_id_is_translated_to_the_new_one(void **state)
{
	struct fixture *x = *state;
	unsigned char hash[KEYS_HASH];
	char	 old[KEYS_ID_SIZE], id[KEYS_ID_SIZE];

	key_ids_make_up(&x->ids);
	crypto_hash_sha256(hash, (const unsigned char *)"sk-one", 6);
	sodium_bin2hex(old, sizeof old, hash, 16);
	key_ids_translate(&x->ids, old, id);
	assert_string_equal(id, make(&x->ids, "sk-one"));
	key_ids_translate(&x->ids, id, id);
	assert_string_equal(id, make(&x->ids, "sk-one"));
}

static void
what_is_no_old_id_stays(void **state)
{
	static const char *const texts[] = {
		"", "admin", "k0123456789abcdef0123456789abcde",
		"0123456789abcdef0123456789abcde",
		"0123456789ABCDEF0123456789abcdef",
		"0123456789abcdef0123456789abcdeg",
	};
	struct fixture *x = *state;
	char	 id[KEYS_ID_SIZE];

	key_ids_make_up(&x->ids);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		key_ids_translate(&x->ids, texts[i], id);
		assert_string_equal(id, texts[i]);
	}
}

static void
a_file_that_others_may_read_is_refused(void **state)
{
	struct fixture *x = *state;

	assert_true(key_ids_load(&x->ids, x->place->dir));
	assert_int_equal(chmod(x->path, 0640), 0);
	assert_false(key_ids_load(&x->ids, x->place->dir));
	assert_non_null(strstr(x->ids.file.why, "chmod 600"));
	assert_false(key_ids_load(&x->ids, "/nonexistent/of/sluice"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_installations_key_is_made_once),
		TEST(another_installation_has_other_ids),
		TEST(an_id_is_a_k_and_hex),
		TEST(an_old_id_is_translated_to_the_new_one),
		TEST(what_is_no_old_id_stays),
		TEST(a_file_that_others_may_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
