/*
 * The first byte is the coding, the rest what is said to be in it. The decoder
 * must not care where its input is cut nor how much room there is, and makes no
 * more than asked for.
 */
#include "config.h"

#include <string.h>

#include "base/decoder.h"
#include "tests/fuzz/fuzz.h"

enum { MADE_MAX = 1 << 18 };		/* a bomb is not waited for */

struct outcome {
	enum err	 err;
	size_t		 made;
	uint8_t		 text[MADE_MAX];
};

/* False: it makes more than is kept here. */
static bool
feed(struct decoder *d, struct outcome *o, const uint8_t *in, size_t n,
    size_t room)
{
	uint8_t piece[4096];
	size_t at = 0, used, made;

	do {
		o->err = decoder_step(d, in + at, n - at, &used, piece, room,
		    &made);
		must(used <= n - at && made <= room);
		if (made > MADE_MAX - o->made)
			return false;
		memcpy(o->text + o->made, piece, made);
		o->made += made;
		at += used;
	} while (o->err == ERR_NONE && (at < n || made > 0));
	return true;
}

static bool
decode(struct outcome *o, enum coding coding, const uint8_t *in, size_t n,
    size_t step, size_t room)
{
	struct decoder *d = decoder_create(coding);
	bool fits = true;

	o->err = ERR_NONE;
	o->made = 0;
	for (size_t i = 0; fits && o->err == ERR_NONE && i < n; i += step)
		fits = feed(d, o, in + i, n - i < step ? n - i : step, room);
	if (fits && o->err == ERR_NONE)
		o->err = decoder_end(d);
	decoder_free(d);
	return fits;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum coding codings[] = { CODING_GZIP, CODING_DEFLATE,
		CODING_ZSTD };
	static struct outcome whole, pieces;
	enum coding coding;

	if (n == 0)
		return 0;
	coding = codings[data[0] % 3];
	if (!decode(&whole, coding, data + 1, n - 1, n, 4096))
		return 0;
	for (size_t step = 1; step <= 9; step += 4) {
		if (!decode(&pieces, coding, data + 1, n - 1, step, 61))
			continue;
		must(pieces.err == whole.err);
		if (whole.err != ERR_NONE)
			continue;
		must(pieces.made == whole.made);
		must(memcmp(pieces.text, whole.text, whole.made) == 0);
	}
	return 0;
}
