/* layout.h - the bytes of STATE_DIR/state. All 0 but for the head, when new.
 *
 * The file begins with LAYOUT_BASE_CHUNKS of the chunks at its end and grows
 * with need; all of struct layout is mapped from the start.
 * Whoever reads it cannot know who wrote it: indices, counts and texts are
 * checked at each use. Any change here is another LAYOUT_VERSION.
 */
#ifndef STORE_LAYOUT_H
#define STORE_LAYOUT_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "store/limits.h"
#include "store/live.h"
#include "store/sessions.h"
#include "store/state.h"

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
    "atomic words that processes share must not need a lock");

enum {
	LAYOUT_VERSION = 4,
	LAYOUT_SLOTS = 128,
	LAYOUT_SERIES = 8192,		/* a power of 2; a channel with one model has about 4 */
	LAYOUT_CHANNELS = 2048,		/* a power of 2 */
	LAYOUT_ACCOUNTS = 120000,	/* of keys that have limits */
	LAYOUT_ACCOUNT_PLACES = 262144,	/* a power of 2 */
	LAYOUT_ACCOUNT_ID = 16,
	LAYOUT_CHUNKS = 40960,		/* for all banks, and accounts: 80 MB of addresses */
	LAYOUT_BASE_CHUNKS = 1024,
	LAYOUT_GROW_CHUNKS = 256,	/* at a time */
	LAYOUT_CHUNK_CELLS = 256,
	LAYOUT_FAILURES = 1024,		/* a power of 2; for throttle.h */
	LAYOUT_SECRET = 2,		/* words */
	LAYOUT_ID_SIZE = 64,
	LAYOUT_ALIGN = 64		/* a cache line */
};

/*
 * The cells of one account, the same in every bank. The first are what a
 * process holds while it lives. The sums are of the day that was charged last,
 * and of its week and its month; in each, tokens and cost.
 */
enum layout_account_cell {
	LAYOUT_IN_FLIGHT,
	LAYOUT_RESERVED_TOKENS,
	LAYOUT_RESERVED_COST,
	LAYOUT_HOLDS,
	LAYOUT_DAY = LAYOUT_HOLDS,
	LAYOUT_SUMS,
	LAYOUT_ACCOUNT_CELLS = LAYOUT_SUMS + 2 * LIMITS__PERIODS
};

/* A bank has cells of series first, then those of accounts. */
enum {
	LAYOUT_SERIES_CHUNKS = 512,
	LAYOUT_SERIES_CELLS = LAYOUT_SERIES_CHUNKS * LAYOUT_CHUNK_CELLS,
	LAYOUT_CHUNK_SHARES = LAYOUT_CHUNK_CELLS / LAYOUT_ACCOUNT_CELLS,
	LAYOUT_SHARE_CHUNKS = LAYOUT_ACCOUNTS / LAYOUT_CHUNK_SHARES,
	LAYOUT_BANK_CHUNKS = LAYOUT_SERIES_CHUNKS + LAYOUT_SHARE_CHUNKS,
	LAYOUT_CELLS = LAYOUT_BANK_CHUNKS * LAYOUT_CHUNK_CELLS
};

/* Kernel locks stand on bytes far behind the data. */
enum {
	LAYOUT_LOCK_SLOT = 1 << 30,	/* one byte for each slot */
	LAYOUT_LOCK_LEADER = LAYOUT_LOCK_SLOT + LAYOUT_SLOTS,
	LAYOUT_LOCK_GROW
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
	_Atomic uint32_t hold_count;	/* cells of holds that are not 0 */
	uint64_t	 start_wall_us;
	struct layout_record record;
};

struct layout_series {
	_Atomic uint32_t is_ready;	/* the rest may be read */
	_Atomic uint32_t first;		/* cell; 0 = none yet */
	uint8_t		 count, is_gauge;
	char		 text[STATE_TEXT_MAX + 1];
};

