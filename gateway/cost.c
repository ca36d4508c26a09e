#include "config.h"

#include "gateway/cost.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MILLION = 1000000, WHOLE_DIGITS = 10, DECIMALS = 9 };

/* No usage has more (upstream/meter), and its products below fit 64 bits. */
#define TOKENS_MAX (UINT64_C(1) << 53)

static uint64_t
convert(double price)
{
	return (uint64_t)(price * (double)COST_UNIT + 0.5);
}

struct cost_prices
cost_make_prices(const struct conf_prices *c)
{
	return (struct cost_prices){
		.input = convert(c->input),
		.cache_read = convert(c->cached < 0 ? c->input : c->cached),
		.cache_write = convert(c->cache_write < 0 ? c->input :
		    c->cache_write),
		.output = convert(c->output),
	};
}

/* PRICE x TOKENS / a million; what that leaves is added to *REST. */
static uint64_t
multiply(uint64_t price, uint64_t tokens, uint64_t *rest)
{
	uint64_t whole = price / MILLION, part = price % MILLION;

	if (tokens > TOKENS_MAX)
		tokens = TOKENS_MAX;
	if (whole != 0 && tokens > COST_MAX / whole)
		return COST_MAX;
	*rest += part * (tokens % MILLION);
	return whole * tokens + part * (tokens / MILLION);
}

bool
cost_has_prices(const struct cost_prices *p)
{
	return (p->input | p->cache_read | p->cache_write | p->output) != 0;
}

bool
cost_find(const struct cost_prices *p, const struct usage *u, uint64_t *cost)
{
	uint64_t sum, rest = 0;

	*cost = 0;
	if (u->source == USAGE_NONE || !cost_has_prices(p))
		return false;
	sum = multiply(p->input, u->input_tokens, &rest);
	sum += multiply(p->cache_read, u->cache_read_tokens, &rest);
	sum += multiply(p->cache_write, u->cache_write_tokens, &rest);
	sum += multiply(p->output, u->output_tokens, &rest);
	sum += multiply(p->output, u->reasoning_tokens, &rest);
	sum += (rest + MILLION / 2) / MILLION;
	*cost = sum < COST_MAX ? sum : COST_MAX;
	return true;
}

bool
cost_parse(const char *text, uint64_t *cost)
{
	static const char digits[] = "0123456789";
	size_t	 whole = strspn(text, digits), part;
	char	 decimals[DECIMALS + 1] = "000000000";

	if (whole == 0 || whole > WHOLE_DIGITS)
		return false;
	*cost = strtoull(text, NULL, 10) * COST_UNIT;
	if (text[whole] == '\0')
		return true;
	text += whole + 1;
	part = strspn(text, digits);
	if (text[-1] != '.' || part == 0 || part > DECIMALS ||
	    text[part] != '\0')
		return false;
	memcpy(decimals, text, part);
	*cost += strtoull(decimals, NULL, 10);
	return true;
}

void
cost_put(struct buf *out, uint64_t cost)
{
	char	 text[40];
	int	 n = snprintf(text, sizeof text, "%" PRIu64 ".%09" PRIu64,
	    cost / COST_UNIT, cost % COST_UNIT);

	while (text[n - 1] == '0')
		n--;
	if (text[n - 1] == '.')
		n--;
	buf_append(out, text, (size_t)n);
}
