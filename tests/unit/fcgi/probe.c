/* Real connections over the loopback, asked about from the server's end. */
#include "config.h"

#include "fcgi/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

/* Containers often have no IPv6; then its tests are left out. */
static bool
has_ipv6(void)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6,
	    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool has = bind(fd, (struct sockaddr *)&name, sizeof name) == 0;

	close(fd);
	return has;
}

struct connection {
	int	 listener, client, server;
	char	 server_addr[64], server_port[8], client_addr[64], client_port[8];
};

/* As a web server would print it. */
static void
print_name(const struct sockaddr_storage *name, char *addr, char *port)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)name;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)name;
	const void *bytes = name->ss_family == AF_INET ?
	    (const void *)&in->sin_addr : (const void *)&in6->sin6_addr;

	assert_non_null(inet_ntop(name->ss_family, bytes, addr, 64));
	snprintf(port, 8, "%u", (unsigned)ntohs(in->sin_port));
}

static socklen_t
loopback_of(int family, struct sockaddr_storage *name)
{
	struct sockaddr_in *in = (struct sockaddr_in *)name;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)name;

	memset(name, 0, sizeof *name);
	name->ss_family = (sa_family_t)family;
	if (family == AF_INET6) {
		in6->sin6_addr = in6addr_loopback;
		return sizeof *in6;
	}
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof *in;
}

/* Connect a client of one family to a listener of the same or of both. */
static void
connection_open(struct connection *c, int client_family, bool dual)
{
	struct sockaddr_storage name;
	int off = 0;
	socklen_t len = loopback_of(client_family, &name);
	in_port_t port;

	c->listener = socket(dual ? AF_INET6 : client_family, SOCK_STREAM, 0);
	c->client = socket(client_family, SOCK_STREAM, 0);
	if (dual) {
		len = loopback_of(AF_INET6, &name);
		((struct sockaddr_in6 *)&name)->sin6_addr = in6addr_any;
		setsockopt(c->listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	}
	assert_return_code(bind(c->listener, (struct sockaddr *)&name, len), errno);
	assert_return_code(listen(c->listener, 8), errno);
	len = sizeof name;
	getsockname(c->listener, (struct sockaddr *)&name, &len);
	port = ((struct sockaddr_in *)&name)->sin_port;
	len = loopback_of(client_family, &name);
	((struct sockaddr_in *)&name)->sin_port = port;
	assert_return_code(connect(c->client, (struct sockaddr *)&name, len), errno);
	len = sizeof name;
	c->server = accept(c->listener, (struct sockaddr *)&name, &len);
	assert_return_code(c->server, errno);
	print_name(&name, c->client_addr, c->client_port);
	len = sizeof name;
	getsockname(c->server, (struct sockaddr *)&name, &len);
	print_name(&name, c->server_addr, c->server_port);
}

static void
connection_close(struct connection *c)
{
	if (c->client >= 0)
		close(c->client);
	close(c->server);
	close(c->listener);
}

static struct probe_peer
peer_of(const struct connection *c)
{
	struct probe_peer peer;

	assert_true(probe_peer_parse(&peer, c->server_addr, c->server_port,
	    c->client_addr, c->client_port));
	return peer;
}

/* Ask until the answer is WANT, for 5 seconds at most. */
static void
expect_state(int fd, const struct probe_peer *peer, enum probe_state want)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	enum probe_state state = PROBE_UNKNOWN;

	for (int i = 0; i < 2500; i++) {
		state = probe_query(fd, peer);
		if (state == want)
			return;
		nanosleep(&pause, NULL);
	}
	assert_int_equal(state, want);
}

static void
follow_client(int family, bool dual)
{
	struct connection c;
	struct probe_peer peer;
	int fd = probe_open();

	assert_return_code(fd, errno);
	connection_open(&c, family, dual);
	peer = peer_of(&c);
	for (int i = 0; i < 3; i++)
		assert_int_equal(probe_query(fd, &peer), PROBE_CONNECTED);
	close(c.client);
	c.client = -1;
	expect_state(fd, &peer, PROBE_LEFT);
	for (int i = 0; i < 3; i++)
		assert_int_equal(probe_query(fd, &peer), PROBE_LEFT);
	connection_close(&c);
	close(fd);
}

