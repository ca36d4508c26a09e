"""The house rules for C, held by reading the files."""
import os
import re
import shlex
import subprocess

from tree import (BUILD, FLOORS, SRC, c_files, includes, makefile_list,
                  sources)


def test_includes_point_down_the_floors():
    wrong = []
    for path, text in sources():
        room = path.parts[0]
        floor = FLOORS.get(room, len(FLOORS))
        for name in includes(text):
            other = name.split("/")[0]
            if name == "config.h" or other == room:
                continue
            if other not in FLOORS or FLOORS[other] >= floor:
                wrong.append(f"{path} includes {name}")
    assert wrong == []


def test_includes_name_their_folder():
    wrong = [f"{path}: {name}" for path, text in sources()
             for name in includes(text)
             if "/" not in name and name != "config.h"]
    assert wrong == []


def test_config_h_comes_first_then_the_own_header():
    wrong = []
    for path, text in sources((".c",)):
        every = re.findall(r'^#include [<"]([^>"]+)[>"]', text, re.M)
        own = str(path.with_suffix(".h"))
        if every[:1] != ["config.h"]:
            wrong.append(f"{path}: config.h is not the first include")
        elif (SRC / own).exists() and every[1:2] != [own]:
            wrong.append(f"{path}: {own} is not the second include")
    assert wrong == []


def test_headers_do_not_include_config_h():
    wrong = [str(path) for path, text in sources((".h",))
             if "config.h" in includes(text)]
    assert wrong == []


def test_every_header_compiles_on_its_own(tmp_path):
    compiler = shlex.split(os.environ.get("CC", "cc"))
    flags = shlex.split(os.environ.get("SLUICE_LIB_CFLAGS", ""))
    unit = tmp_path / "alone.c"
    wrong = []
    for path, _ in sources((".h",)):
        unit.write_text(f'#include "config.h"\n#include "{path}"\nint alone;\n')
        run = subprocess.run(
            [*compiler, "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *flags,
             f"-I{BUILD}", f"-I{SRC}", str(unit)],
            capture_output=True, text=True)
        if run.returncode != 0:
            wrong.append(f"{path}:\n{run.stderr}")
    assert wrong == [], "\n".join(wrong)


def test_guards_are_named_after_the_file():
    wrong = []
    for path, text in sources((".h",)):
        guard = re.sub(r"[^A-Z0-9]", "_", str(path).upper())
        if not re.search(rf"^#ifndef {guard}\n#define {guard}$", text, re.M):
            wrong.append(f"{path}: no guard {guard}")
    assert wrong == []


def test_no_typedef_of_structs_enums_and_unions():
    wrong = [f"{path}: {found}" for path, text in c_files()
             for found in re.findall(r"\btypedef\s+(?:struct|enum|union)\b.*", text)]
    assert wrong == []


def functions(text):
    """(name, lines) of each function: its name stands in column 0."""
    for found in re.finditer(r"^(\w+)\([^;{]*?\)\n\{\n(.*?)^\}", text, re.M | re.S):
        yield found[1], found[2].count("\n")


def test_functions_fit_a_page():
    wrong = [f"{path}: {name} has {lines} lines"
             for path, text in c_files()
             for name, lines in functions(text) if lines > 80]
    assert wrong == []


def test_function_names_are_in_column_0():
    """Else the test above would not see them."""
    wrong = []
    for path, text in c_files():
        bodies = len(re.findall(r"^\{$", text, re.M))
        found = len(list(functions(text)))
        if bodies != found:
            wrong.append(f"{path}: {bodies} bodies, {found} functions")
    assert wrong == []


def test_files_hold_one_subject():
    """A test has a file as long as its subject has cases."""
    wrong = [f"{path}: {text.count(chr(10))} lines"
             for path, text in c_files()
             if text.count("\n") > 600 and path.parts[0] != "tests"]
    assert wrong == []


def test_sources_are_named_in_the_makefile():
    """A header that is not listed is missing from the release."""
    listed = {word for room in FLOORS for word in makefile_list(f"{room}_sources")}
    found = {str(path) for path, _ in sources() if path.parts[0] in FLOORS}
    assert found - listed == set()
    assert listed - found == set()


def test_the_database_has_one_header():
    """Of what store.h collects, other rooms include nothing by itself; nor SQLite."""
    parts = set(includes((SRC / "store/store.h").read_text()))
    assert len(parts) >= 6
    wrong = [f"{path}: {name}" for path, text in sources()
             if path.parts[0] != "store"
             for name in includes(text) if name in parts]
    wrong += [str(path) for path, text in sources()
              if path.parts[0] != "store" and "sqlite3.h" in text
              and str(path) != "conf/import_channels.c"]
    assert wrong == []


def test_one_file_makes_json_trees():
    """It bounds their depth: yajl frees them by recursion."""
    wrong = [str(path) for path, text in sources()
             if "yajl_tree_parse" in text and str(path) != "base/tree.c"
             and path.parts[0] != "tests"]
    assert wrong == []
