#include "config.h"

#include "upstream/client.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_KEPT = 256, SLOTS_MIN = 64 };

/*
 * One socket of libcurl's. A connection rests in the pool between two requests;
 * what was registered for it stays registered, so that a warm connection costs
 * no system call for polling. When it becomes ready with nobody interested, the
 * provider has closed it, or said something that nobody asked for: that must
 * never be taken for the answer to the next request, so the connection is shut.
 */
struct client_socket {
	struct client	*client;
	curl_socket_t	 fd;
	uv_poll_t	 poll;
	int		 wanted;	/* by libcurl: UV_READABLE | UV_WRITABLE */
	int		 events;	/* registered */
	bool		 pooled;	/* opened by client_open_socket */
	bool		 paused;	/* in use, though libcurl wants nothing of it */
	bool		 connected;	/* from then on we are told when it is closed */
};

static void
client_check_done(struct client *c)
{
	struct client_transfer *t;
	CURLMsg	*message;
	CURLcode result;
	int	 left;

	while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		result = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
		    (char **)&t);
		curl_multi_remove_handle(c->multi, t->easy);
		t->done(t, result);
	}
}

static void
client_on_timer(uv_timer_t *timer)
{
	struct client *c = timer->data;
	int	 running;

	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	client_check_done(c);
}

static int
client_set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct client *c = arg;

	(void)multi;
	if (timeout_ms < 0)
		uv_timer_stop(&c->timer);
	else
		uv_timer_start(&c->timer, client_on_timer,
		    (uint64_t)timeout_ms, 0);
	return 0;
}

static struct client_socket *
client_find_socket(struct client *c, curl_socket_t fd)
{
	return fd >= 0 && (size_t)fd < c->socket_slots ? c->sockets[fd] : NULL;
}

static void client_on_poll(uv_poll_t *, int, int);

static void
client_watch(struct client_socket *s, int events)
{
	s->events = events;
	if (events == 0)
		uv_poll_stop(&s->poll);
	else
		uv_poll_start(&s->poll, events, client_on_poll);
}

/*
 * A reset: libuv reports it as an error and has stopped watching. libcurl is
 * told that the socket is ready instead, for then it reads: an answer that
 * arrived before the reset is not lost, and a dead pooled connection is retried.
 */
static void
client_on_error(struct client_socket *s)
{
	struct client *c = s->client;
	curl_socket_t fd = s->fd;
	int	 running;

	s->events = 0;
	if (s->wanted == 0)
		return;
	curl_multi_socket_action(c->multi, fd,
	    CURL_CSELECT_IN | CURL_CSELECT_OUT, &running);
	client_check_done(c);
	if (client_find_socket(c, fd) == s && s->events == 0 && s->wanted != 0)
		client_watch(s, s->wanted);
}

static void
client_on_poll(uv_poll_t *poll, int status, int events)
{
	struct client_socket *s = poll->data;
	struct client *c = s->client;
	int	 flags = 0, running;

	if (status < 0) {
		client_on_error(s);
		return;
	}
	if (s->wanted == 0 && s->pooled && !s->paused &&
	    (events & UV_READABLE) != 0)
		shutdown(s->fd, SHUT_RDWR);
	if ((events & s->wanted) == 0) {
		client_watch(s, s->wanted);
		return;
	}
	if ((events & UV_READABLE) != 0)
		flags |= CURL_CSELECT_IN;
	if ((events & UV_WRITABLE) != 0)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(c->multi, s->fd, flags, &running);
	client_check_done(c);
}

static bool
client_has_slot(struct client *c, curl_socket_t fd)
{
	size_t	 slots = c->socket_slots < SLOTS_MIN ? SLOTS_MIN :
		    c->socket_slots;
	struct client_socket **sockets;

	if ((size_t)fd < c->socket_slots)
		return true;
	while (slots <= (size_t)fd)
		slots *= 2;
	sockets = reallocarray(c->sockets, slots, sizeof(*sockets));
	if (sockets == NULL)
		return false;
	memset(sockets + c->socket_slots, 0,
	    (slots - c->socket_slots) * sizeof(*sockets));
	c->sockets = sockets;
	c->socket_slots = slots;
	return true;
}

