/* Every coding, in every split, whole, cut short, spoiled and with more behind. */
#include "config.h"

#include "base/decoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

enum { TEXT_BYTES = 300000, ROOM = TEXT_BYTES + 1000 };

static const enum coding all[] = { CODING_GZIP, CODING_DEFLATE, CODING_ZSTD };
enum { CODINGS = sizeof all / sizeof all[0] };

struct bytes {
	unsigned char	 p[ROOM * 2];
	size_t		 n;
};

static struct bytes text, packed, out;

/* Neither all the same nor noise. */
static void
make_text(size_t n)
{
	uint32_t seed = 1;

	text.n = n;
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1103515245 + 12345;
		text.p[i] = (unsigned char)(i % 97 < 60 ? 'a' : seed >> 24);
	}
}

static void
pack_zlib(int bits)
{
	z_stream z = { .next_in = text.p, .avail_in = (uInt)text.n,
		.next_out = packed.p + packed.n,
		.avail_out = (uInt)(sizeof packed.p - packed.n) };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8,
	    Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	packed.n += z.total_out;
	deflateEnd(&z);
}

/* Adds to what is packed already. */
static void
pack(enum coding coding)
{
	size_t n;

	if (coding == CODING_GZIP)
		pack_zlib(15 + 16);
	else if (coding == CODING_DEFLATE)
		pack_zlib(15);
	else {
		n = ZSTD_compress(packed.p + packed.n,
		    sizeof packed.p - packed.n, text.p, text.n, 3);
		assert_false(ZSTD_isError(n));
		packed.n += n;
	}
}

static void
pack_new(enum coding coding, size_t n)
{
	make_text(n);
	packed.n = 0;
	pack(coding);
}

/* From a copy of the right size, so that a sanitizer sees a step past. */
static enum err
feed(struct decoder *d, const unsigned char *p, size_t n, size_t room)
{
	unsigned char *copy = malloc(n + 1), *made_at = malloc(room);
	size_t at = 0, used, made;
	enum err err;

	memcpy(copy, p, n);
	do {
		err = decoder_step(d, copy + at, n - at, &used, made_at, room,
		    &made);
		assert_true(used <= n - at && made <= room);
		assert_true(out.n + made <= sizeof out.p);
		memcpy(out.p + out.n, made_at, made);
		out.n += made;
		at += used;
	} while (err == ERR_NONE && (at < n || made > 0));
	free(copy);
	free(made_at);
	return err;
}

/* Decode what is packed, STEP bytes at once, into ROOM at once. */
static enum err
decode(enum coding coding, size_t n, size_t step, size_t room)
{
	struct decoder *d = decoder_create(coding);
	enum err err = ERR_NONE;

	out.n = 0;
	for (size_t i = 0; i < n && err == ERR_NONE; i += step)
		err = feed(d, packed.p + i, n - i < step ? n - i : step, room);
	if (err == ERR_NONE)
		err = decoder_end(d);
	else
		assert_int_equal(decoder_end(d), ERR_DECODE);
	decoder_free(d);
	return err;
}

