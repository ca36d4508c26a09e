"""Every endpoint: bytes up, bytes down, statuses, and streams as they come."""
import hashlib
import json

import pytest

from client import PATIENCE, Client, until
from fixtures import provider
from forms import field, file, form, form_type, noise
from servers import KEY, UP_KEY
from upstream import chat_chunk, manual

SERVERS = ["lighttpd", "apache-proxy-fcgi", "nginx"]
JSON_PATHS = ["chat/completions", "completions", "embeddings", "moderations",
              "rerank", "audio/speech", "images/generations", "responses",
              "responses/compact", "responses/input_tokens",
              "something/new"]


# Streams are followed event by event, from the very first.
CONF = {"stream": {"release": "byte"}, "extra_paths": ["something/new"]}


def PROVIDERS(upstream):
    return {
        "up": provider(upstream, models=(
            {"name": "m", "target": "model-upstream"}, {"name": "gpt-test"},
            {"name": "impatient", "timeouts": {"first_token": 0.3}})),
        "claude": provider(upstream, kind="anthropic", models=(
            {"name": "claude", "target": "claude-upstream"},)),
        "claude-own-header": provider(
            upstream, kind="anthropic", key_header="X-Team-Key",
            headers=({"name": "anthropic-version", "value": "2099-01-01"},),
            models=({"name": "claude-2"},)),
    }


def binary(x, data, kind="audio/mpeg", status=200):
    x.keep = True
    x.head(status, [("Content-Type", kind), ("Content-Length", len(data))])
    x.send(data)


# JSON in, JSON out.

@pytest.mark.parametrize("path", JSON_PATHS)
def test_bytes_of_both_ways(client, upstream, path):
    """Unknown members, number text, spacing and order survive."""
    answer = b'{"id" : "x",\r\n "n": 1.50e+01, "z":null,"a":"\\u00e4"}'
    upstream.script = lambda x: x.json(answer)
    body = (b' {"z" : 1.500, "model":"%s","top_k":1e3,\n"n":-0, "deep":'
            b'{"model":"inner"},"s":"\\u00e4\\/" } ')
    reply = client.post(f"/v1/{path}", body % b"m")
    assert (reply.status, bytes(reply.body)) == (200, answer)
    x = upstream.wait()
    assert (x.method, x.path) == ("POST", f"/v1/{path}")
    assert x.body == body % b"model-upstream"
    assert x.header("authorization") == f"Bearer {UP_KEY}"
    assert x.header("content-type") == "application/json"


@pytest.mark.parametrize("status", [400, 404, 413, 422])
@pytest.mark.parametrize("path", JSON_PATHS)
def test_upstreams_status_and_error(client, upstream, path, status):
    error = b'{"error":{"message":"theirs"},  "extra":[1]}'
    upstream.script = lambda x: x.json(error, status)
    reply = client.post(f"/v1/{path}", {"model": "m"})
    assert (reply.status, bytes(reply.body)) == (status, error)


def test_no_query_goes_up(client, upstream):
    upstream.script = lambda x: x.json({})
    client.post("/v1/embeddings?a=%20b&c", {"model": "m"})
    assert upstream.wait().path == "/v1/embeddings"


# Images.

@pytest.mark.parametrize("body", [
    b'{"model":"gpt-test","prompt":"a cat"}',
    b'{"prompt":"a cat","model":"gpt-test","guidance_scale":7.50,'
    b'"num_inference_steps":20,"size":null,"response_format":"b64_json"}'])
def test_no_defaults_are_invented(client, upstream, body):
    upstream.script = lambda x: x.json({"data": []})
    assert client.post("/v1/images/generations", body).status == 200
    assert upstream.wait().body == body


@pytest.mark.parametrize("path, parts", [
    ("edits", [file("image", noise(90000), b"i.png", b"image/png"),
               file("mask", noise(70000, 2), b"m.png", b"image/png"),
               field("prompt", "hat"), field("guidance_scale", "7.50"),
               field("num_inference_steps", "20")]),
    ("edits", [file("image[]", noise(900, i), b"%d.png" % i, b"image/png")
               for i in range(5)]),
    ("variations", [file("image", noise(90000), b"i.png", b"image/png")])])
def test_image_forms(client, upstream, path, parts):
    """No n, size or response_format is added; every part arrives."""
    upstream.script = lambda x: x.json({"data": []})
    body = form(*parts, field("model", "gpt-test"))
    reply = client.post(f"/v1/images/{path}", body, headers=form_type())
    assert reply.status == 200, reply
    assert upstream.wait().sha256 == hashlib.sha256(body).hexdigest()


