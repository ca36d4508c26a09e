"""From the journal into the database: each line once, whatever happens to it."""
import json
import os
import re
import signal
import sqlite3
import time

import pytest

from books import (ADMIN, BUCKETS, USAGE, as_owner, ask, books, database_files,
                   imported, of_calls, rows, until_all)
from client import until
from fixtures import provider
from servers import AS_USER, KEY, read_tail
from upstream import chat_answer, chat_chunk

POOLS = ["lighttpd", "nginx"]


@pytest.fixture
def started(make_server, upstream):
    def start(kind, conf=None):
        upstream.script = lambda x: x.json(dict(chat_answer(), usage=USAGE))
        return make_server(kind, conf or {}, {"up": provider(
            upstream, retries=0, models=({"name": "m"}, {"name": "n"}))},
            env={"SLUICE_ADMIN_KEY": ADMIN})
    return start


def usage(server, *words, status=0):
    done = server.sluicectl("usage", *words)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done


def report(server, *words):
    return [json.loads(line) for line in
            usage(server, "--json", *words).stdout.splitlines()]


def mixed_requests(server, upstream):
    for i in range(5):
        ask(server, "mn"[i % 2])
    ask(server, "unknown")
    server.client().get("/health")
    upstream.script = lambda x: x.json({"error": {"message": "no"}}, 400)
    ask(server)

    def cut(x):
        x.sse()
        x.event(chat_chunk("some words of an answer"))
        x.close()
    upstream.script = cut
    ask(server, stream=True)


@pytest.mark.parametrize("kind", POOLS)
def test_a_pool_imports(started, upstream, kind):
    server = started(kind)
    mixed_requests(server, upstream)
    until_all(server)
    assert books(server)[0] == 8
    upstream.script = lambda x: x.json(dict(chat_answer(), usage=USAGE))
    ask(server)
    until_all(server)
    assert books(server)[0] == 9


def test_a_leader_that_is_killed(started, upstream):
    """The other one goes on where it was."""
    server = started("lighttpd-spawned")
    server.may_crash = True
    for _ in range(3):
        ask(server)
    first = until(server.leaders, "a leader")[0]
    until(lambda: imported(server), "an import")
    for _ in range(3):
        ask(server)
    os.kill(first, signal.SIGKILL)
    for _ in range(3):
        ask(server)
    until_all(server)
    assert len(server.leaders()) == 2
    assert books(server)[0] == 9


def test_tick_imports_what_cgi_wrote(started, upstream):
    server = started("apache-cgi")
    mixed_requests(server, upstream)
    assert imported(server) == []
    for _ in range(2):
        assert server.sluicectl("tick").returncode == 0
        until_all(server)
        assert books(server)[0] == 8


def test_a_row_has_what_the_line_has(started):
    server = started("apache-cgi")
    line = ask(server)
    server.sluicectl("tick")
    names = ("id, time_ms, key_id, model, provider, target_model, path, "
             "status, outcome, error, stream, source, duration_ms, ttfb_ms, "
             "first_token_ms, tries")
    assert rows(server, f"SELECT {names} FROM usage") == [(
        line["request_id"], line["time_ms"], line.get("key_id"), "m", "up",
        "m", line["api_path"], 200, "ok", 0, 0, "reported",
        line["duration_ms"], line["ttfb_ms"],
        line["attempts"][0]["first_token_ms"], 1)]
    assert abs(line["time_ms"] / 1000 - time.time()) < 3600


def test_modes_of_the_database(started):
    server = started("apache-cgi")
    ask(server)
    server.sluicectl("tick")
    assert os.stat(f"{server.tmp}/state/sluice.db").st_mode & 0o777 == 0o640


# The journal's files.

def test_files_that_logrotate_moved(started):
    server = started("lighttpd")
    folder = f"{server.tmp}/state/log"
    ask(server)
    until_all(server)
    first = imported(server)
    for name in os.listdir(folder):
        if name.endswith(".log") and name[:10].isdigit():
            os.rename(f"{folder}/{name}", f"{folder}/{name}.1")
    until(lambda: server.client().get("/health").status == 200 and any(
        name.endswith(".log") and name[:10].isdigit()
        for name in os.listdir(folder)), "a new file")
    line = ask(server)
    until(lambda: line["request_id"] in imported(server), "the new line")
    assert sorted(imported(server)) == sorted(first + [line["request_id"]])


def set_age(path, days):
    then = time.time() - days * 86400
    os.utime(path, (then, then))


