#include "config.h"

#include "upstream/attempt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/head.h"

enum {
	HEADER_BYTES_MAX = 65536,
	READ_SIZE = 65536,		/* libcurl's receive buffer, per transfer... */
	READ_SIZE_STREAM = 2048,	/* ...and where thousands are open at once */
};

/* The same for every attempt. */
static const struct { CURLoption option; long value; } fixed_options[] = {
	{ CURLOPT_NOSIGNAL,		 1 },
	{ CURLOPT_TCP_KEEPALIVE,	 1 },
	{ CURLOPT_FOLLOWLOCATION,	 0 },	/* a redirect could carry our key away */
	{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
	{ CURLOPT_PATH_AS_IS,		 1 },
	{ CURLOPT_QUICK_EXIT,		 1 },	/* else a cancelled look-up blocks until it is answered */
};

static const struct { CURLcode code; enum err before_head, after_head; }
failures[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, ERR_UPSTREAM_DNS, ERR_UPSTREAM_DNS },
	{ CURLE_COULDNT_RESOLVE_PROXY, ERR_UPSTREAM_PROXY, ERR_UPSTREAM_PROXY },
	{ CURLE_PROXY, ERR_UPSTREAM_PROXY, ERR_UPSTREAM_PROXY },
	{ CURLE_COULDNT_CONNECT, ERR_UPSTREAM_CONNECT, ERR_UPSTREAM_CONNECT },
	{ CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT_CONNECT, ERR_UPSTREAM_CUT },
	{ CURLE_SSL_CONNECT_ERROR, ERR_UPSTREAM_TLS, ERR_UPSTREAM_TLS },
	{ CURLE_PEER_FAILED_VERIFICATION, ERR_UPSTREAM_TLS, ERR_UPSTREAM_TLS },
	{ CURLE_SSL_CERTPROBLEM, ERR_UPSTREAM_TLS, ERR_UPSTREAM_TLS },
	{ CURLE_SSL_CIPHER, ERR_UPSTREAM_TLS, ERR_UPSTREAM_TLS },
	{ CURLE_SSL_CACERT_BADFILE, ERR_UPSTREAM_TLS, ERR_UPSTREAM_TLS },
	{ CURLE_SSL_ISSUER_ERROR, ERR_UPSTREAM_TLS, ERR_UPSTREAM_TLS },
	{ CURLE_SSL_INVALIDCERTSTATUS, ERR_UPSTREAM_TLS, ERR_UPSTREAM_TLS },
	{ CURLE_GOT_NOTHING, ERR_UPSTREAM_RESET, ERR_UPSTREAM_CUT },
	{ CURLE_SEND_ERROR, ERR_UPSTREAM_RESET, ERR_UPSTREAM_CUT },
	{ CURLE_RECV_ERROR, ERR_UPSTREAM_RESET, ERR_UPSTREAM_CUT },
	{ CURLE_PARTIAL_FILE, ERR_UPSTREAM_CUT, ERR_UPSTREAM_CUT },
	/* A header line that outgrows libcurl's buffer is reported so. */
	{ CURLE_OUT_OF_MEMORY, ERR_UPSTREAM_HEADERS_SIZE, ERR_NO_MEMORY },
	{ CURLE_HTTP2, ERR_UPSTREAM_RESET, ERR_UPSTREAM_CUT },
	{ CURLE_HTTP2_STREAM, ERR_UPSTREAM_RESET, ERR_UPSTREAM_CUT },
	/* Or in a->failure; else the request would have been sent a third time. */
	{ CURLE_ABORTED_BY_CALLBACK, ERR_UPSTREAM_RESET, ERR_UPSTREAM_CUT },
};

static enum err
attempt_failure(const struct attempt *a, CURLcode code)
{
	if (code == CURLE_OK)
		return a->head_done ? ERR_NONE : ERR_UPSTREAM_GARBAGE;
	if (a->failure != ERR_NONE)
		return a->failure;
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
		if (failures[i].code == code)
			return a->head_done ? failures[i].after_head :
			    failures[i].before_head;
	return a->head_done ? ERR_UPSTREAM_CUT : ERR_UPSTREAM_GARBAGE;
}

/* ---- The timer. ---- */

static uint64_t
earlier(uint64_t deadline, uint64_t since, unsigned ms)
{
	return ms != 0 && since + ms < deadline ? since + ms : deadline;
}

