"""The body's spelling: what the gate reads is what any upstream reads."""
import json

import pytest

from fixtures import provider
from forms import field, form, form_type

SERVERS = ["lighttpd"]
GOOD = b'{"model":"allowed","messages":[]}'
UTF7 = b'{"model":"allowed","+AG0-odel":"forbidden"}'
FORM_OF_ITS_OWN = b'{"model":"allowed","x":"&model=forbidden&y="}'
PATHS = ["chat/completions", "completions", "embeddings", "responses",
         "messages", "messages/count_tokens", "moderations", "rerank",
         "audio/speech", "images/generations", "audio/transcriptions",
         "audio/translations", "images/edits", "images/variations"]
UPLOADS = PATHS[-4:]


def PROVIDERS(upstream):
    return {"up": provider(upstream, models=(
        {"name": "allowed"}, {"name": "forbidden"}))}


def post(client, path, body, kind):
    """KIND is the Content-Type; None: there is none."""
    headers = [("Content-Length", str(len(body)))]
    if kind is not None:
        headers.append(("Content-Type", kind))
    reply = client.exchange(client.connect(), client.head_bytes(
        "POST", f"/v1/{path}", headers) + body)
    reply.close()
    return reply


def refused(reply, upstream, status=415, code="unsupported_media_type"):
    assert reply.status == status, reply
    error = reply.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error.get("code", code) == code    # Anthropic's errors have none
    assert upstream.requests == []
    return error["message"]


# What a JSON body is called.

JSON = ["application/json", "Application/JSON", "application/json;",
        "application/json; charset=utf-8", 'application/json;charset="UTF-8"',
        "application/json; charset=utf8", "application/json; charset=us-ascii",
        "application/json; odata=verbose; charset=utf-8",
        "application/vnd.api+json", "application/x+JSON; charset=UTF-8",
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=UTF-8", "", None]

OTHER_CHARSETS = ["utf-7", "UTF-16", '"utf-16le"', "iso-8859-1", "cp037", '""',
                  "", " utf-8", "utf-8x", "'utf-8'", '"utf\\-7"', "unicode",
                  "utf-8;charset=utf-7", "utf-8;CHARSET=utf-8", '"utf-8',
                  "utf-7,utf-8", "utf-8, application/json; charset=utf-7"]

OTHER_TYPES = ["text/plain", "text/json", "text/html", "application/xml",
               "application/octet-stream", "application/jsonp",
               "application/x-json", "xapplication/json", "json", "+json",
               "application/+json", "application/x+jsonx", "text/x+json",
               "application/a/b+json", "application/yaml", "multipart/mixed",
               "application/x-www-form-urlencoded-not",
               "x-json/multipart/form-data", "application/json,text/plain",
               "application/json text/plain", "application/ json"]


@pytest.mark.parametrize("kind", JSON)
@pytest.mark.parametrize("path", PATHS)
def test_json_goes_up_as_json(client, upstream, path, kind):
    """Whatever the client called it."""
    reply = post(client, path, GOOD, kind)
    assert reply.status == 200, reply
    x = upstream.wait()
    assert [v for k, v in x.headers if k.lower() == "content-type"] == [
        "application/json"]
    assert x.body == GOOD


@pytest.mark.parametrize("name", ["charset", "CharSet", "charset*"])
@pytest.mark.parametrize("charset", OTHER_CHARSETS)
def test_another_charset_is_refused(client, upstream, name, charset):
    message = refused(post(client, "chat/completions", UTF7,
                           f"application/json; {name}={charset}"), upstream)
    assert "UTF-8" in message or "Content-Type" in message


@pytest.mark.parametrize("kind", OTHER_TYPES)
@pytest.mark.parametrize("tail", ["", "; x=json", "; charset=utf-8"])
def test_another_type_is_refused(client, upstream, kind, tail):
    message = refused(post(client, "chat/completions", FORM_OF_ITS_OWN,
                           kind + tail), upstream)
    assert "application/json" in message


@pytest.mark.parametrize("path", PATHS)
def test_every_route_refuses_other_types(client, upstream, path):
    for kind in ("text/plain", "application/json; charset=utf-7"):
        refused(post(client, path, UTF7, kind), upstream)


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be",
                                    "utf-32", "utf-32-le", "utf-32-be",
                                    "utf-8-sig"])
