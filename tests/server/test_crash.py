"""Whatever dies, fills up, vanishes or is damaged: service goes on, books balance.

What responders share (STATE_DIR/state) and write down (the journal) is looked
at from outside, through real servers.
"""
import os
import random
import signal
import stat
import struct

import pytest

from books import ADMIN
from channels import (NO_BREAKER, a, assert_served, b, channel, chat, event,
                      fails, word)
from client import Timeout, until
from exposition import Metrics
from fixtures import provider
from kill import (Load, assert_balanced, ended, ids, in_metrics, journal, kill,
                  kill_before_it_writes, limit_files, one_and_two, reports,
                  scrape)
from servers import AS_USER, read_tail
from upstream import chat_answer, chat_chunk, manual

PATH = "/v1/chat/completions"
STATE_BYTES_MIN = 1 << 20
__all__ = ["a", "b"]            # fixtures


# Starting, killing, starting again.

@pytest.fixture
def start(make_server):
    def begin(kind, providers, conf=None, **more):
        server = make_server(kind, conf or {}, providers,
                             env={"SLUICE_ADMIN_KEY": ADMIN}, **more)
        server.may_crash = True
        return server
    return begin


def end_pool(server, number=signal.SIGTERM):
    """End every responder of a pool that spawn-fcgi started."""
    pids = server.responders()
    for pid in pids:
        kill(pid, number)
    ended(server, pids)


def begin_pool(server):
    server._spawn()
    until(lambda: is_well(server), "the new pool's answer")


def restart(server, number=signal.SIGTERM):
    end_pool(server, number)
    begin_pool(server)


def is_well(server):
    """All of the pool answer."""
    try:
        return server._answers()
    except Timeout:
        raise
    except (OSError, AssertionError):
        return False


def said(server, text):
    """How often the responders have told the log so."""
    return read_tail(f"{server.tmp}/responder.err", 0).count(text)


def reloads_of(server, pid):
    return said(server, f"[{pid}]: configuration reloaded")


def mappings(pid):
    """How many state files it has mapped, in however many parts."""
    with open(f"/proc/{pid}/maps") as f:
        return len({line.split()[4] for line in f
                    if "/state/state" in line})


def has_begun(server, pid):
    """It has read its configuration: what it does next is seen."""
    return mappings(pid) > 0 or said(server, f"[{pid}]: nothing is shared")


def refresh(server, times=3):
    """
    Let every responder look for its state file, so many times: it does so
    before it looks at the configuration, once a second.
    """
    pids = server.responders()
    until(lambda: all(has_begun(server, pid) for pid in pids), "their start")
    for number in range(times):
        before = {pid: reloads_of(server, pid) for pid in pids}
        server.write_provider("later", {
            "base_url": f"http://127.0.0.1:9/{number}", "models": (
                {"name": "later"},)})
        until(lambda: all(reloads_of(server, pid) > before[pid]
                          for pid in pids), "a reload by all")


# The state file.

def state_path(server):
    return f"{server.tmp}/state/state"


def inode(server):
    try:
        return os.stat(state_path(server)).st_ino
    except FileNotFoundError:
        return None


def is_attached(server, pid):
    """Whether the process has mapped the file that is there now."""
    now = inode(server)
    with open(f"/proc/{pid}/maps") as f:
        return any(line.split()[4] == str(now) and
                   line.rstrip().endswith("/state/state") for line in f)


def all_attached(server):
    until(lambda: inode(server) and all(
        is_attached(server, pid) for pid in server.responders()),
        "all responders to have the file")


def give_away(path):
    """To those who serve."""
    if AS_USER:
        os.chown(path, AS_USER["user"], AS_USER["group"])


def replace_state(server, data):
    """Another file in its place, which the responders own."""
    path = state_path(server)
    with open(path + ".made", "wb") as f:
        f.write(data)
    give_away(path + ".made")
    os.rename(path + ".made", path)


def read_state(server):
    with open(state_path(server), "rb") as f:
        return f.read()


