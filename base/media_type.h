/* media_type.h - what a Content-Type says of a request's body. */
#ifndef BASE_MEDIA_TYPE_H
#define BASE_MEDIA_TYPE_H

#include <stdbool.h>

#include "base/param.h"

enum media_type {
	MEDIA_TYPE_NONE,		/* empty */
	MEDIA_TYPE_JSON,		/* application/json or application/SOMETHING+json */
	MEDIA_TYPE_URLENCODED,		/* what "curl -d" calls everything */
	MEDIA_TYPE_FORM,		/* multipart/form-data; its other parameters are for multipart.h */
	MEDIA_TYPE_OTHER,		/* or not well-formed (RFC 9110 section 8.3) */
	MEDIA_TYPE_CHARSET		/* one of those before, in another charset than UTF-8 */
};

/*
 * What CONTENT_TYPE (a field value; NULL is as good as "") names, in whatever
 * case. US-ASCII is UTF-8. A charset that is given twice, or in another way than
 * charset=NAME or charset="NAME", is another one.
 */
enum media_type media_type_parse(const char *content_type);

/* Whether CHARSET is a name of UTF-8, or of US-ASCII. */
bool	media_type_is_utf8(struct param_text charset);
#endif
