"""Channels that fail are asked last for a while, by every process.

Each test has two channels of its own, CASE-a before CASE-b: what a breaker
remembers outlives a test.
"""
import os
import signal

import pytest

from channels import (QUICK, assert_served, channel, chat, error_body, event,
                      fails, holds, nowhere, open_chat, sends, word)
from client import PATIENCE, Timeout, until
from ports import CLOSED_PORT
from servers import LOGIC
from upstream import answer, manual

SERVERS = LOGIC
LONG = {"failures": 3, "error_rate": 0.0, "cooldown": 600.0}
SHORT = {"failures": 3, "error_rate": 0.0, "cooldown": 0.3}
CONF = {"breaker": LONG}

COUNTED = [429, 500, 503, 529]
NOT_COUNTED = [400, 404, 413, 422]
CASES = ["s401", "s402", "s403", "policy", "row", "resort", "timeout", "reset", "gone", "alone",
         "stream", "share"] + [
             f"s{status}" for status in COUNTED + NOT_COUNTED]


def pair(case, **settings):
    """No retries in place: one request is one failure."""
    model = {"name": case, **settings}
    return {
        f"{case}-a": channel("a", retries=0, models=(model,)),
        f"{case}-b": channel("b", retries=0, priority=1,
                             models=({"name": case},))}


def PROVIDERS(upstream):
    whole = {}
    for case in CASES:
        more = {"timeouts": {"headers": 0.2}} if case == "timeout" else {}
        whole.update(pair(case, **more))
    del whole["alone-b"]
    whole["refused-a"] = nowhere(CLOSED_PORT, retries=0,
                                 models=({"name": "refused"},))
    whole["refused-b"] = channel("b", priority=1, retries=0,
                                 models=({"name": "refused"},))
    whole["shared"] = channel("a", retries=0, models=(
        {"name": "one"}, {"name": "two"}))
    whole["others"] = channel("b", retries=0, priority=1, models=(
        {"name": "one"}, {"name": "two"}))
    return whole


# Opening.

@pytest.mark.parametrize("status", COUNTED)
def test_three_failures_in_a_row_open_it(client, a, b, status):
    case = f"s{status}"
    a.script = fails(status)
    for _ in range(3):
        assert_served(chat(client, case), f"{case}-b", 2)
    for _ in range(6):
        assert_served(chat(client, case), f"{case}-b", 1)
    assert len(a.requests) == 3


@pytest.mark.parametrize("status", NOT_COUNTED)
def test_the_clients_mistakes_do_not_open_it(client, a, b, status):
    case = f"s{status}"
    a.script = fails(status)
    for _ in range(6):
        assert chat(client, case).status == status
    assert (len(a.requests), len(b.requests)) == (6, 0)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_refused_keys_do_not_open_it_without_a_probe(client, a, b, status):
    """What a client sends along can make a provider refuse a good key."""
    a.script = fails(status)
    for _ in range(6):
        assert_served(chat(client, f"s{status}"), f"s{status}-b", 2)
    assert (len(a.requests), len(b.requests)) == (6, 6)


def test_refused_content_in_a_stream_does_not_open_it(client, a, b):
    """Nor does any other client's mistake that a stream tells of."""
    refusal = event({"error": {"message": "no", "type": "x",
                                "code": "content_filter"}})
    a.script = sends(word("Hello"), refusal)
    for _ in range(6):
        reply = chat(client, "policy", True)
        assert reply.header("x-sluice-provider") == "policy-a"
        assert reply.body.endswith(refusal)
    assert (len(a.requests), len(b.requests)) == (6, 0)


def test_a_success_ends_the_row(client, a, b):
    a.script = lambda x: answer(x) if x.number % 3 == 0 else fails()(x)
    for number in range(12):
        provider = "row-a" if number % 3 == 2 else "row-b"
        assert_served(chat(client, "row"), provider)
    assert len(a.requests) == 12


def test_silence_counts(client, a, b):
    a.script = holds
    for _ in range(3):
        assert_served(chat(client, "timeout"), "timeout-b", 2)
    assert_served(chat(client, "timeout"), "timeout-b", 1)
    assert len(a.requests) == 3


