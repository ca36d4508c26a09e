"""GET /v1/models: one body for the clients of OpenAI, Anthropic and Codex."""
import re

import pytest

from client import Client
from fixtures import provider
from servers import KEY, LOGIC

SERVERS = LOGIC
VERSION = ("anthropic-version", "2023-06-01")
# What Codex 0.171 refuses a catalog without, and what older ones did.
CODEX = {
    "slug", "display_name", "supported_reasoning_levels", "shell_type",
    "visibility", "supported_in_api", "priority", "base_instructions",
    "support_verbosity", "truncation_policy", "experimental_supported_tools",
    "description", "upgrade", "supports_reasoning_summaries",
    "default_verbosity", "apply_patch_tool_type",
    "supports_parallel_tool_calls"}
IDS = [f"m-{number:02}" for number in range(20)]


def PROVIDERS(upstream):
    return {
        "up": provider(upstream, models=(
            {"name": "claude-x", "display_name": "Claude \"X\" \u00e4",
             "context_window": 200000, "max_output": 64000},
            {"name": "plain"},
            {"name": "both", "max_output": 7},
            *({"name": name} for name in IDS))),
        "more": provider(upstream, models=(
            {"name": "both", "display_name": "Both", "max_output": 9,
             "context_window": 1000},)),
    }


ALL = sorted([*IDS, "claude-x", "plain", "both"])


def ask(client, query="", **more):
    reply = client.get(f"/v1/models{query}", **more)
    assert reply.status == 200, reply
    return reply.json()


def ids(value):
    return [model["id"] for model in value["data"]]


def test_one_body_for_all(client):
    """Whoever asks: the header changes nothing."""
    value = ask(client)
    assert value == ask(client, headers=[VERSION])
    assert set(value) == {"object", "data", "has_more", "first_id", "last_id",
                          "models"}
    assert (value["object"], value["has_more"]) == ("list", False)
    assert ids(value) == ALL
    assert (value["first_id"], value["last_id"]) == (ALL[0], ALL[-1])
    for model in value["data"]:
        assert model["object"] == model["type"] == "model"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
                            model["created_at"])
        assert isinstance(model["created"], int)
        assert client.get(f"/v1/models/{model['id']}").json() == model


def test_what_is_told_of_a_model(client):
    """By the first file that says so; what none says is not told."""
    found = {model["id"]: model for model in ask(client)["data"]}
    known = found["claude-x"]
    assert known["display_name"] == "Claude \"X\" \u00e4"
    assert known["context_window"] == known["max_input_tokens"] == 200000
    assert known["max_completion_tokens"] == known["max_tokens"] == 64000
    assert (found["both"]["display_name"], found["both"]["max_tokens"],
            found["both"]["context_window"]) == ("Both", 9, 1000)
    assert found["plain"]["display_name"] == "plain"
    assert not set(found["plain"]) & {"context_window", "max_tokens"}


def test_the_catalog_of_codex(client):
    """Only models of which something is known: it replaces what Codex knows."""
    catalog = ask(client, "?client_version=0.171.0")["models"]
    assert [entry["slug"] for entry in catalog] == ["both", "claude-x"]
    for number, entry in enumerate(catalog):
        assert set(entry) == CODEX | {"context_window"}
        assert entry["priority"] == number + 1
        assert entry["base_instructions"]
        assert entry["truncation_policy"] == {"mode": "bytes", "limit": 10000}
    assert catalog[1]["context_window"] == 200000
    assert catalog[1]["display_name"] == "Claude \"X\" \u00e4"


@pytest.mark.parametrize("limit", [1, 2, 7, len(ALL) - 1, len(ALL), 1000])
@pytest.mark.parametrize("back", [False, True], ids=["after", "before"])
def test_pages(client, limit, back):
    """Each way they are all there, once, in order, and the last one says so."""
    seen, query = [], ""
    for _ in range(len(ALL) + 1):
        if back and not seen:
            query = f"&before_id={ALL[-1]}~"
        page = ask(client, f"?limit={limit}{query}")
        found = ids(page)
        assert 1 <= len(found) <= limit
        assert (page["first_id"], page["last_id"]) == (found[0], found[-1])
        seen = found + seen if back else seen + found
        if not page["has_more"]:
            break
        query = f"&before_id={found[0]}" if back else f"&after_id={found[-1]}"
    assert seen == ALL


