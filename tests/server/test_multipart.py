"""Uploads: of a form's bytes only the model's value may change."""
import hashlib

import pytest

from client import Client, until
from fixtures import provider
from forms import BOUNDARY, field, file, form, form_type, noise
from servers import LOGIC, UP_KEY, WRAPPER
from upstream import manual

SERVERS = ["lighttpd", "apache-proxy-fcgi", "nginx"]
PATHS = ["audio/transcriptions", "audio/translations", "images/edits",
         "images/variations"]
SOUND = noise(5000)
UPLOAD = 30 * 1024 * 1024
MEMORY_BODY = 1024 * 1024
CONF = {"limits": {"memory_body": MEMORY_BODY}}


def PROVIDERS(upstream):
    return {"up": provider(upstream, models=(
        {"name": "whisper", "target": "a-much-longer-name-upstream"},
        {"name": "a-long-name-that-becomes-short", "target": "w"},
        {"name": "same"}))}


def send(client, body, path="audio/transcriptions", boundary=BOUNDARY,
         **more):
    return client.post(f"/v1/{path}", body, headers=form_type(boundary),
                       **more)


def parts_with(model, place):
    """Five parts with the model's at PLACE."""
    parts = [file("file", SOUND), field("language", "fi"),
             field("prompt", "a\r\n--x\r\n\r\nb"), field("temperature", "0.0")]
    parts.insert(place, field("model", model))
    return parts


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("place", [0, 2, 4])
def test_model_anywhere(client, upstream, place, path):
    upstream.script = lambda x: x.json({"text": "ok"})
    reply = send(client, form(*parts_with("whisper", place)), path)
    assert reply.status == 200, reply
    x = upstream.wait()
    assert (x.method, x.path) == ("POST", f"/v1/{path}")
    assert x.body == form(*parts_with("a-much-longer-name-upstream", place))
    assert x.header("content-type") == form_type()[0][1]
    assert x.header("content-length") == str(len(x.body))
    assert x.header("authorization") == f"Bearer {UP_KEY}"


@pytest.mark.parametrize("model, target", [
    ("same", "same"), ("default/same", "same"),
    ("a-long-name-that-becomes-short", "w")])
def test_other_lengths_of_names(client, upstream, model, target):
    upstream.script = lambda x: x.json({})
    assert send(client, form(*parts_with(model, 1))).status == 200
    assert upstream.wait().body == form(*parts_with(target, 1))


def unusual(model):
    """What careless gateways lose: repeated, [] and empty fields, odd types."""
    return [
        field("timestamp_granularities[]", "word"),
        field("timestamp_granularities[]", "segment"),
        field("include[]", "logprobs"),
        file("image[]", b"\x89PNG\r\n\x1a\n", b"1.png", b"image/png"),
        file("image[]", b"", b"2.png", b"image/png"),
        field("model", model, b"Content-Type: text/plain; charset=utf-8\r\n"),
        field("empty", ""),
        field("modell", "not-the-model"), field("models", "x"), field("x-vendor", b"\x00\xff\xfe\r\n"),
    ]


def test_repeated_and_unknown_fields(client, upstream):
    upstream.script = lambda x: x.json({})
    reply = send(client, form(*unusual("whisper")))
    assert reply.status == 200, reply
    assert upstream.wait().body == form(
        *unusual("a-much-longer-name-upstream"))


@pytest.mark.parametrize("name", [
    "n\u00e4h.wav".encode(), b"latin-\xe9.wav", b"a b;c.wav", b"%22quote.wav",
    b"..\\..\\boot.ini", b"../../etc/passwd", b"",
    b'x.wav"; filename*=UTF-8\'\'n%C3%A4h.wav; y="'])
def test_file_name_is_kept(client, upstream, name):
    upstream.script = lambda x: x.json({})
    reply = send(client, form(field("model", "whisper"),
                              file("file", SOUND, name)))
    assert reply.status == 200, reply
    assert upstream.wait().body == form(
        field("model", "a-much-longer-name-upstream"),
        file("file", SOUND, name))


@pytest.mark.parametrize("header, boundary, told", [
    ('multipart/form-data; boundary="with space?=(1)"', "with space?=(1)",
     '"with space?=(1)"'),
    ("multipart/form-data; boundary=a/b?c=d", "a/b?c=d", '"a/b?c=d"'),
    ('multipart/form-data; boundary="plain"', "plain", "plain"),
    ("Multipart/Form-Data; charset=utf-8; BOUNDARY=x; y=z", "x", "x"),
    ("multipart/form-data; boundary=" + "b" * 70, "b" * 70, "b" * 70)])
