"""What a request's body names is its key's own, and decides who is asked."""
import itertools
import json
import os
import random

import pytest

from books import rows
from channels import NO_BREAKER, a, b, channel, the_channel    # noqa: F401
from client import until
from servers import KEY

SERVERS = ["lighttpd"]
OTHER = "other-client-key-77"
ENV = {"SLUICE_API_KEYS": f"{KEY},{OTHER}"}
CONF = {"breaker": NO_BREAKER}
PATHS = ["/v1/responses", "/v1/responses/compact",
         "/v1/responses/input_tokens"]
numbers = itertools.count(1)


def PROVIDERS(_):
    """The model m is at both; n is at b alone; c has two places."""
    return {
        "a": channel("a", models=({"name": "m"},)),
        "b": channel("b", models=({"name": "m"}, {"name": "n"})),
        "c": channel("a", namespace="c", models=(
            {"name": "p", "target": "p1"},
            {"name": "q", "endpoints": (
                {"path": "responses", "base_url": the_channel("b").url},)})),
    }


@pytest.fixture
def other(server):
    return server.client(OTHER)


@pytest.fixture(autouse=True)
def answering(a, b):
    for upstream in (a, b):
        upstream.script = says


def says(x):
    """Each response has an id that nobody had before."""
    x.json({"object": "response", "id": f"resp_{next(numbers)}",
            "status": "completed", "output": []})


def make(client, model="m", **more):
    """The id of a new response, and the channel that has it."""
    reply = client.post("/v1/responses", dict({"model": model, "input": "x"},
                                              **more))
    assert reply.status == 200, reply
    return reply.json()["id"], reply.header("x-sluice-provider")


def follow(client, before, model="m", path="/v1/responses", **more):
    return client.post(path, dict({
        "model": model, "input": "y", "previous_response_id": before},
        **more))


def refused(reply, before=None):
    assert reply.status == 400, reply
    assert reply.error["code"] == "previous_response_not_found"
    assert reply.error["param"] == "previous_response_id"
    assert before is None or before in reply.error["message"]


def seen(*upstreams):
    return sum(len(u.requests) for u in upstreams)


