"""Kinds of providers, their URLs and keys, namespaces and passing through."""
import hashlib
import json
import os
import re
import subprocess

import pytest

from account import given
from fixtures import provider
from forms import field, file, form, form_type, noise
from servers import BUILD, UP_KEY

SERVERS = ["lighttpd", "apache-proxy-fcgi"]
ENV = {"AZ_KEY": "azure-key-5", "OTHER_KEY": "other-provider-key-6",
       "TEAM_SECRET": "team secret/7"}
VERSION = "2024-10-21"


def azure(upstream, path, **settings):
    root = upstream.url.removesuffix("/v1")
    whole = {"kind": "azure", "base_url": root + path, "api_key_env": "AZ_KEY"}
    whole.update(settings)
    return whole


def PROVIDERS(upstream):
    return {
        "classic": azure(upstream, "/", api_version=VERSION,
                         namespace="azure", models=(
                             {"name": "gpt-4o"},
                             {"name": "mapped", "target": "real/name"},
                             {"name": "deployed", "target": "real-name",
                              "deployment": "by-model"})),
        "whole": azure(upstream, "", api_version=VERSION,
                       deployment="by-provider", models=(
                           {"name": "one", "target": "t"},
                           {"name": "two", "deployment": "its-own"})),
        "in-openai": azure(upstream, "/openai/", api_version=VERSION,
                           models=({"name": "in-openai"},)),
        "readme": azure(upstream, "/openai/deployments/NAME",
                        api_version=VERSION, prefix="az-",
                        models=({"name": "gpt-4", "target": "gpt-4"},)),
        "v1": azure(upstream, "/openai/v1", models=({"name": "new-api"},)),
        "files": azure(upstream, "", api_version=VERSION, passthrough=True,
                       namespace="azure"),
        "subscription": provider(
            upstream, key_header="Ocp-Apim-Subscription-Key",
            headers=({"name": "X-Team", "value": "lab"},
                     {"name": "X-Secret", "value_env": "TEAM_SECRET"},
                     {"name": "OpenAI-Organization", "value": "org-ours"}),
            models=({"name": "subscribed"},)),
        "keyless": {"base_url": upstream.url,
                    "models": ({"name": "keyless"},)},
        "first": provider(upstream, passthrough=True, models=(
            {"name": "plain"}, {"name": "Qwen/Qwen2.5"})),
        "second": provider(upstream, passthrough=True, prefix="x-",
                           api_key_env="OTHER_KEY", models=({"name": "*"},)),
        "closed": provider(upstream, namespace="closed", models=(
            {"name": "*"},)),
    }


@pytest.fixture
def quiet(upstream):
    """An upstream that says yes to everything."""
    upstream.script = lambda x: x.json({"ok": True})
    return upstream


# Azure.

CLASSIC = "/openai/deployments/%s/%s?api-version=" + VERSION


@pytest.mark.parametrize("path", [
    "chat/completions", "completions", "embeddings", "audio/speech",
    "images/generations"])
def test_azure_deployment_paths(client, quiet, path):
    reply = client.post(f"/v1/{path}", {"model": "azure/gpt-4o"})
    assert reply.status == 200, reply
    x = quiet.wait()
    assert x.path == CLASSIC % ("gpt-4o", path)
    assert x.header("api-key") == "azure-key-5"
    assert x.header("authorization") is None
    assert x.data() == {"model": "gpt-4o"}


@pytest.mark.parametrize("path", ["audio/transcriptions", "images/edits"])
def test_azure_forms(client, quiet, path):
    parts = [file("file", noise(3000))]
    reply = client.post(f"/v1/{path}", form(
        *parts, field("model", "azure/mapped")), headers=form_type())
    assert reply.status == 200, reply
    x = quiet.wait()
    assert x.path == CLASSIC % ("real%2Fname", path)
    assert x.body == form(*parts, field("model", "real/name"))


