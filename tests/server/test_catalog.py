"""/v1/models where a provider has { name = "*"; }: its own list is shown."""
import json

import pytest

from client import Client, until
from client_keys import made
from fixtures import provider
from servers import KEY, UP_KEY
from upstream import Upstream, manual

SERVERS = ["lighttpd"]
ANY = ({"name": "*"},)


def tells(*names, **more):
    """A script: this is what the provider has."""
    body = {"object": "list", "data": [
        {"id": name, "object": "model"} for name in names], **more}
    return lambda x: x.json(body)


@pytest.fixture
def other():
    upstream = Upstream()
    yield upstream
    upstream.close()


def listed(server, client=None, **more):
    reply = (client or server.client()).get("/v1/models", **more)
    assert reply.status == 200, reply
    return reply.json()


def ids(server, client=None):
    return [model["id"] for model in listed(server, client)["data"]]


def everywhere(server, *names):
    """Each process lists NAMES by now."""
    server.everywhere(lambda client: ids(server, client) == list(names),
                      f"{names} to be listed")


@pytest.mark.parametrize("kind", ["lighttpd", "nginx", "apache-cgi"])
def test_what_it_has_is_listed(make_server, upstream, kind):
    """At the first request already, and callable under those names."""
    upstream.script = lambda x: tells("llama3", "qwen/2.5", "a\u00e4 b")(x) \
        if x.method == "GET" else x.json({"choices": []})
    server = make_server(kind, {}, {"local": provider(upstream, models=ANY)})
    value = listed(server)
    assert [m["id"] for m in value["data"]] == ["a\u00e4 b", "llama3",
                                                "qwen/2.5"]
    for model in value["data"]:
        assert (model["owned_by"], model["display_name"]) == (
            "local", model["id"])
        assert server.client().post("/v1/chat/completions", {
            "model": model["id"], "messages": []}).status == 200
    assert value["last_id"] == "qwen/2.5"
    asked = upstream.wait()
    assert (asked.method, asked.path) == ("GET", "/v1/models")
    assert asked.header("authorization") == f"Bearer {UP_KEY}"
    assert KEY not in str(asked)


def test_names_are_as_clients_call_them(make_server, upstream, other):
    """With namespace and prefix; what is configured, or fits better, wins."""
    upstream.script = tells("one", "two", "p-one", "exact")
    other.script = tells("two", "three")
    server = make_server("lighttpd", {}, {
        "a": provider(upstream, models=(
            {"name": "exact", "display_name": "E"}, *ANY)),
        "b": provider(other, models=ANY),
        "c": provider(other, prefix="p-", models=ANY),
        "d": provider(other, namespace="lab", models=(
            {"name": "*", "context_window": 9, "display_name": "no"},))})
    found = {m["id"]: m for m in listed(server)["data"]}
    assert {name: m["owned_by"] for name, m in found.items()} == {
        "exact": "a", "one": "a", "two": "a", "three": "b",
        "p-two": "c", "p-three": "c", "lab/two": "d", "lab/three": "d"}
    assert found["exact"]["display_name"] == "E"
    assert found["lab/two"]["display_name"] == "lab/two"
    assert found["lab/two"]["context_window"] == 9
    assert list(found) == sorted(found)
    page = listed(server, headers=[("anthropic-version", "2023-06-01")])
    assert [m["id"] for m in page["data"]] == list(found)


@pytest.mark.parametrize("body, names", [
    ([{"id": "x"}, {"id": "y"}], ["x", "y"]),
    ({"data": [{"id": "x"}, {"id": "x"}, {"name": "n"}, {}, 5, None, "s",
               ["id", "z"], {"id": 7}, {"id": None}, {"id": ["q"]},
               {"more": {"id": "deep"}}, {"id": "y"}]}, ["x", "y"]),
    ({"id": "no", "data": [{"id": "x"}], "more": [{"id": "no"}],
      "models": [{"id": "no"}]}, ["x"]),
    ({"first": {"data": [{"id": "no"}]}, "data": [{"id": "x"}]}, ["x"]),
    ({"data": [{"id": "a\nb"}, {"id": "\x7f"}, {"id": ""}, {"id": "\0"},
               {"id": "n" * 257}, {"id": "n" * 256}, {"id": "<b>\"\\"}]},
     ["<b>\"\\", "n" * 256]),
    ({"data": []}, []), ([], []),
    ({"data": [{"id": f"m{n:05}"} for n in range(6000)]},
     [f"m{n:05}" for n in range(5000)])])
def test_what_counts_as_a_name(make_server, upstream, body, names):
    upstream.script = lambda x: x.json(json.dumps(body).encode())
    server = make_server("lighttpd", {}, {"u": provider(upstream, models=ANY)})
    assert ids(server) == names


