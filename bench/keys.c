/* keys.c - what it costs to find one of 100,000 keys, and to read them all: one JSON line. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "gateway/gate.h"
#include "store/store.h"

enum { KEYS = 100000, ROUNDS = 200000, REPEATS = 5 };

struct bench {
	char		 dir[64];
	struct db	*db;
	struct snapshot	*snapshot;
	struct key_list	*keys;
	char		 (*secrets)[KEYS_MADE_SIZE];
};

/* One transaction; row by row it would be a sync each. */
static void
fill(struct bench *b)
{
	static const struct keys_change limits = { .models = "gpt-*\nllama",
		.endpoints = "chat/completions" };
	sqlite3	*sqlite = db_get(b->db);
	char	 name[32];

	b->secrets = calloc(KEYS, sizeof *b->secrets);
	if (b->secrets == NULL || sqlite3_exec(sqlite, "BEGIN", NULL, NULL,
	    NULL) != SQLITE_OK)
		abort();
	for (int i = 0; i < KEYS; i++) {
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
load(const struct bench *b)
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

/* In microseconds, all of it. */
static uint64_t
read_all(struct bench *b)
{
	struct watch *watch = watch_create(b->db);
	struct watch_found found;
	uint64_t start_us = clock_now_us();

	key_list_unref(b->keys);
	watch_read(watch, &found);
	b->keys = found.lists[WATCH_KEYS];
	start_us = clock_now_us() - start_us;
	if (key_list_count(b->keys) != KEYS)
		abort();
	watch_free(watch);
	return start_us;
}

/* In nanoseconds each: hashing, finding, judging. The best of some. */
static double
check(const struct bench *b, enum err expected)
{
	uint64_t best = UINT64_MAX, took;

	for (int i = 0; i < REPEATS; i++) {
		took = clock_now_us();
		for (int j = 0; j < ROUNDS; j++) {
			char	*secret = b->secrets[j * 7919LL % KEYS];
			struct call call = { .snapshot = b->snapshot,
				.keys = b->keys,
				.path = "/v1/chat/completions" };

			if (gate_check(&call, expected == ERR_NONE ? secret :
			    secret + 1) != expected)
				abort();
		}
		took = clock_now_us() - took;
		best = took < best ? took : best;
	}
	return (double)best * 1000 / ROUNDS;
}

static void
tear_down(struct bench *b)
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

int
main(void)
{
	static struct bench b;
	uint64_t read_us;

	if (sodium_init() < 0)
		return 1;
	log_open(NULL, LOG_LEVEL_ERROR);
	strcpy(b.dir, "/tmp/sluice-keys.XXXXXX");
	if (mkdtemp(b.dir) == NULL)
		abort();
	b.db = db_create(b.dir);
	fill(&b);
	b.snapshot = snapshot_create(load(&b), NULL);
	read_all(&b);
	read_us = read_all(&b);
	printf("{\"keys\":%d,\"find_ns\":%.0f,\"refuse_ns\":%.0f,"
	    "\"read_ms\":%.1f}\n", KEYS, check(&b, ERR_NONE),
	    check(&b, ERR_INVALID_API_KEY), (double)read_us / 1000);
	tear_down(&b);
	return 0;
}
