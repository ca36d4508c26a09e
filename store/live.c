#include "config.h"

#include "store/live.h"

#include <string.h>

#include "store/layout.h"

const char *const live_phase_names[LIVE__PHASES] = {
	[LIVE_INTAKE] = "intake", [LIVE_WAITING] = "waiting",
	[LIVE_ANSWERING] = "answering",
};

const struct live_place live_nowhere = { .index = -1 };

/* ---- Writing: a process its own alone. ---- */

static struct layout_lives *
own_lives(const struct live *l)
{
	return &state_map(l->state)->lives[state_slot(l->state)];
}

static uint32_t
own_epoch(const struct live *l)
{
	return atomic_load_explicit(&state_map(l->state)->
	    slots[state_slot(l->state)].epoch, memory_order_relaxed);
}

/* The count of an owner before this one is nothing to do with it: see live_each. */
static void
tell_unlisted(const struct live *l)
{
	atomic_store_explicit(&own_lives(l)->unlisted,
	    (uint64_t)own_epoch(l) << 32 | l->unlisted, memory_order_relaxed);
}

void
live_init(struct live *l, struct state *state)
{
	*l = (struct live){ .state = state,
		.generation = state_generation(state) };
}

/* In another file all of the own places are free. */
static void
follow(struct live *l)
{
	if (l->generation != state_generation(l->state))
		live_init(l, l->state);
}

/* NULL: it is listed no more, or was not. */
static struct layout_live *
find(const struct live *l, struct live_place place)
{
	return place.index < 0 || place.index >= LIVE_MAX ||
	    place.generation != state_generation(l->state) ? NULL :
	    &own_lives(l)->places[place.index];
}

/* Who was killed in between has left an odd number. */
static void
begin_write(struct layout_live *e)
{
	atomic_store_explicit(&e->sequence, atomic_load_explicit(&e->sequence,
	    memory_order_relaxed) | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void
end_write(struct layout_live *e)
{
	atomic_store_explicit(&e->sequence, atomic_load_explicit(&e->sequence,
	    memory_order_relaxed) + 1, memory_order_release);
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

struct live_place
live_begin(struct live *l, const struct live_begin *b)
{
	struct live_place place = { .index = LIVE_MAX };
	struct layout_live *e;

	follow(l);
	place.generation = l->generation;
	if (l->taken == UINT64_MAX) {
		l->unlisted++;
		tell_unlisted(l);
		return place;
	}
	place.index = __builtin_ctzll(~l->taken);
	l->taken |= UINT64_C(1) << place.index;
	e = find(l, place);
	begin_write(e);
	e->request.since_us = b->since_us;
	e->request.epoch = own_epoch(l);
	e->request.stream = false;
	COPY(e->request.id, b->id);
	COPY(e->request.key_id, b->key_id);
	COPY(e->request.method, b->method);
	COPY(e->request.client_host, b->client_host);
	COPY(e->request.path, b->path);
	e->request.model[0] = e->request.provider[0] = '\0';
	atomic_store_explicit(&e->phase, LIVE_INTAKE, memory_order_relaxed);
	end_write(e);
	return place;
}

void
live_note_phase(struct live *l, struct live_place place, enum live_phase phase)
{
	struct layout_live *e = find(l, place);

	if (e != NULL)
		atomic_store_explicit(&e->phase, phase, memory_order_relaxed);
}

void
live_note_target(struct live *l, struct live_place place, bool stream,
    const char *model, const char *provider)
{
	struct layout_live *e = find(l, place);

	if (e == NULL)
		return;
	begin_write(e);
	e->request.stream = stream;
	COPY(e->request.model, model);
	COPY(e->request.provider, provider);
	atomic_store_explicit(&e->phase, LIVE_WAITING, memory_order_relaxed);
	end_write(e);
}

/* An epoch of 0 is nobody's. */
void
live_end(struct live *l, struct live_place place)
{
	struct layout_live *e = find(l, place);

	if (place.index < 0 || place.generation != state_generation(l->state))
		return;
	if (e == NULL) {
		l->unlisted--;
		tell_unlisted(l);
		return;
	}
	begin_write(e);
	e->request.epoch = 0;
	end_write(e);
	l->taken &= ~(UINT64_C(1) << place.index);
}

/* ---- Reading. ---- */

/* False: it is being written. Texts may be anything but endless. */
static bool
read_place(struct layout_live *e, struct live_request *out,
    enum live_phase *phase)
{
	uint32_t before = atomic_load_explicit(&e->sequence,
		    memory_order_acquire);

	memcpy(out, &e->request, sizeof *out);
	*phase = atomic_load_explicit(&e->phase, memory_order_relaxed) %
	    LIVE__PHASES;
	atomic_thread_fence(memory_order_acquire);
	if ((before & 1) != 0 || before != atomic_load_explicit(&e->sequence,
	    memory_order_relaxed))
		return false;
	out->id[sizeof out->id - 1] = out->key_id[sizeof out->key_id - 1] =
	    out->method[sizeof out->method - 1] =
	    out->client_host[sizeof out->client_host - 1] =
	    out->path[sizeof out->path - 1] =
	    out->model[sizeof out->model - 1] =
	    out->provider[sizeof out->provider - 1] = '\0';
	return true;
}

uint64_t
live_each(struct state *s, void (*each)(void *arg, uint32_t pid,
    enum live_phase, const struct live_request *), void *arg)
{
	struct layout *map = state_map(s);
	struct live_request request;
	enum live_phase phase;
	uint64_t unlisted = 0;

	for (unsigned i = 0; i < LAYOUT_SLOTS; i++) {
		struct layout_lives *lives = &map->lives[i];
		uint64_t word = atomic_load_explicit(&lives->unlisted,
			    memory_order_relaxed);
		uint32_t epoch = atomic_load_explicit(&map->slots[i].epoch,
			    memory_order_acquire);

		if (!state_is_slot_alive(s, i))
			continue;
		unlisted += word >> 32 == epoch ? (uint32_t)word : 0;
		for (unsigned j = 0; j < LIVE_MAX; j++)
			if (read_place(&lives->places[j], &request, &phase) &&
			    request.epoch == epoch)
				each(arg, atomic_load_explicit(
				    &map->slots[i].pid, memory_order_relaxed),
				    phase, &request);
	}
	return unlisted;
}
