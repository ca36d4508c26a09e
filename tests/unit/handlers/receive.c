/* A body that is decoded is made in turns, however little it takes to say it. */
#include "config.h"

#include "handlers/receive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "handlers/route.h"

enum { MB = 1 << 20, TEXT_BYTES = 10 * MB, TURN_MAX = MB + 65536 };

static const struct route any = { .method = "POST", .pattern = "/v1/*",
	.body = ROUTE_BODY_ANY };

struct fixture {
	struct exchange	 x;
	struct request	 request;
	struct snapshot	 snapshot;
	struct conf	 conf;
	unsigned char	 packed[65536];
	size_t		 n;
};

static void
pack_zeros(struct fixture *f)
{
	uLongf n = sizeof f->packed;
	unsigned char *text = calloc(1, TEXT_BYTES);

	assert_non_null(text);
	assert_int_equal(compress(f->packed, &n, text, TEXT_BYTES), Z_OK);
	free(text);
	f->n = n;
}

static int
set_up(void **state)
{
	static const char *pairs[] = { "HTTP_CONTENT_ENCODING=deflate",
		"CONTENT_TYPE=application/octet-stream" };
	static unsigned lens[] = { 21, 12 };
	struct fixture *f = calloc(1, sizeof *f);

	receive_init();
	arena_init(&f->request.arena, 4096);
	f->request.params.pairs = pairs;
	f->request.params.name_lens = lens;
	f->request.params.count = 2;
	params_index(&f->request.params, &f->request.arena);
	f->conf.limits.body_bytes = 2 * TEXT_BYTES;
	f->snapshot.conf = &f->conf;
	f->x.call.snapshot = &f->snapshot;
	f->x.call.arena = &f->request.arena;
	f->x.request = &f->request;
	f->x.route = &any;
	spool_init(&f->x.body, 2 * TEXT_BYTES);
	pack_zeros(f);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	receive_release(&f->x);
	spool_fini(&f->x.body);
	arena_fini(&f->request.arena);
	free(f);
	return 0;
}

static void
no_turn_makes_more_than_its_share(void **state)
{
	struct fixture *f = *state;
	uint64_t before = 0;
	unsigned turns = 1;

	f->request.received = f->n;
	receive_body(&f->x, (char *)f->packed, f->n);
	while (f->request.is_busy) {
		assert_true(f->x.body.len - before <= TURN_MAX);
		before = f->x.body.len;
		receive_resume(&f->x);
		turns++;
	}
	assert_true(f->x.body.len - before <= TURN_MAX);
	assert_int_equal(f->x.body.len, TEXT_BYTES);
	assert_true(turns >= TEXT_BYTES / TURN_MAX);
}

/* Who leaves in the middle of it leaves nothing behind; a sanitizer looks. */
static void
a_turn_may_be_the_last(void **state)
{
	struct fixture *f = *state;

	f->request.received = f->n;
	receive_body(&f->x, (char *)f->packed, f->n);
	assert_true(f->request.is_busy);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    no_turn_makes_more_than_its_share, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_turn_may_be_the_last, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests_name("receive", tests, NULL, NULL);
}
