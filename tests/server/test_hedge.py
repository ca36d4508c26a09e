"""A second channel for a stream whose first token is late.

Each test has two channels of its own, CASE-a before CASE-b, so that nobody
else's times count. No timeout is near: only a hedge can ask the second one.
"""
import os
import signal
import socket

import pytest

from channels import (DONE, NO_BREAKER, assert_served, channel, chat, fails,
                      nowhere, open_chat, role, sends, stream, tries, word)
from client import PATIENCE, until
from servers import LOGIC
from upstream import answer, manual

SERVERS = LOGIC
CONF = {"breaker": NO_BREAKER, "stream": {"keepalive": 0.0}}
CASES = ["second", "first", "early", "plain", "off", "leaves", "fails",
         "loses", "both", "fast", "p50", "p99", "silent"]
ENOUGH = 20


def PROVIDERS(upstream):
    whole = {}
    for case in CASES:
        model = {"name": case, "hedge": case if case in ("p50", "p99")
                 else "p95"}
        if case == "off":
            model["hedge"] = ""
        whole[f"{case}-a"] = channel("a", retries=0, models=(model,))
        whole[f"{case}-b"] = channel("b", retries=0, priority=1,
                                     models=({"name": case},))
    whole["alone-a"] = channel("a", retries=0, models=(
        {"name": "alone", "hedge": "p95"},))
    return whole


def warm(client, a, case, count=ENOUGH):
    """COUNT quick streams; A's next request is again its first."""
    a.script = answer
    for _ in range(count):
        assert_served(chat(client, case, True), f"{case}-a", 1)
    a.clear()


def hedged(server, reply):
    """(provider, hedge) of each try."""
    line = server.journaled(reply.header("x-request-id"))
    return [(one["provider"], one["hedge"]) for one in line["attempts"]]


@pytest.mark.parametrize("case", ["second", "p50", "p99"])
def test_the_second_wins(server, client, a, b, case):
    parts = stream("from", " b")
    warm(client, a, case)
    a.script = manual
    b.script = sends(*parts)
    reply = chat(client, case, True)
    assert_served(reply, f"{case}-b", 2)
    assert reply.body == b"".join(parts)
    assert a.wait().gone.wait(PATIENCE)
    assert hedged(server, reply) == [(f"{case}-a", False), (f"{case}-b", True)]
    assert (len(a.requests), len(b.requests)) == (1, 1)


def test_role_and_comments_are_no_token(server, client, a, b):
    """The first one has begun, but said nothing."""
    parts = stream("from", " b")
    warm(client, a, "silent")
    a.script = sends(role("a"), b": wait\n\n", then="hold")
    b.script = sends(*parts)
    reply = chat(client, "silent", True)
    assert_served(reply, "silent-b", 2)
    assert reply.body == b"".join(parts)
    assert a.wait().gone.wait(PATIENCE)


def test_the_first_wins_after_all(server, client, a, b):
    warm(client, a, "first")
    a.script = b.script = manual
    reply = open_chat(client, "first", True)
    x, y = a.wait(), b.wait()
    y.sse()
    y.chunk(role("b"))
    x.sse()
    x.chunk(word("from a"))
    assert reply.event() == word("from a")
    assert y.gone.wait(PATIENCE)
    assert not x.gone.is_set()
    x.chunk(DONE)
    x.end()
    reply.finish()
    assert_served(reply, "first-a", 2)
    assert reply.body == word("from a") + DONE
    assert hedged(server, reply) == [("first-a", False), ("first-b", True)]


def test_both_get_the_same_request(client, a, b):
    warm(client, a, "both")
    a.script = manual
    reply = chat(client, "both", True, pad="p" * 100000)
    assert_served(reply, "both-b", 2)
    assert a.wait().body == b.wait().body
    assert a.wait().header("traceparent") == b.wait().header("traceparent")


def test_too_few_streams_to_know(client, a, b):
    """Nineteen say nothing yet; late is not known to be late."""
    warm(client, a, "early", ENOUGH - 1)

    def late(x):
        x.hold(0.7)
        sends(*stream("late"))(x)
    a.script = late
    assert_served(chat(client, "early", True), "early-a", 1)
    assert b.requests == []


def test_plain_requests_are_not_hedged(client, a, b):
    warm(client, a, "plain")

    def late(x):
        x.hold(0.7)
        answer(x)
    a.script = late
    assert_served(chat(client, "plain"), "plain-a", 1)
    assert b.requests == []


def test_only_models_that_say_so(client, a, b):
    warm(client, a, "off")

    def late(x):
        x.hold(0.7)
        answer(x)
    a.script = late
    assert_served(chat(client, "off", True), "off-a", 1)
    assert b.requests == []


