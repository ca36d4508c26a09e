"""The documents hold to the tables: every key, every route, every file."""
import os
import re
import subprocess

import pytest

from tree import BUILD, SRC


def sluicectl(*words, **env):
    run = subprocess.run([str(BUILD / "sluicectl"), *words],
                         env={**os.environ, **env},
                         capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_readme_names_files_that_exist():
    text = (SRC / "README.md").read_text()
    names = set(re.findall(r"(?<![/\w])((?:lighttpd|nginx|apache|deploy|conf)/[\w.@/*-]*\w)", text))
    names |= set(re.findall(r"\]\(([^):]+)\)", text))
    assert len(names) >= 12
    missing = [name for name in sorted(names)
               if not list(SRC.glob(name)) and not (SRC / (name + ".in")).exists()]
    assert missing == []


def test_readme_installs_the_libraries_that_quickstart_does():
    wanted = set(re.findall(r"^\tneed_library (lib\S+-dev) ",
                            (SRC / "quickstart").read_text(), re.M))
    wanted.discard("libcmocka-dev")     # for the tests
    named = set(re.findall(r"\blib\w[\w-]*-dev\b", (SRC / "README.md").read_text()))
    assert len(wanted) >= 6
    assert named == wanted


def test_hacking_names_folders_that_exist():
    text = (SRC / "HACKING.md").read_text()
    names = set(re.findall(r"(?<![\w./])([a-z]+/(?:[a-z_]+/)?)(?=[\s`,])", text))
    assert len(names) >= 10
    assert [name for name in sorted(names) if not (SRC / name).is_dir()] == []


def keys():
    """(scope, name) of every configuration key."""
    rows = [line.split("\t") for line in sluicectl("settings").splitlines()]
    assert len(rows) >= 30
    return [(row[0], row[1]) for row in rows]


def test_every_key_is_in_the_manual():
    page = (BUILD / "man" / "sluice.conf.5").read_text()
    entries = re.findall(r"^\.It Ic (\S+)$", page, re.M)
    names = [name for _, name in keys()]
    assert [name for name in names if name not in entries] == []
    assert len(entries) >= len(names)


def provider_samples():
    paths = sorted((SRC / "conf" / "providers.d").iterdir())
    assert len(paths) >= 3
    return paths


def test_every_key_is_shown_in_a_sample():
    main = (SRC / "conf" / "sluice.conf").read_text()
    providers = "".join(path.read_text() for path in provider_samples())
    missing = []
    for scope, name in keys():
        text = main if scope == "main" else providers
        if not re.search(rf"\b{name.split('.')[-1]}\s*[=:]", text):
            missing.append(f"{scope}: {name}")
    assert missing == []


def uncommented(text):
    """TEXT with every key that it shows; "# " begins what is for people."""
    return re.sub(r"^#(?=[\w})\t])(?!\t#)", "", text, flags=re.M)


def settings(main):
    """What show-config prints, but for timeouts.headers: to write its default
    down makes it hold for all requests."""
    text = sluicectl("show-config", "-c", str(main))
    return [line for line in text.splitlines()
            if not re.match(r"# file: |\t(# )?headers = 60\.0;", line)]


def test_the_sample_shows_the_defaults(tmp_path):
    main = tmp_path / "sluice.conf"
    (tmp_path / "providers.d").mkdir()
    text = (SRC / "conf" / "sluice.conf").read_text()
    main.write_text(text)
    as_it_is = settings(main)
    main.write_text(uncommented(text))
    assert settings(main) == as_it_is
    shown = [key for scope, key in keys() if scope == "main"]
    assert len(re.findall(r"^\s*\w+\s*= ", uncommented(text), re.M)) == len(shown)


@pytest.mark.parametrize("all_keys", [False, True])
@pytest.mark.parametrize("path", provider_samples(), ids=lambda p: p.name)
def test_provider_sample_is_fine(tmp_path, path, all_keys):
    """As it is; and with every key, the first of those that say the same."""
    folder = tmp_path / "providers.d"
    folder.mkdir()
    (tmp_path / "sluice.conf").write_text("")
    text = path.read_text()
    if all_keys:
        text = with_every_key(text)
    (folder / "sample.conf").write_text(text)
    env = {name: "x" for name in re.findall(r'_env\s*= "(\w+)"', text)}
    said = sluicectl("check", "-c", str(tmp_path / "sluice.conf"), **env)
    assert "is fine: 1 provider" in said


def with_every_key(text):
    out, seen = [], set(re.findall(r"^(\w+)\s*[=:]", text, re.M))
    for line in uncommented(text).splitlines():
        key = re.match(r"(\w+)\s*[=:]", line)
        was_shown = line not in text.splitlines()
        if key and was_shown and key[1] in seen | {"force_model"}:
            continue        # another way to say it; instead of models
        out.append(line)
    return "\n".join(out) + "\n"


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
        path = re.escape(pattern).replace(r"\*", r"(?:\*|\{\w+\}\S*)")
        if not re.search(rf"^\.It Ic {re.escape(method)} Pa {path}$", page,
                         re.M):
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
