/* hashes.h - open addressing in memory that many processes fill at once. */
#ifndef STORE_HASHES_H
#define STORE_HASHES_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Of N bytes, never 0, the same in every process. */
uint64_t hashes_make(const void *, size_t n);

/*
 * The next place of HASH (not 0) among HASHES (SIZE of them, a power of 2):
 * one that has it, or one that was free (0) and has it from now on. *PROBE
 * begins as 0; going on finds further places. -1: there is none.
 *
 * Claim and name are one store, so there is no half-claimed place that a death
 * could leave. Who finds a place of its hash whose record is not ready yet
 * fills it, like everybody else who came for the same text: with the same bytes.
 * Two texts of one hash are told apart by their records, whence "further
 * places".
 */
int32_t	hashes_claim(_Atomic uint64_t *hashes, uint32_t size, uint64_t hash,
	    uint32_t *probe);
#endif
