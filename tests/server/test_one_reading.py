"""What the gate judges is what the upstream reads: methods, paths, queries."""
import pytest

from fixtures import provider
from servers import ALL, UP_KEY

CHAT = {"model": "m", "messages": []}


def PROVIDERS(upstream):
    return {
        "up": provider(upstream, passthrough=True, models=(
            {"name": "m"}, {"name": "*"})),
        "zure": provider(
            upstream, base_url=upstream.url.removesuffix("/v1"), kind="azure",
            api_version="2024-10-21", passthrough=True, models=(
                {"name": "cheap", "target": "dep-cheap"},
                {"name": "dear", "target": "dep-dear"})),
    }


@pytest.fixture(autouse=True)
def answers(upstream):
    upstream.script = lambda x: x.json({"id": "x", "ok": True})


SERVERS = ALL

METHODS = ["TRACE", "TRACK", "PROPFIND", "MKCOL", "SEARCH", "QUERY", "PURGE",
           "LINK", "X"]


PATHS = ["/v1/files", "/v1/x", "/v1/chat/completions", "/v1/models",
         "/v1/responses/resp_1", "/health"]


def went_up(client, upstream, method, path, body=None, headers=()):
    """The answer, and what the upstream was asked for meanwhile."""
    before = len(upstream.requests)
    reply = client.ask(method, path, body, headers=list(headers))
    return reply, [x.path for x in upstream.requests[before:]]


@pytest.mark.parametrize("method", METHODS)
def test_no_other_method_is_relayed(client, upstream, server, method):
    """
    Some servers refuse a method themselves, and Apache answers TRACE unless
    TraceEnable is off; nothing goes up in any case.
    """
    for path in PATHS:
        reply = client.ask(method, path)
        if method != "TRACE" or not server.kind.startswith("apache"):
            assert reply.status in (400, 403, 405, 501), reply
        assert UP_KEY.encode() not in reply.body
        assert upstream.requests == []


# Paths that some servers and upstreams fold into others.

FOLDED = [
    "/v1//chat/completions", "/v1/chat//completions", "//v1/chat/completions",
    "/v1///chat/completions", "/v1/chat/completions//", "/v1/chat/completions;x",
    "/v1/chat;a=b/completions", "/v1;x/chat/completions",
    "/v1/chat%2Fcompletions", "/v1%2Fchat/completions",
    "/v1/chat/completions%2F", "/v1/chat/completions%3Bx",
    "/v1/chat%2F%2Fcompletions", "/v1/ch%61t/completions",
    "/v%31/chat/completions", "/v1/chat/completion%73",
    "/v1/Chat/completions", "/v1/CHAT/COMPLETIONS", "/V1/chat/completions",
    "/v1/chat/completions/.", "/v1/./chat/completions",
    "/v1/x/../chat/completions", "/v1/chat%5Ccompletions",
    "/v1/chat/completions%20", "/v1/%20/chat/completions",
    "/v1/chat/completions%00", "/v1/chat/completions%09",
    "/v1/chat/completions%C2%A0", "/v1/chat/completions%3F",
    "/v1/chat/completions%23", "/v1/chat/completions%2525",
    "/v1/v1/chat/completions", "/v1/openai/chat/completions",
    "/v1/engines/m/chat/completions", "/v1/x/chat/completions",
    "/v1//messages", "/v1/Messages", "/v1/messages;x", "/v1/v1/messages",
    "/v1//responses", "/v1/Responses", "/v1/x/Embeddings", "/v1//embeddings",
]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_no_other_spelling_is_relayed(client, upstream, method):
    """
    Some servers tidy some of them up before they ask: then it is the plain path,
    and goes up as such.
    """
    for path in FOLDED:
        reply, asked = went_up(
            client, upstream, method, path, b'{"model":"m","messages":[]}',
            [("Content-Type", "application/json")])
        if reply.status == 200:
            assert method == "POST"
            assert asked == ["/v1/chat/completions"], path
        else:
            assert 400 <= reply.status < 500, (path, reply)
            assert asked == [], path


NOT_PLAIN = [
    "/v1//responses/resp_1", "/v1/Responses/resp_1/", "/v1/MODELS",
    "/v1/Models/m", "/v1/Images/Data/m/i", "//v1/files", "/v1//files",
    "/v1/files//", "/v1/files/a%2Fb", "/v1/files/%2e%2e/x", "/v1/files;x",
    "/v1/files/%252e%252e", "/v1/files/a%20b", "/v1/files/%C3%A9",
    "/v1/files/a%3Fb", "/v1/files/a%23b", "/v1/files/%5C", "/v1/openai/files",
    "/v1/v1/files", "/v1/engines", "/v1/deployments", "/v1/deployments/d"]


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_what_passes_through_is_plain(client, upstream, method):
    """An escaped slash is a slash; then it is the path with one."""
    for path in NOT_PLAIN:
        reply, asked = went_up(client, upstream, method, path,
                               b"" if method == "POST" else None)
        assert asked in ([], ["/v1/files/a/b"]), (path, reply)


# Where we are mounted is the web server's to say, not the client's.

