/* made_call.h - calls by model whose answers name what can be asked for later. */
#ifndef HANDLERS_MADE_CALL_H
#define HANDLERS_MADE_CALL_H

#include "handlers/exchange.h"

/* POST /v1/videos: a model call that makes a video. */
void	made_call_handle_video(struct exchange *);

/* POST /v1/messages: one whose tools may have made a container, and files in it. */
void	made_call_handle_message(struct exchange *);
#endif