def test_boundaries(client, upstream, header, boundary, told):
    """Written in one way upstream, and nothing besides."""
    upstream.script = lambda x: x.json({})
    made = form(field("model", "whisper"), file("file", SOUND),
                boundary=boundary)
    reply = client.post("/v1/audio/transcriptions", made,
                        headers=[("Content-Type", header)])
    assert reply.status == 200, reply
    x = upstream.wait()
    assert x.header("content-type") == f"multipart/form-data; boundary={told}"
    assert x.body == made.replace(b"whisper", b"a-much-longer-name-upstream")


def test_content_that_resembles_the_boundary(client, upstream):
    """Only a whole line that is the delimiter ends a part."""
    upstream.script = lambda x: x.json({})
    mark = b"--" + BOUNDARY.encode()
    data = (mark[1:] + b"\r\n" + mark[:-1] + b"\r\nx" + mark
            + b'\r\nContent-Disposition: form-data; name="model"\r\n\r\nevil')
    parts = [file("file", data), field("model", "same")]
    assert send(client, form(*parts)).status == 200
    assert upstream.wait().body == form(*parts)


@pytest.mark.parametrize("kind, data", [
    ("application/json", b'{"text" : "Hei",\n"x":1.50}'),
    ("text/plain; charset=utf-8", "H\u00e4?\n".encode()),
    ("text/plain", b"1\n00:00:00,000 --> 00:00:01,000\nHei\n\n"),
    ("text/vtt; charset=utf-8", b"WEBVTT\n\n00:00.000 --> 00:01.000\nHei\n"),
    ("application/x-subrip", noise(300000)),
    (None, b"no type at all")])
def test_any_answer_passes(client, upstream, kind, data):
    """P06: text, srt, vtt and verbose_json as the provider wrote them."""
    def script(x):
        x.keep = True
        x.head(200, ([("Content-Type", kind)] if kind else [])
               + [("Content-Length", str(len(data)))])
        x.send(data)
    upstream.script = script
    reply = send(client, form(*parts_with("whisper", 0)))
    assert reply.status == 200
    assert bytes(reply.body) == data
    assert reply.complete
    assert kind is None or reply.header("content-type") == kind


@pytest.mark.parametrize("status", [400, 413, 429, 500])
def test_upstreams_own_error_passes(client, upstream, status):
    error = b'{"error": {"message": "no",  "code": 7}}'
    upstream.script = lambda x: x.json(error, status)
    reply = send(client, form(*parts_with("whisper", 4)))
    assert (reply.status, bytes(reply.body)) == (status, error)


def test_streamed_transcription(server, client, upstream):
    """stream=true in a form: events reach the client one by one."""
    upstream.script = manual
    reply = client.open(
        "POST", "/v1/audio/transcriptions",
        form(field("model", "whisper"), field("stream", "true"),
             file("file", SOUND)), headers=form_type())
    x = upstream.wait()
    x.sse()
    for word in ("one", "two", "three"):
        sent = x.event({"type": "transcript.text.delta", "delta": word})
        assert reply.event() == sent
    x.end()
    assert reply.finish().complete
    line = server.journaled(reply.header("x-request-id"))
    assert line["stream"] is True
    assert line["request_model_name"] == "whisper"
    assert line["target_model_name"] == "a-much-longer-name-upstream"


# Large ones.

def peak(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f
                    if line.startswith("VmHWM:"))


def is_instrumented(server):
    """Sanitizers and valgrind have a memory of their own."""
    with open(f"{server.tmp}/bin/real/sluice.fcgi", "rb") as f:
        return bool(WRAPPER) or b"__asan_init" in f.read()


@pytest.mark.parametrize("place", [0, 1])
def test_large_upload(server, upstream, measured, place):
    """
    30 MB arrive as they were sent, and no responder grows by more than twice
    memory_body (and what libcurl and a thread stack need).
    """
    upstream.script = lambda x: x.json({"text": "long"})
    send(server.client(), form(*parts_with("whisper", 0)))
    idle = {pid: peak(pid) for pid in server.responders()}
    parts = [file("file", noise(UPLOAD))]
    parts.insert(place, field("model", "whisper"))
    body = form(*parts)
    reply = send(server.client(), body)
    assert reply.status == 200, reply
    x = upstream.wait(2)
    parts[place] = field("model", "a-much-longer-name-upstream")
    assert len(x.body) == len(body) + len("a-much-longer-name-upstream") \
        - len("whisper")
    assert x.sha256 == hashlib.sha256(form(*parts)).hexdigest()
    until(lambda: server.spools() == [], "the spool to be gone")
    grown = max(peak(pid) - idle[pid] for pid in idle)
    measured("grown by", f"{grown // 1024} KiB")
    if not is_instrumented(server):
        assert grown <= 2 * MEMORY_BODY + 512 * 1024


