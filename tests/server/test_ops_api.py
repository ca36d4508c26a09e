"""The admin API's half for operations: usage, configuration, health, log."""
import json
import os
import re
import sqlite3
import time

import pytest

from client import until
from fixtures import provider
from servers import KEY, UP_KEY
from upstream import chat_answer

SERVERS = ["lighttpd"]
ADMIN = "admin-key-5c4d3e"
SECRET = "header-secret-77aa88bb"
ENV = {"SLUICE_ADMIN_KEY": ADMIN}
CONF = {"log": {"bodies": True}}
USAGE = {"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17}


def PROVIDERS(upstream):
    prices = {"input": 2.0, "output": 8.0}
    return {
        "up": provider(upstream, retries=0, proxy="", models=(
            {"name": "m", "prices": prices}, {"name": "n"}), headers=(
            {"name": "X-Secret", "value": SECRET},)),
        "more": provider(upstream, namespace="lab", weight=3, models=(
            {"name": "m", "target": "other"}, {"name": "*"},
            {"name": "e", "endpoints": ({"path": "embeddings"},)})),
        "broken": {"base_url": upstream.url, "api_key_env": "NOT_THERE",
                   "models": ({"name": "gone"},)},
    }


@pytest.fixture
def admin(server):
    return server.client(ADMIN)


@pytest.fixture(autouse=True)
def answers(upstream):
    upstream.script = lambda x: x.json(dict(chat_answer(), usage=USAGE))


def ask(server, model="m", key=KEY, **more):
    return server.client(key).post("/v1/chat/completions", dict(
        {"model": model, "messages": [{"role": "user", "content": "Hi"}]},
        **more))


def got(admin, path):
    reply = admin.get(path)
    assert reply.status == 200, reply
    assert reply.header("cache-control") == "no-store"
    return reply.json()


def refused(admin, path, param, method="GET"):
    reply = admin.ask(method, path)
    assert reply.status == 400, (path, reply)
    assert reply.error["param"] == param, (path, reply)


@pytest.mark.parametrize("path", [
    "/api/usage", "/api/config", "/api/health", "/api/log"])
def test_only_the_admin_key_opens(server, path):
    for key in KEY, "wrong":
        reply = server.client(key).get(path)
        assert reply.status in (401, 403), reply
        assert UP_KEY not in str(reply)
    assert server.client(ADMIN).post(path, {}).status == 405


# Usage.

def imported(server):
    """All that the journal has is in the sums."""
    def is_so():
        lines = [line for line in server.journal()
                 if line["request_model_name"] or line["target_provider"]]
        try:
            with sqlite3.connect(f"file:{server.tmp}/state/sluice.db?mode=ro",
                                 uri=True) as db:
                return db.execute("SELECT count(*) FROM usage WHERE try = 0"
                                  ).fetchone()[0] == len(lines)
        except sqlite3.OperationalError:
            return False        # it is not there yet
    until(is_so, "the import")


NUMBERS = ["requests", "errors", "estimated", "unpriced", "input_tokens",
           "cache_read_tokens", "cache_write_tokens", "output_tokens",
           "reasoning_tokens", "cost"]


def reported(server, *words):
    done = server.sluicectl("usage", "--json", *words)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def plain(row):
    """A row of sluicectl's as the API's."""
    row = dict(row)
    for name, rest in ("hour", ":00Z"), ("day", "T00:00:00Z"):
        if name in row:
            row["time"] = row.pop(name).removesuffix("Z") + rest
    return row


def check_usage(server, admin, by):
    answer = got(admin, f"/api/usage?by={by}")
    rows = answer["rows"]
    for row in rows:
        assert ("key_name" in row) == ("key" in by)
        row.pop("key_name", None)
    assert rows == [plain(row) for row in reported(server, "--by", by)]
    assert answer["by"] == by.split(",")
    assert set(answer["total"]) == set(NUMBERS)
    for name in NUMBERS:
        assert answer["total"][name] == pytest.approx(
            sum(row[name] for row in rows)), name
    assert answer["total"]["cost"] > 0


def test_usage_is_what_sluicectl_says(server, admin):
    for model in "m", "n", "lab/m", "nobody's":
        ask(server, model)
    imported(server)
    for by in ["hour", "day", "key", "model", "provider", "model,provider",
               "day,key,model,provider"]:
        check_usage(server, admin, by)


def test_usage_is_of_one_alone(server, admin):
    name = "tester"
    made = server.sluicectl("keys", "add", name)
    assert made.returncode == 0, made
    secret = made.stdout.strip()
    until(lambda: all(ask(server, "m", secret).status == 200
                      for _ in range(4)), "the key")
    ask(server, "n", secret)
    imported(server)
    rows = got(admin, "/api/usage?by=key,model")["rows"]
    of_key = [row for row in rows if row["key_name"] == name]
    assert {row["model"] for row in of_key} == {"m", "n"}
    key_id = of_key[0]["key"]
    for word in name, key_id:
        assert got(admin, f"/api/usage?by=key,model&key={word}"
                   )["rows"] == of_key
    assert got(admin, f"/api/usage?by=key,model&key={name}&model=n"
               )["rows"] == [row for row in of_key if row["model"] == "n"]
    assert got(admin, "/api/usage?by=provider&provider=up")["rows"] == [
        row for row in got(admin, "/api/usage?by=provider")["rows"]
        if row["provider"] == "up"]
    assert got(admin, "/api/usage?model=x'+OR+'1'='1")["rows"] == []
    server.sluicectl("keys", "delete", name)


@pytest.mark.parametrize("spelled", [
    "2026-01-01", "2026-01-01T00:10:00Z", "1767226000",
    "2026-01-01T02:00:00%2B02:00"])
def test_times_of_usage(admin, spelled):
    answer = got(admin, f"/api/usage?from={spelled}&to=2026-01-02T00:30:00Z")
    assert answer["from"] == "2026-01-01T00:00:00Z"
    assert answer["to"] == "2026-01-02T01:00:00Z"
    assert answer["rows"] == [] and answer["total"]["requests"] == 0


@pytest.mark.parametrize("query, param", [
    ("from=soon", "from"), ("from=", "from"), ("to=2026-13-01", "to"),
    ("from=2026-01-02&to=2026-01-01", "to"), ("from=-5", "from"),
    ("by=", "by"), ("by=month", "by"), ("by=day,,key", "by"),
    ("by=day,", "by"), ("to=999999999999", "to"), ("form=7d", "form"),
    ("from=7d&from=8d", "from"), ("key", "key"), ("model=%zz", "model"),
    ("&&lines=5&", "lines")])
def test_bad_questions_for_usage(admin, query, param):
    refused(admin, "/api/usage?" + query, param)


def test_too_many_rows_of_usage(make_server, upstream):
    server = make_server("lighttpd", CONF, PROVIDERS(upstream), env=ENV)
    admin = server.client(ADMIN)
    assert got(admin, "/api/usage")["rows"] == []
    with sqlite3.connect(f"{server.tmp}/state/sluice.db") as db:
        db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                   "FROM n WHERE i < 100001) INSERT INTO usage_days "
                   "SELECT 1767225600, 'k' || i, 'm', 'up', 1, 0, 0, 0, 1, 0, "
                   "0, 1, 0, 5 FROM n")
    days = "from=2026-01-01&to=2026-01-02"
    reply = admin.get(f"/api/usage?by=key&{days}")
    assert reply.status == 400 and reply.error["param"] == "by"
    assert "100000" in reply.error["message"]
    answer = got(admin, f"/api/usage?by=model&{days}")
    assert answer["total"]["requests"] == 100001
    with sqlite3.connect(f"{server.tmp}/state/sluice.db") as db:
        db.execute("DELETE FROM usage_days WHERE key_id = 'k1'")
    assert len(got(admin, f"/api/usage?by=key&{days}")["rows"]) == 100000