@pytest.mark.parametrize("model, deployment, upstream_model", [
    ("azure/gpt-4o", "gpt-4o", "gpt-4o"),
    ("azure/mapped", "real%2Fname", "real/name"),
    ("azure/deployed", "by-model", "real-name"),
    ("one", "by-provider", "t"),
    ("two", "its-own", "two"),
    ("in-openai", "in-openai", "in-openai"),
    ("az-gpt-4", "NAME", "gpt-4")])
def test_azure_deployments(client, quiet, model, deployment, upstream_model):
    """From the model, from the provider, from the target, from the URL."""
    reply = client.post("/v1/chat/completions", {"model": model})
    assert reply.status == 200, reply
    x = quiet.wait()
    assert x.path == CLASSIC % (deployment, "chat/completions")
    assert x.data()["model"] == upstream_model
    assert x.header("api-key") == "azure-key-5"


def test_azure_has_a_query_of_its_own(client, quiet):
    client.post("/v1/chat/completions?a=1&b=%26", {"model": "azure/gpt-4o"})
    assert quiet.wait().path == (
        f"/openai/deployments/gpt-4o/chat/completions?api-version={VERSION}")


@pytest.mark.parametrize("path", ["chat/completions", "responses",
                                  "embeddings"])
def test_azure_v1(client, quiet, path):
    client.post(f"/v1/{path}?x=1", {"model": "new-api"})
    x = quiet.wait()
    assert x.path == f"/openai/v1/{path}"
    assert x.header("api-key") == "azure-key-5"


def test_azure_responses_stand_beside_the_deployments(client, quiet):
    client.post("/v1/responses", {"model": "azure/deployed"})
    x = quiet.wait()
    assert x.path == f"/openai/responses?api-version={VERSION}"
    assert x.data() == {"model": "real-name"}


def test_azure_files(client, quiet):
    given(client, quiet, "files", "file-1", named("files"))
    client.get("/v1/files/file-1?x=1")
    x = quiet.wait()
    path, query = x.path.split("?")
    assert path == "/openai/files/file-1"
    assert sorted(query.split("&")) == [f"api-version={VERSION}", "x=1"]
    assert x.header("api-key") == "azure-key-5"


def test_azure_streams(client, upstream):
    reply = client.post("/v1/chat/completions",
                        {"model": "azure/gpt-4o", "stream": True})
    assert reply.status == 200      # the script knows no such path: plain JSON
    assert upstream.wait().data()["stream"] is True


# Keys and headers.

def test_key_header(client, quiet):
    client.post("/v1/chat/completions", {"model": "subscribed"}, headers=[
        ("X-Team", "the clients"), ("X-Secret", "the clients"),
        ("Ocp-Apim-Subscription-Key", "the clients"),
        ("OpenAI-Organization", "org-theirs"), ("OpenAI-Beta", "a=v2")])
    x = quiet.wait()

    def all_of(name):
        return [v for k, v in x.headers if k.lower() == name]
    assert all_of("ocp-apim-subscription-key") == [UP_KEY]
    assert all_of("authorization") == []
    assert all_of("x-team") == ["lab"]
    assert all_of("x-secret") == ["team secret/7"]
    assert all_of("openai-organization") == ["org-ours"]
    assert all_of("openai-beta") == ["a=v2"]


def test_no_key_is_sent_where_none_is_named(client, quiet):
    client.post("/v1/chat/completions", {"model": "keyless"},
                headers=[("x-api-key", "client's"), ("api-key", "client's")])
    names = {name.lower() for name, _ in quiet.wait().headers}
    assert not names & {"authorization", "api-key", "x-api-key"}


def test_a_header_whose_variable_is_not_set_disables(make_server, quiet):
    one = make_server("lighttpd", {}, {
        "good": provider(quiet, models=({"name": "good"},)),
        "bad": provider(quiet, models=({"name": "bad"},), headers=(
            {"name": "X-Secret", "value_env": "NOT_SET_ANYWHERE"},))})
    client = one.client()
    assert client.post("/v1/embeddings", {"model": "bad"}).status == 404
    assert client.post("/v1/embeddings", {"model": "good"}).status == 200


