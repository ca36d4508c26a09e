"""System prompts that administrators put before those of clients."""
import contextlib
import hashlib
import json
import os
import re
import subprocess
from urllib.parse import quote

import pytest

from channels import a, b, channel, fails  # noqa: F401
from client import until
from fixtures import provider
from servers import AS_USER, KEY, read_tail

SERVERS = ["lighttpd"]           # and two others, at the end
ADMIN = "admin-key-77ab12"
ENV = {"SLUICE_ADMIN_KEY": ADMIN}
CONF = {"log": {"bodies": True}, "limits": {"memory_body": 65536}}
CHAT = "/v1/chat/completions"
HI = b'{"role" : "user","content":"h\\u00e9"}'
ASKED = b' {"model":"gpt-test", "messages" : [ %s ],"x":1.50}\n' % HI


def PROVIDERS(upstream):
    return {
        "up": provider(upstream, usage="inject", models=(
            {"name": "gpt-test"}, {"name": "Qwen/Qwen2.5-7B"},
            {"name": "mapped", "target": "real-name"})),
        "lab": provider(upstream, namespace="lab", models=({"name": "*"},)),
        "claude": provider(upstream, kind="anthropic", models=(
            {"name": "claude"},)),
        "a": channel("a", models=({"name": "pair"},)),
        "b": channel("b", priority=1, models=(
            {"name": "pair", "target": "model-b"},)),
    }


def system(text):
    return b'{"role":"system","content":%s}' % json.dumps(text).encode()


def asked_with(text):
    """What ASKED is upstream."""
    return ASKED.replace(b"[ ", b"[%s, " % system(text))


def admin(server, method, path, body=None, status=200):
    reply = server.client(ADMIN).ask(method, path, body)
    assert reply.status == status, reply
    return reply


def put(server, whose, text):
    return admin(server, "PUT", f"/api/prompts/{whose}", {"text": text})


def put_all(server, *pairs):
    with changing(server):
        for whose, text in pairs:
            put(server, whose, text)


def delete(server, whose):
    return admin(server, "DELETE", f"/api/prompts/{whose}", status=204)


def setprompt(server, text):
    with changing(server):
        return admin(server, "POST", "/admin/setprompt", {"prompt": text})


def listed(server):
    return [(one["scope"], one["name"], one["text"])
            for one in admin(server, "GET", "/api/prompts").json()]


def ctl(server, *words, status=0, stdin=""):
    done = subprocess.run(
        [server.ctl, *words], capture_output=True, text=True, timeout=60,
        cwd=server.tmp, env=server._environment(), input=stdin, **AS_USER)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stderr if status else done.stdout


def ask(server, upstream, body=ASKED, path=CHAT, key=KEY):
    """What the upstream got of it."""
    before = len(upstream.requests)
    reply = server.client(key).post(path, body)
    assert reply.status == 200, reply
    return upstream.wait(before + 1).body


def all_say(server, pattern, offset=0):
    """It is the last of its kind that each process has logged behind OFFSET."""
    kind = re.sub(r": .*", ": ", pattern)

    def said():
        log = read_tail(f"{server.tmp}/responder.err", offset)
        last = dict(re.findall(rf"\[(\d+)\]: ({kind}.*)", log))
        return all(re.match(pattern, last.get(str(pid), ""))
                   for pid in server.responders())
    until(said, f"{pattern!r} from every process")


@contextlib.contextmanager
def changing(server):
    """What is changed in here is known to every process behind it."""
    offset = os.path.getsize(f"{server.tmp}/responder.err")
    yield
    all_say(server, f"system prompts read: {len(listed(server))}$", offset)


def everywhere(server, upstream, want, body=ASKED, path=CHAT, key=KEY):
    """It is WANT that comes of it, from whichever process."""
    for client in server.each(key):
        before = len(upstream.requests)
        reply = client.post(path, body)
        assert reply.status == 200, reply
        assert {x.body for x in upstream.requests[before:]} == {want}


@pytest.fixture(autouse=True)
def clean(request, upstream):
    """No prompt is left, nor known to a process."""
    yield
    if "server" not in request.fixturenames:
        return
    server = request.getfixturevalue("server")
    whole = {"global": "global", "key": "keys/", "model": "models/"}
    left = listed(server)
    if left:
        with changing(server):
            for scope, name, _ in left:
                delete(server, whole[scope] + quote(name or ""))


@pytest.fixture
def alice(server):
    """Known to every process that has read a prompt since."""
    secret = ctl(server, "keys", "add", "alice").strip()
    yield secret
    ctl(server, "keys", "delete", "alice")


