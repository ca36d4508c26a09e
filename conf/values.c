/* values.c - what a string in a configuration file may be. */
#include "config.h"

#include "conf/values.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/address.h"
#include "base/spelling.h"
#include "base/utf8.h"

#define DIGITS	"0123456789"
#define ALNUM	DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TOKEN	ALNUM "!#$%&'*+-.^_`|~"		/* RFC 9110 section 5.6.2 */

/* RFC 3875 section 4.1, then what lighttpd, Apache and nginx add. */
static const char *const cgi_variables[] = {
	"AUTH_TYPE", "GATEWAY_INTERFACE", "PATH_INFO", "PATH_TRANSLATED",
	"QUERY_STRING", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_IDENT",
	"REMOTE_USER", "REQUEST_METHOD", "SCRIPT_NAME", "SERVER_NAME",
	"SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE",
	"DOCUMENT_ROOT", "DOCUMENT_URI", "HTTPS", "REMOTE_PORT",
	"REQUEST_SCHEME", "REQUEST_URI", "SCRIPT_FILENAME", "SCRIPT_URI",
	"SCRIPT_URL", "SERVER_ADDR", "SERVER_ADMIN", "SERVER_SIGNATURE",
	"UNIQUE_ID", "PATH", NULL
};
static const char *const cgi_prefixes[] = {
	"HTTP_", "CONTENT_", "REDIRECT_", "CONTEXT_", "FCGI_", "SSL_", NULL
};

/* Set by us, by libcurl, or per hop (RFC 9110 section 7.6.1). */
static const char *const owned_headers[] = {
	"Accept-Encoding", "Connection", "Content-Encoding", "Content-Length",
	"Content-Type", "Expect", "Host", "Keep-Alive", "Proxy-Authenticate",
	"Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
	"Transfer-Encoding", "Upgrade", "X-Request-Id", NULL
};
static const char owned_prefix[] = "X-Sluice-";

static const char *const http_schemes[] = { "http://", "https://", NULL };
static const char *const proxy_schemes[] = {
	"http://", "https://", "socks5://", "socks5h://", NULL
};

static bool
is_one_of(const char *s, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcasecmp(s, *list) == 0)
			return true;
	return false;
}

/* The length of the prefix of S that is in LIST, in any case; 0 = none. */
static size_t
prefix_length(const char *s, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strncasecmp(s, *list, strlen(*list)) == 0)
			return strlen(*list);
	return 0;
}

static bool
is_made_of(const char *s, const char *set, size_t max)
{
	size_t n = strlen(s);

	return n > 0 && n <= max && strspn(s, set) == n;
}

/* The length of a host with an optional port (RFC 3986 section 3.2); 0 = bad. */
static size_t
host_length(const char *s)
{
	size_t n, port;

	if (s[0] == '[') {
		n = 1 + strspn(s + 1, "0123456789abcdefABCDEF:.");
		if (n < 3 || s[n++] != ']')
			return 0;
	} else {
		n = strspn(s, ALNUM "-._");
		if (n == 0 || n > 253 || s[0] == '-' || s[0] == '.')
			return 0;
	}
	if (s[n] != ':')
		return n;
	port = strspn(s + n + 1, DIGITS);
	if (port == 0 || port > 5 || atoi(s + n + 1) > 65535 ||
	    atoi(s + n + 1) == 0)
		return 0;
	return n + 1 + port;
}

/* RFC 3986 section 3.3: unreserved, percent-encoded, sub-delims, ":" "@" "/". */
static bool
is_url_path(const char *s, bool may_have_query)
{
	size_t n = strspn(s, ALNUM "-._~!$&'()*+,;=:@/%");

	if (s[n] == '?' && may_have_query)
		return is_url_path(s + n + 1, false);
	if (s[n] != '\0')
		return false;
	for (; (s = strchr(s, '%')) != NULL; s++)
		if (strspn(s + 1, DIGITS "abcdefABCDEF") < 2)
			return false;
	return true;
}

const char *
values_base_url(const char *s)
{
	static const char expected[] = "expected a URL: http:// or https://, "
	    "a host, and no user, query or fragment";
	size_t n = prefix_length(s, http_schemes), host;

	if (n == 0 || (host = host_length(s + n)) == 0)
		return expected;
	s += n + host;
	return (s[0] == '\0' || s[0] == '/') && is_url_path(s, false) ?
	    NULL : expected;
}

size_t
values_userinfo(const char *url, size_t *start)
{
	const char *at = strrchr(url, '@');

	*start = prefix_length(url, proxy_schemes);
	return at == NULL ? 0 : (size_t)(at - url) + 1 - *start;
}

const char *
values_proxy(const char *s)
{
	static const char expected[] = "expected a proxy URL: http://, "
	    "https://, socks5:// or socks5h://, a host and a port";
	size_t start, user = values_userinfo(s, &start), host;

	if (start == 0)
		return expected;
	if (user > 0 && strspn(s + start, ALNUM "-._~!$&'()*+,;=:%") + 1 != user)
		return expected;
	s += start + user;
	if ((host = host_length(s)) == 0)
		return expected;
	s += host;
	return s[0] == '\0' || strcmp(s, "/") == 0 ? NULL : expected;
}