def test_bodies_in_another_encoding_are_no_json(client, upstream, coding):
    """Named or not; a byte order mark is none of JSON's."""
    body = GOOD.decode().encode(coding)
    for kind in ("application/json", None):
        refused(post(client, "chat/completions", body, kind), upstream, 400,
                "invalid_json")


# Names of members.

NAMES = ["model", "stream", "stream_options", "prompt_cache_key", "user",
         "max_completion_tokens", "max_tokens", "max_output_tokens", "n",
         "messages", "instructions", "system", "metadata"]


def spellings(name):
    """NAME as readers of other habits would know it."""
    yield name.upper()
    yield name.capitalize()
    yield name[:-1] + name[-1].upper()
    yield name.title().replace("_", "")
    yield name.replace("_", "-") if "_" in name else f"_{name}"
    yield name.replace("_", " ") if "_" in name else f"{name} "
    yield f"{name}[]"
    yield "".join(chr(ord(c) + 0xFEE0) for c in name)
    yield name + "\u200b"
    if "s" in name:
        yield name.replace("s", "\u017f")
    if "k" in name:
        yield name.replace("k", "\u212a")
    if "i" in name:
        yield name.replace("i", "\u0131")


@pytest.mark.parametrize("name", NAMES)
def test_a_member_in_another_spelling_is_refused(client, upstream, name):
    """Alone, beside the right one, before and behind it, escaped or not."""
    good = {"model": "allowed", "messages": []}
    for other in spellings(name):
        for value in ("forbidden", True, {"include_usage": True}, 7, None):
            for body in ({**good, other: value}, {other: value, **good}):
                for text in (json.dumps(body), json.dumps(
                        body, ensure_ascii=False)):
                    reply = post(client, "chat/completions",
                                 text.encode(), "application/json")
                    message = refused(reply, upstream, 400,
                                      "duplicate_member")
                    assert f'"{name}"' in message
                if value is None:
                    assert json.loads(text) == body


@pytest.mark.parametrize("path", PATHS)
def test_a_second_model_is_refused_on_every_route(client, upstream, path):
    for text in (b'{"model":"allowed","Model":"forbidden"}',
                 b'{"MODEL":"forbidden","model":"allowed"}',
                 b'{"mod\\u0065l":"allowed","model":"forbidden"}',
                 b'{"model":"allowed","model":"allowed"}'):
        refused(post(client, path, text, None), upstream, 400,
                "duplicate_member")


@pytest.mark.parametrize("name", ["model\\u0000", "\\u0000", "x\\u0000y",
                                  "\\u0000model", "__proto__",
                                  "model\\u0000" + "x" * 500])
def test_a_name_that_no_member_may_have(client, upstream, name):
    for text in ('{"%s":"forbidden","model":"allowed"}' % name,
                 '{"model":"allowed","%s":{"model":"forbidden"}}' % name):
        refused(post(client, "chat/completions", text.encode(), None),
                upstream, 400, "invalid_json")


def test_other_names_pass(client, upstream):
    """What is not taken for a name that counts, whoever reads it."""
    body = {"model": "allowed", "models_": 1, "modell": 2, "\u6a21\u578b": 3,
            "gr\u00f6\u00dfe": 4, "x": {"Model": "x", "MODEL": "y"},
            "streams": 5, "user_id": 6, "": 7, "m" * 300: 8,
            "metadata": {"Model": "z", "__proto__": 1, "a\0": 2}}
    for text in (json.dumps(body), json.dumps(body, ensure_ascii=False)):
        reply = post(client, "chat/completions", text.encode(), None)
        assert reply.status == 200, reply
        assert upstream.requests[-1].body == text.encode()


@pytest.mark.parametrize("options", [
    '{"Include_usage":false}', '{"includeUsage":false,"include_usage":true}',
    '{"include_usage":true,"include_usage":false}'])
def test_options_in_another_spelling_are_refused(client, upstream, options):
    refused(post(client, "chat/completions", (
        '{"model":"allowed","stream":true,"stream_options":%s}'
        % options).encode(), None), upstream, 400, "duplicate_member")


# The same where the gateway puts in a member of its own.

@pytest.mark.parametrize("conf, setting", [
    ({"default_model": "allowed"}, {}), ({}, {"force_model": "forced"})])
