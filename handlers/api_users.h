/* api_users.h - /api/users: users with a key each, as another gateway has them. */
#ifndef HANDLERS_API_USERS_H
#define HANDLERS_API_USERS_H

struct exchange;
struct form;

/* What a body may say. */
extern const struct form api_users_form;

void	api_users_list(struct exchange *);
void	api_users_add(struct exchange *);
void	api_users_show(struct exchange *);
void	api_users_delete(struct exchange *);
#endif
