/* import_channels.c - config.yaml, and a database of channels, users and models. */
#include "config.h"

#include "conf/import.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "conf/base_url.h"
#include "conf/import_yaml.h"
#include "conf/values.h"

enum {
	TEXT_MAX_BYTES = 65536,
	USERS_MAX = 1000,
	STEP_INSTRUCTIONS = 10000,	/* between two looks at the counter */
	STEPS_MAX = 10000		/* of the whole import */
};

/* config.yaml: what is not carried over, and why. The usual value is no news. */
static const struct {
	const char	*name;
	const char	*usual;
	const char	*why;
} settings[] = {
	{ "server.port", "", "the port is the web server's" },
	{ "server.host", "0.0.0.0", "the address is the web server's" },
	{ "server.read_timeout", "30", "it had no effect" },
	{ "server.write_timeout", "30", "it had no effect" },
	{ "session.idle_timeout", "30", "no session is kept that could expire: "
	    "see sticky in sluice.conf" },
	{ "metrics.enabled", "true", "nobody reads /metrics without the admin "
	    "key or a place in metrics.allow" },
	{ "metrics.port", "9090", "it had no effect" },
};

struct channels {
	struct import	*im;
	const char	*database;	/* as config.yaml names it */
	unsigned	 health_timeout_ms;	/* 0: it does not say */
	unsigned	 health_interval_ms;
	bool		 has_interval;
	bool		 no_metrics;
	unsigned	 steps;
};

/* VALUE in seconds, if the provider's KEY may have it. False: reported. */
static bool
take_seconds(struct channels *c, unsigned line, const char *name,
    const char *key, const char *value, unsigned *ms)
{
	const struct key *k = keys_find(KEYS_PROVIDER, key);
	char *end;
	double seconds = strtod(value, &end);

	if (end != value && *end == '\0' && seconds >= k->min &&
	    seconds <= k->max) {
		*ms = (unsigned)(seconds * 1000.0 + 0.5);
		return true;
	}
	import_problem(c->im, line, "%s: expected seconds between %.15g and "
	    "%.15g", name, k->min, k->max);
	return false;
}

/* The settings that are carried over. */
static bool
take_known(struct channels *c, unsigned line, const char *name,
    const char *value)
{
	if (strcmp(name, "database.path") == 0)
		c->database = arena_strdup(&c->im->arena, value);
	else if (strcmp(name, "health_check.timeout") == 0)
		take_seconds(c, line, name, "health.timeout", value,
		    &c->health_timeout_ms);
	else if (strcmp(name, "health_check.interval") == 0)
		c->has_interval = take_seconds(c, line, name,
		    "health.interval", value, &c->health_interval_ms);
	else
		return false;
	return true;
}

/* An import_yaml_fn. */
static void
take_setting(struct import *im, void *arg, unsigned line, const char *name,
    const char *value)
{
	struct channels *c = arg;

	if (take_known(c, line, name, value))
		return;
	if (strcmp(name, "metrics.enabled") == 0)
		c->no_metrics = strcmp(value, "true") != 0;
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strcmp(settings[i].name, name) == 0) {
			if (strcmp(settings[i].usual, value) != 0)
				import_note(im, "%s: %s", name,
				    settings[i].why);
			return;
		}
	import_note(im, "%.80s: unknown setting", name);
}

/* A sqlite3_progress_handler: what a statement may cost has an end. */
static int
count_steps(void *arg)
{
	struct channels *c = arg;

	return ++c->steps > STEPS_MAX;
}

/* The text in COLUMN, "" for NULL. NULL: it is too long or holds a NUL. */
static const char *
text_of(struct channels *c, sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);
	int n = sqlite3_column_bytes(row, column);

	if (text == NULL)
		return "";
	if (n > TEXT_MAX_BYTES || strlen(text) != (size_t)n) {
		import_problem(c->im, 0, "%s: a text that is too long or holds "
		    "a NUL byte", sqlite3_column_name(row, column));
		return NULL;
	}
	return arena_strdup(&c->im->arena, text);
}

static sqlite3_stmt *
prepare(struct channels *c, sqlite3 *db, const char *sql)
{
	sqlite3_stmt *row = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK)
		import_problem(c->im, 0, "%s", sqlite3_errmsg(db));
	return row;
}

