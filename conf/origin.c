#include "config.h"

#include "conf/origin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HOST_MAX = 253, PORT_DIGITS_MAX = 5, PORT_MAX = 65535 };

static const struct {
	const char	*prefix;
	unsigned	 port;
} schemes[] = {
	{ "http://", 80 }, { "https://", 443 },
};
enum { SCHEMES = sizeof schemes / sizeof schemes[0] };

/* A name or an IPv4 address, lower case. The length in TEXT; 0: it is neither. */
static size_t
take_name(const char *text, char host[HOST_MAX + 1])
{
	size_t	 n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "abcdefghijklmnopqrstuvwxyz0123456789-._");

	if (n > HOST_MAX)
		return 0;
	for (size_t i = 0; i < n; i++)
		host[i] = (char)tolower((unsigned char)text[i]);
	host[n] = '\0';
	return n;
}

/* "[::1]" likewise; libc knows the one spelling. */
static size_t
take_ipv6(const char *text, char host[HOST_MAX + 1])
{
	char	 inside[INET6_ADDRSTRLEN];
	size_t	 n = strcspn(text + 1, "]");
	struct in6_addr address;

	if (text[n + 1] != ']' || n >= sizeof inside)
		return 0;
	memcpy(inside, text + 1, n);
	inside[n] = '\0';
	if (inet_pton(AF_INET6, inside, &address) != 1)
		return 0;
	inet_ntop(AF_INET6, &address, inside, sizeof inside);
	snprintf(host, HOST_MAX + 1, "[%s]", inside);
	return n + 2;
}

/* ":443", or nothing, which leaves *PORT. The rest of TEXT; NULL: it is none. */
static const char *
take_port(const char *text, unsigned *port)
{
	size_t	 n;

	if (*text != ':')
		return text;
	n = strspn(++text, "0123456789");
	*port = (unsigned)strtoul(text, NULL, 10);
	return n > 0 && n <= PORT_DIGITS_MAX && *port > 0 &&
	    *port <= PORT_MAX ? text + n : NULL;
}

bool
origin_make(const char *url, char out[ORIGIN_SIZE])
{
	char	 host[HOST_MAX + 1];
	size_t	 i, n;
	unsigned port;

	out[0] = '\0';
	for (i = 0; i < SCHEMES; i++)
		if (strncasecmp(url, schemes[i].prefix,
		    strlen(schemes[i].prefix)) == 0)
			break;
	if (i == SCHEMES)
		return false;
	url += strlen(schemes[i].prefix);
	n = *url == '[' ? take_ipv6(url, host) : take_name(url, host);
	port = schemes[i].port;
	if (n == 0 || (url = take_port(url + n, &port)) == NULL ||
	    strchr("/?#", *url) == NULL)
		return false;
	snprintf(out, ORIGIN_SIZE, "%s%s:%u", schemes[i].prefix, host, port);
	return true;
}

bool
origin_same(const char *a, const char *b)
{
	char	 one[ORIGIN_SIZE], other[ORIGIN_SIZE];

	return origin_make(a, one) && origin_make(b, other) &&
	    strcmp(one, other) == 0;
}
