"""What a provider can do wrong, and what the client is told."""
import fcntl
import json
import re
import socket
import struct
import termios
import threading

import pytest

from client import PATIENCE, until
from fixtures import provider
from ports import CLOSED_PORT, FULL_PORT
from servers import LOGIC
from upstream import (Upstream, chat_answer, chat_chunk, make_certificate,
                      manual)

SERVERS = LOGIC
KINDS = [pytest.param(False, id="plain"), pytest.param(True, id="stream")]
KB = 1024


# Short enough not to hold a test up; none is compared with a clock.
TIMEOUTS = {"t-headers": {"headers": 0.3}, "t-first": {"first_token": 0.4},
            "t-idle": {"idle": 0.3}, "t-total": {"total": 0.5}}


def PROVIDERS(upstream):
    return {
        "up": provider(upstream, retries=0, models=({"name": "gpt-test"},) + tuple(
            {"name": name, "timeouts": timeouts}
            for name, timeouts in TIMEOUTS.items())),
        "refused": {"base_url": f"http://127.0.0.1:{CLOSED_PORT}/v1",
                    "models": ({"name": "refused"},)},
        "full": {"base_url": f"http://127.0.0.1:{FULL_PORT}/v1",
                 "timeouts": {"connect": 0.3},
                 "models": ({"name": "no-connect"},)},
        # A label of more than 63 bytes is refused before any packet is sent.
        "dns": {"base_url": f"http://{'x' * 70}.invalid/v1",
                "models": ({"name": "no-dns"},)},
    }


def body(model="gpt-test", stream=False):
    return {"model": model, "messages": [], "stream": stream}


def chat(client, model="gpt-test", stream=False):
    return client.post("/v1/chat/completions", body(model, stream))


def assert_error(reply, status, code):
    assert reply.status == status, reply
    assert reply.complete
    assert reply.header("content-type") == "application/json"
    assert reply.header("x-request-id")
    assert reply.error["code"] == code


def assert_in_band(reply, before, code):
    """BEFORE as it was, then one error event, no [DONE], a regular end."""
    assert reply.status == 200
    assert reply.complete
    assert reply.body.startswith(before)
    rest = bytes(reply.body[len(before):]).removeprefix(b"\n\n")
    assert rest.startswith(b"data: ") and rest.endswith(b"\n\n"), reply
    assert rest.count(b"\n") == 2
    error = json.loads(rest[6:])["error"]
    assert error["code"] == code
    assert set(error) == {"message", "type", "param", "code"}
    assert b"[DONE]" not in reply.body


# Before the connection stands.

@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("model", ["refused", "no-dns"])
def test_unreachable(client, model, stream):
    assert_error(chat(client, model, stream), 502, "upstream_unreachable")


@pytest.mark.parametrize("stream", KINDS)
def test_connect_timeout(client, stream):
    assert_error(chat(client, "no-connect", stream), 504, "upstream_timeout")


def test_tls(make_server, tmp_path):
    """An untrusted certificate, and TLS where there is none, or the reverse."""
    tls = Upstream(make_certificate(tmp_path))
    plain = Upstream()
    server = make_server("lighttpd", providers={
        "a": {"base_url": tls.url, "models": ({"name": "self-signed"},)},
        "b": {"base_url": plain.url.replace("http:", "https:"),
              "models": ({"name": "not-tls"},)},
        "c": {"base_url": tls.url.replace("https:", "http:"),
              "models": ({"name": "is-tls"},)}})
    client = server.client()
    assert_error(chat(client, "self-signed"), 502, "upstream_tls")
    assert_error(chat(client, "not-tls", True), 502, "upstream_tls")
    reply = chat(client, "is-tls")
    assert reply.status == 502
    assert reply.error["type"] == "upstream_error"
    assert tls.requests == plain.requests == []
    tls.close()
    plain.close()


# Before the head.

def closes(sock):
    sock.recv(64 * KB)
    sock.close()
    return True


def resets(sock):
    sock.recv(64 * KB)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()
    return True


@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("fault", [closes, resets])
def test_closed_without_an_answer(client, upstream, fault, stream):
    upstream.on_accept = fault
    assert_error(chat(client, stream=stream), 502, "upstream_reset")


GARBAGE = {
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "bad status": b"HTTP/1.1 abc Fine\r\n\r\nxx",
    "status 99": b"HTTP/1.1 099 Low\r\nContent-Length: 2\r\n\r\n{}",
    "status 999": b"HTTP/1.1 999 High\r\nContent-Length: 2\r\n\r\n{}",
    "zeros": b"\0" * 2000,
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
    "bad chunk": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n",
}


