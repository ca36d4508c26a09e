"""Keys of clients, as sluicectl makes and lists them."""
import json
import re
import subprocess

from servers import AS_USER

MADE = re.compile(r"sk-[0-9A-Za-z]{48}\n")


def keys(server, *words, status=0, stdin=None):
    done = subprocess.run(
        [server.ctl, "keys", *words], capture_output=True, text=True,
        timeout=60, cwd=server.tmp, env=server._environment(),
        input=stdin or "", **AS_USER)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stderr if status else done.stdout


def listed(server):
    lines = keys(server, "list", "--json").splitlines()
    return {key["name"]: key for key in map(json.loads, lines)}


def made(server, name, *words):
    secret = keys(server, "add", name, *words)
    assert MADE.fullmatch(secret)
    return secret.strip()


def limits(record):
    return {name: value for name, value in record["limits"].items() if value}
