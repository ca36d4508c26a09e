"""Only paths of a table are relayed by the model that a body names."""
import json
import random

import pytest

from fixtures import provider
from servers import LOGIC

SERVERS = LOGIC

CONF = {"extra_paths": ["infill", "made/for/all"]}

# What is relayed by model: the path, and what the upstream is asked for.
CALLS = {path: path for path in (
    "chat/completions", "completions", "fim/completions", "embeddings",
    "moderations", "chat/moderations", "rerank", "reranking", "score",
    "classify", "classifications", "chat/classifications", "pooling",
    "tokenize", "detokenize", "ocr", "videos", "images/generations",
    "images/edits", "images/variations", "audio/speech",
    "audio/transcriptions", "audio/translations", "responses", "messages",
    "messages/count_tokens", "infill", "made/for/all")}

# What others made on the provider's account, and what is worth a key there.
OBJECTS = [
    "files", "files/file-1", "files/file-1/content", "batches",
    "batches/batch_1", "vector_stores", "vector_stores/vs_1/files",
    "fine_tuning/jobs", "assistants", "threads/t/messages", "uploads",
    "realtime/sessions", "realtime/client_secrets", "conversations/c/items",
    "organization/admin_api_keys", "containers", "evals", "skills",
    "chat/completions/chatcmpl-1", "messages/batches", "edits",
    "engines/m/completions", "v1/chat/completions",
    "Chat/completions", "CHAT/COMPLETIONS", "Messages", "infiLL", "x",
]


def PROVIDERS(upstream):
    return {
        "up": provider(upstream, models=({"name": "m"}, {"name": "*"})),
        "named": provider(upstream, extra_paths=["only/here"], prefix="n-",
                          models=({"name": "m"},
                                  {"name": "p", "paths": ["of/a/model"]})),
    }


@pytest.fixture(autouse=True)
def answers(upstream):
    upstream.script = lambda x: x.json({"id": "x", "ok": True})


@pytest.mark.parametrize("path", CALLS)
def test_calls_go_up_at_their_own_path(client, upstream, path):
    reply = client.post(f"/v1/{path}", {"model": "m"})
    assert reply.status == 200, reply
    x = upstream.wait()
    assert (x.method, x.path) == ("POST", f"/v1/{path}")
    assert x.data() == {"model": "m"}


def test_rerank_at_the_path_of_its_second_version(client, upstream):
    assert client.post("/v2/rerank", {"model": "m"}).status == 200
    assert upstream.wait().path == "/v1/rerank"
    assert client.post("/v2/chat", {"model": "m"}).status == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_calls_are_posts(client, upstream, method):
    for path in CALLS:
        reply = client.ask(method, f"/v1/{path}", json.dumps(
            {"model": "m"}).encode())
        assert reply.status in (400, 404, 405), (path, reply)
    assert upstream.requests == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH",
                                    "DELETE"])
def test_a_body_that_names_a_model_opens_nothing_else(client, upstream,
                                                      method):
    """lighttpd refuses a GET with a body by itself."""
    for path in OBJECTS:
        reply = client.ask(method, f"/v1/{path}", json.dumps(
            {"model": "m"}).encode())
        assert reply.status in (400, 404, 405), (path, reply)
    assert upstream.requests == []


def test_random_paths_open_nothing(client, upstream):
    random.seed(5)
    words = ["chat", "completions", "files", "m", "v1", "responses", "a-b",
             "messages", "x.y", "~", "engines", "deployments"]
    taken = {f"/v1/{path}" for path in CALLS}
    for _ in range(300):
        path = "/v1/" + "/".join(random.choices(words, k=random.randint(1, 4)))
        if path in taken or path.startswith(("/v1/deployments/")):
            continue
        method = random.choice(["GET", "POST", "DELETE", "PUT"])
        reply = client.ask(method, path, b'{"model":"m"}')
        assert reply.status >= 400, (method, path, reply)
    assert upstream.requests == []


@pytest.mark.parametrize("path, model, status", [
    ("only/here", "n-m", 200), ("only/here", "m", 404),
    ("of/a/model", "n-p", 200), ("of/a/model", "n-m", 404),
    ("chat/completions", "n-p", 404), ("infill", "n-m", 200),
    ("infill", "n-p", 404), ("made/for", "m", 404)])
def test_paths_of_the_configuration(client, upstream, path, model, status):
    """A path that a provider or a model names is served by those alone."""
    reply = client.post(f"/v1/{path}", {"model": model})
    assert reply.status == status, reply
    assert len(upstream.requests) == (status == 200)
