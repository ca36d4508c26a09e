#include "config.h"

#include "handlers/metrics.h"

#include "base/buf.h"
#include "base/clock.h"
#include "gateway/gate.h"
#include "gateway/metrics.h"
#include "handlers/admin.h"
#include "handlers/reply.h"

/* Of all series that the state segment has room for, hardly more is told. */
enum { TEXT_MAX_BYTES = 32 << 20 };

/*
 * A client's key shows nobody what others do. Where the address alone is enough,
 * the answer does not tell whether a key was right.
 */
enum err
metrics_check(struct exchange *x)
{
	const struct snapshot *s = x->call.snapshot;
	const struct params *p = &x->request->params;
	enum err err;

	if (gate_allows_metrics(s, params_get(p, "REMOTE_ADDR"))) {
		if (admin_has_key(x))
			x->call.key_id = "admin";
		return ERR_NONE;
	}
	err = admin_check(x);
	return err == ERR_ADMIN_KEY ? ERR_INVALID_API_KEY : err;
}

void
metrics_handle(struct exchange *x)
{
	struct buf body;
	enum err err;

	buf_init(&body, TEXT_MAX_BYTES);
	err = metrics_format(&body, x->app->state, x->call.snapshot,
	    clock_wall_us() / 1000);
	if (err != ERR_NONE) {
		buf_fini(&body);
		reply_error(x, err, NULL);
		return;
	}
	reply_begin(x, 200);
	reply_body(x, "text/plain; version=0.0.4; charset=utf-8", &body);
}
