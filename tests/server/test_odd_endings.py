"""Endings that few answers have, each seen by a responder without a web server.

Nothing may be cut in silence, be told twice, or be left under way.
"""
import json
import random
import re
import signal
import threading
import time

import pytest

from channels import (DONE, NO_BREAKER, channel, event, fails, nowhere, role,
                      sends, word)
from client import PATIENCE, until
from exposition import Metrics
from records import Answer, parameters, read, whole
from responder import STREAM, start  # noqa: F401
from upstream import answer, chat_answer, chat_chunk, closed_port, manual

ADMIN = "admin-key-5c4d3e"
CONF = {"breaker": NO_BREAKER, "stream": {"keepalive": 0.0}}
ENV = {"SLUICE_ADMIN_KEY": ADMIN}


def two(**settings):
    """Two channels of the model m, asked once each."""
    return {"a": channel("a", retries=0, models=({"name": "m", **settings},)),
            "b": channel("b", retries=0, priority=1,
                         models=({"name": "m"},))}


def one(**settings):
    return {"a": channel("a", retries=0, models=({"name": "m"},), **settings)}


def send(responder, body, **more):
    """The connection that a request was sent on."""
    sock = responder.connect()
    sock.sendall(whole(parameters(body=body, **more), body))
    return sock


def lines(responder):
    """The journal's, of calls to a model."""
    return [line for line in responder.journal() if line["attempts"]]


def journaled(responder):
    return until(lambda: lines(responder), "the line")[-1]


def gauges(responder):
    """What is under way, but for the request that asks."""
    found = Metrics(responder.get("/metrics", HTTP_AUTHORIZATION=(
        f"Bearer {ADMIN}")).body)
    return (found["gateway_in_flight_requests", ()] - 1,
            sum(number for (name, _), number in found.items()
                if name == "gateway_channel_in_flight"))


def rests(responder):
    until(lambda: gauges(responder) == (0, 0), "everything to be over")


def warm(responder, a):
    """So many quick streams that a late one is known to be late."""
    a.script = answer
    for _ in range(20):
        assert responder.ask(STREAM).status == 200
    a.clear()


# Two tries of one request.

@pytest.mark.parametrize("kind", ["stream", "other"])
def test_both_answer_at_once(start, a, b, kind):
    """The loser's bytes were there in the same round of the loop."""
    responder = start(two(hedge="p95"), CONF, ENV)
    for _ in range(5):
        warm(responder, a)
        b.clear()
        a.script = b.script = manual
        with send(responder, STREAM) as sock:
            x, y = a.wait(), b.wait()
            responder.process.send_signal(signal.SIGSTOP)
            for z, name in ((x, "a"), (y, "b")):
                if kind == "stream":
                    z.sse()
                    z.chunk(word(name) + DONE)
                    z.end()
                else:
                    z.json(json.dumps({"choices": [], "id": name}).encode())
                    z.over.set()
            responder.process.send_signal(signal.SIGCONT)
            got = read(sock)
        assert got.ended
        wanted = [word(n) + DONE for n in "ab"] if kind == "stream" \
            else [b'{"choices": [], "id": "%s"}' % n for n in (b"a", b"b")]
        assert got.body in wanted, got
    rests(responder)


def test_no_token_while_the_other_one_runs(start, a, b):
    """It was enough that nobody else could be asked any more."""
    responder = start(two(hedge="p95"), CONF, ENV)
    warm(responder, a)
    a.script = b.script = manual
    with send(responder, STREAM) as sock:
        x, y = a.wait(), b.wait()
        x.sse()
        x.chunk(role("a"))
        x.chunk(role("a"))
        y.sse()
        until(lambda: gauges(responder) == (1, 2))
        time.sleep(0.2)
        y.chunk(word("from b") + DONE)
        y.end()
        assert read(sock).body == word("from b") + DONE
    rests(responder)


# An answer that is no stream, after the head of one.

EARLY = {"breaker": NO_BREAKER, "stream": {"keepalive": 0.05},
         "limits": {"client_buffer": 65536}}


