/* api_users.h - /api/users: users with a key each, as another gateway has them. */
#ifndef HANDLERS_API_USERS_H
#define HANDLERS_API_USERS_H

struct exchange;

void	api_users_list(struct exchange *);
void	api_users_add(struct exchange *);
void	api_users_show(struct exchange *);
void	api_users_delete(struct exchange *);
#endif
