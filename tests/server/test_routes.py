"""Routes, methods, models, keys and CORS: what no web server decides."""
import itertools
import time

import pytest

from client import until
from fixtures import provider
from servers import KEY, LOGIC, UP_KEY

SERVERS = LOGIC
CHAT = {"model": "gpt-test", "messages": []}
OTHER_KEY = "second-key-77aa"

ENV = {"SLUICE_API_KEYS": f" {KEY} ,, {OTHER_KEY}\t,"}
CONF = {"default_model": "gpt-test",
        "cors": {"origins": ["https://app.example"]}}

POSTS = ["chat/completions", "completions", "embeddings", "moderations",
         "responses", "rerank", "images/generations"]


def PROVIDERS(upstream):
    return {
        "up": provider(upstream, models=(
            {"name": "gpt-test"},
            {"name": "Qwen/Qwen2.5-7B"},
            {"name": "mapped", "target": "real-name"},
            {"name": "embed-only", "paths": ["embeddings"]},
        ), health={"path": "/models", "timeout": 1.0}),
        "other": provider(upstream, base_url=upstream.url + "/sub/",
                          namespace="lab", prefix="p-", models=(
                              {"name": "one"}, {"name": "*"})),
        "sick": provider(upstream, models=({"name": "sick"},),
                         health={"path": "/sick", "timeout": 1.0}),
        "mute": provider(upstream, models=({"name": "mute"},),
                         health={"path": "/mute", "timeout": 0.3}),
    }


@pytest.mark.parametrize("path", POSTS)
def test_any_json_post_that_names_a_model(client, upstream, path):
    reply = client.post(f"/v1/{path}", CHAT)
    assert reply.status == 200, reply
    x = upstream.wait()
    assert (x.method, x.path) == ("POST", f"/v1/{path}")
    assert x.data() == CHAT


def test_models_list(client):
    reply = client.get("/v1/models")
    assert reply.status == 200
    value = reply.json()
    assert value["object"] == "list"
    by_id = {m["id"]: m for m in value["data"]}
    assert set(by_id) == {"gpt-test", "Qwen/Qwen2.5-7B", "mapped",
                          "embed-only", "lab/p-one", "sick", "mute"}
    for model in value["data"]:
        assert set(model) >= {"id", "object", "created", "owned_by"}
        assert model["object"] == "model"
        assert isinstance(model["created"], int) and model["created"] > 0
    assert by_id["gpt-test"]["owned_by"] == "up"
    assert by_id["lab/p-one"]["owned_by"] == "other"


@pytest.mark.parametrize("name", ["gpt-test", "Qwen/Qwen2.5-7B", "mapped",
                                  "lab/p-one", "default/gpt-test",
                                  "lab/p-anything/at/all"])
@pytest.mark.parametrize("end", ["", "/", "?x=y"])
def test_one_model(client, name, end):
    reply = client.get(f"/v1/models/{name}{end}")
    assert reply.status == 200, reply
    assert reply.json()["object"] == "model"


@pytest.mark.parametrize("name", ["none", "Qwen", "lab/one", "lab", "p-one",
                                  "gpt-test/x", "lab/p-"])
def test_no_such_model(client, name):
    reply = client.get(f"/v1/models/{name}")
    assert reply.status == 404, reply
    assert reply.error["code"] == "model_not_found"


def test_target_replaces_the_model_and_nothing_else(client, upstream):
    body = b'{ "a":1.0,"model" : "mapped" ,"z":[ ] }'
    assert client.post("/v1/chat/completions", body).status == 200
    assert upstream.wait().body == b'{ "a":1.0,"model" : "real-name" ,"z":[ ] }'


def test_prefix_and_namespace(client, upstream):
    for model, target in (("lab/p-one", "one"), ("lab/p-x/y", "x/y")):
        reply = client.post("/v1/chat/completions", {"model": model})
        assert reply.status == 200, reply
        x = upstream.requests[-1]
        assert x.data()["model"] == target
        assert x.path == "/v1/sub/chat/completions"
    assert client.post("/v1/chat/completions",
                       {"model": "default/mapped"}).status == 200
    assert upstream.requests[-1].data()["model"] == "real-name"


