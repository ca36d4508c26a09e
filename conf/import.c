/* import.c - other gateways' settings, on their way into files of ours. */
#include "config.h"

#include "conf/import.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "conf/reader.h"
#include "conf/values.h"

enum { FIRST_CHUNK_BYTES = 4096, NAME_BYTES = 48 };

static const char client_keys[] = "SLUICE_API_KEYS";

const struct import_kind import_kinds[] = {
	{ .name = "openai-gateway-json", .operands = "[FILE|-]",
	  .read = import_config_read,
	  .help = "a CONFIG of JSON: namespaces of providers with their models; "
	  "without FILE from $CONFIG" },
	{ .name = "foap", .operands = "[DIR]", .read = import_foap_read,
	  .help = "a directory of *.json provider files with endpoints; "
	  "without DIR $FOAP_CONFIG_DIR" },
	{ .name = "single-target", .operands = "[FILE]",
	  .read = import_single_read,
	  .help = "DASHSCOPE_API_KEY, URL, TARGET_MODEL and VERIFY_API_KEY" },
	{ .name = "openai-gateway-go", .operands = "DIR|config.yaml [gateway.db]",
	  .read = import_channels_read, .needs_source = true,
	  .takes_second = true,
	  .help = "config.yaml and a database of channels, users and models" },
	{ .name = "llmgateway", .operands = "[FILE]",
	  .read = import_llmgateway_read,
	  .help = "LLM_BASE_URL and what stands around it in the environment" },
	{ .name = NULL }
};

const struct import_kind *
import_find(const char *name)
{
	for (const struct import_kind *k = import_kinds; k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

void
import_init(struct import *im, conf_report_fn *report, import_note_fn *note,
    void *arg)
{
	struct reader r = { .file = "" };

	*im = (struct import){
		.report = report, .note = note, .arg = arg, .file = ""
	};
	arena_init(&im->arena, FIRST_CHUNK_BYTES);
	r.arena = &im->arena;
	reader_set_defaults(&r, KEYS_MAIN, &im->conf);
	im->conf.providers_dir = "providers.d";
	im->conf.state_dir = "/var/lib/sluice";
}

static void
wipe(const struct keyfile_variable *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].value != NULL)
			explicit_bzero((char *)(uintptr_t)list[i].value,
			    strlen(list[i].value));
}

void
import_fini(struct import *im)
{
	wipe(im->old, im->old_count);
	wipe(im->variables, im->variable_count);
	arena_fini(&im->arena);
}