# Configuration.

def test_config_is_what_is_in_force(server, admin):
    config = got(admin, "/api/config")
    assert config["file"] == f"{server.tmp}/sluice/sluice.conf"
    settings = config["settings"]
    assert settings["log"]["bodies"] is True
    assert settings["timeouts"]["idle"] == 60
    assert settings["auth"]["admin_key_env"] == {
        "variable": "SLUICE_ADMIN_KEY", "is_set": True}
    providers = {one["name"]: one for one in config["providers"]}
    assert sorted(providers) == ["more", "up"]
    assert config["unusable_providers"] == 1
    assert providers["up"]["file"].endswith("/providers.d/up.conf")
    assert providers["up"]["settings"]["api_key_env"] == {
        "variable": "UP_KEY", "is_set": True}
    assert providers["more"]["settings"]["weight"] == 3
    models = {(one["id"], one["is_wildcard"]): one
              for one in config["models"]}
    assert set(models) == {("m", False), ("n", False), ("lab/m", False),
                           ("lab/e", False), ("lab/", True)}
    assert models["m", False]["owned_by"] == "up"
    target = models["lab/m", False]["targets"][0]
    assert (target["provider"], target["model"], target["weight"]) == (
        "more", "other", 30)
    assert [t["paths"] for t in models["lab/e", False]["targets"]] == [
        ["embeddings"]]


