#include "config.h"

#include "handlers/collection.h"

#include <string.h>

enum flag {
	KNOWN = 1,			/* can be listed */
	PART = 2,			/* POST makes something else, in an object of this kind */
};

/*
 * Those that are known by name, and those of several segments, whose second one
 * is no id: the longest that fits counts. A KIND of its own is where the objects
 * really are; "" = the path's.
 */
static const struct row { const char *path, *kind; unsigned flags; } rows[] = {
	/* OpenAI, and who does as it does. */
	{ "files", "", KNOWN },
	{ "uploads", "", 0 },
	{ "batches", "", KNOWN },
	{ "vector_stores", "", KNOWN },
	{ "assistants", "", KNOWN },
	{ "threads", "", 0 },
	{ "threads/runs", "threads", PART },
	{ "conversations", "", 0 },
	{ "containers", "", KNOWN },
	{ "evals", "", KNOWN },
	{ "skills", "", KNOWN },
	{ "videos", "", KNOWN },
	{ "videos/edits", "videos", 0 },
	{ "videos/extensions", "videos", 0 },
	{ "videos/characters", "", 0 },
	{ "chat/completions", "", KNOWN },
	{ "fine_tuning/jobs", "", KNOWN },
	{ "fine_tuning/checkpoints", "", 0 },
	{ "fine_tuning/alpha/graders", "", 0 },
	{ "audio/voices", "", 0 },
	{ "audio/voice_consents", "", KNOWN },
	{ "chatkit/sessions", "", 0 },
	{ "chatkit/threads", "", KNOWN },
	{ "live/sessions", "", 0 },
	{ "realtime/calls", "", 0 },
	{ "realtime/sessions", "", 0 },
	{ "realtime/client_secrets", "", 0 },
	{ "realtime/transcription_sessions", "", 0 },
	{ "realtime/translations/client_secrets", "", 0 },
	{ "agents/automations", "", KNOWN },
	{ "agents/environments", "", KNOWN },
	{ "agents/environments/templates", "", KNOWN },
	{ "agents/sessions", "", KNOWN },
	/* Anthropic. */
	{ "messages/batches", "", KNOWN },
	/* Mistral. */
	{ "batch/jobs", "", KNOWN },
};

/* What is done to an object and makes another. */
static const struct { const char *kind, *action; } makers[] = {
	{ "videos", "remix" }, { "live/sessions", "fork" },
};

/* Bytes of PATH that ROW stands for: whole segments; 0 = it is another. */
static size_t
row_match(const struct row *row, const char *path)
{
	size_t	 n = strlen(row->path);

	return strncmp(row->path, path, n) == 0 && (path[n] == '\0' ||
	    path[n] == '/') ? n : 0;
}

static const struct row *
find_row(const char *path, size_t *len)
{
	const struct row *best = NULL;

	*len = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t	 n = row_match(&rows[i], path);

		if (n > *len) {
			*len = n;
			best = &rows[i];
		}
	}
	if (best == NULL)
		*len = strcspn(path, "/");
	return best;
}

static bool
makes_more(const struct collection *c)
{
	for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++)
		if (strcmp(makers[i].kind, c->kind) == 0 &&
		    strcmp(makers[i].action, c->rest) == 0)
			return true;
	return false;
}

/* What follows the collection's name: "", or "/ID", or "/ID/REST". */
static bool
read_id(struct collection *c, struct arena *arena, const char *path)
{
	size_t	 n;

	c->rest = "";
	if (*path == '\0')
		return true;
	n = strcspn(++path, "/");
	if (n == 0 || n >= OBJECTS_ID_MAX)
		return false;
	c->id = arena_strndup(arena, path, n);
	if (path[n] == '/')
		c->rest = path + n + 1;
	c->makes_more = makes_more(c);
	return true;
}

bool
collection_find(struct collection *c, struct arena *arena, const char *path)
{
	size_t	 len, n;
	const struct row *row = find_row(path, &len);
	const char *kind = row != NULL && row->kind[0] != '\0' ? row->kind :
		    path;

	*c = (struct collection){ .is_known = row != NULL &&
		(row->flags & KNOWN) != 0, .makes_part = row != NULL &&
		(row->flags & PART) != 0 };
	n = kind == path ? len : strlen(kind);
	if (n == 0 || n >= sizeof c->kind)
		return false;
	memcpy(c->kind, kind, n);
	return read_id(c, arena, path + len);
}
