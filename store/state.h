/* state.h - what all processes share: counts, channels, slots, who leads.
 *
 * STATE_DIR/state is one file that every responder, CGI run and sluicectl maps.
 * A process counts in cells of its own, so nobody waits for anybody; readers
 * add up. Without a usable file all of this works within the process alone.
 * Everything belongs to the loop's thread, but for state_sweep.
 */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;
struct layout;
struct state;

enum {
	STATE_TEXT_MAX = 215,		/* bytes of a series */
	STATE_CELLS_MAX = 32,		/* of one series */
	STATE_BUCKETS = 28,
	STATE_BATCH_MAX = 176,		/* distinct cells of one transaction */
	STATE_LINE_MAX = 8192,		/* bytes that a slot can hold */
	STATE_CHANNEL_MAX = 127		/* bytes of a channel's name */
};

/*
 * What all processes know of one channel: words of which gateway/ knows the
 * meaning, all 0 at first.
 */
struct state_channel {
	_Atomic uint64_t breaker, cool_until_ms, error_rate, first_token, total,
			 last_end_ms;
	_Atomic uint64_t suspected_ms;
	_Atomic uint64_t witness, witness_breaker, witness_ms;
	_Atomic uint32_t stream_buckets[STATE_BUCKETS],
			 plain_buckets[STATE_BUCKETS];
	_Atomic uint32_t stream_count, plain_count;

	/* private */
	_Atomic uint32_t is_ready;
	char		 name[STATE_CHANNEL_MAX + 1];
};

/*
 * Map STATE_DIR/state, made if need be (so is STATE_DIR, if its parent exists),
 * and take a slot. May wait some seconds for others who do the same. Never
 * NULL: what cannot be shared is private memory, which is told to the log.
 */
struct state *state_open(const char *state_dir);
void	state_close(struct state *);

/* True when it is private memory only. */
bool	state_is_private(const struct state *);

/*
 * Changes when another file was attached: channels and series that were found
 * before must be found again.
 */
unsigned state_generation(const struct state *);

/*
 * Attach the file at the path if it is another one by now, make it if it is
 * gone; private memory tries again to be shared. For once a second: one stat()
 * when nothing changed, and it never waits. Counts begin anew with another
 * file; own gauges are the caller's to set again. A channel of the file before
 * may be written to until the file changes once more; nobody reads it.
 */
void	state_refresh(struct state *);

/*
 * The shared record of the channel NAME, found or made. Valid until the
 * generation changes. NULL: no room, or a name of more than STATE_CHANNEL_MAX
 * bytes; told to the log once.
 */
struct state_channel *state_channel(struct state *, const char *name);

enum { STATE_SECRET_SIZE = 16 };

/*
 * A secret of the file, random and the same for all processes: a key for hashes
 * whose places nobody shall be able to choose.
 */
void	state_secret(struct state *, unsigned char secret[STATE_SECRET_SIZE]);

/* The words that HASH shares with few others; see throttle.h. */
_Atomic uint64_t *state_failures(struct state *, uint64_t hash);
_Atomic uint64_t *state_guesses(struct state *, uint64_t hash);

/* Who we are: the slot and the low byte of its epoch. Never 0. */
uint16_t state_owner(const struct state *);

/*
 * Whether the process that was OWNER is still there: the kernel is asked about
 * its slot. Private memory: always true.
 */
bool	state_is_alive(struct state *, uint16_t owner);

/* A process that has a slot, or has died and left it. */
struct state_process {
	unsigned	 slot;
	uint32_t	 pid;
	uint64_t	 start_wall_us;
	bool		 is_alive, leads;
};

/* Call EACH for every process that the segment knows of. */
void	state_each_process(struct state *,
	    void (*each)(void *arg, const struct state_process *), void *arg);

/*
 * For this room: the bytes that are shared, until the generation changes, and
 * which slot is the own one. Whether the process that has SLOT is there: the
 * kernel is asked, but of a slot that nobody has.
 */
struct layout *state_map(struct state *);
unsigned state_slot(const struct state *);
bool	state_is_slot_alive(struct state *, unsigned slot);

/*
 * The first of the CELLS cells (1 to STATE_CELLS_MAX) of the series TEXT (LEN
 * bytes, 1 to STATE_TEXT_MAX, none of them a control character), found or made.
 * TEXT is what Prometheus shows: name{label="value"}. -1: no room, told to the
 * log once.
 */
int32_t	state_series(struct state *, const char *text, size_t len,
	    unsigned cells, bool is_gauge);

/* Add to an own cell, now. DELTA may be negative. A cell of -1 is ignored. */
void	state_add(struct state *, int32_t cell, int64_t delta);

/* This process's part of a cell (and that of its slot's owners before it). */
uint64_t state_own(const struct state *, int32_t cell);

/*
 * The settle transaction: begin, add, commit, one at a time. A cell may be
 * added to more than once; cells beyond STATE_BATCH_MAX distinct ones are
 * counted at once and unprotected. A cell of -1 is ignored.
 */
void	state_begin(struct state *);
void	state_batch_add(struct state *, int32_t cell, uint64_t delta);

/*
 * Append LINE (N bytes) to JOURNAL and apply the counts: both or, should this
 * process die, whatever is missing of them by state_sweep. What a sweep would
 * write is LINE, or SHORT_LINE where LINE has more than STATE_LINE_MAX bytes
 * (where that is too long as well, nothing is left to a sweep). Both begin with
 * {"asctime", end in "}\n" and have the member "request_id":"ID", ID of less
 * than 64 bytes. WALL_US is now. JOURNAL may be NULL: only the counts, then.
 */
void	state_commit(struct state *, struct journal *, uint64_t wall_us,
	    const char *id, const char *line, size_t n, const char *short_line,
	    size_t short_n);

/*
 * Call EACH once for every distinct series, sorted by text, with the sums over
 * all slots, those of the dead included; a gauge is that of the living. A sum
 * that went below 0 is a negative int64_t. TEXT and CELLS are lent for the
 * call.
 */
void	state_each(struct state *, void (*each)(void *arg, const char *text,
	    const uint64_t *cells, unsigned count, bool is_gauge), void *arg);

/*
 * Finish what dead processes left: their lines to JOURNAL_DIR, counts, gauges.
 * Returns of how many. Reads and writes files: for the thread pool, while the
 * loop goes on using the state, or for sluicectl.
 */
unsigned state_sweep(struct state *, const char *journal_dir);

/*
 * Become, or still be, the one process that does what one must do. Never waits.
 * Private memory: true.
 */
bool	state_lead(struct state *);

/* Let another lead, if this process does: its end is near, but may take its time. */
void	state_resign(struct state *);
#endif