def siphash(key, data):
    """SipHash-2-4, with which the head of the file is checked."""
    mask = 2 ** 64 - 1
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
         k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573]

    def turn(x, n):
        return (x << n | x >> (64 - n)) & mask

    def rounds(times):
        for _ in range(times):
            v[0] = (v[0] + v[1]) & mask
            v[1] = turn(v[1], 13) ^ v[0]
            v[0] = turn(v[0], 32)
            v[2] = (v[2] + v[3]) & mask
            v[3] = turn(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & mask
            v[3] = turn(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & mask
            v[1] = turn(v[1], 17) ^ v[2]
            v[2] = turn(v[2], 32)
    last = len(data) // 8 * 8
    padded = data[:last] + data[last:].ljust(7, b"\0") + bytes([len(data)])
    for at in range(0, len(padded), 8):
        piece, = struct.unpack_from("<Q", padded, at)
        v[3] ^= piece
        rounds(2)
        v[0] ^= piece
    v[2] ^= 0xff
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def head_of_version(data, version):
    """The head (layout.h) of DATA, as another version of sluice has it."""
    def check(text):
        return struct.pack("<Q", siphash(b"sluice hashes 1\0", text))
    assert data[24:32] == check(data[:24]), "layout.h says something else"
    head = data[:8] + struct.pack("<I", version) + data[12:24]
    return head + check(head)


# What it counts.

def requests_of(server, **labels):
    m = until(lambda: scrape(server), "/metrics")
    return m.total("gateway_requests_total", **labels)


def idle(server):
    """Every request has its line: nothing is on its way to the journal."""
    def alone():
        reply = server.client(ADMIN).get("/metrics")
        m = Metrics(reply.body)
        last.append(reply.header("x-request-id"))
        return m.get_one("gateway_in_flight_requests") == 1
    last = []
    until(alone, "the others to be over")
    until(lambda: last[-1] in ids(server), "the last line")


# The books.

def kill_some(server, load, chooser, times, refill):
    """Kill one of the responders, again and again, amid its work."""
    for _ in range(times):
        goal = load.done + chooser.randrange(1, 25)
        until(lambda: load.done >= goal or load.hung, "answers")
        assert not load.hung, load.hung
        pids = server.responders()
        if pids:
            pid = chooser.choice(pids)
            kill(pid)
            ended(server, [pid])
        refill()


@pytest.mark.parametrize("kind, bodies", [
    ("lighttpd", False), ("nginx", False), ("nginx", True)],
    ids=["lighttpd", "nginx", "bodies"])
def test_books_balance_whoever_is_killed(start, upstream, kind, bodies):
    """With bodies, a line is more than a death leaves whole in the journal."""
    chooser = random.Random(20)
    upstream.script = reports(chooser)
    server = start(kind, one_and_two(upstream), {
        "breaker": NO_BREAKER, "log": {"bodies": bodies}}, procs=6)

    def refill():
        """lighttpd does that itself."""
        if kind != "lighttpd" and len(server.responders()) < 2:
            end_pool(server, signal.SIGKILL)
            server._spawn()
    with Load(server, pad="p" * 60000 if bodies else "") as load:
        kill_some(server, load, chooser, 30, refill)
    if kind == "nginx":         # what the leader does, without one
        end_pool(server, signal.SIGKILL)
        done = server.sluicectl("tick")
        assert done.returncode == 0, done.stderr
        begin_pool(server)
    books = assert_balanced(server)
    assert books["statuses"]["200"] >= 30
    assert books["attempts"]["two", "ok"] > 0
    assert books["tokens"]["input"] > 0


def test_books_balance_whichever_cgi_run_is_killed(start, upstream):
    chooser = random.Random(21)
    upstream.script = reports(chooser)
    server = start("apache-cgi", one_and_two(upstream),
                   {"breaker": NO_BREAKER})

    def kill_one():
        pids = server.responders()
        if pids:
            kill(chooser.choice(pids))
        return bool(pids)
    with Load(server, 4) as load:
        for _ in range(25):
            goal = load.done + chooser.randrange(1, 6)
            until(lambda: load.done >= goal or load.hung, "answers")
            assert not load.hung, load.hung
            until(kill_one, "a run to kill")
    until(lambda: not server.responders(), "the runs to end")
    done = server.sluicectl("tick")
    assert done.returncode == 0, done.stderr
    assert assert_balanced(server)["statuses"]["200"] >= 25


@pytest.mark.parametrize("kind", ["lighttpd-spawned", "apache-cgi"])
def test_a_line_and_its_counts_are_finished_together(start, upstream, kind):
    """Killed when the answer was given and the line not yet written."""
    server = start(kind, one_up(upstream))
    written(server, count_up(server, times=3))
    kill_before_it_writes(server)
    if kind == "apache-cgi":
        counted(server, 3)
        assert server.sluicectl("tick").returncode == 0
    counted(server, 4)
    books = assert_balanced(server)
    assert books["attempts"] == {("up", "ok"): 4}
    assert books["tokens"]["output"] == 8


# A bad state file at the start.

def garbage(path):
    with open(path, "r+b") as f:
        f.write(random.Random(22).randbytes(os.path.getsize(path)))


def garbage_behind_the_head(path):
    """That one cannot be told; it has to be lived with."""
    with open(path, "r+b") as f:
        f.seek(64)
        f.write(random.Random(23).randbytes(os.path.getsize(path) - 64))


def cut_to(size):
    def spoil(path):
        os.truncate(path, size)
    return spoil


def link(path):
    os.unlink(path)
    os.symlink("/etc/passwd", path)


def pipe(path):
    os.unlink(path)
    os.mkfifo(path)
    give_away(path)


def directory(path):
    os.unlink(path)
    os.mkdir(path)


def unreadable(path):
    os.chmod(path, 0)


def count_up(server, model="m", times=10):
    """So many requests, each answered by up; their ids."""
    found = []
    for _ in range(times):
        reply = chat(server.client(), model)
        assert_served(reply, "up", 1)
        found.append(reply.header("x-request-id"))
    return found


def written(server, requests):
    """A client has its answer before the request is settled."""
    until(lambda: set(requests) <= set(ids(server)), "their lines")


def counted(server, times):
    try:
        until(lambda: requests_of(server, endpoint=PATH) == times)
    except Timeout:
        assert requests_of(server, endpoint=PATH) == times


def one_up(upstream):
    return {"up": provider(upstream, models=({"name": "m"},))}


ANEW = [garbage, cut_to(0), cut_to(10), cut_to(100), cut_to(1 << 20), link,
        pipe]


@pytest.mark.parametrize("spoil", ANEW, ids=[
    "garbage", "empty", "10-bytes", "100-bytes", "1-MB", "symlink", "fifo"])
def test_a_damaged_state_file_is_made_anew(start, upstream, spoil):
    server = start("lighttpd-spawned", one_up(upstream))
    count_up(server)
    counted(server, 10)
    end_pool(server)
    spoil(state_path(server))
    begin_pool(server)
    assert said(server, "is damaged: it is made anew") == 1
    assert stat.S_ISREG(os.lstat(state_path(server)).st_mode)
    assert os.path.getsize(state_path(server)) > STATE_BYTES_MIN
    count_up(server)
    counted(server, 10)
    all_attached(server)
    assert said(server, "nothing is shared") == 0


def test_the_state_of_another_version_is_made_anew(start, upstream):
    server = start("lighttpd-spawned", one_up(upstream))
    count_up(server)
    counted(server, 10)
    end_pool(server)
    data = read_state(server)
    replace_state(server, head_of_version(data, 99) + data[32:])
    begin_pool(server)
    assert said(server, "is of another version of sluice: it is made anew") \
        == 1
    count_up(server)
    counted(server, 10)
    all_attached(server)


@pytest.mark.parametrize("kind", ["lighttpd-spawned", "apache-cgi"])
def test_garbage_behind_a_good_head_is_lived_with(start, upstream, kind):
    """Counts are anything then, but all are served and nobody dies."""
    server = start(kind, one_up(upstream))
    count_up(server)
    if kind != "apache-cgi":
        end_pool(server)
    garbage_behind_the_head(state_path(server))
    if kind != "apache-cgi":
        begin_pool(server)
    pids = server.responders()
    for stream in (False, True) * 10:
        reply = chat(server.client(), "m", stream)
        assert (reply.status, reply.complete) == (200, True), reply
    for _ in range(4):
        reply = server.client(ADMIN).get("/metrics")
        assert (reply.status, reply.complete) == (200, True), reply
    until(lambda: len(ids(server)) >= 34, "their lines")
    if kind != "apache-cgi":
        refresh(server)
        assert server.responders() == pids
    assert server.sluicectl("tick").returncode == 0
    os.unlink(state_path(server))
    if kind != "apache-cgi":
        all_attached(server)
    count_up(server)
    counted(server, 10)


@pytest.mark.parametrize("spoil, why", [
    (directory, "Is a directory"), (unreadable, "Permission denied")],
    ids=["directory", "unreadable"])
def test_without_a_state_file_each_works_alone(start, upstream, spoil, why):
    server = start("lighttpd-spawned", one_up(upstream), procs=2)
    count_up(server)
    end_pool(server)
    spoil(state_path(server))
    begin_pool(server)
    count_up(server)
    refresh(server)
    assert said(server, "nothing is shared with other processes") == 2
    assert said(server, f"state cannot be used: {why}") == 2
    assert 0 <= requests_of(server, endpoint=PATH) <= 10
    # It heals by itself.
    if spoil is directory:
        os.rmdir(state_path(server))
    else:
        os.unlink(state_path(server))
    all_attached(server)
    assert said(server, "is shared with other processes again") == 2
    count_up(server)
    counted(server, 10)


def test_cgi_runs_without_a_state_file(start, upstream):
    server = start("apache-cgi", one_up(upstream))
    os.unlink(state_path(server))
    os.mkdir(state_path(server))
    before = said(server, "nothing is shared")
    count_up(server, times=5)
    until(lambda: said(server, "nothing is shared") == before + 5,
          "a warning of each")


# It is taken away from those who work.

def pair(upstream):
    return {"first": channel("a", retries=0, models=({"name": "m"},)),
            "second": channel("b", retries=0, priority=1,
                              models=({"name": "m"},))}


def open_breaker(server, a):
    """Three failures, and it is the second's turn."""
    a.clear()
    a.script = fails()
    for _ in range(3):
        assert_served(chat(server.client(), "m"), "second", 2)
    assert_served(chat(server.client(), "m"), "second", 1)
    assert len(a.requests) == 3


LONG = {"failures": 3, "error_rate": 0.0, "cooldown": 600.0}


def test_a_deleted_state_file_is_made_again(start, upstream, a, b):
    server = start("lighttpd-spawned", pair(upstream), {"breaker": LONG},
                   procs=2)
    pids = server.responders()
    open_breaker(server, a)
    b.script = manual
    held = server.client().open("POST", PATH, {
        "model": "m", "stream": True, "messages": []})
    x = b.wait(5)
    x.sse()
    x.event(chat_chunk("word"))
    assert held.event()
    for _ in range(2):          # the mapping before the last is let go
        os.unlink(state_path(server))
        all_attached(server)
        assert requests_of(server, endpoint=PATH) == 0
    b.script = lambda x: x.json(chat_answer())
    # What one process learns the other knows.
    one, other = pids
    os.kill(other, signal.SIGSTOP)
    try:
        open_breaker(server, a)
    finally:
        os.kill(other, signal.SIGCONT)
    os.kill(one, signal.SIGSTOP)
    try:
        for _ in range(4):
            assert_served(chat(server.client(), "m"), "second", 1)
    finally:
        os.kill(one, signal.SIGCONT)
    x.event("[DONE]")
    x.end()
    assert held.finish().complete
    counted(server, 9)
    assert len(a.requests) == 3
    until(lambda: in_metrics(scrape(server))["tries under way"] == 0,
          "nothing under way")
    until(lambda: in_metrics(scrape(server))["requests under way"] == 1,
          "the scrape alone to be under way")
    assert server.responders() == pids


def test_a_request_outlives_state_files_and_configurations(start, upstream,
                                                          a, b):
    """What it knew of its channel is no memory any more; it looks again."""
    server = start("lighttpd-spawned", pair(upstream), {"breaker": LONG},
                   procs=1)
    pids = server.responders()
    a.script = manual
    held = server.client().open("POST", PATH, {
        "model": "m", "stream": True, "messages": []})
    x = a.wait()
    x.sse()
    x.event(chat_chunk("word"))
    assert held.event()
    refresh(server, 1)
    for _ in range(2):
        os.unlink(state_path(server))
        all_attached(server)
    x.close()
    assert b"error" in held.finish().body
    counted(server, 1)
    assert server.responders() == pids
    # Its end is the first failure that the new file knows of.
    a.script = fails()
    for attempts in (2, 2, 1):
        assert_served(chat(server.client(), "m"), "second", attempts)


def test_a_state_file_cut_to_nothing_is_made_again(start, upstream):
    """Who touches it meanwhile is killed by the kernel, and replaced."""
    server = start("lighttpd", one_up(upstream))
    count_up(server)
    os.truncate(state_path(server), 0)
    until(lambda: os.path.getsize(state_path(server)) > STATE_BYTES_MIN
          and len(server.responders()) == server.procs
          and is_well(server), "the pool to be well")
    all_attached(server)
    before = requests_of(server, endpoint=PATH)
    count_up(server)
    counted(server, before + 10)


# A directory that cannot be written.

@pytest.mark.parametrize("left", ["nothing", "damage"])
def test_a_state_dir_that_cannot_be_written(start, upstream, left):
    """Served all the same; said once by each process."""
    server = start("lighttpd-spawned", one_up(upstream), procs=2)
    count_up(server)
    end_pool(server)
    folder = f"{server.tmp}/state"
    if left == "damage":
        garbage(f"{folder}/state")
    else:
        os.unlink(f"{folder}/state")
        os.unlink(f"{folder}/state.lock")
    log_mode = stat.S_IMODE(os.stat(f"{folder}/log").st_mode)
    os.chmod(f"{folder}/log", 0o555)
    os.chmod(folder, 0o555)
    try:
        begin_pool(server)
        count_up(server)
        for path in ("/health", "/v1/models"):
            assert server.client().get(path).status == 200
        refresh(server)
        for text in ("nothing is shared with other processes",
                     "state cannot be used: Permission denied"):
            assert said(server, text) == 2, text
        assert said(server, "it is made anew") <= 2
        assert 0 <= requests_of(server, endpoint=PATH) <= 10
    finally:
        os.chmod(folder, 0o755)
        os.chmod(f"{folder}/log", log_mode)
    all_attached(server)
    assert said(server, "is shared with other processes again") == 2
    count_up(server)
    counted(server, 10)


# A full disk.

def journal_file(server):
    folder = f"{server.tmp}/state/log"
    return f"{folder}/" + max(name for name in os.listdir(folder)
                              if name[:10].isdigit())


@pytest.mark.parametrize("kind, procs", [("lighttpd", 1), ("nginx", 2)])
def test_a_full_disk_tears_one_line_alone(start, upstream, kind, procs):
    """The answers are given, and their lines written when there is room."""
    server = start(kind, one_up(upstream), procs=procs)
    pids = server.responders()
    before = set(count_up(server, times=40))
    idle(server)
    before |= set(ids(server))
    size = os.path.getsize(journal_file(server))
    assert size > os.path.getsize(f"{server.tmp}/responder.err")
    limit_files(server, size + 100)
    waiting = set(count_up(server))
    counted(server, 50)         # all the same
    assert 1 <= said(server, "cannot write the journal") <= procs
    assert said(server, "Success") == 0
    assert os.path.getsize(journal_file(server)) == size + 100
    assert set(ids(server)) == before
    limit_files(server, "none")
    after = {chat(server.client(), "m", stream).header("x-request-id")
             for stream in (False, True) * 20}
    until(lambda: before | waiting | after <= set(ids(server)), "every line")
    every = [line for line in journal(server)
             if line["api_path"] != "/metrics"]
    assert len(every) == len({line["request_id"] for line in every})
    with open(journal_file(server), "rb") as f:
        lines = f.read().split(b"\n")[:-1]
    heads = [line.count(b'{"asctime"') for line in lines]
    whole = sum(line.endswith(b"}") for line in lines)
    assert sum(heads) == whole + 1      # the torn one's
    if procs == 1:              # who tore it knows
        assert set(heads) == {1}
    assert server.responders() == pids
    counted(server, 90)


def test_what_the_dead_left_follows_a_torn_line(start, upstream):
    """Half a line at the journal's end, when the pool starts again."""
    server = start("lighttpd-spawned", one_up(upstream))
    written(server, count_up(server))
    end_pool(server, signal.SIGKILL)
    before = ids(server)
    with open(journal_file(server), "r+b") as f:
        half = f.readline()[:150]
        f.seek(0, os.SEEK_END)
        f.write(half)
    begin_pool(server)
    written(server, count_up(server))
    assert ids(server)[:len(before)] == before
    counted(server, 20)
    every = ids(server)
    assert len(set(every)) == len(every)


# Starting again.

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL],
                         ids=["stopped", "killed"])
