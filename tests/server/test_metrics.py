"""/metrics: who may read it, and whether it adds up over all processes."""
import os
import re
import signal
import threading

import pytest

from client import Timeout, until
from exposition import Metrics
from fixtures import provider
from servers import KEY, LOGIC, SRC, UP_KEY
from upstream import chat_chunk, manual

ADMIN = "admin-key-5c4d3e"
ENV = {"SLUICE_ADMIN_KEY": ADMIN}
PROMPT = "the-prompt-nobody-may-read"
CHAT = {"model": "gpt-test",
        "messages": [{"role": "user", "content": PROMPT}]}
PATH = "/v1/chat/completions"
KINDS = {
    "gateway_requests_total": "counter",
    "gateway_request_duration_seconds": "histogram",
    "gateway_errors_total": "counter",
    "gateway_channel_latency_seconds": "histogram",
    "gateway_channel_error_rate": "gauge",
    "gateway_channel_first_token_seconds": "histogram",
    "gateway_stream_gap_seconds": "histogram",
    "gateway_tokens_total": "counter",
    "gateway_tokens_estimated_total": "counter",
    "gateway_cost_total": "counter",
    "gateway_attempts_total": "counter",
    "gateway_failovers_total": "counter",
    "gateway_retries_total": "counter",
    "gateway_hedges_total": "counter",
    "gateway_aborts_total": "counter",
    "gateway_channel_breaker_state": "gauge",
    "gateway_channel_in_flight": "gauge",
    "gateway_in_flight_requests": "gauge",
    "gateway_upstream_seconds_total": "counter",
    "gateway_overhead_seconds": "histogram",
    "gateway_journal_lines_lost_total": "counter",
}


def PROVIDERS(upstream):
    return {"up": provider(upstream, models=(
        {"name": "gpt-test"}, {"name": "*"}, {"name": "priced", "prices": {
            "input": 0.1, "output": 0.025}}))}


def scrape(server):
    reply = server.client(ADMIN).get("/metrics")
    assert reply.status == 200, reply
    return Metrics(reply.body)


def settled(server, count, **labels):
    """/metrics once COUNT requests with LABELS have been counted."""
    seen = []

    def enough():
        seen.append(scrape(server))
        return seen[-1].total("gateway_requests_total", **labels) >= count
    until(enough, f"{count} requests to be counted")
    return seen[-1]


@pytest.fixture
def start(make_server, upstream):
    def begin(kind="lighttpd", conf=None, providers=None, **kwargs):
        return make_server(kind, conf or {}, providers or PROVIDERS(upstream),
                           env={**ENV, **kwargs.pop("env", {})}, **kwargs)
    return begin


# Behind every server.

@pytest.mark.parametrize("headers", [
    [("Authorization", f"Bearer {ADMIN}")],
    [("AdminKey", ADMIN)],
    [("Authorization", f"Bearer {KEY}"), ("AdminKey", ADMIN)],
], ids=["bearer", "adminkey", "both"])
def test_admin_key_opens(server, client, headers):
    reply = client.get("/metrics", auth=False, headers=headers)
    assert reply.status == 200, reply
    assert reply.header("content-type") == \
        "text/plain; version=0.0.4; charset=utf-8"
    assert reply.header("x-request-id")
    Metrics(reply.body)


@pytest.mark.parametrize("headers", [
    [], [("Authorization", f"Bearer {KEY}")], [("AdminKey", KEY)],
    [("AdminKey", "")], [("AdminKey", ADMIN + "x")],
    [("Authorization", "Bearer ")], [("Authorization", f"Basic {ADMIN}")],
    [("Admin-Key", ADMIN)], [("X-Forwarded-For", "127.0.0.1")],
], ids=lambda headers: " ".join(name for name, _ in headers) or "none")
def test_nothing_else_opens(server, client, headers):
    reply = client.get("/metrics", auth=False, headers=headers)
    assert reply.status == 401, reply
    assert reply.error["code"] == "invalid_api_key"
    assert b"gateway_requests_total" not in reply.body


def test_requests_of_every_process_count(server, client, upstream):
    """Under CGI every one of them has a process of its own."""
    before = scrape(server).total("gateway_requests_total", endpoint=PATH)
    for _ in range(6):
        assert client.post(PATH, CHAT).status == 200
    after = settled(server, before + 6, endpoint=PATH)
    assert after.total("gateway_requests_total", endpoint=PATH) == before + 6


# Who may read it.

