"""A pool that finds what the versions before it have left."""
import ctypes
import ctypes.util
import hashlib
import json
import os
import shutil
import sqlite3
import time

from channels import NO_BREAKER, a, b, chat
from client import until
from servers import AS_USER, KEY, SRC

SEAL_KEY = "5e" * 32
ADMIN = "admin-key-5c4d3e"
ENV = {"SLUICE_ADMIN_KEY": ADMIN, "SLUICE_SEAL_KEY": SEAL_KEY}
CONF = {"breaker": NO_BREAKER}


def sealed_before(secret):
    """SECRET as it was sealed then: libsodium's secretbox, nothing else."""
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
    nonce, text = os.urandom(24), secret.encode()
    box = ctypes.create_string_buffer(len(text) + 16)
    sodium.crypto_secretbox_easy(box, text, ctypes.c_ulonglong(len(text)),
                                 nonce, bytes.fromhex(SEAL_KEY))
    return nonce + box.raw


def put_before(server, fill):
    """The server's database is one of schema 4, with what FILL(db) puts in."""
    server._end_processes()
    path = f"{server.tmp}/state/sluice.db"
    for name in os.listdir(f"{server.tmp}/state"):
        if name != "log":
            os.unlink(f"{server.tmp}/state/{name}")
    shutil.rmtree(f"{server.tmp}/state/log", True)
    db = sqlite3.connect(path)
    with open(f"{SRC}/tests/data/schema-4.sql") as f:
        db.executescript(f.read())
    with db:
        fill(db)
    db.close()
    if AS_USER:
        os.chown(path, AS_USER["user"], AS_USER["group"])
    server.start()


def query(server, sql, *values):
    db = sqlite3.connect(f"{server.tmp}/state/sluice.db", timeout=20)
    try:
        return db.execute(sql, values).fetchall()
    finally:
        db.close()


def everywhere(server, status, *models):
    server.everywhere(
        lambda client: {chat(client, model).status for model in models}
        == {status}, f"{status} for {models}")


def test_sealed_keys_go_on_and_are_bound(make_server, a, b):
    late = {"base_url": b.url, "api_key_env": "LATE_KEY",
            "models": ({"name": "late"},)}
    server = make_server("lighttpd", CONF, {"late": late}, ENV)

    def fill(db):
        db.execute("INSERT INTO channels VALUES (7, 'old', 'openai', ?, ?, "
                   "'sk-...-old', NULL, 10, 0, 1, 1, 1)",
                   (a.url, sealed_before("sk-of-the-old")))
        db.execute("INSERT INTO models VALUES (1, 'm', 1, 1)")
        db.execute("INSERT INTO model_channels VALUES (1, 1, 7, 'm', 10, 1)")
        db.execute("INSERT INTO secrets VALUES ('LATE_KEY', ?, 'h', 1)",
                   (sealed_before("sk-of-late"),))
    put_before(server, fill)
    everywhere(server, 200, "m", "late")
    assert a.requests[-1].header("authorization") == "Bearer sk-of-the-old"
    assert b.requests[-1].header("authorization") == "Bearer sk-of-late"
    before = sealed_before("sk-of-the-old")
    until(lambda: query(server, "SELECT is_bound FROM sealing") == [(1,)],
          "the keys to be bound")
    assert [place for place, in query(server, "SELECT place FROM secrets")] \
        == [b.url.removesuffix("/v1")]
    everywhere(server, 200, "m", "late")
    assert a.requests[-1].header("authorization") == "Bearer sk-of-the-old"
    b.requests.clear()
    with sqlite3.connect(f"{server.tmp}/state/sluice.db", timeout=20) as db:
        db.execute("UPDATE channels SET base_url = ?, sealed = ?",
                   (b.url, before))
    db.close()
    everywhere(server, 404, "m")
    assert [x for x in b.requests if x.data()["model"] == "m"] == []


def test_variables_of_channels_must_be_listed(make_server, a):
    """Channels of before that name a variable: said in the log, not used."""
    server = make_server("lighttpd", CONF, env=ENV)

    def fill(db):
        db.execute("INSERT INTO channels VALUES (7, 'old', 'openai', ?, NULL, "
                   "'', 'UP_KEY', 10, 0, 1, 1, 1)", (a.url,))
        db.execute("INSERT INTO models VALUES (1, 'm', 1, 1)")
        db.execute("INSERT INTO model_channels VALUES (1, 1, 7, 'm', 10, 1)")
    put_before(server, fill)
    until(lambda: "channel old is not in use: its variable UP_KEY is not in "
          "auth.channel_env of sluice.conf" in server.logs(), "the log")
    everywhere(server, 404, "m")
    server.write_conf({**CONF, "auth": {"channel_env": ["UP_KEY"]}})
    everywhere(server, 200, "m")


# Ids of keys.

STORED = "sk-stored-key-of-before-000001"


