"""Sessions: which sticky callers went where, and how one is sent elsewhere."""
import os
import sqlite3

import pytest

from channels import (NO_BREAKER, a, b, body, c, channel, open_chat, role,
                      sends, word)
from client import until
from servers import KEY

SERVERS = ["lighttpd"]
ADMIN = "admin-key-5c4d3e"
CONF = {"breaker": NO_BREAKER, "stream": {"release": "byte"}}
ENV = {"SLUICE_ADMIN_KEY": ADMIN}
NAMES = "abc"


def PROVIDERS(upstream):
    return {name: channel(name, retries=0, models=({"name": "any"},))
            for name in NAMES}


def provider(server, key=KEY, headers=(), **more):
    """Who answers."""
    reply = server.client(key).post("/v1/chat/completions", body(
        "any", **more), headers=headers)
    assert reply.status == 200, reply
    return reply.header("x-sluice-provider")


def sessions(server):
    reply = server.client(ADMIN).get("/api/sessions")
    assert reply.status == 200, reply
    return reply.json()


def session_of(server, user):
    """The one that a request of USER is noted in: the latest."""
    home = provider(server, user=user)
    found = sessions(server)[0]
    assert found["channel"] == home
    return found


def delete(server, number):
    return server.client(ADMIN).ask("DELETE", f"/api/sessions/{number}")


@pytest.fixture
def key(server):
    """Makes keys of the store, each an (id, secret); deleted with the test."""
    names = []

    def make(name):
        done = server.sluicectl("keys", "add", name)
        assert done.returncode == 0, done
        names.append(name)
        secret = done.stdout.strip()
        until(lambda: all(server.client(secret).get("/v1/models").status == 200
                          for _ in range(8)), "the key")
        with sqlite3.connect(f"{server.tmp}/state/sluice.db") as db:
            return db.execute("SELECT id FROM keys WHERE name = ?", [name]
                              ).fetchone()[0], secret
    yield make
    for name in names:
        server.sluicectl("keys", "delete", name)


def test_a_caller_has_one_session(server, a, b, c):
    first = session_of(server, "one caller")
    assert set(first) == {"id", "user_id", "channel_id", "key_id", "channel",
                          "model", "last_used_at", "created_at"}
    assert first["user_id"] is None and first["channel_id"] is None
    assert first["model"] == "any" and len(first["key_id"]) == 32
    assert 0 < first["id"] < 2 ** 53
    for _ in range(6):
        again = session_of(server, "one caller")
        assert again["id"] == first["id"]
        assert again["created_at"] == first["created_at"]
        assert again["last_used_at"] >= first["last_used_at"]
    assert [s["id"] for s in sessions(server)].count(first["id"]) == 1
    assert session_of(server, "another")["id"] != first["id"]


def test_who_is_not_sticky_has_no_session(server, a, b, c):
    before = {s["id"]: s for s in sessions(server)}
    provider(server)
    assert {s["id"]: s for s in sessions(server)} == before


def test_a_store_user_is_sticky(server, key, a, b, c):
    """By its key, where nothing else is told; keys of the environment are not."""
    homes = {}
    for i in range(12):
        key_id, secret = key(f"user-{i}")
        found = {provider(server, secret) for _ in range(5)}
        assert len(found) == 1
        homes[key_id] = found.pop()
    assert len(set(homes.values())) > 1
    mine = {s["key_id"]: s["channel"] for s in sessions(server)}
    assert {one: mine[one] for one in homes} == homes
    seen = set()
    until(lambda: seen.add(provider(server)) or len(seen) == 3,
          "all three channels")
    told = {provider(server, secret, user=f"u-{i}") for i in range(24)}
    assert len(told) > 1
    told = {provider(server, secret, prompt_cache_key=f"u-{i}")
            for i in range(24)}
    assert len(told) > 1
    told = {provider(server, secret, [("X-Session-Id", f"u-{i}")])
            for i in range(24)}
    assert len(told) > 1


