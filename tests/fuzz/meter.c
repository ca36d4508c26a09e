/* An answer means the same however it is cut, and no count is out of bounds. */
#include "config.h"

#include "upstream/meter.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "upstream/fault.h"
#include "upstream/sse.h"

static void
must_be_counts(const struct usage *usage)
{
	must(usage->input_tokens <= METER_TOKENS_MAX);
	must(usage->cache_read_tokens <= METER_TOKENS_MAX);
	must(usage->cache_write_tokens <= METER_TOKENS_MAX);
	must(usage->output_tokens <= METER_TOKENS_MAX);
	must(usage->reasoning_tokens <= METER_TOKENS_MAX);
}

static void
must_be_equal(const struct usage *a, const struct usage *b)
{
	must_be_counts(a);
	must(a->source == b->source);
	must(a->input_tokens == b->input_tokens);
	must(a->cache_read_tokens == b->cache_read_tokens);
	must(a->cache_write_tokens == b->cache_write_tokens);
	must(a->output_tokens == b->output_tokens);
	must(a->reasoning_tokens == b->reasoning_tokens);
}

static void
read_plain(const char *text, size_t n, size_t step, struct usage *usage)
{
	struct meter m;

	meter_init(&m);
	for (size_t i = 0; i < n; i += step)
		meter_feed(&m, text + i, n - i < step ? n - i : step);
	meter_usage(&m, n, n % 2 == 0, usage);
	meter_fini(&m);
}

/* A stream, and what its listener was told. */
struct listener {
	struct sse	 sse;
	struct meter	 meter;
	const char	*text;
	size_t		 offset;	/* of the bytes that are being fed */
	size_t		 begin;		/* of the event */
	unsigned long	 events;
};

static void
on_event(void *arg, const char *data, size_t n)
{
	struct listener *l = arg;
	const struct sse *s = &l->sse;
	size_t end = l->offset + s->event_end;
	char last = l->text[end - 1];

	l->events++;
	must(last == '\n' || last == '\r');
	if (s->event_is_whole)
		must(s->event_start < s->event_end);
	else
		must(l->offset > 0);
	must(end - l->begin > n);
	l->begin = end;
	if (data == NULL)
		meter_event_end(&l->meter);
	else
		meter_event(&l->meter, data, n);
}

static void
on_piece(void *arg, const char *data, size_t n)
{
	struct listener *l = arg;

	meter_event_piece(&l->meter, data, n);
}

static void
read_stream(struct listener *l, const char *text, size_t n, size_t step,
    struct usage *usage)
{
	*l = (struct listener){ .text = text };
	sse_init(&l->sse);
	l->sse.event = on_event;
	l->sse.piece = on_piece;
	l->sse.arg = l;
	meter_init(&l->meter);
	for (size_t i = 0; i < n; i += step) {
		size_t len = n - i < step ? n - i : step;

		l->offset = i;
		sse_feed(&l->sse, text + i, len);
		must(l->sse.pending <= i + len - l->begin);
	}
	must(l->events == l->sse.events);
	must(!l->sse.at_boundary || l->sse.pending == 0);
	meter_usage(&l->meter, n, n % 2 == 0, usage);
	meter_fini(&l->meter);
	sse_fini(&l->sse);
}

static void
must_be_alike(const struct sse *a, const struct sse *b)
{
	must(a->at_boundary == b->at_boundary);
	must(a->token_seen == b->token_seen);
	must(a->done_seen == b->done_seen);
	must(a->finish_seen == b->finish_seen);
	must(a->error_seen == b->error_seen);
	must(a->error_first == b->error_first);
	must(a->events == b->events);
	must(a->pending == b->pending);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *text = (const char *)data;
	struct listener whole, pieces;
	struct usage at_once, in_pieces;

	for (size_t step = 1; step <= 7; step += 3) {
		read_plain(text, n, n + 1, &at_once);
		read_plain(text, n, step, &in_pieces);
		must_be_equal(&at_once, &in_pieces);
		read_stream(&whole, text, n, n + 1, &at_once);
		read_stream(&pieces, text, n, step, &in_pieces);
		must_be_equal(&at_once, &in_pieces);
		must_be_alike(&whole.sse, &pieces.sse);
	}
	meter_is_usage_only(text, n);
	must(fault_of_event(text, n) != FAULT_NONE);
	must(fault_of_answer(400, text, n) != FAULT_NONE);
	return 0;
}