def test_a_follow_up_goes_where_the_response_is(client, a, b):
    met = set()
    for _ in range(24):
        before, channel = make(client)
        for _ in range(3):
            reply = follow(client, before)
            assert reply.status == 200, reply
            assert reply.header("x-sluice-provider") == channel
            before = reply.json()["id"]
        met.add(channel)
    assert met == {"a", "b"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", PATHS)
def test_another_keys_response_cannot_be_continued(client, other, a, b, path,
                                                   stream):
    before, channel = make(client)
    asked = seen(a, b)
    refused(follow(other, before, path=path, stream=stream), before)
    assert seen(a, b) == asked
    reply = follow(client, before, path=path)
    assert (reply.status, reply.header("x-sluice-provider")) == (200, channel)


@pytest.mark.parametrize("before", [
    "resp_none", "x", "resp_1 ", " resp_1", "r" * 255, "r" * 256, "r" * 9000,
    "' OR 1=1 --", "resp_%", "resp_\0", "\0", 7, 7.5, ["resp_none"],
    {"id": "resp_none"}])
def test_an_id_that_nobody_made(client, a, b, before):
    refused(follow(client, before))
    assert seen(a, b) == 0


@pytest.mark.parametrize("before", [None, ""])
def test_no_id(client, a, b, before):
    assert follow(client, before).status == 200


FOLDS = {"s": "\u017f", "k": "\u212a"}


def spelled(name):
    """NAME as some reader or other may take it."""
    out = ""
    for letter in name:
        draw = random.randrange(5)
        if draw == 0:
            letter = letter.upper()
        elif draw == 1:
            letter = f"\\u{ord(letter):04x}"
        elif draw == 2 and letter in FOLDS:
            letter = FOLDS[letter]
        out += letter
    return f'"{out}"'


def test_no_spelling_gets_by(client, other, a, b):
    """Whatever reader is upstream: another spelling, twice, further inside."""
    mine, _ = make(client)
    theirs, _ = make(other)
    asked = seen(a, b)
    for round in range(60):
        pairs = [(spelled("previous_response_id"), json.dumps(theirs))]
        if round % 2:
            pairs.append(('"previous_response_id"', json.dumps(mine)))
        if round % 3 == 0:
            pairs = [(spelled("conversation"),
                      '{"id":%s}' % json.dumps(theirs))]
        random.shuffle(pairs)
        body = '{"model":"m",' + ",".join(
            f"{name}:{value}" for name, value in pairs) + "}"
        reply = client.post("/v1/responses", body.encode())
        assert reply.status in (400, 404), (body, reply)
    assert seen(a, b) == asked


def test_a_channel_that_fails_has_no_substitute(client, a, b):
    """Another one does not know the response."""
    before, channel = make(client)
    here, elsewhere = (a, b) if channel == "a" else (b, a)
    here.script = lambda x: x.json({"error": {"message": "down"}}, 500,
                                   [("Retry-After", "0")])
    asked = seen(elsewhere)
    reply = follow(client, before)
    assert reply.status == 500, reply
    assert seen(elsewhere) == asked


def test_a_model_that_is_served_elsewhere(client, a, b):
    while True:
        before, channel = make(client)
        if channel == "a":
            break
    asked = seen(a, b)
    reply = follow(client, before, "n")
    assert (reply.status, reply.error["code"]) == (404, "model_not_found")
    assert "objects" in reply.error["message"]
    assert seen(a, b) == asked


def test_a_place_of_its_own_is_known(client, a, b):
    """A model's endpoint may be another server than the provider's."""
    before, _ = make(client, "c/q")
    assert (seen(a), seen(b)) == (0, 1)
    assert follow(client, before, "c/q").status == 200
    assert follow(client, before, "c/p").status == 404
    b.script = lambda x: x.json({"path": x.path})
    assert client.get(f"/v1/responses/{before}").json() == {
        "path": f"/v1/responses/{before}"}
    assert (seen(a), seen(b)) == (0, 3)


@pytest.mark.parametrize("member, value", [
    ("conversation", "X"), ("conversation", {"id": "X"}),
    ("input", [{"role": "user", "content": [
        {"type": "input_file", "file_id": "X"}]}]),
    ("tools", [{"type": "file_search", "vector_store_ids": ["X"]}]),
    ("tools", [{"type": "code_interpreter",
                "container": {"type": "auto", "file_ids": ["X"]}}])])
def test_what_else_is_named_must_be_own(client, a, b, member, value):
    reply = client.post("/v1/responses", {"model": "m", "input": "x",
                                          member: value})
    assert (reply.status, reply.error["code"]) == (404, "not_found")
    assert "'X'" in reply.error["message"]
    assert seen(a, b) == 0


@pytest.mark.parametrize("path, body", [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": [
        {"type": "file", "file": {"file_id": "X"}}]}]}),
    ("/v1/messages", {"messages": [{"role": "user", "content": [
        {"type": "document", "source": {"type": "file",
                                        "file_id": "X"}}]}]})])
def test_files_in_other_calls(client, a, b, path, body):
    reply = client.post(path, dict(body, model="m"))
    assert reply.status == 404, reply
    assert seen(a, b) == 0


def parts(x):
    """A response, whole or streamed, with an item of each kind in it."""
    n = next(numbers)
    output = [{"id": f"msg_{n}", "type": "message", "content": [
        {"type": "output_text", "text": "x", "annotations": [
            {"type": "file_citation", "file_id": "file-unknown"}]}]},
        {"id": f"ci_{n}", "type": "code_interpreter_call",
         "container_id": f"cntr_{n}"},
        {"id": f"ig_{n}", "type": "image_generation_call", "result": "QQ=="}]
    whole = {"object": "response", "id": f"resp_p{n}", "status": "completed",
             "store": x.data().get("store", True), "output": output}
    if not x.data().get("stream"):
        return x.json(whole)
    x.sse()
    for kind, more in [
            ("created", {"response": dict(whole, status="in_progress",
                                          output=[])}),
            *(("output_item.done", {"item": item}) for item in output),
            ("completed", {"response": whole})]:
        kind = f"response.{kind}"
        data = json.dumps(dict({"type": kind}, **more)).encode()
        x.chunk(b"event: %s\ndata: %s\n\n" % (kind.encode(), data))
    return x.end()


def item(kind, n):
    return {"input": [{"type": "item_reference", "id": f"{kind}_{n}"}]}


