/*
 * load - drive a web server on this machine and tell what came back.
 *
 *	load rps     -p PORT [-m MODEL] [-c CLIENTS] [-t SECONDS] [-n REQUESTS]
 *		     [-b BYTES]
 *	load streams -p PORT [-m MODEL] [-c STREAMS] [-r PER_SECOND]
 *	both:        [-u PATH] [-k KEY]
 *
 * Prints one JSON line of results; `streams` prints two lines before it: one
 * as soon as every stream has brought its first event, one when the first
 * stream ends. All of them are open in between.
 */
#include "config.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <uv.h>

#include "bench/client.h"

enum {
	CLIENTS_MAX = 10000,
	SAMPLES_MAX = 4 << 20,
	LINE_MAX_BYTES = 1024,
	STAMP_DIGITS = 28,
	GRACE_MS = 60000	/* a run that hangs ends */
};

struct options {
	int		 port;
	const char	*path;
	const char	*key;
	const char	*model;
	unsigned	 clients;
	unsigned	 rate;		/* streams opened per second */
	double		 seconds;
	uint64_t	 requests;	/* at most */
	size_t		 body;
};

/* A growing list of microseconds. */
struct samples {
	uint32_t	*us;
	size_t		 count;
	size_t		 room;
};

struct stream {
	struct client	 client;	/* first: a client is its stream */
	char		 line[LINE_MAX_BYTES];
	size_t		 line_len;
	unsigned	 events;
	bool		 broken;	/* an event out of order, or garbage */
	bool		 done_seen;
};

static struct options options = {
	.path = "/v1/chat/completions", .key = "bench", .model = "json-600",
	.clients = 64, .rate = 2000, .seconds = 2, .requests = UINT64_MAX,
	.body = 600,
};
static struct client_target target;
static struct samples latency, delay;	/* of answers or firsts; of events */
static uint64_t started_ns, stop_ns;
static uint64_t asked;
static unsigned failed, running, opened, first_seen, intact, expected;
static struct stream *streams;
static uv_timer_t opener, guard;

