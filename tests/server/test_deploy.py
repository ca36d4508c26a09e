"""deploy/container/entry: what the container runs, started without one."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from client import Client, until
from fixtures import standard_providers
from servers import (AS_USER, BUILD, KEY, SHIPPED, SRC, UP_KEY, WRAPPER,
                     conf_text, end_process, free_port, program, quiet,
                     read_tail)
from upstream import chat_chunk, manual

CHAT = {"model": "gpt-test", "messages": []}
ENTRY = f"{SHIPPED}/deploy/container/entry"


def children(pid):
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []


class Container:
    """The directories that the image has, below a temporary one."""

    def __init__(self, upstream):
        self.kind = "container"
        self.tmp = tempfile.mkdtemp(prefix="sluice-container-")
        self.port = free_port()
        self.process = None
        for name in ("real", "sbin", "share", "run", "state", "tmp",
                     "sluice/providers.d"):
            os.makedirs(f"{self.tmp}/{name}")
        for name in ("sluice.fcgi", "sluicectl"):
            shutil.copy(f"{BUILD}/{name}", f"{self.tmp}/real/{name}")
            self.write(f"sbin/{name}", "#!/bin/sh\nexec "
                       f"{WRAPPER} {self.tmp}/real/{name} \"$@\"\n", 0o755)
        shutil.copytree(f"{SRC}/lighttpd", f"{self.tmp}/share/lighttpd")
        self.write("sluice/sluice.conf",
                   conf_text({"state_dir": f"{self.tmp}/state"}))
        for name, settings in standard_providers(upstream).items():
            self.write(f"sluice/providers.d/{name}.conf",
                       conf_text(quiet(settings)))
        self.own()
        self.env = {
            "PATH": f"{Path(program('LIGHTTPD', 'lighttpd')).parent}:"
                    + os.environ["PATH"],
            "HOST": "127.0.0.1", "PORT": str(self.port),
            "SLUICE_CONF": f"{self.tmp}/sluice/sluice.conf",
            "SLUICE_RUN": f"{self.tmp}/run", "TMPDIR": f"{self.tmp}/tmp",
            "SLUICE_SHARE": f"{self.tmp}/share",
            "SLUICE_SBIN": f"{self.tmp}/sbin",
            "SLUICE_API_KEYS": KEY, "UP_KEY": UP_KEY}

    def write(self, name, text, mode=0o644):
        path = Path(self.tmp, name)
        path.write_text(text)
        path.chmod(mode)

    def own(self):
        """All of it belongs to the user that runs the entry."""
        os.chmod(self.tmp, 0o755)
        for folder, _, names in os.walk(self.tmp):
            for path in [folder, *(f"{folder}/{name}" for name in names)]:
                os.chown(path, AS_USER.get("user", -1),
                         AS_USER.get("group", -1))

    def run(self, *words, **env):
        """Run the entry to its end."""
        return subprocess.run(
            ["sh", ENTRY, *words], env={**self.env, **env},
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60, **AS_USER)

    def start(self, **env):
        self.env.update(env)
        with open(f"{self.tmp}/log", "a") as log:
            self.process = subprocess.Popen(
                ["sh", ENTRY], env=self.env, stdout=log,
                stdin=subprocess.DEVNULL, stderr=log, **AS_USER)
        until(self.is_up, "the entry to serve")
        return self

    def is_up(self):
        assert self.process.poll() is None, self.logs()
        return self.run("health").returncode == 0

    def client(self):
        return Client(self.port, KEY)

    def logs(self):
        return read_tail(f"{self.tmp}/log", 0)

    def stop(self):
        """Quickly: the second signal ends a responder at once."""
        if self.process:
            pids = children(self.process.pid)
            end_process(self.process.pid, signal.SIGTERM)
            self.process.wait(60)
            for pid in map(int, pids):
                end_process(pid, signal.SIGTERM)
            until(lambda: not any(map(is_alive, pids)), "responders to end")
        shutil.rmtree(self.tmp)


def is_alive(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def container(upstream, request):
    one = Container(upstream)
    request.node.own_servers = [one]
    yield one
    one.stop()


def test_health_and_chat_on_the_port_that_is_set(container, upstream):
    client = container.start().client()
    reply = client.get("/health", auth=False)
    assert (reply.status, reply.json()) == (200, {"status": "ok"})
    assert client.post("/v1/chat/completions", CHAT, auth=False).status == 401
    reply = client.post("/v1/chat/completions", CHAT)
    assert reply.status == 200
    assert reply.json()["choices"][0]["message"]["content"] == "Hello there"
    assert upstream.wait().header("Authorization") == f"Bearer {UP_KEY}"


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_is_the_number_of_responders(container, workers):
    container.start(WORKERS=str(workers))
    assert len(children(container.process.pid)) == workers


def test_host_is_the_only_address_that_is_listened_on(container):
    container.start(HOST="127.0.0.2")
    assert Client(container.port, host="127.0.0.2").get("/health").status == 200
    with pytest.raises(ConnectionRefusedError):
        container.client().get("/health")


def test_large_request_goes_through_tmpdir(container, upstream):
    """Nothing else may be writable: lighttpd's own place is /var/tmp."""
    body = dict(CHAT, pad="x" * 2_000_000)
    assert container.start().client().post(
        "/v1/chat/completions", body).status == 200
    assert upstream.wait().data() == body
    conf = Path(container.tmp, "run/lighttpd.conf").read_text()
    assert f'server.upload-dirs   = ( "{container.tmp}/tmp" )' in conf


