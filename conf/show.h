/* show.h - the effective configuration as text. */
#ifndef CONF_SHOW_H
#define CONF_SHOW_H

#include <stdbool.h>
#include <stdio.h>

struct conf;
struct conf_provider;
struct key;

/*
 * The effective values of sluice.conf, or of one provider file, in libconfig
 * syntax that can be read again. Secrets are masked; what names an environment
 * variable says whether it is set.
 */
void	show_main(FILE *, const struct conf *);
void	show_provider(FILE *, const struct conf *, const struct conf_provider *);

/*
 * For a new file: only what differs from the defaults, nothing masked. The
 * structure may hold relative paths, and NULL or "" where nothing is set.
 */
void	show_changed_main(FILE *, const struct conf *);
void	show_changed_provider(FILE *, const struct conf_provider *);

/* What stands for a secret. */
extern const char show_mask[9];

/*
 * True for a timeout that this level leaves to another, 0 being no value of it,
 * and for a price that is another's.
 */
bool	show_is_unset(const struct key *, const void *structure);
#endif
