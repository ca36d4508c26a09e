"""The database fails while a pool works: nobody who is known notices.

Requests are relayed and journaled, administrators are told that it fails, and
when it is well again so is all else, and nothing was lost.
"""
import os
import select
import sqlite3

import pytest

from books import (ADMIN, USAGE, as_owner, ask, books, database_files,
                   until_all)
from client import until
from fixtures import provider
from kill import limit_files
from servers import KEY
from upstream import chat_answer

CHAT = {"model": "m", "messages": []}


@pytest.fixture
def start(make_server, upstream):
    def begin(**more):
        upstream.script = lambda x: x.json(dict(chat_answer(), usage=USAGE))
        server = make_server("lighttpd", {}, {"up": provider(
            upstream, retries=0, models=({"name": "m"}, {"name": "n"}))},
            env={"SLUICE_ADMIN_KEY": ADMIN}, **more)
        server.may_crash = True
        server.written = 0          # keys that somebody tried to make
        server.asked = 0            # chats
        return server
    return begin


def ctl(server, *words):
    done = server.sluicectl(*words)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def write(server):
    """An administrator makes a key: its name, and the answer's status."""
    server.written += 1
    name = f"made{server.written}"
    reply = server.client(ADMIN).post("/api/keys", {"name": name})
    return name, judge(reply, 201)


def read(server):
    return judge(server.client(ADMIN).get("/api/keys"), 200)


def judge(reply, well):
    if reply.status != well:
        assert reply.status == 503, reply
        assert reply.error["type"] == "server_error"
        assert "database" in reply.error["message"]
    return reply.status


def names(server):
    return {key["name"]
            for key in server.client(ADMIN).get("/api/keys").json()}


def chat(server, key=KEY):
    server.asked += 1
    return server.client(key).post("/v1/chat/completions", CHAT)


def everywhere(server, key, status):
    server.everywhere(
        lambda client: client.get("/v1/models").status == status, status, key)


def all_serve(server, key):
    """At once: not only in the end."""
    for _ in range(6 * server.procs):
        reply = chat(server, key)
        assert reply.status == 200, reply


def path_of(server):
    return f"{server.tmp}/state/sluice.db"


def execute(server, sql):
    """As the responders' user would, all in the file itself afterwards."""
    as_owner(server, "import sqlite3; db = sqlite3.connect("
             f"'state/sluice.db', timeout=20); db.executescript('''{sql}''');"
             "db.execute('PRAGMA wal_checkpoint(TRUNCATE)')")


# What happens to it. Each returns what mends that.

def locked(server):
    db = sqlite3.connect(path_of(server), timeout=20)
    db.execute("BEGIN EXCLUSIVE")
    return db.close


def read_only(server):
    os.chmod(path_of(server), 0o440)
    return lambda: os.chmod(path_of(server), 0o640)


def in_a_folder_without_room(server):
    """It cannot be made any larger, nor can the WAL; the journal is short yet."""
    reader = sqlite3.connect(path_of(server), timeout=20)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM keys").fetchone()
    while os.path.getsize(path_of(server) + "-wal") < 200000:
        assert write(server)[1] == 201
    limit_files(server, 200000)

    def mend():
        limit_files(server, "none")
        reader.close()
    return mend


def overwritten(server):
    execute(server, "")
    as_owner(server, "open('state/sluice.db', 'r+').write('garbage' * 9000)")
    return lambda: ctl(server, "restore", f"{server.tmp}/uploads/copy.db")


def deleted(server):
    for path in database_files(server):
        os.unlink(path)
    return lambda: ctl(server, "restore", f"{server.tmp}/uploads/copy.db")


def moved_away(server):
    for path in database_files(server):
        os.rename(path, path.replace("/state/", "/uploads/"))

    def mend():
        for name in ("sluice.db-shm", "sluice.db-wal", "sluice.db"):
            if os.path.exists(f"{server.tmp}/uploads/{name}"):
                os.rename(f"{server.tmp}/uploads/{name}",
                          f"{server.tmp}/state/{name}")
    return mend


def of_a_newer_version(server):
    with sqlite3.connect(path_of(server)) as db:
        version, = db.execute("PRAGMA user_version").fetchone()
    execute(server, "PRAGMA user_version = 99")
    return lambda: execute(server, f"PRAGMA user_version = {version}")


# What administrators may be told meanwhile: of reading, of writing. Who had it
# open before can go on with one that only became read-only.
FAULTS = [
    (locked, {200}, {503}),
    (read_only, {200, 503}, {201, 503}),
    (in_a_folder_without_room, {200}, {503}),
    (overwritten, {200, 503}, {201, 503}),
    (deleted, {503}, {503}),
    (moved_away, {503}, {503}),
    (of_a_newer_version, {503}, {503}),
]


@pytest.mark.parametrize("fault, reads, writes", FAULTS,
                         ids=[f[0].__name__ for f in FAULTS])