def test_resets_count(client, a, b):
    a.script = lambda x: x.reset()
    for _ in range(3):
        assert_served(chat(client, "reset"), "reset-b", 2)
    assert_served(chat(client, "reset"), "reset-b", 1)


def test_refused_connections_count(client, b):
    for _ in range(3):
        assert_served(chat(client, "refused"), "refused-b", 2)
    for _ in range(3):
        assert_served(chat(client, "refused"), "refused-b", 1)


def test_streams_count(client, a, b):
    a.script = sends(then="close")
    for _ in range(3):
        assert_served(chat(client, "stream", True), "stream-b", 2)
    assert_served(chat(client, "stream", True), "stream-b", 1)


def test_clients_that_leave_do_not_count(server, client, a, b):
    a.script = manual
    for number in range(6):
        reply = open_chat(client, "gone")
        x = a.wait(number + 1)
        reply.close()
        assert x.gone.wait(PATIENCE)
    until(lambda: sum(line["request_model_name"] == "gone"
                      for line in server.journal()) == 6, "their lines")
    a.script = answer
    assert_served(chat(client, "gone"), "gone-a", 1)
    assert b.requests == []


def test_it_is_the_providers_not_the_models(client, a, b):
    """A channel is a provider: what one model saw, the other knows."""
    a.script = fails()
    for _ in range(3):
        assert_served(chat(client, "one"), "others", 2)
    assert_served(chat(client, "two"), "others", 1)
    assert len(a.requests) == 3


def test_all_processes_know(make_server, a, b):
    """Four processes, many requests at once: after that nobody asks."""
    server = make_server("lighttpd", CONF, pair("processes"), procs=4)
    a.script = fails()
    for _ in range(3):
        chat(server.client(), "processes")
    replies = [open_chat(server.client(), "processes") for _ in range(40)]
    for reply in replies:
        assert_served(reply.finish(), "processes-b", 1)
        reply.close()
    assert len(a.requests) == 3


def test_cgi_processes_know(make_server, a, b):
    """Each request has a process of its own there."""
    server = make_server("apache-cgi", CONF, pair("processes"))
    a.script = fails()
    for _ in range(3):
        assert_served(chat(server.client(), "processes"), "processes-b", 2)
    for _ in range(3):
        assert_served(chat(server.client(), "processes"), "processes-b", 1)
    assert len(a.requests) == 3


def test_error_rate_opens_it(make_server, a, b):
    """Two of three fail, never three in a row."""
    server = make_server("lighttpd", {"breaker": dict(
        LONG, failures=0, error_rate=0.5)}, pair("rate"))
    a.script = lambda x: answer(x) if x.number % 3 == 0 else fails()(x)

    def is_open():
        reply = chat(server.client(), "rate")
        return (reply.header("x-sluice-provider"),
                reply.header("x-sluice-attempts")) == ("rate-b", "1")
    until(is_open, "the breaker to open")


def test_low_error_rate_does_not_open_it(make_server, a, b):
    server = make_server("lighttpd", {"breaker": dict(
        LONG, failures=0, error_rate=0.5)}, pair("rate"))
    a.script = lambda x: fails()(x) if x.number % 4 == 0 else answer(x)
    for _ in range(60):
        assert chat(server.client(), "rate").status == 200
    assert len(a.requests) == 60


# While it is open.

def test_the_last_resort(client, a, b):
    """All are open: they are asked all the same."""
    a.script = b.script = fails(503)
    for _ in range(3):
        assert chat(client, "resort").status == 503
    assert (len(a.requests), len(b.requests)) == (3, 3)
    for _ in range(3):
        before = len(a.requests) + len(b.requests)
        assert chat(client, "resort").status == 503
        assert len(a.requests) + len(b.requests) > before
    a.script = b.script = answer
    assert chat(client, "resort").status == 200


def test_the_only_channel_is_always_asked(client, a):
    data = error_body("down")
    a.script = fails(503, data=data)
    for _ in range(6):
        reply = chat(client, "alone")
        assert (reply.status, reply.body) == (503, data)
    assert len(a.requests) == 6
    a.script = answer
    assert_served(chat(client, "alone"), "alone-a", 1)


def test_an_open_channel_is_still_the_second_choice(client, a, b):
    """The other one fails: better an open channel than none."""
    a.script = fails()
    for _ in range(4):
        chat(client, "share")
    assert len(a.requests) == 3
    a.script, b.script = answer, fails()
    assert_served(chat(client, "share"), "share-a", 2)


