/* processes.h - memory that several processes share, and work done by all of them. */
#ifndef TESTS_UNIT_GATEWAY_PROCESSES_H
#define TESTS_UNIT_GATEWAY_PROCESSES_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8 };

/* N bytes of 0. */
static inline void *
shared_alloc(size_t n)
{
	void	*p = mmap(NULL, n, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

static inline void
shared_free(void *p, size_t n)
{
	munmap(p, n);
}

/*
 * Run WORK in PROCESSES processes with numbers from 0, which all begin at once.
 * True: each of them returned.
 */
static inline bool
processes_run(void (*work)(void *arg, unsigned number), void *arg)
{
	_Atomic unsigned *ready = shared_alloc(sizeof *ready);
	int	 status;
	bool	 good = true;

	for (unsigned i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		if (pid < 0)
			abort();
		if (pid != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(120);
		atomic_fetch_add(ready, 1);
		while (atomic_load(ready) < PROCESSES)
			;
		work(arg, i);
		_exit(0);
	}
	for (unsigned i = 0; i < PROCESSES; i++)
		good = wait(&status) > 0 && status == 0 && good;
	shared_free(ready, sizeof *ready);
	return good;
}
#endif
