"""What becomes of the upstream's work when the client leaves, by on_abort.

test_hangup.py has the noticing itself, behind every server.
"""
import json

import pytest

from channels import (DONE, NO_BREAKER, channel, chat, event, open_chat, role,
                      sends, word)
from client import PATIENCE, until
from servers import LOGIC
from upstream import chat_chunk, manual

SERVERS = LOGIC
CONF = {"breaker": NO_BREAKER, "stream": {"keepalive": 0.0},
        "timeouts": {"hangup_probe": 0.1}}
MB = 1 << 20
USAGE = {"prompt_tokens": 11, "completion_tokens": 22, "total_tokens": 33}


def PROVIDERS(upstream):
    return {
        "a": channel("a", models=(
            {"name": "pair"}, {"name": "end", "release": "end"})),
        # Of its own: that it asks for a pause outlives the request.
        "alone": channel("a", models=({"name": "alone"},)),
        "b": channel("b", priority=1, models=({"name": "pair"},
                                              {"name": "end"})),
        "drain": channel("a", on_abort="drain", models=(
            {"name": "drain"}, {"name": "drain-pair"},
            {"name": "drain-end", "release": "end"},
            {"name": "drain-short", "timeouts": {"total": 1.0}})),
        "b-drain": channel("b", priority=1, on_abort="drain", models=(
            {"name": "drain-pair"},)),
    }


def lines(server, model):
    return [line for line in server.journal()
            if line["request_model_name"] == model]


@pytest.fixture
def settled(server):
    """The one new journal line of a model, once it is there."""
    before = {line["request_id"] for line in server.journal()}

    def new(model):
        found = until(lambda: [line for line in lines(server, model)
                               if line["request_id"] not in before],
                      f"the journal line of {model}")
        assert len(found) == 1
        return found[0]
    return new


def assert_gone(line, status=499):
    """STATUS is what the client was sent, 499 where that was nothing."""
    assert (line["status"], line["outcome"]) == (status, "client_gone")
    assert line["levelname"] == "INFO"


# cancel

def test_in_an_upload(server, client, a):
    """Nobody was asked yet, and nobody is."""
    first = b'{"model": "alone", "pad": "'
    reply = client.upload("/v1/chat/completions", 30 * MB, first=first,
                          stop=lambda reply: reply.sent >= 20 * MB)
    reply.close()
    until(lambda: server.spools() == [], "the spool to be gone")
    assert chat(client, "alone").status == 200
    assert len(a.requests) == 1


