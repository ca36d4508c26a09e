"""Providers with a private authority, and what is told of a failed connection."""
import pytest

from authority import Authority
from channels import NO_BREAKER, chat, nowhere
from client import until
from ports import CLOSED_PORT
from upstream import Upstream

CONF = {"breaker": NO_BREAKER}
CA = "sluice/ca.pem"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "Another CA")


@pytest.fixture
def tls():
    """Start an upstream with a certificate; ended with the test."""
    started = []

    def start(pem):
        started.append(Upstream(pem))
        return started[-1]
    yield start
    for upstream in started:
        upstream.close()


def provider(upstream, **more):
    return {"base_url": upstream.url, "retries": 0,
            "models": ({"name": "m"},), **more}


def serve(make_server, upstream, ca=None, **more):
    files = {} if ca is None else {CA: (ca, 0o644)}
    return make_server("lighttpd", CONF, {"p": provider(
        upstream, ca_file="" if ca is None else "../ca.pem", **more)},
        files=files)


def told(server):
    """What the log says of the channel, without the time."""
    return [line.split("]: ", 1)[1] for line in server.logs().splitlines()
            if "cannot be reached" in line]


def attempt(server, reply):
    line, = server.journaled(reply.header("x-request-id"))["attempts"]
    return line


@pytest.mark.parametrize("stream", [False, True])
def test_private_authority(make_server, authority, tls, stream):
    upstream = tls(authority.issue("good"))
    server = serve(make_server, upstream, authority.text)
    client = server.client()
    for _ in range(5):
        reply = chat(client, "m", stream)
        assert (reply.status, reply.complete) == (200, True), reply
        assert "detail" not in attempt(server, reply)
    assert upstream.connections <= server.procs
    assert client.get("/health/m").status == 200
    assert told(server) == []


def test_several_authorities_in_one_file(make_server, authority, stranger,
                                         tls):
    upstream = tls(authority.issue("several"))
    server = serve(make_server, upstream, "# ours\n" + stranger.text
                   + "\n" + authority.text)
    assert chat(server.client(), "m").status == 200


BAD = {
    "unknown": ({}, None, "self-signed certificate in certificate chain|"
                          "unable to get local issuer certificate"),
    "expired": ({"end": "20200102000000Z"}, True, "certificate has expired"),
    "early": ({"start": "20980101000000Z"}, True,
              "certificate is not yet valid"),
    "name": ({"alternative": "DNS:other.test"}, True,
             "does not match|no alternative certificate subject name"),
    "stranger": ({}, False, "unable to get local issuer certificate"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_certificate(make_server, authority, stranger, tls, case):
    how, known, words = BAD[case]
    upstream = tls(authority.issue(case, **how))
    ca = {None: None, True: authority.text, False: stranger.text}[known]
    server = serve(make_server, upstream, ca)
    client = server.client()
    for stream in (False, True) * 5:
        reply = chat(client, "m", stream)
        assert (reply.status, reply.error["code"]) == (502, "upstream_tls")
        detail = attempt(server, reply)["detail"]
        assert any(word in detail for word in words.split("|")), detail
        assert "detail" not in reply.body.decode()
    assert upstream.requests == []
    lines = told(server)
    assert 1 <= len(lines) <= server.procs
    assert all(any(word in line for word in words.split("|"))
               for line in lines), lines


@pytest.mark.parametrize("proxy", [
    "", f"http://me:pa55word@127.0.0.1:{CLOSED_PORT}",
    f"socks5://me:pa55word@127.0.0.1:{CLOSED_PORT}"])
def test_what_is_told_of_no_connection(make_server, proxy):
    """Once in the log, however long it took; and no secret."""
    server = make_server("lighttpd", CONF, {"p": nowhere(
        CLOSED_PORT, retries=0, proxy=proxy, models=({"name": "m"},))})
    client = server.client()
    for _ in range(10):
        reply = chat(client, "m")
        assert reply.status == 502
        detail = attempt(server, reply)["detail"]
        assert f"127.0.0.1 port {CLOSED_PORT}" in detail
        assert "pa55word" not in detail
    assert 1 <= len(told(server)) <= server.procs
    assert "pa55word" not in server.logs()


def test_a_change_of_the_authority_needs_no_restart(make_server, authority,
                                                    stranger, tls):
    upstream = tls(authority.issue("change"))
    server = serve(make_server, upstream, stranger.text)
    client = server.client()
    assert chat(client, "m").status == 502
    for text, status in ((authority.text, 200), (stranger.text, 502),
                         (authority.text, 200)):
        server.write(CA, text)
        until(lambda: [chat(client, "m").status for _ in range(8)]
              == [status] * 8, f"status {status}")


def test_an_authority_that_comes_later(make_server, authority, tls):
    """While its file cannot be used, the provider is none."""
    upstream = tls(authority.issue("later"))
    server = serve(make_server, upstream, "nothing yet")
    client = server.client()
    assert chat(client, "m").status == 404
    server.write(CA, authority.text)
    until(lambda: [chat(client, "m").status for _ in range(8)] == [200] * 8,
          "the provider")
    server.write(CA, "no more")
    until(lambda: "no more" not in server.logs()
          and server.logs().count("there is no certificate in it") > 1,
          "the message")
    assert chat(client, "m").status == 200      # as it was


@pytest.mark.parametrize("name, text, words", [
    ("missing.pem", None, "No such file or directory"),
    ("providers.d", None, "Is a directory"),
    ("ca.pem", "", "there is no certificate in it"),
    ("ca.pem", "-----BEGIN PRIVATE KEY-----\n", "there is no certificate"),
    ("ca.pem", "x" * (2 << 20), "File too large")],
    ids=["missing", "directory", "empty", "other", "large"])
def test_check_names_what_cannot_be_used(make_server, authority, tls, name,
                                         text, words):
    upstream = tls(authority.issue("checked"))
    server = serve(make_server, upstream, authority.text)
    assert server.sluicectl("check").returncode == 0
    if text is not None:
        server.write(CA, text)
    server.write_provider("p", provider(upstream, ca_file=f"../{name}"))
    got = server.sluicectl("check")
    assert got.returncode != 0
    assert "p.conf:" in got.stdout + got.stderr
    assert f"{name}: {words}" in got.stdout + got.stderr