def test_streamed_images(client, upstream):
    upstream.script = manual
    reply = client.open("POST", "/v1/images/generations",
                        {"model": "m", "stream": True})
    x = upstream.wait()
    x.sse()
    for i in range(2):
        block = (b"event: image_generation.partial_image\ndata: "
                 + json.dumps({"b64_json": "A" * 300000, "i": i}).encode()
                 + b"\n\n")
        x.chunk(block)
        assert reply.event() == block
    x.end()
    assert reply.finish().complete


# Speech.

@pytest.mark.parametrize("kind", [
    "audio/mpeg", "audio/wav", "application/octet-stream", "audio/x-any",
    "text/plain"])
def test_speech_of_any_type(client, upstream, kind):
    data = bytes(range(256)) * 20 + b"\r\n\r\n0\r\n\r\n"
    upstream.script = lambda x: binary(x, data, kind)
    reply = client.post("/v1/audio/speech", {"model": "m", "input": "hi"})
    assert (reply.status, reply.header("content-type")) == (200, kind)
    assert bytes(reply.body) == data
    assert reply.header("content-length") == str(len(data))


def test_speech_is_not_held_back(client, upstream):
    """Each piece is with the client before the next one is made."""
    upstream.script = manual
    reply = client.open("POST", "/v1/audio/speech", {"model": "m"})
    x = upstream.wait()
    x.chunked = True
    x.head(200, [("Content-Type", "audio/mpeg"),
                 ("Transfer-Encoding", "chunked")])
    for i in range(6):
        piece = noise(1 if i == 0 else 700 * i, i)
        x.chunk(piece)
        assert reply.take(len(piece)) == piece
    assert not reply.complete
    x.end()
    assert reply.finish().complete


def test_speech_as_events(client, upstream):
    upstream.script = manual
    reply = client.open("POST", "/v1/audio/speech",
                        {"model": "m", "stream_format": "sse"})
    x = upstream.wait()
    assert x.data()["stream_format"] == "sse"
    x.sse()
    for i in range(3):
        sent = x.event({"type": "speech.audio.delta", "audio": "QUJD" * i})
        assert reply.event() == sent
    sent = x.event({"type": "speech.audio.done", "usage": {"n": 1}})
    assert reply.event() == sent
    x.end()
    assert reply.finish().complete
    assert reply.header("content-type") == "text/event-stream"


@pytest.mark.parametrize("event", [
    {"type": "speech.audio.delta", "audio": "QUJD"},
    {"type": "transcript.text.delta", "delta": "a"},
    {"type": "image_generation.partial_image", "b64_json": "QUJD"},
    {"type": "content_block_delta", "index": 0,
     "delta": {"type": "text_delta", "text": "a"}},
    {"type": "response.output_text.delta", "delta": "a"}])
def test_output_of_every_kind_counts_as_a_token(client, upstream, event):
    """timeouts.first_token does not end a stream that gives something."""
    def script(x):
        x.sse()
        x.event(event)
        assert not x.over.wait(0.6)
        x.event(event)
        x.event("[DONE]")
        x.end()
    upstream.script = script
    reply = client.post("/v1/chat/completions",
                        {"model": "impatient", "stream": True})
    assert bytes(reply.body) == 2 * f"data: {json.dumps(event)}\n\n".encode() \
        + b"data: [DONE]\n\n"
    assert reply.complete


def test_speech_cut_short_is_no_success(server, client, upstream):
    def script(x):
        x.head(200, [("Content-Type", "audio/mpeg"),
                     ("Content-Length", "100000")])
        x.send(noise(50000))
        x.close()
    upstream.script = script
    before = len(server.journal())
    reply = client.open("POST", "/v1/audio/speech", {"model": "m"})
    while reply.more():
        pass
    assert not reply.complete
    line = until(lambda: server.journal()[before:], "its line")[0]
    assert line["outcome"] == "upstream_cut"


def test_large_download(client, upstream):
    data = noise(12000000)
    upstream.script = lambda x: binary(x, data, "audio/wav")
    reply = client.post("/v1/audio/speech", {"model": "m"})
    assert hashlib.sha256(reply.body).digest() == \
        hashlib.sha256(data).digest()


def test_large_json_answer(client, upstream):
    """b64 images are megabytes: larger than what is held."""
    data = json.dumps({"data": [{"b64_json": "A" * 4000000}]}).encode()
    upstream.script = lambda x: x.json(data)
    reply = client.post("/v1/images/generations", {"model": "m"})
    assert reply.status == 200
    assert bytes(reply.body) == data
    assert reply.complete


# What is beside /v1/responses.

COMPACTED = {"id": "resp_c", "object": "response.compaction", "output": [],
             "usage": {"input_tokens": 70, "output_tokens": 6,
                       "total_tokens": 76}}