# Names.

@pytest.mark.parametrize("model, sent", [
    ("plain", "plain"), ("default/plain", "plain"),
    ("Qwen/Qwen2.5", "Qwen/Qwen2.5"), ("x-any", "any"),
    ("default/x-any", "any"), ("closed/any/name", "any/name")])
def test_names(client, quiet, model, sent):
    reply = client.post("/v1/embeddings", {"model": model})
    assert reply.status == 200, reply
    assert quiet.wait().data() == {"model": sent}


@pytest.mark.parametrize("model", ["gpt-4o", "azure/plain", "azure/other",
                                   "default/gpt-4o", "classic/gpt-4o", "any"])
def test_names_of_other_namespaces(client, quiet, model):
    reply = client.post("/v1/embeddings", {"model": model})
    assert reply.status == 404, reply
    assert reply.error["code"] == "model_not_found"
    assert quiet.requests == []


def test_listed_names(client):
    data = client.get("/v1/models").json()["data"]
    owners = {one["id"]: one["owned_by"] for one in data}
    assert owners == {
        "azure/gpt-4o": "classic", "azure/mapped": "classic",
        "azure/deployed": "classic", "one": "whole", "two": "whole",
        "in-openai": "in-openai", "az-gpt-4": "readme", "new-api": "v1",
        "subscribed": "subscription", "keyless": "keyless",
        "plain": "first", "Qwen/Qwen2.5": "first"}


# S2's single target.

@pytest.fixture(params=["lighttpd", "nginx"])
def forced(request, make_server, quiet):
    return make_server(request.param, {}, {
        "up": provider(quiet, force_model="the/one"),
        "down": provider(quiet, namespace="ns", force_model="other")}).client()


@pytest.mark.parametrize("model", ["anything", "gpt-4o", "a/b/c", "the/one",
                                   "\u00e4\"\\"])
def test_forced_model(forced, quiet, model):
    body = {"a": 1, "model": model, "z": [1, 2]}
    assert forced.post("/v1/chat/completions", body).status == 200
    assert quiet.wait().body == json.dumps(
        dict(body, model="the/one")).encode()


@pytest.mark.parametrize("body, sent", [
    (b"{}", b'{"model":"the/one"}'),
    (b' {"x":1}', b' {"model":"the/one","x":1}'),
    (b'{ "messages" : [] }', b'{"model":"the/one", "messages" : [] }')])
def test_forced_model_without_a_name(forced, quiet, body, sent):
    assert forced.post("/v1/chat/completions", body).status == 200
    assert quiet.wait().body == sent


def test_forced_model_in_forms(forced, quiet):
    sound = file("file", noise(2000))
    for parts, sent in (
            ([sound, field("model", "whatever")],
             [sound, field("model", "the/one")]),
            ([sound], [field("model", "the/one"), sound])):
        reply = forced.post("/v1/audio/transcriptions", form(*parts),
                            headers=form_type())
        assert reply.status == 200, reply
        assert quiet.requests[-1].body == form(*sent)


def test_forced_model_of_a_namespace(forced, quiet):
    assert forced.post("/v1/embeddings", {"model": "ns/any"}).status == 200
    assert quiet.wait().data() == {"model": "other"}


def test_forced_models_are_listed(forced, quiet):
    data = forced.get("/v1/models").json()["data"]
    assert sorted(one["id"] for one in data) == ["ns/other", "the/one"]


# Passing through.

def named(name):
    return [("x-sluice-provider", name)]


