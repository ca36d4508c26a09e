"""Hostile peers: raw FastCGI at the responder's own socket, no web server.

What a web server would straighten out arrives here as it is: torn and lying
records, parameters with line ends in them, upstreams that answer too early,
too much or nonsense. After each attack the same process must still serve.
"""
import json
import random
import signal
import socket
import threading

import pytest

from client import PATIENCE, until
from fixtures import provider
from records import (ABORT, BEGIN, END, GET_VALUES, PARAMS, STDIN,
                     UNKNOWN_TYPE, Answer, begin, pairs, parameters, read,
                     record, stream, whole)
from responder import CHAT, STREAM, Responder, start  # noqa: F401
from servers import KEY, UP_KEY


@pytest.fixture(scope="module")
def responder(the_upstream):
    one = Responder({"up": provider(the_upstream, models=({"name": "m"},))},
                    {"limits": {"body": 200000, "memory_body": 5000}})
    one.works()
    yield one
    one.stop()


@pytest.fixture
def raw():
    """An upstream whose every connection is handled by raw.script(sock)."""
    class Raw:
        url = script = None
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    Raw.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"

    def serve(sock):
        with sock:
            try:
                Raw.script(sock)
            except OSError:
                pass

    def accept():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield Raw
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def receive(sock):
    """One whole request; its bytes, b"" when the peer has left."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    want = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                 if line.lower().startswith(b"content-length:")), 0)
    while len(body) < want:
        more = sock.recv(65536)
        if not more:
            return b""
        body += more
    return head + b"\r\n\r\n" + body


@pytest.fixture
def bad(raw, start, request):
    """A responder before an upstream that sends raw bytes: bad(BYTES)."""
    one = start({"raw": provider(raw, models=({"name": "m"},))},
                getattr(request, "param", None))

    def bad(data, body=CHAT):
        def script(sock):
            receive(sock)
            sock.sendall(data)
        raw.script = script
        answer = one.ask(body)
        one.works()
        return answer

    return bad


# ---- The peer. ----

def test_a_listening_socket_that_others_make_blocking(start, upstream):
    """systemd hands it to the command of a reload as standard input."""
    one = start({"up": provider(upstream, models=({"name": "m"},))})
    one.listener.setblocking(True)
    for _ in range(3):
        one.works()


def test_split_at_every_byte(responder):
    request = whole(parameters(body=CHAT), CHAT)
    for i in range(1, len(request), 7):
        with responder.connect() as sock:
            sock.sendall(request[:i])
            sock.sendall(request[i:])
            assert read(sock).status == 200, i
    with responder.connect() as sock:
        for i in range(len(request)):
            sock.send(request[i:i + 1])
        assert read(sock).status == 200


def test_close_at_every_byte(responder):
    request = whole(parameters(body=CHAT), CHAT)
    before = responder.files()
    for i in range(len(request)):
        with responder.connect() as sock:
            sock.sendall(request[:i])
    until(lambda: responder.files() <= before + 3, "descriptors to close")
    responder.works()


def test_noise(responder):
    """Random bytes, flipped bytes and records in any order, from one seed."""
    rnd = random.Random(20)
    request = whole(parameters(body=CHAT), CHAT)
    records = [begin(), begin(True), begin(number=2), begin(role=2),
               record(ABORT), stream(PARAMS, pairs(parameters(body=CHAT))),
               record(PARAMS, b"\xff\xff\xff\xff\x10"), record(PARAMS),
               record(STDIN, CHAT, padding=255), record(STDIN),
               record(GET_VALUES, pairs({"FCGI_MAX_CONNS": ""}), 0),
               record(77, b"abc", 0), record(BEGIN, b"short"),
               record(STDIN, b"x", version=0), record(8, b"data")]
    for i in range(600):
        if i % 3 == 0:
            data = rnd.randbytes(rnd.randrange(1, 200))
        elif i % 3 == 1:
            data = bytearray(request)
            for _ in range(rnd.randrange(1, 4)):
                data[rnd.randrange(len(data))] = rnd.randrange(256)
        else:
            data = b"".join(rnd.choices(records, k=rnd.randrange(1, 9)))
        with responder.connect() as sock:
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
    responder.works()


def test_order_of_records(responder):
    """What must not be there ends the connection, and nothing else."""
    params = stream(PARAMS, pairs(parameters(body=CHAT)))
    for data in (begin() + begin() + params,
                 begin() + stream(STDIN, CHAT) + params,
                 begin() + params + params,
                 record(BEGIN, b"1234567"),
                 record(STDIN, version=9)):
        answer = responder.send(data, to_end=True)
        assert not answer.out, answer
    responder.works()


def test_a_second_request_is_refused(responder):
    """FastCGI 1.0 section 5.5: FCGI_CANT_MPX_CONN, and the first goes on."""
    params = stream(PARAMS, pairs(parameters(body=CHAT)))
    answer = responder.send(begin() + begin(number=2) + params
                            + record(STDIN, b"other", 2)
                            + stream(STDIN, CHAT))
    assert answer.records[0] == (END, 2, b"\0\0\0\0\1\0\0\0")
    assert answer.status == 200, answer


def test_refused_peer_that_has_gone(start, upstream):
    """The refusal cannot be written: the request in its body must end too."""
    one = start({"up": provider(upstream, models=({"name": "m"},))})
    params = stream(PARAMS, pairs(parameters(body=CHAT)))
    before = one.files()
    for _ in range(5):
        with one.connect() as sock:
            sock.sendall(begin() + params + begin(number=2))
    until(lambda: one.files() <= before, "the connections to go", 10)


def test_management_records(responder):
    with responder.connect() as sock:
        sock.sendall(record(GET_VALUES, pairs(
            {"FCGI_MPXS_CONNS": "", "OTHER": ""}), 0) + record(77, b"", 0)
            + whole(parameters("GET", "/v1/models")))
        answer = read(sock)
    assert answer.records[0] == (10, 0, pairs({"FCGI_MPXS_CONNS": "0"}))
    assert answer.records[1][0] == UNKNOWN_TYPE
    assert answer.records[1][2][0] == 77
    assert answer.status == 200


def test_values_that_nobody_reads(responder):
    """The answers to a flood of questions may not pile up."""
    question = record(GET_VALUES, pairs({"FCGI_MAX_CONNS": ""}), 0) * 100
    with responder.connect() as sock:
        with pytest.raises(OSError):
            for _ in range(20000):
                sock.sendall(question)
    responder.works()


def test_pipelined_requests(responder):
    count = 500
    with responder.connect() as sock:
        request = whole(parameters("GET", "/v1/models"), keep=True)
        writer = threading.Thread(target=sock.sendall,
                                  args=(request * count,))
        writer.start()
        answer = Answer()
        sock.settimeout(PATIENCE)
        while sum(kind == END for kind, _, _ in answer.records) < count:
            data = sock.recv(65536)
            assert data, answer
            answer.feed(data)
        writer.join()
    assert answer.out.count(b"Status: 200 ") == count


def test_parameters_that_lie(responder):
    for lie in (b"\x80\xff\xff\xff\x01a", b"\xff\xff\xff\xff" * 2,
                b"\x05\x05abc", b"\x80"):
        answer = responder.send(begin() + stream(PARAMS, lie) + record(STDIN))
        assert answer.status == 400, answer
        assert answer.code == "bad_request"


def test_too_many_parameters(responder):
    """Web servers let thousands of tiny headers through: say what is wrong."""
    many = {f"HTTP_H{i}": "x" for i in range(600)}
    for items in (many, {"HTTP_X": "x" * 300000}):
        answer = responder.send(whole(
            dict(parameters("GET", "/v1/models"), **items)))
        assert answer.status in (400, 431), answer
        assert answer.code


@pytest.mark.parametrize("text", ["-1", "x", "1x", "9" * 30])
def test_bad_content_length(responder, text):
    answer = responder.ask(CONTENT_LENGTH=text)
    assert answer.status == 400, answer


def test_lying_content_length(responder, upstream):
    answer = responder.ask(CONTENT_LENGTH=str(len(CHAT) + 1))
    assert (answer.status, answer.code) == (400, "truncated_body")
    assert not upstream.requests


@pytest.mark.parametrize("size, status", [
    (4999, 200), (5000, 200), (5001, 200), (65535, 200), (65536, 200),
    (65537, 200), (199999, 200), (200000, 200), (200001, 413)])
@pytest.mark.parametrize("told", [True, False])
def test_limits_to_the_byte(responder, upstream, size, status, told):
    body = b'{"model":"m","x":"' + b"a" * (size - 20) + b'"}'
    items = parameters(body=body)
    if not told:
        del items["CONTENT_LENGTH"]
    assert len(body) == size
    assert responder.send(whole(items, body)).status == status
    assert [x.body for x in upstream.requests] == [body] * (status == 200)


def test_abort_before_the_answer(responder, upstream):
    params = stream(PARAMS, pairs(parameters(body=STREAM)))
    for data in (begin(), begin() + params,
                 begin() + params + record(STDIN, STREAM[:5])):
        assert not responder.send(data + record(ABORT), True).out
    assert not upstream.requests


def test_abort_during_the_answer(start, upstream):
    """FastCGI 1.0 section 5.4: the upstream hears of it."""
    one = start({"up": provider(upstream, models=({"name": "m"},))},
                {"timeouts": {"idle": 100.0}})
    params = stream(PARAMS, pairs(parameters(body=STREAM)))
    upstream.script = lambda x: (x.sse(), x.event("{}"), x.hold())
    with one.connect() as sock:
        sock.sendall(begin(True) + params + stream(STDIN, STREAM))
        x = upstream.wait()
        sock.sendall(record(ABORT))
        assert x.gone.wait(PATIENCE)


def test_out_of_descriptors(start, upstream):
    """More connections than fit: those that are in are served."""
    one = start({"up": provider(upstream, models=({"name": "m"},))}, files=64)
    held = [one.connect() for _ in range(100)]
    held[0].sendall(whole(parameters("GET", "/v1/models"), keep=True))
    assert read(held[0]).status == 200      # accepting has come to its end
    for sock in held[:5]:
        sock.sendall(whole(parameters(body=CHAT), CHAT))
        answer = read(sock)
        assert answer.status == 200, answer
    for sock in held:
        sock.close()
    until(lambda: one.ask().status == 200, "it to recover")


def test_closed_standard_descriptors(start, upstream):
    """FastCGI 1.0 section 2.2 promises descriptor 0 alone."""
    one = start({"up": provider(upstream, models=({"name": "m"},))},
                closed=(1, 2))
    assert one.ask().status == 200


# ---- The client. ----

EVIL = "x\r\nX-Evil: 1"


@pytest.mark.parametrize("name, value", [
    ("HTTP_USER_AGENT", EVIL), ("HTTP_OPENAI_BETA", EVIL),
    ("HTTP_TRACEPARENT", "x\nX-Evil: 1"),
    ("HTTP_OPENAI_X: 1\r\nX-EVIL", "1"), ("HTTP_ANTHROPIC_: X-EVIL", "1"),
    ("HTTP_OPENAI_ X-EVIL", "1")])
def test_no_line_ends_go_upstream(start, raw, name, value):
    seen = []

    def script(sock):
        seen.append(receive(sock))
        sock.sendall(b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\n\r\n{}")
    raw.script = script
    one = start({"raw": provider(raw, models=({"name": "m"},))})
    assert one.ask(**{name: value}).status == 200
    assert b"evil" not in seen[0].lower(), seen


def test_a_type_with_line_ends_is_refused(responder, upstream):
    for value in "json" + EVIL, "application/json; " + EVIL:
        assert responder.ask(CONTENT_TYPE=value).status == 415
    assert upstream.requests == []


def test_no_line_ends_come_back(start, upstream):
    one = start({"up": provider(upstream, models=({"name": "m"},))},
                {"cors": {"origins": ["*"]}})
    for method in ("OPTIONS", "GET"):
        answer = one.send(whole(parameters(
            method, "/v1/models", HTTP_ORIGIN="http://a" + EVIL,
            HTTP_ACCESS_CONTROL_REQUEST_HEADERS=EVIL,
            HTTP_X_REQUEST_ID=EVIL)))
        assert answer.status in (200, 204)
        assert "Evil" not in answer.head
    for items in ({"HTTP_ORIGIN": "http://a",
                   "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": EVIL},
                  {"REQUEST_URI": f"/v1/models?{EVIL}"},
                  {"REQUEST_URI": f"/v1/{EVIL}"},
                  {"REQUEST_METHOD": "GET" + EVIL},
                  {"REMOTE_ADDR": EVIL}):
        answer = one.send(whole(dict(
            parameters("OPTIONS", "/v1/models"), **items)))
        assert "Evil" not in answer.head
        assert answer.status in (204, 400, 405), answer
    until(lambda: len(one.journal()) >= 8, "the lines, each of them JSON")


@pytest.mark.parametrize("uri, status", [
    ("/v1/%2e%2e/admin", 400), ("/v1/..%2fadmin", 400), ("/v1/./a", 400),
    ("/v1/a/../../b", 400), ("/v1/a%00", 400), ("/v1/a%0d%0ab", 400),
    ("/v1/%zz", 400), ("/v1/%2", 400), ("*", 400), ("", 400),
    ("/v%31/chat/completions", 404), ("/x/echo/v1/chat/completions", 404),
    ("/echo/v1/chat/completions", 404), ("/v1", 405), ("/V1/a", 404)])
def test_paths_that_lead_elsewhere(responder, upstream, uri, status):
    answer = responder.ask(REQUEST_URI=uri)
    assert answer.status == status, answer
    assert answer.code and not upstream.requests


@pytest.mark.parametrize("keys, good, bad", [
    ("", [], ["", " ", ","]), (" , ", [], ["", " ", ","]),
    ("a b , c\t,,d", ["a b", "c", "d"], ["", "a", "a b,", "a b , c", "D"])])
def test_key_lists(start, upstream, keys, good, bad):
    one = Responder({"up": provider(upstream, models=({"name": "m"},))},
                    env={"SLUICE_API_KEYS": keys})
    try:
        for key in good:
            assert one.get("/v1/models", HTTP_AUTHORIZATION="Bearer " + key
                           ).status == 200
            assert one.get("/v1/models", HTTP_AUTHORIZATION="",
                           HTTP_X_API_KEY=key).status == 200
        for scheme in ("Bearer ", "Basic ", ""):
            for key in bad:
                assert one.get("/v1/models", HTTP_AUTHORIZATION=scheme + key
                               ).status == 401
    finally:
        one.stop()


# ---- The upstream. ----

OK = b"HTTP/1.1 200 Fine\r\nContent-Type: application/json\r\n"
CHUNKED = b"HTTP/1.1 200 Fine\r\nContent-Type: application/json\r\n" \
    b"Transfer-Encoding: chunked\r\n\r\n"
LONG = b"x" * 400000


@pytest.mark.parametrize("data", [
    b"", b"nonsense\r\n\r\n", b"HTTP/1.1 000 X\r\n\r\n",
    b"HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 101 X\r\n\r\n" + LONG,
    b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + LONG,
    b"HTTP/1.1 100 X\r\n\r\n" * 9000,
    OK + b"X-A: b\r\n" * 20000, OK + b"X: " + LONG,
    OK + b"no colon\r\n\r\n{}", OK + b"X-N: a\0b\r\n\r\n{}",
    OK + b"Content-Length: -5\r\n\r\n{}", OK + b"Content-Length: 3\r\n\r\n{}",
    CHUNKED + b"zz\r\n{}\r\n", CHUNKED + b"-1\r\n{}\r\n",
    CHUNKED + b"ffffffffffffffffff\r\n{}\r\n", CHUNKED + b"2\r\n{}\r\n",
    CHUNKED + b"2;" + LONG], ids=range(18))
def test_nonsense_is_502(bad, data):
    answer = bad(data)
    assert answer.status == 502, answer
    assert answer.code.startswith("upstream_")


@pytest.mark.parametrize("line", [
    b"HTTP/: 100 X", b"HTTP/: 500 X", b"HTTP/1.1: 100 X"])
def test_a_field_that_looks_like_a_status_line(bad, line):
    """It once had the process abort: data came, but no head."""
    answer = bad(b"HTTP/1.1 200 Fine\r\nContent-Type: application/json\r\n"
                 + line + b"\r\nContent-Length: 400000\r\n\r\n" + LONG)
    assert answer.status in (200, 502), answer
    assert answer.status == 502 or answer.body == LONG


def test_fields_for_the_web_server_stay_here(bad):
    """Most of them would have it send a file or end an answer."""
    evil = [b"X-Sendfile: /etc/passwd", b"X-Sendfile-Temporary: /etc/passwd",
            b"X-Accel-Redirect: /evil", b"X-Accel-Buffering: yes",
            b"X-LIGHTTPD-Send-File: /etc/passwd", b"Status: 500 evil",
            b"Location: /evil", b"Set-Cookie: evil=1", b"Set-Cookie : evil",
            b"X-Fold: a\r\n Set-Cookie: folded", b"X-CR: a\rSet-Cookie: evil",
            b"Connection: close", b"Server: evil", b"Alt-Svc: evil"]
    answer = bad(OK + b"Content-Length: 2\r\n" + b"\r\n".join(evil)
                 + b"\r\nX-Good: 1\r\n\r\n{}")
    assert (answer.status, answer.body) == (200, b"{}")
    names = {line.split(":")[0].lower() for line in
             answer.head.split("\r\n")[1:]}
    assert names <= {"x-request-id", "content-type", "content-length",
                     "x-good", "x-fold", "x-sluice-attempts",
                     "x-sluice-provider", "x-content-type-options",
                     "content-security-policy"}, names
    assert "evil" not in answer.head and "passwd" not in answer.head


def test_length_and_chunks(bad):
    """RFC 9112 section 6.3: somebody on the way may have read it otherwise."""
    answer = bad(OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"
                 b"\r\n7\r\n{\"a\":1}\r\n0\r\nX-T: 1\r\nHTTP/x: 500\r\n\r\n")
    assert (answer.status, answer.code) == (502, "upstream_invalid_answer")


def test_stray_answer(start, raw):
    """
    What a provider writes on a connection that rests (a 408 before it
    closes, a doubled answer) is no answer to the next request.
    """
    answered, strayed = threading.Event(), threading.Event()
    mine = b'{"mine":1}'

    def script(sock):
        while receive(sock):
            sock.sendall(OK + b"Content-Length: 10\r\n\r\n" + mine)
            if not strayed.is_set():
                answered.wait(PATIENCE)
                sock.sendall(OK + b'Content-Length: 11\r\n\r\n{"stray":1}')
                strayed.set()
    raw.script = script
    one = start({"raw": provider(raw, models=({"name": "m"},))})
    assert one.ask().body == mine
    answered.set()
    assert strayed.wait(PATIENCE)
    for _ in range(3):
        one.works()             # the loop has been round
        assert one.ask().body == mine


@pytest.mark.parametrize("size", [100, 65535, 65536, 65537, 1000000])
@pytest.mark.parametrize("model", ["m", "other"])
def test_answer_before_the_body(start, raw, size, model):
    """A body may not be let go of while libcurl still has to send it."""
    def script(sock):
        for _ in range(2):      # the second answer is there before its request
            sock.sendall(b"HTTP/1.1 200 Fine\r\nContent-Type: text/plain\r\n"
                         b"Content-Length: 10\r\n\r\nearly")
            if not receive(sock):
                return
            sock.sendall(b"-late")
    raw.script = script
    one = start({"raw": provider(raw, models=(
        {"name": "m"}, {"name": "other", "target": "n"}))})
    delta = len(model) - 1
    text = f'{{"model":"{model}","x":"'
    body = text.encode() + b"a" * (size + delta - len(text) - 2) + b'"}'
    for _ in range(2):
        answer = one.ask(body)
        assert answer.status in (200, 502), answer
        assert answer.status == 502 or answer.body == b"early-late"


def test_endless_answer_to_a_client_that_does_not_read(start, raw):
    """At most client_buffer and the kernel's buffers stand between them."""
    sent, stalled = [0], threading.Event()

    def script(sock):
        receive(sock)
        sock.settimeout(0.5)
        try:
            sock.sendall(CHUNKED)
            while sent[0] < 1 << 29:
                sock.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
                sent[0] += 65536
        finally:
            stalled.set()
    raw.script = script
    one = start({"raw": provider(raw, models=({"name": "m"},))})
    with one.connect() as sock:
        sock.sendall(whole(parameters(body=CHAT), CHAT))
        assert stalled.wait(PATIENCE)
        assert 0 < sent[0] < 64 << 20
        one.works()


