#include "config.h"

#include "base/id.h"

#include <string.h>

#include <sodium.h>

enum { RANDOM_SIZE = 15, POOL_IDS = 32 };

/* Fetched in bulk: the kernel is asked once in POOL_IDS requests. */
static unsigned char	 pool[POOL_IDS][RANDOM_SIZE];
static unsigned		 pool_left;

void
id_make(char id[ID_SIZE])
{
	if (pool_left == 0) {
		randombytes_buf(pool, sizeof pool);
		pool_left = POOL_IDS;
	}
	pool_left--;
	memcpy(id, "req_", 4);
	sodium_bin2hex(id + 4, ID_SIZE - 4, pool[pool_left], RANDOM_SIZE);
}
