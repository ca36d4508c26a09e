"""Channels, models, mappings and providers' keys that are made at run time."""
import contextlib
import datetime
import glob
import os
import re
import sqlite3

import pytest

from channels import NO_BREAKER, a, b, chat, fails, open_chat, the_channel
from client import until
from servers import ALL, KEY

SERVERS = ["lighttpd"]
ADMIN = "admin-key-5c4d3e"
SEAL_KEY = "5e" * 32
ENV = {"SLUICE_ADMIN_KEY": ADMIN, "IN_ENVIRONMENT": "upstream-key-in-env-77"}
AUTH = {"channel_env": ["IN_ENVIRONMENT", "PRE_*"]}
CONF = {"breaker": NO_BREAKER, "auth": AUTH}
SECRET = "sk-provider-key-0123456789-wxyz"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
CHANNEL = {"id", "name", "kind", "base_url", "api_key", "api_key_env",
           "weight", "priority", "enabled", "problem", "health", "latency_ms",
           "first_token_ms", "error_rate", "created_at", "updated_at"}


def PROVIDERS(upstream):
    return {"filed": {"base_url": upstream.url, "api_key_env": "UP_KEY",
                      "models": ({"name": "filed-model"},)},
            "waiting": {"base_url": upstream.url, "api_key_env": "LATE_KEY",
                        "models": ({"name": "late-model"},)}}


MOVING = {"health", "latency_ms", "first_token_ms", "error_rate",
          "updated_at"}


def still(told):
    """What nobody but an administrator changes."""
    return {k: v for k, v in told.items() if k not in MOVING}


def admin(server, method, path, body=None, status=None):
    reply = server.client(ADMIN).ask(method, path, body)
    if status is not None:
        assert reply.status == status, reply
    return reply


def wanted(name="new", upstream="a", **more):
    whole = {"name": name, "base_url": the_channel(upstream).url,
             "api_key": SECRET, "models": ["m"]}
    whole.update(more)
    return {k: v for k, v in whole.items() if v is not None}


def create(server, *args, **more):
    return admin(server, "POST", "/api/channels", wanted(*args, **more),
                 201).json()


def statuses(server, model):
    """Many at once, so that every process of the pool has its turn."""
    replies = [open_chat(server.client(), model)
               for _ in range(4 * server.procs)]
    try:
        return {(r.finish().status, r.header("x-sluice-provider"))
                for r in replies}
    finally:
        for reply in replies:
            reply.close()


def everywhere(server, model, provider, status=200):
    def says(client):
        reply = chat(client, model)
        return (reply.status, reply.header("x-sluice-provider")) == (
            status, provider)
    server.everywhere(says, f"{status} of {provider} for {model}")


def has_read(server, count):
    """Every process has said that it knows COUNT channels; so many ask few."""
    until(lambda: all(f"sluice[{pid}]: channels read: {count} of"
                      in server.logs() for pid in server.responders()),
          f"every process to read {count} channels")


def asked(upstream):
    """What it was asked, but for health probes."""
    return [x for x in upstream.requests if x.method == "POST"]


@pytest.fixture(autouse=True)
def tidy(request):
    """Nothing made at run time outlives its test."""
    yield
    if "server" not in request.fixturenames:
        return
    server = request.getfixturevalue("server")
    for kind in ("channels", "models"):
        for one in admin(server, "GET", f"/api/{kind}", status=200).json():
            admin(server, "DELETE", f"/api/{kind}/{one['id']}", status=204)
    until(lambda: statuses(server, "m") == {(404, None)}, "none to be left")


def test_a_channel_as_the_readme_of_old_makes_it(server, a):
    made = admin(server, "POST", "/api/channels", {
        "name": "openai-channel", "base_url": a.url.removesuffix("/v1"),
        "api_key": "sk-your-key", "weight": 10, "enabled": True,
        "models": ["gpt-3.5-turbo", "gpt-4"]}, 201).json()
    assert set(made) == CHANNEL
    assert TIME.fullmatch(made["created_at"])
    assert made["created_at"] == made["updated_at"]
    now = datetime.datetime.now(datetime.timezone.utc)
    then = datetime.datetime.fromisoformat(made["created_at"])
    assert abs((now - then).total_seconds()) < 3600
    assert made == {
        **made, "name": "openai-channel", "kind": "openai",
        "base_url": a.url, "api_key": "...key",
        "api_key_env": "", "weight": 10, "priority": 0, "enabled": True,
        "problem": None, "health": "unknown", "latency_ms": None,
        "first_token_ms": None, "error_rate": 0.0}
    told = admin(server, "GET", "/api/channels").json()
    assert list(map(still, told)) == [still(made)]
    models = admin(server, "GET", "/api/models").json()
    assert [(m["name"], m["channels_count"]) for m in models] == [
        ("gpt-3.5-turbo", 1), ("gpt-4", 1)]
    until(lambda: {"gpt-4", "gpt-3.5-turbo"} <= {
        m["id"] for m in server.client().get("/v1/models").json()["data"]},
        "the models to be listed")