@pytest.mark.parametrize("bad", [{"timeouts": {}}], indirect=True, ids=[""])
def test_one_event_of_ten_megabytes(bad):
    event = b"data: " + b"a" * 10000000 + b"\n\n"
    done = b"data: [DONE]\n\n"
    answer = bad(b"HTTP/1.1 200 Fine\r\nContent-Type: text/event-stream\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\ne\r\n%s\r\n"
                 b"0\r\n\r\n" % (len(event), event, done), STREAM)
    assert answer.ended and answer.body == event + done


# ---- Loops and secrets. ----

def bridge(raw, target):
    """Makes RAW a web server before the responder target()."""
    count = [0]

    def script(sock):
        head, _, body = receive(sock).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, uri, _ = first.split(" ")
        items = {"REQUEST_METHOD": method, "REQUEST_URI": uri}
        for line in lines:
            name, value = line.split(": ", 1)
            name = name.upper().replace("-", "_")
            items[name if name.startswith("CONTENT_") else
                  "HTTP_" + name] = value
        count[0] += 1
        answer = target().send(whole(items, body))
        sock.sendall(b"HTTP/1.1 %d Relayed\r\nContent-Type: application/json"
                     b"\r\nContent-Length: %d\r\n\r\n%s" % (
                         answer.status or 599, len(answer.body),
                         answer.body))
    raw.script = script
    return count