def boxed(responder, a, data, status=200, kind="application/json"):
    """The events after the comments, where DATA comes late."""
    a.script = manual
    with send(responder, STREAM) as sock:
        x = a.wait()
        got = Answer()
        while b": keep-alive" not in got.body:
            got.feed(sock.recv(65536))
        x.json(data, status, [("Content-Type", kind)])
        x.over.set()
        while not got.ended:
            got.feed(sock.recv(65536))
    return got.body.replace(b": keep-alive\n\n", b"")


def test_late_json_is_one_event(start, a):
    responder = start(one(), EARLY, ENV)
    data = json.dumps(chat_answer(), indent=1).encode()
    for text in (data, b"\n \n" + data):
        got = boxed(responder, a, text)
        chunk, done, end = got.split(b"\n\n")
        assert (done, end) == (b"data: [DONE]", b"")
        chunk = json.loads(chunk.removeprefix(b"data: "))
        assert chunk.pop("object") == "chat.completion.chunk"
        [choice] = chunk.pop("choices")
        [wanted] = chat_answer()["choices"]
        assert choice.pop("delta") == wanted.pop("message")
        assert choice == wanted
        assert chunk == {name: chat_answer()[name]
                         for name in ("id", "created", "model")}
        assert journaled(responder)["outcome"] == "ok"


def late(responder, a, data, uri, **more):
    """The same, for another route and other requests."""
    body = json.dumps({"model": "m", "stream": True, **more}).encode()
    a.script = manual
    with send(responder, body, uri=uri) as sock:
        x = a.wait()
        got = Answer()
        while b"keep-alive" not in got.body and b"ping" not in got.body:
            got.feed(sock.recv(65536))
        x.json(data)
        x.over.set()
        while not got.ended:
            got.feed(sock.recv(65536))
    return re.sub(rb"(?m)^:[^\n]*\n\n|event: ping\n[^\n]*\n\n", b"", got.body)


def test_late_choices_calls_and_usage_are_chunks(start, a):
    """Calls are numbered: clients put them together by that."""
    responder = start(one(), EARLY, ENV)
    call = {"id": "call_1", "type": "function", "function": {
        "name": "f", "arguments": '{"x": "\\n\u00e9"}'}}
    answer = dict(chat_answer(), n=1.50, choices=[
        {"index": 0, "message": {"role": "assistant", "content": None,
                                 "tool_calls": [call, call]},
         "finish_reason": "tool_calls"},
        {"index": 1, "message": {"role": "assistant", "content": "Hi"},
         "finish_reason": "stop"}])
    got = late(responder, a, answer, "/v1/chat/completions",
               stream_options={"include_usage": True})
    *events, done, end = got.split(b"\n\n")
    assert (done, end) == (b"data: [DONE]", b"")
    first, second, usage = [json.loads(e.removeprefix(b"data: "))
                            for e in events]
    assert [dict(call, index=n) for n in range(2)] == \
        first["choices"][0]["delta"]["tool_calls"]
    assert second["choices"][0]["delta"]["content"] == "Hi"
    assert usage["choices"] == [] and usage["usage"] == answer["usage"]
    assert "usage" not in first and "usage" not in second


def test_a_late_completion_is_a_chunk(start, a):
    responder = start(one(), EARLY, ENV)
    answer = {"id": "cmpl-1", "object": "text_completion", "choices": [
        {"index": 0, "text": "Hi", "finish_reason": "stop"}]}
    got = late(responder, a, answer, "/v1/completions")
    chunk, done, end = got.split(b"\n\n")
    assert json.loads(chunk.removeprefix(b"data: ")) == answer
    assert (done, end) == (b"data: [DONE]", b"")


@pytest.mark.parametrize("uri, answer", [
    ("/v1/messages", {"type": "message", "content": []}),
    ("/v1/responses", {"object": "response", "output": []})])
def test_late_json_of_other_streams_is_told(start, a, uri, answer):
    """Their clients would read nothing in it."""
    responder = start(one(), EARLY, ENV)
    got = late(responder, a, answer, uri)
    assert b"answered with no stream" in got
    assert journaled(responder)["outcome"] == "upstream_invalid"


