"""Loopback ports where nobody answers."""
import socket

from upstream import closed_port

_closed, CLOSED_PORT = closed_port()


def full_port():
    """A loopback port whose backlog is full: a new SYN is not answered."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    for _ in range(3):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
        waiting.append(sock)
    return [listener, *waiting], listener.getsockname()[1]


_full, FULL_PORT = full_port()
