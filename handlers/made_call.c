#include "config.h"

#include "handlers/made_call.h"

#include "handlers/made.h"
#include "handlers/model_call.h"

void
made_call_handle_video(struct exchange *x)
{
	made_begin(x, made_spec_of(x, "videos"));
	model_call_start(x, &made_order);
}

static const struct id_name message_names[] = {
	{ .name = "container", .kind = "containers" },
	{ .name = "file_id", .kind = "files" },
	{ .name = NULL }
};
static struct spelling message_spelling;
static const char *const message_marks[] = { "\"container\"", "\"file_id\"",
	NULL };
static const struct made_spec message_spec = {
	.table = { .names = message_names, .spelling = &message_spelling },
	.marks = message_marks, .is_marked_only = true,
};

void
made_call_handle_message(struct exchange *x)
{
	made_begin(x, &message_spec);
	model_call_start(x, &made_order);
}
