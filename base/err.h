/* err.h - every way a request can fail, as one table; positions for bad files. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdio.h>

enum err {
	ERR_NONE,
	ERR_CLIENT_GONE,		/* a value, not a failure: nobody is left to tell */

	/* The request is at fault. */
	ERR_BAD_REQUEST,
	ERR_JSON_SYNTAX,
	ERR_JSON_NOT_OBJECT,
	ERR_JSON_DEPTH,
	ERR_JSON_UTF8,
	ERR_JSON_DUPLICATE,
	ERR_JSON_SPELLING,
	ERR_JSON_NAME,
	ERR_JSON_TRUNCATED,
	ERR_MULTIPART,
	ERR_MEDIA_TYPE,
	ERR_CHARSET,
	ERR_CODING,
	ERR_DECODE,
	ERR_MODEL_MISSING,
	ERR_MODEL_TYPE,
	ERR_MEMBER_DENIED,
	ERR_STREAM_TYPE,
	ERR_REFERENCES,
	ERR_PREVIOUS_RESPONSE,
	ERR_BODY_TRUNCATED,
	ERR_BODY_TOO_LARGE,
	ERR_INVALID_API_KEY,
	ERR_ENDPOINT_NOT_ALLOWED,
	ERR_CROSS_SITE,			/* a page of another site, in whose browser's name we would act */
	ERR_MODEL_NOT_ALLOWED,
	ERR_NOT_FOUND,
	ERR_PATH,
	ERR_MODEL_NOT_FOUND,
	ERR_OBJECT_NOT_FOUND,
	ERR_LIST,
	ERR_METHOD_NOT_ALLOWED,
	ERR_NO_WEBSOCKET,
	ERR_FIELDS_TOO_LARGE,
	ERR_REQUEST_TIMEOUT,
	ERR_LOOP,
	ERR_FIELD_UNKNOWN,
	ERR_FIELD_VALUE,
	ERR_CONFLICT,
	ERR_ADMIN_KEY,
	ERR_ADMIN_LOCKED,
	ERR_KEY_LOCKED,
	ERR_RATE_LIMIT,
	ERR_QUOTA,

	/* The upstream is at fault. */
	ERR_UPSTREAM_DNS,
	ERR_UPSTREAM_CONNECT,
	ERR_UPSTREAM_TLS,
	ERR_UPSTREAM_PROXY,
	ERR_UPSTREAM_RESET,
	ERR_UPSTREAM_CUT,
	ERR_UPSTREAM_GARBAGE,
	ERR_UPSTREAM_HEADERS_SIZE,
	ERR_UPSTREAM_REDIRECT,
	ERR_UPSTREAM_INVALID,		/* valid HTTP, but no answer to what was asked */
	ERR_TIMEOUT_CONNECT,
	ERR_TIMEOUT_HEADERS,
	ERR_TIMEOUT_FIRST_TOKEN,
	ERR_TIMEOUT_IDLE,
	ERR_TIMEOUT_TOTAL,
	ERR_UPSTREAM_STATUS,		/* of a try, or of a request that could not pass the status on */
	ERR_UPSTREAM_STREAM_ERROR,
	ERR_UPSTREAM_CREDENTIALS,
	ERR_HEDGE_LOST,			/* of a try, never of a request */

	/* We are at fault. */
	ERR_NO_MEMORY,
	ERR_SPOOL,
	ERR_SPOOL_FULL,
	ERR_STOPPING,
	ERR_STORE,
	ERR_INTERNAL,
	ERR__MAX
};

struct err_info {
	const char	*name;		/* for the journal: "upstream_cut" */
	int		 status;	/* HTTP status; 0 = nobody is told */
	const char	*type;		/* OpenAI error object: type */
	const char	*code;		/* code, or NULL */
	const char	*param;		/* param, or NULL */
	const char	*text;		/* a sentence for the client, free of secrets */
};

/* What there is to say about an error. Never NULL, static. */
const struct err_info *err_get(enum err);

/* Where a file is wrong, and how. The caller owns it. */
struct err_at {
	char		 file[256];
	unsigned	 line;		/* 0 = the whole file */
	char		 text[384];
};

/* "FILE:LINE: TEXT", on a line of OUT. */
void	err_at_print(const struct err_at *, FILE *out);
#endif
