/* values.h - what a string in a configuration file may be. */
#ifndef CONF_VALUES_H
#define CONF_VALUES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Judge VALUE (never empty). Returns NULL when it is good, otherwise what was
 * expected, as a phrase: "expected ...". The phrase never holds the value: it
 * may be a secret that was put in the wrong place.
 */
typedef const char *values_fn(const char *value);

values_fn values_base_url;	/* http(s)://host[:port][/path], RFC 3986; no user, query or fragment */
values_fn values_proxy;		/* http, https, socks5, socks5h; a user is allowed, a path is not */
values_fn values_origin;	/* "*" or scheme://host[:port], RFC 6454 */
values_fn values_env;		/* a variable that no client can set: RFC 3875 section 4.1 and what servers add */
values_fn values_env_pattern;	/* such a variable, or "PREFIX_*" for all that begin so */
values_fn values_header_name;	/* RFC 9110 token that is not ours to set */
values_fn values_header_value;	/* RFC 9110 field value */
values_fn values_name;		/* letters, digits, "." "_" "-" */
values_fn values_model;		/* "*", or any name without one */
values_fn values_api_path;	/* what stands after /v1/ */
values_fn values_member;	/* the name of a member of a body */
values_fn values_pass_header;	/* a client's that may go up */
values_fn values_mount;		/* "/ai", or "" */
values_fn values_health_path;	/* "/models" */
values_fn values_sticky;	/* "auto", "none" or "header:" and an RFC 9110 token */
values_fn values_address;	/* IPv4 or IPv6, perhaps with "/" and the prefix's length */

/* True for the variables that values_env refuses. */
bool	values_is_cgi_variable(const char *name);

/*
 * The length of the part "user:password@" of a URL that values_proxy takes,
 * and where it starts; 0 when there is none.
 */
size_t	values_userinfo(const char *url, size_t *start);

/* True for well-formed UTF-8 (RFC 3629) without control characters. */
bool	values_is_text(const char *, size_t n);
#endif