def test_several_large_uploads_at_once(server, upstream):
    """Each arrives as it was, though they are mixed on the way."""
    upstream.script = lambda x: x.json({"sha": x.sha256})
    bodies = [form(field("model", "same"), file("file", noise(3000000, i)))
              for i in range(6)]
    replies = [server.client().open("POST", "/v1/audio/transcriptions", body,
                                    headers=form_type()) for body in bodies]
    for body, reply in zip(bodies, replies):
        assert reply.finish().json() == {
            "sha": hashlib.sha256(body).hexdigest()}
        reply.close()


def test_files_of_bodies_have_a_total(make_server, upstream):
    """503 beyond it; small requests need no file, and room comes back."""
    server = make_server("lighttpd", {"limits": {
        "memory_body": 65536, "spool_total": 1 << 20}}, PROVIDERS(upstream),
        procs=1)

    def upload(size):
        return server.client().open("POST", "/v1/audio/transcriptions", form(
            field("model", "same"), file("file", noise(size))),
            headers=form_type())
    upstream.script = manual
    large = upload(700000)
    x = upstream.wait(1)
    upstream.script = lambda x: x.json({"text": "short"})
    refused = upload(700000).finish()
    assert (refused.status, refused.error["code"]) == (503, "overloaded")
    line = server.journaled(refused.header("x-request-id"))
    assert (line["outcome"], line["attempts"]) == ("spool_full", [])
    assert upload(1000).finish().status == 200
    x.json({"text": "long"})
    x.close()
    assert large.finish().status == 200
    until(lambda: upload(700000).finish().status == 200, "room")


def test_chunked_upload(client, upstream):
    upstream.script = lambda x: x.json({})
    body = form(file("file", noise(2000000)), field("model", "same"))
    reply = send(client, body, chunked=True)
    assert reply.status == 200, reply
    assert upstream.wait().sha256 == hashlib.sha256(body).hexdigest()


def test_client_that_leaves_in_mid_upload(server, client, upstream):
    body = form(field("model", "same"), file("file", noise(3000000)))
    reply = client.open("POST", "/v1/audio/transcriptions", body[:2000000],
                        headers=form_type()
                        + [("Content-Length", str(len(body)))])
    reply.close()
    until(lambda: server.spools() == [], "the spool to be gone")
    assert upstream.requests == []
    upstream.script = lambda x: x.json({})
    assert send(client, form(field("model", "same"))).status == 200


# What is refused.

def named(disposition, value=b"same"):
    return (b"Content-Disposition: " + disposition + b"\r\n\r\n" + value)


