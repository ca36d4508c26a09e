"""Bad requests: a clear error each, and nothing reaches the upstream."""
import json

import pytest

from client import PATIENCE, until
from client_keys import made
from fixtures import provider
from servers import LOGIC
from upstream import chat_answer

SERVERS = LOGIC
GOOD = b'{"model":"gpt-test","messages":[]}'


def deep(levels):
    """A body of LEVELS levels, the object itself included."""
    return (b'{"model":"gpt-test","x":' + b"[" * (levels - 1)
            + b"]" * (levels - 1) + b"}")


BAD = {
    "empty": b"",
    "blank": b" \n\t ",
    "text": b"hello",
    "truncated": GOOD[:-1],
    "truncated string": b'{"model":"gpt-te',
    "truncated escape": b'{"model":"gpt-test","x":"\\u00',
    "trailing": GOOD + b"x",
    "two objects": GOOD + GOOD,
    "array": b"[]",
    "string": b'"x"',
    "number": b"7",
    "null": b"null",
    "single quotes": b"{'model':'gpt-test'}",
    "trailing comma": b'{"model":"gpt-test",}',
    "leading comma": b'{,"model":"gpt-test"}',
    "no colon": b'{"model" "gpt-test"}',
    "bare word": b'{"model":"gpt-test","x":NaN}',
    "comment": b'{"model":"gpt-test"/* x */}',
    "vertical tab": b'{"model":\x0b"gpt-test"}',
    "form feed": b'{"model":\x0c"gpt-test"}',
    "control in string": b'{"model":"gpt-test","x":"a\nb"}',
    "nul": b'{"model":"gpt-test","x":"a\0b"}',
    "leading zero": b'{"model":"gpt-test","x":01}',
    "plus": b'{"model":"gpt-test","x":+1}',
    "half a number": b'{"model":"gpt-test","x":1.}',
    "bad escape": b'{"model":"gpt-test","x":"\\x41"}',
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "utf-8: lone byte": b'{"model":"gpt-test","x":"\xff"}',
    "utf-8: cut": b'{"model":"gpt-test","x":"\xc3"}',
    "utf-8: overlong": b'{"model":"gpt-test","x":"\xc0\xaf"}',
    "utf-8: surrogate": b'{"model":"gpt-test","x":"\xed\xa0\x80"}',
    "utf-8: too high": b'{"model":"gpt-test","x":"\xf4\x90\x80\x80"}',
    "utf-8: in the model": b'{"model":"gpt\xff"}',
    "utf-16": GOOD.decode().encode("utf-16"),
    "1001 levels": deep(1001),
    "100000 levels": b'{"model":"gpt-test","x":' + b"[" * 100000,
    "model twice": b'{"model":"gpt-test","model":"gpt-test"}',
    "model twice, escaped": b'{"model":"gpt-test","mod\\u0065l":"other"}',
    "stream twice": b'{"model":"gpt-test","stream":false,"stream":true}',
}


@pytest.mark.parametrize("name", BAD)
def test_bad_body(client, upstream, name):
    reply = client.post("/v1/chat/completions", BAD[name])
    assert reply.status == 400, reply
    assert reply.complete
    assert reply.error["type"] == "invalid_request_error"
    assert reply.header("x-request-id")
    assert upstream.requests == []


def test_good_body_of_1000_levels(client, upstream):
    upstream.script = lambda x: x.json(b"{}")
    assert client.post("/v1/chat/completions", deep(1000)).status == 200
    assert upstream.wait().body == deep(1000)


@pytest.mark.parametrize("model, status", [
    (None, 400), (7, 400), (True, 400), ([], 400), ({}, 400), ("", 400)])
def test_model_that_is_no_name(client, upstream, model, status):
    reply = client.post("/v1/chat/completions", {"model": model})
    assert reply.status == status, reply
    assert reply.error["param"] == "model"
    assert upstream.requests == []


def moderating(upstream, *names, namespace="default"):
    return provider(upstream, namespace=namespace, models=tuple(
        {"name": name, "target": f"{name}-upstream"} for name in names))


