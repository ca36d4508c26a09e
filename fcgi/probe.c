/* probe.c - one question to the kernel's socket table, one answer. */
#include "config.h"

#include "fcgi/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

enum { ADDRESS_MAX = 128 };		/* "[", an IPv6 address, "%", an interface, "]" */

/* Decimal digits alone, 1 to 65535, in network order; 0 for anything else. */
static in_port_t
port_parse(const char *text)
{
	unsigned port = 0;
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 5 || text[n] != '\0')
		return 0;
	while (*text != '\0')
		port = port * 10 + (unsigned)(*text++ - '0');
	return port > 65535 ? 0 : htons((uint16_t)port);
}

/* Copy TEXT without brackets to OUT, cut at the scope, which may be NULL. */
static bool
address_split(const char *text, char out[ADDRESS_MAX], const char **scope)
{
	size_t n = strlen(text);
	char *percent;

	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (n == 0 || n >= ADDRESS_MAX)
		return false;
	memcpy(out, text, n);
	out[n] = '\0';
	percent = strchr(out, '%');
	*scope = NULL;
	if (percent != NULL) {
		*percent = '\0';
		*scope = percent + 1;
	}
	return true;
}

static void
ipv4_set(struct sockaddr_storage *out, const void *address, in_port_t port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;

	in->sin_family = AF_INET;
	in->sin_port = port;
	memcpy(&in->sin_addr, address, sizeof in->sin_addr);
}

/*
 * A v4-mapped address becomes the IPv4 address that it is: the kernel finds
 * such a connection of a dual-stack socket as IPv4, and servers differ in how
 * they print it.
 */
static bool
address_parse(struct sockaddr_storage *out, const char *address, const char *port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	char text[ADDRESS_MAX];
	const char *scope;
	struct in_addr v4;
	struct in6_addr v6;
	in_port_t number = port_parse(port);

	memset(out, 0, sizeof *out);
	if (number == 0 || !address_split(address, text, &scope))
		return false;
	if (scope == NULL && inet_pton(AF_INET, text, &v4) == 1) {
		ipv4_set(out, &v4, number);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&v6)) {
		ipv4_set(out, &v6.s6_addr[12], number);
		return true;
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = number;
	in6->sin6_addr = v6;
	in6->sin6_scope_id = scope == NULL ? 0 : if_nametoindex(scope);
	return true;
}

bool
probe_peer_parse(struct probe_peer *peer, const char *local_addr,
    const char *local_port, const char *remote_addr, const char *remote_port)
{
	if (local_addr == NULL || local_port == NULL || remote_addr == NULL ||
	    remote_port == NULL)
		return false;
	return address_parse(&peer->local, local_addr, local_port) &&
	    address_parse(&peer->remote, remote_addr, remote_port) &&
	    peer->local.ss_family == peer->remote.ss_family;
}

int
probe_open(void)
{
	return socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    NETLINK_SOCK_DIAG);
}

static void
id_fill(struct inet_diag_sockid *id, const struct probe_peer *peer)
{
	const struct sockaddr_in *from = (const struct sockaddr_in *)&peer->local;
	const struct sockaddr_in *to = (const struct sockaddr_in *)&peer->remote;
	const struct sockaddr_in6 *from6 = (const struct sockaddr_in6 *)&peer->local;
	const struct sockaddr_in6 *to6 = (const struct sockaddr_in6 *)&peer->remote;

	id->idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	id->idiag_sport = from->sin_port;	/* at the same place in both */
	id->idiag_dport = to->sin_port;
	if (peer->local.ss_family == AF_INET) {
		memcpy(id->idiag_src, &from->sin_addr, sizeof from->sin_addr);
		memcpy(id->idiag_dst, &to->sin_addr, sizeof to->sin_addr);
		return;
	}
	memcpy(id->idiag_src, &from6->sin6_addr, sizeof from6->sin6_addr);
	memcpy(id->idiag_dst, &to6->sin6_addr, sizeof to6->sin6_addr);
	id->idiag_if = from6->sin6_scope_id != 0 ? from6->sin6_scope_id :
	    to6->sin6_scope_id;
}

/* Ask about PEER; false when the question could not be put. */
static bool
question_send(int fd, const struct probe_peer *peer, uint32_t sequence)
{
	struct {
		struct nlmsghdr			 head;
		struct inet_diag_req_v2		 body;
	} question = {
		.head = {
			.nlmsg_len = sizeof question,
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST,
			.nlmsg_seq = sequence,
		},
		.body = {
			.sdiag_family = (uint8_t)peer->local.ss_family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = UINT32_MAX,
		},
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	id_fill(&question.body.id, peer);
	return sendto(fd, &question, sizeof question, MSG_DONTWAIT,
	    (struct sockaddr *)&kernel, sizeof kernel) == sizeof question;
}

/*
 * A connection the kernel does not know is looked up among the listening
 * sockets, hence TCP_LISTEN means that there is none.
 */
static enum probe_state
state_of(unsigned tcp_state)
{
	switch (tcp_state) {
	case TCP_ESTABLISHED:
	case TCP_SYN_RECV:
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
		return PROBE_CONNECTED;
	case TCP_CLOSE_WAIT:
	case TCP_LAST_ACK:
	case TCP_CLOSING:
	case TCP_TIME_WAIT:
	case TCP_CLOSE:
		return PROBE_LEFT;
	default:
		return PROBE_UNKNOWN;
	}
}

/* A shortage passes; for whoever saw the socket before, UNKNOWN means gone. */
static enum probe_state
failure_of(int error)
{
	switch (error) {
	case EAGAIN:
	case EINTR:
	case ENOBUFS:
	case ENOMEM:
		return PROBE_FAILED;
	default:
		return PROBE_UNKNOWN;
	}
}

/* Read the LEN bytes of one datagram; false when they answer another question. */
static bool
answer_parse(const struct nlmsghdr *head, size_t len, uint32_t sequence,
    enum probe_state *state)
{
	const struct inet_diag_msg *body = NLMSG_DATA(head);
	const struct nlmsgerr *error = NLMSG_DATA(head);

	if (!NLMSG_OK(head, len) || head->nlmsg_seq != sequence)
		return false;
	*state = PROBE_UNKNOWN;
	if (head->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
	    head->nlmsg_len >= NLMSG_LENGTH(sizeof *body))
		*state = state_of(body->idiag_state);
	else if (head->nlmsg_type == NLMSG_ERROR &&
	    head->nlmsg_len >= NLMSG_LENGTH(sizeof *error))
		*state = failure_of(-error->error);
	return true;
}

enum probe_state
probe_query(int fd, const struct probe_peer *peer)
{
	union {
		struct nlmsghdr	 head;
		char		 bytes[1024];
	} answer;
	struct timespec now;
	enum probe_state state = PROBE_UNKNOWN;
	uint32_t sequence;
	ssize_t n;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sequence = (uint32_t)now.tv_sec * 1000000000U + (uint32_t)now.tv_nsec;
	if (!question_send(fd, peer, sequence))
		return failure_of(errno);
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof from;

		n = recvfrom(fd, &answer, sizeof answer, MSG_DONTWAIT,
		    (struct sockaddr *)&from, &from_len);
		if (n < 0)
			return failure_of(errno);
		if (from.nl_pid == 0 && answer_parse(&answer.head, (size_t)n,
		    sequence, &state))
			return state;
	}
}
