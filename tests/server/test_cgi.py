"""Plain CGI, and mount prefixes: where the paths are not at the root."""
import json
import os
import subprocess

import pytest

from client import until
from servers import AS_USER, KEY, UP_KEY

SERVERS = ["apache-cgi"]
CHAT = {"model": "gpt-test", "messages": []}

MOUNTS = ["/cgi-bin/sluice.fcgi", "/sluice.fcgi", "/cgi-bin", ""]


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("path, status", [
    ("/v1/models", 200), ("/v1/models/", 200),
    ("/v1/models/Qwen/Qwen2.5-7B", 200), ("/v1/models/Qwen%2FQwen2.5-7B", 200),
    ("/v1/models/none", 404), ("/v1/nothing", 404), ("/health", 200),
    ("/v1/chat/completions", 405)])
def test_paths_under_a_mount(client, mount, path, status):
    reply = client.get(mount + path)
    assert reply.status == status, reply
    assert reply.header("x-request-id")
    if status == 200 and "Qwen" in path:
        assert reply.json()["id"] == "Qwen/Qwen2.5-7B"


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("stream", [False, True])
def test_chat_under_a_mount(client, upstream, mount, stream):
    reply = client.post(mount + "/v1/chat/completions?q=1",
                        dict(CHAT, stream=stream))
    assert reply.status == 200, reply
    assert reply.complete
    x = upstream.wait()
    assert x.path == "/v1/chat/completions"
    assert x.header("authorization") == f"Bearer {UP_KEY}"


def test_program_alone(client):
    reply = client.get("/cgi-bin/sluice.fcgi")
    assert reply.status == 404
    assert reply.error["message"]


@pytest.mark.parametrize("path, word", [
    ("/cgi-bin/sluice.fcgi/chat/completions", "lacks /v1"),
    ("/v1/v1/messages", "twice"), ("/v1/v1/chat/completions", "twice")])
def test_a_wrong_base_url_is_told(client, upstream, path, word):
    reply = client.post(path, CHAT)
    assert (reply.status, reply.error["code"]) == (404, "unknown_url")
    assert word in reply.error["message"]
    assert upstream.requests == []


def test_redirected_authorization(server, client, upstream):
    """The .htaccess makes an internal redirect: REDIRECT_HTTP_AUTHORIZATION."""
    assert client.post("/v1/chat/completions", CHAT).status == 200
    assert client.post("/v1/chat/completions", CHAT, auth=False,
                       headers=[("Authorization", "Bearer no")]).status == 401


def run_cgi(server, environment, body=b""):
    """The program as a server would run it; what it writes."""
    whole = {"GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1",
             "SLUICE_CONF": f"{server.tmp}/sluice/sluice.conf"}
    whole.update(environment)
    with open(f"{server.tmp}/run/in", "wb") as f:
        f.write(body)
    with open(f"{server.tmp}/run/in", "rb") as stdin:
        return subprocess.run([server.binary], stdin=stdin, timeout=60,
                              capture_output=True, env=whole, **AS_USER).stdout


@pytest.mark.parametrize("where", [
    {"REQUEST_URI": "/cgi-bin/sluice.fcgi/v1/models",
     "SCRIPT_NAME": "/cgi-bin/sluice.fcgi", "PATH_INFO": "/v1/models"},
    {"SCRIPT_NAME": "/cgi-bin/sluice.fcgi", "PATH_INFO": "/v1/models"},
    {"REQUEST_URI": "/v1/models", "SCRIPT_NAME": "/v1", "PATH_INFO":
     "/models"},
    {"REQUEST_URI": "/v1/models", "SCRIPT_NAME": "/v1/models"},
    {"REQUEST_URI": "/v1/models?x=1", "SCRIPT_NAME": "", "PATH_INFO":
     "/v1/models", "QUERY_STRING": "x=1"},
    {"REQUEST_URI": "http://host/v1/models", "SCRIPT_NAME": "/v1/models"}])
@pytest.mark.parametrize("key", ["HTTP_AUTHORIZATION", "HTTP_X_API_KEY",
                                 "REDIRECT_HTTP_AUTHORIZATION"])
def test_parameters_as_servers_give_them(server, where, key):
    value = KEY if key == "HTTP_X_API_KEY" else f"Bearer {KEY}"
    done = run_cgi(server, dict(where, REQUEST_METHOD="GET", **{key: value}))
    head, body = done.split(b"\r\n\r\n", 1)
    assert b"Status: 200" in head, head
    assert json.loads(body)["object"] == "list"


def test_body_from_a_file(server, upstream):
    """Descriptor 0 may be a plain file."""
    body = json.dumps(CHAT).encode()
    done = run_cgi(server, {
        "REQUEST_METHOD": "POST", "REQUEST_URI": "/v1/chat/completions", "CONTENT_LENGTH":
        str(len(body)), "HTTP_AUTHORIZATION": f"Bearer {KEY}"}, body)
    assert b"Status: 200" in done.split(b"\r\n\r\n", 1)[0], done
    assert upstream.wait().body == body


def test_only_the_declared_length_is_the_body(server, upstream):
    """RFC 3875 section 4.2: what follows CONTENT_LENGTH is not the body's."""
    body = json.dumps(CHAT).encode()
    run_cgi(server, {
        "REQUEST_METHOD": "POST", "REQUEST_URI": "/v1/chat/completions", "CONTENT_LENGTH":
        str(len(body)), "HTTP_AUTHORIZATION": f"Bearer {KEY}"},
        body + b"GET / HTTP/1.1\r\n")
    assert upstream.wait().body == body


def test_no_process_is_left(server, client, upstream):
    for _ in range(5):
        assert client.post("/v1/chat/completions", CHAT).status == 200
    until(lambda: server.responders() == [], "the last process to end")


def test_too_many_variables_are_refused(server):
    """Else those that the web server sets could be pushed out."""
    def run(count):
        env = {"PATH": "/bin", "SLUICE_CONF":
               f"{server.tmp}/sluice/sluice.conf", "GATEWAY_INTERFACE":
               "CGI/1.1", "REQUEST_METHOD": "GET", "SCRIPT_NAME": "",
               "REQUEST_URI": "/health", "PATH_INFO": "/health",
               **{k: v for k, v in os.environ.items()
                  if k.endswith("SAN_OPTIONS")}}
        env.update({f"HTTP_X_{i}": "y" for i in range(count - len(env))})
        assert len(env) == count
        done = subprocess.run([f"{server.tmp}/bin/real/sluice.fcgi"], env=env,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=60, **AS_USER)
        return done.stdout.split(b"\r\n")[0]
    assert run(512) == b"Status: 200 OK"
    for count in (513, 600, 5000):
        assert run(count).startswith(b"Status: 431 "), count
