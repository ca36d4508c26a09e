"""When a stream's beginning goes to the client, and what a failure does then.

A beginning that was held is shown by what the client never gets: the events of
a channel that failed before its first token.
"""
import hashlib
import json
import os

import pytest

from channels import (DONE, NO_BREAKER, QUICK, assert_served, body, channel,
                      chat, event, fails, first, in_band_error, open_chat,
                      outcome, role, sends, stream, tries, uncommented, word)
from client import PATIENCE
from servers import LOGIC
from upstream import chat_chunk, manual

SERVERS = LOGIC
CONF = {"breaker": NO_BREAKER, "stream": {"keepalive": 0.0}}
RELEASES = ["token", "byte", "end"]


def PROVIDERS(upstream):
    first_token = {"timeouts": {"first_token": 0.4}}
    idle = {"timeouts": {"idle": 0.3}}
    pairs = tuple({"name": name, "release": name} for name in RELEASES)
    held = ({"name": "stall", **idle}, {"name": "late", **first_token},
            {"name": "end-stall", "release": "end", **idle})
    return {
        # No retries in place: nobody has to wait for a back-off.
        "a": channel("a", retries=0, models=pairs + held + (
            {"name": "usual"},)),
        "again": channel("a", models=(
            {"name": "alone"}, {"name": "end-alone", "release": "end"},
            {"name": "late-alone", **first_token})),
        "b": channel("b", priority=1, models=pairs + ({"name": "usual"},)
                     + tuple({"name": one["name"]} for one in held)),
        "last": channel("a", retries=0, models=({"name": "last"},)),
    }


def served_by_b(client, b, model):
    """The client gets B's stream and not a byte of another."""
    parts = stream("from", " b")
    b.script = sends(*parts)
    reply = chat(client, model, True)
    assert_served(reply, "b")
    assert reply.body == b"".join(parts)
    assert reply.header("content-type") == "text/event-stream"
    return reply


def chunk(**members):
    """A chat chunk with the members of its delta."""
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk",
                  "created": 1, "model": "served", "choices": [
                      {"index": 0, "delta": members, "finish_reason": None}]})


ANNOTATION = event({"id": "", "object": "", "model": "", "created": 0,
                    "choices": [], "prompt_filter_results": [
                        {"prompt_index": 0, "content_filter_results": {}}]})
NO_TOKENS = {
    "role": role(), "empty": chunk(), "no content": chunk(content=""),
    "null": chunk(role="assistant", content=None, refusal=None),
    "annotation": ANNOTATION, "comment": b": PROCESSING\n\n",
    "all of them": role() + chunk() + ANNOTATION + b": x\n\n" + chunk()}
TOKENS = {
    "content": chunk(content="x"), "space": chunk(content=" "),
    "reasoning": chunk(reasoning_content="x"), "refusal": chunk(refusal="x"),
    "tool": chunk(tool_calls=[{"index": 0, "id": "call_1", "function":
                               {"name": "f", "arguments": ""}}]),
    "role too": chunk(role="assistant", content="x")}


# token, the default.

@pytest.mark.parametrize("model", ["usual", "token"])
@pytest.mark.parametrize("name", NO_TOKENS)
def test_what_is_no_token_is_held(client, a, b, name, model):
    a.script = sends(NO_TOKENS[name], then="close")
    served_by_b(client, b, model)
    assert len(a.requests) == 1


@pytest.mark.parametrize("name", TOKENS)
def test_the_first_token_releases_all_before_it(client, a, b, name):
    a.script = manual
    reply = open_chat(client, "token", True)
    x = a.wait()
    x.sse()
    before = role() + b": wait\n\n" + TOKENS[name]
    x.chunk(role())
    x.chunk(b": wait\n\n")
    x.chunk(TOKENS[name])
    assert reply.take(len(before)) == before
    assert reply.header("x-sluice-provider") == "a"
    assert reply.header("x-sluice-attempts") == "1"
    x.close()
    reply.finish()
    assert reply.body.startswith(before)
    assert in_band_error(reply, before)["code"] == "upstream_cut"
    assert b.requests == []


@pytest.mark.parametrize("path, prelude, token", [
    ("responses", [{"type": "response.created", "response": {}},
                   {"type": "response.in_progress", "response": {}}],
     {"type": "response.output_text.delta", "delta": "x"}),
    ("messages", [{"type": "message_start", "message":
                   {"usage": {"input_tokens": 3, "output_tokens": 1}}},
                  {"type": "ping"}],
     {"type": "content_block_delta", "index": 0,
      "delta": {"type": "text_delta", "text": "x"}}),
    ("completions", [{"choices": [{"index": 0, "text": ""}]}],
     {"choices": [{"index": 0, "text": "x"}]})])
