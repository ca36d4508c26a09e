/* owner.h - a command that root calls acts as the owner of what it changes. */
#ifndef HANDLERS_OWNER_H
#define HANDLERS_OWNER_H

/*
 * Be the owner of STATE_DIR from now on, if root is who runs this: a database
 * made by root could not be opened by the responders.
 */
void	owner_become(const char *state_dir);
#endif
