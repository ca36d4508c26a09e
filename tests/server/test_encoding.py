"""Bodies with a Content-Encoding: decoded while they arrive, under limits.body."""
import ctypes
import gzip
import hashlib
import json
import zlib

import pytest

from account import given
from client import until
from fixtures import provider
from forms import field, file, form, form_type, noise
from servers import ALL

SERVERS = ["lighttpd"]
MB = 1024 * 1024
ADMIN = "admin-key-5c4d3e"
ENV = {"SLUICE_ADMIN_KEY": ADMIN}
BODY_MAX = 4 * MB
CONF = {"limits": {"body": BODY_MAX, "memory_body": MB}}
PATHS = ["chat/completions", "completions", "embeddings", "responses",
         "messages", "messages/count_tokens", "responses/compact"]


def PROVIDERS(upstream):
    return {"up": provider(upstream, passthrough=True, models=(
        {"name": "m"}, {"name": "whisper", "target": "a-longer-name"}))}


class Buffer(ctypes.Structure):
    _fields_ = [("at", ctypes.c_char_p), ("size", ctypes.c_size_t),
                ("pos", ctypes.c_size_t)]


def zstd(data, level=3, window=0):
    """As a stream, as Codex does: the frame does not say how long it is."""
    lib = ctypes.CDLL("libzstd.so.1")
    lib.ZSTD_createCCtx.restype = ctypes.c_void_p
    lib.ZSTD_compressStream2.restype = ctypes.c_size_t
    z = ctypes.c_void_p(lib.ZSTD_createCCtx())
    lib.ZSTD_CCtx_setParameter(z, 100, level)
    lib.ZSTD_CCtx_setParameter(z, 101, window)
    room = ctypes.create_string_buffer(len(data) + 1000)
    to = Buffer(ctypes.cast(room, ctypes.c_char_p), len(room), 0)
    # Two pieces, so that nobody knows the size at the start.
    for piece, end in ((data[:1], 0), (data[1:], 2)):
        source = Buffer(piece, len(piece), 0)
        assert lib.ZSTD_compressStream2(
            z, ctypes.byref(to), ctypes.byref(source), end) < 1 << 32
    lib.ZSTD_freeCCtx(z)
    return room.raw[:to.pos]


CODINGS = {"gzip": gzip.compress, "x-gzip": gzip.compress,
           "deflate": zlib.compress, "zstd": zstd, "GZip": gzip.compress,
           "identity": bytes, "": bytes, "identity, gzip": gzip.compress}


def send(client, body, coding, path="chat/completions", kind=None):
    headers = [("Content-Encoding", coding),
               ("Content-Type", kind or "application/json"),
               ("Content-Length", str(len(body)))]
    reply = client.exchange(client.connect(), client.head_bytes(
        "POST", f"/v1/{path}", headers) + body)
    reply.close()
    return reply


def long_chat(size, model="m"):
    """A conversation as an agent sends it: JSON that does not repeat much."""
    text = noise(size).hex()
    return json.dumps({"model": model, "stream": False, "messages": [
        {"role": "user", "content": text[i:i + 4000]}
        for i in range(0, len(text), 4000)]}).encode()


def refused(reply, upstream, status, code):
    assert reply.status == status, reply
    assert reply.error["code"] == code, reply.error
    assert upstream.requests == []
    return reply.error["message"]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [10, 30000, MB])
