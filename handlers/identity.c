#include "config.h"

#include "handlers/identity.h"

#include <stddef.h>
#include <string.h>

/*
 * Apache renames the first where it redirects internally after it has asked for
 * a password.
 */
static const char *const user_params[] = {
	"REMOTE_USER", "REDIRECT_REMOTE_USER",
};

/* Apache's mod_ssl, lighttpd's mod_openssl, and what sluice.local.conf gives nginx. */
static const char *
find_subject(const struct params *p)
{
	const char *verdict = params_get(p, "SSL_CLIENT_VERIFY");

	return verdict == NULL || strcmp(verdict, "SUCCESS") != 0 ? NULL :
	    params_get(p, "SSL_CLIENT_S_DN");
}

const char *
identity_find(const struct params *p)
{
	const char *user;

	for (size_t i = 0; i < sizeof user_params / sizeof *user_params; i++) {
		user = params_get(p, user_params[i]);
		if (user != NULL && *user != '\0')
			return user;
	}
	return find_subject(p);
}