/* The next row. False: the end, or a problem (reported). */
static bool
next(struct channels *c, sqlite3 *db, sqlite3_stmt *row)
{
	int result = row == NULL ? SQLITE_DONE : sqlite3_step(row);

	if (result != SQLITE_ROW && result != SQLITE_DONE)
		import_problem(c->im, 0, "%s", sqlite3_errmsg(db));
	return result == SQLITE_ROW && c->im->problems < 100;
}

/*
 * The weight in COLUMN, made to fit the key of SCOPE. WHOSE is what the user
 * knows it by. NULL is FALLBACK.
 */
static unsigned
weight_of(struct channels *c, sqlite3_stmt *row, int column,
    enum keys_scope scope, unsigned fallback, const char *whose)
{
	const struct key *k = keys_find(scope, "weight");
	sqlite3_int64 old = sqlite3_column_int64(row, column), weight = old;

	if (sqlite3_column_type(row, column) == SQLITE_NULL)
		return fallback;
	if (weight < (sqlite3_int64)k->min)
		weight = (sqlite3_int64)k->min;
	if (weight > (sqlite3_int64)k->max)
		weight = (sqlite3_int64)k->max;
	if (weight != old)
		import_note(c->im, "%s: weight %lld is now %lld", whose,
		    (long long)old, (long long)weight);
	return (unsigned)weight;
}

static void
read_mapping(struct channels *c, sqlite3_stmt *row, struct conf_provider *p)
{
	const char *name = text_of(c, row, 0), *target = text_of(c, row, 1);
	struct conf_model *m;

	if (name == NULL || target == NULL)
		return;
	m = import_add_model(c->im, p, name);
	if (m == NULL)
		return;
	if (target[0] != '\0' && strcmp(target, name) != 0)
		m->target = import_check(c->im, "backend_model_name",
		    KEYS_MODEL, "target", target);
	m->weight = weight_of(c, row, 2, KEYS_MODEL, m->weight,
	    arena_printf(&c->im->arena, "model \"%.80s\" of %s", name,
	    p->name));
}

static void
read_mappings(struct channels *c, sqlite3 *db, sqlite3_int64 channel,
    struct conf_provider *p)
{
	sqlite3_stmt *row = prepare(c, db, "SELECT m.name, "
	    "x.backend_model_name, x.weight FROM model_channels x "
	    "JOIN models m ON m.id = x.model_id WHERE x.channel_id = ? "
	    "GROUP BY m.name ORDER BY m.name");

	if (row != NULL)
		sqlite3_bind_int64(row, 1, channel);
	while (next(c, db, row))
		read_mapping(c, row, p);
	sqlite3_finalize(row);
	if (p->model_count == 0)
		import_note(c->im, "%s: no model leads to this channel",
		    p->name);
}

/* Columns: id, name, base_url, api_key, weight, enabled. */
static void
read_channel(struct channels *c, sqlite3 *db, sqlite3_stmt *row)
{
	struct import *im = c->im;
	const char *name = text_of(c, row, 1), *url = text_of(c, row, 2);
	const char *key = text_of(c, row, 3), *where;
	struct conf_provider *p;

	if (name == NULL || url == NULL || key == NULL ||
	    (p = import_add_provider(im, name)) == NULL)
		return;
	if (strcmp(p->name, name) != 0)
		import_note(im, "channel \"%.80s\" is now called %s", name,
		    p->name);
	where = arena_printf(&im->arena, "channel %s: base_url", p->name);
	url = import_check(im, where, KEYS_PROVIDER, "base_url", url);
	p->base_url = url == NULL ? NULL :
	    base_url_complete(&im->arena, url);
	if (c->health_timeout_ms > 0)
		p->health_timeout_ms = c->health_timeout_ms;
	if (c->has_interval)
		p->health_interval_ms = c->health_interval_ms;
	import_set_key(im, p, key);
	p->weight = weight_of(c, row, 4, KEYS_PROVIDER, p->weight, p->name);
	if (sqlite3_column_int(row, 5) == 0) {
		im->providers[im->provider_count - 1]->off = true;
		import_note(im, "%s: it is switched off, so its file is called "
		    "%s.conf.off", p->name, p->name);
	}
	read_mappings(c, db, sqlite3_column_int64(row, 0), p);
}

static void
read_channels(struct channels *c, sqlite3 *db)
{
	sqlite3_stmt *row = prepare(c, db, "SELECT id, name, base_url, api_key,"
	    " weight, enabled FROM channels ORDER BY id");

	while (next(c, db, row))
		read_channel(c, db, row);
	sqlite3_finalize(row);
}

