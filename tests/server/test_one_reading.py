"""What the gate judges is what the upstream reads: methods, paths, queries."""
import pytest

from fixtures import provider
from servers import ALL, UP_KEY

CHAT = {"model": "m", "messages": []}


def PROVIDERS(upstream):
    return {"up": provider(upstream, passthrough=True, models=(
        {"name": "m"},))}


SERVERS = ALL

METHODS = ["TRACE", "TRACK", "PROPFIND", "MKCOL", "SEARCH", "QUERY", "PURGE",
           "LINK", "X"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", [
    "/v1/files", "/v1/x", "/v1/chat/completions", "/v1/models",
    "/v1/responses/resp_1", "/health"])
def test_no_other_method_is_relayed(client, upstream, server, method, path):
    """
    Some servers refuse a method themselves, and Apache answers TRACE unless
    TraceEnable is off; nothing goes up in any case.
    """
    reply = client.ask(method, path)
    if method != "TRACE" or not server.kind.startswith("apache"):
        assert reply.status in (400, 403, 405, 501), reply
    assert UP_KEY.encode() not in reply.body
    assert upstream.requests == []