def test_paths_of_a_model(client, upstream):
    assert client.post("/v1/embeddings", {"model": "embed-only"}).status == 200
    reply = client.post("/v1/chat/completions", {"model": "embed-only"})
    assert 400 <= reply.status < 500, reply
    assert reply.error["message"]
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("body, sent", [
    (b"{}", b'{"model":"gpt-test"}'),
    (b"{ }", None),
    (b'{"messages":[]}', b'{"model":"gpt-test","messages":[]}'),
])
def test_default_model(client, upstream, body, sent):
    assert client.post("/v1/chat/completions", body).status == 200
    x = upstream.wait()
    assert x.data()["model"] == "gpt-test"
    if sent:
        assert x.body == sent


# What is not there.

@pytest.mark.parametrize("method, path", [
    ("GET", "/v1/nothing"), ("DELETE", "/v1/nothing/more"),
    ("GET", "/admin/nothing"), ("GET", "/api/nothing"),
    ("DELETE", "/v1/files/1"), ("GET", "/echo/v1/models"),
    ("POST", "/echo/v1/chat/completions"), ("PUT", "/v1/nothing")])
def test_404(client, method, path):
    reply = client.ask(method, path, CHAT if method == "POST" else None)
    assert reply.status == 404, reply
    assert reply.error["type"] == "invalid_request_error"
    assert reply.header("x-request-id")


@pytest.mark.parametrize("method, path, allowed", [
    ("GET", "/v1/chat/completions", "POST"),
    ("DELETE", "/v1/chat/completions", "POST"),
    ("GET", "/v1/embeddings/", "POST"),
    ("HEAD", "/v1/chat/completions", "POST"),
    ("PUT", "/v1/models", "GET"),
    ("DELETE", "/v1/models/gpt-test", "GET"),
    ("POST", "/health", "GET"),
])
def test_405_with_allow(client, method, path, allowed):
    reply = client.ask(method, path, b"" if method in ("POST", "PUT") else None)
    assert reply.status == 405, reply
    assert allowed in reply.header("allow").replace(" ", "").split(",")
    assert reply.header("x-request-id")
    if method != "HEAD":
        assert reply.error["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-test",
                                  "/health", "/health/gpt-test"])
def test_head_is_get_without_a_body(client, upstream, path):
    sock = client.connect()
    get = client.get(path, sock=sock)
    head = client.ask("HEAD", path, sock=sock)
    assert head.status == get.status == 200
    assert head.body == b""
    assert head.header("content-type") == get.header("content-type")
    assert client.get("/health", sock=sock).status == 200
    sock.close()


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/models", "/docs",
                                  "/v1/models/gpt-test", "/openapi.json"])
def test_head_finds_what_get_finds(client, path):
    """Claude Code asks HEAD / when it starts; no probe is worth a warning."""
    get, head = client.get(path), client.ask("HEAD", path)
    assert (get.status, head.status, head.body) == (200, 200, b"")
    assert head.header("content-type") == get.header("content-type")


@pytest.mark.parametrize("path", ["/", "/v1"])
def test_the_bare_address_needs_no_key(server, client, path):
    for method in ("GET", "HEAD"):
        reply = client.ask(method, path, auth=False)
        assert reply.status == 200, reply
        assert server.journaled(
            reply.header("x-request-id"))["levelname"] == "INFO"
    assert client.get(path).json()["models"] == "/v1/models"
    assert client.post(path, {}).status == 405


@pytest.mark.parametrize("path, status", [
    ("/v1/messages", 405), ("/v1/chat/completions", 405),
    ("/v1/responses", 405), ("/v1/nothing", 404)])
def test_a_head_that_finds_nothing_is_no_warning(server, client, path, status):
    reply = client.ask("HEAD", path)
    assert (reply.status, reply.body) == (status, b"")
    assert (reply.header("allow") is not None) == (status == 405)
    level = {"HEAD": "INFO", "GET": "WARNING"}
    for method in level:
        reply = client.ask(method, path)
        assert server.journaled(reply.header("x-request-id"))["levelname"] \
            == level[method]


