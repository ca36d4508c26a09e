"""Which headers pass, in both directions."""
import json

import pytest

from fixtures import provider
from servers import KEY, LOGIC, UP_KEY
from upstream import chat_answer, chat_chunk

SERVERS = LOGIC
CHAT = {"model": "gpt-test", "messages": []}
ENV = {"EXTRA_VALUE": "from-the-environment"}


def PROVIDERS(upstream):
    return {
        "up": provider(upstream, passthrough=True,
                       models=({"name": "gpt-test"},)),
        "keyed": provider(
            upstream, key_header="Ocp-Apim-Subscription-Key",
            headers=({"name": "X-Team", "value": "lab"},
                     {"name": "X-Extra", "value_env": "EXTRA_VALUE"},
                     {"name": "User-Agent", "value": "fixed/1"}),
            pass_headers=["x-tag", "X-Team"], models=({"name": "keyed"},)),
        "local": {"base_url": upstream.url, "models": ({"name": "local"},)},
    }


PASS_UP = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "OpenAI-Beta": "assistants=v2",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "tools-2024",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "User-Agent": "OpenAI/JS 4.0 (x; y)",
    "x-session-id": "s-1", "session-id": "s-2", "x-session-affinity": "s-3",
    "x-client-request-id": "r-1", "x-grok-conv-id": "c-1",
    "x-claude-code-session-id": "s-4",
}

STAY_DOWN = {
    "Cookie": "session=secret", "X-Forwarded-For": "10.0.0.1",
    "X-Real-IP": "10.0.0.1", "Forwarded": "for=10.0.0.1",
    "Referer": "http://a/", "Origin": "http://a", "X-Custom": "1",
    "Proxy": "http://127.0.0.1:9", "Proxy-Authorization": "Basic eDp5",
    "X-Request-Id": "clients-own", "Accept-Encoding": "gzip",
    "Accept-Language": "de", "Range": "bytes=0-1", "Via": "1.1 x",
    "If-None-Match": "x", "x-stainless-lang": "js",
    "OpenAI-Organization": "org-1", "OpenAI-Project": "p-1",
    "OpenAI-Anything": "x", "anthropic-workspace": "w", "X-Tag": "x",
    "x-goog-user-project": "p", "x-goog-api-key": "k",
}


@pytest.mark.parametrize("name", PASS_UP)
def test_passes_up(client, upstream, name):
    reply = client.post("/v1/chat/completions", CHAT,
                        headers=[(name, PASS_UP[name])])
    assert reply.status == 200, reply
    assert upstream.wait().header(name) == PASS_UP[name]


def test_headers_that_the_provider_names_pass_up(client, upstream):
    tags = [("X-Tag", "a"), ("X-Team", "b")]
    client.post("/v1/chat/completions", dict(CHAT, model="keyed"),
                headers=tags)
    x = upstream.wait()
    assert (x.header("x-tag"), x.header("x-team")) == ("a", "lab")


def test_there_is_always_a_user_agent(client, upstream):
    client.post("/v1/chat/completions", CHAT)
    assert upstream.wait().header("user-agent").startswith("sluice/")


def test_tracestate_goes_with_its_traceparent(client, upstream):
    """W3C Trace Context section 4.3: alone it means nothing."""
    state = [("tracestate", "a=1,b=2")]
    for headers, want in ((state, None), (state + [
            ("traceparent", PASS_UP["traceparent"])], "a=1,b=2")):
        upstream.clear()
        client.post("/v1/chat/completions", CHAT, headers=headers)
        assert upstream.wait().header("tracestate") == want


@pytest.mark.parametrize("name", STAY_DOWN)
def test_does_not_pass_up(client, upstream, name):
    reply = client.post("/v1/chat/completions", CHAT,
                        headers=[(name, STAY_DOWN[name])])
    assert reply.status == 200, reply
    assert upstream.wait().header(name) is None


def test_what_the_upstream_gets_at_all(client, upstream):
    """Nothing slips in by itself: no proxy, no Expect, no encodings."""
    client.post("/v1/chat/completions", dict(CHAT, pad="p" * 3000000))
    x = upstream.wait()
    names = {k.lower() for k, _ in x.headers}
    assert names <= {"host", "content-type", "content-length", "accept",
                     "authorization", "user-agent", "x-sluice-hop",
                     "x-request-id", "traceparent"}, names
    assert x.header("host") == f"127.0.0.1:{upstream.port}"