/* The next deadline in loop time, and which error it stands for. */
static uint64_t
attempt_deadline(const struct attempt *a, enum err *err)
{
	const struct attempt_request *r = a->request;
	uint64_t total = a->start_ms + r->total_ms, deadline = total;

	if (!a->head_done) {
		deadline = earlier(total, a->last_ms, r->headers_ms);
		*err = ERR_TIMEOUT_HEADERS;
	} else if (r->stream && !a->token_seen && r->first_token_ms != 0) {
		deadline = earlier(total, a->start_ms, r->first_token_ms);
		*err = ERR_TIMEOUT_FIRST_TOKEN;
	} else if (!a->paused && !a->want_pause) {
		deadline = earlier(total, a->last_ms, r->idle_ms);
		*err = ERR_TIMEOUT_IDLE;
	}
	if (deadline == total)
		*err = ERR_TIMEOUT_TOTAL;
	return deadline;
}

static void
attempt_on_timer(uv_timer_t *timer)
{
	struct attempt *a = timer->data;
	enum err err;
	uint64_t now = uv_now(timer->loop);
	uint64_t deadline = attempt_deadline(a, &err);

	if (now < deadline) {
		uv_timer_start(timer, attempt_on_timer, deadline - now, 0);
		return;
	}
	attempt_cancel(a);
	a->sink.done(a->sink.arg, err);
}

/* Deadlines may have come nearer. A later one is noticed when the timer fires. */
static void
attempt_rearm(struct attempt *a)
{
	enum err err;
	uint64_t now = uv_now(a->timer.loop);
	uint64_t deadline = attempt_deadline(a, &err);

	uv_timer_start(&a->timer, attempt_on_timer,
	    deadline > now ? deadline - now : 0, 0);
}

/* ---- libcurl's callbacks. ---- */

/* After an interim answer (1xx) the next head begins. */
static bool
attempt_end_interim(struct attempt *a)
{
	buf_fini(&a->fields);
	a->in_head = false;
	return true;
}