# What goes upstream.

def test_all_processes_put_it_before_what_clients_say(server, upstream):
    text = 'Be "brief".\n\tSay \\o/ and gr\u00fc\u00df dich \U0001f600'
    put_all(server, ("global", text))
    escaped = json.dumps(text, ensure_ascii=False).encode()
    want = ASKED.replace(b"[ ", b'[{"role":"system","content":%s}, '
                         % escaped)
    everywhere(server, upstream, want)
    put_all(server, ("global", "other"))
    everywhere(server, upstream, asked_with("other"))
    reply = server.client().post(CHAT, ASKED)
    line = server.journaled(reply.header("x-request-id"))
    assert line["request"].encode() == ASKED
    with changing(server):
        delete(server, "global")
    everywhere(server, upstream, ASKED)


PLACES = [
    ("/v1/responses", b'{"model":"gpt-test"}',
     b'{"instructions":"P","model":"gpt-test"}'),
    ("/v1/responses", b'{"instructions":"be\\tkind" , "model":"gpt-test"}',
     b'{"instructions":"P\\n\\nbe\\tkind" , "model":"gpt-test"}'),
    ("/v1/responses", b'{"instructions":null,"model":"gpt-test"}',
     b'{"instructions":"P","model":"gpt-test"}'),
    ("/v1/messages", b'{"model":"claude","messages":[1]}',
     b'{"system":"P","model":"claude","messages":[1]}'),
    ("/v1/messages", b'{"model":"claude","system":"kind"}',
     b'{"model":"claude","system":"P\\n\\nkind"}'),
    ("/v1/messages", b'{"model":"claude","system":[{"type":"text"}]}',
     b'{"model":"claude","system":[{"type":"text","text":"P"},'
     b'{"type":"text"}]}'),
    ("/v1/messages/count_tokens", b'{"model":"claude","system":[]}',
     b'{"model":"claude","system":[{"type":"text","text":"P"}]}'),
    (CHAT, b'{"messages":[],"stream":true,"model":"mapped"}',
     b'{"stream_options":{"include_usage":true},"messages":[%s],'
     b'"stream":true,"model":"real-name"}' % system("P")),
    (CHAT, b'{"model":"gpt-test"}', None),
    (CHAT, b'{"model":"gpt-test","messages":"[]"}', None),
    ("/v1/completions", b'{"model":"gpt-test","messages":[]}', None),
    ("/v1/embeddings", b'{"model":"gpt-test","system":"s"}', None),
    ("/v1/moderations", b'{"model":"gpt-test","instructions":null}', None),
]


def check_places(server, upstream):
    for path, body, want in PLACES:
        assert ask(server, upstream, body, path) == (want or body)


def test_every_api_has_its_own_place(server, upstream):
    put_all(server, ("global", "P"))
    check_places(server, upstream)


def test_scopes_are_joined(server, upstream, alice):
    put_all(server, ("keys/alice", "of alice"))
    everywhere(server, upstream, asked_with("of alice"), key=alice)
    everywhere(server, upstream, ASKED)
    put_all(server, ("global", "of all"), ("models/gpt-test", "of the model\n"))
    everywhere(server, upstream, key=alice, want=asked_with(
        "of all\n\nof the model\n\n\nof alice"))
    everywhere(server, upstream, asked_with("of all\n\nof the model\n"))
    other = ASKED.replace(b"gpt-test", b"lab/one")
    assert ask(server, upstream, other) == asked_with("of all").replace(
        b"gpt-test", b"one")
    ctl(server, "keys", "rotate", "alice", "--grace", "1h")
    everywhere(server, upstream, key=alice, want=asked_with(
        "of all\n\nof the model\n\n\nof alice"))


def test_a_models_is_found_however_it_is_asked_for(server, upstream):
    put_all(server, ("models/Qwen/Qwen2.5-7B", "Q"), ("models/lab/one", "L"),
            ("models/mapped", "M"))
    want = b'{"model":"%s","messages":[%s]}'
    for name, target, text in (
            (b"mapped", b"real-name", "M"),
            (b"Qwen/Qwen2.5-7B", b"Qwen/Qwen2.5-7B", "Q"),
            (b"default/Qwen/Qwen2.5-7B", b"Qwen/Qwen2.5-7B", "Q"),
            (b"lab/one", b"one", "L"), (b"default/lab/one", b"one", "L")):
        body = b'{"model":"%s","messages":[]}' % name
        assert ask(server, upstream, body) == want % (target, system(text))
    body = b'{"model":"lab/two","messages":[]}'
    assert ask(server, upstream, body) == want % (b"two", b"")