@pytest.mark.parametrize("size", [65536, 70000, 300000])
@pytest.mark.parametrize("status", [200, 400])
def test_late_json_that_is_too_large_is_told(start, a, size, status):
    """It used to be cut, and called complete."""
    responder = start(one(), EARLY, ENV)
    got = boxed(responder, a, json.dumps({"pad": "p" * size}).encode(), status)
    assert got.startswith(b"data: ") and got.endswith(b"\n\n")
    code, told = ("upstream_invalid_answer", "upstream_garbage") \
        if status == 200 else ("upstream_error", "upstream_status")
    assert json.loads(got[6:])["error"]["code"] == code, got[:99]
    assert journaled(responder)["outcome"] == told
    rests(responder)


# What a slow client has not taken yet.

SLOW = {"breaker": NO_BREAKER, "limits": {"client_buffer": 1 << 20},
        "stream": {"keepalive": 0.02}}
LARGE = [word(letter * 200000) for letter in "abcdefghijklmnop"]


def slow(**model):
    """Its events are held one by one."""
    return {"a": channel("a", retries=0, usage="inject",
                         models=({"name": "m", **model},))}


def take(sock, pause):
    """The whole answer, with pauses."""
    got = Answer()
    while not got.ended and not got.broken:
        got.feed(sock.recv(100000))
        time.sleep(pause)
    return got


def without_comments(data):
    return data.replace(b": keep-alive\n\n", b"")


def test_comments_never_split_what_was_held(start, a):
    """The upstream was between two events; the client was in one."""
    responder = start(slow(), SLOW, ENV)
    a.script = sends(*LARGE, DONE)
    with send(responder, STREAM) as sock:
        got = take(sock, 0.04)
    for data in got.body.split(b"\n\n"):
        assert data.startswith(b":") or data + b"\n\n" in LARGE + [
            DONE, b"\n\n"], (data[:99], data[-99:])
    assert without_comments(got.body) == b"".join(LARGE) + DONE


def test_held_events_come_before_the_error(start, a):
    """The upstream failed while the client had not taken all of it."""
    responder = start(slow(timeouts={"total": 1.0}), SLOW, ENV)
    a.script = sends(*LARGE, then="hold")
    with send(responder, STREAM) as sock:
        assert a.wait().gone.wait(PATIENCE)
        got = take(sock, 0)
    *events, told, end = without_comments(got.body).split(b"\n\n")
    assert end == b""
    assert json.loads(told[6:])["error"]["code"] == "upstream_timeout"
    assert [data + b"\n\n" for data in events if data] == LARGE[:len(events)]
    rests(responder)


# Errors that a stream tells itself.

@pytest.mark.parametrize("tail", [DONE, b""])
@pytest.mark.parametrize("then", ["end", "close", "reset"])
def test_told_error_is_no_success(start, a, tail, then):
    """However the connection ends after it, and whatever follows it."""
    responder = start(one(), CONF, ENV)
    told = event({"type": "response.failed", "response": {"error": {
        "code": "server_error", "message": "no"}}})
    a.script = sends(role(), word("x"), told + tail, then=then)
    with send(responder, STREAM) as sock:
        got = read(sock)
    assert got.ended
    assert got.body == role() + word("x") + told + tail
    assert journaled(responder)["outcome"] == "upstream_stream_error"


def breaker(responder):
    found = Metrics(responder.get("/metrics", HTTP_AUTHORIZATION=(
        f"Bearer {ADMIN}")).body)
    return [number for (name, _), number in found.items()
            if name == "gateway_channel_breaker_state"]


@pytest.mark.parametrize("told, state", [
    ({"message": "x", "code": "content_filter"}, 0),
    ({"message": "x", "type": "invalid_request_error"}, 0),
    ({"message": "x", "code": "context_length_exceeded"}, 0),
    ({"message": "x", "type": "server_error"}, 1)])
def test_a_clients_own_fault_opens_no_breaker(start, a, told, state):
    """Told in a stream it is no worse than told by a status."""
    responder = start(one(), {"stream": {"keepalive": 0.0}}, ENV)
    a.script = sends(event({"error": told}))
    for _ in range(3):
        assert responder.ask(STREAM).ended
    assert breaker(responder) == [state]


