/* admin_keys.h - /admin/...: clients' keys and the quota, as another gateway has them. */
#ifndef HANDLERS_ADMIN_KEYS_H
#define HANDLERS_ADMIN_KEYS_H

struct exchange;
struct form;

/* What a body may say. */
extern const struct form admin_keys_form, admin_keys_known_form;

void	admin_keys_add(struct exchange *);
void	admin_keys_remove(struct exchange *);
void	admin_keys_list(struct exchange *);
void	admin_keys_quota(struct exchange *);
#endif
