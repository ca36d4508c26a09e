#include "config.h"

#include "upstream/client.h"

#include <assert.h>
#include <stddef.h>

enum { CONNECTIONS_KEPT = 256 };

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
		client_remove(c, t);
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

static void
client_on_ready(struct sockets *sockets, curl_socket_t fd, int select)
{
	struct client *c = (struct client *)((char *)sockets -
	    offsetof(struct client, sockets));
	int	 running;

	curl_multi_socket_action(c->multi, fd, select, &running);
	client_check_done(c);
}

static int
client_want_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
    void *unused)
{
	struct client *c = arg;

	(void)easy;
	(void)unused;
	return sockets_want(&c->sockets, fd, what);
}

static curl_socket_t
client_open_socket(void *arg, curlsocktype purpose,
    struct curl_sockaddr *address)
{
	struct client_transfer *t = arg;

	(void)purpose;
	return sockets_open(&t->client->sockets, &t->use, address);
}

static int
client_close_socket(void *arg, curl_socket_t fd)
{
	struct client *c = arg;

	return sockets_close(&c->sockets, fd);
}

/*
 * libcurl starts over by itself, too, when a kept connection has died; it takes
 * another kept one then, and counts in the handle how often, over all requests
 * of the handle. Here each request is sent twice at most, and the second time
 * over a fresh connection.
 */
static bool
client_may_send(struct client_transfer *t, enum socket_kind kind)
{
	t->is_kept = kind != SOCKET_FRESH && !t->is_fresh;
	t->wants_fresh = t->is_kept && (t->sends > 0 || kind == SOCKET_STALE);
	if (t->wants_fresh || t->sends == 2)
		return false;
	t->sends++;
	return true;
}

/*
 * CURLOPT_PREREQFUNCTION: the connection stands, or was found in the pool, and
 * the request is about to be sent over it.
 */
static int
client_on_request(void *arg, char *remote_ip, char *local_ip, int remote_port,
    int local_port)
{
	struct client_transfer *t = arg;
	const struct socket_ends ends = { .remote_ip = remote_ip,
		.remote_port = remote_port, .local_port = local_port };

	(void)local_ip;
	return !t->is_stopped && client_may_send(t,
	    sockets_use(&t->client->sockets, &t->use, &ends)) ?
	    CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

enum err
client_open(struct client *c, uv_loop_t *loop)
{
	*c = (struct client){ .loop = loop };
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 ||
	    (c->multi = curl_multi_init()) == NULL)
		return ERR_INTERNAL;
	sockets_init(&c->sockets, loop, client_on_ready);
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION,
	    client_want_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, client_set_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS,
	    (long)CONNECTIONS_KEPT);
	return ERR_NONE;
}

/* A handle with the options that make it a member of this client. */
static CURL *
client_make_easy(struct client *c)
{
	CURL	*easy = curl_easy_init();

	if (easy == NULL)
		return NULL;
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, client_open_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION,
	    client_close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, c);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, client_on_request);
	return easy;
}

CURL *
client_take(struct client *c, bool spare, bool *is_fresh)
{
	*is_fresh = !spare || c->spare_count == 0;
	return *is_fresh ? client_make_easy(c) : c->spare[--c->spare_count];
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
	sockets_fini(&c->sockets);
}

enum err
client_start(struct client *c, struct client_transfer *t)
{
	t->client = c;
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
	if (curl_multi_add_handle(c->multi, t->easy) != CURLM_OK)
		return ERR_INTERNAL;
	return ERR_NONE;
}

/* May be asked for HTTP/2, and has been answered in an older version. */
static bool
client_is_downgraded(const struct client_transfer *t)
{
	long	 version = 0;

	if (t->use.shares)
		curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
	return version == CURL_HTTP_VERSION_1_0 ||
	    version == CURL_HTTP_VERSION_1_1;
}

static bool
client_is_dead(CURLcode code)
{
	return code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR ||
	    code == CURLE_RECV_ERROR || code == CURLE_HTTP2;
}

bool
client_may_replace(const struct client_transfer *t, CURLcode code)
{
	return !t->is_stopped && !t->is_fresh && (t->wants_fresh ||
	    (t->is_kept && t->sends == 1 && client_is_dead(code)));
}

enum err
client_replace(struct client *c, struct client_transfer *t)
{
	t->is_fresh = true;
	t->wants_fresh = false;
	curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
	return curl_multi_add_handle(c->multi, t->easy) == CURLM_OK ?
	    ERR_NONE : ERR_INTERNAL;
}

void
client_stop(struct client_transfer *t)
{
	t->is_stopped = true;
	sockets_shut(&t->client->sockets, &t->use);
}

void
client_remove(struct client *c, struct client_transfer *t)
{
	assert(c->callbacks == 0);
	curl_multi_remove_handle(c->multi, t->easy);
	if (client_is_downgraded(t))
		t->use.shares = false;
	sockets_leave(&c->sockets, &t->use);
}

void
client_resume(struct client *c, struct client_transfer *t)
{
	curl_easy_pause(t->easy, CURLPAUSE_CONT);
	client_check_done(c);
}
