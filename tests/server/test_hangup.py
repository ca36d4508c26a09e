"""A client that leaves is noticed in every phase, behind every server.

The upstream stays silent far longer than any test waits, so only the
responder's hanging up can end its exchange. How long it took is printed.
"""
import time

import pytest

from client import PATIENCE, until
from fixtures import standard_providers
from upstream import chat_chunk, manual

CHAT = {"model": "gpt-test", "messages": [{"role": "user", "content": "Hi"}]}
STREAM = dict(CHAT, stream=True)
MB = 1 << 20

LEAVING = [pytest.param("close", id="fin"), pytest.param("reset", id="rst")]


def leaves(reply, how, x, measured):
    """The client goes; the upstream hears of it."""
    left = time.monotonic()
    getattr(reply, how)()
    assert x.gone.wait(PATIENCE), "the upstream was never told"
    measured("seen by the upstream after",
             f"{(x.gone_at - left) * 1000:.0f} ms")


@pytest.mark.parametrize("how", LEAVING)
def test_while_waiting_for_a_plain_answer(client, upstream, measured, how):
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions", CHAT)
    leaves(reply, how, upstream.wait(), measured)


@pytest.mark.parametrize("how", LEAVING)
def test_while_waiting_for_a_streams_head(client, upstream, measured, how):
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions", STREAM)
    leaves(reply, how, upstream.wait(), measured)


@pytest.mark.parametrize("how", LEAVING)
def test_after_the_head_before_a_token(client, upstream, measured, how):
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions", STREAM)
    x = upstream.wait()
    x.sse()
    leaves(reply, how, x, measured)


@pytest.mark.parametrize("how", LEAVING)
def test_in_a_silent_stream(client, upstream, measured, how):
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions", STREAM)
    x = upstream.wait()
    x.sse()
    first = x.event(chat_chunk("word"))
    assert reply.event() == first
    leaves(reply, how, x, measured)


@pytest.mark.parametrize("how", LEAVING)
def test_in_a_flowing_stream(client, upstream, measured, how):
    def script(x):
        x.sse()
        while x.event(chat_chunk("word ")) and not x.hold(0.02):
            if x.over.is_set():
                return
    upstream.script = script
    reply = client.open("POST", "/v1/chat/completions", STREAM)
    for _ in range(3):
        assert reply.event()
    leaves(reply, how, upstream.wait(), measured)


@pytest.mark.parametrize("how", LEAVING)
def test_in_the_middle_of_a_plain_answer(client, upstream, measured, how):
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions", CHAT)
    x = upstream.wait()
    x.head(200, [("Content-Type", "application/json"),
                 ("Content-Length", "1000")])
    x.send(b"{" + b" " * 99)
    leaves(reply, how, x, measured)


def test_while_it_reads_nothing(client, upstream, measured):
    """The answer is held back by a client that then goes."""
    def script(x):
        x.sse()
        while x.chunk(b"data: " + b"z" * 65520 + b"\n\n"):
            pass
    upstream.script = script
    reply = client.open("POST", "/v1/chat/completions", STREAM)
    reply.wait_head()
    leaves(reply, "close", upstream.wait(), measured)


def test_in_an_upload(server, client, upstream):
    """The upstream never hears of it, and what was spooled is gone."""
    first = b'{"model": "gpt-test", "messages": [], "pad": "'
    reply = client.upload("/v1/chat/completions", 30 * MB, first=first,
                          stop=lambda reply: reply.sent >= 20 * MB)
    if server.kind in ("nginx", "apache-proxy-fcgi"):
        # These pass the body on as it comes, so a spool has been written.
        until(server.spools, "the upload's spool")
    reply.close()
    until(lambda: server.spools() == [], "the spool to be gone")
    assert client.post("/v1/chat/completions", CHAT).status == 200
    assert len(upstream.requests) == 1


def test_spool_is_gone_after_a_good_upload(server, client, upstream):
    body = b'{"model": "gpt-test", "pad": "' + b"p" * (8 * MB) + b'"}'
    assert client.post("/v1/chat/completions", body).status == 200
    until(lambda: server.spools() == [], "the spool to be gone")


def test_before_a_kept_connections_second_answer(client, upstream, measured):
    """The watch works for every request of a connection, not the first."""
    sock = client.connect()
    for _ in range(3):
        assert client.post("/v1/chat/completions", CHAT,
                           sock=sock).status == 200
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions", STREAM, sock=sock)
    leaves(reply, "close", upstream.wait(4), measured)


def test_others_go_on(client, upstream):
    """One stream's client leaves; a stream beside it is not touched."""
    upstream.script = manual
    stays = client.open("POST", "/v1/chat/completions", STREAM)
    first = upstream.wait(1)
    goes = client.open("POST", "/v1/chat/completions", STREAM)
    second = upstream.wait(2)
    for x in (first, second):
        x.sse()
        x.event(chat_chunk("word"))
    assert stays.event() and goes.event()
    goes.close()
    assert second.gone.wait(PATIENCE)
    assert not first.gone.is_set()
    last = first.event("[DONE]")
    first.end()
    assert stays.event() == last
    assert stays.finish().complete


def test_many_leave_at_once(server, client, upstream):
    """50 waiting clients go; nothing of them is left."""
    upstream.script = manual
    replies = [client.open("POST", "/v1/chat/completions", STREAM)
               for _ in range(50)]
    exchanges = [upstream.wait(i + 1, 120) for i in range(50)]
    for reply in replies:
        reply.close()
    for x in exchanges:
        assert x.gone.wait(4 * PATIENCE)
    upstream.clear()
    assert client.post("/v1/chat/completions", CHAT).status == 200


def test_it_is_journaled(server, client, upstream):
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions", STREAM)
    x = upstream.wait()
    x.sse()
    x.event(chat_chunk("word"))
    assert reply.event()
    request_id = reply.header("x-request-id")
    reply.close()
    assert x.gone.wait(PATIENCE)
    line = server.journaled(request_id)
    assert line["outcome"] == "client_gone"
    assert line["request_model_name"] == "gpt-test"
    assert line["stream"] is True


@pytest.mark.parametrize("kind, stream", [
    ("nginx", False), ("nginx", True),
    ("lighttpd", True), ("lighttpd-spawned", True)])
def test_told_by_the_server(make_server, upstream, measured, kind, stream):
    """
    These pass the client's FIN on at once; no look at the kernel is needed.
    (lighttpd 1.4.69 may not watch a new connection before its answer begins.)
    """
    server = make_server(kind, {"timeouts": {"hangup_probe": 60.0}},
                         standard_providers(upstream))
    upstream.script = manual
    reply = server.client().open("POST", "/v1/chat/completions",
                                 STREAM if stream else CHAT)
    x = upstream.wait()
    if stream:
        x.sse()
        x.event(chat_chunk("word"))
        assert reply.event()
    leaves(reply, "close", x, measured)
