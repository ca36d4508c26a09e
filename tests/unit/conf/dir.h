/* dir.h - a configuration in a temporary directory, and what is said about it. */
#ifndef TESTS_UNIT_CONF_DIR_H
#define TESTS_UNIT_CONF_DIR_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/conf.h"

struct dir {
	char		 path[64];
	char		 reports[16384];	/* "sluice.conf:3: text\n", paths cut */
	unsigned	 report_count;
};

/* A cmocka set-up: *state is a struct dir with an empty providers.d. */
static inline int
dir_setup(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));
	char path[96];

	assert_non_null(d);
	strcpy(d->path, "/tmp/sluice-conf.XXXXXX");
	assert_non_null(mkdtemp(d->path));
	snprintf(path, sizeof(path), "%s/providers.d", d->path);
	assert_int_equal(mkdir(path, 0755), 0);
	*state = d;
	return 0;
}

static inline int
dir_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline int
dir_teardown(void **state)
{
	struct dir *d = *state;

	nftw(d->path, dir_remove, 8, FTW_DEPTH | FTW_PHYS);
	free(d);
	return 0;
}

/* NAME in the directory; overwritten by the next call but one. */
static inline const char *
dir_path(const struct dir *d, const char *name)
{
	static char paths[2][256];
	static int next;
	char *path = paths[next = !next];

	snprintf(path, sizeof(paths[0]), "%s/%s", d->path, name);
	return path;
}

static inline void
dir_write_bytes(const struct dir *d, const char *name, const void *bytes,
    size_t n)
{
	FILE *f = fopen(dir_path(d, name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static inline void
dir_write(const struct dir *d, const char *name, const char *text)
{
	dir_write_bytes(d, name, text, strlen(text));
}

/* A conf_report_fn. */
static inline void
dir_report(void *arg, const struct err_at *at)
{
	struct dir *d = arg;
	size_t n = strlen(d->reports), cut = strlen(d->path);
	const char *file = at->file;

	if (strncmp(file, d->path, cut) == 0 && file[cut] == '/')
		file += cut + 1;
	snprintf(d->reports + n, sizeof(d->reports) - n, "%s:%u: %s\n", file,
	    at->line, at->text);
	d->report_count++;
}

/* conf_load of sluice.conf in the directory. */
static inline struct conf *
dir_load(struct dir *d, const struct conf *previous)
{
	d->reports[0] = '\0';
	d->report_count = 0;
	return conf_load(dir_path(d, "sluice.conf"), previous, dir_report, d);
}

/* The reports begin with one line that begins with START. */
static inline void
dir_expect(const struct dir *d, const char *start)
{
	if (strncmp(d->reports, start, strlen(start)) != 0)
		fail_msg("expected %s, got %s", start, d->reports);
}

/* Exactly one report, which begins with START. */
static inline void
dir_expect_one(const struct dir *d, const char *start)
{
	dir_expect(d, start);
	if (d->report_count != 1)
		fail_msg("expected one report, got %s", d->reports);
}

/* Loads without a report. */
static inline struct conf *
dir_load_good(struct dir *d)
{
	struct conf *conf = dir_load(d, NULL);

	if (d->report_count != 0)
		fail_msg("expected no report, got %s", d->reports);
	assert_non_null(conf);
	return conf;
}
#endif
