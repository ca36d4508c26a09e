"""One line for each settled request, complete, and without a secret."""
import hashlib
import hmac
import os
import re
import stat

import pytest

from client import until
from fixtures import provider
from servers import KEY, UP_KEY
from upstream import chat_chunk, manual

SERVERS = ["lighttpd", "nginx", "apache-fcgid", "apache-cgi"]
FIELDS = {"asctime", "levelname", "message", "request_id", "client_host",
          "request_model_name", "target_provider", "target_model_name",
          "api_path", "stream", "status", "duration_ms", "ttfb_ms", "bytes",
          "key_id", "cost"}
PROMPT = "the-prompt-nobody-may-read"
ANSWER = "the-answer-nobody-may-read"


def PROVIDERS(upstream):
    return {"up": provider(
        upstream, headers=({"name": "X-Team-Secret",
                            "value": "static-header-secret"},),
        models=({"name": "mapped", "target": "real-name"},
                {"name": "slow", "timeouts": {"headers": 0.2}}))}


def chat(client, **more):
    return client.post("/v1/chat/completions", dict(
        {"model": "mapped", "messages": [
            {"role": "user", "content": PROMPT}]}, **more))


def test_line_of_an_answer(server, client, upstream):
    upstream.script = lambda x: x.json({"content": ANSWER})
    reply = chat(client)
    line = server.journaled(reply.header("x-request-id"))
    assert FIELDS <= set(line)
    assert re.match(r"\d{4}-\d\d-\d\d.\d\d:\d\d:\d\d", line["asctime"])
    assert line["levelname"] == "INFO"
    assert line["client_host"] == "127.0.0.1"
    assert line["request_model_name"] == "mapped"
    assert line["target_provider"] == "up"
    assert line["target_model_name"] == "real-name"
    assert line["api_path"].endswith("/chat/completions")
    assert line["stream"] is False
    assert line["status"] == 200
    assert line["bytes"] == len(reply.body)
    assert 0 <= line["ttfb_ms"] <= line["duration_ms"]


def test_line_of_a_stream(server, client, upstream):
    reply = chat(client, stream=True)
    line = server.journaled(reply.header("x-request-id"))
    assert line["stream"] is True
    assert (line["status"], line["bytes"]) == (200, len(reply.body))


def test_line_of_a_refusal(server, client, upstream):
    reply = client.post("/v1/chat/completions", {"model": "mapped"},
                        auth=False)
    line = server.journaled(reply.header("x-request-id"))
    assert line["status"] == 401
    assert line["target_provider"] is None
    reply = client.get("/v1/models/none")
    line = server.journaled(reply.header("x-request-id"))
    assert line["status"] == 404


def test_line_of_a_failure(server, client, upstream):
    upstream.script = manual
    reply = chat(client, model="slow")
    line = server.journaled(reply.header("x-request-id"))
    assert line["status"] == 504
    assert line["levelname"] == "ERROR"
    assert line["target_model_name"] == "slow"


def test_line_of_a_cut_stream(server, client, upstream):
    """A 200 that was cut is not journaled as a success."""
    def script(x):
        x.sse()
        x.event(chat_chunk(ANSWER))
        x.close()
    upstream.script = script
    reply = chat(client, stream=True)
    line = server.journaled(reply.header("x-request-id"))
    assert line["levelname"] == "ERROR"
    assert "cut" in str(line)


def test_one_line_each(server, client, upstream):
    ids = [chat(client).header("x-request-id") for _ in range(20)]
    ids += [client.get("/health").header("x-request-id")]
    for one in ids:
        server.journaled(one)
    journal = [line["request_id"] for line in server.journal()]
    assert all(journal.count(one) == 1 for one in ids)


def test_file_name_and_mode(server, client, upstream):
    """Hourly files, which only their owner can read."""
    server.journaled(chat(client).header("x-request-id"))
    folder = f"{server.tmp}/state/log"
    names = [n for n in os.listdir(folder) if n != "sluice.log"]
    assert names and all(re.fullmatch(r"\d{10}\.log", n) for n in names)
    for name in names:
        mode = stat.S_IMODE(os.stat(f"{folder}/{name}").st_mode)
        assert not mode & 0o007, oct(mode)


