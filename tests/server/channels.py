"""Several scripted upstreams as the channels of one model.

The fixtures a, b and c are upstreams, empty and well-behaved at a test's start.
channel() writes their provider files; the functions below it are scripts for
them, and look at what came of it.
"""
import functools
import json
import re
import socket
import struct

import pytest

from upstream import Upstream, answer, chat_chunk

# Breakers that never open, for tests that make channels fail on purpose.
NO_BREAKER = {"failures": 0, "error_rate": 0.0}

# Asks for no pause: nobody has to wait for the usual back-off.
QUICK = ("Retry-After", "0")

KINDS = [pytest.param(False, id="plain"), pytest.param(True, id="stream")]


@functools.cache
def the_channel(name):
    return Upstream()


def _fixture(name):
    @pytest.fixture(name=name)
    def fixture():
        upstream = the_channel(name)
        upstream.clear()
        yield upstream
        upstream.clear()
    return fixture


a, b, c = map(_fixture, "abc")


def channel(name, **settings):
    """A provider file for the upstream NAME, not probed unless it says so."""
    whole = {"base_url": the_channel(name).url, "api_key_env": "UP_KEY",
             "health": {"interval": 0.0}}
    whole.update(settings)
    return whole


def nowhere(port, **settings):
    """A provider file for a port of this machine."""
    whole = {"base_url": f"http://127.0.0.1:{port}/v1",
             "health": {"interval": 0.0}}
    whole.update(settings)
    return whole


# Requests.

def body(model, stream=False, **more):
    return {"model": model, "stream": stream,
            "messages": [{"role": "user", "content": "Hi"}], **more}


def chat(client, model, stream=False, **more):
    return client.post("/v1/chat/completions", body(model, stream, **more))


def open_chat(client, model, stream=False, **more):
    return client.open("POST", "/v1/chat/completions",
                       body(model, stream, **more))


# Scripts.

def error_body(text="no"):
    return json.dumps({"error": {"message": text, "type": "server_error",
                                 "param": None, "code": None}}).encode()


def fails(status=500, times=None, headers=(QUICK,), data=None):
    """STATUS for the first TIMES requests, or for all of them."""
    data = error_body() if data is None else data

    def script(x):
        if times is not None and x.number > times:
            return answer(x)
        return x.json(data, status, list(headers))
    return script


def first(fault, times=1):
    """FAULT takes the first TIMES requests, then all is well."""
    return lambda x: fault(x) if x.number <= times else answer(x)


def sends(*parts, then="end"):
    """A stream of PARTS, a chunk each, and THEN end, close, reset or hold."""
    def script(x):
        x.sse()
        for part in parts:
            x.chunk(part)
        getattr(x, then)()
    return script


def resets(x):
    x.reset()


def closes(x):
    x.close()


def holds(x):
    x.hold()


def on_accept_resets(times=10 ** 9, after=100):
    """For on_accept: RST after some bytes of a request, the first TIMES."""
    seen = []

    def handler(sock):
        seen.append(sock)
        if len(seen) > times:
            return False
        sock.recv(after)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
        sock.close()
        return True
    handler.seen = seen
    return handler


# Pieces of a stream.

def event(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return f"data: {text}\n\n".encode()


def word(text, model="served"):
    return event(chat_chunk(text, model=model))


def role(model="served"):
    return event(chat_chunk("", "assistant", model=model))


DONE = event("[DONE]")


def stream(*words, model="served"):
    """The parts of a whole and proper stream."""
    return [role(model), *(word(text, model) for text in words),
            event(chat_chunk(finish="stop", model=model)), DONE]


# What came of it.

def assert_served(reply, provider, attempts=None):
    """A whole answer of PROVIDER, after so many tries."""
    assert reply.status == 200, reply
    assert reply.complete
    assert reply.header("x-sluice-provider") == provider
    assert re.fullmatch(r"\d+", reply.header("x-sluice-attempts"))
    if attempts is not None:
        assert reply.header("x-sluice-attempts") == str(attempts)


def uncommented(data):
    """DATA without the comments that keep a stream alive."""
    return re.sub(rb"(?m)^:[^\n]*\n\n", b"", bytes(data))


def in_band_error(reply, before=b""):
    """BEFORE as it was, then one error event and a regular end: the error."""
    data, before = uncommented(reply.body), uncommented(before)
    assert reply.status == 200, reply
    assert reply.complete
    assert data.startswith(before), reply
    rest = data[len(before):].removeprefix(b"\n\n")
    assert rest.startswith(b"data: ") and rest.endswith(b"\n\n"), reply
    assert rest.count(b"\n") == 2
    assert b"[DONE]" not in data
    return json.loads(rest[6:])["error"]


def tries(server, reply):
    """(provider, status) of each upstream try, from the journal."""
    line = server.journaled(reply.header("x-request-id"))
    return [(one["provider"], one["status"]) for one in line["attempts"]]


def outcome(server, reply):
    return server.journaled(reply.header("x-request-id"))["outcome"]