def test_tokens_of_other_paths(client, a, b, path, prelude, token):
    """Held while it only begins, then released together with the token."""
    def typed(value):
        name = f"event: {value['type']}\n".encode() if "type" in value else b""
        return name + event(value)
    held = b"".join(map(typed, prelude))
    a.script = sends(held, then="close")
    b.script = manual
    reply = client.open("POST", f"/v1/{path}", body("token", True))
    x = b.wait()
    x.sse()
    x.chunk(held)
    x.chunk(typed(token))
    assert reply.take(len(held + typed(token))) == held + typed(token)
    assert reply.header("x-sluice-provider") == "b"


def test_sixty_events_are_held(client, a, b):
    a.script = sends(*[chunk()] * 60, then="close")
    served_by_b(client, b, "token")


def test_more_than_64_events_are_not(client, a, b):
    """Somebody who sends only empty chunks is not held for ever."""
    a.script = manual
    reply = open_chat(client, "token", True)
    x = a.wait()
    x.sse()
    before = b""
    for _ in range(70):
        x.chunk(chunk())
        before += chunk()
    assert reply.take(len(before)) == before
    x.close()
    assert in_band_error(reply.finish(), before)["code"] == "upstream_cut"
    assert b.requests == []


@pytest.mark.parametrize("count, is_held", [(30, True), (60, False)])
def test_more_than_256_kib_are_not(client, a, b, count, is_held):
    """Events of 6 KiB: 180 KiB are held, 360 KiB are not."""
    one = event({"choices": [], "pad": "p" * 6144})
    if is_held:
        a.script = sends(*[one] * count, then="close")
        served_by_b(client, b, "token")
        return
    a.script = manual
    reply = open_chat(client, "token", True)
    x = a.wait()
    x.sse()
    for _ in range(count):
        x.chunk(one)
    assert reply.take(len(one) * count) == one * count
    x.close()
    in_band_error(reply.finish(), one * count)
    assert b.requests == []


def test_without_another_try_nothing_is_held(client, a):
    """One channel, no retries: the first event comes before any token."""
    a.script = manual
    reply = open_chat(client, "last", True)
    x = a.wait()
    x.sse()
    x.chunk(role())
    assert reply.event() == role()
    x.chunk(word("x"))
    x.chunk(DONE)
    x.end()
    assert reply.finish().body == role() + word("x") + DONE


def test_the_last_of_two_is_not_held(client, a, b):
    """After all other tries are used up the last one goes straight through."""
    a.script = fails(401)
    b.script = manual
    reply = open_chat(client, "token", True)
    for number in (1, 2):
        x = b.wait(number)
        x.json(b"{}", 503, [QUICK])
        x.over.set()
    x = b.wait(3)
    x.sse()
    x.chunk(role())
    assert reply.event() == role()
    assert reply.header("x-sluice-attempts") == "4"


# Cut and stalled.

@pytest.mark.parametrize("how", ["close", "reset"])
def test_cut_before_the_first_token(client, a, b, how):
    a.script = sends(role(), then=how)
    served_by_b(client, b, "token")
    assert len(a.requests) == 1


def test_cut_before_the_first_token_of_a_single_channel(client, a):
    a.script = first(sends(role(), then="close"))
    reply = chat(client, "alone", True)
    assert_served(reply, "again", 2)
    assert reply.body.count(b'"role"') == 1
    assert reply.body.endswith(DONE)


@pytest.mark.parametrize("model", RELEASES)
def test_head_and_nothing_more(client, a, b, model):
    a.script = sends(then="close")
    served_by_b(client, b, model)


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("model", ["token", "byte"])
def test_cut_after_chunks(server, client, a, b, model, count):
    """What went out cannot be taken back: it is told in the stream."""
    parts = [role()] + [word(f"word {n}") for n in range(count)]
    a.script = sends(*parts, then="close")
    reply = chat(client, model, True)
    error = in_band_error(reply, b"".join(parts))
    assert error["code"] == "upstream_cut"
    assert outcome(server, reply) == "upstream_cut"
    assert (len(a.requests), len(b.requests)) == (1, 0)


@pytest.mark.parametrize("parts", [[], [role()], [role(), b": wait\n\n"]],
                         ids=["head", "role", "comment"])
def test_stalled_before_the_first_token(client, a, b, parts):
    a.script = sends(*parts, then="hold")
    served_by_b(client, b, "late")
    assert len(a.requests) == 1
    assert a.wait().gone.wait(PATIENCE)


