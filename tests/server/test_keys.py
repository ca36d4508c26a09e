"""Clients' keys that sluicectl makes: who comes in, where, with which model."""
import hashlib
import os
import sqlite3
import time

import pytest

from client import until
from client_keys import keys, limits, listed, made
from fixtures import provider
from servers import KEY
from upstream import chat_answer

SERVERS = ["lighttpd", "apache-cgi"]
CONF = {"default_model": "gpt-test"}
BROUGHT = "sk-brought-along-11aa22bb"


def PROVIDERS(upstream):
    return {
        "up": provider(upstream, passthrough=True, models=(
            {"name": "gpt-test"}, {"name": "gpt-other"},
            {"name": "Qwen/Qwen2.5-7B"},
            {"name": "mapped", "target": "gpt-test"})),
        "lab": provider(upstream, namespace="lab", models=(
            {"name": "gpt-test"}, {"name": "*"})),
    }


def ask_as(client, model="gpt-test", path="/v1/chat/completions"):
    body = {"messages": []} if model is None else {
        "model": model, "messages": []}
    return client.post(path, body)


def ask(server, secret, *what, **more):
    return ask_as(server.client(secret), *what, **more)


def everywhere(server, secret, status, **more):
    """Every process of the pool has it by now; CGI at once."""
    server.everywhere(lambda client: ask_as(client, **more).status == status,
                      status, secret)


@pytest.fixture(autouse=True)
def answers(upstream):
    upstream.script = lambda x: x.json(chat_answer())


@pytest.fixture
def key(server, request):
    """Makes keys; they are deleted with the test."""
    names = []

    def make(*words, name="tester"):
        names.append(name)
        secret = made(server, name, *words)
        server.everywhere(lambda client: ask_as(client).status in (
            [200] if not words else [200, 403, 404, 429]), "the key", secret)
        return secret

    yield make
    for name in names:
        if name in listed(server):
            keys(server, "delete", name)


def refused(reply, code, status=403):
    assert (reply.status, reply.error["code"]) == (status, code)
    return reply.error


def test_a_key_works_from_adding_to_deleting(server, key):
    secret = key()
    reply = ask(server, secret)
    line = server.journaled(reply.header("x-request-id"))
    assert line["key_id"] == listed(server)["tester"]["id"]
    keys(server, "disable", "tester")
    everywhere(server, secret, 401)
    keys(server, "enable", "tester")
    everywhere(server, secret, 200)
    keys(server, "delete", "tester")
    everywhere(server, secret, 401)
    assert ask(server, KEY).status == 200


def test_a_key_expires(server, key):
    secret = key("--expires", "1h")
    assert ask(server, secret).status == 200
    keys(server, "set", "tester", "--expires", "2020-01-01")
    everywhere(server, secret, 401)
    assert listed(server)["tester"]["state"] == "expired"
    keys(server, "set", "tester", "--expires", "never")
    everywhere(server, secret, 200)
    keys(server, "set", "tester", "--expires", "1s")
    everywhere(server, secret, 401)


def test_all_that_are_refused_are_told_the_same(server, key):
    secret = key()
    keys(server, "disable", "tester")
    everywhere(server, secret, 401)
    disabled = refused(ask(server, secret), "invalid_api_key", 401)
    keys(server, "set", "tester", "--expires", "2020-01-01")
    keys(server, "enable", "tester")
    expired = refused(ask(server, secret), "invalid_api_key", 401)
    assert disabled == expired == refused(
        ask(server, "sk-unknown"), "invalid_api_key", 401)


def test_a_key_is_brought_along_on_standard_input(server):
    assert keys(server, "add", "brought", "--stdin", stdin=BROUGHT + "\n") == ""
    everywhere(server, BROUGHT, 200)
    assert "known already" in keys(server, "add", "twice", "--stdin", status=1,
                                   stdin=BROUGHT)
    for bad in "", "k" * 15, "k" * 600:
        assert "16 to 512" in keys(server, "add", "x", "--stdin", status=1,
                                   stdin=bad)
    keys(server, "delete", "brought")


