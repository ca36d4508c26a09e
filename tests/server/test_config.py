"""Configuration at work: reload, broken files, env_file, proxy, levels."""
import threading

import pytest

from client import until
from fixtures import provider
from servers import KEY, LOGIC, UP_KEY, read_tail
from upstream import Upstream, chat_chunk, manual

SERVERS = LOGIC


def PROVIDERS(upstream):
    return {"up": provider(upstream, models=({"name": "gpt-test"},))}


def chat(client, model="gpt-test", **more):
    return client.post("/v1/chat/completions",
                       dict({"model": model, "messages": []}, **more))


def models(client):
    return {m["id"] for m in client.get("/v1/models").json()["data"]}


def every_responder(server, client, check):
    """CHECK(client) holds: all responders have it."""
    server.everywhere(check, "what the new files say", client.key)


# Reload.

def test_new_changed_and_removed_providers(server, client, upstream):
    server.write_provider("new", provider(upstream, models=(
        {"name": "fresh"},)))
    every_responder(server, client,
                    lambda c: models(c) == {"gpt-test", "fresh"})
    assert chat(client, "fresh").status == 200
    server.write_provider("new", provider(upstream, models=(
        {"name": "fresher", "target": "t"},)))
    every_responder(server, client,
                    lambda c: models(c) == {"gpt-test", "fresher"})
    assert chat(client, "fresher").status == 200
    assert upstream.requests[-1].data()["model"] == "t"
    server.remove_provider("new")
    every_responder(server, client, lambda c: models(c) == {"gpt-test"})
    assert chat(client, "fresher").status == 404


def test_change_of_sluice_conf(server, client, upstream):
    server.write_conf({"default_model": "gpt-test"})
    every_responder(server, client, lambda c: c.post(
        "/v1/chat/completions", {"messages": []}).status == 200)
    server.write_conf({})
    every_responder(server, client, lambda c: c.post(
        "/v1/chat/completions", {"messages": []}).status == 400)


def test_broken_sluice_conf_changes_nothing(server, client, upstream):
    server.write_conf('state_dir = "/nonsense"; this is not = libconfig\n')
    until(lambda: "sluice.conf:1" in server.logs(), "the file's name and line")
    assert chat(client).status == 200
    server.write_conf({"no_such_key": 1})
    until(lambda: "no_such_key" in server.logs(), "the key's name")
    assert chat(client).status == 200
    server.write_conf({})
    assert chat(client).status == 200


def test_broken_provider_file(server, client, upstream):
    """The others go on, it keeps its last good version, /health tells."""
    server.write_provider("extra", provider(upstream, models=(
        {"name": "extra"},)))
    every_responder(server, client,
                    lambda c: models(c) == {"gpt-test", "extra"})
    server.write_provider("extra", "base_url = 7 7;\n")
    every_responder(server, client, lambda c: c.get(
        "/health").json() == {"status": "degraded"})
    assert models(client) == {"gpt-test", "extra"}
    assert chat(client).status == 200
    assert chat(client, "extra").status == 200
    assert "extra.conf:1" in server.logs()
    server.remove_provider("extra")
    every_responder(server, client, lambda c: c.get(
        "/health").json() == {"status": "ok"})
    assert models(client) == {"gpt-test"}


def test_stream_outlives_a_reload(server, client, upstream):
    """A request ends with the configuration it began with."""
    server.write_provider("brief", provider(upstream, models=(
        {"name": "brief"},)))
    every_responder(server, client, lambda c: "brief" in models(c))
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions",
                        {"model": "brief", "stream": True})
    x = upstream.wait()
    x.sse()
    first = x.event(chat_chunk("one"))
    assert reply.event() == first
    server.remove_provider("brief")
    every_responder(server, client, lambda c: "brief" not in models(c))
    last = x.event("[DONE]")
    x.end()
    assert reply.event() == last
    assert reply.finish().complete


