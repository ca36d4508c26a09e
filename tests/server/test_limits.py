"""What keys may use: exact over all processes, told to clients, never lost."""
import itertools
import re
import os
import re
import signal
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest

from channels import DONE
from client import until
from client_keys import keys, limits, listed, made
from fixtures import provider
from servers import KEY
from upstream import chat_answer, chat_chunk, manual

SERVERS = ["lighttpd"]
PATH = "/v1/chat/completions"
ORIGIN = "https://page.example"
CONF = {"cors": {"origins": [ORIGIN]}, "timeouts": {"hangup_probe": 0.1}}
DURATION = re.compile(r"\d+ms|\d+s|\d+m\d+s")
FIELDS = [f"x-ratelimit-{what}-{of}" for of in ("requests", "tokens")
          for what in ("limit", "remaining", "reset")]
PRICES = {"input": 10.0, "output": 10.0}


def PROVIDERS(upstream):
    return {
        "up": provider(upstream, retries=0, passthrough=True, models=(
            {"name": "m"}, {"name": "priced", "prices": PRICES})),
        "patient": provider(upstream, on_abort="drain", models=(
            {"name": "drained"},)),
    }


def says(tokens, headers=()):
    """A script: an answer that consumed so many tokens."""
    usage = {"prompt_tokens": tokens, "completion_tokens": 0,
             "total_tokens": tokens}
    return lambda x: x.json(dict(chat_answer(), usage=usage), headers=headers)


def end_stream(x, tokens):
    usage = {"prompt_tokens": 0, "completion_tokens": tokens,
             "total_tokens": tokens}
    x.event(dict(chat_chunk(), choices=[], usage=usage))
    x.event("[DONE]")
    x.end()


def holds(x):
    """A script: a stream that has begun and waits for the test."""
    x.sse()
    x.event(chat_chunk(content="Hi"))
    manual(x)


def chat(client, model="m", path=PATH, **more):
    return client.post(path, {"model": model, "messages": [], **more})


def open_stream(client, model="m", **more):
    return client.open("POST", PATH, {"model": model, "messages": [],
                                      "stream": True, **more})


def refused(reply, code="rate_limit_exceeded"):
    kind = {"rate_limit_exceeded": "rate_limit_error"}.get(code, code)
    assert reply.status == 429, reply
    assert (reply.error["code"], reply.error["type"]) == (code, kind)
    assert int(reply.header("Retry-After")) >= 1
    return reply.error["message"]


def until_refused(client, model="m", **more):
    """An answer is there before what it spent is: for a moment it may pass."""
    return until(lambda: (reply := chat(client, model, **more)).status == 429
                 and reply, "a refusal")


def is_known(server, client):
    server.everywhere(lambda one: one.get("/v1/models").status == 200,
                      "the key", client.key)


@pytest.fixture
def limited(server):
    """Makes a client of a new key that all processes know."""
    with_key = make_limited(server)
    yield with_key
    with_key.end()


class make_limited:
    numbers = itertools.count()

    def __init__(self, server):
        self.server, self.names = server, []

    def __call__(self, *words):
        self.names.append(f"limited-{next(self.numbers)}")
        client = self.server.client(made(self.server, self.names[-1], *words))
        is_known(self.server, client)
        return client

    def set(self, *words):
        keys(self.server, "set", self.names[-1], *words)

    def end(self):
        for name in self.names:
            keys(self.server, "delete", name)


@pytest.fixture
def on(make_server, upstream):
    """A server of one's own that may be damaged, and its keys."""
    def start(kind):
        server = make_server(kind, CONF, PROVIDERS(upstream))
        server.may_crash = True
        return server, make_limited(server)
    return start


@pytest.fixture(autouse=True)
def answers(upstream):
    upstream.clear()
    upstream.script = says(1)
    yield
    upstream.clear()


# Requests in a minute.