def test_a_model_that_the_gateway_puts_in_is_the_only_one(
        make_server, upstream, conf, setting):
    one = make_server("lighttpd", conf, {"up": provider(
        upstream, models=({"name": "allowed"},), **setting)})
    for other in spellings("model"):
        text = json.dumps({other: "forbidden"}).encode()
        refused(post(one.client(), "chat/completions", text, None), upstream,
                400, "duplicate_member")
        if '"' not in other:
            refused(post(one.client(), "images/edits", form(
                field(other, "forbidden"), field("prompt", "x")),
                form_type()[0][1]), upstream, 400, "invalid_multipart")


# Names of fields.

@pytest.mark.parametrize("path", UPLOADS)
def test_a_field_in_another_spelling_is_refused(client, upstream, path):
    good = field("model", "allowed")
    for name in ("model", "stream", "stream_options", "prompt_cache_key",
                 "user"):
        for other in spellings(name):
            for parts in ([field(other, "forbidden"), good],
                          [good, field(other, "forbidden")]):
                message = refused(post(client, path, form(*parts),
                                       form_type()[0][1]), upstream, 400,
                                  "invalid_multipart")
                assert "read as another" in message


@pytest.mark.parametrize("disposition", [
    'name="mod\\el"', 'name="model\\"', 'name="mod%65l"', "name='model'",
    'name="model\\""', 'name="=?utf-8?B?bW9kZWw=?="', 'name="__proto__"',
    "name=x; name*=utf-8''model", "name*0=mod; name*1=el", "name*=''model",
    'name="x"; name="model"', 'name="x"; NAME=model', 'name = "model"',
    'name="x"; filename="\\"; name="model"', 'name="model\udcff"',
    'name="model', 'name="x";; name="model"'])
def test_a_field_that_could_be_the_model_is_refused(client, upstream,
                                                    disposition):
    bad = (b"Content-Disposition: form-data; "
           + disposition.encode("utf-8", "surrogateescape")
           + b"\r\n\r\nforbidden")
    for parts in ([bad, field("model", "allowed")],
                  [field("model", "allowed"), bad]):
        refused(post(client, "audio/transcriptions", form(*parts),
                     form_type()[0][1]), upstream, 400, "invalid_multipart")


# Forms.

@pytest.mark.parametrize("path", [p for p in PATHS if p not in UPLOADS])
def test_a_form_is_taken_only_where_the_table_says(client, upstream, path):
    refused(post(client, path, form(field("model", "allowed")),
                 form_type()[0][1]), upstream)


JSON_BODY = b'{"model":"forbidden","messages":[]}'
MODEL = field("model", "allowed")


@pytest.mark.parametrize("body", [
    JSON_BODY + b"\r\n" + form(MODEL), JSON_BODY + form(MODEL),
    b"x\r\n" + form(MODEL), b" " + form(MODEL), b"\r\n\r\n" + form(MODEL),
    b"\n" + form(MODEL), b"\r" + form(MODEL), b"-" + form(MODEL),
    b"\xef\xbb\xbf" + form(MODEL), b"\0" + form(MODEL),
    form(MODEL) + JSON_BODY, form(MODEL, end=b"") + JSON_BODY,
    form(MODEL) + b"\r\n\r\n", form(MODEL) + b" ", form(MODEL, end=b" "),
    form(MODEL, end=b"\n"), form(MODEL, end=b"\r"), form(MODEL, end=b" \r\n"),
    form(MODEL) + form(field("model", "forbidden")), form(MODEL) + b"\0",
    form(MODEL).replace(b"X\r\n", b"X \r\n", 1),
    form(MODEL).replace(b"X\r\n", b"X\t\r\n", 1),
    form(MODEL).replace(b"X\r\n", b"X\n", 1),
])
def test_a_form_is_nothing_but_its_parts(client, upstream, body):
    for path in UPLOADS:
        refused(post(client, path, body, form_type()[0][1]), upstream, 400,
                "invalid_multipart")


@pytest.mark.parametrize("before", [b"", b"\r\n"])
@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\n\r\n"])
def test_one_line_break_may_stand_around_a_form(client, upstream, before, end):
    upstream.script = lambda x: x.json({})
    body = before + form(MODEL, field("x", "y"), end=end)
    reply = post(client, "audio/transcriptions", body, form_type()[0][1])
    assert reply.status == 200, reply
    assert upstream.wait().body == body


PLAIN = ["", "Content-Type: text/plain\r\n",
         "content-type: Text/Plain; charset=utf-8\r\n",
         "Content-Type: text/plain; charset=ISO-8859-1\r\n"
         "Content-Transfer-Encoding: 8bit\r\n",
         "Content-Length: 7\r\nContent-Transfer-Encoding: binary\r\n"]
