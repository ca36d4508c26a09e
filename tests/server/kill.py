"""Load on a pool whose processes are killed, and whether its books balance then."""
import collections
import glob
import json
import os
import signal
import subprocess
import sys
import threading
import time

from books import ADMIN
from channels import chat
from client import Timeout, until
from exposition import Metrics
from fixtures import provider
from servers import AS_USER
from upstream import chat_answer, chat_chunk

ASK = {"model": "m", "messages": []}


def hour_names(server):
    """The journal's files of this hour and the next."""
    now = time.time()
    return [time.strftime(f"{server.tmp}/state/log/%Y%m%d%H.log",
                          time.localtime(now + more)) for more in (0, 3600)]


def full_pipe(path):
    """Where a file of the journal should be: who writes to it waits."""
    if os.path.exists(path):
        os.rename(path, f"{path}.old")
    os.mkfifo(path)
    if AS_USER:
        os.chown(path, AS_USER["user"], AS_USER["group"])
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            os.write(fd, bytes(4096))
    except BlockingIOError:
        return fd


def holds(pid, names):
    try:
        return any(os.readlink(fd) in names
                   for fd in glob.glob(f"/proc/{pid}/fd/*"))
    except OSError:
        return False


def kill_before_it_writes(server):
    """A request whose process dies between its answer and its line."""
    names = hour_names(server)
    pipes = [full_pipe(name) for name in names]
    second = int(time.time())   # in which a file may still be taken for good
    until(lambda: int(time.time()) > second, "the next second")
    reply = server.client().open("POST", "/v1/chat/completions", ASK)
    pid = until(lambda: next((pid for pid in server.responders()
                              if holds(pid, names)), None),
                "a process that writes its line")
    os.kill(pid, signal.SIGKILL)
    until(lambda: pid not in server.responders(), "its end")
    reply.close()
    for name, pipe in zip(names, pipes):
        os.unlink(name)
        os.close(pipe)
def ended(server, pids):
    until(lambda: not set(pids) & set(server.responders()), "their end")


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


# The journal, as journal.h says that it is to be read.

def journal(server):
    """Every whole line; torn ones are passed over, empty ones are none."""
    folder, lines = f"{server.tmp}/state/log", []
    for name in sorted(os.listdir(folder)):
        if not name[:10].isdigit():
            continue
        with open(f"{folder}/{name}", "rb") as f:
            for line in f.read().split(b"\n"):
                at = line.rfind(b'{"asctime"')
                if at >= 0 and line.endswith(b"}"):
                    lines.append(json.loads(line[at:]))
    return lines


def ids(server):
    return [line["request_id"] for line in journal(server)]


def scrape(server):
    """/metrics, or None when that cannot be had just now."""
    try:
        reply = server.client(ADMIN).get("/metrics")
        return Metrics(reply.body) if reply.status == 200 else None
    except Timeout:
        raise
    except OSError:
        return None
    except AssertionError as error:
        if "no answer came" in str(error):
            return None
        raise


# The books.

TOKENS = ("input", "cache_read", "cache_write", "output", "reasoning")


def in_journal(lines):
    """What /metrics should say, from the journal."""
    tries = [x for line in lines for x in line["attempts"]]
    usages = [x["usage"] for x in lines + tries if x.get("usage")]
    stopped = ("client_gone", "hedge_lost")
    return {
        "requests": len(lines),
        "statuses": collections.Counter(str(x["status"]) for x in lines),
        "attempts": collections.Counter(
            (x["provider"], x["outcome"]) for x in tries),
        "latencies": collections.Counter(
            x["provider"] for x in tries if x["outcome"] not in stopped),
        "tokens": collections.Counter({
            name: sum(x[f"{name}_tokens"] for x in usages)
            for name in TOKENS}),
        "durations": len(lines),
        "requests under way": 1,
        "tries under way": 0,
    }


