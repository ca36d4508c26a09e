#include "config.h"

#include "base/secrecy.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void
secrecy_begin(void)
{
	const struct rlimit none = { 0, 0 };
	const char *debugs = getenv("SLUICE_DUMPABLE");

	if (debugs != NULL && strcmp(debugs, "1") == 0)
		return;
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
