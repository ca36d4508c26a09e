"""Who probes and tidies up: one process of a pool, and without one sluicectl tick."""
import os
import signal

import pytest

from client import until
from fixtures import provider
from kill import ASK, kill_before_it_writes
from servers import UP_KEY, read_tail
from upstream import chat_answer, chat_chunk

POOLS = ["lighttpd-spawned", "nginx"]
OFTEN = 0.2                     # between two probes of a pool
ALWAYS = 0.001                  # each tick probes
NEVER = 86400


class Places:
    """The script of an upstream that is two providers, /one and /two."""

    def __init__(self):
        self.sick = {}          # place: status of its probes

    def __call__(self, x):
        place = x.path.split("/")[1]
        if x.method == "GET":
            assert x.path == f"/{place}/v1/models"
            return x.json({}, self.sick.get(place, 200))
        return x.json(chat_answer(content=place))


@pytest.fixture
def places(upstream):
    upstream.script = Places()
    return upstream.script


@pytest.fixture
def started(make_server, upstream, places):
    """A server with both; one goes before two. INTERVAL is of its probes."""
    def start(kind, interval, conf=None):
        root = upstream.url.removesuffix("/v1")
        return make_server(kind, conf or {}, {
            name: provider(upstream, base_url=f"{root}/{name}/v1",
                           priority=number, models=({"name": "m"},),
                           health={"interval": interval})
            for number, name in enumerate(["one", "two"])})
    return start


def probes(upstream, place=None):
    with upstream.lock:
        return [x for x in upstream.requests if x.method == "GET"
                and (place is None or x.path.startswith(f"/{place}/"))]


def tick(server, status=0):
    """The lines of one run, sorted."""
    done = server.sluicectl("tick")
    assert done.returncode == status, (done.stdout, done.stderr)
    assert UP_KEY not in done.stdout + done.stderr
    return sorted(done.stdout.splitlines())


def answered_by(server):
    reply = server.client().post("/v1/chat/completions", ASK)
    assert reply.status == 200, reply
    return reply.json()["choices"][0]["message"]["content"]


def lines_of_m(server):
    """Of the journal, without /health."""
    return [x for x in server.journal() if x["request_model_name"] == "m"]


# sluicectl tick, where nothing but CGI is to be had.

def test_a_line_for_each_channel(started, upstream, places):
    server = started("apache-cgi", ALWAYS)
    assert tick(server) == ["one well", "two well"]
    assert [x.header("authorization") for x in probes(upstream)] == \
        [f"Bearer {UP_KEY}"] * 2
    places.sick = {"one": 500, "two": 429}
    assert tick(server, 1) == [
        "one not well: The provider answered with status 500.",
        "two unclear: The provider answered with status 429."]
    places.sick = {"two": 429}
    assert len(tick(server)) == 2


def test_failing_ticks_take_a_channel_out(started, upstream, places):
    server = started("apache-cgi", ALWAYS)
    places.sick = {"one": 503}
    assert answered_by(server) == "one"
    for _ in range(2):
        tick(server, 1)
    places.sick = {}
    assert answered_by(server) == "one"     # which begins the count anew
    places.sick = {"one": 503}
    for _ in range(3):
        tick(server, 1)
    assert answered_by(server) == "two"
    assert answered_by(server) == "two"
    places.sick = {}
    assert tick(server) == ["one well", "two well"]
    assert answered_by(server) == "one"
    assert answered_by(server) == "one"


def test_who_was_heard_of_lately_is_not_probed(started, upstream):
    server = started("apache-cgi", NEVER)
    assert answered_by(server) == "one"
    until(lambda: lines_of_m(server), "the end of that")
    assert tick(server) == ["two well"]
    assert tick(server) == []
    assert len(probes(upstream)) == 1


def test_an_interval_of_0_means_no_probes(started, upstream):
    server = started("apache-cgi", 0)
    assert tick(server) == []
    assert probes(upstream) == []


def test_a_cgi_program_never_leads(started, upstream):
    """Not even when it lives for longer than a second."""
    server = started("apache-cgi", ALWAYS)

    def stream(x):
        if x.method == "GET":
            return x.json({})
        x.sse()
        x.event(chat_chunk("word"))
        return x.hold()
    upstream.script = stream
    reply = server.client().open("POST", "/v1/chat/completions",
                                 dict(ASK, stream=True))
    assert reply.event()
    state = f"{server.tmp}/state/state"
    os.unlink(state)            # made again once a second, when it would lead
    until(lambda: os.path.exists(state), "the state to be made again")
    assert probes(upstream) == []
    assert tick(server) == ["one well", "two well"]
    reply.close()


def test_a_line_that_a_killed_program_left_is_written(started):
    server = started("apache-cgi", 0)
    server.may_crash = True
    kill_before_it_writes(server)
    assert lines_of_m(server) == []
    tick(server)
    assert [x["status"] for x in lines_of_m(server)] == [200]
    tick(server)
    assert len(lines_of_m(server)) == 1


def test_without_a_state_segment_nothing_is_done(started, upstream):
    """What is found could be told to nobody."""
    server = started("apache-cgi", ALWAYS)
    os.unlink(f"{server.tmp}/state/state")
    os.mkdir(f"{server.tmp}/state/state")
    done = server.sluicectl("tick")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing was done" in done.stderr
    assert probes(upstream) == []


