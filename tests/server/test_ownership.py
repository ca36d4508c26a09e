"""What is made through passthrough belongs to the key that made it."""
import json
import os
import random
import sqlite3

import pytest

from account import Account, names
from books import rows
from channels import a, b, channel      # noqa: F401
from client import until
from client_keys import made
from forms import field, file, form, form_type, noise
from servers import KEY

SERVERS = ["lighttpd"]
OTHER = "other-client-key-77"
ENV = {"SLUICE_API_KEYS": f"{KEY},{OTHER}"}

# Those that can be listed, and those that cannot.
LISTED = ["files", "batches", "vector_stores", "assistants", "containers",
          "evals", "skills", "videos", "fine_tuning/jobs", "messages/batches",
          "chatkit/threads", "batch/jobs"]
OTHERS = ["uploads", "threads", "conversations", "audio/voices",
          "whatever_comes_next"]
# What may follow an id.
ACTIONS = [("GET", ""), ("HEAD", ""), ("DELETE", ""), ("POST", ""),
           ("PATCH", ""), ("PUT", ""), ("POST", "/cancel"),
           ("GET", "/content"), ("GET", "/items/item_1"),
           ("POST", "/files/file_1/cancel"), ("DELETE", "/members/m")]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def PROVIDERS(_):
    """Both take what names no model; b has to be asked for."""
    return {"a": channel("a", passthrough=True, models=({"name": "m"},)),
            "b": channel("b", passthrough=True, namespace="second",
                         kind="anthropic", models=({"name": "claude"},)),
            "c": channel("a", namespace="third", models=({"name": "x"},))}


@pytest.fixture
def one(a):
    return Account(a, "one")


@pytest.fixture
def two(b):
    return Account(b, "two", anthropic=True)


@pytest.fixture
def other(server):
    return server.client(OTHER)


TO = {"a": [], "b": [("X-Sluice-Provider", "b")]}


def body_for(method):
    return None if method in ("GET", "HEAD", "DELETE") else {}


def ask(client, method, path, headers=()):
    return client.ask(method, path, body_for(method), headers=list(headers))


def make(client, kind, to="a", body=None):
    if kind == "videos":        # made by a model
        body = {"model": "m" if to == "a" else "second/claude"}
    reply = client.post(f"/v1/{kind}", body or {}, headers=TO[to])
    assert reply.status == 200, reply
    return reply.json()["id"]


def refused(reply):
    assert reply.status == 404, reply
    if reply.body and reply.json().get("type") != "error":
        assert reply.error["code"] in ("not_found", "unknown_url")


# By id.

@pytest.mark.parametrize("kind", LISTED + OTHERS)
@pytest.mark.parametrize("to", ["a", "b"])
def test_each_is_its_makers_alone(client, other, one, two, kind, to):
    """Whatever is done, at whichever provider, with or without its name."""
    account, elsewhere = (one, two) if to == "a" else (two, one)
    for method, rest in ACTIONS:
        name = make(client, kind, to)
        paths = [f"/v1/{kind}/{n}{rest}" for n in (name, "made_up_1",
                                                   name + "x", name[1:])]
        asked = len(account.asked), len(elsewhere.asked)
        for headers in ([], TO["a"], TO["b"]):
            for path in paths:
                refused(ask(other, method, path, headers))
            for path in paths[1:]:
                refused(ask(client, method, path, headers))
        wrong = [("X-Sluice-Provider", "b" if to == "a" else "a")]
        refused(ask(client, method, paths[0], wrong))
        refused(ask(client, method, paths[0], [("X-Sluice-Provider", "c")]))
        assert (len(account.asked), len(elsewhere.asked)) == asked
        reply = ask(client, method, paths[0])
        assert reply.status == 200, (method, rest, reply)
        assert reply.header("x-sluice-provider") == to
        assert account.asked[-1][:2] == (method, paths[0])


@pytest.mark.parametrize("kind", LISTED + OTHERS)
def test_what_is_deleted_is_forgotten(server, client, one, kind):
    name = make(client, kind)
    assert ask(client, "DELETE", f"/v1/{kind}/{name}").status == 200
    until(lambda: not rows(server, "SELECT 1 FROM objects WHERE id = ?", name),
          "that it is forgotten")
    asked = len(one.asked)
    refused(client.get(f"/v1/{kind}/{name}"))
    assert len(one.asked) == asked


