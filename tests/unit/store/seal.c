/* Secrets are sealed, opened with the same key alone, and the key is kept well. */
#include "config.h"

#include "store/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/log.h"
#include "tests/unit/store/children.h"

#define HEX	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define BASE64	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

enum { ROUNDS = 20 };

static const struct seal_purpose ours = { SEAL_CHANNEL, "7", "http://h:80" };

struct fixture {
	struct place	*place;
	struct seal_place in;		/* no variable, the file in the place */
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
	x->in = (struct seal_place){ "THE_KEY", NULL, x->place->dir };
	snprintf(x->path, sizeof x->path, "%s/seal.key", x->place->dir);
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

static void
write_file(const struct fixture *x, const char *text, mode_t mode)
{
	FILE	*f = fopen(x->path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(x->path, mode), 0);
}

static void
refused(struct fixture *x, const char *why)
{
	static const unsigned char none[SEAL_KEY];
	struct seal seal;

	assert_false(seal_load(&seal, &x->in));
	if (strstr(seal.why, why) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", why, seal.why);
	assert_memory_equal(seal.key, none, SEAL_KEY);
	assert_false(seal_load_or_make(&seal, &x->in));
	assert_non_null(strstr(seal.why, why));
}

static void
what_is_sealed_opens_with_the_same_key(void **state)
{
	struct fixture *x = *state;
	unsigned char sealed[SEAL_MAX], other[SEAL_MAX];
	char	 secret[SEAL_SECRET_MAX + 1];
	struct seal seal, again;
	size_t	 n;

	x->in.value = HEX;
	assert_true(seal_load(&seal, &x->in));
	n = seal_close(&seal, &ours, "sk-secret", sealed);
	assert_null(memmem(sealed, n, "sk-s", 4));
	assert_int_equal(seal_close(&seal, &ours, "sk-secret", other), n);
	assert_memory_not_equal(sealed, other, n);
	x->in.value = BASE64;
	assert_true(seal_load(&again, &x->in));
	assert_true(seal_open(&again, &ours, sealed, n, secret));
	assert_string_equal(secret, "sk-secret");
	seal_forget(&again);
	assert_false(seal_open(&again, &ours, sealed, n, secret));
}

static void
the_longest_secret_fits(void **state)
{
	struct fixture *x = *state;
	unsigned char sealed[SEAL_MAX];
	char	 longest[SEAL_SECRET_MAX + 1], secret[SEAL_SECRET_MAX + 1];
	struct seal seal;
	size_t	 n;

	memset(longest, 'x', SEAL_SECRET_MAX);
	longest[SEAL_SECRET_MAX] = '\0';
	x->in.value = HEX;
	assert_true(seal_load(&seal, &x->in));
	n = seal_close(&seal, &ours, longest, sealed);
	assert_int_equal(n, SEAL_MAX);
	assert_true(seal_open(&seal, &ours, sealed, n, secret));
	assert_string_equal(secret, longest);
}

static void
what_was_changed_does_not_open(void **state)
{
	struct fixture *x = *state;
	unsigned char sealed[SEAL_MAX + 1];
	char	 secret[SEAL_SECRET_MAX + 1];
	struct seal seal;
	size_t	 n;

	x->in.value = HEX;
	assert_true(seal_load(&seal, &x->in));
	n = seal_close(&seal, &ours, "sk-secret", sealed);
	for (size_t i = 0; i < n; i++) {
		sealed[i] ^= 1;
		assert_false(seal_open(&seal, &ours, sealed, n, secret));
		sealed[i] ^= 1;
		assert_false(seal_open(&seal, &ours, sealed, i, secret));
	}
	assert_false(seal_open(&seal, &ours, sealed, SEAL_MAX + 1, secret));
}

/* No part of a purpose stands in for another. */
static void
what_is_sealed_opens_for_its_purpose_alone(void **state)
{
	static const struct seal_purpose others[] = {
		{ SEAL_VARIABLE, "7", "http://h:80" },
		{ SEAL_CHANNEL, "8", "http://h:80" },
		{ SEAL_CHANNEL, "", "7\nhttp://h:80" },
		{ SEAL_CHANNEL, "7", "https://h:80" },
		{ SEAL_CHANNEL, "7", "http://h:8" },
		{ SEAL_CHANNEL, "7", "http://h:800" },
		{ SEAL_CHANNEL, "7", "" },
		{ SEAL_CHANNEL, "77", "http://h:80" },
		{ "", "7", "http://h:80" },
	};
	struct fixture *x = *state;
	unsigned char sealed[SEAL_MAX];
	char	 secret[SEAL_SECRET_MAX + 1];
	struct seal seal;
	size_t	 n;

	x->in.value = HEX;
	assert_true(seal_load(&seal, &x->in));
	n = seal_close(&seal, &ours, "sk-secret", sealed);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_false(seal_open(&seal, &others[i], sealed, n, secret));
		n = seal_close(&seal, &others[i], "sk-secret", sealed);
		assert_false(seal_open(&seal, &ours, sealed, n, secret));
		assert_true(seal_open(&seal, &others[i], sealed, n, secret));
		n = seal_close(&seal, &ours, "sk-secret", sealed);
	}
}

/* What was sealed by secretbox, and nothing else, opens without a purpose. */
static void
what_was_sealed_before_opens_as_it_was(void **state)
{
	struct fixture *x = *state;
	unsigned char sealed[SEAL_MAX];
	char	 secret[SEAL_SECRET_MAX + 1];
	struct seal seal;
	size_t	 n = strlen("sk-before") + 40;

	x->in.value = HEX;
	assert_true(seal_load(&seal, &x->in));
	randombytes_buf(sealed, 24);
	crypto_secretbox_easy(sealed + 24, (const unsigned char *)"sk-before",
	    n - 40, sealed, seal.key);
	assert_true(seal_open_unbound(&seal, sealed, n, secret));
	assert_string_equal(secret, "sk-before");
	assert_false(seal_open(&seal, &ours, sealed, n, secret));
	sealed[30] ^= 1;
	assert_false(seal_open_unbound(&seal, sealed, n, secret));
	assert_false(seal_open_unbound(&seal, sealed, 39, secret));
	n = seal_close(&seal, &ours, "sk-new", sealed);
	assert_false(seal_open_unbound(&seal, sealed, n, secret));
}

static void
the_variable_holds_a_key_or_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "x", HEX "0", HEX "00", "g" HEX,
		"zz0102030405060708090a0b0c0d0e0f"
		"101112131415161718191a1b1c1d1e1f",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8h",
		"!!ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		x->in.value = bad[i];
		refused(x, "THE_KEY does not hold 32 bytes");
	}
}

