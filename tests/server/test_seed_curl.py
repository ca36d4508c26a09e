"""The commands of another gateway's README, typed as they stand there.

X0Ken/openai-gateway, whose routes and members /api has. Nothing is open here, so
the reader's ~/.curlrc has the admin key; only the server's address and the key
of the chat are put in.
"""
import json
import os
import re
import subprocess

import pytest

from client import PATIENCE, until
from upstream import chat_answer

ADMIN = "admin-key-5c4d3e"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

CHAT = r'''
curl -X POST http://localhost:8080/v1/chat/completions \
  -H "Content-Type: application/json" \
  -H "Authorization: Bearer your-api-key" \
  -d '{
    "model": "gpt-3.5-turbo",
    "messages": [{"role": "user", "content": "Hello!"}]
  }'
'''

LIST_MODELS = "curl http://localhost:8080/v1/models"

CREATE_CHANNEL = r'''
curl -X POST http://localhost:8080/api/channels \
  -H "Content-Type: application/json" \
  -d '{
    "name": "openai-channel",
    "base_url": "https://api.openai.com",
    "api_key": "sk-your-key",
    "weight": 10,
    "enabled": true,
    "models": ["gpt-3.5-turbo", "gpt-4"]
  }'
'''

CREATE_USER = r'''
curl -X POST http://localhost:8080/api/users \
  -H "Content-Type: application/json" \
  -d '{
    "api_key": "user-api-key-0001",
    "name": "Test User"
  }'
'''

CREATE_MODEL = r'''
curl -X POST http://localhost:8080/api/models \
  -H "Content-Type: application/json" \
  -d '{
    "name": "gpt-4"
  }'
'''

CREATE_MAPPING = r'''
curl -X POST http://localhost:8080/api/models/1/channels \
  -H "Content-Type: application/json" \
  -d '{
    "channel_id": 1,
    "backend_model_name": "gpt-4",
    "weight": 10
  }'
'''

LIST_MAPPINGS = "curl http://localhost:8080/api/models/1/channels"

REMOVE_MAPPING = "curl -X DELETE http://localhost:8080/api/models/1/channels/1"


@pytest.fixture
def typed(make_server, tmp_path):
    """Types a command; what came of it: status, and JSON or None."""
    server = make_server("lighttpd", {"auth": {"models_open": True}},
                         env={"SLUICE_ADMIN_KEY": ADMIN})
    (tmp_path / ".curlrc").write_text(
        f'silent\nheader = "AdminKey: {ADMIN}"\nwrite-out = "\\n%{{http_code}}"\n')

    def run(command):
        text = command.replace("http://localhost:8080",
                               f"http://127.0.0.1:{server.port}")
        done = subprocess.run(
            ["sh", "-c", text], capture_output=True, text=True,
            timeout=PATIENCE, check=True,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
        body, status = done.stdout.rsplit("\n", 1)
        return int(status), json.loads(body) if body else None
    run.server = server
    return run


def use_scripted(typed, upstream):
    """Nobody asks api.openai.com: the channel is pointed elsewhere."""
    reply = typed.server.client(ADMIN).ask("PUT", "/api/channels/1", {
        "base_url": upstream.url.removesuffix("/v1"), "api_key": "sk-your-key"})
    assert reply.status == 200, reply


def chat(typed, status):
    """Until every process answers so, for it was just told; the last answer."""
    command = CHAT.replace("your-api-key", "user-api-key-0001")
    answers = []

    def all_so():
        answers[:] = [typed(command) for _ in range(6)]
        return {one for one, _ in answers} == {status}
    until(all_so, f"{status} for the chat")
    return answers[-1][1]


def assert_channel(channel):
    assert (channel["id"], channel["name"]) == (1, "openai-channel")
    assert channel["base_url"] == "https://api.openai.com/v1"
    assert (channel["weight"], channel["enabled"]) == (10, True)
    assert "sk-your-key" not in json.dumps(channel)
    assert TIME.fullmatch(channel["created_at"])


def mapped(typed):
    status, mappings = typed(LIST_MAPPINGS)
    assert status == 200
    for one in mappings:
        assert set(one) >= {"id", "model_id", "channel_id", "weight",
                            "backend_model_name", "created_at"}
        assert TIME.fullmatch(one["created_at"])
    return [(one["model_id"], one["channel_id"], one["backend_model_name"],
             one["weight"]) for one in mappings]


def test_in_the_order_of_the_readme(typed, upstream):
    """The channel has made its models, so that the first is gpt-3.5-turbo."""
    upstream.script = lambda x: x.json(chat_answer())
    status, channel = typed(CREATE_CHANNEL)
    assert status == 201
    assert_channel(channel)
    use_scripted(typed, upstream)
    status, user = typed(CREATE_USER)
    assert (status, user["id"], user["name"]) == (201, 1, "Test User")
    assert TIME.fullmatch(user["created_at"])
    status, refusal = typed(CREATE_MODEL)
    assert (status, refusal["error"]["param"]) == (409, "name")
    assert mapped(typed) == [(1, 1, "gpt-3.5-turbo", 10)]
    assert typed(CREATE_MAPPING)[0] == 409
    until(lambda: {model["id"] for model in typed(LIST_MODELS)[1]["data"]} ==
          {"gpt-3.5-turbo", "gpt-4"}, "both models")
    assert chat(typed, 200)["object"] == "chat.completion"
    asked = upstream.requests[-1]
    assert asked.path == "/v1/chat/completions"
    assert asked.data()["model"] == "gpt-3.5-turbo"
    assert asked.header("Authorization") == "Bearer sk-your-key"
    assert asked.header("AdminKey") is None
    assert typed(REMOVE_MAPPING) == (204, None)
    assert mapped(typed) == []
    assert typed(CREATE_MAPPING)[0] == 201
    assert mapped(typed) == [(1, 1, "gpt-4", 10)]
    until(lambda: chat(typed, 200) and upstream.requests[-1].data()["model"]
          == "gpt-4", "the mapping")


def test_with_the_model_first(typed, upstream):
    """As on a gateway that has no channel yet: its model is number 1."""
    upstream.script = lambda x: x.json(chat_answer())
    status, model = typed(CREATE_MODEL)
    assert (status, model["id"], model["name"]) == (201, 1, "gpt-4")
    assert mapped(typed) == []
    assert typed(CREATE_CHANNEL)[0] == 201
    use_scripted(typed, upstream)
    assert mapped(typed) == [(1, 1, "gpt-4", 10)]
    assert typed(REMOVE_MAPPING) == (204, None)
    status, mapping = typed(CREATE_MAPPING)
    assert (status, mapping["backend_model_name"]) == (201, "gpt-4")
    assert mapped(typed) == [(1, 1, "gpt-4", 10)]
    assert typed(CREATE_USER)[0] == 201
    assert chat(typed, 200)["object"] == "chat.completion"
    everything = json.dumps(typed.server.journal()) + typed.server.logs()
    for secret in (ADMIN, "sk-your-key", "user-api-key-0001"):
        assert secret not in everything


def test_without_the_readers_file_nothing_is_open(typed, tmp_path):
    (tmp_path / ".curlrc").write_text('silent\nwrite-out = "\\n%{http_code}"\n')
    for command in (CREATE_CHANNEL, CREATE_USER, CREATE_MODEL, CREATE_MAPPING,
                    LIST_MAPPINGS, REMOVE_MAPPING, CHAT):
        assert typed(command)[0] == 401
