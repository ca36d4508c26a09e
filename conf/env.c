/* env.c - the variables of an env_file. */
#include "config.h"

#include "conf/env.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/reader.h"
#include "conf/source.h"
#include "conf/values.h"

enum { ENV_MAX_BYTES = 64 << 10, ENV_MAX_VARIABLES = 1000 };

struct variable {
	const char	*name;		/* into the source's text */
	const char	*value;
};

struct conf_env {
	struct source	 source;
	struct variable	*variables;
	size_t		 count;
};

/* Cut spaces and tabs (and a carriage return) off both ends of S. */
static char *
trim(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	for (n = strlen(s); n > 0 && strchr(" \t\r", s[n - 1]) != NULL; n--)
		s[n - 1] = '\0';
	return s;
}

/*
 * Take the quotes off VALUE, and a comment behind them. NULL: the closing one is
 * not where it should be.
 */
static char *
unquote(char *value)
{
	char *end = strchr(value + 1, value[0]), *rest;

	if (end == NULL)
		return NULL;
	rest = end + 1 + strspn(end + 1, " \t");
	if (rest[0] != '\0' && (rest[0] != '#' || rest == end + 1))
		return NULL;
	*end = '\0';
	return value + 1;
}

/* Without a comment, which begins with a # behind a space, as in the shell. */
static char *
cut_comment(char *value)
{
	for (char *sign = value; (sign = strchr(sign, '#')) != NULL; sign++)
		if (sign > value && (sign[-1] == ' ' || sign[-1] == '\t')) {
			*sign = '\0';
			break;
		}
	return trim(value);
}

/* The value in TEXT, all behind the equals sign; NULL: it is quoted badly. */
static char *
read_value(char *text)
{
	char *start = text + strspn(text, " \t");

	if (start[0] != '"' && start[0] != '\'')
		return cut_comment(text);
	return unquote(trim(start));
}

static const char *
name_problem(const struct conf_env *env, const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	    "abcdefghijklmnopqrstuvwxyz0123456789");

	if (n > 0 && (name[n] == ' ' || name[n] == '\t'))
		return "expected NAME=value without a space before the =";
	if (n == 0 || name[n] != '\0' || (name[0] >= '0' && name[0] <= '9'))
		return "expected NAME=value";
	if (env_find(env, name) != NULL)
		return "this variable is set a second time";
	if (env->count == ENV_MAX_VARIABLES)
		return "more than 1000 variables";
	return NULL;
}

/* One line without its newline. Returns what is wrong with it, or NULL. */
static const char *
take_line(struct conf_env *env, char *line)
{
	char *name = trim(line), *value = strchr(name, '=');
	const char *problem;

	if (name[0] == '\0' || name[0] == '#')
		return NULL;
	if (strncmp(name, "export ", 7) == 0)
		name = trim(name + 7);
	if (value == NULL)
		return "expected NAME=value";
	*value++ = '\0';
	problem = name_problem(env, name);
	if (problem != NULL)
		return problem;
	value = read_value(value);
	if (value == NULL)
		return "this quoted value has no end, or something behind it";
	if (!values_is_text(value, strlen(value)))
		return "expected a value without control characters";
	env->variables[env->count++] = (struct variable){ name, value };
	return NULL;
}

static void
take_lines(struct conf_env *env, struct reader *r)
{
	char *next = env->source.text;
	unsigned number = 0;

	while (next != NULL) {
		char *line = next, *end = strchr(line, '\n');
		const char *problem;

		next = end == NULL ? NULL : end + 1;
		if (end != NULL)
			*end = '\0';
		problem = take_line(env, line);
		number++;
		if (problem != NULL)
			reader_report(r, number, "%s", problem);
	}
}

/* Who could have read or written these secrets? */
static void
check_rights(const struct stat *st, struct reader *r)
{
	uid_t us = geteuid();

	if ((st->st_mode & 077) != 0)
		reader_report(r, 0, "others may read or write this file, which "
		    "holds secrets: chmod 600");
	if (us != 0 && st->st_uid != us && st->st_uid != 0)
		reader_report(r, 0, "this file belongs to another user; "
		    "expected the responder's or root");
}

struct conf_env *
env_load(struct reader *r)
{
	struct conf_env *env = calloc(1, sizeof(*env));
	unsigned before = r->problems;
	const char *why;

	if (env == NULL) {
		reader_report(r, 0, "%s", strerror(ENOMEM));
		return NULL;
	}
	if (source_load(&env->source, r->file, ENV_MAX_BYTES, &why) != 0) {
		reader_report(r, 0, "%s", why);
		goto bad;
	}
	check_rights(&env->source.st, r);
	if (strlen(env->source.text) != env->source.size)
		reader_report(r, 0, "a NUL byte is in this file");
	env->variables = calloc(ENV_MAX_VARIABLES, sizeof(*env->variables));
	if (env->variables == NULL)
		reader_report(r, 0, "%s", strerror(ENOMEM));
	if (r->problems != before)
		goto bad;
	take_lines(env, r);
	if (r->problems == before)
		return env;
bad:
	env_free(env);
	return NULL;
}

void
env_free(struct conf_env *env)
{
	if (env == NULL)
		return;
	source_fini(&env->source);
	free(env->variables);
	free(env);
}

const char *
env_find(const struct conf_env *env, const char *name)
{
	for (size_t i = 0; env != NULL && i < env->count; i++)
		if (strcmp(env->variables[i].name, name) == 0)
			return env->variables[i].value;
	return NULL;
}

/* What was in the environment. */
static struct hidden {
	struct hidden	*next;
	char		*name, *value;
} *hidden;

static struct hidden *
find_hidden(const char *name)
{
	for (struct hidden *h = hidden; h != NULL; h = h->next)
		if (strcmp(h->name, name) == 0)
			return h;
	return NULL;
}

/* A later value takes the place of an earlier one. */
void
env_hide(const char *name)
{
	char *value = getenv(name);
	struct hidden *h;

	if (value == NULL || value[0] == '\0')
		return;
	h = find_hidden(name);
	if (h == NULL) {
		h = calloc(1, sizeof(*h));
		if (h == NULL || (h->name = strdup(name)) == NULL)
			abort();
		h->next = hidden;
		hidden = h;
	} else {
		explicit_bzero(h->value, strlen(h->value));
		free(h->value);
	}
	if ((h->value = strdup(value)) == NULL)
		abort();
	explicit_bzero(value, strlen(value));
	unsetenv(name);
}

const char *
env_get(const struct conf_env *env, const char *name)
{
	const char *value = getenv(name);
	const struct hidden *h;

	if ((value == NULL || value[0] == '\0') &&
	    (h = find_hidden(name)) != NULL)
		value = h->value;
	if (value == NULL || value[0] == '\0')
		value = env_find(env, name);
	return value == NULL || value[0] == '\0' ? NULL : value;
}