def write_old(server, name, days):
    """A file of the journal with one line, written so many days ago."""
    folder = f"{server.tmp}/state/log"
    os.makedirs(folder, exist_ok=True)
    path = f"{folder}/{name}"
    with open(path, "w") as f:
        f.write(json.dumps({
            "asctime": "2026-01-01 00:00:00.000",
            "time_ms": int((time.time() - days * 86400) * 1000),
            "request_id": f"req_{name}", "request_model_name": "m",
            "target_provider": "up", "status": 200, "outcome": "ok",
            "usage": {"source": "reported", "input_tokens": 5},
        }, separators=(",", ":")) + "\n")
    if AS_USER:
        os.chown(folder, AS_USER["user"], AS_USER["group"])
        os.chown(path, AS_USER["user"], AS_USER["group"])
    set_age(path, days)
    return path


def test_retention_days(started):
    server = started("apache-cgi", {"retention_days": 30})
    old = write_old(server, "2026010100.log", 40)
    new = write_old(server, "2026010200.log", 20)
    assert server.sluicectl("tick").returncode == 0
    assert (os.path.exists(old), os.path.exists(new)) == (False, True)
    assert imported(server) == ["req_2026010200.log"]
    assert rows(server, "SELECT sum(requests) FROM usage_hours") == [(1,)]
    assert rows(server, "SELECT sum(requests) FROM usage_days") == [(2,)]


def test_everything_is_kept(started):
    server = started("apache-cgi", {"retention_days": 0})
    old = write_old(server, "2020010100.log", 2000)
    assert server.sluicectl("tick").returncode == 0
    assert os.path.exists(old)
    assert len(imported(server)) == 1


# A database that cannot be used.

def complaints(server):
    return read_tail(f"{server.tmp}/responder.err", 0).count(
        "cannot import the journal")


def begin_again(server):
    """Those who have seen one make no other, but a new process does."""
    assert server.sluicectl("keys", "list").returncode == 0


def garbage(server):
    for path in database_files(server):
        os.unlink(path)
    as_owner(server, "open('state/sluice.db', 'w').write('garbage' * 5000)")

    def mend():
        os.unlink(f"{server.tmp}/state/sluice.db")
        begin_again(server)
    return mend


def locked(server):
    db = sqlite3.connect(f"{server.tmp}/state/sluice.db")
    db.execute("BEGIN IMMEDIATE")
    return db.close


def read_only(server):
    """For a database that was deleted as well: it cannot be made."""
    for path in database_files(server):
        os.unlink(path)
    os.chmod(f"{server.tmp}/state", 0o555)

    def mend():
        os.chmod(f"{server.tmp}/state", 0o755)
        begin_again(server)
    return mend


@pytest.mark.parametrize("fault", [garbage, locked, read_only],
                         ids=lambda f: f.__name__)
def test_a_database_that_cannot_be_used(started, fault):
    server = started("lighttpd")
    ask(server)
    until_all(server)
    mend = fault(server)
    try:
        for _ in range(3):
            assert ask(server)["status"] == 200
        until(lambda: complaints(server), "a complaint")
        assert ask(server)["status"] == 200
        assert server.sluicectl("tick").stdout.startswith("nothing to do")
    finally:
        mend()
    until_all(server)
    assert books(server)[0] == 5
    assert complaints(server) == 1


def test_a_database_that_is_deleted(started):
    """What is still in the journal is imported anew."""
    server = started("lighttpd")
    for _ in range(3):
        ask(server)
    until_all(server)
    for path in database_files(server):
        os.unlink(path)
    ask(server)
    until(lambda: complaints(server), "a complaint")
    assert database_files(server) == []
    begin_again(server)
    until_all(server)
    assert books(server)[0] == 4


def test_tick_tells_of_a_broken_database(started):
    server = started("apache-cgi")
    ask(server)
    mend = garbage(server)
    done = server.sluicectl("tick")
    assert done.returncode == 1
    assert done.stderr.count("cannot import the journal") == 1
    assert KEY not in done.stdout + done.stderr
    assert ask(server)["status"] == 200
    mend()
    assert server.sluicectl("tick").returncode == 0
    assert books(server)[0] == 2


# sluicectl usage.

