/* media_type.h - what a Content-Type says of a request's body. */
#ifndef BASE_MEDIA_TYPE_H
#define BASE_MEDIA_TYPE_H

enum media_type {
	MEDIA_TYPE_NONE,		/* empty */
	MEDIA_TYPE_JSON,		/* application/json or application/SOMETHING+json */
	MEDIA_TYPE_URLENCODED,		/* what "curl -d" calls everything */
	MEDIA_TYPE_FORM,		/* multipart/form-data; its parameters were not looked at */
	MEDIA_TYPE_OTHER,		/* or not well-formed (RFC 9110 section 8.3) */
	MEDIA_TYPE_CHARSET		/* the first three, in another charset than UTF-8 */
};

/*
 * What CONTENT_TYPE (a field value; NULL is as good as "") names, in whatever
 * case. US-ASCII is UTF-8. A charset that is given twice, or in another way than
 * charset=NAME or charset="NAME", is another one.
 */
enum media_type media_type_parse(const char *content_type);
#endif