def test_every_process_relays_through_it(server, a):
    made = create(server)
    everywhere(server, "m", "new")
    x = asked(a)[-1]
    assert x.header("authorization") == f"Bearer {SECRET}"
    assert x.path == "/v1/chat/completions"
    assert x.data()["model"] == "m"
    path = f"/api/channels/{made['id']}"
    told = until(lambda: next(
        (c for c in [admin(server, "GET", path).json()]
         if c["latency_ms"] is not None), None), "how it does")
    assert told["health"] == "healthy"
    assert told["first_token_ms"] is not None and told["error_rate"] == 0
    listed = next(m for m in server.client().get("/v1/models").json()["data"]
                  if m["id"] == "m")
    assert listed["owned_by"] == "new"
    then = datetime.datetime.fromisoformat(made["created_at"])
    assert listed["created"] == then.timestamp()


def test_failures_are_told(server, a):
    made = create(server)
    everywhere(server, "m", "new")
    a.script = fails(500)
    chat(server.client(), "m")
    until(lambda: admin(server, "GET", f"/api/channels/{made['id']}").json()
          ["error_rate"] > 0, "an error rate")


def test_a_changed_key_url_and_name_count(server, a, b):
    made = create(server)
    everywhere(server, "m", "new")
    path = f"/api/channels/{made['id']}"
    changed = admin(server, "PUT", path, {
        "name": "other name", "api_key": "sk-second-key-000000-9876",
        "base_url": b.url + "/", "weight": 7}, 200).json()
    assert still(changed) == still({
        **made, "name": "other name", "base_url": b.url,
        "api_key": "sk-...9876", "weight": 7})
    everywhere(server, "m", "other name")
    assert (asked(b)[-1].header("authorization")
            == "Bearer sk-second-key-000000-9876")
    admin(server, "PUT", path, {"api_key_env": "IN_ENVIRONMENT"}, 200)
    until(lambda: chat(server.client(), "m").status == 200 and
          asked(b)[-1].header("authorization") ==
          "Bearer upstream-key-in-env-77", "the key of the environment")
    told = admin(server, "GET", path).json()
    assert (told["api_key"], told["api_key_env"]) == ("", "IN_ENVIRONMENT")


@pytest.mark.parametrize("name", ["\u901a\u4e49 1", "a:b;c=d (e) <f>",
                                  "n" * 88])
def test_any_readable_name(server, a, name):
    made = create(server, name)
    assert made["name"] == name
    everywhere(server, "m", name.encode().decode("latin-1"))
    reply = chat(server.client(), "m")
    line = server.journaled(reply.header("x-request-id"))
    assert line["target_provider"] == name
    metrics = server.client(ADMIN).get("/metrics").body.decode()
    assert f'channel="{name}"' in metrics


def test_a_put_keeps_what_it_does_not_name(server):
    made = create(server, priority=3, weight=77)
    path = f"/api/channels/{made['id']}"
    for body in ({}, {"name": "", "api_key": "", "base_url": ""},
                 {"weight": 0}, {"name": None, "priority": None}):
        same = admin(server, "PUT", path, body, 200).json()
        assert still(same) == still(made)


def test_a_broken_channel_that_gets_another_key_is_tried_at_once(
        make_server, a):
    server = make_server("lighttpd", {"breaker": {
        "failures": 1, "cooldown": 3600.0}}, env=ENV)
    made = create(server)
    everywhere(server, "m", "new")
    a.script = lambda x: x.json({}, 200 if x.header("authorization")
                                == "Bearer good" else 401)
    chat(server.client(), "m")
    path = f"/api/channels/{made['id']}"
    until(lambda: admin(server, "GET", path).json()["health"] == "unhealthy",
          "the breaker to open")
    admin(server, "PUT", path, {"api_key": "good"}, 200)
    everywhere(server, "m", "new")