def test_a_moderation_need_not_name_a_model(make_server, upstream):
    """OpenAI's has a model of its own for that: one that is configured here."""
    upstream.script = lambda x: x.json({"results": []})
    one = make_server("lighttpd", {}, {
        "chat": moderating(upstream, "a-chat", "zz-chat"),
        "lab": moderating(upstream, "a-moderation", namespace="lab"),
        "mods": moderating(upstream, "text-moderation",
                           "omni-moderation-latest")})
    assert one.client().post("/v1/moderations",
                             b'{"input":"x"}').status == 200
    assert upstream.wait().body == \
        b'{"model":"omni-moderation-latest-upstream","input":"x"}'
    assert one.client().post("/v1/moderations", {
        "input": "x", "model": "text-moderation"}).status == 200
    assert json.loads(upstream.wait(2).body)["model"] == \
        "text-moderation-upstream"
    reply = one.client().post("/v1/chat/completions", {"messages": []})
    assert reply.status == 400, reply


def test_a_limited_key_gets_the_moderation_that_it_may_use(
        make_server, upstream):
    upstream.script = lambda x: x.json({"results": []})
    one = make_server("lighttpd", {}, {"mods": moderating(
        upstream, "a-moderation", "b-moderation", "chat")})
    for models, status in (("b-*", 200), ("chat", 400)):
        secret = made(one, "k" + models[0], "--models", models)
        one.everywhere(lambda client: client.get("/v1/models").status == 200,
                       "the key", secret)
        upstream.clear()
        upstream.script = lambda x: x.json({"results": []})
        reply = one.client(secret).post("/v1/moderations", {"input": "x"})
        assert reply.status == status, reply
        assert [json.loads(x.body)["model"] for x in upstream.requests] == (
            ["b-moderation-upstream"] if status == 200 else [])
    assert "default_model" in reply.error["message"]


@pytest.mark.parametrize("path", ["chat/completions", "completions",
                                  "embeddings", "moderations", "responses"])
def test_missing_model(client, upstream, path):
    reply = client.post(f"/v1/{path}", {"messages": []})
    assert reply.status == 400, reply
    assert reply.error["param"] == "model"
    assert upstream.requests == []


def test_model_deeper_down_is_not_the_model(client, upstream):
    body = {"metadata": {"model": "gpt-test"}, "messages": []}
    reply = client.post("/v1/chat/completions", body)
    assert reply.status == 400
    assert reply.error["param"] == "model"


@pytest.mark.parametrize("stream", ["yes", 1, {}, []])
def test_stream_that_is_no_truth(client, upstream, stream):
    reply = client.post("/v1/chat/completions",
                        {"model": "gpt-test", "stream": stream})
    assert reply.status == 400, reply
    assert reply.error["param"] == "stream"


@pytest.mark.parametrize("model", [
    "gpt-unknown", "gpt-test ", "GPT-TEST", "Qwen", "Qwen/", "a" * 200,
    "line\r\nbreak", "quote\"<b>", "default//gpt-test", "\u00e9\u4e16"])
def test_unknown_model(client, upstream, model):
    reply = client.post("/v1/chat/completions", {"model": model})
    assert reply.status == 404, reply
    assert reply.error["code"] == "model_not_found"
    assert upstream.requests == []


def test_very_long_model(client, upstream):
    reply = client.post("/v1/chat/completions", {"model": "a" * 100000})
    assert reply.status in (400, 404), reply
    assert reply.error["param"] == "model"
    assert len(reply.body) < 5000


def test_model_name_in_escapes(client, upstream):
    r"""gpt\u002dtest is gpt-test, and the body stays as it was written."""
    body = b'{"model":"gpt\\u002dtest","messages":[]}'
    assert client.post("/v1/chat/completions", body).status == 200
    assert json.loads(upstream.wait().body)["model"] == "gpt-test"


def test_leading_and_trailing_space(client, upstream):
    body = b" \r\n\t" + GOOD + b" \r\n\t"
    assert client.post("/v1/chat/completions", body).status == 200
    assert upstream.wait().body == body


def test_unknown_members_and_duplicates_of_them_pass(client, upstream):
    body = b'{"x":1,"model":"gpt-test","x":2,"\\u0078":3,"1e999":1e999}'
    assert client.post("/v1/chat/completions", body).status == 200
    assert upstream.wait().body == body


def test_bad_content_length_is_the_servers(client, upstream):
    reply = client.open("POST", "/v1/chat/completions", GOOD,
                        headers=[("Content-Length", "12abc")]).finish()
    assert reply.status == 400
    assert upstream.requests == []