def test_requests_of_a_minute_are_exact_over_all_processes(
        server, limited, upstream):
    client = limited("--rpm", "10")
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(chat(client)))
               for _ in range(60)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flowed = int((time.monotonic() - begun) / 6) + 1 \
        if time.monotonic() - begun >= 6 else 0
    good = [reply for reply in replies if reply.status == 200]
    assert len(replies) == 60
    assert 10 <= len(good) <= 10 + flowed
    assert len(upstream.requests) == len(good)
    for reply in replies:
        if reply.status != 200:
            assert "10 requests a minute" in refused(reply)
            assert int(reply.header("Retry-After")) <= 6
    last = server.journaled(next(r for r in replies if r.status == 429)
                            .header("x-request-id"))
    assert (last["outcome"], last["status"]) == ("rate_limit", 429)


def test_what_asks_no_provider_for_work_is_not_counted(limited):
    client = limited("--rpm", "1")
    for _ in range(3):
        assert client.get("/v1/models").status == 200
        assert client.get("/v1/models/m").status == 200
        assert client.get("/health/m").status in (200, 503)
    assert chat(client).status == 200
    assert client.get("/v1/files").status == 429


def test_limits_change_at_run_time(server, limited):
    client = limited()
    assert chat(client).header(FIELDS[0]) is None
    limited.set("--rpm", "1")
    refused(until_refused(client))
    assert limits(listed(server)[limited.names[-1]]) == {"rpm": 1}
    limited.set("--rpm", "0")
    until(lambda: all(chat(client).status == 200
                      for _ in range(4 * server.procs)), "no limit")


def test_anthropic_clients_get_their_shape(limited):
    client = limited("--rpm", "1")
    chat(client, path="/v1/messages")
    reply = chat(client, path="/v1/messages")
    assert reply.status == 429
    assert reply.json()["error"]["type"] == "rate_limit_error"
    assert "1 requests a minute" in reply.json()["error"]["message"]
    assert 1 <= int(reply.header("Retry-After")) <= 60


# Requests at the same time.

def opened(client):
    """A stream, as soon as there is a place for it."""
    def try_to():
        stream = open_stream(client).wait_head()
        return stream if stream.status == 200 else None
    return until(try_to, "a place")


def held(upstream):
    return [x for x in upstream.requests
            if not x.over.is_set() and not x.gone.is_set()]


def test_places_come_back_from_the_end_and_from_a_hang_up(
        server, limited, upstream):
    client = limited("--concurrency", "3")
    upstream.script = holds
    streams = [open_stream(client) for _ in range(12)]
    for stream in streams:
        stream.wait_head()
    taken = [stream for stream in streams if stream.status == 200]
    assert len(taken) == len(upstream.requests) == 3
    for stream in streams:
        if stream.status != 200:
            assert "3 requests at the same time" in refused(stream.finish())
            assert stream.header("Retry-After") == "1"
    refused(chat(client))
    end_stream(upstream.requests[0], 1)
    others = [opened(client)]
    refused(chat(client))
    for stream in taken:        # two of them still hold their places
        stream.close()
    others += [opened(client), opened(client)]
    refused(chat(client))
    until(lambda: len(held(upstream)) == 3, "the upstream to see who left")
    upstream.clear()
    upstream.script = says(1)
    until(lambda: chat(client).status == 200, "the end of all")


def test_places_of_the_killed_come_back(on, upstream):
    server, limited = on("lighttpd")
    client = limited("--concurrency", "2")
    upstream.script = holds
    streams = [opened(client), opened(client)]
    refused(chat(client))
    for pid in server.responders():
        os.kill(pid, signal.SIGKILL)
    upstream.clear()
    upstream.script = holds
    streams += [opened(client), opened(client)]
    assert len(held(upstream)) == 2
    refused(chat(client))


# Tokens in a minute.

def remaining(reply):
    return int(reply.header("x-ratelimit-remaining-tokens"))


