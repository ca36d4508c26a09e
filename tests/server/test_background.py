"""A response that is made in the background is charged once, when it is done."""
import itertools
import json
import os
import random
import signal
import sqlite3
import threading

import pytest

from books import ADMIN, as_owner, rows, until_all
from client import until
from client_keys import made
from exposition import Metrics
from fixtures import provider
from servers import KEY
from upstream import manual

SERVERS = ["lighttpd"]
ENV = {"SLUICE_ADMIN_KEY": ADMIN}
CONF = {"stream": {"keepalive": 0.2, "release": "byte"}}
PRICES = {"input": 10.0, "output": 20.0}
USAGE = {"input_tokens": 5000, "output_tokens": 6000, "total_tokens": 11000}
COST = 5000 * 10 / 1e6 + 6000 * 20 / 1e6
numbers = itertools.count(1)


def PROVIDERS(upstream):
    return {"up": provider(upstream, retries=0, models=(
        {"name": "m", "target": "real", "prices": PRICES},))}


class Jobs:
    """An upstream that makes responses, each as far as the test says."""

    def __init__(self, upstream):
        self.states = {}
        self.asked = []
        upstream.script = self

    def __call__(self, x):
        path = x.path.split("?")[0].removeprefix("/v1/responses")
        if path == "":
            return self.make(x, x.data())
        name = path.split("/")[1]
        self.asked.append((x.method, name))
        if name not in self.states:
            return x.json({"error": {"message": "none"}}, 404)
        if x.method == "DELETE":
            del self.states[name]
            return x.json({"id": name, "deleted": True})
        if "stream=true" in x.path:
            return self.follow(x, name)
        return x.json(self.show(name))

    def make(self, x, data):
        name = f"resp_b{next(numbers)}"
        background = data.get("background", False)
        self.states[name] = dict(
            {"status": "queued" if background else "completed",
             "usage": None if background else USAGE}, background=background)
        if data.get("stream"):
            return self.follow(x, name)
        return x.json(self.show(name))

    def show(self, name):
        return dict(self.states[name], id=name, object="response",
                    output=[{"id": f"msg_{name}", "type": "message"}])

    def finish(self, name, status="completed", usage=USAGE):
        self.states[name].update(status=status, usage=usage)

    def follow(self, x, name):
        """A stream: its end comes when the job is over."""
        def event(kind, **more):
            x.chunk(f"event: {kind}\ndata: ".encode() + json.dumps(dict(
                {"type": kind}, **more)).encode() + b"\n\n")
        x.sse()
        event("response.created", response=self.show(name))
        event("response.output_text.delta", delta="Hello")
        until(lambda: self.states[name]["status"] not in (
            "queued", "in_progress") or x.peer_left(), "the job's end")
        event(f"response.{self.states[name]['status']}",
              response=self.show(name))
        x.end()


@pytest.fixture
def jobs(upstream):
    return Jobs(upstream)


def begin(client, **more):
    reply = client.post("/v1/responses", dict(
        {"model": "m", "input": "x", "background": True}, **more))
    assert (reply.status, reply.json()["status"]) == (200, "queued"), reply
    return reply.json()["id"]


def get(client, name, query=""):
    reply = client.get(f"/v1/responses/{name}{query}")
    assert reply.status == 200, reply
    return reply


class Ledger:
    """What has been charged since it was made."""

    def __init__(self, server):
        self.server = server
        self.before = {line["request_id"] for line in server.journal()}
        self.counted = self.metrics()

    def lines(self):
        return [line for line in self.server.journal()
                if line["request_id"] not in self.before
                and "/responses" in line["api_path"]]

    def settled(self, count):
        until(lambda: len(self.lines()) == count, f"{count} lines")
        return [line for line in self.lines() if line["usage"]]

    def metrics(self):
        m = Metrics(self.server.client(ADMIN).get("/metrics").body)
        return [m.total("gateway_tokens_total", type=kind, model=model)
                for kind in ("input", "output") for model in ("m", "")]

    def assert_paid(self, count, times=1):
        charged = self.settled(count)
        assert len(charged) == times, charged
        for line in charged:
            assert line["request_model_name"] == "m"
            assert line["target_provider"] == "up"
            assert line["usage"]["source"] == "reported"
            assert (line["usage"]["input_tokens"],
                    line["usage"]["output_tokens"]) == (5000, 6000)
            assert line["cost"] == pytest.approx(COST)
        assert [a - b for a, b in zip(self.metrics(), self.counted)] == [
            5000 * times, 0, 6000 * times, 0]


@pytest.fixture
def ledger(server):
    return Ledger(server)


def test_polling_costs_nothing(server, client, jobs, ledger):
    name = begin(client)
    for _ in range(3):
        get(client, name)
    jobs.finish(name)
    for _ in range(5):
        get(client, name)
    ledger.assert_paid(9)