def old_id(key):
    """As the versions before made it."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def old_line(i, key, now):
    """A line of a journal of before; MADE 1000 input tokens."""
    return json.dumps({
        "asctime": "2026-01-01 00:00:00.000", "time_ms": now * 1000 + i,
        "request_id": f"req_before{i}", "key_id": old_id(key),
        "method": "POST", "api_path": "/v1/chat/completions",
        "request_model_name": "m", "target_provider": "up",
        "target_model_name": "m", "status": 200, "outcome": "ok",
        "stream": False, "duration_ms": 5, "attempts": [],
        "usage": {"source": "reported", "input_tokens": 1000,
                  "cache_read_tokens": 0, "cache_write_tokens": 0,
                  "output_tokens": 0, "reasoning_tokens": 0}},
        separators=(",", ":")) + "\n"


def usage_of(server, key):
    """Input tokens by key, as an administrator is told."""
    reply = server.client(ADMIN).get(f"/api/usage?by=key&key={key}")
    rows = reply.json()["rows"]
    return sum(row["input_tokens"] for row in rows), rows


def test_what_keys_have_done_stays_theirs(make_server, upstream):
    """Keys, budgets, usage, responses and prompts, of stored keys and others."""
    up = {"base_url": upstream.url, "api_key_env": "UP_KEY",
          "models": ({"name": "m"},)}
    server = make_server("lighttpd", CONF, {"up": up}, ENV)
    now = int(time.time())
    day = now // 86400 * 86400

    def fill(db):
        db.execute("INSERT INTO keys (id, hash, name, owner, enabled, created,"
                   " models, endpoints, day_tokens) VALUES "
                   "(?, ?, 'stored', 'o', 1, 1, '', '', 3500)",
                   (old_id(STORED), hashlib.sha256(STORED.encode()).digest()))
        db.execute("INSERT INTO users VALUES (3, ?, 'U', 1, 1)",
                   (old_id(STORED),))
        db.execute("INSERT INTO prompts VALUES ('key', ?, 'Be kind.', 1, 1)",
                   (old_id(STORED),))
        for key, name in (KEY, "resp_env"), (STORED, "resp_stored"):
            db.execute("INSERT INTO objects VALUES ('response', ?, 'up', '', "
                       "?, ?)", (name, old_id(key), now + 9999))
            for table, t in ("usage_days", day), ("usage_hours",
                                                  now // 3600 * 3600):
                db.execute(f"INSERT INTO {table} VALUES (?, ?, 'm', 'up', 2, "
                           "0, 0, 0, 2000, 0, 0, 0, 0, 0)", (t, old_id(key)))
            for i in range(2):
                db.execute("INSERT INTO usage (id, try, time_ms, key_id, "
                           "model, provider, status, error, stream, source, "
                           "input_tokens, cache_read_tokens, "
                           "cache_write_tokens, output_tokens, "
                           "reasoning_tokens, duration_ms, tries) VALUES "
                           "(?, 0, ?, ?, 'm', 'up', 200, 0, 0, 'reported', "
                           "1000, 0, 0, 0, 0, 5, 0)",
                           (f"req_{name}{i}", now * 1000 - 5000 + i,
                            old_id(key)))
        os.mkdir(f"{server.tmp}/state/log")
        path = f"{server.tmp}/state/log/" + time.strftime("%Y%m%d%H.log")
        with open(path, "w") as f:
            f.write(old_line(1, KEY, now) + old_line(2, STORED, now))
    put_before(server, fill)
    stored = server.client(STORED)
    server.everywhere(lambda client: client.get("/v1/models").status == 200,
                      "the stored key to be known", STORED)
    ids = {}
    for key in KEY, STORED:
        reply = server.client(key).get("/v1/models")
        ids[key] = server.journaled(reply.header("x-request-id"))["key_id"]
        assert ids[key].startswith("k") and len(ids[key]) == 32
        for called in ids[key], old_id(key):
            until(lambda: usage_of(server, called)[0] == 3000,
                  "the usage of before, imported and not")
        assert {row["key"] for row in usage_of(server, ids[key])[1]} \
            == {ids[key]}
        lines = server.client(ADMIN).get(
            f"/api/log?key={ids[key]}&model=m").json()["lines"]
        assert [x["request_id"] for x in lines] == [
            "req_before1" if key == KEY else "req_before2"]
    assert usage_of(server, "stored")[0] == 3000
    everything = " ".join(map(str, [
        query(server, f"SELECT * FROM {table}")
        for table in ("keys", "users", "prompts", "objects", "usage",
                      "usage_hours", "usage_days")]))
    for key in KEY, STORED:
        assert old_id(key) not in everything
    upstream.script = lambda x: x.json({"id": "resp_x", "object": "response"})
    for key, mine, other in ((KEY, "resp_env", "resp_stored"),
                             (STORED, "resp_stored", "resp_env")):
        assert server.client(key).get(f"/v1/responses/{mine}").status == 200
        assert server.client(key).get(f"/v1/responses/{other}").status == 404
    user, = server.client(ADMIN).get("/api/users").json()
    assert (user["id"], user["name"]) == (3, "U")
    upstream.script = lambda x: x.json({
        "choices": [{"message": {"role": "assistant", "content": "x"}}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 0,
                  "total_tokens": 400}})
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}],
            "max_tokens": 1}
    until(lambda: server.client(ADMIN).get("/api/keys/stored").json()
          ["spent"]["day_tokens"] == 3000, "what was spent before to count")
    assert stored.post("/v1/chat/completions", body).status == 200
    assert upstream.requests[-1].data()["messages"][0]["content"] == "Be kind."
    replies = [stored.post("/v1/chat/completions", body) for _ in range(3)]
    assert replies[-1].status == 429