static void
the_file_is_made_once(void **state)
{
	struct fixture *x = *state;
	struct seal seal, again;
	struct stat st;

	assert_false(seal_load(&seal, &x->in));
	assert_non_null(strstr(seal.why, "is not there"));
	assert_true(seal_load_or_make(&seal, &x->in));
	assert_int_equal(stat(x->path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_nlink, 1);
	assert_true(seal_load_or_make(&again, &x->in));
	assert_memory_equal(seal.key, again.key, SEAL_KEY);
	assert_true(seal_load(&again, &x->in));
	assert_memory_equal(seal.key, again.key, SEAL_KEY);
	x->in.value = HEX;
	assert_true(seal_load(&again, &x->in));
	assert_memory_not_equal(seal.key, again.key, SEAL_KEY);
}

static void
a_file_that_is_not_fit_is_refused(void **state)
{
	struct fixture *x = *state;

	write_file(x, HEX "\n", 0640);
	refused(x, "chmod 600");
	write_file(x, HEX "\n", 0604);
	refused(x, "chmod 600");
	write_file(x, "", 0600);
	refused(x, "does not hold 32 bytes");
	write_file(x, HEX HEX HEX, 0600);
	refused(x, "does not hold 32 bytes");
	unlink(x->path);
	assert_int_equal(symlink("/dev/zero", x->path), 0);
	refused(x, "no regular file");
	unlink(x->path);
	assert_int_equal(mkfifo(x->path, 0600), 0);
	refused(x, "no regular file");
	unlink(x->path);
	x->in.dir = "/nonexistent/of/sluice";
	assert_false(seal_load_or_make(&(struct seal){ .why = "" }, &x->in));
}

static void
make_one(struct place *p, unsigned n)
{
	struct seal_place in = { "THE_KEY", NULL, p->dir };
	struct seal seal;

	while (p->words[0] == 0)
		sched_yield();
	if (seal_load_or_make(&seal, &in))
		memcpy((void *)&p->words[8 * n], seal.key, 8);
}

/* Two processes that seal their first secrets at once have one key. */
static void
two_that_make_it_agree(void **state)
{
	struct fixture *x = *state;
	struct place *p = x->place;

	for (int i = 0; i < ROUNDS; i++) {
		pid_t	 one, two;

		unlink(x->path);
		p->words[0] = 0;
		one = child_start(make_one, p, 1);
		two = child_start(make_one, p, 2);
		p->words[0] = 1;
		waitpid(one, NULL, 0);
		waitpid(two, NULL, 0);
		assert_memory_equal((void *)&p->words[8],
		    (void *)&p->words[16], 8);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_sealed_opens_with_the_same_key),
		TEST(what_is_sealed_opens_for_its_purpose_alone),
		TEST(what_was_sealed_before_opens_as_it_was),
		TEST(the_longest_secret_fits),
		TEST(what_was_changed_does_not_open),
		TEST(the_variable_holds_a_key_or_is_refused),
		TEST(the_file_is_made_once),
		TEST(a_file_that_is_not_fit_is_refused),
		TEST(two_that_make_it_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
