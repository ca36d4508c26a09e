/* Answers as the web server reads them, fast and slow. */
#include "config.h"

#include "fcgi/response.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/fcgi/wire.h"

enum { HIGH_WATER = 10000 };

/* A response, the web server's end, and all that came out there. */
struct line {
	struct response	 r;
	int		 fds[2];
	struct buf	 got;
	bool		 eof;
};

static char sample[2000000];

static int
set_up_sample(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(sample); i++)
		sample[i] = (char)(i * 31 + i / 251);
	return 0;
}

static void
line_open(struct line *l, uint16_t id)
{
	int	 small = 4096;

	memset(l, 0, sizeof(*l));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    l->fds), 0);
	setsockopt(l->fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	response_init(&l->r, l->fds[0], id, HIGH_WATER);
	buf_init(&l->got, WIRE_MAX);
}

static void
line_close(struct line *l)
{
	response_fini(&l->r);
	close(l->fds[0]);
	close(l->fds[1]);
	buf_fini(&l->got);
}

/* Read what is there, at most MAX bytes. */
static size_t
line_read(struct line *l, size_t max)
{
	static char bytes[65536];
	ssize_t	 n;

	n = read(l->fds[1], bytes, max < sizeof(bytes) ? max : sizeof(bytes));
	if (n <= 0)
		return 0;
	assert_int_equal(buf_append(&l->got, bytes, (size_t)n), ERR_NONE);
	return (size_t)n;
}

/* Read everything, flushing as a loop would. */
static void
line_drain(struct line *l)
{
	while (line_read(l, 65536) > 0 || response_is_pending(&l->r))
		assert_int_equal(response_flush(&l->r), ERR_NONE);
}

static struct wire_answer
line_parse(struct line *l)
{
	struct wire_answer a;

	line_drain(l);
	wire_parse(&a, buf_data(&l->got), buf_len(&l->got), l->r.id);
	assert_int_equal(a.used, buf_len(&l->got));
	assert_false(a.padded);
	return a;
}

static void
begin(struct line *l)
{
	response_begin(&l->r, 200);
	response_field(&l->r, "Content-Type", "text/plain");
}

#define HEAD "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n"

static void
assert_text(const struct wire_answer *a, const char *text)
{
	assert_int_equal(buf_len(&a->text), strlen(text));
	assert_memory_equal(buf_data(&a->text), text, strlen(text));
}

static void
head_and_first_bytes_share_a_record(void **state)
{
	struct line l;
	struct wire_answer a;

	(void)state;
	line_open(&l, 1);
	begin(&l);
	assert_int_equal(line_read(&l, 1), 0);	/* nothing before the body */
	assert_int_equal(response_write(&l.r, "hello", 5), ERR_NONE);
	a = line_parse(&l);
	assert_int_equal(a.records, 1);
	assert_text(&a, HEAD "hello");
	assert_false(a.closed || a.ended);
	buf_fini(&a.text);
	line_close(&l);
}

static void
each_write_is_a_record_at_once(void **state)
{
	struct line l;
	struct wire_answer a;

	(void)state;
	line_open(&l, 300);
	begin(&l);
	response_write(&l.r, "one", 3);
	response_write(&l.r, "two", 3);
	response_write(&l.r, "", 0);
	response_end(&l.r, "three", 5);
	a = line_parse(&l);
	assert_int_equal(a.records, 3);
	assert_text(&a, HEAD "onetwothree");
	assert_true(a.closed && a.ended);
	assert_int_equal(a.protocol_status, FCGI_REQUEST_COMPLETE);
	assert_int_equal(l.r.body_bytes, 11);
	assert_int_equal(l.r.state, RESPONSE_DONE);
	buf_fini(&a.text);
	line_close(&l);
}

static void
an_answer_may_have_no_body(void **state)
{
	struct line l;
	struct wire_answer a;

	(void)state;
	line_open(&l, 1);
	response_begin(&l.r, 204);
	response_end(&l.r, NULL, 0);
	a = line_parse(&l);
	assert_text(&a, "Status: 204 No Content\r\n\r\n");
	assert_true(a.closed && a.ended);
	buf_fini(&a.text);
	line_close(&l);
}

