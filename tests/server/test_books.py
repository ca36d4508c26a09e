"""Every book says the same, whoever is killed when.

The journal, the rows and sums that are imported from it, the counters of
/metrics and what a key has spent are four accounts of the same requests.
"""
import json
import os
import random
import signal
import time

import pytest

from books import ADMIN, BUCKETS, TYPES, rows
from channels import NO_BREAKER
from client import until
from kill import (Load, assert_balanced, ended, journal, kill, one_and_two,
                  reports, scrape)
from servers import AS_USER, Server
from upstream import chat_answer

COLUMNS = ["cost_nano", *BUCKETS]
PRICES = {"one": {"input": 3.1, "output": 7.0},
          "two": {"input": 0.9, "output": 1.7}}
MUCH = 10 ** 12


@pytest.fixture
def start(make_server, upstream):
    def begin(kind="lighttpd", procs=2):
        providers = one_and_two(upstream)
        for name, settings in providers.items():
            settings["models"] = ({"name": "m", "prices": PRICES[name]},)
        server = make_server(kind, {"breaker": NO_BREAKER}, providers,
                             env={"SLUICE_ADMIN_KEY": ADMIN}, procs=procs)
        server.may_crash = True
        return server
    return begin


class As:
    """A server whose clients have KEY."""

    def __init__(self, server: Server, key):
        self.server, self.key = server, key

    def client(self):
        return self.server.client(self.key)


def make_key(server):
    """One whose spending is counted: its id, and a server for its clients."""
    made = server.client(ADMIN).post("/api/keys", {
        "name": "spender", "month_tokens": MUCH, "month_cost": 10 ** 6}).json()
    server.everywhere(lambda client: client.get("/v1/models").status == 200,
                      "the key", made["key"])
    return made["id"], As(server, made["key"])


def nano(cost):
    return round((cost or 0) * 1e9)


def sum_up(lines):
    """What LINES of the journal say: requests, errors, and COLUMNS."""
    calls = [line for line in lines
             if line["request_model_name"] or line["target_provider"]]
    usages = [one["usage"] for line in calls
              for one in (line, *line["attempts"]) if one.get("usage")]
    return (len(calls), sum(line["levelname"] != "INFO" for line in calls),
            sum(nano(line["cost"]) for line in calls),
            *(sum(usage[name] for usage in usages) for name in BUCKETS))


def sums_of(server, table):
    requests = ("sum(try = 0), sum(error AND try = 0)" if table == "usage"
                else "sum(requests), sum(errors)")
    found = rows(server, f"SELECT {requests}, " + ", ".join(
        f"total({name})" for name in COLUMNS) + f" FROM {table}")
    return tuple(int(n or 0) for n in found[0]) if found else None


def assert_imported(server):
    """Rows, hours and days have what is in the journal by then."""
    until(lambda: sums_of(server, "usage") == sum_up(journal(server)),
          "the import")
    wanted = sum_up(journal(server))
    assert sums_of(server, "usage_hours") == wanted
    assert sums_of(server, "usage_days") == wanted
    ids = rows(server, "SELECT count(*), count(DISTINCT id) FROM usage "
               "WHERE try = 0")
    assert ids == [(wanted[0], wanted[0])]
    return dict(zip(["requests", "errors", *COLUMNS], wanted))


def assert_counted(server, wanted):
    metrics = until(lambda: scrape(server), "/metrics")
    assert [metrics.total("gateway_tokens_total", type=name)
            for name in TYPES] == [wanted[name] for name in BUCKETS]
    assert nano(metrics.total("gateway_cost_total")) == wanted["cost_nano"]


def assert_spent(server, key_id, wanted):
    """The key's account has it, and it made every request."""
    lines = [line for line in journal(server)
             if line.get("key_id") == key_id]
    assert sum_up(lines)[2:] == tuple(wanted[name] for name in COLUMNS)
    spent = server.client(ADMIN).get("/api/keys/spender").json()["spent"]
    assert spent["month_tokens"] == sum(wanted[name] for name in BUCKETS)
    assert nano(spent["month_cost"]) == wanted["cost_nano"]


def kill_one(server, chooser, leads):
    """The one that leads, which is at once at the journal, or any."""
    pids = server.responders()
    leader = [pid for pid in server.leaders()[-1:] if pid in pids]
    if pids:
        pid = leader[0] if leads and leader else chooser.choice(pids)
        kill(pid)
        ended(server, [pid])


