"""What is no answer is no success: told, tried elsewhere, and free.

Each fault is one of the first channel's, at every route that is relayed by
model; then it is the only channel's.
"""
import gzip
import json

import pytest

from channels import (DONE, NO_BREAKER, QUICK, assert_served, channel, event,
                      fails, outcome, role, sends, stream, tries, word)
from client import until
from forms import field, file, form, form_type
from servers import LOGIC
from upstream import answer, chat_answer, chat_chunk, manual

SERVERS = LOGIC
CONF = {"breaker": NO_BREAKER, "stream": {"keepalive": 0.0}}
PRICES = {"input": 1.0, "output": 1.0}
MODELS = [{"name": name, "release": name, "prices": PRICES}
          for name in ("token", "byte", "end")]


def PROVIDERS(upstream):
    pair = [{"name": "pair", "prices": PRICES}]
    return {
        "a": channel("a", retries=0, models=tuple(MODELS + pair)),
        "b": channel("b", priority=1, models=tuple(MODELS + pair)),
        "alone": channel("a", retries=0, models=(
            {"name": "alone", "prices": PRICES},)),
        "again": channel("a", retries=1, models=(
            {"name": "again", "prices": PRICES},)),
    }


MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "content":
           [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn",
           "usage": {"input_tokens": 3, "output_tokens": 2}}
RESPONSE = {"id": "resp_1", "object": "response", "status": "completed",
            "error": None, "output": [{"type": "message", "content": []}]}
GOOD = {
    "chat/completions": chat_answer(),
    "completions": {"object": "text_completion", "choices": [
        {"index": 0, "text": "Hi", "finish_reason": "stop"}]},
    "embeddings": {"object": "list", "data": [{"embedding": [0.5]}]},
    "messages": MESSAGE,
    "messages/count_tokens": {"input_tokens": 7},
    "responses": RESPONSE,
    "moderations": {"id": "modr-1", "results": [{"flagged": False}]},
    "rerank": {"results": [{"index": 0, "relevance_score": 0.5}]},
    "images/generations": {"created": 1, "data": [{"b64_json": "AAAA"}]},
    "images/edits": {"created": 1, "data": [{"b64_json": "AAAA"}]},
    "audio/transcriptions": {"text": "Hi"},
    "audio/speech": b"ID3\x04\x00\xff{<data: \x00",
}
FORMS = {"images/edits": "image", "audio/transcriptions": "file"}
MAY_STREAM = ["chat/completions", "completions", "messages", "responses"]
CALLS = [(path, False) for path in GOOD] + [(path, True) for path in MAY_STREAM]


def ask(client, path, model, is_stream=False):
    if path in FORMS:
        return client.post(f"/v1/{path}", form(
            field("model", model), file(FORMS[path], b"x" * 40)),
            headers=form_type())
    return client.post(f"/v1/{path}", {
        "model": model, "stream": is_stream, "input": "x",
        "messages": [{"role": "user", "content": "Hi " * 400}]})


def says(data, kind="application/json", status=200, headers=()):
    def script(x):
        head = [("Content-Type", kind)] if kind else []
        x.head(status, head + [("Content-Length", str(len(data)))]
               + list(headers))
        x.keep = x.send(data)
    return script


def ends(data, kind, how):
    """DATA in one chunk, or until the connection ends."""
    def script(x):
        x.head(200, [("Content-Type", kind)] + (
            [("Transfer-Encoding", "chunked")] if how == "chunked" else []))
        if how == "chunked":
            if data:
                x.chunk(data)
            x.end()
        else:
            x.send(data)
            x.close()
    return script


def good(path, is_stream=False):
    if is_stream:
        return answers_stream(path)
    data = GOOD[path]
    return says(data, "audio/mpeg") if isinstance(data, bytes) else says(
        json.dumps(data).encode())


def typed(value):
    return b"event: %s\n" % value["type"].encode() + event(value)


