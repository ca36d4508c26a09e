/* An answer's fields: which go on, and which make it uncertain where it ends. */
#include "config.h"

#include "upstream/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { FIELDS_MAX = 200000 };

/* TEXT has a line end after each line. */
static struct buf
fields_of(const char *text)
{
	struct buf b;
	const char *end;

	buf_init(&b, FIELDS_MAX);
	for (; *text != '\0'; text = end + 1) {
		end = strchr(text, '\n');
		assert_int_equal(head_add_line(&b, text,
		    (size_t)(end - text)), ERR_NONE);
	}
	return b;
}

static enum err
end_of(const char *text, bool *is_chunked)
{
	struct buf b = fields_of(text);
	enum err err = head_end(&b, is_chunked);

	buf_fini(&b);
	return err;
}

static const char *const certain[] = {
	"", "A: b\n", "Content-Length: 0\n", "content-length:5\n",
	"CONTENT-LENGTH: \t 5 \t\n", "Content-Length: 5\nContent-Length: 5\n",
	"Content-Length: 5, 5\n", "Content-Length: 5 ,\t005\nContent-length: 05\n",
	"Content-Length: 900000000000000000\n", "Transfer-Encoding: chunked\n",
	"transfer-encoding: CHUNKED\n", "Transfer-Encoding:chunked \n",
	"Content-Length-X: a\nX-Content-Length: b\n",
	"X-Transfer-Encoding: gzip\n", "Content-Length:\n 5\n",
	"Transfer-Encoding:\n\tchunked\n",
};

static const char *const uncertain[] = {
	"Content-Length: 5\nContent-Length: 7\n",
	"Content-Length: 7\nContent-Length: 5\n",
	"Content-Length: 5\nA: b\ncontent-length: 7\n",
	"Content-Length: 5\nContent-Length: 5\nContent-Length: 6\n",
	"Content-Length: 5, 7\n", "Content-Length: 5,7\n",
	"Content-Length: 5, 5, 7\n", "Content-Length: 5\nContent-Length: 5,7\n",
	"Content-Length: 5,\n 7\n", "Content-Length: 5\n 7\n",
	"Content-Length : 5\nContent-Length: 7\n",
	"Content-Length:\n", "Content-Length: ,\n", "Content-Length: 5,\n",
	"Content-Length: ,5\n", "Content-Length: -5\n", "Content-Length: +5\n",
	"Content-Length: 5 5\n", "Content-Length: 5;\n", "Content-Length: 5.0\n",
	"Content-Length: 0x5\n", "Content-Length: 5e1\n", "Content-Length: abc\n",
	"Content-Length: \"5\"\n", "Content-Length: 5\r6\n",
	"Content-Length: 9223372036854775808\n",
	"Content-Length: 18446744073709551621\n",
	"Content-Length: 99999999999999999999999999999999999999\n",
	"Content-Length: 5\nTransfer-Encoding: chunked\n",
	"Transfer-Encoding: chunked\nContent-Length: 5\n",
	"Transfer-Encoding: chunked\nContent-Length: 0\n",
	"Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n",
	"Transfer-Encoding: chunked, chunked\n",
	"Transfer-Encoding: gzip, chunked\n", "Transfer-Encoding: gzip\n",
	"Transfer-Encoding: chunked, gzip\n", "Transfer-Encoding: identity\n",
	"Transfer-Encoding: xchunked\n", "Transfer-Encoding:\n",
	"Transfer-Encoding : chunked\nContent-Length: 5\n",
	"Transfer-Encoding: chunked;q=1\n", "Transfer-Encoding: \"chunked\"\n",
};

static void
where_a_body_ends_is_certain(void **state)
{
	bool	 is_chunked;

	(void)state;
	for (size_t i = 0; i < sizeof(certain) / sizeof(*certain); i++) {
		if (end_of(certain[i], &is_chunked) != ERR_NONE)
			fail_msg("refused: %s", certain[i]);
		assert_int_equal(is_chunked,
		    strcasestr(certain[i], "chunked") != NULL);
	}
	for (size_t i = 0; i < sizeof(uncertain) / sizeof(*uncertain); i++)
		if (end_of(uncertain[i], &is_chunked) != ERR_UPSTREAM_GARBAGE)
			fail_msg("taken: %s", uncertain[i]);
}