static void
a_client_that_closes_is_seen_over_ipv4(void **state)
{
	(void)state;
	follow_client(AF_INET, false);
}

static void
a_client_that_closes_is_seen_over_ipv6(void **state)
{
	(void)state;
	follow_client(AF_INET6, false);
}

static void
a_v4_client_of_a_dual_stack_listener_is_seen(void **state)
{
	(void)state;
	follow_client(AF_INET, true);
}

static void
v4_mapped_names_may_be_mixed_with_plain_ones(void **state)
{
	static const char *const forms[] = {
		"127.0.0.1", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]", "::FFFF:7f00:1",
	};
	struct connection c;
	struct probe_peer peer;
	int fd = probe_open();

	(void)state;
	for (int dual = 0; dual < (has_ipv6() ? 2 : 1); dual++) {
		connection_open(&c, AF_INET, dual == 1);
		for (size_t i = 0; i < 4; i++)
			for (size_t k = 0; k < 4; k++) {
				assert_true(probe_peer_parse(&peer, forms[i],
				    c.server_port, forms[k], c.client_port));
				assert_int_equal(probe_query(fd, &peer),
				    PROBE_CONNECTED);
			}
		connection_close(&c);
	}
	close(fd);
}

static void
a_client_that_half_closes_counts_as_gone(void **state)
{
	struct connection c;
	struct probe_peer peer;
	int fd = probe_open();

	(void)state;
	connection_open(&c, AF_INET, false);
	peer = peer_of(&c);
	shutdown(c.client, SHUT_WR);
	expect_state(fd, &peer, PROBE_LEFT);
	connection_close(&c);
	close(fd);
}

