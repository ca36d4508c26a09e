"""Comments that keep a silent stream alive, and what they must not spoil."""
import pytest

from channels import (DONE, NO_BREAKER, QUICK, assert_served, channel, chat,
                      closes, fails, in_band_error, open_chat, outcome, role,
                      sends, stream, tries, uncommented, word)
from client import PATIENCE
from servers import LOGIC
from upstream import manual

SERVERS = LOGIC
CONF = {"breaker": NO_BREAKER, "stream": {"keepalive": 0.1}}


def PROVIDERS(upstream):
    short = {"timeouts": {"headers": 0.6, "first_token": 0.6}}
    return {
        "a": channel("a", models=(
            {"name": "pair"}, {"name": "silent", **short},
            {"name": "mute", **short}, {"name": "end", "release": "end"},
            {"name": "byte", "release": "byte"})),
        "b": channel("b", priority=1, models=(
            {"name": "pair"}, {"name": "silent"}, {"name": "mute", **short},
            {"name": "end", "release": "end"})),
    }


def comment(reply):
    """The next event is a comment, and nothing else."""
    block = reply.event()
    assert block is not None and block.startswith(b":"), (block, str(reply))
    assert block.count(b"\n") == 2
    return block


@pytest.mark.parametrize("model", ["pair", "byte", "end"])
def test_silent_upstream(server, client, a, model):
    """Head and comments come before the upstream said anything."""
    a.script = manual
    reply = open_chat(client, model, True)
    x = a.wait()
    for _ in range(3):
        comment(reply)
    assert reply.status == 200
    assert reply.header("content-type") == "text/event-stream"
    assert reply.header("cache-control") == "no-cache"
    assert reply.header("x-request-id")
    parts = stream("at", " last")
    x.sse()
    for part in parts:
        x.chunk(part)
    x.end()
    reply.finish()
    assert reply.complete
    assert uncommented(reply.body) == b"".join(parts)
    assert outcome(server, reply) == "ok"
    assert tries(server, reply) == [("a", 200)]


def test_held_beginning(client, a):
    """The head is out for the comments' sake; the role waits for a token."""
    a.script = manual
    reply = open_chat(client, "pair", True)
    x = a.wait()
    x.sse()
    x.chunk(role())
    for _ in range(3):
        comment(reply)
    x.chunk(word("x"))
    x.chunk(DONE)
    x.end()
    assert uncommented(reply.finish().body) == role() + word("x") + DONE


def test_held_answer(client, a):
    """release = end: tokens have come, the client gets comments."""
    a.script = manual
    reply = open_chat(client, "end", True)
    x = a.wait()
    x.sse()
    x.chunk(role() + word("x"))
    for _ in range(3):
        comment(reply)
    x.chunk(DONE)
    x.end()
    assert uncommented(reply.finish().body) == role() + word("x") + DONE
    assert reply.complete


def test_silence_between_tokens(client, a):
    a.script = manual
    reply = open_chat(client, "pair", True)
    x = a.wait()
    x.sse()
    x.chunk(word("one"))
    while reply.event().startswith(b":"):
        pass
    comment(reply)
    x.chunk(word("two"))
    x.chunk(DONE)
    x.end()
    assert uncommented(reply.finish().body) == word("one") + word("two") + DONE


@pytest.mark.parametrize("cut", [5, -2, -1])
@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"], ids=["lf", "crlf"])
def test_a_comment_never_splits_an_event(client, a, cut, end):
    """The upstream falls silent in the middle of one."""
    one = word("one")[:-2] + end

    def script(x):
        x.sse()
        x.chunk(word("zero") + one[:cut])
        x.hold(0.4)
        x.chunk(one[cut:])
        x.hold(0.4)
        x.chunk(DONE)
        x.end()
    a.script = script
    reply = chat(client, "pair", True)
    assert reply.complete
    assert word("zero") + one in reply.body
    assert uncommented(reply.body) == word("zero") + one + DONE