def test_the_id_of_a_key_is_told(server, key):
    secret = key()
    assert keys(server, "id", stdin=secret + "\n").strip() \
        == listed(server)["tester"]["id"]
    reply = server.client().get("/v1/models")
    assert keys(server, "id", stdin=KEY).strip() == \
        server.journaled(reply.header("x-request-id"))["key_id"]


def test_a_short_key_of_before_goes_on(server):
    """What is shorter than may be given now was given then."""
    keys(server, "add", "short", "--stdin", stdin=BROUGHT + "-2\n")
    with sqlite3.connect(f"{server.tmp}/state/sluice.db", timeout=20) as db:
        db.execute("UPDATE keys SET hash = ? WHERE name = 'short'",
                   (hashlib.sha256(b"12345678").digest(),))
    db.close()
    everywhere(server, "12345678", 200)
    keys(server, "set", "short", "--models", "gpt-*")
    everywhere(server, "12345678", 200)
    keys(server, "delete", "short")


def test_a_rotated_key_has_its_grace(server, key):
    old = key("--models", "gpt-*")
    before = listed(server)["tester"]
    new = keys(server, "rotate", "tester", "--grace", "1h").strip()
    everywhere(server, new, 200)
    everywhere(server, old, 200)
    for secret in old, new:
        refused(ask(server, secret, "mapped"), "model_not_allowed")
    line = server.journaled(ask(server, new).header("x-request-id"))
    assert line["key_id"] == before["id"] == listed(server)["tester"]["id"]
    newest = keys(server, "rotate", "tester", "--grace", "0s").strip()
    everywhere(server, newest, 200)
    everywhere(server, new, 401)
    everywhere(server, old, 401)


def test_a_grace_ends(server, key):
    old = key()
    new = keys(server, "rotate", "tester", "--grace", "1s").strip()
    everywhere(server, new, 200)
    everywhere(server, old, 401)
    assert ask(server, new).status == 200


# Models.

ALLOWED = {
    "gpt-test": ["gpt-test", "default/gpt-test", None],
    "default/*": ["gpt-test", "default/gpt-test", "gpt-other",
                  "default/gpt-other", "mapped", None, "Qwen/Qwen2.5-7B",
                  "default/Qwen/Qwen2.5-7B"],
    "lab/*": ["lab/gpt-test", "lab/any", "lab/another",
              "default/lab/gpt-test", "default/lab/any",
              "default/lab/another"],
    "*other,mapped": ["gpt-other", "default/gpt-other", "mapped",
                      "lab/another", "default/lab/another"],
    "lab/gpt-test": ["lab/gpt-test", "default/lab/gpt-test"],
}
ASKED = ["gpt-test", "default/gpt-test", "gpt-other", "default/gpt-other",
         "mapped", "Qwen/Qwen2.5-7B", "default/Qwen/Qwen2.5-7B",
         "lab/gpt-test", "lab/any", "lab/another", "default/lab/gpt-test",
         "default/lab/any", "default/lab/another", None]


@pytest.mark.parametrize("globs", ALLOWED)
def test_models_are_limited(server, key, upstream, globs):
    """None is the default model, gpt-test."""
    secret = key("--models", globs)
    for model in ASKED:
        upstream.clear()
        upstream.script = lambda x: x.json(chat_answer())
        reply = ask(server, secret, model)
        if model in ALLOWED[globs]:
            assert reply.status == 200, model
        else:
            refused(reply, "model_not_allowed")
            assert upstream.requests == [], model


def test_spellings_of_a_model_are_one(server, key):
    secret = key("--models", "gpt-test")
    client = server.client(secret)
    for body, status in [(b'{"model":"gpt\\u002dtest"}', 200),
                         (b'{"mod\\u0065l":"gpt-test"}', 200),
                         (b'{"mod\\u0065l":"gpt-other"}', 403),
                         (b'{"model":"gpt-tes\\u0074x"}', 403),
                         (b'{"model":"GPT-test"}', 403),
                         (b'{"model":"gpt-test","model":"mapped"}', 400)]:
        assert client.post("/v1/chat/completions", body).status == status, body


def test_a_model_that_is_not_there_is_told_to_nobody_who_may_not_know(
        server, key):
    secret = key("--models", "gpt-*")
    refused(ask(server, secret, "nothing"), "model_not_allowed")
    refused(ask(server, secret, "gpt-none"), "model_not_found", 404)


