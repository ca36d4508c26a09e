"""An HTTP/1.1 client on a raw socket that shows what really arrived, and when.

It adds nothing to a request, corrects nothing in an answer, and can leave in
any way a client can.
"""
import json
import os
import select
import socket
import struct
import time

# Seconds after which a test gives up waiting for what must come. Never the
# thing that is tested: raise it for valgrind and slow machines.
PATIENCE = float(os.environ.get("SLUICE_PATIENCE", "20"))

KEY = "client-key-1f2e3d"           # what clients present
UP_KEY = "upstream-key-9a8b7c"      # what the upstream is given


class Timeout(AssertionError):
    pass


def until(condition, what="the condition", timeout=None):
    """Poll CONDITION until it returns something true; return that."""
    end = time.monotonic() + (timeout or PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout(f"waited {timeout or PATIENCE} s for {what}")
        time.sleep(0.01)


class Reply:
    """One request on its way and the answer to it, as far as it came."""

    def __init__(self, sock):
        self.sock = sock
        self.raw = bytearray()  # every byte of the answer, as it came
        self.arrivals = []      # (monotonic time, number of bytes)
        self.status = None
        self.reason = ""
        self.headers = []
        self.body = bytearray()     # decoded so far
        self.given = 0          # body bytes that event() has handed out
        self.complete = False   # the answer ended as HTTP wants it
        self.ended = False      # nothing more will come
        self.was_reset = False
        self.sent = 0           # request body bytes that went out
        self.head_only = False
        self._pos = 0
        self._chunk = None      # bytes left of the current chunk
        self._left = None       # bytes left of Content-Length
        self._framing = None

    def header(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def header_count(self, name):
        return sum(key.lower() == name.lower() for key, _ in self.headers)

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The OpenAI error object of an error answer."""
        value = self.json()
        assert set(value) == {"error"}, value
        assert set(value["error"]) == {"message", "type", "param", "code"}
        return value["error"]

    def __str__(self):
        return (f"{self.status} {self.headers} {self.body[:500]!r} "
                f"complete={self.complete}")

    # Receiving.

    def _feed(self, data):
        self.arrivals.append((time.monotonic(), len(data)))
        self.raw += data
        while self._step():
            pass

    def _step(self):
        if self.status is None:
            return self._step_head()
        if self.complete:
            return False
        if self._framing == "chunked":
            return self._step_chunk()
        data = self.raw[self._pos:]
        if self._framing == "length":
            data = data[:self._left]
            self._left -= len(data)
        self.body += data
        self._pos += len(data)
        if self._framing == "length" and self._left == 0:
            self.complete = True
        return False

    def _step_head(self):
        end = self.raw.find(b"\r\n\r\n", self._pos)
        if end < 0:
            return False
        lines = self.raw[self._pos:end].decode("latin-1").split("\r\n")
        self._pos = end + 4
        parts = lines[0].split(" ", 2)
        status = int(parts[1])
        if 100 <= status < 200:
            return True
        self.status, self.reason = status, (parts + [""])[2]
        self.headers = [tuple(s.strip() for s in line.split(":", 1))
                        for line in lines[1:]]
        if (self.header("transfer-encoding") or "").lower() == "chunked":
            self._framing = "chunked"
        elif self.header("content-length") is not None:
            self._framing, self._left = "length", int(
                self.header("content-length"))
        else:
            self._framing = "close"
        if self.head_only or status in (204, 304):
            self.complete = True
        return True

    def _step_chunk(self):
        if not self._chunk:
            end = self.raw.find(b"\r\n", self._pos)
            if end < 0:
                return False
            self._chunk = int(self.raw[self._pos:end].split(b";")[0], 16)
            if self._chunk == 0:
                if self.raw[end + 2:end + 4] != b"\r\n":
                    return False
                self._pos, self.complete = end + 4, True
                return False
            self._pos = end + 2
            self._chunk += 2
        data = self.raw[self._pos:self._pos + self._chunk]
        if not data:
            return False
        body = data[:max(0, self._chunk - 2)]
        self.body += body
        self._pos += len(data)
        self._chunk -= len(data)
        return True

    def more(self, timeout=None):
        """Take in what comes next. False when nothing more will come."""
        if self.ended or self.complete:
            return False
        timeout = PATIENCE if timeout is None else timeout
        ready, _, _ = select.select([self.sock], [], [], timeout)
        if not ready:
            raise Timeout(f"nothing came for {timeout} s after "
                          f"{len(self.raw)} bytes: {self.raw[-300:]!r}")
        try:
            data = self.sock.recv(262144)
        except ConnectionResetError:
            data, self.was_reset = b"", True
        if data:
            self._feed(data)
            return True
        self.ended = True
        if self._framing == "close" and not self.was_reset:
            self.complete = True
        return False

    def wait_head(self, timeout=None):
        while self.status is None:
            if not self.more(timeout):
                raise AssertionError(f"no answer came, only {self.raw!r}")
        return self

    def event(self, timeout=None):
        """The next SSE block with its empty line; None at the answer's end."""
        while True:
            end = self.body.find(b"\n\n", self.given)
            if end >= 0:
                block = bytes(self.body[self.given:end + 2])
                self.given = end + 2
                return block
            if not self.more(timeout):
                return None

    def take(self, count, timeout=None):
        """Exactly COUNT more body bytes."""
        while len(self.body) < self.given + count:
            if not self.more(timeout):
                raise AssertionError(f"the answer ended early: {self}")
        self.given += count
        return bytes(self.body[self.given - count:self.given])

    def finish(self, timeout=None):
        """Take in all of it, and close unless the connection can go on."""
        while self.more(timeout):
            pass
        if self.status is None:
            raise AssertionError(f"no answer came, only {self.raw!r}")
        return self

    # Leaving.

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()


class Client:
    def __init__(self, port, key=None, host="127.0.0.1"):
        self.port, self.key, self.host = port, key, host

    def connect(self):
        sock = socket.create_connection((self.host, self.port), PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def head_bytes(self, method, path, headers, auth=True):
        lines = [f"{method} {path} HTTP/1.1"]
        names = {name.lower() for name, _ in headers}
        if "host" not in names:
            lines.append(f"Host: {self.host}:{self.port}")
        if auth and self.key and "authorization" not in names:
            lines.append(f"Authorization: Bearer {self.key}")
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join(lines + ["", ""]).encode("latin-1")

    def open(self, method, path, body=None, headers=(), auth=True,
             chunked=False, sock=None):
        """Send a request; the answer is read by the Reply."""
        headers = list(headers)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        names = {name.lower() for name, _ in headers}
        if body is not None:
            if "content-type" not in names:
                headers.append(("Content-Type", "application/json"))
            if chunked:
                headers.append(("Transfer-Encoding", "chunked"))
                body = b"".join(
                    b"%x\r\n%s\r\n" % (len(body[i:i + 16384]),
                                       body[i:i + 16384])
                    for i in range(0, len(body), 16384)) + b"0\r\n\r\n"
            elif "content-length" not in names:
                headers.append(("Content-Length", str(len(body))))
        reply = Reply(sock or self.connect())
        reply.head_only = method == "HEAD"
        reply.sock.sendall(self.head_bytes(method, path, headers, auth)
                           + (body or b""))
        reply.sent = len(body or b"")
        return reply

    def ask(self, method, path, body=None, **kwargs):
        """Send a request and take in the whole answer."""
        reply = self.open(method, path, body, **kwargs).finish()
        if "sock" not in kwargs:
            reply.close()
        return reply

    def get(self, path, **kwargs):
        return self.ask("GET", path, **kwargs)

    def post(self, path, body, **kwargs):
        return self.ask("POST", path, body, **kwargs)

    def upload(self, path, total, headers=(), auth=True, first=b"", stop=None):
        """
        POST a body of TOTAL bytes and read at the same time, as a real
        client does. Ends with the answer, or when STOP(reply) says so.
        """
        headers = list(headers) + [("Content-Type", "application/json"),
                                   ("Content-Length", str(total))]
        sock = self.connect()
        sock.sendall(self.head_bytes("POST", path, headers, auth))
        return self.exchange(sock, first, total, stop)

    def exchange(self, sock, first, total=None, stop=None):
        """
        Send FIRST, and spaces up to TOTAL bytes, on SOCK while reading what
        comes back, until the answer's end or until STOP(reply).
        """
        reply = Reply(sock)
        total = len(first) if total is None else total
        reply.sock.setblocking(False)
        block = b" " * 262144
        end = time.monotonic() + 4 * PATIENCE
        writing = True
        while not reply.complete and not reply.ended:
            if time.monotonic() > end:
                raise Timeout(f"upload of {total} stands at {reply.sent}")
            if stop and stop(reply):
                break
            writing = writing and reply.sent < total
            ready, writable, _ = select.select(
                [reply.sock], [reply.sock] if writing else [], [], 0.05)
            if ready:
                reply.more()
            elif writable:
                writing = self._write(reply, first, block, total)
        reply.sock.setblocking(True)
        return reply

    @staticmethod
    def _write(reply, first, block, total):
        if reply.sent < len(first):
            data = first[reply.sent:reply.sent + len(block)]
        else:
            data = block[:total - reply.sent]
        try:
            reply.sent += reply.sock.send(data)
            return True
        except BlockingIOError:
            return True
        except OSError:
            return False        # refused to read on: the answer may still come
