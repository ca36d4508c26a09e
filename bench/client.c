#include "config.h"

#include "bench/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char read_buf[1 << 18];

/* What stands around the filling of a body, and what it is called. */
struct shape {
	const char	*type;
	char		 begin[512];
	const char	*end;
};

static void
shape_json(struct shape *s, const char *model)
{
	s->type = "application/json";
	s->end = "\"}]}";
	snprintf(s->begin, sizeof(s->begin), "{\"model\":\"%s\","
	    "\"stream\":%s,\"messages\":[{\"role\":\"user\",\"content\":\"",
	    model, strncmp(model, "sse-", 4) == 0 ? "true" : "false");
}

static void
shape_form(struct shape *s, const char *model)
{
	s->type = "multipart/form-data; boundary=bench";
	s->end = "\r\n--bench--\r\n";
	snprintf(s->begin, sizeof(s->begin), "--bench\r\n"
	    "Content-Disposition: form-data; name=\"model\"\r\n\r\n%s\r\n"
	    "--bench\r\nContent-Disposition: form-data; name=\"file\"; "
	    "filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n", model);
}

bool
client_target_init(struct client_target *target, int port, const char *path,
    const char *key, const char *model, size_t body)
{
	char head[1024];
	int head_len;
	size_t begin_len, end_len, filling;
	struct shape shape;

	if (strstr(path, "/audio/trans") != NULL)
		shape_form(&shape, model);
	else
		shape_json(&shape, model);
	begin_len = strlen(shape.begin);
	end_len = strlen(shape.end);
	filling = body > begin_len + end_len ? body - begin_len - end_len : 0;
	body = begin_len + filling + end_len;
	head_len = snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\n"
	    "Host: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
	    "Content-Type: %s\r\nAccept: */*\r\n"
	    "User-Agent: sluice-bench\r\nContent-Length: %zu\r\n\r\n",
	    path, port, key, shape.type, body);
	if (begin_len >= sizeof(shape.begin) - 1 ||
	    head_len >= (int)sizeof(head))
		return false;
	target->request_len = (size_t)head_len + body;
	if ((target->request = malloc(target->request_len)) == NULL)
		return false;
	memcpy(target->request, head, (size_t)head_len);
	memcpy(target->request + head_len, shape.begin, begin_len);
	memset(target->request + head_len + begin_len, 'x', filling);
	memcpy(target->request + target->request_len - end_len, shape.end,
	    end_len);
	return uv_ip4_addr("127.0.0.1", port, &target->addr) == 0;
}

void
client_target_fini(struct client_target *target)
{
	free(target->request);
	target->request = NULL;
}

static void
on_close(uv_handle_t *handle)
{
	struct client *client = handle->data;

	client->connected = false;
	if (client->in_flight) {
		client->in_flight = false;
		client->target->events->done(client, client->status);
	}
}

void
client_close(struct client *client)
{
	if (client->connected && !uv_is_closing((uv_handle_t *)&client->tcp))
		uv_close((uv_handle_t *)&client->tcp, on_close);
}

/* The answer is complete. Where the connection ends with it, `done` waits. */
static void
finish(struct client *client)
{
	client->status = client->info.status;
	if (client->info.close) {
		client_close(client);
		return;
	}
	client->in_flight = false;
	client->target->events->done(client, client->status);
}

static void
ignore_body(void *arg, const char *buf, size_t len)
{
	(void)arg;
	(void)buf;
	(void)len;
}

static enum http_step
feed_head(struct client *client, const char *buf, size_t len, size_t *used)
{
	size_t before = client->head_len;
	size_t room = sizeof(client->head) - before;
	enum http_step step;

	*used = len < room ? len : room;
	memcpy(client->head + before, buf, *used);
	client->head_len += *used;
	step = http_parse(client->head, client->head_len, &client->info);
	if (step != HTTP_DONE)
		return client->head_len == sizeof(client->head) ? HTTP_BAD :
		    step;
	*used = client->info.bytes - before;
	http_body_init(&client->body, &client->info);
	client->in_body = true;
	return client->body.state == HTTP_BODY_END ? HTTP_DONE : HTTP_MORE;
}

/* Bytes after the answer's end are nobody's. */
static void
feed(struct client *client, const char *buf, size_t len)
{
	http_body_fn *sink = client->target->events->body;
	enum http_step step = HTTP_MORE;
	size_t used;

	while (len > 0 && step == HTTP_MORE) {
		if (client->in_body)
			step = http_body_feed(&client->body, buf, len, &used,
			    sink != NULL ? sink : ignore_body, client);
		else
			step = feed_head(client, buf, len, &used);
		buf += used;
		len -= used;
	}
	if (step == HTTP_BAD)
		client_close(client);
	else if (step == HTTP_DONE)
		finish(client);
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle;
	(void)suggested;
	*buf = uv_buf_init(read_buf, sizeof(read_buf));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *client = stream->data;

	if (n == UV_EOF && client->in_body &&
	    client->body.state == HTTP_BODY_TO_EOF) {
		client->info.close = true;
		finish(client);
	} else if (n < 0) {
		client_close(client);
	} else if (n > 0 && client->in_flight && client->status == 0) {
		feed(client, buf->base, (size_t)n);
	}
}

static void
on_written(uv_write_t *req, int status)
{
	if (status != 0 && status != UV_ECANCELED)
		client_close(req->data);
}

static void
write_request(struct client *client)
{
	const struct client_target *target = client->target;
	uv_stream_t *stream = (uv_stream_t *)&client->tcp;
	uv_buf_t buf = uv_buf_init(target->request,
	    (unsigned)target->request_len);
	int n = uv_try_write(stream, &buf, 1);

	if (n == (int)target->request_len)
		return;
	if (n < 0 && n != UV_EAGAIN) {
		client_close(client);
		return;
	}
	n = n < 0 ? 0 : n;
	buf = uv_buf_init(target->request + n,
	    (unsigned)(target->request_len - (size_t)n));
	client->write.data = client;
	if (uv_write(&client->write, stream, &buf, 1, on_written) != 0)
		client_close(client);
}

static void
on_connect(uv_connect_t *req, int status)
{
	struct client *client = req->data;

	if (status != 0) {
		client_close(client);
		return;
	}
	uv_tcp_nodelay(&client->tcp, 1);
	uv_read_start((uv_stream_t *)&client->tcp, on_alloc, on_read);
	write_request(client);
}

void
client_send(struct client *client)
{
	client->begun_ns = uv_hrtime();
	client->in_flight = true;
	client->status = 0;
	client->in_body = false;
	client->head_len = 0;
	if (client->connected) {
		write_request(client);
		return;
	}
	uv_tcp_init(uv_default_loop(), &client->tcp);
	client->connected = true;
	client->tcp.data = client;
	client->connect.data = client;
	if (uv_tcp_connect(&client->connect, &client->tcp,
	    (const struct sockaddr *)&client->target->addr, on_connect) != 0)
		client_close(client);
}
