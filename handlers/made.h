/* made.h - what an answer names is remembered as the key's that has asked for it. */
#ifndef HANDLERS_MADE_H
#define HANDLERS_MADE_H

#include "handlers/exchange.h"
#include "handlers/id_reader.h"
#include "handlers/relay.h"
#include "store/store.h"

struct made_note;

/* What the answers of one family of calls name. */
struct made_spec {
	struct id_table	 table;
	/*
	 * The beginning of a stream names something, and so do events with one
	 * of these in them; NULL-terminated.
	 */
	const char *const *marks;
	bool		 is_marked_only; /* what has none of these in it names nothing */
	/*
	 * Looks at an object that may name what was made, N bytes of JSON, and
	 * changes the note; NULL: there is nothing else to it.
	 */
	void		(*judge)(struct exchange *, const char *json, size_t n,
			    struct made_note *);
};

struct made_note {
	bool		 is_passing;	/* the provider keeps nothing: only containers are noted */
	struct unpaid	*unpaid;	/* in the arena, all but its place, id and key; NULL: it is paid for */
};

/*
 * From now on the exchange's relay, started with MADE_ORDER, notes what SPEC
 * says. What a stream begins with, and an answer that can be held, is sent when
 * that is stored; where it cannot be, the answer goes out all the same.
 */
void	made_begin(struct exchange *, const struct made_spec *);
extern const struct relay_order made_order;

/*
 * The rules of what is passed through: of a call that makes an object of KIND, or
 * NULL: of one that only names some. In the exchange's arena.
 */
const struct made_spec *made_spec_of(struct exchange *, const char *kind);

/* What N bytes of an answer of TARGET name is remembered as well; nobody waits. */
void	made_note_mentions(struct exchange *, const struct target *,
	    const char *json, size_t n);

/*
 * What is to be paid for when it is done, once its answer's beginning has been
 * seen; NULL: nothing.
 */
struct unpaid *made_unpaid(const struct exchange *);
#endif
