/* backup_files.h - files that come into their place whole, or not at all. */
#ifndef STORE_BACKUP_FILES_H
#define STORE_BACKUP_FILES_H

#include <stdbool.h>

#include "store/backup.h"

enum { BACKUP_PATH_SIZE = 4200 };

/* What is at PATH? BACKUP_DONE: a file. */
enum backup_end backup_files_look_at(const char *path);

/* The directory that PATH is in. */
void	backup_files_folder(const char *path, char folder[BACKUP_PATH_SIZE]);

/*
 * Make an empty file beside PATH, for its owner alone, and write its name to
 * MADE. What root makes in somebody's state_dir is that one's: LIKE is a path
 * that has the right owner, or NULL.
 */
bool	backup_files_make(const char *path, const char *like,
	    char made[BACKUP_PATH_SIZE]);

/*
 * MADE, which nobody has open any more, becomes PATH and is on the disk. MADE is
 * gone afterwards, however this ends.
 */
enum backup_end backup_files_put(const char *made, const char *path,
	    bool replace);
#endif
