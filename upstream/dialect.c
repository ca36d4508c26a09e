#include "config.h"

#include "upstream/dialect.h"

#include <string.h>
#include <strings.h>

#include "base/http.h"

/* What a classic Azure deployment serves under its own URL; all else is beside it. */
static const char *const deployment_paths[] = {
	"chat/completions", "completions", "embeddings",
	"audio/speech", "audio/transcriptions", "audio/translations",
	"images/generations", "images/edits", "images/variations",
};

static bool
ends_with(const char *text, const char *end)
{
	size_t	 n = strlen(text), len = strlen(end);

	return n >= len && strcmp(text + n - len, end) == 0;
}

static bool
is_deployment_path(const char *path)
{
	for (size_t i = 0; i < sizeof deployment_paths /
	    sizeof *deployment_paths; i++)
		if (strcmp(path, deployment_paths[i]) == 0)
			return true;
	return false;
}

static const char *
add_api_version(struct arena *arena, const struct dialect_call *c)
{
	const char *version = c->provider->api_version;

	if (version == NULL)
		return c->query;
	return arena_concat(arena, "?api-version=", version,
	    c->query[0] == '?' && c->query[1] != '\0' ? "&" : "",
	    c->query[0] == '?' ? c->query + 1 : "", NULL);
}

static const char *
azure_url(struct arena *arena, const struct dialect_call *c)
{
	const char *query = add_api_version(arena, c);
	const char *root = ends_with(c->base_url, "/openai") ? "" : "/openai";

	if (ends_with(c->base_url, "/openai/v1") ||
	    strstr(c->base_url, "/openai/deployments/") != NULL)
		return arena_concat(arena, c->base_url, "/", c->path, query,
		    NULL);
	if (c->deployment != NULL && is_deployment_path(c->path))
		return arena_concat(arena, c->base_url, root, "/deployments/",
		    http_encode(arena, c->deployment, ""), "/", c->path, query,
		    NULL);	/* the admin's names, or models': anything */
	return arena_concat(arena, c->base_url, root, "/", c->path, query,
	    NULL);
}

const char *
dialect_url(struct arena *arena, const struct dialect_call *c)
{
	if (c->provider->kind == CONF_KIND_AZURE)
		return azure_url(arena, c);
	return arena_concat(arena, c->base_url, "/", c->path, c->query, NULL);
}

char *
dialect_key_line(struct arena *arena, const struct conf_provider *p,
    const char *path, const char *key)
{
	const char *header = p->key_header;

	if (p->kind == CONF_KIND_ANTHROPIC &&
	    strcasecmp(header, "x-api-key") == 0 &&
	    strncmp(path, "chat/", 5) == 0)
		header = "Authorization";
	return arena_concat(arena, header, ": ",
	    strcasecmp(header, "Authorization") == 0 ? "Bearer " : "", key,
	    NULL);
}

const char *
dialect_required_field(enum conf_kind kind, const char **value)
{
	if (kind != CONF_KIND_ANTHROPIC)
		return NULL;
	*value = "2023-06-01";
	return "anthropic-version";
}
