"""sluicectl add provider: by options and at a terminal."""
import os
import pty
import select
import subprocess
import time

import pytest

from servers import BUILD


@pytest.fixture
def conf(tmp_path):
    (tmp_path / "providers.d").mkdir()
    (tmp_path / "sluice.conf").write_text('env_file = "keys.env";\n')
    keys = tmp_path / "keys.env"
    keys.write_text("# ours\nSLUICE_API_KEYS=k\nLAB_KEY=old-hunter2\n")
    keys.chmod(0o600)
    return tmp_path / "sluice.conf"


def run(conf, *words, stdin=""):
    done = subprocess.run(
        [f"{BUILD}/sluicectl", "add", "provider", "-c", conf, *words],
        input=stdin, capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"]})
    assert "hunter2" not in done.stdout + done.stderr
    return done


def check(conf):
    return subprocess.run([f"{BUILD}/sluicectl", "check", "-c", conf],
                          capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"]})


LAB = ["--name", "lab", "--base-url", "http://127.0.0.1:9/v1/", "--key-env",
       "LAB_KEY", "--model", "a", "--model", "b/c"]


def test_by_options(conf):
    done = run(conf, *LAB, "--key-stdin", stdin="sk-hunter2\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "next: sluicectl check" in done.stdout
    assert (conf.parent / "providers.d/lab.conf").read_text() == (
        '# Written by sluicectl add provider.\n'
        'name = "lab";\nbase_url = "http://127.0.0.1:9/v1/";\n'
        'api_key_env = "LAB_KEY";\n'
        'models = (\n\t{ name = "a"; },\n\t{ name = "b/c"; } );\n')
    keys = conf.parent / "keys.env"
    assert keys.read_text() == (
        "# ours\nSLUICE_API_KEYS=k\nLAB_KEY=sk-hunter2\n")
    assert keys.stat().st_mode & 0o777 == 0o600
    assert check(conf).returncode == 0
    assert sorted(os.listdir(conf.parent)) == [
        "keys.env", "providers.d", "sluice.conf"]
    assert os.listdir(conf.parent / "providers.d") == ["lab.conf"]


def test_a_key_may_come_later(conf):
    words = [w if w != "LAB_KEY" else "NEW_KEY" for w in LAB]
    done = run(conf, *words)
    assert done.returncode == 0
    assert f"next: set NEW_KEY in {conf.parent}/keys.env" in done.stdout


def test_without_a_key(conf):
    words = [w if w != "LAB_KEY" else "-" for w in LAB]
    assert run(conf, *words).returncode == 0
    text = (conf.parent / "providers.d/lab.conf").read_text()
    assert "api_key_env" not in text
    assert check(conf).returncode == 0


def test_azure(conf):
    words = LAB + ["--kind", "azure"]
    done = run(conf, *words)
    assert done.returncode == 1
    assert "--api-version is missing" in done.stderr
    assert run(conf, *words, "--api-version", "2024-10-21").returncode == 0
    text = (conf.parent / "providers.d/lab.conf").read_text()
    assert 'kind = "azure";' in text
    assert 'api_version = "2024-10-21";' in text


@pytest.mark.parametrize("option, value, words", [
    ("--name", "../x", "expected a name"),
    ("--name", ".x", "dot"),
    ("--name", "x" * 65, "expected a name"),
    ("--kind", "wat", "expected openai"),
    ("--base-url", "ftp://h", "expected a URL"),
    ("--base-url", "http://u:hunter2@h/v1", "expected a URL"),
    ("--key-env", "HTTP_X", "expected another variable"),
    ("--key-env", "sk-hunter2", "expected the name of"),
    ("--model", "a*", "expected a model's name"),
    ("--model", "", "not empty"),
])
def test_bad_answers(conf, option, value, words):
    done = run(conf, *LAB, option, value)
    assert done.returncode == 1
    assert words in done.stderr
    assert os.listdir(conf.parent / "providers.d") == []


@pytest.mark.parametrize("left_out", [
    "--name", "--base-url", "--key-env", "--model"])
def test_what_is_missing_is_named(conf, left_out):
    words = [w for pair in zip(LAB[::2], LAB[1::2]) if pair[0] != left_out
             for w in pair]
    done = run(conf, *words)
    assert done.returncode == 1
    assert f"{left_out} is missing" in done.stderr


def test_nothing_is_overwritten(conf):
    path = conf.parent / "providers.d/lab.conf"
    path.write_text("this is not = a provider\n")
    done = run(conf, *LAB)
    assert done.returncode == 1
    assert "there is a file of that name" in done.stderr
    assert path.read_text() == "this is not = a provider\n"


def test_a_key_with_quotes_in_it(conf):
    done = run(conf, *LAB, "--key-stdin", stdin="a\"b'c ")
    assert done.returncode == 0
    assert "LAB_KEY=a\"b'c\n" in (conf.parent / "keys.env").read_text()
    assert check(conf).returncode == 0


@pytest.mark.parametrize("key", ["", "sk-\x01", " \x7f", "\"b'c", "k" * 5000],
                         ids=range(5))
def test_bad_keys(conf, key):
    before = (conf.parent / "keys.env").read_text()
    done = run(conf, *LAB, "--key-stdin", stdin=key)
    assert done.returncode == 1
    assert (conf.parent / "keys.env").read_text() == before


def test_a_key_needs_a_place(conf):
    conf.write_text("")
    done = run(conf, *LAB, "--key-stdin", stdin="sk-hunter2\n")
    assert done.returncode == 1
    assert "env_file" in done.stderr


@pytest.mark.parametrize("words", [
    [], ["wat"], ["provider", "--name"], ["provider", "x"],
    ["provider", "--wat", "x"]])
def test_wrong_calls_exit_with_2(words):
    done = subprocess.run([f"{BUILD}/sluicectl", "add", *words],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: sluicectl add ")


class Terminal:
    """The command at a terminal of its own."""

    def __init__(self, *words):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execv(f"{BUILD}/sluicectl", ["sluicectl", *map(str, words)])
            finally:
                os._exit(127)

    def read(self):
        try:
            data = os.read(self.fd, 4096)
        except OSError:             # Linux: the other side is closed
            data = b""
        self.seen += data.decode()
        return data

    def expect(self, words):
        end = time.monotonic() + 30
        while words not in self.seen and time.monotonic() < end:
            if select.select([self.fd], [], [], 0.1)[0] and not self.read():
                break
        assert words in self.seen, self.seen
        self.seen = self.seen.split(words, 1)[1]

    def answer(self, words, text):
        self.expect(words)
        os.write(self.fd, text.encode() + b"\n")

    def end(self):
        while self.read():
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_at_a_terminal(conf):
    t = Terminal("add", "provider", "-c", conf)
    t.answer("name: ", "not a name")
    t.answer("expected a name", "my-lab")
    t.answer("[openai]: ", "")
    t.answer("[https://api.openai.com/v1]: ", "nonsense")
    t.answer("expected a URL", "http://127.0.0.1:9/v1")
    t.answer("[MY_LAB_API_KEY]: ", "")
    t.answer("[*]: ", "a, b/c")
    t.answer("(not shown; empty: later): ", "sk-hunter2")
    t.expect("next: sluicectl check")
    assert t.end() == 0
    assert "hunter2" not in t.seen
    assert "MY_LAB_API_KEY=sk-hunter2\n" in (
        conf.parent / "keys.env").read_text()
    assert 'name = "b/c";' in (
        conf.parent / "providers.d/my-lab.conf").read_text()
    assert check(conf).returncode == 0


def test_a_typed_key_is_not_echoed(conf):
    t = Terminal("add", "provider", "-c", conf, "--name", "x", "--kind",
                 "openai", "--base-url", "http://h/v1", "--key-env", "X_KEY",
                 "--model", "m")
    t.answer("(not shown; empty: later): ", "sk-hunter2")
    seen = t.seen
    assert t.end() == 0
    assert "hunter2" not in seen + t.seen


def test_ctrl_c_leaves_nothing(conf):
    before = (conf.parent / "keys.env").read_text()
    t = Terminal("add", "provider", "-c", conf, "--name", "x", "--kind",
                 "openai", "--base-url", "http://h/v1", "--key-env", "X_KEY",
                 "--model", "m")
    t.answer("(not shown; empty: later): ", "sk-hunter2\x03")
    assert t.end() == 1
    assert (conf.parent / "keys.env").read_text() == before
    assert os.listdir(conf.parent / "providers.d") == []
