"""sluicectl backup and restore, beside a pool that works."""
import os
import stat
import subprocess

import pytest

from books import ADMIN, USAGE, ask, books, of_calls, until_all
from client import until
from fixtures import provider
from servers import AS_USER
from upstream import chat_answer


@pytest.fixture
def pool(make_server, upstream):
    upstream.script = lambda x: x.json(dict(chat_answer(), usage=USAGE))
    return make_server("lighttpd", {}, {"up": provider(
        upstream, retries=0, models=({"name": "m"}, {"name": "n"}))},
        env={"SLUICE_ADMIN_KEY": ADMIN})


def ctl(server, *words, status=0):
    done = server.sluicectl(*words)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout if status == 0 else done.stderr


def made(server, name):
    return ctl(server, "keys", "add", name).strip()


def answers(server, key, status):
    """All of the pool answer so: each knows of the key, or does not."""
    server.everywhere(
        lambda client: client.get("/v1/models").status == status, status, key)


def backup(server, *words):
    return ctl(server, "backup", f"{server.tmp}/uploads/copy.db", *words)


def restore(server, status=0):
    return ctl(server, "restore", f"{server.tmp}/uploads/copy.db",
               status=status)


def test_there_and_back_while_requests_are_served(pool):
    old = made(pool, "old")
    for _ in range(3):
        ask(pool)
    until_all(pool)
    said = backup(pool)
    assert "seal.key is not in it" in said
    assert "ids.key is not in it" in said
    assert "journal" in said
    new = made(pool, "new")
    ctl(pool, "keys", "disable", "old")
    answers(pool, new, 200)
    answers(pool, old, 401)
    for _ in range(4):
        ask(pool)
    until_all(pool)
    kept = restore(pool).split("before is ")[1].splitlines()[0]
    answers(pool, old, 200)
    answers(pool, new, 401)
    until_all(pool)           # without another line
    assert books(pool)[0] == len(of_calls(pool)) == 7
    ask(pool)
    until_all(pool)
    assert books(pool)[0] == 8
    os.rename(kept, f"{pool.tmp}/uploads/kept.db")
    ctl(pool, "restore", f"{pool.tmp}/uploads/kept.db")
    answers(pool, new, 200)
    answers(pool, old, 401)
    until_all(pool)
    assert books(pool)[0] == 8


def test_a_database_that_was_lost(pool):
    """The pool knows its keys, and works with the new file when it is there."""
    key = made(pool, "one")
    ask(pool)
    until_all(pool)
    backup(pool)
    ask(pool)
    answers(pool, key, 200)     # by every process, which is what it then knows
    for name in os.listdir(f"{pool.tmp}/state"):
        if name.startswith("sluice.db"):
            os.unlink(f"{pool.tmp}/state/{name}")
    until(lambda: "stay as they are known" in pool.logs(), "the warning")
    answers(pool, key, 200)
    restore(pool)
    ask(pool)
    until_all(pool)
    assert books(pool)[0] == 3
    answers(pool, key, 200)
    ctl(pool, "keys", "delete", "one")
    answers(pool, key, 401)


def owners(pool):
    folder = f"{pool.tmp}/state"
    return {os.stat(f"{folder}/{name}").st_uid for name in os.listdir(folder)
            if name.startswith("sluice.db")}


def as_operator(pool, *words):
    """Not as the responders' user, where there are two."""
    done = subprocess.run([pool.ctl, *words, "-c",
                           f"{pool.tmp}/sluice/sluice.conf"],
                          capture_output=True, text=True, cwd=pool.tmp)
    assert done.returncode == 0, done.stderr


def test_what_root_does_belongs_to_who_serves(pool, tmp_path):
    key = made(pool, "one")
    answers(pool, key, 200)
    mine = owners(pool)
    copy = str(tmp_path / "copy.db")
    as_operator(pool, "backup", copy)
    for lost in (False, True):
        for name in os.listdir(f"{pool.tmp}/state") if lost else []:
            if name.startswith("sluice.db"):
                os.unlink(f"{pool.tmp}/state/{name}")
        as_operator(pool, "restore", copy)
        assert owners(pool) == mine
        made(pool, f"after{lost}")
        assert owners(pool) == mine
        answers(pool, key, 200)


def test_files_and_modes(pool):
    made(pool, "one")
    path = f"{pool.tmp}/uploads/copy.db"
    backup(pool)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert "it is there already" in ctl(pool, "backup", path, status=1)
    backup(pool, "--force")
    with open(path, "r+") as f:
        f.write("no database")
    assert "no database" in restore(pool, status=1)
    os.unlink(path)
    assert "no such file" in restore(pool, status=1)
    os.symlink("/etc/passwd", path)
    assert "a link" in ctl(pool, "backup", path, "--force", status=1)
    for words in (["backup"], ["backup", "a", "b"], ["restore"],
                  ["restore", "a", "--force"], ["backup", "--what", "a"]):
        assert "usage: sluicectl" in ctl(pool, *words, status=2)
    owner = os.stat(f"{pool.tmp}/state/sluice.db").st_uid
    assert owner == AS_USER.get("user", os.getuid())
