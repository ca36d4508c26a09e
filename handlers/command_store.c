#include "config.h"

#include "handlers/command_store.h"

#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "handlers/owner.h"

/* A conf_report_fn. */
static void
report_problem(void *arg, const struct err_at *at)
{
	struct command_store *s = arg;

	err_at_print(at, s->err);
}

bool
command_store_open(struct command_store *s, const char *file, FILE *err)
{
	*s = (struct command_store){ .err = err };
	s->conf = conf_load(file, NULL, report_problem, s);
	log_open(NULL, LOG_LEVEL_WARN);
	if (sodium_init() < 0 || s->conf == NULL)
		return false;
	conf_hide_seal_key(s->conf);
	s->db = db_create(s->conf->state_dir);
	return true;
}

void
command_store_become_owner(struct command_store *s)
{
	owner_become(s->conf->state_dir);
}

void
command_store_close(struct command_store *s)
{
	db_free(s->db);
	conf_free(s->conf);
}

bool
command_store_load_seal(struct command_store *s, struct seal *seal)
{
	const struct seal_place place = {
		.name = s->conf->auth.seal_key_env,
		.value = conf_getenv(s->conf, s->conf->auth.seal_key_env),
		.dir = s->conf->state_dir,
	};

	if (secrets_load_seal(s->db, seal, &place))
		return true;
	fprintf(s->err, "sluicectl: the key cannot be sealed: %s\n",
	    seal->why);
	return false;
}

void
command_store_read_line(FILE *in, char *secret, size_t size)
{
	if (fgets(secret, (int)size, in) == NULL)
		secret[0] = '\0';
	secret[strcspn(secret, "\r\n")] = '\0';
}