static void
a_client_that_resets_is_no_longer_known(void **state)
{
	static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	struct connection c;
	struct probe_peer peer;
	int fd = probe_open();

	(void)state;
	connection_open(&c, AF_INET, false);
	peer = peer_of(&c);
	assert_int_equal(probe_query(fd, &peer), PROBE_CONNECTED);
	setsockopt(c.client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(c.client);
	c.client = -1;
	expect_state(fd, &peer, PROBE_UNKNOWN);
	connection_close(&c);
	close(fd);
}

static void
our_own_closing_is_not_the_clients(void **state)
{
	struct connection c;
	struct probe_peer peer;
	int fd = probe_open();

	(void)state;
	connection_open(&c, AF_INET, false);
	peer = peer_of(&c);
	shutdown(c.server, SHUT_WR);
	for (int i = 0; i < 20; i++)
		assert_int_equal(probe_query(fd, &peer), PROBE_CONNECTED);
	close(c.client);
	c.client = -1;
	expect_state(fd, &peer, PROBE_LEFT);
	connection_close(&c);
	close(fd);
}

static void
unsent_answers_do_not_hide_a_client_that_left(void **state)
{
	static char block[65536];
	struct connection c;
	struct probe_peer peer;
	int fd = probe_open();

	(void)state;
	connection_open(&c, AF_INET, false);
	peer = peer_of(&c);
	fcntl(c.server, F_SETFL, O_NONBLOCK);
	while (send(c.server, block, sizeof block, MSG_NOSIGNAL) > 0)
		;
	assert_int_equal(probe_query(fd, &peer), PROBE_CONNECTED);
	shutdown(c.client, SHUT_WR);
	expect_state(fd, &peer, PROBE_LEFT);
	connection_close(&c);
	close(fd);
}

static void
other_ports_and_listeners_are_unknown(void **state)
{
	static const char *const none[] = { "1", "2" };
	struct connection c;
	struct probe_peer peer;
	int fd = probe_open();

	(void)state;
	for (int family = 0; family < (has_ipv6() ? 2 : 1); family++) {
		connection_open(&c, family == 0 ? AF_INET : AF_INET6, false);
		assert_true(probe_peer_parse(&peer, c.server_addr, c.server_port,
		    c.client_addr, none[0]));
		assert_int_equal(probe_query(fd, &peer), PROBE_UNKNOWN);
		assert_true(probe_peer_parse(&peer, c.server_addr, none[1],
		    c.client_addr, c.client_port));
		assert_int_equal(probe_query(fd, &peer), PROBE_UNKNOWN);
		assert_true(probe_peer_parse(&peer, family == 0 ? "192.0.2.1" :
		    "2001:db8::1", c.server_port, c.client_addr, c.client_port));
		assert_int_equal(probe_query(fd, &peer), PROBE_UNKNOWN);
		peer = peer_of(&c);
		assert_int_equal(probe_query(fd, &peer), PROBE_CONNECTED);
		connection_close(&c);
	}
	close(fd);
}

static void
without_netlink_nothing_is_known(void **state)
{
	struct connection c;
	struct probe_peer peer;
	int pair[2];

	(void)state;
	connection_open(&c, AF_INET, false);
	peer = peer_of(&c);
	assert_int_equal(probe_query(-1, &peer), PROBE_UNKNOWN);
	assert_return_code(pipe(pair), errno);
	assert_int_equal(probe_query(pair[0], &peer), PROBE_UNKNOWN);
	assert_int_equal(probe_query(pair[1], &peer), PROBE_UNKNOWN);
	close(pair[0]);
	close(pair[1]);
	connection_close(&c);
}

/* Put a question nobody waits for: its answer stays in the socket. */
static void
leave_answer(int fd)
{
	struct {
		struct nlmsghdr			 head;
		struct inet_diag_req_v2		 body;
	} question = {
		.head = { .nlmsg_len = sizeof question, .nlmsg_seq = 1,
		    .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST },
		.body = { .sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP },
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	assert_int_equal(sendto(fd, &question, sizeof question, 0,
	    (struct sockaddr *)&kernel, sizeof kernel), sizeof question);
}

static void
stale_answers_are_passed_over(void **state)
{
	struct connection c;
	struct probe_peer peer;
	int fd = probe_open();

	(void)state;
	connection_open(&c, AF_INET, false);
	peer = peer_of(&c);
	for (int i = 0; i < 5; i++) {
		leave_answer(fd);
		leave_answer(fd);
		assert_int_equal(probe_query(fd, &peer), PROBE_CONNECTED);
	}
	connection_close(&c);
	close(fd);
}

static void
a_lost_answer_says_nothing_about_the_client(void **state)
{
	static const int small = 1;
	enum probe_state answer = PROBE_FAILED;
	struct connection c;
	struct probe_peer peer;
	int fd = probe_open();

	(void)state;
	connection_open(&c, AF_INET, false);
	peer = peer_of(&c);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	for (int i = 0; i < 100; i++)
		leave_answer(fd);
	assert_int_equal(probe_query(fd, &peer), PROBE_FAILED);
	for (int i = 0; i < 10 && answer == PROBE_FAILED; i++)
		answer = probe_query(fd, &peer);
	assert_int_equal(answer, PROBE_CONNECTED);
	connection_close(&c);
	close(fd);
}

static void
the_socket_never_blocks_and_is_not_inherited(void **state)
{
	int fd = probe_open();

	(void)state;
	assert_return_code(fd, errno);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	close(fd);
}

static void
parameters_that_are_no_addresses_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "localhost", "127.0.0.1.1", "127.0.0", "256.0.0.1", "1",
		"0x7f.0.0.1", " 127.0.0.1", "127.0.0.1 ", "127.0.0.1:80", "[",
		"]", "[]", "[127.0.0.1", "::g", ":", "1::2::3", "127.0.0.1%lo",
		"unix:", "%lo", "[%]", "12345:0:0:0:0:0:0:1",
	};
	static const char *const bad_ports[] = {
		"", "0", "65536", "99999", "100000", "-1", "+80", " 80", "80 ",
		"http", "8o", "0x50", "000080",
	};
	char longest[4096];
	struct probe_peer peer;

	(void)state;
	memset(longest, ':', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_false(probe_peer_parse(&peer, longest, "80", longest, "80"));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (probe_peer_parse(&peer, bad[i], "80", "127.0.0.1", "80") ||
		    probe_peer_parse(&peer, "127.0.0.1", "80", bad[i], "80") ||
		    probe_peer_parse(&peer, bad[i], "80", bad[i], "80"))
			fail_msg("accepted: %s", bad[i]);
	}
	for (size_t i = 0; i < sizeof bad_ports / sizeof bad_ports[0]; i++) {
		if (probe_peer_parse(&peer, "::1", bad_ports[i], "::1", "80") ||
		    probe_peer_parse(&peer, "::1", "80", "::1", bad_ports[i]))
			fail_msg("accepted: port %s", bad_ports[i]);
	}
	assert_false(probe_peer_parse(&peer, NULL, "80", "::1", "80"));
	assert_false(probe_peer_parse(&peer, "::1", NULL, "::1", "80"));
	assert_false(probe_peer_parse(&peer, "::1", "80", NULL, "80"));
	assert_false(probe_peer_parse(&peer, "::1", "80", "::1", NULL));
	assert_false(probe_peer_parse(&peer, "::1", "80", "127.0.0.1", "80"));
	assert_false(probe_peer_parse(&peer, "127.0.0.1", "80", "::1", "80"));
}

