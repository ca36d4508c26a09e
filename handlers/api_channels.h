/* api_channels.h - /api/channels: channels that are made at run time (S3). */
#ifndef HANDLERS_API_CHANNELS_H
#define HANDLERS_API_CHANNELS_H

#include "handlers/exchange.h"

struct form;

/* What bodies may say. */
extern const struct form api_channels_create_form;
extern const struct form api_channels_change_form;

void	api_channels_handle_list(struct exchange *);
void	api_channels_handle_one(struct exchange *);
void	api_channels_handle_create(struct exchange *);
void	api_channels_handle_change(struct exchange *);
void	api_channels_handle_delete(struct exchange *);
#endif