def test_an_error_event_closes_no_breaker(start, a):
    """It is an event with something in it, but no token."""
    responder = start(one(), {"stream": {"keepalive": 0.0}}, ENV)
    a.script = sends(event({"error": {"type": "server_error"}}))
    for _ in range(5):
        assert responder.ask(STREAM).ended
    assert breaker(responder) == [1]
    assert all(line["attempts"][0]["first_token_ms"] is None
               for line in lines(responder))


# What an upstream may not say in our name.

def test_upstream_cannot_speak_for_the_gateway(start, a):
    responder = start(one(), CONF, ENV)
    a.script = lambda x: x.json(chat_answer(), 200, [
        ("X-Sluice-Provider", "evil"), ("x-sluice-attempts", "99"),
        ("X-Sluice-Other", "evil")])
    got = responder.ask()
    assert got.status == 200
    assert "evil" not in got.head
    assert re.findall(r"(?im)^x-sluice-attempts: *(\d+)", got.head) == ["1"]


# Usage.

def test_nobody_is_charged_for_a_try_that_never_connected(start, b):
    sock, port = closed_port()
    with sock:
        responder = start({
            "a": nowhere(port, retries=0, models=({"name": "m"},)),
            "b": channel("b", priority=1, models=({"name": "m"},))},
            CONF, ENV)
        assert responder.ask().status == 200
        line = journaled(responder)
    assert [one.get("usage") for one in line["attempts"]] == [None, None]
    assert line["usage"]["source"] == "reported"


# Chunks that are ours alone.

