"""The same caller reaches the same channel; all others are spread."""
import collections
import json

import pytest

from channels import NO_BREAKER, assert_served, body, channel, chat, fails
from client import until
from servers import LOGIC

SERVERS = LOGIC
CONF = {"breaker": NO_BREAKER}
NAMES = "abc"
USERS = [f"user-{number}" for number in range(24)]


def PROVIDERS(upstream):
    whole = {name: channel(name, retries=0, models=({"name": "any"},))
             for name in NAMES}
    whole["low"] = channel("a", weight=1, models=({"name": "weighted"},))
    whole["high"] = channel("b", weight=1000, models=({"name": "weighted"},))
    # 10 x 1 against 1 x 1000.
    whole["model-low"] = channel("a", weight=10, models=(
        {"name": "by-model", "weight": 1},))
    whole["model-high"] = channel("b", weight=1, models=(
        {"name": "by-model", "weight": 1000},))
    whole["first"] = channel("a", models=({"name": "ordered"},))
    whole["second"] = channel("b", priority=1, models=({"name": "ordered"},))
    return whole


def provider(client, model="any", headers=(), **more):
    """Who answers."""
    reply = client.post("/v1/chat/completions", body(model, **more),
                        headers=headers)
    assert reply.status == 200, reply
    return reply.header("x-sluice-provider")


def session(name):
    return [("X-Session-Id", name)]


WAYS = {
    "header": lambda one: {"headers": session(one)},
    "codex": lambda one: {"headers": [("session-id", one)]},
    "claude code": lambda one: {
        "headers": [("X-Claude-Code-Session-Id", one)]},
    "affinity": lambda one: {"headers": [("x-session-affinity", one)]},
    "cache key": lambda one: {"prompt_cache_key": one},
    "user": lambda one: {"user": one}}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_caller_reaches_the_same_channel(client, a, b, c, way):
    """Twice as often as there are processes, and they are not all together."""
    chosen = {}
    for one in USERS:
        found = {provider(client, **WAYS[way](one)) for _ in range(4)}
        assert len(found) == 1, (one, found)
        chosen[one] = found.pop()
    assert len(set(chosen.values())) > 1


def claude_code(session_id):
    """metadata.user_id as Claude Code sends it: JSON in a string."""
    return json.dumps({"device_id": "d" * 64, "account_uuid": "",
                       "session_id": session_id})


def messenger(client, metadata, **more):
    """Who answers one with that metadata."""
    reply = client.post("/v1/messages", body("any", max_tokens=9,
                                             metadata=metadata, **more))
    assert reply.status == 200, reply
    return reply.header("x-sluice-provider")


