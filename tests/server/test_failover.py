"""What is tried again, where, and what the client is told in the end."""
import hashlib
import json

import pytest

from account import given
from channels import (KINDS, NO_BREAKER, QUICK, assert_served, body, channel,
                      chat, closes, error_body, fails, first, holds, nowhere,
                      on_accept_resets, resets, the_channel, tries)
from client import PATIENCE
from forms import field, file, form, form_type, noise
from ports import CLOSED_PORT, FULL_PORT
from servers import LOGIC, UP_KEY
from upstream import answer, chat_answer

SERVERS = LOGIC
CONF = {"breaker": NO_BREAKER}
ENV = {"OTHER_KEY": "other-key-4d5e6f"}
MB = 1 << 20
RETRIED = [429, 500, 502, 503, 504, 529]
FINAL = [400, 404, 413, 422]
KEY_FAULTS = [401, 402, 403]


def PROVIDERS(upstream):
    silent = {"timeouts": {"headers": 0.3}}
    idle = {"timeouts": {"idle": 0.3}}
    both = ("pair", "trio", "refused", "dns", "tls", "full")
    return {
        "a": channel("a", passthrough=True, models=(
            {"name": "pair"}, {"name": "trio"}, {"name": "alone"},
            {"name": "mapped", "target": "model-a"},
            {"name": "window", "target": "small"},
            {"name": "silent", **silent}, {"name": "mute", **silent},
            {"name": "stall", **idle})),
        "b": channel("b", priority=1, api_key_env="OTHER_KEY", models=tuple(
            {"name": name} for name in both + ("silent", "stall")) + (
            {"name": "mapped", "target": "model-b"},
            {"name": "window", "target": "large"},
            {"name": "mute", **silent})),
        "c": channel("c", priority=2, models=({"name": "trio"},)),
        "once": channel("a", retries=0, models=({"name": "once"},
                                                {"name": "on"})),
        "many": channel("a", retries=9, models=({"name": "many"},)),
        "next": channel("b", priority=1, models=({"name": "on"},)),
        # By their names these stand in the other order.
        "d-late": channel("a", priority=9, models=({"name": "turned"},)),
        "e-early": channel("b", priority=3, models=({"name": "turned"},)),
        "refused": nowhere(CLOSED_PORT, models=({"name": "refused"},
                                                {"name": "gone"})),
        "refused2": nowhere(CLOSED_PORT, priority=1,
                            models=({"name": "gone"},)),
        # A label of more than 63 bytes is refused before any packet is sent.
        "dns": {"base_url": f"http://{'x' * 70}.invalid/v1",
                "health": {"interval": 0.0}, "models": ({"name": "dns"},)},
        "tls": channel("c", base_url=the_channel("c").url.replace(
            "http:", "https:"), models=({"name": "tls"},)),
        "full": nowhere(FULL_PORT, timeouts={"connect": 0.3},
                        models=({"name": "full"},)),
    }


# Who is asked first.

@pytest.mark.parametrize("stream", KINDS)
def test_the_first_priority_gets_everything(client, a, b, c, stream):
    for _ in range(6):
        assert_served(chat(client, "trio", stream), "a", 1)
    assert (len(a.requests), len(b.requests), len(c.requests)) == (6, 0, 0)


def test_lower_numbers_come_first_whatever_the_names(client, a, b):
    for _ in range(3):
        assert_served(chat(client, "turned"), "e-early", 1)
    b.script = fails(401)
    assert_served(chat(client, "turned"), "d-late", 2)


# One more try where it was.

@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("status", RETRIED)
def test_one_failure_is_retried_in_place(client, a, b, status, stream):
    a.script = fails(status, 1)
    assert_served(chat(client, "pair", stream), "a", 2)
    assert (len(a.requests), len(b.requests)) == (2, 0)


def test_back_off_without_retry_after(client, a, b):
    a.script = fails(500, 1, headers=())
    assert_served(chat(client, "pair"), "a", 2)
    assert b.requests == []


@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("fault", [resets, closes])
def test_one_reset_is_retried_in_place(client, a, b, fault, stream):
    a.script = first(fault)
    assert_served(chat(client, "pair", stream), "a", 2)
    assert (len(a.requests), len(b.requests)) == (2, 0)


