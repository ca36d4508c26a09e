"""What all routes for administrators have in common, by the table of routes.

Whatever "sluicectl routes" lists below /api/ and /admin/ is tested here; what a
route does is tested where its family is.
"""
import contextlib
import itertools
import json
import re
import socket
import sqlite3
import subprocess

import pytest

from client import PATIENCE, Client, until
from fixtures import provider
from servers import BUILD, KEY, UP_KEY, read_tail
from upstream import manual

ADMIN = "admin-key-5c4d3e"
WRONG = "wrong-key-0b1a2c"
ENV = {"SLUICE_ADMIN_KEY": ADMIN}
SERVERS = ["lighttpd"]
FAILURES = 10           # that an address may make in a minute
GUESSES = 30            # at clients' keys
BODY_MAX = 1 << 20


def listed():
    """(method, pattern) of each route for administrators."""
    done = subprocess.run([f"{BUILD}/sluicectl", "routes"], check=True,
                          capture_output=True, text=True)
    found = [tuple(line.split()[:2]) for line in done.stdout.splitlines()]
    return [(method, pattern) for method, pattern in found
            if pattern.startswith(("/api/", "/admin/"))]


ROUTES = listed()
READS = [route for route in ROUTES if route[0] == "GET"]
WITH_BODY = [route for route in ROUTES if route[0] in ("POST", "PUT")]
PATTERNS = sorted({pattern for _, pattern in ROUTES})
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]
assert ROUTES, "sluicectl routes lists none"


def names_of(routes):
    return [" ".join(route) for route in routes]


def path_of(pattern):
    """One that fits, of what is not there."""
    return re.sub(r"\{[a-z_]+\}|\*", "77", pattern)


