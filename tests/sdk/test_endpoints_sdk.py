"""Each endpoint beyond chat through the official `openai` package."""
import hashlib
import json
import os
import subprocess

import pytest

from account import Account
from fixtures import provider
from servers import KEY, UP_KEY, program

HERE = os.path.dirname(os.path.abspath(__file__))
SERVERS = ["lighttpd", "apache-proxy-fcgi"]
MODULES = os.environ.get("NODE_MODULES") or f"{HERE}/node_modules"
OTHER = "other-client-key-77"
ENV = {"SLUICE_API_KEYS": f"{KEY},{OTHER}"}
CONF = {"base_url": "http://gateway.test"}
DATA = bytes(i * i % 251 for i in range(300000))    # as in endpoints.mjs
DIGEST = hashlib.sha256(DATA).hexdigest()


def PROVIDERS(upstream):
    return {"up": provider(upstream, passthrough=True, models=(
        {"name": "m", "target": "model-upstream"},))}


def sdk(server, call, argument="", model="m", key=KEY):
    assert os.path.isdir(f"{MODULES}/openai"), \
        f"no openai package in {MODULES}: run npm ci in tests/sdk"
    done = subprocess.run(
        [program("NODE", "node"), f"{HERE}/endpoints.mjs", call, model,
         argument], capture_output=True, text=True, timeout=120, env={
            "PATH": os.environ["PATH"], "NODE_MODULES": MODULES,
            "BASE_URL": f"http://127.0.0.1:{server.port}/v1", "API_KEY": key})
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def raw(x, data, kind):
    x.keep = True
    x.head(200, [("Content-Type", kind), ("Content-Length", len(data))])
    x.send(data)


def fields(x):
    """What the upstream's own parser finds: (name, file name, bytes)."""
    mark = b"--" + x.header("content-type").split("boundary=")[1].encode()
    pieces = x.body.split(mark)
    assert pieces[0] == b"" and pieces[-1].strip() == b"--"
    found = []
    for piece in pieces[1:-1]:
        head, _, value = piece[2:-2].partition(b"\r\n\r\n")
        text = head.decode()
        name = text.split('name="')[1].split('"')[0]
        filename = text.split('filename="')[1].split('"')[0] \
            if 'filename="' in text else None
        found.append((name, filename, value))
    return found


def test_speech(server, upstream):
    upstream.script = lambda x: raw(x, DATA, "audio/mpeg")
    assert sdk(server, "speech") == {
        "type": "audio/mpeg", "size": len(DATA), "sha256": DIGEST}
    assert upstream.wait().data()["model"] == "model-upstream"


def test_transcription(server, upstream):
    answer = {"text": "Hei", "words": [{"word": "Hei", "start": 0.5}]}
    upstream.script = lambda x: x.json(answer)
    assert sdk(server, "transcription") == answer
    found = fields(upstream.wait())
    assert ("model", None, b"model-upstream") in found
    assert ("response_format", None, b"verbose_json") in found
    assert [v for n, _, v in found if n == "timestamp_granularities[]"] == \
        [b"word", b"segment"]
    files = [(f, v) for n, f, v in found if n == "file"]
    assert files == [("n\u00e4h.wav", DATA)]


@pytest.mark.parametrize("kind, text", [
    ("text", "Hei \u00e4\n"), ("vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\nx\n"),
    ("srt", "1\n00:00:00,000 --> 00:00:01,000\nx\n")])
def test_transcription_as_text(server, upstream, kind, text):
    upstream.script = lambda x: raw(x, text.encode(),
                                    "text/plain; charset=utf-8")
    assert sdk(server, "transcriptionText", kind) == text


def test_transcription_stream(server, upstream):
    events = [{"type": "transcript.text.delta", "delta": "a"},
              {"type": "transcript.text.done", "text": "a"}]

    def script(x):
        x.sse()
        for event in events:
            x.event(event)
        x.event("[DONE]")
        x.end()
    upstream.script = script
    assert sdk(server, "transcriptionStream") == events


def test_translation(server, upstream):
    upstream.script = lambda x: x.json({"text": "Hello"})
    assert sdk(server, "translation") == {"text": "Hello"}
    assert upstream.wait().path == "/v1/audio/translations"


@pytest.mark.parametrize("call, path, files", [
    ("imageEdit", "edits", ["image", "mask"]),
    ("imageEdits", "edits", ["image[]", "image[]"]),
    ("imageVariation", "variations", ["image"])])
def test_image_uploads(server, upstream, call, path, files):
    upstream.script = lambda x: x.json({"data": [{"b64_json": "QQ=="}]})
    assert sdk(server, call) == {"data": [{"b64_json": "QQ=="}]}
    x = upstream.wait()
    assert x.path == f"/v1/images/{path}"
    found = fields(x)
    assert [n for n, f, v in found if f is not None] == files
    assert all(v == DATA for n, f, v in found if f is not None)
    assert ("model", None, b"model-upstream") in found
    assert {n for n, f, v in found if f is None} <= {"model", "prompt"}


def test_images_and_their_links(server, upstream):
    upstream.script = lambda x: x.json({"created": 1, "data": [
        {"url": upstream.url + "/a.png"}, {"url": "https://blob.example/b"}]})
    first, second = sdk(server, "images")["data"]
    assert second == {"url": "https://blob.example/b"}
    start = CONF["base_url"] + "/v1/images/data/m/"
    assert first["url"].startswith(start)
    link = first["url"].replace(CONF["base_url"],
                                f"http://127.0.0.1:{server.port}")
    upstream.script = lambda x: raw(x, DATA, "image/png")
    assert sdk(server, "fetchLink", link) == {
        "type": "image/png", "size": len(DATA), "sha256": DIGEST}
    assert upstream.wait(2).header("authorization") == f"Bearer {UP_KEY}"