def test_flapping_primary(client, a, b):
    """Every other answer is a failure, and no client hears of it."""
    a.script = lambda x: (fails()(x) if x.number % 2 else answer(x))
    for _ in range(5):
        assert_served(chat(client, "pair"), "a", 2)
    assert (len(a.requests), len(b.requests)) == (10, 0)


def test_no_retries_configured(client, a, b):
    """A failure is then the next channel's chance, or the answer."""
    a.script = fails(503)
    assert chat(client, "once").status == 503
    assert len(a.requests) == 1
    assert_served(chat(client, "on"), "next", 2)
    assert len(a.requests) == 2


# The next channel.

@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("status", RETRIED)
def test_lasting_failure_goes_to_the_next(client, a, b, status, stream):
    a.script = fails(status)
    assert_served(chat(client, "pair", stream), "b", 3)
    assert (len(a.requests), len(b.requests)) == (2, 1)


@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("fault", [resets, closes])
def test_lasting_resets_go_to_the_next(client, a, b, fault, stream):
    a.script = fault
    assert_served(chat(client, "pair", stream), "b", 3)
    assert (len(a.requests), len(b.requests)) == (2, 1)


def test_the_third_of_three(client, a, b, c):
    a.script = fails(429)
    b.script = fails(503)
    assert_served(chat(client, "trio"), "c", 5)
    assert (len(a.requests), len(b.requests), len(c.requests)) == (2, 2, 1)


@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("model", ["refused", "dns", "tls", "full"])
def test_no_connection_goes_to_the_next_at_once(server, client, b, model,
                                                stream):
    reply = chat(client, model, stream)
    assert_served(reply, "b", 2)
    names = [name for name, _ in tries(server, reply)]
    assert names == [model, "b"]


@pytest.mark.parametrize("stream", KINDS)
def test_silent_channel_is_not_asked_twice(client, a, b, stream):
    a.script = holds
    assert_served(chat(client, "silent", stream), "b", 2)
    assert (len(a.requests), len(b.requests)) == (1, 1)
    assert a.wait().gone.wait(PATIENCE)


def test_silence_in_a_plain_answer(client, a, b):
    def script(x):
        x.head(200, [("Content-Type", "application/json"),
                     ("Content-Length", "100")])
        x.send(b"{")
        x.hold()
    a.script = script
    assert_served(chat(client, "stall"), "b", 2)
    assert len(a.requests) == 1


def test_cut_plain_answer_is_never_shown(client, a, b):
    """Whoever is asked next, the client gets one whole answer."""
    def script(x):
        x.head(200, [("Content-Type", "application/json"),
                     ("Content-Length", "1000")])
        x.send(b'{"half":')
        x.close()
    a.script = script
    reply = chat(client, "pair")
    assert_served(reply, "b")
    assert reply.json() == chat_answer("pair")


@pytest.mark.parametrize("fields", [
    "Content-Length: 99\r\nContent-Length: {n}",
    "Content-Length: {n}\r\nContent-Length: 5", "Content-Length: {n}, 5",
    "Content-Length: {n}\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: {n}",
    "Content-Length: +{n}", "Content-Length: {n}x", "Content-Length: {n}.0",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_answer_whose_end_is_uncertain(server, client, a, b, fields, kind):
    """RFC 9112, section 6.3; half of it was passed on as a whole answer."""
    data = json.dumps(chat_answer()).encode()
    fields = fields.format(n=len(data))

    def script(x):
        x.send(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{fields}\r\n\r\n"
               .encode())
        x.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)
               if "chunked" in fields else data)
        x.close()
    a.script = script
    reply = chat(client, "pair", "event" in kind)
    assert_served(reply, "b")
    line = server.journaled(reply.header("x-request-id"))
    assert {one["outcome"] for one in line["attempts"][:-1]} == {
        "upstream_garbage"}
    reply = chat(client, "once")
    assert reply.status == 502
    assert reply.error["code"] == "upstream_invalid_answer"