def test_a_failed_deletion_forgets_nothing(client, a, one):
    name = make(client, "files")
    a.script = lambda x: x.json({"error": {"message": "later"}}, 500)
    assert ask(client, "DELETE", f"/v1/files/{name}").status == 500
    a.script = one
    assert client.get(f"/v1/files/{name}").status == 200


@pytest.mark.parametrize("spelling", [
    "/v1/files/{}/", "/v1//files/{}", "/v1/files//{}", "/v1/files;x/{}",
    "/v1/Files/{}", "/v1/FILES/{}", "/v1/files%2f{}", "/v1/files%2F{}",
    "/v1/x/../files/{}", "/v1/./files/{}", "/v1/files/%2e/{}",
    "/v1/files/none%2f..%2f{}", "/v1/files/none/../{}", "/v1/files/{}%00",
    "/v1/files/{}?x=/../y", "/v1/files/%66ile", "/v1/v1/files/{}",
    "/v1/files/{}%20", "/v1/files/{}\\", "/v1/files/none;/{}",
    "/v1/files/{}#x", "/v1/fıles/{}"])
def test_no_spelling_of_a_path_gets_by(client, other, one, spelling):
    path = spelling.format(make(client, "files"))
    asked = len(one.asked)
    for method in METHODS:
        reply = other.ask(method, path.encode().decode("latin-1"),
                          body_for(method))
        assert 400 <= reply.status < 500, (method, path, reply)
    assert len(one.asked) == asked


def test_accounts_own_matters_are_nobodys(client, one):
    """What no key has made cannot be asked for by any."""
    for path in ("organization/users", "organization/admin_api_keys",
                 "organizations/me", "organizations/api_keys/key_1",
                 "projects/proj_1/api_keys", "fine_tuning/models",
                 "dashboard/billing", "safety/cases/x", "usage/2026-01-01"):
        for method in METHODS:
            refused(ask(client, method, f"/v1/{path}"))
    assert one.asked == []


def test_an_id_that_another_key_was_given_too(client, other, a):
    """Who may choose an id cannot take what has it."""
    a.script = lambda x: x.json({"id": "chosen"})
    make(client, "files")
    make(other, "files")
    refused(other.get("/v1/files/chosen"))
    assert client.get("/v1/files/chosen").status == 200


# Making.

@pytest.mark.parametrize("answer, status", [
    (b'{"id":"file-x"}', 200), (b'{"id":"file-x"}', 201),
    (b' {\n"object": "file", "id" :"file\\u002dx"} ', 200),
    (b'{"pad":"' + b"x" * 900000 + b'","id":"file-x"}', 200),
    (b'{"id":"file-x","pad":"' + b"x" * 900000 + b'"}', 202)])
def test_ids_in_answers_of_any_form(server, client, other, a, answer, status):
    with_rows(server, "DELETE FROM objects WHERE id = 'file-x'")
    a.script = lambda x: x.json(answer, status)
    reply = client.post("/v1/files", {})
    assert (reply.status, bytes(reply.body)) == (status, answer)
    a.script = lambda x: x.json({"ok": True})
    until(lambda: client.get("/v1/files/file-x").status == 200, "the file")
    refused(other.get("/v1/files/file-x"))


def with_rows(server, sql):
    with sqlite3.connect(f"{server.tmp}/state/sluice.db", timeout=20) as db:
        db.execute(sql)
    db.close()


@pytest.mark.parametrize("answer", [
    b"", b"[]", b'{"id":7}', b'{"id":null}', b'{"id":""}', b'{"x":{"id":"y"}}',
    b'{"id":"' + b"i" * 300 + b'"}', b'{"id":"y"', b"text", b'{"ID":"y2"}'])
def test_answers_that_name_nothing_pass(client, a, answer):
    a.script = lambda x: x.json(answer)
    reply = client.post("/v1/files", {})
    assert (reply.status, bytes(reply.body)) == (200, answer)


def test_errors_name_nothing(client, one, a):
    a.script = lambda x: x.json({"id": "file-error"}, 400)
    assert client.post("/v1/files", {}).status == 400
    refused(client.get("/v1/files/file-error"))


