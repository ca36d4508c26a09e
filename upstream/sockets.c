#include "config.h"

#include "upstream/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOTS_MIN = 64 };

/*
 * One socket of libcurl's. A connection rests in the pool between two requests;
 * what was registered for it stays registered, so that a warm connection costs
 * no system call for polling. When it becomes ready while it rests, the provider
 * has closed it, or said something that nobody asked for: that must never be
 * taken for the answer to the next request, so the connection is shut.
 *
 * Whether it rests is counted, and not read from what libcurl wants to know of
 * it: a transfer may send, read and pause in one go, and libcurl wants nothing
 * of a socket that is in the middle of an answer. A transfer uses a connection
 * from the moment when its request is about to be sent until libcurl has given
 * the transfer back.
 */
struct socket_entry {
	struct sockets	*sockets;
	struct socket_entry *next;	/* of the same bucket */
	uint64_t	 id;		/* as descriptors are used again */
	curl_socket_t	 fd;
	uv_poll_t	 poll;
	int		 wanted;	/* by libcurl: UV_READABLE | UV_WRITABLE */
	int		 events;	/* registered */
	bool		 pooled;	/* opened by sockets_open */
	bool		 connected;	/* from then on we are told when it is closed */
	bool		 shares;	/* HTTP/2: it speaks unasked */
	bool		 is_shut;
	unsigned	 users;
	int		 local_port, remote_port;	/* 0 = not used yet */
	char		 remote_ip[INET6_ADDRSTRLEN];
};

static struct socket_entry *
find(const struct sockets *s, curl_socket_t fd)
{
	return fd >= 0 && (size_t)fd < s->slots ? s->by_fd[fd] : NULL;
}

/* ---- Watching. ---- */

static void on_poll(uv_poll_t *, int, int);

static void
watch(struct socket_entry *e, int events)
{
	e->events = events;
	if (events == 0)
		uv_poll_stop(&e->poll);
	else
		uv_poll_start(&e->poll, events, on_poll);
}