def test_slow_first_token(server, client, a, b):
    """Comments and role chunks keep nobody waiting for longer."""
    def script(x):
        x.sse()
        x.chunk(role())
        while not x.hold(0.05) and not x.over.is_set():
            x.chunk(b": wait\n\n" + chunk())
    a.script = script
    reply = served_by_b(client, b, "late")
    assert tries(server, reply)[1:] == [("b", 200)]
    assert len(a.requests) == 1


def test_stalled_after_a_token(server, client, a, b):
    parts = [role(), word("one")]
    a.script = sends(*parts, then="hold")
    reply = chat(client, "stall", True)
    assert in_band_error(reply, b"".join(parts))["code"] == "upstream_timeout"
    assert outcome(server, reply) == "timeout_idle"
    assert (len(a.requests), len(b.requests)) == (1, 0)
    assert a.wait().gone.wait(PATIENCE)


def test_stalled_single_channel_is_not_asked_again(client, a):
    a.script = sends(role(), then="hold")
    reply = chat(client, "late-alone", True)
    assert reply.complete
    assert b"upstream_timeout" in reply.body
    assert len(a.requests) == 1


# Errors inside a stream.

ERRORS = {
    "openai": event({"error": {"message": "overloaded", "code": None,
                               "type": "server_error", "param": None}}),
    "bare": event({"error": {"message": "overloaded"}}),
    "coded": event({"error": {"code": 502, "message": "provider down"},
                    "choices": []}),
    "anthropic": b"event: error\n" + event(
        {"type": "error", "error": {"type": "overloaded_error",
                                    "message": "Overloaded"}})}


@pytest.mark.parametrize("release", ["token", "end"])
@pytest.mark.parametrize("before", [b"", role(), ANNOTATION],
                         ids=["first", "role", "annotation"])
@pytest.mark.parametrize("name", ERRORS)
def test_error_before_the_first_token(client, a, b, name, before, release):
    """Whatever the status said, it is like a 5xx."""
    a.script = sends(before + ERRORS[name])
    served_by_b(client, b, release)


def test_error_before_the_first_token_of_the_only_try(server, client, a):
    """Nobody else can be asked: it is passed as it is."""
    a.script = sends(ERRORS["openai"])
    reply = chat(client, "last", True)
    assert reply.complete
    assert (reply.status, reply.body) == (200, ERRORS["openai"])
    assert outcome(server, reply) == "upstream_stream_error"


@pytest.mark.parametrize("name", ERRORS)
def test_error_after_the_first_token(server, client, a, b, name):
    parts = [role(), word("one"), ERRORS[name]]
    a.script = sends(*parts)
    reply = chat(client, "token", True)
    assert_served(reply, "a", 1)
    assert reply.body == b"".join(parts)
    assert outcome(server, reply) == "upstream_stream_error"
    assert b.requests == []


def test_the_word_error_in_an_answer_is_no_error(server, client, a, b):
    parts = stream('{"error": {"message": "x"}}', "error")
    a.script = sends(*parts)
    reply = chat(client, "token", True)
    assert reply.body == b"".join(parts)
    assert outcome(server, reply) == "ok"
    assert b.requests == []


# What looks odd and is none of our business.

MALFORMED = [b"data: {broken\n\n", b"nonsense\n\n", b"data\n\n", b"\n\n\n",
             b"data: [1,\n\n", b"\xff\xfe: \x00\n\n", b"event: x\n\n",
             b'data: {"choices": 5}\n\n', b'data: "error"\n\n']


