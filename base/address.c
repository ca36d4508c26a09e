#include "config.h"

#include "base/address.h"

#include <string.h>

#include <arpa/inet.h>

enum { MAPPED_BITS = 96, ALL_BITS = 128 };

static const unsigned char mapped[MAPPED_BITS / 8] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF
};

/* The decimal number that TEXT is, from 0 to MAX; -1: it is none. */
static int
parse_length(const char *text, int max)
{
	size_t	 n = strspn(text, "0123456789");
	int	 value = 0;

	if (n < 1 || n > 3 || text[n] != '\0')
		return -1;
	while (*text != '\0')
		value = 10 * value + *text++ - '0';
	return value <= max ? value : -1;
}

bool
address_parse(struct address_block *block, const char *text)
{
	size_t	 n = strcspn(text, "/");
	char	 address[INET6_ADDRSTRLEN];
	int	 offset = 0, length;

	if (n >= sizeof address)
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	if (inet_pton(AF_INET, address, block->bytes + sizeof mapped) == 1) {
		memcpy(block->bytes, mapped, sizeof mapped);
		offset = MAPPED_BITS;
	} else if (inet_pton(AF_INET6, address, block->bytes) != 1)
		return false;
	length = text[n] == '\0' ? ALL_BITS - offset :
	    parse_length(text + n + 1, ALL_BITS - offset);
	block->prefix = (unsigned)(offset + length);
	return length >= 0;
}

static bool
is_ipv4(const struct address_block *b)
{
	return b->prefix >= MAPPED_BITS &&
	    memcmp(b->bytes, mapped, sizeof mapped) == 0;
}

bool
address_is_in(const char *address, const char *block)
{
	struct address_block a, b;
	unsigned whole, mask;

	if (strchr(address, '/') != NULL || !address_parse(&a, address) ||
	    !address_parse(&b, block) || is_ipv4(&a) != is_ipv4(&b))
		return false;
	whole = b.prefix / 8;
	if (memcmp(a.bytes, b.bytes, whole) != 0)
		return false;
	mask = (0xFF00U >> b.prefix % 8) & 0xFF;
	return mask == 0 || ((a.bytes[whole] ^ b.bytes[whole]) & mask) == 0;
}
