/* address.h - IP addresses, and blocks of them. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>

/*
 * An IPv4 address is kept as the IPv6 address that stands for it
 * (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2), so that both spellings are one.
 */
struct address_block {
	unsigned char	 bytes[16];
	unsigned	 prefix;	/* in bits; 128 = one address */
};

/* Parse "10.0.0.1", "fd00::1", or such with "/" and a prefix's length. */
bool	address_parse(struct address_block *, const char *text);

/*
 * Is ADDRESS in BLOCK? Both are texts, and what is no address is in no block.
 * No IPv4 address is in an IPv6 block, not even in "::/0".
 */
bool	address_is_in(const char *address, const char *block);
#endif