def test_no_secret_is_in_any_answer(server, admin):
    ask(server)
    for path in "usage", "config", "health", "requests", "log", "sessions":
        text = str(admin.get(f"/api/{path}").raw)
        for secret in ADMIN, KEY, UP_KEY, SECRET:
            assert secret not in text, path
    assert "********" in str(admin.get("/api/config").raw)


# Health.

def test_health_of_channels(server, admin, upstream):
    assert ask(server, "lab/m").status == 200
    health = got(admin, "/api/health")
    assert health["status"] == "degraded"   # a provider without its key
    channels = {one["name"]: one for one in health["channels"]}
    assert set(channels) == {"up", "more"}
    more = channels["more"]
    assert (more["provider"], more["base_url"]) == ("more", upstream.url)
    assert more["breaker"] == "closed" and more["is_out"] is False
    assert more["error_rate"] == 0 and more["has_key"] is True
    assert isinstance(more["total_ms"], int) and more["total_ms"] >= 0
    assert isinstance(more["first_token_ms"], int)
    assert more["last_end"].endswith("Z")
    assert more["in_flight"] == 0


def test_health_of_a_channel_in_trouble(make_server, upstream):
    server = make_server(
        "lighttpd", {"breaker": {"failures": 2}},
        {"one": provider(upstream, retries=0, models=({"name": "m"},)),
         "two": {"base_url": upstream.url, "models": ({"name": "n"},)}},
        env=ENV)
    admin = server.client(ADMIN)
    held = []
    upstream.script = lambda x: (held.append(x), x.hold())
    reply = server.client().open("POST", "/v1/chat/completions", {
        "model": "m", "messages": []})
    until(lambda: held, "the request")
    one = got(admin, "/api/health")["channels"][0]
    assert one["in_flight"] == 1 and one["last_end"] is None
    assert (one["first_token_ms"], one["total_ms"]) == (None, None)
    reply.close()
    upstream.clear()
    upstream.script = lambda x: x.json({}, 500, [("Retry-After", "0")])
    for _ in range(3):
        ask(server)
    one, two = got(admin, "/api/health")["channels"]
    assert one["breaker"] == "open" and one["is_out"] is True
    assert one["error_rate"] > 0
    assert two["has_key"] is False and two["breaker"] == "closed"


def test_health_of_processes_and_files(server, admin):
    for _ in range(8):
        ask(server)
    until(server.leaders, "a leader")
    health = got(admin, "/api/health")
    processes = health["processes"]
    assert sorted(p["pid"] for p in processes) == sorted(server.responders())
    assert all(p["alive"] for p in processes)
    assert [p["pid"] for p in processes if p["leads"]] == server.leaders()
    assert all(p["started_at"].startswith("20") for p in processes)
    assert health["database"] == "ok"
    assert health["state"] == "shared"
    assert health["journal_is_writable"] is True