STREAMS = {
    "chat/completions": stream("Hi"),
    "completions": [event({"choices": [{"index": 0, "text": "Hi",
                                        "finish_reason": "stop"}]})],
    "messages": [typed({"type": "message_start", "message": {"usage": {
        "input_tokens": 3, "output_tokens": 1}}}),
        typed({"type": "content_block_delta", "index": 0,
               "delta": {"type": "text_delta", "text": "Hi"}}),
        typed({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
               "usage": {"output_tokens": 2}}),
        typed({"type": "message_stop"})],
    "responses": [typed({"type": "response.created", "response": {
        "id": "resp_1"}}),
        typed({"type": "response.output_text.delta", "delta": "Hi"}),
        typed({"type": "response.completed", "response": RESPONSE})],
}


def answers_stream(path):
    return sends(*STREAMS[path])


PAGE = b"<!DOCTYPE html><html><body>Sign in</body></html>"
ERROR = b'{"error":{"message":"Provider returned error","code":502}}'
NOWHERE = ("Location", "https://user:secret@api.example.com:8443/v1/x?key=k")

NO_ANSWERS = {
    "html": says(PAGE, "text/html; charset=utf-8"),
    "html as json": says(PAGE),
    "html without a type": says(PAGE, None),
    "html as a stream": says(PAGE, "text/event-stream"),
    "empty": says(b""),
    "empty without a type": says(b"", None),
    "empty chunked": ends(b"", "application/json", "chunked"),
    "empty closed": ends(b"", "application/json", "closed"),
    "white space": says(b" \r\n\t "),
    "half": says(b'{"id":"x","choices":[{"message":{"content":"Hel'),
    "half as chunked": ends(b'{"data":[{"x":1}', "application/json",
                            "chunked"),
    "half until the end": ends(b'{"output":[', "application/json", "closed"),
    "two": says(b'{"choices":[]}{"choices":[]}'),
    "error": says(ERROR),
    "error without a type": says(ERROR, None),
    "error as a page": says(ERROR, "text/html"),
    "error as a stream": says(ERROR + b"\n", "text/event-stream"),
    "error as text": says(b'{"error":"overloaded"}'),
    "error event": says(event(json.loads(ERROR)), "text/event-stream"),
    "error event without an end": says(
        event(json.loads(ERROR))[:-2], "text/event-stream"),
    "no event": says(b"", "text/event-stream"),
    "comments": says(b": wait\n\n: wait\n\n", "text/event-stream"),
    "done": says(DONE, "text/event-stream"),
    "301": says(b"", status=301, headers=[NOWHERE]),
    "302": says(PAGE, "text/html", 302, [NOWHERE]),
    "307": says(b"", status=307, headers=[("Location", "/elsewhere")]),
    "308": says(b"", status=308, headers=[NOWHERE]),
    "300": says(b"{}", status=300),
    "304": says(b"", status=304),
}
# Text may be what looks like an error elsewhere, and audio anything.
FOR_JSON_ALONE = {
    "words": says(b"Bad Gateway", "text/plain"),
    "words as json": says(b"upstream connect error"),
    "null": says(b"null"),
    "string": says(b'"x"'),
}
NEITHER = ("audio/speech", "audio/transcriptions")
EVERY = [(path, is_stream, name) for path, is_stream in CALLS
         for name in {**NO_ANSWERS, **FOR_JSON_ALONE}
         if path not in NEITHER or name in NO_ANSWERS]


def assert_free(line, number):
    """The first NUMBER tries have consumed nothing."""
    for one in line["attempts"][:number]:
        assert "usage" not in one and "cost" not in one, one


@pytest.mark.parametrize("path, is_stream, name", EVERY)
def test_the_next_one_is_asked(server, client, a, b, path, is_stream, name):
    a.script = {**NO_ANSWERS, **FOR_JSON_ALONE}[name]
    b.script = good(path, is_stream)
    reply = ask(client, path, "pair", is_stream)
    assert_served(reply, "b", 2)
    wanted = b"".join(STREAMS[path]) if is_stream else GOOD[path]
    assert reply.body == wanted if isinstance(wanted, bytes) \
        else reply.json() == wanted
    line = server.journaled(reply.header("x-request-id"))
    assert line["outcome"] == "ok"
    assert line["attempts"][0]["outcome"] != "ok"
    assert_free(line, 1)


