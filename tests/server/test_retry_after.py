"""How long a provider asks to be left alone, in every form, and what then.

Which of two channels was asked shows what was understood, without a clock: what
is too long to wait for goes to the next channel. Each case has channels of its
own, CASE-a before CASE-b, since the wish outlives a request.
"""
import time
from email.utils import formatdate

import pytest

from channels import (KINDS, NO_BREAKER, assert_served, channel, chat,
                      error_body, fails)
from servers import LOGIC
from upstream import answer

SERVERS = LOGIC
CONF = {"breaker": NO_BREAKER}


def date(seconds):
    """An HTTP date so many seconds from now; made when it is sent."""
    return lambda: formatdate(time.time() + seconds, usegmt=True)


SHORT = {
    "zero": ("Retry-After", "0"), "decimal": ("Retry-After", "0.05"),
    "second": ("retry-after", "1"), "ms": ("retry-after-ms", "50"),
    "no-ms": ("Retry-After-Ms", "0"), "ms-decimal": ("retry-after-ms", "50.5"),
    "azure": ("x-ms-retry-after-ms", "50"), "date": ("Retry-After", date(1)),
    "past": ("Retry-After", date(-3600))}
LONG = {
    "seconds": ("Retry-After", "3"), "decimal": ("Retry-After", "2.5"),
    "day": ("RETRY-AFTER", "86400"), "ms": ("retry-after-ms", "2500"),
    "ms-decimal": ("retry-after-ms", "2500.5"),
    "azure": ("x-ms-retry-after-ms", "60000"),
    "date": ("Retry-After", date(30)), "next-day": ("Retry-After",
                                                    date(86400))}
TOO_LONG = {
    "eleven": ("Retry-After", "11"), "day": ("Retry-After", "86400"),
    "ms": ("retry-after-ms", "10500"), "date": ("Retry-After", date(60))}
NONSENSE = ["soon", "-1", "", "1 or 2", "0x1", "Sun, 99 Foo 2024 99:99:99 GMT"]
FAR = ["86401", "9" * 30, "Thu, 01 Jan 2099 00:00:00 GMT",
       "Fri, 31 Dec 9999 23:59:59 GMT"]
ABSURD = ["9" * 400, "1e999", "inf", "nan", "18446744073709551617"]
SERVER_ERRORS = [500, 502, 503, 504, 529]
KEPT = {"whole": "1", "decimal": "2.1"}


def PROVIDERS(upstream):
    pairs = [f"short-{name}" for name in SHORT]
    pairs += [f"long-{name}-{stream}" for name in LONG
              for stream in (False, True)]
    pairs += [f"status-{status}" for status in SERVER_ERRORS]
    pairs += [f"{kind}-{number}" for kind, values in (
        ("nonsense", NONSENSE), ("absurd", ABSURD), ("far", FAR))
        for number in range(len(values))]
    pairs += ["everywhere", "final", "key"]
    single = [f"too-{name}-{stream}" for name in TOO_LONG
              for stream in (False, True)]
    single += [f"kept-{name}" for name in KEPT] + ["each"]
    whole = {}
    for case in pairs + single:
        model = ({"name": case},)
        whole[f"{case}-a"] = channel("a", models=model)
        if case in pairs:
            whole[f"{case}-b"] = channel("b", priority=1, models=model)
    return whole


def busy(name, value, status=429, times=None):
    """A script that asks for a pause."""
    def script(x):
        if times is not None and x.number > times:
            return answer(x)
        text = value() if callable(value) else value
        return x.json(error_body("busy"), status, [(name, text)])
    return script


@pytest.mark.parametrize("form", SHORT)
def test_short_pause_is_waited_for(client, a, b, form):
    a.script = busy(*SHORT[form], times=1)
    reply = chat(client, f"short-{form}")
    assert_served(reply, f"short-{form}-a", 2)
    assert b.requests == []
    assert reply.header(SHORT[form][0]) is None


