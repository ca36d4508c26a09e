/* probe.h - ask the kernel whether a client's TCP connection is still whole. */
#ifndef FCGI_PROBE_H
#define FCGI_PROBE_H

#include <stdbool.h>
#include <sys/socket.h>

enum probe_state {
	PROBE_UNKNOWN,		/* no such socket here, no netlink, not TCP: cannot tell */
	PROBE_FAILED,		/* question or answer was lost (the kernel is short of memory): says nothing */
	PROBE_CONNECTED,	/* ESTABLISHED (or our side is closing, which is not the client's doing) */
	PROBE_LEFT		/* CLOSE_WAIT, LAST_ACK, CLOSING, TIME_WAIT, CLOSED: the client has closed */
};

struct probe_peer {		/* one TCP connection, seen from the web server's end */
	struct sockaddr_storage	 local, remote;
};

/*
 * Fill PEER from CGI parameters (SERVER_ADDR, SERVER_PORT, REMOTE_ADDR,
 * REMOTE_PORT). Numeric addresses only, "[...]" and "%scope" tolerated; a
 * v4-mapped IPv6 address counts as IPv4.
 * False when one is missing, not numeric or of another family than the other.
 */
bool	probe_peer_parse(struct probe_peer *, const char *local_addr,
	    const char *local_port, const char *remote_addr,
	    const char *remote_port);

/*
 * Open the netlink socket (NETLINK_SOCK_DIAG, non-blocking, close-on-exec).
 * Returns the descriptor, which the caller closes, or -1.
 */
int	probe_open(void);

/*
 * One exact-match query (no dump) on FD. Never blocks: the kernel answers
 * inside sendto. A socket the kernel does not know is PROBE_UNKNOWN; the
 * caller who has seen it before may conclude that it is gone.
 * sock_diag(7).
 */
enum probe_state probe_query(int fd, const struct probe_peer *);
#endif
