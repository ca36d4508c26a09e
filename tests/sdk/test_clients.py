"""Official clients of several APIs, each as its vendor ships it."""
import json
import os
import subprocess

import pytest

from channels import NO_BREAKER
from fixtures import provider
from servers import KEY, UP_KEY, program
from upstream import chat_answer

HERE = os.path.dirname(os.path.abspath(__file__))
SERVERS = ["lighttpd"]
MODULES = os.environ.get("NODE_MODULES") or f"{HERE}/node_modules"
CONF = {"breaker": NO_BREAKER, "stream": {"keepalive": 0.1}}


def PROVIDERS(upstream):
    return {"up": provider(upstream, retries=0, models=(
        {"name": "m", "target": "model-upstream", "display_name": "M",
         "context_window": 1000, "max_output": 100},
        {"name": "n"},
        {"name": "mute", "timeouts": {"headers": 0.4}}))}


def sdk(server, call, model="m", key=KEY):
    assert os.path.isdir(f"{MODULES}/openai-6"), \
        f"packages are missing in {MODULES}: run npm ci in tests/sdk"
    done = subprocess.run(
        [program("NODE", "node"), f"{HERE}/clients.mjs", call, model],
        capture_output=True, text=True, timeout=120, env={
            "PATH": os.environ["PATH"], "NODE_MODULES": MODULES,
            "ORIGIN": f"http://127.0.0.1:{server.port}", "API_KEY": key})
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


# openai.

def test_compact_and_count(server, upstream):
    compacted = {"id": "resp_c", "object": "response.compaction",
                 "output": [], "usage": {"input_tokens": 7}}
    upstream.script = lambda x: x.json(compacted)
    assert sdk(server, "compact") == compacted
    counted = {"object": "response.input_tokens", "input_tokens": 7}
    upstream.script = lambda x: x.json(counted)
    assert sdk(server, "inputTokens") == counted
    assert [(x.path, x.data()["model"]) for x in upstream.requests] == [
        ("/v1/responses/compact", "model-upstream"),
        ("/v1/responses/input_tokens", "model-upstream")]


def test_models_of_openai(server):
    found = sdk(server, "models")
    assert [model["id"] for model in found] == ["m", "mute", "n"]
    assert {model["object"] for model in found} == {"model"}


# Azure's client: a deployment is the model that is asked for.

@pytest.mark.parametrize("call", ["azureEndpoint", "azureDeployment",
                                  "azureBase", "openaiV1"])
def test_ways_in_of_azures_clients(server, upstream, call):
    upstream.script = lambda x: x.json(chat_answer())
    value = sdk(server, call)
    assert value["choices"][0]["message"]["content"] == "Hello there", value
    x = upstream.wait()
    assert x.path == "/v1/chat/completions"
    assert x.data()["model"] == "model-upstream"
    assert x.header("authorization") == f"Bearer {UP_KEY}"
    assert x.header("api-key") is None


def test_responses_of_azures_client(server, upstream):
    upstream.script = lambda x: x.json({
        "id": "resp_1", "object": "response", "status": "completed",
        "output": []})
    assert sdk(server, "azureResponses")["id"] == "resp_1"
    assert upstream.wait().path == "/v1/responses"


# Anthropic's client.

MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant",
           "model": "m", "content": [{"type": "text", "text": "Hello"}],
           "stop_reason": "end_turn", "stop_sequence": None,
           "usage": {"input_tokens": 3, "output_tokens": 1}}


@pytest.mark.parametrize("call", ["message", "messageWithToken"])
def test_message(server, upstream, call):
    """Also where the client's own token stands in Authorization."""
    upstream.script = lambda x: x.json(MESSAGE)
    assert sdk(server, call)["content"] == MESSAGE["content"]
    x = upstream.wait()
    assert (x.path, x.data()["model"]) == ("/v1/messages", "model-upstream")
    assert "foreign" not in str(x)


def named(data):
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


MESSAGE_EVENTS = [
    {"type": "message_start", "message": {**MESSAGE, "content": [],
                                          "stop_reason": None}},
    {"type": "content_block_start", "index": 0,
     "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0,
     "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {
        "stop_reason": "end_turn", "stop_sequence": None},
     "usage": {"output_tokens": 1}},
    {"type": "message_stop"}]


def pauses_between(events, end):
    """A script: pings go by before each event."""
    def script(x):
        x.hold(0.4)
        x.sse()
        for event in events:
            x.hold(0.25)
            x.chunk(named(event))
        getattr(x, end)()
    return script