def test_only_allowed_models_are_listed(server, key):
    client = server.client(key("--models", "gpt-*,lab/gpt-test"))
    ids = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert ids == ["gpt-other", "gpt-test", "lab/gpt-test"]
    assert client.get("/v1/models/gpt-test").status == 200
    assert client.get("/v1/models/default%2Fgpt%2Dtest").status == 200
    refused(client.get("/v1/models/mapped"), "model_not_allowed")
    refused(client.get("/health/mapped"), "model_not_allowed")


def test_what_names_no_model_is_not_for_limited_keys(server, key, upstream):
    limited = server.client(key("--models", "gpt-*"))
    upstream.clear()
    refused(limited.get("/v1/files"), "model_not_allowed")
    assert upstream.requests == []
    refused(limited.post("/v1/files", b"{}", headers=[
        ("Content-Type", "text/plain")]), "model_not_allowed")
    assert upstream.requests == []
    upstream.script = lambda x: x.json({})
    assert server.client(KEY).get("/v1/files").status == 200


# Endpoints.

def test_endpoints_are_limited(server, key, upstream):
    secret = key("--endpoints", "chat/completions,files/*,models")
    client = server.client(secret)
    chat = {"model": "gpt-test", "messages": []}
    for path in ["chat/completions", "chat/completions/"]:
        assert client.post("/v1/" + path, chat).status == 200, path
    reply = client.get("/v1/files/a/content")
    assert (reply.status, reply.error["code"]) == (404, "not_found")
    assert client.get("/v1/models").status == 200
    upstream.clear()
    for path in ["embeddings", "completions", "chat/completions/x", "files",
                 "Chat/completions", "files%2e/x"]:
        refused(client.post("/v1/" + path, chat), "endpoint_not_allowed")
    for path in ["files/../embeddings", "files/%2e%2e/embeddings",
                 "/embeddings", "chat%2Fembeddings", "files;/../embeddings"]:
        assert client.post("/v1/" + path, chat).status in (400, 403, 404)
    refused(client.get("/health/gpt-test"), "endpoint_not_allowed")
    assert upstream.requests == []
    reply = client.post("/v1/messages", chat)
    assert reply.status == 403
    assert reply.json()["error"]["type"] == "permission_error"


# What is printed, and what is kept.

def test_no_key_is_kept_or_logged(server, key):
    secret = key()
    keys(server, "add", "brought", "--stdin", stdin=BROUGHT)
    everywhere(server, BROUGHT, 200)
    keys(server, "delete", "brought")
    assert secret not in keys(server, "list") + keys(server, "list", "--json")
    for folder, _, names in os.walk(server.tmp):
        for name in filter(lambda n: os.path.isfile(f"{folder}/{n}"), names):
            with open(f"{folder}/{name}", "rb") as f:
                data = f.read()
            for text in secret, BROUGHT:
                assert text.encode() not in data, name


def test_a_list_shows_what_was_said(server, key):
    secret = key("--owner", "Al Bo", "--models", "a,b*", "--endpoints",
                 "models", "--expires", "2099-01-02", "--remote-user", "CN=Al",
                 "--rpm", "60", "--month-cost", "12.50")
    found = listed(server)["tester"]
    assert found["owner"] == "Al Bo"
    assert found["models"] == ["a", "b*"]
    assert found["endpoints"] == ["models"]
    assert found["expires"] == 4070995200
    hint = f"sk-...{secret[-4:]}"
    assert (found["hint"], found["remote_user"]) == (hint, "CN=Al")
    assert limits(found) == {"rpm": 60, "month_cost": 12.5}
    row = keys(server, "list").splitlines()[1].split("  ")
    assert [cell.strip() for cell in row if cell.strip()][2:] == [
        hint, "enabled", row_time(found["created"]), "2099-01-02T00:00:00",
        "-", "Al Bo", "CN=Al", "a,b*", "models", "rpm=60,month_cost=12.5"]