def test_disabled_is_not_there(server, a):
    made = create(server)
    everywhere(server, "m", "new")
    path = f"/api/channels/{made['id']}"
    admin(server, "PUT", path, {"enabled": False}, 200)
    everywhere(server, "m", None, 404)
    admin(server, "PUT", path, {"enabled": True}, 200)
    everywhere(server, "m", "new")


def test_files_and_channels_share_a_model(server, a, upstream):
    create(server, models=["filed-model"], priority=0)
    both = {(200, "filed"), (200, "new")}
    until(lambda: statuses(server, "filed-model") == both, "both to serve")


def test_weights_and_priorities_choose(server, a, b):
    heavy = create(server, "heavy", "a", weight=1000000)
    create(server, "light", "b", weight=1)
    everywhere(server, "m", "heavy")
    admin(server, "PUT", f"/api/channels/{heavy['id']}", {"priority": 1}, 200)
    everywhere(server, "m", "light")


def test_mappings(server, a):
    channel = create(server, models=None)
    model = admin(server, "POST", "/api/models", {"name": "m"}, 201).json()
    assert model == {**model, "name": "m", "channels_count": 0}
    assert set(model) == {"id", "name", "channels_count", "created_at",
                          "updated_at"}
    path = f"/api/models/{model['id']}/channels"
    assert admin(server, "GET", path, status=200).json() == []
    mapping = admin(server, "POST", path, {
        "channel_id": channel["id"], "backend_model_name": "behind",
        "weight": 0}, 201).json()
    assert mapping == {
        "id": mapping["id"], "model_id": model["id"],
        "channel_id": channel["id"], "backend_model_name": "behind",
        "weight": 10, "created_at": mapping["created_at"]}
    assert TIME.fullmatch(mapping["created_at"])
    assert admin(server, "GET", path).json() == [mapping]
    one = f"/api/models/{model['id']}"
    assert admin(server, "GET", one).json()["channels_count"] == 1
    everywhere(server, "m", "new")
    assert asked(a)[-1].data()["model"] == "behind"
    admin(server, "PUT", one, {"name": "renamed"}, 200)
    everywhere(server, "renamed", "new")
    everywhere(server, "m", None, 404)
    admin(server, "DELETE", f"{path}/{channel['id']}", status=204)
    admin(server, "DELETE", f"{path}/{channel['id']}", status=404)
    everywhere(server, "renamed", None, 404)


def test_deleting_takes_the_mappings_along(server, a):
    channel = create(server, models=["m", "n"])
    models = {m["name"]: f"/api/models/{m['id']}"
              for m in admin(server, "GET", "/api/models").json()}
    everywhere(server, "m", "new")
    admin(server, "DELETE", models["n"], status=204)
    everywhere(server, "n", None, 404)
    admin(server, "DELETE", f"/api/channels/{channel['id']}", status=204)
    everywhere(server, "m", None, 404)
    left = admin(server, "GET", models["m"]).json()
    assert left["channels_count"] == 0
    assert admin(server, "GET", models["m"] + "/channels").json() == []
    again = create(server)
    assert again["id"] > channel["id"], "an id is used once"


def test_a_wildcard_serves_any_other_name(server, a):
    create(server, models=["*"])
    everywhere(server, "whatever", "new")
    assert asked(a)[-1].data()["model"] == "whatever"


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/api/channels/999999", None),
    ("PUT", "/api/channels/999999", {"weight": 1}),
    ("DELETE", "/api/channels/999999", None),
    ("GET", "/api/channels/abc", None), ("GET", "/api/channels/-1", None),
    ("GET", "/api/channels/0", None),
    ("GET", "/api/channels/99999999999999999999", None),
    ("GET", "/api/models/999999", None),
    ("PUT", "/api/models/999999", {"name": "x"}),
    ("DELETE", "/api/models/x", None),
    ("GET", "/api/models/999999/channels", None),
    ("POST", "/api/models/999999/channels",
     {"channel_id": 1, "backend_model_name": "x"}),
    ("DELETE", "/api/models/999999/channels/1", None),
    ("DELETE", "/api/models/1/channels/x", None),
    ("POST", "/admin/setllmkey", {"key": "k", "provider": "nobody"}),
])
def test_not_found(server, method, path, body):
    reply = admin(server, method, path, body, 404)
    assert reply.error["code"] == "not_found"


def test_a_mapping_to_an_unknown_channel(server):
    model = admin(server, "POST", "/api/models", {"name": "m"}, 201).json()
    reply = admin(server, "POST", f"/api/models/{model['id']}/channels",
                  {"channel_id": 999999, "backend_model_name": "x"}, 404)
    assert "channel" in reply.error["message"]


