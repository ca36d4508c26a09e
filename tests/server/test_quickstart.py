"""./quickstart: the demo answers, and Ctrl-C leaves nothing behind."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

SRC = Path(os.environ.get("SLUICE_SRC", Path(__file__).parents[2]))
PATIENCE = 60


def processes_with(setting):
    """(pid, name) of the processes that have it in their environment."""
    found = []
    for path in Path("/proc").iterdir():
        try:
            if path.name.isdigit() and setting in (
                    path / "environ").read_bytes().split(b"\0"):
                found.append((int(path.name),
                              (path / "comm").read_text().strip()))
        except OSError:
            pass                        # gone meanwhile, or somebody else's
    return found


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Demo:
    def __init__(self):
        self.tmp = Path(tempfile.mkdtemp(prefix="sluice-demo-"))
        self.out = self.tmp / "out"
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        (self.tmp / "t").mkdir()
        self.env = dict(os.environ, SLUICE_PORT=str(self.port),
                        TMPDIR=str(self.tmp / "t"))
        # What the caller has set must not reach the demo.
        for name in ("SLUICE_CONF", "SLUICE_API_KEYS"):
            self.env.pop(name, None)

    def start(self, *before):
        with open(self.out, "w") as out:
            self.process = subprocess.Popen(
                [*before, "sh", str(SRC / "quickstart")], env=self.env, stdout=out,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                start_new_session=True)
        until(lambda: "stops and removes" in self.said() or
              self.process.poll() is not None, "quickstart says nothing")
        assert self.process.poll() is None, self.said()

    def said(self):
        return self.out.read_text()

    def processes(self):
        return processes_with(b"TMPDIR=" + os.fsencode(self.tmp / "t"))

    def left_behind(self):
        return self.processes(), os.listdir(self.tmp / "t")

    def stop(self, sign):
        """As a terminal does: every process of the foreground gets it."""
        os.killpg(self.process.pid, sign)
        self.process.wait(PATIENCE)

    def close(self):
        for pid, _ in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        shutil.rmtree(self.tmp)


@pytest.fixture
def idle_demo():
    made = Demo()
    yield made
    made.close()


@pytest.fixture
def demo(idle_demo):
    idle_demo.start()
    return idle_demo


def curl_line(demo):
    return re.search(r"^ *(curl -N .*?)\n\n", demo.said(), re.M | re.S)[1]


def test_quickstart_streams_an_answer(demo):
    answer = re.search(r"word by word.*\n +(.*)\n", demo.said())[1]
    assert "Water through a sluice flows one gate at a time." in answer


def test_the_printed_curl_line_answers_again(demo):
    run = subprocess.run(["sh", "-c", curl_line(demo)], capture_output=True,
                         text=True, timeout=PATIENCE)
    assert run.stdout.count("data: ") > 5, demo.said()
    assert run.stdout.endswith("data: [DONE]\n\n")


def test_two_responders_run(demo):
    names = [name for _, name in demo.processes()]
    assert names.count("sluice.fcgi") == 2, names


def test_a_wrong_key_is_refused(demo):
    line = re.sub(r"Bearer \S+'", "Bearer wrong'", curl_line(demo))
    run = subprocess.run(["sh", "-c", line], capture_output=True, text=True,
                         timeout=PATIENCE)
    assert "invalid_api_key" in run.stdout


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_nothing_behind(demo, sign):
    demo.stop(sign)
    assert demo.process.returncode == 0
    assert demo.left_behind() == ([], [])


def test_started_by_a_script_it_says_how_to_stop_it(idle_demo):
    """There Ctrl-C is ignored, for good."""
    idle_demo.start("sh", "-c", "trap '' INT; exec \"$@\"", "sh")
    assert "Ctrl-C" not in idle_demo.said()
    assert f" kill {idle_demo.process.pid} stops" in idle_demo.said()
    idle_demo.stop(signal.SIGTERM)
    assert idle_demo.process.returncode == 0
    assert idle_demo.left_behind() == ([], [])


def test_stopping_amid_a_stream_leaves_nothing_behind(demo):
    words = "word " * 500
    line = re.sub(r'"content":"[^"]*"', f'"content":"{words}"', curl_line(demo))
    client = subprocess.Popen(["sh", "-c", "exec " + line],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        client.stdout.read(200)
        demo.stop(signal.SIGINT)
        assert demo.process.returncode == 0
        assert demo.left_behind() == ([], [])
    finally:
        client.kill()
        client.communicate()


def test_a_taken_port_is_named(demo):
    second = subprocess.run(["sh", str(SRC / "quickstart")], env=demo.env,
                            capture_output=True, text=True, timeout=PATIENCE)
    assert second.returncode == 1
    assert f"port {demo.port} is taken" in second.stderr
