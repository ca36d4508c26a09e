"""The documents hold to the tables: every key, every route, every file."""
import re
import subprocess

from tree import BUILD, SRC


def sluicectl(*words):
    run = subprocess.run([str(BUILD / "sluicectl"), *words],
                         capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_readme_names_files_that_exist():
    text = (SRC / "README.md").read_text()
    names = set(re.findall(r"(?<![/\w])((?:lighttpd|nginx|apache|deploy)/[\w.@/*-]*\w)", text))
    names |= set(re.findall(r"\]\((\w+\.md)\)", text))
    assert len(names) >= 8
    missing = [name for name in sorted(names)
               if not list(SRC.glob(name)) and not (SRC / (name + ".in")).exists()]
    assert missing == []


def test_hacking_names_folders_that_exist():
    text = (SRC / "HACKING.md").read_text()
    names = set(re.findall(r"(?<![\w./])([a-z]+/(?:[a-z_]+/)?)(?=[\s`,])", text))
    assert len(names) >= 10
    assert [name for name in sorted(names) if not (SRC / name).is_dir()] == []


def keys():
    """(scope, name) of every configuration key."""
    rows = [line.split("\t") for line in sluicectl("keys").splitlines()]
    assert len(rows) >= 30
    return [(row[0], row[1]) for row in rows]


def test_every_key_is_in_the_manual():
    page = (BUILD / "man" / "sluice.conf.5").read_text()
    entries = re.findall(r"^\.It Ic (\S+)$", page, re.M)
    names = [name for _, name in keys()]
    assert [name for name in names if name not in entries] == []
    assert len(entries) >= len(names)


def test_every_key_is_shown_in_a_sample():
    main = (SRC / "conf" / "sluice.conf").read_text()
    providers = "".join(path.read_text() for path in
                        sorted((SRC / "conf" / "providers.d").glob("*.conf")))
    missing = []
    for scope, name in keys():
        text = main if scope == "main" else providers
        if not re.search(rf"\b{name.split('.')[-1]}\s*[=:]", text):
            missing.append(f"{scope}: {name}")
    assert missing == []


def test_every_command_of_sluicectl_is_in_the_manual():
    page = (SRC / "man" / "sluicectl.8.in").read_text()
    commands = re.findall(r"^  ([a-z-]+) ", sluicectl("help"), re.M)
    assert len(commands) >= 3
    assert [name for name in commands
            if not re.search(rf"^\.It Cm {name}$", page, re.M)] == []


def routes():
    """(method, pattern) of every route; a final "*" takes any rest."""
    rows = [line.split()[:2] for line in sluicectl("routes").splitlines()]
    assert len(rows) >= 10
    return rows


def test_every_route_is_in_the_manual():
    page = (SRC / "man" / "sluice.fcgi.8.in").read_text()
    missing = []
    for method, pattern in routes():
        path = re.escape(pattern).replace(r"\*", r"(?:\*|\{\w+\})")
        if not re.search(rf"^\.It Ic {method} Pa {path}$", page, re.M):
            missing.append(f"{method} {pattern}")
    assert missing == []


def test_every_route_is_served_by_every_server():
    configs = [SRC / name for name in (
        "lighttpd/sluice.conf", "lighttpd/sluice-spawned.conf",
        "nginx/snippets/sluice.conf", "apache/sluice.conf",
        "apache/sluice-fcgid.conf")]
    roots = {pattern.split("/")[1] for _, pattern in routes()} - {""}
    missing = []
    for config in configs:
        paths = re.findall(r"\^/\((?:\?:)?([^)]*)\)", config.read_text())
        assert paths != [], config
        missing += [f"{config}: /{root}" for root in sorted(roots)
                    for words in paths
                    if root not in words.replace("\\", "").split("|")]
    assert missing == []
