"""What a web server between client and responder could spoil, behind each."""
import hashlib
import json
import os
import threading

import pytest

from client import until
from servers import KEY, UP_KEY
from upstream import answer, chat_answer, chat_chunk, manual

CHAT = {"model": "gpt-test", "messages": [{"role": "user", "content": "Hi"}]}
STREAM = dict(CHAT, stream=True)
MB = 1 << 20

# Small enough for a test, and below what each shipped configuration allows.
CONF = {"limits": {"body": 50 * MB}}


def test_answer_is_the_upstreams_bytes(client, upstream):
    odd = b'{ "id":"x",\r\n\t"n" : 1.50e+0, "u":"\\u00e9\xc3\xa9", "z":{} }\n'
    upstream.script = lambda x: x.json(odd)
    reply = client.post("/v1/chat/completions", CHAT,
                        headers=[("Accept-Encoding", "gzip, br, deflate")])
    assert reply.status == 200
    assert reply.complete
    assert reply.body == odd
    assert reply.header("content-type") == "application/json"
    assert reply.header("content-encoding") is None
    assert reply.header("x-request-id")


def test_request_is_the_clients_bytes(client, upstream):
    body = (b' {"messages" :[{"role":"user","content":"\\u00fc\xc3\xbc"}],\n'
            b'"temperature": 1.0e-0, "model" : "gpt-test", "x":[1, 2 ,{}]}\t')
    assert client.post("/v1/chat/completions", body).status == 200
    x = upstream.wait()
    assert x.body == body
    assert x.path == "/v1/chat/completions"
    assert x.method == "POST"


def test_the_clients_query_stays_here(client, upstream):
    assert client.post("/v1/embeddings?api-version=1&b=%2F", CHAT).status == 200
    assert upstream.wait().path == "/v1/embeddings"


def test_binary_answer_of_every_byte(client, upstream):
    data = bytes(range(256)) * 300
    upstream.script = lambda x: x.json(data, headers=[
        ("Content-Type", "audio/mpeg")])
    reply = client.post("/v1/audio/speech", CHAT)
    assert reply.status == 200
    assert reply.body == data
    assert reply.header("content-type") == "audio/mpeg"


@pytest.mark.parametrize("size", [1, 8184, 65535, 65536, 5 * MB])
def test_answer_of_any_size(client, upstream, size):
    data = os.urandom(size)
    upstream.script = lambda x: x.json(data, headers=[
        ("Content-Type", "audio/mpeg")])
    reply = client.post("/v1/audio/speech", CHAT)
    assert reply.status == 200
    assert reply.complete
    assert reply.body == data


def test_chunks_arrive_one_by_one(client, upstream):
    """Each chunk is sent only after the client has seen the one before."""
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions", STREAM)
    x = upstream.wait()
    x.sse()
    for number in range(20):
        sent = x.event(chat_chunk(f"word {number}"))
        assert reply.event() == sent
    done = x.event("[DONE]")
    x.end()
    assert reply.event() == done
    reply.finish()
    assert reply.complete
    assert reply.status == 200
    assert reply.header("content-type") == "text/event-stream"
    assert reply.header("cache-control") == "no-cache"
    assert reply.header("content-encoding") is None
    assert reply.header("x-request-id")


def test_parts_of_an_event_arrive_one_by_one(client, upstream):
    """Bytes are passed on as they come, not event by event."""
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions", STREAM)
    x = upstream.wait()
    x.sse()
    first = x.event(chat_chunk("word"))
    assert reply.take(len(first)) == first
    for part in (b"da", b"ta: {", b'"x":1}', b"\n", b"\ndata: [DONE]\n\n"):
        x.chunk(part)
        assert reply.take(len(part)) == part
    x.end()
    assert reply.finish().complete


def test_small_events_arrive_one_by_one(client, upstream):
    """Nobody waits for a buffer to be worth sending."""
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions", STREAM)
    x = upstream.wait()
    x.sse()
    for _ in range(10):
        assert x.event("x") == reply.event()
    x.end()
    assert reply.finish().complete


def test_stream_is_the_upstreams_bytes(client, upstream):
    """Comments, odd line ends, ids, long lines: nothing is tidied up."""
    parts = [b": hello\n\n", b"event: a\nid: 7\ndata: {}\n\n",
             b"data:{\"x\":1}\r\n\r\n", b"data: " + b"y" * 100000 + b"\n\n",
             b"retry: 5\n\n", b"data: [DONE]\n\n", b": bye\n\n"]

    def script(x):
        x.sse()
        for part in parts:
            x.chunk(part)
        x.end()
    upstream.script = script
    reply = client.post("/v1/chat/completions", STREAM)
    assert reply.complete
    assert reply.body == b"".join(parts)