@pytest.mark.parametrize("header", ["Authorization", "x-api-key", "api-key"])
def test_clients_key_never_goes_up(client, upstream, header):
    value = f"Bearer {KEY}" if header == "Authorization" else KEY
    reply = client.post("/v1/chat/completions", CHAT, auth=False,
                        headers=[(header, value)])
    assert reply.status == 200
    x = upstream.wait()
    assert x.header("authorization") == f"Bearer {UP_KEY}"
    assert KEY not in str(x.headers)


def test_key_header_and_headers(client, upstream):
    assert client.post("/v1/chat/completions", {"model": "keyed"}, headers=[
        ("User-Agent", "clients/1"), ("X-Team", "not-mine")]).status == 200
    x = upstream.wait()
    assert x.header("ocp-apim-subscription-key") == UP_KEY
    assert x.header("authorization") is None
    assert x.header("x-team") == "lab"
    assert x.header("x-extra") == "from-the-environment"
    assert [v for k, v in x.headers if k.lower() == "user-agent"] == \
        ["fixed/1"]


def test_provider_without_a_key(client, upstream):
    assert client.post("/v1/chat/completions", {"model": "local"}).status == 200
    x = upstream.wait()
    assert x.header("authorization") is None
    assert KEY not in str(x.headers)


PASS_DOWN = {
    "Content-Type": "application/vnd.x+json", "Retry-After": "3",
    "x-ratelimit-remaining-requests": "59", "openai-processing-ms": "12",
    "openai-version": "2020-10-01", "ETag": '"x"', "X-Custom": "kept",
    "Content-Disposition": "attachment", "Content-Language": "de",
}

STAY_UP = {
    "Set-Cookie": "a=b", "Server": "upstream/1", "Via": "1.1 cloud",
    "X-Powered-By": "php", "Alt-Svc": "h3", "Keep-Alive": "timeout=5",
    "Proxy-Authenticate": "Basic", "Strict-Transport-Security": "max-age=1",
    "Status": "500 No", "X-Sendfile": "/etc/passwd",
    "X-Accel-Redirect": "/etc/passwd", "X-LIGHTTPD-send-file": "/etc/passwd",
    "X-Accel-Buffering": "yes", "Trailer": "x", "Upgrade": "h2c",
    "X-Content-Type-Options": "off", "Content-Security-Policy":
    "default-src *", "Content-Security-Policy-Report-Only": "img-src *",
    "Clear-Site-Data": "*", "Service-Worker-Allowed": "/",
    "Cross-Origin-Resource-Policy": "cross-origin", "X-Frame-Options":
    "ALLOWALL", "Permissions-Policy": "camera=*", "Report-To": "{}",
    "Refresh": "0;url=http://evil.example", "NEL": "{}",
}


@pytest.mark.parametrize("name", PASS_DOWN)
def test_passes_down(client, upstream, name):
    upstream.script = lambda x: x.json(b"{}", headers=[
        (name, PASS_DOWN[name])])
    reply = client.post("/v1/chat/completions", CHAT)
    assert reply.status == 200, reply
    assert reply.header(name) == PASS_DOWN[name]


@pytest.mark.parametrize("name", STAY_UP)
def test_does_not_pass_down(client, upstream, name):
    upstream.script = lambda x: x.json(b"{}", headers=[(name, STAY_UP[name])])
    reply = client.post("/v1/chat/completions", CHAT)
    assert reply.status == 200, reply
    assert reply.body == b"{}"
    assert STAY_UP[name] not in [v for _, v in reply.headers]


@pytest.mark.parametrize("lines", [
    "Connection: close, X-Hop", "connection:x-HOP", "CONNECTION:\tX-Hop\t,",
    "Connection: close\r\nConnection: , X-Other,X-Hop",
    "Connection: close,\r\n X-Hop", "Connection : X-Hop"])