COUNTED = {"object": "response.input_tokens", "input_tokens": 70}


@pytest.mark.parametrize("path, answer, counts", [
    ("compact", COMPACTED, True), ("input_tokens", COUNTED, False)])
def test_calls_beside_responses(server, client, upstream, path, answer,
                                counts):
    """Compacting consumes tokens, counting them does not."""
    upstream.script = lambda x: x.json(answer)
    reply = client.post(f"/v1/responses/{path}", {"model": "m", "input": "x"})
    assert (reply.status, reply.json()) == (200, answer)
    assert upstream.wait().data()["model"] == "model-upstream"
    line = server.journaled(reply.header("x-request-id"))
    assert ("usage" in line and line["usage"] is not None) == counts, line
    assert client.get(f"/v1/responses/{path}").status == 405


# Anthropic's own API.

MESSAGES = b'{"max_tokens":16, "model":"%s","messages":[{"role":"user"}]}'


def messages(client, model=b"claude", path="messages", headers=(), **more):
    return client.post(f"/v1/{path}", MESSAGES % model,
                       headers=list(headers), **more)


@pytest.mark.parametrize("path", ["messages", "messages/count_tokens"])
def test_messages(client, upstream, path):
    answer = b'{"type":"message" ,"usage":{"input_tokens":3}}'
    upstream.script = lambda x: x.json(answer)
    reply = messages(client, path=path)
    assert (reply.status, bytes(reply.body)) == (200, answer)
    x = upstream.wait()
    assert x.path == f"/v1/{path}"
    assert x.body == MESSAGES % b"claude-upstream"
    assert x.header("x-api-key") == UP_KEY
    assert x.header("authorization") is None
    assert x.header("anthropic-version") == "2023-06-01"
    assert KEY not in str(x.headers)


def test_the_clients_own_version_and_betas(client, upstream):
    upstream.script = lambda x: x.json({})
    messages(client, headers=[("anthropic-version", "2024-12-31"),
                              ("Anthropic-Beta", "a-1,b-2")])
    x = upstream.wait()
    assert [v for k, v in x.headers if k.lower() == "anthropic-version"] == \
        ["2024-12-31"]
    assert x.header("anthropic-beta") == "a-1,b-2"


def test_the_providers_version_wins(client, upstream):
    upstream.script = lambda x: x.json({})
    messages(client, b"claude-2", headers=[("anthropic-version", "1")])
    x = upstream.wait()
    assert [v for k, v in x.headers if k.lower() == "anthropic-version"] == \
        ["2099-01-01"]
    assert x.header("x-team-key") == UP_KEY
    assert x.header("x-api-key") is None


def test_client_key_as_x_api_key(server, upstream):
    """As Anthropic's own client sends it; it goes no further."""
    upstream.script = lambda x: x.json({})
    reply = messages(Client(server.port), headers=[("x-api-key", KEY)])
    assert reply.status == 200
    x = upstream.wait()
    assert [v for k, v in x.headers if k.lower() == "x-api-key"] == [UP_KEY]


def test_chat_on_anthropic_has_a_bearer(client, upstream):
    """Its OpenAI-compatible endpoint wants the key there."""
    upstream.script = lambda x: x.json({})
    reply = client.post("/v1/chat/completions", {"model": "claude"})
    assert reply.status == 200
    x = upstream.wait()
    assert x.path == "/v1/chat/completions"
    assert x.header("authorization") == f"Bearer {UP_KEY}"
    assert x.header("x-api-key") is None
    assert x.data() == {"model": "claude-upstream"}


EVENTS = [
    ("message_start", {"type": "message_start", "message": {"id": "msg_1"}}),
    ("ping", {"type": "ping"}),
    ("content_block_start", {"type": "content_block_start", "index": 0}),
    ("content_block_delta", {"type": "content_block_delta", "delta":
                             {"type": "text_delta", "text": "Hei \u00e4"}}),
    ("message_delta", {"type": "message_delta", "usage": {}}),
    ("message_stop", {"type": "message_stop"})]
STREAM = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n"
                 for name, data in EVENTS).encode()


@pytest.mark.parametrize("piece", [1, 7, 100, 100000])
def test_messages_stream(client, upstream, piece):
    def script(x):
        x.sse()
        for i in range(0, len(STREAM), piece):
            x.chunk(STREAM[i:i + piece])
        x.end()
    upstream.script = script
    reply = client.post("/v1/messages", {"model": "claude", "stream": True})
    assert reply.header("content-type") == "text/event-stream"
    assert bytes(reply.body) == STREAM
    assert reply.complete