# After the cooldown.

@pytest.fixture(params=LOGIC)
def short(request, make_server):
    """A server with a short cooldown; its own, so nothing is open yet."""
    whole = pair("x")
    whole.update(pair("y"))
    return make_server(request.param, {"breaker": SHORT}, whole)


def open_breaker(client, a, case="x", **script):
    """Three failures; A's count is then 3."""
    a.clear()
    a.script = fails(**script)
    for _ in range(3):
        chat(client, case)


def asked_again(client, a, case="x", count=4):
    """Requests until A gets its COUNT-th: the reply to that one, open."""
    def step():
        reply = open_chat(client, case)
        while not reply.complete:
            if len(a.requests) >= count:
                return reply
            try:
                reply.more(0.02)
            except Timeout:
                pass
        return reply if len(a.requests) >= count else None
    return until(step, "the probe")


def test_a_success_closes_it(short, a, b):
    client = short.client()
    open_breaker(client, a)
    a.script = answer
    assert_served(asked_again(client, a).finish(), "x-a", 1)
    for _ in range(5):
        assert_served(chat(client, "x"), "x-a", 1)


def test_one_request_of_all_probes(short, a, b):
    """While it waits for its answer the others go elsewhere."""
    client = short.client()
    open_breaker(client, a)
    a.script = manual
    probe = asked_again(client, a)
    replies = [open_chat(client, "x") for _ in range(20)]
    for reply in replies:
        assert_served(reply.finish(), "x-b", 1)
        reply.close()
    assert len(a.requests) == 4
    x = a.wait(4)
    x.json(b"{}")
    x.over.set()
    a.script = answer
    assert_served(probe.finish(), "x-a", 1)
    assert_served(chat(client, "x"), "x-a", 1)


def test_a_failed_probe_opens_it_again(short, a, b):
    """The request itself is served by the other."""
    client = short.client()
    open_breaker(client, a)
    a.script = fails(503, headers=[("Retry-After", "600")])
    assert_served(asked_again(client, a).finish(), "x-b", 2)
    for _ in range(5):
        assert_served(chat(client, "x"), "x-b", 1)
    assert len(a.requests) == 4


def test_a_probe_whose_client_leaves(short, a, b):
    """Nothing was learnt; the next request may try."""
    client = short.client()
    open_breaker(client, a)
    a.script = manual
    probe = asked_again(client, a)
    probe.close()
    assert a.wait(4).gone.wait(PATIENCE)
    a.script = answer
    assert_served(asked_again(client, a, count=5).finish(), "x-a", 1)


def test_retry_after_makes_it_longer(short, a, b):
    """
    Both channels open, first the one that asked for an hour: when the other's
    cooldown has passed, the configured one has passed for both.
    """
    client = short.client()
    open_breaker(client, a, "y", status=503, headers=[
        ("Retry-After", "3600")])
    open_breaker(client, a, "x", headers=[QUICK])
    a.script = answer
    assert_served(asked_again(client, a).finish(), "x-a", 1)
    assert_served(chat(client, "y"), "y-b", 1)


def test_a_killed_probe_is_forgotten(make_server, a, b):
    """The process that probed is gone; another one takes its turn."""
    server = make_server("lighttpd", {"breaker": SHORT}, pair("x"))
    client = server.client()
    open_breaker(client, a)
    a.script = manual
    probe = asked_again(client, a)
    server.may_crash = True
    for pid in server.responders():
        os.kill(pid, signal.SIGKILL)
    assert a.wait(4).gone.wait(PATIENCE)
    probe.close()
    a.script = answer
    until(lambda: len(server.responders()) == server.procs, "new responders")
    until(lambda: chat(client, "x").header("x-sluice-provider") == "x-a",
          "another probe")


def test_streams_probe_too(short, a, b):
    client = short.client()
    open_breaker(client, a)
    a.script = sends(word("x"))
    until(lambda: chat(client, "x", True).header("x-sluice-provider")
          == "x-a", "the probe")
    assert_served(chat(client, "x", True), "x-a", 1)


# What a client can cause does not count against a channel for others.