@pytest.mark.parametrize("path, is_stream, name", EVERY)
def test_alone_it_is_told(server, client, a, path, is_stream, name):
    a.script = {**NO_ANSWERS, **FOR_JSON_ALONE}[name]
    reply = ask(client, path, "alone", is_stream)
    assert reply.complete
    line = server.journaled(reply.header("x-request-id"))
    assert line["outcome"] != "ok" or line["status"] >= 400
    assert line["usage"] is None and line["cost"] is None
    assert_free(line, 1)
    if reply.status == 200:     # it has told it itself, or it was too late
        assert b"error" in reply.body, reply
        assert name in ("error event", "error event without an end",
                        "comments")
    else:
        assert reply.status == 502, reply
        assert "error" in reply.json()


@pytest.mark.parametrize("name", ["html", "empty", "half", "error", "308",
                                  "no event", "done", "error event"])
def test_it_counts_as_a_failure(make_server, a, b, name):
    server = make_server("lighttpd", {"breaker": {
        "failures": 3, "error_rate": 0.0, "cooldown": 600.0}},
        PROVIDERS(None))
    a.script = NO_ANSWERS[name]
    for _ in range(3):
        assert_served(ask(server.client(), "chat/completions", "pair", True),
                      "b", 2)
    assert_served(ask(server.client(), "chat/completions", "pair", True),
                  "b", 1)


# Redirects.

@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_a_redirect_says_what_is_wrong(make_server, a, b, status):
    """It is not followed, with the key of the gateway or without."""
    server = make_server("lighttpd", CONF, PROVIDERS(None))
    client = server.client()
    a.script = says(b"", status=status, headers=[
        ("Location", "https://api.example.com:8443/v1/chat?key=secret")])
    for _ in range(3):
        error = ask(client, "chat/completions", "alone").error
        assert error["code"] == "upstream_redirect"
        assert "https://api.example.com:8443;" in error["message"]
        assert "base_url" in error["message"]
        assert "secret" not in error["message"]
    said = [line for line in server.logs().splitlines()
            if "https://api.example.com:8443" in line and "base_url" in line]
    assert 1 <= len(said) <= server.procs
    assert len(a.requests) == 3 and b.requests == []


@pytest.mark.parametrize("location", [
    "/v2/", "", "https://u:pass@host/", "https://" + "h" * 5000,
    "javascript:alert(1)", "//host/x"])
def test_odd_locations_are_not_repeated(client, a, location):
    a.script = says(b"", status=301, headers=[("Location", location)])
    error = ask(client, "chat/completions", "alone").error
    assert error["code"] == "upstream_redirect"
    assert len(error["message"]) < 200
    assert "pass" not in error["message"]


def test_a_redirect_is_not_tried_again_there(client, a):
    a.script = says(b"", status=308, headers=[NOWHERE])
    ask(client, "chat/completions", "again")
    assert len(a.requests) == 1


# Error objects have the status that they tell.

@pytest.mark.parametrize("error, status", [
    ({"message": "x", "code": 429}, 429),
    ({"message": "x", "code": "503"}, 503),
    ({"message": "x", "type": "invalid_request_error"}, 400),
    ({"message": "x", "code": "content_filter"}, 400),
    ({"message": "x", "code": "context_length_exceeded"}, 400),
    ({"message": "x", "type": "overloaded_error"}, 529),
    ({"message": "x"}, 502), ("x", 502), (True, 502)])
@pytest.mark.parametrize("is_stream", [False, True])
def test_the_status_of_an_error_object(server, client, a, is_stream, error,
                                       status):
    data = json.dumps({"error": error}).encode()
    a.script = says(data)
    reply = ask(client, "chat/completions", "alone", is_stream)
    assert (reply.status, reply.body) == (status, data)
    assert tries(server, reply) == [("alone", status)]


def test_a_refused_key_in_an_error_object_is_not_told(client, a):
    a.script = says(b'{"error":{"code":401,"message":"sk-123 is wrong"}}')
    reply = ask(client, "chat/completions", "alone")
    assert (reply.status, reply.error["code"]) == (
        502, "upstream_credentials_exhausted")


@pytest.mark.parametrize("code", [400, 413, 422, "content_filter"])
def test_what_the_client_has_done_is_final(client, a, b, code):
    a.script = says(json.dumps({"error": {"code": code}}).encode())
    assert ask(client, "chat/completions", "pair").status >= 400
    assert b.requests == []