def test_tokens_are_reserved_and_corrected(limited, upstream):
    """A minute's worth of 10000 flows in with 167 a second."""
    client = limited("--tpm", "10000")
    upstream.script = holds
    stream = open_stream(client, max_tokens=9000).wait_head()
    assert remaining(stream) < 1000
    reply = chat(client, max_completion_tokens=9000, max_tokens=1)
    assert "10000 tokens a minute" in refused(reply)
    assert int(reply.header("Retry-After")) <= 54
    refused(chat(client, max_output_tokens=3000, n=3))
    refused(chat(client, max_tokens=1, pad="x" * 36000))
    upstream.script = says(5)
    assert chat(client, max_tokens=10).status == 200
    end_stream(upstream.requests[0], 100)
    assert stream.finish().complete
    until(lambda: chat(client, max_tokens=9000).status == 200, "correction")


def test_of_a_failure_no_token_is_left(limited, upstream):
    client = limited("--tpm", "10000")
    upstream.script = lambda x: x.json({"error": {"message": "no"}}, 400)
    for _ in range(5):
        until(lambda: chat(client, max_tokens=9000).status == 400, "tokens")
    upstream.script = says(0)
    until(lambda: remaining(chat(client, max_tokens=1)) > 9900, "all of them")


def test_who_used_more_than_reserved_waits(limited, upstream):
    client = limited("--tpm", "1000")
    upstream.script = says(4000)
    assert chat(client, max_tokens=1).status == 200
    reply = until_refused(client, max_tokens=1)
    assert 120 <= int(reply.header("Retry-After")) <= 300
    assert remaining(reply) == 0
    refused(client.post("/v1/files", {}))


def test_who_asks_for_more_than_the_limit_does_not_starve(limited, upstream):
    """Agents ask for 32000 and use little, beside small requests."""
    client = limited("--tpm", "30000")
    for _ in range(3):
        upstream.script = holds
        stream = open_stream(client, max_tokens=1000).wait_head()
        upstream.script = says(200)
        reply = chat(client, max_tokens=32000)
        assert reply.status == 200 and remaining(reply) < 9000
        end_stream(upstream.requests[-2], 10)
        stream.finish()
        until(lambda: remaining(chat(client, max_tokens=1)) > 26000,
              "corrections")


def test_a_refusal_says_at_what_it_is_estimated(limited, upstream):
    client = limited("--tpm", "1000", "--day-tokens", "1000")
    upstream.script = says(700)
    assert chat(client, max_tokens=1).status == 200
    text = refused(until_refused(client, max_tokens=600))
    assert "of 1000 tokens a minute is reached" in text
    assert re.search(r"estimated at 6\d\d tokens \(\d+ of input, 600 of "
                     r"output\)", text)
    limited.set("--tpm", "100000", "--day-tokens", "1000")
    reply = until(lambda: (reply := chat(client, max_tokens=900)).error[
        "code"] == "insufficient_quota" and reply, "the other limit")
    assert re.search(r"too far spent for this request. This request is "
                     r"estimated at 9\d\d tokens",
                     refused(reply, "insufficient_quota"))


# Budgets.

def test_an_estimate_above_a_budget_does_not_starve(limited, upstream):
    client = limited("--day-tokens", "100000", "--month-cost", "0.1")
    upstream.script = says(1110)
    for _ in range(3):
        until(lambda: chat(client, "priced", max_tokens=200000).status == 200,
              "what the one before has reserved")


def test_pictures_are_not_reserved_as_words(limited, upstream):
    """600 kB of JPEG are 200000 bytes / 4 of base64, and a thousand tokens."""
    client = limited("--tpm", "50000", "--day-tokens", "20000")
    picture = {"type": "image_url", "image_url": {
        "url": "data:image/jpeg;base64," + "QUJD" * 200000}}
    upstream.script = holds
    message = {"role": "user", "content": [picture]}
    streams = [client.open("POST", PATH, {
        "model": "m", "stream": True, "max_tokens": 300,
        "messages": [message]}).wait_head() for _ in range(4)]
    assert [stream.status for stream in streams] == [200] * 4
    assert remaining(streams[-1]) > 40000
    for x, stream in zip(upstream.requests[-4:], streams):
        end_stream(x, 1110)
        stream.finish()