def test_known_callers_go_on(start, fault, reads, writes):
    server = start()
    key = ctl(server, "keys", "add", "known").strip()
    everywhere(server, key, 200)
    ctl(server, "backup", f"{server.tmp}/uploads/copy.db")
    mend = fault(server)
    try:
        all_serve(server, key)
        told = [(read(server), write(server)) for _ in range(2)]
        assert {one for one, _ in told} <= reads
        assert {status for _, (_, status) in told} <= writes
        all_serve(server, key)
    finally:
        mend()
    for _ in range(4):
        assert read(server) == 200
        assert write(server)[1] == 201
    if fault not in (overwritten,):         # that one kept its promises
        promised = {name for _, (name, status) in told if status == 201}
        assert promised <= names(server)
    refused = {name for _, (name, status) in told if status == 503}
    assert not refused & names(server)
    all_serve(server, key)
    until_all(server)
    assert books(server)[0] == server.asked


def test_others_are_answered_while_one_waits_for_the_database(start):
    """Of the same process: its loop is not what waits."""
    server = start(procs=1)
    assert write(server)[1] == 201
    unlock = locked(server)

    def overtakes():
        waiting = server.client(ADMIN).open("POST", "/api/keys",
                                            {"name": "late"})
        for _ in range(3):
            assert ask(server)["status"] == 200
        came, _, _ = select.select([waiting.sock], [], [], 0)
        assert waiting.finish().status == 503
        return not came
    try:
        until(overtakes, "answers before the other one's")
    finally:
        unlock()
    assert "late" not in names(server)


def test_administrators_who_wait_leave_room_for_others(start):
    """What asks the database for a client needs a thread of the pool, too."""
    server = start(procs=1)
    assert write(server)[1] == 201
    unlock = locked(server)

    def overtakes():
        waiting = [server.client(ADMIN).open("POST", "/api/keys",
                                             {"name": f"late{i}"})
                   for i in range(6)]
        reply = server.client().get("/v1/responses/resp_none")
        assert reply.status == 404, reply
        came, _, _ = select.select([w.sock for w in waiting], [], [], 0)
        assert {w.finish().status for w in waiting} == {503}
        return not came
    try:
        until(overtakes, "an answer before all the others'")
    finally:
        unlock()


def test_one_that_is_gone_is_told_once_and_not_made_anew(start):
    server = start()
    ctl(server, "keys", "add", "known")
    assert write(server)[1] == 201
    mend = moved_away(server)
    for _ in range(8):
        assert write(server)[1] == read(server) == 503
    assert not os.path.exists(path_of(server))
    said = server.logs().count("a new one is only made at a start")
    assert 1 <= said <= server.procs
    mend()
    assert read(server) == 200
    assert names(server) == {"known", "made1"}


def test_an_older_one_in_its_place(start):
    """Who put it there saw to it that nothing of the other stands beside it."""
    server = start()
    old = ctl(server, "keys", "add", "old").strip()
    ask(server)
    until_all(server)
    ctl(server, "backup", f"{server.tmp}/uploads/copy.db")
    new = ctl(server, "keys", "add", "new").strip()
    everywhere(server, new, 200)
    until_all(server)
    moved_away(server)
    os.chmod(f"{server.tmp}/uploads/copy.db", 0o640)
    os.rename(f"{server.tmp}/uploads/copy.db", path_of(server))
    everywhere(server, new, 401)
    everywhere(server, old, 200)
    for _ in range(4):
        assert write(server)[1] == 201
    assert names(server) == {"old", "made1", "made2", "made3", "made4"}
    until_all(server)
    books(server)


# A process that starts meanwhile.

def replace_all(server):
    """Every process of the pool is another one afterwards."""
    for pid in server.responders():
        os.kill(pid, 9)
        until(lambda: pid not in server.responders() and
              len(server.responders()) == server.procs, "another")
    until(server._answers, "the new ones")


def test_a_new_process_reads_what_is_locked(start):
    server = start()
    key = ctl(server, "keys", "add", "known").strip()
    unlock = locked(server)
    try:
        replace_all(server)
        all_serve(server, key)
    finally:
        unlock()
    assert write(server)[1] == 201


def test_a_new_process_does_not_call_a_key_wrong_that_it_cannot_know(start):
    server = start()
    key = ctl(server, "keys", "add", "known").strip()
    ctl(server, "backup", f"{server.tmp}/uploads/copy.db")
    mend = overwritten(server)
    replace_all(server)
    for _ in range(8):
        reply = chat(server, key)
        assert judge(reply, 200) == 503
        assert reply.error["code"] == "store_unavailable"
        assert chat(server).status == 200
        assert server.client(None).get("/v1/models").status == 401
    mend()
    everywhere(server, key, 200)
    everywhere(server, "sk-nobody-has-this", 401)
