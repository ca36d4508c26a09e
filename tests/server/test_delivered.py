"""What a client has received whole is journaled as such, behind every server.

A web server that knows an answer's length has no use for the end of the FastCGI
request: lighttpd closes the connection as soon as it has the last byte, and any
server when its client leaves then. Which of the two comes first is a matter of
microseconds; so these tests ask often, and count.
"""
import collections

import pytest

from channels import channel, event, stream
from client import PATIENCE, until
from upstream import manual

TIMES = {"lighttpd": 120, "lighttpd-spawned": 120, "apache-cgi": 12}
SPEECH = "/v1/audio/speech"
CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
MESSAGES = "/v1/messages"


def PROVIDERS(upstream):
    return {"a": channel("a", models=({"name": "m"},)),
            "anthropic": channel("a", kind="anthropic",
                                 models=({"name": "claude"},))}


def with_length(kind, size, pieces=1):
    """An answer whose length its head tells, in some pieces."""
    def script(x):
        x.head(200, [("Content-Type", kind), ("Content-Length", str(size))])
        for i in range(pieces):
            x.send(b"z" * (size * (i + 1) // pieces - size * i // pieces))
        x.keep = True
    return script


def without_length(kind, size):
    def script(x):
        x.head(200, [("Content-Type", kind), ("Transfer-Encoding", "chunked")])
        x.chunk(b"z" * size)
        x.end()
    return script


def events(x):
    x.sse()
    for part in stream("Hello", " there"):
        x.chunk(part)
    x.end()


ANSWERS = [
    pytest.param(SPEECH, with_length("audio/mpeg", size), id=f"speech-{size}")
    for size in (1, 100, 4000, 16000, 60000)
] + [
    pytest.param(SPEECH, with_length("audio/mpeg", 8000, 3), id="in-pieces"),
    pytest.param(SPEECH, with_length("text/plain", 700), id="text"),
    pytest.param(SPEECH, without_length("audio/mpeg", 4000), id="no-length"),
    pytest.param(CHAT, lambda x: x.json({"choices": []}), id="json"),
    pytest.param(CHAT, events, id="stream"),
]


def outcomes(server, replies):
    """How often the journal says what of them, once all are in it."""
    wanted = {reply.header("x-request-id") for reply in replies}

    def lines():
        found = [line["outcome"] for line in server.journal()
                 if line["request_id"] in wanted]
        return found if len(found) == len(wanted) else None
    return dict(collections.Counter(until(lines, "all lines of the journal")))


@pytest.mark.parametrize("path, script", ANSWERS)
@pytest.mark.parametrize("leaves", [False, True], ids=["keeps", "leaves"])
def test_it_is_ok(server, client, a, path, script, leaves):
    """LEAVES: the client closes with the last byte, and else goes on."""
    a.script = script
    times = TIMES.get(server.kind, 40)
    body = {"model": "m", "stream": script is events, "input": "x",
            "messages": [{"role": "user", "content": "x"}]}
    replies = []
    sock = None if leaves else client.connect()
    for _ in range(times):
        reply = client.open("POST", path, body, sock=sock).finish()
        assert reply.complete, reply
        if leaves:
            reply.close()
        elif reply.header("connection") == "close":
            sock = client.connect()
        replies.append(reply)
    assert outcomes(server, replies) == {"ok": times}


def typed(kind, **more):
    return (b"event: " + kind.encode() + b"\n"
            + event({"type": kind, **more}))


STREAMS = [
    pytest.param(CHAT, "m", stream("Hello"), id="chat"),
    pytest.param(RESPONSES, "m", [
        typed("response.created", response={"id": "resp_1"}),
        typed("response.output_text.delta", delta="Hello"),
        typed("response.completed", response={"id": "resp_1"})],
        id="responses"),
    pytest.param(MESSAGES, "claude", [
        typed("message_start", message={"id": "msg_1"}),
        typed("content_block_delta", index=0,
              delta={"type": "text_delta", "text": "Hello"}),
        typed("message_stop")], id="messages"),
]


@pytest.mark.parametrize("path, model, parts", STREAMS)
def test_a_client_may_leave_with_the_last_event(server, client, a, path, model,
                                                parts):
    """The upstream has yet to end what it has said."""
    a.script = manual
    reply = client.open("POST", path, {"model": model, "stream": True,
                                       "input": "x", "messages": []})
    x = a.wait()
    x.sse()
    for part in parts:
        x.chunk(part)
    for part in parts:
        assert reply.event() == part
    reply.close()
    assert not x.hold(1.0), "the upstream was cancelled"
    x.end()
    assert outcomes(server, [reply]) == {"ok": 1}


@pytest.mark.parametrize("path, model, parts", STREAMS)
def test_a_client_that_leaves_before_it_is_gone(server, client, a, path, model,
                                                parts):
    a.script = manual
    reply = client.open("POST", path, {"model": model, "stream": True,
                                       "input": "x", "messages": []})
    x = a.wait()
    x.sse()
    for part in parts[:-1]:
        x.chunk(part)
    for part in parts[:-1]:
        assert reply.event() == part
    reply.close()
    assert x.gone.wait(PATIENCE)
    assert outcomes(server, [reply]) == {"client_gone": 1}