static void
brackets_and_scopes_are_understood(void **state)
{
	struct probe_peer peer;
	const struct sockaddr_in6 *local = (struct sockaddr_in6 *)&peer.local;
	const struct sockaddr_in6 *remote = (struct sockaddr_in6 *)&peer.remote;

	(void)state;
	assert_true(probe_peer_parse(&peer, "[::1]", "1", "[fe80::1%lo]", "65535"));
	assert_true(IN6_IS_ADDR_LOOPBACK(&local->sin6_addr));
	assert_int_equal(ntohs(local->sin6_port), 1);
	assert_int_equal(local->sin6_scope_id, 0);
	assert_true(IN6_IS_ADDR_LINKLOCAL(&remote->sin6_addr));
	assert_int_equal(ntohs(remote->sin6_port), 65535);
	assert_int_equal(remote->sin6_scope_id, 1);
	assert_true(probe_peer_parse(&peer, "[127.0.0.1]", "80", "10.0.0.1", "81"));
	assert_int_equal(peer.local.ss_family, AF_INET);
	assert_true(probe_peer_parse(&peer, "fe80::1%no-such-link", "80", "::1", "1"));
	assert_int_equal(local->sin6_scope_id, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_that_closes_is_seen_over_ipv4),
		cmocka_unit_test(v4_mapped_names_may_be_mixed_with_plain_ones),
		cmocka_unit_test(a_client_that_half_closes_counts_as_gone),
		cmocka_unit_test(a_client_that_resets_is_no_longer_known),
		cmocka_unit_test(our_own_closing_is_not_the_clients),
		cmocka_unit_test(unsent_answers_do_not_hide_a_client_that_left),
		cmocka_unit_test(other_ports_and_listeners_are_unknown),
		cmocka_unit_test(without_netlink_nothing_is_known),
		cmocka_unit_test(stale_answers_are_passed_over),
		cmocka_unit_test(a_lost_answer_says_nothing_about_the_client),
		cmocka_unit_test(the_socket_never_blocks_and_is_not_inherited),
		cmocka_unit_test(parameters_that_are_no_addresses_are_refused),
		cmocka_unit_test(brackets_and_scopes_are_understood),
	};
	static const struct CMUnitTest tests6[] = {
		cmocka_unit_test(a_client_that_closes_is_seen_over_ipv6),
		cmocka_unit_test(a_v4_client_of_a_dual_stack_listener_is_seen),
	};
	struct CMUnitTest all[32];
	size_t n = 0;

	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
		all[n++] = tests[i];
	for (size_t i = 0; has_ipv6() && i < sizeof tests6 / sizeof tests6[0]; i++)
		all[n++] = tests6[i];
	return _cmocka_run_group_tests("probe", all, n, NULL, NULL);
}
