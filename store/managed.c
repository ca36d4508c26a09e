#include "config.h"

#include "store/managed.h"

#include <string.h>

#include <sqlite3.h>

#include "conf/values.h"
#include "store/seal.h"

static const char *const texts[MANAGED__END] = {
	[MANAGED_DONE] = "done",
	[MANAGED_BAD_NAME] = "a channel's name is 1 to 88 bytes of text "
	    "without / \" ' ` \\ , and without spaces around it",
	[MANAGED_BAD_KIND] = "a channel's kind is openai, azure or anthropic",
	[MANAGED_BAD_URL] = "a base URL begins with http:// or https://, names "
	    "a host, and has no user, query or fragment",
	[MANAGED_BAD_AZURE] = "a channel of kind azure has a base URL that ends "
	    "in /openai/v1; others need a provider file with api_version",
	[MANAGED_BAD_VARIABLE] = "the key is in a variable that no client can "
	    "set, by the name of letters, digits and _; it does not begin with "
	    "HTTP_ and is none of CGI's",
	[MANAGED_BAD_SECRET] = "a provider's key is 1 to 512 letters, digits "
	    "and signs of ASCII without spaces",
	[MANAGED_NEEDS_KEY] = "the new base URL has another scheme, host or "
	    "port, and a channel's key goes only where it was given for: give "
	    "the key (api_key, --stdin) or its variable (api_key_env, "
	    "--api-key-env) in the same change",
	[MANAGED_BAD_WEIGHT] = "a weight is 1 to 1000000",
	[MANAGED_BAD_PRIORITY] = "a priority is 0 to 1000000",
	[MANAGED_BAD_MODEL] = "a model's name is 1 to 256 bytes of text; only "
	    "* alone stands for any other name",
	[MANAGED_BAD_TARGET] = "the name of a model upstream is 1 to 256 bytes "
	    "of text; * is the name that the client asked for",
	[MANAGED_NAME_TAKEN] = "there is a channel or a provider of this name",
	[MANAGED_MODEL_TAKEN] = "there is a model of this name",
	[MANAGED_MAPPING_TAKEN] = "this model has this channel already",
	[MANAGED_NO_CHANNEL] = "there is no such channel",
	[MANAGED_NO_MODEL] = "there is no such model",
	[MANAGED_NO_MAPPING] = "this model does not have this channel",
	[MANAGED_BROKEN] = "the database cannot be used",
};

const char *
managed_end_text(enum managed_end end)
{
	return texts[end];
}

/* ---- What may be stored. ---- */

static bool
is_line(const char *text, size_t max)
{
	size_t	 n = strlen(text);

	return n > 0 && n <= max && text[0] != ' ' && text[n - 1] != ' ' &&
	    values_is_text(text, n);
}

/* It is a label, a header's value, and a word in lists with commas. */
bool
managed_is_name(const char *name)
{
	return is_line(name, MANAGED_NAME_MAX) &&
	    strpbrk(name, "/\"'`\\,") == NULL;
}

bool
managed_is_model(const char *name)
{
	return is_line(name, MANAGED_MODEL_MAX) && values_model(name) == NULL;
}

bool
managed_is_secret(const char *secret)
{
	size_t	 n = strlen(secret);

	for (const char *c = secret; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	return n > 0 && n <= SEAL_SECRET_MAX;
}

bool
managed_is_azure(const char *base_url)
{
	static const char end[] = "/openai/v1";
	size_t	 n = strlen(base_url), len = sizeof end - 1;

	return n > len && strcmp(base_url + n - len, end) == 0;
}

/* ---- Statements. ---- */

sqlite3_stmt *
managed_prepare(sqlite3 *sqlite, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite == NULL ||
	    sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL) != SQLITE_OK)
		return NULL;
	return stmt;
}

void
managed_bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
	sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC);
}

const char *
managed_column(sqlite3_stmt *stmt, int column)
{
	const void *text = sqlite3_column_text(stmt, column);

	return text == NULL ? "" : text;
}

enum managed_end
managed_run(sqlite3_stmt *stmt, enum managed_end none, enum managed_end taken,
    int64_t *id)
{
	int	 first, last;

	if (stmt == NULL)
		return MANAGED_BROKEN;
	first = last = sqlite3_step(stmt);
	if (first == SQLITE_ROW) {
		if (id != NULL)
			*id = sqlite3_column_int64(stmt, 0);
		last = sqlite3_step(stmt);
	}
	sqlite3_finalize(stmt);
	if (last == SQLITE_CONSTRAINT)
		return taken;
	if (last != SQLITE_DONE)
		return MANAGED_BROKEN;
	return first == SQLITE_ROW ? MANAGED_DONE : none;
}
