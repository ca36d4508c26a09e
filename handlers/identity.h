/* identity.h - whom the web server has let in, where it does that (auth.remote_user). */
#ifndef HANDLERS_IDENTITY_H
#define HANDLERS_IDENTITY_H

#include "fcgi/params.h"

/*
 * The user's name, or else the subject of the client's certificate, if the web
 * server verified that. NULL: it knows nobody. Borrowed. Variables that clients
 * can set by headers begin with HTTP_ (RFC 3875 section 4.1.18): these do not.
 */
const char *identity_find(const struct params *);
#endif
