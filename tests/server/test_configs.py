"""The shipped server configurations as files."""
import os
import re
import subprocess

import pytest

from servers import MODULES, SRC, program

ROUTED = ["v1", "v2/rerank", "openai", "health", "metrics", "api", "admin", "docs",
          r"openapi\.json", "echo"]
FILES = ["lighttpd/sluice.conf", "lighttpd/sluice-spawned.conf",
         "nginx/snippets/sluice.conf", "apache/sluice.conf",
         "apache/sluice-fcgid.conf", "apache/.htaccess"]


def read(name):
    with open(f"{SRC}/{name}") as f:
        return f.read()


@pytest.mark.parametrize("name", FILES)
def test_all_route_the_same_paths(name):
    lists = re.findall(r"\((?:\?:)?(v1\|[^)]*)\)", read(name))
    assert lists, name
    assert all(one.split("|") == ROUTED for one in lists)


def test_nginx_loads_all_as_it_is(tmp_path):
    """With the socket's own path, which the running tests must replace."""
    for name in ("conf.d", "snippets", "nginx.conf"):
        os.symlink(f"{SRC}/nginx/{name}", tmp_path / name)
    (tmp_path / "sites-enabled").mkdir()
    (tmp_path / "sites-enabled/site").write_text(
        "".join(f"{n}_temp_path {tmp_path}/{n};\n" for n in (
            "client_body", "fastcgi", "proxy", "uwsgi", "scgi"))
        + "access_log off;\n"
        "server { listen 127.0.0.1:1; include snippets/sluice.conf; }\n")
    done = subprocess.run(
        [program("NGINX", "nginx"), "-t", "-p", tmp_path, "-c",
         tmp_path / "nginx.conf", "-e", tmp_path / "log", "-g",
         f"pid {tmp_path}/pid; error_log {tmp_path}/log;"],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["sluice.conf", "sluice-fcgid.conf"])
def test_apache_loads_with_defaults(tmp_path, name):
    """For the whole server, as a2enconf does it, and without our Defines."""
    modules = ["mpm_event", "authz_core", "alias", "env", "proxy",
               "proxy_fcgi", "fcgid"]
    (tmp_path / "apache2.conf").write_text("".join(
        f"LoadModule {m}_module {MODULES}/mod_{m}.so\n" for m in modules)
        + f"ServerRoot {tmp_path}\nServerName x\nListen 127.0.0.1:1\n"
        f"DefaultRuntimeDir {tmp_path}\nPidFile {tmp_path}/pid\n"
        f"FcgidIPCDir {tmp_path}\nFcgidProcessTableFile {tmp_path}/shm\n"
        f"ErrorLog {tmp_path}/log\nInclude {SRC}/apache/{name}\n"
        f"Include {SRC}/apache/sluice-server.conf\n")
    done = subprocess.run([program("APACHE2", "apache2"), "-t", "-f",
                           tmp_path / "apache2.conf"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["sluice.conf", "sluice-spawned.conf"])
def test_lighttpd_loads_with_defaults(tmp_path, name):
    """Without a local file; only the responder's path may be missing here."""
    conf = tmp_path / "lighttpd.conf"
    conf.write_text(f'server.document-root = "{tmp_path}"\n'
                    f'include "{SRC}/lighttpd/{name}"\n')
    done = subprocess.run([program("LIGHTTPD", "lighttpd"), "-p", "-f", conf],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "fastcgi.server" in done.stdout
    assert '"tcp-fin-propagate" => "enable"' in \
        re.sub(r" +=>", " =>", done.stdout)


def test_each_says_why_on_apache():
    for name in ("apache/sluice.conf", "apache/sluice-fcgid.conf"):
        text = read(name)
        assert "recommended" in text or "Prefer sluice.conf" in text
        assert re.search(r"one (responder )?process for every\s+#?\s*request",
                         text)