def test_message_stream_with_pings(server, upstream):
    """Before message_start, too: the client takes them where they come."""
    upstream.script = pauses_between(MESSAGE_EVENTS, "end")
    value = sdk(server, "messageStream")
    assert value == {"events": [e["type"] for e in MESSAGE_EVENTS],
                     "text": "Hello"}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_message_stream_that_breaks(server, upstream, count):
    upstream.script = pauses_between(MESSAGE_EVENTS[:count], "close")
    value = sdk(server, "messageStream")
    assert value["error"] == "APIError", value
    assert value["body"]["error"]["type"] == "api_error"
    assert "provider" in value["message"]


def test_count_tokens(server, upstream):
    upstream.script = lambda x: x.json({"input_tokens": 7})
    assert sdk(server, "countTokens") == {"input_tokens": 7}
    assert upstream.wait().path == "/v1/messages/count_tokens"


def test_models_of_anthropic(server):
    """A page of one at a time, to the end."""
    found = sdk(server, "anthropicModels")
    assert [model["id"] for model in found] == ["m", "mute", "n"]
    one = sdk(server, "anthropicModel")
    assert one == found[0]
    assert (one["type"], one["display_name"], one["max_input_tokens"],
            one["max_tokens"]) == ("model", "M", 1000, 100)
    assert one["created_at"].endswith("Z")


@pytest.mark.parametrize("call, model, key, error, status, kind", [
    ("anthropicModels", "m", "no", "AuthenticationError", 401,
     "authentication_error"),
    ("anthropicModel", "none", KEY, "NotFoundError", 404, "not_found_error"),
    ("message", "none", KEY, "NotFoundError", 404, "not_found_error")])
def test_errors_of_anthropic(server, call, model, key, error, status, kind):
    value = sdk(server, call, model, key)
    assert (value["error"], value["status"]) == (error, status)
    assert value["body"]["error"]["type"] == kind
    assert value["body"]["request_id"]


# Failures in a stream of /v1/responses.

RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1,
            "status": "in_progress", "model": "m", "output": [],
            "error": None, "incomplete_details": None, "instructions": None,
            "metadata": {}, "parallel_tool_calls": True, "temperature": 1,
            "tool_choice": "auto", "tools": [], "top_p": 1, "usage": None}
RESPONSE_EVENTS = [
    {"type": "response.created", "sequence_number": 0, "response": RESPONSE},
    {"type": "response.output_item.added", "sequence_number": 1,
     "output_index": 0, "item": {
         "id": "msg_1", "type": "message", "role": "assistant",
         "status": "in_progress", "content": []}},
    {"type": "response.content_part.added", "sequence_number": 2,
     "item_id": "msg_1", "output_index": 0, "content_index": 0,
     "part": {"type": "output_text", "text": "", "annotations": []}},
    {"type": "response.output_text.delta", "sequence_number": 3,
     "item_id": "msg_1", "output_index": 0, "content_index": 0,
     "delta": "Hel", "logprobs": []}]
CUT = "The provider's answer was cut off before its end."
REFUSED = {"error": {"message": "Too long.", "type": "invalid_request_error",
                     "param": "input", "code": "context_length_exceeded"}}


def is_refused_late(x):
    x.hold(0.4)
    x.json(REFUSED, 400)


SCRIPTS = {
    "cut": (pauses_between(RESPONSE_EVENTS, "close"), "m", CUT,
            "upstream_cut"),
    "refused": (is_refused_late, "m", "Too long.", "context_length_exceeded"),
    "silent": (lambda x: x.hold(), "mute",
               "The provider did not begin its answer in time.",
               "upstream_timeout")}


@pytest.mark.parametrize("script", SCRIPTS)
def test_openai_hears_what_went_wrong(server, upstream, script):
    upstream.script, model, message, code = SCRIPTS[script]
    value = sdk(server, "responsesStream", model)
    assert (value["error"], value["code"]) == ("APIError", code), value
    assert message in value["message"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_ai_sdk_hears_what_went_wrong(server, upstream, script):
    """It takes each event for a mistake that is none of the API's."""
    upstream.script, model, message, code = SCRIPTS[script]
    found = sdk(server, "aiStream", model)
    assert isinstance(found, list), found
    errors = [part["error"] for part in found if part["type"] == "error"]
    assert len(errors) == 1, found
    assert (errors[0]["error"]["message"], errors[0]["error"]["code"]) == (
        message, code)
    assert [part["delta"] for part in found if part["type"] != "error"] == (
        ["Hel"] if script == "cut" else [])
