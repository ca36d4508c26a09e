"""/api/keys and /api/users: every route, good and bad; keys that are made work."""
import os
import re
import sqlite3
import threading

import pytest

from client import PATIENCE, until
from fixtures import provider
from upstream import chat_answer

SERVERS = ["lighttpd", "apache-cgi"]
ADMIN = "admin-key-5c4d3e"
ENV = {"SLUICE_ADMIN_KEY": ADMIN}
CONF = {"log": {"bodies": True}}
MADE = re.compile(r"sk-[0-9A-Za-z]{48}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
BROUGHT = "sk-brought-along-77aa88bb"
LIMITS = ["rpm", "tpm", "concurrency", "day_tokens", "day_cost",
          "week_tokens", "week_cost", "month_tokens", "month_cost"]
USED = {"in_flight", "spent"}
MEMBERS = {"name", "id", "owner", "enabled", "hint", "created_at",
           "expires_at", "rotated_at", "old_until", "models", "endpoints",
           "remote_user", *LIMITS}


def PROVIDERS(upstream):
    return {"up": provider(upstream, models=(
        {"name": "gpt-test", "prices": {"input": 2.5, "output": 10.0}},
        {"name": "gpt-other"}))}


@pytest.fixture(autouse=True)
def answers(upstream):
    upstream.script = lambda x: x.json(chat_answer())


@pytest.fixture
def admin(server):
    """Empty before and after."""
    def clear():
        for key in one.get("/api/keys").json():
            one.ask("DELETE", "/api/keys/" + key["name"])
    one = server.client(ADMIN)
    clear()
    yield one
    clear()


def good(reply, status=200):
    assert reply.status == status, reply
    assert reply.header("cache-control") == "no-store"
    return reply.json()


def bad(reply, status, param=None):
    assert (reply.status, reply.error["param"]) == (status, param), reply
    return reply.error["message"]


def gone(reply):
    assert (reply.status, bytes(reply.body)) == (204, b"")


def add(admin, name="alice", **members):
    return good(admin.post("/api/keys", {"name": name, **members}), 201)


def shown(admin, used=False):
    """The record of alice, with what was used or without that."""
    key = good(admin.get("/api/keys/alice"))
    assert set(key) == MEMBERS | USED
    return {name: key[name] for name in key if (name in USED) == used}


def ask(server, secret, model="gpt-test"):
    return server.client(secret).post(
        "/v1/chat/completions", {"model": model, "messages": []})


def everywhere(server, secret, status, model="gpt-test"):
    server.everywhere(lambda client: client.post(
        "/v1/chat/completions", {"model": model, "messages": []}
        ).status == status, status, secret)


def test_a_key_from_making_to_deleting(server, admin):
    made = add(admin)
    secret = made.pop("key")
    assert MADE.fullmatch(secret) and set(made) == MEMBERS
    assert made["hint"] == f"sk-...{secret[-4:]}"
    assert TIME.fullmatch(made["created_at"])
    assert made["models"] == made["endpoints"] == [] and made["owner"] == ""
    assert made["enabled"] is True
    assert all(made[name] is None for name in
               ["expires_at", "rotated_at", "old_until", "remote_user"]
               + LIMITS)
    assert shown(admin) == made
    assert good(admin.get("/api/keys")) == [made]
    everywhere(server, secret, 200)
    reply = ask(server, secret)
    line = server.journaled(reply.header("x-request-id"))
    assert line["key_id"] == made["id"]
    gone(admin.ask("DELETE", "/api/keys/alice"))
    everywhere(server, secret, 401)
    bad(admin.get("/api/keys/alice"), 404)


def test_everything_can_be_given_at_once(admin):
    given = {"owner": "Alice Ö.", "enabled": False,
             "expires_at": "2090-01-31T10:00:00Z",
             "models": ["gpt-*", "lab/x"], "endpoints": ["chat/completions"],
             "remote_user": "CN=alice,O=Example", "rpm": 60, "tpm": 100000,
             "concurrency": 5, "day_tokens": 1000, "day_cost": 0.5,
             "week_tokens": 5000, "week_cost": 2,
             "month_tokens": 10 ** 15, "month_cost": 1e-9}
    made = add(admin, key=BROUGHT, **given)
    assert made.pop("key") == BROUGHT
    assert {name: made[name] for name in given} == given
    assert shown(admin) == made


def test_put_changes_what_is_given_alone(admin):
    before = add(admin, owner="o", models=["a"], endpoints=["b"], rpm=5,
                 day_cost=1.5, remote_user="alice",
                 expires_at="2090-01-01T00:00:00Z")
    del before["key"]
    assert good(admin.ask("PUT", "/api/keys/alice", {})) == before
    for member, value in [
            ("owner", "p"), ("owner", ""), ("enabled", False),
            ("enabled", True), ("models", ["x", "y*"]), ("models", []),
            ("endpoints", ["z"]), ("remote_user", "bob"), ("rpm", 7),
            ("day_cost", 2.25), ("month_tokens", 9),
            ("expires_at", "2091-02-03T04:05:06Z")]:
        before[member] = value
        assert good(admin.ask("PUT", "/api/keys/alice",
                              {member: value})) == before
    for member in ["expires_at", "remote_user", "rpm", "day_cost",
                   "month_tokens", "owner", "models", "endpoints"]:
        before[member] = {"owner": "", "models": [],
                          "endpoints": []}.get(member)
        assert good(admin.ask("PUT", "/api/keys/alice",
                              {member: None})) == before
    assert shown(admin) == before


def test_changes_are_seen_everywhere(server, admin):
    secret = add(admin)["key"]
    everywhere(server, secret, 200)
    admin.ask("PUT", "/api/keys/alice", {"models": ["gpt-other"]})
    everywhere(server, secret, 403)
    everywhere(server, secret, 200, model="gpt-other")
    admin.ask("PUT", "/api/keys/alice", {"models": None, "enabled": False})
    everywhere(server, secret, 401)
    admin.ask("PUT", "/api/keys/alice", {"enabled": True})
    everywhere(server, secret, 200)
    admin.ask("PUT", "/api/keys/alice",
              {"expires_at": "2020-01-01T00:00:00Z"})
    everywhere(server, secret, 401)


def test_what_was_used_is_told(server, upstream, admin):
    secret = add(admin, month_tokens=10 ** 9)["key"]
    nothing = {name: 0 for name in LIMITS[3:]}
    assert shown(admin, used=True) == {"in_flight": 0, "spent": nothing}
    everywhere(server, secret, 200)

    def spent():
        return shown(admin, used=True)["spent"]
    until(lambda: spent()["month_tokens"] > 0, "tokens to be spent")
    assert spent()["day_tokens"] == spent()["week_tokens"] \
        == spent()["month_tokens"]
    assert spent()["day_cost"] > 0
    go = threading.Event()

    def waits(x):
        go.wait(PATIENCE)
        x.json(chat_answer())
    upstream.script = waits
    reply = server.client(secret).open(
        "POST", "/v1/chat/completions", {"model": "gpt-test", "messages": []})
    until(lambda: shown(admin, used=True)["in_flight"] == 1, "the request")
    go.set()
    assert reply.finish().status == 200
    reply.close()
    until(lambda: shown(admin, used=True)["in_flight"] == 0, "its end")
    admin.ask("PUT", "/api/keys/alice", {"month_tokens": None})
    assert shown(admin, used=True) == {"in_flight": None, "spent": None}


def test_rotation(server, admin):
    made = add(admin)
    first = made.pop("key")
    turned = good(admin.post("/api/keys/alice/rotate", b""))
    second = turned.pop("key")
    assert MADE.fullmatch(second) and second != first
    assert TIME.fullmatch(turned["rotated_at"])
    assert turned["old_until"] > turned["rotated_at"]
    assert turned["hint"] == f"sk-...{second[-4:]}"
    changed = {"hint", "rotated_at", "old_until"}
    assert {name: turned[name] for name in MEMBERS - changed} == {
        name: made[name] for name in MEMBERS - changed}
    everywhere(server, second, 200)
    everywhere(server, first, 200)
    turned = good(admin.post("/api/keys/alice/rotate",
                             {"grace_seconds": 0, "key": BROUGHT}))
    assert turned["key"] == BROUGHT and turned["old_until"] is None
    everywhere(server, BROUGHT, 200)
    everywhere(server, second, 401)
    everywhere(server, first, 401)


@pytest.mark.parametrize("body, param", [
    ({}, "name"), ({"name": ""}, "name"), ({"name": "a b"}, "name"),
    ({"name": "-a"}, "name"), ({"name": "x" * 65}, "name"),
    ({"name": None}, "name"), ({"name": 5}, "name"),
    ({"name": "a", "hint": "x"}, "hint"),
    ({"name": "a", "key": "short"}, "key"),
    ({"name": "a", "key": "with space"}, "key"),
    ({"name": "a", "key": "with,comma"}, "key"),
    ({"name": "a", "key": "k" * 513}, "key"),
    ({"name": "a", "owner": "two\nlines"}, "owner"),
    ({"name": "a", "owner": "o" * 129}, "owner"),
    ({"name": "a", "enabled": 1}, "enabled"),
    ({"name": "a", "enabled": None}, "enabled"),
    ({"name": "a", "expires_at": "tomorrow"}, "expires_at"),
    ({"name": "a", "expires_at": "1969-01-01"}, "expires_at"),
    ({"name": "a", "expires_at": "2100-01-01"}, "expires_at"),
    ({"name": "a", "expires_at": 5}, "expires_at"),
    ({"name": "a", "models": "gpt"}, "models"),
    ({"name": "a", "models": ["with space"]}, "models"),
    ({"name": "a", "models": ["two\nlines"]}, "models"),
    ({"name": "a", "models": [""]}, "models"),
    ({"name": "a", "models": ["m"] * 65}, "models"),
    ({"name": "a", "endpoints": ["/v1/models"]}, "endpoints"),
    ({"name": "a", "endpoints": [1]}, "endpoints"),
    ({"name": "a", "remote_user": "two\nlines"}, "remote_user"),
    ({"name": "a", "remote_user": "u" * 257}, "remote_user"),
    ({"name": "a", "rpm": 0}, "rpm"), ({"name": "a", "rpm": -1}, "rpm"),
    ({"name": "a", "rpm": 1.5}, "rpm"), ({"name": "a", "rpm": "5"}, "rpm"),
    ({"name": "a", "rpm": 1000001}, "rpm"),
    ({"name": "a", "concurrency": 10001}, "concurrency"),
    ({"name": "a", "day_tokens": 10 ** 16}, "day_tokens"),
    ({"name": "a", "day_cost": 0}, "day_cost"),
    ({"name": "a", "day_cost": 1e-10}, "day_cost"),
    ({"name": "a", "day_cost": -1}, "day_cost"),
    ({"name": "a", "month_cost": 1e10}, "month_cost"),
])
def test_what_is_wrong_is_named(admin, body, param):
    bad(admin.post("/api/keys", body), 400, param)
    assert admin.get("/api/keys").json() == []


@pytest.mark.parametrize("body, param", [
    ({"name": "b"}, "name"), ({"key": BROUGHT}, "key"),
    ({"rpm": 0}, "rpm"), ({"enabled": None}, "enabled"),
    ({"models": ["?"]}, "models"), ({"expires_at": "x"}, "expires_at"),
])
def test_a_bad_change_changes_nothing(admin, body, param):
    made = add(admin)
    del made["key"]
    bad(admin.ask("PUT", "/api/keys/alice", {"owner": "new", **body}), 400,
        param)
    assert shown(admin) == made


def test_conflicts(admin):
    add(admin, key=BROUGHT, remote_user="alice")
    bad(admin.post("/api/keys", {"name": "alice"}), 409, "name")
    message = bad(admin.post("/api/keys", {"name": "b", "key": BROUGHT}),
                  409, "key")
    assert BROUGHT not in message
    bad(admin.post("/api/keys", {"name": "b", "remote_user": "alice"}), 409,
        "remote_user")
    add(admin, "b")
    bad(admin.ask("PUT", "/api/keys/b", {"remote_user": "alice"}), 409,
        "remote_user")
    bad(admin.post("/api/keys/b/rotate", {"key": BROUGHT}), 409, "key")


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/api/keys/{}", None), ("PUT", "/api/keys/{}", {}),
    ("DELETE", "/api/keys/{}", None), ("POST", "/api/keys/{}/rotate", {}),
])
def test_what_is_not_there(admin, method, path, body):
    for name in ["nobody", "x" * 65, "%C3%B6", "a%20b"]:
        bad(admin.ask(method, path.format(name), body), 404)


