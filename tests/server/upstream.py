"""A scripted, OpenAI-shaped upstream on a loopback port.

It speaks raw sockets so that it can misbehave in every way a provider can.
Each request becomes an Exchange, which records what came and offers the means
to answer. Upstream.script decides: the default answers properly; `manual`
leaves the exchange to the test, which then answers step by step; any other
function of an Exchange will do.
"""
import hashlib
import json
import select
import socket
import ssl
import struct
import subprocess
import threading
import time

HOLD = 120.0            # longest time an exchange stays open, in seconds


class Exchange:
    """One request as the upstream saw it, and the means to answer it."""

    def __init__(self, upstream, sock, number):
        self.upstream = upstream
        self.sock = sock
        self.number = number
        self.connection = 0
        self.method = self.path = ""
        self.headers = []
        self.body = b""
        self.arrived = time.monotonic()
        self.gone_at = None             # when the peer was seen to leave
        self.gone = threading.Event()
        self.over = threading.Event()   # the test is done with a manual one
        self.keep = False               # the connection may serve another
        self.chunked = False

    def header(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    @property
    def sha256(self):
        return hashlib.sha256(self.body).hexdigest()

    def data(self):
        return json.loads(self.body)

    def __str__(self):
        lines = [f"#{self.number} {self.method} {self.path} "
                 f"({len(self.body)} body bytes, gone={self.gone.is_set()})"]
        lines += [f"    {key}: {value}" for key, value in self.headers]
        lines += [f"    {self.body[:300]!r}"]
        return "\n".join(lines)

    # Answering.

    def send(self, data):
        """Raw bytes. False when the peer is gone."""
        try:
            self.sock.sendall(data)
            return True
        except OSError:
            self.mark_gone()
            return False

    def head(self, status=200, headers=(), reason="Fine"):
        lines = [f"HTTP/1.1 {status} {reason}"]
        lines += [f"{key}: {value}" for key, value in headers]
        return self.send("\r\n".join(lines + ["", ""]).encode("latin-1"))

    def json(self, value, status=200, headers=()):
        """A whole answer with its length; VALUE is bytes, or is encoded."""
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        head = [("Content-Type", "application/json"),
                ("Content-Length", str(len(data)))]
        head = [h for h in head
                if h[0].lower() not in {k.lower() for k, _ in headers}]
        self.keep = True
        return self.head(status, head + list(headers)) and self.send(data)

    def sse(self, headers=(), status=200):
        self.chunked = True
        return self.head(status, [("Content-Type", "text/event-stream"),
                                  ("Transfer-Encoding", "chunked")]
                         + list(headers))

    def chunk(self, data):
        return self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, value):
        """One SSE event; VALUE is a str, or is encoded. Returns its bytes."""
        text = value if isinstance(value, str) else json.dumps(value)
        data = f"data: {text}\n\n".encode()
        self.chunk(data)
        return data

    def end(self):
        """The end of a chunked answer."""
        self.keep = self.send(b"0\r\n\r\n")
        self.over.set()

    def close(self):
        """FIN, whatever the answer's state."""
        self.keep = False
        self.over.set()
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def reset(self):
        """RST."""
        self.keep = False
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.over.set()

    # Watching.

    def mark_gone(self):
        if not self.gone.is_set():
            self.gone_at = time.monotonic()
            self.gone.set()

    def hold(self, seconds=HOLD):
        """Stay open, silent, until the test or the peer ends it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.over.wait(0.005):
            if self.peer_left():
                self.mark_gone()
                return True
        return False

    def peer_left(self):
        ready, _, _ = select.select([self.sock], [], [], 0)
        if not ready:
            return False
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except (ssl.SSLError, ValueError):
            return self.sock.recv(1) == b""
        except OSError:
            return True


def chat_answer(model="served", content="Hello there"):
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1,
            "model": model,
            "choices": [{"index": 0, "finish_reason": "stop", "message":
                         {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2,
                      "total_tokens": 5}}


def chat_chunk(content=None, role=None, finish=None, model="served"):
    delta = {}
    if role is not None:
        delta["role"] = role
    if content is not None:
        delta["content"] = content
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk",
            "created": 1, "model": model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def answer(x):
    """The proper upstream: what each path of the API gives back."""
    path = x.path.split("?")[0].removeprefix("/v1")
    if x.method == "GET" and path.endswith("/models"):
        return x.json({"object": "list", "data": []})
    try:
        data = json.loads(x.body)
    except ValueError:
        return x.json({"error": {"message": "not JSON"}}, 400)
    model = data.get("model", "")
    if path == "/chat/completions" and data.get("stream"):
        x.sse()
        x.event(chat_chunk("", "assistant", model=model))
        for word in ("Hello", " there"):
            x.event(chat_chunk(word, model=model))
        x.event(chat_chunk(finish="stop", model=model))
        x.event("[DONE]")
        return x.end()
    if path == "/completions" and data.get("stream"):
        x.sse()
        for word in ("Hello", " there"):
            x.event({"id": "cmpl-1", "object": "text_completion", "created": 1,
                     "model": model, "choices":
                     [{"index": 0, "text": word, "finish_reason": None}]})
        x.event("[DONE]")
        return x.end()
    answers = {
        "/chat/completions": chat_answer(model),
        "/completions": {
            "id": "cmpl-1", "object": "text_completion", "created": 1,
            "model": model, "choices":
            [{"index": 0, "text": "Hello there", "finish_reason": "stop"}]},
        "/embeddings": {
            "object": "list", "model": model, "data":
            [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}],
            "usage": {"prompt_tokens": 1, "total_tokens": 1}},
        "/moderations": {
            "id": "modr-1", "model": model, "results":
            [{"flagged": False, "categories": {}, "category_scores": {}}]},
        "/responses": {
            "id": "resp_1", "object": "response", "created_at": 1,
            "status": "completed", "model": model, "output":
            [{"type": "message", "id": "msg_1", "role": "assistant",
              "status": "completed", "content":
              [{"type": "output_text", "text": "Hello there",
                "annotations": []}]}]},
    }
    if path in answers:
        return x.json(answers[path])
    return x.json({"object": "other", "path": path, "model": model})


def manual(x):
    """Leave the exchange to the test; only watch whether the peer leaves."""
    x.hold()


class Upstream:
    """The listening side. Every connection has a thread of its own."""

    def __init__(self, tls=None):
        self.script = answer
        self.on_accept = None   # called with the socket; True = it is handled
        self.requests = []
        self.connections = 0
        self.idle = set()       # kept connections without a request
        self.epoch = 0          # counts clear(); older connections end
        self.lock = threading.Condition()
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(tls)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def clear(self):
        """
        Forget what was recorded, let go of everything that is held, and close
        the connections that wait for a next request.
        """
        with self.lock:
            for x in self.requests:
                x.over.set()
            self.requests.clear()
            self.epoch += 1
            for sock in self.idle:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.script = answer
        self.on_accept = None

    def wait(self, count=1, timeout=20.0):
        """The COUNT-th request since the last clear()."""
        with self.lock:
            if not self.lock.wait_for(lambda: len(self.requests) >= count,
                                      timeout):
                raise AssertionError(
                    f"the upstream got {len(self.requests)} requests, "
                    f"not {count}, in {timeout} s")
            return self.requests[count - 1]

    def close(self):
        self.clear()
        self.listener.close()

    def __str__(self):
        with self.lock:
            return "\n".join(str(x) for x in self.requests)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,),
                             daemon=True).start()

    def _serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.on_accept and self.on_accept(sock):
                return
            if self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
            self._requests(sock)
        except (OSError, ValueError):
            pass
        finally:
            sock.close()

    def _requests(self, sock):
        with self.lock:
            self.connections += 1
            connection, epoch = self.connections, self.epoch
        stream = sock.makefile("rb")
        while True:
            with self.lock:
                if epoch != self.epoch:
                    return
                self.idle.add(sock)
            try:
                x = self._read(sock, stream)
            finally:
                with self.lock:
                    self.idle.discard(sock)
            if x is None:
                return
            x.connection = connection
            with self.lock:
                self.requests.append(x)
                x.number = len(self.requests)
                self.lock.notify_all()
            self.script(x)
            if not x.keep:
                return

    def _read(self, sock, stream):
        line = stream.readline(65536)
        if not line:
            return None
        x = Exchange(self, sock, 0)
        x.method, x.path, _ = line.decode("latin-1").split(" ", 2)
        while True:
            line = stream.readline(65536)
            if line in (b"\r\n", b"\n"):
                break
            if not line:
                return None
            key, value = line.decode("latin-1").rstrip("\r\n").split(":", 1)
            x.headers.append((key, value.strip()))
        x.body = self._body(x, stream)
        return x

    def _body(self, x, stream):
        if (x.header("transfer-encoding") or "").lower() == "chunked":
            parts = []
            while True:
                size = int(stream.readline(100).split(b";")[0], 16)
                parts.append(stream.read(size))
                stream.readline(100)
                if size == 0:
                    return b"".join(parts)
        length = int(x.header("content-length") or 0)
        body = stream.read(length)
        if len(body) != length:
            raise ValueError("the peer left in the middle of its request")
        return body


def make_certificate(folder):
    """A self-signed certificate with its key in one file; its path."""
    path = f"{folder}/upstream.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", path + ".key", "-out", path + ".crt"],
        check=True, capture_output=True)
    with open(path, "w") as out:
        for part in (path + ".key", path + ".crt"):
            with open(part) as f:
                out.write(f.read())
    return path


def closed_port():
    """A loopback port where nobody listens (bound, never listened on)."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock, sock.getsockname()[1]
