#include "config.h"

#include "fcgi/front.h"

#include <errno.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "base/log.h"
#include "fcgi/conn.h"

enum { ACCEPTS_AT_ONCE = 64, SWEEP_MS = 1000, RESERVED_FDS = 32 };

static void front_on_listen(uv_poll_t *, int, int);

bool
front_is_fastcgi(void)
{
	int	 listening = 0;
	socklen_t len = sizeof listening;

	return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listening,
	    &len) == 0 && listening != 0;
}

void
front_init_library(void)
{
	FCGX_Init();
}

/* Wait for a connection to close, or the next sweep, instead of spinning. */
static void
front_pause(struct front *f)
{
	uv_poll_stop(&f->listen_poll);
	f->accepting = false;
}

void
front_resume(struct front *f)
{
	if (f->listen_fd < 0 || f->accepting || f->stopping ||
	    f->conn_count >= f->conn_max)
		return;
	f->accepting = true;
	uv_poll_start(&f->listen_poll, UV_READABLE, front_on_listen);
}

/*
 * Each request needs a descriptor towards its provider too, and some are needed
 * for spools and the journal. What is not accepted waits in the backlog.
 */
static size_t
front_find_conn_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_cur <= 2 * RESERVED_FDS)
		return RESERVED_FDS / 2;
	return (size_t)(limit.rlim_cur - RESERVED_FDS) / 2;
}

/* FastCGI 1.0 section 3.2: who may connect where the socket is a TCP port. */
static bool
front_allows(const struct front *f, const struct sockaddr_storage *peer)
{
	char	 text[INET6_ADDRSTRLEN] = "";
	const char *list = f->peers;
	size_t	 len;

	if (list == NULL)
		return true;
	if (peer->ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)peer)->
		    sin_addr, text, sizeof text);
	else
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)peer)->
		    sin6_addr, text, sizeof text);
	if (strncmp(text, "::ffff:", 7) == 0)	/* IPv4 on a dual-stack socket */
		memmove(text, text + 7, strlen(text + 7) + 1);
	for (; *list != '\0'; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (len == strlen(text) && memcmp(list, text, len) == 0)
			return true;
	}
	log_warn("refused a connection from %s", text);
	return false;
}

static void
front_take(struct front *f, int fd, const struct sockaddr_storage *peer)
{
	int	 on = 1;

	if (f->is_tcp) {
		if (!front_allows(f, peer)) {
			close(fd);
			return;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	}
	conn_open(f, fd);
}

static void
front_on_listen(uv_poll_t *poll, int status, int events)
{
	struct front *f = poll->data;
	struct sockaddr_storage peer;
	socklen_t len;
	int	 fd;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		if (f->conn_count >= f->conn_max) {
			front_pause(f);
			return;
		}
		len = sizeof peer;
		fd = accept4(f->listen_fd, (struct sockaddr *)&peer, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			front_take(f, fd, &peer);
		else if (errno == EMFILE || errno == ENFILE ||
		    errno == ENOMEM || errno == ENOBUFS) {
			log_warn("cannot accept connections: %s",
			    uv_strerror(-errno));
			front_pause(f);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

static void
front_on_prepare(uv_prepare_t *prepare)
{
	struct front *f = prepare->data;
	struct conn *c;

	while ((c = f->due) != NULL) {
		f->due = c->next_due;
		conn_attend(c);
	}
}

/* The loop does not wait while this runs, but all others have their turn. */
static void
front_on_idle(uv_idle_t *idle)
{
	struct front *f = idle->data;
	bool	 busy = false;

	for (struct conn *c = f->conns; c != NULL; c = c->next)
		if (c->request.is_busy) {
			conn_resume(c);
			busy |= c->request.is_busy;
		}
	if (!busy)
		uv_idle_stop(idle);
}

void
front_set_busy(struct front *f)
{
	uv_idle_start(&f->idle, front_on_idle);
}

static void
front_on_sweep(uv_timer_t *timer)
{
	struct front *f = timer->data;
	struct conn *c, *next;
	uint64_t now = uv_now(f->loop);

	for (c = f->conns; c != NULL; c = next) {
		next = c->next;
		conn_sweep(c, now);
	}
	front_resume(f);
}

/*
 * O_NONBLOCK belongs to the socket that all who have it share, and any of them can
 * take it away: systemd does, when it hands the socket to a command as its standard
 * input. accept4 then waits no longer than this.
 */
static void
front_bound_accept(struct front *f)
{
	static const struct timeval longest = { .tv_usec = 1000 };

	setsockopt(f->listen_fd, SOL_SOCKET, SO_RCVTIMEO, &longest,
	    sizeof longest);
}

static int
front_listen(struct front *f)
{
	struct sockaddr_storage local;
	socklen_t len = sizeof local;
	int	 err;

	f->is_tcp = getsockname(f->listen_fd, (struct sockaddr *)&local,
	    &len) == 0 && local.ss_family != AF_UNIX;
	f->peers = getenv("FCGI_WEB_SERVER_ADDRS");
	fcntl(f->listen_fd, F_SETFD, FD_CLOEXEC);
	front_bound_accept(f);
	err = uv_poll_init(f->loop, &f->listen_poll, f->listen_fd);
	if (err != 0)
		return err;
	f->listen_poll.data = f;
	f->accepting = true;
	return uv_poll_start(&f->listen_poll, UV_READABLE, front_on_listen);
}

int
front_open(struct front *f, uv_loop_t *loop, int listen_fd,
    const struct request_handler *handler, const struct front_limits *limits,
    unsigned probe_ms)
{
	f->loop = loop;
	f->handler = handler;
	f->limits = *limits;
	f->listen_fd = listen_fd;
	f->conn_max = front_find_conn_max();
	hangup_init(&f->hangup, loop, probe_ms);
	uv_prepare_init(loop, &f->prepare);
	f->prepare.data = f;
	uv_prepare_start(&f->prepare, front_on_prepare);
	uv_idle_init(loop, &f->idle);
	f->idle.data = f;
	uv_timer_init(loop, &f->sweep);
	f->sweep.data = f;
	uv_timer_start(&f->sweep, front_on_sweep, SWEEP_MS, SWEEP_MS);
	if (listen_fd >= 0)
		return front_listen(f);
	f->stopping = true;
	conn_open_cgi(f);
	return 0;
}

void
front_stop(struct front *f)
{
	struct conn *c;

	if (f->stopping)
		return;
	f->stopping = true;
	f->stop_ms = uv_now(f->loop);
	uv_poll_stop(&f->listen_poll);
	for (c = f->conns; c != NULL; c = c->next)
		conn_set_due(c);
	if (f->conn_count == 0)
		f->stopped(f);
}