def test_all_answers_that_are_asked_for_are_reserved(limited, upstream):
    client = limited("--tpm", "10000")
    for more, tokens in [({"n": 3}, 300), ({"best_of": 4}, 400),
                         ({"n": 2, "best_of": 5}, 500)]:
        upstream.script = holds
        stream = open_stream(client, max_tokens=100, **more)
        head = stream.wait_head()
        assert 9900 - tokens < remaining(head) < 10000 - tokens + 200
        end_stream(upstream.requests[-1], 1)
        stream.finish()
        upstream.script = says(1)
        until(lambda: remaining(chat(client, max_tokens=1)) > 9900, "all")


def seconds_of_today_left():
    now = datetime.now(timezone.utc)
    end = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0)
    return int((end - now).total_seconds())


def test_a_days_tokens_are_spent_once(server, limited, upstream):
    client = limited("--day-tokens", "1000")
    upstream.script = says(600)
    assert chat(client, max_tokens=5000).status == 200      # nothing is spent
    reply = until_refused(client, max_tokens=5000)
    assert "1000 tokens for this day is too far spent" in \
        refused(reply, "insufficient_quota")
    assert abs(int(reply.header("Retry-After")) -
               seconds_of_today_left()) <= 60
    line = server.journaled(reply.header("x-request-id"))
    assert (line["outcome"], line["target_provider"]) == ("quota", None)
    assert chat(client, max_tokens=100).status == 200
    reply = until_refused(client, max_tokens=0)
    assert "for this day is spent" in refused(reply, "insufficient_quota")
    refused(client.get("/v1/files"), "insufficient_quota")
    limited.set("--day-tokens", "5000")
    until(lambda: all(chat(client, max_tokens=1).status == 200
                      for _ in range(4)), "more of it")


def test_a_months_money_is_spent_once(limited, upstream):
    client = limited("--month-cost", "0.01")
    upstream.script = says(600)
    assert chat(client, "priced").status == 200             # 0.006
    reply = until_refused(client, "priced", max_tokens=500)
    assert "budget of 0.01 for this month" in \
        refused(reply, "insufficient_quota")
    assert chat(client, "m", max_tokens=500).status == 200  # has no price
    assert chat(client, "priced", max_tokens=300).status == 200
    refused(until_refused(client, "priced", max_tokens=0),
            "insufficient_quota")


def test_what_is_under_way_counts(limited, upstream):
    client = limited("--week-tokens", "1000")
    upstream.script = holds
    stream = open_stream(client, max_tokens=900).wait_head()
    assert "reserved" in refused(chat(client, max_tokens=500),
                                 "insufficient_quota")
    end_stream(upstream.requests[0], 10)
    stream.finish()
    upstream.script = says(1)
    until(lambda: chat(client, max_tokens=500).status == 200, "the rest")


@pytest.mark.parametrize("model", ["m", "drained"])
def test_streams_are_spent_though_the_client_has_left(
        limited, upstream, model):
    client = limited("--day-tokens", "1000", "--concurrency", "1")
    upstream.script = holds
    stream = open_stream(client, model, max_tokens=1).wait_head()
    stream.take(1)
    if model == "drained":
        stream.close()
    end_stream(upstream.requests[0], 1000)
    if model != "drained":
        assert stream.finish().body.endswith(DONE)
    upstream.script = says(0)
    until(lambda: "is spent" in chat(client, max_tokens=0).json().get(
        "error", {"message": ""})["message"], "the budget to be spent")


def finish_event():
    return chat_chunk(finish="stop")