@pytest.mark.parametrize("model", RELEASES)
@pytest.mark.parametrize("data", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_event_passes(server, client, a, b, data, model):
    """First of all, before the first token, and after it."""
    parts = [data, role(), data, word("x"), data, word("y"), DONE]
    a.script = sends(*parts)
    reply = chat(client, model, True)
    assert_served(reply, "a", 1)
    assert reply.body == b"".join(parts)
    assert outcome(server, reply) == "ok"
    assert b.requests == []


FINISH = event(chat_chunk(finish="stop"))
LAST_USAGE = event(dict(chat_chunk(), choices=[], usage={
    "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}))


@pytest.mark.parametrize("model", RELEASES)
@pytest.mark.parametrize("parts", [
    [role(), word("x"), FINISH], [role(), word("x"), DONE], [role(), DONE],
    [role(), word("x"), LAST_USAGE], [role(), FINISH],
    [role(), word("x"), FINISH[:-1]], [word("x"), b"data: [DONE]"]],
    ids=["finish", "done", "no token", "usage", "no word", "no empty line",
         "no line end"])
def test_a_regular_end_is_the_end(server, client, a, b, parts, model):
    """Without [DONE], and even without a token; nothing is made up."""
    a.script = sends(*parts)
    reply = chat(client, model, True)
    assert reply.complete
    assert (reply.status, reply.body) == (200, b"".join(parts))
    assert outcome(server, reply) == "ok"
    assert (len(a.requests), len(b.requests)) == (1, 0)


CALL = chunk(tool_calls=[{"index": 0, "id": "call_1", "function":
                          {"name": "f", "arguments": '{"path": "/ho'}}])
UNFINISHED = {"role": [role()], "word": [role(), word("x")],
              "call": [role(), CALL], "empty": [role(), chunk(), ANNOTATION]}
# Which of them have gone out when the end comes.
TOKENS_IN = {"word", "call"}


@pytest.mark.parametrize("then", ["end", "close"])
@pytest.mark.parametrize("model", RELEASES)
@pytest.mark.parametrize("name", UNFINISHED)
def test_an_unfinished_stream_is_cut(server, client, a, b, name, model, then):
    """However the connection ends: a proxy before a server that died ends well."""
    parts = UNFINISHED[name]
    a.script = sends(*parts, then=then)
    if model == "end" or (model == "token" and name not in TOKENS_IN):
        served_by_b(client, b, model)
        return
    reply = chat(client, model, True)
    error = in_band_error(reply, b"".join(parts))
    assert error["code"] == "upstream_cut"
    assert outcome(server, reply) == "upstream_cut"
    assert b.requests == []


# byte.

def test_byte_passes_everything_at_once(client, a, b):
    a.script = manual
    reply = open_chat(client, "byte", True)
    x = a.wait()
    x.sse()
    for part in (b": wait\n\n", b"da", b"ta: {", b"}\n\n", role()):
        x.chunk(part)
        assert reply.take(len(part)) == part
    x.close()
    before = b": wait\n\ndata: {}\n\n" + role()
    data = bytes(reply.finish().body)
    assert data.startswith(before)
    assert json.loads(data[len(before) + 6:])["error"]["code"] \
        == "upstream_cut"
    assert b.requests == []


@pytest.mark.parametrize("fault", [fails(503), fails(401),
                                   lambda x: x.reset()])
def test_byte_fails_over_before_the_first_byte(client, a, b, fault):
    a.script = fault
    served_by_b(client, b, "byte")


def test_byte_passes_an_error_event(server, client, a, b):
    """Something has gone out, if only a role."""
    a.script = manual
    reply = open_chat(client, "byte", True)
    x = a.wait()
    x.sse()
    x.chunk(role())
    assert reply.event() == role()
    x.chunk(ERRORS["openai"])
    x.end()
    reply.finish()
    assert reply.complete
    assert reply.body == role() + ERRORS["openai"]
    assert outcome(server, reply) == "upstream_stream_error"
    assert b.requests == []


# end.

@pytest.mark.parametrize("how", ["close", "reset"])
def test_end_hides_a_cut(client, a, b, how):
    """Many tokens of the first channel were there, and none is seen."""
    a.script = sends(role(), *[word("lost")] * 20, then=how)
    reply = served_by_b(client, b, "end")
    assert b"lost" not in reply.body


def test_end_hides_a_stall(client, a, b):
    a.script = sends(role(), word("lost"), then="hold")
    served_by_b(client, b, "end-stall")
    assert len(a.requests) == 1
    assert a.wait().gone.wait(PATIENCE)


def test_end_hides_an_error_event(client, a, b):
    a.script = sends(role(), word("lost"), ERRORS["openai"])
    served_by_b(client, b, "end")


def test_end_of_a_single_channel_that_cuts_once(client, a):
    a.script = first(sends(role(), word("lost"), then="close"))
    reply = chat(client, "end-alone", True)
    assert_served(reply, "again", 2)
    assert b"lost" not in reply.body
    assert reply.body.endswith(DONE)


def test_end_when_everybody_cuts(client, a, b):
    """Nothing was sent yet, so the client gets a real status."""
    a.script = b.script = sends(role(), word("lost"), then="close")
    reply = chat(client, "end", True)
    assert reply.status == 502, reply
    assert reply.error["code"] == "upstream_cut"
    assert b"lost" not in reply.body


@pytest.mark.parametrize("size", [1 << 10, 1 << 20])
def test_end_gives_the_whole_answer(client, a, b, size):
    parts = [role(), *[word(os.urandom(1024).hex())
                       for _ in range(size >> 10)], DONE]
    a.script = sends(*parts)
    reply = chat(client, "end", True)
    assert_served(reply, "a", 1)
    data = uncommented(reply.body)
    assert hashlib.sha256(data).digest() \
        == hashlib.sha256(b"".join(parts)).digest()


def test_end_means_nothing_to_a_plain_request(client, a, b):
    reply = chat(client, "end")
    assert_served(reply, "a", 1)
    assert reply.header("content-type") == "application/json"
