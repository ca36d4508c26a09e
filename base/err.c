#include "config.h"

#include "base/err.h"

#include <assert.h>
#include <stddef.h>

#define REQUEST "invalid_request_error"
#define UPSTREAM "upstream_error"
#define TIMEOUT "timeout_error"
#define SERVER "server_error"
#define LIMIT "rate_limit_error"
#define QUOTA "insufficient_quota"

static const struct err_info infos[ERR__MAX] = {
	[ERR_NONE] = { "ok", 200, NULL, NULL, NULL, "" },
	[ERR_CLIENT_GONE] = { "client_gone", 0, NULL, NULL, NULL,
	    "The client closed the connection." },

	[ERR_BAD_REQUEST] = { "bad_request", 400, REQUEST, "bad_request",
	    NULL, "The request could not be understood." },
	[ERR_JSON_SYNTAX] = { "json_syntax", 400, REQUEST, "invalid_json",
	    NULL, "The request body is not valid JSON." },
	[ERR_JSON_NOT_OBJECT] = { "json_not_object", 400, REQUEST,
	    "invalid_json", NULL, "The request body must be a JSON object." },
	[ERR_JSON_DEPTH] = { "json_depth", 400, REQUEST, "invalid_json",
	    NULL, "The request body is nested more than 1000 levels deep." },
	[ERR_JSON_UTF8] = { "json_utf8", 400, REQUEST, "invalid_json", NULL,
	    "The request body is not valid UTF-8." },
	[ERR_JSON_DUPLICATE] = { "json_duplicate", 400, REQUEST,
	    "duplicate_member", NULL,
	    "A member of the request body appears twice." },
	[ERR_JSON_SPELLING] = { "json_spelling", 400, REQUEST,
	    "duplicate_member", NULL, "A member of the request body has a name "
	    "that some providers read as another." },
	[ERR_JSON_NAME] = { "json_name", 400, REQUEST, "invalid_json", NULL,
	    "A member of the request body has a name that holds U+0000, or is "
	    "called __proto__." },
	[ERR_JSON_TRUNCATED] = { "json_truncated", 400, REQUEST,
	    "invalid_json", NULL, "The request body ends in mid-JSON." },
	[ERR_MULTIPART] = { "multipart", 400, REQUEST, "invalid_multipart",
	    NULL, "The request body is not valid multipart/form-data." },
	[ERR_MEDIA_TYPE] = { "media_type", 415, REQUEST,
	    "unsupported_media_type", NULL,
	    "The Content-Type of the request body must be application/json, or "
	    "of an upload multipart/form-data." },
	[ERR_CHARSET] = { "charset", 415, REQUEST, "unsupported_media_type",
	    NULL, "The charset of the request body must be UTF-8." },
	[ERR_CODING] = { "coding", 415, REQUEST,
	    "unsupported_content_encoding", NULL,
	    "The Content-Encoding of the request body must be one of gzip, "
	    "deflate and zstd, or none." },
	[ERR_DECODE] = { "decode", 400, REQUEST, "invalid_content_encoding",
	    NULL, "The request body is not what its Content-Encoding says." },
	[ERR_MODEL_MISSING] = { "model_missing", 400, REQUEST,
	    "missing_required_parameter", "model",
	    "You must provide a model parameter." },
	[ERR_MODEL_TYPE] = { "model_type", 400, REQUEST, "invalid_type",
	    "model", "The model parameter must be a short string." },
	[ERR_MEMBER_DENIED] = { "member_denied", 400, REQUEST,
	    "member_not_allowed", NULL,
	    "A member of the request body may choose another model." },
	[ERR_STREAM_TYPE] = { "stream_type", 400, REQUEST, "invalid_type",
	    "stream", "The stream parameter must be true or false." },
	[ERR_REFERENCES] = { "references", 400, REQUEST, "invalid_value", NULL,
	    "The request body names more than 1024 files and other objects." },
	[ERR_PREVIOUS_RESPONSE] = { "previous_response", 400, REQUEST,
	    "previous_response_not_found", "previous_response_id",
	    "There is no such response." },
	[ERR_BODY_TRUNCATED] = { "body_truncated", 400, REQUEST,
	    "truncated_body", NULL,
	    "The request body is shorter than its Content-Length." },
	[ERR_BODY_TOO_LARGE] = { "body_too_large", 413, REQUEST,
	    "request_too_large", NULL, "The request body is too large." },
	[ERR_INVALID_API_KEY] = { "invalid_api_key", 401, REQUEST,
	    "invalid_api_key", NULL,
	    "Incorrect or missing API key. Send it as "
	    "'Authorization: Bearer KEY'." },
	[ERR_ENDPOINT_NOT_ALLOWED] = { "endpoint_not_allowed", 403, REQUEST,
	    "endpoint_not_allowed", NULL,
	    "This API key may not be used at this path." },
	[ERR_CROSS_SITE] = { "cross_site", 403, REQUEST,
	    "cross_site_request", NULL,
	    "A page of another site sent this request without an API key; "
	    "cors.origins lists those that may." },
	[ERR_MODEL_NOT_ALLOWED] = { "model_not_allowed", 403, REQUEST,
	    "model_not_allowed", "model",
	    "This API key may not be used with this model." },
	[ERR_NOT_FOUND] = { "not_found", 404, REQUEST, "unknown_url", NULL,
	    "There is nothing at this path." },
	[ERR_PATH] = { "path", 404, REQUEST, "unknown_url", NULL,
	    "The path has an empty segment ('//') or a ';'. Look at the base "
	    "URL of the client: it should not end with a slash." },
	[ERR_MODEL_NOT_FOUND] = { "model_not_found", 404, REQUEST,
	    "model_not_found", "model", "The model does not exist." },
	[ERR_OBJECT_NOT_FOUND] = { "object_not_found", 404, REQUEST,
	    "not_found", NULL, "There is no such object." },
	[ERR_LIST] = { "list", 403, REQUEST, "list_not_separable", NULL,
	    "What is here cannot be told apart by whose it is: the provider's "
	    "answer is no list, or too large." },
	[ERR_METHOD_NOT_ALLOWED] = { "method_not_allowed", 405, REQUEST,
	    "method_not_allowed", NULL,
	    "This path does not take this method." },
	[ERR_NO_WEBSOCKET] = { "no_websocket", 426, REQUEST,
	    "websocket_not_supported", NULL,
	    "WebSockets are not served here. Send the request with POST." },
	[ERR_FIELDS_TOO_LARGE] = { "fields_too_large", 431, REQUEST,
	    "headers_too_large", NULL,
	    "The request has too many headers, or they are too large." },
	[ERR_REQUEST_TIMEOUT] = { "request_timeout", 408, REQUEST,
	    "request_timeout", NULL, "The request took too long to arrive." },
	[ERR_LOOP] = { "loop", 508, SERVER, "loop_detected", NULL,
	    "The request has already passed through this gateway." },

	[ERR_FIELD_UNKNOWN] = { "field_unknown", 400, REQUEST,
	    "unknown_parameter", NULL,
	    "The request body has a member that is not known here." },
	[ERR_FIELD_VALUE] = { "field_value", 400, REQUEST, "invalid_value",
	    NULL, "A member of the request body has no valid value." },
	[ERR_CONFLICT] = { "conflict", 409, REQUEST, "already_exists", NULL,
	    "This exists already." },
	[ERR_ADMIN_KEY] = { "admin_key", 401, REQUEST, "invalid_admin_key",
	    NULL, "Incorrect or missing admin key. Send it as "
	    "'Authorization: Bearer KEY' or 'AdminKey: KEY'." },
	[ERR_ADMIN_LOCKED] = { "admin_locked", 429, REQUEST,
	    "too_many_failures", NULL,
	    "Too many wrong admin keys came from this address. Wait a minute." },
	[ERR_KEY_LOCKED] = { "key_locked", 429, REQUEST, "too_many_failures",
	    NULL, "Too many wrong API keys came from this address, and this "
	    "one is wrong, too." },
	[ERR_RATE_LIMIT] = { "rate_limit", 429, LIMIT, "rate_limit_exceeded",
	    NULL, "This API key's rate limit is reached." },
	[ERR_QUOTA] = { "quota", 429, QUOTA, "insufficient_quota", NULL,
	    "This API key's budget is spent." },

	[ERR_UPSTREAM_DNS] = { "upstream_dns", 502, UPSTREAM,
	    "upstream_unreachable", NULL,
	    "The provider's host name could not be resolved." },
	[ERR_UPSTREAM_CONNECT] = { "upstream_connect", 502, UPSTREAM,
	    "upstream_unreachable", NULL,
	    "The provider could not be reached." },
	[ERR_UPSTREAM_TLS] = { "upstream_tls", 502, UPSTREAM,
	    "upstream_tls", NULL,
	    "No trusted TLS connection to the provider could be made." },
	[ERR_UPSTREAM_PROXY] = { "upstream_proxy", 502, UPSTREAM,
	    "upstream_unreachable", NULL,
	    "The proxy to the provider could not be used." },
	[ERR_UPSTREAM_RESET] = { "upstream_reset", 502, UPSTREAM,
	    "upstream_reset", NULL,
	    "The provider closed the connection without an answer." },
	[ERR_UPSTREAM_CUT] = { "upstream_cut", 502, UPSTREAM,
	    "upstream_cut", NULL,
	    "The provider's answer was cut off before its end." },
	[ERR_UPSTREAM_GARBAGE] = { "upstream_garbage", 502, UPSTREAM,
	    "upstream_invalid_answer", NULL,
	    "The provider's answer was not valid HTTP." },
	[ERR_UPSTREAM_HEADERS_SIZE] = { "upstream_headers_size", 502,
	    UPSTREAM, "upstream_invalid_answer", NULL,
	    "The provider's answer had too many headers." },
	[ERR_UPSTREAM_REDIRECT] = { "upstream_redirect", 502, UPSTREAM,
	    "upstream_redirect", NULL,
	    "The provider redirects elsewhere; its base_url has to be "
	    "corrected." },
	[ERR_UPSTREAM_INVALID] = { "upstream_invalid", 502, UPSTREAM,
	    "upstream_invalid_answer", NULL,
	    "The provider answered with something that is no answer to such a "
	    "request." },
	[ERR_TIMEOUT_CONNECT] = { "timeout_connect", 504, TIMEOUT,
	    "upstream_timeout", NULL,
	    "The provider did not accept a connection in time." },
	[ERR_TIMEOUT_HEADERS] = { "timeout_headers", 504, TIMEOUT,
	    "upstream_timeout", NULL,
	    "The provider did not begin its answer in time." },
	[ERR_TIMEOUT_FIRST_TOKEN] = { "timeout_first_token", 504, TIMEOUT,
	    "upstream_timeout", NULL,
	    "The provider did not produce a first token in time." },
	[ERR_TIMEOUT_IDLE] = { "timeout_idle", 504, TIMEOUT,
	    "upstream_timeout", NULL,
	    "The provider fell silent in the middle of its answer." },
	[ERR_TIMEOUT_TOTAL] = { "timeout_total", 504, TIMEOUT,
	    "upstream_timeout", NULL,
	    "The request took longer than is allowed." },
	[ERR_UPSTREAM_STATUS] = { "upstream_status", 502, UPSTREAM,
	    "upstream_error", NULL, "The provider answered with an error." },
	[ERR_UPSTREAM_STREAM_ERROR] = { "upstream_stream_error", 502,
	    UPSTREAM, "upstream_stream_error", NULL,
	    "The provider reported an error in the middle of its answer." },
	[ERR_UPSTREAM_CREDENTIALS] = { "upstream_credentials_exhausted", 502,
	    UPSTREAM, "upstream_credentials_exhausted", NULL,
	    "No provider accepts the gateway's credentials." },
	[ERR_HEDGE_LOST] = { "hedge_lost", 0, NULL, NULL, NULL,
	    "Another provider was faster." },

	[ERR_NO_MEMORY] = { "no_memory", 500, SERVER, "internal_error", NULL,
	    "The gateway is out of memory." },
	[ERR_SPOOL] = { "spool", 500, SERVER, "internal_error", NULL,
	    "The gateway could not keep the request body." },
	[ERR_SPOOL_FULL] = { "spool_full", 503, SERVER, "overloaded", NULL,
	    "Too many large requests are under way. Try again later." },
	[ERR_STOPPING] = { "stopping", 503, SERVER, "stopping", NULL,
	    "The gateway is shutting down." },
	[ERR_STORE] = { "store", 503, SERVER, "store_unavailable", NULL,
	    "The gateway's database cannot be used at the moment." },
	[ERR_INTERNAL] = { "internal", 500, SERVER, "internal_error", NULL,
	    "The gateway failed." },
};

const struct err_info *
err_get(enum err err)
{
	assert((unsigned)err < ERR__MAX);
	return &infos[err];
}

void
err_at_print(const struct err_at *at, FILE *out)
{
	if (at->line == 0)
		fprintf(out, "%s: %s\n", at->file, at->text);
	else
		fprintf(out, "%s:%u: %s\n", at->file, at->line, at->text);
}