def test_file_upload(client, quiet):
    """Without a model a form passes as it is."""
    body = form(field("purpose", "batch"),
                file("file", noise(2500000), b"b.jsonl", b"text/x-jsonl"))
    reply = client.post("/v1/files", body, headers=form_type())
    assert reply.status == 200, reply
    x = quiet.wait()
    assert (x.method, x.path) == ("POST", "/v1/files")
    assert x.sha256 == hashlib.sha256(body).hexdigest()
    assert x.header("content-type") == form_type()[0][1]
    assert x.header("authorization") == f"Bearer {UP_KEY}"


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST", "PUT", "PATCH"])
def test_methods(client, quiet, method):
    body = None if method in ("GET", "DELETE") else b""
    given(client, quiet, "files", "file-1")
    reply = client.ask(method, "/v1/files/file%2D1/content?after=%20x&b",
                       body)
    assert reply.status == 200, reply
    x = quiet.wait()
    assert (x.method, x.path) == (
        method, "/v1/files/file-1/content?after=%20x&b")
    assert x.body == b""
    assert x.header("content-length") == (None if body is None else "0")


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH"])
@pytest.mark.parametrize("kind", ["application/octet-stream", "image/png",
                                  "text/plain", None])
def test_any_bytes(client, quiet, method, kind):
    body = noise(1500000)
    headers = [("Content-Type", kind or "application/x-unknown")]
    given(client, quiet, "uploads", "u")
    reply = client.ask(method, "/v1/uploads/u/parts", body, headers=headers)
    assert reply.status == 200, reply
    x = quiet.wait()
    assert (x.method, x.sha256) == (method, hashlib.sha256(body).hexdigest())
    assert x.header("content-type") == headers[0][1]


def test_json_without_a_model(client, quiet):
    body = b'{"input_file_id":"f" ,"metadata":{"model":"plain"}}'
    given(client, quiet, "files", "f")
    assert client.post("/v1/batches", body).status == 200
    assert quiet.wait().body == body


def test_a_model_in_the_body_does_not_choose_the_provider(client, quiet):
    reply = client.post("/v1/fine_tuning/jobs", {"model": "subscribed"},
                        headers=named("second"))
    assert reply.status == 200
    x = quiet.wait()
    assert x.header("authorization") == f"Bearer {ENV['OTHER_KEY']}"
    assert x.data() == {"model": "subscribed"}


@pytest.mark.parametrize("name, key", [
    (None, UP_KEY), ("first", UP_KEY), ("second", ENV["OTHER_KEY"])])
def test_named_provider(client, quiet, name, key):
    client.post("/v1/files", {}, headers=named(name) if name else [])
    x = quiet.wait()
    assert x.header("authorization") == f"Bearer {key}"
    assert x.header("x-sluice-provider") is None


@pytest.mark.parametrize("name", ["closed", "subscription", "none", "FIRST",
                                  "azure", "default"])
def test_provider_that_lets_nothing_through(client, quiet, name):
    reply = client.get("/v1/files", headers=named(name))
    assert reply.status == 404, reply
    assert reply.error["code"] == "unknown_url"
    assert quiet.requests == []


def test_download_passes(client, upstream):
    data = noise(3000000)

    def script(x):
        x.keep = True
        x.head(200, [("Content-Type", "application/octet-stream"),
                     ("Content-Disposition", 'attachment; filename="a"'),
                     ("Content-Length", len(data))])
        x.send(data)
    given(client, upstream, "files", "f")
    upstream.script = script
    reply = client.get("/v1/files/f/content")
    assert hashlib.sha256(reply.body).digest() == \
        hashlib.sha256(data).digest()
    assert reply.header("content-disposition") == 'attachment; filename="a"'


@pytest.mark.parametrize("status", [204, 400, 404, 409])
def test_statuses_pass(client, upstream, status):
    def script(x):
        if status == 204:
            x.head(204)
            x.keep = True
        else:
            x.json({"error": {}}, status)
    name = given(client, upstream, "files", f"f{status}")
    upstream.script = script
    assert client.ask("DELETE", f"/v1/files/{name}").status == status


def test_passing_through_needs_a_key(server, upstream):
    reply = server.client(None).get("/v1/files")
    assert reply.status == 401
    assert upstream.requests == []