static bool
attempt_end_head(struct attempt *a)
{
	curl_off_t length = -1;
	long	 status = 0;
	bool	 is_chunked;

	curl_easy_getinfo(a->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
	a->status = (int)status;
	if (a->status >= 100 && a->status < 200 && a->status != 101)
		return attempt_end_interim(a);
	if (a->status < 200 || a->status > 599)
		a->failure = ERR_UPSTREAM_GARBAGE;
	else
		a->failure = head_end(&a->fields, &is_chunked);
	if (a->failure != ERR_NONE)
		return false;
	curl_easy_getinfo(a->transfer.easy,
	    CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	a->content_length = length;
	a->close_delimited = length < 0 && !is_chunked &&
	    a->status != 204 && a->status != 304 && !a->request->http2;
	a->head_done = true;
	a->last_ms = uv_now(a->timer.loop);
	attempt_rearm(a);
	a->sink.head(a->sink.arg, a);
	return !a->cancelled && a->failure == ERR_NONE;
}

static bool
attempt_take_line(struct attempt *a, const char *line, size_t n)
{
	a->header_bytes += n;
	if (a->header_bytes > HEADER_BYTES_MAX) {
		a->failure = ERR_UPSTREAM_HEADERS_SIZE;
		return false;
	}
	if (a->head_done)
		return true;			/* a trailer */
	if (!a->in_head) {
		a->in_head = true;		/* by the status line */
		return true;
	}
	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	if (n == 0)
		return attempt_end_head(a);
	return head_add_line(&a->fields, line, n) == ERR_NONE;
}

/* libcurl must not be called from inside its callbacks, for no transfer. */
static void
attempt_enter(struct attempt *a)
{
	a->in_callback = true;
	a->client->callbacks++;
}

static void
attempt_leave(struct attempt *a)
{
	a->in_callback = false;
	a->client->callbacks--;
}

static size_t
attempt_on_header(char *line, size_t size, size_t count, void *arg)
{
	struct attempt *a = arg;
	size_t	 n = size * count;
	bool	 ok;

	if (a->cancelled)
		return (size_t)-1;
	attempt_enter(a);
	ok = attempt_take_line(a, line, n);
	attempt_leave(a);
	return ok ? n : (size_t)-1;
}

static size_t
attempt_on_data(char *bytes, size_t size, size_t count, void *arg)
{
	struct attempt *a = arg;
	size_t	 n = size * count;

	if (a->cancelled)
		return (size_t)-1;
	if (!a->head_done) {
		a->failure = ERR_UPSTREAM_GARBAGE;
		return (size_t)-1;
	}
	if (a->want_pause) {
		a->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	a->last_ms = uv_now(a->timer.loop);
	attempt_enter(a);
	if (!a->sink.data(a->sink.arg, bytes, n))
		a->want_pause = true;
	attempt_leave(a);
	return a->cancelled || a->failure != ERR_NONE ? (size_t)-1 : n;
}

static size_t
attempt_on_read(char *out, size_t size, size_t count, void *arg)
{
	struct attempt *a = arg;
	ssize_t	 n = a->cancelled ? -1 :
		    a->request->body_read(a->request->body_arg,
		    a->body_offset, out, size * count);

	if (n < 0) {
		a->failure = ERR_SPOOL;
		return CURL_READFUNC_ABORT;
	}
	a->last_ms = uv_now(a->timer.loop);
	a->body_offset += (uint64_t)n;
	return (size_t)n;
}

/* libcurl starts over when a pooled connection turns out to be dead. */
static int
attempt_on_seek(void *arg, curl_off_t offset, int origin)
{
	struct attempt *a = arg;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	a->body_offset = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* Again from the start; the deadlines stay where they are. */
static bool
attempt_replace(struct attempt *a)
{
	a->body_offset = 0;
	a->running = client_replace(a->client, &a->transfer) == ERR_NONE;
	return a->running;
}

static void
attempt_on_done(struct client_transfer *t, CURLcode code)
{
	struct attempt *a = (struct attempt *)((char *)t -
	    offsetof(struct attempt, transfer));

	a->running = false;
	if (!a->cancelled && a->header_bytes == 0 &&
	    client_may_replace(t, code) && attempt_replace(a))
		return;
	a->is_clean = code == CURLE_OK;
	uv_timer_stop(&a->timer);
	if (!a->cancelled)
		a->sink.done(a->sink.arg, attempt_failure(a, code));
}

/* ---- Setting up. ---- */

static void
attempt_set_body(CURL *easy, struct attempt *a)
{
	const struct attempt_request *r = a->request;

	/* What libcurl calls a POST is any method with a body of known length. */
	if (strcmp(r->method, "POST") != 0 || !r->has_body)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
	if (strcmp(r->method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	if (!r->has_body)
		return;
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)r->body_len);
	if (r->body != NULL)
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body);
}

/* What no request changes. */
static void
attempt_set_fixed(CURL *easy)
{
	for (size_t i = 0; i < sizeof fixed_options / sizeof *fixed_options;
	    i++)
		curl_easy_setopt(easy, fixed_options[i].option,
		    fixed_options[i].value);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, attempt_on_header);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, attempt_on_data);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, attempt_on_read);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, attempt_on_seek);
}

/* These alone: not those of the system's directory as well. */
static void
attempt_set_authorities(CURL *easy, const struct attempt_request *r)
{
	struct curl_blob blob = { .len = r->ca_text_bytes,
		.flags = CURL_BLOB_COPY };

	memcpy(&blob.data, &r->ca_text, sizeof blob.data);	/* it is not changed */
	curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

static void
attempt_set_options(CURL *easy, struct attempt *a)
{
	const struct attempt_request *r = a->request;

	curl_easy_setopt(easy, CURLOPT_URL, r->url);
	curl_easy_setopt(easy, CURLOPT_PROXY, r->proxy == NULL ? "" : r->proxy);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, r->http2 ?
	    (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->headers);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_ms);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE,
	    r->stream ? (long)READ_SIZE_STREAM : (long)READ_SIZE);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, a);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, a);
	curl_easy_setopt(easy, CURLOPT_READDATA, a);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, a);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, a->detail);
	if (r->ca_text != NULL)
		attempt_set_authorities(easy, r);
	attempt_set_body(easy, a);
}

/* What such a request leaves in its handle, another of the kind sets anew. */
static bool
is_plain(const struct attempt_request *r)
{
	return strcmp(r->method, "POST") == 0 && r->has_body &&
	    r->body != NULL && !r->http2 && r->ca_text == NULL;
}

static void
attempt_give_easy(struct attempt *a)
{
	CURL	*easy = a->transfer.easy;

	if (!a->is_clean || !a->is_plain || a->transfer.is_fresh ||
	    a->transfer.sends > 1) {
		curl_easy_cleanup(easy);
		return;
	}
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
	client_give(a->client, easy);
}