/* Nothing that a hostile file holds may reach a terminal. */
static void
disarm(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

void
import_note(struct import *im, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	disarm(text);
	im->note(im->arg, text);
}

void
import_problem(struct import *im, unsigned line, const char *fmt, ...)
{
	struct err_at at = { .line = line };
	va_list ap;

	im->problems++;
	snprintf(at.file, sizeof(at.file), "%s", im->file);
	va_start(ap, fmt);
	vsnprintf(at.text, sizeof(at.text), fmt, ap);
	va_end(ap);
	disarm(at.file);
	disarm(at.text);
	im->report(im->arg, &at);
}

/* Standard input as a source; false with errno. */
static bool
load_stdin(struct source *s)
{
	ssize_t n;

	*s = (struct source){ .text = malloc(SOURCE_MAX_BYTES + 2) };
	if (s->text == NULL)
		return false;
	while (s->size <= SOURCE_MAX_BYTES) {
		n = read(STDIN_FILENO, s->text + s->size,
		    SOURCE_MAX_BYTES + 1 - s->size);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return false;
		s->size += n < 0 ? 0 : (size_t)n;
	}
	s->text[s->size] = '\0';
	errno = EFBIG;
	return s->size <= SOURCE_MAX_BYTES;
}

bool
import_load(struct import *im, struct source *s, const char *path)
{
	const char *why = NULL;
	bool is_stdin = strcmp(path, "-") == 0;

	im->file = arena_strdup(&im->arena, is_stdin ? "(stdin)" : path);
	if (is_stdin && !load_stdin(s))
		why = strerror(errno);
	else if (!is_stdin)
		source_load(s, path, SOURCE_MAX_BYTES, &why);
	if (why == NULL && strlen(s->text) != s->size)
		why = "a NUL byte is in this file";
	if (why == NULL)
		return true;
	import_problem(im, 0, "%s", why);
	source_fini(s);
	return false;
}

const char *
import_check(struct import *im, const char *where, enum keys_scope scope,
    const char *name, const char *value)
{
	const char *problem = reader_string_problem(keys_find(scope, name),
	    value, true);

	if (problem == NULL)
		return value;
	import_problem(im, 0, "%s: %s", where, problem);
	return NULL;
}

void *
import_grow(struct import *im, void *list, size_t count, size_t size)
{
	void *larger;

	if (count > 0 && (count & (count - 1)) != 0)
		return list;
	larger = arena_alloc(&im->arena, (count > 0 ? 2 * count : 1) * size);
	if (count > 0)
		memcpy(larger, list, count * size);
	return larger;
}

char *
import_cut(struct import *im, const char *text, size_t max)
{
	return arena_strndup(&im->arena, text, strnlen(text, max));
}

/* File systems may not tell upper from lower case. */
static bool
is_name_taken(const struct import *im, const char *name)
{
	for (size_t i = 0; i < im->provider_count; i++)
		if (strcasecmp(im->providers[i]->settings.name, name) == 0)
			return true;
	return false;
}

/* WANTED as the name of a file: never hidden, never in another directory. */
static const char *
make_name(struct import *im, const char *wanted)
{
	char *name = import_cut(im, wanted, NAME_BYTES);
	const char *base;

	for (char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL)
			*p = '-';
	base = name += strspn(name, ".-");
	if (name[0] == '\0')
		base = name = arena_strdup(&im->arena, "provider");
	for (unsigned n = 2; is_name_taken(im, name); n++)
		name = arena_printf(&im->arena, "%s-%u", base, n);
	return name;
}

struct conf_provider *
import_add_provider(struct import *im, const char *wanted)
{
	struct import_provider *ip;
	struct reader r = { .file = "", .arena = &im->arena };

	if (im->provider_count == IMPORT_PROVIDERS_MAX) {
		import_problem(im, 0, "more than %d providers",
		    IMPORT_PROVIDERS_MAX);
		return NULL;
	}
	ip = arena_alloc(&im->arena, sizeof(*ip));
	reader_set_defaults(&r, KEYS_PROVIDER, &ip->settings);
	ip->settings.name = make_name(im, wanted);
	im->providers = import_grow(im, im->providers, im->provider_count,
	    sizeof(struct import_provider *));
	im->providers[im->provider_count++] = ip;
	return &ip->settings;
}

/* A new model with every default but its name. */
static struct conf_model *
append_model(struct import *im, struct conf_provider *p, const char *name)
{
	struct reader r = { .file = "", .arena = &im->arena };
	struct conf_model *m;

	p->models = import_grow(im, p->models, p->model_count,
	    sizeof(struct conf_model));
	m = &p->models[p->model_count++];
	*m = (struct conf_model){ 0 };
	reader_set_defaults(&r, KEYS_MODEL, m);
	m->name = name;
	im->model_count++;
	return m;
}

struct conf_model *
import_add_wildcard(struct import *im, struct conf_provider *p)
{
	return append_model(im, p, "*");
}

struct conf_model *
import_add_model(struct import *im, struct conf_provider *p, const char *name)
{
	const char *problem = reader_string_problem(
	    keys_find(KEYS_MODEL, "name"), name, true);

	if (problem == NULL && strcmp(name, "*") == 0)
		problem = "\"*\" would stand for every name";
	if (problem != NULL) {
		import_note(im, "%s: model \"%.100s\": %s", p->name, name,
		    problem);
		return NULL;
	}
	if (im->model_count >= IMPORT_MODELS_MAX) {
		if (im->model_count++ == IMPORT_MODELS_MAX)
			import_problem(im, 0, "more than %d models",
			    IMPORT_MODELS_MAX);
		return NULL;
	}
	return append_model(im, p, arena_strdup(&im->arena, name));
}

/* The variable NAME so far, or NULL. */
static struct keyfile_variable *
find_variable(struct import *im, const char *name)
{
	for (size_t i = 0; i < im->variable_count; i++)
		if (strcmp(im->variables[i].name, name) == 0)
			return &im->variables[i];
	return NULL;
}

static bool
is_same_value(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* WANTED as a variable that no client can set. */
static char *
make_variable(struct import *im, const char *wanted)
{
	char *name = import_cut(im, wanted, 100);

	for (char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p))
			*p = '_';
	if (values_env(name) != NULL)
		name = arena_printf(&im->arena, "SLUICE_%s", name);
	return name;
}

const char *
import_add_secret(struct import *im, const char *wanted, const char *value)
{
	char *base = make_variable(im, wanted), *name = base;
	struct keyfile_variable *v;

	for (unsigned n = 2; (v = find_variable(im, name)) != NULL; n++) {
		if (is_same_value(v->value, value))
			return v->name;
		name = arena_printf(&im->arena, "%s_%u", base, n);
	}
	if (value != NULL && !keyfile_can_hold(value)) {
		import_problem(im, 0, "the value for %s holds control "
		    "characters or both kinds of quotes", name);
		value = NULL;
	}
	im->variables = import_grow(im, im->variables, im->variable_count,
	    sizeof(struct keyfile_variable));
	im->variables[im->variable_count++] = (struct keyfile_variable){
		.name = name, .value = arena_strdup(&im->arena, value)
	};
	return name;
}

void
import_set_key(struct import *im, struct conf_provider *p, const char *value)
{
	char *wanted;

	if (value == NULL || value[0] == '\0')
		return;
	wanted = arena_printf(&im->arena, "%s_API_KEY", p->name);
	for (char *c = wanted; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	p->api_key_env = import_add_secret(im, wanted, value);
}

void
import_set_client_keys(struct import *im, const char *list)
{
	if (list != NULL && list[0] != '\0')
		import_add_secret(im, client_keys, list);
	else
		import_note(im, "the keys of your clients are not known here: "
		    "write %s=key1,key2 into keys.env", client_keys);
}
