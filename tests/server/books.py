"""What the journal, the database and /metrics say of the same requests."""
import os
import sqlite3
import subprocess

from client import until
from exposition import Metrics
from servers import AS_USER

ADMIN = "admin-key-5c4d3e"
BUCKETS = ["input_tokens", "cache_read_tokens", "cache_write_tokens",
           "output_tokens", "reasoning_tokens"]
TYPES = ["input", "cache_read", "cache_write", "output", "reasoning"]
USAGE = {"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17,
         "prompt_tokens_details": {"cached_tokens": 4},
         "completion_tokens_details": {"reasoning_tokens": 3}}


def ask(server, model="m", **more):
    reply = server.client().post("/v1/chat/completions", dict(
        {"model": model, "messages": []}, **more))
    return server.journaled(reply.header("x-request-id"))


def rows(server, sql, *values):
    """None where there is no such table yet, or it is locked for a moment."""
    try:
        with sqlite3.connect(f"file:{server.tmp}/state/sluice.db?mode=ro",
                             uri=True) as db:
            return db.execute(sql, values).fetchall()
    except sqlite3.OperationalError:
        return None


def imported(server):
    found = rows(server, "SELECT id FROM usage WHERE try = 0")
    return [row[0] for row in found or []]


def of_calls(server):
    return [line for line in server.journal()
            if line["request_model_name"] or line["target_provider"]]


def until_all(server):
    until(lambda: sorted(imported(server)) == sorted(
        line["request_id"] for line in of_calls(server)), "the import")


def books(server):
    """The journal's requests and tokens, after comparing all that count them."""
    lines = of_calls(server)
    usages = [line["usage"] for line in lines if line["usage"]] + [
        a["usage"] for line in lines for a in line["attempts"]
        if "usage" in a]
    tokens = [sum(u[name] for u in usages) for name in BUCKETS]
    sums = ", ".join(f"sum({name})" for name in BUCKETS)
    assert rows(server, f"SELECT {sums} FROM usage") == [tuple(tokens)]
    for table in ("usage_hours", "usage_days"):
        assert rows(server, f"SELECT sum(requests), {sums} FROM {table}") == [
            (len(lines), *tokens)]
    metrics = Metrics(server.client(ADMIN).get("/metrics").body)
    assert tokens == [metrics.total("gateway_tokens_total", type=name)
                      for name in TYPES]
    errors = rows(server, "SELECT sum(errors) FROM usage_days")[0][0]
    assert errors == sum(line["levelname"] != "INFO" for line in lines)
    return len(lines), tokens


def database_files(server):
    folder = f"{server.tmp}/state"
    return [f"{folder}/{name}" for name in os.listdir(folder)
            if name.startswith("sluice.db")]


def as_owner(server, code):
    """Run Python as the responders' user, so that files are theirs."""
    subprocess.run(["python3", "-c", code], cwd=server.tmp, check=True,
                   **AS_USER)