def test_an_upload(client, other, one, a):
    data = form(file("file", noise(3000)), field("purpose", "batch"))
    reply = client.post("/v1/files", data, headers=form_type())
    name = reply.json()["id"]
    assert a.requests[-1].body == data
    assert client.get(f"/v1/files/{name}").status == 200
    refused(other.get(f"/v1/files/{name}"))


@pytest.mark.parametrize("kind, answer", [
    ("batches", {"id": "X", "output_file_id": "F", "error_file_id": "G"}),
    ("uploads", {"id": "X", "file": {"id": "F"}, "other": {"id": "no"}}),
    ("fine_tuning/jobs", {"id": "X", "result_files": ["F", "G"]})])
def test_what_an_answer_names_besides(client, other, one, a, kind, answer):
    """A batch has written files, an upload has become one."""
    thing = make(client, kind)
    text = json.dumps(answer).replace("X", thing)
    for name in "FG":
        text = text.replace(f'"{name}"', f'"{name}-{thing}"')
    a.script = lambda x: x.json(text.encode())
    assert client.get(f"/v1/{kind}/{thing}").status == 200
    for name in ["F", "G"] if '"G-' in text else ["F"]:
        assert client.get(f"/v1/files/{name}-{thing}").status == 200
        refused(other.get(f"/v1/files/{name}-{thing}"))
    refused(client.get("/v1/files/no"))


def test_what_another_key_names_stays_its_makers(client, other, one, a):
    """An answer that names another's file does not give it away."""
    mine = make(client, "files")
    batch = make(other, "batches")
    a.script = lambda x: x.json({"id": batch, "output_file_id": mine})
    assert other.get(f"/v1/batches/{batch}").status == 200
    refused(other.get(f"/v1/files/{mine}"))
    a.script = one
    assert client.get(f"/v1/files/{mine}").status == 200


def test_a_thread_that_is_made_with_its_run(client, other, one):
    thread = client.post("/v1/threads/runs", {}).json()["thread_id"]
    assert client.get(f"/v1/threads/{thread}/messages").status == 200
    refused(other.get(f"/v1/threads/{thread}/messages"))


def test_a_thread_of_a_stream(client, other, one, a):
    def script(x):
        x.sse()
        x.chunk(b'event: thread.created\ndata: {"id":"thread_s","object":'
                b'"thread"}\n\n')
        x.chunk(b'event: thread.run.created\ndata: {"id":"run_s","object":'
                b'"thread.run","thread_id":"thread_s"}\n\n')
        x.chunk(b"event: done\ndata: [DONE]\n\n")
        x.end()
    a.script = script
    assert b"[DONE]" in client.post("/v1/threads/runs", {}).body
    a.script = lambda x: x.json({"ok": True})
    until(lambda: client.get("/v1/threads/thread_s").status == 200,
          "the thread")
    refused(other.get("/v1/threads/thread_s"))
    refused(client.get("/v1/threads/run_s"))


def test_one_that_is_made_of_another(client, other, one, a):
    """A remix is another video, an edit is one too."""
    video = client.post("/v1/videos/edits", {}).json()["id"]
    a.script = lambda x: x.json({"id": "video_remixed"})
    reply = client.post(f"/v1/videos/{video}/remix", {})
    assert reply.json() == {"id": "video_remixed"}
    assert client.get("/v1/videos/video_remixed").status == 200
    refused(other.get("/v1/videos/video_remixed"))
    refused(other.get(f"/v1/videos/{video}"))


def test_a_video_that_a_model_has_made(client, other, one, a):
    a.script = lambda x: x.json({"id": "video_model", "status": "queued"})
    reply = client.post("/v1/videos", {"model": "m", "prompt": "x"})
    assert reply.status == 200, reply
    assert client.get("/v1/videos/video_model/content").status == 200
    refused(other.get("/v1/videos/video_model/content"))


# What a request names.

NAMING = [
    ("batches", "input_file_id", "files"), ("vector_stores", "file_ids", "files"),
    ("fine_tuning/jobs", "training_file", "files"),
    ("fine_tuning/jobs", "validation_file", "files"),
    ("threads/runs", "assistant_id", "assistants"),
    ("whatever_comes_next", "vector_store_ids", "vector_stores"),
    ("whatever_comes_next", "thread_id", "threads"),
    ("whatever_comes_next", "conversation", "conversations"),
    ("messages/batches", "file_id", "files"),
]