/* Nothing has come, and the other side has not closed. */
static bool
is_silent(const struct socket_entry *e)
{
	char	 byte;

	return !e->is_shut && recv(e->fd, &byte, 1, MSG_PEEK |
	    MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* In the pool, and nobody's: not one transfer is there that could be using it. */
static bool
is_resting(const struct socket_entry *e)
{
	return e->local_port != 0 && e->users == 0 &&
	    e->sockets->unplaced == 0;
}

static void
shut(struct socket_entry *e)
{
	e->is_shut = true;
	shutdown(e->fd, SHUT_RDWR);
}

/*
 * A reset: libuv reports it as an error and has stopped watching. libcurl is
 * told that the socket is ready instead, for then it reads: an answer that
 * arrived before the reset is not lost, and a dead pooled connection is retried.
 */
static void
on_error(struct socket_entry *e)
{
	struct sockets *s = e->sockets;
	curl_socket_t fd = e->fd;

	e->events = 0;
	if (e->wanted == 0)
		return;
	s->ready(s, fd, CURL_CSELECT_IN | CURL_CSELECT_OUT);
	if (find(s, fd) == e && e->events == 0 && e->wanted != 0)
		watch(e, e->wanted);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct socket_entry *e = poll->data;
	int	 select = 0;

	if (status < 0) {
		on_error(e);
		return;
	}
	if ((events & e->wanted) == 0) {
		if (is_resting(e) && !e->shares && !is_silent(e))
			shut(e);	/* else it is writable, or was read since */
		watch(e, e->wanted);
		return;
	}
	if ((events & UV_READABLE) != 0)
		select |= CURL_CSELECT_IN;
	if ((events & UV_WRITABLE) != 0)
		select |= CURL_CSELECT_OUT;
	e->sockets->ready(e->sockets, e->fd, select);
}

/* ---- Entries. ---- */

static bool
has_slot(struct sockets *s, curl_socket_t fd)
{
	size_t	 slots = s->slots < SLOTS_MIN ? SLOTS_MIN : s->slots;
	struct socket_entry **by_fd;

	if ((size_t)fd < s->slots)
		return true;
	while (slots <= (size_t)fd)
		slots *= 2;
	by_fd = reallocarray(s->by_fd, slots, sizeof(*by_fd));
	if (by_fd == NULL)
		return false;
	memset(by_fd + s->slots, 0, (slots - s->slots) * sizeof(*by_fd));
	s->by_fd = by_fd;
	s->slots = slots;
	return true;
}

static struct socket_entry *
add(struct sockets *s, curl_socket_t fd, bool pooled)
{
	struct socket_entry *e;

	if (!has_slot(s, fd) || (e = calloc(1, sizeof *e)) == NULL)
		return NULL;
	if (uv_poll_init_socket(s->loop, &e->poll, fd) != 0) {
		free(e);
		return NULL;
	}
	e->sockets = s;
	e->id = ++s->last_id;
	e->fd = fd;
	e->pooled = pooled;
	e->poll.data = e;
	return s->by_fd[fd] = e;
}

static struct socket_entry **
bucket(struct sockets *s, int local_port)
{
	return &s->by_port[(unsigned)local_port % SOCKETS_BUCKETS];
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
drop(struct socket_entry *e)
{
	struct socket_entry **at = bucket(e->sockets, e->local_port);

	while (*at != NULL && *at != e)
		at = &(*at)->next;
	if (*at == e)
		*at = e->next;
	e->sockets->by_fd[e->fd] = NULL;
	uv_close((uv_handle_t *)&e->poll, on_closed);
}

/*
 * libcurl closes a socket that never got connected without a word; what is left
 * of it here must go before its number is used again.
 */
static bool
is_open(const struct socket_entry *e)
{
	return e->pooled && (e->connected || fcntl(e->fd, F_GETFD) >= 0);
}

int
sockets_want(struct sockets *s, curl_socket_t fd, int what)
{
	struct socket_entry *e = find(s, fd);

	if (what == CURL_POLL_REMOVE) {
		if (e != NULL && is_open(e))
			e->wanted = 0;
		else if (e != NULL)
			drop(e);
		return 0;
	}
	if (e == NULL && (e = add(s, fd, false)) == NULL)
		return -1;
	e->wanted = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
	    ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
	if (e->wanted == UV_READABLE)
		e->connected = true;
	if ((e->wanted & ~e->events) != 0)
		watch(e, e->wanted);
	return 0;
}

curl_socket_t
sockets_open(struct sockets *s, struct socket_use *use,
    const struct curl_sockaddr *address)
{
	curl_socket_t fd = socket(address->family,
	    address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    address->protocol);
	struct socket_entry *e = find(s, fd);
	int	 at = address->family == AF_INET6;

	if (e != NULL)
		drop(e);		/* of a socket that is no more */
	if (fd < 0)
		return CURL_SOCKET_BAD;
	if ((e = add(s, fd, true)) == NULL) {
		close(fd);
		return CURL_SOCKET_BAD;
	}
	use->opened[at] = fd;
	use->opened_id[at] = e->id;
	return fd;
}

int
sockets_close(struct sockets *s, curl_socket_t fd)
{
	struct socket_entry *e = find(s, fd);

	if (e != NULL)
		drop(e);
	return close(fd);
}

/* ---- Who uses them. ---- */

static int
local_port(curl_socket_t fd)
{
	union {
		struct sockaddr	sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} name = { .sa = { .sa_family = AF_UNSPEC } };
	socklen_t len = sizeof name;

	if (getsockname(fd, &name.sa, &len) != 0)
		return 0;
	return name.sa.sa_family == AF_INET6 ? ntohs(name.in6.sin6_port) :
	    name.sa.sa_family == AF_INET ? ntohs(name.in.sin_port) : 0;
}

static struct socket_entry *
place(struct socket_entry *e, const struct socket_ends *ends)
{
	struct socket_entry **at = bucket(e->sockets, ends->local_port);

	e->local_port = ends->local_port;
	e->remote_port = ends->remote_port;
	strncpy(e->remote_ip, ends->remote_ip, sizeof e->remote_ip - 1);
	e->connected = true;
	e->next = *at;
	return *at = e;
}

/* The connection with these ends that was opened for this transfer. */
static struct socket_entry *
find_opened(struct sockets *s, const struct socket_use *use,
    const struct socket_ends *ends)
{
	struct socket_entry *e;

	for (int i = 0; i < 2; i++) {
		e = use->opened_id[i] == 0 ? NULL : find(s, use->opened[i]);
		if (e != NULL && e->id == use->opened_id[i] &&
		    e->local_port == 0 &&
		    local_port(e->fd) == ends->local_port)
			return place(e, ends);
	}
	return NULL;
}

/* One that was used before. Two providers may be reached from one local port. */
static struct socket_entry *
find_used(struct sockets *s, const struct socket_ends *ends)
{
	struct socket_entry *e = *bucket(s, ends->local_port);

	while (e != NULL && (e->local_port != ends->local_port ||
	    e->remote_port != ends->remote_port ||
	    strcmp(e->remote_ip, ends->remote_ip) != 0))
		e = e->next;
	return e;
}

static void
note_use(struct socket_entry *e, struct socket_use *use)
{
	e->users++;
	e->shares = use->shares;
	use->state = SOCKET_USED;
	use->fd = e->fd;
	use->id = e->id;
}

enum socket_kind
sockets_use(struct sockets *s, struct socket_use *use,
    const struct socket_ends *ends)
{
	enum socket_kind kind = SOCKET_FRESH;
	struct socket_entry *e;

	sockets_leave(s, use);
	e = ends->local_port <= 0 ? NULL : find_opened(s, use, ends);
	if (e == NULL) {
		kind = SOCKET_KEPT;
		e = find_used(s, ends);
	}
	if (e == NULL) {
		use->state = SOCKET_UNPLACED;
		s->unplaced++;
		return kind;
	}
	if (kind == SOCKET_KEPT && e->users == 0 && !e->shares &&
	    !is_silent(e)) {
		shut(e);
		kind = SOCKET_STALE;
	}
	note_use(e, use);
	return kind;
}

static struct socket_entry *
find_in_use(struct sockets *s, const struct socket_use *use)
{
	struct socket_entry *e = use->state == SOCKET_USED ?
		    find(s, use->fd) : NULL;

	return e != NULL && e->id == use->id ? e : NULL;
}

void
sockets_shut(struct sockets *s, const struct socket_use *use)
{
	struct socket_entry *e = find_in_use(s, use);

	if (e != NULL && !e->shares)
		shut(e);
}

void
sockets_leave(struct sockets *s, struct socket_use *use)
{
	struct socket_entry *e = find_in_use(s, use);

	if (use->state == SOCKET_UNPLACED)
		s->unplaced--;
	use->state = SOCKET_UNUSED;
	if (e == NULL)
		return;			/* it is closed already */
	e->users--;
	e->shares = use->shares;
	if (e->users == 0 && e->events == 0 && !e->is_shut)
		watch(e, UV_READABLE);
}

/* ---- All of them. ---- */

void
sockets_init(struct sockets *s, uv_loop_t *loop,
    void (*ready)(struct sockets *, curl_socket_t, int))
{
	*s = (struct sockets){ .loop = loop, .ready = ready };
}

void
sockets_fini(struct sockets *s)
{
	free(s->by_fd);
	s->by_fd = NULL;
	s->slots = 0;
}
