/* hangup.h - notice that a client has left, whatever the web server says.
 *
 * Three signs, all handled here: the FastCGI connection's own end (nginx;
 * lighttpd with tcp-fin-propagate), a failed write, and the state of the client's
 * TCP connection as the kernel sees it (Apache, lighttpd without the option).
 * What it means is for conn.c to say: see response.whole.
 */
#ifndef FCGI_HANGUP_H
#define FCGI_HANGUP_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "fcgi/params.h"
#include "fcgi/probe.h"

/* One request that is watched; embedded in its connection. */
struct hangup_watch {
	struct hangup_watch *next, **link;	/* NULL link: not watched */
	struct probe_peer peer;
	bool		 probing;	/* the kernel knows this connection */
	bool		 probed;	/* it has been asked at least once */
	bool		 armed;
	uint64_t	 next_probe_ms;	/* loop time */
	void		(*arm)(struct hangup_watch *);	/* start to watch the descriptor */
	void		(*left)(struct hangup_watch *);
};

/* One per process. */
struct hangup {
	uv_timer_t	 timer;
	struct hangup_watch *watches;
	int		 probe_fd;	/* -1 until needed, -2 = not to be had */
	unsigned	 interval_ms;	/* between two probes of one client */
};

void	hangup_init(struct hangup *, uv_loop_t *, unsigned interval_ms);
void	hangup_close(struct hangup *);		/* stops the timer; handles close with the loop */

/*
 * Watch a request whose parameters are PARAMS. ARM is called at the first tick
 * (so a request that is answered at once never costs a system call for it),
 * LEFT once when the client is found to have left, after which the watch has
 * ended. Both must be set in W.
 */
void	hangup_begin(struct hangup *, struct hangup_watch *,
	    const struct params *);
void	hangup_end(struct hangup_watch *);	/* harmless when not watched */

/* True when a poll result on the FastCGI descriptor means that the client has left. */
bool	hangup_is(int uv_status, int uv_events);
#endif
