/* answers.c - what is known of a new provider: given, or asked for. */
#include "config.h"

#include "conf/answers.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/keyfile.h"
#include "conf/provider.h"
#include "conf/reader.h"
#include "conf/terminal.h"
#include "conf/values.h"

enum { SCRATCH_BYTES = 1024 };

void
answers_fail(const struct answers *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("add provider: ", a->err);
	vfprintf(a->err, fmt, ap);
	putc('\n', a->err);
	va_end(ap);
}

/* What is wrong with an answer, or NULL: the functions of the questions. */

static const char *
key_problem(enum keys_scope scope, const char *name, const char *value)
{
	return reader_string_problem(keys_find(scope, name), value, true);
}

static const char *
name_problem(const struct answers *a, const char *value)
{
	const char *problem = key_problem(KEYS_PROVIDER, "name", value);
	struct stat st;
	char *path;

	if (problem != NULL)
		return problem;
	if (value[0] == '.')
		return "expected a name that does not begin with a dot";
	if (provider_find(a->conf, value) != NULL)
		return "there is a provider of that name";
	path = arena_printf((struct arena *)(uintptr_t)&a->arena, "%s/%s.conf",
	    a->conf->providers_dir, value);
	return lstat(path, &st) == 0 ? "there is a file of that name" : NULL;
}

static int
kind_find(const char *value)
{
	const char *const *choices = keys_find(KEYS_PROVIDER, "kind")->choices;

	for (int i = 0; choices[i] != NULL; i++)
		if (strcmp(choices[i], value) == 0)
			return i;
	return -1;
}

enum conf_kind
answers_kind(const struct answers *a)
{
	return (enum conf_kind)kind_find(a->kind);
}

static const char *
kind_problem(const struct answers *a, const char *value)
{
	(void)a;
	return kind_find(value) >= 0 ? NULL :
	    "expected openai, azure, anthropic or echo";
}

static const char *
base_url_problem(const struct answers *a, const char *value)
{
	(void)a;
	return key_problem(KEYS_PROVIDER, "base_url", value);
}

static const char *
api_version_problem(const struct answers *a, const char *value)
{
	(void)a;
	return key_problem(KEYS_PROVIDER, "api_version", value);
}

static const char *
key_env_problem(const struct answers *a, const char *value)
{
	(void)a;
	return strcmp(value, "-") == 0 ? NULL :
	    key_problem(KEYS_PROVIDER, "api_key_env", value);
}

static const char *
secret_problem(const struct answers *a, const char *value)
{
	const char *problem = values_header_value(value);

	(void)a;
	if (problem == NULL && !keyfile_can_hold(value))
		problem = "expected a key without both kinds of quotes";
	return problem;
}

static const char *
model_problem(const struct answers *a, const char *value)
{
	(void)a;
	return key_problem(KEYS_MODEL, "name", value);
}

typedef const char *problem_fn(const struct answers *, const char *value);

/*
 * Set *ANSWER, unless it is known, by asking. FALLBACK is for an empty line;
 * OPTION is what a script should have said. False: reported, or cancelled.
 */
static bool
get(struct answers *a, const char **answer, const char *option, const char *prompt,
    const char *fallback, problem_fn *problem)
{
	char line[TERMINAL_LINE_BYTES], *question;
	const char *why;

	if (*answer != NULL) {
		why = problem(a, *answer);
		if (why != NULL)
			answers_fail(a, "%s: %s", option, why);
		return why == NULL;
	}
	if (a->terminal < 0) {
		answers_fail(a, "%s is missing", option);
		return false;
	}
	question = arena_printf(&a->arena, fallback[0] == '\0' ? "%s: " :
	    "%s [%s]: ", prompt, fallback);
	do {
		if (!terminal_ask(a->terminal, question, false, line))
			return false;
		*answer = arena_strdup(&a->arena,
		    line[0] == '\0' ? fallback : line);
		why = problem(a, *answer);
		if (why != NULL)
			dprintf(a->terminal, "  %s\n", why);
	} while (why != NULL);
	return true;
}

/* "my.lab" becomes MY_LAB_API_KEY. */
static const char *
default_key_env(struct answers *a)
{
	char *name = arena_printf(&a->arena, "%s_API_KEY", a->name);

	for (char *p = name; *p != '\0'; p++)
		*p = isalnum((unsigned char)*p) ?
		    (char)toupper((unsigned char)*p) : '_';
	return values_env(name) == NULL ? name :
	    arena_printf(&a->arena, "SLUICE_%s", name);
}

