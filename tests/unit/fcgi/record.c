/* Records come out the same whole, byte by byte, and in any pieces. */
#include "config.h"

#include "fcgi/record.h"

#include "tests/unit/fcgi/wire.h"

/* A reading as text: "type.id(content)" for each record. */
struct reading {
	struct buf	 text;
	bool		 inside, bad;
};

static void
note(struct reading *r, const struct record_piece *p)
{
	if (!r->inside)
		buf_printf(&r->text, "%u.%u.%u(", p->type, p->id,
		    p->record_len);
	buf_append(&r->text, p->data, p->len);
	if (p->last)
		buf_puts(&r->text, ")");
	r->inside = !p->last;
}

/* Feed N bytes in pieces of at most SIZE (0: of random sizes). */
static struct reading
read_all(const char *bytes, size_t n, size_t size)
{
	struct reading r = { .inside = false };
	struct record_reader reader = { .head_len = 0 };
	struct record_piece piece;
	size_t	 len, used;
	bool	 found;

	buf_init(&r.text, WIRE_MAX);
	while (n > 0 && !r.bad) {
		len = size != 0 ? size : (size_t)rand() % 50 + 1;
		len = len < n ? len : n;
		n -= len;
		for (; len > 0 && !r.bad; bytes += used, len -= used) {
			used = record_read(&reader, bytes, len, &piece, &found,
			    &r.bad);
			assert_true(used > 0 && used <= len);
			if (found)
				note(&r, &piece);
		}
	}
	return r;
}

static void
pieces_make_no_difference(void **state)
{
	static char content[65535];
	struct buf wire;
	struct reading whole, pieces;

	(void)state;
	srand(3);
	memset(content, 'c', sizeof(content));
	buf_init(&wire, WIRE_MAX);
	wire_begin(&wire, 1, FCGI_RESPONDER, true);
	for (int i = 0; i < 200; i++)
		wire_record(&wire, rand() % 12, (unsigned)rand() & 0xffff,
		    content, (size_t)rand() % 40, (uint8_t)(rand() % 9));
	wire_record(&wire, FCGI_STDIN, 65535, content, 65535, 255);
	wire_record(&wire, FCGI_STDIN, 1, "", 0, 255);
	wire_record(&wire, FCGI_STDIN, 1, "", 0, 0);
	whole = read_all(buf_data(&wire), buf_len(&wire), buf_len(&wire));
	assert_false(whole.bad);
	assert_false(whole.inside);
	for (size_t size = 0; size < 20; size++) {
		pieces = read_all(buf_data(&wire), buf_len(&wire), size);
		assert_int_equal(buf_len(&pieces.text), buf_len(&whole.text));
		assert_memory_equal(buf_data(&pieces.text),
		    buf_data(&whole.text), buf_len(&whole.text));
		buf_fini(&pieces.text);
	}
	buf_fini(&whole.text);
	buf_fini(&wire);
}

static void
assert_reads(const struct buf *wire, const char *text)
{
	for (size_t size = 1; size <= buf_len(wire); size++) {
		struct reading r = read_all(buf_data(wire), buf_len(wire),
		    size);

		assert_false(r.bad);
		assert_int_equal(buf_len(&r.text), strlen(text));
		assert_memory_equal(buf_data(&r.text), text, strlen(text));
		buf_fini(&r.text);
	}
}

static void
empty_records_are_found(void **state)
{
	struct buf wire;

	(void)state;
	buf_init(&wire, WIRE_MAX);
	wire_record(&wire, FCGI_STDIN, 7, "", 0, 0);
	wire_record(&wire, FCGI_PARAMS, 258, "", 0, 8);
	wire_record(&wire, FCGI_STDIN, 7, "", 0, 0);
	assert_reads(&wire, "5.7.0()4.258.0()5.7.0()");
	buf_fini(&wire);
}

static void
padding_is_skipped(void **state)
{
	struct buf wire;

	(void)state;
	buf_init(&wire, WIRE_MAX);
	wire_record(&wire, FCGI_STDIN, 1, "abc", 3, 5);
	wire_record(&wire, FCGI_STDIN, 1, "d", 1, 255);
	wire_record(&wire, FCGI_STDIN, 1, "ef", 2, 0);
	assert_reads(&wire, "5.1.3(abc)5.1.1(d)5.1.2(ef)");
	buf_fini(&wire);
}

static void
another_version_is_bad(void **state)
{
	(void)state;
	for (int version = 0; version < 256; version++) {
		struct buf wire;
		struct reading r;

		buf_init(&wire, WIRE_MAX);
		wire_record(&wire, FCGI_STDIN, 1, "abc", 3, 1);
		wire_record(&wire, FCGI_STDIN, 1, "def", 3, 0);
		wire.data[12] = (char)version;
		r = read_all(buf_data(&wire), buf_len(&wire),
		    1 + (size_t)version % 7);
		assert_int_equal(r.bad, version != 1);
		assert_memory_equal(buf_data(&r.text), "5.1.3(abc)", 10);
		assert_int_equal(buf_len(&r.text), version == 1 ? 20 : 10);
		buf_fini(&r.text);
		buf_fini(&wire);
	}
}

static void
heads_are_written_without_padding(void **state)
{
	static const uint8_t want[] = { 1, 6, 0x12, 0x34, 0xff, 0xf8, 0, 0 };
	uint8_t	 head[RECORD_HEAD];

	(void)state;
	memset(head, 0xaa, sizeof(head));
	record_head(head, FCGI_STDOUT, 0x1234, 65528);
	assert_memory_equal(head, want, sizeof(want));
}

static void
the_poison_is_bad(void **state)
{
	uint8_t	 head[RECORD_HEAD];
	struct reading r;

	(void)state;
	record_poison(head, 1);
	assert_int_equal(head[0], 0);
	r = read_all((char *)head, sizeof(head), 3);
	assert_true(r.bad);
	assert_int_equal(buf_len(&r.text), 0);
	buf_fini(&r.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_make_no_difference),
		cmocka_unit_test(empty_records_are_found),
		cmocka_unit_test(padding_is_skipped),
		cmocka_unit_test(another_version_is_bad),
		cmocka_unit_test(heads_are_written_without_padding),
		cmocka_unit_test(the_poison_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
