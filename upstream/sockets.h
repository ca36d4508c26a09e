/* sockets.h - libcurl's sockets on the loop, and which of them a request uses. */
#ifndef UPSTREAM_SOCKETS_H
#define UPSTREAM_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>
#include <uv.h>

struct socket_entry;

enum { SOCKETS_BUCKETS = 1024 };

struct sockets {
	uv_loop_t	*loop;
	void		(*ready)(struct sockets *, curl_socket_t, int select);	/* CURL_CSELECT_* */
	struct socket_entry **by_fd;
	size_t		 slots;
	struct socket_entry *by_port[SOCKETS_BUCKETS];	/* connections, by local port */
	uint64_t	 last_id;
	unsigned	 unplaced;	/* uses of a connection that was not found */
};

/* Both ends of a connection, as CURLOPT_PREREQFUNCTION gives them. */
struct socket_ends {
	const char	*remote_ip;
	int		 remote_port, local_port;
};

/*
 * One transfer's use of a connection. A transfer has one of these, zeroed at
 * first, for all its life.
 */
struct socket_use {
	curl_socket_t	 opened[2];	/* last for the transfer, of IPv4 and IPv6... */
	uint64_t	 opened_id[2];	/* ...0 = none */
	bool		 shares;	/* HTTP/2: others may use the connection too */

	/* private */
	enum { SOCKET_UNUSED, SOCKET_USED, SOCKET_UNPLACED } state;
	curl_socket_t	 fd;
	uint64_t	 id;
};

/* READY is called from the loop when libcurl has something to do. */
void	sockets_init(struct sockets *, uv_loop_t *,
	    void (*ready)(struct sockets *, curl_socket_t, int));
void	sockets_fini(struct sockets *);

/*
 * Open a socket for the transfer of USE, and close one, as
 * CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION want it:
 * CURL_SOCKET_BAD or -1 on failure.
 */
curl_socket_t sockets_open(struct sockets *, struct socket_use *,
	    const struct curl_sockaddr *);
int	sockets_close(struct sockets *, curl_socket_t);

/* CURLMOPT_SOCKETFUNCTION: what libcurl wants to know of FD. -1 = no memory. */
int	sockets_want(struct sockets *, curl_socket_t fd, int what);

enum socket_kind {
	SOCKET_FRESH,
	SOCKET_KEPT,			/* has served another request, or may have */
	SOCKET_STALE			/* kept, and the other side has closed it, or spoken unasked */
};

/*
 * A request is about to be sent over the connection with these ENDS. Of which
 * kind is it? What comes of a stale one is no answer: it is shut down.
 */
enum socket_kind sockets_use(struct sockets *, struct socket_use *,
	    const struct socket_ends *);

/*
 * Nothing more may go out for the transfer of USE: its connection is shut down,
 * unless others may use it too. Allowed in libcurl's callbacks.
 */
void	sockets_shut(struct sockets *, const struct socket_use *);

/* The transfer of USE is over. Harmless when it uses nothing. */
void	sockets_leave(struct sockets *, struct socket_use *);
#endif
