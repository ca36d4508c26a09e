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
