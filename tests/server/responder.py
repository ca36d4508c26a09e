"""sluice.fcgi alone, on a socket of its own: raw FastCGI, no web server."""
import json
import os
import resource
import shutil
import socket
import subprocess
import tempfile

import pytest

from client import PATIENCE
from records import parameters, read, whole
from servers import (BUILD, DUMPABLE, KEY, UP_KEY, WRAPPER, conf_text, quiet,
                     read_tail)

CHAT = json.dumps({"model": "m", "messages": [
    {"role": "user", "content": "the-prompt"}]}).encode()
STREAM = b'{"model":"m","stream":true}'
TIMEOUTS = {"headers": 1.0, "idle": 1.0, "first_token": 2.0, "total": 5.0}


class Responder:
    """sluice.fcgi on a unix socket of its own."""

    kind = "responder"

    def __init__(self, providers, conf=None, env=None, files=None, closed=()):
        self.tmp = tempfile.mkdtemp(prefix="sluice-hostile-")
        os.mkdir(f"{self.tmp}/providers.d")
        settings = {"state_dir": f"{self.tmp}/state", "timeouts": TIMEOUTS}
        settings.update(conf or {})
        os.mkdir(f"{self.tmp}/state")
        self.write("sluice.conf", settings)
        for name, value in providers.items():
            self.write(f"providers.d/{name}.conf", quiet(value))
        self.env = {"SLUICE_CONF": f"{self.tmp}/sluice.conf",
                    "SLUICE_API_KEYS": KEY, "UP_KEY": UP_KEY, **DUMPABLE}
        self.env.update({k: v for k, v in os.environ.items()
                         if k.endswith("SAN_OPTIONS")})
        self.env.update(env or {})
        self.path = f"{self.tmp}/socket"
        self._start(files, closed)

    def write(self, name, settings):
        path = f"{self.tmp}/{name}"
        with open(path + ".new", "w") as f:
            f.write(conf_text(settings))
        os.rename(path + ".new", path)

    def _start(self, files, closed):
        def prepare():
            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
            for fd in closed:
                os.close(fd)

        with socket.socket(socket.AF_UNIX) as sock, \
                open(f"{self.tmp}/err", "ab") as err:
            sock.bind(self.path)
            sock.listen(1024)
            self.listener = sock.dup()  # the same open file description
            self.process = subprocess.Popen(
                WRAPPER.split() + [f"{BUILD}/sluice.fcgi"], stdin=sock,
                stdout=err, stderr=err, env=self.env, preexec_fn=prepare)

    def connect(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(PATIENCE)
        sock.connect(self.path)
        return sock

    def send(self, data, to_end=False):
        """DATA on a fresh connection; what comes back."""
        with self.connect() as sock:
            try:
                sock.sendall(data)
            except OSError:
                pass            # refused to read on: the answer counts
            return read(sock, to_end)

    def ask(self, body=CHAT, **more):
        return self.send(whole(parameters(body=body, **more), body))

    def get(self, uri, **more):
        return self.send(whole(parameters("GET", uri, **more)))

    def works(self):
        answer = self.get("/v1/models")
        assert answer.status == 200, answer
        assert self.process.poll() is None

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def journal(self):
        """All lines; each must be JSON."""
        folder = f"{self.tmp}/state/log"
        lines = []
        if not os.path.isdir(folder):
            return lines
        for name in sorted(os.listdir(folder)):
            if name[:10].isdigit():
                with open(f"{folder}/{name}") as f:
                    lines += [json.loads(line) for line in f]
        return lines

    def logs(self):
        return read_tail(f"{self.tmp}/err", 0)

    def stop(self):
        """SIGTERM must end it, with nothing left and nothing to report."""
        try:
            self.process.terminate()
            assert self.process.wait(PATIENCE) == 0, self.logs()
            for word in ("Sanitizer", "runtime error:", "Invalid read",
                         "Invalid write", "Assertion"):
                assert word not in self.logs(), self.logs()
        finally:
            self.process.kill()
            self.process.wait()
            self.listener.close()
            shutil.rmtree(self.tmp, ignore_errors=True)


@pytest.fixture
def start(request):
    """Start responders of the test's own; ended with the test."""
    made = []
    request.node.own_servers = made

    def starter(*args, **kwargs):
        made.append(Responder(*args, **kwargs))
        made[-1].works()
        return made[-1]

    yield starter
    for one in made:
        one.stop()
