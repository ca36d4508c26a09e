/* api_keys.h - /api/keys: the keys of clients. */
#ifndef HANDLERS_API_KEYS_H
#define HANDLERS_API_KEYS_H

struct exchange;
struct form;

/* What bodies may say. */
extern const struct form api_keys_add_form;
extern const struct form api_keys_set_form;
extern const struct form api_keys_rotate_form;

void	api_keys_list(struct exchange *);
void	api_keys_add(struct exchange *);
void	api_keys_show(struct exchange *);
void	api_keys_set(struct exchange *);
void	api_keys_rotate(struct exchange *);
void	api_keys_delete(struct exchange *);
#endif
