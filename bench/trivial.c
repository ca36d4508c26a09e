/*
 * trivial - FastCGI responders that do nothing: floors of the hop.
 *
 *	trivial bare|event|accept SIZE		(listening socket on fd 0)
 *
 * Reads each request to the end of its body and answers with one JSON string
 * of SIZE bytes.
 *
 * bare		an epoll loop that looks at nothing but record headers
 * event	the same, and libfcgi parses the parameters from a memory file
 * accept	libfcgi's usual accept loop, one request at a time
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fcgiapp.h>

enum {
	RECORD_HEADER = 8,	/* FastCGI 1.0, section 3.3 */
	TYPE_END_REQUEST = 3,
	TYPE_PARAMS = 4,
	TYPE_STDIN = 5,
	TYPE_STDOUT = 6,
	BODY_MAX = 60000,	/* with its header, one record */
	PARAMS_MAX = 8192,	/* BEGIN_REQUEST and PARAMS records */
	EVENTS_MAX = 64
};

/* Where the reading of one connection stands; zeroes at its start. */
struct reader {
	unsigned char	 header[RECORD_HEADER];
	unsigned	 got;		/* of the header */
	unsigned	 left;		/* of the record's content and padding */
	unsigned char	*params;	/* `event` alone; allocated once */
	size_t		 params_len;
	bool		 params_end;
};

static struct reader *readers;		/* by fd */
static size_t reader_count;
static bool parsing;			/* `event` */
static int memory_fd = -1;
static char answer[BODY_MAX + 256];	/* headers and body */
static size_t answer_len;
static char records[sizeof(answer) + 3 * RECORD_HEADER];
static size_t records_len;

static void
build_answer(size_t size)
{
	answer_len = (size_t)snprintf(answer, 200,
	    "Status: 200 OK\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n\"", size);
	memset(answer + answer_len, 'x', size - 2);
	answer_len += size - 1;
	answer[answer_len - 1] = '"';
}

static void
add_record(unsigned type, const char *content, size_t len)
{
	unsigned char header[RECORD_HEADER] = {
		1, (unsigned char)type, 0, 1,
		(unsigned char)(len >> 8), (unsigned char)len, 0, 0
	};

	memcpy(records + records_len, header, sizeof(header));
	memcpy(records + records_len + sizeof(header), content, len);
	records_len += sizeof(header) + len;
}

static void
keep_params(struct reader *reader, const unsigned char *bytes, size_t len)
{
	if (!parsing || reader->params_end ||
	    len > PARAMS_MAX - reader->params_len)
		return;
	memcpy(reader->params + reader->params_len, bytes, len);
	reader->params_len += len;
}

/* True as soon as the empty STDIN record has been read. */
static bool
reader_feed(struct reader *reader, const unsigned char *buf, size_t len)
{
	const unsigned char *header = reader->header;
	size_t n;

	while (len > 0) {
		if (reader->left > 0) {
			n = reader->left < len ? reader->left : len;
			keep_params(reader, buf, n);
			reader->left -= (unsigned)n;
			buf += n;
			len -= n;
			continue;
		}
		reader->header[reader->got++] = *buf++;
		len--;
		if (reader->got < RECORD_HEADER)
			continue;
		reader->got = 0;
		keep_params(reader, header, RECORD_HEADER);
		reader->left = (unsigned)(header[4] << 8 | header[5]);
		if (header[1] == TYPE_PARAMS && reader->left == 0)
			reader->params_end = true;
		if (header[1] == TYPE_STDIN && reader->left == 0)
			return true;
		reader->left += header[6];
	}
	return false;
}

/* As sluice does it; the result is not needed, only its cost. */
static void
parse_params(const struct reader *reader)
{
	FCGX_Request request;

	if (memory_fd < 0)
		memory_fd = memfd_create("trivial", MFD_CLOEXEC);
	if (pwrite(memory_fd, reader->params, reader->params_len, 0) !=
	    (ssize_t)reader->params_len || lseek(memory_fd, 0, SEEK_SET) != 0)
		return;
	FCGX_InitRequest(&request, -1, 0);
	request.ipcFd = memory_fd;
	request.keepConnection = 1;
	if (FCGX_Accept_r(&request) < 0) {
		fprintf(stderr, "trivial: bad parameters\n");
		memory_fd = -1;		/* libfcgi has closed it */
	}
	FCGX_Free(&request, 0);
}

static void
on_readable(int fd)
{
	static unsigned char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0 && !reader_feed(&readers[fd], buf, (size_t)n))
		return;
	if (n > 0 && parsing)
		parse_params(&readers[fd]);
	/* The answer fits an empty socket buffer; what does not is an error. */
	if (n > 0 && write(fd, records, records_len) != (ssize_t)records_len)
		fprintf(stderr, "trivial: short write\n");
	close(fd);
}

/* A clean reader for FD; false when there is none. */
static bool
reader_begin(int fd)
{
	struct reader *reader;
	unsigned char *params;

	if ((size_t)fd >= reader_count)
		return false;
	reader = &readers[fd];
	params = reader->params;
	if (parsing && params == NULL && (params = malloc(PARAMS_MAX)) == NULL)
		return false;
	*reader = (struct reader){ .params = params };
	return true;
}

static void
accept_all(int loop)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd;

	while ((fd = accept4(0, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		event.data.fd = fd;
		if (!reader_begin(fd) ||
		    epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0)
			close(fd);
	}
}

static int
serve_event(void)
{
	struct epoll_event events[EVENTS_MAX];
	struct epoll_event event = { .events = EPOLLIN };
	int loop = epoll_create1(EPOLL_CLOEXEC), i, n;

	fcntl(0, F_SETFL, O_NONBLOCK);
	add_record(TYPE_STDOUT, answer, answer_len);
	add_record(TYPE_STDOUT, "", 0);
	add_record(TYPE_END_REQUEST, "\0\0\0\0\0\0\0", 8);
	if (loop < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, 0, &event) != 0)
		return 1;
	for (;;) {
		n = epoll_wait(loop, events, EVENTS_MAX, -1);
		for (i = 0; i < n; i++)
			if (events[i].data.fd == 0)
				accept_all(loop);
			else
				on_readable(events[i].data.fd);
	}
}

static int
serve_accept(void)
{
	static char buf[65536];
	FCGX_Request request;

	if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0)
		return 1;
	while (FCGX_Accept_r(&request) == 0) {
		while (FCGX_GetStr(buf, sizeof(buf), request.in) > 0)
			;
		FCGX_PutStr(answer, (int)answer_len, request.out);
		FCGX_Finish_r(&request);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct rlimit limit = { .rlim_cur = 0 };
	size_t size = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	if (size < 2 || size > BODY_MAX ||
	    getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		fprintf(stderr, "usage: trivial bare|event|accept SIZE\n");
		return 2;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	build_answer(size);
	if (strcmp(argv[1], "accept") == 0)
		return serve_accept();
	parsing = strcmp(argv[1], "event") == 0 && FCGX_Init() == 0;
	signal(SIGPIPE, SIG_IGN);
	reader_count = 65536;
	if ((readers = calloc(reader_count, sizeof(*readers))) == NULL)
		return 1;
	return serve_event();
}