def test_taken(server):
    first = create(server)
    other = create(server, "other", models=None)
    model = admin(server, "GET", "/api/models").json()[0]
    taken = [
        ("POST", "/api/channels", wanted(), "name"),
        ("POST", "/api/channels", wanted("filed"), "name"),
        ("POST", "/api/channels", wanted("waiting"), "name"),
        ("PUT", f"/api/channels/{other['id']}", {"name": "new"}, "name"),
        ("PUT", f"/api/channels/{other['id']}", {"name": "filed"}, "name"),
        ("POST", "/api/models", {"name": "m"}, "name"),
        ("POST", f"/api/models/{model['id']}/channels",
         {"channel_id": first["id"], "backend_model_name": "z"},
         "channel_id"),
    ]
    for method, path, body, param in taken:
        reply = admin(server, method, path, body, 409)
        assert reply.error["param"] == param, reply
    assert len(admin(server, "GET", "/api/channels").json()) == 2


def test_one_of_many_gets_the_name(server):
    replies = [server.client(ADMIN).open("POST", "/api/channels", wanted())
               for _ in range(8)]
    assert sorted(r.finish().status for r in replies) == [201] + 7 * [409]
    for reply in replies:
        reply.close()
    assert len(admin(server, "GET", "/api/channels").json()) == 1


@pytest.mark.parametrize("more, param", [
    ({"name": None}, "name"), ({"name": ""}, "name"),
    ({"name": "a/b"}, "name"), ({"name": 'a"b'}, "name"),
    ({"name": " a"}, "name"), ({"name": "a\nb"}, "name"),
    ({"name": "n" * 89}, "name"), ({"name": 7}, "name"),
    ({"base_url": None}, "base_url"), ({"base_url": "ftp://x/v1"}, "base_url"),
    ({"base_url": "http://"}, "base_url"), ({"base_url": "x"}, "base_url"),
    ({"base_url": "file:///etc/passwd"}, "base_url"),
    ({"base_url": "http://u:p@host/v1"}, "base_url"),
    ({"base_url": "http://host/v1#f"}, "base_url"),
    ({"base_url": "http://host/v1?q"}, "base_url"),
    ({"base_url": "http://host/" + "x" * 2048}, "base_url"),
    ({"kind": "echo"}, "kind"), ({"kind": "other"}, "kind"),
    ({"kind": "azure"}, "base_url"),
    ({"api_key": None}, "api_key"), ({"api_key": ""}, "api_key"),
    ({"api_key": "a b"}, "api_key"), ({"api_key": "a\r\nX: y"}, "api_key"),
    ({"api_key": "\u00e9"}, "api_key"), ({"api_key": "k" * 513}, "api_key"),
    ({"api_key_env": "UP_KEY"}, "api_key_env"),
    ({"api_key": None, "api_key_env": "HTTP_X"}, "api_key_env"),
    ({"api_key": None, "api_key_env": "SLUICE_ADMIN_KEY"}, "api_key_env"),
    ({"api_key": None, "api_key_env": "SLUICE_SEAL_KEY"}, "api_key_env"),
    ({"api_key": None, "api_key_env": "REMOTE_USER"}, "api_key_env"),
    ({"api_key": None, "api_key_env": "a-b"}, "api_key_env"),
    ({"api_key": None, "api_key_env": "UP_KEY"}, "api_key_env"),
    ({"api_key": None, "api_key_env": "PATH"}, "api_key_env"),
    ({"api_key": None, "api_key_env": "IN_ENVIRONMENT2"}, "api_key_env"),
    ({"api_key": None, "api_key_env": "IN_ENVIRONMEN"}, "api_key_env"),
    ({"api_key": None, "api_key_env": "in_environment"}, "api_key_env"),
    ({"api_key": None, "api_key_env": "PRE"}, "api_key_env"),
    ({"api_key": None, "api_key_env": "PREX"}, "api_key_env"),
    ({"api_key": None, "api_key_env": "IN_*"}, "api_key_env"),
    ({"weight": 1000001}, "weight"), ({"weight": 1.5}, "weight"),
    ({"weight": "10"}, "weight"), ({"priority": -1}, "priority"),
    ({"enabled": 1}, "enabled"), ({"models": "m"}, "models"),
    ({"models": [7]}, "models"), ({"models": ["m", "a*"]}, "models"),
    ({"models": ["x" * 257]}, "models"), ({"colour": "red"}, "colour"),
])
def test_bad_values(server, more, param):
    body = {k: v for k, v in {**wanted(), **more}.items() if v is not None}
    reply = admin(server, "POST", "/api/channels", body, 400)
    assert reply.error["param"] == param, reply
    for text in (SECRET, "u:p"):
        assert text.encode() not in reply.raw
    assert admin(server, "GET", "/api/channels").json() == []
    assert admin(server, "GET", "/api/models").json() == []


