"""sluicectl as an operator sees it: output, exit status, no secret."""
import os
import re
import subprocess
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("SLUICE_BUILD", Path(__file__).parents[2]))
SRC = Path(os.environ.get("SLUICE_SRC", Path(__file__).parents[2]))
KEYS = {"SLUICE_API_KEYS": "key-of-a-client-hunter2",
        "OPENAI_API_KEY": "sk-hunter2"}


@pytest.fixture
def conf(tmp_path):
    (tmp_path / "providers.d").mkdir()
    (tmp_path / "sluice.conf").write_text("")
    (tmp_path / "providers.d" / "openai.conf").write_text(
        'base_url = "https://api.openai.com/v1";\n'
        'api_key_env = "OPENAI_API_KEY";\n'
        'proxy = "http://me:hunter2@proxy:3128";\n'
        'headers = ( { name = "X-Team"; value = "hunter2"; } );\n')
    return tmp_path / "sluice.conf"


def run(*words, env=KEYS):
    done = subprocess.run([str(BUILD / "sluicectl"), *map(str, words)],
                          capture_output=True, text=True, timeout=30,
                          env={"PATH": os.environ["PATH"], **env})
    assert "hunter2" not in done.stdout + done.stderr
    return done


def test_check_says_that_all_is_fine(conf):
    done = run("check", "-c", conf)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"configuration {conf} is fine: 1 provider\n"


def test_check_takes_the_file_from_the_environment(conf):
    done = run("check", env={**KEYS, "SLUICE_CONF": str(conf)})
    assert done.returncode == 0
    assert str(conf) in done.stdout


def test_check_reports_every_problem_with_its_line(conf):
    conf.write_text("\nnope = 1;\n")
    broken = conf.parent / "providers.d" / "x.conf"
    broken.write_text('base_url = "http://h";\nhttp2 = 1;\n')
    done = run("check", "-c", conf)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"{conf}:2: nope: unknown key",
        f"{broken}:2: http2: expected true or false",
        f"configuration {conf}: 2 problems"]


def test_check_says_which_key_is_not_set(conf):
    done = run("check", "-c", conf, env={})
    assert done.returncode == 1
    assert "openai.conf:2: OPENAI_API_KEY is not set in the environment" in done.stderr


def test_check_notes_what_is_seldom_wanted(conf):
    (conf.parent / "providers.d" / "openai.conf").unlink()
    done = run("check", "-c", conf, env={})
    assert done.returncode == 0
    assert "note: no provider file" in done.stdout
    assert "note: SLUICE_API_KEYS is not set" in done.stdout


@pytest.mark.parametrize("env, notes", [
    ({"SLUICE_API_KEYS": "0123456789abcdef-hunter2, hunter2"},
     ["note: a key in SLUICE_API_KEYS is shorter than 16 bytes: it can be "
      "guessed"]),
    ({"SLUICE_ADMIN_KEY": "hunter2"},
     ["note: a key in SLUICE_ADMIN_KEY is shorter than 16 bytes: it can be "
      "guessed"]),
    ({"SLUICE_ADMIN_KEY": "0123456789 hunter2"},
     ["note: a key in SLUICE_ADMIN_KEY has a space in it, which belongs to "
      "the key, as a comment behind it would"]),
    ({"SLUICE_API_KEYS": "0123456789-hunter2 # of me"},
     ["note: a key in SLUICE_API_KEYS has a space in it, which belongs to "
      "the key, as a comment behind it would"]),
    ({"OPENAI_API_KEY": "sk-hunter2 # mine"},
     ["note: a key in OPENAI_API_KEY has a space in it, which belongs to "
      "the key, as a comment behind it would"]),
    ({"SLUICE_API_KEYS": ",, 0123456789-hunter2 ,\t",
      "SLUICE_ADMIN_KEY": "0123456789hunter2"}, []),
    ({"SLUICE_ADMIN_KEY": "0123456789,hunter2"}, []),
])
def test_check_notes_odd_keys(conf, env, notes):
    done = run("check", "-c", conf, env={**KEYS, **env})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:-1] == notes


def test_check_fails_without_a_file(tmp_path):
    done = run("check", "-c", tmp_path / "none.conf")
    assert done.returncode == 1
    assert "none.conf: No such file" in done.stderr


def test_the_sample_is_fine():
    assert run("check", "-c", SRC / "conf" / "sluice.conf").returncode == 0


def test_show_config_can_be_read_again(conf, tmp_path):
    shown = run("show-config", "-c", conf)
    assert (shown.returncode, shown.stderr) == (0, "")
    main, provider = re.split(r"^# file: .*\n", shown.stdout, flags=re.M)[1:]
    assert 'api_key_env = "OPENAI_API_KEY";\t# set\n' in provider
    conf.write_text(main)
    (conf.parent / "providers.d" / "openai.conf").write_text(provider)
    again = run("show-config", "-c", conf)
    assert (again.returncode, again.stdout) == (0, shown.stdout)


def test_show_config_says_what_is_not_set(conf):
    shown = run("show-config", "-c", conf, env={})
    assert shown.returncode == 1
    assert 'keys_env = "SLUICE_API_KEYS";\t# not set\n' in shown.stdout
    assert "OPENAI_API_KEY is not set" in shown.stderr


def test_version_and_help():
    assert re.fullmatch(r"sluicectl \d+\.\d+\.\d+\n", run("version").stdout)
    done = run("help")
    assert done.returncode == 0
    assert "show-config" in done.stdout


@pytest.mark.parametrize("words", [
    [], ["nope"], ["check", "x"], ["check", "-c"], ["check", "-c", ""],
    ["check", "--man"], ["settings", "-c", "x"], ["version", "x"]])
def test_wrong_calls_exit_with_2(words):
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: sluicectl ")


def test_a_full_disk_is_noticed():
    with open("/dev/full", "w") as full:
        done = subprocess.run([str(BUILD / "sluicectl"), "settings"], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 1
    assert "No space left" in done.stderr