NO_MOUNTS = [
    "/api/v1/models", "/admin/v1/models", "/x/v1/models", "/echo/v1/models/x",
    "/docs/v1/models", "/metrics/v1/models", "/api/x/v1/models",
    "/admin/api/keys", "/api/x/api/keys", "/api/health/v1/models",
    "/x/health", "/api/docs", "/a/b/c/v1/models", "/v1/v1/models",
    "/openai/openai/v1/models"]


def test_no_prefix_of_the_clients_is_a_mount(client, upstream):
    for path in NO_MOUNTS:
        reply, asked = went_up(client, upstream, "GET", path)
        assert reply.status in (401, 404), (path, reply)
        assert asked == []
    for path in ("/v1/api", "/v1/health", "/v1/metrics"):
        for root in ("", "/openai"):
            _, asked = went_up(client, upstream, "GET", root + path)
            assert asked == [path]


# The query.

QUERIES = ["?model=other", "?model=other&beta=true", "?key=bad",
           "?api-version=1", "?a=b&model=x", "?beta=true;model=x", "?beta=1",
           "?BETA=true", "?", "?beta=true%26model=x", "?stream=true"]


@pytest.mark.parametrize("path", [
    "chat/completions", "embeddings", "audio/speech", "responses"])
def test_no_query_goes_up_with_a_call(client, upstream, path):
    for query in QUERIES:
        assert client.post(f"/v1/{path}{query}", CHAT).status == 200
        takes = path == "responses" and "beta=true" in query[1:].split("&")
        assert upstream.requests[-1].path == (
            f"/v1/{path}" + ("?beta=true" if takes else "")), query


def test_the_beta_mark_of_anthropics_clients_goes_up(client, upstream):
    for query in ("?beta=true", "?x=1&beta=true&y", "?beta=true&beta=true"):
        for path in ("messages", "messages/count_tokens"):
            assert client.post(f"/v1/{path}{query}", CHAT).status == 200
            assert upstream.requests[-1].path == f"/v1/{path}?beta=true"


PASSED = {
    "?limit=5&after=file_1&order=desc": "?limit=5&after=file_1&order=desc",
    "?include%5B%5D=a&include[]=b": "?include%5B%5D=a&include[]=b",
    "?key=bad&limit=5": "?limit=5", "?limit=5&KEY=bad": "?limit=5",
    "?k%65y=bad": "", "?api_key=a&api-key=b&Token=c": "", "?+key=x": "",
    "?%20key=x": "", "?a;key=x": "", "?access_token=x&a": "?a",
    "?&&a=1&&": "?a=1", "?a=%zz": "?a=%zz", "?%zz=a": "", "?%00=a": ""}


def test_no_account_is_named_in_a_query(client, upstream):
    for query, passed in PASSED.items():
        _, asked = went_up(client, upstream, "GET", "/v1/things" + query)
        assert asked in (["/v1/things" + passed], []), query
        assert asked or "%00" in query or "%zz" in query


# Azure: the deployment in the path is the model.

def on(name):
    return [("x-sluice-provider", name)]


@pytest.mark.parametrize("way", ["/openai/deployments", "/v1/deployments",
                                 "/openai/v1/deployments"])
@pytest.mark.parametrize("said", ["cheap", "dear", "m", None])
def test_the_deployment_of_the_path_is_the_model(client, upstream, way, said):
    body = {"messages": []} if said is None else dict(CHAT, model=said)
    reply = client.post(
        f"{way}/cheap/chat/completions?api-version=2024-02-01", body)
    assert reply.status == 200, reply
    x = upstream.wait()
    assert x.path == ("/openai/deployments/dep-cheap/chat/completions"
                      "?api-version=2024-10-21")
    assert x.data()["model"] == "dep-cheap"
    reply = client.post(f"{way}/m/chat/completions", body)
    assert reply.status == 200, reply
    assert upstream.requests[-1].path == "/v1/chat/completions"
    assert upstream.requests[-1].data()["model"] == "m"


NO_DEPLOYMENTS = [
    "deployments/dep-dear/chat/completions", "deployments/dep-dear",
    "deployments", "engines/dep-dear/chat/completions",
    "Deployments/dep-dear/chat/completions",
    "deployments/dep-dear/x", "deployments/dep-dear/files",
    "deployments/dep-dear/extensions/chat/completions",
    "openai/deployments/dep-dear/chat/completions"]


@pytest.mark.parametrize("root", ["/v1", "/openai", "/openai/v1"])
def test_no_deployment_of_the_clients_goes_up(client, upstream, root):
    """"*" takes dep-dear for a model, of another provider."""
    for path in NO_DEPLOYMENTS:
        client.post(f"{root}/{path}", dict(CHAT, model="cheap"),
                    headers=on("zure"))
    assert {x.path for x in upstream.requests} <= {"/v1/chat/completions"}
    assert all(x.data()["model"] == "dep-dear" for x in upstream.requests)


def test_one_api_version(client, upstream):
    for path in ("/v1/things", "/openai/things"):
        client.get(path + "?api-version=1&limit=2&API-Version=3",
                   headers=on("zure"))
        assert upstream.requests[-1].path == \
            "/openai/things?api-version=2024-10-21&limit=2"
    client.post("/v1/chat/completions?api-version=1",
                dict(CHAT, model="dear"))
    assert upstream.requests[-1].path == (
        "/openai/deployments/dep-dear/chat/completions"
        "?api-version=2024-10-21")