@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("name", GARBAGE)
def test_garbage(client, upstream, name, stream):
    def script(x):
        x.send(GARBAGE[name])
        x.close()
    upstream.script = script
    reply = chat(client, stream=stream)
    assert reply.status == 502, reply
    assert reply.error["type"] == "upstream_error"


def test_half_a_head(client, upstream):
    def script(x):
        x.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
        x.close()
    upstream.script = script
    assert chat(client).status == 502


def test_endless_headers(client, upstream):
    def script(x):
        x.send(b"HTTP/1.1 200 OK\r\n")
        while x.send(b"X-More: " + b"m" * 100 + b"\r\n"):
            pass
    upstream.script = script
    assert_error(chat(client), 502, "upstream_invalid_answer")
    assert upstream.wait().gone.wait(PATIENCE)


def test_one_huge_header(client, upstream):
    def script(x):
        x.send(b"HTTP/1.1 200 OK\r\nX-Huge: " + b"h" * (1024 * KB))
        x.send(b"\r\nContent-Length: 2\r\n\r\n{}")
        x.hold()
    upstream.script = script
    assert chat(client).status == 502


def test_endless_interim_answers(client, upstream):
    def script(x):
        while x.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"):
            pass
    upstream.script = script
    assert chat(client).status == 502


def test_interim_answers_are_not_the_answer(client, upstream):
    def script(x):
        x.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        x.send(b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n")
        x.json(b'{"ok":1}')
    upstream.script = script
    reply = chat(client)
    assert (reply.status, reply.body) == (200, b'{"ok":1}')
    assert reply.header("x-early") is None


# Cut answers.

@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("sent", [0, 10])
def test_json_shorter_than_its_length(client, upstream, how, sent):
    """Nothing of it may look like an answer."""
    def script(x):
        x.head(200, [("Content-Type", "application/json"),
                     ("Content-Length", "1000")])
        x.send(b'{"a":12345'[:sent])
        getattr(x, how)()
    upstream.script = script
    reply = chat(client)
    # A reset may overtake the head, so that there was no answer at all.
    assert_error(reply, 502, reply.error["code"]
                 if how == "reset" else "upstream_cut")
    assert reply.error["code"] in ("upstream_cut", "upstream_reset")


def test_json_chunked_without_an_end(client, upstream):
    def script(x):
        x.head(200, [("Content-Type", "application/json"),
                     ("Transfer-Encoding", "chunked")])
        x.chunk(b'{"a":1}')
        x.close()
    upstream.script = script
    assert_error(chat(client), 502, "upstream_cut")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_stream_cut_between_events(client, upstream, how):
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions", body(stream=True))
    x = upstream.wait()
    x.sse()
    before = x.event(chat_chunk("one")) + x.event(chat_chunk("two"))
    assert reply.take(len(before)) == before
    getattr(x, how)()
    assert_in_band(reply.finish(), before, "upstream_cut")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_stream_cut_within_an_event(client, upstream, how):
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions", body(stream=True))
    x = upstream.wait()
    x.sse()
    before = x.event(chat_chunk("one")) + b'data: {"choices":[{"del'
    x.chunk(b'data: {"choices":[{"del')
    assert reply.take(len(before)) == before
    getattr(x, how)()
    reply.finish()
    assert_in_band(reply, before, "upstream_cut")
    assert reply.body[len(before):].startswith(b"\n\n")


def test_stream_cut_in_a_chunk(client, upstream):
    """The chunk's announced length never comes."""
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions", body(stream=True))
    x = upstream.wait()
    x.sse()
    x.send(b"fff\r\ndata: {}\n\n")
    assert reply.take(10) == b"data: {}\n\n"
    x.close()
    assert_in_band(reply.finish(), b"data: {}\n\n", "upstream_cut")


def test_stream_without_length_or_end(client, upstream):
    """Closed without [DONE] and without a framing that could tell."""
    def script(x):
        x.head(200, [("Content-Type", "text/event-stream")])
        x.send(b"data: {}\n\n")
        x.close()
    upstream.script = script
    assert_in_band(chat(client, stream=True), b"data: {}\n\n", "upstream_cut")


def test_stream_without_length_but_done(client, upstream):
    """[DONE] says that nothing is missing."""
    def script(x):
        x.head(200, [("Content-Type", "text/event-stream")])
        x.send(b"data: {}\n\ndata: [DONE]\n\n")
        x.close()
    upstream.script = script
    reply = chat(client, stream=True)
    assert reply.complete
    assert reply.body == b"data: {}\n\ndata: [DONE]\n\n"


def test_stream_that_ends_well_without_done(client, upstream):
    """Some never send [DONE]; none is made up, and no error either."""
    def script(x):
        x.sse()
        x.event(chat_chunk("x", finish="stop"))
        x.end()
    upstream.script = script
    reply = chat(client, stream=True)
    assert reply.complete
    assert reply.body == b"data: " + json.dumps(
        chat_chunk("x", finish="stop")).encode() + b"\n\n"


def test_malformed_events_pass(client, upstream):
    data = b"data: {broken\n\nnonsense\n\n\n\n:\ndata\n\ndata: [DONE]\n\n"

    def script(x):
        x.sse()
        x.chunk(data)
        x.end()
    upstream.script = script
    assert chat(client, stream=True).body == data


# Timeouts.

@pytest.mark.parametrize("stream", KINDS)
def test_headers_timeout(client, upstream, stream):
    upstream.script = manual
    assert_error(chat(client, "t-headers", stream), 504, "upstream_timeout")
    assert upstream.wait().gone.wait(PATIENCE)


def test_first_token_timeout_after_the_head(client, upstream):
    def script(x):
        x.sse()
        x.hold()
    upstream.script = script
    assert_error(chat(client, "t-first", True), 504, "upstream_timeout")
    assert upstream.wait().gone.wait(PATIENCE)


def test_first_token_timeout_after_role_chunks(client, upstream):
    """Role-only chunks and comments are no token, however often they come."""
    role = b"data: " + json.dumps(chat_chunk("", "assistant")).encode() + \
        b"\n\n: wait\n\n"

    def script(x):
        x.sse()
        x.chunk(role)
        while not x.hold(0.05) and not x.over.is_set():
            x.chunk(b": wait\n\n")
    upstream.script = script
    reply = chat(client, "t-first", True)
    assert reply.body.startswith(role)
    before = bytes(reply.body[:reply.body.index(b'data: {"error"')])
    assert_in_band(reply, before, "upstream_timeout")
    assert upstream.wait().gone.wait(PATIENCE)


def test_first_token_in_time(client, upstream):
    """Once a token came, its timeout is over."""
    def script(x):
        x.sse()
        x.event(chat_chunk("word"))
        x.hold(0.8)
        x.event("[DONE]")
        x.end()
    upstream.script = script
    reply = chat(client, "t-first", True)
    assert reply.complete
    assert reply.body.endswith(b"data: [DONE]\n\n")


def test_idle_timeout(client, upstream):
    sent = []

    def script(x):
        x.sse()
        sent.append(x.event(chat_chunk("word")))
        x.hold()
    upstream.script = script
    assert_in_band(chat(client, "t-idle", True), sent[0], "upstream_timeout")
    assert upstream.wait().gone.wait(PATIENCE)


def test_idle_timeout_in_a_plain_answer(client, upstream):
    def script(x):
        x.head(200, [("Content-Type", "application/json"),
                     ("Content-Length", "100")])
        x.send(b"{")
        x.hold()
    upstream.script = script
    assert_error(chat(client, "t-idle"), 504, "upstream_timeout")


def test_total_timeout_of_a_plain_answer(client, upstream):
    upstream.script = manual
    assert_error(chat(client, "t-total"), 504, "upstream_timeout")
    assert upstream.wait().gone.wait(PATIENCE)


def test_total_timeout_of_a_flowing_stream(client, upstream):
    def script(x):
        x.sse()
        while x.event(chat_chunk("word")) and not x.hold(0.02):
            pass
    upstream.script = script
    reply = chat(client, "t-total", True)
    before = bytes(reply.body[:reply.body.index(b'data: {"error"')])
    assert before.count(b"word") > 1
    assert_in_band(reply, before, "upstream_timeout")


# Statuses and bodies pass.

@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 429,
                                    500, 502, 503, 529])
