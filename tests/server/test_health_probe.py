"""Active health: probes of one process, and what they decide.

Each test has servers of its own, since a probe goes on for ever.
"""
import os
import shutil
import subprocess

import pytest

from channels import (assert_served, body, channel, chat, event, fails,
                      nowhere, sends)
from client import until
from ports import CLOSED_PORT
from servers import AS_USER, BUILD, LOGIC, UP_KEY
from upstream import answer

LONG = {"breaker": {"failures": 3, "error_rate": 0.0, "cooldown": 600.0}}
OFTEN = {"interval": 0.2, "timeout": 0.3}


def pair(upstream="a", **health):
    """Two channels; the first is probed."""
    first = channel(upstream, retries=0, health={**OFTEN, **health},
                    models=({"name": "m"},))
    return {"a": first, "b": channel("b", retries=0, priority=1,
                                     models=({"name": "m"},))}


def probes(upstream):
    return [x for x in list(upstream.requests) if x.method == "GET"]


def chats(upstream):
    return [x for x in list(upstream.requests) if x.method == "POST"]


def only_probes(fault):
    """FAULT for probes, while every other request goes well."""
    return lambda x: fault(x) if x.method == "GET" else answer(x)


def goes_to_b(client):
    reply = chat(client, "m")
    return (reply.header("x-sluice-provider"),
            reply.header("x-sluice-attempts")) == ("b", "1")


@pytest.mark.parametrize("kind", LOGIC)
def test_probes_come_by_themselves(make_server, a, b, kind):
    server = make_server(kind, LONG, pair())
    until(lambda: len(probes(a)) >= 3, "three probes")
    for x in probes(a):
        assert x.path == "/v1/models"
        assert x.header("authorization") == f"Bearer {UP_KEY}"
        assert x.body == b""
    assert b.requests == []
    assert_served(chat(server.client(), "m"), "a", 1)
    assert [line for line in server.journal()
            if "models" in line["api_path"]] == []


def test_the_path_is_configured(make_server, a, b):
    make_server("lighttpd", LONG, pair(path="/health/live?x=1"))
    assert a.wait().path == "/v1/health/live?x=1"


def test_one_process_probes_for_all(make_server, a, b):
    """
    Four processes that all did would need a quarter of the time for as many;
    a slow machine only needs more.
    """
    make_server("lighttpd", LONG, pair(), procs=4)
    until(lambda: len(probes(a)) >= 16, "sixteen probes")
    times = [x.arrived for x in probes(a)[:16]]
    assert times[-1] - times[0] >= 15 * OFTEN["interval"] / 2


def test_another_process_takes_over(make_server, a, b):
    """Responders end, new ones come, probes go on."""
    server = make_server("lighttpd", LONG, pair(), procs=2)
    until(lambda: probes(a), "a probe")
    server._end_processes()
    a.clear()
    server.start()
    until(lambda: len(probes(a)) >= 2, "probes of the new ones")


@pytest.mark.parametrize("status", [500, 503, 401, 403])
def test_failing_probes_open_the_breaker(make_server, a, b, status):
    """No client had to find out: its request never went there."""
    a.script = only_probes(fails(status))
    server = make_server("lighttpd", LONG, pair())
    until(lambda: len(probes(a)) >= 4, "three settled probes")
    for _ in range(5):
        assert_served(chat(server.client(), "m"), "b", 1)
    assert chats(a) == []


@pytest.mark.parametrize("fault", ["silent", "reset"])
def test_probes_without_an_answer_open_it(make_server, a, b, fault):
    a.script = only_probes(lambda x: x.hold() if fault == "silent"
                           else x.reset())
    server = make_server("lighttpd", LONG, pair())
    until(lambda: len(probes(a)) >= 6, "three settled probes")
    assert_served(chat(server.client(), "m"), "b", 1)
    assert chats(a) == []


def test_refused_probes_open_it(make_server, b, c):
    """A third one's probes show that there were as many of the first."""
    whole = pair()
    whole["a"] = nowhere(CLOSED_PORT, retries=0, health=OFTEN,
                         models=({"name": "m"},))
    whole["c"] = channel("c", health=OFTEN, models=({"name": "other"},))
    server = make_server("lighttpd", LONG, whole)
    until(lambda: len(probes(c)) >= 6, "six probes")
    assert_served(chat(server.client(), "m"), "b", 1)


@pytest.mark.parametrize("status", [404, 405, 429])
def test_other_statuses_are_no_failure(make_server, a, b, status):
    """Not every provider has that path; it did answer."""
    a.script = only_probes(fails(status, headers=()))
    server = make_server("lighttpd", LONG, pair())
    until(lambda: len(probes(a)) >= 6, "six probes")
    assert_served(chat(server.client(), "m"), "a", 1)


def test_a_good_probe_ends_the_cooldown(make_server, a, b):
    """Ten minutes are not waited for."""
    a.script = fails()
    server = make_server("lighttpd", LONG, pair())
    until(lambda: goes_to_b(server.client()), "the channel to be left")
    a.script = answer
    until(lambda: chat(server.client(), "m").header("x-sluice-provider")
          == "a", "the channel to be found again")
    assert_served(chat(server.client(), "m"), "a", 1)


