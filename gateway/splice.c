#include "config.h"

#include "gateway/splice.h"

#include <assert.h>
#include <string.h>

void
splice_init(struct splice *s, const struct spool *source)
{
	*s = (struct splice){ .source = source, .len = source->len };
}

void
splice_replace(struct splice *s, uint64_t start, uint64_t end,
    const char *text, size_t len)
{
	size_t	 i = s->count;

	assert(s->count < SPLICE_EDITS_MAX);
	assert(start <= end && end <= s->source->len);
	for (; i > 0 && s->edits[i - 1].start > start; i--)
		s->edits[i] = s->edits[i - 1];
	assert(i == 0 || s->edits[i - 1].end <= start);
	assert(i == s->count || end <= s->edits[i + 1].start);
	s->edits[i] = (struct splice_edit){ start, end, text, len };
	s->count++;
	s->len += len;
	s->len -= end - start;
}

/* One piece: from the source up to an edit, or from an edit's text. */
static ssize_t
splice_read_piece(const struct splice *s, uint64_t offset, void *out, size_t n)
{
	uint64_t source = 0;		/* offset in the source... */
	uint64_t result = 0;		/* ...and the same place in the result */

	for (size_t i = 0; i < s->count; i++) {
		const struct splice_edit *e = &s->edits[i];
		uint64_t plain = e->start - source;

		if (offset < result + plain) {
			uint64_t left = result + plain - offset;

			return spool_read(s->source, source + offset - result,
			    out, n < left ? n : (size_t)left);
		}
		result += plain;
		if (offset < result + e->len) {
			size_t left = (size_t)(result + e->len - offset);

			n = n < left ? n : left;
			memcpy(out, e->text + (offset - result), n);
			return (ssize_t)n;
		}
		result += e->len;
		source = e->end;
	}
	return spool_read(s->source, source + offset - result, out, n);
}

ssize_t
splice_read(const struct splice *s, uint64_t offset, void *out, size_t n)
{
	size_t	 total = 0;
	ssize_t	 got;

	while (total < n) {
		got = splice_read_piece(s, offset + total, (char *)out + total,
		    n - total);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		total += (size_t)got;
	}
	return (ssize_t)total;
}