EVE, ANN, BOB = "eve-5d1c", "ann-77aa", "bob-90ef"
KEYS = {"SLUICE_API_KEYS": f"{EVE},{ANN},{BOB}"}
QUIET = {"timeouts": {"headers": 0.2}}


def error_event(code):
    return sends(event({"error": {"message": "no", "code": code}}))


PROVOKED = {
    "401": fails(401), "402": fails(402), "403": fails(403),
    "key": fails(400, data=b'{"error":{"status":"API_KEY_INVALID"}}'),
    "broke": fails(429, data=b'{"error":{"code":"insufficient_quota"}}'),
    "400": fails(400), "404": fails(404), "413": fails(413),
    "408": fails(408), "429": fails(429),
    "pause": fails(429, headers=[("Retry-After", "600")]),
    "500": fails(500), "503": fails(503), "529": fails(529),
    "long": fails(503, headers=[("Retry-After", "3600")]),
    "silent": holds, "reset": lambda x: x.reset(),
    "cut": sends(then="close"), "garbage": lambda x: x.send(b"nonsense\r\n"),
    "event401": error_event(401), "event429": error_event(429),
    "event500": error_event(500),
}


def provokes(fault):
    """FAULT for whom says so, whatever it is that the provider dislikes."""
    return lambda x: fault(x) if b"poison" in x.body else answer(x)


def poison(client):
    return chat(client, "x", True, user="poison")


@pytest.mark.parametrize("fault", PROVOKED)
def test_one_client_puts_no_channel_out(make_server, a, b, fault):
    server = make_server("lighttpd", {"breaker": dict(LONG, error_rate=0.1)},
                         pair("x", **QUIET), env=KEYS)
    eve, ann = server.client(key=EVE), server.client(key=ANN)
    a.script = provokes(PROVOKED[fault])
    for _ in range(12):
        poison(eve)
    assert_served(chat(ann, "x"), "x-a", 1)
    for _ in range(3):
        poison(eve)
    assert_served(chat(server.client(key=BOB), "x"), "x-a", 1)


def test_it_is_left_alone_by_whose_requests_fail(make_server, a, b):
    """Others know nothing of it, so they need not wait for its cooldown."""
    server = make_server("lighttpd", {"breaker": LONG}, pair("x"), env=KEYS)
    eve, ann = server.client(key=EVE), server.client(key=ANN)
    a.script = provokes(fails(503))
    for _ in range(3):
        assert_served(poison(eve), "x-b", 2)
    for _ in range(3):
        assert_served(poison(eve), "x-b", 1)
    assert_served(chat(ann, "x"), "x-a", 1)


@pytest.mark.parametrize("fault", ["429", "500", "silent", "reset", "cut"])
def test_two_clients_find_an_outage(make_server, a, b, fault):
    server = make_server("lighttpd", {"breaker": LONG}, pair("x", **QUIET),
                         env=KEYS)
    a.script = PROVOKED[fault]
    for number in range(4):
        key = EVE if number % 2 == 0 else ANN
        assert_served(chat(server.client(key=key), "x", True), "x-b", 2)
    assert_served(chat(server.client(key=BOB), "x"), "x-b", 1)


def test_no_connection_needs_no_second_client(make_server, b):
    whole = pair("x")
    whole["x-a"] = nowhere(CLOSED_PORT, retries=0, models=({"name": "x"},))
    server = make_server("lighttpd", {"breaker": LONG}, whole, env=KEYS)
    for _ in range(3):
        assert_served(chat(server.client(key=EVE), "x"), "x-b", 2)
    assert_served(chat(server.client(key=ANN), "x"), "x-b", 1)


def test_a_trial_of_one_client_decides_for_nobody(make_server, a, b):
    """When the cooldown has passed, who provokes failures prolongs nothing."""
    server = make_server("lighttpd", {"breaker": SHORT}, pair("x"), env=KEYS)
    eve, ann = server.client(key=EVE), server.client(key=ANN)
    open_breaker(ann, a)
    open_breaker(eve, a)
    a.clear()
    a.script = provokes(fails(401))
    until(lambda: poison(eve) and a.requests, "a trial of eve's")
    for _ in range(5):
        poison(eve)
    until(lambda: chat(ann, "x").header("x-sluice-provider") == "x-a",
          "one of ann's")
