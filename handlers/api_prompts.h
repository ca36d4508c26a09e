/* api_prompts.h - the routes /api/prompts... and /admin/setprompt: system
 * prompts (P46). */
#ifndef HANDLERS_API_PROMPTS_H
#define HANDLERS_API_PROMPTS_H

struct exchange;
struct form;

/* What bodies may say. */
extern const struct form api_prompts_put_form;
extern const struct form api_prompts_setprompt_form;

/* All of them. */
void	api_prompts_handle_list(struct exchange *);

/* One, of a key, a model or of all requests: the route's pattern says which. */
void	api_prompts_handle_get(struct exchange *);
void	api_prompts_handle_put(struct exchange *);
void	api_prompts_handle_delete(struct exchange *);

/* S4's way to set the one of all requests. */
void	api_prompts_handle_setprompt(struct exchange *);
#endif
