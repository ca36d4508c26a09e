"""Real web servers with the shipped configuration, from a temporary directory.

A Server is one web server with its responders, on a free loopback port. What
is shipped in lighttpd/, nginx/ and apache/ is loaded unchanged; the files that
are written here are what an administrator would have around it.
"""
import atexit
import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

from client import KEY, PATIENCE, UP_KEY, Client, until
from records import Direct

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.environ.get("SLUICE_SRC") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("SLUICE_BUILD") or (
    SRC if os.path.exists(f"{SRC}/sluice.fcgi") else f"{SRC}/build")
WRAPPER = os.environ.get("SLUICE_WRAPPER", "")
MODULES = os.environ.get("APACHE_MODULES") or "/usr/lib/apache2/modules"

ALL = ["lighttpd", "lighttpd-spawned", "nginx", "apache-proxy-fcgi",
       "apache-fcgid", "apache-cgi"]
LOGIC = ["lighttpd", "nginx"]       # for what no web server can change

# With root's rights everything runs as www-data: Apache insists, and the
# others then need the same.
AS_USER = {}
if os.geteuid() == 0:
    _user = pwd.getpwnam("www-data")
    AS_USER = {"user": _user.pw_uid, "group": _user.pw_gid,
               "extra_groups": []}

# Without root's rights nobody else's files in /proc can be read, which some tests
# do; test_secrecy.py takes this away again.
DUMPABLE = {} if AS_USER else {"SLUICE_DUMPABLE": "1"}

# Servers that run as another user may not be able to enter the source tree (a
# clone in root's own directory): they get a copy of what they read there.
SHIPPED = SRC
if AS_USER:
    SHIPPED = tempfile.mkdtemp(prefix="sluice-shipped-")
    atexit.register(shutil.rmtree, SHIPPED, True)
    os.chmod(SHIPPED, 0o755)
    for _name in ("lighttpd", "nginx", "apache", "deploy"):
        shutil.copytree(f"{SRC}/{_name}", f"{SHIPPED}/{_name}")