def is_answered_as_messages(*upstreams):
    for upstream in upstreams:
        upstream.script = lambda x: x.json({
            "id": "msg_1", "type": "message", "role": "assistant",
            "model": "any", "content": [{"type": "text", "text": "Hello"}],
            "stop_reason": "end_turn", "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 1}})


@pytest.mark.parametrize("user_id", [str, claude_code])
def test_a_user_of_messages_keeps_to_a_channel(client, a, b, c, user_id):
    is_answered_as_messages(a, b, c)
    chosen = {}
    for one in USERS:
        found = {messenger(client, {"user_id": user_id(one)})
                 for _ in range(4)}
        assert len(found) == 1, (one, found)
        chosen[one] = found.pop()
    assert len(set(chosen.values())) > 1


def test_a_session_of_claude_code_is_the_same_everywhere(client, a, b, c):
    """In the header, in the body, whatever else stands beside it there."""
    is_answered_as_messages(a, b, c)
    for one in USERS[:6]:
        home = provider(client, headers=[("X-Claude-Code-Session-Id", one)])
        assert messenger(client, {"user_id": claude_code(one)}) == home
        other = json.dumps({"session_id": one, "device_id": "e"})
        assert messenger(client, {"user_id": other, "more": [1]}) == home


@pytest.mark.parametrize("metadata", [
    None, 5, "user", [], {}, {"user_id": None}, {"user_id": ""},
    {"user_id": 7}, {"user_id": "{"}, {"user_id": "{}"},
    {"user_id": '{"session_id":[]}'}, {"user_id": "u" * 5000},
    {"user_id": "\u00fc\n\0"}, {"user_id": ["a"] * 3}])
def test_odd_metadata_does_no_harm(client, a, b, c, metadata):
    is_answered_as_messages(a, b, c)
    assert messenger(client, metadata) in NAMES


def test_metadata_of_other_paths_is_the_clients_own(client, a, b, c):
    seen = set()
    until(lambda: seen.add(provider(client, metadata={"user_id": "u"}))
          or len(seen) == 3, "all three channels")


def test_streams_and_other_paths_reach_it_too(client, a, b, c):
    for one in USERS[:6]:
        home = provider(client, user=one)
        assert_served(chat(client, "any", True, user=one), home, 1)
        for path in ("completions", "embeddings", "responses"):
            reply = client.post(f"/v1/{path}", {
                "model": "any", "user": one, "input": "x"})
            assert_served(reply, home, 1)


def test_the_header_counts_first(client, a, b, c):
    found = {provider(client, headers=session("s-1"), user=one,
                      prompt_cache_key=one) for one in USERS}
    assert len(found) == 1
    found = {provider(client, headers=session(one), user="u",
                      prompt_cache_key="k") for one in USERS}
    assert len(found) > 1


def test_the_cache_key_counts_before_the_user(client, a, b, c):
    found = {provider(client, user=one, prompt_cache_key="k")
             for one in USERS}
    assert len(found) == 1
    found = {provider(client, user="u", prompt_cache_key=one)
             for one in USERS}
    assert len(found) > 1


@pytest.mark.parametrize("user", [None, 5, {"a": 1}, "", "u" * 5000,
                                  "\u00fc\n\0"])
def test_odd_users_do_no_harm(client, a, b, c, user):
    assert provider(client, user=user) in NAMES


def test_all_others_are_spread(client, a, b, c):
    """Everybody here has the same key, and that makes nobody sticky."""
    seen = set()
    until(lambda: seen.add(provider(client)) or len(seen) == 3,
          "all three channels")


@pytest.mark.parametrize("model, high", [("weighted", "high"),
                                         ("by-model", "model-high")])
def test_weights(client, a, b, model, high):
    """One in a thousand goes to the other."""
    found = collections.Counter(provider(client, model) for _ in range(30))
    assert found[high] > 15
    found = collections.Counter(provider(client, model, user=one)
                                for one in USERS)
    assert found[high] > 12


def test_a_lower_priority_is_nobodys_home(client, a, b):
    assert {provider(client, "ordered", user=one) for one in USERS} \
        == {"first"}


def test_a_failing_home_is_left_and_found_again(client, a, b, c):
    upstreams = dict(zip(NAMES, (a, b, c)))
    for one in USERS[:6]:
        home = provider(client, user=one)
        upstreams[home].script = fails(401)
        away = {provider(client, user=one) for _ in range(3)}
        assert len(away) == 1 and home not in away
        upstreams[home].clear()
        assert provider(client, user=one) == home


def homes(server):
    return {one: provider(server.client(), user=one) for one in USERS}


@pytest.mark.parametrize("kind", ["lighttpd", "apache-cgi"])
def test_a_restart_changes_nothing(make_server, a, b, c, kind):
    server = make_server(kind, CONF, PROVIDERS(None), procs=4)
    before = homes(server)
    server._end_processes()
    server.start()
    assert homes(server) == before


def test_all_kinds_of_servers_agree(server, make_server, a, b, c):
    """The choice depends on the configuration alone."""
    other = make_server("apache-cgi", CONF, PROVIDERS(None))
    assert homes(other) == homes(server)


def test_a_channel_that_leaves_moves_only_its_own(make_server, a, b, c):
    server = make_server("lighttpd", CONF, PROVIDERS(None))
    before = homes(server)
    server._end_processes()
    server.remove_provider("c")
    del server.providers["c"]
    server.start()
    after = homes(server)
    assert "c" in before.values() and "c" not in after.values()
    assert {one: home for one, home in before.items() if home != "c"} == {
        one: after[one] for one in before if before[one] != "c"}


def spread(client, ways):
    return {provider(client, **way) for way in ways}


def test_sticky_none(make_server, a, b, c):
    server = make_server("lighttpd", {"sticky": "none", **CONF},
                         PROVIDERS(None))
    seen = set()
    until(lambda: seen.add(provider(
        server.client(), headers=session("s"), user="u",
        prompt_cache_key="k")) or len(seen) == 3, "all three channels")


def test_sticky_header(make_server, a, b, c):
    """The header named there, and nothing else."""
    server = make_server("lighttpd", {"sticky": "header:X-Team", **CONF},
                         PROVIDERS(None))
    client = server.client()
    for one in USERS[:8]:
        team = [("x-team", one)]
        assert len(spread(client, [{"headers": team}] * 4)) == 1
    assert len(spread(client, [{"headers": [("X-Team", one)]}
                               for one in USERS])) > 1
    seen = set()
    until(lambda: seen.add(provider(
        client, headers=session("s"), user="u", prompt_cache_key="k"))
        or len(seen) == 3, "all three channels")