# What is an answer, though it looks odd.

ODD = {
    "no members": b"{}", "error is null": b'{"choices":[{}],"error":null}',
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(chat_answer()).encode(),
    "white space": b"\n\n  " + json.dumps(chat_answer()).encode() + b"\r\n",
    "words of an error": json.dumps(chat_answer(
        content='{"error":{"code":500}} <html>')).encode(),
    "both": b'{"choices":[{"message":{}}],"error":{"code":"x"}}',
}


@pytest.mark.parametrize("kind", ["application/json", None, "text/plain",
                                  "text/html"])
@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("name", ODD)
def test_odd_answers_pass(server, client, a, b, name, is_stream, kind):
    a.script = says(ODD[name], kind)
    reply = ask(client, "chat/completions", "pair", is_stream)
    assert_served(reply, "a", 1)
    assert reply.body == ODD[name]
    assert outcome(server, reply) == "ok"


@pytest.mark.parametrize("path, is_stream", CALLS)
def test_good_answers_pass(server, client, a, b, path, is_stream):
    a.script = good(path, is_stream)
    reply = ask(client, path, "pair", is_stream)
    assert_served(reply, "a", 1)
    assert outcome(server, reply) == "ok"


@pytest.mark.parametrize("data", [b"", b"\n", b"[Music]", b"<|nospeech|>",
                                  b"data: of the day", b"d", b"1\n00:00\nHi"])
def test_words_of_a_transcription(server, client, a, b, data):
    """Nobody has spoken, or of odd things."""
    a.script = says(data, "text/plain; charset=utf-8")
    reply = ask(client, "audio/transcriptions", "pair")
    assert_served(reply, "a", 1)
    assert reply.body == data


@pytest.mark.parametrize("data", [b"{", b"<html>", b"data: x\n\n", b"d",
                                  b"\x00", b" ", b'{"error":1}'])
def test_samples_may_begin_like_anything(client, a, b, data):
    a.script = says(data, "audio/pcm")
    reply = ask(client, "audio/speech", "pair")
    assert_served(reply, "a", 1)
    assert reply.body == data


def test_no_content_is_what_it_says(server, client, a, b):
    """Not dressed up as anything, and free."""
    a.script = lambda x: x.head(204)
    reply = ask(client, "chat/completions", "pair")
    assert (reply.status, reply.body) == (204, b"")
    assert server.journaled(reply.header("x-request-id"))["usage"] is None


def test_what_is_encoded_is_not_judged(client, a, b):
    data = gzip.compress(json.dumps(chat_answer()).encode())
    a.script = says(data, headers=[("Content-Encoding", "gzip")])
    reply = ask(client, "chat/completions", "pair")
    assert_served(reply, "a", 1)
    assert reply.body == data


# Streams by another name.

@pytest.mark.parametrize("kind", ["application/json", None, "text/plain",
                                  "application/octet-stream", "text/html"])
@pytest.mark.parametrize("path", MAY_STREAM)
def test_a_stream_by_its_first_bytes(client, a, b, path, kind):
    """Its first event is there before the second one comes."""
    a.script = manual
    reply = client.open("POST", f"/v1/{path}", {"model": "pair",
                                                "stream": True})
    x = a.wait()
    x.head(200, ([("Content-Type", kind)] if kind else []) + [
        ("Transfer-Encoding", "chunked")])
    *parts, last = STREAMS[path]
    seen = b""
    for part in parts:
        x.chunk(part)
        seen += part
    assert reply.take(len(seen)) == seen
    x.chunk(last)
    x.end()
    assert reply.finish().body == seen + last
    assert reply.header("content-type") == "text/event-stream"


@pytest.mark.parametrize("kind", ["application/json", None])
def test_an_error_in_such_a_stream_is_found(client, a, b, kind):
    a.script = says(event(json.loads(ERROR)), kind)
    b.script = good("chat/completions", True)
    assert_served(ask(client, "chat/completions", "pair", True), "b", 2)