def program(variable, name):
    """A server's path from configure, or looked up."""
    path = os.environ.get(variable) or shutil.which(
        name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise FileNotFoundError(f"{name} is not installed")
    return path


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def conf_value(value):
    """VALUE as libconfig writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    if isinstance(value, dict):
        return "{ " + " ".join(f"{k} = {conf_value(v)};"
                               for k, v in value.items()) + " }"
    if isinstance(value, tuple):
        return "( " + ", ".join(conf_value(v) for v in value) + " )"
    return "[ " + ", ".join(conf_value(v) for v in value) + " ]"


def conf_text(settings):
    return "".join(f"{k} = {conf_value(v)};\n" for k, v in settings.items())


def quiet(provider):
    """
    PROVIDER, a dict, without health probes unless it asks for some: a test
    counts what reaches its scripted upstream.
    """
    health = {"interval": 0, **provider.get("health", {})}
    return {**provider, "health": health}


class Server:
    """One web server. CONF and PROVIDERS are dicts (or text, for bad files)."""

    def __init__(self, kind, conf=None, providers=None, env=None, procs=2,
                 keep_stderr=True, files=None, site="",
                 extra=""):
        self.kind = kind
        self.procs = procs
        self.keep_stderr = keep_stderr
        self.may_crash = False      # set by a test that kills responders
        self.site, self.extra = site, extra     # written besides: inside, after
        self.port = 0
        self.tmp = tempfile.mkdtemp(prefix=f"sluice-{kind}-")
        self.env = {"SLUICE_API_KEYS": KEY, "UP_KEY": UP_KEY}
        self.env.update(env or {})
        self.processes = []         # ours to end: (name, Popen)
        self.spawned = []           # pids that spawn-fcgi left behind
        for name in ("bin/real", "etc", "run", "state", "htdocs/cgi-bin",
                     "sluice/providers.d", "uploads"):
            os.makedirs(f"{self.tmp}/{name}")
        self.log_marks = {}
        self._install()
        self.write_conf(conf or {})
        self.providers = providers or {}
        for name, (text, mode) in (files or {}).items():
            self.write(name, text, mode)

    # The responder and its configuration.

    def _install(self):
        """
        The program is copied: the build directory may be closed to www-data.
        A script in front of it keeps stderr, which lighttpd and spawn-fcgi
        throw away, and puts valgrind or the like before it.
        """
        real = f"{self.tmp}/bin/real/sluice.fcgi"
        shutil.copy(f"{BUILD}/sluice.fcgi", real)
        os.chmod(real, 0o755)
        self.binary = f"{self.tmp}/bin/sluice.fcgi"
        with open(self.binary, "w") as f:
            to = f"2>>{self.tmp}/responder.err" if self.keep_stderr else ""
            env = "".join(f"export {k}=${{{k}-{v}}}\n"
                          for k, v in DUMPABLE.items())
            f.write(f"#!/bin/sh\n{env}exec {WRAPPER} {real} {to}\n")
        os.chmod(self.binary, 0o755)
        self.ctl = f"{self.tmp}/bin/real/sluicectl"
        shutil.copy(f"{BUILD}/sluicectl", self.ctl)
        os.chmod(self.ctl, 0o755)

    def write(self, name, text, mode=0o644):
        """Replace a file in one step, as a careful editor does."""
        path = f"{self.tmp}/{name}"
        with open(path + ".new", "w") as f:
            f.write(text)
        os.chmod(path + ".new", mode)
        if AS_USER:
            os.chown(path + ".new", AS_USER["user"], AS_USER["group"])
        os.rename(path + ".new", path)
        return path

    def write_conf(self, settings):
        """sluice.conf from a dict, with this server's state_dir in it."""
        if isinstance(settings, str):
            return self.write("sluice/sluice.conf", settings)
        whole = {"state_dir": f"{self.tmp}/state"}
        if self.kind in ("apache-fcgid", "apache-cgi"):
            whole["env_file"] = "keys.env"
            self.write("sluice/keys.env", "".join(
                f"{k}={v}\n" for k, v in self.env.items()), 0o600)
        whole.update(settings)
        return self.write("sluice/sluice.conf", conf_text(whole))

    def write_provider(self, name, provider):
        """A provider file; @PORT@ in it is this server's own port."""
        text = provider if isinstance(provider, str) \
            else conf_text(quiet(provider))
        text = text.replace("@PORT@", str(self.port))
        return self.write(f"sluice/providers.d/{name}.conf", text)

    def remove_provider(self, name):
        os.unlink(f"{self.tmp}/sluice/providers.d/{name}.conf")

    # Starting and stopping.

    def start(self):
        for path, folders, files in os.walk(self.tmp):
            for name in folders + files:
                if AS_USER:
                    os.lchown(f"{path}/{name}", AS_USER["user"],
                              AS_USER["group"])
        if AS_USER:
            os.chown(self.tmp, AS_USER["user"], AS_USER["group"])
        os.chmod(self.tmp, 0o755)
        last = None
        for _ in range(3):          # another test may snatch the port
            self.port = free_port()
            for name, provider in self.providers.items():
                self.write_provider(name, provider)
            try:
                getattr(self, "_start_" + self.kind.replace("-", "_"))()
                until(self._listens, f"{self.kind} to listen")
                until(self._answers, "the responders to answer")
                return self
            except AssertionError as error:
                last = error
                self._end_processes()
        logs = self.logs()
        shutil.rmtree(self.tmp, ignore_errors=True)
        raise AssertionError(f"{self.kind} does not start: {last}\n{logs}")

    def everywhere(self, condition, what, key=KEY):
        """
        Wait until CONDITION(client) holds whichever process answers the client:
        each looks at the database and the files once a second, CGI at once.
        """
        until(lambda: all(condition(client) for client in self.each(key)),
              f"{what} from every process")

    def each(self, key=KEY):
        """
        A client for each process, which answers it past the web server. Where
        processes share a socket the others stand still meanwhile.
        """
        if self.kind == "apache-cgi":
            yield self.client(key)
        elif self.spawned:
            pids = self.responders()
            for pid in pids:
                with standing_still(set(pids) - {pid}):
                    yield Direct(f"{self.tmp}/run/sluice.sock", key)
        else:
            yield from (Direct(path, key) for path in self.own_sockets())

    def own_sockets(self):
        """Of each process one, where the web server starts them."""
        paths = [f"{self.tmp}/run/{name}" for name in
                 sorted(os.listdir(f"{self.tmp}/run"))]
        return [path for path in paths if stat.S_ISSOCK(os.stat(path).st_mode)]

    def _listens(self):
        for name, process in self.processes:
            if process.poll() is not None:
                raise AssertionError(
                    f"{name} ended with status {process.returncode}")
        try:
            return self.client().get("/not-ours").status == 404
        except (OSError, AssertionError):
            return False

    def _answers(self):
        """Every responder of the pool does, and the web server passes it on."""
        try:
            return self.client().get("/health").status == 200 and all(
                client.get("/health").status == 200 for client in self.each())
        except (OSError, AssertionError):
            return False

    def _run(self, name, argv, env=None):
        with open(f"{self.tmp}/{name}.out", "ab") as out:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=self.tmp, env=self._environment(env), **AS_USER)
        self.processes.append((name, process))

    def _environment(self, env=None):
        whole = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                 "SLUICE_CONF": f"{self.tmp}/sluice/sluice.conf"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                whole[name] = os.environ[name]
        whole.update(self.env)
        whole.update(env or {})
        return whole

    def _spawn(self):
        """Two responders on one socket, as the comments in the files say."""
        path = f"{self.tmp}/run/sluice.sock"
        if os.path.exists(path):
            os.unlink(path)
        done = subprocess.run(
            [program("SPAWN_FCGI", "spawn-fcgi"), "-s", path, "-b", "4096",
             "-F", str(self.procs), "--", self.binary],
            capture_output=True, text=True, cwd=self.tmp,
            env=self._environment(), **AS_USER)
        assert done.returncode == 0, done.stdout + done.stderr
        self.spawned = until(
            lambda: len(self.responders()) >= self.procs
            and self.responders(), "spawn-fcgi's responders")
        return path

    def _lighttpd(self, shipped, local):
        """
        What Debian's lighttpd.conf has that could matter, then the shipped
        file; its variables are set in the local file it asks for.
        """
        self.write("etc/sluice.local.conf", local + self.site)
        conf = self.write("etc/lighttpd.conf", f'''
server.modules = ( "mod_indexfile", "mod_access" )
server.port = {self.port}
server.bind = "127.0.0.1"
server.document-root = "{self.tmp}/htdocs"
server.upload-dirs = ( "{self.tmp}/uploads" )
server.errorlog = "{self.tmp}/server.log"
server.http-parseopts = (
	"header-strict" => "enable", "host-strict" => "enable",
	"host-normalize" => "enable", "url-normalize-unreserved" => "enable",
	"url-normalize-required" => "enable", "url-ctrls-reject" => "enable",
	"url-path-2f-decode" => "enable", "url-path-dotseg-remove" => "enable"
)
index-file.names = ( "index.html" )
include "{SHIPPED}/lighttpd/{shipped}"
''')
        self._run("lighttpd", [program("LIGHTTPD", "lighttpd"), "-D",
                               "-f", conf])

    def _start_lighttpd(self):
        self._lighttpd("sluice.conf", f'''
var.sluice_bin := "{self.binary}"
var.sluice_socket := "{self.tmp}/run/sluice.sock"
var.sluice_procs := {self.procs}
''')

    def _start_lighttpd_spawned(self):
        path = self._spawn()
        self._lighttpd("sluice-spawned.conf",
                       f'var.sluice_socket := "{path}"\n')

    def _start_nginx(self):
        """
        nginx.conf and the snippets are the shipped files. The upstream block
        takes no variables, so its one path is replaced; test_configs.py
        loads it as it is.
        """
        sock = self._spawn()
        etc = f"{self.tmp}/etc"
        for name in ("conf.d", "sites-enabled"):
            os.makedirs(f"{etc}/{name}", exist_ok=True)
        for name in ("nginx.conf", "snippets"):
            if not os.path.islink(f"{etc}/{name}"):
                os.symlink(f"{SHIPPED}/nginx/{name}", f"{etc}/{name}")
        with open(f"{SHIPPED}/nginx/conf.d/sluice.conf") as f:
            text = f.read()
        assert text.count("unix:/run/sluice/sluice.sock ") == 1
        self.write("etc/conf.d/sluice.conf",
                   text.replace("unix:/run/sluice/sluice.sock ",
                                f"unix:{sock} "))
        temps = "".join(
            f"{name}_temp_path {self.tmp}/uploads/{name};\n"
            for name in ("client_body", "fastcgi", "proxy", "uwsgi", "scgi"))
        self.write("etc/sites-enabled/site", f'''
{temps}
access_log off;
gzip on;
gzip_min_length 1;
gzip_types application/json text/event-stream;
server {{
	listen 127.0.0.1:{self.port};
	{self.site}
	include snippets/sluice.conf;
}}
{self.extra}
''')
        self._run("nginx", [
            program("NGINX", "nginx"), "-p", self.tmp, "-c",
            f"{etc}/nginx.conf", "-e", f"{self.tmp}/server.log", "-g",
            f"daemon off; pid {self.tmp}/run/nginx.pid; "
            f"error_log {self.tmp}/server.log;"])

    def _apache(self, modules, site, env=None, override="None"):
        """A small apache2.conf; reqtimeout and deflate as Debian has them."""
        modules = ["mpm_event", "authz_core", "authz_user", "authn_core",
                   "authn_file", "auth_basic", "env", "filter", "mime",
                   "deflate", "reqtimeout", "setenvif"] + modules
        load = "".join(f"LoadModule {m}_module {MODULES}/mod_{m}.so\n"
                       for m in modules)
        conf = self.write("etc/apache2.conf", f'''
ServerRoot "{self.tmp}"
ServerName localhost
Listen 127.0.0.1:{self.port}
PidFile "{self.tmp}/run/apache.pid"
DefaultRuntimeDir "{self.tmp}/run"
ErrorLog "{self.tmp}/server.log"
Timeout 300
KeepAlive On
{load}
RequestReadTimeout header=20-40,minrate=500
RequestReadTimeout body=10,minrate=500
AddOutputFilterByType DEFLATE application/json text/event-stream text/plain
TypesConfig /dev/null
DocumentRoot "{self.tmp}/htdocs"
<Directory />
	AllowOverride None
	Require all denied
</Directory>
<Directory "{self.tmp}/htdocs">
	AllowOverride {override}
	Require all granted
</Directory>
{site}
{self.extra}
''')
        self._run("apache", [program("APACHE2", "apache2"),
                             "-DFOREGROUND", "-f", conf], env)

    def _start_apache_proxy_fcgi(self):
        path = self._spawn()
        self._apache(["proxy", "proxy_fcgi"], f'''
Define SLUICE_SOCKET {path}
Include {SHIPPED}/apache/sluice-server.conf
<VirtualHost *:*>
	Include {SHIPPED}/apache/sluice.conf
	{self.site}
</VirtualHost>
''', {k: "not-for-apache" for k in self.env})

    def _start_apache_fcgid(self):
        self._apache(["alias", "fcgid"], f'''
FcgidIPCDir "{self.tmp}/run"
FcgidProcessTableFile "{self.tmp}/run/fcgid_shm"
Define SLUICE_BIN {self.binary}
Define SLUICE_CONF {self.tmp}/sluice/sluice.conf
Include {SHIPPED}/apache/sluice-server.conf
<VirtualHost *:*>
	Include {SHIPPED}/apache/sluice-fcgid.conf
	{self.site}
</VirtualHost>
''')

    def _start_apache_cgi(self):
        """A shared host: what it allows in .htaccess is set here."""
        for folder in ("htdocs", "htdocs/cgi-bin"):
            target = f"{self.tmp}/{folder}"
            shutil.copy(f"{SHIPPED}/apache/.htaccess", target)
            shutil.copy(self.binary, f"{target}/sluice.fcgi")
            os.chmod(f"{target}/sluice.fcgi", 0o755)
            if AS_USER:
                for name in (".htaccess", "sluice.fcgi"):
                    os.chown(f"{target}/{name}", AS_USER["user"],
                             AS_USER["group"])
        self._apache(["cgid", "rewrite", "dir"], f'''
ScriptSock "{self.tmp}/run/cgid"
DirectoryIndex index.html
AllowEncodedSlashes NoDecode
Include {SHIPPED}/apache/sluice-server.conf
{self.site}
''', override="FileInfo Options")

    def stop(self):
        """End everything; complain when a responder does not go."""
        try:
            self._end_processes()
            self._judge()
        finally:
            shutil.rmtree(self.tmp, ignore_errors=True)

    def _end_processes(self):
        for _, process in self.processes:
            if process.poll() is None:
                process.terminate()
        for _, process in self.processes:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        for pid in self.responders():
            end_process(pid, signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        while self.responders() and time.monotonic() < end:
            time.sleep(0.01)
        left = self.responders()
        for pid in left:
            end_process(pid, signal.SIGKILL)
        assert not left, f"responders {left} outlive SIGTERM"
        self.spawned = []

    def _judge(self):
        """What sanitizers and valgrind had to say is a failure, and a crash."""
        crashes = [line for line in read_tail(
            f"{self.tmp}/server.log", 0).splitlines()
            if "child signalled" in line or "core dump" in line]
        assert self.may_crash or not crashes, crashes
        text = read_tail(f"{self.tmp}/responder.err", 0)
        for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:",
                     "Invalid read", "Invalid write", "definitely lost: "):
            clean = word == "definitely lost: " and all(
                "definitely lost: 0 bytes" in line
                for line in text.splitlines() if word in line)
            assert word not in text or clean, text[-6000:]

    # Looking in.

    def client(self, key=KEY):
        return Client(self.port, key)

    def responders(self):
        """Pids of the responders, those of CGI requests in flight included."""
        mark = f"{self.tmp}/bin/real/sluice.fcgi".encode()
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    if mark in f.read().split(b"\0"):
                        found.append(int(pid))
            except OSError:
                pass
        return sorted(found)

    def sluicectl(self, *words):
        """The operator's tool as the responders' user, in their environment."""
        return subprocess.run([*WRAPPER.split(), self.ctl, *words],
                              capture_output=True, text=True, timeout=60,
                              cwd=self.tmp, env=self._environment(),
                              **AS_USER)

    def leaders(self):
        """Pids of those that said that they lead, in their order."""
        text = read_tail(f"{self.tmp}/responder.err", 0)
        return [int(pid) for pid in
                re.findall(r"\[(\d+)\]: this process leads", text)]

    def spools(self):
        """Unlinked files that the responders still hold open."""
        found = []
        for pid in self.responders():
            try:
                for fd in os.listdir(f"/proc/{pid}/fd"):
                    path = f"/proc/{pid}/fd/{fd}"
                    name = os.readlink(path)
                    if (name.endswith("(deleted)")
                            and not name.startswith("/memfd:")
                            and "/valgrind_proc_" not in name
                            and stat.S_ISREG(os.stat(path).st_mode)):
                        found.append((pid, name))
            except OSError:
                pass
        return found

    def journal(self):
        """Every line of the journal, oldest first; not one that is being written."""
        import json
        folder = f"{self.tmp}/state/log"
        if not os.path.isdir(folder):
            return []
        lines = []
        for name in sorted(os.listdir(folder)):
            if name[:10].isdigit() and name.endswith(".log"):
                with open(f"{folder}/{name}") as f:
                    lines += [json.loads(line) for line in f
                              if line.endswith("\n")]
        return lines

    def journaled(self, request_id):
        """The line of one request, once it is settled."""
        return until(lambda: next(
            (line for line in self.journal()
             if line["request_id"] == request_id), None),
            f"the journal line of {request_id}")

    LOGS = ("server.log", "lighttpd.out", "nginx.out", "apache.out",
            "responder.err", "state/log/sluice.log")

    def mark_logs(self):
        """From here on, logs() shows what is new."""
        for name in self.LOGS:
            path = f"{self.tmp}/{name}"
            self.log_marks[name] = (os.path.getsize(path)
                                    if os.path.exists(path) else 0)

    def logs(self):
        parts = []
        for name in self.LOGS:
            text = read_tail(f"{self.tmp}/{name}", self.log_marks.get(name, 0))
            if text:
                parts.append(f"--- {name}\n{text[-20000:]}")
        return "\n".join(parts)


def state_of(pid):
    """As in ps: R, S, T..."""
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()[0]


@contextlib.contextmanager
def standing_still(pids):
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            until(lambda: state_of(pid) in "TZ", "a process to stand still")
        yield
    finally:
        for pid in pids:
            end_process(pid, signal.SIGCONT)


def end_process(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def read_tail(path, offset):
    try:
        with open(path, errors="backslashreplace") as f:
            f.seek(offset)
            return f.read()
    except FileNotFoundError:
        return ""
