/* Whatever a line of the journal says, what is taken from it has bounds. */
#include "config.h"

#include "store/usage_line.h"

#include <string.h>

#include "store/journal_find.h"
#include "tests/fuzz/fuzz.h"

#define IS_TEXT(array)	(memchr(array, '\0', sizeof array) != NULL)

static void
must_be_number(int64_t number, int64_t least)
{
	must(number >= least && number <= USAGE_NUMBER_MAX);
}

static void
must_be_sound(const struct usage_record *r)
{
	must(IS_TEXT(r->provider) && IS_TEXT(r->target_model) &&
	    IS_TEXT(r->outcome) && IS_TEXT(r->source) && IS_TEXT(r->id) &&
	    IS_TEXT(r->asctime) && IS_TEXT(r->key_id) && IS_TEXT(r->model) &&
	    IS_TEXT(r->path));
	must_be_number(r->status, 0);
	must_be_number(r->duration_ms, 0);
	must_be_number(r->first_token_ms, -1);
	must_be_number(r->ttfb_ms, -1);
	must_be_number(r->input_tokens, 0);
	must_be_number(r->cache_read_tokens, 0);
	must_be_number(r->cache_write_tokens, 0);
	must_be_number(r->output_tokens, 0);
	must_be_number(r->reasoning_tokens, 0);
	must(r->cost_nano >= -1 &&
	    r->cost_nano <= (int64_t)USAGE_COST_MAX * USAGE_NANO);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct usage_line line;
	const char *whole = n == 0 ? NULL :
		     journal_find_whole((const char *)data, n, &n);

	if (whole == NULL || !usage_line_read(&line, whole, n))
		return 0;
	must(line.request.id[0] != '\0' && line.request.time_ms > 0);
	must_be_sound(&line.request);
	for (unsigned i = 0; i < line.try_count && i < USAGE_TRIES_MAX; i++)
		must_be_sound(&line.tries[i]);
	return 0;
}
