#include "config.h"

#include "fcgi/hangup.h"

#include <string.h>
#include <unistd.h>

enum { TICK_MAX_MS = 500 };

static void hangup_tick(uv_timer_t *);

void
hangup_init(struct hangup *h, uv_loop_t *loop, unsigned interval_ms)
{
	*h = (struct hangup){ .probe_fd = -1, .interval_ms = interval_ms };
	uv_timer_init(loop, &h->timer);
	h->timer.data = h;
}

void
hangup_close(struct hangup *h)
{
	if (h->probe_fd >= 0)
		close(h->probe_fd);
	h->probe_fd = -2;
	uv_close((uv_handle_t *)&h->timer, NULL);
}

bool
hangup_is(int uv_status, int uv_events)
{
	return uv_status < 0 || (uv_events & UV_DISCONNECT) != 0;
}

static enum probe_state
hangup_ask(struct hangup *h, struct hangup_watch *w)
{
	if (h->probe_fd == -1 && (h->probe_fd = probe_open()) < 0)
		h->probe_fd = -2;
	if (h->probe_fd < 0)
		return PROBE_UNKNOWN;	/* never again for this one */
	w->next_probe_ms = uv_now(h->timer.loop) + h->interval_ms;
	return probe_query(h->probe_fd, &w->peer);
}

/*
 * True when the client has left. A connection that the kernel does not know
 * from the start (another host or namespace) is not asked for again; one that
 * it did know and no longer does is gone.
 */
static bool
hangup_probe(struct hangup *h, struct hangup_watch *w)
{
	enum probe_state state = hangup_ask(h, w);
	bool	 first = !w->probed;

	if (state == PROBE_FAILED)
		return false;
	w->probed = true;
	if (state == PROBE_UNKNOWN && first)
		w->probing = false;
	return state == PROBE_LEFT || (state == PROBE_UNKNOWN && !first);
}

static bool
server_is(const struct params *p, const char *name)
{
	const char *software = params_get(p, "SERVER_SOFTWARE");

	return software != NULL && strncmp(software, name, strlen(name)) == 0;
}

void
hangup_begin(struct hangup *h, struct hangup_watch *w, const struct params *p)
{
	w->armed = w->probed = false;
	/* nginx closes by itself, at once: no need to ask. */
	w->probing = !server_is(p, "nginx") && probe_peer_parse(&w->peer,
	    params_get(p, "SERVER_ADDR"), params_get(p, "SERVER_PORT"),
	    params_get(p, "REMOTE_ADDR"), params_get(p, "REMOTE_PORT"));
	/*
	 * Asked now, because a connection that is reset before the first tick
	 * would then look like one that the kernel never knew; lighttpd may
	 * overlook a reset, Apache always does.
	 */
	if (w->probing)
		hangup_probe(h, w);
	w->next = h->watches;
	w->link = &h->watches;
	if (w->next != NULL)
		w->next->link = &w->next;
	h->watches = w;
	if (!uv_is_active((uv_handle_t *)&h->timer)) {
		unsigned tick = h->interval_ms < TICK_MAX_MS ?
		    h->interval_ms : TICK_MAX_MS;

		uv_timer_start(&h->timer, hangup_tick, tick, tick);
	}
}

void
hangup_end(struct hangup_watch *w)
{
	if (w->link == NULL)
		return;
	*w->link = w->next;
	if (w->next != NULL)
		w->next->link = w->link;
	w->link = NULL;
}

/* Look at one request; true when its client has left. */
static bool
hangup_look(struct hangup *h, struct hangup_watch *w)
{
	if (!w->armed) {
		w->armed = true;
		w->arm(w);
	}
	return w->probing && uv_now(h->timer.loop) >= w->next_probe_ms &&
	    hangup_probe(h, w);
}

static void
hangup_tick(uv_timer_t *timer)
{
	struct hangup *h = timer->data;
	struct hangup_watch *w, *next;

	for (w = h->watches; w != NULL; w = next) {
		next = w->next;
		if (hangup_look(h, w)) {
			hangup_end(w);
			w->left(w);
		}
	}
	if (h->watches == NULL)
		uv_timer_stop(timer);
}