@pytest.mark.parametrize("kind", ["lighttpd-spawned", "nginx"])
def test_a_new_pool_knows_what_the_old_one_knew(start, upstream, a, b, kind,
                                               number):
    """As after a reboot: nobody is left, there are only the files."""
    server = start(kind, pair(upstream), {"breaker": LONG})
    open_breaker(server, a)
    counted(server, 4)
    restart(server, number)
    for _ in range(8):
        assert_served(chat(server.client(), "m"), "second", 1)
    assert len(a.requests) == 3
    counted(server, 12)
    m = scrape(server)
    assert m.get_one("gateway_channel_breaker_state", channel="first") == 1
    assert m.get_one("gateway_attempts_total", channel="second",
                     outcome="ok") == 12
    assert_balanced(server)


# More processes than there are slots.

def test_more_cgi_runs_than_slots(start, upstream):
    """Those that find no slot work alone."""
    count = 150                 # of 128
    server = start("apache-cgi", one_up(upstream))
    upstream.script = manual
    replies = [server.client().open("POST", PATH, {
        "model": "m", "stream": i % 2 == 1, "messages": []})
        for i in range(count)]
    upstream.wait(count, 60)
    assert len(server.responders()) == count
    assert said(server, "all its slots are taken") >= count - 128
    for x in list(upstream.requests):
        if x.data()["stream"]:
            x.sse()
            x.chunk(word("Hi") + event("[DONE]"))
            x.end()
        else:
            x.json(chat_answer())
            x.over.set()
    for reply in replies:
        assert reply.finish().status == 200
        assert reply.complete
        reply.close()
    asked = {reply.header("x-request-id") for reply in replies}
    assert len(asked) == count
    until(lambda: asked <= set(ids(server)), "all lines")
    until(lambda: not server.responders(), "their end")
    upstream.clear()
    before = requests_of(server, endpoint=PATH)
    assert before >= 100
    count_up(server, times=3)
    counted(server, before + 3)