@pytest.mark.parametrize("kind, member, named", NAMING)
@pytest.mark.parametrize("as_form", [False, True])
def test_what_a_body_names_must_be_own(client, other, one, two, kind, member,
                                       named, as_form):
    def send(who, name, to="a"):
        if as_form:
            return who.post(f"/v1/{kind}", form(field(member, name), field(
                "x", "y")), headers=form_type() + TO[to])
        value = [name] if member.endswith("ids") else name
        return who.post(f"/v1/{kind}", {"x": {"y": [{member: value}]}},
                        headers=TO[to])
    name = make(client, named)
    asked = len(one.asked), len(two.asked)
    refused(send(other, name))
    refused(send(other, name, "b"))
    refused(send(client, name, "b"))
    refused(send(client, "made_up"))
    assert (len(one.asked), len(two.asked)) == asked
    assert send(client, name).status == 200


def test_a_body_decides_which_provider_is_asked(client, one, two):
    """It is there that what it names is."""
    name = make(client, "files", "b")
    reply = client.post("/v1/batches", {"input_file_id": name})
    assert reply.header("x-sluice-provider") == "b"
    batch = reply.json()["id"]
    assert client.get(f"/v1/batches/{batch}").header(
        "x-sluice-provider") == "b"
    mine = make(client, "files", "a")
    refused(client.post("/v1/batches", {"file_ids": [name, mine]}))
    store = make(client, "vector_stores", "a")
    refused(client.post(f"/v1/vector_stores/{store}/files",
                        {"file_id": name}))
    assert client.post(f"/v1/vector_stores/{store}/files",
                       {"file_id": mine}).status == 200


@pytest.mark.parametrize("kind", [
    "text/plain", "application/octet-stream", "application/x-ndjson",
    "application/jsonl", "text/json2", "image/png", "application/xml"])
@pytest.mark.parametrize("encode", [
    lambda t: t, lambda t: b" \r\n\t" + t, lambda t: b"\xef\xbb\xbf" + t,
    lambda t: t.decode().encode("utf-16"),
    lambda t: t.decode().encode("utf-16-be"),
    lambda t: t.decode().encode("utf-32-le"), lambda t: b" " * 5000 + t])
def test_json_under_another_name(client, other, one, kind, encode):
    """Some upstreams read it as JSON whatever it is called."""
    name = make(client, "files")
    asked = len(one.asked)
    body = encode(json.dumps({"input_file_id": name}).encode())
    reply = other.post("/v1/batches", body, headers=[("Content-Type", kind)])
    assert reply.status in (400, 404, 415), reply
    assert len(one.asked) == asked


def test_other_bytes_pass(client, one, a):
    body = b"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n" + noise(2000)
    reply = client.post("/v1/whatever_comes_next", body,
                        headers=[("Content-Type", "application/sdp")])
    assert reply.status == 200, reply
    assert a.requests[-1].body == body
    assert a.requests[-1].header("content-type") == "application/sdp"


@pytest.mark.parametrize("path, body", [
    ("/v1/responses", {"input": [{"content": [{"file_id": "X"}]}]}),
    ("/v1/responses", {"tools": [{"vector_store_ids": ["V"]}]}),
    ("/v1/responses", {"conversation": "C"}),
    ("/v1/responses", {"conversation": {"id": "C"}}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": [
        {"type": "file", "file": {"file_id": "X"}}]}]}),
    ("/v1/messages", {"messages": [{"content": [
        {"source": {"type": "file", "file_id": "X"}}]}]})])
def test_model_calls_name_what_was_made_here(client, other, one, a, path, body):
    made = {"X": make(client, "files"), "V": make(client, "vector_stores"),
            "C": make(client, "conversations")}
    text = json.dumps(dict(body, model="m"))
    for name, real in made.items():
        text = text.replace(f'"{name}"', f'"{real}"')
    a.script = lambda x: x.json({"id": "r1", "choices": [], "content": [],
                                 "output": []})
    seen = len(a.requests)
    refused(other.post(path, text.encode()))
    assert len(a.requests) == seen
    reply = client.post(path, text.encode())
    assert reply.status != 404, reply
    assert len(a.requests) == seen + 1
    assert a.requests[-1].body.decode() == text