@pytest.mark.parametrize("body, param", [
    ({"grace_seconds": -1}, "grace_seconds"),
    ({"grace_seconds": 10 ** 9}, "grace_seconds"),
    ({"key": "short"}, "key"), ({"key": "with space"}, "key"),
    ({"grace": 5}, "grace"),
])
def test_bad_rotations(admin, body, param):
    made = add(admin)
    del made["key"]
    bad(admin.post("/api/keys/alice/rotate", body), 400, param)
    assert shown(admin) == made


# Users.

def add_user(admin, **members):
    return good(admin.post("/api/users", members), 201)


def test_a_user_from_making_to_deleting(server, admin):
    made = add_user(admin, api_key=BROUGHT, name="Alice Ö., 3rd")
    number = made["id"]
    assert isinstance(number, int) and number > 0
    assert made == {"id": number, "api_key": f"sk-...{BROUGHT[-4:]}",
                    "name": "Alice Ö., 3rd",
                    "created_at": made["created_at"],
                    "updated_at": made["created_at"]}
    assert TIME.fullmatch(made["created_at"])
    assert good(admin.get(f"/api/users/{number}")) == made
    assert good(admin.get("/api/users")) == [made]
    key, = good(admin.get("/api/keys"))
    assert (key["name"], key["owner"]) == (f"user-{number}", made["name"])
    everywhere(server, BROUGHT, 200)
    gone(admin.ask("DELETE", f"/api/users/{number}"))
    assert admin.get("/api/keys").json() == []
    everywhere(server, BROUGHT, 401)
    bad(admin.get(f"/api/users/{number}"), 404)
    bad(admin.ask("DELETE", f"/api/users/{number}"), 404)