# An upgrade.

def test_the_file_of_a_newer_version_is_left_alone(start, upstream):
    """The old pool goes on with what it has, and does not fight."""
    server = start("lighttpd-spawned", one_up(upstream), procs=2)
    count_up(server)
    data = read_state(server)
    newer = head_of_version(data, 99) + bytes(4096)
    replace_state(server, newer)
    theirs = inode(server)
    refresh(server)
    count_up(server)
    counted(server, 20)
    assert said(server, "state was replaced and cannot be used: ") == 2
    assert (inode(server), read_state(server)) == (theirs, newer)
    os.unlink(state_path(server))
    all_attached(server)
    count_up(server)
    counted(server, 10)


@pytest.mark.parametrize("how", ["replaced", "in place"])
def test_two_pools_of_two_versions(start, upstream, how):
    """What the old pool has looks to the new one like another version's."""
    old = start("lighttpd-spawned", one_up(upstream), procs=2)
    count_up(old)
    pids = old.responders()
    data = read_state(old)
    head = head_of_version(data, 99)
    if how == "replaced":
        replace_state(old, head + data[32:])
    else:
        with open(state_path(old), "r+b") as f:
            f.write(head)
    new = start("nginx", one_up(upstream),
                {"state_dir": f"{old.tmp}/state"}, procs=2)
    assert said(new, "is of another version of sluice: it is made anew") == 1
    for _ in range(10):
        for server in (old, new):
            assert_served(chat(server.client(), "m", True), "up", 1)
    refresh(old)
    refresh(new)
    for server in (old, new):
        count_up(server)
        assert until(lambda: scrape(server), "/metrics")
        assert len(server.responders()) == 2
    assert old.responders() == pids
    for server in (old, new):
        assert said(server, "nothing is shared") == 0


# Over and over.

def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def mapped(pid):
    with open(f"/proc/{pid}/maps") as f:
        return f.read()


def private_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) for line in f
                   if line.startswith("Private_"))


def reload_often(server, pid, times):
    for _ in range(times):
        before = reloads_of(server, pid)
        kill(pid, signal.SIGHUP)
        until(lambda: reloads_of(server, pid) > before, "the reload")


def test_reloads_and_new_files_leave_nothing_behind(start, upstream):
    server = start("lighttpd-spawned", one_up(upstream), procs=1)
    pid, = server.responders()
    reload_often(server, pid, 20)
    count_up(server)
    until(lambda: "sluice.db-shm" in mapped(pid), "the keys to be read")
    was = descriptors(pid), private_kb(pid)
    reload_often(server, pid, 100)
    for _ in range(3):
        os.unlink(state_path(server))
        all_attached(server)
    count_up(server)
    assert server.responders() == [pid]
    until(lambda: descriptors(pid) <= was[0], "what was opened to be closed")
    assert mappings(pid) <= 2
    if "libasan" not in mapped(pid):    # which keeps what is freed
        assert private_kb(pid) < was[1] + 2048
