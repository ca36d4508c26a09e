#include "config.h"

#include "handlers/estimate.h"

#include "handlers/prompt.h"
#include "handlers/route.h"

/* What is asked for beyond these cannot be meant, and does not overflow. */
#define OUTPUT_MAX	UINT64_C(1000000000)
#define ANSWERS_MAX	UINT64_C(100000)

enum { BYTES_PER_TOKEN = 4 };

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
estimate_input(const struct body *b, uint64_t bytes)
{
	if (b->is_form)
		return 0;
	bytes -= least(bytes, b->media_bytes);
	return bytes / BYTES_PER_TOKEN + (bytes % BYTES_PER_TOKEN != 0) +
	    b->media_tokens;
}

/* What the provider gets to read. */
static uint64_t
count_bytes(const struct exchange *x, const struct body *b)
{
	uint64_t bytes = x->body.len;

	for (size_t i = 0; b->prompt != NULL && i < b->prompt->count; i++)
		bytes += b->prompt->texts[i]->len;
	return bytes;
}

static uint64_t
estimate_output(const struct body *b)
{
	uint64_t each = b->has_max_output ? least(b->max_output, OUTPUT_MAX) :
	    ESTIMATE_OUTPUT_TOKENS;

	return each * (b->answers == 0 ? 1 : least(b->answers, ANSWERS_MAX));
}

struct limit_ask
estimate_make(const struct exchange *x, const struct body *b,
    const struct target *target)
{
	struct limit_ask ask = { .prices = &target->prices };

	if (b->is_form)
		return ask;
	ask.input_tokens = estimate_input(b, count_bytes(x, b));
	if (x->route->generates_text)
		ask.output_tokens = estimate_output(b);
	return ask;
}
