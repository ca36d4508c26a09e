/* A spliced text, read in any portions, is what replacing by hand gives. */
#include "config.h"

#include "gateway/splice.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

/*
 * The input: a byte for the number of edits, one for the size of a portion, one
 * for the edit that is made first, then three a piece (bytes kept before it,
 * bytes replaced, bytes put there), then the source.
 */
enum { HEAD = 3 + 3 * SPLICE_EDITS_MAX };

static const char filler[256] = "0123456789abcdef0123456789abcdef0123456789abcdef";

struct text {
	char	*p;
	size_t	 n;
};

static void
add(struct text *t, const void *p, size_t n)
{
	memcpy(t->p + t->n, p, n);
	t->n += n;
}

/*
 * Make the edits in TEXT, in order, and note them. Those that come in another
 * order stand apart, else their order would count. Returns how many there are.
 */
static size_t
edit_text(struct splice_edit *edits, struct text *text, const uint8_t *head,
    const uint8_t *source, size_t n)
{
	size_t at = 0, i = 0;

	for (; i < head[0] % (SPLICE_EDITS_MAX + 1U); i++) {
		const uint8_t *sizes = head + 3 + 3 * i;
		size_t wanted = sizes[0] + (i > 0 && head[2] != 0 ? 1U : 0U);
		size_t keep = wanted < n - at ? wanted : n - at, drop;

		if (head[2] != 0 && keep < wanted)
			break;
		add(text, source + at, keep);
		at += keep;
		drop = sizes[1] < n - at ? sizes[1] : n - at;
		edits[i] = (struct splice_edit){ at, at + drop, filler,
			sizes[2] };
		add(text, filler, sizes[2]);
		at += drop;
	}
	add(text, source + at, n - at);
	return i;
}

/* Make the same edits in SPLICE and in TEXT. */
static void
edit(struct splice *splice, struct text *text, const uint8_t *head,
    const uint8_t *source, size_t n)
{
	struct splice_edit edits[SPLICE_EDITS_MAX];
	size_t count = edit_text(edits, text, head, source, n);

	for (size_t i = 0; i < count; i++) {
		const struct splice_edit *e = &edits[(head[2] + i) % count];

		splice_replace(splice, e->start, e->end, e->text, e->len);
	}
}

static void
check(const struct splice *splice, const struct text *text, size_t portion)
{
	char *room = malloc(portion);
	size_t at = 0;

	must(splice->len == text->n);
	while (at < text->n) {
		size_t want = text->n - at < portion ? text->n - at : portion;

		must(splice_read(splice, at, room, portion) == (ssize_t)want);
		must(memcmp(room, text->p + at, want) == 0);
		at += want;
	}
	must(splice_read(splice, at, room, portion) == 0);
	free(room);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct spool spool;
	struct splice splice;
	struct text text = { 0 };

	if (n < HEAD || n > 4096)
		return 0;
	spool_init(&spool, data[0] >= 0xF8 ? 16 : 8192);
	must(spool_append(&spool, data + HEAD, n - HEAD) == ERR_NONE);
	splice_init(&splice, &spool);
	text.p = malloc(n + sizeof filler * SPLICE_EDITS_MAX);
	edit(&splice, &text, data, data + HEAD, n - HEAD);
	check(&splice, &text, data[1] + 1U);
	free(text.p);
	spool_fini(&spool);
	return 0;
}
