"""What a call consumed, as its journal line says; and asking for it."""
import json

import pytest

from channels import (DONE, NO_BREAKER, assert_served, body, channel, chat,
                      event, fails, nowhere, open_chat, role, sends, word)
from client import PATIENCE, until
from servers import LOGIC
from upstream import answer, chat_chunk, closed_port, manual

SERVERS = LOGIC
CONF = {"breaker": NO_BREAKER}
BUCKETS = ["input_tokens", "cache_read_tokens", "cache_write_tokens",
           "output_tokens", "reasoning_tokens"]
PRICES = {
    "priced": {"input": 2.5, "cached": 1.25, "cache_write": 4, "output": 10},
    "unset": {"input": 2.5, "output": 10},
    "free-cache": {"input": 2.5, "cached": 0, "cache_write": 0, "output": 10},
    "input-only": {"input": 0.02},
    "zero": {"input": 0.0, "output": 0.0},
}


def PROVIDERS(upstream):
    return {
        "asis": channel("a", retries=0, models=({"name": "asis"},)),
        "inject": channel("a", usage="inject", retries=0, models=(
            {"name": "inject"}, {"name": "long", "target": "t"},
            {"name": "held", "release": "end"},
            {"name": "byte", "release": "byte"})),
        "priced": channel("a", usage="inject", retries=0, models=tuple(
            {"name": name, "prices": PRICES[name]} for name in PRICES)),
        "race-a": channel("a", retries=0, models=(
            {"name": "race", "hedge": "p95", "prices": {"input": 3000}},
            {"name": "half"})),
        "race-b": channel("b", retries=0, priority=1, models=(
            {"name": "race", "prices": PRICES["priced"]},
            {"name": "half", "prices": PRICES["priced"]})),
    }


def usage(server, reply):
    """(source, the five buckets) of the journal line; None for null."""
    found = server.journaled(reply.header("x-request-id"))["usage"]
    if found is None:
        return None
    assert set(found) == {"source", *BUCKETS}
    assert all(type(found[name]) is int for name in BUCKETS)
    return found["source"], [found[name] for name in BUCKETS]


def ask(client, path, model="asis", stream=False, **more):
    """A request that each path takes for its own."""
    return client.post(f"/v1/{path}", body(
        model, stream, input="some input", prompt="some prompt", **more))


# Reported.