def test_a_user_goes_with_the_key_and_ids_do_not_come_again(admin):
    first = add_user(admin, api_key=BROUGHT)
    assert first["name"] == ""
    gone(admin.ask("DELETE", f"/api/keys/user-{first['id']}"))
    assert admin.get("/api/users").json() == []
    second = add_user(admin, api_key=BROUGHT)
    assert second["id"] > first["id"]


def test_a_users_key_whose_name_is_taken_gets_the_next(admin):
    first = add_user(admin, api_key=BROUGHT)["id"]
    add(admin, f"user-{first + 1}")
    assert add_user(admin, api_key="other-key-0123456789")["id"] == first + 2


def test_users_conflicts(admin):
    add_user(admin, api_key=BROUGHT, name="a")
    bad(admin.post("/api/users", {"api_key": BROUGHT, "name": "b"}), 409,
        "api_key")
    assert len(admin.get("/api/users").json()) == 1
    add_user(admin, api_key="another-key-0123456789", name="a")


@pytest.mark.parametrize("body, param", [
    ({}, "api_key"), ({"name": "a"}, "api_key"),
    ({"api_key": ""}, "api_key"), ({"api_key": "with space"}, "api_key"),
    ({"api_key": "öööööööö"}, "api_key"),
    ({"api_key": BROUGHT, "name": "x" * 129}, "name"),
    ({"api_key": BROUGHT, "name": "two\nlines"}, "name"),
    ({"api_key": BROUGHT, "name": 5}, "name"),
    ({"api_key": BROUGHT, "id": 5}, "id"),
])
def test_bad_users(admin, body, param):
    bad(admin.post("/api/users", body), 400, param)
    assert admin.get("/api/users").json() == admin.get("/api/keys").json() \
        == []


