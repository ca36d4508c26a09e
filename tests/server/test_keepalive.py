"""FastCGI connections that are kept (fastcgi_keep_conn, enablereuse)."""
import os

import pytest

from upstream import answer, manual

SERVERS = ["nginx", "apache-proxy-fcgi"]
CONF = {"limits": {"body": 20 << 20}}
CHAT = {"model": "gpt-test", "messages": []}
STREAM = dict(CHAT, stream=True)


def sockets(server):
    """The sockets of all responders, by inode: a new one has a new number."""
    found = set()
    for pid in server.responders():
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                name = os.readlink(f"/proc/{pid}/fd/{fd}")
            except FileNotFoundError:
                continue
            if name.startswith("socket:"):
                found.add((pid, name))
    return found


def test_connections_are_used_again(client, server, upstream):
    """Plain answers, streams, errors and uploads leave one in good order."""
    sock = client.connect()
    big = dict(CHAT, pad="p" * 300000)

    def one_round():
        for body, status in ((CHAT, 200), (STREAM, 200), (big, 200),
                             ({"model": "none"}, 404)):
            reply = client.post("/v1/chat/completions", body, sock=sock)
            assert reply.status == status
            assert reply.complete
        assert client.get("/v1/models", sock=sock).status == 200
    for _ in range(3):
        one_round()
    before = sockets(server)
    for _ in range(10):
        one_round()
    assert sockets(server) <= before
    sock.close()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("auth, status", [(False, 401), (True, 413)])
def test_after_an_early_answer(client, server, upstream, auth, status,
                               chunked):
    """
    What follows of its body is not the next request; and the server must not
    send that one into a connection that is about to end.
    """
    body = b" " * (24 << 20)
    fields = [("Content-Type", "application/json"),
              ("Transfer-Encoding", "chunked") if chunked
              else ("Content-Length", str(len(body)))]
    if chunked:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    for _ in range(5):
        reply = client.exchange(client.connect(), client.head_bytes(
            "POST", "/v1/chat/completions", fields, auth) + body)
        assert reply.status == status, reply
        reply.close()
        reply = client.post("/v1/chat/completions", CHAT)
        assert reply.status == 200, reply
        assert client.post("/v1/chat/completions", STREAM).complete


def test_after_a_hang_up(client, server, upstream):
    """Nothing of an abandoned answer may reach the next client."""
    for _ in range(10):
        upstream.script = manual
        reply = client.open("POST", "/v1/chat/completions", STREAM)
        x = upstream.wait()
        x.sse()
        x.event("of the one who left")
        assert reply.event()
        reply.close()
        x.event("of the one who left")
        upstream.script = answer
        reply = client.post("/v1/chat/completions", CHAT)
        assert reply.status == 200
        assert reply.json()["choices"][0]["message"]["content"] == \
            "Hello there"
        upstream.clear()


def test_more_at_once_than_are_kept(client, server, upstream):
    replies = [client.open("POST", "/v1/chat/completions", STREAM)
               for _ in range(150)]
    for reply in replies:
        assert reply.finish(60).status == 200
        assert reply.complete
        reply.close()
    assert client.post("/v1/chat/completions", CHAT).status == 200
