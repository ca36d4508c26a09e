"""The house rules for everything that is not C alone."""
import re
import shutil
import subprocess

from tree import FLOORS, SRC, makefile_list, texts, walk


def test_unit_tests_mirror_the_tree():
    wrong = [str(path.relative_to(SRC)) for path in walk("tests/unit")
             if path.suffix == ".c"
             and not (SRC / path.relative_to(SRC / "tests/unit")).exists()
             and path.parent.name in FLOORS]
    assert wrong == []


def test_every_unit_test_is_run():
    found = {str(path.relative_to(SRC).with_suffix("")) for path in walk("tests/unit")
             if path.suffix == ".c" and "\nmain(" in path.read_text()}
    assert found == set(makefile_list("unit_tests"))


def test_every_python_test_is_run():
    found = {str(path.relative_to(SRC)) for path in walk("tests")
             if re.fullmatch(r"test_\w+\.py", path.name)}
    assert found == set(makefile_list("python_tests"))


def test_nothing_is_left_to_do():
    words = "|".join(["TO" + "DO", "FIX" + "ME", "H" + "ACK:"])
    wrong = [f"{path}: {line}" for path, text in texts()
             for line in text.splitlines() if re.search(rf"\b({words})\b", line)]
    assert wrong == []


def test_no_private_paths():
    """Paths of somebody's own machine. /home/you stands for the reader's."""
    private = re.compile(r"(?<![\w.$)}~-])/(home|root|work|Users)/(?!you\b)\w")
    wrong = [f"{path}: {line.strip()}" for path, text in texts()
             for line in text.splitlines() if private.search(line)]
    assert wrong == []


def test_no_package_registries():
    registry = re.compile(r"https?://[^/\s\"']*(registry|artifact|nexus|mirror)", re.I)
    wrong = [f"{path}: {line.strip()}" for path, text in texts()
             for line in text.splitlines() if registry.search(line)]
    assert wrong == []


def test_no_tests_are_skipped():
    """A skip looks like success. Only "platform:" reasons are let through."""
    skip = re.compile(r"pytest\.skip\(|mark\.skip|\bskip\(\);|mark\.xfail")
    wrong = [f"{path}: {line.strip()}" for path, text in texts()
             for line in text.splitlines()
             if path.parts[0] == "tests" and path.parts[1] != "style"
             and skip.search(line) and "platform:" not in line]
    assert wrong == []


def shell_scripts():
    return [(path, text) for path, text in texts()
            if re.match(r"#! ?/bin/sh\b", text)]


def test_shell_scripts_parse():
    assert len(shell_scripts()) >= 2
    wrong = []
    for path, _ in shell_scripts():
        for shell in filter(shutil.which, ["sh", "dash"]):
            run = subprocess.run([shell, "-n", str(SRC / path)],
                                 capture_output=True, text=True)
            if run.returncode != 0:
                wrong.append(run.stderr)
    assert wrong == []


BASHISMS = {
    r"\[\[ ": "[[",
    r"\[ [^\]]* == ": "== in [",
    r"\[ [^\]]* -(nt|ot|ef) ": "-nt in [",
    r"^\s*function \w": "function",
    r"^\s*(local|declare|typeset) ": "local",
    r"^\s*source ": "source",
    r"<<<": "here-string",
    r"&>|>&[^0-9&-]": "&>",
    r"\$'": "$'...'",
    r"\$\{\w+//?[^}]*/": "${x/y/z}",
    r"\$\{\w+:\d": "${x:1}",
    r"\w+=\(": "array",
    r"\becho -[en]": "echo -e",
    r"[<>]\(": "process substitution",
    r"set -o pipefail": "pipefail",
}


def test_shell_scripts_are_posix():
    wrong = []
    for path, text in shell_scripts():
        for number, line in enumerate(text.splitlines(), 1):
            code = re.sub(r"(^|\s)#.*", "", line)
            wrong += [f"{path}:{number}: {what}"
                      for pattern, what in BASHISMS.items()
                      if re.search(pattern, code)]
    assert wrong == []