def test_decoded_whatever_the_coding(client, upstream, coding, size):
    """The provider gets the text, and no word of an encoding."""
    body = long_chat(size)
    reply = send(client, CODINGS[coding](body), coding)
    assert reply.status == 200, reply
    x = upstream.wait()
    assert x.sha256 == hashlib.sha256(body).hexdigest()
    assert x.header("content-encoding") is None
    assert x.header("content-length") == str(len(body))
    assert x.header("content-type") == "application/json"


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind != "lighttpd"])
def test_behind_every_server(make_server, upstream, kind):
    one = make_server(kind, CONF, PROVIDERS(upstream), ENV)
    body = long_chat(700000, "whisper")
    for n, coding in enumerate(("gzip", "deflate", "zstd"), 1):
        reply = send(one.client(), CODINGS[coding](body), coding)
        assert reply.status == 200, reply
        assert upstream.wait(n).body == body.replace(
            b"whisper", b"a-longer-name", 1)
    upstream.clear()
    refused(send(one.client(), b"x", "br"), upstream, 415,
            "unsupported_content_encoding")
    refused(send(one.client(), gzip.compress(body)[:-1], "gzip"), upstream,
            400, "invalid_content_encoding")
    refused(send(one.client(), zstd(b" " * 20 * MB), "zstd"), upstream, 413,
            "request_too_large")
    assert send(one.client(), gzip.compress(body), "gzip").status == 200


@pytest.mark.parametrize("path", PATHS)
def test_every_route_decodes(client, upstream, path):
    body = long_chat(2000)
    assert send(client, gzip.compress(body), "gzip", path).status == 200
    assert upstream.wait().body == body


def test_chunked(client, upstream):
    body = long_chat(300000)
    reply = client.post("/v1/chat/completions", zstd(body), chunked=True,
                        headers=[("Content-Encoding", "zstd")])
    assert reply.status == 200, reply
    assert upstream.wait().body == body


def test_forms_and_passthrough(client, upstream):
    upstream.script = lambda x: x.json({})
    made = form(field("model", "whisper"), file("file", noise(MB)))
    reply = send(client, gzip.compress(made), "gzip", "audio/transcriptions",
                 form_type()[0][1])
    assert reply.status == 200, reply
    assert upstream.wait().body == made.replace(b"whisper", b"a-longer-name")
    data = noise(MB)
    given(client, upstream, "uploads", "u")
    upstream.clear()
    upstream.script = lambda x: x.json({})
    for n, coding in enumerate(("gzip", "zstd", "deflate"), 1):
        reply = send(client, CODINGS[coding](data), coding, "uploads/u/parts",
                     "application/octet-stream")
        assert reply.status == 200, reply
        x = upstream.wait(n)
        assert x.body == data
        assert x.header("content-encoding") is None


def test_administrators_bodies(server):
    client = server.client(ADMIN)
    for n, (coding, pack) in enumerate(CODINGS.items()):
        headers = [("Content-Encoding", coding)]
        reply = client.post("/api/keys", pack(json.dumps(
            {"name": f"packed-{n}"}).encode()), headers=headers)
        assert reply.status == 201, reply
    assert client.post("/api/keys", b"{}", headers=[
        ("Content-Encoding", "br")]).status == 415
    reply = client.post("/api/keys", gzip.compress(b" " * 3 * MB), headers=[
        ("Content-Encoding", "gzip")])
    assert reply.status == 413


@pytest.mark.parametrize("coding", [
    "br", "compress", "gzip, zstd", "gzip,gzip", "zstd;q=1", "exi", "*",
    "gzip identity x"])
@pytest.mark.parametrize("path", ["chat/completions", "uploads/u/parts"])
def test_another_coding_is_refused(client, upstream, path, coding):
    """Never passed on without the header that says what it is."""
    reply = send(client, gzip.compress(long_chat(10)), coding, path)
    message = refused(reply, upstream, 415, "unsupported_content_encoding")
    assert "Content-Encoding" in message
    assert reply.header("accept-encoding") == "gzip, deflate, zstd"