# Keys.

@pytest.mark.parametrize("header, value", [
    ("Authorization", f"Bearer {KEY}"),
    ("Authorization", f"Bearer   {KEY}  "),
    ("Authorization", f"BEARER {OTHER_KEY}"),
    ("x-api-key", KEY), ("api-key", OTHER_KEY)])
def test_good_keys(client, header, value):
    reply = client.get("/v1/models", auth=False, headers=[(header, value)])
    assert reply.status == 200, reply


@pytest.mark.parametrize("header, value", [
    ("Authorization", "Bearer wrong"), ("Authorization", "Bearer"),
    ("Authorization", "Bearer "),
    ("Authorization", f"Basic {KEY}"), ("Authorization", f"Bearer {KEY}x"),
    ("Authorization", f"Bearer {KEY[:-1]}"),
    ("Authorization", f"Bearer {KEY},{OTHER_KEY}"),
    ("Authorization", f"Bearer {KEY.upper()}"),
    ("Authorization", f"Bearer {UP_KEY}"), ("Authorization", "Bearer ,"),
    ("x-api-key", ""), ("x-api-key", "wrong"),
    ("Redirect-Http-Authorization", f"Bearer {KEY}"),
    ("X-Nothing", KEY)])
@pytest.mark.parametrize("method, path", [
    ("GET", "/v1/models"), ("POST", "/v1/chat/completions"),
    ("GET", "/health/gpt-test")])
def test_bad_keys(client, upstream, method, path, header, value):
    reply = client.ask(method, path, CHAT if method == "POST" else None,
                       auth=False, headers=[(header, value)])
    assert reply.status == 401, reply
    assert reply.error["code"] == "invalid_api_key"
    assert KEY not in reply.body.decode()
    assert upstream.requests == []


# Each place where a client may put a key, with what may stand there.
SHOWN = {
    "Authorization": [None, f"Bearer {KEY}", "Bearer sk-ant-oat01-foreign",
                      "foreign", "Basic Zm9vOmJhcg==", "Bearer "],
    "x-api-key": [None, OTHER_KEY, "wrong"],
    "api-key": [None, KEY, ""]}


@pytest.mark.parametrize("method, path", [
    ("GET", "/v1/models"), ("POST", "/v1/messages"),
    ("POST", "/v1/chat/completions"), ("GET", "/v1/nothing")])
def test_a_good_key_counts_wherever_it_is(client, method, path):
    """A client's token for somebody else does not hide the gateway's key."""
    for values in itertools.product(*SHOWN.values()):
        headers = [(name, value) for name, value in zip(SHOWN, values)
                   if value is not None]
        good = any(KEY in value or OTHER_KEY in value for _, value in headers)
        reply = client.ask(method, path, b"{}" if method == "POST" else None,
                           auth=False, headers=headers)
        assert (reply.status != 401) == good, (headers, str(reply))


def test_which_of_two_good_keys_counts(server, client):
    """On Anthropic's routes x-api-key does, elsewhere Authorization."""
    def key_id(path, body, headers):
        reply = client.post(path, body, auth=False, headers=headers)
        return server.journaled(reply.header("x-request-id"))["key_id"]
    both = [("Authorization", f"Bearer {KEY}"), ("x-api-key", OTHER_KEY)]
    for path in ("/v1/messages", "/v1/chat/completions"):
        one, other = (key_id(path, CHAT, [header]) for header in both)
        assert one != other
        wanted = other if path == "/v1/messages" else one
        assert key_id(path, CHAT, both) == wanted


def test_key_is_judged_before_the_body(client, upstream):
    reply = client.post("/v1/chat/completions", b"not json", auth=False)
    assert reply.status == 401


