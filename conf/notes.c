#include "config.h"

#include "conf/notes.h"

#include <stdbool.h>
#include <string.h>

#include "conf/conf.h"

/* ---- Keys. ---- */

/* What is odd about the keys of a variable. */
struct oddities {
	bool		 is_short, has_space;
};

static void
look_at_key(struct oddities *o, const char *key, size_t n)
{
	if (n == 0)
		return;
	if (n < NOTES_KEY_MIN)
		o->is_short = true;
	if (memchr(key, ' ', n) != NULL || memchr(key, '\t', n) != NULL)
		o->has_space = true;
}

/* The keys in VALUE, separated by any of SEPARATORS, without spaces around them. */
static struct oddities
look_at_keys(const char *value, const char *separators)
{
	struct oddities o = { false, false };
	size_t n, len;

	for (;; value += n + 1) {
		value += strspn(value, " \t");
		n = len = strcspn(value, separators);
		while (len > 0 && (value[len - 1] == ' ' ||
		    value[len - 1] == '\t'))
			len--;
		look_at_key(&o, value, len);
		if (value[n] == '\0')
			return o;
	}
}

static void
print_space(FILE *out, const char *name)
{
	fprintf(out, "note: a key in %s has a space in it, which belongs to "
	    "the key, as a comment behind it would\n", name);
}

/* A key that clients show: NAME may list several. */
static void
print_own_keys(FILE *out, const struct conf *conf, const char *name,
    const char *separators)
{
	const char *value = conf_getenv(conf, name);
	struct oddities o;

	if (value == NULL)
		return;
	o = look_at_keys(value, separators);
	if (o.is_short)
		fprintf(out, "note: a key in %s is shorter than %d bytes: it "
		    "can be guessed\n", name, NOTES_KEY_MIN);
	if (o.has_space)
		print_space(out, name);
}

/* What a provider gave is as long as it is. */
static void
print_provider_keys(FILE *out, const struct conf *conf)
{
	for (size_t i = 0; i < conf->provider_count; i++) {
		const char *name = conf->providers[i]->api_key_env;
		const char *value = name == NULL ? NULL :
		    conf_getenv(conf, name);

		if (value != NULL && look_at_keys(value, "").has_space)
			print_space(out, name);
	}
}

/* ---- The rest. ---- */

static void
print_missing(FILE *out, const struct conf *conf)
{
	if (conf->provider_count == 0)
		fprintf(out, "note: no provider file (*.conf) is in %s\n",
		    conf->providers_dir);
	if (!conf->auth.open && conf_getenv(conf, conf->auth.keys_env) == NULL)
		fprintf(out, "note: %s is not set in this environment%s; "
		    "without it only keys of \"sluicectl keys\" are let in\n",
		    conf->auth.keys_env,
		    conf->env == NULL ? "" : " or in env_file");
}

void
notes_print(FILE *out, const struct conf *conf)
{
	print_missing(out, conf);
	print_own_keys(out, conf, conf->auth.keys_env, ",");
	print_own_keys(out, conf, conf->auth.admin_key_env, "");
	print_provider_keys(out, conf);
}
