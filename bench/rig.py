"""Servers and processes of one measuring run: started, watched, ended."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SHIPPED = os.path.join(HERE, "..", "lighttpd", "sluice-spawned.conf")
CLIENT_KEY = "sk-bench-client"

CONF = """
state_dir = "{dir}/state";
auth: {{ keys_env = "BENCH_KEYS"; }};
"""
PROVIDER = """
base_url = "http://127.0.0.1:{port}/v1";
api_key_env = "BENCH_UPSTREAM_KEY";
models = ( {{ name = "*"; }} );
health: {{ interval = 0; }};
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pids):
    """User and system time of all threads of PIDS so far."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def private_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) for line in f
                   if line.startswith("Private_"))


def status_kb(pid, *names):
    with open(f"/proc/{pid}/status") as f:
        fields = dict(line.split(":", 1) for line in f)
    return sum(int(fields[name].split()[0]) for name in names)


def peak_kb(pid):
    return status_kb(pid, "VmHWM")


def shared_kb(pid):
    """Resident pages that are not the process's own: libraries."""
    return status_kb(pid, "VmRSS") - private_kb(pid)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(child) for child in f.read().split()]


def find_program(name):
    path = os.environ["PATH"] + ":/usr/local/sbin:/usr/sbin:/sbin"
    return shutil.which(name, path=path)


def wait_traced(pid):
    for _ in range(500):
        with open(f"/proc/{pid}/status") as f:
            if "TracerPid:\t0\n" not in f.read():
                return
        time.sleep(0.01)
    raise RuntimeError("strace cannot attach")


class Rig:
    """Everything runs from one temporary directory and ends with it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="sluice-bench-")
        os.chmod(self.dir, 0o755)
        self.running = []
        self.names = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop(self.running[:])
        shutil.rmtree(self.dir, ignore_errors=True)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path

    def configure(self, upstream_port):
        """sluice's files; the environment that makes it use them."""
        os.makedirs(os.path.join(self.dir, "state"))
        conf = self.write("sluice.conf", CONF.format(dir=self.dir))
        self.write("providers.d/bench.conf",
                   PROVIDER.format(port=upstream_port))
        return {"SLUICE_CONF": conf, "BENCH_KEYS": CLIENT_KEY,
                "BENCH_UPSTREAM_KEY": "sk-upstream"}

    def private_conf(self):
        """The same where no state can be shared: a file is no directory."""
        self.write("no-state/file", "")
        return self.write("private.conf", CONF.replace(
            "{dir}/state", "{dir}/no-state/file").format(dir=self.dir)
            + 'log: { dir = "state/log"; };\n')

    def start(self, command, env=None, stdin=subprocess.DEVNULL,
              stdout=subprocess.DEVNULL):
        log = open(os.path.join(self.dir, "stderr.log"), "ab")
        env = dict(os.environ if env is None else env)
        env["SLUICE_DUMPABLE"] = "1"    # memory is read from /proc
        proc = subprocess.Popen(command, env=env, stdin=stdin, stdout=stdout,
                                stderr=log, cwd=self.dir)
        log.close()
        self.running.append(proc)
        return proc

    def stop(self, procs):
        for proc in procs:
            if proc.poll() is None:
                proc.send_signal(signal.SIGTERM)
        for proc in procs:
            try:
                proc.wait(5)
            except subprocess.TimeoutExpired:
                proc.kill()
                proc.wait()
            self.running.remove(proc)

    def errors(self):
        with open(os.path.join(self.dir, "stderr.log"), errors="replace") as f:
            return f.read()[-4000:]

    def wait_port(self, port, proc):
        for _ in range(500):
            if proc.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise RuntimeError(f"{proc.args[0]} does not listen:\n{self.errors()}")

    def pool(self, command, count=2, env=None):
        """COUNT responders on one socket. Returns its path and the processes."""
        self.names += 1
        path = os.path.join(self.dir, f"pool{self.names}.sock")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
            s.listen(4096)
            return path, [self.start(command, env, stdin=s)
                          for _ in range(count)]

    def upstream(self, program):
        proc = self.start([program], stdout=subprocess.PIPE)
        return int(proc.stdout.readline()), proc.pid

    def nginx(self, upstream_port):
        """
        nginx as a plain HTTP proxy, set up as its manual recommends: its port
        and its processes.
        """
        port = free_port()
        conf = self.write("nginx.conf", f"""
daemon off; worker_processes 2; worker_rlimit_nofile 20000;
error_log {self.dir}/nginx-error.log; pid {self.dir}/nginx.pid;
events {{ worker_connections 18000; }}
http {{
  access_log off; client_max_body_size 128m; client_body_buffer_size 2m;
  client_body_temp_path {self.dir}/nb; proxy_temp_path {self.dir}/np;
  fastcgi_temp_path {self.dir}/nf; uwsgi_temp_path {self.dir}/nu;
  scgi_temp_path {self.dir}/ns; keepalive_requests 10000000;
  upstream mock {{
    server 127.0.0.1:{upstream_port}; keepalive 128;
    keepalive_requests 10000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location / {{ proxy_pass http://mock; }}
    location /stream/ {{ proxy_pass http://mock; proxy_buffering off; }}
  }}
}}
""")
        proc = self.start([find_program("nginx"), "-p", self.dir, "-c", conf,
                           "-e", os.path.join(self.dir, "nginx-error.log")])
        self.wait_port(port, proc)
        return port, [proc.pid, *children(proc.pid)]

    def lighttpd(self, socket_path):
        """
        lighttpd with the shipped configuration, before SOCKET_PATH: its port
        and its process.
        """
        port = free_port()
        self.names += 1
        home = f"lighttpd{self.names}"
        self.write(f"{home}/sluice.local.conf",
                   f'var.sluice_socket := "{socket_path}"\n')
        shutil.copy(SHIPPED, os.path.join(self.dir, home))
        conf = self.write(f"{home}/lighttpd.conf", f"""
server.port = {port}
server.bind = "127.0.0.1"
server.document-root = "{self.dir}"
server.errorlog = "{self.dir}/lighttpd-error.log"
server.upload-dirs = ( "{self.dir}" )
server.listen-backlog = 4096
server.max-keep-alive-requests = 10000000
include "{os.path.basename(SHIPPED)}"
""")
        proc = self.start([find_program("lighttpd"), "-D", "-f", conf])
        self.wait_port(port, proc)
        return port, [proc.pid]


def run_json(command, env=None):
    """Run one of the tools to its end; its results, and its CPU seconds."""
    before = os.times()
    out = subprocess.run(command, check=True, env=env, stdout=subprocess.PIPE,
                         text=True).stdout
    after = os.times()
    result = json.loads(out.splitlines()[-1])
    result["own_cpu"] = (after.children_user - before.children_user +
                         after.children_system - before.children_system)
    return result


def load(program, *args):
    return run_json([program, *map(str, args)])


def load_streams(program, on_mark, *args):
    """The same for streams; ON_MARK is called with each mark as it comes."""
    proc = subprocess.Popen([program, "streams", *map(str, args)],
                            stdout=subprocess.PIPE, text=True)
    result = {}
    with proc:
        for line in proc.stdout:
            result = json.loads(line)
            if "mark" in result:
                on_mark(result)
    return result
