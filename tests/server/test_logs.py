"""log.bodies, hourly files, and logrotate."""
import glob
import json
import os
import random
import re
import time

import pytest

from client import until
from fixtures import provider
from forms import field, file, form, form_type, noise
from servers import KEY, UP_KEY
from upstream import chat_answer, chat_chunk

SERVERS = ["lighttpd", "apache-fcgid", "apache-cgi"]
CAP = 131072
HOUR = "[0-9]" * 10 + ".log"
PROMPT = "a prompt \u00e4 \"quoted\"\n\\u0041"
SECRET = "team-header-secret-31"
ADMIN = "admin-key-5c4d3e"
ENV = {"TEAM_SECRET": SECRET, "SLUICE_ADMIN_KEY": ADMIN}
CONF = {"log": {"bodies": True}}


def PROVIDERS(upstream):
    return {"up": provider(
        upstream, passthrough=True,
        headers=({"name": "X-Team", "value_env": "TEAM_SECRET"},),
        models=({"name": "m", "target": "m-upstream"},))}


def lines_of(path):
    """Of a file that is being written: a reader may see half a last line."""
    with open(path, "rb") as f:
        whole, _, _ = f.read().rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]


def line_of(server, name):
    """The line of the request called NAME, once it is there."""
    return until(lambda: next(
        (line for path in glob.glob(f"{server.tmp}/state/log/{HOUR}")
         for line in lines_of(path) if line["request_id"] == name), None),
        f"the line of {name}")


def ask(server, body, path="chat/completions", **more):
    """The answer and its line in the journal."""
    reply = server.client().post(f"/v1/{path}", body, **more)
    return reply, line_of(server, reply.header("x-request-id"))


def raw_journal(server):
    data = b""
    for path in glob.glob(f"{server.tmp}/state/log/*"):
        with open(path, "rb") as f:
            data += f.read()
    return data


def test_request_and_response(server, upstream):
    """As the client sent it, and as the client got it."""
    answer = json.dumps(chat_answer(), indent=1).encode()
    upstream.script = lambda x: x.json(answer)
    body = json.dumps({"model": "m", "messages": [PROMPT]},
                      ensure_ascii=False).encode()
    _, line = ask(server, body)
    assert line["request"].encode() == body
    assert line["response"].encode() == answer
    assert "request_cut" not in line and "response_cut" not in line


def test_stream(server, upstream):
    def script(x):
        x.sse()
        x.event(chat_chunk("one \u00e4"))
        x.event(chat_chunk(" two"))
        x.event("[DONE]")
        x.end()
    upstream.script = script
    reply, line = ask(server, {"model": "m", "stream": True})
    assert line["response"].encode() == bytes(reply.body)
    assert line["response"].endswith("data: [DONE]\n\n")


def test_errors(server, upstream):
    """The upstream's, and ours."""
    upstream.script = lambda x: x.json({"error": "theirs"}, 400)
    reply, line = ask(server, {"model": "m"})
    assert line["response"].encode() == bytes(reply.body)
    reply, line = ask(server, b'{"model": broken')
    assert line["request"] == '{"model": broken' or \
        '{"model": broken'.startswith(line["request"])
    assert line["status"] == 400
    assert line["response"].encode() == bytes(reply.body)


@pytest.mark.parametrize("size, is_cut", [(CAP - 1, False), (CAP, False),
                                          (CAP + 1, True), (400000, True)])
def test_request_is_cut(server, upstream, size, is_cut):
    upstream.script = lambda x: x.json({})
    body = b'{"model":"m","x":"' + b"y" * (size - 20) + b'"}'
    assert len(body) == size
    _, line = ask(server, body)
    assert line["request"].encode() == body[:CAP]
    assert line.get("request_cut", False) is is_cut
    assert "response_cut" not in line


@pytest.mark.parametrize("size, is_cut", [(CAP, False), (CAP + 1, True),
                                          (2000000, True)])
def test_response_is_cut(server, upstream, size, is_cut):
    """The client gets all of it."""
    answer = b'{"x":"' + b"z" * (size - 8) + b'"}'
    upstream.script = lambda x: x.json(answer)
    reply, line = ask(server, {"model": "m"})
    assert bytes(reply.body) == answer
    assert line["response"].encode() == answer[:CAP]
    assert line.get("response_cut", False) is is_cut
    assert "request_cut" not in line


@pytest.mark.parametrize("offset", [1, 2, 3])
def test_cut_inside_a_character(server, upstream, offset):
    """The line stays valid UTF-8."""
    upstream.script = lambda x: x.json({})
    body = (b'{"model":"m","x":"' + b"y" * offset
            + "\u4e16".encode() * 60000 + b'"}')
    _, line = ask(server, body)
    assert line["request_cut"] is True
    assert body.startswith(line["request"].rstrip("\ufffd").encode())
    assert len(line["request"].encode()) > CAP - 10