@pytest.fixture
def full(make_server, upstream):
    """A server whose journal is on a full disk until that has room."""
    server = make_server("lighttpd", {"log": {"bodies": True}}, {
        "up": provider(upstream, models=({"name": "m"},))}, env=ENV, procs=1)
    server.may_crash = True
    admin = server.client(ADMIN)
    server.journaled(post_chat(server))
    folder = f"{server.tmp}/state/log"
    now = time.time()
    links = [time.strftime(f"{folder}/%Y%m%d%H.log", time.localtime(
        now + hour * 3600)) for hour in range(2)]
    for link in links:
        if os.path.exists(link):
            os.rename(link, link + ".before")
        os.symlink("/dev/full", link)

    def free():
        for path in links:
            os.unlink(path)
    until(lambda: post_chat(server) and got(admin, "/api/health")[
        "journal_is_writable"] is False, "the truth")
    return server, admin, free


def post_chat(server, **more):
    reply = server.client().post("/v1/chat/completions", {
        "model": "m", "messages": [], **more})
    assert reply.status == 200
    return reply.header("x-request-id")


def test_a_full_disk_is_told_and_loses_no_line(full):
    server, admin, free = full
    asked = {post_chat(server) for _ in range(5)}
    log = read_log(server)
    assert "cannot write the journal" in log
    assert "No space left on device" in log and "Success" not in log
    free()
    until(lambda: asked <= {line["request_id"] for line in server.journal()},
          "the lines")
    assert got(admin, "/api/health")["journal_is_writable"] is True
    assert lost_lines(admin) == 0


def test_what_does_not_fit_into_memory_is_counted_as_lost(full):
    server, admin, free = full
    for _ in range(60):
        post_chat(server, pad="p" * 60000)
    until(lambda: lost_lines(admin) >= 1, "lost lines")
    free()
    until(lambda: len(server.journal()) > 5, "those that were kept")


def lost_lines(admin):
    found = re.search(rb"^gateway_journal_lines_lost_total (\S+)$",
                      admin.get("/metrics").body, re.MULTILINE)
    return float(found.group(1)) if found else 0


def read_log(server):
    with open(f"{server.tmp}/responder.err") as f:
        return f.read()


# The log.

def journaled(server, *ids):
    return [server.journaled(one) for one in ids]


def test_the_log_is_the_journal(server, admin):
    replies = [ask(server, model) for model in ("m", "n", "lab/m", "no")]
    ids = [reply.header("x-request-id") for reply in replies]
    journaled(server, *ids)
    log = got(admin, "/api/log")
    assert log["truncated"] is False
    known = {line["request_id"]: line for line in server.journal()}
    for line in log["lines"]:
        whole = known[line["request_id"]]
        assert line == {name: value for name, value in whole.items()
                        if name not in ("request", "response",
                                        "request_cut", "response_cut")}
    order = [line["request_id"] for line in log["lines"]]
    written = [line["request_id"] for line in server.journal()]
    assert order == [one for one in reversed(written) if one in order]
    assert set(ids) <= set(order)


def test_the_log_has_bodies_when_asked(server, admin):
    reply = ask(server)
    one = journaled(server, reply.header("x-request-id"))[0]
    assert one["request"] and one["response"]
    lines = got(admin, "/api/log?bodies=true")["lines"]
    assert one in lines
    lines = got(admin, "/api/log?bodies=false")["lines"]
    assert all("request" not in line and "response" not in line
               for line in lines)