def test_events_are_no_json(client, a, b):
    """Nobody has asked for a stream."""
    a.script = says(b"".join(stream("x")))
    assert_served(ask(client, "chat/completions", "pair"), "b", 2)


# In the middle of a stream.

BROKEN_OFF = {"html": PAGE, "bare error": ERROR + b"\n\n",
              "bare error line": b"\n" + ERROR}


@pytest.mark.parametrize("name", BROKEN_OFF)
def test_what_is_no_event_ends_no_stream(server, client, a, b, name):
    """It is cut, for nothing says that it is complete."""
    parts = [role(), word("x"), BROKEN_OFF[name]]
    a.script = sends(*parts)
    reply = ask(client, "chat/completions", "pair", True)
    assert reply.body.startswith(b"".join(parts))
    assert b'"code":"upstream_cut"' in reply.body.replace(b" ", b"")
    assert outcome(server, reply) == "upstream_cut"
    a.requests.clear()
    assert_served(ask(client, "chat/completions", "end", True), "b", 2)


def test_an_error_without_an_empty_line_is_told(server, client, a, b):
    parts = [role(), word("x"), event(json.loads(ERROR))[:-2]]
    a.script = sends(*parts)
    reply = ask(client, "chat/completions", "pair", True)
    assert reply.body == b"".join(parts)
    assert outcome(server, reply) == "upstream_stream_error"


ENDLESS = {
    "messages": [typed({"type": "content_block_delta", "index": 0, "delta": {
        "type": "text_delta", "text": "x"}}), typed({
            "type": "message_delta", "delta": {"stop_reason": "end_turn"}})],
    "responses": [typed({"type": "response.output_text.delta",
                         "delta": "x"})],
    "completions": [event({"choices": [{"index": 0, "text": "x",
                                        "finish_reason": None}]})],
}


@pytest.mark.parametrize("how", ["chunked", "closed"])
@pytest.mark.parametrize("path", ENDLESS)
def test_a_stream_of_each_kind_has_an_end(server, client, a, b, path, how):
    a.script = ends(b"".join(ENDLESS[path]), "text/event-stream", how)
    b.script = good(path, True)
    assert outcome(server, ask(client, path, "pair", True)) == "upstream_cut"
    assert_served(ask(client, path, "end", True), "b", 2)


@pytest.mark.parametrize("path, parts", [
    ("audio/speech", [typed({"type": "speech.audio.delta", "audio": "AA"})]),
    ("images/generations", [typed({"type": "image_generation.completed"})]),
    ("moderations", [event({"x": 1})])])
def test_streams_of_unknown_ends(server, client, a, b, path, parts):
    a.script = sends(*parts)
    reply = ask(client, path, "pair", True)
    assert_served(reply, "a", 1)
    assert outcome(server, reply) == "ok"


# Large answers.

def test_a_large_half_is_no_success(server, client, a):
    """Too large to be held: the connection breaks, as for any cut answer."""
    a.script = ends(b'{"choices":[{"message":{"content":"' + b"x" * 400000,
                    "application/json", "chunked")
    reply = ask(client, "chat/completions", "alone")
    assert not reply.complete
    assert outcome(server, reply) == "upstream_cut"


@pytest.mark.parametrize("data", [
    PAGE + b" " * 400000, b"x" * 400000, b" " * 400000,
    b'{"error":{"message":"' + b"x" * 400000 + b'"}}'],
    ids=["page", "words", "space", "error"])
def test_large_ones_are_tried_elsewhere(client, a, b, data):
    a.script = says(data)
    assert_served(ask(client, "chat/completions", "pair"), "b", 2)
    assert ask(client, "chat/completions", "alone").status == 502


# Usage.

def test_an_error_event_is_free(server, client, a):
    """Its status would have been an error's, which costs nothing."""
    a.script = sends(event({"error": {"message": "overloaded", "code": 503}}))
    reply = ask(client, "chat/completions", "alone", True)
    line = server.journaled(reply.header("x-request-id"))
    assert line["usage"] is None and line["cost"] is None