def test_the_table(started, upstream):
    server = started("apache-cgi")
    mixed_requests(server, upstream)
    server.sluicectl("tick")
    count, tokens = books(server)
    text = usage(server, "--by", "model,provider").stdout
    titles, *table, total = text.splitlines()
    assert re.split(r"  +", titles) == [
        "model", "provider", "requests", "errors", "input", "cache read",
        "cache write", "output", "reasoning", "estimated", "cost"]
    assert len({len(line) for line in (titles, *table, total)}) == 1
    assert [line.split()[:2] for line in table] == [
        ["-", "-"], ["m", "up"], ["n", "up"]]
    assert [line.split()[2] for line in table] == ["1", "5", "2"]
    assert total.split()[0] == "total"
    assert [int(x) for x in total.split()[1:8]] == [count, 3, *tokens]
    assert total.split()[8] == "1"
    one = usage(server).stdout.splitlines()
    assert one[0].startswith("day (UTC)") and len(one) >= 2


def test_json(started, upstream):
    server = started("apache-cgi")
    mixed_requests(server, upstream)
    server.sluicectl("tick")
    count, tokens = books(server)
    for by, members in (("day", {"day"}), ("hour", {"hour"}),
                        ("key", {"key"}), ("model", {"model"}),
                        ("provider,model", {"provider", "model"}),
                        ("hour,key,model,provider",
                         {"hour", "key", "model", "provider"})):
        found = report(server, "--by", by)
        assert all(set(x) == members | {
            "requests", "errors", "estimated", "unpriced", "cost", *BUCKETS}
            for x in found)
        assert sum(x["requests"] for x in found) == count
        assert [sum(x[name] for x in found) for name in BUCKETS] == tokens
    assert {x["model"]: x["requests"] for x in report(server, "--by", "model")
            } == {"m": 5, "n": 2, None: 1}
    day = of_calls(server)[0]["time_ms"] // 1000
    assert report(server)[0]["day"] == time.strftime("%Y-%m-%d",
                                                     time.gmtime(day))
    assert report(server, "--by", "hour")[0]["hour"] == time.strftime(
        "%Y-%m-%dT%H:00Z", time.gmtime(day))


def test_ranges(started):
    server = started("apache-cgi")
    ask(server)
    server.sluicectl("tick")

    def requests(*words):
        return sum(x["requests"] for x in report(server, *words))
    assert requests("--from", "2h") == 1
    assert requests("--from", "1d") == 1
    assert requests("--to", "1d") == 0
    assert requests("--from", "2020-01-01", "--to", "2020-02-01") == 0
    assert requests("--from", "2020-01-01T05") == 1
    assert requests("--from", "2020-01-01T05:30Z", "--by", "key") == 1
    for words in (["--from"], ["--from", "soon"], ["--to", "2026-13-01"],
                  ["--by", ""], ["--by", "model,"], ["--by", "colour"],
                  ["now"], ["--from", "1w"], ["--from", "-1d"]):
        assert "usage: sluicectl usage" in usage(
            server, *words, status=2).stderr


def test_a_cost(started):
    """Of members that the journal may have."""
    server = started("apache-cgi")
    for i, cost in enumerate(["0.000000001", "1.25", "null"]):
        path = write_old(server, f"202601010{i}.log", 0.001)
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(text.replace('"status"', f'"key_id":"k{i}","cost":{cost},'
                                 '"status"'))
    server.sluicectl("tick")
    assert [(x["key"], x["cost"], x["unpriced"])
            for x in report(server, "--by", "key")] == [
        ("k0", 1e-09, 0), ("k1", 1.25, 0), ("k2", 0, 1)]
    text = usage(server, "--by", "key").stdout.splitlines()
    assert [line.split()[-1] for line in text[1:]] == [
        "0.000000001", "1.25", "-", "1.250000001+"]


def test_a_name_is_not_obeyed(started, upstream):
    """What would move a terminal's cursor."""
    server = started("apache-cgi")
    server.write_provider("any", provider(upstream, models=({"name": "*"},)))
    ask(server, "a\x1b[2Jb\u009bc")
    server.sluicectl("tick")
    assert "a?[2Jb" in usage(server, "--by", "model").stdout
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]",
                         usage(server, "--by", "model").stdout)
    assert report(server, "--by", "model")[0]["model"] == "a\x1b[2Jb\u009bc"


def test_usage_only_reads(started):
    server = started("apache-cgi")
    assert "has not been made yet" in usage(server, status=1).stderr
    assert not os.path.exists(f"{server.tmp}/state/sluice.db")
    ask(server)
    server.sluicectl("tick")
    ask(server)
    assert [x["requests"] for x in report(server)] == [1]
    assert usage(server, "-c", f"{server.tmp}/none.conf", status=1).stderr
