/* import_write.c - the files of an import, all of them or none. */
#include "config.h"

#include "conf/import_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/import.h"
#include "conf/show.h"

enum { OLD_KEYS_MAX_BYTES = 64 << 10 };

/* Stands for what the user has still to fill in, while the files are checked. */
static const char placeholder[] = "to-be-filled-in";

struct batch {
	struct import	*im;
	const char	*directory;	/* where the files belong */
	const char	*stage;		/* where they are at first */
	const char	**names;	/* relative to both */
	size_t		 count;
	size_t		 placed;	/* how many of them are new in the directory */
	bool		 force;
	char		*old_keys;	/* text of the keys.env that is there, or NULL */
};

static const char *
path_in(const struct batch *b, const char *directory, const char *name)
{
	return arena_concat(&b->im->arena, directory, "/", name, NULL);
}

/* Report errno. */
static bool
fail(struct batch *b, const char *path)
{
	int error = errno;

	b->im->file = path;
	import_problem(b->im, 0, "%s", strerror(error));
	return false;
}

/* A new file called NAME in the stage; NULL: reported. */
static FILE *
create(struct batch *b, const char *name, mode_t mode)
{
	const char *path = path_in(b, b->stage, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (out == NULL) {
		fail(b, path);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	b->names = import_grow(b->im, b->names, b->count, sizeof(char *));
	b->names[b->count++] = name;
	return out;
}

static bool
finish(struct batch *b, FILE *out, const char *name)
{
	bool good = fflush(out) == 0 && fsync(fileno(out)) == 0;

	good = fclose(out) == 0 && good;
	return good || fail(b, path_in(b, b->stage, name));
}

static bool
write_provider(struct batch *b, const struct import_provider *ip)
{
	const struct conf_provider *p = &ip->settings;
	const char *name = arena_concat(&b->im->arena, "providers.d/", p->name,
	    ip->off ? ".conf.off" : ".conf", NULL);
	FILE *out = create(b, name, 0666);

	if (out == NULL)
		return false;
	fprintf(out, "# Written by sluicectl import %s.\n", b->im->kind);
	show_changed_provider(out, p);
	return finish(b, out, name);
}

static bool
write_main(struct batch *b)
{
	FILE *out = create(b, "sluice.conf", 0666);

	if (out == NULL)
		return false;
	fprintf(out, "# Written by sluicectl import %s.\n", b->im->kind);
	show_changed_main(out, &b->im->conf);
	return finish(b, out, "sluice.conf");
}

/* CHECKED: with a value for each variable, so that every provider can be read. */
static bool
write_keys(struct batch *b, bool checked)
{
	struct import *im = b->im;
	struct keyfile_variable *list = arena_alloc(&im->arena,
	    (im->variable_count + 1) * sizeof(*list));
	FILE *out = create(b, "keys.env", 0600);

	if (out == NULL)
		return false;
	for (size_t i = 0; i < im->variable_count; i++) {
		list[i] = im->variables[i];
		if (checked && list[i].value == NULL)
			list[i].value = placeholder;
	}
	keyfile_write(out, b->old_keys, list, im->variable_count);
	return finish(b, out, "keys.env");
}

/* With the values that they shall have in the end. */
static bool
rewrite_keys(struct batch *b)
{
	if (b->im->variable_count == 0)
		return true;
	b->count--;
	return unlink(path_in(b, b->stage, "keys.env")) == 0 &&
	    write_keys(b, false);
}

static bool
write_all(struct batch *b)
{
	struct import *im = b->im;
	const char *providers = path_in(b, b->stage, "providers.d");

	if (mkdir(providers, 0777) != 0)
		return fail(b, providers);
	if (im->variable_count > 0)
		im->conf.env_file = "keys.env";
	for (size_t i = 0; i < im->provider_count; i++)
		if (!write_provider(b, im->providers[i]))
			return false;
	if (!write_main(b))
		return false;
	return im->variable_count == 0 || write_keys(b, true);
}

/* A conf_report_fn: in the user's terms the file is where it shall be. */
static void
report_checked(void *arg, const struct err_at *at)
{
	struct batch *b = arg;
	size_t n = strlen(b->stage);

	b->im->file = strncmp(at->file, b->stage, n) == 0 ?
	    path_in(b, b->directory, at->file + n + 1) : at->file;
	import_problem(b->im, at->line, "%s", at->text);
}

static bool
check_all(struct batch *b)
{
	unsigned before = b->im->problems;

	conf_free(conf_load(path_in(b, b->stage, "sluice.conf"), NULL,
	    report_checked, b));
	return b->im->problems == before;
}

/* True when nothing stands in the way. */
static bool
is_free(struct batch *b)
{
	struct stat st;

	for (size_t i = 0; i < b->count && !b->force; i++) {
		const char *path = path_in(b, b->directory, b->names[i]);

		if (lstat(path, &st) != 0)
			continue;
		b->im->file = path;
		import_problem(b->im, 0, "it is there already (--force "
		    "replaces it)");
	}
	return b->im->problems == 0;
}

/* Never over a file that has come meanwhile, unless that was asked for. */
static bool
place(struct batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		const char *from = path_in(b, b->stage, b->names[i]);
		const char *to = path_in(b, b->directory, b->names[i]);

		if (b->force ? rename(from, to) != 0 : link(from, to) != 0)
			return fail(b, to);
		b->placed += !b->force;
	}
	return true;
}

static void
take_back(struct batch *b)
{
	for (size_t i = 0; i < b->placed; i++)
		unlink(path_in(b, b->directory, b->names[i]));
}

static void
remove_stage(struct batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		unlink(path_in(b, b->stage, b->names[i]));
	rmdir(path_in(b, b->stage, "providers.d"));
	rmdir(b->stage);
}

static bool
make_directory(struct batch *b, const char *path)
{
	return mkdir(path, 0777) == 0 || errno == EEXIST || fail(b, path);
}

/* What keys.env holds already stays, but for the variables that are new. */
static bool
load_old_keys(struct batch *b)
{
	const char *path = path_in(b, b->directory, "keys.env"), *why;
	struct source source;
	int error;

	if (!b->force || b->im->variable_count == 0)
		return true;
	error = source_load(&source, path, OLD_KEYS_MAX_BYTES, &why);
	if (error == 0) {
		b->old_keys = arena_strdup(&b->im->arena, source.text);
		source_fini(&source);
	}
	if (error == 0 || error == ENOENT)
		return true;
	b->im->file = path;
	import_problem(b->im, 0, "%s", why);
	return false;
}

static bool
open_stage(struct batch *b)
{
	char *stage = arena_concat(&b->im->arena, b->directory,
	    "/.import.XXXXXX", NULL);

	if (!make_directory(b, b->directory) ||
	    !make_directory(b, path_in(b, b->directory, "providers.d")))
		return false;
	if (mkdtemp(stage) == NULL)
		return fail(b, b->directory);
	b->stage = realpath(stage, NULL);
	return b->stage != NULL || fail(b, stage);
}

bool
import_write(struct import *im, const char *directory, bool force, FILE *out)
{
	struct batch b = {
		.im = im, .directory = directory, .force = force
	};
	bool good;

	if (!open_stage(&b))
		return false;
	good = load_old_keys(&b) && write_all(&b) && is_free(&b) &&
	    check_all(&b) && rewrite_keys(&b) && place(&b);
	for (size_t i = 0; good && i < b.count; i++)
		fprintf(out, "%s\n", path_in(&b, directory, b.names[i]));
	if (!good)
		take_back(&b);
	remove_stage(&b);
	free((char *)(uintptr_t)b.stage);
	if (b.old_keys != NULL)
		explicit_bzero(b.old_keys, strlen(b.old_keys));
	return good;
}
