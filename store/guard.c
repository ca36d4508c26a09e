#include "config.h"

#include "store/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Read by a signal handler: START is set last and cleared first. */
static struct {
	_Atomic uintptr_t start;	/* 0 = free */
	_Atomic size_t	 n;
} guarded[GUARD_MAX];

static uintptr_t	 page_size;

static bool
is_guarded(uintptr_t address)
{
	for (int i = 0; i < GUARD_MAX; i++) {
		uintptr_t start = atomic_load(&guarded[i].start);

		if (start != 0 && address >= start &&
		    address - start < atomic_load(&guarded[i].n))
			return true;
	}
	return false;
}

/* The instruction is tried again afterwards: what is not mended ends the process then. */
static void
on_bus_error(int number, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	int	 saved = errno;

	(void)context;
	if (!is_guarded(address) || mmap((void *)(address - address %
	    page_size), page_size, PROT_READ | PROT_WRITE, MAP_FIXED |
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		signal(number, SIG_DFL);
	errno = saved;
}

static void
install(void)
{
	struct sigaction action = { .sa_sigaction = on_bus_error,
		.sa_flags = SA_SIGINFO };

	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

void
guard_open(void *map, size_t n)
{
	install();
	for (int i = 0; i < GUARD_MAX; i++)
		if (atomic_load(&guarded[i].start) == 0) {
			atomic_store(&guarded[i].n, n);
			atomic_store(&guarded[i].start, (uintptr_t)map);
			return;
		}
}

void
guard_close(const void *map)
{
	for (int i = 0; i < GUARD_MAX; i++)
		if (atomic_load(&guarded[i].start) == (uintptr_t)map)
			atomic_store(&guarded[i].start, 0);
}
