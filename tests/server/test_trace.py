"""traceparent on its way upstream, and the trace id of the journal."""
import re

import pytest

from channels import NO_BREAKER, body, channel, chat, fails
from servers import LOGIC

SERVERS = LOGIC
CONF = {"breaker": NO_BREAKER}
TRACE = "0af7651916cd43dd8448eb211c80319c"
GIVEN = f"00-{TRACE}-b7ad6b7169203331-01"


def PROVIDERS(upstream):
    return {"a": channel("a", models=({"name": "pair"},)),
            "b": channel("b", priority=1, models=({"name": "pair"},))}


def traced(client, value, name="traceparent"):
    return client.post("/v1/chat/completions", body("pair"),
                       headers=[(name, value)])


def made(x, server, reply):
    """The made-up one is proper; its id is in the journal. The id."""
    found = re.fullmatch("00-([0-9a-f]{32})-([0-9a-f]{16})-01",
                         x.header("traceparent"))
    assert found, x.header("traceparent")
    assert found[1] != "0" * 32 and found[2] != "0" * 16
    assert trace_id(server, reply) == found[1]
    return found[1]


def trace_id(server, reply):
    return server.journaled(reply.header("x-request-id"))["trace_id"]


@pytest.mark.parametrize("value", [
    GIVEN, GIVEN[:-2] + "00", f"00-{TRACE}-{'0' * 15}1-03"])
def test_the_clients_goes_on_as_it_is(server, client, a, value):
    reply = traced(client, value)
    assert a.wait().header("traceparent") == value
    assert trace_id(server, reply) == TRACE


def test_its_state_goes_with_it(client, a):
    client.post("/v1/chat/completions", body("pair"), headers=[
        ("Traceparent", GIVEN), ("tracestate", "a=1,b=2")])
    assert a.wait().header("traceparent") == GIVEN
    assert a.wait().header("tracestate") == "a=1,b=2"


def test_without_one_it_is_made(server, client, a):
    reply = chat(client, "pair")
    made(a.wait(), server, reply)


def test_each_request_has_its_own(server, client, a):
    for number in range(4):
        chat(client, "pair")
    assert len({x.header("traceparent").split("-")[1]
                for x in a.requests}) == 4


INVALID = [
    "x", "", GIVEN[3:], GIVEN.upper(), f"00-{'0' * 32}-b7ad6b7169203331-01",
    f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-b7ad6b7169203331-01",
    f"00-{TRACE[:-1]}-b7ad6b7169203331-01", GIVEN.replace("-", "_"),
    f"00-{TRACE[:-1]}g-b7ad6b7169203331-01", GIVEN + "-more"]


@pytest.mark.parametrize("value", INVALID, ids=range(len(INVALID)))
def test_an_invalid_one_is_replaced(server, client, a, value):
    reply = traced(client, value)
    assert reply.status == 200
    made(a.wait(), server, reply)


@pytest.mark.parametrize("headers", [(), [("traceparent", GIVEN)]],
                         ids=["made", "given"])
def test_all_tries_belong_to_one_trace(server, client, a, b, headers):
    a.script = fails()
    reply = client.post("/v1/chat/completions", body("pair"),
                        headers=headers)
    ids = {x.header("traceparent").split("-")[1]
           for x in a.requests + b.requests}
    assert len(a.requests + b.requests) == 3
    assert ids == {trace_id(server, reply)}


def test_requests_that_never_went_out_have_one_too(server, client):
    reply = client.get("/v1/models")
    assert re.fullmatch("[0-9a-f]{32}", trace_id(server, reply))
