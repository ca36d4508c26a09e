/* Who is in a block of addresses, whatever the texts hold. */
#include "config.h"

#include "base/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct { const char *address, *block; bool is_in; } cases[] = {
	{ "127.0.0.1", "127.0.0.1", true },
	{ "127.0.0.2", "127.0.0.1", false },
	{ "127.0.0.1", "127.0.0.1/32", true },
	{ "10.255.0.3", "10.0.0.0/8", true },
	{ "11.0.0.0", "10.0.0.0/8", false },
	{ "10.1.2.3", "10.9.9.9/8", true },
	{ "192.0.2.129", "192.0.2.128/25", true },
	{ "192.0.2.127", "192.0.2.128/25", false },
	{ "192.0.2.7", "192.0.2.6/31", true },
	{ "192.0.2.8", "192.0.2.6/31", false },
	{ "203.0.113.9", "0.0.0.0/0", true },
	{ "::1", "::1", true },
	{ "::2", "::1", false },
	{ "0:0::1", "::0001", true },
	{ "FD00::ab", "fd00::/8", true },
	{ "fe00::1", "fd00::/8", false },
	{ "2001:db8::8000:0", "2001:db8::/97", false },
	{ "2001:db8::7fff:0", "2001:db8::/97", true },
	{ "2001:db8::1", "::/0", true },

	/* One address, two spellings. */
	{ "::ffff:10.0.0.7", "10.0.0.0/8", true },
	{ "::ffff:a00:7", "10.0.0.7", true },
	{ "10.0.0.7", "::ffff:10.0.0.0/104", true },
	{ "11.0.0.7", "::ffff:10.0.0.0/104", false },
	{ "10.0.0.7", "::ffff:0:0/96", true },

	/* A block of IPv6 addresses has no IPv4 address in it. */
	{ "10.0.0.7", "::/0", false },
	{ "::ffff:10.0.0.7", "::/0", false },
	{ "10.0.0.7", "::ffff:0:0/95", false },
	{ "::a00:7", "10.0.0.7", false },
	{ "::1", "0.0.0.0/0", false },
	{ "2001:db8::1", "0.0.0.0/0", false },

	/* What is no address is nowhere. */
	{ "", "0.0.0.0/0", false },
	{ "", "", false },
	{ "unix:", "0.0.0.0/0", false },
	{ "127.0.0.1 ", "127.0.0.1", false },
	{ " 127.0.0.1", "127.0.0.1", false },
	{ "127.0.0.1\n", "127.0.0.1", false },
	{ "127.0.0.1,10.0.0.1", "127.0.0.1", false },
	{ "127.0.0.1:80", "127.0.0.1", false },
	{ "127.0.0.1/32", "127.0.0.1", false },
	{ "127.0.0.1/0", "0.0.0.0/0", false },
	{ "127.1", "127.0.0.1", false },
	{ "127.0.0.01", "127.0.0.1", false },
	{ "2130706433", "127.0.0.1", false },
	{ "0x7f.0.0.1", "127.0.0.1", false },
	{ "localhost", "127.0.0.1", false },
	{ "[::1]", "::1", false },
	{ "fe80::1%eth0", "fe80::/10", false },
	{ "::1%", "::1", false },
	{ ":::1", "::/0", false },
	{ "1:2:3:4:5:6:7:8:9", "::/0", false },
	{ "10.0.0.7", "10.0.0.0/33", false },
	{ "10.0.0.7", "10.0.0.0/", false },
	{ "10.0.0.7", "10.0.0.0/-1", false },
	{ "10.0.0.7", "10.0.0.0/+8", false },
	{ "10.0.0.7", "10.0.0.0/ 8", false },
	{ "10.0.0.7", "10.0.0.0/8 ", false },
	{ "10.0.0.7", "10.0.0.0/8/8", false },
	{ "10.0.0.7", "10.0.0.0/0008", false },
	{ "10.0.0.7", "10.0.0.0/4294967304", false },
	{ "10.0.0.7", "10.0.0.0/255.0.0.0", false },
	{ "10.0.0.7", "/8", false },
	{ "10.0.0.7", "/0", false },
	{ "::1", "::/129", false },
	{ "::1", "::/999", false },
};

static void
blocks_have_who_is_in_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (address_is_in(cases[i].address, cases[i].block) !=
		    cases[i].is_in)
			fail_msg("%s in %s", cases[i].address, cases[i].block);
}

static void
long_texts_are_no_addresses(void **state)
{
	static char text[100000];
	struct address_block block;

	(void)state;
	for (size_t n = 1; n < sizeof(text); n = n * 3 + 1) {
		memset(text, '1', n);
		text[n] = '\0';
		assert_false(address_parse(&block, text));
		assert_false(address_is_in(text, "0.0.0.0/0"));
		memset(text, ':', n);
		assert_false(address_is_in("::1", text));
		memcpy(text, "::1/", n < 4 ? n : 4);
		assert_false(address_is_in("::1", text));
	}
}

static void
every_prefix_is_counted_in_bits(void **state)
{
	static const unsigned char first[16] = { 0x80 };
	struct address_block b;

	(void)state;
	assert_true(address_parse(&b, "8000::/1"));
	assert_memory_equal(b.bytes, first, sizeof(first));
	assert_int_equal(b.prefix, 1);
	assert_true(address_parse(&b, "10.0.0.0/8"));
	assert_int_equal(b.prefix, 104);
	assert_true(address_parse(&b, "10.0.0.0"));
	assert_int_equal(b.prefix, 128);
	assert_true(address_parse(&b, "::"));
	assert_int_equal(b.prefix, 128);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_have_who_is_in_them),
		cmocka_unit_test(long_texts_are_no_addresses),
		cmocka_unit_test(every_prefix_is_counted_in_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
