#include "config.h"

#include "handlers/echo_text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

enum { DIMENSIONS = 16, DIMENSIONS_MAX = 4096, NUMBERS_MAX = 65536 };

static yajl_val
member(yajl_val object, const char *name, yajl_type type)
{
	const char *path[] = { name, NULL };

	return object == NULL || !YAJL_IS_OBJECT(object) ? NULL :
	    yajl_tree_get(object, path, type);
}

static const char *
member_text(yajl_val object, const char *name)
{
	return YAJL_GET_STRING(member(object, name, yajl_t_string));
}

const char *
echo_text_model(struct arena *arena, yajl_val request)
{
	const char *model = member_text(request, "model");

	return arena_strdup(arena, model == NULL ? "echo" : model);
}

/* The text parts of a multimodal content array. */
static const char *
join_parts(struct arena *arena, yajl_val parts)
{
	struct buf joined;
	const char *text;

	buf_init(&joined, LIMIT_ECHO_BYTES);
	for (size_t i = 0; i < parts->u.array.len; i++) {
		text = member_text(parts->u.array.values[i], "text");
		if (text == NULL)
			continue;
		if (buf_len(&joined) > 0)
			buf_puts(&joined, " ");
		buf_puts(&joined, text);
	}
	text = arena_strndup(arena, buf_data(&joined), buf_len(&joined));
	buf_fini(&joined);
	return text;
}

const char *
echo_text_last_message(struct arena *arena, yajl_val request)
{
	yajl_val messages = member(request, "messages", yajl_t_array);
	yajl_val last, parts;
	const char *text;

	if (messages == NULL || messages->u.array.len == 0)
		return "";
	last = messages->u.array.values[messages->u.array.len - 1];
	text = member_text(last, "content");
	if (text != NULL)
		return arena_strdup(arena, text);
	parts = member(last, "content", yajl_t_array);
	return parts == NULL ? "" : join_parts(arena, parts);
}

const char *
echo_text_prompt(struct arena *arena, yajl_val request)
{
	yajl_val many = member(request, "prompt", yajl_t_array);
	const char *text = member_text(request, "prompt");

	if (text == NULL && many != NULL && many->u.array.len > 0)
		text = YAJL_GET_STRING(many->u.array.values[0]);
	return arena_strdup(arena, text == NULL ? "" : text);
}

const char *
echo_text_id(struct arena *arena, const char *kind, const char *text)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char	 hex[17];

	crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
	sodium_bin2hex(hex, sizeof hex, hash, 8);
	return arena_printf(arena, "%s-%s", kind, hex);
}

size_t
echo_text_words(const char *text)
{
	size_t	 words = 0;

	for (text += strspn(text, " \t\r\n"); *text != '\0'; words++) {
		text += strcspn(text, " \t\r\n");
		text += strspn(text, " \t\r\n");
	}
	return words;
}

long
echo_text_number(yajl_val request, const char *name, long otherwise, long max)
{
	yajl_val v = member(request, name, yajl_t_number);
	double	 number;

	if (v == NULL || !YAJL_IS_DOUBLE(v))
		return otherwise;
	number = YAJL_GET_DOUBLE(v);
	return number >= 0 && number <= (double)max ? (long)number : otherwise;
}

bool
echo_text_flag(yajl_val request, const char *name)
{
	return member(request, name, yajl_t_true) != NULL;
}

bool
echo_text_wants_usage(yajl_val request)
{
	return echo_text_flag(member(request, "stream_options",
	    yajl_t_object), "include_usage");
}

/* Number I of the vector that belongs to HASH: in [-1, 1). */
static float
component(const unsigned char *hash, long i)
{
	return ((float)hash[i % crypto_hash_sha256_BYTES] - 128.0f) / 128.0f;
}

static void
put_base64(struct buf *out, const unsigned char *hash, long dimensions)
{
	unsigned char bytes[12];
	char	 text[sizeof bytes * 2];
	uint32_t bits;
	size_t	 n = 0;
	float	 f;

	for (long i = 0; i < dimensions; i++) {
		f = component(hash, i);
		memcpy(&bits, &f, sizeof bits);
		for (int shift = 0; shift < 32; shift += 8)
			bytes[n++] = (unsigned char)(bits >> shift);
		if (n < sizeof bytes && i + 1 < dimensions)
			continue;
		sodium_bin2base64(text, sizeof text, bytes, n,
		    sodium_base64_VARIANT_ORIGINAL);
		buf_puts(out, text);
		n = 0;
	}
}

static void
put_embedding(struct buf *out, yajl_val request, const char *input,
    size_t index)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	const char *format = member_text(request, "encoding_format");
	long	 dimensions = echo_text_number(request, "dimensions",
		    DIMENSIONS, DIMENSIONS_MAX);

	if (input == NULL)
		input = "";
	crypto_hash_sha256(hash, (const unsigned char *)input, strlen(input));
	buf_printf(out, "%s{\"object\":\"embedding\",\"index\":%zu,"
	    "\"embedding\":", index > 0 ? "," : "", index);
	if (format != NULL && strcmp(format, "base64") == 0) {
		buf_puts(out, "\"");
		put_base64(out, hash, dimensions);
		buf_puts(out, "\"}");
		return;
	}
	for (long i = 0; i < dimensions; i++)
		buf_printf(out, "%s%.7g", i == 0 ? "[" : ",",
		    (double)component(hash, i));
	buf_puts(out, dimensions == 0 ? "[]}" : "]}");
}

bool
echo_text_put_embeddings(struct buf *out, yajl_val request)
{
	yajl_val many = member(request, "input", yajl_t_array);
	size_t	 dimensions = (size_t)echo_text_number(request, "dimensions",
		    DIMENSIONS, DIMENSIONS_MAX);
	size_t	 inputs = many == NULL ? 1 : many->u.array.len;

	if (inputs > NUMBERS_MAX || inputs * dimensions > NUMBERS_MAX)
		return false;
	if (many == NULL)
		put_embedding(out, request, member_text(request, "input"), 0);
	for (size_t i = 0; many != NULL && i < inputs; i++)
		put_embedding(out, request,
		    YAJL_GET_STRING(many->u.array.values[i]), i);
	return true;
}
