#include "config.h"

#include "store/sessions.h"

#include <stdbool.h>
#include <string.h>

#include "store/layout.h"

enum { ID_SHIFT = 11 };

uint64_t
sessions_id(uint64_t caller)
{
	return caller >> ID_SHIFT == 0 ? 1 : caller >> ID_SHIFT;
}

/* Sets and ids have no bits in common: an id's set can be any. */
static struct layout_sessions *
set_of(struct state *s, uint64_t caller)
{
	return &state_map(s)->sessions[caller & (SESSIONS_SETS - 1)];
}

static uint64_t
load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void
copy(char *out, size_t size, const char *text)
{
	size_t	 n = text == NULL ? 0 : strnlen(text, size - 1);

	if (n > 0)
		memcpy(out, text, n);
	out[n] = '\0';
}

#define COPY(array, text) copy(array, sizeof(array), text)

/* Does ARRAY, which may have no end, say TEXT as far as that fits? */
#define SAYS(array, text) (strncmp(array, (text) == NULL ? "" : (text), \
	sizeof(array) - 1) == 0)

/* What others write meanwhile may be read by halves; then all is written anew. */
static bool
is_same(const struct session *have, const struct session_note *n)
{
	return have->salt == n->salt && SAYS(have->key_id, n->key_id) &&
	    SAYS(have->channel, n->channel) && SAYS(have->model, n->model);
}

/* The caller's place, else that of who has been away longest. */
static unsigned
choose(const struct layout_sessions *set, uint64_t caller)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < SESSIONS_WAYS; i++) {
		if (load(&set->callers[i]) == caller)
			return i;
		if (load(&set->last_ms[i]) < load(&set->last_ms[oldest]))
			oldest = i;
	}
	return oldest;
}

/*
 * Have the set to oneself. False: another is writing. One that was killed there
 * is told by its owner word.
 */
static bool
lock(struct state *s, struct layout_sessions *set)
{
	uint32_t writer = atomic_load_explicit(&set->writer,
		    memory_order_acquire);

	if (writer != 0 && writer != state_owner(s) &&
	    state_is_alive(s, (uint16_t)writer))
		return false;
	return atomic_compare_exchange_strong_explicit(&set->writer, &writer,
	    state_owner(s), memory_order_acq_rel, memory_order_relaxed);
}

static void
unlock(struct layout_sessions *set)
{
	atomic_store_explicit(&set->writer, 0, memory_order_release);
}

/* Who was killed in between has left an odd number. */
static void
begin_write(_Atomic uint32_t *sequence)
{
	atomic_store_explicit(sequence, atomic_load_explicit(sequence,
	    memory_order_relaxed) | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void
end_write(_Atomic uint32_t *sequence)
{
	atomic_store_explicit(sequence, atomic_load_explicit(sequence,
	    memory_order_relaxed) + 1, memory_order_release);
}

static void
write_note(struct layout_sessions *set, const struct session_note *n)
{
	unsigned i = choose(set, n->caller);
	struct session *have = &set->sessions[i];

	begin_write(&set->sequences[i]);
	if (load(&set->callers[i]) != n->caller || have->salt != n->salt)
		have->created_ms = n->now_ms;
	atomic_store_explicit(&set->callers[i], n->caller,
	    memory_order_relaxed);
	atomic_store_explicit(&set->last_ms[i], n->now_ms,
	    memory_order_relaxed);
	have->salt = n->salt;
	COPY(have->key_id, n->key_id);
	COPY(have->channel, n->channel);
	COPY(have->model, n->model);
	end_write(&set->sequences[i]);
}

/* Mostly only the time is another one. */
void
sessions_note(struct state *s, const struct session_note *n)
{
	struct layout_sessions *set = set_of(s, n->caller);
	unsigned i = choose(set, n->caller);

	if (n->caller == 0)
		return;
	if (load(&set->callers[i]) == n->caller &&
	    is_same(&set->sessions[i], n))
		atomic_store_explicit(&set->last_ms[i], n->now_ms,
		    memory_order_relaxed);
	else if (lock(s, set)) {
		write_note(set, n);
		unlock(set);
	}
}

/* ---- Reading. ---- */

enum { TRIES_MAX = 100 };

struct reading {
	struct session	 session;
	uint64_t	 caller, last_ms;
};

/*
 * False: it is being written, or a process died at that. Texts may be anything
 * but endless.
 */
static bool
read_one(struct layout_sessions *set, unsigned i, struct reading *out)
{
	struct session *s = &out->session;
	uint32_t before = atomic_load_explicit(&set->sequences[i],
		    memory_order_acquire);

	out->caller = load(&set->callers[i]);
	out->last_ms = load(&set->last_ms[i]);
	memcpy(s, &set->sessions[i], sizeof *s);
	atomic_thread_fence(memory_order_acquire);
	s->key_id[sizeof s->key_id - 1] = s->channel[sizeof s->channel - 1] =
	    s->model[sizeof s->model - 1] = '\0';
	return (before & 1) == 0 && before == atomic_load_explicit(
	    &set->sequences[i], memory_order_relaxed);
}

void
sessions_each(struct state *s, void (*each)(void *arg, uint64_t caller,
    uint64_t last_ms, const struct session *), void *arg)
{
	struct reading one;
	unsigned tries;

	for (unsigned i = 0; i < SESSIONS_SETS * SESSIONS_WAYS; i++) {
		for (tries = 0; tries < TRIES_MAX && !read_one(
		    &state_map(s)->sessions[i / SESSIONS_WAYS],
		    i % SESSIONS_WAYS, &one); tries++)
			continue;
		if (tries < TRIES_MAX && one.caller != 0)
			each(arg, one.caller, one.last_ms, &one.session);
	}
}