GOOD = form(field("model", "same"), file("file", SOUND))
PLAIN = "multipart/form-data"
FORM = form_type()[0][1]
BAD = {
    "no boundary": (PLAIN, GOOD, "no boundary"),
    "empty boundary": (PLAIN + "; boundary=", GOOD, "boundary|well-formed"),
    "quoted empty boundary": (PLAIN + '; boundary=""', GOOD, "boundary"),
    "two boundaries": (FORM + "; boundary=y", GOOD, "boundary"),
    "boundary of 71": (PLAIN + "; boundary=" + "b" * 71, GOOD, "boundary"),
    "other boundary": (PLAIN + "; boundary=other", GOOD, "start"),
    "no form at all": (FORM, b'{"model":"same"}', "start"),
    "bare line ends": (FORM, GOOD.replace(b"\r\n", b"\n"), "CR LF"),
    "without model": (FORM, form(file("file", SOUND)), "model"),
    "no parts": (FORM, form(), "model"),
    "empty model": (FORM, form(field("model", "")), "model"),
    "model of 300 bytes": (FORM, form(field("model", "m" * 300)), "model"),
    "model with a line end": (FORM, form(field("model", "a\r\nX: b")),
                              "model"),
    "model with a NUL": (FORM, form(field("model", "same\0")), "model"),
    "two models": (FORM, form(field("model", "same"),
                              field("model", "whisper")), "twice"),
    "two models, apart": (FORM, form(field("model", "same"),
                                     file("file", SOUND),
                                     field("model", "same")), "twice"),
    "second bare": (FORM, form(field("model", "same"), named(
        b"form-data; name=model")), "twice"),
    "second in capitals": (FORM, form(field("model", "same"), named(
        b'Form-Data; NAME="model"')), "twice"),
    "second with a backslash": (FORM, form(field("model", "same"), named(
        b'form-data; name="mod\\el"')), "escapes"),
    "second with a percent": (FORM, form(field("model", "same"), named(
        b'form-data; name="mod%65l"')), "escapes"),
    "second as a file": (FORM, form(field("model", "same"), file(
        "model", b"same", kind=b"text/plain")), "file"),
    "model as a file": (FORM, form(file("model", b"same",
                                        kind=b"text/plain")), "file"),
    "extended name": (FORM, form(field("model", "same"), named(
        b"form-data; name=x; name*=UTF-8''model")), "name"),
    "two names": (FORM, form(named(
        b'form-data; name="x"; name="model"')), "name"),
    "name hidden in a filename": (FORM, form(field("model", "same"), named(
        b'form-data; name="x"; filename="\\"; name=model; y=\\""')), "name"),
    "two dispositions": (FORM, form(
        b'Content-Disposition: form-data; name="x"\r\n' + field("model", "a")),
        "Content-Disposition"),
    "no disposition": (FORM, form(b"Content-Type: text/plain\r\n\r\nx",
                                  field("model", "same")),
                       "Content-Disposition"),
    "attachment": (FORM, form(named(b'attachment; name="model"')), ""),
    "no name": (FORM, form(named(b"form-data"), field("model", "same")),
                "name"),
    "folded header": (FORM, form(
        b'Content-Disposition: form-data; name="x"\r\n ; name="model"\r\n\r\n'),
        "folded"),
    "base64 model": (FORM, form(field(
        "model", "c2FtZQ==", b"Content-Transfer-Encoding: base64\r\n")),
        "Transfer-Encoding"),
    "no empty line": (FORM, form(b'Content-Disposition: form-data; name="x"',
                                 field("model", "same")), ""),
    "truncated": (FORM, GOOD[:-20], "closing boundary"),
    "truncated in the closing boundary": (FORM, GOOD[:-3],
                                          "closing boundary"),
    "truncated header": (FORM, GOOD[:40], "closing boundary"),
    "second form behind": (FORM, GOOD + GOOD, "goes on"),
    "1001 parts": (FORM, form(*[field("x", "y")] * 1001), "1000 parts"),
    "header of 1 MB": (FORM, form(field("model", "same"), field(
        "x", "y", b"X-Long: " + b"h" * 1048576 + b"\r\n")), "16384"),
    "100 header lines of 1 KB": (FORM, form(field("model", "same"), field(
        "x", "y", (b"X-Long: " + b"h" * 1024 + b"\r\n") * 100)), "16384"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_form(server, client, upstream, name):
    """400 with the reason; nothing goes upstream."""
    kind, body, words = BAD[name]
    head = client.head_bytes("POST", "/v1/audio/transcriptions", [
        ("Content-Type", kind), ("Content-Length", str(len(body)))])
    reply = client.exchange(client.connect(), head + body)
    assert reply.status == 400, reply
    assert reply.error["type"] == "invalid_request_error"
    assert any(word in reply.error["message"] for word in words.split("|")), \
        reply.error["message"]
    assert upstream.requests == []
    reply.close()
    assert server.journaled(reply.header("x-request-id"))["status"] == 400


def test_unknown_model(client, upstream):
    reply = send(client, form(field("model", "none"), file("file", SOUND)))
    assert reply.status == 404
    assert reply.error["code"] == "model_not_found"
    assert "'none'" in reply.error["message"]
    assert upstream.requests == []


def test_model_in_the_file_is_not_the_model(client, upstream):
    reply = send(client, form(file("file", form(field("model", "same"),
                                                boundary="inner"))))
    assert reply.status == 400
    assert reply.error["param"] == "model"


def test_body_over_the_limit(make_server, upstream):
    one = make_server("lighttpd", {"limits": {"body": 100000}},
                      PROVIDERS(upstream))
    body = form(field("model", "same"), file("file", noise(200000)))
    reply = send(one.client(), body)
    assert reply.status == 413
    assert upstream.requests == []


# A form that names no model, where the configuration does.

@pytest.mark.parametrize("kind", LOGIC)
def test_default_model(make_server, upstream, kind):
    """The model becomes the first part; all else stays."""
    upstream.script = lambda x: x.json({})
    one = make_server(kind, {"default_model": "whisper"}, PROVIDERS(upstream))
    parts = [file("file", SOUND), field("language", "fi")]
    reply = send(one.client(), form(*parts))
    assert reply.status == 200, reply
    assert upstream.wait().body == form(
        field("model", "a-much-longer-name-upstream"), *parts)
    body = form(field("model", "same"), *parts)
    assert send(one.client(), body).status == 200
    assert upstream.wait(2).body == body


def test_another_kind_of_body_is_no_form(client, upstream):
    reply = client.post("/v1/audio/transcriptions", GOOD, headers=[
        ("Content-Type", f"multipart/mixed; boundary={BOUNDARY}")])
    assert reply.status == 415
    assert upstream.requests == []


def test_without_a_key_nothing_is_read(server, upstream):
    """A refusal does not wait for the upload."""
    client = Client(server.port, "wrong")
    body = form(field("model", "same"), file("file", noise(3000000)))
    head = client.head_bytes("POST", "/v1/audio/transcriptions", form_type()
                             + [("Content-Length", str(len(body)))])
    reply = client.exchange(client.connect(), head + body)
    assert reply.status == 401
    assert upstream.requests == []
    reply.close()
