/* id.h - request ids. */
#ifndef BASE_ID_H
#define BASE_ID_H

enum { ID_SIZE = 36 };			/* "req_" + 30 hex digits + NUL, rounded */

/* A fresh random id, unguessable and unique over processes and restarts. */
void	id_make(char id[ID_SIZE]);
#endif