def test_error_statuses_pass_unchanged(client, upstream, status, stream):
    data = b'{"error":{"message":"m \xc3\xa9","type":"t","own":[1]}}\n'
    upstream.script = lambda x: x.json(data, status, [("Retry-After", "9")])
    reply = chat(client, stream=stream)
    assert (reply.status, reply.body) == (status, data)
    assert reply.complete
    assert reply.header("retry-after") == "9"


@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("status", [401, 402, 403])
def test_key_faults_are_the_gateways(client, upstream, status, stream):
    """The client's own key is good: it must not be told otherwise."""
    data = b'{"error":{"message":"bad key sk-1","type":"t"}}'
    upstream.script = lambda x: x.json(data, status)
    reply = chat(client, stream=stream)
    assert_error(reply, 502, "upstream_credentials_exhausted")
    assert b"sk-1" not in reply.body


def test_html_error_passes_unchanged(client, upstream):
    data = b"<html>Bad Gateway</html>"
    upstream.script = lambda x: x.json(data, 502, [
        ("Content-Type", "text/html")])
    reply = chat(client, stream=True)
    assert (reply.status, reply.body) == (502, data)
    assert reply.header("content-type") == "text/html"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_never_followed(client, upstream, status):
    """The provider's key must not follow one to another place."""
    upstream.script = lambda x: x.json(
        b"", status, [("Location", upstream.url + "/elsewhere")])
    assert chat(client).error["code"] == "upstream_redirect"
    assert len(upstream.requests) == 1