/* Add KEY of the user NAME to LIST, which is separated by commas. */
static const char *
add_user(struct channels *c, const char *list, const char *name,
    const char *key)
{
	if (key[0] == '\0' || strpbrk(key, ", \t") != NULL ||
	    !values_is_text(key, strlen(key))) {
		import_note(c->im, "user \"%.80s\": this key holds a comma, "
		    "spaces or control characters, or nothing", name);
		return list;
	}
	return arena_concat(&c->im->arena, list, list[0] == '\0' ? "" : ",",
	    key, NULL);
}

static void
read_users(struct channels *c, sqlite3 *db)
{
	sqlite3_stmt *row = prepare(c, db,
	    "SELECT api_key, name FROM users ORDER BY id");
	const char *list = "", *key, *name;
	unsigned count = 0;

	while (next(c, db, row) && count++ < USERS_MAX) {
		key = text_of(c, row, 0);
		name = text_of(c, row, 1);
		if (key != NULL && name != NULL &&
		    strlen(list) + strlen(key) < TEXT_MAX_BYTES / 2)
			list = add_user(c, list, name, key);
		else
			import_note(c->im, "a user with a key for which there "
			    "is no room");
	}
	sqlite3_finalize(row);
	if (count > USERS_MAX)
		import_note(c->im, "users after the first %d", USERS_MAX);
	else if (count > 0)
		import_note(c->im, "the names of %u users: only their keys "
		    "are carried over", count);
	import_set_client_keys(c->im, list);
}

static void
note_unmapped(struct channels *c, sqlite3 *db)
{
	sqlite3_stmt *row = prepare(c, db, "SELECT name FROM models WHERE id "
	    "NOT IN (SELECT model_id FROM model_channels) ORDER BY name");

	while (next(c, db, row)) {
		const char *name = text_of(c, row, 0);

		if (name != NULL)
			import_note(c->im, "model \"%.100s\": no channel has "
			    "it", name);
	}
	sqlite3_finalize(row);
}

/* The file is somebody's, and its schema is text that SQLite would run. */
static void
distrust(struct channels *c, sqlite3 *db)
{
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1 << 20);
	sqlite3_progress_handler(db, STEP_INSTRUCTIONS, count_steps, c);
}

static void
read_database(struct channels *c, const char *path)
{
	sqlite3 *db = NULL;

	c->im->file = path;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) !=
	    SQLITE_OK)
		import_problem(c->im, 0, "%s",
		    db == NULL ? "no memory" : sqlite3_errmsg(db));
	else {
		distrust(c, db);
		read_channels(c, db);
		if (c->im->problems == 0) {
			note_unmapped(c, db);
			read_users(c, db);
		}
	}
	sqlite3_close(db);
}

/* Where config.yaml (at PATH) says that the database is. */
static const char *
database_path(struct channels *c, const char *path)
{
	const char *name = c->database == NULL ? "gateway.db" : c->database;
	const char *slash = strrchr(path, '/');

	if (name[0] == '/' || slash == NULL)
		return name;
	return arena_printf(&c->im->arena, "%.*s/%s", (int)(slash - path),
	    path, name);
}

static bool
is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* In a directory the file may be missing: then everything is as usual. */
static bool
read_yaml(struct channels *c, const char *path, bool may_be_missing)
{
	struct source source;
	struct stat st;
	bool good;

	if (may_be_missing && stat(path, &st) != 0)
		return true;
	if (!import_load(c->im, &source, path))
		return false;
	good = import_yaml_read(c->im, source.text, take_setting, c);
	source_fini(&source);
	return good;
}

void
import_channels_read(struct import *im, const char *path, const char *database)
{
	struct channels c = { .im = im };
	bool directory = is_directory(path);

	if (directory)
		path = arena_concat(&im->arena, path, "/config.yaml", NULL);
	if (!read_yaml(&c, path, directory))
		return;
	if (database == NULL)
		database = database_path(&c, path);
	read_database(&c, database);
	im->conf.auth.models_open = true;
	import_note(im, "/v1/models needs no key, as it was; remove "
	    "auth.models_open from sluice.conf if it should");
	if (!c.no_metrics)
		import_note(im, "/metrics was open to everybody: it needs the "
		    "admin key now, or the reader's address in metrics.allow");
}