def test_reload_under_load(server, upstream):
    """Requests go on while files change; not one is lost."""
    stop = threading.Event()
    bad, done = [], []

    def load(number):
        client = server.client()
        while not stop.is_set():
            reply = chat(client, stream=number % 2 == 0)
            done.append(1)
            if reply.status != 200 or not reply.complete:
                bad.append(str(reply))
    threads = [threading.Thread(target=load, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    client = server.client()
    try:
        for number in range(2):
            name = f"m{number}"
            server.write_provider("churn", provider(upstream, models=(
                {"name": name},)))
            every_responder(server, client, lambda c, n=name: n in models(c))
        server.remove_provider("churn")
        every_responder(server, client,
                        lambda c: models(c) == {"gpt-test"})
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not bad, bad[:3]
    assert len(done) > 50


# At start.

def test_broken_provider_at_start(make_server, upstream):
    server = make_server("lighttpd", {}, {
        "a": "this is not = a provider\n",
        "b": provider(upstream, models=({"name": "gpt-test"},)),
        "c": provider(upstream, api_key_env="NOT_SET",
                      models=({"name": "keyless"},))})
    client = server.client()
    assert client.get("/health").json() == {"status": "degraded"}
    assert models(client) == {"gpt-test"}
    assert chat(client).status == 200
    assert chat(client, "keyless").status == 404
    until(lambda: "a.conf:1" in server.logs())
    assert "NOT_SET" in server.logs()


def test_unset_key_disables_the_provider(make_server, upstream):
    server = make_server("lighttpd", {}, {
        "a": provider(upstream, api_key_env="NOT_SET",
                      models=({"name": "keyless"},)),
        "b": provider(upstream, models=({"name": "gpt-test"},))})
    client = server.client()
    assert client.get("/health").json() == {"status": "degraded"}
    assert chat(client, "keyless").status == 404
    assert chat(client).status == 200


def test_no_providers_at_all(make_server):
    client = make_server("lighttpd").client()
    assert client.get("/v1/models").json()["data"] == []
    assert chat(client).status == 404


# env_file.

def test_env_file(make_server, upstream):
    text = f'# keys\nUP_KEY=from-file\n\nSLUICE_API_KEYS="{KEY}"\n'
    server = make_server(
        "lighttpd", {"env_file": "keys"}, {
            "up": provider(upstream, models=({"name": "gpt-test"},))},
        env={"SLUICE_API_KEYS": "", "UP_KEY": ""},
        files={"sluice/keys": (text, 0o600)})
    client = server.client()
    assert chat(client).status == 200
    assert upstream.wait().header("authorization") == "Bearer from-file"
    server.write("sluice/keys", text.replace("from-file", "changed"), 0o600)
    until(lambda: chat(client).status == 200 and upstream.requests[-1].header(
        "authorization") == "Bearer changed", "the file to be read again")


def test_environment_wins_over_env_file(make_server, upstream):
    server = make_server("lighttpd", {}, {
        "up": provider(upstream, models=({"name": "gpt-test"},))})
    server.write("sluice/keys", "UP_KEY=from-file\nSLUICE_API_KEYS=x\n", 0o600)
    server.write_conf({"env_file": "keys", "default_model": "gpt-test"})
    client = server.client()
    until(lambda: client.post("/v1/chat/completions", {}).status == 200)
    assert upstream.requests[-1].header("authorization") == f"Bearer {UP_KEY}"


def test_env_file_that_others_can_read_is_refused(make_server, upstream):
    server = make_server("lighttpd", {}, {
        "up": provider(upstream, models=({"name": "gpt-test"},))})
    server.write("sluice/keys", "X=1\n", 0o644)
    server.write_conf({"env_file": "keys", "default_model": "gpt-test"})
    until(lambda: "chmod 600" in server.logs(), "the reason in the log")
    client = server.client()
    assert client.post("/v1/chat/completions", {}).status == 400
    assert chat(client).status == 200


# Ways to the upstream.

def test_proxy(make_server, upstream):
    """Requests of this provider go through it, whole URL and all."""
    proxy = Upstream()
    server = make_server("lighttpd", {}, {
        "p": provider(upstream, base_url="http://upstream.invalid/v1",
                      proxy=f"http://127.0.0.1:{proxy.port}",
                      models=({"name": "far"},)),
        "up": provider(upstream, models=({"name": "gpt-test"},))},
        env={"http_proxy": "http://127.0.0.1:9",
             "HTTP_PROXY": "http://127.0.0.1:9",
             "ALL_PROXY": "http://127.0.0.1:9"})
    client = server.client()
    proxy.script = lambda x: x.json(b'{"by":"proxy"}')
    reply = chat(client, "far")
    assert reply.body == b'{"by":"proxy"}'
    x = proxy.wait()
    assert x.path == "http://upstream.invalid/v1/chat/completions"
    assert x.header("host") == "upstream.invalid"
    # The environment's proxy is nobody's wish.
    assert chat(client).status == 200
    assert len(proxy.requests) == 1
    proxy.close()


def test_proxy_that_is_not_there(make_server, upstream):
    server = make_server("lighttpd", {}, {
        "p": provider(upstream, proxy="http://127.0.0.1:9",
                      models=({"name": "far"},))})
    reply = chat(server.client(), "far")
    assert reply.status == 502
    assert reply.error["code"] == "upstream_unreachable"
    assert upstream.requests == []


@pytest.mark.parametrize("base", ["/v1", "/v1/", "/v1//", "", "/deep/er/v1"])
def test_base_url_is_joined_slash_safe(make_server, upstream, base):
    url = f"http://127.0.0.1:{upstream.port}"
    server = make_server("lighttpd", {}, {
        "up": {"base_url": url + base, "models": ({"name": "gpt-test"},)}})
    upstream.script = lambda x: x.json(b"{}")
    assert chat(server.client()).status == 200
    assert upstream.wait().path == base.rstrip("/") + "/chat/completions"


def test_endpoints_have_their_own_place(make_server, upstream):
    server = make_server("lighttpd", {}, {"up": provider(upstream, models=(
        {"name": "mix", "target": "usual", "endpoints": (
            {"path": "chat/completions", "base_url": upstream.url + "/gpu",
             "target": "llama"},
            {"path": "embeddings"})},
        {"name": "*"}))})
    client = server.client()
    assert chat(client, "mix").status == 200
    x = upstream.wait(1)
    assert (x.path, x.data()["model"]) == (
        "/v1/gpu/chat/completions", "llama")
    assert client.post("/v1/embeddings", {"model": "mix"}).status == 200
    x = upstream.wait(2)
    assert (x.path, x.data()["model"]) == ("/v1/embeddings", "usual")
    assert client.post("/v1/completions", {"model": "any"}).status == 200
    assert upstream.wait(3).data()["model"] == "any"


@pytest.mark.parametrize("level", ["endpoint", "model", "provider", "main"])
def test_timeouts_by_level(make_server, upstream, level):
    """endpoint > model > provider > sluice.conf: the nearest one counts."""
    order = ["main", "provider", "model", "endpoint"]
    short, long = {"headers": 0.2}, {"headers": 600.0}
    at = {name: short if name == level else long
          for name in order if order.index(name) <= order.index(level)}
    model = {"name": "m"}
    if "endpoint" in at:
        model["endpoints"] = ({"path": "chat/completions",
                               "timeouts": at["endpoint"]},)
    if "model" in at:
        model["timeouts"] = at["model"]
    more = {"timeouts": at["provider"]} if "provider" in at else {}
    server = make_server("lighttpd", {"timeouts": at["main"]}, {
        "up": provider(upstream, models=(model,), **more)})
    upstream.script = manual
    reply = chat(server.client(), "m")
    assert reply.status == 504
    assert reply.error["code"] == "upstream_timeout"


def test_state_dir_that_cannot_be_written(make_server, upstream):
    """Nothing of the relaying depends on it."""
    server = make_server(
        "lighttpd", 'state_dir = "/proc/nowhere";', {
            "up": provider(upstream, models=({"name": "gpt-test"},))})
    client = server.client()
    for _ in range(3):
        assert chat(client).status == 200
    assert "/proc/nowhere" in server.logs()


def test_diagnostics_without_a_stderr(make_server, upstream):
    """spawn-fcgi makes stderr /dev/null; they go to log.dir then."""
    server = make_server("lighttpd-spawned", {}, {
        "bad": "nonsense\n",
        "up": provider(upstream, models=({"name": "gpt-test"},))},
        keep_stderr=False)
    path = f"{server.tmp}/state/log/sluice.log"
    until(lambda: "bad.conf:" in read_tail(path, 0), "the file's name in it")
    assert chat(server.client()).status == 200
