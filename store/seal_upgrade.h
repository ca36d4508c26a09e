/* seal_upgrade.h - keys in the database that were sealed before they had a
 * purpose: they are opened once more as they are, and sealed for their origins. */
#ifndef STORE_SEAL_UPGRADE_H
#define STORE_SEAL_UPGRADE_H

struct conf;
struct db;

/*
 * A channel's key is sealed for the origin of its base URL, what stands in for a
 * variable for the places where the files of CONF that name it lead; one that no
 * file names waits for one. From then on no channel's key opens as keys did
 * before, whatever is written into the database: one that could not be opened,
 * while others could, has to be given again. Where none can be opened (another
 * seal key, none at all) nothing is changed. In one transaction; blocks. Told to
 * the log.
 */
void	seal_upgrade_run(struct db *, const struct conf *);
#endif
