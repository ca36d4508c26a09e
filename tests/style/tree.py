"""The source tree as the style tests see it: folders, floors, texts."""
import os
import re
from pathlib import Path

SRC = Path(os.environ.get("SLUICE_SRC", Path(__file__).parents[2]))
BUILD = Path(os.environ.get("SLUICE_BUILD", SRC))

# DESIGN: an include points down. Rooms with the same number are neighbours
# and never include each other.
FLOORS = {"base": 0, "conf": 1, "store": 2, "fcgi": 3, "gateway": 3,
          "upstream": 3, "handlers": 4}
PROGRAMS = ["sluice.c", "sluicectl.c"]

FOLDERS = [*FLOORS, "web", "lighttpd", "apache", "nginx", "deploy", "tests",
           "bench", "man", ".ci"]
TOP_FILES = ["autogen.sh", "configure.ac", "Makefile.am", "quickstart",
             "README.md", "HACKING.md", "ChangeLog.md", "LICENSE", ".gitignore",
             ".clang-format", ".editorconfig", *PROGRAMS]
BUILT = {"node_modules", "__pycache__", ".deps", ".pytest_cache", ".build"}


def walk(folder):
    for path, folders, names in os.walk(SRC / folder):
        folders[:] = sorted(set(folders) - BUILT)
        for name in sorted(names):
            yield Path(path, name)


def text_of(path):
    """The file's text; None for what a build left or what is not text."""
    if path.suffix in {".o", ".a", ".log", ".trs", ".pyc"}:
        return None
    data = path.read_bytes()
    if b"\0" in data:
        return None
    return data.decode("utf-8", "replace")


def texts():
    """(path, text) of every file that people wrote."""
    paths = [SRC / name for name in TOP_FILES if (SRC / name).exists()]
    for folder in FOLDERS:
        paths += walk(folder)
    for path in paths:
        text = text_of(path)
        if text is not None:
            yield path.relative_to(SRC), text


def sources(suffixes=(".c", ".h")):
    """(path, text) of the C files that the programs are made of."""
    for path, text in texts():
        room = path.parts[0]
        if path.suffix in suffixes and (room in FLOORS or str(path) in PROGRAMS):
            yield path, text


def c_files():
    """(path, text) of every C file, tests included."""
    for path, text in texts():
        if path.suffix in (".c", ".h"):
            yield path, text


def includes(text):
    """The project's own headers that a file includes, in order."""
    return re.findall(r'^#include "([^"]+)"', text, re.M)


def makefile_list(name):
    """The words of one variable of Makefile.am, whatever condition it is in."""
    text = (SRC / "Makefile.am").read_text().replace("\\\n", " ")
    words = []
    for value in re.findall(rf"^{name}\s*\+?=(.*)$", text, re.M):
        words += value.split()
    return words
