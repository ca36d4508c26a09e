#include "config.h"

#include "handlers/openapi.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "handlers/echo.h"
#include "handlers/openapi_form.h"
#include "handlers/reply.h"
#include "handlers/route.h"

enum { DOCUMENT_MAX_BYTES = 1 << 20 };

#define ANY_OBJECT "{\"schema\":{\"type\":\"object\"}}"
#define WITH_MODEL "{\"schema\":{\"type\":\"object\",\"properties\":"	\
	"{\"model\":{\"type\":\"string\"}}}}"
#define CLIENT_KEY "{\"bearer\":[]},{\"xApiKey\":[]},{\"apiKey\":[]}"

/* By enum route_body; NULL: none is described. */
static const char *const bodies[] = {
	[ROUTE_BODY_NONE] = NULL,
	[ROUTE_BODY_JSON] = "{\"required\":true,\"content\":{"
	    "\"application/json\":" ANY_OBJECT "}}",
	[ROUTE_BODY_JSON_OR_NONE] = NULL,	/* the form tells */
	[ROUTE_BODY_MODEL] = "{\"required\":true,\"content\":{"
	    "\"application/json\":" WITH_MODEL "}}",
	[ROUTE_BODY_ANY] = "{\"content\":{"
	    "\"application/json\":" ANY_OBJECT ","
	    "\"multipart/form-data\":" ANY_OBJECT ",\"*/*\":{}}}",
};

static const char form_or_json[] = "{\"required\":true,\"content\":{"
	    "\"application/json\":" WITH_MODEL ","
	    "\"multipart/form-data\":" WITH_MODEL "}}";

/* By enum route_key: one of them is enough. NULL: none is asked for. */
static const char *const keys[] = {
	[ROUTE_KEY_NONE] = NULL,
	[ROUTE_KEY_CLIENT] = CLIENT_KEY,
	[ROUTE_KEY_MODELS] = CLIENT_KEY,
	[ROUTE_KEY_ECHO] = "{\"echoBearer\":[]}",
	[ROUTE_KEY_ADMIN] = "{\"adminBearer\":[]},{\"adminHeader\":[]}",
	[ROUTE_KEY_METRICS] = "{\"adminBearer\":[]},{\"adminHeader\":[]}",
};

/* What "*" stands for. HEAD and OPTIONS follow from the others. */
static const char *const any_method[] = {
	"GET", "POST", "PUT", "PATCH", "DELETE",
};

static const char components[] =
    "\"components\":{\"securitySchemes\":{"
    "\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
    "\"description\":\"A client key.\"},"
    "\"xApiKey\":{\"type\":\"apiKey\",\"in\":\"header\","
    "\"name\":\"x-api-key\",\"description\":\"A client key.\"},"
    "\"apiKey\":{\"type\":\"apiKey\",\"in\":\"header\","
    "\"name\":\"api-key\",\"description\":\"A client key.\"},"
    "\"adminBearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
    "\"description\":\"The admin key.\"},"
    "\"adminHeader\":{\"type\":\"apiKey\",\"in\":\"header\","
    "\"name\":\"AdminKey\",\"description\":\"The admin key.\"},"
    "\"echoBearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
    "\"description\":\"The key of the echo provider.\"}},"
    "\"schemas\":{"
    "\"Error\":{\"type\":\"object\",\"required\":[\"error\"],"
    "\"properties\":{\"error\":{\"type\":\"object\","
    "\"required\":[\"message\",\"type\",\"param\",\"code\"],"
    "\"properties\":{\"message\":{\"type\":\"string\"},"
    "\"type\":{\"type\":\"string\"},"
    "\"param\":{\"type\":[\"string\",\"null\"]},"
    "\"code\":{\"type\":[\"string\",\"null\"]}}}}},"
    "\"AnthropicError\":{\"type\":\"object\","
    "\"required\":[\"type\",\"error\"],"
    "\"properties\":{\"type\":{\"const\":\"error\"},"
    "\"error\":{\"type\":\"object\",\"required\":[\"type\",\"message\"],"
    "\"properties\":{\"type\":{\"type\":\"string\"},"
    "\"message\":{\"type\":\"string\"}}},"
    "\"request_id\":{\"type\":\"string\"}}}},"
    "\"responses\":{"
    "\"Error\":{\"description\":\"an error\",\"content\":"
    "{\"application/json\":{\"schema\":"
    "{\"$ref\":\"#/components/schemas/Error\"}}}},"
    "\"AnthropicError\":{\"description\":\"an error in Anthropic's shape\","
    "\"content\":{\"application/json\":{\"schema\":"
    "{\"$ref\":\"#/components/schemas/AnthropicError\"}}}}}}";


