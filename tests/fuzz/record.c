/* Records come out the same however the byte stream is cut. */
#include "config.h"

#include "fcgi/record.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

/* What a stream holds, written down so that two readings can be compared. */
struct reading {
	uint8_t	*text;
	size_t	 len;
	bool	 bad;
};

static void
note(struct reading *r, const struct record_piece *piece, bool *inside)
{
	uint8_t head[4] = { piece->type, (uint8_t)(piece->id >> 8),
	    (uint8_t)piece->id, piece->last };

	if (!*inside) {
		memcpy(r->text + r->len, head, 3);
		r->len += 3;
	}
	if (piece->len > 0)
		memcpy(r->text + r->len, piece->data, piece->len);
	r->len += piece->len;
	if (piece->last)
		r->text[r->len++] = '.';
	*inside = !piece->last;
}

static struct reading
read_in_steps(const uint8_t *data, size_t n, size_t step)
{
	struct reading r = { .text = malloc(n + 1) };
	struct record_reader reader = { 0 };
	struct record_piece piece;
	bool found, inside = false;

	for (size_t at = 0; at < n && !r.bad;) {
		size_t have = n - at < step ? n - at : step;
		size_t used = record_read(&reader, (const char *)data + at, have,
		    &piece, &found, &r.bad);

		must(used <= have && (used > 0 || found));
		must(!(found && r.bad));
		if (found) {
			must(piece.len <= have);
			must(piece.len == 0 || (piece.data >= (const char *)data + at &&
			    piece.data + piece.len <= (const char *)data + at + used));
			note(&r, &piece, &inside);
		}
		at += used;
	}
	return r;
}

/* The records read straight from the bytes, following section 3.3. */
static void
check_plainly(const struct reading *r, const uint8_t *data, size_t n)
{
	size_t at = 0, out = 0;

	while (n - at >= RECORD_HEAD && data[at] == 1) {
		const uint8_t *head = data + at;
		size_t content = (size_t)(head[4] << 8 | head[5]), have;

		at += RECORD_HEAD;
		have = content < n - at ? content : n - at;
		if (have == 0 && content > 0)
			break;
		must(memcmp(r->text + out, head + 1, 3) == 0);
		must(memcmp(r->text + out + 3, data + at, have) == 0);
		out += 3 + have;
		if (have < content)
			break;
		must(r->text[out++] == '.');
		at += content;
		at += head[6] < n - at ? head[6] : n - at;
	}
	must(out == r->len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct reading whole = read_in_steps(data, n, n + 1);

	check_plainly(&whole, data, n);
	for (size_t step = 1; step <= 16; step += 5) {
		struct reading pieces = read_in_steps(data, n, step);

		must(pieces.bad == whole.bad && pieces.len == whole.len);
		must(memcmp(pieces.text, whole.text, whole.len) == 0);
		free(pieces.text);
	}
	free(whole.text);
	return 0;
}