/* Sizes about where one record is full, with and without the head. */
static void
large_writes_are_cut_into_records(void **state)
{
	static const size_t sizes[] = {
		65528 - sizeof(HEAD), 65528 - sizeof(HEAD) + 1,
		65528 - sizeof(HEAD) + 2, 65527, 65528, 65529, 131056, 131057,
		500000, 1000000,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct line l;
		struct wire_answer a;
		const char *body;
		size_t	 n;

		line_open(&l, 1);
		begin(&l);
		assert_int_equal(response_write(&l.r, sample, sizes[i]),
		    ERR_NONE);
		line_drain(&l);
		response_end(&l.r, sample, sizes[i]);
		a = line_parse(&l);
		assert_true(a.ended);
		body = wire_find_body(&a, &n);
		assert_int_equal(n, 2 * sizes[i]);
		assert_memory_equal(body, sample, sizes[i]);
		assert_memory_equal(body + sizes[i], sample, sizes[i]);
		buf_fini(&a.text);
		line_close(&l);
	}
}

/* Any mix of writing, reading a little and flushing keeps every byte. */
static void
a_slow_reader_gets_every_byte(void **state)
{
	struct line l;
	struct wire_answer a;
	const char *body;
	size_t	 sent = 0, n;
	bool	 was_full = false;

	(void)state;
	srand(4);
	line_open(&l, 1);
	begin(&l);
	while (sent < sizeof(sample)) {
		n = (size_t)rand() % 5000;
		n = n < sizeof(sample) - sent ? n : sizeof(sample) - sent;
		if (!response_is_full(&l.r)) {
			assert_int_equal(response_write(&l.r, sample + sent,
			    n), ERR_NONE);
			sent += n;
		} else {
			was_full = true;
			assert_true(response_is_pending(&l.r));
			line_read(&l, (size_t)rand() % 20000 + 1);
			assert_int_equal(response_flush(&l.r), ERR_NONE);
		}
	}
	response_end(&l.r, NULL, 0);
	assert_true(was_full);
	a = line_parse(&l);
	assert_true(a.closed && a.ended);
	body = wire_find_body(&a, &n);
	assert_int_equal(n, sizeof(sample));
	assert_memory_equal(body, sample, n);
	buf_fini(&a.text);
	line_close(&l);
}

static void
full_is_from_the_high_water_mark_on(void **state)
{
	struct line l;

	(void)state;
	line_open(&l, 1);
	begin(&l);
	assert_false(response_is_full(&l.r));
	assert_false(response_is_pending(&l.r));
	while (!response_is_full(&l.r)) {
		assert_true(buf_len(&l.r.out) < HIGH_WATER);
		assert_int_equal(response_write(&l.r, sample, 500), ERR_NONE);
	}
	assert_true(buf_len(&l.r.out) >= HIGH_WATER);
	line_drain(&l);
	assert_false(response_is_full(&l.r));
	assert_null(l.r.out.data);		/* memory is given back */
	line_close(&l);
}

static void
a_writer_that_does_not_stop_is_cut_off(void **state)
{
	struct line l;
	enum err err = ERR_NONE;

	(void)state;
	line_open(&l, 1);
	begin(&l);
	for (int i = 0; i < 100 && err == ERR_NONE; i++)
		err = response_write(&l.r, sample, 50000);
	assert_int_equal(err, ERR_CLIENT_GONE);
	assert_true(l.r.gone);
	assert_false(response_is_pending(&l.r));
	line_close(&l);
}

/* However large: nothing can be written after it. */
static void
the_last_piece_may_be_of_any_size(void **state)
{
	struct line l;
	struct wire_answer a;
	size_t	 n;

	(void)state;
	line_open(&l, 1);
	begin(&l);
	response_end(&l.r, sample, sizeof(sample));
	assert_false(l.r.gone);
	a = line_parse(&l);
	assert_true(a.closed && a.ended);
	wire_find_body(&a, &n);
	assert_int_equal(n, sizeof(sample));
	buf_fini(&a.text);
	line_close(&l);
}