def test_a_put_to_azure_needs_its_url(server):
    made = create(server)
    path = f"/api/channels/{made['id']}"
    reply = admin(server, "PUT", path, {"kind": "azure"}, 400)
    assert reply.error["param"] == "base_url"
    both = admin(server, "PUT", path, {
        "kind": "azure", "base_url": "https://x.example/openai",
        "api_key": SECRET}, 200).json()
    assert both["base_url"] == "https://x.example/openai/v1"


@pytest.mark.parametrize("method, path", [
    ("GET", "/api/channels"), ("POST", "/api/channels"),
    ("PUT", "/api/channels/1"), ("DELETE", "/api/channels/1"),
    ("GET", "/api/models"), ("POST", "/api/models/1/channels"),
    ("DELETE", "/api/models/1/channels/1"), ("POST", "/admin/setllmkey"),
])
def test_nobody_but_the_admin(server, method, path):
    body = {} if method in ("POST", "PUT") else None
    reply = server.client(KEY).ask(method, path, body)
    assert (reply.status, reply.error["code"]) == (401, "invalid_admin_key")


@pytest.mark.parametrize("kind", ALL)
def test_methods_and_bodies_reach_it(make_server, a, kind):
    server = make_server(kind, env=ENV)
    made = create(server)
    path = f"/api/channels/{made['id']}"
    admin(server, "PUT", path, {"weight": 3}, 200)
    assert admin(server, "GET", path).json()["weight"] == 3
    everywhere(server, "m", "new")
    reply = admin(server, "DELETE", path, status=204)
    assert reply.body == b""


# Secrets.

def files_of(server):
    for path, _, names in os.walk(server.tmp):
        for name in names:
            if "/bin/" not in f"{path}/":
                yield f"{path}/{name}"


def assert_hidden(server, secret):
    for path in files_of(server):
        with contextlib.suppress(OSError), open(path, "rb") as f:
            assert secret.encode() not in f.read(), path


def test_the_key_is_nowhere_in_clear(make_server, a):
    server = make_server("lighttpd", {"log": {"bodies": True,
                                              "level": "debug"}}, env=ENV)
    made = create(server)
    everywhere(server, "m", "new")
    path = f"/api/channels/{made['id']}"
    for where in ("/api/channels", path):
        raw = admin(server, "GET", where).raw
        assert SECRET.encode() not in raw
        assert b'"sk-...wxyz"' in raw
    assert_hidden(server, SECRET)
    seal = f"{server.tmp}/state/seal.key"
    assert os.stat(seal).st_mode & 0o777 == 0o600
    assert re.fullmatch(r"[0-9a-f]{64}\n", open(seal).read())
    line = next(line for line in server.journal() if line.get("audit"))
    assert line["audit"] == "channel new created"


def test_it_is_all_there_after_a_restart(make_server, a):
    server = make_server("lighttpd", env=ENV)
    create(server)
    everywhere(server, "m", "new")
    server._end_processes()
    server.start()
    assert statuses(server, "m") == {(200, "new")}
    assert asked(a)[-1].header("authorization") == f"Bearer {SECRET}"


def restart(server, **env):
    server._end_processes()
    server.env.update(env)
    server.start()


def test_another_seal_key_spoils_that_channel_alone(make_server, a, upstream):
    server = make_server("lighttpd", CONF, PROVIDERS(upstream),
                         env={**ENV, "SLUICE_SEAL_KEY": SEAL_KEY})
    create(server)
    create(server, "env", models=["e"], api_key=None,
           api_key_env="IN_ENVIRONMENT")
    everywhere(server, "m", "new")
    assert not os.path.exists(f"{server.tmp}/state/seal.key")
    restart(server, SLUICE_SEAL_KEY="77" * 32)
    assert statuses(server, "m") == {(404, None)}
    assert statuses(server, "e") == {(200, "env")}
    assert statuses(server, "filed-model") == {(200, "filed")}
    assert "channel new is not in use: its key was sealed for another base " \
        "URL or with another seal key" in server.logs()
    told = {c["name"]: c["problem"] for c in
            admin(server, "GET", "/api/channels").json()}
    assert told["env"] is None and "give the key again" in told["new"]
    assert server.client().get("/health").json() == {"status": "degraded"}
    restart(server, SLUICE_SEAL_KEY=SEAL_KEY)
    assert statuses(server, "m") == {(200, "new")}