static void
samples_add(struct samples *list, uint64_t ns)
{
	uint64_t us = ns / 1000;

	if (list->count == list->room) {
		size_t room = list->room == 0 ? 4096 : list->room * 2;
		uint32_t *more = room > SAMPLES_MAX ? NULL :
		    realloc(list->us, room * sizeof(*more));

		if (more == NULL)
			return;
		list->us = more;
		list->room = room;
	}
	list->us[list->count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorts LIST and prints its percentiles as members that begin with NAME. */
static void
samples_print(struct samples *list, const char *name)
{
	static const struct { const char *name; double at; } marks[] = {
		{ "p50", 0.50 }, { "p90", 0.90 }, { "p99", 0.99 },
		{ "max", 1.00 },
	};
	size_t i, at;

	if (list->count > 0)
		qsort(list->us, list->count, sizeof(*list->us), compare);
	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		at = (size_t)((double)list->count * marks[i].at);
		if (at >= list->count)
			at = list->count - 1;
		printf(",\"%s_%s_us\":%" PRIu32, name, marks[i].name,
		    list->count > 0 ? list->us[at] : 0);
	}
	free(list->us);
}

/* -- rps ------------------------------------------------------------------ */

static void
on_answer(struct client *client, int status)
{
	uint64_t now = uv_hrtime();

	if (status == 200)
		samples_add(&latency, now - client->begun_ns);
	else
		failed++;
	/* A server that fails every request would keep us busy for nothing. */
	if (now < stop_ns && failed < 1000 && asked < options.requests) {
		asked++;
		client_send(client);
	} else {
		client_close(client);
	}
}

static const struct client_events answer_events = { .done = on_answer };

static void
run_rps(void)
{
	struct client *clients = calloc(options.clients, sizeof(*clients));
	double seconds;
	unsigned i;

	if (clients == NULL)
		return;
	started_ns = uv_hrtime();
	stop_ns = started_ns + (uint64_t)(options.seconds * 1e9);
	for (i = 0; i < options.clients && asked < options.requests; i++) {
		asked++;
		clients[i].target = &target;
		client_send(&clients[i]);
	}
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	seconds = (double)(uv_hrtime() - started_ns) / 1e9;
	printf("{\"requests\":%zu,\"failed\":%u,\"seconds\":%.3f,\"rps\":%.1f",
	    latency.count, failed, seconds, (double)latency.count / seconds);
	samples_print(&latency, "latency");
	printf("}\n");
	free(clients);
}

/* -- streams -------------------------------------------------------------- */

static void
print_mark(const char *name)
{
	printf("{\"mark\":\"%s\",\"running\":%u,\"events\":%zu}\n", name,
	    running, delay.count + latency.count);
	fflush(stdout);
}

static void
count_first(struct stream *stream, uint64_t now)
{
	samples_add(&latency, now - stream->client.begun_ns);
	if (++first_seen != options.clients)
		return;
	print_mark("open");
}

/* "data: ..." without its newline: an event's number, time and place. */
static void
read_event(struct stream *stream, const char *line)
{
	uint64_t now = uv_hrtime();
	const char *text;
	unsigned number;
	uint64_t sent_ns;

	if (strcmp(line, "data: [DONE]") == 0) {
		stream->done_seen = true;
		return;
	}
	text = strstr(line, "\"content\":\"");
	if (text == NULL || strlen(text) < STAMP_DIGITS + 11 ||
	    sscanf(text + 11, "%8u%20" SCNu64, &number, &sent_ns) != 2 ||
	    number != stream->events || line[strlen(line) - 1] != '}') {
		stream->broken = true;
		return;
	}
	if (stream->events++ == 0)
		count_first(stream, now);
	else
		samples_add(&delay, now - sent_ns);
}

static void
on_stream_bytes(void *arg, const char *buf, size_t len)
{
	struct stream *stream = arg;

	for (; len > 0; buf++, len--) {
		if (*buf != '\n') {
			if (stream->line_len + 1 < LINE_MAX_BYTES)
				stream->line[stream->line_len++] = *buf;
			else
				stream->broken = true;
			continue;
		}
		stream->line[stream->line_len] = '\0';
		if (strncmp(stream->line, "data: ", 6) == 0)
			read_event(stream, stream->line);
		stream->line_len = 0;
	}
}

static void
on_stream_done(struct client *client, int status)
{
	struct stream *stream = (struct stream *)client;

	if (status == 200 && !stream->broken && stream->done_seen &&
	    stream->events == expected)
		intact++;
	else
		failed++;
	client_close(client);
	if (intact + failed == 1)
		print_mark("ending");
	if (--running == 0 && opened == options.clients)
		uv_close((uv_handle_t *)&guard, NULL);
}

static const struct client_events stream_events = {
	.body = on_stream_bytes, .done = on_stream_done,
};

static void
on_open(uv_timer_t *timer)
{
	uint64_t due = (uv_hrtime() - started_ns) * options.rate / 1000000000;

	for (; opened < options.clients && opened <= due; opened++) {
		running++;
		streams[opened].client.target = &target;
		client_send(&streams[opened].client);
	}
	if (opened == options.clients)
		uv_close((uv_handle_t *)timer, NULL);
}

/* The run has hung: what is still open counts as cut. */
static void
on_guard(uv_timer_t *timer)
{
	unsigned i;

	(void)timer;
	for (i = 0; i < opened; i++)
		client_close(&streams[i].client);
}

static void
run_streams(void)
{
	unsigned interval_ms = 0;

	sscanf(options.model, "sse-%u-%u", &expected, &interval_ms);
	if ((streams = calloc(options.clients, sizeof(*streams))) == NULL)
		return;
	uv_timer_init(uv_default_loop(), &opener);
	uv_timer_init(uv_default_loop(), &guard);
	started_ns = uv_hrtime();
	uv_timer_start(&opener, on_open, 0, 2);
	uv_timer_start(&guard, on_guard, GRACE_MS + expected * interval_ms, 0);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	printf("{\"streams\":%u,\"intact\":%u,\"failed\":%u,\"events\":%zu,"
	    "\"seconds\":%.3f", options.clients, intact, failed,
	    delay.count + latency.count,
	    (double)(uv_hrtime() - started_ns) / 1e9);
	samples_print(&latency, "ttfb");
	samples_print(&delay, "delay");
	printf("}\n");
	free(streams);
}

/* -- */

static void
usage(void)
{
	fprintf(stderr, "usage: load rps|streams -p PORT [-u PATH] [-k KEY] "
	    "[-m MODEL] [-c CLIENTS] [-t SECONDS] [-n REQUESTS] "
	    "[-r PER_SECOND] [-b BYTES]\n");
	exit(2);
}

static void
read_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "p:u:k:m:c:t:n:r:b:")) != -1)
		switch (c) {
		case 'p': options.port = atoi(optarg); break;
		case 'u': options.path = optarg; break;
		case 'k': options.key = optarg; break;
		case 'm': options.model = optarg; break;
		case 'c': options.clients = (unsigned)atoi(optarg); break;
		case 't': options.seconds = atof(optarg); break;
		case 'n': options.requests = strtoul(optarg, NULL, 10); break;
		case 'r': options.rate = (unsigned)atoi(optarg); break;
		case 'b': options.body = strtoul(optarg, NULL, 10); break;
		default: usage();
		}
	if (options.port <= 0 || options.clients < 1 ||
	    options.clients > CLIENTS_MAX || options.rate < 1)
		usage();
}

int
main(int argc, char **argv)
{
	struct rlimit limit;
	bool is_streams = argc > 1 && strcmp(argv[1], "streams") == 0;

	if (argc < 2 || (!is_streams && strcmp(argv[1], "rps") != 0))
		usage();
	read_options(argc - 1, argv + 1);
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (!client_target_init(&target, options.port, options.path,
	    options.key, options.model, options.body)) {
		fprintf(stderr, "load: cannot build the request\n");
		return 1;
	}
	target.events = is_streams ? &stream_events : &answer_events;
	if (is_streams)
		run_streams();
	else
		run_rps();
	client_target_fini(&target);
	return 0;
}
