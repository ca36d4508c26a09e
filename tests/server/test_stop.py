"""SIGTERM and SIGUSR1: take nothing new, finish what runs, then go."""
import fcntl
import os
import signal
import threading

import pytest

from client import PATIENCE, Timeout, until
from fixtures import standard_providers
from servers import LOGIC
from upstream import chat_chunk, manual

CHAT = {"model": "gpt-test", "messages": []}
STREAM = dict(CHAT, stream=True)
SIGNALS = [pytest.param(signal.SIGTERM, id="term"),
           pytest.param(signal.SIGUSR1, id="usr1")]
BEHIND = ["lighttpd-spawned", "nginx", "apache-proxy-fcgi"]


@pytest.fixture
def started(make_server, upstream):
    return lambda kind, **more: make_server(
        kind, {}, standard_providers(upstream), **more)


def gone(server, pids):
    until(lambda: not set(pids) & set(server.responders()),
          "the responders to end")


def open_streams(client, upstream, count):
    upstream.script = manual
    replies = [client.open("POST", "/v1/chat/completions", STREAM)
               for _ in range(count)]
    exchanges = [upstream.wait(i + 1) for i in range(count)]
    for x in exchanges:
        x.sse()
        x.event(chat_chunk("word"))
    for reply in replies:
        assert reply.event()
    return replies, exchanges


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("kind", BEHIND)
def test_streams_finish(started, upstream, kind, number):
    server = started(kind)
    client = server.client()
    replies, exchanges = open_streams(client, upstream, 10)
    pids = server.responders()
    for pid in pids:
        os.kill(pid, number)
    for x in exchanges:
        x.event(chat_chunk("more"))
    for reply in replies:
        assert b"more" in reply.event()
    for x in exchanges:
        x.event("[DONE]")
        x.end()
    for reply in replies:
        assert reply.event() == b"data: [DONE]\n\n"
        assert reply.finish().complete
    gone(server, pids)
    lines = [x for x in server.journal() if x["stream"]]
    assert [(x["status"], x["outcome"]) for x in lines] == [(200, "ok")] * 10


@pytest.mark.parametrize("number", SIGNALS)
def test_idle_responders_end(started, upstream, number):
    server = started("nginx")
    client = server.client()
    for _ in range(10):         # connections from nginx are kept open
        assert client.post("/v1/chat/completions", CHAT).status == 200
    pids = server.responders()
    for pid in pids:
        os.kill(pid, number)
    gone(server, pids)