def test_body_shorter_than_its_length(server, client, upstream):
    """The client ends in the middle: no request may come of it."""
    reply = client.open("POST", "/v1/chat/completions", GOOD,
                        headers=[("Content-Length", str(len(GOOD) + 100))])
    reply.close()
    assert client.post("/v1/chat/completions", GOOD).status == 200
    until(lambda: server.spools() == [])
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("raw", [
    "/v1/chat/completions%", "/v1/chat/completions%zz", "/v1/%00",
    "/v1/models/%0d%0aX-Evil:%201", "/v1/models/..%2f..%2fetc",
    "/v1/models/" + "%41" * 600])
def test_strange_paths(client, upstream, raw):
    reply = client.get(raw)
    assert 400 <= reply.status < 500, reply
    assert reply.header("x-evil") is None
    assert client.post("/v1/chat/completions", GOOD).status == 200


@pytest.mark.parametrize("raw", [b"/v1/models\xff\xfe", b"/v1/m\x7f",
                                 b"/v1/models/a b"])
def test_raw_bytes_in_the_path(client, upstream, raw):
    sock = client.connect()
    sock.sendall(b"GET " + raw + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    reply = client.open("GET", "/health", sock=sock)
    reply.wait_head()
    assert 400 <= reply.status < 500
    sock.close()
    assert client.get("/health").status == 200


# CR and LF in what is copied.

INJECTED = b"a\r\nX-Evil: 1"


@pytest.mark.parametrize("name", ["User-Agent", "Accept", "Idempotency-Key",
                                  "OpenAI-Project", "traceparent"])
@pytest.mark.parametrize("ending", [b"\r", b"\n", b"\0"])
def test_header_injection_upwards(client, upstream, name, ending):
    """A lone CR or LF in a header ends as a refusal, or is gone upstream."""
    sock = client.connect()
    head = client.head_bytes("POST", "/v1/chat/completions", [
        ("Content-Length", str(len(GOOD)))])
    sock.sendall(head[:-2] + name.encode() + b": a" + ending
                 + b"X-Evil: 1\r\n\r\n" + GOOD)
    from client import Reply
    reply = Reply(sock)
    try:
        reply.finish()
    except AssertionError:
        pass                        # refused without a word
    sock.close()
    for x in upstream.requests:
        assert x.header("x-evil") is None
        assert all(c not in v for _, v in x.headers for c in "\r\n\0")


def test_header_injection_downwards(client, upstream):
    """Neither a lone CR nor a NUL of the upstream's reaches the client."""
    def script(x):
        x.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
               b"X-One: a\rX-Evil: 1\r\nX-Two: fine\r\n"
               b"X-Three : space\r\nX-\x01Four: x\r\n"
               b"Content-Length: 2\r\n\r\n{}")
        x.keep = True
    upstream.script = script
    reply = client.post("/v1/chat/completions", GOOD)
    assert reply.status in (200, 502)
    assert reply.header("x-evil") is None
    head = bytes(reply.raw).split(b"\r\n\r\n")[0]
    assert b"\r" not in head.replace(b"\r\n", b"")
    assert b"\0" not in head and b"\x01" not in head
    if reply.status == 200:
        assert reply.header("x-two") == "fine"


def test_content_type_cannot_inject(client, upstream):
    def script(x):
        x.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\rX-Evil: 1\r\n"
               b"Content-Length: 2\r\n\r\n{}")
        x.keep = True
    upstream.script = script
    reply = client.post("/v1/chat/completions", GOOD)
    assert b"Evil" not in bytes(reply.raw).split(b"\r\n\r\n")[0] or \
        reply.header("x-evil") is None
    assert b"\rX" not in reply.raw


def test_names_in_messages_are_escaped(server, client):
    """A model name with quotes and line ends breaks neither JSON nor log."""
    name = 'x"\r\n{"asctime":"fake"}\u2028'
    reply = client.post("/v1/chat/completions", {"model": name})
    assert reply.status == 404
    line = server.journaled(reply.header("x-request-id"))
    assert line["status"] == 404


def test_it_still_works(server, client, upstream):
    """No responder died of what came before."""
    upstream.script = lambda x: x.json(chat_answer())
    assert client.post("/v1/chat/completions", GOOD).status == 200
    assert len(server.responders()) == server.procs
    until(lambda: server.spools() == [], timeout=PATIENCE)