static void
an_abort_breaks_the_connection_off(void **state)
{
	struct line l;
	struct wire_answer a;

	(void)state;
	line_open(&l, 1);
	begin(&l);
	response_write(&l.r, "half", 4);
	response_abort(&l.r);
	assert_true(l.r.broken);
	assert_int_equal(l.r.state, RESPONSE_DONE);
	a = line_parse(&l);
	assert_text(&a, HEAD "half");
	assert_true(a.poisoned);
	assert_false(a.closed || a.ended);
	buf_fini(&a.text);
	line_close(&l);
}

static void
an_abort_waits_its_turn(void **state)
{
	struct line l;
	struct wire_answer a;
	size_t	 n;

	(void)state;
	line_open(&l, 1);
	begin(&l);
	response_write(&l.r, sample, 200000);
	assert_true(response_is_pending(&l.r));
	response_abort(&l.r);
	a = line_parse(&l);
	assert_true(a.poisoned);
	wire_find_body(&a, &n);
	assert_int_equal(n, 200000);
	buf_fini(&a.text);
	line_close(&l);
}

static void
an_abort_before_the_head_says_nothing(void **state)
{
	struct line l;

	(void)state;
	line_open(&l, 1);
	begin(&l);
	response_abort(&l.r);
	assert_true(l.r.broken);
	assert_int_equal(line_read(&l, 100), 0);
	response_abort(&l.r);
	line_close(&l);
}

static void
an_abort_after_the_end_is_nothing(void **state)
{
	struct line l;
	struct wire_answer a;

	(void)state;
	line_open(&l, 1);
	begin(&l);
	response_end(&l.r, "all", 3);
	response_abort(&l.r);
	assert_false(l.r.broken);
	a = line_parse(&l);
	assert_true(a.ended);
	assert_false(a.poisoned);
	buf_fini(&a.text);
	line_close(&l);
}

static void
head_requests_get_no_body(void **state)
{
	struct line l;
	struct wire_answer a;

	(void)state;
	line_open(&l, 1);
	l.r.no_body = true;
	begin(&l);
	response_field(&l.r, "Content-Length", "11");
	response_write(&l.r, "hello ", 6);
	response_end(&l.r, "world", 5);
	a = line_parse(&l);
	assert_text(&a, "Status: 200 OK\r\nContent-Type: text/plain\r\n"
	    "Content-Length: 11\r\n\r\n");
	assert_true(a.closed && a.ended);
	assert_int_equal(l.r.body_bytes, 11);
	buf_fini(&a.text);
	line_close(&l);
}

static void
cgi_is_plain_bytes(void **state)
{
	struct line l;

	(void)state;
	line_open(&l, 0);
	begin(&l);
	response_write(&l.r, "one ", 4);
	response_end(&l.r, "two", 3);
	line_drain(&l);
	assert_int_equal(buf_len(&l.got), strlen(HEAD "one two"));
	assert_memory_equal(buf_data(&l.got), HEAD "one two",
	    buf_len(&l.got));
	line_close(&l);
}

static void
cgi_waits_for_slow_readers_too(void **state)
{
	struct line l;

	(void)state;
	line_open(&l, 0);
	begin(&l);
	response_write(&l.r, sample, 700000);
	assert_true(response_is_full(&l.r));
	line_drain(&l);
	response_end(&l.r, NULL, 0);
	line_drain(&l);
	assert_int_equal(buf_len(&l.got), strlen(HEAD) + 700000);
	assert_memory_equal(buf_data(&l.got) + strlen(HEAD), sample, 700000);
	line_close(&l);
}

static void
an_abort_in_cgi_adds_nothing(void **state)
{
	struct line l;

	(void)state;
	line_open(&l, 0);
	begin(&l);
	response_write(&l.r, "half", 4);
	response_abort(&l.r);
	line_drain(&l);
	assert_int_equal(buf_len(&l.got), strlen(HEAD "half"));
	line_close(&l);
}

/* How much of an answer's text (head and body) came out of L, however cut. */
static size_t
text_that_came(struct line *l)
{
	struct wire_answer a;
	size_t	 n;

	while (line_read(l, 65536) > 0)
		;
	if (l->r.id == 0)
		return buf_len(&l->got);
	wire_parse(&a, buf_data(&l->got), buf_len(&l->got), l->r.id);
	n = buf_len(&a.text);
	if (buf_len(&l->got) > a.used + RECORD_HEAD &&
	    buf_data(&l->got)[a.used + 1] == FCGI_STDOUT)
		n += buf_len(&l->got) - a.used - RECORD_HEAD;
	buf_fini(&a.text);
	return n;
}