CHAT = {"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 3}}
BARE = {"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17}
RESPONSES = {"input_tokens": 10, "output_tokens": 7, "total_tokens": 17,
             "input_tokens_details": {"cached_tokens": 4},
             "output_tokens_details": {"reasoning_tokens": 3}}
MESSAGES = {"input_tokens": 6, "cache_creation_input_tokens": 5,
            "cache_read_input_tokens": 4, "output_tokens": 7}
EMBEDDINGS = {"prompt_tokens": 8, "total_tokens": 8}
SPLIT = [6, 4, 0, 4, 3]

PLAIN = {
    "chat": ("chat/completions", {"choices": [], "usage": CHAT}, SPLIT),
    "chat-bare": ("chat/completions", {"usage": BARE}, [10, 0, 0, 7, 0]),
    "chat-null": ("chat/completions", {"usage": dict(
        BARE, prompt_tokens_details=None, completion_tokens_details=None)},
        [10, 0, 0, 7, 0]),
    "chat-first": ("chat/completions", {"usage": CHAT, "choices": [
        {"message": {"content": '{"usage":{"prompt_tokens":99}}'}}]}, SPLIT),
    "completions": ("completions", {"choices": [], "usage": BARE},
                    [10, 0, 0, 7, 0]),
    "embeddings": ("embeddings", {"data": [], "usage": EMBEDDINGS},
                   [8, 0, 0, 0, 0]),
    "responses": ("responses", {"id": "resp_1", "usage": RESPONSES}, SPLIT),
    "messages": ("messages", {"type": "message", "usage": MESSAGES},
                 [6, 4, 5, 7, 0]),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_answer(server, client, a, name):
    path, answer, expected = PLAIN[name]
    a.script = lambda x: x.json(answer)
    reply = ask(client, path)
    assert reply.json() == answer
    assert usage(server, reply) == ("reported", expected)


def test_usage_at_the_end_of_a_large_answer(server, client, a):
    answer = {"data": [{"embedding": [0.123456789] * 1000}] * 300,
              "usage": EMBEDDINGS}
    a.script = lambda x: x.json(answer)
    reply = ask(client, "embeddings")
    assert usage(server, reply) == ("reported", [8, 0, 0, 0, 0])


def only(value):
    """The chunk that has nothing but usage."""
    return event(dict(chat_chunk(), choices=[], usage=value))


def typed(value):
    return f"event: {value['type']}\n".encode() + event(value)


def message_start(**more):
    return typed({"type": "message_start", "message": {
        "role": "assistant", "content": [], "usage": dict(
            MESSAGES, output_tokens=1, **more)}})


def text_delta(text):
    return typed({"type": "content_block_delta", "index": 0,
                  "delta": {"type": "text_delta", "text": text}})


MESSAGE_END = [typed({"type": "message_delta", "delta": {"stop_reason": "x"},
                      "usage": {"output_tokens": 7}}),
               typed({"type": "message_stop"})]


def response_end(kind):
    return typed({"type": f"response.{kind}", "response": {
        "id": "resp_1", "status": kind, "usage": RESPONSES}})


RESPONSE_START = [typed({"type": "response.created", "response": {
    "id": "resp_1", "usage": None}}), typed(
        {"type": "response.output_text.delta", "delta": "x"})]

STREAMS = {
    "chat": ("chat/completions", [role(), word("x"), only(CHAT), DONE], SPLIT),
    "chat-null": ("chat/completions", [
        event(dict(chat_chunk("x"), usage=None)), only(CHAT), DONE], SPLIT),
    "chat-riding": ("chat/completions", [word("x"), event(dict(
        chat_chunk(finish="stop"), usage=CHAT)), DONE], SPLIT),
    "chat-growing": ("chat/completions", [
        event(dict(chat_chunk("x"), usage=BARE)), word("y"),
        only(CHAT), DONE], SPLIT),
    "chat-without-done": ("chat/completions", [word("x"), only(CHAT)], SPLIT),
    "chat-tight": ("chat/completions", [word("x"), b"data:" + only(CHAT)[6:],
                                        DONE], SPLIT),
    "completions": ("completions", [
        event({"choices": [{"index": 0, "text": "x"}]}), only(BARE), DONE],
        [10, 0, 0, 7, 0]),
    "responses": ("responses", [*RESPONSE_START, response_end("completed")],
                  SPLIT),
    "responses-incomplete": ("responses", [
        *RESPONSE_START, response_end("incomplete")], SPLIT),
    "messages": ("messages", [message_start(), text_delta("x"), *MESSAGE_END],
                 [6, 4, 5, 7, 0]),
}


@pytest.mark.parametrize("model", ["asis", "inject", "held"])
@pytest.mark.parametrize("name", STREAMS)
def test_stream(server, client, a, name, model):
    path, parts, expected = STREAMS[name]
    a.script = sends(*parts)
    reply = ask(client, path, model, True,
                stream_options={"include_usage": True})
    assert reply.body == b"".join(parts)
    assert usage(server, reply) == ("reported", expected)


LONG = "long output " * 10000
SCHEMA = {"properties": {"usage": {"input_tokens": 99, "output_tokens": 99,
                                   "cache_read_input_tokens": 99}}}
LONG_EVENTS = {
    "responses": ("responses", {"type": "response.completed", "response": {
        "output": LONG, "tools": [{"parameters": SCHEMA}],
        "usage": RESPONSES, "metadata": {"usage": SCHEMA}, "text": LONG,
        "user": SCHEMA}}, SPLIT),
    "image": ("images/generations", {
        "type": "image_generation.completed", "usage": {
            "input_tokens": 50, "output_tokens": 1000, "total_tokens": 1050},
        "b64_json": "QUJD" * 100000}, [50, 0, 0, 1000, 0]),
    "chat": ("chat/completions", dict(
        chat_chunk(LONG, finish="stop"), usage=CHAT, tail=LONG), SPLIT),
}


@pytest.mark.parametrize("name", LONG_EVENTS)
def test_usage_anywhere_in_a_long_event(server, client, a, name):
    path, value, expected = LONG_EVENTS[name]
    a.script = sends(event(value))
    reply = ask(client, path, stream=True)
    assert reply.body == event(value)
    assert usage(server, reply) == ("reported", expected)


def test_usage_of_a_clients_own_schema_is_none(server, client, a):
    a.script = sends(event({"type": "response.completed", "response": {
        "output": LONG, "tools": [{"parameters": SCHEMA["properties"]}]}}))
    source, found = usage(server, ask(client, "responses", stream=True))
    assert source == "estimated"
    assert found[1] == 0


@pytest.mark.parametrize("size", [1, 7, 100])
def test_stream_in_small_pieces(server, client, a, size):
    data = b"".join(STREAMS["chat"][1])
    a.script = sends(*[data[i:i + size] for i in range(0, len(data), size)])
    reply = ask(client, "chat/completions", stream=True)
    assert reply.body == data
    assert usage(server, reply) == ("reported", SPLIT)


ZERO_CHAT = only({"prompt_tokens": 0, "completion_tokens": 0,
                  "total_tokens": 0})
ZERO_MESSAGES = typed({"type": "message_delta", "delta": {}, "usage": {
    name: 0 for name in MESSAGES}})
ZERO_RESPONSES = typed({"type": "response.in_progress", "response": {
    "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}}})


@pytest.mark.parametrize("name, zeros, before_end", [
    ("chat", ZERO_CHAT, 1), ("messages", ZERO_MESSAGES, 1),
    ("responses", ZERO_RESPONSES, 1)])
def test_zeros_erase_no_counts(server, client, a, name, zeros, before_end):
    """Gateways in front of a provider write them for what they do not know."""
    path, parts, expected = STREAMS[name]
    for script in ([zeros, *parts], [*parts[:-before_end], zeros,
                                     *parts[-before_end:]]):
        a.script = sends(*script)
        reply = ask(client, path, stream=True)
        assert usage(server, reply) == ("reported", expected)


def test_zeros_alone_are_no_usage(server, client, a):
    a.script = sends(word("many words " * 20), ZERO_CHAT, DONE)
    source, found = usage(server, ask(client, "chat/completions",
                                      stream=True))
    assert source == "estimated"
    assert found[0] > 0 and found[3] == 55
    a.script = lambda x: x.json({"choices": [{"message": {
        "content": "words"}}], "usage": {
            "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}})
    source, found = usage(server, ask(client, "chat/completions"))
    assert source == "estimated"
    assert found[0] > 0 and found[3] > 0


# Estimated, partial, none.

@pytest.mark.parametrize("name, value", [
    ("missing", {}), ("null", {"usage": None}), ("odd", {"usage": "many"}),
    ("negative", {"usage": {"prompt_tokens": -5, "completion_tokens": -7}})])
def test_plain_answer_without_usage(server, client, a, name, value):
    """Never zero."""
    a.script = lambda x: x.json({"choices": [{"message": {
        "role": "assistant", "content": "many words " * 20}}], **value})
    reply = ask(client, "chat/completions", pad="p" * 400)
    source, found = usage(server, reply)
    assert source == "estimated"
    assert found[0] > 0 and found[3] > 0
    assert found[1] == found[2] == found[4] == 0


@pytest.mark.parametrize("path, parts", [
    ("chat/completions", [role(), word("many words " * 20), DONE]),
    ("completions", [event({"choices": [{"text": "many words " * 20}]}),
                     DONE]),
    ("chat/completions", [word("many words " * 20)])],
    ids=["chat", "completions", "no-done"])
def test_stream_without_usage(server, client, a, path, parts):
    a.script = sends(*parts)
    reply = ask(client, path, stream=True)
    source, found = usage(server, reply)
    assert source == "estimated"
    assert found[0] > 0 and found[3] > 0


def test_cut_stream_without_usage(server, client, a):
    """Who hangs up before the last chunk has consumed something too."""
    a.script = sends(role(), *[word("many words ")] * 20, then="close")
    reply = ask(client, "chat/completions", stream=True)
    source, found = usage(server, reply)
    assert source == "estimated"
    assert found[0] > 0 and found[3] > 0


def test_longer_answers_are_estimated_higher(server, client, a):
    found = []
    for count in (10, 1000):
        a.script = sends(*[word("word ")] * count, DONE)
        reply = ask(client, "chat/completions", stream=True)
        found.append(usage(server, reply)[1][3])
    assert found[1] > 10 * found[0] > 0


def test_client_that_leaves_without_usage(server, client, a):
    a.script = manual
    reply = open_chat(client, "asis", True)
    x = a.wait()
    x.sse()
    x.chunk(word("many words " * 20))
    assert reply.event()
    reply.close()
    assert x.gone.wait(PATIENCE)
    source, found = usage(server, reply)
    assert source == "estimated"
    assert found[0] > 0 and found[3] > 0


PICTURE = "data:image/jpeg;base64," + "QUJD" * 150000


@pytest.mark.parametrize("path, members", [
    ("chat/completions", {"messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": PICTURE}}]}]}),
    ("messages", {"messages": [{"role": "user", "content": [
        {"type": "image", "source": {
            "type": "base64", "media_type": "image/jpeg",
            "data": PICTURE[23:]}}]}]}),
    ("responses", {"input": [{"role": "user", "content": [
        {"type": "input_image", "image_url": PICTURE}]}]})],
    ids=["chat", "messages", "responses"])
def test_pictures_are_not_estimated_as_words(server, client, a, path,
                                             members):
    a.script = sends(word("many words " * 20), DONE)
    reply = client.post(f"/v1/{path}", {"model": "priced", "stream": True,
                                        **members})
    source, found = usage(server, reply)
    assert source == "estimated"
    assert 1100 < found[0] < 1200
    assert 0.002 < cost(server, reply) < 0.004


def test_pictures_in_answers_are_not_estimated_as_words(server, client, a):
    a.script = lambda x: x.json({"choices": [{"message": {
        "content": "Here it is.", "images": [
            {"type": "image_url", "image_url": {"url": PICTURE}}]}}]})
    source, found = usage(server, ask(client, "chat/completions"))
    assert source == "estimated"
    assert 1100 < found[3] < 1200


def test_vectors_are_no_output(server, client, a):
    a.script = lambda x: x.json({"data": [{"embedding": [0.25] * 1000}]})
    reply = ask(client, "embeddings", "asis")
    assert usage(server, reply)[1][3] == 0
    a.script = lambda x: x.json({"data": [{"embedding": [0.25]}]})
    reply = client.post("/v1/embeddings", {"model": "asis",
                                           "input": [12345] * 1000})
    source, found = usage(server, reply)
    assert source == "estimated" and 1000 <= found[0] < 1020


def test_cut_message_is_partial(server, client, a):
    """The input was reported at the start, the output never was."""
    a.script = sends(message_start(), text_delta("many words " * 20),
                     then="close")
    reply = ask(client, "messages", stream=True)
    source, found = usage(server, reply)
    assert source == "partial"
    assert found[:3] == [6, 4, 5]
    assert found[3] > 1


@pytest.mark.parametrize("status", [400, 401, 429, 500])
@pytest.mark.parametrize("stream", [False, True])
def test_failed_request_has_none(server, client, a, status, stream):
    a.script = fails(status)
    reply = ask(client, "chat/completions", stream=stream)
    assert usage(server, reply) is None


def test_a_try_that_nobody_heard_of_has_none(make_server, a):
    """No connection, no tokens."""
    sock, port = closed_port()
    server = make_server("lighttpd", providers={
        "dead": nowhere(port, models=({"name": "m"},)),
        "alive": channel("a", priority=1, models=({"name": "m"},))})
    a.script = lambda x: x.json({"usage": BARE})
    reply = ask(server.client(), "chat/completions", "m")
    assert usage(server, reply) == ("reported", [10, 0, 0, 7, 0])
    line = server.journaled(reply.header("x-request-id"))
    assert [t["provider"] for t in line["attempts"]] == ["dead", "alive"]
    assert "usage" not in line["attempts"][0]
    sock.close()


def test_requests_without_tokens_have_none(server, client, a):
    a.script = lambda x: x.json(b"RIFF" + bytes(500), headers=[
        ("Content-Type", "audio/wav")])
    assert usage(server, ask(client, "audio/speech")) is None
    assert usage(server, client.get("/v1/models")) is None
    assert usage(server, client.post("/v1/chat/completions", b"{")) is None


# Asking for it.

def inserted(before, after):
    """What stands in AFTER besides BEFORE, in one place."""
    begin = 0
    while begin < len(before) and before[begin] == after[begin]:
        begin += 1
    rest = len(before) - begin
    assert after[len(after) - rest:] == before[begin:]
    return after[begin:len(after) - rest]


BODIES = [
    b'{"model":"inject","stream":true,"messages":[]}',
    b' { "stream" : true ,\n"messages":[ {"x":1.50e0} ], "model":"inject" }\n',
    b'{"messages":[{"role":"user","content":"stream_options"}],'
    b'"model":"inject","stream":true,"metadata":{"stream_options":{}}}',
    b'{"model":"inject","stream":true}']


@pytest.mark.parametrize("path", ["chat/completions", "completions"])
@pytest.mark.parametrize("data", BODIES, ids=range(len(BODIES)))
def test_usage_is_asked_for(client, a, data, path):
    """One member more; every byte of the client's is still there."""
    assert client.post(f"/v1/{path}", data).status == 200
    x = a.wait()
    assert b"include_usage" in inserted(data, x.body)
    assert dict(json.loads(data), stream_options={"include_usage": True}) \
        == x.data()


@pytest.mark.parametrize("options", [
    b'{}', b'{ }', b'{"x":1}', b' { "x" : [1, {"include_usage":false}] }',
    b'{"include_obfuscation":false}'])
def test_usage_is_asked_for_in_the_clients_options(client, a, options):
    data = (b'{"stream_options":' + options
            + b',"model":"inject","stream":true,"n":1.0}')
    assert client.post("/v1/chat/completions", data).status == 200
    x = a.wait()
    assert b'usage":' in inserted(data, x.body)
    expected = json.loads(data)
    expected["stream_options"]["include_usage"] = True
    assert x.data() == expected


@pytest.mark.parametrize("data", [
    b'{"model":"inject","stream":true,"stream_options":'
    b'{"include_usage":false}}',
    b'{"model":"inject","stream":true,"stream_options":'
    b'{"include_usage" : true}}',
    b'{"model":"inject","stream":false}', b'{"model":"inject"}',
    b'{"model":"asis","stream":true}',
    b'{"model":"asis","stream":true,"stream_options":{}}'])
def test_nothing_is_added(client, a, data):
    assert client.post("/v1/chat/completions", data).status == 200
    assert a.wait().body == data


@pytest.mark.parametrize("path", ["responses", "messages", "embeddings",
                                  "audio/speech"])
def test_other_paths_do_not_know_it(client, a, path):
    data = b'{"model":"inject","stream":true,"input":"x"}'
    a.script = sends(role(), DONE)
    assert client.post(f"/v1/{path}", data).status == 200
    assert a.wait().body == data


def test_model_and_usage_in_one_body(client, a):
    """Two places are changed, and no byte between them."""
    data = b'{"x":"\\u00e9","model" : "long","y":[],"stream":true,"z":1.0}'
    assert client.post("/v1/chat/completions", data).status == 200
    x = a.wait()
    assert b"include_usage" in inserted(
        data.replace(b'"long"', b'"t"'), x.body)


def test_large_body_with_usage(client, a):
    data = (b'{"model":"inject","pad":"' + b"p" * (3 << 20)
            + b'","stream":true}')
    assert client.post("/v1/chat/completions", data).status == 200
    x = a.wait()
    assert inserted(data, x.body)
    assert x.data()["stream_options"] == {"include_usage": True}


# What the client sees of it.

@pytest.mark.parametrize("model", ["inject", "held", "byte"])
@pytest.mark.parametrize("size", [None, 1, 50])
def test_chunk_that_nobody_asked_for_is_dropped(server, client, a, model,
                                                size):
    """However it comes in pieces; all other bytes arrive."""
    before, after = role() + word("x"), b": bye\n\n" + DONE
    data = before + only(CHAT) + after
    size = size or len(data)
    a.script = sends(*[data[i:i + size] for i in range(0, len(data), size)])
    reply = ask(client, "chat/completions", model, True)
    assert reply.complete
    assert reply.body == before + after
    assert usage(server, reply) == ("reported", SPLIT)


def test_dropped_chunk_with_crlf(server, client, a):
    parts = [part.replace(b"\n", b"\r\n")
             for part in (word("x"), only(CHAT), DONE)]
    a.script = sends(*parts)
    reply = ask(client, "chat/completions", "inject", True)
    assert reply.body == parts[0] + parts[2]
    assert usage(server, reply) == ("reported", SPLIT)


def test_dropped_last_of_all(server, client, a):
    """No [DONE] after it."""
    a.script = sends(word("x"), only(CHAT))
    reply = ask(client, "chat/completions", "inject", True)
    assert reply.complete
    assert reply.body == word("x")
    assert usage(server, reply) == ("reported", SPLIT)


def test_dropped_from_completions(client, a):
    parts = [event({"choices": [{"index": 0, "text": "x"}]}), only(BARE), DONE]
    a.script = sends(*parts)
    reply = ask(client, "completions", "inject", True)
    assert reply.body == parts[0] + parts[2]


@pytest.mark.parametrize("options", [{"include_usage": True},
                                     {"include_usage": True, "x": 1}])
def test_chunk_that_was_asked_for_is_kept(client, a, options):
    parts = [role(), word("x"), only(CHAT), DONE]
    a.script = sends(*parts)
    reply = ask(client, "chat/completions", "inject", True,
                stream_options=options)
    assert reply.body == b"".join(parts)


def test_options_without_the_member_did_not_ask(client, a):
    a.script = sends(word("x"), only(CHAT), DONE)
    reply = ask(client, "chat/completions", "inject", True,
                stream_options={"include_obfuscation": False})
    assert reply.body == word("x") + DONE


KEPT = {
    "no usage": event(dict(chat_chunk(), choices=[])),
    "annotation": event(dict(chat_chunk(), choices=[],
                             prompt_filter_results=[{"prompt_index": 0}])),
    "null": event(dict(chat_chunk(), choices=[], usage=None)),
    "riding": event(dict(chat_chunk(finish="stop"), usage=CHAT)),
    "text": word('{"choices":[],"usage":{"prompt_tokens":1}}'),
    "malformed": b'data: {"choices":[],"usage":{"prompt_tokens":\n\n'}


@pytest.mark.parametrize("name", KEPT)
def test_other_chunks_are_kept(client, a, name):
    parts = [role(), KEPT[name], word("x"), KEPT[name], DONE]
    a.script = sends(*parts)
    reply = ask(client, "chat/completions", "inject", True)
    assert reply.body == b"".join(parts)


def test_as_it_is_drops_nothing(server, client, a):
    parts = [word("x"), only(CHAT), DONE]
    a.script = sends(*parts)
    reply = ask(client, "chat/completions", "asis", True)
    assert reply.body == b"".join(parts)
    assert usage(server, reply) == ("reported", SPLIT)


# What that costs.

def cost(server, reply):
    return server.journaled(reply.header("x-request-id"))["cost"]


def priced(prices, tokens):
    """What TOKENS cost at PRICES a million, to the ninth decimal."""
    return round(sum(price * count for price, count in zip(prices, tokens))
                 * 1000) / 1e9


COSTS = {
    "priced": (2.5, 1.25, 4, 10, 10),
    "unset": (2.5, 2.5, 2.5, 10, 10),
    "free-cache": (2.5, 0, 0, 10, 10),
    "input-only": (0.02, 0.02, 0.02, 0, 0),
}


@pytest.mark.parametrize("name", ["chat", "chat-bare", "embeddings",
                                  "responses", "messages"])
@pytest.mark.parametrize("model", COSTS)
def test_cost_of_an_answer(server, client, a, name, model):
    """Of what was read from a cache, and written to one, apart."""
    path, answer, tokens = PLAIN[name]
    a.script = lambda x: x.json(answer)
    reply = ask(client, path, model)
    assert usage(server, reply) == ("reported", tokens)
    assert cost(server, reply) == priced(COSTS[model], tokens)


def test_cost_is_what_a_bill_says(server, client, a):
    """10 tokens in, 4 of them cached, and 7 out, 3 of them reasoned."""
    a.script = lambda x: x.json({"usage": CHAT})
    assert cost(server, ask(client, "chat/completions", "priced")) == 0.00009


@pytest.mark.parametrize("name", ["chat", "messages", "responses"])
def test_cost_of_a_stream(server, client, a, name):
    path, parts, tokens = STREAMS[name]
    a.script = sends(*parts)
    reply = ask(client, path, "priced", True)
    assert cost(server, reply) == priced(COSTS["priced"], tokens)


def test_cost_of_an_estimate(server, client, a):
    a.script = sends(word("many words " * 20), then="close")
    reply = ask(client, "chat/completions", "priced", True)
    source, tokens = usage(server, reply)
    assert source == "estimated"
    assert cost(server, reply) == priced(COSTS["priced"], tokens) > 0


@pytest.mark.parametrize("model", ["asis", "zero"])
def test_without_prices_no_cost_is_known(server, client, a, model):
    a.script = lambda x: x.json({"usage": CHAT})
    assert cost(server, ask(client, "chat/completions", model)) is None


def test_without_usage_there_is_no_cost(server, client, a):
    a.script = fails(400)
    assert cost(server, ask(client, "chat/completions", "priced")) is None
    assert cost(server, client.get("/v1/models")) is None


def race(client, a):
    """20 streams that are quick: another that is not gets a rival."""
    a.script = answer
    for _ in range(20):
        assert_served(chat(client, "race", True), "race-a", 1)
    a.clear()


def test_cost_of_the_one_that_lost_a_race(server, client, a, b):
    """Each at its own prices, and the request costs both."""
    race(client, a)
    a.script = sends(role("a"), then="hold")
    b.script = sends(role("b"), word("b"), only(CHAT), DONE)
    reply = chat(client, "race", True)
    assert_served(reply, "race-b", 2)
    line = server.journaled(reply.header("x-request-id"))
    lost, won = line["attempts"]
    assert lost["outcome"] == "hedge_lost"
    assert lost["cost"] == lost["usage"]["input_tokens"] * 3000 / 1e6 > 0
    assert "cost" not in won
    assert line["cost"] == round(lost["cost"] + 0.00009, 9)


def test_cost_of_a_race_that_nobody_won(server, client, a, b):
    """What the first one consumed is charged at its own prices."""
    race(client, a)
    a.script = b.script = manual
    reply = open_chat(client, "race", True)
    x, y = a.wait(), b.wait()
    reply.close()
    assert x.gone.wait(PATIENCE) and y.gone.wait(PATIENCE)
    line = until(lambda: next(
        (line for line in server.journal()
         if line["request_model_name"] == "race"
         and line["outcome"] == "client_gone"), None), "the line")
    first, second = line["attempts"]
    assert "usage" not in first
    assert line["cost"] == round(
        line["usage"]["input_tokens"] * 0.003 + second["cost"], 9) > 0


def test_cost_of_what_has_prices_alone(server, client, a, b):
    """A try without prices adds nothing to one that has some."""
    a.script = sends(role("a"), then="close")
    b.script = sends(word("b"), only(CHAT), DONE)
    reply = chat(client, "half", True)
    assert_served(reply, "race-b", 2)
    line = server.journaled(reply.header("x-request-id"))
    assert line["attempts"][0]["usage"]["input_tokens"] > 0
    assert "cost" not in line["attempts"][0]
    assert line["cost"] == 0.00009