# Lists.

@pytest.mark.parametrize("kind", LISTED)
@pytest.mark.parametrize("to", ["a", "b"])
def test_a_list_has_ones_own(client, other, one, two, kind, to):
    account = one if to == "a" else two
    mine = [make(client, kind, to) for _ in range(3)]
    theirs = [make(other, kind, to) for _ in range(2)]
    for _ in range(3):
        account.add(kind)
    path = f"/v1/{kind}"
    assert names(client.get(path, headers=TO[to])) == mine[::-1]
    reply = other.get(path, headers=TO[to])
    assert names(reply) == theirs[::-1]
    page = reply.json()
    assert (page["first_id"], page["last_id"], page["has_more"]) == (
        theirs[1], theirs[0], False)
    assert client.ask("HEAD", path, headers=TO[to]).status == 200
    for name in mine:
        assert ask(client, "DELETE", f"{path}/{name}").status == 200
    until(lambda: names(client.get(path, headers=TO[to])) == [],
          "an empty list")


@pytest.mark.parametrize("kind", LISTED)
def test_who_has_made_nothing_has_an_empty_list(server, make_server, a, kind):
    """The provider is not even asked."""
    account = Account(a)
    account.add(kind)
    fresh = server.client(OTHER)
    with_rows(server, "DELETE FROM objects")
    reply = fresh.get(f"/v1/{kind}")
    assert names(reply) == []
    assert reply.json()["has_more"] is False
    assert account.asked == []


def test_every_byte_of_an_item_is_kept(client, a, one):
    mine = make(client, "files")
    items = [b'{"id":"x","n":1}', b'{ "n" : 1.50, "id":"%s","u":"\\u00e4\\"]}"}'
             % mine.encode(), b'{"x":["%s"],"id":"y"}' % mine.encode()]
    a.script = lambda x: x.json(b' {"object":"list","data":[ ' + b",\n".join(
        items) + b' ],"z":1e3}')
    reply = client.get("/v1/files")
    assert bytes(reply.body) == \
        b' {"object":"list","data":[' + items[1] + b'],"z":1e3}'
    assert reply.complete
    assert int(reply.header("content-length") or len(reply.body)) == \
        len(reply.body)


NO_LISTS = {
    "an object": b'{"id":"x"}', "an array": b'[{"id":"x"}]', "text": b"hello",
    "nothing": b"", "no JSON": b'{"data":[{"id":"x"}]',
    "other items": b'{"data":["x","y"]}', "another name": b'{"files":[]}',
    "two of them": b'{"data":[],"data":[{"id":"x"}]}',
    "too much": b'{"data":[{"id":"x","p":"' + b"x" * (17 << 20) + b'"}]}',
}


@pytest.mark.parametrize("what", NO_LISTS)
@pytest.mark.parametrize("kind", ["files", "whatever_comes_next"])
def test_what_is_no_list_is_not_passed(client, a, one, what, kind):
    make(client, kind)
    a.script = lambda x: x.json(NO_LISTS[what])
    reply = client.get(f"/v1/{kind}")
    assert reply.status in (403, 502), reply
    assert reply.error["message"]
    assert b'"x"' not in reply.body and b"hello" not in reply.body


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "text/csv",
                                  "application/x-ndjson", "text/event-stream"])
def test_lists_by_other_names_are_read_or_refused(client, a, one, kind):
    mine = make(client, "files")
    data = json.dumps({"data": [{"id": "theirs"}, {"id": mine}]}).encode()
    if kind == "text/event-stream":
        data = b"data: " + data + b"\n\n"

    def script(x):
        x.head(200, [("Content-Type", kind), ("Content-Length", len(data))])
        x.send(data)
    a.script = script
    reply = client.get("/v1/files")
    assert b"theirs" not in reply.body
    assert reply.status in (200, 403, 502), reply