def test_nothing_secret_in_any_file(server, client, upstream):
    """Whatever went wrong, no key, prompt or answer was written down."""
    upstream.script = lambda x: x.json({"content": ANSWER})
    chat(client)
    chat(client, pad="p" * 3000000)
    chat(client, model=PROMPT + "-as-a-model")
    client.post("/v1/chat/completions", b'{"model":"mapped","x":"'
                + PROMPT.encode() + b'"')
    client.get("/v1/models?key=" + PROMPT)
    client.get("/v1/models", headers=[("Authorization", "Bearer wrong-key-5")])
    upstream.script = lambda x: x.json({"error": ANSWER + UP_KEY}, 500)
    chat(client)
    last = chat(client, stream=True)
    server.journaled(last.header("x-request-id"))
    secrets = [KEY, UP_KEY, ANSWER, "wrong-key-5", "static-header-secret"]
    searched = 0
    for folder, _, files in os.walk(server.tmp):
        if folder.startswith((f"{server.tmp}/sluice", f"{server.tmp}/bin")):
            continue            # the configuration itself, and the program
        for name in files:
            path = f"{folder}/{name}"
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as f:
                data = f.read()
            searched += 1
            for secret in secrets:
                assert secret.encode() not in data, (path, secret)
            prompts = data.replace(f"{PROMPT}-as-a-model".encode(), b"")
            assert PROMPT.encode() not in prompts, path
    assert searched >= 2


def test_lines_are_whole_under_load(server, client, upstream):
    """Many at once, many processes: each line is one JSON object."""
    replies = [client.open("POST", "/v1/chat/completions", {
        "model": "mapped", "messages": [], "user": "u" * 500})
        for _ in range(60)]
    ids = [r.finish().header("x-request-id") for r in replies]
    for reply in replies:
        reply.close()
    assert len(set(ids)) == len(ids)
    until(lambda: set(ids) <= {x["request_id"] for x in server.journal()},
          "all lines")


def test_client_host_cannot_be_forged(server, client, upstream):
    reply = client.get("/v1/models", headers=[("X-Forwarded-For", "10.9.8.7"),
                                              ("Remote-Addr", "10.9.8.7")])
    line = server.journaled(reply.header("x-request-id"))
    assert line["client_host"] == "127.0.0.1"


# Whose it was.

def key_id(server, reply):
    return server.journaled(reply.header("x-request-id"))["key_id"]


def test_key_id_is_of_the_key_that_was_accepted(server, client, upstream):
    """It can be made again from the key and ids.key, in whatever header."""
    half = hashlib.sha256(KEY.encode()).hexdigest()[:32]
    with open(f"{server.tmp}/state/ids.key") as f:
        mac = hmac.new(bytes.fromhex(f.read()), half.encode(), "sha256")
    expected = "k" + mac.hexdigest()[1:32]
    assert os.stat(f"{server.tmp}/state/ids.key").st_mode & 0o777 == 0o600
    assert key_id(server, chat(client)) == expected
    assert key_id(server, client.get("/v1/models")) == expected
    assert key_id(server, client.get("/v1/models", auth=False, headers=[
        ("x-api-key", KEY)])) == expected
    assert key_id(server, client.get("/v1/models/none")) == expected


def test_another_installation_has_other_ids(make_server, upstream):
    """A dictionary of keys is of no use without its file."""
    ids = set()
    for _ in range(2):
        server = make_server("lighttpd", {}, PROVIDERS(upstream))
        ids.add(key_id(server, server.client().get("/v1/models")))
        server._end_processes()
        server.start()
        ids.add(key_id(server, server.client().get("/v1/models")))
    assert len(ids) == 2
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    assert not any(one[1:9] in digest for one in ids)


@pytest.mark.parametrize("kind", ["lighttpd", "apache-cgi"])
def test_ids_without_their_file(make_server, upstream, kind):
    """Nobody is refused for it, and the log tells."""
    server = make_server(kind, {}, PROVIDERS(upstream))
    server._end_processes()
    os.chmod(f"{server.tmp}/state/ids.key", 0o644)
    server.start()
    found = key_id(server, server.client().get("/v1/models"))
    assert re.fullmatch("k[0-9a-f]{31}", found)
    assert "ids of keys will not be the same" in server.logs()


def test_no_key_id_of_what_was_refused(server, client, upstream):
    for headers in ([], [("Authorization", "Bearer wrong-key-5")],
                    [("x-api-key", "")]):
        reply = client.get("/v1/models", auth=False, headers=headers)
        assert reply.status == 401
        assert key_id(server, reply) is None
    assert key_id(server, client.get("/health")) is None


def test_every_key_has_an_id_of_its_own(make_server, upstream):
    server = make_server("lighttpd", {}, PROVIDERS(upstream),
                         env={"SLUICE_API_KEYS": "one, two"})
    found = [[key_id(server, server.client(key).get("/v1/models"))
              for key in ("one", "two")] for _ in range(2)]
    assert found[0] == found[1]
    assert len(set(found[0])) == 2


def test_no_key_id_when_open(make_server, upstream):
    server = make_server("lighttpd", {"auth": {"open": True}},
                         PROVIDERS(upstream))
    assert key_id(server, server.client(None).get("/v1/models")) is None
    assert key_id(server, server.client().get("/v1/models")) is None


def test_no_key_id_where_none_is_asked_for(make_server, upstream):
    server = make_server("lighttpd", {"auth": {"models_open": True}},
                         PROVIDERS(upstream))
    assert key_id(server, server.client().get("/v1/models")) is None
    assert len(key_id(server, chat(server.client()))) == 32
