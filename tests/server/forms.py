"""Multipart bodies, built byte by byte so that a test knows each of them."""
import random

BOUNDARY = "----sluice9f3aX"


def field(name, value, extra=b""):
    """One part; NAME and VALUE are str or bytes."""
    name = name if isinstance(name, bytes) else name.encode()
    value = value if isinstance(value, bytes) else value.encode()
    return (b'Content-Disposition: form-data; name="' + name + b'"\r\n'
            + extra + b"\r\n" + value)


def file(name, data, filename=b"speech.wav", kind=b"audio/wav"):
    return (b'Content-Disposition: form-data; name="' + name.encode()
            + b'"; filename="' + filename + b'"\r\nContent-Type: ' + kind
            + b"\r\n\r\n" + data)


def form(*parts, boundary=BOUNDARY, end=b"\r\n"):
    mark = b"--" + boundary.encode()
    return b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) \
        + mark + b"--" + end


def form_type(boundary=BOUNDARY):
    return [("Content-Type", f"multipart/form-data; boundary={boundary}")]


def noise(size, seed=1):
    """The same SIZE bytes each time, of every value."""
    return random.Random(seed).randbytes(size)