def test_plain_answer_has_none(client, a):
    def script(x):
        x.hold(0.5)
        x.json(b'{"a": 1}')
    a.script = script
    reply = chat(client, "pair")
    assert (reply.status, reply.body) == (200, b'{"a": 1}')
    assert reply.header("content-type") == "application/json"


def test_zero_turns_them_off(make_server, a):
    server = make_server(
        "lighttpd", {"stream": {"keepalive": 0.0}}, PROVIDERS(None))

    def script(x):
        x.hold(0.4)
        x.sse()
        x.chunk(word("one"))
        x.hold(0.4)
        x.chunk(DONE)
        x.end()
    a.script = script
    reply = chat(server.client(), "pair", True)
    assert reply.body == word("one") + DONE


# Failures after the head.

def test_failover_goes_on(server, client, a, b):
    """A silent channel's time is up while comments flow."""
    parts = stream("from", " b")
    a.script = manual
    b.script = sends(*parts)
    reply = open_chat(client, "silent", True)
    comment(reply)
    reply.finish()
    assert reply.complete
    assert reply.status == 200
    assert uncommented(reply.body) == b"".join(parts)
    assert tries(server, reply)[1:] == [("b", 200)]
    assert (len(a.requests), len(b.requests)) == (1, 1)


@pytest.mark.parametrize("status, count", [(503, 2), (429, 2), (401, 1)])
def test_late_status_is_retried(server, client, a, b, status, count):
    a.script = manual
    reply = open_chat(client, "pair", True)
    for number in range(count):
        x = a.wait(number + 1)
        comment(reply)
        x.json(b"{}", status, [QUICK])
        x.over.set()
    reply.finish()
    assert reply.complete
    assert uncommented(reply.body).endswith(DONE)
    assert tries(server, reply) == [("a", status)] * count + [("b", 200)]


def test_a_cut_while_all_is_held(client, a, b):
    """release = end: nothing but comments was sent, so it starts again."""
    a.script = manual
    reply = open_chat(client, "end", True)
    x = a.wait()
    x.sse()
    x.chunk(word("lost"))
    comment(reply)
    a.script = closes
    b.script = sends(word("b"), DONE)
    x.close()
    assert uncommented(reply.finish().body) == word("b") + DONE


def test_all_fail_after_comments(server, client, a, b):
    """Too late for a status: the error is an event, without [DONE]."""
    a.script = manual
    b.script = fails(503)
    reply = open_chat(client, "pair", True)
    x = a.wait()
    comment(reply)
    a.script = fails(503)
    x.json(b"{}", 503, [QUICK])
    x.over.set()
    assert in_band_error(reply.finish())["message"]
    line = server.journaled(reply.header("x-request-id"))
    assert line["levelname"] == "ERROR"
    assert [one["status"] for one in line["attempts"]] == [503] * 5


def test_all_are_silent(client, a, b):
    a.script = b.script = manual
    reply = open_chat(client, "mute", True)
    comment(reply)
    assert in_band_error(reply.finish())["code"] == "upstream_timeout"


def test_final_status_after_comments(client, a, b):
    """A 400 comes too late to be one; it is not retried either."""
    a.script = manual
    reply = open_chat(client, "pair", True)
    x = a.wait()
    comment(reply)
    x.json(b'{"error":{"message":"bad","type":"t","param":null,'
           b'"code":"c"}}', 400)
    x.over.set()
    assert in_band_error(reply.finish())["message"]
    assert b.requests == []


def test_client_leaves_while_comments_flow(server, client, a, b):
    a.script = manual
    reply = open_chat(client, "pair", True)
    x = a.wait()
    comment(reply)
    request_id = reply.header("x-request-id")
    reply.close()
    assert x.gone.wait(PATIENCE)
    line = server.journaled(request_id)
    assert (line["status"], line["outcome"]) == (200, "client_gone")
    assert b.requests == []


def test_answer_in_time_has_no_comment(client, a):
    assert_served(chat(client, "pair", True), "a", 1)
