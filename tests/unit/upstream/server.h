/* server.h - an upstream on the loopback that follows a script, in a thread. */
#ifndef TESTS_UNIT_UPSTREAM_SERVER_H
#define TESTS_UNIT_UPSTREAM_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct server {
	int		 fd;
	char		 url[64];	/* "http://127.0.0.1:PORT/v1" */
	pthread_t	 thread;
	bool		 running;
	int		 client;	/* the connection being served, or -1 */
	pthread_mutex_t	 lock;		/* on client */
	int		 connections;	/* accepted so far; read it after server_stop */
	void		(*serve)(struct server *, int fd);
	char		 request[1 << 20];	/* the last one read */
	size_t		 request_len;
};

static inline void
server_set_client(struct server *s, int fd)
{
	pthread_mutex_lock(&s->lock);
	s->client = fd;
	pthread_mutex_unlock(&s->lock);
}

/* One connection after another, until the listener is shut down. */
static inline void *
server_main(void *arg)
{
	struct server *s = arg;
	int	 fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		server_set_client(s, fd);
		s->connections++;
		s->serve(s, fd);
		server_set_client(s, -1);
		close(fd);
	}
	return NULL;
}

/* A listener that nobody accepts from. */
static inline void
server_listen(struct server *s, int backlog)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(name);

	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	s->client = -1;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&name, len), 0);
	assert_int_equal(listen(s->fd, backlog), 0);
	getsockname(s->fd, (struct sockaddr *)&name, &len);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u/v1",
	    (unsigned)ntohs(name.sin_port));
}

static inline void
server_start(struct server *s, void (*serve)(struct server *, int))
{
	server_listen(s, 64);
	s->serve = serve;
	s->running = true;
	assert_int_equal(pthread_create(&s->thread, NULL, server_main, s), 0);
}

/* Wait until the script has come to its end by itself. */
static inline void
server_join(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	if (s->running)
		pthread_join(s->thread, NULL);
	s->running = false;
}

/* End it, whatever the script waits for. */
static inline void
server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_mutex_lock(&s->lock);
	if (s->client >= 0)
		shutdown(s->client, SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
	server_join(s);
	close(s->fd);
}

static inline void
server_send(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;
	ssize_t	 sent;

	while (n > 0 && (sent = send(fd, p, n, MSG_NOSIGNAL)) > 0) {
		p += sent;
		n -= (size_t)sent;
	}
}

static inline void
server_say(int fd, const char *text)
{
	server_send(fd, text, strlen(text));
}

/* Wait until the other side closes. */
static inline void
server_wait_for_close(int fd)
{
	char	 bytes[4096];

	while (read(fd, bytes, sizeof(bytes)) > 0)
		continue;
}

/* One request with the body that its Content-Length tells. False: the end. */
static inline bool
server_read(struct server *s, int fd)
{
	const char *end = NULL, *length;
	size_t	 want = 0;
	ssize_t	 n;

	s->request_len = 0;
	while (end == NULL || s->request_len < want) {
		n = read(fd, s->request + s->request_len,
		    sizeof(s->request) - 1 - s->request_len);
		if (n <= 0)
			return false;
		s->request_len += (size_t)n;
		s->request[s->request_len] = '\0';
		if (end == NULL &&
		    (end = strstr(s->request, "\r\n\r\n")) != NULL) {
			length = strcasestr(s->request, "\r\nContent-Length:");
			want = (size_t)(end + 4 - s->request) +
			    (length == NULL || length > end ? 0 :
			    strtoul(length + 17, NULL, 10));
		}
	}
	return true;
}
#endif
