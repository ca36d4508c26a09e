/*
 * Any bytes as another gateway's settings; the first one chooses whose. What is
 * taken without a complaint must be fit for the responder.
 */
#include "config.h"

#include "conf/import.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/import_yaml.h"
#include "conf/provider.h"
#include "conf/show.h"
#include "tests/fuzz/fuzz.h"

static char	 directory[] = "/tmp/sluice-fuzz.XXXXXX";
static char	 input[64], output[64];

static void
clean_up(void)
{
	unlink(input);
	unlink(output);
	rmdir(directory);
}

static void
write_file(const char *path, const void *bytes, size_t n)
{
	FILE *f;

	if (input[0] == '\0') {
		must(mkdtemp(directory) != NULL);
		snprintf(input, sizeof(input), "%s/a.json", directory);
		snprintf(output, sizeof(output), "%s/p.conf", directory);
		atexit(clean_up);
		path = input;
	}
	f = fopen(path, "w");
	must(f != NULL && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

static void
check_text(const char *text)
{
	must(text[0] != '\0');
	for (; *text != '\0'; text++)
		must((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void
count(void *arg, const struct err_at *at)
{
	check_text(at->text);
	++*(unsigned *)arg;
}

static void
take_note(void *arg, const char *text)
{
	(void)arg;
	check_text(text);
}

/* Whatever of a file the real reader complains about; variables need not be set. */
static void
check_provider(const struct import_provider *ip)
{
	static struct conf conf;
	struct conf_provider *p = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	must(f != NULL);
	show_changed_provider(f, &ip->settings);
	must(fclose(f) == 0);
	must(strchr(ip->settings.name, '/') == NULL);
	must(ip->settings.name[0] != '.');
	write_file(output, text, size);
	must(provider_load(&p, output, &conf, NULL, NULL,
	    NULL) != PROVIDER_BROKEN);
	if (p != NULL)
		provider_release(p);
	free(text);
}

static void
take_setting(struct import *im, void *arg, unsigned line, const char *name,
    const char *value)
{
	(void)im, (void)arg;
	must(line > 0 && name != NULL && value != NULL);
}

static void
read_yaml(struct import *im)
{
	struct source source;

	if (!import_load(im, &source, input))
		return;
	import_yaml_read(im, source.text, take_setting, NULL);
	source_fini(&source);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	unsigned reports = 0;
	struct import im;

	if (n == 0)
		return 0;
	write_file(input, data + 1, n - 1);
	import_init(&im, count, take_note, &reports);
	im.has_old = true;
	switch (data[0] % 5) {
	case 0: import_config_read(&im, input, NULL); break;
	case 1: import_foap_read(&im, directory, NULL); break;
	case 2: import_single_read(&im, input, NULL); break;
	case 3: import_llmgateway_read(&im, input, NULL); break;
	default: read_yaml(&im); break;
	}
	must(im.problems == reports);
	for (size_t i = 0; reports == 0 && i < im.provider_count; i++)
		check_provider(im.providers[i]);
	import_fini(&im);
	return 0;
}