@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("form", LONG)
def test_long_pause_goes_to_the_next_channel(client, a, b, form, stream):
    case = f"long-{form}-{stream}"
    a.script = busy(*LONG[form])
    assert_served(chat(client, case, stream), f"{case}-b", 2)
    assert len(a.requests) == 1


@pytest.mark.parametrize("form", KEPT)
def test_the_pause_is_kept(client, a, form):
    """Nobody is asked before the time; a slow machine only comes later."""
    answered = []

    def script(x):
        if x.number > 1:
            return answer(x)
        answered.append(time.monotonic())
        return busy("Retry-After", KEPT[form])(x)
    a.script = script
    assert_served(chat(client, f"kept-{form}"), f"kept-{form}-a", 2)
    assert a.wait(2).arrived >= answered[0] + float(KEPT[form]) - 0.01


@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("form", TOO_LONG)
def test_too_long_for_a_single_channel(client, a, form, stream):
    """The answer is passed on with its header; the client may wait."""
    name, value = TOO_LONG[form]
    a.script = busy(name, value)
    reply = chat(client, f"too-{form}-{stream}", stream)
    assert (reply.status, reply.body) == (429, error_body("busy"))
    assert reply.complete
    assert reply.header(name)
    if not callable(value):
        assert reply.header(name) == value
    assert reply.header("x-sluice-attempts") == "1"
    assert len(a.requests) == 1


def test_too_long_everywhere(client, a, b):
    """Each is asked once, and the first one's answer is passed on."""
    a.script = busy("Retry-After", "40")
    b.script = busy("Retry-After", "30", 503)
    reply = chat(client, "everywhere")
    assert reply.status == 429
    assert reply.header("retry-after") == "40"
    assert reply.header("x-sluice-provider") == "everywhere-a"
    assert (len(a.requests), len(b.requests)) == (1, 1)


@pytest.mark.parametrize("status", SERVER_ERRORS)
def test_server_errors_have_it_too(client, a, b, status):
    a.script = busy("Retry-After", "60", status)
    assert_served(chat(client, f"status-{status}"), f"status-{status}-b", 2)
    assert len(a.requests) == 1


@pytest.mark.parametrize("number", range(len(NONSENSE)))
def test_nonsense_is_as_if_there_were_none(client, a, b, number):
    case = f"nonsense-{number}"
    a.script = busy("Retry-After", NONSENSE[number], times=1)
    assert_served(chat(client, case), f"{case}-a", 2)
    assert b.requests == []


@pytest.mark.parametrize("number", range(len(FAR)))
def test_far_dates_are_as_if_there_were_none(client, a, b, number):
    """A proxy's page may carry one: it puts no channel out of use."""
    case = f"far-{number}"
    a.script = busy("Retry-After", FAR[number], 503, times=2)
    assert_served(chat(client, case), f"{case}-b", 3)
    a.script = answer
    assert_served(chat(client, case), f"{case}-a", 1)


@pytest.mark.parametrize("number", range(len(ABSURD)))
def test_absurd_numbers_do_no_harm(client, a, b, number):
    """Whether they are read as long or as nonsense."""
    a.script = busy("Retry-After", ABSURD[number], times=1)
    reply = chat(client, f"absurd-{number}")
    side = "a" if len(a.requests) == 2 else "b"
    assert_served(reply, f"absurd-{number}-{side}", 2)


def test_it_means_nothing_on_a_final_answer(client, a, b):
    a.script = busy("Retry-After", "0", 400)
    reply = chat(client, "final")
    assert reply.status == 400
    assert reply.header("retry-after") == "0"
    assert (len(a.requests), len(b.requests)) == (1, 0)


def test_it_means_nothing_on_a_key_fault(client, a, b):
    a.script = busy("Retry-After", "0", 401)
    assert_served(chat(client, "key"), "key-b", 2)
    assert len(a.requests) == 1


def test_each_answer_may_ask_again(client, a):
    a.script = fails(429, 2, headers=[("retry-after-ms", "30")])
    assert_served(chat(client, "each"), "each-a", 3)