def test_stream_header_for_nginx(server, client, upstream):
    """nginx obeys the header and keeps it; the others pass it on."""
    reply = client.post("/v1/chat/completions", STREAM)
    assert reply.complete
    if server.kind == "nginx":
        assert reply.header("x-accel-buffering") is None
    else:
        assert reply.header("x-accel-buffering") == "no"
    reply = client.post("/v1/chat/completions", CHAT)
    assert reply.header("x-accel-buffering") is None


def test_body_of_30_mb(client, upstream):
    text = os.urandom(15 * MB).hex()
    body = json.dumps({"model": "gpt-test", "messages": [
        {"role": "user", "content": text}]}).encode()
    reply = client.post("/v1/chat/completions", body)
    assert reply.status == 200, reply
    assert upstream.wait().sha256 == hashlib.sha256(body).hexdigest()


def test_answer_of_30_mb(client, upstream):
    data = b'{"choices":["' + os.urandom(15 * MB).hex().encode() + b'"]}'
    upstream.script = lambda x: x.json(data)
    reply = client.post("/v1/chat/completions", CHAT)
    assert reply.complete
    assert hashlib.sha256(reply.body).digest() == hashlib.sha256(data).digest()


def test_chunked_request_body(client, upstream):
    body = json.dumps(dict(CHAT, pad="p" * 200000)).encode()
    reply = client.post("/v1/chat/completions", body, chunked=True)
    assert reply.status == 200, reply
    assert upstream.wait().body == body


def test_body_that_comes_in_pieces(client, upstream):
    body = json.dumps(dict(CHAT, pad="p" * 5000)).encode()
    sock = client.connect()
    sock.sendall(client.head_bytes("POST", "/v1/chat/completions", [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body)))]))
    for i in range(0, len(body), 100):
        sock.sendall(body[i:i + 100])
    assert upstream.wait().body == body
    sock.close()


def test_others_are_served_while_a_body_is_awaited(server, client, upstream):
    socks = [client.connect() for _ in range(4 * server.procs)]
    body = json.dumps(CHAT).encode()
    for sock in socks:
        sock.sendall(client.head_bytes("POST", "/v1/chat/completions", [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body)))]) + body[:10])
    assert client.post("/v1/chat/completions", CHAT).status == 200
    for sock in socks:
        sock.sendall(body[10:])
    upstream.wait(1 + len(socks))
    for sock in socks:
        sock.close()


def test_early_401_during_a_60_mb_upload(client, upstream):
    reply = client.upload("/v1/chat/completions", 60 * MB, auth=False,
                          headers=[("Authorization", "Bearer wrong")])
    assert reply.status == 401, reply
    assert reply.complete
    assert reply.error["code"] == "invalid_api_key"
    assert upstream.requests == []


def test_401_without_any_key(client, upstream):
    reply = client.post("/v1/chat/completions", CHAT, auth=False)
    assert reply.status == 401
    assert reply.error["code"] == "invalid_api_key"
    assert reply.header("x-request-id")
    assert upstream.requests == []


def test_early_413_during_a_60_mb_upload(client, upstream):
    """More than limits.body: refused in JSON, not by the server."""
    reply = client.upload("/v1/chat/completions", 60 * MB)
    assert reply.status == 413, reply
    assert reply.complete
    assert reply.error["code"] == "request_too_large"
    assert reply.header("x-request-id")
    assert upstream.requests == []