/* Write SIZE bytes in pieces, while the other side reads at its own pace. */
static void
write_some(struct line *l, size_t size)
{
	for (size_t sent = 0, n; sent < size; sent += n) {
		n = (size_t)rand() % 9000 + 1;
		n = n < size - sent ? n : size - sent;
		while (response_is_full(&l->r)) {
			line_read(l, (size_t)rand() % 20000 + 1);
			response_flush(&l->r);
		}
		response_write(&l->r, sample + sent, n);
		if (rand() % 3 == 0)
			line_read(l, (size_t)rand() % 20000 + 1);
	}
}

/*
 * Whatever the sizes and the paces, and whether the head tells a length: when
 * the web server goes away, the answer was whole exactly if all of it had been
 * taken and nothing could follow.
 */
static void
whole_is_what_was_taken_to_its_end(void **state)
{
	unsigned wholes = 0;

	(void)state;
	srand(7);
	for (int i = 0; i < 3000; i++) {
		struct line l;
		size_t	 size = (size_t)(rand() % 2 ? rand() % 300 :
			    rand() % 60000), head, got;
		bool	 has_length = rand() % 2, ends = rand() % 2, whole;

		line_open(&l, rand() % 3 == 0 ? 0 : 9);
		begin(&l);
		if (has_length)
			response_length(&l.r, size);
		head = buf_len(&l.r.head) + 2;
		write_some(&l, size - size / 3);
		assert_false(l.r.whole && size / 3 > 0);
		write_some(&l, size / 3);
		if (ends)
			response_end(&l.r, NULL, 0);
		for (int reads = rand() % 4; reads > 0; reads--) {
			line_read(&l, (size_t)rand() % 20000 + 1);
			response_flush(&l.r);
		}
		whole = l.r.whole;
		got = text_that_came(&l);
		if (l.r.state == RESPONSE_HEAD)		/* nothing written */
			assert_false(whole);
		else
			assert_int_equal(whole, got == head + size &&
			    (ends || has_length));
		wholes += whole;
		line_close(&l);
	}
	assert_in_range(wholes, 100, 2900);
}

/* What was whole stays so when END_REQUEST finds nobody; what was not does not become it. */
static void
nobody_has_to_take_the_end_request(void **state)
{
	struct line l;

	(void)state;
	for (int has_length = 0; has_length < 2; has_length++) {
		line_open(&l, 1);
		begin(&l);
		if (has_length)
			response_length(&l.r, 5);
		response_write(&l.r, "hello", 5);
		assert_int_equal(l.r.whole, has_length);
		shutdown(l.fds[1], SHUT_RDWR);
		response_end(&l.r, NULL, 0);
		assert_true(l.r.gone);
		assert_int_equal(l.r.whole, has_length);
		line_close(&l);
	}
}

/* Their end is the head's. */
static void
without_a_body_the_head_is_whole(void **state)
{
	static const int statuses[] = { 200, 204, 304 };
	struct line l;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		line_open(&l, 1);
		l.r.no_body = statuses[i] == 200;
		response_begin(&l.r, statuses[i]);
		response_length(&l.r, 1000);
		assert_false(l.r.whole);
		response_write(&l.r, NULL, 0);
		assert_true(l.r.whole);
		line_close(&l);
	}
}

static void
what_was_broken_off_is_not_whole(void **state)
{
	struct line l;

	(void)state;
	line_open(&l, 1);
	begin(&l);
	response_write(&l.r, sample, 200000);
	response_abort(&l.r);
	line_drain(&l);
	assert_false(l.r.whole);
	line_close(&l);
}

static void
fields_cannot_be_smuggled_in(void **state)
{
	static const char *const values[] = {
		"a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\x01",
		"\r\n\r\n<html>", "a\x7f",
	};
	struct line l;
	struct wire_answer a;

	(void)state;
	line_open(&l, 1);
	begin(&l);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		response_field(&l.r, "X-Copied", values[i]);
	response_field(&l.r, "X-Good", "a\tb \xc3\xa9");
	response_end(&l.r, NULL, 0);
	a = line_parse(&l);
	assert_text(&a, "Status: 200 OK\r\nContent-Type: text/plain\r\n"
	    "X-Good: a\tb \xc3\xa9\r\n\r\n");
	buf_fini(&a.text);
	line_close(&l);
}

