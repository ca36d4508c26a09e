/* secrecy.h - what is in the memory of a process stays there. */
#ifndef BASE_SECRECY_H
#define BASE_SECRECY_H

/*
 * From now on this process leaves no core file, neither as a file nor through a
 * pipe (core(5)), and nobody but root may attach to it or read its memory and
 * environment in /proc (PR_SET_DUMPABLE, proc(5)). First of all in main, before a
 * secret is read, and again after a change of the user, which resets it. The
 * variable SLUICE_DUMPABLE=1 leaves all that as it was, for debugging.
 */
void	secrecy_begin(void);
#endif
