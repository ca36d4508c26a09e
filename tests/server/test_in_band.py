"""What the gateway itself says inside a stream, in the shape of its route.

Each way to fail once the head is out, on each route that streams. What every
client needs of the shapes is tested with real ones in tests/sdk.
"""
import json

import pytest

from channels import NO_BREAKER, channel, holds
from client import PATIENCE
from upstream import chat_chunk, manual

SERVERS = ["lighttpd"]
CONF = {"breaker": NO_BREAKER, "stream": {"keepalive": 0.1}}
ROUTES = ["chat/completions", "completions", "messages", "responses"]
ANTHROPIC_TYPES = {400: "invalid_request_error", 429: "rate_limit_error",
                   502: "api_error", 503: "api_error", 504: "timeout_error"}


def PROVIDERS(upstream):
    return {"a": channel("a", retries=0, models=(
        {"name": "m"},
        {"name": "impatient", "timeouts": {"idle": 0.4}},
        {"name": "mute", "timeouts": {"headers": 0.4}}))}


# What providers send.

def named(data):
    """An event with its name, as Anthropic and /v1/responses have them."""
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def response(status, **more):
    return {"id": "resp_of_a", "object": "response", "created_at": 1,
            "status": status, "model": "m", "output": [], **more}


def numbered(first=0):
    """A stream of /v1/responses that has not come to its end."""
    return [named({"type": "response.created", "sequence_number": first,
                   "response": response("in_progress")}),
            named({"type": "response.output_text.delta", "item_id": "msg_1",
                   "output_index": 0, "content_index": 0,
                   "delta": 'Hel "sequence_number":99 \\"id\\":\\"x\\"',
                   "sequence_number": first + 1})]


BEGINNINGS = {
    "chat/completions": [
        f"data: {json.dumps(chat_chunk('Hel'))}\n\n".encode()],
    "completions": [b'data: {"choices":[{"index":0,"text":"Hel"}]}\n\n'],
    "messages": [
        named({"type": "message_start", "message": {"id": "msg_1"}}),
        named({"type": "content_block_delta", "index": 0, "delta":
               {"type": "text_delta", "text": "Hel"}})],
    "responses": numbered(),
}


def body(model):
    return {"model": model, "stream": True, "max_tokens": 9, "input": "Hi",
            "messages": [{"role": "user", "content": "Hi"}], "prompt": "Hi"}


def ask(client, route, model="m"):
    return client.open("POST", f"/v1/{route}", body(model))


# What clients read.

def events(data):
    """(name, data) of each event (WHATWG HTML 9.2); comments are none."""
    found = []
    blocks = bytes(data).decode().split("\n\n")
    assert blocks.pop() == "", data
    for block in blocks:
        name, lines = None, []
        for line in block.split("\n"):
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                lines.append(line[6:])
            else:
                assert line.startswith(":"), data
        if lines:
            found.append((name, "\n".join(lines)))
    return found


def own_events(reply, sent=b""):
    """The events after SENT, but for pings; they end the answer."""
    reply.finish()
    assert (reply.status, reply.complete) == (200, True), reply
    assert reply.header("content-type").startswith("text/event-stream")
    at = bytes(reply.body).find(sent)
    assert at >= 0, reply
    return [(name, json.loads(text)) for name, text
            in events(reply.body[at + len(sent):].removeprefix(b"\n\n"))
            if name != "ping"]


def assert_told(route, found, message, code, status=502, sequence=0,
                response_id=None):
    """FOUND, own events, tell that one error as clients of the route read it."""
    name, data = found[0]
    if route == "messages":
        assert len(found) == 1 and name == "error"
        assert set(data) == {"type", "error", "request_id"}
        assert data["type"] == "error"
        assert data["error"] == {"type": ANTHROPIC_TYPES[status],
                                 "message": message}
        return
    if route != "responses":
        assert len(found) == 1 and name is None
        assert set(data) == {"error"}
        assert data["error"]["message"] == message
        assert data["error"]["code"] == code
        return
    assert [name for name, _ in found] == ["error", "response.failed"]
    assert [data["sequence_number"] for _, data in found] == [
        sequence, sequence + 1]
    assert [data["type"] for _, data in found] == ["error", "response.failed"]
    assert (data["message"], data["code"], data["param"]) == (
        message, code, None)
    assert set(data["error"]) == {"message", "type", "param", "code"}
    assert (data["error"]["message"], data["error"]["code"]) == (message, code)
    failed = found[1][1]["response"]
    assert failed["status"] == "failed" and failed["object"] == "response"
    assert failed["error"] == {"message": message, "code": code}
    assert failed["output"] == [] and failed["model"] == "m"
    if response_id is None:
        assert failed["id"].startswith("resp_")
    else:
        assert failed["id"] == response_id