def test_no_interval_no_probe(make_server, a, b):
    """The other's probes show that time has passed."""
    whole = pair()
    whole["b"]["health"] = {"interval": 0.0}
    make_server("lighttpd", LONG, whole)
    until(lambda: len(probes(a)) >= 5, "five probes of the other")
    assert b.requests == []


# What a request suspects, a probe confirms.

SELDOM = {"interval": 3600.0, "timeout": 5.0}
REFUSED = {
    "401": fails(401), "402": fails(402), "403": fails(403),
    "key": fails(400, data=b'{"error":{"status":"API_KEY_INVALID"}}'),
    "broke": fails(429, data=b'{"error":{"code":"insufficient_quota"}}'),
    "event": sends(event({"error": {"message": "no", "code": 401}})),
}


@pytest.mark.parametrize("fault", REFUSED)
@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_probe_confirms_that_the_key_is_refused(make_server, a, b, fault,
                                                  status):
    """Soon, not when the interval is over; with nothing of the client's."""
    a.script = lambda x: fails(status)(x) if x.method == "GET" else \
        REFUSED[fault](x)
    server = make_server("lighttpd", LONG, pair(**SELDOM))
    reply = server.client().post(
        "/v1/chat/completions", body("m", True, user="client-text"),
        headers=[("X-Client", "client-text")])
    assert_served(reply, "b", 2)
    until(lambda: goes_to_b(server.client()), "the channel to be left")
    for x in probes(a):
        assert x.body == b"" and "client-text" not in str(x)


@pytest.mark.parametrize("fault", REFUSED)
def test_a_probe_clears_the_key(make_server, a, b, fault):
    """A client has made the provider refuse it: nobody else is concerned."""
    a.script = lambda x: answer(x) if x.method == "GET" or \
        b"poison" not in x.body else REFUSED[fault](x)
    server = make_server("lighttpd", LONG, pair(**SELDOM))
    client = server.client()
    for _ in range(6):
        assert_served(chat(client, "m", True, user="poison"), "b", 2)
    until(lambda: probes(a), "a probe")
    for _ in range(6):
        assert_served(chat(client, "m", True, user="poison"), "b", 2)
    assert_served(chat(client, "m"), "a", 1)


def test_a_probe_confirms_one_clients_failures(make_server, a, b):
    """Its failures alone do not count, but the channel is ill indeed."""
    a.script = fails(503)
    server = make_server("lighttpd", LONG, pair(**SELDOM),
                         env={"SLUICE_API_KEYS": "eve-5d1c,ann-77aa"})
    eve, ann = server.client(key="eve-5d1c"), server.client(key="ann-77aa")
    for _ in range(3):
        assert_served(chat(eve, "m"), "b", 2)
    until(lambda: len(probes(a)) >= 3, "three probes")
    until(lambda: goes_to_b(ann), "the channel to be left")


def test_who_provokes_failures_gets_few_probes(make_server, a, b):
    """A hundred failures are one question, until some seconds are over."""
    a.script = lambda x: answer(x) if x.method == "GET" else fails(401)(x)
    server = make_server("lighttpd", LONG, pair(**SELDOM))
    for _ in range(100):
        chat(server.client(), "m")
    until(lambda: probes(a), "a probe")
    times = [x.arrived for x in probes(a)]
    assert len(times) <= 2 + (times[-1] - times[0]) / 4


# For installations without a process that stays.

class Tick:
    """A CGI server and sluicectl as its user would run it from cron."""

    def __init__(self, server):
        self.server = server
        self.program = f"{server.tmp}/bin/sluicectl"
        shutil.copy(f"{BUILD}/sluicectl", self.program)
        os.chmod(self.program, 0o755)

    def run(self):
        done = subprocess.run(
            [self.program, "tick", "-c",
             f"{self.server.tmp}/sluice/sluice.conf"],
            capture_output=True, text=True, timeout=60, cwd=self.server.tmp,
            env=self.server._environment(), **AS_USER)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        assert UP_KEY not in done.stdout + done.stderr


@pytest.fixture
def ticking(make_server, a, b):
    """Both channels are due whenever somebody asks."""
    whole = pair(interval=0.001, timeout=1.0)
    whole["b"]["health"] = {"interval": 0.001, "path": "/up"}
    return Tick(make_server("apache-cgi", LONG, whole))


def test_tick_is_one_round(ticking, a, b):
    assert (a.requests, b.requests) == ([], [])
    ticking.run()
    assert [x.path for x in a.requests] == ["/v1/models"]
    assert [x.path for x in b.requests] == ["/v1/up"]


def test_ticks_open_the_breaker(ticking, a, b):
    client = ticking.server.client()
    a.script = only_probes(fails())
    for _ in range(2):
        ticking.run()
    assert_served(chat(client, "m"), "a", 1)
    for _ in range(3):
        ticking.run()
    assert_served(chat(client, "m"), "b", 1)


def test_a_good_tick_ends_the_cooldown(ticking, a, b):
    client = ticking.server.client()
    a.script = fails()
    for _ in range(3):
        assert_served(chat(client, "m"), "b", 2)
    assert_served(chat(client, "m"), "b", 1)
    a.script = answer
    ticking.run()
    assert_served(chat(client, "m"), "a", 1)


def test_a_dead_upstream_does_not_fail_the_round(ticking, a, b):
    a.script = lambda x: x.hold()
    ticking.run()
    assert len(b.requests) == 1