@pytest.mark.parametrize("fields", [
    "Content-Length: {n}\r\nContent-Length: {n}", "Content-Length: {n}, {n}",
    "content-length:0{n}"])
def test_equal_lengths_are_one(client, a, fields):
    data = json.dumps(chat_answer("once")).encode()
    fields = fields.format(n=len(data))

    def script(x):
        x.send(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{fields}"
               "\r\n\r\n".encode() + data)
        x.keep = True
    a.script = script
    for _ in range(3):
        assert_served(chat(client, "once"), "once", 1)


@pytest.mark.parametrize("stream", KINDS)
def test_each_channel_has_its_key_and_model_name(client, a, b, stream):
    """All else is the same; the answer keeps the fallback's own model."""
    a.script = fails()
    reply = chat(client, "mapped", stream, x=[1.50, "\u00e9"])
    assert_served(reply, "b", 3)
    ours, theirs = a.wait(2).data(), b.wait().data()
    assert (ours.pop("model"), theirs.pop("model")) == ("model-a", "model-b")
    assert ours == theirs
    assert a.wait().body.replace(b"model-a", b"model-b") == b.wait().body
    assert a.wait().header("authorization") == f"Bearer {UP_KEY}"
    assert b.wait().header("authorization") == f"Bearer {ENV['OTHER_KEY']}"
    assert b'"model": "model-b"' in reply.body


def test_the_fallbacks_usage_is_journaled(server, client, a, b):
    a.script = fails()
    reply = chat(client, "mapped")
    assert reply.json()["usage"] == chat_answer()["usage"]
    line = server.journaled(reply.header("x-request-id"))
    assert line["target_provider"] == "b"
    assert line["target_model_name"] == "model-b"
    assert line["usage"]["source"] == "reported"
    assert line["usage"]["input_tokens"] == 3
    assert line["usage"]["output_tokens"] == 2


@pytest.mark.parametrize("path", ["completions", "embeddings", "responses",
                                  "messages", "moderations",
                                  "images/generations", "audio/speech"])
def test_every_path_fails_over(client, a, b, path):
    a.script = fails()
    reply = client.post(f"/v1/{path}", {"model": "pair", "input": "x"})
    assert_served(reply, "b", 3)
    assert b.wait().path == f"/v1/{path}"


# The same bytes again.

@pytest.mark.parametrize("size", [300 << 10, 8 * MB], ids=["memory", "spool"])
@pytest.mark.parametrize("times, provider", [(1, "a"), (None, "b")])
def test_large_body_is_sent_again(client, a, b, size, times, provider):
    whole = json.dumps(body("pair", pad="p" * size)).encode()
    a.script = fails(503, times)
    assert_served(client.post("/v1/chat/completions", whole), provider)
    for x in a.requests + b.requests:
        assert x.sha256 == hashlib.sha256(whole).hexdigest()
    assert len(a.requests) == 2


@pytest.mark.parametrize("size", [300 << 10, 8 * MB], ids=["memory", "spool"])
@pytest.mark.parametrize("times, provider", [(1, "a"), (10, "b")])
def test_reset_during_the_upload(client, a, b, size, times, provider):
    whole = json.dumps(body("pair", pad="q" * size)).encode()
    a.on_accept = on_accept_resets(times)
    assert_served(client.post("/v1/chat/completions", whole), provider,
                  min(times, 2) + 1)
    x = (a if provider == "a" else b).wait()
    assert x.sha256 == hashlib.sha256(whole).hexdigest()
    assert len(a.requests) + len(b.requests) == 1


def test_form_is_sent_again(client, a, b):
    """A file of 3 MB, and after it the model that differs."""
    parts = [file("file", noise(3 * MB))]
    a.script = fails(502)
    b.script = lambda x: x.json({"text": "hello"})
    reply = client.post("/v1/audio/transcriptions",
                        form(*parts, field("model", "mapped")),
                        headers=form_type())
    assert_served(reply, "b", 3)
    assert a.wait(2).body == form(*parts, field("model", "model-a"))
    assert b.wait().body == form(*parts, field("model", "model-b"))


# Keys.

