#include "config.h"

#include "bench/many_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "conf/conf.h"

/* One transaction; row by row it would be a sync each. */
static void
fill(struct many_keys *b)
{
	static const struct keys_change limits = { .models = "gpt-*\nllama",
		.endpoints = "chat/completions" };
	sqlite3	*sqlite = db_get(b->db);
	char	 name[32];

	b->secrets = calloc(MANY_KEYS, sizeof *b->secrets);
	if (b->secrets == NULL || sqlite3_exec(sqlite, "BEGIN", NULL, NULL,
	    NULL) != SQLITE_OK)
		abort();
	for (int i = 0; i < MANY_KEYS; i++) {
		snprintf(name, sizeof name, "key-%d", i);
		keys_make(b->secrets[i]);
		if (keys_add(b->db, name, b->secrets[i], &limits, 1) !=
		    KEYS_DONE)
			abort();
	}
	if (sqlite3_exec(sqlite, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		abort();
}

static struct conf *
load(const struct many_keys *b)
{
	char	 path[96];
	struct conf *conf;
	FILE	*f;

	snprintf(path, sizeof path, "%s/providers.d", b->dir);
	if (mkdir(path, 0700) != 0)
		abort();
	snprintf(path, sizeof path, "%s/sluice.conf", b->dir);
	f = fopen(path, "w");
	if (f == NULL || fclose(f) != 0)
		abort();
	conf = conf_load(path, NULL, NULL, NULL);
	if (conf == NULL)
		abort();
	return conf;
}

uint64_t
many_keys_read(struct many_keys *b)
{
	struct watch *watch = watch_create(b->db);
	struct watch_found found;
	uint64_t start_us = clock_now_us();

	key_list_unref(b->keys);
	watch_read(watch, &found);
	b->keys = watch_take(&found, WATCH_KEYS);
	start_us = clock_now_us() - start_us;
	watch_drop(&found);
	if (key_list_count(b->keys) != MANY_KEYS)
		abort();
	watch_free(watch);
	return start_us;
}

void
many_keys_open(struct many_keys *b)
{
	if (sodium_init() < 0)
		abort();
	strcpy(b->dir, "/tmp/sluice-keys.XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		abort();
	b->db = db_create(b->dir);
	fill(b);
	b->snapshot = snapshot_create(load(b), NULL, NULL);
	many_keys_read(b);
}

void
many_keys_check(const struct many_keys *b, struct call *call, unsigned number,
    enum err expected)
{
	char	*secret = b->secrets[number];

	*call = (struct call){ .snapshot = b->snapshot, .keys = b->keys,
		.path = "/v1/chat/completions" };
	if (gate_check(call, expected == ERR_NONE ? secret : secret + 1) !=
	    expected)
		abort();
}

void
many_keys_close(struct many_keys *b)
{
	char	 command[128];

	key_list_unref(b->keys);
	snapshot_unref(b->snapshot);
	db_free(b->db);
	free(b->secrets);
	snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
	if (system(command) != 0)
		abort();
}
