"""
Whenever the gateway takes a body, every other reader reads the same model in it.

Thousands of bodies, made at random but the same each time: members and parts in
spellings, orders and encodings of all sorts, then some bytes of them changed.
"""
import base64
import email
import email.policy
import json
import os
import random
import re
import struct
import subprocess
import unicodedata

from servers import BUILD, SRC

JSON_COUNT = 12000
FORM_COUNT = 12000
NAMES = ["model", "Model", "MODEL", "mod\u0065l", "model ", "_model", "models",
         "model[]", "mode", "\uff4dodel", "mod\u200bel", "model\0", "stream",
         "Stream", "\u017ftream", "stream_options", "streamOptions",
         "max_tokens", "maxTokens", "max_to\u212aens", "messages", "n", "N",
         "user", "x", "", "__proto__", "constructor", "\u6a21\u578b", "mod\ufb01l"]
VALUES = ["allowed", "forbidden", "", "a\0b", "\ud800", "\u00e9", 7, None, True,
          False, [], {}, {"model": "forbidden"}, "&model=forbidden&",
          "\r\n--b\r\n", 1e300, "--b"]


def ours(cases):
    """What tests/server/reading says of each (type, body)."""
    data = b"".join(struct.pack(">I", len(part)) + part
                    for kind, body in cases for part in (kind, body))
    run = subprocess.run([os.path.join(BUILD, "tests/server/reading")],
                         input=data, capture_output=True, check=True)
    lines = run.stdout.decode().splitlines()
    assert len(lines) == len(cases)
    return [line.split("\t") for line in lines]


def value_of(text):
    return None if text == "-" else bytes.fromhex(text)


def changed(rng, body, pieces):
    """BODY with a few bytes dropped, doubled, changed or put in."""
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
        at = rng.randrange(len(body) + 1)
        what = rng.randrange(5)
        if what == 0:
            body = body[:at] + body[at + rng.randrange(1, 4):]
        elif what == 1:
            body = body[:at] + bytes([rng.randrange(256)]) + body[at + 1:]
        elif what == 2:
            body = body[:at] + rng.choice(pieces) + body[at:]
        elif what == 3:
            end = min(len(body), at + rng.randrange(1, 40))
            body = body[:end] + body[at:]
        else:
            other = rng.randrange(len(body) + 1)
            low, high = sorted((at, other))
            body = body[:low] + body[high:] if rng.random() < .3 else body
    return body


# JSON.

def json_text(rng):
    def string(text):
        if rng.random() < .2:
            return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c
                                 for c in text) + '"'
        return json.dumps(text, ensure_ascii=rng.random() < .6)
    members = []
    names = ["model"] if rng.random() < .7 else []
    names += [rng.choice(NAMES) for _ in range(rng.randrange(3))]
    rng.shuffle(names)
    for name in names:
        value = rng.choice(VALUES[:2] if name == "model" and rng.random() < .8
                           else VALUES)
        members.append(string(name) + rng.choice((":", " :\t", ": ")) + (
            string(value) if isinstance(value, str) else json.dumps(value)))
    return ("{" + rng.choice((",", " ,\n")).join(members) + "}").encode(
        "utf-8", "surrogatepass")


JSON_PIECES = [b'"Model":"forbidden",', b'"model":"forbidden",', b"\0", b"\\u0000",
               b'"', b"\\", b"{", b"}", b",", b"//", b"/*", b"\xef\xbb\xbf",
               b"\xff", b"\xc0\x80", b" ", b"\x0b", b"NaN", b"'", b"\xe2\x80\x8b",
               b'"stream":true,', b'"STREAM":true,']


def pairs_of(text):
    return json.loads(text, object_pairs_hook=lambda pairs: pairs)


def fold(name):
    """As the loosest of readers would know a name."""
    name = name.split("\0")[0].split("[")[0]
    name = unicodedata.normalize("NFKC", name).casefold()
    name = "".join(c for c in name if unicodedata.category(c) not in (
        "Cf", "Cs"))
    return re.sub(r"[\s_.\-]", "", name)