def test_messages_stream_comes_at_once(client, upstream):
    upstream.script = manual
    reply = client.open("POST", "/v1/messages",
                        {"model": "claude", "stream": True})
    x = upstream.wait()
    x.sse()
    for name, data in EVENTS:
        block = f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
        x.chunk(block)
        assert reply.event() == block
    x.end()
    assert reply.finish().complete


@pytest.mark.parametrize("sent", [STREAM[:200], STREAM[:STREAM.find(
    b"event: message_stop")]])
def test_messages_stream_that_is_cut(server, client, upstream, sent):
    """What came stays, then an error event in Anthropic's shape."""
    def script(x):
        x.sse()
        x.chunk(sent)
        x.close()
    upstream.script = script
    reply = client.post("/v1/messages", {"model": "claude", "stream": True})
    assert reply.status == 200
    body = bytes(reply.body)
    assert body.startswith(sent)
    rest = body[len(sent):].lstrip(b"\n")
    name, data = rest.split(b"\n", 1)
    assert name == b"event: error"
    assert data.startswith(b"data: ") and data.endswith(b"\n\n")
    told = json.loads(data[6:])
    assert told["type"] == "error"
    assert told["error"]["type"] == "api_error"
    assert told["error"]["message"]
    assert body[:-len(rest)].endswith(b"\n\n")
    line = server.journaled(reply.header("x-request-id"))
    assert line["outcome"] == "upstream_cut"


def test_messages_stream_that_ends_with_its_connection(client, upstream):
    """After message_stop nothing is missing, whatever the framing."""
    def script(x):
        x.head(200, [("Content-Type", "text/event-stream")])
        x.send(STREAM)
        x.close()
    upstream.script = script
    reply = client.post("/v1/messages", {"model": "claude", "stream": True})
    assert bytes(reply.body) == STREAM


def test_chat_stream_that_is_cut_keeps_openais_shape(client, upstream):
    def script(x):
        x.sse()
        x.event(chat_chunk("a"))
        x.close()
    upstream.script = script
    reply = client.post("/v1/chat/completions",
                        {"model": "claude", "stream": True})
    last = bytes(reply.body).split(b"\n\n")[-2]
    assert last.startswith(b"data: ")
    assert set(json.loads(last[6:])["error"]) == {"message", "type", "param",
                                                  "code"}


@pytest.mark.parametrize("status, kind, body, key, extra", [
    (401, "authentication_error", MESSAGES % b"claude", "wrong", {}),
    (404, "not_found_error", MESSAGES % b"none", KEY, {}),
    (400, "invalid_request_error", b"{not json", KEY, {}),
    (400, "invalid_request_error", b"[]", KEY, {}),
    (400, "invalid_request_error", b"{}", KEY, {}),
    (400, "invalid_request_error", b"", KEY, {}),
    (400, "invalid_request_error",
     b'{"model":"claude","model":"m"}', KEY, {}),
    (405, "invalid_request_error", None, KEY, {"method": "GET"})])
@pytest.mark.parametrize("path", ["messages", "messages/count_tokens"])
def test_errors_in_anthropics_shape(server, upstream, path, status, kind,
                                    body, key, extra):
    reply = Client(server.port, key).ask(
        extra.get("method", "POST"), f"/v1/{path}", body)
    assert reply.status == status, reply
    value = reply.json()
    assert set(value) == {"type", "error", "request_id"}
    assert value["type"] == "error"
    assert set(value["error"]) == {"type", "message"}
    assert value["error"]["type"] == kind
    assert value["error"]["message"]
    assert value["request_id"] == reply.header("x-request-id")
    assert upstream.requests == []


def test_failures_upstream_in_anthropics_shape(client, upstream):
    upstream.script = lambda x: x.close()
    reply = messages(client)
    assert reply.status == 502
    assert reply.json()["error"]["type"] == "api_error"


def test_anthropics_own_error_passes(client, upstream):
    error = (b'{"type":"error", "error":{"type":"overloaded_error",'
             b'"message":"Overloaded"},"request_id":"req_1"}')
    upstream.script = lambda x: x.json(error, 529, [("request-id", "req_1")])
    reply = messages(client)
    assert (reply.status, bytes(reply.body)) == (529, error)
    assert reply.header("request-id") == "req_1"


def test_hang_up_cancels_a_speech(client, upstream):
    upstream.script = manual
    reply = client.open("POST", "/v1/audio/speech", {"model": "m"})
    x = upstream.wait()
    x.chunked = True
    x.head(200, [("Content-Type", "audio/mpeg"),
                 ("Transfer-Encoding", "chunked")])
    x.chunk(b"abc")
    reply.take(3)
    reply.close()
    assert x.gone.wait(PATIENCE)
