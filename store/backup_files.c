#include "config.h"

#include "store/backup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum backup_end
backup_files_look_at(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? BACKUP_MISSING : BACKUP_UNREADABLE;
	return S_ISREG(st.st_mode) ? BACKUP_DONE : BACKUP_NO_FILE;
}

bool
backup_files_make(const char *path, const char *like, char made[BACKUP_PATH_SIZE])
{
	struct stat st;
	int	 fd;
	bool	 ok = true;

	snprintf(made, BACKUP_PATH_SIZE, "%s.XXXXXX", path);
	fd = mkstemp(made);
	if (fd < 0)
		return false;
	if (like != NULL && geteuid() == 0)
		ok = stat(like, &st) == 0 &&
		    fchown(fd, st.st_uid, st.st_gid) == 0;
	close(fd);
	if (!ok)
		unlink(made);
	return ok;
}

static bool
sync_path(const char *path)
{
	int	 fd = open(path, O_RDONLY | O_CLOEXEC);
	bool	 ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

void
backup_files_folder(const char *path, char folder[BACKUP_PATH_SIZE])
{
	char	 copy[BACKUP_PATH_SIZE];

	snprintf(copy, sizeof copy, "%s", path);
	snprintf(folder, BACKUP_PATH_SIZE, "%s", dirname(copy));
}

static bool
sync_folder(const char *path)
{
	char	 folder[BACKUP_PATH_SIZE];

	backup_files_folder(path, folder);
	return sync_path(folder);
}

enum backup_end
backup_files_put(const char *made, const char *path, bool replace)
{
	enum backup_end end = BACKUP_UNWRITABLE;

	if (sync_path(made)) {
		if ((replace ? rename(made, path) : link(made, path)) == 0)
			end = BACKUP_DONE;
		else if (errno == EEXIST)
			end = BACKUP_TAKEN;
	}
	unlink(made);
	if (end == BACKUP_DONE && !sync_folder(path))
		end = BACKUP_UNWRITABLE;
	return end;
}