def test_worst_case_of_escapes(server, upstream):
    """Control characters take six bytes each; the line is whole."""
    def script(x):
        x.sse()
        x.chunk(b"data: " + b"\x01" * 140000 + b"\n\n")
        x.end()
    upstream.script = script
    body = b'{"model":"m","stream":true,"x":"' + b'\\"' * 70000 + b'"}'
    _, line = ask(server, body)
    assert line["request"].encode() == body[:CAP]
    assert line["response"].startswith("data: \x01")


def test_bytes_that_are_no_text(server, upstream):
    """Whatever a provider calls an error, the journal is valid."""
    answer = b'{"x":"' + bytes(range(256)) + b'"}'
    upstream.script = lambda x: x.json(answer, 400)
    reply, line = ask(server, {"model": "m"})
    assert bytes(reply.body) == answer
    assert line["response"].startswith('{"x":"')


def test_keys_are_masked(server, upstream):
    """In prompts, answers and errors, the client's and the provider's."""
    upstream.script = lambda x: x.json(
        {"error": f"Incorrect API key {UP_KEY} of {KEY}, {UP_KEY}"}, 400)
    reply, line = ask(server, {"model": "m", "x": [KEY, UP_KEY, KEY * 2]})
    assert len(line["request"]) > 20 and "Incorrect API key" in line["response"]
    data = raw_journal(server)
    assert KEY.encode() not in data
    assert UP_KEY.encode() not in data


def spelled(text, chance, depth):
    """TEXT with some characters escaped, in JSON inside JSON DEPTH times."""
    for _ in range(depth):
        text = "".join(
            c if chance() or c == "\\" else random.choice(
                [f"\\u{ord(c):04x}", f"\\u{ord(c):04X}"])
            for c in json.dumps(text)[1:-1])
    return text


def test_keys_are_masked_however_they_are_written(server, upstream):
    """With escapes, all or some, also in JSON that is a string of JSON."""
    random.seed(5)
    words = []
    for depth in (1, 2, 3):
        for share in (0.0, 0.3, 0.9, 1.0):
            for secret in (KEY, UP_KEY, SECRET, ADMIN):
                words.append(spelled(secret, lambda: random.random() < share,
                                     depth))
    body = '{"model":"m","x":["' + '","'.join(words) + '"]}'
    upstream.script = lambda x: x.json(body.encode())
    reply, line = ask(server, body.encode(), headers=[
        ("Content-Type", "application/json"), ("AdminKey", "shown-in-header")])
    assert bytes(reply.body) == body.encode()
    for text in (line["request"], line["response"]):
        assert text.startswith('{"model":"m","x":["*')
        assert not re.search("[a-zA-Z0-9]", text[len('{"model":"m","x":'):])
    _, line = ask(server, b'{"model":"m","x":"shown-in-header"}', headers=[
        ("Content-Type", "application/json"), ("AdminKey", "shown-in-header")])
    assert "shown" not in line["request"]


def test_many_backslashes_hold_nobody_up(server, upstream):
    upstream.script = lambda x: x.json({})
    body = b'{"model":"m","x":"' + b"\\" * 120000 + b'"}'
    _, line = ask(server, body)
    assert line["request"].encode() == body


def test_secret_headers_are_masked(server, upstream):
    """An upstream that shows what it got, and headers of value_env."""
    upstream.script = lambda x: x.json({"headers": dict(x.headers)})
    reply, line = ask(server, {"model": "m"})
    assert SECRET.encode() in reply.body
    assert "headers" in line["response"]
    assert SECRET.encode() not in raw_journal(server)


def test_key_at_the_cut_is_masked(server, upstream):
    """Not even its first half stays."""
    upstream.script = lambda x: x.json({})
    half = len(KEY) // 2
    start = b'{"model":"m","x":"'
    body = start + b"y" * (CAP - len(start) - half) + KEY.encode() + b'"}'
    _, line = ask(server, body)
    assert line["request_cut"] is True
    assert KEY[:half] not in line["request"]


def test_binary_is_left_out(server, upstream):
    """Speech, uploads and downloads: not one byte of them."""
    mark = b"binary-" + noise(40).hex().encode()

    def audio(x):
        x.keep = True
        x.head(200, [("Content-Type", "audio/mpeg"),
                     ("Content-Length", len(mark))])
        x.send(mark)
    upstream.script = audio
    reply, line = ask(server, {"model": "m", "input": PROMPT}, "audio/speech")
    assert bytes(reply.body) == mark
    assert json.loads(line["request"])["input"] == PROMPT
    assert not line.get("response")
    upstream.script = lambda x: x.json({"text": "heard"})
    _, line = ask(server, form(field("model", "m"), file("file", mark)),
                  "audio/transcriptions", headers=form_type())
    assert not line.get("request")
    assert line["response"] == '{"text": "heard"}'
    _, line = ask(server, mark + noise(3000), "uploads/u/parts",
                  headers=[("Content-Type", "application/octet-stream")])
    assert not line.get("request")
    assert mark not in raw_journal(server)


