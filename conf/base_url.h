/* base_url.h - a base URL as people give it to other gateways, made whole. */
#ifndef CONF_BASE_URL_H
#define CONF_BASE_URL_H

struct arena;

/*
 * URL without slashes at its end; where no segment of its path is a version
 * ("v1", "v1beta"), "/v1" is put behind it.
 */
const char *base_url_complete(struct arena *, const char *url);
#endif