def test_four_books_of_one_pool(start, upstream):
    chooser = random.Random(30)
    upstream.script = reports(chooser)
    server = start()
    key_id, mine = make_key(server)
    with Load(mine) as load:
        for number in range(24):
            goal = load.done + chooser.randrange(1, 40)
            until(lambda: load.done >= goal or load.hung, "answers")
            assert not load.hung, load.hung
            kill_one(server, chooser, leads=number % 3 == 0)
    until(lambda: len(server.responders()) == server.procs, "the pool")
    until(server._answers, "all of it")
    balanced = assert_balanced(server)
    wanted = assert_imported(server)
    assert_counted(server, wanted)
    assert_spent(server, key_id, wanted)
    assert wanted["requests"] > 100
    assert wanted["cost_nano"] > 0
    assert balanced["attempts"]["two", "ok"] > 0


def test_nothing_is_lost_at_the_moment_of_settling(start, upstream):
    """Answers without a pause: whoever is killed is mostly settling."""
    chooser = random.Random(31)
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    upstream.script = lambda x: x.json({**chat_answer(), "usage": usage})
    server = start()
    key_id, mine = make_key(server)
    with Load(mine, threads=12) as load:
        for _ in range(15):
            goal = load.done + chooser.randrange(20, 120)
            until(lambda: load.done >= goal or load.hung, "answers")
            assert not load.hung, load.hung
            kill_one(server, chooser, leads=False)
    until(lambda: len(server.responders()) == server.procs, "the pool")
    until(server._answers, "all of it")
    assert_balanced(server)
    wanted = assert_imported(server)
    assert_counted(server, wanted)
    assert_spent(server, key_id, wanted)


def test_a_restore_changes_no_book(start, upstream):
    """What a key has spent stays spent, and usage is imported again, once."""
    upstream.script = reports(random.Random(32))
    server = start()
    key_id, mine = make_key(server)
    copy = f"{server.tmp}/uploads/copy.db"
    for words in (["backup", copy], ["restore", copy]):
        with Load(mine) as load:
            until(lambda: load.done >= 30 or load.hung, "answers")
        assert not load.hung, load.hung
        if words[0] == "restore":
            assert_imported(server)
        assert server.sluicectl(*words).returncode == 0
    assert_balanced(server)
    wanted = assert_imported(server)
    assert_counted(server, wanted)
    assert_spent(server, key_id, wanted)
    assert wanted["requests"] >= 60


# The leader, in the middle of a long import.

LINES = 30000


def write_much(server, name):
    """A file of the journal with so many requests that nobody made."""
    path = f"{server.tmp}/state/log/{name}"
    now_ms = int(time.time() * 1000)
    with open(path + ".new", "w") as f:
        for n in range(LINES):
            f.write(json.dumps({
                "asctime": "2026-01-01 00:00:00.000", "time_ms": now_ms + n,
                "levelname": "INFO", "request_id": f"req_{n}",
                "request_model_name": "m", "target_provider": "one",
                "status": 200, "outcome": "ok", "cost": n % 1000 / 1e9,
                "attempts": [], "usage": {
                    "source": "reported",
                    **{name: n % 7 for name in BUCKETS}},
            }, separators=(",", ":")) + "\n")
    if AS_USER:
        os.chown(path + ".new", AS_USER["user"], AS_USER["group"])
    os.rename(path + ".new", path)


def count_rows(server):
    found = rows(server, "SELECT count(*) FROM usage")
    return found[0][0] if found else 0


def test_leaders_that_are_killed_while_they_import(start, upstream):
    server = start()
    until(server.leaders, "a leader")
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    upstream.script = lambda x: x.json({**chat_answer(), "usage": usage})
    assert server.client().post("/v1/chat/completions", {
        "model": "m", "messages": []}).status == 200
    write_much(server, "2026010100.log")
    before, killed = 0, 0
    while killed < 6 and before < LINES:
        until(lambda: count_rows(server) > before, "some of the import")
        before = count_rows(server)
        pid = server.leaders()[-1]
        os.kill(pid, signal.SIGKILL)
        ended(server, [pid])
        killed += 1
    wanted = assert_imported(server)
    assert (wanted["requests"], wanted["errors"]) == (LINES + 1, 0)
