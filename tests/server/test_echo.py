"""The embedded upstream: kind = "echo", reached over HTTP like any other."""
import json

import pytest

from servers import KEY

SERVERS = ["lighttpd", "nginx", "apache-proxy-fcgi", "apache-fcgid",
           "apache-cgi"]
ECHO_KEY = "echo-key-3c2b"
ENV = {"ECHO_KEY": ECHO_KEY}
TEXT = "Water flows one gate at a time."
CHAT = {"model": "echo", "messages": [{"role": "user", "content": TEXT}]}


def PROVIDERS(upstream):
    return {"echo": {
        "kind": "echo", "base_url": "http://127.0.0.1:@PORT@/echo/v1",
        "api_key_env": "ECHO_KEY", "delay_ms": 2,
        "models": ({"name": "echo"}, {"name": "named", "target": "other"})}}


def words(reply):
    """The contents of a stream's chunks; it must end with [DONE]."""
    events = reply.body.decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(e.removeprefix("data: ")) for e in events[:-2]]
    assert len({c["id"] for c in chunks}) == 1
    return [c["choices"][0]["delta"].get("content") or "" for c in chunks
            if c["choices"]]


def test_chat(client):
    first = client.post("/v1/chat/completions", CHAT)
    assert first.status == 200, first
    content = first.json()["choices"][0]["message"]["content"]
    assert TEXT in content
    again = client.post("/v1/chat/completions", CHAT).json()
    assert again["choices"][0]["message"]["content"] == content
    assert again["usage"] == first.json()["usage"]


def test_stream_word_by_word(client):
    whole = client.post("/v1/chat/completions", CHAT).json()
    reply = client.post("/v1/chat/completions", dict(CHAT, stream=True))
    assert reply.status == 200, reply
    parts = words(reply)
    assert "".join(parts) == whole["choices"][0]["message"]["content"]
    assert sum(1 for p in parts if p.strip()) >= len(TEXT.split())


def test_model_name_is_the_targets(client):
    reply = client.post("/v1/chat/completions", dict(CHAT, model="named"))
    assert reply.json()["model"] == "other"


def test_completions_and_embeddings(client):
    reply = client.post("/v1/completions", {"model": "echo", "prompt": TEXT})
    assert TEXT in reply.json()["choices"][0]["text"]
    one = client.post("/v1/embeddings", {"model": "echo", "input": [TEXT, "x"]})
    two = client.post("/v1/embeddings", {"model": "echo", "input": [TEXT, "x"]})
    assert one.json()["data"] == two.json()["data"]
    assert len(one.json()["data"]) == 2


def test_health_of_its_model(client):
    reply = client.get("/health/echo")
    assert reply.status == 200, reply


@pytest.mark.parametrize("method, path", [
    ("GET", "/echo/v1/models"), ("POST", "/echo/v1/chat/completions")])
def test_its_own_key(server, client, method, path):
    """The gateway's client keys open it as little as none."""
    body = CHAT if method == "POST" else None
    for key in (None, KEY, "wrong"):
        reply = server.client(key).ask(method, path, body)
        assert reply.status == 401, reply
    reply = server.client(ECHO_KEY).ask(method, path, body)
    assert reply.status == 200, reply


def test_its_key_is_no_client_key(server):
    reply = server.client(ECHO_KEY).post("/v1/chat/completions", CHAT)
    assert reply.status == 401


def test_50_streams_at_once(server, client):
    count = 10 if server.kind in ("apache-fcgid", "apache-cgi") else 50
    replies = [client.open("POST", "/v1/chat/completions",
                           dict(CHAT, stream=True)) for _ in range(count)]
    for reply in replies:
        reply.finish(60)
        assert TEXT in "".join(words(reply))
        reply.close()
