/* children.h - a directory, and processes in it that can be killed. */
#ifndef TESTS_UNIT_STORE_CHILDREN_H
#define TESTS_UNIT_STORE_CHILDREN_H

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What stands in DIR; words that children and the test have in common. */
struct place {
	char		 dir[64], state_dir[80], state[96], log[80];
	_Atomic uint32_t *words;
};

enum { PLACE_WORDS = 1024 };

static inline struct place *
place_make(void)
{
	struct place *p = calloc(1, sizeof *p);

	strcpy(p->dir, "/tmp/sluice-store.XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		abort();
	snprintf(p->state_dir, sizeof p->state_dir, "%s/run", p->dir);
	snprintf(p->state, sizeof p->state, "%s/state", p->state_dir);
	snprintf(p->log, sizeof p->log, "%s/log", p->dir);
	p->words = mmap(NULL, PLACE_WORDS * sizeof(uint32_t), PROT_READ |
	    PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->words == MAP_FAILED)
		abort();
	return p;
}

static inline void
place_remove(struct place *p)
{
	char	 command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", p->dir);
	if (system(command) != 0)
		abort();
	munmap(p->words, PLACE_WORDS * sizeof(uint32_t));
	free(p);
}

/*
 * Run in a process of its own. It ends by a signal: valgrind would turn an exit
 * into a failure, for leaks in its copy of the test's memory.
 */
static inline pid_t
child_start(void (*run)(struct place *, unsigned), struct place *p,
    unsigned number)
{
	pid_t	 pid = fork();

	if (pid < 0)
		abort();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGSEGV, SIG_DFL);	/* cmocka's goes on here */
		signal(SIGBUS, SIG_DFL);
		run(p, number);
		raise(SIGKILL);
	}
	return pid;
}

/* 0 when it came to its end, or was killed. */
static inline int
child_wait(pid_t pid)
{
	int	 status;

	while (waitpid(pid, &status, 0) != pid)
		continue;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : -1;
}

static inline void
child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	child_wait(pid);
}

/* Poll until the word is VALUE or more; an alarm ends who waits for ever. */
static inline void
until(_Atomic uint32_t *word, uint32_t value)
{
	alarm(120);
	while (atomic_load(word) < value)
		sched_yield();
	alarm(0);
}

/* In a child: say so and stay until killed. */
static inline void
report_and_stay(_Atomic uint32_t *word)
{
	atomic_fetch_add(word, 1);
	for (;;)
		pause();
}
#endif