def test_nothing_passes_unless_it_is_configured(make_server, quiet):
    """A passthrough provider of another namespace must be asked for."""
    one = make_server("lighttpd", {}, {
        "a": provider(quiet, models=({"name": "m"},)),
        "b": provider(quiet, namespace="ns", passthrough=True)})
    client = one.client()
    for reply in (client.get("/v1/files"),
                  client.post("/v1/files", form(field("purpose", "x")),
                              headers=form_type())):
        assert reply.status == 404, reply
        assert reply.error["code"] == "unknown_url"
    assert quiet.requests == []
    assert client.get("/v1/files", headers=named("b")).status == 200


# What sluicectl check says.

GOOD = 'kind = "azure";\nbase_url = "https://x.openai.azure.com/";\n'
CHECKED = {
    "unknown kind": (1, 'base_url = "https://h/v1";\nkind = "gemini";\n', 2,
                     "kind: expected .*openai.*azure.*anthropic"),
    "a URL without a scheme": (1, '\nbase_url = "api.openai.com/v1";\n', 2,
                               "base_url: expected a URL"),
    "a URL with a query": (
        1, GOOD.replace(".com/", ".com/?api-version=1")
        + 'api_version = "1";\n', 2, "base_url: expected a URL"),
    "a URL with a user": (1, 'base_url = "https://me@h/v1";\n', 1,
                          "base_url: expected a URL"),
    "no URL": (1, 'kind = "anthropic";\n', None, "base_url"),
    "azure without api_version": (
        1, GOOD.replace("kind", "\n\nkind"), 3, "api_version is missing"),
    "azure with a deployment in its URL, without api_version": (
        1, GOOD.replace(".com/", ".com/openai/deployments/N"), 1,
        "api_version is missing"),
    "azure": (0, GOOD + 'api_version = "2024-10-21";\n', 0, ""),
    "azure v1": (0, GOOD.replace(".com/", ".com/openai/v1"), 0, ""),
    "azure v1 with a slash": (
        0, GOOD.replace(".com/", ".com/openai/v1/"), 0, ""),
    "api_version elsewhere": (
        1, 'base_url = "https://h/v1";\napi_version = "1";\n', 2,
        "api_version: for kind = \"azure\" only"),
    "deployment elsewhere": (
        1, 'base_url = "https://h/v1";\nmodels = (\n{ name = "m";\n'
        'deployment = "d"; } );\n', 4,
        "deployment: for kind = \"azure\" only"),
    "force_model and models": (
        1, 'base_url = "https://h/v1";\nmodels = ( { name = "m"; } );\n'
        'force_model = "m";\n', 3, "force_model"),
    "value and value_env": (
        1, 'base_url = "https://h/v1";\nheaders = (\n'
        '{ name = "X-A"; value = "a"; value_env = "A"; } );\n', 3,
        "either value or value_env"),
    "a key header that is no header": (
        1, 'base_url = "https://h/v1";\nkey_header = "X Key";\n', 2,
        "key_header: expected a header name"),
    "a key in the place of its variable": (
        1, 'base_url = "https://h/v1";\napi_key_env = "sk-12345";\n', 2,
        "api_key_env: expected the name of an environment variable"),
    "passthrough that is no truth": (
        1, 'base_url = "https://h/v1";\npassthrough = "yes";\n', 2,
        "passthrough: expected true or false"),
}


@pytest.mark.parametrize("name", CHECKED)
def test_check(tmp_path, name):
    status, text, line, words = CHECKED[name]
    (tmp_path / "providers.d").mkdir()
    path = tmp_path / "providers.d" / "p.conf"
    path.write_text(text)
    conf = tmp_path / "sluice.conf"
    conf.write_text("")
    done = subprocess.run(
        [f"{BUILD}/sluicectl", "check", "-c", str(conf)], text=True,
        capture_output=True, timeout=60,
        env={"PATH": os.environ["PATH"], "SLUICE_API_KEYS": "k"})
    assert done.returncode == status, done.stderr
    if status:
        place = str(path) if line is None else f"{path}:{line}: "
        assert any(told.startswith(place) and re.search(words, told)
                   for told in done.stderr.splitlines()), done.stderr
        assert "sk-12345" not in done.stderr
