#include "config.h"

#include "base/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE_MAX_BYTES = 2048 };

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug",
};

static int		 log_fd = STDERR_FILENO;
static enum log_level	 log_level = LOG_LEVEL_INFO;

static bool
stderr_is_void(void)
{
	struct stat	 err, null;

	if (fstat(STDERR_FILENO, &err) != 0)
		return true;
	return stat("/dev/null", &null) == 0 && S_ISCHR(err.st_mode) &&
	    err.st_rdev == null.st_rdev;
}

void
log_open(const char *dir, enum log_level level)
{
	char	 path[4096];
	int	 fd;

	log_level = level;
	if (dir == NULL || !stderr_is_void())
		return;
	mkdir(dir, 0750);
	if (snprintf(path, sizeof path, "%s/sluice.log", dir) >=
	    (int)sizeof path)
		return;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return;
	if (log_fd != STDERR_FILENO)
		close(log_fd);
	log_fd = fd;
}

int
log_level_find(const char *name)
{
	for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++)
		if (strcmp(level_names[i], name) == 0)
			return (int)i;
	return -1;
}

static void __attribute__((format(printf, 2, 0)))
log_line(enum log_level level, const char *format, va_list args)
{
	char	 line[LINE_MAX_BYTES], when[CLOCK_TEXT_SIZE];
	size_t	 len, start;
	int	 n;

	if (level > log_level)
		return;
	clock_format(clock_wall_us(), when);
	n = snprintf(line, sizeof line, "%s %s sluice[%d]: ", when,
	    level_names[level], (int)getpid());
	start = len = (size_t)n;
	n = vsnprintf(line + len, sizeof line - len - 1, format, args);
	if (n > 0)
		len += (size_t)n < sizeof line - len - 1 ? (size_t)n :
		    sizeof line - len - 2;
	for (size_t i = start; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	(void)!write(log_fd, line, len);
}

#define LOG_FUNCTION(name, level)					\
void									\
name(const char *format, ...)						\
{									\
	va_list	 args;							\
									\
	va_start(args, format);						\
	log_line(level, format, args);					\
	va_end(args);							\
}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