def test_users_that_are_not_there(admin):
    add_user(admin, api_key=BROUGHT)
    for number in ["0", "99999", "x", "-1", "1e3", "9" * 30]:
        bad(admin.get("/api/users/" + number), 404)
        bad(admin.ask("DELETE", "/api/users/" + number), 404)
    assert len(admin.get("/api/users").json()) == 1


# Of both.

def test_only_administrators_may(server):
    spec = server.client().get("/openapi.json", auth=False).json()
    ways = {path: operation["security"]
            for path, item in spec["paths"].items()
            for method, operation in item.items() if method != "parameters"
            if path.startswith(("/api/", "/admin/"))}
    assert {"/api/keys/{name}/rotate", "/api/users/{id}"} < set(ways)
    assert all(way == [{"adminBearer": []}, {"adminHeader": []}]
               for way in ways.values())
    reply = server.client().get("/api/keys")
    assert (reply.status, reply.error["code"]) == (401, "invalid_admin_key")


def test_other_methods_are_refused(admin):
    for method, path in [("PUT", "/api/keys"), ("POST", "/api/keys/a"),
                         ("GET", "/api/keys/a/rotate"),
                         ("PUT", "/api/users/1")]:
        reply = admin.ask(method, path, {} if method != "GET" else None)
        assert reply.status == 405, (method, path)


def test_a_secret_is_shown_once_and_kept_nowhere(server, admin):
    made = add(admin)
    turned = good(admin.post("/api/keys/alice/rotate", {}))
    add_user(admin, api_key=BROUGHT)
    secrets = [made["key"], turned["key"], BROUGHT]
    last = admin.get("/api/keys")
    for reply in [last, admin.get("/api/keys/alice"),
                  admin.get("/api/users")]:
        assert all(s.encode() not in bytes(reply.raw) for s in secrets)
    line = server.journaled(last.header("x-request-id"))
    assert "request" not in line and "response" not in line
    audits = [line.get("audit") for line in server.journal()]
    assert audits.count("key alice rotated") >= 1
    for path, _, names in os.walk(server.tmp):
        for name in names:
            if not os.path.isfile(f"{path}/{name}"):
                continue
            with open(f"{path}/{name}", "rb") as f:
                data = f.read()
            assert all(s.encode() not in data for s in secrets), (path, name)
    db = sqlite3.connect(f"{server.tmp}/state/sluice.db")
    assert [len(row[0]) for row in db.execute("SELECT hash FROM keys")] == [
        32, 32]
    db.close()
