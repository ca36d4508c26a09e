/* conf.c - sluice.conf, its environment and all its provider files. */
#include "config.h"

#include "conf/conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/env.h"
#include "conf/provider.h"
#include "conf/reader.h"
#include "conf/source.h"

enum { FIRST_CHUNK_BYTES = 1024, PROVIDERS_MAX = 4096 };

static const char default_path[] = SYSCONFDIR "/sluice/sluice.conf";

const char *
conf_default_path(void)
{
	const char *path = getenv("SLUICE_CONF");

	return path == NULL || path[0] == '\0' ? default_path : path;
}

/* Only the compiled-in path may lead to nothing, and only where nobody asked for it. */
static bool
may_be_missing(const char *path)
{
	return strcmp(path, default_path) == 0 &&
	    conf_default_path() == default_path;
}

static char *
make_absolute(struct arena *arena, const char *path)
{
	char *directory, *absolute;

	if (path[0] == '/' || (directory = getcwd(NULL, 0)) == NULL)
		return arena_strdup(arena, path);
	absolute = arena_printf(arena, "%s/%s", directory, path);
	free(directory);
	return absolute;
}

/* What the defaults of the table cannot say. */
static void
set_defaults(struct reader *r, struct conf *conf)
{
	reader_set_defaults(r, KEYS_MAIN, conf);
	conf->headers_default_ms = conf->timeouts.headers_ms;
	conf->timeouts.headers_ms = 0;
}

/*
 * Read sluice.conf itself. ERR_NONE: it could be parsed; what else is wrong
 * counts in r->problems. PROVIDERS_LINE is where it names its directory.
 */
static enum err
read_main(struct reader *r, struct conf *conf, unsigned *providers_line)
{
	struct source source;
	const char *why;
	int error = source_load(&source, r->file, SOURCE_MAX_BYTES, &why);
	enum err err;

	set_defaults(r, conf);
	if (error == ENOENT && may_be_missing(r->file)) {
		conf->file = arena_strdup(&conf->arena, "");
		return ERR_NONE;
	}
	if (error != 0) {
		reader_report(r, 0, "%s", why);
		return ERR_INTERNAL;
	}
	err = reader_open(r, &source);
	source_fini(&source);
	if (err != ERR_NONE)
		return err;
	reader_read(r, KEYS_MAIN, conf);
	*providers_line = reader_line(r, "providers");
	reader_close(r);
	return ERR_NONE;
}

static enum err
read_env(struct reader *r, struct conf *conf)
{
	struct reader env_reader = *r;

	if (conf->env_file == NULL)
		return ERR_NONE;
	env_reader.file = conf->env_file;
	conf->env = env_load(&env_reader);
	return conf->env == NULL ? ERR_INTERNAL : ERR_NONE;
}

/* *.conf, but no hidden file: editors leave those. */
static int
is_provider_file(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 5 &&
	    strcmp(entry->d_name + n - 5, ".conf") == 0;
}

static int
compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* FNV-1a, 64 bits. */
static uint64_t
mix(uint64_t hash, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}

/* What NAME in the directory DIR_FD is now. */
static uint64_t
mix_file(int dir_fd, const char *name)
{
	uint64_t hash = mix(0xcbf29ce484222325u, name, strlen(name));
	struct stat st;

	if (fstatat(dir_fd, name, &st, 0) != 0)
		return mix(hash, "-", 1);
	hash = mix(hash, &st.st_dev, sizeof(st.st_dev));
	hash = mix(hash, &st.st_ino, sizeof(st.st_ino));
	hash = mix(hash, &st.st_size, sizeof(st.st_size));
	hash = mix(hash, &st.st_mtim, sizeof(st.st_mtim));
	return mix(hash, &st.st_ctim, sizeof(st.st_ctim));
}

static uint64_t
mix_main(const struct conf *conf)
{
	return mix_file(AT_FDCWD,
	    conf->file[0] == '\0' ? default_path : conf->file);
}

/* The files that sluice.conf names. A sum: a directory has no order of its own. */
static uint64_t
mix_rest(const struct conf *conf)
{
	uint64_t sum = conf->env_file == NULL ? 0 :
	    mix_file(AT_FDCWD, conf->env_file);
	DIR *dir = opendir(conf->providers_dir);
	struct dirent *entry;

	if (dir == NULL)
		return sum;
	while ((entry = readdir(dir)) != NULL)
		if (is_provider_file(entry))
			sum += mix_file(dirfd(dir), entry->d_name);
	closedir(dir);
	return sum;
}

/* Before FILE is read. */
static void
watch_file(struct conf *conf, const char *file)
{
	size_t size = conf->watched_size * 2 + 8;
	const char **list;

	if (conf->watched_count == conf->watched_size) {
		list = arena_alloc(&conf->arena, size * sizeof(*list));
		if (conf->watched_count > 0)
			memcpy(list, conf->watched,
			    conf->watched_count * sizeof(*list));
		conf->watched = list;
		conf->watched_size = size;
	}
	conf->watched[conf->watched_count++] = arena_strdup(&conf->arena,
	    file);
	conf->fingerprint += mix_file(AT_FDCWD, file);
}

uint64_t
conf_fingerprint(const struct conf *conf)
{
	uint64_t sum = mix_main(conf) + mix_rest(conf);

	for (size_t i = 0; i < conf->watched_count; i++)
		sum += mix_file(AT_FDCWD, conf->watched[i]);
	return sum;
}