def test_limits_are_changed_one_by_one(server, key):
    key()
    assert limits(listed(server)["tester"]) == {}
    keys(server, "set", "tester", "--tpm", "1000", "--concurrency", "2",
         "--day-tokens", "5", "--day-cost", "0.000000001", "--week-tokens",
         "6", "--week-cost", "1", "--month-tokens", "7")
    keys(server, "set", "tester", "--rpm", "1", "--tpm", "0",
         "--week-cost", "0.0")
    assert limits(listed(server)["tester"]) == {
        "rpm": 1, "concurrency": 2, "day_tokens": 5, "day_cost": 1e-9,
        "week_tokens": 6, "month_tokens": 7}
    assert "limits are at most" in keys(server, "set", "tester", "--rpm",
                                        "1000001", status=1)
    keys(server, "set", "tester", "--remote-user", "CN=Al")
    keys(server, "add", "other")
    try:
        assert "remote user" in keys(server, "set", "other", "--remote-user",
                                     "CN=Al", status=1)
    finally:
        keys(server, "delete", "other")
    keys(server, "set", "tester", "--remote-user", "")
    assert listed(server)["tester"]["remote_user"] == ""


def row_time(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


@pytest.mark.parametrize("words", [
    [], ["nope"], ["add"], ["add", "a", "b"], ["add", "a", "--expires"],
    ["add", "a", "--expires", "soon"], ["add", "a", "--key", "sk-x"],
    ["add", "a", "--expires", "1970-01-01"], ["set", "a", "--stdin"],
    ["set", "a", "--rpm", "many"], ["set", "a", "--rpm", "-1"],
    ["set", "a", "--day-cost", "1.0000000001"], ["set", "a", "--day-rpm", "1"],
    ["rotate", "a", "--grace", "x"], ["list", "a"], ["enable", "a", "--json"]])
def test_wrong_words_exit_with_2(server, words):
    assert keys(server, *words, status=2).startswith("usage: sluicectl keys")


def test_problems_are_told_by_name(server, key):
    key()
    assert "of this name" in keys(server, "add", "tester", status=1)
    assert "no key of this name" in keys(server, "delete", "nobody", status=1)
    assert "a name is" in keys(server, "add", "a b", status=1)
    assert "models are" in keys(server, "add", "x", "--models", "a,,b",
                                status=1)
    assert "endpoints are" in keys(server, "add", "x", "--endpoints",
                                   "/v1/models", status=1)


# The database fails.

def lock(server):
    db = sqlite3.connect(f"{server.tmp}/state/sluice.db")
    db.execute("BEGIN EXCLUSIVE")
    return db.rollback


def delete(server):
    for end in "", "-wal", "-shm":
        if os.path.exists(f"{server.tmp}/state/sluice.db{end}"):
            os.unlink(f"{server.tmp}/state/sluice.db{end}")


def spoil(server):
    delete(server)
    server.write("state/sluice.db", "this is no database " * 1000)


@pytest.mark.parametrize("fail", [lock, delete, spoil])
def test_known_keys_go_on_without_the_database(make_server, upstream, fail):
    server = make_server("lighttpd", CONF, PROVIDERS(upstream))
    secret = made(server, "tester", "--models", "gpt-*")
    everywhere(server, secret, 200)
    undo = fail(server)
    if fail is not lock:
        until(lambda: "stay as they are known" in server.logs(), "the warning")
    # Two reloads later: a second look has been taken as well.
    for name in "one", "two":
        server.write_provider(name, {"base_url": upstream.url, "models": (
            {"name": "gpt-" + name},)})
        everywhere(server, KEY, 200, model="gpt-" + name)
        everywhere(server, secret, 200, model="gpt-" + name)
    refused(ask(server, secret, "mapped"), "model_not_allowed")
    assert server.logs().count("stay as they are known") <= server.procs
    if undo:
        undo()
        keys(server, "delete", "tester")
        everywhere(server, secret, 401)


def test_a_new_database_with_keys_replaces_what_was_known(make_server, upstream):
    server = make_server("lighttpd", CONF, PROVIDERS(upstream))
    old = made(server, "tester")
    everywhere(server, old, 200)
    delete(server)
    new = made(server, "other")
    everywhere(server, new, 200)
    everywhere(server, old, 401)