static struct client_socket *
client_add_socket(struct client *c, curl_socket_t fd, bool pooled)
{
	struct client_socket *s;

	if (!client_has_slot(c, fd) || (s = calloc(1, sizeof *s)) == NULL)
		return NULL;
	if (uv_poll_init_socket(c->loop, &s->poll, fd) != 0) {
		free(s);
		return NULL;
	}
	s->client = c;
	s->fd = fd;
	s->pooled = pooled;
	s->poll.data = s;
	return c->sockets[fd] = s;
}

static void
client_on_socket_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
client_drop_socket(struct client_socket *s)
{
	s->client->sockets[s->fd] = NULL;
	uv_close((uv_handle_t *)&s->poll, client_on_socket_closed);
}

/*
 * libcurl closes a socket that never got connected without a word; what is left
 * of it here must go before its number is used again.
 */
static bool
client_is_resting(const struct client_socket *s)
{
	return s->pooled && (s->connected || fcntl(s->fd, F_GETFD) >= 0);
}

/* Is EASY done with its connection for now, but the connection not idle for all that? */
static bool
client_is_paused(CURL *easy)
{
	struct client_transfer *t = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
	return t != NULL && (t->paused || t->shares);
}

/* CURLMOPT_SOCKETFUNCTION: what libcurl wants to know of FD from now on. */
static int
client_set_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
    void *unused)
{
	struct client *c = arg;
	struct client_socket *s = client_find_socket(c, fd);

	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL && client_is_resting(s)) {
			s->wanted = 0;
			s->paused = client_is_paused(easy);
		}
		else if (s != NULL)
			client_drop_socket(s);
		return 0;
	}
	if (s == NULL && (s = client_add_socket(c, fd, false)) == NULL)
		return -1;
	s->paused = false;
	s->wanted = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
	    ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
	if (s->wanted == UV_READABLE)
		s->connected = true;
	if ((s->wanted & ~s->events) != 0)
		client_watch(s, s->wanted);
	return 0;
}

/* CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION: a pooled socket's life. */
static curl_socket_t
client_open_socket(void *arg, curlsocktype purpose,
    struct curl_sockaddr *address)
{
	curl_socket_t fd = socket(address->family,
	    address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    address->protocol);

	struct client_socket *stale = client_find_socket(arg, fd);

	(void)purpose;
	if (stale != NULL)
		client_drop_socket(stale);
	if (fd >= 0 && client_add_socket(arg, fd, true) == NULL) {
		close(fd);
		return CURL_SOCKET_BAD;
	}
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int
client_close_socket(void *arg, curl_socket_t fd)
{
	struct client_socket *s = client_find_socket(arg, fd);

	if (s != NULL)
		client_drop_socket(s);
	return close(fd);
}

enum err
client_open(struct client *c, uv_loop_t *loop)
{
	*c = (struct client){ .loop = loop };
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 ||
	    (c->multi = curl_multi_init()) == NULL)
		return ERR_INTERNAL;
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION,
	    client_set_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, client_set_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS,
	    (long)CONNECTIONS_KEPT);
	return ERR_NONE;
}

CURL *
client_take(struct client *c, bool *is_fresh)
{
	*is_fresh = c->spare_count == 0;
	return *is_fresh ? curl_easy_init() : c->spare[--c->spare_count];
}

void
client_give(struct client *c, CURL *easy)
{
	if (c->spare_count == CLIENT_SPARE_MAX)
		curl_easy_cleanup(easy);
	else
		c->spare[c->spare_count++] = easy;
}

void
client_trim(struct client *c)
{
	while (c->spare_count > 0)
		curl_easy_cleanup(c->spare[--c->spare_count]);
}

void
client_close(struct client *c)
{
	client_trim(c);
	curl_multi_cleanup(c->multi);
	uv_close((uv_handle_t *)&c->timer, NULL);
	free(c->sockets);
	c->sockets = NULL;
	c->socket_slots = 0;
}

enum err
client_start(struct client *c, struct client_transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION,
	    client_open_socket);
	curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, c);
	curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETFUNCTION,
	    client_close_socket);
	curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETDATA, c);
	if (curl_multi_add_handle(c->multi, t->easy) != CURLM_OK)
		return ERR_INTERNAL;
	return ERR_NONE;
}

void
client_remove(struct client *c, struct client_transfer *t)
{
	curl_multi_remove_handle(c->multi, t->easy);
}

void
client_resume(struct client *c, struct client_transfer *t)
{
	t->paused = false;
	curl_easy_pause(t->easy, CURLPAUSE_CONT);
	client_check_done(c);
}
