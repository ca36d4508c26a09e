"""/admin/addapikey, removeapikey, listkeys and getquota, as LLMGateway has them."""
import sqlite3

import pytest

from client import until
from fixtures import provider
from upstream import chat_answer

SERVERS = ["lighttpd"]
ADMIN = "admin-key-5c4d3e"
ENV = {"SLUICE_ADMIN_KEY": ADMIN}
KEY = "ABCDEFGHIJKLMNOP"
ALICE = {"user": "alice@example.org", "key": KEY, "name": "My laptop, nr 2"}


def PROVIDERS(upstream):
    return {"up": provider(upstream, models=(
        {"name": "gpt-test", "prices": {"input": 2.5, "output": 10.0}},))}


@pytest.fixture(autouse=True)
def answers(upstream):
    upstream.script = lambda x: x.json(chat_answer())


class Admin:
    """A client of that gateway: its header, its bodies."""

    def __init__(self, server):
        self.client = server.client(None)

    def ask(self, method, path, body=None):
        return self.client.ask(method, "/admin/" + path, body,
                               headers=[("AdminKey", ADMIN)])

    def listed(self):
        reply = self.ask("GET", "listkeys")
        assert reply.status == 200
        return reply.json()


@pytest.fixture
def admin(server):
    one = Admin(server)
    yield one
    client = server.client(ADMIN)
    for key in client.get("/api/keys").json():
        client.ask("DELETE", "/api/keys/" + key["name"])
    assert one.listed() == []


def null(reply, status):
    assert (reply.status, bytes(reply.body)) == (status, b"null"), reply


def bad(reply, status, param=None):
    assert (reply.status, reply.error["param"]) == (status, param), reply


def everywhere(server, authorization, status):
    server.everywhere(lambda client: client.post(
        "/v1/chat/completions", {"model": "gpt-test", "messages": []},
        headers=[("Authorization", authorization)]).status == status,
        status, key=None)


def test_a_key_from_adding_to_removing(server, admin):
    null(admin.ask("POST", "addapikey", ALICE), 201)
    assert admin.listed() == [{"key": "A...MNOP", "active": True,
                               "name": ALICE["name"], "user": ALICE["user"]}]
    everywhere(server, f"Bearer {KEY}", 200)
    everywhere(server, KEY, 200)
    null(admin.ask("POST", "removeapikey", ALICE), 200)
    assert admin.listed() == []
    everywhere(server, f"Bearer {KEY}", 401)
    bad(admin.ask("POST", "removeapikey", ALICE), 404)


def test_all_three_must_match_to_remove(admin):
    null(admin.ask("POST", "addapikey", ALICE), 201)
    for other in [{"user": "bob"}, {"key": KEY + "K"}, {"name": "x"}]:
        bad(admin.ask("POST", "removeapikey", {**ALICE, **other}), 404)
    assert len(admin.listed()) == 1


def test_what_is_there_conflicts(server, admin):
    null(admin.ask("POST", "addapikey", ALICE), 201)
    bad(admin.ask("POST", "addapikey", ALICE), 409, "name")
    bad(admin.ask("POST", "addapikey", {**ALICE, "name": "x"}), 409, "key")
    bad(admin.ask("POST", "addapikey", {**ALICE, "user": "bob"}), 409, "key")
    bad(admin.ask("POST", "addapikey", {**ALICE, "key": KEY + "K"}), 409,
        "name")
    assert len(admin.listed()) == 1
    null(admin.ask("POST", "addapikey",
                   {**ALICE, "user": "bob", "key": KEY + "K"}), 201)
    server.client(ADMIN).post("/api/keys", {"name": "n", "owner": "carol"})
    bad(admin.ask("POST", "addapikey",
                  {"user": "carol", "key": KEY + "L", "name": "n"}), 409,
        "name")


def test_a_short_key_is_not_added_but_may_be_removed(admin):
    """Those that were brought along before have any length from 8."""
    short = {**ALICE, "key": "fifteen-bytes-x"}
    bad(admin.ask("POST", "addapikey", short), 400, "key")
    bad(admin.ask("POST", "removeapikey", short), 404)


@pytest.mark.parametrize("route", ["addapikey", "removeapikey"])
@pytest.mark.parametrize("change, param", [
    ({"user": None}, "user"), ({"key": None}, "key"), ({"name": None}, "name"),
    ({"user": ""}, "user"), ({"name": ""}, "name"), ({"key": ""}, "key"),
    ({"user": "u" * 129}, "user"), ({"name": "n" * 129}, "name"),
    ({"user": "a\tb"}, "user"), ({"name": 5}, "name"), ({"x": 1}, "x"),
])
def test_what_is_wrong_is_named(admin, route, change, param):
    bad(admin.ask("POST", route, {**ALICE, **change}), 400, param)
    if param in ALICE:
        rest = {name: ALICE[name] for name in ALICE if name != param}
        bad(admin.ask("POST", route, rest), 400, param)


def test_the_list_has_every_key_and_says_which_are_active(server, admin):
    client = server.client(ADMIN)
    null(admin.ask("POST", "addapikey", ALICE), 201)
    for name, more in [("on", {}), ("off", {"enabled": False}),
                       ("old", {"expires_at": "2020-01-01T00:00:00Z"})]:
        made = client.post("/api/keys", {"name": name, "owner": "bob",
                                         **more})
        assert made.status == 201
    assert [(k["user"], k["name"], k["active"]) for k in admin.listed()] == [
        (ALICE["user"], ALICE["name"], True), ("bob", "off", False),
        ("bob", "old", False), ("bob", "on", True)]
    assert KEY.encode() not in admin.ask("GET", "listkeys").raw


def test_the_quota_is_what_today_has_cost(server, admin):
    """As much as usage has of it; more than the leader has imported is not known."""
    def quota(body=b""):
        reply = admin.ask("POST", "getquota", body)
        assert reply.status == 200
        return reply.json()

    assert quota() == quota({})
    null(admin.ask("POST", "addapikey", ALICE), 201)
    everywhere(server, f"Bearer {KEY}", 200)

    def cost_of_all():
        return round(sum(line["cost"] or 0 for line in server.journal()), 9)
    until(lambda: cost_of_all() > 0 and quota() == cost_of_all(),
          "what was asked to be counted")
    db = sqlite3.connect(f"{server.tmp}/state/sluice.db")
    db.execute("UPDATE usage_days SET time = time - 86400")
    db.commit()
    db.close()
    assert quota() == 0


def test_bad_quota_requests(admin):
    bad(admin.ask("POST", "getquota", {"x": 1}), 400, "x")
    assert admin.ask("GET", "getquota").status == 405