static void
fields_name_one_coding(void **state)
{
	static const struct { const char *field; enum coding coding; } cases[] = {
		{ NULL, CODING_NONE }, { "", CODING_NONE }, { " ", CODING_NONE },
		{ "identity", CODING_NONE }, { "Identity ,", CODING_NONE },
		{ "gzip", CODING_GZIP }, { "GZip", CODING_GZIP },
		{ " x-gzip\t", CODING_GZIP }, { ",gzip,", CODING_GZIP },
		{ "identity, gzip", CODING_GZIP }, { "deflate", CODING_DEFLATE },
		{ "zstd", CODING_ZSTD }, { "Zstd", CODING_ZSTD },
		{ "br", CODING_UNKNOWN }, { "compress", CODING_UNKNOWN },
		{ "gzip, zstd", CODING_UNKNOWN }, { "gzip,gzip", CODING_UNKNOWN },
		{ "gzip;q=1", CODING_UNKNOWN }, { "gzip zstd", CODING_UNKNOWN },
		{ "gzipx", CODING_UNKNOWN }, { "gzi", CODING_UNKNOWN },
		{ "*", CODING_UNKNOWN }, { "aes128gcm", CODING_UNKNOWN },
		{ "zstd, br", CODING_UNKNOWN }, { "\"gzip\"", CODING_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (decoder_coding(cases[i].field) != cases[i].coding)
			fail_msg("%s", cases[i].field);
}

static void
every_split_decodes_to_the_same(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 5000 };
	static const size_t rooms[] = { 1, 7, 4096, ROOM };

	(void)state;
	for (size_t c = 0; c < CODINGS; c++)
		for (size_t i = 0; i < 4; i++)
			for (size_t step = 1; step < 400; step += step / 3 + 1) {
				pack_new(all[c], sizes[i]);
				assert_int_equal(decode(all[c], packed.n, step,
				    rooms[step % 4]), ERR_NONE);
				assert_int_equal(out.n, text.n);
				assert_memory_equal(out.p, text.p, text.n);
			}
}

static void
large_ones_decode_too(void **state)
{
	(void)state;
	for (size_t c = 0; c < CODINGS; c++) {
		pack_new(all[c], TEXT_BYTES);
		assert_true(packed.n < text.n);
		assert_int_equal(decode(all[c], packed.n, 65536, 65536), ERR_NONE);
		assert_int_equal(out.n, text.n);
		assert_memory_equal(out.p, text.p, text.n);
	}
}

/* But for nothing at all, which is nothing. */
static void
what_is_cut_short_is_told(void **state)
{
	(void)state;
	for (size_t c = 0; c < CODINGS; c++) {
		pack_new(all[c], 500);
		assert_int_equal(decode(all[c], 0, 1, 64), ERR_NONE);
		for (size_t n = 1; n < packed.n; n++)
			assert_int_equal(decode(all[c], n, n, 64), ERR_DECODE);
	}
}

/* Members of gzip and frames of zstd follow each other; zlib's format has one. */
static void
more_may_follow_if_it_is_the_same(void **state)
{
	static const unsigned char skipped[] = { 0x50, 0x2A, 0x4D, 0x18, 2, 0, 0,
		0, 'x', 'y' };		/* RFC 8878 section 3.1.2 */

	(void)state;
	for (size_t c = 0; c < CODINGS; c++)
		for (size_t step = 1; step < 100; step += 3) {
			pack_new(all[c], 300);
			pack(all[c]);
			if (all[c] == CODING_DEFLATE) {
				assert_int_equal(decode(all[c], packed.n, step,
				    64), ERR_DECODE);
				continue;
			}
			assert_int_equal(decode(all[c], packed.n, step, 64),
			    ERR_NONE);
			assert_int_equal(out.n, 600);
			assert_memory_equal(out.p, text.p, 300);
			assert_memory_equal(out.p + 300, text.p, 300);
		}
	pack_new(CODING_ZSTD, 300);
	memcpy(packed.p + packed.n, skipped, sizeof skipped);
	packed.n += sizeof skipped;
	pack(CODING_ZSTD);
	assert_int_equal(decode(CODING_ZSTD, packed.n, 5, 64), ERR_NONE);
	assert_int_equal(out.n, 600);
}

static void
nothing_else_may_follow(void **state)
{
	static const char *const tails[] = { "x", "\n", "{}", "\x1F", "\x28\xB5" };

	(void)state;
	for (size_t c = 0; c < CODINGS; c++)
		for (size_t i = 0; i <= 5; i++) {
			size_t n = i == 5 ? 1 : strlen(tails[i]);

			pack_new(all[c], 300);
			memcpy(packed.p + packed.n, i == 5 ? "" : tails[i], n);
			assert_int_equal(decode(all[c], packed.n + n, 1000, 64),
			    ERR_DECODE);
			assert_int_equal(decode(all[c], packed.n + n, 1, 64),
			    ERR_DECODE);
		}
}

/* Of another coding, or with a bit turned over: no end without an error. */
static void
what_is_spoiled_is_told(void **state)
{
	unsigned told = 0;

	(void)state;
	for (size_t c = 0; c < CODINGS; c++)
		for (size_t other = 0; other < CODINGS; other++) {
			pack_new(all[c], 200);
			if (other != c)
				assert_int_equal(decode(all[other], packed.n,
				    10, 64), ERR_DECODE);
		}
	for (size_t c = 0; c < CODINGS; c++) {
		pack_new(all[c], 200);
		for (size_t bit = 0; bit < packed.n * 8; bit++) {
			packed.p[bit / 8] ^= (unsigned char)(1U << bit % 8);
			told += decode(all[c], packed.n, 10, 64) == ERR_DECODE;
			packed.p[bit / 8] ^= (unsigned char)(1U << bit % 8);
		}
	}
	assert_true(told > 1000);
	memcpy(packed.p, "{\"model\":\"m\"}", 13);
	for (size_t c = 0; c < CODINGS; c++)
		assert_int_equal(decode(all[c], 13, 13, 64), ERR_DECODE);
}

/* A step makes no more than there is room for, however much is in it. */
static void
bombs_go_off_slowly(void **state)
{
	unsigned char piece[4096];
	size_t used, made, at, total;

	(void)state;
	memset(text.p, 0, TEXT_BYTES);
	text.n = TEXT_BYTES;
	for (size_t c = 0; c < CODINGS; c++) {
		struct decoder *d = decoder_create(all[c]);

		packed.n = 0;
		pack(all[c]);
		assert_true(packed.n < 1000);
		for (at = total = 0; total < TEXT_BYTES; total += made) {
			assert_int_equal(decoder_step(d, packed.p + at,
			    packed.n - at, &used, piece, sizeof piece, &made),
			    ERR_NONE);
			at += used;
			assert_true(made <= sizeof piece);
		}
		assert_int_equal(decoder_end(d), ERR_NONE);
		decoder_free(d);
	}
}

/* RFC 9659: no more than 8 MiB need be kept of what was decoded. */
static void
windows_of_zstd_have_a_limit(void **state)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	static const struct { int log; enum err err; } cases[] = {
		{ 23, ERR_NONE }, { 24, ERR_DECODE }, { 27, ERR_DECODE } };

	(void)state;
	make_text(TEXT_BYTES);
	for (size_t i = 0; i < 3; i++) {
		ZSTD_inBuffer from = { text.p, text.n, 0 };
		ZSTD_outBuffer to = { packed.p, sizeof packed.p, 0 };

		ZSTD_CCtx_reset(z, ZSTD_reset_session_and_parameters);
		ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, cases[i].log);
		ZSTD_compressStream2(z, &to, &from, ZSTD_e_continue);
		ZSTD_compressStream2(z, &to, &from, ZSTD_e_end);
		packed.n = to.pos;
		assert_int_equal(decode(CODING_ZSTD, packed.n, 4096, 4096),
		    cases[i].err);
	}
	ZSTD_freeCCtx(z);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_name_one_coding),
		cmocka_unit_test(every_split_decodes_to_the_same),
		cmocka_unit_test(large_ones_decode_too),
		cmocka_unit_test(what_is_cut_short_is_told),
		cmocka_unit_test(more_may_follow_if_it_is_the_same),
		cmocka_unit_test(nothing_else_may_follow),
		cmocka_unit_test(what_is_spoiled_is_told),
		cmocka_unit_test(bombs_go_off_slowly),
		cmocka_unit_test(windows_of_zstd_have_a_limit),
	};

	decoder_free(NULL);
	return cmocka_run_group_tests_name("decoder", tests, NULL, NULL);
}
