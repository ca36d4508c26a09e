/* Any bytes as a provider file, as sluice.conf and as an env_file. */
#include "config.h"

#include "conf/provider.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/env.h"
#include "conf/reader.h"
#include "conf/show.h"
#include "conf/source.h"
#include "tests/fuzz/fuzz.h"

/* libconfig 1.5 loses a string at which the syntax breaks. */
const char	*__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

/* One file in memory, and the path that leads to it. */
static int	 fd = -1;
static char	 path[64];

static void
write_file(const void *bytes, size_t n)
{
	if (fd < 0) {
		fd = memfd_create("conf", MFD_CLOEXEC);
		must(fd >= 0 && fchmod(fd, 0600) == 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	must(ftruncate(fd, 0) == 0);
	must(pwrite(fd, bytes, n, 0) == (ssize_t)n);
}

/* A report is text of one line, whatever the file holds. */
static void
count(void *arg, const struct err_at *at)
{
	must(at->text[0] != '\0');
	must(strpbrk(at->text, "\n\r\x1b") == NULL);
	++*(unsigned *)arg;
}

static void
read_main(const uint8_t *data, size_t n)
{
	struct conf conf = { 0 };
	unsigned reports = 0;
	struct reader r = { .file = "/x/y.conf", .arena = &conf.arena,
	    .report = count, .arg = &reports };
	struct source s = { .text = malloc(n + 1), .size = n };

	memcpy(s.text, data, n);
	s.text[n] = '\0';
	arena_init(&conf.arena, 1024);
	reader_set_defaults(&r, KEYS_MAIN, &conf);
	if (reader_open(&r, &s) == ERR_NONE) {
		reader_read(&r, KEYS_MAIN, &conf);
		reader_close(&r);
	} else
		must(r.problems == 1);
	must(r.problems == reports);
	must(conf.providers_dir != NULL && conf.providers_dir[0] == '/');
	must(conf.timeouts.total_ms > 0 && conf.limits.body_bytes > 0);
	source_fini(&s);
	arena_fini(&conf.arena);
}

static enum provider_state
read_provider(struct conf_provider **p)
{
	static struct conf conf;
	unsigned reports = 0;
	enum provider_state state =
	    provider_load(p, path, &conf, count, &reports, NULL);

	must((state == PROVIDER_USABLE) == (reports == 0));
	return state;
}

static char *
text_of(const struct conf_provider *p, size_t *size)
{
	static struct conf conf;
	char *text = NULL;
	FILE *f = open_memstream(&text, size);

	must(f != NULL);
	show_provider(f, &conf, p);
	must(fclose(f) == 0);
	return text;
}

/* What can be used can be shown, and read again with the same outcome. */
static void
check_round_trip(struct conf_provider *p)
{
	struct conf_provider *again;
	size_t size, size_again;
	char *text = text_of(p, &size), *text_again;

	write_file(text, size);
	must(read_provider(&again) == PROVIDER_USABLE);
	text_again = text_of(again, &size_again);
	must(size == size_again && memcmp(text, text_again, size) == 0);
	free(text);
	free(text_again);
	provider_release(again);
	provider_release(p);
}

static void
read_env(void)
{
	unsigned reports = 0;
	struct reader r = { .file = path, .report = count, .arg = &reports };
	struct conf_env *env = env_load(&r);

	must((env == NULL) == (reports > 0));
	env_free(env);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct conf_provider *p;

	write_file(data, n);
	read_main(data, n);
	read_env();
	if (read_provider(&p) == PROVIDER_USABLE)
		check_round_trip(p);
	return 0;
}