def test_log_dir_takes_the_journal(container):
    logs = Path(container.tmp, "state/elsewhere")
    client = container.start(LOG_DIR=str(logs)).client()
    assert client.post("/v1/chat/completions", CHAT).status == 200
    until(lambda: list(logs.glob("??????????.log")), "the journal")


def test_log_dir_hides_no_older_journal(container):
    old = Path(container.tmp, "state/log")
    old.mkdir()
    (old / "2026010100.log").write_text("{}\n")
    run = container.run(LOG_DIR=f"{container.tmp}/elsewhere")
    assert run.returncode == 1
    assert f"LOG_DIR: there is a journal in {old}" in run.stderr
    assert (old / "2026010100.log").exists()


def test_sigint_lets_an_open_stream_finish(container, upstream):
    client = container.start().client()
    upstream.script = manual
    reply = client.open("POST", "/v1/chat/completions",
                        dict(CHAT, stream=True))
    x = upstream.wait()
    x.sse()
    x.event(chat_chunk("word"))
    assert reply.event()
    responders = children(container.process.pid)
    container.process.send_signal(signal.SIGINT)
    until(lambda: "graceful shutdown started" in container.logs(),
          "lighttpd to say that it stops")
    x.event(chat_chunk("more"))
    assert b"more" in reply.event()
    x.event("[DONE]")
    x.end()
    assert reply.event() == b"data: [DONE]\n\n"
    assert reply.finish().complete
    assert container.process.wait(60) == 0
    until(lambda: not any(map(is_alive, responders)), "responders to end")


def test_mistakes_in_the_configuration_are_on_stderr(container):
    container.write("sluice/providers.d/bad.conf", "nonsense = 1;\n")
    container.start()
    assert "bad.conf:1:" in container.logs()
    reply = container.client().get("/health", auth=False)
    assert reply.json() == {"status": "degraded"}


@pytest.mark.parametrize("name,value", [
    ("WORKERS", "0"), ("WORKERS", "two"), ("WORKERS", "1025"),
    ("PORT", "0"), ("PORT", "65536"), ("PORT", "010"), ("PORT", "99999999999"),
    ("PORT", "80;x"), ("HOST", 'a"b'), ("HOST", "a b"), ("HOST", "$(id)"),
    ("STOP_SECONDS", "-1"),
])
def test_bad_settings_are_refused(container, name, value):
    run = container.run(**{name: value})
    assert run.returncode == 1
    assert run.stderr.startswith(f"entry: {name} is not a")
    assert not Path(container.tmp, "run/lighttpd.conf").exists()


def test_other_commands_run_instead(container):
    run = container.run(f"{container.tmp}/sbin/sluicectl", "check")
    assert run.returncode == 0, run.stderr
    assert "is fine: 1 provider" in run.stdout


def test_health_fails_while_nothing_listens(container):
    assert container.run("health").returncode != 0


def examples():
    return {name: Path(SRC, "deploy", name).read_text() for name in (
        "container/Containerfile", "container/compose.yml",
        "container/entry", "kubernetes/sluice.yaml")}


@pytest.mark.parametrize("setting", ["WORKERS", "PORT", "HOST", "LOG_DIR"])
def test_every_example_says_how_to_set(setting):
    assert [name for name, text in examples().items()
            if name != "container/Containerfile"
            and not re.search(rf"\b{setting}\b", text)] == []


def test_the_image_installs_what_quickstart_installs():
    wanted = set(re.findall(r"^\tneed_library (lib\S+-dev) ",
                            Path(SRC, "quickstart").read_text(), re.M))
    wanted.discard("libcmocka-dev")
    assert len(wanted) >= 6
    text = examples()["container/Containerfile"]
    assert sorted(name for name in wanted
                  if not re.search(rf"\s{name}\s", text)) == []


def test_examples_agree_on_user_port_and_time():
    found = examples()
    image = found["container/Containerfile"]
    user = re.search(r"^USER (\d+)$", image, re.M)[1]
    port = re.search(r"^EXPOSE (\d+)$", image, re.M)[1]
    seconds = int(re.search(r"STOP_SECONDS:-(\d+)",
                            found["container/entry"])[1])
    pod = found["kubernetes/sluice.yaml"]
    assert f"--uid {user} " in image
    assert f"runAsUser: {user}\n" in pod and f"fsGroup: {user}\n" in pod
    assert f"uid={user}," in found["container/compose.yml"]
    assert f"containerPort: {port}\n" in pod
    assert f':{port}"\n' in found["container/compose.yml"]
    assert '- "${LOG_DIR:-log}:/var/log/sluice"' in \
        found["container/compose.yml"]
    grace = re.search(r"terminationGracePeriodSeconds: (\d+)", pod)[1]
    minutes = re.search(r"stop_grace_period: (\d+)m",
                        found["container/compose.yml"])[1]
    assert min(int(grace), 60 * int(minutes)) > seconds
