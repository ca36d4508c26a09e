#include "config.h"

#include "upstream/meter.h"

#include <string.h>

#include "base/tree.h"

enum { BYTES_PER_TOKEN = 4 };

/* A member of usage objects, or of objects in them. */
struct member {
	const char	*group, *name;
	enum meter_count count;
};

static const struct member members[] = {
	{ NULL, "prompt_tokens", METER_PROMPT },
	{ NULL, "input_tokens", METER_INPUT },
	{ NULL, "completion_tokens", METER_COMPLETION },
	{ NULL, "output_tokens", METER_OUTPUT },
	{ NULL, "total_tokens", METER_TOTAL },
	{ NULL, "prompt_cache_hit_tokens", METER_CACHED },	/* DeepSeek */
	{ "prompt_tokens_details", "cached_tokens", METER_CACHED },
	{ "input_tokens_details", "cached_tokens", METER_CACHED },
	{ NULL, "cache_read_input_tokens", METER_CACHE_READ },
	{ NULL, "cache_creation_input_tokens", METER_CACHE_WRITE },
	{ "prompt_tokens_details", "cache_write_tokens", METER_CACHE_WRITE },	/* OpenRouter */
	{ "completion_tokens_details", "reasoning_tokens", METER_REASONING },
	{ "output_tokens_details", "reasoning_tokens", METER_REASONING },
};

/* Gemini's own, in whose objects there is none of those. */
static const struct member gemini_members[] = {
	{ NULL, "promptTokenCount", METER_PROMPT },
	{ NULL, "candidatesTokenCount", METER_COMPLETION },
	{ NULL, "totalTokenCount", METER_TOTAL },
	{ NULL, "cachedContentTokenCount", METER_CACHED },
	{ NULL, "thoughtsTokenCount", METER_REASONING },
};

static uint64_t
min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void usage_read(void *, const char *, size_t, bool);

static void
answer_init(struct meter *m)
{
	peek_init(&m->answer);
	m->answer.usage = usage_read;
	m->answer.arg = m;
}

void
meter_init(struct meter *m)
{
	*m = (struct meter){ .usage_only = false };
	answer_init(m);
}

void
meter_fini(struct meter *m)
{
	peek_fini(&m->answer);
}

/* A whole number that can be counted, also one that is written as 12.0. */
static bool
number_get(yajl_val v, uint64_t *number)
{
	double d;

	if (!YAJL_IS_NUMBER(v))
		return false;
	if (YAJL_IS_INTEGER(v)) {
		if (v->u.number.i < 0 ||
		    (uint64_t)v->u.number.i > METER_TOKENS_MAX)
			return false;
		*number = (uint64_t)v->u.number.i;
		return true;
	}
	d = v->u.number.d;
	if (!YAJL_IS_DOUBLE(v) || !(d >= 0 && d <= (double)METER_TOKENS_MAX) ||
	    (double)(uint64_t)d != d)
		return false;
	*number = (uint64_t)d;
	return true;
}

/* False: USAGE has none of the COUNT members of TABLE. */
static bool
members_read(struct meter *m, yajl_val usage, const struct member *table,
    size_t count, bool in_message)
{
	bool has_any = false;
	uint64_t number;

	for (size_t i = 0; i < count; i++) {
		enum meter_count which = table[i].count;
		yajl_val group = table[i].group == NULL ? usage :
		    tree_find(usage, table[i].group);

		if (!number_get(tree_find(group, table[i].name), &number))
			continue;
		has_any = true;
		m->counts[which] = max(m->counts[which], number);
		m->is_known[which] = true;
		if (which == METER_OUTPUT && number > 0)
			m->is_begun = in_message;
	}
	return has_any;
}

/* ARG's meter reads the text of an object "usage". */
static void
usage_read(void *arg, const char *object, size_t n, bool in_message)
{
	struct meter *m = arg;
	yajl_val usage = tree_parse(object, n);

	if (!members_read(m, usage, members,
	    sizeof members / sizeof members[0], in_message))
		members_read(m, usage, gemini_members,
		    sizeof gemini_members / sizeof gemini_members[0],
		    in_message);
	yajl_tree_free(usage);
}

static void
words_add(struct meter *m, uint64_t bytes, uint64_t media_tokens)
{
	m->output_bytes += bytes;
	m->media_tokens += media_tokens;
	m->has_words |= bytes > 0 || media_tokens > 0;
}

void
meter_event(struct meter *m, const char *data, size_t n)
{
	struct peek peek;
	uint64_t output_bytes;

	m->usage_only = false;
	if (peek_glance(data, n, &output_bytes)) {
		words_add(m, output_bytes, 0);
		return;
	}
	peek_init(&peek);
	peek.usage = usage_read;
	peek.arg = m;
	peek_feed(&peek, data, n);
	if (!peek.is_summary)
		words_add(m, peek.output_bytes, peek.media_tokens);
	m->usage_only = peek.has_usage && !peek.has_choices &&
	    meter_is_usage_only(data, n);
	peek_fini(&peek);
}

void
meter_event_piece(struct meter *m, const char *bytes, size_t n)
{
	peek_feed(&m->answer, bytes, n);
}

void
meter_event_end(struct meter *m)
{
	m->usage_only = false;
	if (!m->answer.is_summary)
		words_add(m, m->answer.output_bytes, m->answer.media_tokens);
	peek_fini(&m->answer);
	answer_init(m);
}

void
meter_feed(struct meter *m, const char *bytes, size_t n)
{
	m->output_bytes += n;
	peek_feed(&m->answer, bytes, n);
}