@pytest.mark.parametrize("key", [KEY, "no-client-key"])
def test_a_provider_that_is_the_gateway(start, raw, key):
    made = []
    count = bridge(raw, lambda: made[0])
    made.append(start({"self": provider(raw, models=({"name": "m"},))},
                      env={"UP_KEY": key}))
    answer = made[0].ask()
    assert (answer.status, answer.code) == (508, "loop_detected")
    assert count == [1]


def test_a_health_path_that_is_the_gateway(start, raw):
    """Two such providers would double the requests with every round."""
    made = []
    count = bridge(raw, lambda: made[0])
    whole_url = {"base_url": raw.url.removesuffix("/v1"),
                 "models": ({"name": "m"},), "api_key_env": "UP_KEY",
                 "health": {"path": "/health/m", "timeout": 1.0}}
    made.append(start({"one": whole_url, "two": whole_url},
                      env={"UP_KEY": KEY}))
    assert made[0].get("/health/m").status == 503
    assert count[0] <= 2


def test_nothing_secret_is_written_down(start, upstream):
    """Keys, prompts and answers, whatever goes wrong with them."""
    one = start({"up": provider(upstream, models=({"name": "m"},))})
    answer = b'{"id":"the-answer"}'
    for script in (lambda x: x.json(answer),
                   lambda x: x.json(answer, 500),
                   lambda x: (x.head(200, [("Content-Length", "99")]),
                              x.send(answer), x.close()),
                   lambda x: (x.send(b"HTTP/1.1 the-answer\r\n\r\n"),
                              x.close())):
        upstream.script = script
        one.ask()
    one.ask(b'{"model":"m","x":"the-prompt')
    one.ask(HTTP_AUTHORIZATION="Bearer wrong-client-key")
    one.ask(REQUEST_URI=f"/v1/chat/completions?key={KEY}")
    one.get("/health/m")
    one.process.send_signal(signal.SIGHUP)
    until(lambda: "reloaded" in one.logs(), "the reload")
    until(lambda: len(one.journal()) >= 9, "every request to be settled")
    text = one.logs() + json.dumps(one.journal())
    for secret in (KEY, UP_KEY, "the-prompt", "the-answer",
                   "wrong-client-key"):
        assert secret not in text