static void
a_head_without_bound_is_refused(void **state)
{
	static char value[8001];
	struct line l;

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	line_open(&l, 1);
	begin(&l);
	for (int i = 0; i < 100; i++)
		response_field(&l.r, "X-Many", value);
	assert_int_equal(response_write(&l.r, "x", 1), ERR_CLIENT_GONE);
	assert_int_equal(line_read(&l, 100), 0);
	line_close(&l);
}

static void
a_head_can_be_taken_back(void **state)
{
	struct line l;
	struct wire_answer a;

	(void)state;
	line_open(&l, 1);
	begin(&l);
	response_reset(&l.r);
	response_begin(&l.r, 502);
	response_end(&l.r, "{}", 2);
	a = line_parse(&l);
	assert_text(&a, "Status: 502 Bad Gateway\r\n\r\n{}");
	buf_fini(&a.text);
	line_close(&l);
}

static void
a_closed_connection_is_noticed(void **state)
{
	struct line l;

	(void)state;
	line_open(&l, 1);
	begin(&l);
	close(l.fds[1]);
	assert_int_equal(response_write(&l.r, "x", 1), ERR_CLIENT_GONE);
	assert_true(l.r.gone);
	assert_int_equal(response_write(&l.r, "y", 1), ERR_CLIENT_GONE);
	response_end(&l.r, "z", 1);
	assert_int_equal(l.r.state, RESPONSE_DONE);
	assert_int_equal(l.r.body_bytes, 3);
	assert_false(response_is_pending(&l.r));
	line_close(&l);
}

static void
a_connection_that_closes_later_is_noticed(void **state)
{
	struct line l;

	(void)state;
	line_open(&l, 1);
	begin(&l);
	response_write(&l.r, sample, 300000);
	assert_true(response_is_pending(&l.r));
	close(l.fds[1]);
	assert_int_equal(response_flush(&l.r), ERR_CLIENT_GONE);
	assert_false(response_is_pending(&l.r));
	assert_int_equal(response_flush(&l.r), ERR_CLIENT_GONE);
	line_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_and_first_bytes_share_a_record),
		cmocka_unit_test(each_write_is_a_record_at_once),
		cmocka_unit_test(an_answer_may_have_no_body),
		cmocka_unit_test(large_writes_are_cut_into_records),
		cmocka_unit_test(a_slow_reader_gets_every_byte),
		cmocka_unit_test(full_is_from_the_high_water_mark_on),
		cmocka_unit_test(a_writer_that_does_not_stop_is_cut_off),
		cmocka_unit_test(the_last_piece_may_be_of_any_size),
		cmocka_unit_test(an_abort_breaks_the_connection_off),
		cmocka_unit_test(an_abort_waits_its_turn),
		cmocka_unit_test(an_abort_before_the_head_says_nothing),
		cmocka_unit_test(an_abort_after_the_end_is_nothing),
		cmocka_unit_test(head_requests_get_no_body),
		cmocka_unit_test(cgi_is_plain_bytes),
		cmocka_unit_test(cgi_waits_for_slow_readers_too),
		cmocka_unit_test(an_abort_in_cgi_adds_nothing),
		cmocka_unit_test(whole_is_what_was_taken_to_its_end),
		cmocka_unit_test(nobody_has_to_take_the_end_request),
		cmocka_unit_test(without_a_body_the_head_is_whole),
		cmocka_unit_test(what_was_broken_off_is_not_whole),
		cmocka_unit_test(fields_cannot_be_smuggled_in),
		cmocka_unit_test(a_head_without_bound_is_refused),
		cmocka_unit_test(a_head_can_be_taken_back),
		cmocka_unit_test(a_closed_connection_is_noticed),
		cmocka_unit_test(a_connection_that_closes_later_is_noticed),
	};

	return cmocka_run_group_tests(tests, set_up_sample, NULL);
}