PARTS = {
    "chat": (PATH, [chat_chunk(content="Hi"), finish_event()],
             dict(chat_chunk(), choices=[], usage={
                 "prompt_tokens": 90000, "completion_tokens": 10,
                 "total_tokens": 90010})),
    "messages": ("/v1/messages", [
        {"type": "content_block_delta", "index": 0,
         "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0}],
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"},
         "usage": {"input_tokens": 90000, "output_tokens": 10}}),
    "responses": ("/v1/responses", [
        {"type": "response.output_text.delta", "delta": "Hi"},
        {"type": "response.output_item.done", "item": {}}],
        {"type": "response.completed", "response": {"usage": {
            "input_tokens": 90000, "output_tokens": 10}}}),
}


def leaves_after(client, upstream, path, parts, model="m", **more):
    """The exchange of a client that hangs up when it has those parts."""
    def begins(x):
        x.sse()
        for part in parts:
            x.event(part)
        manual(x)
    before = len(upstream.requests)
    upstream.script = begins
    stream = client.open("POST", path, {
        "model": model, "messages": [], "stream": True, **more}).wait_head()
    for _ in parts:
        stream.event()
    stream.close()
    return upstream.requests[before]


def last_line(server, client, path):
    return until(lambda: [line for line in server.journal()
                          if line["outcome"] == "client_gone"
                          and line["api_path"] == path], "its line")[-1]


@pytest.mark.parametrize("dialect", PARTS)
def test_leaving_before_the_usage_evades_no_budget(on, upstream, dialect):
    """The whole answer is there, and its usage comes a second later."""
    path, parts, last = PARTS[dialect]
    server, limited = on("lighttpd")
    client = limited("--day-tokens", "100000")
    x = leaves_after(client, upstream, path, parts, max_tokens=1)
    assert not x.hold(1.2), "the upstream was cancelled"
    x.event(last)
    x.end()
    line = last_line(server, client, path)
    assert line["usage"]["source"] == "reported"
    assert line["usage"]["input_tokens"] == 90000
    upstream.script = says(1)
    assert "too far spent" in refused(
        until_refused(client, max_tokens=20000), "insufficient_quota")


def test_who_pays_by_price_cannot_leave_early_either(on, upstream):
    server, limited = on("lighttpd")
    path, parts, last = PARTS["chat"]
    x = leaves_after(server.client(), upstream, path, parts, "priced")
    assert not x.hold(1.2), "the upstream was cancelled"
    x.event(last)
    x.end()
    assert last_line(server, server.client(), path)["cost"] == 0.9001


def test_a_usage_is_not_waited_for_in_vain(on, upstream):
    """Then what was reserved is charged, and never less than that."""
    server, limited = on("lighttpd")
    path, parts, _ = PARTS["chat"]
    client = limited("--day-tokens", "1000")
    x = leaves_after(client, upstream, path, parts, max_tokens=700)
    assert x.gone.wait(20)
    used = last_line(server, client, path)["usage"]
    assert (used["source"], used["output_tokens"]) == ("estimated", 700)
    refused(until_refused(client, max_tokens=400), "insufficient_quota")


def test_who_leaves_in_the_middle_is_charged_what_was_reserved(on, upstream):
    server, limited = on("lighttpd")
    path, parts, _ = PARTS["chat"]
    client = limited("--day-tokens", "1000")
    x = leaves_after(client, upstream, path, parts[:1], max_tokens=700)
    assert x.gone.wait(20)
    used = last_line(server, client, path)["usage"]
    assert (used["source"], used["output_tokens"]) == ("estimated", 700)


@pytest.mark.parametrize("more", [{}, {"usage": {
    "prompt_tokens": 1, "completion_tokens": 1}}], ids=["free", "told"])
def test_nobody_is_drained_without_a_reason(on, upstream, more):
    """
    A model without a price for a key without limits, or when all is told: it
    is over before one that is drained, and was left before.
    """
    _, limited = on("lighttpd")
    path, parts, _ = PARTS["chat"]
    drained = leaves_after(limited("--day-tokens", "1000"), upstream, path,
                           parts)
    client = limited(*(["--day-tokens", "1000"] if more else []))
    x = leaves_after(client, upstream, path,
                     [parts[0], dict(parts[1], **more)])
    until(lambda: x.gone.is_set() or drained.gone.is_set(), "an end")
    assert not drained.gone.is_set()


def test_a_rotated_key_has_spent_what_it_had(server, limited, upstream):
    client = limited("--day-tokens", "500")
    upstream.script = says(500)
    assert chat(client).status == 200
    secret = keys(server, "rotate", limited.names[-1]).strip()
    rotated = server.client(secret)
    is_known(server, rotated)
    refused(until_refused(rotated), "insufficient_quota")
    refused(until_refused(client), "insufficient_quota")


# The state file is lost.

def test_budgets_go_on_without_the_state_file(on, upstream):
    server, limited = on("lighttpd")
    client = limited("--day-tokens", "500")
    upstream.script = says(500)
    assert chat(client).status == 200
    until_refused(client)
    upstream.script = says(0)
    os.unlink(f"{server.tmp}/state/state")
    until(lambda: chat(client).status == 200, "another file")
    until_refused(client, max_tokens=0)


def test_cgi_counts_as_well_and_tick_reads_what_was_spent(on, upstream):
    server, limited = on("apache-cgi")
    client = limited("--rpm", "2", "--day-tokens", "500")
    upstream.script = says(500)
    assert chat(client).status == 200
    refused(until_refused(client), "insufficient_quota")
    os.unlink(f"{server.tmp}/state/state")
    upstream.script = says(0)
    assert chat(client).status == 200
    assert server.sluicectl("tick").returncode == 0
    refused(chat(client), "insufficient_quota")
    limited.set("--day-tokens", "0")
    assert chat(client).status == 200
    assert "2 requests a minute" in refused(chat(client))


# What clients are told.

def test_answers_tell_what_is_left(server, limited, upstream):
    client = limited("--rpm", "100", "--tpm", "100000")
    theirs = [(name, "77") for name in FIELDS]
    upstream.script = says(1, headers=theirs)
    for reply in [chat(client, max_tokens=100),
                  client.post("/v1/audio/speech", {"model": "nowhere"})]:
        values = [reply.header(name) for name in FIELDS]
        assert [reply.header_count(name) for name in FIELDS] == [1] * 6
        assert (values[0], values[3]) == ("100", "100000")
        assert 90 <= int(values[1]) <= 99
        assert 90000 <= int(values[4]) <= 100000
        assert DURATION.fullmatch(values[2]) and DURATION.fullmatch(values[5])
    other = chat(server.client(KEY))
    assert [other.header(name) for name in FIELDS] == ["77"] * 6
    free = limited("--concurrency", "9")
    assert [chat(free).header(name) for name in FIELDS] == ["77"] * 6
    assert chat(limited("--rpm", "5")).header(FIELDS[3]) is None


def test_streams_and_refusals_tell_it_too(limited, upstream):
    client = limited("--rpm", "2")
    upstream.script = holds
    stream = open_stream(client).wait_head()
    assert stream.header(FIELDS[0]) == "2"
    assert stream.header(FIELDS[1]) in ("1", "2")
    end_stream(upstream.requests[0], 1)
    stream.finish()
    upstream.script = says(1)
    reply = until_refused(client)
    assert reply.header(FIELDS[1]) == "0"
    assert DURATION.fullmatch(reply.header(FIELDS[2]))


def test_pages_of_other_origins_may_read_it(limited):
    reply = limited("--rpm", "9").post(PATH, {"model": "m", "messages": []},
                                       headers=[("Origin", ORIGIN)])
    told = reply.header("Access-Control-Expose-Headers").split(", ")
    assert {"retry-after", *FIELDS} <= set(told)