def test_a_next_try_has_it_too(server, upstream, a, b):  # noqa: F811
    put_all(server, ("global", "P"))
    a.script = fails(500)
    body = b'{"messages" : [ ],"model":"pair"}'
    reply = server.client().post(CHAT, body)
    assert reply.header("x-sluice-provider") == "b"
    want = b'{"messages" : [%s ],"model":"%s"}'
    assert {x.body for x in a.requests} == {want % (system("P"), b"pair")}
    assert b.wait().body == want % (system("P"), b"model-b")


def check_large(server, upstream, text):
    start, end = b'{"model":"gpt-test","messages":[', b'"%s"]}' % (
        b"x" * (5 << 20))
    before = len(upstream.requests)
    reply = server.client().post(CHAT, start + end, chunked=True)
    assert reply.status == 200
    want = start + system(text) + b"," + end
    assert upstream.wait(before + 1).sha256 == hashlib.sha256(
        want).hexdigest()


def test_a_body_in_a_file_is_spliced_too(server, upstream):
    put_all(server, ("global", "P" * 65536))
    check_large(server, upstream, "P" * 65536)


def test_a_member_that_stands_twice_is_refused(server):
    for name in "messages", "instructions", "system":
        body = b'{"model":"gpt-test","%s":[],"%s":[]}' % ((name.encode(),) * 2)
        reply = server.client().post(CHAT, body)
        assert reply.status == 400
        assert f'"{name}" appears twice' in reply.error["message"]


# Who sets it.

def test_setprompt_is_for_all_processes(server, upstream):
    reply = setprompt(server, "S4")
    assert reply.body == b"null"
    assert reply.header("content-type") == "application/json"
    everywhere(server, upstream, asked_with("S4"))
    assert listed(server) == [("global", None, "S4")]
    line = server.journaled(reply.header("x-request-id"))
    assert line["audit"] == "prompt of all requests set"
    reply = setprompt(server, "")
    assert reply.body == b"null"
    everywhere(server, upstream, ASKED)
    assert listed(server) == []
    reply = server.client(None).ask(
        "POST", "/admin/setprompt", {"prompt": "x"},
        headers=[("AdminKey", ADMIN)])
    assert reply.status == 200


def test_the_api_tells_what_is_set(server, alice):
    put(server, "keys/alice", "A")
    put(server, "models/any/name%20at%20all", "M")
    one = put(server, "global", "G").json()
    assert sorted(one) == ["created_at", "name", "scope", "text", "updated_at"]
    assert one["created_at"].endswith("Z")
    assert listed(server) == [("global", None, "G"),
                              ("model", "any/name at all", "M"),
                              ("key", "alice", "A")]
    for whose, text in (("global", "G"), ("keys/alice", "A"),
                        ("models/any/name%20at%20all", "M")):
        told = admin(server, "GET", f"/api/prompts/{whose}").json()
        assert told["text"] == text
    reply = admin(server, "PUT", "/api/prompts/keys/alice", {"text": ""}, 204)
    assert reply.body == b""
    admin(server, "GET", "/api/prompts/keys/alice", status=404)
    reply = delete(server, "models/any/name%20at%20all")
    line = server.journaled(reply.header("x-request-id"))
    assert line["audit"] == "prompt of model any/name at all deleted"
    assert listed(server) == [("global", None, "G")]


REFUSED = [
    ("PUT", "global", {}, 400, "text"),
    ("PUT", "global", {"text": None}, 400, "text"),
    ("PUT", "global", {"text": 7}, 400, "text"),
    ("PUT", "global", {"text": "bell\a"}, 400, "text"),
    ("PUT", "global", {"text": "x" * 65537}, 400, "text"),
    ("PUT", "global", {"text": "x", "scope": "key"}, 400, "scope"),
    ("PUT", "keys/nobody", {"text": "x"}, 404, None),
    ("PUT", "keys/nobody", {"text": ""}, 404, None),
    ("GET", "keys/nobody", None, 404, None),
    ("DELETE", "keys/nobody", None, 404, None),
    ("PUT", "models/" + "m" * 257, {"text": "x"}, 400, None),
    ("GET", "models/none", None, 404, None),
    ("DELETE", "models/none", None, 404, None),
    ("GET", "global", None, 404, None),
    ("DELETE", "global", None, 404, None),
    ("GET", "keys/a/b", None, 404, None),
    ("POST", "global", {"text": "x"}, 405, None),
]