@pytest.mark.parametrize("fault, text", [
    (lambda path: os.chmod(path, 0o640), "chmod 600"),
    (lambda path: open(path, "w").write("short"), "64 hex digits"),
    (lambda path: (os.unlink(path), os.symlink("/dev/zero", path)),
     "no regular file"),
], ids=["mode", "content", "link"])
def test_a_bad_seal_file_is_told(make_server, a, fault, text):
    server = make_server("lighttpd", env=ENV)
    made = create(server)
    everywhere(server, "m", "new")
    has_read(server, 1)
    fault(f"{server.tmp}/state/seal.key")
    reply = admin(server, "POST", "/api/channels", wanted("second"), 503)
    assert text in reply.error["message"]
    assert statuses(server, "m") == {(200, "new")}, "known ones go on"
    admin(server, "PUT", f"/api/channels/{made['id']}", {"weight": 3}, 200)
    until(lambda: server.logs().count("goes on with its key of before")
          == server.procs, "every process to tell of it")
    assert text in server.logs()
    assert statuses(server, "m") == {(200, "new")}, "known ones go on"
    restart(server)
    everywhere(server, "m", None, 404)


def test_a_bad_seal_variable_is_told(make_server):
    server = make_server("lighttpd", env={**ENV, "SLUICE_SEAL_KEY": "x" * 64})
    reply = admin(server, "POST", "/api/channels", wanted(), 503)
    assert "SLUICE_SEAL_KEY" in reply.error["message"]
    assert "x" * 64 not in reply.error["message"]


# Keys stay at home.

def elsewhere(url):
    """Other origins than that of URL, http://127.0.0.1:PORT/v1."""
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    return ["http://127.0.0.1:9/v1", f"https://127.0.0.1:{port}/v1",
            f"http://localhost:{port}/v1", f"http://127.1:{port}/v1",
            f"http://127.0.0.1.:{port}/v1", "http://127.0.0.1/v1",
            f"http://[::ffff:127.0.0.1]:{port}/v1",
            f"http://127.0.0.1:{port % 60000 + 1}/v1"]


def test_a_new_origin_needs_the_key(server, a, b):
    made = create(server)
    path = f"/api/channels/{made['id']}"
    for how in ({"api_key": SECRET}, {"api_key_env": "IN_ENVIRONMENT"}):
        before = admin(server, "PUT", path, how, 200).json()
        for url in [b.url, *elsewhere(a.url)]:
            for more in ({}, {"name": "new", "weight": 3}, {"api_key": ""},
                         {"api_key": None}, {"api_key_env": ""},
                         {"kind": "anthropic"}, {"enabled": False}):
                reply = admin(server, "PUT", path, {"base_url": url, **more},
                              400)
                assert reply.error["param"] == "api_key", (url, more)
                assert "in the same change" in reply.error["message"]
        assert still(admin(server, "GET", path).json()) == still(before)
    for url in (a.url + "/", a.url.replace("http", "HTTP"),
                a.url.replace("/v1", "/v2/deep"), a.url):
        admin(server, "PUT", path, {"base_url": url}, 200)
    everywhere(server, "m", "new")
    assert b.requests == []
    changed = admin(server, "PUT", path, {
        "base_url": b.url, "api_key_env": "IN_ENVIRONMENT"}, 200).json()
    assert changed["base_url"] == b.url
    admin(server, "PUT", path, {"base_url": a.url, "api_key": SECRET}, 200)


def change_row(server, sql, *values):
    with sqlite3.connect(f"{server.tmp}/state/sluice.db", timeout=20) as db:
        assert db.execute(sql, values).rowcount > 0
    db.close()


