"""Fixtures of the server tests.

A test that takes `server` runs behind every kind in its module's SERVERS
(default: all). A module may set CONF (a dict for sluice.conf) and
PROVIDERS (a function of the upstream that returns {name: dict}).
"""
import signal
import sys

import pytest

from servers import ALL, Server
from upstream import Upstream


def pytest_configure(config):
    """A terminated run still ends its servers."""
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated"))


def provider(upstream, **settings):
    """A provider file for the scripted upstream."""
    whole = {"base_url": upstream.url, "api_key_env": "UP_KEY"}
    whole.update(settings)
    return whole


def standard_providers(upstream):
    return {"up": provider(upstream, models=(
        {"name": "gpt-test"},
        {"name": "Qwen/Qwen2.5-7B"},
        {"name": "mapped", "target": "real-name"},
    ))}


def pytest_generate_tests(metafunc):
    if "server" in metafunc.fixturenames:
        kinds = getattr(metafunc.module, "SERVERS", ALL)
        metafunc.parametrize("server", kinds, indirect=True, scope="module")


@pytest.fixture(scope="session")
def the_upstream():
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def server(request, the_upstream):
    module = request.module
    providers = getattr(module, "PROVIDERS", standard_providers)
    env = getattr(module, "ENV", None)
    started = Server(request.param, getattr(module, "CONF", {}),
                     providers(the_upstream), env).start()
    yield started
    alive = len(started.responders())
    started.stop()
    if started.kind not in ("apache-fcgid", "apache-cgi"):
        assert alive == started.procs, "a responder died on the way"


@pytest.fixture
def upstream(the_upstream):
    """The scripted upstream, empty and well-behaved at the test's start."""
    the_upstream.clear()
    yield the_upstream
    the_upstream.clear()


@pytest.fixture
def client(server):
    return server.client()


@pytest.fixture
def make_server(request):
    """Start a server of the test's own; ended with the test."""
    made = []

    def make(*args, **kwargs):
        one = Server(*args, **kwargs)
        made.append(one)
        request.node.own_servers = made
        return one.start()

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def measured(request):
    """Note a figure; it is printed at the end and never judged."""
    def note(name, value):
        request.config.stash.setdefault(FIGURES, []).append(
            f"{request.node.name}: {name} {value}")
    return note


FIGURES = pytest.StashKey()


def pytest_unconfigure(config):
    for line in config.stash.get(FIGURES, []):
        print("# " + line, file=sys.__stderr__)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test shows every log of its time."""
    report = (yield).get_result()
    if not report.failed:
        return
    arguments = getattr(item, "funcargs", {})
    servers = [arguments["server"]] if "server" in arguments else []
    for server in servers + getattr(item, "own_servers", []):
        report.sections.append((f"logs of {server.kind}", server.logs()))
    for name in ("upstream", "a", "b", "c"):
        if name in arguments:
            report.sections.append((f"what {name} saw", str(arguments[name])))


@pytest.fixture(autouse=True)
def marks(request):
    if "server" in request.fixturenames:
        request.getfixturevalue("server").mark_logs()