@pytest.mark.parametrize("kind", LOGIC)
@pytest.mark.parametrize("allow, status", [
    ([], 401), (["127.0.0.1"], 200), (["10.0.0.0/8", "127.0.0.0/8"], 200),
    (["::ffff:127.0.0.1"], 200), (["10.0.0.0/8"], 401), (["::/0"], 401),
])
def test_addresses_that_are_allowed(start, kind, allow, status):
    server = start(kind, {"metrics": {"allow": allow}})
    reply = server.client().get("/metrics", auth=False)
    assert reply.status == status, reply
    # It opens nothing else.
    assert server.client().get("/v1/models", auth=False).status == 401


def test_open_to_all_is_not_open_to_metrics(start):
    server = start(conf={"auth": {"open": True}})
    assert server.client(None).get("/metrics").status == 401
    assert server.client(None).get("/v1/models").status == 200


@pytest.mark.parametrize("key", [None, ""])
def test_without_an_admin_key_there_is_none(make_server, upstream, key):
    env = {} if key is None else {"SLUICE_ADMIN_KEY": key}
    server = make_server("lighttpd", {}, PROVIDERS(upstream), env=env)
    for headers in ([], [("AdminKey", "")], [("Authorization", "Bearer ")],
                    [("Authorization", f"Bearer {KEY}")]):
        reply = server.client().get("/metrics", auth=False, headers=headers)
        assert reply.status == 401, reply


def test_admin_key_of_another_name(start):
    server = start(conf={"auth": {"admin_key_env": "MY_ADMIN"}},
                   env={"MY_ADMIN": "another-key"})
    assert server.client("another-key").get("/metrics").status == 200
    assert server.client(ADMIN).get("/metrics").status == 401


def test_methods(start):
    client = start().client(ADMIN)
    head = client.ask("HEAD", "/metrics")
    assert (head.status, head.body) == (200, b"")
    assert client.post("/metrics", {}).status == 405
    assert client.get("/metrics/").status == 200
    assert client.get("/metrics/x").status == 404


# What it says.

def test_every_family_is_there(start):
    assert scrape(start()).types == KINDS


def test_every_family_is_in_the_manual():
    with open(f"{SRC}/man/sluice.fcgi.8.in") as f:
        named = set(re.findall(r"\bgateway_\w+", f.read()))
    assert named == set(KINDS)


def test_labels_of_a_call(start, upstream):
    server = start()
    assert server.client().post(PATH, CHAT).status == 200
    m = settled(server, 1, endpoint=PATH)
    route = {"method": "POST", "endpoint": PATH}
    assert m.get_one("gateway_requests_total", status="200", **route) == 1
    assert m.get_one("gateway_request_duration_seconds_count", **route) == 1
    one = {"channel": "up", "model": "gpt-test"}
    assert m.get_one("gateway_channel_latency_seconds_count", **one) == 1
    assert m.get_one("gateway_tokens_total", type="input", **one) == 3
    assert m.get_one("gateway_tokens_total", type="output", **one) == 2
    assert m.total("gateway_tokens_estimated_total") == 0
    assert m.get_one("gateway_attempts_total", channel="up",
                     outcome="ok") == 1
    assert m.get_one("gateway_channel_first_token_seconds_count",
                     channel="up") == 1
    assert m.get_one("gateway_overhead_seconds_count") == 1
    assert m.get_one("gateway_upstream_seconds_total", channel="up") > 0
    assert m["gateway_channel_error_rate", (("channel", "up"),)] == 0
    assert m["gateway_channel_breaker_state", (("channel", "up"),)] == 0
    assert m.total("gateway_errors_total") == 0


def test_costs_add_up(start, upstream):
    """3 tokens in and 2 out, as exact as in the journal."""
    server = start(procs=2)
    for _ in range(5):
        assert server.client().post(PATH, dict(
            CHAT, model="priced")).status == 200
        assert server.client().post(PATH, CHAT).status == 200
    m = settled(server, 10, endpoint=PATH)
    assert m.get_one("gateway_cost_total", channel="up",
                     model="priced") == 5 * 35 / 1e8
    assert m.total("gateway_cost_total") == 5 * 35 / 1e8
    assert [line["cost"] for line in server.journal()
            if line["request_model_name"] == "priced"] == [3.5e-7] * 5