def test_the_first_who_sees_it_done_pays(server, client, jobs, ledger):
    name = begin(client)
    get(client, name)
    jobs.finish(name)
    reply = get(client, name)
    get(client, name)
    paid, = ledger.settled(4)
    assert paid["request_id"] == reply.header("x-request-id")


def test_what_is_not_made_in_the_background(server, client, jobs, ledger):
    reply = client.post("/v1/responses", {"model": "m", "input": "x"})
    for _ in range(3):
        get(client, reply.json()["id"])
    ledger.assert_paid(4)


@pytest.mark.parametrize("status, usage, times", [
    ("cancelled", USAGE, 1), ("cancelled", None, 0), ("failed", None, 0),
    ("incomplete", USAGE, 1)])
def test_other_ends(server, client, jobs, ledger, status, usage, times):
    name = begin(client)
    jobs.finish(name, status, usage)
    reply = client.post(f"/v1/responses/{name}/cancel", b"")
    assert reply.json()["status"] == status
    get(client, name)
    ledger.assert_paid(3, times)
    assert not unpaid(server, name)


def unpaid(server, name):
    return rows(server, "SELECT claim FROM unpaid WHERE id = ?", name)


def test_at_the_same_time_one_pays(server, client, jobs, ledger):
    for _ in range(4):
        name = begin(client)
        jobs.finish(name)
        replies = [client.open("GET", f"/v1/responses/{name}")
                   for _ in range(12)]
        assert {r.finish().status for r in replies} == {200}
    ledger.assert_paid(4 * 13, 4)


def test_two_pools_of_one_state(server, make_server, client, upstream, jobs):
    second = make_server("nginx", dict(CONF, state_dir=f"{server.tmp}/state"),
                         PROVIDERS(upstream), ENV)
    ledger = Ledger(server)
    for _ in range(4):
        name = begin(client)
        jobs.finish(name)
        replies = [one.client().open("GET", f"/v1/responses/{name}")
                   for one in (server, second) * 5]
        assert {r.finish().status for r in replies} == {200}
    ledger.assert_paid(4 * 11, 4)


def test_what_a_key_has_left(server, jobs):
    """Nothing for a poll; all of it once it is done."""
    key = made(server, f"left{next(numbers)}", "--tpm", "100000", "--day-tokens",
               "30000")
    client = server.client(key)
    server.everywhere(lambda one: one.get("/v1/models").status == 200,
                      "the key", key)

    def left():
        return int(get(client, name).header("x-ratelimit-remaining-tokens"))
    name = begin(client)
    assert min(left() for _ in range(5)) >= 99900
    jobs.finish(name)
    get(client, name)
    assert 88900 <= min(left() for _ in range(5)) <= 95000
    for _ in range(2):
        name = begin(client)
        jobs.finish(name)
        get(client, name)
    reply = until(lambda: (r := client.post(
        "/v1/responses", {"model": "m", "input": "x"})).status == 429 and r,
        "a budget that is spent")
    assert reply.error["code"] == "insufficient_quota"


# Streams.

def test_a_stream_that_is_followed_pays(server, client, jobs, ledger):
    reply = client.open("POST", "/v1/responses", {
        "model": "m", "background": True, "stream": True})
    name = json.loads(reply.event().split(b"data: ")[1])["response"]["id"]
    jobs.finish(name)
    reply.finish()
    for _ in range(2):
        get(client, name)
    ledger.assert_paid(3)


def test_a_stream_that_is_left_is_paid_by_who_resumes_it(server, client, jobs,
                                                         ledger):
    reply = client.open("POST", "/v1/responses", {
        "model": "m", "background": True, "stream": True})
    name = json.loads(reply.event().split(b"data: ")[1])["response"]["id"]
    reply.close()
    assert ledger.settled(1) == []
    reply = client.open("GET", f"/v1/responses/{name}"
                        "?stream=true&starting_after=0")
    while b": keep-alive" not in reply.event():
        pass
    jobs.finish(name)
    reply.finish()
    assert b"response.completed" in reply.body
    get(client, name, "?stream=true")
    ledger.assert_paid(3)
    lines = ledger.lines()
    assert [line["stream"] for line in lines] == [True] * 3
    assert lines[0]["outcome"] == "client_gone"


@pytest.mark.parametrize("query, stream", [
    ("", False), ("?stream=false", False), ("?stream=true", True),
    ("?include[]=x&stream=true", True), ("?stream=True", True),
    ("?%73tream=tru%65", True), ("?xstream=true", False)])
def test_which_queries_ask_for_a_stream(server, client, jobs, query, stream):
    name = begin(client)
    jobs.finish(name)
    reply = get(client, name, query)
    assert server.journaled(reply.header("x-request-id"))["stream"] == stream


