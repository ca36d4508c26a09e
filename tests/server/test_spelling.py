"""The body's spelling: what the gate reads is what any upstream reads."""
import pytest

from fixtures import provider

SERVERS = ["lighttpd"]
GOOD = b'{"model":"allowed","messages":[]}'
UTF7 = b'{"model":"allowed","+AG0-odel":"forbidden"}'
FORM_OF_ITS_OWN = b'{"model":"allowed","x":"&model=forbidden&y="}'
PATHS = ["chat/completions", "completions", "embeddings", "responses",
         "messages", "messages/count_tokens", "moderations", "rerank",
         "audio/speech", "images/generations", "audio/transcriptions",
         "audio/translations", "images/edits", "images/variations"]


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