def test_the_journal_knows_the_admin(start, upstream):
    server = start(conf={"metrics": {"allow": ["127.0.0.1"]}})
    for headers, expected in (
            ([("AdminKey", ADMIN)], "admin"),
            ([("Authorization", f"Bearer {ADMIN}")], "admin"),
            ([("Authorization", f"Bearer {KEY}")], None), ([], None)):
        reply = server.client().get("/metrics", auth=False, headers=headers)
        assert reply.status == 200
        line = server.journaled(reply.header("x-request-id"))
        assert line["key_id"] == expected


def test_a_stream_has_gaps(start, upstream):
    server = start()
    upstream.script = manual
    reply = server.client().open("POST", PATH, dict(CHAT, stream=True))
    x = upstream.wait()
    x.sse()
    for word in ("one", "two", "three"):
        assert x.event(chat_chunk(word)) == reply.event()
    x.event("[DONE]")
    x.end()
    reply.finish()
    m = settled(server, 1, endpoint=PATH)
    gaps = m.get_one("gateway_stream_gap_seconds_count", channel="up")
    assert 2 <= gaps <= 5
    assert m.get_one("gateway_channel_first_token_seconds_count",
                     channel="up") == 1


def test_errors_of_both_types(start, upstream):
    server = start(providers={"up": provider(
        upstream, retries=0, models=({"name": "gpt-test"},))})
    client = server.client()
    upstream.script = lambda x: x.json({"error": {"message": "no"}}, 500)
    assert client.post(PATH, CHAT).status == 500
    assert client.post(PATH, dict(CHAT, model="none")).status == 404
    assert client.get("/nowhere-at-all").status == 404
    assert client.get("/v1/models", auth=False).status == 401
    m = settled(server, 1, endpoint="/v1/models", status="401")
    assert m.get_one("gateway_errors_total", type="channel",
                     channel="up") == 1
    assert m.get_one("gateway_errors_total", type="http", channel="") == 3
    assert m.get_one("gateway_attempts_total", channel="up",
                     outcome="upstream_status") == 1
    assert 0 < m.get_one("gateway_channel_error_rate", channel="up") <= 1
    assert m.get_one("gateway_requests_total", method="POST", endpoint=PATH,
                     status="404") == 1


def test_failover_is_counted_where_it_began(start, upstream):
    def script(x):
        if x.path.startswith("/v1/bad/"):
            return x.json({"error": {"message": "no"}}, 500)
        return good(x)
    good, upstream.script = upstream.script, script
    server = start(providers={
        "bad": provider(upstream, base_url=upstream.url + "/bad", retries=0,
                        models=({"name": "gpt-test"},)),
        "good": provider(upstream, priority=1,
                         models=({"name": "gpt-test"},))})
    assert server.client().post(PATH, CHAT).status == 200
    m = settled(server, 1, endpoint=PATH)
    assert m.get_one("gateway_failovers_total", channel="bad") == 1
    assert m.get_one("gateway_failovers_total", channel="good") == 0
    assert m.get_one("gateway_errors_total", type="channel",
                     channel="bad") == 1
    assert m.get_one("gateway_errors_total", type="http", channel="") == 0
    assert m.get_one("gateway_attempts_total", channel="good",
                     outcome="ok") == 1


def test_clients_that_leave(start, upstream):
    server = start()
    upstream.script = manual
    waiting = server.client().open("POST", PATH, CHAT)
    upstream.wait()
    waiting.close()
    streaming = server.client().open("POST", PATH, dict(CHAT, stream=True))
    x = upstream.wait(2)
    x.sse()
    x.event(chat_chunk("word"))
    assert streaming.event()
    streaming.close()
    m = settled(server, 2, endpoint=PATH)
    assert m.get_one("gateway_aborts_total", phase="wait") == 1
    assert m.get_one("gateway_aborts_total", phase="stream") == 1
    assert m.get_one("gateway_requests_total", method="POST", endpoint=PATH,
                     status="499") == 1


def test_labels_are_bounded(start, upstream):
    """A client cannot make series, nor write its words into them."""
    server = start()
    client = server.client()
    for i in range(5):
        client.post(PATH, dict(CHAT, model=f"made-up-{i}"))
        client.get(f"/v1/models/made-up-{i}")
        client.get(f"/v1/made-up-{i}")
    client.ask("MADEUP", "/v1/models")
    m = settled(server, 5, endpoint="/v1/models/*")
    assert m.label_values("model") == {"other"}
    assert m.label_values("method") <= {"GET", "POST", "other"}
    assert m.get_one("gateway_channel_latency_seconds_count", channel="up",
                     model="other") == 5
    assert not [key for key in m if "made-up" in str(key)]