@pytest.mark.parametrize("stream", [False, True])
def test_what_the_connection_field_names_stops_here(client, upstream, stream,
                                                    lines):
    """RFC 9110, section 7.6.1; before and after it."""
    kind, data = ("text/event-stream", b'data: {"choices":[]}\n\n'
                  b"data: [DONE]\n\n") if stream else (
                      "application/json", json.dumps(chat_answer()).encode())

    def script(x):
        x.send(f"HTTP/1.1 200 OK\r\nX-Hop: hop\r\nX-Stays: yes\r\n{lines}\r\n"
               f"x-hop: hop\r\nContent-Type: {kind}\r\n"
               f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
        x.close()
    upstream.script = script
    reply = client.post("/v1/chat/completions", dict(CHAT, stream=stream))
    assert (reply.status, reply.body) == (200, data)
    assert reply.header("x-hop") is None
    assert reply.header("x-stays") == "yes"


def is_boxed(reply):
    """Nobody's browser takes it for a page of ours."""
    return [v for k, v in reply.headers
            if k.lower() == "x-content-type-options"] == ["nosniff"] and \
        [v for k, v in reply.headers
         if k.lower() == "content-security-policy"] == ["sandbox"]


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "text/xml",
                                  "application/json", "text/javascript",
                                  "application/pdf", "nonsense", ""])
@pytest.mark.parametrize("status", [200, 400, 404])
def test_no_answer_is_a_page_of_the_site(client, upstream, kind, status):
    body = b'{"html":"<script>alert(1)</script>"}'

    def script(x):
        x.keep = True
        x.head(status, [("Content-Type", kind)] * bool(kind) + [
            ("Content-Length", len(body)),
            ("Content-Security-Policy", "default-src *"),
            ("X-Content-Type-Options", "none")])
        x.send(body)
    upstream.script = script
    for ask in (lambda: client.get("/v1/files/f/content"),
                lambda: client.get("/v1/fine_tuning/x"),
                lambda: client.post("/v1/chat/completions", CHAT),
                lambda: client.post("/v1/audio/speech", CHAT),
                lambda: client.post("/v1/images/generations", CHAT),
                lambda: client.post("/v1/responses", CHAT)):
        assert is_boxed(ask())


def test_streams_and_errors_of_ours_are_no_pages(client, upstream):
    def script(x):
        x.sse()
        x.event(chat_chunk("<script>"))
        x.event("[DONE]")
        x.end()
    upstream.script = script
    assert is_boxed(client.post("/v1/chat/completions",
                                dict(CHAT, stream=True)))
    for path in ("/v1/models", "/v1/models/%3Cscript%3E", "/health", "/v1/no",
                 "/v1/chat/completions", "/api/keys", "/metrics",
                 "/openapi.json", "/v1/images/data/m/img_x"):
        assert is_boxed(client.get(path)), path
    assert is_boxed(client.ask("OPTIONS", "/v1/chat/completions"))
    assert is_boxed(client.post("/v1/chat/completions", b"{"))


def test_request_id_is_ours(client, upstream):
    upstream.script = lambda x: x.json(b"{}", headers=[
        ("x-request-id", "upstreams-own")])
    first = client.post("/v1/chat/completions", CHAT, headers=[
        ("x-request-id", "clients-own")])
    second = client.post("/v1/chat/completions", CHAT)
    ids = [first.header("x-request-id"), second.header("x-request-id")]
    assert all(ids) and ids[0] != ids[1]
    assert not {"upstreams-own", "clients-own"} & set(ids)
    assert first.header_count("x-request-id") == 1


def test_two_headers_of_one_name(client, upstream):
    upstream.script = lambda x: x.json(b"{}", headers=[
        ("Link", "<a>"), ("Link", "<b>")])
    reply = client.post("/v1/chat/completions", CHAT)
    assert [v for k, v in reply.headers if k.lower() == "link"] in (
        ["<a>", "<b>"], ["<a>, <b>"])


def test_streams_say_that_they_are_streams(client, upstream):
    def script(x):
        x.sse([("Cache-Control", "max-age=5"), ("Connection", "keep-alive")])
        x.event({"choices": []})
        x.event("[DONE]")
        x.end()
    upstream.script = script
    reply = client.post("/v1/chat/completions", dict(CHAT, stream=True))
    assert reply.complete
    assert reply.header("cache-control") == "no-cache"
    assert reply.header_count("cache-control") == 1


def test_length_passes_on_plain_answers(client, upstream):
    upstream.script = lambda x: x.json(b'{"a": 1}')
    reply = client.post("/v1/chat/completions", CHAT)
    assert reply.header("content-length") == "8"


def test_no_proxy_from_a_request_header(client, upstream):
    """A Proxy: header is HTTP_PROXY in CGI's environment."""
    reply = client.post("/v1/chat/completions", CHAT, headers=[
        ("Proxy", "http://127.0.0.1:9")])
    assert reply.status == 200
    assert upstream.wait().path == "/v1/chat/completions"