def test_a_session_names_user_and_channel(server, key, a, b, c):
    key_id, secret = key("numbered")
    home = provider(server, secret)
    with sqlite3.connect(f"{server.tmp}/state/sluice.db") as db:
        db.execute("INSERT INTO users (id, key_id, name, created, updated) "
                   "VALUES (71, ?, 'U', 1, 1)", [key_id])
        db.execute("INSERT INTO channels (id, name, kind, base_url, hint, "
                   "weight, priority, enabled, created, updated) VALUES "
                   "(72, ?, 'openai', ?, '', 10, 0, 0, 1, 1)", [home, a.url])
    mine = [s for s in sessions(server) if s["key_id"] == key_id]
    assert [(s["user_id"], s["channel_id"], s["channel"]) for s in mine] == [
        (71, 72, home)]
    with sqlite3.connect(f"{server.tmp}/state/sluice.db") as db:
        db.execute("DELETE FROM channels")


def homes_in_both(server, user):
    """The channels that streams of USER have, once both processes serve some."""
    replies = []

    def rows():
        reply = open_chat(server.client(), "any", True, user=user)
        reply.event()
        replies.append(reply)
        found = [row for row in server.client(ADMIN).get("/api/requests")
                 .json()["requests"] if row["path"] != "/api/requests"]
        return len({row["pid"] for row in found}) == 2 and found
    found = until(rows, "both processes")
    for reply in replies:
        reply.close()
    until(lambda: len(server.client(ADMIN).get("/api/requests").json()[
        "requests"]) == 1, "their ends")
    return {row["provider"] for row in found}


def test_a_deleted_session_may_move(make_server, a, b, c):
    """In every process, and for good."""
    for upstream in (a, b, c):
        upstream.script = sends(role(), word("Hi"), then="hold")
    server = make_server("lighttpd", CONF, PROVIDERS(None), env=ENV)
    moved = []
    for number in range(40):
        user = f"caller-{number}"
        homes = homes_in_both(server, user)
        assert len(homes) == 1
        found = sessions(server)[0]
        reply = delete(server, found["id"])
        assert (reply.status, bytes(reply.body)) == (204, b"")
        assert found["id"] not in [s["id"] for s in sessions(server)]
        assert delete(server, found["id"]).status == 404
        until(lambda: len(homes_in_both(server, user)) == 1, "one home")
        after = homes_in_both(server, user)
        again = sessions(server)[0]
        assert again["id"] == found["id"] and {again["channel"]} == after
        if after != homes:
            moved.append((user, after))
            break
    assert moved
    line = next(line for line in server.journal() if "audit" in line)
    assert line["audit"].endswith(" deleted") and line["key_id"] == "admin"
    server._end_processes()
    server.start()
    assert homes_in_both(server, moved[0][0]) == moved[0][1]


@pytest.mark.parametrize("number", [
    "1", "0", "-1", "abc", "1e3", "9" * 18, "9" * 30, "%20"])
def test_what_is_no_session_is_404(server, number):
    reply = delete(server, number)
    assert reply.status == 404, reply
    assert set(reply.error) == {"message", "type", "param", "code"}


def test_sessions_are_the_admins(server):
    for method, path in ("GET", "/api/sessions"), ("DELETE", "/api/sessions/1"):
        assert server.client(KEY).ask(method, path).status == 401
    assert server.client(ADMIN).post("/api/sessions", {}).status == 405


def test_without_the_database_nothing_moves(make_server, a, b, c):
    server = make_server("lighttpd", CONF, PROVIDERS(None), env=ENV)
    found = session_of(server, "u")
    for end in "-wal", "-shm", "":
        if os.path.exists(f"{server.tmp}/state/sluice.db{end}"):
            os.unlink(f"{server.tmp}/state/sluice.db{end}")
    server.write("state/sluice.db", "this is no database " * 1000)
    assert delete(server, found["id"]).status == 503
    assert server.client(ADMIN).get("/api/sessions").status == 503
    assert {provider(server, user="u") for _ in range(4)} == {
        found["channel"]}