def test_nothing_secret_in_it(start, upstream):
    server = start()
    client = server.client()
    for body in (CHAT, dict(CHAT, model=PROMPT), dict(CHAT, stream=True)):
        client.post(PATH, body)
    client.get(f"/v1/models/{KEY}?key={UP_KEY}")
    client.get("/v1/models", headers=[("Authorization", "Bearer wrong-one")])
    settled(server, 3, endpoint=PATH)
    text = server.client(ADMIN).get("/metrics").body.decode()
    for secret in (KEY, UP_KEY, ADMIN, PROMPT, "wrong-one", "Hello"):
        assert secret not in text


# Over processes.

def hold_all(count):
    """A script that answers when COUNT exchanges have come."""
    barrier = threading.Barrier(count)

    def script(x):
        barrier.wait(60)
        x.json({"ok": True})
    return script


def test_many_at_once_are_counted_exactly(start, upstream):
    """Both responders have work; not one request is lost or counted twice."""
    server = start(procs=2)
    client = server.client()
    upstream.script = hold_all(40)
    for _ in range(3):
        replies = [client.open("POST", PATH, CHAT) for _ in range(40)]
        for reply in replies:
            assert reply.finish().status == 200
            reply.close()
    m = settled(server, 120, endpoint=PATH)
    one = {"channel": "up", "model": "gpt-test"}
    for name, labels in (
            ("gateway_requests_total",
             {"method": "POST", "endpoint": PATH, "status": "200"}),
            ("gateway_request_duration_seconds_count",
             {"method": "POST", "endpoint": PATH}),
            ("gateway_channel_latency_seconds_count", one),
            ("gateway_attempts_total", {"channel": "up", "outcome": "ok"}),
            ("gateway_overhead_seconds_count", {})):
        assert m.get_one(name, **labels) == 120, name
    lines = [line for line in server.journal() if line["api_path"] == PATH]
    assert len(lines) == 120


def test_what_is_under_way(start, upstream):
    server = start(procs=2)
    client = server.client()
    upstream.script = manual
    replies = [client.open("POST", PATH, CHAT) for _ in range(10)]
    upstream.wait(10)
    m = scrape(server)
    assert m.get_one("gateway_in_flight_requests") == 11
    assert m.get_one("gateway_channel_in_flight", channel="up") == 10
    for x in list(upstream.requests):
        x.json({"ok": True})
        x.over.set()
    for reply in replies:
        assert reply.finish().status == 200
        reply.close()
    m = settled(server, 10, endpoint=PATH)
    until(lambda: scrape(server).get_one("gateway_in_flight_requests") == 1,
          "the requests to be over")
    m = scrape(server)
    assert m["gateway_channel_in_flight", (("channel", "up"),)] == 0


def never_less(before, after):
    """Counters, buckets and sums of BEFORE have not gone back."""
    for (name, labels), number in before.items():
        if before.types.get(name) != "gauge":
            assert after.get((name, labels), 0) >= number, (name, labels)


def test_counts_outlive_killed_responders(start, upstream):
    server = start(procs=2)
    server.may_crash = True
    client = server.client()
    for _ in range(20):
        assert client.post(PATH, CHAT).status == 200
    before = settled(server, 20, endpoint=PATH)
    upstream.script = manual
    held = [client.open("POST", PATH, CHAT) for _ in range(4)]
    upstream.wait(24)
    pids = server.responders()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for reply in held:
        reply.close()

    def works():
        try:
            return scrape(server)
        except Timeout:
            raise
        except (OSError, AssertionError):
            return None
    never_less(before, until(works, "an answer again"))
    until(lambda: len(server.responders()) == server.procs, "the pool")
    upstream.clear()
    for _ in range(5):
        assert client.post(PATH, CHAT).status == 200
    after = settled(server, before.total("gateway_requests_total",
                                         endpoint=PATH) + 5, endpoint=PATH)
    never_less(before, after)
    assert after.total("gateway_requests_total", endpoint=PATH) == 25
    # What the dead had under way is not under way any more.
    assert after.get_one("gateway_in_flight_requests") == 1
    assert after.get_one("gateway_channel_in_flight", channel="up") == 0


def test_counts_outlive_a_restart(start, upstream):
    server = start(procs=2)
    assert server.client().post(PATH, CHAT).status == 200
    before = settled(server, 1, endpoint=PATH)
    pids = server.responders()
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    until(lambda: len(server.responders()) == server.procs and
          not set(pids) & set(server.responders()), "new responders")
    until(lambda: server.client().get("/health").status == 200, "an answer")
    never_less(before, scrape(server))