def test_while_the_upstream_takes_the_body(server, client, a, b, settled):
    """
    It reads nothing until the request is settled; what it then finds is not
    the whole body, because the gateway let go of it.
    """
    whole = json.dumps({"model": "pair", "pad": "p" * (40 * MB)}).encode()
    found = []
    started = []

    def late(sock):
        sock.settimeout(PATIENCE)
        started.append(sock)
        until(lambda: lines(server, "pair") != before)
        count = 0
        try:
            while part := sock.recv(MB):
                count += len(part)
        except OSError:
            pass
        found.append(count)
        return True
    before = lines(server, "pair")
    a.on_accept = late
    reply = client.open("POST", "/v1/chat/completions", whole)
    until(lambda: started, "the upstream's connection")
    reply.close()
    assert_gone(settled("pair"))
    until(lambda: found, "the end of the upload")
    assert found[0] < len(whole)
    assert (len(a.requests), len(b.requests)) == (0, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_while_waiting_for_the_head(client, a, b, settled, stream):
    """Nobody else is asked for a client that is gone."""
    a.script = manual
    reply = open_chat(client, "pair", stream)
    x = a.wait()
    reply.close()
    assert x.gone.wait(PATIENCE)
    line = settled("pair")
    assert_gone(line)
    assert [one["provider"] for one in line["attempts"]] == ["a"]
    assert (len(a.requests), len(b.requests)) == (1, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_in_the_back_off(client, a, b, settled, stream):
    """A second try would come in four seconds: it never does."""
    def busy(x):
        x.json(b"{}", 429, [("Retry-After", "4")])
        answered.append(x)
    answered = []
    a.script = busy
    reply = open_chat(client, "alone", stream)
    until(lambda: answered, "the upstream's answer")
    reply.close()
    line = settled("alone")
    assert_gone(line)
    assert [one["status"] for one in line["attempts"]] == [429]
    assert len(a.requests) == 1


def test_before_the_release(client, a, b, settled):
    """The first events are held, the client has not even a head."""
    a.script = manual
    reply = open_chat(client, "pair", True)
    x = a.wait()
    x.sse()
    x.chunk(role())
    reply.close()
    assert x.gone.wait(PATIENCE)
    assert_gone(settled("pair"))
    assert b.requests == []


def test_in_the_stream(client, a, b, settled):
    a.script = manual
    reply = open_chat(client, "pair", True)
    x = a.wait()
    x.sse()
    x.chunk(word("one"))
    assert reply.event() == word("one")
    reply.close()
    assert x.gone.wait(PATIENCE)
    line = settled("pair")
    assert_gone(line, 200)
    assert line["usage"]["source"] == "estimated"
    assert line["usage"]["output_tokens"] > 0
    assert b.requests == []


def test_in_a_held_answer(client, a, b, settled):
    a.script = manual
    reply = open_chat(client, "end", True)
    x = a.wait()
    x.sse()
    x.chunk(role() + word("one") + word("two"))
    reply.close()
    assert x.gone.wait(PATIENCE)
    line = settled("end")
    assert_gone(line)
    assert line["usage"]["output_tokens"] > 0
    assert b.requests == []


def test_in_the_second_channels_answer(client, a, b, settled):
    a.script = lambda x: x.json(b"{}", 401)
    b.script = manual
    reply = open_chat(client, "pair", True)
    x = b.wait()
    reply.close()
    assert x.gone.wait(PATIENCE)
    line = settled("pair")
    assert_gone(line)
    assert [one["provider"] for one in line["attempts"]] == ["a", "b"]


# drain

def noticed(x):
    """Long enough for the gateway to see that the client left."""
    assert not x.hold(1.0), "the upstream was cancelled"


def drained(x):
    """The rest of a stream whose client is gone."""
    noticed(x)
    for _ in range(5):
        assert x.chunk(word("more"))
    x.chunk(event(dict(chat_chunk(), choices=[], usage=USAGE)))
    x.chunk(DONE)
    x.end()


def assert_all_reported(line, status=499):
    assert_gone(line, status)
    assert line["usage"]["source"] == "reported"
    assert line["usage"]["input_tokens"] == 11
    assert line["usage"]["output_tokens"] == 22


def test_drained_stream(client, a, settled):
    a.script = manual
    reply = open_chat(client, "drain", True)
    x = a.wait()
    x.sse()
    x.chunk(word("one"))
    assert reply.event() == word("one")
    reply.close()
    drained(x)
    assert_all_reported(settled("drain"), 200)
    assert not x.gone.is_set()


def test_drained_before_the_head(client, a, settled):
    a.script = manual
    reply = open_chat(client, "drain", True)
    x = a.wait()
    reply.close()
    noticed(x)
    x.sse()
    drained(x)
    assert_all_reported(settled("drain"))


def test_drained_while_held(client, a, settled):
    a.script = manual
    reply = open_chat(client, "drain-end", True)
    x = a.wait()
    x.sse()
    x.chunk(word("one"))
    reply.close()
    drained(x)
    assert_all_reported(settled("drain-end"))


def test_drained_plain_answer(client, a, settled):
    a.script = manual
    reply = open_chat(client, "drain")
    x = a.wait()
    reply.close()
    noticed(x)
    x.json({"choices": [], "usage": USAGE})
    x.over.set()
    assert_all_reported(settled("drain"))


def test_drained_larger_than_any_buffer(client, a, settled):
    """Nobody reads it, and it does not stop."""
    a.script = manual
    reply = open_chat(client, "drain", True)
    x = a.wait()
    x.sse()
    x.chunk(word("one"))
    assert reply.event()
    reply.close()
    noticed(x)
    for _ in range(160):
        assert x.chunk(word("w" * 65536))
    x.chunk(event(dict(chat_chunk(), choices=[], usage=USAGE)))
    x.chunk(DONE)
    x.end()
    assert_all_reported(settled("drain"), 200)


@pytest.mark.parametrize("status", [429, 500, 401])
def test_draining_starts_no_other_try(client, a, b, settled, status):
    a.script = manual
    reply = open_chat(client, "drain-pair")
    x = a.wait()
    reply.close()
    noticed(x)
    x.json(b"{}", status)
    x.over.set()
    line = settled("drain-pair")
    assert_gone(line)
    assert len(line["attempts"]) == 1
    assert (len(a.requests), len(b.requests)) == (1, 0)


def test_draining_has_an_end(client, a, settled):
    """The total timeout counts on."""
    a.script = sends(word("one"), then="hold")
    reply = open_chat(client, "drain-short", True)
    assert reply.event()
    reply.close()
    assert a.wait().gone.wait(PATIENCE)
    assert_gone(settled("drain-short"), 200)