@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("status", KEY_FAULTS)
def test_revoked_key_goes_to_the_next(client, a, b, status, stream):
    """A key revoked on one of two channels: once is enough to know."""
    a.script = fails(status)
    assert_served(chat(client, "pair", stream), "b", 2)
    assert (len(a.requests), len(b.requests)) == (1, 1)


@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("one, other", [(401, 401), (402, 403), (403, 401)])
def test_every_key_revoked(client, a, b, one, other, stream):
    """The client must not think that its own key is bad."""
    a.script = fails(one, data=error_body("key sk-12345 is revoked"))
    b.script = fails(other, data=error_body("key sk-67890 is revoked"))
    reply = chat(client, "pair", stream)
    assert reply.status == 502, reply
    assert reply.complete
    assert reply.error["code"] == "upstream_credentials_exhausted"
    assert reply.header("x-sluice-attempts") == "2"
    assert b"sk-" not in reply.body
    assert (len(a.requests), len(b.requests)) == (1, 1)


def test_the_only_key_revoked(client, a):
    a.script = fails(401)
    reply = chat(client, "alone")
    assert reply.status == 502, reply
    assert reply.error["code"] == "upstream_credentials_exhausted"
    assert len(a.requests) == 1


# What is final.

@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("status", FINAL)
def test_the_clients_own_mistakes_are_final(client, a, b, status, stream):
    data = b'{"error":{"message":"m \xc3\xa9","type":"t","own":[1]}}\n'
    a.script = fails(status, data=data)
    reply = chat(client, "window", stream)
    assert (reply.status, reply.body) == (status, data)
    assert reply.complete
    assert reply.header("x-sluice-provider") == "a"
    assert reply.header("x-sluice-attempts") == "1"
    assert (len(a.requests), len(b.requests)) == (1, 0)


def coded(code):
    return json.dumps({"error": {"message": "m", "param": "messages",
                                 "type": "invalid_request_error",
                                 "code": code}}).encode()


@pytest.mark.parametrize("stream", KINDS)
def test_context_length_goes_to_another_model(client, a, b, stream):
    a.script = fails(400, data=coded("context_length_exceeded"))
    assert_served(chat(client, "window", stream), "b", 2)
    assert b.wait().data()["model"] == "large"
    assert len(a.requests) == 1


@pytest.mark.parametrize("stream", KINDS)
def test_context_length_is_final_for_the_same_model(client, a, b, stream):
    data = coded("context_length_exceeded")
    a.script = fails(400, data=data)
    reply = chat(client, "pair", stream)
    assert (reply.status, reply.body) == (400, data)
    assert (len(a.requests), len(b.requests)) == (1, 0)


def test_context_length_everywhere(client, a, b):
    """The first channel's answer is the one that counts."""
    data = coded("context_length_exceeded")
    a.script = fails(400, data=data)
    b.script = fails(400, data=data.replace(b'"m"', b'"other"'))
    reply = chat(client, "window")
    assert (reply.status, reply.body) == (400, data)
    assert reply.header("x-sluice-provider") == "a"
    assert (len(a.requests), len(b.requests)) == (1, 1)


@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("code", ["content_filter",
                                  "content_policy_violation"])
def test_refused_content_is_final(client, a, b, code, stream):
    data = coded(code)
    a.script = fails(400, data=data)
    reply = chat(client, "window", stream)
    assert (reply.status, reply.body) == (400, data)
    assert (len(a.requests), len(b.requests)) == (1, 0)


# When everything fails.

@pytest.mark.parametrize("stream", KINDS)
def test_all_channels_down(server, client, a, b, stream):
    """The first channel's last answer, unchanged."""
    def numbered(name, status):
        return lambda x: x.json(b'{"%s": %d}' % (name, x.number), status,
                                [("Retry-After", "0")])
    a.script = numbered(b"a", 503)
    b.script = numbered(b"b", 500)
    reply = chat(client, "pair", stream)
    assert (reply.status, reply.body) == (503, b'{"a": 2}')
    assert reply.complete
    assert reply.header("retry-after") == "0"
    assert reply.header("content-type") == "application/json"
    assert reply.header("x-sluice-provider") == "a"
    assert reply.header("x-sluice-attempts") == "5"
    assert tries(server, reply) == [("a", 503)] * 2 + [("b", 500)] * 3


