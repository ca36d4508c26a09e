"""Members by which a router would choose another model; and what else keys share."""
import json

import pytest

from client_keys import keys, made
from fixtures import provider
from forms import field, form, form_type

SERVERS = ["lighttpd"]
DENIED = ["models", "model_list", "route", "provider", "preset", "fallbacks",
          "fallback_models", "default_fallbacks", "context_window_fallbacks",
          "content_policy_fallbacks", "mock_testing_fallbacks",
          "mock_testing_context_fallbacks",
          "mock_testing_content_policy_fallbacks", "api_base", "base_url",
          "custom_llm_provider", "user_config", "litellm_params",
          "extra_body", "provider_options", "providerOptions", "deployment",
          "deployment_id", "specific_deployment", "engine", "lora_path",
          "adapter_id", "Models", "MODELS", "mock-testing-fallbacks",
          "\uff4dodels", "fallbac\u212as", "models[]"]


def PROVIDERS(upstream):
    return {
        "up": provider(upstream, models=({"name": "m"}, {"name": "other"})),
        "own": provider(upstream, deny_members=["x_route", "user"],
                        models=({"name": "own"},)),
        "strict": provider(upstream, deny_members=["x_route"], deny_to="all",
                           models=({"name": "strict"},)),
        "lenient": provider(upstream, deny_to="nobody",
                            models=({"name": "lenient"},)),
        "pair-a": provider(upstream, deny_to="nobody",
                           models=({"name": "pair"},)),
        "pair-b": provider(upstream, priority=2, models=({"name": "pair"},)),
    }


@pytest.fixture(scope="module")
def secrets(server):
    """One key that may use some models, one for all."""
    found = {"limited": made(server, "limited", "--models",
                             "m,own,strict,lenient,pair"),
             "free": made(server, "free")}
    for secret in found.values():
        server.everywhere(lambda client: client.get("/v1/models").status
                          == 200, "the keys", secret)
    yield found
    for name in found:
        keys(server, "delete", name)


def ask(server, secret, model, **members):
    return server.client(secret).post("/v1/chat/completions", json.dumps(
        {"model": model, "messages": [], **members}).encode())


def refused(reply, upstream, name=None):
    assert reply.status == 400, reply
    assert reply.error["code"] == "member_not_allowed"
    assert name is None or reply.error["param"] == name
    assert upstream.requests == []


@pytest.mark.parametrize("name", DENIED)
def test_a_limited_key_chooses_no_other_model(server, secrets, upstream, name):
    for value in (["other"], "other", {"x": "other"}, None, True):
        refused(ask(server, secrets["limited"], "m", **{name: value}),
                upstream)
    assert ask(server, secrets["free"], "m", **{name: ["x"]}).status == 200


def test_forms_too(server, secrets, upstream):
    upstream.script = lambda x: x.json({})
    for name in ("fallbacks", "Models", "models[]", "provider"):
        body = form(field("model", "m"), field(name, "other"))
        client = server.client(secrets["limited"])
        refused(client.post("/v1/images/edits", body, headers=form_type()),
                upstream)
    client = server.client(secrets["free"])
    assert client.post("/v1/images/edits", body,
                       headers=form_type()).status == 200


def test_what_stands_deeper_is_another_member(server, secrets):
    assert ask(server, secrets["limited"], "m", x={"models": ["other"]},
               metadata={"route": "x"}).status == 200


def test_a_provider_has_a_list_of_its_own(server, secrets, upstream):
    refused(ask(server, secrets["limited"], "own", x_route=1), upstream,
            "x_route")
    refused(ask(server, secrets["limited"], "own", XRoute=1), upstream,
            "x_route")
    refused(ask(server, secrets["limited"], "own", user="u"), upstream,
            "user")
    assert ask(server, secrets["limited"], "own", models=["x"]).status == 200
    assert ask(server, secrets["limited"], "m", x_route=1).status == 200
    assert ask(server, secrets["free"], "own", x_route=1).status == 200


def test_it_may_be_for_all_or_for_nobody(server, secrets, upstream):
    for who in secrets:
        refused(ask(server, secrets[who], "strict", x_route=1), upstream,
                "x_route")
    for who in secrets:
        assert ask(server, secrets[who], "strict").status == 200
        assert ask(server, secrets[who], "lenient",
                   models=["x"]).status == 200


def test_every_channel_that_may_be_asked_counts(server, secrets, upstream):
    """The first would take it, but it may fail."""
    refused(ask(server, secrets["limited"], "pair", fallbacks=["other"]),
            upstream, "fallbacks")


# Idempotency keys.

def idempotency(server, secret, value, upstream):
    upstream.clear()
    reply = server.client(secret).post(
        "/v1/chat/completions", {"model": "m", "messages": []},
        headers=[("Idempotency-Key", value)])
    assert reply.status == 200, reply
    found = [v for k, v in upstream.wait().headers
             if k.lower() == "idempotency-key"]
    assert len(found) == 1
    return found[0]


def test_each_key_has_its_own_idempotency_keys(server, secrets, upstream):
    """The same of one key again, so that a retry is known as one."""
    seen = {}
    for who, secret in secrets.items():
        for value in ("a", "b", "0-1-2", "x" * 500):
            sent = idempotency(server, secret, value, upstream)
            assert sent == idempotency(server, secret, value, upstream)
            assert value not in sent or len(value) == 1
            seen[who, value] = sent
    assert len(set(seen.values())) == len(seen)


def test_without_one_there_is_none(server, secrets, upstream):
    assert ask(server, secrets["free"], "m").status == 200
    assert upstream.wait().header("idempotency-key") is None
