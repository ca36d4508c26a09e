/*
 * trivial - a FastCGI responder that does nothing: the floor of the hop.
 *
 *	trivial event|libfcgi SIZE		(listening socket on fd 0)
 *
 * Reads each request to the end of its body and answers with one JSON string
 * of SIZE bytes. `event` is an epoll loop that looks at nothing but record
 * headers, as cheap as a responder can be; `libfcgi` is the library's usual
 * accept loop, one request at a time.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fcgiapp.h>

enum {
	RECORD_HEADER = 8,	/* FastCGI 1.0, section 3.3 */
	TYPE_END_REQUEST = 3,
	TYPE_STDIN = 5,
	TYPE_STDOUT = 6,
	BODY_MAX = 60000,	/* with its header, one record */
	EVENTS_MAX = 64
};

/* Where the reading of one connection stands; zeroes at its start. */
struct reader {
	unsigned char	 header[RECORD_HEADER];
	unsigned	 got;		/* of the header */
	unsigned	 left;		/* of the record's content and padding */
};

static struct reader *readers;		/* by fd */
static size_t reader_count;
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

/* True as soon as the empty STDIN record has been read. */
static bool
reader_feed(struct reader *reader, const unsigned char *buf, size_t len)
{
	const unsigned char *header = reader->header;
	size_t n;

	while (len > 0) {
		if (reader->left > 0) {
			n = reader->left < len ? reader->left : len;
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
		reader->left = (unsigned)(header[4] << 8 | header[5]);
		if (header[1] == TYPE_STDIN && reader->left == 0)
			return true;
		reader->left += header[6];
	}
	return false;
}

static void
on_readable(int fd)
{
	static unsigned char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0 && !reader_feed(&readers[fd], buf, (size_t)n))
		return;
	/* The answer fits an empty socket buffer; what does not is an error. */
	if (n > 0 && write(fd, records, records_len) != (ssize_t)records_len)
		fprintf(stderr, "trivial: short write\n");
	close(fd);
}

static void
accept_all(int loop)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd;

	while ((fd = accept4(0, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		event.data.fd = fd;
		if ((size_t)fd >= reader_count ||
		    epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0) {
			close(fd);
			continue;
		}
		memset(&readers[fd], 0, sizeof(readers[fd]));
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
serve_libfcgi(void)
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
		fprintf(stderr, "usage: trivial event|libfcgi SIZE\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	build_answer(size);
	if (strcmp(argv[1], "libfcgi") == 0)
		return serve_libfcgi();
	reader_count = 65536;
	if ((readers = calloc(reader_count, sizeof(*readers))) == NULL)
		return 1;
	return serve_event();
}
