"""The list of what is being served, by all processes."""
import os
import signal

import pytest

from channels import a, body, channel, holds, open_chat, role, sends, word
from client import until
from servers import KEY

SERVERS = ["lighttpd"]
ADMIN = "admin-key-5c4d3e"
CONF = {"stream": {"release": "byte"}}
ENV = {"SLUICE_ADMIN_KEY": ADMIN}


def PROVIDERS(upstream):
    return {"one": channel("a", retries=0, models=({"name": "m"},))}


@pytest.fixture
def started(make_server, a):
    return make_server("lighttpd-spawned", CONF, PROVIDERS(None), env=ENV)


def listed(server):
    """
    Requests for providers. Who asks is in the list, and who has just asked may
    be: an answer comes before its end.
    """
    reply = server.client(ADMIN).get("/api/requests")
    assert reply.status == 200, reply
    assert reply.json()["unlisted"] == 0
    rows = reply.json()["requests"]
    assert [row["path"] for row in rows].count("/api/requests") >= 1
    return [row for row in rows if row["path"] != "/api/requests"]


def open_until(server, condition, stream=True):
    """Hold requests until CONDITION is true of what is listed."""
    replies = []

    def more():
        replies.append(open_chat(server.client(), "m", stream))
        if stream:
            replies[-1].event()
        rows = until(lambda: len(listed(server)) == len(replies) and
                     listed(server), "all of them")
        return condition(rows)
    until(more, "requests in both")
    return replies


def in_both(rows):
    return len({row["pid"] for row in rows}) == 2


def test_a_request_by_its_phases(server, client, a):
    a.script = sends(role(), word("Hi"), then="hold")
    reply = open_chat(client, "m", True)
    reply.event()
    row = until(lambda: listed(server), "it")[0]
    assert row["id"] == reply.header("x-request-id")
    assert row["phase"] == "answering" and row["stream"] is True
    assert (row["method"], row["path"]) == ("POST", "/v1/chat/completions")
    assert (row["model"], row["provider"]) == ("m", "one")
    assert row["client_host"] == "127.0.0.1" and row["key_name"] is None
    assert len(row["key_id"]) == 32 and row["age_ms"] >= 0
    assert row["since"].endswith("Z")
    assert row["pid"] in server.responders()
    reply.close()
    until(lambda: listed(server) == [], "its end")


def test_a_request_that_waits(server, client, a):
    a.script = holds
    reply = open_chat(client, "m")
    row = until(lambda: [r for r in listed(server)
                         if r["phase"] == "waiting"], "it")[0]
    assert row["stream"] is False and row["provider"] == "one"
    reply.close()
    until(lambda: listed(server) == [], "its end")


def test_an_upload_is_listed_behind_a_server_that_passes_it_on(
        make_server, a):
    """nginx is told not to wait for the body."""
    server = make_server("nginx", CONF, PROVIDERS(None), env=ENV)
    sock = server.client().connect()
    sock.sendall(server.client().head_bytes("POST", "/v1/chat/completions", [
        ("Content-Type", "application/json"), ("Content-Length", "1000")])
        + b'{"model":')
    row = until(lambda: listed(server), "it")[0]
    assert row["phase"] == "intake" and row["model"] is None
    assert row["provider"] is None
    sock.close()
    until(lambda: listed(server) == [], "its end")


def test_who_is_refused_is_not_listed(server, a):
    for key in None, "wrong":
        assert server.client(key).post("/v1/chat/completions",
                                       body("m")).status == 401
    assert server.client(KEY).get("/api/requests").status == 401
    assert listed(server) == []


def test_a_killed_process_serves_nothing(started, a):
    """Held streams of both; then one is gone without a word."""
    started.may_crash = True
    a.script = sends(role(), word("Hi"), then="hold")
    replies = open_until(started, in_both)
    rows = listed(started)
    dead = rows[0]["pid"]
    os.kill(dead, signal.SIGKILL)
    until(lambda: dead not in {row["pid"] for row in listed(started)},
          "it to be forgotten")
    assert {row["id"] for row in listed(started)} == {
        row["id"] for row in rows if row["pid"] != dead}
    for reply in replies:
        reply.close()


def test_more_than_there_is_room_for(make_server, a):
    server = make_server("lighttpd", CONF, PROVIDERS(None), env=ENV, procs=1)
    a.script = sends(role(), word("Hi"), then="hold")
    replies = [open_chat(server.client(), "m", True) for _ in range(70)]
    for reply in replies:
        reply.event()
    answer = server.client(ADMIN).get("/api/requests").json()
    assert len(answer["requests"]) == 64
    assert answer["unlisted"] == 70 + 1 - 64
    for reply in replies:
        reply.close()
    until(lambda: server.client(ADMIN).get("/api/requests").json()[
        "unlisted"] == 0, "their ends")
    until(lambda: listed(server) == [], "their ends")