def test_the_log_is_of_some_alone(server, admin):
    """Lines of what is asked here come later than the answers."""
    for model in "m", "n", "no", "m":
        journaled(server, ask(server, model).header("x-request-id"))
    calls = [line for line in server.journal() if line["request_model_name"]]
    for query, name, value in [
            ("model=m", "request_model_name", "m"),
            ("model=lab%2Fm", "request_model_name", "lab/m"),
            ("status=404", "status", 404),
            ("outcome=ok", "outcome", "ok"),
            (f"key={calls[0]['key_id']}", "key_id", calls[0]["key_id"])]:
        lines = got(admin, f"/api/log?{query}&lines=1000")["lines"]
        assert {line[name] for line in lines} <= {value}, query
        found = [line["request_id"] for line in lines
                 if line["request_model_name"]]
        assert found[::-1] == [line["request_id"] for line in calls
                               if line[name] == value], query
    assert got(admin, "/api/log?key=admin")["lines"]
    lines = got(admin, "/api/log?model=m&lines=1")["lines"]
    assert [line["request_id"] for line in lines] == [
        calls[-1]["request_id"]]
    assert got(admin, "/api/log?model=m&status=404")["lines"] == []
    assert got(admin, "/api/log?model=m%22")["lines"] == []


@pytest.mark.parametrize("query, param", [
    ("lines=0", "lines"), ("lines=1001", "lines"), ("lines=many", "lines"),
    ("lines=", "lines"), ("lines=-1", "lines"), ("lines=99999999999", "lines"),
    ("status=99", "status"), ("status=ok", "status"), ("bodies=yes", "bodies"),
    ("provider=up", "provider"), ("lines=5&model=%e", "model")])
def test_bad_questions_for_the_log(admin, query, param):
    refused(admin, "/api/log?" + query, param)


def test_a_torn_journal_is_told_as_far_as_it_is_whole(make_server, upstream):
    server = make_server("lighttpd", {}, PROVIDERS(upstream), env=ENV)
    first = ask(server).header("x-request-id")
    journaled(server, first)
    folder = f"{server.tmp}/state/log"
    name = sorted(n for n in os.listdir(folder) if n[:10].isdigit())[-1]
    with open(f"{folder}/{name}", "a") as f:
        f.write('{"asctime":"torn","request_id":"req_torn"\n'
                'garbage\n{"asctime":"x" "broken":}\n'
                '{"asctime":"y","request" :"not our spelling"}\n'
                '{"asctime":"without an end"')
    lines = got(server.client(ADMIN), "/api/log")["lines"]
    assert [line["request_id"] for line in lines
            if line["api_path"] == "/v1/chat/completions"] == [first]


def test_much_of_the_journal_is_not_read(make_server, upstream):
    server = make_server("lighttpd", {}, PROVIDERS(upstream), env=ENV)
    journaled(server, ask(server).header("x-request-id"))
    with open(f"{server.tmp}/state/log/2999010100.log", "w") as f:
        f.write(('{"asctime":"' + "x" * 1000000 + '"}\n') * 70)
    admin = server.client(ADMIN)
    log = got(admin, "/api/log?model=m")
    assert log == {"lines": [], "truncated": True}
    log = got(admin, "/api/log?lines=2")
    assert len(log["lines"]) == 2 and log["truncated"] is False
    log = got(admin, "/api/log?lines=1000")
    assert 40 < len(log["lines"]) < 70 and log["truncated"] is True


# The database fails.

def spoil(server):
    for end in "-wal", "-shm":
        if os.path.exists(f"{server.tmp}/state/sluice.db{end}"):
            os.unlink(f"{server.tmp}/state/sluice.db{end}")
    os.unlink(f"{server.tmp}/state/sluice.db")
    server.write("state/sluice.db", "this is no database " * 1000)


def test_what_needs_no_database_goes_on_without(make_server, upstream):
    server = make_server("lighttpd", {}, PROVIDERS(upstream), env=ENV)
    assert ask(server).status == 200
    admin = server.client(ADMIN)
    until(lambda: got(admin, "/api/health")["database"] == "ok", "a database")
    spoil(server)
    for path in "/api/usage", "/api/sessions":
        reply = admin.get(path)
        assert (reply.status, reply.error["code"]) == (
            503, admin.get("/api/usage").error["code"]), path
    reply = admin.ask("DELETE", "/api/sessions/1")
    assert reply.status == 404
    assert got(admin, "/api/health")["database"] == "unusable"
    assert got(admin, "/api/requests")["requests"]
    assert got(admin, "/api/config")["providers"]
    assert got(admin, "/api/log")["lines"]
    assert ask(server).status == 200
