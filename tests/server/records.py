"""FastCGI as a peer would write it, and what comes back."""
import json
import socket
import struct

from client import KEY, PATIENCE

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT = 1, 2, 3, 4, 5, 6
GET_VALUES, UNKNOWN_TYPE = 9, 11


def record(kind, content=b"", number=1, padding=0, version=1):
    return struct.pack(">BBHHBB", version, kind, number, len(content),
                       padding, 0) + content + bytes(padding)


def begin(keep=False, number=1, role=1):
    return record(BEGIN, struct.pack(">HB5x", role, keep), number)


def length(n):
    return bytes([n]) if n < 128 else struct.pack(">I", n | 1 << 31)


def pairs(items):
    out = b""
    for name, value in items.items():
        name, value = name.encode("latin-1"), value.encode("latin-1")
        out += length(len(name)) + length(len(value)) + name + value
    return out


def stream(kind, data):
    parts = [data[i:i + 65535] for i in range(0, len(data), 65535)]
    return b"".join(record(kind, part) for part in parts) + record(kind)


def parameters(method="POST", uri="/v1/chat/completions", body=b"", **more):
    items = {"REQUEST_METHOD": method, "REQUEST_URI": uri,
             "REMOTE_ADDR": "127.0.0.1", "HTTP_AUTHORIZATION": f"Bearer {KEY}"}
    if body:
        items["CONTENT_LENGTH"] = str(len(body))
        items["CONTENT_TYPE"] = "application/json"
    items.update(more)
    return items


def whole(items, body=b"", keep=False):
    return begin(keep) + stream(PARAMS, pairs(items)) + stream(STDIN, body)


class Answer:
    """What came back on one connection, up to its END_REQUEST or its end."""

    def __init__(self):
        self.raw = self.out = b""
        self.records = []       # (type, id, content), STDOUT left out
        self.ended = self.broken = self.closed = False

    def feed(self, data):
        self.raw += data
        while len(self.raw) >= 8 and not self.broken:
            version, kind, number, n, padding, _ = struct.unpack(
                ">BBHHBB", self.raw[:8])
            self.broken = version != 1
            if self.broken or len(self.raw) < 8 + n + padding:
                return
            content, self.raw = self.raw[8:8 + n], self.raw[8 + n + padding:]
            if kind == STDOUT:
                self.out += content
            else:
                self.records.append((kind, number, content))
            self.ended = self.ended or (kind, number) == (END, 1)

    @property
    def head(self):
        return self.out.split(b"\r\n\r\n")[0].decode("latin-1")

    @property
    def body(self):
        return self.out.partition(b"\r\n\r\n")[2]

    @property
    def status(self):
        return int(self.head.split()[1]) if self.out else None

    def header(self, name, default=None):
        for line in self.head.split("\r\n"):
            key, _, value = line.partition(": ")
            if key.lower() == name.lower():
                return value
        return default

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json()["error"]

    @property
    def code(self):
        return self.error["code"]

    def __str__(self):
        return (f"{self.head!r} {self.body[:300]!r} {self.records} "
                f"ended={self.ended} broken={self.broken}")


def read(sock, to_end=False):
    """The answer on SOCK; TO_END = until the peer closes."""
    answer = Answer()
    sock.settimeout(PATIENCE)
    while (to_end or not answer.ended) and not answer.closed:
        try:
            data = sock.recv(65536)
        except ConnectionResetError:
            data = b""
        answer.closed = not data
        answer.feed(data)
    return answer


class Direct:
    """A client of one process: Client's ask(), without a web server between."""

    def __init__(self, path, key):
        self.path, self.key = path, key

    def ask(self, method, uri, body=None, headers=(), params=None):
        """PARAMS are what else a web server says, as REMOTE_USER."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        items = parameters(method, uri, body or b"")
        if self.key is None:
            del items["HTTP_AUTHORIZATION"]
        else:
            items["HTTP_AUTHORIZATION"] = f"Bearer {self.key}"
        for name, value in headers:
            items["HTTP_" + name.upper().replace("-", "_")] = value
        items.update(params or {})
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(self.path)
            sock.sendall(whole(items, body or b""))
            answer = read(sock)
        assert answer.ended, f"no whole answer came, only {answer}"
        return answer

    def get(self, uri, **more):
        return self.ask("GET", uri, **more)

    def post(self, uri, body, **more):
        return self.ask("POST", uri, body, **more)
