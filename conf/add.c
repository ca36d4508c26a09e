/* add.c - the command "sluicectl add provider". */
#include "config.h"

#include "conf/add.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/answers.h"
#include "conf/keyfile.h"
#include "conf/provider.h"
#include "conf/reader.h"
#include "conf/show.h"
#include "conf/source.h"

enum { FIRST_CHUNK_BYTES = 4096, ENV_MAX_BYTES = 64 << 10 };

/* A conf_report_fn. */
static void
report(void *arg, const struct err_at *at)
{
	struct answers *a = arg;

	fprintf(a->err, "%s:%u: %s\n", at->file, at->line, at->text);
}

/* The answers as a provider. */
static void
fill_provider(struct answers *a, struct conf_provider *p)
{
	struct reader r = { .file = "", .arena = &a->arena };
	struct conf_model *models = arena_alloc(&a->arena,
	    (a->model_count + 1) * sizeof(*models));

	reader_set_defaults(&r, KEYS_PROVIDER, p);
	p->name = a->name;
	p->kind = answers_kind(a);
	p->base_url = a->base_url;
	p->api_version = a->api_version;
	p->api_key_env = a->key_env;
	for (size_t i = 0; i < a->model_count; i++) {
		reader_set_defaults(&r, KEYS_MODEL, &models[i]);
		models[i].name = a->models[i];
	}
	p->models = models;
	p->model_count = a->model_count;
}

/* Close OUT, which was written to PATH. False: reported, and PATH is gone. */
static bool
finish(const struct answers *a, FILE *out, const char *path)
{
	bool good = fflush(out) == 0 && fsync(fileno(out)) == 0;

	good = fclose(out) == 0 && good;
	if (!good) {
		answers_fail(a, "%s: %s", path, strerror(errno));
		unlink(path);
	}
	return good;
}

/* A new file beside PATH, whose name is *TEMPORARY. NULL: reported. */
static FILE *
create_beside(struct answers *a, const char *path, mode_t mode, char **temporary)
{
	const char *slash = strrchr(path, '/');
	int fd;
	FILE *out;

	*temporary = arena_printf(&a->arena, "%.*s/.%s.XXXXXX",
	    (int)(slash - path), path, slash + 1);
	fd = mkstemp(*temporary);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (out == NULL || fchmod(fd, mode) != 0) {
		answers_fail(a, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			unlink(*temporary);
		if (out != NULL)
			fclose(out);
		else if (fd >= 0)
			close(fd);
		return NULL;
	}
	return out;
}

/* Read the new file as the responder would. A key that is not set yet is fine. */
static bool
is_readable(struct answers *a, const char *path)
{
	struct conf_provider *p = NULL;
	enum provider_state state = provider_load(&p, path, a->conf, NULL,
	    NULL, NULL);

	if (p != NULL)
		provider_release(p);
	if (state == PROVIDER_BROKEN)
		provider_load(&p, path, a->conf, report, a, NULL);
	return state != PROVIDER_BROKEN;
}

static bool
write_provider(struct answers *a)
{
	char *path = arena_printf(&a->arena, "%s/%s.conf",
	    a->conf->providers_dir, a->name), *temporary;
	FILE *out = create_beside(a, path, 0644, &temporary);
	struct conf_provider p = { 0 };
	bool good;

	if (out == NULL)
		return false;
	fill_provider(a, &p);
	fputs("# Written by sluicectl add provider.\n", out);
	show_changed_provider(out, &p);
	if (!finish(a, out, temporary))
		return false;
	good = is_readable(a, temporary);
	if (good && link(temporary, path) != 0) {
		answers_fail(a, "%s: %s", path, strerror(errno));
		good = false;
	}
	unlink(temporary);
	if (good)
		fprintf(a->out, "%s\n", path);
	return good;
}

/* Replace env_file by one with the key in it, as private and owned as before. */
static bool
replace_keys(struct answers *a, const char *path, const struct source *old)
{
	struct keyfile_variable v = { .name = a->key_env, .value = a->key };
	char *temporary;
	FILE *out = create_beside(a, path, 0600, &temporary);

	if (out == NULL)
		return false;
	keyfile_write(out, old->text, &v, 1);
	if (geteuid() == 0 &&
	    fchown(fileno(out), old->st.st_uid, old->st.st_gid) != 0) {
		answers_fail(a, "%s: %s", path, strerror(errno));
		fclose(out);
		unlink(temporary);
		return false;
	}
	if (!finish(a, out, temporary))
		return false;
	if (rename(temporary, path) == 0)
		return true;
	answers_fail(a, "%s: %s", path, strerror(errno));
	unlink(temporary);
	return false;
}

static bool
write_key(struct answers *a)
{
	char *path = realpath(a->conf->env_file, NULL);
	struct source old;
	const char *why;
	bool good;

	if (path == NULL ||
	    source_load(&old, path, ENV_MAX_BYTES, &why) != 0) {
		answers_fail(a, "%s: %s", a->conf->env_file,
		    path == NULL ? strerror(errno) : why);
		free(path);
		return false;
	}
	good = replace_keys(a, path, &old);
	if (good)
		fprintf(a->out, "%s: %s\n", path, a->key_env);
	source_fini(&old);
	free(path);
	return good;
}

static void
print_next(const struct answers *a)
{
	if (a->key_env[0] != '\0' && a->key == NULL &&
	    conf_getenv(a->conf, a->key_env) == NULL)
		fprintf(a->out, "next: set %s in %s; until then the provider "
		    "is disabled\n", a->key_env, a->conf->env_file == NULL ?
		    "the responders' environment" : a->conf->env_file);
	fprintf(a->out, "next: sluicectl check -c %s\n", a->path);
}

/* The option of ARGS that takes a value, or NULL. */
static const char **
option_find(struct answers *a, const char *word)
{
	const struct { const char *word; const char **value; } options[] = {
		{ "-c", &a->path }, { "--name", &a->name },
		{ "--kind", &a->kind }, { "--base-url", &a->base_url },
		{ "--api-version", &a->api_version },
		{ "--key-env", &a->key_env },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strcmp(options[i].word, word) == 0)
			return options[i].value;
	return NULL;
}

static bool
parse(struct answers *a, char **args)
{
	const char **value;

	if (*args == NULL || strcmp(*args++, "provider") != 0)
		return false;
	for (; *args != NULL; args++)
		if (strcmp(*args, "--key-stdin") == 0)
			a->key_stdin = true;
		else if (args[1] == NULL)
			return false;
		else if (strcmp(*args, "--model") == 0) {
			if (a->model_count == ANSWERS_MODELS_MAX)
				return false;
			a->models[a->model_count++] = *++args;
		} else if ((value = option_find(a, *args)) != NULL)
			*value = *++args;
		else
			return false;
	return true;
}

static bool
run(struct answers *a)
{
	a->conf = conf_load(a->path, NULL, report, a);
	if (a->conf == NULL || !answers_get(a))
		return false;
	if ((a->key != NULL && !write_key(a)) || !write_provider(a))
		return false;
	print_next(a);
	return true;
}

int
add_run(char **args, const char *path, int terminal, FILE *out, FILE *err)
{
	struct answers a = {
		.path = path, .terminal = terminal, .out = out, .err = err
	};
	bool good;

	if (!parse(&a, args))
		return ADD_USAGE;
	arena_init(&a.arena, FIRST_CHUNK_BYTES);
	good = run(&a);
	conf_free(a.conf);
	if (a.key != NULL)
		explicit_bzero((char *)(uintptr_t)a.key, strlen(a.key));
	arena_fini(&a.arena);
	return good ? ADD_DONE : ADD_FAILED;
}