BODY = long_chat(3000)
BAD = {
    "plain": BODY, "empty text": b"x",
    "gzip cut": gzip.compress(BODY)[:-1],
    "gzip cut in the middle": gzip.compress(BODY)[:1000],
    "gzip with a tail": gzip.compress(BODY) + b"\n",
    "gzip with zeros behind": gzip.compress(BODY) + bytes(512),
    "gzip with JSON behind": gzip.compress(BODY) + b'{"model":"x"}',
    "gzip of a wrong sum": gzip.compress(BODY)[:-8] + bytes(8),
    "zlib": zlib.compress(BODY), "zstd": zstd(BODY),
    "gzip with half a member behind": gzip.compress(BODY)
    + gzip.compress(b" ")[:-2],
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_gzip_is_refused(client, upstream, name):
    refused(send(client, BAD[name], "gzip"), upstream, 400,
            "invalid_content_encoding")


def test_what_is_no_zstd_is_refused(client, upstream):
    for body in (zstd(BODY)[:-1], zstd(BODY)[:500], zstd(BODY) + b"x", BODY,
                 gzip.compress(BODY), zstd(b" " * MB, 3, 24)):
        refused(send(client, body, "zstd"), upstream, 400,
                "invalid_content_encoding")


def test_what_is_no_deflate_is_refused(client, upstream):
    for body in (zlib.compress(BODY)[:-1], zlib.compress(BODY) + b"x",
                 zlib.compress(BODY) * 2, gzip.compress(BODY), BODY):
        refused(send(client, body, "deflate"), upstream, 400,
                "invalid_content_encoding")


def test_several_members_are_one_body(client, upstream):
    for pack, coding in ((gzip.compress, "gzip"), (zstd, "zstd")):
        upstream.clear()
        packed = b"".join(pack(BODY[i:i + 500] or b" ")
                          for i in range(0, len(BODY), 500))
        assert send(client, packed, coding).status == 200
        assert upstream.wait().body == BODY


def test_what_is_decoded_is_judged(client, upstream):
    """As if it had come so."""
    for body, code in ((b"{", "invalid_json"), (b"", "invalid_json"),
                       (b'{"model":"m","Model":"x"}', "duplicate_member"),
                       (b'{"x":1}', "missing_required_parameter")):
        for coding in ("gzip", "deflate", "zstd"):
            refused(send(client, CODINGS[coding](body), coding), upstream,
                    400, code)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_a_bomb_ends_with_413(server, client, upstream, coding):
    """Long before it is decoded, and nothing of it stays."""
    for text in (b" " * 40 * MB, b'{"model":"m","x":"' + b"a" * 40 * MB + b'"}'):
        bomb = CODINGS[coding](text)
        assert len(bomb) < 100000
        message = refused(send(client, bomb, coding), upstream, 413,
                          "request_too_large")
        assert "decoded" in message
    until(lambda: server.spools() == [], "the spool to be gone")


def test_a_body_may_be_as_large_as_the_limit_when_it_is_decoded(
        client, upstream):
    upstream.script = lambda x: x.json({})
    head, tail = b'{"model":"m","x":"', b'"}'
    fill = BODY_MAX - len(head + tail)
    for more, status in ((0, 200), (1, 413)):
        body = head + b"a" * (fill + more) + tail
        for coding in ("gzip", "deflate", "zstd"):
            reply = send(client, CODINGS[coding](body), coding)
            assert reply.status == status, reply
    assert {x.sha256 for x in upstream.requests} == {hashlib.sha256(
        head + b"a" * fill + tail).hexdigest()}


def test_many_at_once_do_not_mix(server, upstream):
    """They share what they are decoded into."""
    upstream.script = lambda x: x.json({"sha": x.sha256})
    bodies = [long_chat(500000 + i) for i in range(8)]
    replies = [server.client().open(
        "POST", "/v1/chat/completions", pack(body), headers=[
            ("Content-Encoding", coding)])
        for body, (coding, pack) in zip(bodies, CODINGS.items())]
    for body, reply in zip(bodies, replies):
        assert reply.finish().json() == {
            "sha": hashlib.sha256(body).hexdigest()}
        reply.close()


def test_a_client_that_leaves_in_mid_upload(server, client, upstream):
    packed = gzip.compress(long_chat(2 * MB))
    reply = client.open("POST", "/v1/chat/completions", packed[:MB], headers=[
        ("Content-Encoding", "gzip"), ("Content-Length", str(len(packed)))])
    reply.close()
    until(lambda: server.spools() == [], "the spool to be gone")
    assert upstream.requests == []
    assert send(client, gzip.compress(BODY), "gzip").status == 200