struct attempt *
attempt_start(struct client *client, const struct attempt_request *request,
    const struct sink *sink)
{
	struct attempt *a = calloc(1, sizeof *a);
	bool	 is_fresh;

	if (a == NULL)
		return NULL;
	a->is_plain = is_plain(request);
	a->transfer.easy = client_take(client, a->is_plain, &is_fresh);
	if (a->transfer.easy == NULL) {
		free(a);
		return NULL;
	}
	if (is_fresh)
		attempt_set_fixed(a->transfer.easy);
	a->client = client;
	a->request = request;
	a->sink = *sink;
	a->content_length = -1;
	a->transfer.done = attempt_on_done;
	a->transfer.use.shares = request->http2;
	buf_init(&a->fields, 2 * HEADER_BYTES_MAX);
	uv_timer_init(client->loop, &a->timer);
	a->timer.data = a;
	a->start_ms = a->last_ms = uv_now(client->loop);
	attempt_set_options(a->transfer.easy, a);
	if (client_start(client, &a->transfer) != ERR_NONE) {
		attempt_free(a);
		return NULL;
	}
	a->running = true;
	attempt_rearm(a);
	return a;
}

bool
attempt_next_field(const struct attempt *a, size_t *at, const char **name,
    size_t *name_len, const char **value, size_t *value_len)
{
	return head_next_field(&a->fields, at, name, name_len, value,
	    value_len);
}

bool
attempt_has_sent(const struct attempt *a)
{
	const struct attempt_request *r = a->request;
	curl_off_t sent_bytes = 0;

	if (!r->has_body || r->body_len == 0)
		return true;
	if (a->transfer.sends > 0)
		curl_easy_getinfo(a->transfer.easy, CURLINFO_SIZE_UPLOAD_T,
		    &sent_bytes);
	return (uint64_t)sent_bytes >= r->body_len;
}

/*
 * libcurl sends a request again only while nothing has come of an answer. It is
 * not relied on to have copied what it is still sending.
 */
bool
attempt_reads_body(const struct attempt *a)
{
	return a->running && !(a->header_bytes > 0 && attempt_has_sent(a));
}

bool
attempt_is_asked(const struct attempt *a)
{
	long	 sent_bytes = 0;

	if (a->transfer.sends > 0)	/* until then it tells of the handle's last one */
		curl_easy_getinfo(a->transfer.easy, CURLINFO_REQUEST_SIZE,
		    &sent_bytes);
	return sent_bytes > 0;
}

const char *
attempt_detail(const struct attempt *a)
{
	return a->failure == ERR_NONE ? a->detail : "";
}

void
attempt_resume(struct attempt *a)
{
	if (!a->want_pause || !a->running)
		return;
	a->want_pause = false;
	a->last_ms = uv_now(a->timer.loop);
	attempt_rearm(a);
	if (a->paused) {
		a->paused = false;
		client_resume(a->client, &a->transfer);
	}
}

void
attempt_note_token(struct attempt *a)
{
	if (a->token_seen)
		return;
	a->token_seen = true;
	attempt_rearm(a);
}

void
attempt_drop_fields(struct attempt *a)
{
	buf_fini(&a->fields);
}

void
attempt_fail(struct attempt *a, enum err err)
{
	assert(a->in_callback);
	a->failure = err;
}

static void
attempt_remove(struct attempt *a)
{
	if (!a->running)
		return;
	a->running = false;
	client_remove(a->client, &a->transfer);
}

static void
attempt_on_late_cancel(uv_timer_t *timer)
{
	attempt_remove(timer->data);
}

/*
 * Inside a callback of its own the callback's result ends the transfer, inside
 * another's it has to wait for the loop: until then no more of the request goes
 * out, libcurl may still look at the body, and what it says is not passed on.
 */
void
attempt_cancel(struct attempt *a)
{
	if (a == NULL || a->cancelled)
		return;
	a->cancelled = true;
	uv_timer_stop(&a->timer);
	if (a->client->callbacks == 0) {
		attempt_remove(a);
		return;
	}
	client_stop(&a->transfer);
	if (!a->in_callback && a->running)
		uv_timer_start(&a->timer, attempt_on_late_cancel, 0, 0);
}

static void
attempt_on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
attempt_free(struct attempt *a)
{
	if (a == NULL)
		return;
	attempt_cancel(a);
	attempt_remove(a);
	attempt_give_easy(a);
	buf_fini(&a->fields);
	uv_close((uv_handle_t *)&a->timer, attempt_on_timer_closed);
}
