#include "config.h"

#include "handlers/index.h"

#include "base/buf.h"
#include "handlers/reply.h"

enum { TEXT_MAX_BYTES = 256 };

static const char text[] = "{\"object\":\"gateway\",\"api\":\"/v1\","
    "\"models\":\"/v1/models\",\"health\":\"/health\",\"docs\":\"/docs\","
    "\"openapi\":\"/openapi.json\"}";

void
index_handle(struct exchange *x)
{
	struct buf body;

	buf_init(&body, TEXT_MAX_BYTES);
	buf_puts(&body, text);
	reply_json(x, 200, &body);
}