def test_what_is_wrong_is_told(server):
    for method, whose, body, status, param in REFUSED:
        reply = admin(server, method, f"/api/prompts/{whose}", body, status)
        assert reply.error["param"] == param, (whose, body)
    assert listed(server) == []


def test_only_administrators_may(server):
    for method, path, body in (
            ("GET", "/api/prompts", None),
            ("PUT", "/api/prompts/global", {"text": "x"}),
            ("DELETE", "/api/prompts/models/x", None),
            ("POST", "/admin/setprompt", {"prompt": "x"})):
        assert server.client().ask(method, path, body).status == 401
    assert listed(server) == []


# At the command line.

def test_sluicectl_does_all_of_it(server, upstream, alice):
    with changing(server):
        ctl(server, "prompts", "set", "--global", stdin="two\nlines\n")
    everywhere(server, upstream, asked_with("two\nlines"))
    path = server.write("prompt.txt", "from a file\r\n")
    ctl(server, "prompts", "set", "--key", "alice", path)
    ctl(server, "prompts", "set", "--model", "lab/x", stdin="M")
    assert ctl(server, "prompts", "show", "--key", "alice") == "from a file\n"
    one = json.loads(ctl(server, "prompts", "show", "--global", "--json"))
    assert (one["scope"], one["text"]) == ("global", "two\nlines")
    lines = ctl(server, "prompts", "list").splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["scope", "name"], ["global", "-"], ["model", "lab/x"],
        ["key", "alice"]]
    told = ctl(server, "prompts", "list", "--json").splitlines()
    assert [json.loads(line) for line in told] == admin(
        server, "GET", "/api/prompts").json()
    ctl(server, "prompts", "delete", "--model", "lab/x")
    with changing(server):
        ctl(server, "prompts", "set", "--global", stdin="")
    everywhere(server, upstream, ASKED)
    assert listed(server) == [("key", "alice", "from a file")]


def test_sluicectl_tells_what_is_wrong(server):
    def says(*words, status=1, stdin=""):
        return ctl(server, "prompts", *words, status=status, stdin=stdin)

    assert "no key of this name" in says("set", "--key", "bob", stdin="x")
    assert "no key of this name" in says("show", "--key", "bob")
    assert "no such prompt" in says("delete", "--global")
    assert "65536 bytes" in says("set", "--global", stdin="x" * 70000)
    assert "without control" in says("set", "--global", stdin="\a")
    assert "256 bytes" in says("set", "--model", "", stdin="x")
    assert "No such file" in says("set", "--global", "/nonexistent")
    for words in ([], ["set"], ["set", "--global", "--key", "x"], ["list", "x"],
                  ["set", "--key"], ["delete", "--global", "--json"],
                  ["show", "--global", "file"], ["else"], ["set", "--else"]):
        says(*words, status=2)
    assert listed(server) == []


# What lasts.

def test_it_survives_a_restart_and_a_lost_database(upstream, make_server):
    server = make_server("lighttpd", CONF, PROVIDERS(upstream), ENV)
    put_all(server, ("global", "lasts"))
    server._end_processes()
    server.start()
    everywhere(server, upstream, asked_with("lasts"))
    for end in "", "-wal", "-shm":
        path = f"{server.tmp}/state/sluice.db{end}"
        if os.path.exists(path):
            os.unlink(path)
    until(lambda: all(re.search(
        rf"\[{pid}\]: \S+/sluice\.db is ", server.logs())
        for pid in server.responders()), "both processes to miss it")
    everywhere(server, upstream, asked_with("lasts"))


@pytest.mark.parametrize("kind", ["nginx", "apache-cgi"])
def test_other_servers_are_no_different(upstream, make_server, kind):
    server = make_server(kind, CONF, PROVIDERS(upstream), ENV)
    put_all(server, ("global", "P"), ("models/Qwen/Qwen2.5-7B", "Q"))
    check_places(server, upstream)
    check_large(server, upstream, "P")
    everywhere(server, upstream, asked_with("P"))
    body = b'{"model":"Qwen/Qwen2.5-7B","messages":[]}'
    assert ask(server, upstream, body) == body.replace(
        b"[", b"[" + system("P\n\nQ"))
    delete(server, "models/Qwen/Qwen2.5-7B")
    setprompt(server, "")
    assert listed(server) == []
    everywhere(server, upstream, ASKED)
    assert ask(server, upstream, body) == body