const char *
values_origin(const char *s)
{
	size_t n = prefix_length(s, http_schemes), host;

	if (strcmp(s, "*") == 0)
		return NULL;
	if (n > 0 && (host = host_length(s + n)) > 0 && s[n + host] == '\0')
		return NULL;
	return "expected \"*\" or an origin such as \"https://chat.example\", "
	    "without a path";
}

bool
values_is_cgi_variable(const char *name)
{
	return prefix_length(name, cgi_prefixes) > 0 ||
	    is_one_of(name, cgi_variables);
}

const char *
values_env(const char *s)
{
	if (!is_made_of(s, ALNUM "_", 128) || strspn(s, DIGITS) > 0)
		return "expected the name of an environment variable (the "
		    "secret itself stands in that variable, never here)";
	if (values_is_cgi_variable(s))
		return "expected another variable: in CGI mode a client could "
		    "set this one";
	return NULL;
}

const char *
values_env_pattern(const char *s)
{
	size_t n = strlen(s);
	char prefix[128];

	if (n < 2 || n > sizeof(prefix) || s[n - 1] != '*')
		return values_env(s);
	memcpy(prefix, s, n - 1);
	prefix[n - 1] = '\0';
	if (prefix[n - 2] != '_')
		return "expected a prefix that ends in \"_\" before the "
		    "\"*\": \"OPENAI_*\"";
	return values_env(prefix);
}

const char *
values_header_name(const char *s)
{
	if (!is_made_of(s, TOKEN, 128))
		return "expected a header name (RFC 9110: letters, digits, "
		    "\"-\" and a few signs)";
	if (is_one_of(s, owned_headers) ||
	    strncasecmp(s, owned_prefix, sizeof(owned_prefix) - 1) == 0)
		return "expected another header: this one is set by sluice";
	return NULL;
}

const char *
values_member(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > SPELLING_NAME_MAX || strspn(s, "abcdefghijklmnopqrst"
	    "uvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != n ||
	    strspn(s, "_-") == n)
		return "expected a name of at most 40 letters, digits, \"_\" "
		    "and \"-\"";
	return NULL;
}

const char *
values_pass_header(const char *s)
{
	static const char *const credentials[] = {
		"Authorization", "X-Api-Key", "Api-Key", "AdminKey", "Cookie",
		"X-Goog-Api-Key", "Proxy", NULL
	};

	if (is_one_of(s, credentials))
		return "expected another header: the client's credentials "
		    "stay here";
	return values_header_name(s);
}

const char *
values_header_value(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return "expected a header value without control "
			    "characters";
	if (s[0] == ' ' || (n > 0 && s[n - 1] == ' '))
		return "expected a header value without spaces around it";
	return NULL;
}

const char *
values_name(const char *s)
{
	return is_made_of(s, ALNUM "._-", 64) ? NULL : "expected a name: up to "
	    "64 letters, digits, \".\", \"_\" or \"-\"";
}

const char *
values_model(const char *s)
{
	if (strchr(s, '*') != NULL && s[1] != '\0')
		return "expected a model's name; only \"*\" alone stands for "
		    "any other name";
	return NULL;
}

/* True when a segment between two slashes of PATH is ".", ".." or empty. */
static bool
has_odd_segment(const char *path)
{
	for (;;) {
		size_t n = strcspn(path, "/");

		if (n == 0 || strspn(path, ".") == n)
			return true;
		if (path[n] == '\0')
			return false;
		path += n + 1;
	}
}

const char *
values_api_path(const char *s)
{
	if (!is_made_of(s, ALNUM "-._/", 128) || has_odd_segment(s) ||
	    strncmp(s, "v1/", 3) == 0 || strncmp(s, "deployments/", 12) == 0)
		return "expected what stands after /v1/, such as "
		    "\"chat/completions\"";
	return NULL;
}

const char *
values_mount(const char *s)
{
	size_t n = strlen(s);

	if (n == 0)
		return NULL;
	if (s[0] != '/' || s[n - 1] == '/' || !is_made_of(s, ALNUM "-._~/",
	    256) || has_odd_segment(s + 1))
		return "expected a path such as \"/ai\"";
	return NULL;
}

const char *
values_health_path(const char *s)
{
	if (s[0] != '/' || !is_url_path(s, true))
		return "expected a path below base_url, such as \"/models\"";
	return NULL;
}

const char *
values_sticky(const char *s)
{
	static const char header[] = "header:";
	size_t n = sizeof(header) - 1;

	if (strcmp(s, "auto") == 0 || strcmp(s, "none") == 0 ||
	    (strncmp(s, header, n) == 0 && is_made_of(s + n, TOKEN, 128)))
		return NULL;
	return "expected \"auto\", \"none\", or \"header:\" and the name of a "
	    "header";
}

const char *
values_address(const char *s)
{
	struct address_block block;

	if (address_parse(&block, s))
		return NULL;
	return "expected an IPv4 or IPv6 address, perhaps with the length of a "
	    "prefix: \"10.0.0.0/8\"";
}

bool
values_is_text(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;

	while (n > 0) {
		size_t len = utf8_length(s, n);

		if (len == 0 || s[0] < ' ' || s[0] == 0x7f)
			return false;
		s += len;
		n -= len;
	}
	return true;
}