class From(Client):
    """A client at another address of this machine."""

    addresses = (f"127.9.{i}.{j}" for i, j in
                 itertools.product(range(1, 255), range(1, 255)))

    def __init__(self, server, key=None, address=None):
        super().__init__(server.port, key)
        self.address = address or next(self.addresses)

    def connect(self):
        sock = socket.create_connection((self.host, self.port), PATIENCE,
                                        source_address=(self.address, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


def send(client, method, path, body=None, **more):
    if method in ("POST", "PUT", "PATCH") and body is None:
        body = b"{}"
    return client.ask(method, path, body, **more)


def refused(reply, status, code=None):
    assert reply.status == status, reply
    assert reply.header("cache-control") == "no-store"
    assert reply.header("x-request-id")
    assert code is None or reply.error["code"] == code, reply
    return reply.error


# Who may.

@pytest.mark.parametrize("method, pattern", ROUTES, ids=names_of(ROUTES))
def test_the_admin_key_and_no_other(server, method, pattern):
    path, client = path_of(pattern), From(server)
    for headers in ([], [("Authorization", f"Bearer {KEY}")],
                    [("AdminKey", WRONG)]):
        reply = send(client, method, path, headers=headers)
        refused(reply, 401, "invalid_admin_key")
        assert reply.header("www-authenticate") == "Bearer"
    for headers in ([("Authorization", f"Bearer {ADMIN}")],
                    [("AdminKey", ADMIN)]):
        reply = send(client, method, path, headers=headers)
        assert reply.status not in (401, 403, 405, 429), reply
        assert reply.header("cache-control") == "no-store"


@pytest.mark.parametrize("kind", ["lighttpd", "nginx", "apache-proxy-fcgi",
                                  "apache-fcgid", "apache-cgi"])
def test_either_header_through_every_server(make_server, kind):
    server = make_server(kind, env=ENV)
    path = READS[0][1]
    assert "{" not in path
    for headers, status in (([("AdminKey", ADMIN)], 200),
                            ([("adminkey", ADMIN)], 200),
                            ([("Authorization", f"Bearer {ADMIN}")], 200),
                            ([("AdminKey", WRONG)], 401), ([], 401)):
        reply = server.client(None).get(path, headers=headers)
        assert reply.status == status, (headers, str(reply))


@pytest.mark.parametrize("key", [None, ""], ids=["unset", "empty"])
def test_without_an_admin_key_nobody_passes(make_server, key):
    server = make_server("lighttpd", env={} if key is None
                         else {"SLUICE_ADMIN_KEY": key})
    for number, (method, pattern) in enumerate(ROUTES):
        client = From(server)
        for headers in ([], [("AdminKey", "")], [("Authorization", "Bearer ")],
                        [("Authorization", f"Bearer {KEY}")]):
            refused(send(client, method, path_of(pattern), headers=headers),
                    401)


def test_an_open_gateway_is_not_open_to_administrators(make_server):
    server = make_server("lighttpd", {"auth": {"open": True}}, env=ENV)
    assert server.client(None).get("/v1/models").status == 200
    for method, pattern in ROUTES:
        refused(send(From(server), method, path_of(pattern)), 401)


# Who guesses.

@pytest.mark.parametrize("kind", ["lighttpd", "apache-cgi"])
def test_who_shows_ten_wrong_keys_waits(make_server, kind):
    """In every process, and the right one does not help."""
    server = make_server(kind, env=ENV, procs=4)
    guesser, other = From(server), From(server)
    path = READS[0][1]
    for number in range(FAILURES):
        reply = guesser.get(path, headers=[("AdminKey", f"{WRONG}{number}")])
        refused(reply, 401)
    right = [("AdminKey", ADMIN)]
    replies = [guesser.open("GET", path, headers=right)
               for _ in range(4 * server.procs)]
    for reply in replies:
        refused(reply.finish(), 429)
        assert 1 <= int(reply.header("retry-after")) <= 60
    assert guesser.get("/health").status == 200
    for _ in range(4 * server.procs):
        assert other.get(path, headers=right).status == 200
    if kind == "lighttpd":
        assert server.client().get("/v1/models").status == 200


def test_the_admin_key_counts_wherever_it_is(make_server):
    """A client's token for somebody else does not hide it, nor is it a guess."""
    server = make_server("lighttpd", env=ENV)
    visitor, path = From(server), READS[0][1]
    foreign = [("Authorization", f"Bearer {WRONG}"), ("api-key", WRONG)]
    for _ in range(2 * FAILURES):
        for right in (("AdminKey", ADMIN), ("x-api-key", ADMIN)):
            reply = visitor.get(path, headers=[*foreign, right])
            assert reply.status == 200, reply
    for _ in range(FAILURES):       # however many a request shows, it is one
        refused(visitor.get(path, headers=[*foreign, ("AdminKey", WRONG)]),
                401)
    refused(visitor.get(path, headers=foreign), 429)


def test_metrics_are_no_place_to_guess_at(make_server):
    """Its answers tell of the admin key as well; who shows none is no guesser."""
    server = make_server("lighttpd", env=ENV)
    guesser, right = From(server), [("AdminKey", ADMIN)]
    for _ in range(2 * FAILURES):
        assert guesser.get("/metrics").status == 401
    assert guesser.get("/metrics", headers=right).status == 200
    for number in range(FAILURES):
        reply = guesser.get("/metrics", headers=[
            ("AdminKey", WRONG) if number % 2 else
            ("Authorization", f"Bearer {WRONG}")])
        assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
    for path in ("/metrics", READS[0][1]):
        reply = guesser.get(path, headers=right)
        assert reply.status == 429, (path, str(reply))
        assert int(reply.header("Retry-After")) >= 1


@pytest.mark.parametrize("kind", ["lighttpd", "apache-cgi"])
def test_guesses_at_clients_keys_are_throttled(make_server, kind):
    """By address, in every process; a good key passes beside them."""
    server = make_server(kind, env=ENV, procs=4)
    guesser, other = From(server), From(server)
    for number in range(GUESSES):
        for _ in range(2):      # who repeats himself makes no other guess
            reply = guesser.get("/v1/models", headers=[
                ("Authorization", f"Bearer {WRONG}{number}"),
                ("x-api-key", f"{WRONG}{number}")])
            assert (reply.status, reply.error["code"]) == (
                401, "invalid_api_key") or number == GUESSES - 1
    replies = [guesser.open("GET", "/v1/models", headers=[
        ("x-api-key", WRONG)]) for _ in range(4 * server.procs)]
    for reply in replies:
        reply.finish()
        assert (reply.status, reply.error["code"]) == (429,
                                                       "too_many_failures")
        assert 1 <= int(reply.header("retry-after")) <= 60
    for path in ("/v1/chat/completions", "/v1/anything", "/health/m"):
        assert guesser.get(path, headers=[("x-api-key", WRONG)]).status in (
            405, 429)
    good = [("Authorization", f"Bearer {KEY}")]
    for _ in range(4 * server.procs):
        assert guesser.get("/v1/models", headers=good).status == 200
    assert guesser.get("/v1/models").status == 401      # shows none
    assert other.get("/v1/models", headers=[
        ("x-api-key", WRONG)]).status == 401
    right = [("AdminKey", ADMIN)]
    assert guesser.get(READS[0][1], headers=right).status == 200


def test_who_shows_no_key_has_not_guessed(make_server):
    server = make_server("lighttpd", env=ENV)
    visitor, path = From(server), READS[0][1]
    for _ in range(FAILURES):
        for headers in ([], [("AdminKey", "")]):
            refused(visitor.get(path, headers=headers), 401)
    right = [("AdminKey", ADMIN)]
    assert visitor.get(path, headers=right).status == 200


# What is asked.

@pytest.mark.parametrize("method, pattern", WITH_BODY,
                         ids=names_of(WITH_BODY))
def test_bodies_that_are_refused(server, method, pattern):
    client, path = From(server, ADMIN), path_of(pattern)
    for body in (b"{", b'{"a":1,}', b"[]", b'"text"', b"1", b"null", b"x",
                 b'{"a":"\xff"}', b'{"a":"\\ud800"}', b'{"a":1}{"a":1}',
                 b"{}" + b" " * 100 + b"x", b"{" * 5000,
                 b'{"a":"\\u0000"}', b"\xef\xbb\xbf{}"):
        refused(send(client, method, path, body), 400)
    error = refused(send(client, method, path, {"no_such_member": 1}), 400)
    assert error["param"] == "no_such_member"
    assert "no_such_member" in error["message"]


@pytest.mark.parametrize("content_type", [
    "text/plain", "application/octet-stream",
    "multipart/form-data; boundary=x"])
def test_bodies_are_json_whatever_they_are_called(server, content_type):
    """So nothing gets by what refuses a body as deep as the stack is not."""
    client = From(server, ADMIN)
    path = next(path for method, path in WITH_BODY if "{" not in path)
    method = next(method for method, other in WITH_BODY if other == path)
    half = BODY_MAX // 2
    for body in (b"[" * half + b"]" * half, b"[" * 2 * half,
                 b'{"a":' + b"[" * (half - 3) + b"]" * (half - 3) + b"}",
                 b'{"a":\x0b1}', b'/* a */{"a":1}', b'{"\xed\xa0\x80":1}'):
        error = refused(send(client, method, path, body, headers=[
            ("Content-Type", content_type)]), 400)
        assert error["code"] == "invalid_json", error
    error = refused(send(client, method, path, {"no_such_member": 1},
                         headers=[("Content-Type", content_type)]), 400)
    assert error["param"] == "no_such_member"


@pytest.mark.parametrize("method, pattern", WITH_BODY,
                         ids=names_of(WITH_BODY))
def test_bodies_that_are_too_large(server, method, pattern):
    client, path = From(server, ADMIN), path_of(pattern)
    large = b'{"no_such_member":"' + b"x" * BODY_MAX + b'"}'
    for chunked in (False, True):
        refused(send(client, method, path, large, chunked=chunked), 413)
    most = b'{"no_such_member":"' + b"x" * (BODY_MAX - 21) + b'"}'
    assert len(most) == BODY_MAX
    for chunked in (False, True):
        error = refused(send(client, method, path, most, chunked=chunked),
                        400)
        assert error["param"] == "no_such_member"


@pytest.mark.parametrize("pattern", PATTERNS)
def test_other_methods(server, pattern):
    client, path = From(server, ADMIN), path_of(pattern)
    mine = {method for method, other in ROUTES if other == pattern}
    for method in set(METHODS) - mine:
        reply = send(client, method, path)
        refused(reply, 405, "method_not_allowed")
        assert mine <= set(re.split(", *", reply.header("allow")))


# Members with their types, by the routes that are there.

MEMBERS = {
    "/api/keys": [("name", 1), ("name", ["a"]), ("models", "m"),
                  ("models", [1]), ("enabled", "yes"), ("rpm", "1"),
                  ("rpm", 1.5), ("day_cost", "1"), ("owner", {})],
    "/api/users": [("name", 1), ("api_key", 1)],
    "/api/channels": [("name", 1), ("base_url", 1), ("weight", "10"),
                      ("enabled", 1), ("models", "m"), ("models", [1])],
    "/api/models": [("name", 1), ("name", [])],
}


@pytest.mark.parametrize("path, member, value", [
    (path, *one) for path, some in MEMBERS.items() for one in some
    if ("POST", path) in ROUTES])
def test_members_of_a_wrong_type(server, path, member, value):
    client = From(server, ADMIN)
    error = refused(client.post(path, {member: value}), 400)
    assert error["param"] == member, error
    assert f"'{member}'" in error["message"]
    text = json.dumps(value)
    twice = f'{{"{member}":{text},"{member}":{text}}}'.encode()
    refused(client.post(path, twice), 400)


@pytest.mark.parametrize("path", [path for path in MEMBERS
                                  if ("POST", path) in ROUTES])
def test_a_member_that_appears_twice(server, path):
    """Also where one of both is spelled with an escape."""
    for second in ("name", "n\\u0061me"):
        error = refused(From(server, ADMIN).post(
            path, f'{{"name":"a","{second}":"b"}}'.encode()), 400)
        assert error["param"] == "name", error
        assert "twice" in error["message"]


# What is written down.

def line_of(server, reply):
    return server.journaled(reply.header("x-request-id"))


@pytest.mark.parametrize("method, pattern", ROUTES, ids=names_of(ROUTES))
def test_what_changes_nothing_is_not_audited(server, method, pattern):
    """It was read, or refused."""
    client, path = From(server, ADMIN), path_of(pattern)
    body = {"no_such_member": 1} if method in ("POST", "PUT") else None
    reply = send(client, method, path, body)
    assert reply.status < 500 and (method == "GET" or reply.status >= 400)
    line = line_of(server, reply)
    assert "audit" not in line
    assert line["key_id"] == "admin"
    assert line["api_path"] == path
    line = line_of(server, send(From(server), method, path))
    assert "audit" not in line
    assert line.get("key_id") is None


def test_a_change_is_audited_without_its_secret(server):
    admin = From(server, ADMIN)
    reply = admin.post("/api/keys", {"name": "audited"})
    assert reply.status == 201
    secret = reply.json()["key"]
    assert "audited" in line_of(server, reply)["audit"]
    reply = admin.ask("DELETE", "/api/keys/audited")
    assert (reply.status, bytes(reply.body)) == (204, b"")
    assert reply.header("cache-control") == "no-store"
    assert "audited" in line_of(server, reply)["audit"]
    everything = json.dumps(server.journal()) + server.logs()
    assert secret not in everything


def test_a_change_is_audited_though_its_client_left(make_server, upstream):
    """It waits for the database meanwhile, and is made."""
    server = make_server("lighttpd", {"timeouts": {"hangup_probe": 0.1}},
                         {"up": provider(upstream, models=({"name": "m"},))},
                         env=ENV, procs=1)
    admin = From(server, ADMIN)
    upstream.script = manual
    assert admin.post("/api/keys", {"name": "abandoned"}).status == 201
    with contextlib.closing(sqlite3.connect(
            f"{server.tmp}/state/sluice.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        leaving = [admin.open("DELETE", "/api/keys/abandoned"),
                   server.client().open("POST", "/v1/chat/completions",
                                        {"model": "m", "messages": []})]
        behind = upstream.wait()
        for reply in leaving:
            reply.reset()
        assert behind.gone.wait(PATIENCE)
        db.execute("COMMIT")
    until(lambda: admin.get("/api/keys/abandoned").status == 404, "the end")
    line = until(lambda: [line for line in server.journal()
                          if line["method"] == "DELETE"], "its line")[0]
    assert "abandoned" in line["audit"]


def test_no_secret_is_written_anywhere(make_server, upstream):
    """Not the right ones, and not the wrong ones that somebody tried."""
    server = make_server("lighttpd", {"log": {"level": "debug"}}, {
        "up": {"base_url": upstream.url, "api_key_env": "UP_KEY",
               "models": ({"name": "m"},)}}, env=ENV)
    brought, guess = "sk-brought-along-1f2e3d4c", "sk-a-guess-5b6a7988"
    client = From(server, ADMIN)
    last = None
    for method, pattern in ROUTES:
        for body in ({}, {"api_key": brought, "key": brought},
                     {"name": brought}):
            last = send(client, method, path_of(pattern), body
                        if method in ("POST", "PUT") else None)
        send(From(server), method, path_of(pattern),
             headers=[("AdminKey", guess)])
        send(From(server), method, path_of(pattern),
             headers=[("Authorization", f"Bearer {guess}")])
    line_of(server, last)
    until(server.journal, "the journal")
    text = json.dumps(server.journal()) + "".join(
        read_tail(f"{server.tmp}/{name}", 0) for name in server.LOGS)
    for secret in (ADMIN, guess, UP_KEY, KEY):
        assert secret not in text
    for line in server.journal():
        assert brought not in json.dumps(
            {name: value for name, value in line.items() if name != "audit"})