def test_moderation(server, upstream):
    answer = {"id": "modr-1", "results": [{"flagged": True}]}
    upstream.script = lambda x: x.json(answer)
    assert sdk(server, "moderation") == answer


def responses(name):
    """An upstream that knows one response."""
    def script(x):
        path = x.path.removeprefix("/v1/responses").split("?")[0]
        if path == "":
            return x.json({"id": name, "object": "response", "output": []})
        answers = {
            ("GET", f"/{name}"): {"id": name, "status": "completed"},
            ("GET", f"/{name}/input_items"):
                {"object": "list", "data": [{"id": "item_1"}],
                 "has_more": False},
            ("POST", f"/{name}/cancel"): {"id": name, "status": "cancelled"},
            ("DELETE", f"/{name}"): {"id": name, "deleted": True}}
        return x.json(answers[x.method, path])
    return script


def test_life_of_a_response(server, upstream):
    upstream.script = responses("resp_sdk")
    value = sdk(server, "responseLife")
    assert value["made"] == "resp_sdk"
    assert value["got"]["status"] == "completed"
    assert value["items"] == [{"id": "item_1"}]
    assert value["cancelled"]["status"] == "cancelled"
    assert [(x.method, x.path) for x in upstream.requests] == [
        ("POST", "/v1/responses"), ("GET", "/v1/responses/resp_sdk"),
        ("GET", "/v1/responses/resp_sdk/input_items"),
        ("POST", "/v1/responses/resp_sdk/cancel"),
        ("DELETE", "/v1/responses/resp_sdk")]


def test_response_of_a_stream(server, upstream):
    def script(x):
        if x.method == "GET":
            return x.json({"id": "resp_st", "status": "completed"})
        x.sse()
        for kind in ("response.created", "response.completed"):
            data = {"type": kind, "response": {"id": "resp_st"}}
            x.chunk(f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode())
        x.end()
    upstream.script = script
    value = sdk(server, "responseStreamThenGet")
    assert (value["id"], value["status"]) == ("resp_st", "completed")


def test_response_of_another_key(server, upstream):
    upstream.script = responses("resp_mine")
    assert sdk(server, "responseMade")["id"] == "resp_mine"
    value = sdk(server, "retrieve", "resp_mine", key=OTHER)
    assert (value["error"], value["status"]) == ("NotFoundError", 404)
    assert sdk(server, "retrieve", "resp_mine")["id"] == "resp_mine"


def test_life_of_a_file(server, upstream):
    def script(x):
        if x.path.endswith("/content"):
            return raw(x, DATA, "application/octet-stream")
        if (x.method, x.path) == ("GET", "/v1/files"):
            return x.json({"object": "list", "data": [{"id": "file-1"}]})
        return x.json({"id": "file-1", "method": x.method})
    upstream.script = script
    value = sdk(server, "fileLife")
    assert value["made"] == {"id": "file-1", "method": "POST"}
    assert value["got"] == {"id": "file-1", "method": "GET"}
    assert value["deleted"] == {"id": "file-1", "method": "DELETE"}
    assert value["content"]["sha256"] == DIGEST
    assert value["listed"] == [{"id": "file-1"}]
    found = fields(upstream.requests[0])
    assert sorted((n, f) for n, f, _ in found) == [
        ("file", "b.jsonl"), ("purpose", None)]
    assert next(v for n, _, v in found if n == "file") == DATA


def test_batch(server, upstream):
    account = Account(upstream)
    value = sdk(server, "batch")
    made, = account.things["files"]
    assert upstream.requests[-1].data()["input_file_id"] == made
    assert value["id"] in account.things["batches"]
    for name in (made, "file-1"):
        refused = sdk(server, "batch", name, key=OTHER)
        assert (refused["error"], refused["status"]) == ("NotFoundError", 404)


def test_each_key_has_its_own_objects(server, upstream):
    """Between those of others, over many pages."""
    account = Account(upstream)
    values = {}
    for key in (KEY, OTHER, KEY):
        for kind in ("files", "batches", "vector_stores"):
            for _ in range(5):
                account.add(kind)
        values[key] = sdk(server, "collections", "3", key=key)
    mine, theirs = values[KEY], values[OTHER]
    for kind in ("files", "batches", "stores"):
        assert len(mine["listed"][kind]) >= 6
        assert mine["listed"][kind][:3] == mine["made"][kind][::-1]
        assert theirs["listed"][kind] == theirs["made"][kind][::-1]
        name = {"stores": "vectorStores"}.get(kind, kind)
        thing = theirs["made"][kind][0]
        assert sdk(server, "take", f"{name}/{thing}", key=OTHER)["id"] == thing
        value = sdk(server, "take", f"{name}/{thing}")
        assert (value["error"], value["status"]) == ("NotFoundError", 404)


@pytest.mark.parametrize("call", ["speech", "transcription", "images",
                                  "imageEdit", "moderation"])
@pytest.mark.parametrize("model, key, error, status", [
    ("none", KEY, "NotFoundError", 404),
    ("m", "wrong", "AuthenticationError", 401)])
def test_errors(server, upstream, call, model, key, error, status):
    value = sdk(server, call, model=model, key=key)
    assert (value["error"], value["status"]) == (error, status)
    assert upstream.requests == []