struct span {				/* borrowed, not NUL-terminated */
	const char	*text;
	size_t		 len;
};

/* The family: the first segment, but for "v1" and what follows a point. */
static struct span
tag_of(const struct route *r)
{
	const char *segment = r->pattern + 1;

	if (strncmp(segment, "v1/", 3) == 0)
		segment += 3;
	if (*segment == '*' || *segment == '\0')
		return (struct span){ "other", 5 };
	return (struct span){ segment, strcspn(segment, "/.") };
}

static bool
same_span(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.text, b.text, a.len) == 0;
}

static bool
is_served(const struct exchange *x, const struct route *r)
{
	return r->key != ROUTE_KEY_ECHO ||
	    echo_is_configured(x->call.snapshot);
}

/* {} among several ways means that none is needed (OpenAPI 3.1 section 4.8.30). */
static bool
is_open(const struct exchange *x, const struct route *r)
{
	const struct conf *conf = x->call.snapshot->conf;

	return (r->key == ROUTE_KEY_MODELS && conf->auth.models_open) ||
	    ((r->key == ROUTE_KEY_MODELS || r->key == ROUTE_KEY_CLIENT) &&
	    conf->auth.open);
}

static void
put_lower(struct buf *out, const char *method)
{
	for (; *method != '\0'; method++)
		buf_printf(out, "%c", tolower((unsigned char)*method));
}

/* "get_v1_models_rest". */
static void
put_id(struct buf *out, const struct route *r, const char *method)
{
	put_lower(out, method);
	for (const char *c = r->pattern; *c != '\0'; c++)
		if (*c == '*')
			buf_puts(out, "rest");
		else
			buf_printf(out, "%c",
			    isalnum((unsigned char)*c) ? *c : '_');
}

/* A body has no meaning in the other methods (RFC 9110 section 9.3). */
static bool
has_body(const char *method)
{
	return strcmp(method, "GET") != 0 && strcmp(method, "DELETE") != 0;
}

/* An administrator's body has the members of the form, or there is none. */
static void
put_body(struct buf *out, const struct route *r, const char *method)
{
	if (r->key == ROUTE_KEY_ADMIN)
		openapi_form_put_body(out, r->form);
	else if (r->takes_forms && r->body == ROUTE_BODY_MODEL)
		buf_printf(out, ",\"requestBody\":%s", form_or_json);
	else if (bodies[r->body] != NULL && has_body(method))
		buf_printf(out, ",\"requestBody\":%s", bodies[r->body]);
}

static void
put_operation(struct buf *out, const struct exchange *x,
    const struct route *r, const char *method)
{
	struct span tag = tag_of(r);

	buf_puts(out, "\"");
	put_lower(out, method);
	buf_puts(out, "\":{\"operationId\":\"");
	put_id(out, r, method);
	buf_puts(out, "\",\"summary\":");
	json_write_string(out, r->help, strlen(r->help));
	buf_puts(out, ",\"tags\":[");
	json_write_string(out, tag.text, tag.len);
	buf_printf(out, "],\"security\":[%s%s]", is_open(x, r) ? "{}," : "",
	    keys[r->key] == NULL ? "" : keys[r->key]);
	openapi_form_put_query(out, r->query);
	put_body(out, r, method);
	buf_printf(out, ",\"responses\":{\"%d\":{\"description\":"
	    "\"the answer\"},\"default\":{\"$ref\":"
	    "\"#/components/responses/%s\"}}}",
	    r->status == 0 ? 200 : r->status,
	    r->dialect == ROUTE_DIALECT_MESSAGES ? "AnthropicError" :
	    "Error");
}