NAMED = {
    "message": lambda n: item("msg", n),
    "image": lambda n: {"input": [{"type": "image_generation_call",
                                   "id": f"ig_{n}"}]},
    "call": lambda n: item("ci", n),
    "container": lambda n: {"tools": [{"type": "code_interpreter",
                                       "container": f"cntr_{n}"}]},
    "container of a call": lambda n: {"input": [
        {"type": "code_interpreter_call", "id": f"ci_{n}",
         "container_id": f"cntr_{n}"}]},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("named", NAMED)
def test_parts_of_another_keys_response(server, client, other, a, b, stream,
                                        named):
    a.script = b.script = parts
    reply = client.post("/v1/responses", {"model": "m", "input": "x",
                                          "stream": stream})
    n = int(reply.body.split(b'"resp_p')[1].split(b'"')[0])
    channel = reply.header("x-sluice-provider")
    body = dict({"model": "m", "input": "y"}, **NAMED[named](n))
    asked = seen(a, b)
    until(lambda: other.post("/v1/responses", body).status == 404,
          "that it is another key's")
    assert seen(a, b) - asked <= 20     # before it was known
    asked = seen(a, b)
    assert other.post("/v1/responses", body).error["code"] == "not_found"
    assert seen(a, b) == asked
    for _ in range(6):
        reply = client.post("/v1/responses", body)
        assert reply.status == 200, reply
        assert reply.header("x-sluice-provider") == channel


@pytest.mark.parametrize("named", NAMED)
def test_parts_that_nobody_is_known_to_have(client, a, b, named):
    """Not every answer tells all of them; the provider knows."""
    reply = client.post("/v1/responses", dict(
        {"model": "m", "input": "y"}, **NAMED[named]("unknown")))
    assert reply.status == 200, reply


def test_a_whole_image_is_the_clients_own(client, other, a, b):
    """It may have been told in an answer; what is sent is all there."""
    a.script = b.script = parts
    reply = client.post("/v1/responses", {"model": "m", "input": "x"})
    image = reply.json()["output"][2]
    reply = other.post("/v1/responses", {"model": "m", "input": [image]})
    assert reply.status == 200, reply


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_not_stored_is_not_remembered(server, client, a, b, stream):
    a.script = b.script = parts
    reply = client.post("/v1/responses", {
        "model": "m", "input": "x", "store": False, "stream": stream})
    name = "resp_p" + reply.body.split(b'"resp_p')[1].split(b'"')[0].decode()
    n = name.removeprefix("resp_p")
    assert client.get(f"/v1/responses/{name}").status == 404
    refused(follow(client, name))
    kept = until(lambda: rows(server, "SELECT kind FROM objects WHERE id LIKE "
                              "?", f"%_{n}"), "its container")
    assert kept == [("containers",)]


def test_what_is_the_clients_own_is_not_judged(client, a, b):
    tool = {"type": "function", "function": {"name": "f", "parameters": {
        "properties": {"file_id": {"type": "string"}},
        "examples": [{"file_id": "x"}]}}}
    body = {"model": "m", "metadata": {"file_id": "x", "thread_id": "y"},
            "tools": [tool], "messages": [
                {"role": "assistant", "tool_calls": [{
                    "id": "call_1", "type": "function", "function": {
                        "name": "f", "arguments": '{"file_id":"x"}'}}]}]}
    reply = client.post("/v1/chat/completions", body)
    assert reply.status == 200, reply
    assert seen(a, b) == 1


def test_what_codex_says_of_itself_is_its_own(client, a, b):
    """Its threads are none of OpenAI's; without this no request of it went."""
    one = "01a22bb7-edcc-7352-94ae-b6e4c446f59b"
    reply = client.post("/v1/responses", {
        "model": "m", "store": False, "prompt_cache_key": one,
        "include": ["reasoning.encrypted_content"], "client_metadata": {
            "thread_id": one, "session_id": one, "turn_id": one,
            "root_turn_id": one, "x-codex-window-id": f"{one}:0"},
        "input": [{"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "hi"}]}]})
    assert reply.status == 200, reply
    assert seen(a, b) == 1


def test_the_database_is_gone(make_server, a, b):
    """Whose a response is cannot be known; what names none goes on."""
    one = make_server("lighttpd", CONF, PROVIDERS(None), ENV)
    before, _ = make(one.client())
    for name in ("sluice.db", "sluice.db-wal", "sluice.db-shm"):
        if os.path.exists(f"{one.tmp}/state/{name}"):
            os.unlink(f"{one.tmp}/state/{name}")
    asked = seen(a, b)
    for _ in range(4):
        reply = follow(one.client(), before)
        assert (reply.status, reply.error["code"]) == (503,
                                                       "store_unavailable")
    assert seen(a, b) == asked
    make(one.client())
