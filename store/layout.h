/* layout.h - the bytes of STATE_DIR/state. All 0 but for the head, when new.
 *
 * Whoever reads it cannot know who wrote it: indices, counts and texts are
 * checked at each use. Any change here is another LAYOUT_VERSION.
 */
#ifndef STORE_LAYOUT_H
#define STORE_LAYOUT_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "store/state.h"

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
    "atomic words that processes share must not need a lock");

enum {
	LAYOUT_VERSION = 1,
	LAYOUT_SLOTS = 128,
	LAYOUT_SERIES = 8192,		/* a power of 2; a channel with one model has about 4 */
	LAYOUT_CHANNELS = 2048,		/* a power of 2 */
	LAYOUT_CHUNKS = 2048,		/* for the banks of all slots */
	LAYOUT_CHUNK_CELLS = 256,
	LAYOUT_BANK_CHUNKS = 512,	/* at most, of one slot */
	LAYOUT_CELLS = LAYOUT_BANK_CHUNKS * LAYOUT_CHUNK_CELLS,
	LAYOUT_FAILURES = 1024,		/* a power of 2; for throttle.h */
	LAYOUT_ID_SIZE = 64,
	LAYOUT_ALIGN = 64		/* a cache line */
};

/* Kernel locks stand on bytes far behind the data. */
enum {
	LAYOUT_LOCK_SLOT = 1 << 30,	/* one byte for each slot */
	LAYOUT_LOCK_LEADER = LAYOUT_LOCK_SLOT + LAYOUT_SLOTS
};

struct layout_head {
	char		 magic[8];
	uint32_t	 version, slots;
	uint64_t	 size_bytes;
	uint64_t	 check;		/* hash of what stands before it */
};

struct layout_redo {
	uint64_t	 value;		/* of the cell afterwards */
	uint32_t	 cell;
};

/* The transaction that is under way, if any: see ledger.h. */
struct layout_record {
	_Atomic uint32_t state;
	uint32_t	 redo_count;
	uint32_t	 line_len;
	uint64_t	 wall_us;
	char		 id[LAYOUT_ID_SIZE];
	struct layout_redo redo[STATE_BATCH_MAX];
	char		 line[STATE_LINE_MAX];
};

struct layout_slot {
	alignas(LAYOUT_ALIGN)
	_Atomic uint32_t epoch;		/* counts the owners */
	_Atomic uint32_t pid;		/* 0 = left clean */
	uint64_t	 start_wall_us;
	struct layout_record record;
};

struct layout_series {
	_Atomic uint32_t is_ready;	/* the rest may be read */
	_Atomic uint32_t first;		/* cell; 0 = none yet */
	uint8_t		 count, is_gauge;
	char		 text[STATE_TEXT_MAX + 1];
};

struct layout {
	struct layout_head head;
	alignas(LAYOUT_ALIGN)
	_Atomic uint32_t next_cell;
	alignas(LAYOUT_ALIGN)
	_Atomic uint32_t chunk_owner[LAYOUT_CHUNKS];	/* see bank.h */
	_Atomic uint64_t series_hash[LAYOUT_SERIES];	/* see hashes.h */
	_Atomic uint64_t channel_hash[LAYOUT_CHANNELS];
	_Atomic uint64_t failures[LAYOUT_FAILURES];
	struct layout_series series[LAYOUT_SERIES];
	struct state_channel channels[LAYOUT_CHANNELS];
	struct layout_slot slots[LAYOUT_SLOTS];
	alignas(4096)
	_Atomic uint64_t chunks[LAYOUT_CHUNKS][LAYOUT_CHUNK_CELLS];
};
#endif
