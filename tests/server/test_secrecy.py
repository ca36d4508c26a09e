"""Secrets in the memory of a process stay there."""
import glob
import os
import resource
import signal
import subprocess

import pytest

from channels import a, chat
from client import until
from servers import AS_USER

SEAL_KEY = "5e" * 32
ADMIN = "admin-key-5c4d3e"
ENV = {"SLUICE_SEAL_KEY": SEAL_KEY, "SLUICE_ADMIN_KEY": ADMIN}
CLOSED = {**ENV, "SLUICE_DUMPABLE": "0"}
OPEN = {**ENV, "SLUICE_DUMPABLE": "1"}      # for debugging, and for looking in


def core_limits(pid):
    with open(f"/proc/{pid}/limits") as f:
        line = next(line for line in f if line.startswith("Max core file"))
    return line.split()[4:6]


def is_closed(pid):
    """What is in /proc of a process that others may not look into is root's."""
    return all(os.stat(f"/proc/{pid}/{name}").st_uid == 0
               for name in ("environ", "mem", "maps", "auxv"))


@pytest.mark.parametrize("kind", ["lighttpd", "nginx"])
def test_a_responder_is_closed(make_server, kind):
    server = make_server(kind, env=CLOSED)
    assert len(server.responders()) == server.procs
    for pid in server.responders():
        assert is_closed(pid) and core_limits(pid) == ["0", "0"]


def test_a_crash_leaves_no_core(make_server):
    server = make_server("nginx", env=CLOSED)
    server.may_crash = True
    for pid in server.responders():
        os.kill(pid, signal.SIGSEGV)
    until(lambda: not server.responders(), "the responders to be gone")
    assert glob.glob(f"{server.tmp}/**/core*", recursive=True) == []


def test_it_can_be_opened_for_debugging(make_server):
    server = make_server("nginx", env=OPEN)
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    wanted = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
    for pid in server.responders():
        assert core_limits(pid)[1] == wanted
        assert os.stat(f"/proc/{pid}/environ").st_uid == \
            AS_USER.get("user", os.geteuid())


@pytest.mark.parametrize("words", [
    ["keys", "add", "x", "--stdin"], ["keys", "id"],
    ["channels", "add", "x", "--base-url", "http://h", "--stdin"]])
def test_sluicectl_is_closed(make_server, words):
    """While it waits for a secret on its standard input."""
    server = make_server("lighttpd", env=CLOSED)
    ctl = subprocess.Popen(
        [server.ctl, *words], stdin=subprocess.PIPE, cwd=server.tmp,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=server._environment(), **AS_USER)
    try:
        until(lambda: is_closed(ctl.pid), "its /proc to be root's")
        assert core_limits(ctl.pid) == ["0", "0"]
    finally:
        ctl.communicate(b"sk-0123456789abcdef\n", timeout=60)
    assert ctl.returncode == 0


def environments(server):
    found = []
    for pid in server.responders():
        with open(f"/proc/{pid}/environ", "rb") as f:
            found.append(f.read())
    return found


def test_the_seal_key_leaves_the_environment(make_server, a):
    """It is known all the same, also after the configuration was read again."""
    server = make_server("nginx", env=OPEN)
    made = server.client(ADMIN).post("/api/channels", {
        "name": "new", "base_url": a.url, "api_key": "sk-of-the-channel",
        "models": ["m"]})
    assert made.status == 201
    for text in environments(server):
        assert SEAL_KEY.encode() not in text
        assert ADMIN.encode() in text
    server.everywhere(lambda client: chat(client, "m").status == 200,
                      "the sealed key to be used")
    assert not os.path.exists(f"{server.tmp}/state/seal.key")
    server.write_conf({"default_model": "m"})
    server.everywhere(
        lambda client: client.post("/v1/chat/completions",
                                   {"messages": []}).status == 200,
        "the configuration to be read again")
    assert a.requests[-1].header("authorization") == "Bearer sk-of-the-channel"
