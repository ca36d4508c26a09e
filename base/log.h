/* log.h - diagnostics for the operator: one line each, never a secret. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/*
 * Diagnostics go to stderr. Where stderr is /dev/null (spawn-fcgi makes it so)
 * they go to DIR/sluice.log instead (DIR is made if need be). DIR may be NULL:
 * then stderr stays, whatever it is. May be called again after a reload.
 */
void	log_open(const char *dir, enum log_level);

/* The level called NAME ("error", "warn", "info", "debug"), or -1. */
int	log_level_find(const char *name);

/*
 * One line: time, level, pid, text. Control characters in the text are
 * replaced, lines end after 2 KiB. Safe with many processes (one O_APPEND write).
 */
void	log_error(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_warn(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_info(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_debug(const char *, ...) __attribute__((format(printf, 1, 2)));
#endif
