/* many_keys.h - 100,000 keys in a database, as the gateway reads them. */
#ifndef BENCH_MANY_KEYS_H
#define BENCH_MANY_KEYS_H

#include "gateway/gate.h"
#include "store/store.h"

enum { MANY_KEYS = 100000 };

struct many_keys {
	char		 dir[64];
	struct db	*db;
	struct snapshot	*snapshot;
	struct key_list	*keys;
	char		 (*secrets)[KEYS_MADE_SIZE];
};

void	many_keys_open(struct many_keys *);
void	many_keys_close(struct many_keys *);

/* Read all of them. In microseconds. */
uint64_t many_keys_read(struct many_keys *);

/*
 * As a request with the key NUMBER comes in; one digit wrong unless EXPECTED is
 * ERR_NONE.
 */
void	many_keys_check(const struct many_keys *, struct call *,
	    unsigned number, enum err expected);
#endif