def test_off_unless_configured(make_server, upstream):
    for conf in ({}, {"log": {"bodies": False}}):
        one = make_server("lighttpd", conf, PROVIDERS(upstream), ENV)
        upstream.script = lambda x: x.json(chat_answer(content="an-answer-x"))
        _, line = ask(one, {"model": "m", "messages": ["a-prompt-x"]})
        assert not {"request", "response"} & set(line)
        data = raw_journal(one)
        assert b"request settled" in data
        assert b"a-prompt-x" not in data and b"an-answer-x" not in data


# The files.

def hours(folder):
    """File names that the local time allows now."""
    now = time.time()
    return {time.strftime("%Y%m%d%H.log", time.localtime(now + d))
            for d in (-5, 0, 5)}


def test_name_is_the_local_hour(server, upstream):
    ask(server, {"model": "m"})
    names = [name for name in os.listdir(f"{server.tmp}/state/log")
             if name != "sluice.log"]
    assert names and set(names) & hours(server)
    assert all(re.fullmatch(r"\d{10}\.log", name) for name in names)


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/St_Johns"])
def test_name_in_odd_time_zones(make_server, upstream, zone):
    """Where an hour begins at :15 or :30 of the world's."""
    one = make_server("lighttpd", {}, PROVIDERS(upstream),
                      dict(ENV, TZ=zone))
    before = time.time()
    _, line = ask(one, {"model": "m"})
    names = [n for n in os.listdir(f"{one.tmp}/state/log")
             if n != "sluice.log"]
    old = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        wanted = {time.strftime("%Y%m%d%H.log", time.localtime(t))
                  for t in (before - 5, time.time() + 1)}
    finally:
        os.environ.pop("TZ")
        if old is not None:
            os.environ["TZ"] = old
        time.tzset()
    assert names and set(names) <= wanted


def ids_of(path):
    return [line["request_id"] for line in lines_of(path)]


def test_logrotate(server, upstream):
    """A renamed file is left within about a second, and nothing is lost."""
    upstream.script = lambda x: x.json({})
    ids = [ask(server, {"model": "m"})[0].header("x-request-id")]
    folder = f"{server.tmp}/state/log"
    path = max(p for p in glob.glob(f"{folder}/*.log")
               if re.fullmatch(r"\d{10}\.log", os.path.basename(p)))
    os.rename(path, path + ".1")

    def is_new():
        reply = server.client().post("/v1/chat/completions", {"model": "m"})
        ids.append(reply.header("x-request-id"))
        return any(ids[-1] in ids_of(p)
                   for p in glob.glob(f"{folder}/{HOUR}"))
    until(is_new, "a new file")

    def written():
        found = ids_of(path + ".1")
        for new in glob.glob(f"{folder}/{HOUR}"):
            found += ids_of(new)
        return found
    until(lambda: set(ids) <= set(written()), "all lines")
    found = written()
    assert all(found.count(one) == 1 for one in ids)


def test_log_dir(make_server, upstream):
    """log.dir, relative to sluice.conf, is made where it is missing."""
    one = make_server("lighttpd", {"log": {"dir": "../state/elsewhere"}},
                      PROVIDERS(upstream), ENV)
    upstream.script = lambda x: x.json({})
    reply = one.client().post("/v1/chat/completions", {"model": "m"})
    folder = f"{one.tmp}/state/elsewhere"
    until(lambda: any(
        reply.header("x-request-id") in ids_of(p)
        for p in glob.glob(f"{folder}/{HOUR}")), "the line")
    assert not glob.glob(f"{one.tmp}/state/log/*")


@pytest.mark.parametrize("kind", ["lighttpd", "apache-proxy-fcgi",
                                  "apache-cgi"])
def test_long_lines_of_many_processes(make_server, upstream, kind):
    """Lines of 250 KB, written at once by all, are never mixed."""
    one = make_server(kind, CONF, PROVIDERS(upstream), ENV, procs=4)
    upstream.script = lambda x: x.json({"echo": x.data()["x"]})
    client = one.client()
    replies = {}
    for i in range(40):
        text = f"{i:03}" * 40000
        replies[i] = client.open("POST", "/v1/chat/completions",
                                 {"model": "m", "x": text})
    ids = {reply.finish().header("x-request-id"): i
           for i, reply in replies.items()}
    for reply in replies.values():
        reply.close()
    assert len(ids) == 40
    for name, i in ids.items():
        line = line_of(one, name)
        for text in (line["request"], line["response"]):
            assert text.count(f"{i:03}" * 100) == 400