/* "name=value;" of what is left of the fields of TEXT. */
static const char *
left_of(const char *text)
{
	static char left[FIELDS_MAX];
	struct buf b = fields_of(text);
	const char *name, *value;
	size_t	 at = 0, name_len, value_len, len = 0;
	bool	 is_chunked;

	left[0] = '\0';
	assert_int_equal(head_end(&b, &is_chunked), ERR_NONE);
	while (head_next_field(&b, &at, &name, &name_len, &value, &value_len))
		len += (size_t)snprintf(left + len, sizeof(left) - len,
		    "%.*s=%.*s;", (int)name_len, name, (int)value_len, value);
	buf_fini(&b);
	return left;
}

static void
what_a_connection_field_names_ends_here(void **state)
{
	static const struct { const char *text, *left; } rows[] = {
		{ "", "" },
		{ "A: b\n", "A=b;" },
		{ "A: b\nConnection: close\nC: d\n", "A=b;C=d;" },
		{ "Connection: keep-alive\nKeep-Alive: 5\n", "Keep-Alive=5;" },
		{ "Connection: close, X-Hop\nX-Hop: 1\nA: b\n", "A=b;" },
		{ "X-Hop: 1\nA: b\nConnection: close, X-Hop\n", "A=b;" },
		{ "X-Hop: 1\nA: b\nx-hop: 2\nCONNECTION:x-HOP\n", "A=b;" },
		{ "Connection: X-One\nX-Two: 2\nX-One: 1\nconnection: X-Two\n",
		  "" },
		{ "Connection:\tX-One\t,\t, ,X-Two,\nX-Two: 2\nX-One: 1\n", "" },
		{ "Connection: close,\n X-Hop\nX-Hop: 1\n and more\nA: b\n",
		  "A=b;" },
		{ "Connection : X-Hop\nX-Hop : 1\nA : b\n", "A=b;" },
		{ "Connection:\nX-Hop: 1\n", "X-Hop=1;" },
		{ "Connection: X-Hop\nX-Hop-Not: 1\nNot-X-Hop: 1\nX-Ho: 1\n",
		  "X-Hop-Not=1;Not-X-Hop=1;X-Ho=1;" },
		{ "Proxy-Connection: A\nA: b\n", "Proxy-Connection=A;A=b;" },
		{ "no colon\nConnection: A\nnor here\nA: b\nC: d\n", "C=d;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strcmp(left_of(rows[i].text), rows[i].left) != 0)
			fail_msg("%s: %s", rows[i].text, left_of(rows[i].text));
}

static void
folded_lines_are_one_value(void **state)
{
	(void)state;
	assert_string_equal(left_of("A: b\n c\n\td\nE: f\n"), "A=b c\td;E=f;");
	assert_string_equal(left_of(" first: line\nA: b\n"), "first=line;A=b;");
}

static void
names_are_bounded(void **state)
{
	static char text[FIELDS_MAX];
	size_t	 len = 0;
	bool	 is_chunked;

	(void)state;
	for (int i = 0; i < 32; i++)
		len += (size_t)sprintf(text + len, "connection: x-%d\n", i);
	strcpy(text + len, "x-0: a\nx-31: b\nx-32: c\n");
	assert_string_equal(left_of(text), "x-32=c;");
	strcpy(text + len, "Connection: x-32\n");
	assert_int_equal(end_of(text, &is_chunked), ERR_UPSTREAM_GARBAGE);
	memset(text, 'x', 60000);
	memcpy(text, "Connection: ", 12);
	strcpy(text + 60000, "\nA: b\n");
	assert_string_equal(left_of(text), "A=b;");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_a_body_ends_is_certain),
		cmocka_unit_test(what_a_connection_field_names_ends_here),
		cmocka_unit_test(folded_lines_are_one_value),
		cmocka_unit_test(names_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