def test_budgets_are_not_spent_by_failures(make_server, a):
    server = make_server("lighttpd", CONF, PROVIDERS(None))
    for name in NO_ANSWERS:
        a.script = NO_ANSWERS[name]
        ask(server.client(), "chat/completions", "alone", True)
    until(lambda: sum(bool(line["attempts"]) for line in server.journal())
          == len(NO_ANSWERS), "all lines")
    assert all(line["cost"] is None for line in server.journal())


# A page where the head has gone out already.

@pytest.mark.parametrize("status", [500, 502, 404])
def test_a_page_after_a_keep_alive(make_server, a, status):
    server = make_server("lighttpd", {"breaker": NO_BREAKER, "stream": {
        "keepalive": 0.05}}, PROVIDERS(None))
    a.script = manual
    reply = server.client().open("POST", "/v1/chat/completions", {
        "model": "alone", "stream": True})
    x = a.wait()
    reply.take(len(b": keep-alive\n\n"))
    says(PAGE, "text/html", status)(x)
    x.over.set()
    reply.finish()
    assert f"The provider answered with status {status}." in \
        reply.body.decode()
    assert outcome(server, reply) == "upstream_status"


# A model that a provider has retired.

RETIRED = {
    "code": {"error": {"message": "no", "code": "model_not_found"}},
    "name": {"error": {"message": "The model `upstream-1` does not exist."}},
    "azure": {"error": {"code": "DeploymentNotFound", "message": "no"}},
}


def retired(make_server, name="m", **b):
    model = {"name": name, "target": "upstream-1"} if name != "*" else {
        "name": "*"}
    return make_server("lighttpd", CONF, {
        "a": channel("a", models=(model,)),
        "b": channel("b", retries=0, priority=1, models=(model,), **b)})


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("name", RETIRED)
def test_a_retired_model_is_asked_for_elsewhere(make_server, a, b, name,
                                                is_stream):
    client = retired(make_server).client()
    a.script = fails(404, data=json.dumps(RETIRED[name]).encode())
    for _ in range(5):
        assert_served(ask(client, "chat/completions", "m", is_stream), "b", 2)
    a.script = says(json.dumps(RETIRED["code"]).encode())
    assert_served(ask(client, "chat/completions", "m", is_stream), "b", 2)


def test_when_all_say_so_it_is_the_answer(make_server, a, b):
    client = retired(make_server).client()
    data = json.dumps(RETIRED["name"]).encode()
    a.script, b.script = fails(404, data=data), fails(
        404, data=json.dumps(RETIRED["code"]).encode())
    reply = ask(client, "chat/completions", "m")
    assert (reply.status, reply.body) == (404, data)
    assert (len(a.requests), len(b.requests)) == (1, 1)


@pytest.mark.parametrize("status, code", [
    (503, None), (401, "upstream_credentials_exhausted")])
def test_when_another_fails_that_is_told(make_server, a, b, status, code):
    client = retired(make_server).client()
    a.script = fails(404, data=json.dumps(RETIRED["code"]).encode())
    b.script = fails(status)
    reply = ask(client, "chat/completions", "m")
    assert reply.status == (status if code is None else 502)
    assert code is None or reply.error["code"] == code


def test_a_model_that_only_the_client_names_is_final(make_server, a, b):
    client = retired(make_server, "*").client()
    a.script = fails(404, data=json.dumps(RETIRED["code"]).encode())
    assert ask(client, "chat/completions", "whatever").status == 404
    assert b.requests == []


# Found beside.

def test_a_retry_finds_the_answer(client, a):
    """In place, as after a 5xx."""
    def script(x):
        NO_ANSWERS["empty"](x) if x.number == 1 else answer(x)
    a.script = script
    assert_served(ask(client, "chat/completions", "again"), "again", 2)


def test_statuses_of_errors_are_what_they_were(client, a, b):
    """An error's body may be anything."""
    for data in (b"", PAGE, b"{", b"{}"):
        a.script = fails(400, data=data, headers=[QUICK])
        reply = ask(client, "chat/completions", "pair")
        assert (reply.status, reply.body) == (400, data)
    assert b.requests == []


def test_streams_of_several_words(client, a, b):
    parts = [event(chat_chunk("x", role="assistant")), word("y"), DONE]
    a.script = sends(*parts)
    assert ask(client, "chat/completions", "byte", True).body == \
        b"".join(parts)
