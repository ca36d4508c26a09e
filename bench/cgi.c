/*
 * cgi - what a CGI request costs: fork, exec, pipes, wait.
 *
 *	cgi ROUNDS [INPUT] -- PROGRAM
 *
 * Runs PROGRAM and /bin/true by turns, each with the environment of this
 * process, INPUT's bytes (a file, at most 60,000) on stdin and stdout read to
 * its end. Prints one JSON line: median and p99 of the wall time, and the mean
 * CPU time of both.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 10000, INPUT_MAX = 60000 };	/* a pipe holds 65,536 */

struct runs {
	double		 wall_us[ROUNDS_MAX];
	double		 cpu_us;	/* of all */
	unsigned	 bad;		/* answers that were not a 200 */
};

static struct runs of_true, of_program;
static char input[INPUT_MAX];
static size_t input_len;

static double
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double
cpu_us(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) *
	    1e6 + (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

static _Noreturn void
exec_program(const char *path, const int *in, const int *out)
{
	dup2(in[0], 0);
	dup2(out[1], 1);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
	execl(path, path, (char *)NULL);
	_exit(127);
}

/* All that comes from FD; true when its first line is a 200. */
static bool
read_answer(int fd)
{
	char buf[65536] = "";
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, buf + len, sizeof(buf) - 1 - len)) > 0)
		if ((len += (size_t)n) == sizeof(buf) - 1)
			return false;
	buf[len] = '\0';
	return strncmp(buf, "Status: 200", 11) == 0;
}

/* False: a system call failed. */
static bool
run(const char *path, struct runs *runs, unsigned round)
{
	double begun = now_us();
	struct rusage usage;
	int in[2], out[2], status;
	pid_t pid;

	if (pipe(in) != 0 || pipe(out) != 0 || (pid = fork()) < 0)
		return false;
	if (pid == 0)
		exec_program(path, in, out);
	close(in[0]);
	close(out[1]);
	/* A program that does not read its input has done nothing wrong. */
	if (write(in[1], input, input_len) < 0 && errno != EPIPE)
		return false;
	close(in[1]);
	if (!read_answer(out[0]))
		runs->bad++;
	close(out[0]);
	if (wait4(pid, &status, 0, &usage) != pid)
		return false;
	runs->wall_us[round] = now_us() - begun;
	runs->cpu_us += cpu_us(&usage);
	return true;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
print(const char *name, struct runs *runs, unsigned rounds)
{
	qsort(runs->wall_us, rounds, sizeof(runs->wall_us[0]), compare);
	printf("\"%s_us\":%.0f,\"%s_p99_us\":%.0f,\"%s_cpu_us\":%.0f,"
	    "\"%s_bad\":%u", name, runs->wall_us[rounds / 2], name,
	    runs->wall_us[rounds * 99 / 100], name, runs->cpu_us / rounds,
	    name, runs->bad);
}

static bool
load_input(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (file == NULL)
		return false;
	input_len = fread(input, 1, sizeof(input), file);
	fclose(file);
	return true;
}

int
main(int argc, char **argv)
{
	unsigned rounds = argc > 3 ? (unsigned)atoi(argv[1]) : 0, i;

	if (rounds < 1 || rounds > ROUNDS_MAX || argc > 5 ||
	    strcmp(argv[argc - 2], "--") != 0 ||
	    (argc == 5 && !load_input(argv[2]))) {
		fprintf(stderr, "usage: cgi ROUNDS [INPUT] -- PROGRAM\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < rounds; i++)
		if (!run("/bin/true", &of_true, i) ||
		    !run(argv[argc - 1], &of_program, i)) {
			perror("cgi");
			return 1;
		}
	printf("{");
	print("true", &of_true, rounds);
	printf(",");
	print("program", &of_program, rounds);
	printf("}\n");
	return 0;
}