NOT_PLAIN = ["Content-Type: application/json\r\n", "Content-Type:\r\n",
             "Content-Type: text/plain; charset=utf-7\r\n",
             "Content-Type: text/plain; charset=utf-16le\r\n",
             "Content-Type: text/plain\r\nContent-Type: text/plain\r\n",
             "Content-Type: multipart/mixed; boundary=y\r\n",
             "Content-Transfer-Encoding: base64\r\n",
             "content-transfer-encoding: QUOTED-PRINTABLE\r\n",
             "Content-Transfer-Encoding: 8bit\r\n"
             "Content-Transfer-Encoding: base64\r\n",
             "Content-Encoding: gzip\r\n", "Content-Language: en\r\n",
             "X-Anything: x\r\n"]


@pytest.mark.parametrize("lines", PLAIN)
def test_fields_as_clients_write_them(client, upstream, lines):
    upstream.script = lambda x: x.json({})
    body = form(field("model", "allowed", lines.encode()),
                field("stream", "False", lines.encode()))
    reply = post(client, "audio/transcriptions", body, form_type()[0][1])
    assert reply.status == 200, reply
    assert upstream.wait().body == body


@pytest.mark.parametrize("lines", NOT_PLAIN)
@pytest.mark.parametrize("name", ["model", "stream", "user"])
def test_a_field_that_is_more_than_text_is_refused(client, upstream, name,
                                                   lines):
    parts = [field(name, "allowed", lines.encode()), field("x", "y")]
    for kind in (parts, parts[::-1]):
        refused(post(client, "audio/transcriptions", form(*kind),
                     form_type()[0][1]), upstream, 400, "invalid_multipart")


@pytest.mark.parametrize("kind", [
    "utf-7", "utf-16", "iso-8859-1", '"UTF-7"', "", "utf-8; charset=utf-7"])
def test_a_form_in_another_charset_is_refused(client, upstream, kind):
    for head in ("multipart/form-data; boundary=x; charset=" + kind,
                 f"multipart/form-data; charset={kind}; boundary=x"):
        refused(post(client, "audio/transcriptions", form(MODEL, boundary="x"),
                     head), upstream)


@pytest.mark.parametrize("name", ["_charset_", "_CHARSET_"])
def test_a_field_that_sets_the_charset_is_refused(client, upstream, name):
    refused(post(client, "audio/transcriptions", form(
        field(name, "utf-7"), MODEL), form_type()[0][1]), upstream, 400,
        "invalid_multipart")


@pytest.mark.parametrize("value, status", [
    ("true", 200), ("True", 200), ("false", 200), ("1", 400), ("yes", 400),
    ("", 400), ("true ", 400)])
def test_a_form_says_stream_by_true_or_false(client, upstream, value, status):
    upstream.script = lambda x: x.json({})
    reply = post(client, "audio/transcriptions", form(
        MODEL, field("stream", value)), form_type()[0][1])
    assert reply.status == status, reply


@pytest.mark.parametrize("kind", ["nginx", "apache-proxy-fcgi",
                                  "apache-fcgid", "apache-cgi"])
def test_behind_other_servers(make_server, upstream, kind):
    one = make_server(kind, {}, PROVIDERS(upstream))
    for path, body, called, status, code in (
            ("chat/completions", UTF7, "application/json; charset=utf-7", 415,
             "unsupported_media_type"),
            ("chat/completions", FORM_OF_ITS_OWN,
             "application/x-www-form-urlencoded-x; y=json", 415,
             "unsupported_media_type"),
            ("chat/completions", b'{"model":"allowed","Model":"forbidden"}',
             "application/json", 400, "duplicate_member"),
            ("chat/completions", JSON_BODY + b"\r\n" + form(MODEL),
             form_type()[0][1], 415, "unsupported_media_type"),
            ("images/edits", JSON_BODY + b"\r\n" + form(MODEL),
             form_type()[0][1], 400, "invalid_multipart"),
            ("images/edits", form(field("Model", "forbidden"), MODEL),
             form_type()[0][1], 400, "invalid_multipart")):
        refused(post(one.client(), path, body, called), upstream, status, code)
    reply = post(one.client(), "chat/completions", GOOD, "application/x+json")
    assert reply.status == 200, reply
    assert upstream.wait().header("content-type") == "application/json"
