/* keys_rules.h - what may be stored of a client's key. */
#ifndef STORE_KEYS_RULES_H
#define STORE_KEYS_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "store/keys.h"

bool	keys_rules_is_name(const char *);
bool	keys_rules_is_secret(const char *);
bool	keys_rules_is_time(int64_t time_s);

/* KEYS_DONE, or what is wrong with it. */
enum keys_end keys_rules_judge(const struct keys_change *);
#endif