@pytest.mark.parametrize("number", SIGNALS)
def test_told_while_it_starts(started, number):
    """It waits for the state's lock, and libfcgi has handlers of its own."""
    server = started("lighttpd-spawned")
    old = server.responders()
    for pid in old:
        os.kill(pid, signal.SIGTERM)
    gone(server, old)
    with open(f"{server.tmp}/state/state.lock", "r+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        server._spawn()
        new = server.responders()
        until(lambda: all(is_waiting(server, pid) for pid in new),
              "the responders to wait for the lock")
        for pid in new:
            os.kill(pid, number)
    gone(server, new)


def is_waiting(server, pid):
    """It has opened the lock's file."""
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{fd}").endswith("/state.lock")
                   for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


@pytest.mark.parametrize("kind", BEHIND)
def test_the_other_one_takes_over(started, upstream, kind):
    """One of two is told to go while it streams: nothing is refused."""
    server = started(kind)
    client = server.client()
    replies, exchanges = open_streams(client, upstream, 8)
    os.kill(server.responders()[0], signal.SIGTERM)
    upstream.script = lambda x: x.json(b"{}")
    for _ in range(30):
        assert client.post("/v1/chat/completions", CHAT).status == 200
    for x in exchanges:
        x.event("[DONE]")
        x.end()
    for reply in replies:
        assert reply.event() == b"data: [DONE]\n\n"
        assert reply.finish().complete
    until(lambda: len(server.responders()) == 1, "one to be left")


def test_second_signal_ends_at_once(started, upstream):
    server = started("lighttpd-spawned")
    replies, exchanges = open_streams(server.client(), upstream, 4)
    pids = server.responders()
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    for pid in pids:
        def first_was_taken(pid=pid):
            """Bit of SIGTERM in the pending set of the process."""
            try:
                with open(f"/proc/{pid}/status") as f:
                    pending = [int(line.split()[1], 16) for line in f
                               if line.startswith(("SigPnd", "ShdPnd"))]
            except FileNotFoundError:
                return True
            return not any(p >> (signal.SIGTERM - 1) & 1 for p in pending)
        until(first_was_taken)
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass                # it had no stream to finish
    gone(server, pids)
    for x in exchanges:
        assert x.gone.wait(PATIENCE)
    for reply in replies:
        reply.finish()
        assert b"[DONE]" not in reply.body


def test_first_signal_waits_for_streams(started, upstream):
    """Until its stream is over, the process that carries it stays."""
    server = started("lighttpd-spawned", procs=1)
    replies, exchanges = open_streams(server.client(), upstream, 1)
    pid, = server.responders()
    os.kill(pid, signal.SIGTERM)
    for _ in range(20):
        x = exchanges[0]
        sent = x.event(chat_chunk("on"))
        assert replies[0].event() == sent
    assert server.responders() == [pid]
    x.end()
    assert replies[0].finish().complete
    gone(server, [pid])


@pytest.mark.parametrize("kind", BEHIND)
def test_stop_under_load(started, upstream, kind):
    """While requests pour in, each ends whole or is refused as a whole."""
    server = started(kind)
    cut, whole = [], []
    stop = threading.Event()

    def load(number):
        client = server.client()
        while not stop.is_set():
            try:
                reply = client.post("/v1/chat/completions",
                                    STREAM if number % 2 else CHAT)
            except (OSError, AssertionError):
                continue        # refused before an answer
            if reply.status == 200 and not reply.complete:
                cut.append(str(reply))
            elif reply.status == 200:
                whole.append(1)
                if number % 2 and not reply.body.endswith(
                        b"data: [DONE]\n\n"):
                    cut.append(str(reply))
    threads = [threading.Thread(target=load, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(whole) > 40, "the load to run")
        pids = server.responders()
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        gone(server, pids)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not cut, cut[:3]


@pytest.mark.parametrize("kind", BEHIND)
def test_nobody_is_refused_while_one_after_another_stops(started, upstream,
                                                         kind):
    """Connections that a web server keeps meet the end of their process."""
    server = started(kind, procs=6)
    refused, whole = [], []
    stop = threading.Event()

    def load():
        client = server.client()
        while not stop.is_set():
            reply = client.post("/v1/chat/completions", CHAT)
            whole.append(1)
            if reply.status != 200:
                refused.append(str(reply))
    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for pid in server.responders()[1:]:
            goal = len(whole) + 100
            until(lambda: len(whole) > goal, "the load to run")
            os.kill(pid, signal.SIGTERM)
            gone(server, [pid])
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert refused == []


def test_lighttpd_takes_its_responders_along(started, upstream):
    """Stopping the web server stops the pool that it started."""
    server = started("lighttpd")
    assert server.client().post("/v1/chat/completions", CHAT).status == 200
    pids = server.responders()
    assert len(pids) == server.procs
    server.processes[0][1].terminate()
    gone(server, pids)


def test_lighttpd_starts_a_dead_responder_again(started, upstream):
    server = started("lighttpd")
    server.may_crash = True
    client = server.client()
    pids = server.responders()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)

    def works():
        try:
            return client.post("/v1/chat/completions", CHAT).status == 200
        except Timeout:
            raise
        except (OSError, AssertionError):
            return False
    until(works, "an answer again")
    until(lambda: len(server.responders()) == server.procs, "the pool")
    assert not set(pids) & set(server.responders())


@pytest.mark.parametrize("kind", LOGIC)
def test_hup_reloads(started, upstream, kind):
    """SIGHUP looks at the files at once and ends nothing."""
    server = started(kind)
    client = server.client()
    pids = server.responders()
    server.remove_provider("up")
    for pid in pids:
        os.kill(pid, signal.SIGHUP)
    until(lambda: all(client.get("/v1/models").json()["data"] == []
                      for _ in range(8)), "the reload")
    assert server.responders() == pids