static void
put_row(struct buf *out, const struct exchange *x, const struct route *r)
{
	if (r->method[0] != '*') {
		put_operation(out, x, r, r->method);
		return;
	}
	for (size_t i = 0; i < sizeof any_method / sizeof *any_method; i++) {
		if (i > 0)
			buf_puts(out, ",");
		put_operation(out, x, r, any_method[i]);
	}
}

static bool
same_pattern(const struct route *a, const struct route *b)
{
	return strcmp(a->pattern, b->pattern) == 0;
}

static bool
same_tag(const struct route *a, const struct route *b)
{
	return same_span(tag_of(a), tag_of(b));
}

/* Is no row before R like it? */
static bool
is_first(const struct route *r,
    bool (*same)(const struct route *, const struct route *))
{
	for (const struct route *i = routes; i < r; i++)
		if (same(i, r))
			return false;
	return true;
}

static void
put_parameter(struct buf *out, struct span name, const char *help)
{
	buf_printf(out, "{\"name\":\"%.*s\",\"in\":\"path\","
	    "\"required\":true,\"description\":\"%s\","
	    "\"schema\":{\"type\":\"string\"}}", (int)name.len, name.text,
	    help);
}

static void
put_parameters(struct buf *out, const struct route *r)
{
	const char *comma = "", *c;

	if (strpbrk(r->pattern, "{*") == NULL)
		return;
	buf_puts(out, "\"parameters\":[");
	for (c = r->pattern; (c = strchr(c, '{')) != NULL; comma = ",") {
		buf_puts(out, comma);
		put_parameter(out, (struct span){ c + 1,
		    strcspn(c + 1, "}") }, "one segment of the path");
		c++;
	}
	if (strchr(r->pattern, '*') != NULL) {
		buf_puts(out, comma);
		put_parameter(out, (struct span){ "rest", 4 },
		    "the rest of the path; it may hold slashes");
	}
	buf_puts(out, "],");
}

/* A path with all its methods, which are rows of their own. */
static void
put_path(struct buf *out, const struct exchange *x, const struct route *first)
{
	size_t	 literal = strcspn(first->pattern, "*");
	bool	 has_rest = first->pattern[literal] != '\0';

	buf_printf(out, "\"%.*s%s\":{", (int)literal, first->pattern,
	    has_rest ? "{rest}" : "");
	put_parameters(out, first);
	put_row(out, x, first);
	for (const struct route *r = first + 1; r < routes + route_count; r++)
		if (same_pattern(r, first)) {
			buf_puts(out, ",");
			put_row(out, x, r);
		}
	buf_puts(out, "}");
}

static void
put_paths(struct buf *out, const struct exchange *x)
{
	const char *comma = "";

	buf_puts(out, "\"paths\":{");
	for (const struct route *r = routes; r < routes + route_count; r++)
		if (is_served(x, r) && is_first(r, same_pattern)) {
			buf_puts(out, comma);
			put_path(out, x, r);
			comma = ",";
		}
	buf_puts(out, "},");
}

static void
put_tags(struct buf *out, const struct exchange *x)
{
	const char *comma = "";

	buf_puts(out, "\"tags\":[");
	for (const struct route *r = routes; r < routes + route_count; r++)
		if (is_served(x, r) && is_first(r, same_tag)) {
			buf_printf(out, "%s{\"name\":", comma);
			json_write_string(out, tag_of(r).text, tag_of(r).len);
			buf_puts(out, "}");
			comma = ",";
		}
	buf_puts(out, "],");
}

void
openapi_handle(struct exchange *x)
{
	const char *url = x->call.snapshot->conf->base_url;
	struct buf out;

	buf_init(&out, DOCUMENT_MAX_BYTES);
	buf_puts(&out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"sluice\","
	    "\"version\":\"" PACKAGE_VERSION "\"},\"servers\":[{\"url\":");
	json_write_string(&out, url, strlen(url));
	buf_puts(&out, "}],");
	put_tags(&out, x);
	put_paths(&out, x);
	buf_puts(&out, components);
	if (buf_puts(&out, "}") != ERR_NONE) {
		buf_fini(&out);
		reply_error(x, ERR_NO_MEMORY, NULL);
		return;
	}
	reply_json(x, 200, &out);
}
