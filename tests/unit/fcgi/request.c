/* What CONTENT_LENGTH says, and that the edge hears of every write. */
#include "config.h"

#include "fcgi/request.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct { const char *text; enum err err; bool has; uint64_t n; }
lengths[] = {
	{ "CONTENT_LENGTH=0", ERR_NONE, true, 0 },
	{ "CONTENT_LENGTH=17", ERR_NONE, true, 17 },
	{ "CONTENT_LENGTH=0017", ERR_NONE, true, 17 },
	{ "CONTENT_LENGTH=18446744073709551615", ERR_NONE, true, UINT64_MAX },
	{ "CONTENT_LENGTH=", ERR_NONE, false, 0 },
	{ "OTHER=5", ERR_NONE, false, 0 },
	{ "CONTENT_LENGTH=18446744073709551616", ERR_BAD_REQUEST, false, 0 },
	{ "CONTENT_LENGTH=-1", ERR_BAD_REQUEST, false, 0 },
	{ "CONTENT_LENGTH=+1", ERR_BAD_REQUEST, false, 0 },
	{ "CONTENT_LENGTH= 1", ERR_BAD_REQUEST, false, 0 },
	{ "CONTENT_LENGTH=1 ", ERR_BAD_REQUEST, false, 0 },
	{ "CONTENT_LENGTH=1,1", ERR_BAD_REQUEST, false, 0 },
	{ "CONTENT_LENGTH=0x10", ERR_BAD_REQUEST, false, 0 },
	{ "CONTENT_LENGTH=1e3", ERR_BAD_REQUEST, false, 0 },
	{ "CONTENT_LENGTH=abc", ERR_BAD_REQUEST, false, 0 },
};

static void
lengths_are_whole_numbers(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 100);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		const char *pair = lengths[i].text;
		unsigned name_len = (unsigned)strcspn(pair, "=");
		struct request r = { .params = { .pairs = &pair,
		    .name_lens = &name_len, .count = 1 } };

		params_index(&r.params, &arena);
		assert_int_equal(request_init_length(&r), lengths[i].err);
		assert_int_equal(r.has_length, lengths[i].has);
		if (lengths[i].has)
			assert_true(r.content_length == lengths[i].n);
	}
	arena_fini(&arena);
}

static int changes;

static void
note_change(struct request *r)
{
	(void)r;
	changes++;
}

static void
the_edge_hears_of_writes_and_ends(void **state)
{
	struct request r = { .changed = note_change };
	int	 fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fds), 0);
	response_init(&r.response, fds[0], 1, 1000);
	response_begin(&r.response, 200);
	assert_int_equal(request_write(&r, "a", 1), ERR_NONE);
	assert_int_equal(changes, 1);
	request_end(&r, "b", 1);
	assert_int_equal(changes, 2);
	assert_int_equal(r.response.state, RESPONSE_DONE);
	request_abort(&r);
	assert_int_equal(changes, 3);
	assert_false(r.response.broken);
	response_fini(&r.response);
	close(fds[0]);
	close(fds[1]);
}

static void
a_write_to_nobody_says_so(void **state)
{
	struct request r = { .changed = note_change };
	int	 fds[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fds), 0);
	close(fds[1]);
	changes = 0;
	response_init(&r.response, fds[0], 1, 1000);
	response_begin(&r.response, 200);
	assert_int_equal(request_write(&r, "a", 1), ERR_CLIENT_GONE);
	assert_int_equal(changes, 1);
	request_abort(&r);
	assert_int_equal(r.response.state, RESPONSE_DONE);
	response_fini(&r.response);
	close(fds[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_are_whole_numbers),
		cmocka_unit_test(the_edge_hears_of_writes_and_ends),
		cmocka_unit_test(a_write_to_nobody_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