USAGE = event(dict(chat_chunk(), choices=[], usage={
    "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}))


@pytest.mark.parametrize("parts, kept", [
    ([word("x"), b": one\n\n" + USAGE, DONE], word("x") + b": one\n\n" + DONE),
    ([word("x") + b"event: y\n\n" + USAGE + DONE],
     word("x") + b"event: y\n\n" + DONE),
    ([word("x")[:-2] + b"\r\n\r", b"\n" + USAGE + DONE],
     word("x")[:-2] + b"\r\n\r\n" + DONE),
    ([word("x" * 400000), word("y"), USAGE + DONE],
     word("x" * 400000) + word("y") + DONE),
    ([word("x"), USAGE[:20], USAGE[20:] + word("y") + USAGE + word("z")
      + USAGE[:5], USAGE[5:], DONE], word("x") + word("y") + word("z") + DONE),
])
def test_nothing_but_the_chunk_is_dropped(start, a, parts, kept):
    responder = start(one(usage="inject"), CONF, ENV)

    def script(x):
        x.sse()
        for part in parts:
            x.chunk(part)
            time.sleep(0.05)
        x.end()
    a.script = script
    got = responder.ask(STREAM)
    assert got.ended
    assert got.body == kept, (got.body[-300:], kept[-300:])


def test_encoded_stream_is_left_alone(start, a):
    """Comments would spoil it, and nothing in it is an event."""
    responder = start(one(), EARLY, ENV)
    data = bytes(range(256)) * 8 + b"\n\n"

    def script(x):
        x.sse([("Content-Encoding", "gzip")])
        for _ in range(4):
            x.chunk(data)
            x.hold(0.2)
        x.end()
    a.script = script
    got = responder.ask(STREAM)
    assert got.ended and got.body == data * 4


# Errors larger than the buffer.

@pytest.mark.parametrize("status", [401, 500])
def test_large_error_is_tried_elsewhere(start, a, b, status):
    responder = start(two(), CONF, ENV)
    a.script = fails(status, data=b'{"error":"' + b"e" * 400000 + b'"}')
    got = responder.ask()
    assert got.status == 200, got
    line = journaled(responder)
    assert [t["status"] for t in line["attempts"]] == [status, 200]
    rests(responder)


def test_large_error_of_the_last_channel_passes(start, a):
    responder = start(one(), CONF, ENV)
    data = b'{"error":"' + b"e" * 400000 + b'"}'
    a.script = fails(500, data=data)
    got = responder.ask()
    assert (got.status, got.body) == (500, data)
    rests(responder)


# Ids that are looked for.

def memory(responder):
    """Private memory in KiB."""
    with open(f"/proc/{responder.process.pid}/status") as f:
        return int(next(line for line in f if line.startswith("RssAnon")
                        ).split()[1])


def test_comments_before_the_id_are_not_kept(start, a):
    """Each of them once stayed until the request's end."""
    responder = start(one(), {**CONF, "timeouts": {"total": 60.0}}, {
        **ENV, "ASAN_OPTIONS": "quarantine_size_mb=1"})
    ping = b": " + b"c" * 60000 + b"\n\n"
    a.script = sends(*[ping] * 500, event({"type": "response.created",
                                           "response": {"id": "resp_2"}}),
                     then="hold")
    before, taken = memory(responder), 0
    with send(responder, STREAM, uri="/v1/responses") as sock:
        while taken < 500 * len(ping):
            more = len(sock.recv(1 << 20))
            assert more > 0
            taken += more
        assert memory(responder) - before < 15000
    rests(responder)


# All of it at once.

def test_nothing_is_left_under_way(start, a, b):
    """Whatever providers and clients do, each request settles once."""
    models = [{"name": f"{release}{hedge}", "release": release,
               "hedge": hedge} for release in ("token", "byte", "end")
              for hedge in ("", "p50")]
    responder = start({
        "a": channel("a", retries=1, usage="inject", models=tuple(models)),
        "b": channel("b", priority=1, retries=0, on_abort="drain",
                     models=tuple({"name": m["name"]} for m in models))},
        {"breaker": {"failures": 5, "cooldown": 0.1},
         "stream": {"keepalive": 0.05}, "limits": {"client_buffer": 16384},
         "timeouts": {"headers": 0.3, "first_token": 0.4, "idle": 0.3,
                      "total": 1.0}}, ENV)
    parts = [role(), word("x" * 5000), word("y"), USAGE, DONE]
    scripts = [answer, fails(500), fails(429), fails(401), fails(400),
               fails(503, data=b"e" * 40000)] + [
        sends(*parts[:n], then=then) for n in (0, 1, 2, 5)
        for then in ("end", "close", "reset", "hold")] + [
        sends(event({"error": {"type": "server_error"}}))]
    dice = random.Random(1)

    def script(x):
        return scripts[dice.randrange(len(scripts))](x)
    a.script = b.script = script
    asked = 0

    def clients(seed):
        nonlocal asked
        mine = random.Random(seed)
        for _ in range(40):
            body = json.dumps({
                "model": mine.choice(models)["name"],
                "stream": mine.random() < 0.8}).encode()
            path = mine.choice(["chat/completions", "responses"])
            with send(responder, body, uri=f"/v1/{path}") as sock:
                asked += 1
                if mine.random() < 0.4:
                    time.sleep(mine.random() * 0.5)
                else:
                    read(sock)
    threads = [threading.Thread(target=clients, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rests(responder)
    until(lambda: len(lines(responder)) == asked, "all lines")
    assert len({line["request_id"] for line in lines(responder)}) == asked
    for line in lines(responder):
        assert 1 <= len(line["attempts"]) <= 6
        assert all(t["duration_ms"] < 5000 for t in line["attempts"])


# Answers that are nested.

def nested(depth, head=b'{"id":"x","object":"response","output":'):
    return head + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["responses", "chat/completions", "messages",
                                  "images/generations", "embeddings"])
def test_a_nested_answer_ends_no_process(start, a, path, stream):
    """What frees trees by recursion had half a megabyte of brackets to free."""
    responder = start(one(), {**CONF, "limits": {"client_buffer": 1 << 20}},
                      ENV)
    member = {"responses": "output", "chat/completions": "choices",
              "messages": "content"}.get(path, "data")
    data = nested(400000, b'{"id":"x","%s":' % member.encode())
    body = json.dumps({"model": "m", "stream": stream}).encode()
    for script in (lambda x: x.json(data), sends(event(data.decode()))):
        a.script = script
        responder.ask(body, uri=f"/v1/{path}")
        responder.works()
