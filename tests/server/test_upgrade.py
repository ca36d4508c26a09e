"""A pool that finds what the versions before it have left."""
import ctypes
import ctypes.util
import os
import shutil
import sqlite3

from channels import NO_BREAKER, a, b, open_chat
from client import until
from servers import AS_USER, SRC

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


def statuses(server, model):
    replies = [open_chat(server.client(), model)
               for _ in range(4 * server.procs)]
    try:
        return {r.finish().status for r in replies}
    finally:
        for reply in replies:
            reply.close()


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
    server.everywhere(lambda: statuses(server, "m") == {200}
                      and statuses(server, "late") == {200},
                      "the keys of before to be used")
    assert a.requests[-1].header("authorization") == "Bearer sk-of-the-old"
    assert b.requests[-1].header("authorization") == "Bearer sk-of-late"
    before = sealed_before("sk-of-the-old")
    until(lambda: query(server, "SELECT is_bound FROM sealing") == [(1,)],
          "the keys to be bound")
    assert [place for place, in query(server, "SELECT place FROM secrets")] \
        == [b.url.removesuffix("/v1")]
    server.everywhere(lambda: statuses(server, "m") == {200}
                      and statuses(server, "late") == {200},
                      "the bound keys to be used")
    assert a.requests[-1].header("authorization") == "Bearer sk-of-the-old"
    b.requests.clear()
    with sqlite3.connect(f"{server.tmp}/state/sluice.db", timeout=20) as db:
        db.execute("UPDATE channels SET base_url = ?, sealed = ?",
                   (b.url, before))
    db.close()
    server.everywhere(lambda: statuses(server, "m") == {404},
                      "what was put there by hand not to be used")
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
    assert statuses(server, "m") == {404}
    server.write_conf({**CONF, "auth": {"channel_env": ["UP_KEY"]}})
    server.everywhere(lambda: statuses(server, "m") == {200},
                      "the listed variable to be used")