def test_health_needs_no_key(client):
    reply = client.get("/health", auth=False)
    assert (reply.status, reply.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("kind", LOGIC)
def test_models_open(make_server, upstream, kind):
    server = make_server(kind, {"auth": {"models_open": True}}, {
        "up": provider(upstream, models=({"name": "gpt-test"},))})
    client = server.client()
    assert client.get("/v1/models", auth=False).status == 200
    assert client.get("/v1/models/gpt-test", auth=False).status == 200
    reply = client.post("/v1/chat/completions", CHAT, auth=False)
    assert reply.status == 401


def test_open(make_server, upstream):
    """Open to all: also a client that sends some key is let in."""
    server = make_server("lighttpd", {"auth": {"open": True}}, {
        "up": provider(upstream, models=({"name": "gpt-test"},))},
        env={"SLUICE_API_KEYS": ""})
    client = server.client(None)
    assert client.post("/v1/chat/completions", CHAT).status == 200
    assert upstream.wait().header("authorization") == f"Bearer {UP_KEY}"
    reply = client.post("/v1/chat/completions", CHAT, headers=[
        ("Authorization", "Bearer anything")])
    assert reply.status == 200
    assert "anything" not in str(upstream.wait(2))


def test_no_keys_at_all_lets_nobody_in(make_server, upstream):
    """Neither an unset variable nor an empty key is a way in."""
    server = make_server("lighttpd", {}, {
        "up": provider(upstream, models=({"name": "gpt-test"},))},
        env={"SLUICE_API_KEYS": " , ,"})
    client = server.client(None)
    for headers in ([], [("Authorization", "Bearer ")], [("x-api-key", "")],
                    [("Authorization", "Bearer  ")]):
        reply = client.post("/v1/chat/completions", CHAT, headers=headers)
        assert reply.status == 401, reply


# Loops.

def test_loop(client, upstream):
    assert client.post("/v1/chat/completions", CHAT).status == 200
    ours = {k.lower() for k, _ in upstream.wait().headers}
    hop = next(name for name in ours if "hop" in name)
    reply = client.post("/v1/chat/completions", CHAT, headers=[(hop, "1")])
    assert reply.status == 508, reply
    assert reply.error["code"] == "loop_detected"
    assert len(upstream.requests) == 1


def test_gateway_as_its_own_upstream(make_server, upstream):
    """A provider whose base_url is the gateway itself ends at once."""
    server = make_server("lighttpd", {}, {"self": {
        "base_url": "http://127.0.0.1:@PORT@/v1",
        "api_key_env": "SLUICE_API_KEYS", "models": ({"name": "loop"},)}})
    reply = server.client().post("/v1/chat/completions", {"model": "loop"})
    assert reply.status == 508
    assert reply.error["code"] == "loop_detected"


# Health of one model.

def test_health_of_a_model(client, upstream):
    def ask():
        reply = client.get("/health/gpt-test")
        assert reply.status == 200, reply
        assert reply.json()["status"] == "ok"
        return upstream.requests
    x = until(ask, "a question that nobody has asked lately")[0]
    assert (x.method, x.path) == ("GET", "/v1/models")
    assert x.header("authorization") == f"Bearer {UP_KEY}"


def test_health_of_a_model_with_slashes(client, upstream):
    assert client.get("/health/Qwen/Qwen2.5-7B").status == 200
    assert client.get("/health/Qwen%2FQwen2.5-7B/").status == 200
    assert client.get("/health/lab/p-one").status == 200
    assert upstream.requests[-1].path == "/v1/sub/models"


def test_health_of_an_unknown_model(client, upstream):
    reply = client.get("/health/none")
    assert reply.status == 404
    assert reply.error["code"] == "model_not_found"
    assert upstream.requests == []


def test_health_of_a_sick_model(client, upstream):
    secret = b"the provider's own words, key sk-12345"
    upstream.script = lambda x: x.json(secret, 500)
    reply = client.get("/health/sick")
    assert reply.status == 503, reply
    text = reply.body.decode()
    assert "sick" in text and "500" in text
    assert "sk-12345" not in text and "own words" not in text
    assert UP_KEY not in text and str(upstream.port) not in text
    assert upstream.wait().path == "/v1/sick"


def test_health_under_its_timeout(client, upstream):
    from upstream import manual
    upstream.script = manual
    reply = client.get("/health/mute")
    assert reply.status == 503, reply
    assert "mute" in reply.body.decode()
    assert upstream.wait().gone.wait(20)


def test_a_loop_at_health_is_none_at_its_providers(make_server, upstream):
    server = make_server("lighttpd", providers={"up": provider(
        upstream, models=({"name": "m"},))}, procs=1)
    client, begun = server.client(), time.monotonic()
    assert all(client.get("/health/m").status == 200 for _ in range(50))
    lasted = time.monotonic() - begun
    assert 1 <= len(upstream.requests) <= 2 + lasted / 2
    upstream.script = lambda x: x.json({}, 500)
    until(lambda: client.get("/health/m").status == 503, "what is so now")


def test_who_asks_at_the_same_time_asks_once(make_server, upstream):
    """And if that client leaves, another one's question is asked."""
    from upstream import manual
    server = make_server("lighttpd", {"timeouts": {"hangup_probe": 0.1}}, {
        "up": provider(upstream, models=({"name": "m"},),
                       health={"timeout": 60.0})}, procs=1)
    upstream.script = manual
    first = server.client().open("GET", "/health/m")
    x = upstream.wait(1)
    others = [server.client().open("GET", "/health/m") for _ in range(4)]
    until(lambda: server.client().get("/health").status == 200)
    first.close()
    assert x.gone.wait(20)
    upstream.wait(2).json({"data": []})
    for other in others:
        assert other.finish().json()["status"] == "ok"
    assert len(upstream.requests) == 2


def test_health_of_a_dead_target(make_server, upstream):
    """Each target is asked; the answer says which of them failed."""
    from upstream import closed_port
    sock, port = closed_port()
    server = make_server("lighttpd", {}, {
        "alive": provider(upstream, models=({"name": "both"},)),
        "dead": {"base_url": f"http://127.0.0.1:{port}/v1",
                 "models": ({"name": "both"},)}})
    reply = server.client().get("/health/both")
    assert reply.status == 503, reply
    states = {t["provider"]: t["status"] for t in reply.json()["targets"]}
    assert states["alive"] == "ok"
    assert states["dead"] != "ok"
    assert str(port) not in reply.body.decode()
    sock.close()


# CORS.

def test_preflight(client, upstream):
    reply = client.ask("OPTIONS", "/v1/chat/completions", auth=False, headers=[
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type")])
    assert reply.status in (200, 204), reply
    assert reply.header("access-control-allow-origin") == "https://app.example"
    assert "POST" in reply.header("access-control-allow-methods")
    assert "authorization" in reply.header("access-control-allow-headers")
    assert reply.header("x-request-id")


def test_answers_carry_cors(client, upstream):
    origin = [("Origin", "https://app.example")]
    for reply in (client.post("/v1/chat/completions", CHAT, headers=origin),
                  client.get("/v1/models", headers=origin),
                  client.get("/v1/models", headers=origin, auth=False),
                  client.get("/v1/models/none", headers=origin)):
        assert reply.header("access-control-allow-origin") == \
            "https://app.example"
        assert reply.header_count("access-control-allow-origin") == 1


def test_other_origins_get_nothing(client, upstream):
    headers = [("Origin", "https://evil.example"),
               ("Access-Control-Request-Method", "POST")]
    for method in ("OPTIONS", "POST"):
        reply = client.ask(method, "/v1/chat/completions",
                           CHAT if method == "POST" else None, headers=headers)
        assert reply.header("access-control-allow-origin") is None
    assert client.get("/v1/models").header(
        "access-control-allow-origin") is None


def test_origin_cannot_inject(client):
    reply = client.get("/v1/models", headers=[
        ("Origin", "https://app.example\tx")])
    assert reply.header("access-control-allow-origin") is None


def test_upstreams_cors_is_not_passed_on(client, upstream):
    upstream.script = lambda x: x.json(b"{}", headers=[
        ("Access-Control-Allow-Origin", "*")])
    reply = client.post("/v1/chat/completions", CHAT)
    assert reply.header("access-control-allow-origin") is None