def test_a_row_that_was_changed_does_not_open(make_server, a, b):
    server = make_server("lighttpd", CONF, env=ENV)
    one = create(server, "one", models=["m"])
    two = create(server, "two", "b", models=["n"])
    everywhere(server, "m", "one")
    everywhere(server, "n", "two")
    b.requests.clear()
    for sql, values in (
            ("UPDATE channels SET base_url = ? WHERE id = ?",
             (b.url, one["id"])),
            ("UPDATE channels SET base_url = ?, sealed = (SELECT sealed FROM "
             "channels WHERE name = 'one') WHERE id = ?",
             (a.url, two["id"])),
            ("UPDATE channels SET id = id + 100 WHERE id = ?", (one["id"],)),
            ("UPDATE channels SET base_url = ?, sealed = (SELECT sealed FROM "
             "channels WHERE name = 'two') WHERE name = 'one' AND 0 < ?",
             (b.url, 1))):
        change_row(server, sql, *values)
        for model in ("m", "n"):
            until(lambda: all(r[0] in (200, 404)
                              for r in statuses(server, model)), "answers")
        seen = {x.header("authorization") for x in b.requests
                if x.data()["model"] == "m"}
        assert seen == set(), sql
    everywhere(server, "m", None, 404)
    told = admin(server, "GET", "/api/channels").json()
    assert all("give the key again" in c["problem"] for c in told
               if c["name"] == "one")
    assert "its key was sealed for another base URL" in server.logs()


def test_a_variable_that_is_not_listed_any_more(make_server, a):
    server = make_server("lighttpd", CONF, env=ENV)
    made = create(server, api_key=None, api_key_env="IN_ENVIRONMENT")
    everywhere(server, "m", "new")
    server.write_conf({**CONF, "auth": {"channel_env": ["PRE_*"]}})
    everywhere(server, "m", None, 404)
    problem = "its variable IN_ENVIRONMENT is not in auth.channel_env of " \
        "sluice.conf"
    assert f"channel new is not in use: {problem}" in server.logs()
    path = f"/api/channels/{made['id']}"
    assert admin(server, "GET", path).json()["problem"] == problem
    assert server.client().get("/health").json() == {"status": "degraded"}
    a.requests.clear()
    server.write_conf(CONF)
    everywhere(server, "m", "new")
    until(lambda: admin(server, "GET", path).json()["problem"] is None,
          "no problem to be told")


def test_a_listed_variable_is_sent(make_server, a):
    server = make_server("lighttpd", CONF, env={
        **ENV, "PRE_KEY": "key-by-prefix", "PRE_": "key-of-nothing-more"})
    for name in ("PRE_KEY", "PRE_"):
        create(server, name, models=[name], api_key=None, api_key_env=name)
        everywhere(server, name, name)
        assert asked(a)[-1].header("authorization") == \
            f"Bearer {server.env[name]}"


def test_a_given_key_goes_where_its_file_led(make_server, upstream, a):
    """Neither a file that leads elsewhere now nor a channel gets it."""
    auth = {**CONF, "auth": {"channel_env": ["LATE_KEY"]}}
    server = make_server("lighttpd", auth, PROVIDERS(upstream), ENV)
    admin(server, "POST", "/admin/setllmkey",
          {"key": SECRET, "provider": "waiting"}, 200)
    everywhere(server, "late-model", "waiting")
    create(server, "thief", models=["m"], api_key=None,
           api_key_env="LATE_KEY")
    create(server, "honest", models=["h"], api_key=None,
           api_key_env="LATE_KEY", base_url=upstream.url)
    everywhere(server, "h", "honest")
    everywhere(server, "m", None, 404)
    waiting = PROVIDERS(upstream)["waiting"]
    server.write_provider("waiting", {**waiting, "base_url": a.url})
    everywhere(server, "late-model", None, 404)
    server.write_provider("waiting", {**waiting, "proxy": a.url[:-3]})
    everywhere(server, "late-model", None, 404)
    server.write_provider("waiting", {**waiting, "models": (
        {"name": "late-model", "endpoints": (
            {"path": "chat/completions", "base_url": a.url},)},)})
    everywhere(server, "late-model", None, 404)
    assert a.requests == []
    server.write_provider("waiting", {**waiting, "base_url": a.url})
    admin(server, "POST", "/admin/setllmkey",
          {"key": SECRET + "2", "provider": "waiting"}, 200)
    everywhere(server, "late-model", "waiting")
    assert asked(a)[-1].header("authorization") == f"Bearer {SECRET}2"


# A provider file's key.

