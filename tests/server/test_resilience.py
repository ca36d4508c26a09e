"""Failover, keep-alive and leaving, end to end behind every kind of server.

The rules themselves are tested elsewhere; here is what a web server or plain
CGI could spoil.
"""
import pytest

from channels import (DONE, NO_BREAKER, assert_served, channel, chat, fails,
                      in_band_error, open_chat, role, sends, stream, tries,
                      uncommented, word)
from client import PATIENCE, until
from upstream import chat_answer, manual

CONF = {"breaker": NO_BREAKER, "stream": {"keepalive": 0.2}}


def PROVIDERS(upstream):
    return {
        "a": channel("a", models=({"name": "pair"},
                                  {"name": "end", "release": "end"})),
        # Of their own: that they ask for a pause outlives the request.
        "plain": channel("a", models=({"name": "alone-False"},)),
        "stream": channel("a", models=({"name": "alone-True"},)),
        "b": channel("b", priority=1, models=(
            {"name": "pair"}, {"name": "end", "release": "end"}))}


def test_plain_failover(server, client, a, b):
    a.script = fails(503)
    reply = chat(client, "pair")
    assert_served(reply, "b", 3)
    assert reply.json() == chat_answer("pair")
    assert tries(server, reply) == [("a", 503), ("a", 503), ("b", 200)]


def test_stream_failover(server, client, a, b):
    """The first channel had begun; nothing of it is seen."""
    parts = stream("from", " b")
    a.script = sends(role(), then="close")
    b.script = sends(*parts)
    reply = chat(client, "pair", True)
    assert reply.status == 200
    assert reply.complete
    assert uncommented(reply.body) == b"".join(parts)
    assert tries(server, reply)[-1] == ("b", 200)


def test_all_down(client, a, b):
    data = b'{"error":{"message":"down"}}'
    a.script = fails(503, data=data, headers=[("Retry-After", "0")])
    b.script = fails(500)
    reply = chat(client, "pair")
    assert (reply.status, reply.body) == (503, data)
    assert reply.header("retry-after") == "0"
    assert reply.complete


@pytest.mark.parametrize("streamed", [False, True])
def test_client_leaves_in_the_back_off(server, client, a, streamed):
    """The second try would come much later: it never does."""
    def busy(x):
        x.json(b"{}", 429, [("Retry-After", "4")])
        answered.append(x)
    answered = []
    a.script = busy
    model = f"alone-{streamed}"
    reply = open_chat(client, model, streamed)
    until(lambda: answered, "the upstream's answer")
    reply.close()
    line = until(lambda: next(
        (line for line in server.journal()
         if line["request_model_name"] == model), None), "the journal line")
    assert line["outcome"] == "client_gone"
    assert len(line["attempts"]) == 1
    assert len(a.requests) == 1


def test_comments_while_the_upstream_is_silent(client, a):
    """They arrive one by one; the answer after them is whole."""
    a.script = manual
    reply = open_chat(client, "pair", True)
    x = a.wait()
    for _ in range(3):
        assert reply.event().startswith(b":")
    assert reply.header("content-type") == "text/event-stream"
    assert reply.header("content-encoding") is None
    parts = stream("at", " last")
    x.sse()
    for part in parts:
        x.chunk(part)
    x.end()
    reply.finish()
    assert reply.complete
    assert uncommented(reply.body) == b"".join(parts)


def test_comments_while_the_answer_is_held(client, a, b):
    """Its channel breaks off in the end, and nobody notices."""
    a.script = manual
    reply = open_chat(client, "end", True)
    x = a.wait()
    x.sse()
    x.chunk(word("lost"))
    for _ in range(2):
        assert reply.event().startswith(b":")
    a.script = fails(503)
    b.script = sends(word("b"), DONE)
    x.close()
    assert uncommented(reply.finish().body) == word("b") + DONE
    assert reply.complete


def test_error_after_comments(client, a, b):
    a.script = manual
    b.script = fails(503)
    reply = open_chat(client, "pair", True)
    x = a.wait()
    assert reply.event().startswith(b":")
    a.script = fails(503)
    x.close()
    assert in_band_error(reply.finish())["message"]


def test_client_leaves_while_comments_flow(client, a, b):
    a.script = manual
    reply = open_chat(client, "pair", True)
    x = a.wait()
    assert reply.event().startswith(b":")
    reply.close()
    assert x.gone.wait(PATIENCE)
    assert b.requests == []