def test_errors_of_a_list_pass(client, a, one):
    make(client, "files")
    a.script = lambda x: x.json({"error": {"message": "their words"}}, 429)
    reply = client.get("/v1/files")
    assert (reply.status, reply.json()["error"]["message"]) == (
        429, "their words")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_nothing_is_done_to_all_at_once(client, one, method):
    make(client, "files")
    asked = len(one.asked)
    refused(ask(client, method, "/v1/files"))
    assert len(one.asked) == asked


def page_all(client, kind, to, limit, after):
    """As the SDKs do: until a page is empty, or says that it is the last."""
    found, query = [], f"?limit={limit}"
    while True:
        reply = client.get(f"/v1/{kind}{query}", headers=TO[to])
        page = names(reply)
        assert len(page) <= limit
        found += page
        if not page or not reply.json()["has_more"]:
            return found
        query = f"?limit={limit}&{after}={page[-1]}"


@pytest.mark.parametrize("to, after", [("a", "after"), ("b", "after_id")])
@pytest.mark.parametrize("limit", [1, 3, 20])
@pytest.mark.parametrize("strangers", [0, 2, 130])
def test_pages(client, one, two, to, after, limit, strangers):
    """Others' objects between one's own do not hide them."""
    account = one if to == "a" else two
    mine = []
    for _ in range(5):
        mine.append(make(client, "batches", to))
        for _ in range(strangers):
            account.add("batches")
    assert page_all(client, "batches", to, limit, after) == mine[::-1]


def test_a_provider_whose_pages_never_end(client, one, a):
    """It is asked a few times, and the client may go on from there."""
    make(client, "batches")
    a.script = lambda x: x.json({"data": [{"id": f"n{len(a.requests)}"}],
                                 "has_more": True, "first_id": "n",
                                 "last_id": f"n{len(a.requests)}"})
    seen = len(a.requests)
    page = client.get("/v1/batches").json()
    assert page["data"] == [] and page["has_more"] is True
    assert page["last_id"].startswith("n")
    assert 2 <= len(a.requests) - seen <= 6


def test_files_that_a_list_names(client, other, one, a):
    """A batch that is listed as done names its output."""
    batch = make(client, "batches")
    a.script = lambda x: x.json({"data": [
        {"id": batch, "output_file_id": f"file-of-{batch}"},
        {"id": "theirs", "output_file_id": "file-theirs"}]})
    assert names(client.get("/v1/batches")) == [batch]
    a.script = lambda x: x.json({"ok": True})
    until(lambda: client.get(f"/v1/files/file-of-{batch}/content").status ==
          200, "the file")
    refused(client.get("/v1/files/file-theirs/content"))
    refused(other.get(f"/v1/files/file-of-{batch}/content"))


# Who may, and what is counted.

def test_keys_with_models_pass_nothing(server, client, one):
    key = made(server, f"models{random.random()}", "--models", "m")
    limited = server.client(key)
    server.everywhere(lambda x: x.get("/v1/models").status == 200, "a key",
                      key)
    for method in METHODS:
        reply = ask(limited, method, "/v1/files")
        assert reply.status == 403, reply
    assert one.asked == []


def test_each_request_is_journaled_and_limited(server, one):
    key = made(server, f"rpm{random.random()}", "--rpm", "4")
    limited = server.client(key)
    server.everywhere(lambda x: x.get("/v1/models").status in (200, 429),
                      "a key", key)
    replies = [limited.post("/v1/files", {}) for _ in range(6)]
    assert 429 in {r.status for r in replies}
    line = server.journaled(replies[-1].header("x-request-id"))
    assert line["api_path"] == "/v1/files"
    assert line["usage"] is None


def test_without_the_database_nothing_is_known(make_server, a):
    account = Account(a)
    one = make_server("lighttpd", {}, PROVIDERS(None), ENV)
    name = make(one.client(), "files")
    for file_name in ("sluice.db", "sluice.db-wal", "sluice.db-shm"):
        if os.path.exists(f"{one.tmp}/state/{file_name}"):
            os.unlink(f"{one.tmp}/state/{file_name}")
    asked = len(account.asked)
    for path in (f"files/{name}", "files", "files/none"):
        reply = one.client().get(f"/v1/{path}")
        assert (reply.status, reply.error["code"]) == (
            503, "store_unavailable"), path
    assert len(account.asked) == asked
    assert one.client().post("/v1/files", {}).status == 200