CUT = "The provider's answer was cut off before its end."
SILENT = "The provider fell silent in the middle of its answer."


def whole(script):
    """A script that sends the route's beginning, then does that."""
    def run(x):
        x.sse()
        for part in BEGINNINGS[x.path.removeprefix("/v1/")]:
            x.chunk(part)
        script(x)
    return run


@pytest.mark.parametrize("route", ROUTES)
def test_a_cut(server, client, a, route):
    a.script = whole(lambda x: x.close())
    reply = ask(client, route)
    found = own_events(reply, b"".join(BEGINNINGS[route]))
    assert_told(route, found, CUT, "upstream_cut", sequence=2,
                response_id="resp_of_a")
    line = server.journaled(reply.header("x-request-id"))
    assert (line["outcome"], line["levelname"]) == ("upstream_cut", "ERROR")


@pytest.mark.parametrize("route", ROUTES)
def test_a_silence(client, a, route):
    """Pings or comments went by before its time was up."""
    a.script = whole(holds)
    reply = ask(client, route, "impatient")
    sent = b"".join(BEGINNINGS[route])
    found = own_events(reply, sent)
    ping = b"event: ping\ndata: {\"type\": \"ping\"}\n\n" \
        if route == "messages" else b": keep-alive\n\n"
    assert ping in reply.body[len(sent):]
    for _, data in found:       # the model's name is this one's
        if "response" in data:
            data["response"]["model"] = "m"
    assert_told(route, found, SILENT, "upstream_timeout", 504, sequence=2,
                response_id="resp_of_a")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("cut", [1, 8, -1])
def test_a_cut_within_an_event(client, a, route, cut):
    """What came of it has gone out; ours begins on a line of its own."""
    half = BEGINNINGS[route][-1][:cut]

    def script(x):
        x.chunk(half)
        x.close()
    a.script = whole(script)
    found = own_events(ask(client, route),
                       b"".join(BEGINNINGS[route]) + half)
    if found[0][0] == "error" or route.endswith("completions"):
        assert_told(route, found, CUT, "upstream_cut", sequence=found[0][1]
                    .get("sequence_number"), response_id="resp_of_a")


# A head that went out for the sake of silence.

def late(a, client, route, act, model="m"):
    """ACT is what the provider does after the first sign of life."""
    a.script = manual
    reply = ask(client, route, model)
    x = a.wait()
    assert reply.event() is not None
    act(x)
    x.over.set()
    return reply


def status(code, data, kind="application/json"):
    return lambda x: x.json(data, code, [("Content-Type", kind)])


CONTEXT = json.dumps({"error": {
    "message": "Your input exceeds the\ncontext window.",
    "type": "invalid_request_error", "param": None,
    "code": "context_length_exceeded"}}, indent=1).encode()


@pytest.mark.parametrize("route", ROUTES)
def test_a_late_error_keeps_its_code(server, client, a, route):
    reply = late(a, client, route, status(400, CONTEXT))
    found = own_events(reply)
    assert_told(route, found, "Your input exceeds the\ncontext window.",
                "context_length_exceeded", 400)
    assert server.journaled(reply.header("x-request-id"))["outcome"] == \
        "upstream_status"


def test_a_late_error_of_anthropics_goes_on_as_it_is(client, a):
    told = {"type": "error", "error": {
        "type": "overloaded_error", "message": "Overloaded"},
        "request_id": "req_1"}
    reply = late(a, client, "messages", status(529, json.dumps(told).encode()))
    assert own_events(reply) == [("error", told)]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("data, kind, message", [
    (b"<html><body>Bad gateway</body></html>", "text/html", None),
    (b"", "text/plain", None), (b"[1]", "application/json", None),
    (b'{"message":', "application/json", None),
    (b"{}", "application/json", None),
    (b'{"detail":"no \\u00e4"}', "application/json", "no \u00e4"),
    (b'{"message":"no","code":7}', "application/json", "no"),
    (b'{"error":null,"message":"no"}', "application/json", "no")])