@pytest.mark.parametrize("model, count", [("once", 1), ("alone", 3),
                                          ("many", 6)])
def test_tries_of_a_single_channel(client, a, model, count):
    """The first, its retries, and never more than six in all."""
    data = error_body("busy")
    a.script = fails(429, data=data)
    reply = chat(client, model)
    assert (reply.status, reply.body) == (429, data)
    assert reply.header("x-sluice-attempts") == str(count)
    assert len(a.requests) == count


def test_never_more_than_six_tries(client, a, b, c):
    for one in (a, b, c):
        one.script = fails(503)
    reply = chat(client, "trio")
    assert reply.status == 503
    assert reply.header("x-sluice-attempts") == "6"
    assert [len(one.requests) for one in (a, b, c)] == [2, 2, 2]


@pytest.mark.parametrize("stream", KINDS)
def test_nobody_can_be_reached(client, stream):
    reply = chat(client, "gone", stream)
    assert reply.status == 502, reply
    assert reply.complete
    assert reply.error["code"] == "upstream_unreachable"
    assert reply.header("x-sluice-attempts") == "2"


@pytest.mark.parametrize("stream", KINDS)
def test_everybody_is_silent(client, a, b, stream):
    a.script = b.script = holds
    reply = chat(client, "mute", stream)
    assert reply.status == 504, reply
    assert reply.complete
    assert reply.error["code"] == "upstream_timeout"
    assert (len(a.requests), len(b.requests)) == (1, 1)


def test_only_resets(client, a):
    """There never was an answer: it is told in ours."""
    a.script = resets
    reply = chat(client, "alone")
    assert reply.status == 502
    assert reply.error["code"] == "upstream_reset"
    assert len(a.requests) == 3


def test_html_error_of_the_first_channel(client, a, b):
    """Bytes and type of an answer that no API would give."""
    data = b"<html>Bad Gateway</html>"
    a.script = fails(502, data=data, headers=[
        QUICK, ("Content-Type", "text/html")])
    b.script = fails(503)
    reply = chat(client, "pair")
    assert (reply.status, reply.body) == (502, data)
    assert reply.header("content-type") == "text/html"


# What is never tried again.

@pytest.mark.parametrize("method, path", [
    ("GET", "/v1/files"), ("DELETE", "/v1/files/file-1"),
    ("POST", "/v1/batches")])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_requests_without_a_model_are_never_retried(client, a, method, path,
                                                    status):
    data = error_body("as it is")
    given(client, a, "files", "file-1")
    a.script = fails(status, data=data)
    reply = client.ask(method, path, {} if method == "POST" else None)
    assert (reply.status, reply.body) == (status, data)
    assert len(a.requests) == 1


# The record.

def test_each_try_is_journaled(server, client, a, b):
    a.script = fails(500)
    reply = chat(client, "mapped", stream=True)
    line = server.journaled(reply.header("x-request-id"))
    assert (line["status"], line["outcome"]) == (200, "ok")
    assert len(line["attempts"]) == 3
    for one in line["attempts"]:
        assert set(one) == {"provider", "model", "status", "outcome",
                            "duration_ms", "first_token_ms", "hedge"}
        assert one["hedge"] is False
        assert one["duration_ms"] >= 0
    assert [(one["provider"], one["model"], one["status"])
            for one in line["attempts"]] == [
        ("a", "model-a", 500), ("a", "model-a", 500), ("b", "model-b", 200)]
    assert line["attempts"][2]["outcome"] == "ok"
    assert line["attempts"][0]["first_token_ms"] is None
    assert line["attempts"][2]["first_token_ms"] >= 0


def test_single_try_is_journaled(server, client, a):
    reply = chat(client, "alone")
    assert tries(server, reply) == [("a", 200)]


def test_nothing_of_a_failed_answer_is_journaled(server, client, a, b):
    """An upstream's message may repeat a key."""
    a.script = fails(500, data=error_body("sk-secret-9z8y"))
    reply = chat(client, "pair")
    line = server.journaled(reply.header("x-request-id"))
    assert "sk-secret-9z8y" not in json.dumps(line)
