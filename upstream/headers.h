/* headers.h - which header fields cross the gateway, both ways. */
#ifndef UPSTREAM_HEADERS_H
#define UPSTREAM_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

/* Is a client's request field sent upstream? NAME in lower case with dashes. */
bool	headers_pass_request(const char *name);

/*
 * Is a provider's answer field sent to the client? NAME of N bytes, any case.
 * False for hop-by-hop fields (RFC 9110 section 7.6.1), for what the gateway or
 * the web server says itself, and for fields by which a FastCGI application
 * commands its web server (X-Sendfile, X-Accel-Redirect, Status, Location):
 * a provider must not.
 */
bool	headers_pass_response(const char *name, size_t n);
#endif