/* What all processes know of a key that has limits: see accounts.h. */
struct layout_account {
	uint8_t		 id[LAYOUT_ACCOUNT_ID];
	_Atomic uint64_t buckets[LIMITS__BUCKETS];	/* see bucket.h */
	_Atomic uint64_t born_ms;
	_Atomic uint32_t is_ready;
	alignas(LAYOUT_ALIGN)
	_Atomic uint32_t base_state;	/* see accounts.h */
	_Atomic uint64_t base[LAYOUT_ACCOUNT_CELLS - LAYOUT_DAY];
};

enum { LAYOUT_CHUNK_ACCOUNTS = LAYOUT_CHUNK_CELLS * sizeof(uint64_t) /
	sizeof(struct layout_account) };

union layout_chunk {
	_Atomic uint64_t cells[LAYOUT_CHUNK_CELLS];
	struct layout_account accounts[LAYOUT_CHUNK_ACCOUNTS];
};

struct layout_live {
	_Atomic uint32_t sequence;	/* odd while it is written */
	_Atomic uint32_t phase;
	struct live_request request;
};

/* Of one slot: see live.h. */
struct layout_lives {
	alignas(LAYOUT_ALIGN)
	_Atomic uint64_t unlisted;	/* below the epoch of who counted them */
	struct layout_live places[LIVE_MAX];
};

/* Callers whose hash leads here: see sessions.h. */
struct layout_sessions {
	alignas(LAYOUT_ALIGN)
	_Atomic uint32_t writer;	/* its owner word; 0 = nobody */
	_Atomic uint32_t sequences[SESSIONS_WAYS];	/* odd while it is written */
	_Atomic uint64_t callers[SESSIONS_WAYS], last_ms[SESSIONS_WAYS];
	struct session sessions[SESSIONS_WAYS];
};

struct layout {
	struct layout_head head;
	alignas(LAYOUT_ALIGN)
	_Atomic uint32_t next_cell;
	_Atomic uint32_t next_account;
	_Atomic uint32_t more_chunks;	/* than those of the base */
	alignas(LAYOUT_ALIGN)
	_Atomic uint32_t chunk_owner[LAYOUT_CHUNKS];	/* see chunks.h */
	_Atomic uint64_t series_hash[LAYOUT_SERIES];	/* see hashes.h */
	_Atomic uint64_t channel_hash[LAYOUT_CHANNELS];
	_Atomic uint64_t secret[LAYOUT_SECRET];	/* random; a word is made when it is first needed */
	_Atomic uint64_t failures[LAYOUT_FAILURES];
	_Atomic uint64_t guesses[LAYOUT_FAILURES];
	_Atomic uint32_t account_places[LAYOUT_ACCOUNT_PLACES];
	_Atomic uint32_t account_chunks[LAYOUT_ACCOUNTS /
	    LAYOUT_CHUNK_ACCOUNTS];
	struct layout_series series[LAYOUT_SERIES];
	struct state_channel channels[LAYOUT_CHANNELS];
	struct layout_slot slots[LAYOUT_SLOTS];
	_Atomic uint32_t leader;	/* its owner word; 0: it has resigned */
	struct layout_lives lives[LAYOUT_SLOTS];
	struct layout_sessions sessions[SESSIONS_SETS];
	alignas(4096)
	union layout_chunk chunks[LAYOUT_CHUNKS];
};

_Static_assert(LAYOUT_ACCOUNTS % LAYOUT_CHUNK_SHARES == 0 &&
    LAYOUT_ACCOUNTS % LAYOUT_CHUNK_ACCOUNTS == 0 &&
    sizeof(union layout_chunk) == LAYOUT_CHUNK_CELLS * sizeof(uint64_t),
    "chunks are divided without a rest");

/* The size of a file with COUNT chunks. */
static inline size_t
layout_bytes(size_t count)
{
	return offsetof(struct layout, chunks) +
	    count * sizeof(union layout_chunk);
}
#endif
