"""The official `openai` package through lighttpd: what users really run."""
import json
import os
import subprocess

import pytest

from client import PATIENCE
from fixtures import provider
from servers import KEY, UP_KEY, program
from upstream import chat_chunk, manual

HERE = os.path.dirname(os.path.abspath(__file__))
SERVERS = ["lighttpd"]
MODULES = os.environ.get("NODE_MODULES") or f"{HERE}/node_modules"
ENV = {"ECHO_KEY": "echo-key-3c2b"}


def PROVIDERS(upstream):
    return {
        "up": provider(upstream, models=(
            {"name": "gpt-test"}, {"name": "Qwen/Qwen2.5-7B"},
            {"name": "slow", "timeouts": {"headers": 0.2}})),
        "echo": {"kind": "echo", "base_url": "http://127.0.0.1:@PORT@/echo/v1",
                 "api_key_env": "ECHO_KEY", "models": ({"name": "echo"},)},
    }


def start(server, call, model="gpt-test", key=KEY):
    assert os.path.isdir(f"{MODULES}/openai"), \
        f"no openai package in {MODULES}: run npm ci in tests/sdk"
    return subprocess.Popen(
        [program("NODE", "node"), f"{HERE}/sdk.mjs", call, model],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={
            "PATH": os.environ["PATH"], "NODE_MODULES": MODULES,
            "BASE_URL": f"http://127.0.0.1:{server.port}/v1", "API_KEY": key})


def sdk(*args, **kwargs):
    out, err = start(*args, **kwargs).communicate(timeout=120)
    assert out, err
    return json.loads(out)


@pytest.mark.parametrize("model", ["gpt-test", "Qwen/Qwen2.5-7B"])
def test_chat(server, upstream, model):
    value = sdk(server, "chat", model)
    assert value["choices"][0]["message"]["content"] == "Hello there"
    assert value["usage"]["total_tokens"] == 5
    x = upstream.wait()
    assert x.header("authorization") == f"Bearer {UP_KEY}"
    assert x.data() == {"model": model, "messages": [
        {"role": "user", "content": "Hello there"}]}
    assert not any(k.lower().startswith("x-stainless") for k, _ in x.headers)


def test_request_id(server, upstream):
    value = sdk(server, "chatWithResponse")
    assert value["status"] == 200
    assert server.journaled(value["request_id"])["status"] == 200


def test_stream(server, upstream):
    assert sdk(server, "stream") == ["Hello", " there"]


def test_stream_helper(server, upstream):
    assert sdk(server, "helper") == "Hello there"


def test_stream_cut_surfaces_as_an_error(server, upstream):
    """What came is kept, and no end is made up."""
    def script(x):
        x.sse()
        x.event(chat_chunk("one"))
        x.event(chat_chunk("two"))
        x.close()
    upstream.script = script
    value = sdk(server, "streamError")
    assert value["parts"] == ["one", "two"]
    assert value["error"] == "APIError" and value["isAPIError"]
    assert value["code"] == "upstream_cut"


def test_stream_timeout_before_its_head(server, upstream):
    upstream.script = manual
    value = sdk(server, "streamError", "slow")
    assert (value["status"], value["code"]) == (504, "upstream_timeout")
    assert value["isAPIError"]


def test_abort_cancels_the_upstream(server, upstream, measured):
    upstream.script = manual
    process = start(server, "abort")
    x = upstream.wait(timeout=120)
    x.sse()
    x.event(chat_chunk("first"))
    line = process.stdout.readline()
    assert json.loads(line) == {"first": "first"}
    assert x.gone.wait(PATIENCE), "the upstream was never told"
    out, err = process.communicate(timeout=60)
    assert json.loads(out) == {"aborted": True}, err


def test_completions(server, upstream):
    value = sdk(server, "completions")
    assert value["choices"][0]["text"] == "Hello there"
    assert sdk(server, "completionsStream") == ["Hello", " there"]


def test_embeddings(server, upstream):
    value = sdk(server, "embeddings")
    assert value["data"][0]["embedding"] == [0.25, -0.5]


def test_moderations(server, upstream):
    assert sdk(server, "moderations")["results"][0]["flagged"] is False


def test_responses(server, upstream):
    assert sdk(server, "responses") == {"id": "resp_1", "text": "Hello there"}


def test_responses_stream(server, upstream):
    types = ["response.created", "response.output_text.delta",
             "response.completed"]

    def script(x):
        x.sse()
        for name in types:
            data = {"type": name, "delta": "x", "response": {"id": "resp_1"}}
            x.chunk(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
        x.end()
    upstream.script = script
    assert sdk(server, "responsesStream") == types


def test_models(server, upstream):
    assert set(sdk(server, "models")) == {"gpt-test", "Qwen/Qwen2.5-7B",
                                          "slow", "echo"}


@pytest.mark.parametrize("model", ["gpt-test", "Qwen/Qwen2.5-7B"])
def test_model(server, upstream, model):
    """The client sends the slash as %2F."""
    value = sdk(server, "model", model)
    assert value["id"] == model
    assert value["owned_by"] == "up"


@pytest.mark.parametrize("call, model, key, error, status, code", [
    ("chat", "gpt-test", "wrong", "AuthenticationError", 401,
     "invalid_api_key"),
    ("stream", "gpt-test", "wrong", "AuthenticationError", 401,
     "invalid_api_key"),
    ("models", "x", "wrong", "AuthenticationError", 401, "invalid_api_key"),
    ("chat", "none", KEY, "NotFoundError", 404, "model_not_found"),
    ("stream", "none", KEY, "NotFoundError", 404, "model_not_found"),
    ("model", "none", KEY, "NotFoundError", 404, "model_not_found"),
    ("chat", "", KEY, "BadRequestError", 400, "invalid_type"),
    ("chat", "slow", KEY, "InternalServerError", 504, "upstream_timeout"),
])
def test_errors(server, upstream, call, model, key, error, status, code):
    upstream.script = manual
    value = sdk(server, call, model, key)
    assert value["error"] == error, value
    assert (value["status"], value["code"]) == (status, code)
    assert server.journaled(value["request_id"])["status"] == status


def test_upstreams_own_error(server, upstream):
    upstream.script = lambda x: x.json({"error": {
        "message": "Slow down", "type": "requests", "param": None,
        "code": "rate_limit_exceeded"}}, 429)
    value = sdk(server, "chat")
    assert value["error"] == "RateLimitError"
    assert value["code"] == "rate_limit_exceeded"
    assert "Slow down" in value["message"]


# The embedded upstream, as ./quickstart sets it up.

def test_echo(server, upstream):
    value = sdk(server, "chat", "echo")
    assert "Hello there" in value["choices"][0]["message"]["content"]
    assert value["usage"]["total_tokens"] > 0
    assert "".join(sdk(server, "stream", "echo")) == \
        value["choices"][0]["message"]["content"]
    assert len(sdk(server, "stream", "echo")) > 1
    assert upstream.requests == []


def test_echo_completions_and_embeddings(server, upstream):
    assert "Hello" in sdk(server, "completions", "echo")["choices"][0]["text"]
    first = sdk(server, "embeddings", "echo")["data"]
    assert len(first) == 2 and first == sdk(server, "embeddings", "echo")["data"]
    assert first[0]["embedding"] != first[1]["embedding"]