def test_a_resumed_stream_that_is_cut(server, client, upstream, jobs):
    name = begin(client)
    upstream.script = manual
    reply = client.open("GET", f"/v1/responses/{name}?stream=true")
    x = upstream.wait(2)
    x.sse()
    x.event({"type": "response.output_text.delta", "delta": "x"})
    assert b"delta" in reply.event()
    x.reset()
    reply.finish()
    line = server.journaled(reply.header("x-request-id"))
    assert line["outcome"] == "upstream_cut"
    assert line["usage"] is None


# Its end.

def test_one_that_nobody_has_paid_for_cannot_be_deleted(server, client, jobs,
                                                        ledger):
    name = begin(client)
    jobs.finish(name)
    reply = client.ask("DELETE", f"/v1/responses/{name}")
    assert reply.status == 409, reply
    assert jobs.asked == []
    get(client, name)
    until(lambda: not unpaid(server, name), "the payment")
    assert client.ask("DELETE", f"/v1/responses/{name}").status == 200
    ledger.assert_paid(4)


def test_what_is_deleted_is_forgotten(server, client, jobs):
    name = begin(client)
    jobs.finish(name)
    get(client, name)
    until(lambda: not unpaid(server, name), "the payment")
    assert client.ask("DELETE", f"/v1/responses/{name}").status == 200
    until(lambda: not rows(server, "SELECT 1 FROM objects WHERE id = ?", name),
          "that it is forgotten")
    asked = len(jobs.asked)
    assert client.get(f"/v1/responses/{name}").status == 404
    assert len(jobs.asked) == asked


def test_what_the_provider_has_lost_can_be_deleted(server, client, jobs):
    """A 404 alone may pass: some are told of what was only just made."""
    reply = client.post("/v1/responses", {"model": "m", "input": "x"})
    name = reply.json()["id"]
    lost = jobs.states.pop(name)
    assert client.get(f"/v1/responses/{name}").status == 404
    jobs.states[name] = lost
    get(client, name)
    del jobs.states[name]
    assert client.ask("DELETE", f"/v1/responses/{name}").status == 404
    until(lambda: not rows(server, "SELECT 1 FROM objects WHERE id = ?", name),
          "that it is forgotten")


# Death.

def age_claims(server):
    """An hour passes for all that has been claimed and not been paid for."""
    as_owner(server, "import sqlite3; db = sqlite3.connect("
             "'state/sluice.db', timeout=20); db.execute("
             "'UPDATE unpaid SET claimed_ms = claimed_ms - 3600000'"
             " ' WHERE claim <> \"\"'); db.commit()")


def poll_until_killed(server, names, rounds):
    """Clients poll while processes die."""
    stop = threading.Event()

    def poll():
        while not stop.is_set():
            try:
                server.client().get(f"/v1/responses/{random.choice(names)}")
            except (OSError, AssertionError):
                pass
    threads = [threading.Thread(target=poll) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(rounds):
        pid = until(lambda: random.choice(server.responders() or [None]),
                    "a process")
        for _ in range(random.randrange(400)):
            os.sched_yield()
        os.kill(pid, signal.SIGKILL)
        until(lambda: pid not in server.responders() and
              len(server.responders()) == server.procs, "another")
    stop.set()
    for thread in threads:
        thread.join()


def test_processes_that_are_killed_pay_once_all_the_same(make_server,
                                                         upstream):
    jobs = Jobs(upstream)
    server = make_server("lighttpd", CONF, PROVIDERS(upstream), ENV)
    server.may_crash = True
    client = server.client()
    names = [begin(client) for _ in range(12)]
    for name in names:
        jobs.finish(name)
    poll_until_killed(server, names, 8)
    until(server._answers, "the new ones")
    until(lambda: all(line["request_id"] for line in server.journal()),
          "the journal")

    def all_paid():
        age_claims(server)
        for name in names:
            client.get(f"/v1/responses/{name}")
        return rows(server, "SELECT 1 FROM unpaid") == []
    until(all_paid, "all payments")
    until_all(server)
    paid = [line for line in server.journal() if line["usage"]]
    assert sorted(line["api_path"].split("/")[-1] for line in paid) == \
        sorted(names)
    assert rows(server, "SELECT sum(input_tokens), sum(output_tokens) "
                "FROM usage") == [(5000 * len(names), 6000 * len(names))]


def test_who_died_before_paying_is_followed_by_another(server, client, jobs,
                                                       ledger):
    """What a process has claimed when it dies is claimed again, an hour later."""
    name = begin(client)
    jobs.finish(name)
    as_owner(server, "import sqlite3; db = sqlite3.connect("
             "'state/sluice.db', timeout=20); db.execute('UPDATE unpaid SET "
             "claim = \"req_dead\", claimed_ms = strftime(\"%s\") * 1000'); "
             "db.commit()")
    get(client, name)
    assert ledger.settled(2) == []
    age_claims(server)
    get(client, name)
    get(client, name)
    ledger.assert_paid(4)
