/* keys_fields.h - the options of "sluicectl keys" that say what a key may. */
#ifndef HANDLERS_KEYS_FIELDS_H
#define HANDLERS_KEYS_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "store/store.h"

#define KEYS_FIELDS_HELP \
	"[--owner OWNER] [--models GLOB,...] [--endpoints GLOB,...] " \
	"[--expires TIME|DURATION|never] [--remote-user USER] " \
	"[--rpm N] [--tpm N] [--concurrency N] " \
	"[--day-tokens|--week-tokens|--month-tokens N] " \
	"[--day-cost|--week-cost|--month-cost AMOUNT]"

/*
 * Note in CHANGE what the option NAME says with VALUE; texts are borrowed or
 * live in ARENA. False: there is no such option, or VALUE is none for it.
 */
bool	keys_fields_parse(struct keys_change *change, struct arena *,
	    const char *name, const char *value, int64_t now_s);
#endif