/* The larger one, for some gateways write both names and a 0 for one of them. */
static bool
either(const struct meter *m, enum meter_count a, enum meter_count b,
    uint64_t *number)
{
	*number = max(m->counts[a], m->counts[b]);
	return m->is_known[a] || m->is_known[b];
}

/* An estimate; little is not nothing. */
static uint64_t
tokens_of(uint64_t bytes)
{
	return min(bytes / BYTES_PER_TOKEN + (bytes % BYTES_PER_TOKEN != 0),
	    METER_TOKENS_MAX);
}

/* Did a model's words go by? */
static bool
has_words(const struct meter *m)
{
	return m->has_words || m->answer.output_bytes > 0;
}

/* Does a usage of nothing but zeros stand beside output that went by? */
static bool
is_blank(const struct meter *m)
{
	uint64_t any = 0;

	for (size_t i = 0; i < METER__MAX; i++)
		any |= m->counts[i];
	return any == 0 && (has_words(m) || m->answer.has_vectors);
}

static uint64_t
estimate_output(const struct meter *m)
{
	uint64_t bytes = m->output_bytes -
	    min(m->output_bytes, m->answer.media_bytes);

	if (m->answer.has_vectors && !has_words(m))
		return 0;
	return min(tokens_of(bytes) + m->media_tokens +
	    m->answer.media_tokens, METER_TOKENS_MAX);
}

/*
 * The input and the output as the provider counts them, caches and reasoning
 * included. What only the total tells is found by subtraction; what nothing
 * tells is estimated, and zeros alone tell nothing: some gateways write them for
 * what they do not know.
 */
static enum usage_source
sums(const struct meter *m, uint64_t input_tokens, uint64_t *input,
    uint64_t *output)
{
	bool is_told = !is_blank(m);
	bool has_input = either(m, METER_PROMPT, METER_INPUT, input) && is_told;
	bool has_output = either(m, METER_COMPLETION, METER_OUTPUT, output) &&
	    is_told;
	bool has_total = m->is_known[METER_TOTAL] && is_told;
	uint64_t total = m->counts[METER_TOTAL];
	bool is_final = has_output && !m->is_begun;

	if (has_total && !has_output) {
		*output = total - min(total, has_input ? *input : total);
		is_final = true;
	}
	if (has_total && !has_input) {
		*input = total - min(total, *output);
		has_input = true;
	}
	if (!has_input)
		*input = min(input_tokens, METER_TOKENS_MAX);
	if (!is_final)
		*output = max(*output, estimate_output(m));
	if (has_input && is_final)
		return USAGE_REPORTED;
	return has_input || has_output ? USAGE_PARTIAL : USAGE_ESTIMATED;
}

/* Anthropic's input_tokens are without the cache; all others are with it. */
static bool
is_without_cache(const struct meter *m)
{
	return m->counts[METER_PROMPT] == 0 &&
	    (m->is_known[METER_CACHE_READ] || m->is_known[METER_CACHE_WRITE]);
}

static void
split_input(const struct meter *m, uint64_t input, struct usage *usage)
{
	uint64_t read, write = m->counts[METER_CACHE_WRITE];

	either(m, METER_CACHED, METER_CACHE_READ, &read);
	if (!is_without_cache(m)) {
		read = min(read, input);
		write = min(write, input - read);
		input -= read + write;
	}
	usage->input_tokens = input;
	usage->cache_read_tokens = read;
	usage->cache_write_tokens = write;
}

/*
 * Reasoning is among the output, unless the total says that it comes on top:
 * xAI does so, and Gemini, which tells it in no other way.
 */
static void
split_output(const struct meter *m, uint64_t input, uint64_t output,
    struct usage *usage)
{
	uint64_t reasoning = m->counts[METER_REASONING];
	uint64_t total = m->counts[METER_TOTAL];
	uint64_t rest = total - min(total, input + output);

	if (!m->is_known[METER_REASONING] && !m->is_known[METER_CACHE_READ] &&
	    !m->is_known[METER_CACHE_WRITE])
		reasoning = rest;
	if (rest < reasoning || rest == 0) {
		reasoning = min(reasoning, output);
		output -= reasoning;
	}
	usage->output_tokens = output;
	usage->reasoning_tokens = reasoning;
}

void
meter_usage(const struct meter *m, uint64_t input_tokens, bool counts,
    struct usage *usage)
{
	uint64_t input, output;
	enum usage_source source = sums(m, input_tokens, &input, &output);

	*usage = (struct usage){ .source = USAGE_NONE };
	if (source == USAGE_ESTIMATED && !counts)
		return;
	usage->source = source;
	split_input(m, input, usage);
	split_output(m, input, output, usage);
}

bool
meter_is_usage_only(const char *data, size_t n)
{
	struct peek peek;
	uint64_t output_bytes;
	yajl_val event, choices;
	bool is_only;

	if (peek_glance(data, n, &output_bytes))
		return false;
	peek_init(&peek);
	peek_feed(&peek, data, n);
	is_only = peek.has_usage && !peek.has_choices && !peek.has_error;
	peek_fini(&peek);
	if (!is_only)
		return false;
	event = tree_parse(data, n);
	choices = tree_find(event, "choices");
	is_only = YAJL_IS_ARRAY(choices) && choices->u.array.len == 0 &&
	    YAJL_IS_OBJECT(tree_find(event, "usage"));
	yajl_tree_free(event);
	return is_only;
}