@pytest.mark.parametrize("query, wanted, has_more", [
    ("", ALL, False),
    ("?after_id=m-17", ["m-18", "m-19", "plain"], False),
    ("?after_id=m-17x", ["m-18", "m-19", "plain"], False),
    ("?after_id=m%2D17&limit=2", ["m-18", "m-19"], True),
    ("?before_id=claude-x", ["both"], False),
    ("?before_id=m-01&limit=1", ["m-00"], True),
    ("?after_id=both&before_id=m-01", ["claude-x", "m-00"], False),
    ("?after_id=both&before_id=m-05&limit=2", ["claude-x", "m-00"], True),
    ("?after_id=m-05&before_id=m-01", [], False),
    ("?after_id=zzz", [], False), ("?before_id=", [], False),
    ("?limit=1000&beta=true&x", ALL, False),
    ("?after_id=%zz", ALL, False)])
def test_queries(client, query, wanted, has_more):
    page = ask(client, query)
    assert (ids(page), page["has_more"]) == (wanted, has_more)
    if not wanted:
        assert page["first_id"] is page["last_id"] is None


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", "1e3", "", "%20",
                                   "9999999999", "00"])
def test_limits_that_are_none(client, limit):
    reply = client.get(f"/v1/models?limit={limit}")
    if limit == "":
        assert reply.status == 400 or ids(reply.json()) == ALL
        return
    assert reply.status == 400, reply
    assert (reply.error["code"], reply.error["param"]) == (
        "invalid_value", "limit")


# Errors in the shape of who asks.

@pytest.mark.parametrize("method, path, status, kind", [
    ("GET", "/v1/models/none", 404, "not_found_error"),
    ("GET", "/v1/models?limit=0", 400, "invalid_request_error"),
    ("POST", "/v1/models", 405, "invalid_request_error"),
    ("GET", "/v1/messages/batches", 404, "not_found_error"),
    ("GET", "/v1/files", 404, "not_found_error")])
def test_errors_for_anthropics_clients(client, method, path, status, kind):
    def told(headers):
        reply = client.ask(method, path, b"{}" if method == "POST" else None,
                           headers=headers)
        assert reply.status == status, reply
        return reply
    value = told([VERSION]).json()
    assert (value["type"], value["error"]["type"]) == ("error", kind)
    assert set(value) == {"type", "error", "request_id"}
    assert told([]).error["message"] == value["error"]["message"]


def test_a_wrong_key_of_anthropics_clients(server):
    client = Client(server.port)
    reply = client.get("/v1/models", headers=[VERSION, ("x-api-key", "no")])
    assert reply.status == 401
    assert reply.json()["error"]["type"] == "authentication_error"
    assert reply.json()["request_id"] == reply.header("x-request-id")
    assert client.get("/v1/models", headers=[
        VERSION, ("x-api-key", KEY)]).status == 200


def test_whose_files_and_batches_they_are(make_server, upstream):
    """Anthropic's clients reach a provider of Anthropic's, if there is one."""
    upstream.script = lambda x: x.json(
        {"id": f"msgbatch_{len(upstream.requests)}"})

    def reached(server, *headers):
        reply = server.client().post("/v1/messages/batches", {"requests": []},
                                     headers=list(headers))
        assert reply.status == 200, reply
        return reply.header("x-sluice-provider")
    both = {
        "a": provider(upstream, passthrough=True, models=()),
        "b": provider(upstream, passthrough=True, kind="anthropic",
                      models=()),
        "c": provider(upstream, passthrough=True, kind="anthropic",
                      namespace="other", models=())}
    server = make_server("lighttpd", {}, both)
    assert reached(server) == "a"
    assert reached(server, VERSION) == "b"
    assert reached(server, VERSION, ("x-sluice-provider", "a")) == "a"
    server = make_server("lighttpd", {}, {"a": both["a"], "c": both["c"]})
    assert reached(server, VERSION) == "a"


def test_openais_paths_keep_openais_shape(client):
    """A header does not make another API of them."""
    for path in ("chat/completions", "responses"):
        reply = client.post(f"/v1/{path}", {"model": "none"},
                            headers=[VERSION])
        assert (reply.status, reply.error["code"]) == (404, "model_not_found")