def test_a_late_error_that_is_none(server, client, a, route, data, kind,
                                   message):
    """HTML of a proxy: it was valid HTTP, with a status."""
    reply = late(a, client, route, status(502, data, kind))
    found = own_events(reply)
    code = "7" if b"7" in data else None
    if message is None:
        message = "The provider answered with status 502."
        assert_told(route, found, message, "upstream_error", 502)
    elif route == "messages":
        assert_told(route, found, message, None, 502)
    else:
        assert found[0][1]["error"]["message"] == message
        if code:
            assert found[0][1]["error"]["code"] == code
    assert server.journaled(reply.header("x-request-id"))["outcome"] == \
        "upstream_status"


@pytest.mark.parametrize("route", ROUTES)
def test_all_that_is_tried_stays_silent(client, a, route):
    a.script = manual
    found = own_events(ask(client, route, "mute"))
    for _, data in found:
        if "response" in data:
            data["response"]["model"] = "m"
    assert_told(route, found,
                "The provider did not begin its answer in time.",
                "upstream_timeout", 504)


# Numbers of /v1/responses.

@pytest.mark.parametrize("first", [0, 1, 41, 10 ** 12])
def test_numbers_go_on_from_the_streams_own(client, a, first):
    def script(x):
        x.sse()
        for part in numbered(first):
            x.chunk(part)
        x.close()
    a.script = script
    found = own_events(ask(client, "responses"), b"".join(numbered(first)))
    assert_told("responses", found, CUT, "upstream_cut", sequence=first + 2,
                response_id="resp_of_a")


@pytest.mark.parametrize("parts, sequence, response_id", [
    ([b'data: {"type":"response.created"}\n\n'], 1, None),
    ([b'data: {"type":"response.created","response":{"id":5}}\n\n',
      b'data: {"type":"x"}\n\n', b'data: {"type":"x"}\n\n'], 3, None),
    ([b'data: { "response" :\t{ "id" : "r-1" } , "sequence_number" : 7 }\n\n'],
     8, "r-1"),
    ([b'data: {"sequence_number":3,"response":{"id":"a\\"b"}}\n\n'], 4, None),
    ([b'data: {"sequence_number":"3","response":{"id":"%s"}}\n\n'
      % (b"r" * 5000)], 1, None),
    ([b'data: {"sequence_number":%s}\n\n' % (b"9" * 40)], 1, None),
    ([b'data: {"sequence_number":5}\n\n',
      b'data: {"delta":"%s","sequence_number":6}\n\n' % (b"x" * 70000)],
     7, None)])
def test_odd_numbers_do_no_harm(client, a, parts, sequence, response_id):
    def script(x):
        x.sse()
        for part in parts:
            x.chunk(part)
        x.close()
    a.script = script
    found = own_events(ask(client, "responses"), b"".join(parts))
    assert_told("responses", found, CUT, "upstream_cut", sequence=sequence,
                response_id=response_id)


# Signs of life.

@pytest.mark.parametrize("route", ROUTES)
def test_signs_of_life_are_of_the_routes_api(client, a, route):
    """Before the first event and between two; never within one."""
    a.script = manual
    reply = ask(client, route)
    x = a.wait()
    wanted = b'event: ping\ndata: {"type": "ping"}\n\n' \
        if route == "messages" else b": keep-alive\n\n"
    for _ in range(2):
        assert reply.event() == wanted
    x.sse()
    parts = BEGINNINGS[route]
    x.chunk(parts[0])
    while (block := reply.event()) == wanted:
        pass
    assert block == parts[0]
    for _ in range(2):
        assert reply.event() == wanted
    x.chunk(parts[-1][:9])
    x.hold(0.4)
    x.chunk(parts[-1][9:])
    while (block := reply.event()) == wanted:
        pass
    assert block == parts[-1]
    x.close()
    reply.finish(PATIENCE)