static struct conf_provider *
find_file(struct conf_provider *const *providers, size_t count,
    const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(providers[i]->file, path) == 0)
			return providers[i];
	return NULL;
}

/* The provider of the same file in PREVIOUS, if it can take the place. */
static enum provider_state
take_previous(struct conf_provider **out, const struct conf *previous,
    const char *path, struct conf *conf)
{
	struct conf_provider *p = NULL;
	enum provider_state state;

	if (previous != NULL)
		p = find_file(previous->providers, previous->provider_count,
		    path);
	if (previous != NULL && p == NULL)
		p = find_file(previous->keyless, previous->keyless_count, path);
	if (p == NULL || provider_find(conf, p->name) != NULL)
		return PROVIDER_BROKEN;
	state = provider_judge_variables(p, conf);
	if (state == PROVIDER_USABLE || state == PROVIDER_KEYLESS) {
		p->refs++;
		*out = p;
		if (p->ca_file != NULL)
			watch_file(conf, p->ca_file);
	}
	return state;
}

static void
add_provider(const struct reader *r, struct conf *conf,
    const struct conf *previous, const char *name)
{
	char *path = arena_printf(&conf->arena, "%s/%s", conf->providers_dir,
	    name);
	struct conf_provider *p = NULL;
	enum provider_state state = provider_load(&p, path, conf, r->report,
	    r->arg, watch_file);

	conf->broken_count += state != PROVIDER_USABLE;
	if (state == PROVIDER_BROKEN)
		state = take_previous(&p, previous, path, conf);
	if (state == PROVIDER_USABLE)
		conf->providers[conf->provider_count++] = p;
	else if (state == PROVIDER_KEYLESS)
		conf->keyless[conf->keyless_count++] = p;
}

static void
read_providers(struct reader *r, struct conf *conf,
    const struct conf *previous, unsigned line)
{
	struct dirent **entries;
	int n = scandir(conf->providers_dir, &entries, is_provider_file,
	    compare_names);

	if (n < 0) {
		reader_report(r, line, "providers: %s: %s",
		    conf->providers_dir, strerror(errno));
		return;
	}
	if (n > PROVIDERS_MAX)
		reader_report(r, line, "providers: more than %d files",
		    PROVIDERS_MAX);
	conf->providers = arena_alloc(&conf->arena,
	    ((size_t)n + 1) * sizeof(*conf->providers));
	conf->keyless = arena_alloc(&conf->arena,
	    ((size_t)n + 1) * sizeof(*conf->keyless));
	for (int i = 0; i < n; i++) {
		if (n <= PROVIDERS_MAX)
			add_provider(r, conf, previous, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

/* True when everything but single providers is well. */
static bool
read_everything(struct conf *conf, const struct conf *previous,
    conf_report_fn *report, void *arg)
{
	struct reader r = {
		.file = conf->file, .arena = &conf->arena,
		.report = report, .arg = arg
	};
	unsigned providers_line = 0;

	conf->fingerprint = mix_main(conf);
	if (read_main(&r, conf, &providers_line) != ERR_NONE)
		return false;
	if (conf->log.dir == NULL)
		conf->log.dir = arena_printf(&conf->arena, "%s/log",
		    conf->state_dir);
	conf->fingerprint += mix_rest(conf);
	if (read_env(&r, conf) != ERR_NONE)
		return false;
	read_providers(&r, conf, previous, providers_line);
	return r.problems == 0;
}

struct conf *
conf_load(const char *path, const struct conf *previous,
    conf_report_fn *report, void *arg)
{
	struct conf *conf = calloc(1, sizeof(*conf));

	if (conf == NULL)
		abort();
	conf->refs = 1;
	arena_init(&conf->arena, FIRST_CHUNK_BYTES);
	conf->file = make_absolute(&conf->arena, path);
	if (read_everything(conf, previous, report, arg))
		return conf;
	conf_free(conf);
	return NULL;
}

struct conf *
conf_ref(struct conf *conf)
{
	conf->refs++;
	return conf;
}

void
conf_free(struct conf *conf)
{
	if (conf == NULL || --conf->refs > 0)
		return;
	for (size_t i = 0; i < conf->provider_count; i++)
		provider_release(conf->providers[i]);
	for (size_t i = 0; i < conf->keyless_count; i++)
		provider_release(conf->keyless[i]);
	env_free(conf->env);
	arena_fini(&conf->arena);
	free(conf);
}

const char *
conf_getenv(const struct conf *conf, const char *name)
{
	return env_get(conf->env, name);
}

void
conf_hide_seal_key(const struct conf *conf)
{
	env_hide(conf->auth.seal_key_env);
}

bool
conf_is_own_secret(const struct conf *conf, const char *name)
{
	return strcmp(name, conf->auth.keys_env) == 0 ||
	    strcmp(name, conf->auth.admin_key_env) == 0 ||
	    strcmp(name, conf->auth.seal_key_env) == 0;
}

bool
conf_allows_channel_env(const struct conf *conf, const char *name)
{
	if (conf_is_own_secret(conf, name))
		return false;
	for (size_t i = 0; i < conf->auth.channel_env_count; i++) {
		const char *allowed = conf->auth.channel_env[i];
		size_t n = strcspn(allowed, "*");

		if (strncmp(name, allowed, n) == 0 &&
		    (allowed[n] == '*' || name[n] == '\0'))
			return true;
	}
	return false;
}