def test_a_single_channel_has_no_second(client, a):
    warm(client, a, "alone")

    def late(x):
        x.hold(0.7)
        answer(x)
    a.script = late
    assert_served(chat(client, "alone", True), "alone-a", 1)
    assert len(a.requests) == 1


def test_a_token_is_enough(client, a, b):
    """Slow afterwards is not late."""
    warm(client, a, "fast")

    def script(x):
        x.sse()
        x.chunk(word("now"))
        x.hold(0.7)
        x.chunk(DONE)
        x.end()
    a.script = script
    reply = chat(client, "fast", True)
    assert reply.complete
    assert reply.body.endswith(word("now") + DONE)


def test_the_client_leaves(server, client, a, b):
    """Both are cancelled."""
    warm(client, a, "leaves")
    a.script = b.script = manual
    reply = open_chat(client, "leaves", True)
    x, y = a.wait(), b.wait()
    reply.close()
    assert x.gone.wait(PATIENCE)
    assert y.gone.wait(PATIENCE)
    line = until(lambda: next(
        (line for line in server.journal()
         if line["request_model_name"] == "leaves"
         and line["outcome"] == "client_gone"), None), "the line")
    assert line["status"] == 499
    assert [one["hedge"] for one in line["attempts"]] == [False, True]


@pytest.mark.parametrize("fault", [fails(503), fails(401), lambda x: x.close(),
                                   sends(role(), then="close")])
def test_the_second_fails(make_server, a, b, fault):
    """The first is waited for, as if nothing had been tried."""
    server = make_server("nginx", CONF, PROVIDERS(None))
    client = server.client()
    warm(client, a, "loses")
    a.script, b.script = manual, fault
    reply = open_chat(client, "loses", True)
    x = a.wait()
    b.wait()
    x.sse()
    x.chunk(word("from a"))
    x.chunk(DONE)
    x.end()
    reply.finish()
    assert_served(reply, "loses-a")
    assert reply.body == word("from a") + DONE
    assert not x.gone.is_set()


@pytest.mark.parametrize("how", ["503", "close"])
def test_the_first_fails(make_server, a, b, how):
    """The second was started already, and is not started again."""
    server = make_server("nginx", CONF, PROVIDERS(None))
    client = server.client()
    warm(client, a, "fails")
    a.script = b.script = manual
    reply = open_chat(client, "fails", True)
    x, y = a.wait(), b.wait()
    if how == "503":
        x.json(b"{}", 503)
        x.over.set()
    else:
        x.close()
    y.sse()
    y.chunk(word("from b"))
    y.chunk(DONE)
    y.end()
    reply.finish()
    assert_served(reply, "fails-b")
    assert reply.body == word("from b") + DONE
    assert len(b.requests) == 1
    assert ("fails-b", 200) in tries(server, reply)


class Doorstep:
    """A provider at which the gateway's connection waits to be let in."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.listener.settimeout(PATIENCE)
        self.port = self.listener.getsockname()[1]
        self.first = socket.create_connection(("127.0.0.1", self.port))

    def someone_waits(self):
        want = f":{self.port:04X} 02 "          # SYN_SENT
        with open("/proc/net/tcp") as f:
            return any(want in line for line in f)

    def let_in(self):
        """Every one of the connection's events has happened at the return."""
        self.listener.accept()[0].close()
        return self.listener.accept()[0]


def stop(pids):
    """At the return none of them runs."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        def is_stopped():
            with open(f"/proc/{pid}/stat") as f:
                return f.read().rpartition(")")[2].split()[0] == "T"
        until(is_stopped, "the process to stop")


@pytest.mark.parametrize("size", [3000, 60000, 100000, 3000000])
def test_who_has_lost_is_not_asked(make_server, a, size):
    """The second's connection stands in the moment in which the first wins."""
    door = Doorstep()
    server = make_server("lighttpd", CONF, {
        "a": channel("a", retries=0, models=(
            {"name": "late", "hedge": "p50"},)),
        "b": nowhere(door.port, retries=0, priority=1,
                     models=({"name": "late"},))})
    client = server.client()
    a.script = answer
    for _ in range(ENOUGH):
        assert_served(chat(client, "late", True), "a", 1)
    a.clear()
    a.script = manual
    reply = open_chat(client, "late", True, pad="p" * size)
    x = a.wait()
    x.sse()
    until(door.someone_waits, "the second to be tried")
    pids = server.responders()
    stop(pids)
    x.chunk(word("from a"))
    sock = door.let_in()
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    assert reply.event() == word("from a")
    sock.settimeout(PATIENCE)
    assert sock.recv(65536) == b""
    x.chunk(DONE)
    x.end()
    reply.finish()
    assert_served(reply, "a", 2)
    assert hedged(server, reply) == [("a", False), ("b", True)]
