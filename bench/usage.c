/* usage.c - what importing the journal and reporting usage cost, as JSON. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "store/usage.h"
#include "store/usage_import.h"

enum { LINES = 1000000, HOURS = 48, KEYS = 100, MODELS = 10, PROVIDERS = 3,
       REPORTS = 5 };
#define FIRST_MS	1777852800000		/* 2026-05-04 00:00:00 UTC */

struct bench {
	char		 dir[64], log[80];
	struct db	*db;
	unsigned	 lines;
	unsigned	 sums;
	int64_t		 requests;
};

static void
write_line(FILE *f, unsigned i, int64_t time_ms)
{
	char	 id[ID_SIZE], when[CLOCK_TEXT_SIZE];
	unsigned key = i / 7 % KEYS, model = (key + i % 2) % MODELS,
		 provider = model % PROVIDERS;	/* a key uses two models */

	id_make(id);
	clock_format((uint64_t)time_ms * 1000, when);
	fprintf(f, "{\"asctime\":\"%s\",\"time_ms\":%lld,\"levelname\":\"INFO\","
	    "\"message\":\"request settled\",\"request_id\":\"%s\","
	    "\"client_host\":\"192.0.2.7\",\"method\":\"POST\","
	    "\"api_path\":\"/v1/chat/completions\","
	    "\"request_model_name\":\"model-%u\","
	    "\"target_provider\":\"provider-%u\","
	    "\"target_model_name\":\"model-%u-2026\",\"stream\":true,"
	    "\"status\":200,\"outcome\":\"ok\",\"duration_ms\":1234,"
	    "\"ttfb_ms\":106,\"bytes\":2550,"
	    "\"trace_id\":\"549b3c6c2d107e64bd01db6e38827101\","
	    "\"key_id\":\"%032x\",\"cost\":0.00%u,\"attempts\":["
	    "{\"provider\":\"provider-%u\",\"model\":\"model-%u-2026\","
	    "\"status\":200,\"outcome\":\"ok\",\"duration_ms\":1230,"
	    "\"first_token_ms\":101,\"hedge\":false}],"
	    "\"usage\":{\"source\":\"reported\",\"input_tokens\":12,"
	    "\"cache_read_tokens\":8,\"cache_write_tokens\":0,"
	    "\"output_tokens\":9,\"reasoning_tokens\":0}}\n",
	    when, (long long)time_ms, id, model, provider, model, key,
	    i % 1000, provider, model);
}

static uint64_t
write_journal(const struct bench *b)
{
	char	 path[128];
	uint64_t bytes = 0;

	mkdir(b->log, 0700);
	for (int hour = 0; hour < HOURS; hour++) {
		unsigned n = b->lines / HOURS;
		FILE	*f;

		snprintf(path, sizeof path, "%s/202605%02d%02d.log", b->log,
		    4 + hour / 24, hour % 24);
		f = fopen(path, "w");
		if (f == NULL)
			abort();
		for (unsigned i = 0; i < n; i++)
			write_line(f, i, FIRST_MS + hour * 3600000LL +
			    (int64_t)i * 3600000 / n);
		bytes += (uint64_t)ftell(f);
		fclose(f);
	}
	return bytes;
}

static uint64_t
cpu_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* In microseconds, until there is nothing more. */
static uint64_t
import(const struct bench *b)
{
	struct usage_import *u = usage_import_create(b->db);
	uint64_t start_us = clock_now_us();
	enum usage_import_end end;

	do
		end = usage_import_run(u, b->log, 0);
	while (end == USAGE_IMPORT_MORE);
	if (end != USAGE_IMPORT_DONE)
		abort();
	usage_import_free(u);
	return clock_now_us() - start_us;
}

static void
count_sum(void *arg, const struct usage_sum *sum)
{
	struct bench *b = arg;

	b->sums++;
	b->requests += sum->requests;
}

/* In microseconds, opening the database included; the best of some. */
static uint64_t
report(struct bench *b, unsigned by)
{
	struct usage_query query = { .by = by,
		.from_s = FIRST_MS / 1000,
		.to_s = FIRST_MS / 1000 + HOURS * (int64_t)USAGE_HOUR_S };
	uint64_t best = UINT64_MAX, took;

	for (int i = 0; i < REPORTS; i++) {
		struct usage *u;

		b->sums = 0;
		b->requests = 0;
		took = clock_now_us();
		u = usage_open(b->db);
		if (u == NULL || !usage_each(u, &query, count_sum, b))
			abort();
		usage_close(u);
		took = clock_now_us() - took;
		best = took < best ? took : best;
	}
	return best;
}

static void
set_up(struct bench *b)
{
	log_open(NULL, LOG_LEVEL_ERROR);
	setenv("TZ", "UTC", 1);
	strcpy(b->dir, "/tmp/sluice-bench.XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		abort();
	snprintf(b->log, sizeof b->log, "%s/log", b->dir);
	b->db = db_create(b->dir);
}

static void
tear_down(struct bench *b)
{
	char	 command[128];

	db_free(b->db);
	snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
	if (system(command) != 0)
		abort();
}

/* With a number: of lines, instead of a million. */
int
main(int argc, char **argv)
{
	static struct bench b = { .lines = LINES };
	uint64_t bytes, cpu_us, import_us, again_us, day_us, detail_us;
	struct rusage usage;
	struct stat st;

	if (argc > 1)
		b.lines = (unsigned)atoi(argv[1]);
	b.lines = b.lines / HOURS * HOURS;
	set_up(&b);
	bytes = write_journal(&b);
	cpu_us = cpu_now_us();
	import_us = import(&b);
	cpu_us = cpu_now_us() - cpu_us;
	getrusage(RUSAGE_SELF, &usage);
	again_us = import(&b);
	detail_us = report(&b, USAGE_BY_HOUR | USAGE_BY_KEY | USAGE_BY_MODEL |
	    USAGE_BY_PROVIDER);
	day_us = report(&b, USAGE_BY_DAY);
	if (stat(db_path(b.db), &st) != 0)
		abort();
	printf("{\"lines\":%u,\"line_bytes\":%.0f,\"lines_per_s\":%.0f,"
	    "\"cpu_ns_per_line\":%.0f,"
	    "\"database_bytes_per_line\":%.0f,\"peak_kb\":%ld,"
	    "\"look_ms\":%.2f,\"day_report_ms\":%.2f,"
	    "\"hour_detail_report_ms\":%.2f,\"lost\":%lld}\n", b.lines,
	    (double)bytes / b.lines, b.lines * 1e6 / (double)import_us,
	    (double)cpu_us * 1000 / b.lines,
	    (double)st.st_size / b.lines, usage.ru_maxrss,
	    (double)again_us / 1000, (double)day_us / 1000,
	    (double)detail_us / 1000, (long long)b.lines - b.requests);
	tear_down(&b);
	return b.requests != b.lines;
}
