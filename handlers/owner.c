#include "config.h"

#include "handlers/owner.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secrecy.h"

void
owner_become(const char *state_dir)
{
	struct stat st;

	if (geteuid() != 0 || stat(state_dir, &st) != 0 || st.st_uid == 0)
		return;
	if (setegid(st.st_gid) != 0 || seteuid(st.st_uid) != 0)
		log_warn("cannot act as the owner of %s", state_dir);
	secrecy_begin();
}