static bool
get_key_env(struct answers *a)
{
	const char *fallback = default_key_env(a);

	if (!get(a, &a->key_env, "--key-env",
	    "variable with its key (\"-\": it wants no key)", fallback,
	    key_env_problem))
		return false;
	if (strcmp(a->key_env, "-") == 0)
		a->key_env = "";
	return true;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), len = strlen(end);

	return n >= len && strcmp(text + n - len, end) == 0;
}

static const char *
default_base_url(const struct answers *a)
{
	if (strcmp(a->kind, "openai") == 0)
		return "https://api.openai.com/v1";
	if (strcmp(a->kind, "anthropic") == 0)
		return "https://api.anthropic.com/v1";
	return "";
}

static bool
needs_version(const struct answers *a)
{
	return strcmp(a->kind, "azure") == 0 &&
	    !ends_with(a->base_url, "/openai/v1");
}

/* Take the models of LIST, which is separated by commas. False: *WHY is set. */
static bool
take_models(struct answers *a, const char *list, const char **why)
{
	a->model_count = 0;
	while (*list != '\0') {
		size_t n = strcspn(list, ","), start = strspn(list, " \t");
		const char *name;

		while (n > start && list[n - 1] == ' ')
			n--;
		name = arena_strndup(&a->arena, list + (start < n ? start : n),
		    start < n ? n - start : 0);
		*why = a->model_count == ANSWERS_MODELS_MAX ? "too many models" :
		    model_problem(a, name);
		if (*why != NULL)
			return false;
		a->models[a->model_count++] = name;
		list += strcspn(list, ",");
		list += *list == ',';
	}
	return true;
}

static const char *
models_problem(const struct answers *a, const char *list)
{
	struct answers scratch = { .model_count = 0 };
	const char *why = NULL;

	(void)a;
	arena_init(&scratch.arena, SCRATCH_BYTES);
	take_models(&scratch, list, &why);
	arena_fini(&scratch.arena);
	return why;
}

static bool
get_models(struct answers *a)
{
	const char *list = NULL, *why;

	for (size_t i = 0; i < a->model_count; i++)
		if ((why = model_problem(a, a->models[i])) != NULL) {
			answers_fail(a, "--model: %s", why);
			return false;
		}
	if (a->model_count > 0)
		return true;
	return get(a, &list, "--model",
	    "models, separated by commas (*: every name)", "*",
	    models_problem) && take_models(a, list, &why);
}

/* The key itself, where there is a file to put it in. */
static bool
get_key(struct answers *a)
{
	char line[TERMINAL_LINE_BYTES] = "", *prompt;
	const char *why;

	if (a->key_stdin && !terminal_read(STDIN_FILENO, line)) {
		answers_fail(a, "--key-stdin: expected one line");
		return false;
	}
	if (!a->key_stdin && (a->terminal < 0 || a->key_env[0] == '\0' ||
	    a->conf->env_file == NULL ||
	    conf_getenv(a->conf, a->key_env) != NULL))
		return true;
	prompt = arena_printf(&a->arena, "value of %s (not shown; empty: "
	    "later): ", a->key_env);
	if (!a->key_stdin && !terminal_ask(a->terminal, prompt, true, line))
		return false;
	why = secret_problem(a, line);
	if (why != NULL)
		answers_fail(a, "the key: %s", why);
	else if (line[0] != '\0')
		a->key = arena_strdup(&a->arena, line);
	explicit_bzero(line, sizeof(line));
	return why == NULL;
}

bool
answers_get(struct answers *a)
{
	if (a->kind == NULL && a->terminal < 0)
		a->kind = "openai";
	if (!get(a, &a->name, "--name", "name", "", name_problem) ||
	    !get(a, &a->kind, "--kind", "kind (openai, azure, anthropic, "
	    "echo)", "openai", kind_problem) ||
	    !get(a, &a->base_url, "--base-url", "what stands before "
	    "/chat/completions", default_base_url(a), base_url_problem))
		return false;
	if (needs_version(a) && !get(a, &a->api_version, "--api-version",
	    "api-version", "2024-10-21", api_version_problem))
		return false;
	if (!get_key_env(a) || !get_models(a))
		return false;
	if (a->key_stdin && (a->key_env[0] == '\0' ||
	    a->conf->env_file == NULL)) {
		answers_fail(a, "--key-stdin: %s", a->key_env[0] == '\0' ?
		    "there is no variable for it" :
		    "sluice.conf names no env_file to put it in");
		return false;
	}
	return get_key(a);
}