def test_a_provider_file_gets_its_key(make_server, upstream):
    server = make_server("lighttpd", providers=PROVIDERS(upstream), env=ENV)
    assert statuses(server, "late-model") == {(404, None)}
    reply = admin(server, "POST", "/admin/setllmkey", {"key": SECRET}, 409)
    for name in ("filed", "waiting"):
        assert name in reply.error["message"]
    reply = admin(server, "POST", "/admin/setllmkey",
                  {"key": SECRET, "provider": "filed"}, 409)
    assert "UP_KEY is set" in reply.error["message"]
    admin(server, "POST", "/admin/setllmkey",
          {"key": "a b", "provider": "waiting"}, 400)
    reply = admin(server, "POST", "/admin/setllmkey",
                  {"key": SECRET, "provider": "waiting"}, 200)
    assert reply.body == b"null"
    everywhere(server, "late-model", "waiting")
    assert asked(upstream)[-1].header("authorization") == f"Bearer {SECRET}"
    assert server.client().get("/health").json() == {"status": "ok"}
    admin(server, "POST", "/admin/setllmkey",
          {"key": SECRET + "2", "provider": "waiting"}, 200)
    until(lambda: chat(server.client(), "late-model").status == 200 and
          asked(upstream)[-1].header("authorization") ==
          f"Bearer {SECRET}2", "the second key")
    assert_hidden(server, SECRET)
    line = next(line for line in server.journal() if line.get("audit"))
    assert line["audit"] == "key of provider waiting set"


def test_the_only_provider_needs_no_name(make_server, upstream):
    server = make_server("lighttpd", env=ENV, providers={
        "waiting": PROVIDERS(upstream)["waiting"]})
    admin(server, "POST", "/admin/setllmkey", {"key": SECRET}, 200)
    everywhere(server, "late-model", "waiting")
    server.remove_provider("waiting")
    everywhere(server, "late-model", None, 404)
    reply = admin(server, "POST", "/admin/setllmkey", {"key": SECRET}, 409)
    assert reply.error["param"] == "provider"


# Files beside channels.

def test_a_file_that_takes_a_channels_name_wins(make_server, a, upstream):
    server = make_server("lighttpd", env=ENV)
    create(server)
    everywhere(server, "m", "new")
    server.write_provider("new", {"base_url": upstream.url,
                                  "models": ({"name": "of-file"},)})
    everywhere(server, "of-file", "new")
    everywhere(server, "m", None, 404)
    create(server, "third", models=["t"])
    everywhere(server, "t", "third")
    told = server.logs().count("channel new is not in use: a provider file "
                               "has its name")
    assert told == server.procs, "once in each process"
    server.remove_provider("new")
    everywhere(server, "m", "new")


def test_a_reload_keeps_the_channels(make_server, a):
    server = make_server("lighttpd", env=ENV)
    create(server)
    everywhere(server, "m", "new")
    server.write_conf({"default_model": "m"})
    server.everywhere(lambda client: client.post(
        "/v1/chat/completions", {"messages": []}).status == 200,
        "the configuration, read again,")
    assert statuses(server, "m") == {(200, "new")}


# Fail static.

@contextlib.contextmanager
def locked(server):
    db = sqlite3.connect(f"{server.tmp}/state/sluice.db", timeout=20)
    db.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        db.rollback()
        db.close()


def test_a_locked_database_stops_no_channel(make_server, a):
    server = make_server("lighttpd", env=ENV)
    made = create(server)
    everywhere(server, "m", "new")
    has_read(server, 1)
    with locked(server):
        for method, path, body in (
                ("POST", "/api/channels", wanted("second")),
                ("PUT", f"/api/channels/{made['id']}", {"weight": 3}),
                ("POST", "/api/models", {"name": "x"})):
            reply = admin(server, method, path, body, 503)
            assert reply.error["code"] == "store_unavailable"
        assert statuses(server, "m") == {(200, "new")}
    create(server, "second")


def test_a_read_only_database_stops_no_channel(make_server, a):
    server = make_server("lighttpd", env=ENV)
    made = create(server)
    everywhere(server, "m", "new")
    has_read(server, 1)
    server._end_processes()
    os.chmod(f"{server.tmp}/state/sluice.db", 0o444)
    server.start()
    assert statuses(server, "m") == {(200, "new")}
    for method, path, body in (
            ("POST", "/api/channels", wanted("second")),
            ("PUT", f"/api/channels/{made['id']}", {"weight": 3}),
            ("DELETE", f"/api/channels/{made['id']}", None),
            ("POST", "/api/models", {"name": "x"})):
        admin(server, method, path, body, 503)
    assert statuses(server, "m") == {(200, "new")}


def test_a_database_that_is_gone_stops_no_channel(make_server, a):
    server = make_server("lighttpd", env=ENV)
    create(server)
    everywhere(server, "m", "new")
    has_read(server, 1)
    for path in glob.glob(f"{server.tmp}/state/sluice.db*"):
        os.unlink(path)
        os.mkdir(path)
    until(lambda: "sluice.db" in server.logs(), "it to be noticed")
    assert statuses(server, "m") == {(200, "new")}