def test_encoded_answer_passes_as_it_is(client, upstream):
    """Nobody asked for gzip; if it comes, its bytes and its name stay."""
    import gzip
    data = gzip.compress(b'{"a": 1}' * 1000)
    upstream.script = lambda x: x.json(data, headers=[
        ("Content-Encoding", "gzip")])
    reply = chat(client)
    assert reply.body == data
    assert reply.header("content-encoding") == "gzip"


def test_no_content(client, upstream):
    def script(x):
        x.head(204)
        x.keep = True
    upstream.script = script
    reply = chat(client)
    assert reply.status == 204
    assert reply.complete


# The way there.

def queued(sock):
    """Bytes that wait to be read (FIONREAD)."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, b"    "))[0]


def test_upstream_that_reads_late(client, upstream):
    """It takes nothing until the gateway can send no more."""
    whole = body()
    whole["pad"] = "p" * (24 * 1024 * KB)
    data = json.dumps(whole).encode()

    def late(sock):
        seen = [0] * 20
        until(lambda: seen.append(queued(sock)) or
              seen[-1] > 0 and len(set(seen[-20:])) == 1)
        got = sock.recv(64 * KB).split(b"\r\n\r\n", 1)[1]
        while len(got) < len(data):
            part = sock.recv(1024 * KB)
            if not part:
                return True
            got += part
        answers = b"{}" if got == data else b"[]"
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
                     + answers)
        sock.close()
        return True
    upstream.on_accept = late
    reply = client.post("/v1/chat/completions", data)
    assert (reply.status, reply.body) == (200, b"{}")


def test_upstream_that_resets_during_the_upload(client, upstream):
    def cut(sock):
        sock.recv(100)
        return resets(sock)
    upstream.on_accept = cut
    whole = body()
    whole["pad"] = "p" * (8192 * KB)
    assert client.post("/v1/chat/completions", whole).status == 502


def test_upstream_that_answers_before_the_body(client, upstream):
    """A 400 sent during the upload must be read, not lost to a reset."""
    def early(sock):
        sock.recv(100)
        sock.sendall(b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 12\r\nConnection: close\r\n\r\n"
                     b'{"error": 1}')
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(64 * KB):
            pass
        sock.close()
        return True
    upstream.on_accept = early
    whole = body()
    whole["pad"] = "p" * (2048 * KB)
    reply = client.post("/v1/chat/completions", whole)
    assert (reply.status, reply.body) == (400, b'{"error": 1}')


# A connection that is kept may be dead at its next use; nobody may notice, and
# there is no retry here that could hide it (PROVIDERS: retries = 0).

def ends(sock, reset):
    if reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
    sock.close()
    return True


def is_whole(request):
    head, end, rest = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return end and len(rest) >= (int(length.group(1)) if length else 0)


def until_cleared(upstream, handler):
    """HANDLER, whose connections end with the test."""
    def wrapped(sock):
        with upstream.lock:
            upstream.idle.add(sock)
        try:
            return handler(sock)
        finally:
            with upstream.lock:
                upstream.idle.discard(sock)
    return wrapped


GOOD = json.dumps(chat_answer()).encode()


def serves(sock, count, data=GOOD):
    """Answers of a connection, as far as the gateway asks; how many."""
    for number in range(count):
        got = b""
        while not is_whole(got):
            more = sock.recv(64 * KB)
            if not more:
                return number
            got += more
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(data) + data)
    return count


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("when", ["at rest", "in the request"])
@pytest.mark.parametrize("kept", [1, 3])
def test_kept_connection_that_dies(client, upstream, when, reset, kept):
    begun = []

    def dies(sock):
        begun.extend(range(serves(sock, kept)))
        if when == "in the request" and sock.recv(50):
            begun.append("in vain")
        return ends(sock, reset)
    upstream.on_accept = until_cleared(upstream, dies)
    sizes = [0, 40 * KB, 400 * KB, 4000 * KB] * 15
    for size in sizes:
        reply = client.post("/v1/chat/completions",
                            body() | {"pad": "p" * size})
        assert (reply.status, reply.body) == (200, GOOD), size
    assert len(begun) <= 2 * len(sizes)


@pytest.mark.parametrize("reset", [False, True])
def test_many_kept_connections_that_die_together(client, upstream, reset):
    """Each request takes one of them at most, and then a fresh one."""
    count, over, begun = 20, threading.Event(), []

    def dies(sock):
        barrier.wait()
        serves(sock, 1)
        if sock.recv(50):
            begun.append(sock)
        over.set()
        return ends(sock, reset)
    barrier = threading.Barrier(count)
    upstream.on_accept = until_cleared(upstream, dies)
    replies = [client.open("POST", "/v1/chat/completions", body())
               for _ in range(count)]
    assert [reply.finish().status for reply in replies] == [200] * count
    upstream.on_accept = None
    replies = [client.open("POST", "/v1/chat/completions", body())
               for _ in range(count)]
    assert [reply.finish().status for reply in replies] == [200] * count
    assert over.is_set()
    assert len(begun) <= count
    assert len(upstream.requests) == count


@pytest.mark.parametrize("then", [b"", b"HTTP/1.1 200 OK\r\n",
                                  b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_it_is_replaced_once(make_server, upstream, then):
    """Not for a fresh one that dies, nor when an answer has begun."""
    client = make_server("lighttpd", providers=PROVIDERS(upstream),
                         procs=1).client()
    begun = []

    def dies(sock):
        if not begun:
            serves(sock, 1)
        begun.append(sock)
        if sock.recv(64 * KB):
            begun.append(sock)
            sock.sendall(then)
        sock.close()
        return True
    upstream.on_accept = dies
    assert chat(client).status == 200
    assert chat(client).status == 502
    assert len(begun) == (2 if then else 4)


@pytest.mark.parametrize("size", [0, 300 * KB, 3000 * KB])
def test_upstream_connections_are_kept(server, client, upstream, size):
    """After small bodies, large ones in memory, and spooled ones."""
    before = upstream.connections
    for number in range(20):
        whole = dict(body(stream=number % 2 == 0), pad="p" * size)
        assert client.post("/v1/chat/completions", whole).status == 200
    assert upstream.connections - before <= server.procs


def at_once(upstream, data):
    """For on_accept: DATA answers each request, with nothing in between."""
    def handler(sock):
        got = b""
        while more := sock.recv(64 * KB):
            got += more
            if is_whole(got):
                sock.sendall(data)
                got = b""
        return True
    return until_cleared(upstream, handler)


EVENTS = b"".join(
    b"event: %s\ndata: %s\n\n" % (name.encode(), json.dumps(
        {"type": name, **more}).encode())
    for name, more in [
        ("response.created", {"response": {"id": "resp_1"}}),
        *[("response.output_text.delta", {"delta": f"word {n} "})
          for n in range(300)],
        ("response.completed", {"response": {"id": "resp_1"}})])


@pytest.mark.parametrize("path, kind, data, count", [
    pytest.param("responses", "text/event-stream", EVENTS, 300, id="stream"),
    pytest.param("audio/speech", "audio/mpeg", b"ID3" + bytes(3 * KB * KB),
                 100, id="sound"),
    pytest.param("chat/completions", "application/json",
                 json.dumps(chat_answer(content="p" * 3 * KB * KB)).encode(),
                 50, id="text")])
def test_upstream_that_answers_at_once(client, upstream, path, kind, data,
                                       count):
    """A transfer that has to wait for its client is not taken for over."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
    upstream.on_accept = at_once(
        upstream, head % (kind.encode(), len(data)) + data)
    ask = body(stream="event" in kind)
    cut = sum(client.post(f"/v1/{path}", ask).body != data
              for _ in range(count))
    assert cut == 0


def test_after_all_faults_it_still_works(server, client, upstream):
    """No responder died of what came before."""
    pids = server.responders()
    assert len(pids) == server.procs
    assert chat(client).status == 200
    until(lambda: server.spools() == [], "no spool to be left")