def in_metrics(m):
    def count(name, *labels):
        found = collections.Counter()
        for (other, have), number in m.items():
            if other == name and number:
                values = tuple(dict(have)[label] for label in labels)
                found[values if len(labels) > 1 else values[0]] += number
        return found
    return {
        "requests": m.total("gateway_requests_total"),
        "statuses": count("gateway_requests_total", "status"),
        "attempts": count("gateway_attempts_total", "channel", "outcome"),
        "latencies": count("gateway_channel_latency_seconds_count",
                           "channel"),
        "tokens": count("gateway_tokens_total", "type"),
        "durations": m.total("gateway_request_duration_seconds_count"),
        "requests under way": m.get_one("gateway_in_flight_requests"),
        "tries under way": m.total("gateway_channel_in_flight"),
    }


def assert_balanced(server):
    """
    Journal and /metrics tell the same, once what the dead left is swept. Each
    look at /metrics is itself a line and a count, of which it shows neither.
    """
    seen = []

    def balanced():
        lines = journal(server)
        m = scrape(server)
        if m is None:
            return False
        seen.append((in_journal(lines), in_metrics(m)))
        return seen[-1][0] == seen[-1][1]
    try:
        until(balanced, "the books to balance")
    except Timeout:
        wants, has = seen[-1]
        differences = {name: (wants[name], has[name])
                       for name in wants if wants[name] != has[name]}
        raise AssertionError(
            f"(journal, metrics): {differences}") from None
    every = ids(server)
    assert len(every) == len(set(every))
    return seen[-1][0]


def reports(chooser):
    """
    Upstream /one fails now and then, /two never does. All take a moment, so
    that there is always something under way, and report what they consumed.
    """
    guard = threading.Lock()

    def choose(n):
        with guard:
            return chooser.randrange(n)

    def script(x):
        x.hold(choose(4) * 0.005)
        if x.path.startswith("/one/") and choose(3) == 0:
            return x.json({"error": {"message": "no"}}, 500,
                          [("Retry-After", "0")])
        tokens = choose(100)
        usage = {"prompt_tokens": tokens, "completion_tokens": 7,
                 "total_tokens": tokens + 7}
        if not x.data()["stream"]:
            return x.json({**chat_answer(), "usage": usage})
        x.sse()
        for text in ("one", "two", "three"):
            x.event(chat_chunk(text))
            x.hold(0.001)
        x.event({**chat_chunk(finish="stop"), "usage": usage})
        x.event("[DONE]")
        return x.end()
    return script


def one_and_two(upstream):
    root = upstream.url.removesuffix("/v1")
    return {name: provider(upstream, base_url=f"{root}/{name}/v1",
                           priority=number, models=({"name": "m"},))
            for number, name in enumerate(["one", "two"])}


class Load:
    """Clients that ask and ask, whatever becomes of that."""

    def __init__(self, server, threads=8, **more):
        self.server = server
        self.more = more        # members of each request
        self.done = 0           # whole answers with status 200
        self.hung = []
        self.stop = threading.Event()
        self.guard = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(i,))
                        for i in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _run(self, number):
        client = self.server.client()
        while not self.stop.is_set():
            try:
                reply = chat(client, "m", number % 2 == 1, **self.more)
            except Timeout as error:
                self.hung.append(str(error))
                return
            except (OSError, AssertionError):
                continue        # the responder died before its answer
            with self.guard:
                self.done += reply.status == 200 and reply.complete


LIMIT = """
import resource, sys
for pid in map(int, sys.argv[2:]):
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    size = most if sys.argv[1] == "none" else int(sys.argv[1])
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, most))
"""


def limit_files(server, size):
    """
    Nobody writes beyond SIZE, as if there were no room; "none": all may. Their
    own user may set that, root in a container may not.
    """
    subprocess.run([sys.executable, "-c", LIMIT, str(size),
                    *map(str, server.responders())], check=True, **AS_USER)