FAULTS = {
    "error": lambda x: x.json({"data": [{"id": "no"}]}, 500),
    "html": lambda x: x.json(b"<html>", 200, [("Content-Type", "text/html")]),
    "half": lambda x: x.json(b'{"data":[{"id":"no"}'),
    "other": lambda x: x.json({"data": {"id": "no"}}),
    "redirect": lambda x: x.json({"data": []}, 302, [("Location", "/x")]),
    "cut": lambda x: (x.head(200, [("Content-Length", "99")]), x.close()),
    "large": lambda x: x.json(b'{"data":[{"id":"no"}],"x":"' +
                              b"x" * (5 << 20) + b'"}'),
    "silent": manual,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_who_does_not_tell_holds_nobody_up(make_server, upstream, fault):
    """What is configured is there, well before Claude Code's three seconds."""
    upstream.script = FAULTS[fault]
    server = make_server("lighttpd", {}, {
        "u": provider(upstream, models=({"name": "known"}, *ANY))})
    assert ids(server) == ["known"]
    assert ids(server) == ["known"]


def test_what_was_told_stands(make_server, upstream):
    """An outage takes nothing away; what changes afterwards is seen."""
    upstream.script = tells("one", "two")
    server = make_server("lighttpd", {}, {"u": provider(
        upstream, models=ANY, health={"interval": 0.1})})
    everywhere(server, "one", "two")
    for fault in (FAULTS["error"], FAULTS["html"], lambda x: x.close()):
        upstream.script = fault
        count = len(upstream.requests)
        until(lambda: ids(server) == ["one", "two"]
              and len(upstream.requests) > count + 6, "more questions")
    upstream.script = tells("two", "three")
    everywhere(server, "three", "two")


def test_many_who_look_make_one_question(make_server, upstream):
    """One of each process, and none again for a while."""
    upstream.script = tells("one")
    server = make_server("lighttpd", {"auth": {"models_open": True}},
                         {"u": provider(upstream, models=ANY)})
    for _ in range(3):
        replies = [server.client(None).open("GET", "/v1/models")
                   for _ in range(20)]
        for reply in replies:
            assert [m["id"] for m in reply.finish().json()["data"]] == ["one"]
    assert 1 <= len(upstream.requests) <= server.procs


def test_who_leaves_meanwhile_harms_nobody(make_server, upstream):
    """The others still get it, and so does a process that is told to stop."""
    upstream.script = manual
    server = make_server("lighttpd", {}, {"u": provider(upstream, models=ANY)},
                         procs=1)
    leaving = server.client().open("GET", "/v1/models")
    staying = server.client().open("GET", "/v1/models")
    asked = upstream.wait()
    leaving.close()
    tells("late")(asked)
    asked.over.set()
    assert [m["id"] for m in staying.finish().json()["data"]] == ["late"]
    assert ids(server) == ["late"]
    assert len(upstream.requests) == 1


def test_a_reload_asks_whom_it_brings(make_server, upstream, other):
    upstream.script = tells("one")
    other.script = tells("two")
    server = make_server("lighttpd", {}, {"u": provider(upstream, models=ANY)})
    assert ids(server) == ["one"]
    server.write_provider("v", provider(other, models=ANY))
    everywhere(server, "one", "two")
    server.remove_provider("u")
    everywhere(server, "two")


def test_who_is_not_asked(make_server, upstream):
    """Whose names would not be what clients can call, and who has no "*"."""
    up = dict(api_version="2024-10-21", kind="azure")
    server = make_server("lighttpd", {}, {
        "azure": provider(upstream, models=ANY, **up),
        "forced": provider(upstream, force_model="only", namespace="f"),
        "target": provider(upstream, namespace="t", models=(
            {"name": "*", "target": "x"},)),
        "named": provider(upstream, namespace="n", models=(
            {"name": "x"},))})
    assert ids(server) == ["f/only", "n/x"]
    assert upstream.requests == []


def test_anthropic_is_asked_in_its_own_way(make_server, upstream):
    upstream.script = lambda x: x.json({"data": [
        {"type": "model", "id": "claude-x", "display_name": "X",
         "created_at": "2026-01-01T00:00:00Z"}], "has_more": False,
        "first_id": "claude-x", "last_id": "claude-x"})
    server = make_server("lighttpd", {}, {"claude": provider(
        upstream, kind="anthropic", models=ANY)})
    assert ids(server) == ["claude-x"]
    asked = upstream.wait()
    assert asked.path == "/v1/models?limit=1000"
    assert asked.header("x-api-key") == UP_KEY
    assert asked.header("anthropic-version")


def test_a_key_sees_what_it_may_use(make_server, upstream):
    upstream.script = tells("llama3", "llama2", "qwen")
    server = make_server("lighttpd", {}, {"u": provider(upstream, models=ANY)})
    secret = made(server, "k", "--models", "llama*")
    server.everywhere(lambda c: c.get("/v1/models").status == 200, "the key",
                      secret)
    client = Client(server.port, secret)
    assert [m["id"] for m in client.get("/v1/models").json()["data"]] == [
        "llama2", "llama3"]


def test_many_who_are_silent(make_server, upstream):
    """They are asked together, not one after the other, and not all of them."""
    upstream.script = manual
    server = make_server("lighttpd", {}, {
        f"u{n}": provider(upstream, namespace=f"n{n}", models=ANY,
                          base_url=f"{upstream.url}/{n}") for n in range(40)})
    assert ids(server) == []
    assert len(upstream.requests) <= 32
