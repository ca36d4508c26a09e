#include "config.h"

#include "upstream/headers.h"

#include <string.h>
#include <strings.h>

/*
 * What providers need for a feature, and by what they and routers tell sessions
 * and requests apart. None names an account: openai-organization beside the
 * gateway's key is a 401 that the client has made.
 */
static const char *const request_fields[] = {
	"accept", "anthropic-beta", "anthropic-version", "content-type",
	"idempotency-key", "openai-beta", "session-id", "thread-id",
	"user-agent", "x-claude-code-agent-id",
	"x-claude-code-parent-agent-id", "x-claude-code-session-id",
	"x-client-request-id", "x-grok-conv-id", "x-session-affinity",
	"x-session-id",
};

/*
 * Those of the connection and of the provider's own site: what a browser would take
 * for a word of ours about ours. A trailing "-" stands for every name that begins
 * so.
 */
static const char *const hidden_response_fields[] = {
	"access-control-", "alt-svc", "clear-site-data", "connection",
	"content-length", "content-security-policy",
	"content-security-policy-", "cross-origin-", "date", "feature-policy",
	"keep-alive", "location", "nel", "permissions-policy", "proxy-",
	"refresh", "report-to", "reporting-endpoints", "server",
	"service-worker-allowed", "set-cookie", "set-cookie2", "status",
	"strict-transport-security", "te", "trailer", "transfer-encoding",
	"upgrade", "via", "x-accel-", "x-content-type-options",
	"x-frame-options", "x-lighttpd-", "x-powered-by", "x-request-id",
	"x-sendfile", "x-sendfile-", "x-sendfile2", "x-sluice-",
};

static bool
headers_match(const char *pattern, const char *name, size_t n)
{
	size_t	 len = strlen(pattern);

	if (pattern[len - 1] == '-')
		return n > len && strncasecmp(pattern, name, len) == 0;
	return n == len && strncasecmp(pattern, name, len) == 0;
}

static bool
headers_listed(const char *const *list, size_t count, const char *name,
    size_t n)
{
	for (size_t i = 0; i < count; i++)
		if (headers_match(list[i], name, n))
			return true;
	return false;
}

bool
headers_pass_request(const char *name)
{
	return headers_listed(request_fields,
	    sizeof request_fields / sizeof request_fields[0], name,
	    strlen(name));
}

bool
headers_pass_response(const char *name, size_t n)
{
	return n > 0 && !headers_listed(hidden_response_fields,
	    sizeof hidden_response_fields / sizeof hidden_response_fields[0],
	    name, n);
}