JSON_READERS = {
    "last": lambda pairs, name: [v for k, v in pairs if k == name][-1:],
    "first": lambda pairs, name: [v for k, v in pairs if k == name][:1],
    "last, loose": lambda pairs, name: [
        v for k, v in pairs if fold(k) == fold(name)][-1:],
    "first, loose": lambda pairs, name: [
        v for k, v in pairs if fold(k) == fold(name)][:1],
    "prototype": lambda pairs, name: ([v for k, v in pairs if k == name] or [
        v for k, value in pairs if k == "__proto__" and isinstance(value, list)
        for k2, v in value if k2 == name])[-1:],
}


def javascript(bodies):
    """Node's reading of each, or None: it is no JSON there."""
    run = subprocess.run(
        [os.environ.get("NODE") or "node",
         os.path.join(SRC, "tests/server/readers.mjs")],
        input=b"\n".join(base64.b64encode(body) for body in bodies),
        capture_output=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_json_is_read_alike():
    rng = random.Random(20)
    bodies = [changed(rng, json_text(rng), JSON_PIECES)
              for _ in range(JSON_COUNT)]
    taken = [(body, line) for body, line in zip(bodies, ours(
        [(b"application/json", body) for body in bodies]))
        if line[0] == "json"]
    assert JSON_COUNT // 6 < len(taken) < JSON_COUNT * 5 // 6
    named = 0
    for (body, line), js in zip(taken, javascript([b for b, _ in taken])):
        pairs = pairs_of(body.decode())
        for name, read in JSON_READERS.items():
            found = read(pairs, "model")
            stream = read(pairs, "stream") == [True]
            assert stream == (line[3] == "1"), (name, body)
            if line[2] == "-":
                assert found == [], (name, body)
            elif line[2] != "?":
                named += 1
                assert [value_of(line[2]).decode()] == found, (name, body)
        assert js is not None, body
        assert js[0] == js[1], body
        assert (js[2] is True) == (js[3] is True) == (line[3] == "1"), body
        if line[2] == "-":
            assert js[0] is None, body
        elif line[2] != "?":
            assert js[0] == value_of(line[2]).decode(), body
    assert named > JSON_COUNT // 10


# Forms.

PLAIN = ["file", "x", "user", "models", "stream", "prompt"]
FIELDS = ["model", "Model", "model[]", " model", "model ", "mod%65l", "mod\\el",
          "'model'", "=?utf-8?q?model?=", "stream", "STREAM", "file", "user",
          "x", "models", "_charset_", "mo.del", "\u017ftream", "__proto__"]
LINES = [b"Content-Type: text/plain\r\n", b"Content-Type: application/json\r\n",
         b"Content-Type: text/plain; charset=utf-7\r\n",
         b"Content-Transfer-Encoding: base64\r\n", b"X-Y: z\r\n",
         b"Content-Transfer-Encoding: 8bit\r\n",
         b"Content-Type: text/plain; charset=utf-8\r\n",
         b"Content-Type: multipart/mixed; boundary=b\r\n",
         b"Content-Disposition: form-data; name=\"model\"\r\n"]
FORM_VALUES = [b"allowed", b"forbidden", b"true", b"", b"--b", b"\r\n", b"x\r\n-",
               b"\xff", b"YWxsb3dlZA==", b'{"model":"forbidden"}']
FORM_PIECES = [b"--b", b"--b--", b"\r\n", b"\n", b"\r", b"\r\n--b\r\n", b'"', b";",
               b'; name="model"', b'; filename="x"', b": ", b" ", b"\0",
               b'Content-Disposition: form-data; name="model"\r\n\r\nforbidden',
               b'{"model":"forbidden"}', b"--b\r\nContent-Disposition: form-data;"
               b' name="model"\r\n\r\nforbidden\r\n', b"\t", b"\\", b"--"]
TYPES = [b"multipart/form-data; boundary=b", b'multipart/form-data; boundary="b"',
         b"Multipart/Form-Data;BOUNDARY=b;charset=utf-8",
         b"multipart/form-data; boundary=b; boundary=c",
         b"multipart/form-data; boundary=b; charset=utf-7",
         b"multipart/form-data; x=\"boundary=c\"; boundary=b"]


def part(rng, name):
    quote = "" if rng.random() < .1 and name.isalpha() else '"'
    more = "" if rng.random() < .7 else rng.choice((
        '; filename="f"', "; filename*=utf-8''f", "; Name=x", ";"))
    head = f"Content-Disposition: form-data; name={quote}{name}{quote}{more}"
    line = rng.choice(LINES) if rng.random() < .2 else b""
    return head.encode() + b"\r\n" + line + b"\r\n" + rng.choice(FORM_VALUES)


def form_text(rng):
    names = ["model"] if rng.random() < .7 else []
    names += [rng.choice(PLAIN if rng.random() < .7 else FIELDS)
              for _ in range(rng.randrange(4))]
    rng.shuffle(names)
    before = rng.choice((b"", b"", b"", b"\r\n", b'{"model":"forbidden"}\r\n'))
    behind = rng.choice((b"", b"\r\n", b"\r\n", b"\r\n\r\n", b"\r\nx"))
    return before + b"".join(b"--b\r\n" + part(rng, name) + b"\r\n"
                             for name in names) + b"--b--" + behind


def by_email(kind, body):
    """Python's own: every part, however deep, decoded."""
    message = email.message_from_bytes(
        b"Content-Type: " + kind + b"\r\n\r\n" + body,
        policy=email.policy.compat32)
    return [(piece.get_param("name", header="content-disposition"),
             piece.get_payload(decode=True)) for piece in message.walk()
            if not piece.is_multipart()]


def by_splitting(line_end):
    """Who cuts at boundaries and looks for the empty line."""
    def read(_, body):
        found = []
        for piece in re.split(line_end + rb"--b", b"\r\n" + body)[1:]:
            if piece.startswith(b"--"):
                break
            halves = re.split(rb"\r?\n\r?\n", piece, maxsplit=1)
            name = re.search(rb'(?i)[;\s]name="?([^";\r\n]*)', halves[0])
            found.append((name and name[1].decode("latin-1"),
                          halves[1] if len(halves) == 2 else b""))
        return found
    return read


FORM_READERS = {"email": by_email, "CR LF": by_splitting(rb"\r\n"),
                "LF": by_splitting(rb"\r?\n"), "any": by_splitting(rb"[\r\n]+")}


def fields_called(found, name):
    """As PHP, Go and a mail program would know them, those that are there."""
    return [value for key, value in found if isinstance(key, str) and fold(
        re.sub(r"[\\']", "", key)) == fold(name)]


def test_forms_are_read_alike():
    rng = random.Random(21)
    cases = []
    for _ in range(FORM_COUNT):
        kind = rng.choice(TYPES if rng.random() < .3 else TYPES[:1])
        cases.append((kind, changed(rng, form_text(rng), FORM_PIECES)))
    named = 0
    for (_, body), line in zip(cases, ours(cases)):
        if line[0] != "form":
            continue
        try:
            json.JSONDecoder().raw_decode(body.decode("latin-1").lstrip())
            assert False, body
        except ValueError:
            pass
        assert line[1] == "multipart/form-data; boundary=b"
        for name, read in FORM_READERS.items():
            found = fields_called(read(line[1].encode(), body), "model")
            want = [] if line[2] == "-" else [value_of(line[2])]
            assert [v.strip(b"\r\n") for v in found] == [
                v.strip(b"\r\n") for v in want], (name, body)
        named += line[2] != "-"
    assert FORM_COUNT // 20 < named < FORM_COUNT * 5 // 6


# Every character of Unicode that could stand for a letter of a name.

def test_no_character_makes_another_spelling():
    """Whatever mapping of a character gives a piece of a name, it is refused."""
    names = ["model", "stream", "max_tokens", "messages", "instructions"]
    cases = []
    for code in range(0x80, 0x110000):
        if 0xD800 <= code <= 0xDFFF:
            continue
        char = chr(code)
        for text in {char.lower(), char.upper().lower(), char.casefold(),
                     unicodedata.normalize("NFKC", char).casefold()}:
            if text.isascii() and text.isalpha():
                cases += [name.replace(text, char, 1) for name in names
                          if text in name]
    assert len(cases) > 1000
    lines = ours([(b"application/json", json.dumps(
        {name: "forbidden", **({} if i % 2 else {"x": 1})},
        ensure_ascii=i % 3 == 0).encode()) for i, name in enumerate(cases)])
    wrong = [name for name, line in zip(cases, lines) if line[0] != "refused"]
    assert wrong == []
