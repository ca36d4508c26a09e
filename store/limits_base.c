/* What was spent before accounts were made: set once for each. */
#include "config.h"

#include "store/limits.h"

#include <sodium.h>

#include "store/state_private.h"

void
limits_each_new(struct state *s, void (*each)(void *arg, uint32_t account,
    const char *key_id, uint64_t born_ms), void *arg)
{
	char	 key_id[2 * LAYOUT_ACCOUNT_ID + 1];
	struct layout_account *a;

	pthread_mutex_lock(&s->sweeping);
	for (uint32_t i = 1; i <= accounts_count(s->segment.map); i++) {
		a = accounts_record(s->segment.map, i);
		if (a == NULL || atomic_load_explicit(&a->is_ready,
		    memory_order_acquire) != 1 ||
		    atomic_load_explicit(&a->base_state,
		    memory_order_relaxed) == ACCOUNTS_BASE_READY)
			continue;
		sodium_bin2hex(key_id, sizeof key_id, a->id, sizeof a->id);
		if (key_id[0] == '0')
			key_id[0] = 'k';	/* as limits_find takes it */
		each(arg, i, key_id, atomic_load_explicit(&a->born_ms,
		    memory_order_relaxed));
	}
	pthread_mutex_unlock(&s->sweeping);
}

/* The only one who writes it; whoever died over that is followed. */
static bool
base_claim(struct state *s, struct layout_account *a)
{
	uint32_t own = ACCOUNTS_BASE_WRITER | state_owner(s),
		 word = atomic_load_explicit(&a->base_state,
		     memory_order_acquire);

	if (word == ACCOUNTS_BASE_READY || (word != ACCOUNTS_BASE_NONE &&
	    word != own && state_is_alive(s, (uint16_t)word)))
		return false;
	return atomic_compare_exchange_strong(&a->base_state, &word, own);
}

void
limits_set_base(struct state *s, uint32_t account,
    const struct limits_base *base)
{
	struct layout_account *a;

	pthread_mutex_lock(&s->sweeping);
	a = accounts_record(s->segment.map, account);
	if (a != NULL && base_claim(s, a)) {
		atomic_store(&a->base[0], (uint64_t)base->day);
		for (unsigned i = 0; i < LIMITS__PERIODS; i++) {
			atomic_store(&a->base[1 + 2 * i],
			    base->periods[i].tokens);
			atomic_store(&a->base[2 + 2 * i],
			    base->periods[i].cost_nano);
		}
		atomic_store(&a->base_state, ACCOUNTS_BASE_READY);
	}
	pthread_mutex_unlock(&s->sweeping);
}
