#include "config.h"

#include "store/hashes.h"

#include <string.h>

#include <sodium.h>

/* No secret: it only has to be the same everywhere. */
static const unsigned char key[crypto_shorthash_KEYBYTES] = "sluice hashes 1";

uint64_t
hashes_make(const void *text, size_t n)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t hash;

	crypto_shorthash(out, text, n, key);
	memcpy(&hash, out, sizeof hash);
	return hash == 0 ? 1 : hash;
}

int32_t
hashes_claim(_Atomic uint64_t *hashes, uint32_t size, uint64_t hash,
    uint32_t *probe)
{
	uint64_t found;
	uint32_t i;

	while (*probe < size) {
		i = (uint32_t)(hash + (*probe)++) & (size - 1);
		found = atomic_load_explicit(&hashes[i], memory_order_acquire);
		if (found == 0 && atomic_compare_exchange_strong_explicit(
		    &hashes[i], &found, hash, memory_order_acq_rel,
		    memory_order_acquire))
			return (int32_t)i;
		if (found == hash)
			return (int32_t)i;
	}
	return -1;
}