def test_413_of_a_chunked_upload(client, upstream):
    """Its size is not known before it was exceeded."""
    body = b" " * (51 * MB)
    sock = client.connect()
    pieces = client.head_bytes("POST", "/v1/chat/completions", [
        ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")])
    reply = client.exchange(sock, pieces + b"%x\r\n%s\r\n0\r\n\r\n" % (
        len(body), body))
    assert reply.status == 413, reply
    assert reply.error["code"] == "request_too_large"
    assert upstream.requests == []


@pytest.mark.parametrize("header, value", [
    ("Authorization", f"Bearer {KEY}"),
    ("authorization", f"bearer {KEY}"),
    ("x-api-key", KEY),
    ("api-key", KEY),
])
def test_key_from_each_header(client, upstream, header, value):
    reply = client.post("/v1/chat/completions", CHAT, auth=False,
                        headers=[(header, value)])
    assert reply.status == 200, reply
    x = upstream.wait()
    assert x.header("authorization") == f"Bearer {UP_KEY}"
    assert KEY not in str(x.headers)


@pytest.mark.parametrize("path", [
    "/v1/models", "/v1/models/", "/v1/models/Qwen/Qwen2.5-7B",
    "/v1/models/Qwen/Qwen2.5-7B/", "/v1/models/gpt-test?x=1",
    "/v1/models/gpt%2Dtest"])
def test_models_by_path(client, path):
    reply = client.get(path)
    assert reply.status == 200, reply
    value = reply.json()
    if path.rstrip("/").endswith("models"):
        assert {m["id"] for m in value["data"]} == {
            "gpt-test", "Qwen/Qwen2.5-7B", "mapped"}
    elif "Qwen" in path:
        assert value["id"] == "Qwen/Qwen2.5-7B"
    else:
        assert value["id"] == "gpt-test"


def test_slash_in_a_model_name_may_be_encoded(client):
    reply = client.get("/v1/models/Qwen%2FQwen2.5-7B")
    assert reply.status == 200, reply
    assert reply.json()["id"] == "Qwen/Qwen2.5-7B"


def test_trailing_slash_on_a_post(client, upstream):
    assert client.post("/v1/chat/completions/", CHAT).status == 200
    assert upstream.wait().path.rstrip("/") == "/v1/chat/completions"


def test_head(client):
    reply = client.ask("HEAD", "/health")
    assert reply.status == 200
    assert reply.body == b""
    assert reply.header("x-request-id")


@pytest.mark.parametrize("path", ["/nothing", "/v2/models", "/healthy",
                                  "/v1x/models"])
def test_other_paths_are_left_to_the_site(client, path):
    """Only our paths go to the responder; the rest is the server's 404."""
    reply = client.get(path)
    assert reply.status == 404
    assert reply.header("x-request-id") is None


@pytest.mark.parametrize("path", [
    "/v1", "/v1/", "/v1/nothing/here", "/metrics", "/api/x", "/admin",
    "/docs", "/openapi.json", "/echo/v1/models", "/"])
def test_our_paths_reach_the_responder(client, path):
    """Whatever there is behind them by now, the answer is sluice's own."""
    reply = client.get(path)
    assert reply.header("x-request-id"), reply
    if reply.status >= 400:
        assert reply.error["message"]


HANDSHAKE = [("Connection", "Upgrade"), ("Upgrade", "websocket"),
             ("Sec-WebSocket-Version", "13"),
             ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]


@pytest.mark.parametrize("path", [
    "/v1/responses", "/v1/responses/", "/v1/responses?model=m",
    "/v1/realtime?model=m", "/v1/models", "/v1/chat/completions"])
@pytest.mark.parametrize("auth", [True, False])
def test_a_websocket_is_refused_at_once(server, client, upstream, path, auth):
    """Codex tries one first; 426 alone sends it to POST without more tries."""
    reply = client.get(path, auth=auth, headers=HANDSHAKE)
    assert reply.status == 426, reply
    assert reply.complete
    assert reply.error["code"] == "websocket_not_supported"
    if not server.kind.startswith("lighttpd"):      # which takes it out
        assert reply.header("upgrade") == "HTTP/1.1", reply
    assert upstream.requests == []
    line = server.journaled(reply.header("x-request-id"))
    assert (line["outcome"], line["levelname"]) == ("no_websocket", "INFO")


def test_who_could_also_upgrade_is_answered(client, upstream):
    """A server may ignore the field; a POST is none of a WebSocket's."""
    reply = client.post("/v1/chat/completions", CHAT, headers=[
        ("Upgrade", "websocket"), ("Connection", "Upgrade")])
    assert reply.status == 200, reply
    assert upstream.wait().header("upgrade") is None
    assert client.get("/v1/models", headers=[
        ("Upgrade", "h2c"), ("Connection", "Upgrade")]).status == 200


def test_upstream_error_passes_unchanged(client, upstream):
    data = b'{"error": {"message":"too many", "type":"x","custom": 1}}'
    upstream.script = lambda x: x.json(data, 418, [("Retry-After", "7")])
    reply = client.post("/v1/chat/completions", CHAT)
    assert reply.status == 418
    assert reply.body == data
    assert reply.header("retry-after") == "7"


def test_connection_serves_many_requests(client, upstream):
    """HTTP keep-alive with the client, across answers and errors."""
    sock = client.connect()
    for number in range(30):
        reply = client.ask("POST", "/v1/chat/completions",
                           STREAM if number % 3 == 0 else CHAT, sock=sock)
        assert reply.status == 200
        assert reply.complete
        assert client.get("/v1/models/none", sock=sock).status == 404
    sock.close()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_cut_answer_does_not_seem_whole(server, client, upstream, framing):
    """What has begun cannot become a 502, so the connection is broken off."""
    if framing == "chunked" and server.kind in ("apache-cgi", "apache-fcgid"):
        pytest.skip("platform: mod_cgid and mod_fcgid end every answer well")
    upstream.script = manual
    reply = client.open("POST", "/v1/audio/speech", CHAT)
    x = upstream.wait()
    x.head(200, [("Content-Type", "audio/mpeg"),
                 ("Content-Length", str(MB)) if framing == "length"
                 else ("Transfer-Encoding", "chunked")])
    (x.send if framing == "length" else x.chunk)(b"m" * 200000)
    assert reply.take(100000) == b"m" * 100000
    x.close()
    reply.finish()
    assert reply.status == 200
    assert not reply.complete
    upstream.script = answer
    assert client.post("/v1/chat/completions", CHAT).status == 200


def test_expect_100_continue(client, upstream):
    """As curl asks before larger bodies; granted or not, the answer comes."""
    body = json.dumps(CHAT).encode()
    sock = client.connect()
    reply = client.exchange(sock, client.head_bytes(
        "POST", "/v1/chat/completions", [
            ("Expect", "100-continue"), ("Content-Type", "application/json"),
            ("Content-Length", str(len(body)))]) + body)
    assert reply.status == 200, reply
    assert upstream.wait().header("expect") is None
    sock.close()


def test_http_1_0(client, upstream):
    """No chunks for such a client; the end of the answer is the close."""
    body = json.dumps(STREAM).encode()
    sock = client.connect()
    head = client.head_bytes("POST", "/v1/chat/completions", [
        ("Content-Length", str(len(body)))])
    reply = client.exchange(
        sock, head.replace(b"HTTP/1.1", b"HTTP/1.0", 1) + body)
    assert reply.status == 200
    assert reply.header("transfer-encoding") is None
    assert reply.body.endswith(b"data: [DONE]\n\n")
    sock.close()


def test_slow_reader_holds_the_upstream_back(server, client, upstream):
    """A client that reads nothing costs bounded memory, and loses nothing."""
    total, block = 96 * MB, b"data: " + b"z" * 65520 + b"\n\n"
    written = []

    def script(x):
        x.sse()
        for _ in range(total // len(block)):
            if not x.chunk(block):
                return
            written.append(len(block))
        x.event("[DONE]")
        x.end()
    upstream.script = script
    reply = client.open("POST", "/v1/chat/completions", STREAM)
    reply.wait_head()
    seen = [-1, -1]

    def stands_still():
        seen.append(sum(written))
        return len(set(seen[-40:])) == 1 and len(seen) > 40
    until(stands_still, "the upstream to be held back")
    stood_at = sum(written)
    reply.finish()
    assert reply.complete
    assert len(reply.body) == total // len(block) * len(block) + 14
    assert stood_at < total // 2, f"{stood_at} bytes went in unread"


def test_200_parallel_streams(server, client, upstream):
    """Each intact and its own, all open at the same time."""
    count, words = 200, 5
    barrier = threading.Barrier(count)

    def script(x):
        name = x.data()["user"]
        x.sse()
        x.event(chat_chunk("", "assistant"))
        x.event(chat_chunk(f"{name} 0"))
        barrier.wait(120)
        for word in range(1, words):
            x.event(chat_chunk(f"{name} {word}"))
        x.event("[DONE]")
        x.end()
    upstream.script = script
    replies = [client.open("POST", "/v1/chat/completions",
                           dict(STREAM, user=f"u{i}")) for i in range(count)]
    for number, reply in enumerate(replies):
        reply.finish(120)
        assert reply.complete
        assert reply.status == 200
        events = reply.body.decode().split("\n\n")
        assert [json.loads(e[6:])["choices"][0]["delta"]["content"]
                for e in events[1:-2]] == [
                    f"u{number} {word}" for word in range(words)]
        assert events[-2:] == ["data: [DONE]", ""]
        reply.close()


def test_200_parallel_answers(client, upstream):
    """Plain answers side by side, each to the one who asked."""
    upstream.script = lambda x: x.json(chat_answer(content=x.data()["user"]))
    replies = [client.open("POST", "/v1/chat/completions",
                           dict(CHAT, user=f"u{i}")) for i in range(200)]
    for number, reply in enumerate(replies):
        reply.finish(120)
        assert reply.status == 200, reply
        choice = reply.json()["choices"][0]
        assert choice["message"]["content"] == f"u{number}"
        reply.close()