def test_how_it_is_called(started):
    server = started("apache-cgi", 0)
    assert server.sluicectl("tick", "now").returncode == 2
    done = server.sluicectl("tick", "-c", f"{server.tmp}/none.conf")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr
    conf = f"{server.tmp}/sluice/sluice.conf"
    assert server.sluicectl("tick", "-c", conf).returncode == 0


# A pool.

def leader(server, after=()):
    """The pid of the one that leads, which is none of AFTER."""
    return until(lambda: next((pid for pid in server.leaders()
                               if pid not in after), None),
                 "a process to lead")


@pytest.mark.parametrize("kind", POOLS)
def test_one_of_a_pool_probes(started, upstream, kind):
    """All from one process: each has connections of its own."""
    server = started(kind, OFTEN)
    for place in ("one", "two"):
        until(lambda: len(probes(upstream, place)) >= 8, "probes")
        assert len({x.connection for x in probes(upstream, place)}) <= 2
    assert len({x.connection for x in probes(upstream)}) <= 2
    assert len(server.leaders()) == 1
    assert server.leaders()[0] in server.responders()


@pytest.mark.parametrize("kind", POOLS)
def test_the_other_one_takes_over(started, upstream, kind):
    server = started(kind, OFTEN)
    server.may_crash = True
    first = leader(server)
    until(lambda: probes(upstream), "a probe")
    os.kill(first, signal.SIGKILL)
    second = leader(server, after=[first])
    assert second in server.responders()
    before = {x.connection for x in probes(upstream)}
    until(lambda: {x.connection for x in probes(upstream)} - before,
          "a probe of its own")
    os.kill(second, signal.SIGKILL)
    until(lambda: not server.responders(), "the pool's end")
    assert server.leaders() == [first, second]
    assert tick(server) in (["one well", "two well"],
                            ["one well"], ["two well"], [])


def test_one_that_finishes_lets_the_other_lead(started, upstream, places):
    """Its streams may take long, and then it goes."""
    server = started("lighttpd-spawned", OFTEN)
    first = leader(server)

    def script(x):
        if x.method == "GET":
            return places(x)
        x.sse()
        x.event(chat_chunk("word"))
        return x.hold()
    upstream.script = script
    replies = [server.client().open("POST", "/v1/chat/completions",
                                    dict(ASK, stream=True))
               for _ in range(8)]
    for reply in replies:
        assert reply.event()
    os.kill(first, signal.SIGTERM)
    second = leader(server, after=[first])
    assert second != first
    for x in [x for x in list(upstream.requests) if x.method == "POST"]:
        x.event("[DONE]")
        x.end()
    for reply in replies:
        assert reply.event()
        assert reply.finish().complete
    until(lambda: server.responders() == [second], "the first one's end")


def test_a_silent_probe_keeps_no_process(started, upstream):
    """It would be answered after the test's patience has come to its end."""
    server = started("lighttpd-spawned", OFTEN)
    upstream.script = lambda x: x.hold()
    for name in ("one", "two"):
        server.write_provider(name, provider(
            upstream, models=({"name": "m"},),
            health={"interval": OFTEN, "timeout": 300}))
    until(lambda: any(x.path == "/v1/models" for x in probes(upstream)),
          "a probe")
    pids = server.responders()
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    until(lambda: not set(pids) & set(server.responders()), "their end")


def test_changes_are_told_to_the_log(started, upstream, places):
    server = started("lighttpd-spawned", OFTEN)

    def said(text):
        return read_tail(f"{server.tmp}/responder.err", 0).count(text)
    until(lambda: len(probes(upstream, "one")) >= 2, "probes")
    places.sick = {"one": 401}
    until(lambda: said("channel one is not well: The provider answered with "
                       "status 401."), "the bad news")
    count = len(probes(upstream, "one"))
    until(lambda: len(probes(upstream, "one")) >= count + 3, "more probes")
    places.sick = {}
    until(lambda: said("channel one is well again"), "the good news")
    assert said("channel one is not well") == 1
    assert said("channel two") == 0
    assert said(UP_KEY) == 0


def test_a_new_configuration_is_probed(started, upstream):
    server = started("nginx", NEVER)
    leader(server)
    assert probes(upstream, "three") == []
    root = upstream.url.removesuffix("/v1")
    server.write_provider("three", provider(
        upstream, base_url=f"{root}/three/v1", models=({"name": "m3"},),
        health={"interval": OFTEN}))
    until(lambda: len(probes(upstream, "three")) >= 2, "its probes")


@pytest.mark.parametrize("kind", POOLS)
def test_tick_does_nothing_beside_a_pool(started, upstream, kind):
    server = started(kind, NEVER)
    leader(server)
    asked = len(probes(upstream))
    assert tick(server) == ["nothing to do: a pool is running"]
    assert len(probes(upstream)) == asked


def test_a_pool_writes_the_lines_of_its_dead(started):
    server = started("lighttpd-spawned", 0)
    server.may_crash = True
    leader(server)
    kill_before_it_writes(server)
    until(lambda: lines_of_m(server), "the line")
    assert [x["status"] for x in lines_of_m(server)] == [200]
