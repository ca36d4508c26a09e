#include "config.h"

#include "handlers/caller.h"

#include "gateway/gate.h"
#include "handlers/admin.h"
#include "handlers/cross_site.h"
#include "handlers/echo.h"
#include "handlers/identity.h"
#include "handlers/metrics.h"
#include "handlers/route.h"
#include "store/throttle.h"

/* The first key that is good counts, whatever else is shown. */
static enum err
check_credentials(struct exchange *x)
{
	bool	 api_key_first = exchange_is_anthropic(x);
	enum err err = ERR_INVALID_API_KEY;

	for (size_t i = 0; i < x->credentials.count &&
	    err == ERR_INVALID_API_KEY; i++)
		err = gate_check(&x->call, credentials_get(&x->credentials, i,
		    api_key_first));
	return err;
}

/*
 * By a key, or by whom the web server let in, or because everybody may come in. A
 * browser sends what these two need for pages of other sites as well; a key, it
 * does not.
 */
static enum err
check_caller(struct exchange *x)
{
	enum err err;

	if (x->credentials.count > 0)
		return check_credentials(x);
	err = x->call.snapshot->conf->auth.remote_user ?
	    gate_check_user(&x->call, identity_find(&x->request->params)) :
	    gate_check(&x->call, NULL);
	return err == ERR_NONE && cross_site_is(x) ? ERR_CROSS_SITE : err;
}

/*
 * The keys that were shown are none of ours. Whose address shows many different
 * ones has to wait; whoever shows a good one never does, from there, too.
 */
static enum err
note_wrong_key(struct exchange *x)
{
	struct state *state = x->app->state;
	uint64_t now_s = x->call.start_wall_us / 1000000;

	x->retry_after_s = throttle_wait_s(state, THROTTLE_CLIENT_KEY,
	    x->call.client_host, now_s);
	if (x->retry_after_s > 0)
		return ERR_KEY_LOCKED;
	for (size_t i = 0; i < x->credentials.count; i++)
		throttle_note_guess(state, THROTTLE_CLIENT_KEY,
		    x->call.client_host, x->credentials.shown[i], now_s);
	return ERR_INVALID_API_KEY;
}

/* ERR is what was found. */
static enum err
check_shown(struct exchange *x, enum err err)
{
	return err == ERR_INVALID_API_KEY && x->credentials.count > 0 ?
	    note_wrong_key(x) : err;
}

/* A client whose key is good must not hear that it is not. */
static enum err
check_client(struct exchange *x)
{
	enum err err = check_caller(x);

	return err == ERR_INVALID_API_KEY && x->credentials.count > 0 &&
	    x->app->keys_unread ? ERR_STORE : check_shown(x, err);
}

enum err
caller_check(struct exchange *x)
{
	const struct snapshot *s = x->call.snapshot;

	switch (x->route->key) {
	case ROUTE_KEY_MODELS:
		if (s->conf->auth.models_open)
			return ERR_NONE;
		break;
	case ROUTE_KEY_CLIENT:
		break;
	case ROUTE_KEY_ECHO:
		return check_shown(x, echo_check(x));
	case ROUTE_KEY_METRICS:
		return metrics_check(x);
	case ROUTE_KEY_ADMIN:
		return admin_check(x);
	default:
		return ERR_NONE;
	}
	return check_client(x);
}
