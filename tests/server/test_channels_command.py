"""sluicectl channels and models: what the API makes, from the shell."""
import json
import os
import subprocess

import pytest

from channels import a, chat
from servers import AS_USER

SERVERS = ["lighttpd"]
CONF = {"auth": {"channel_env": ["UP_KEY", "SOME_*"]}}
SECRET = "sk-provider-key-0123456789-wxyz"


def PROVIDERS(upstream):
    return {"filed": {"base_url": upstream.url, "api_key_env": "UP_KEY"}}


def ctl(server, *words, status=0, stdin=""):
    done = subprocess.run(
        [server.ctl, *words], capture_output=True, text=True, timeout=60,
        cwd=server.tmp, env=server._environment(), input=stdin, **AS_USER)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stderr if status else done.stdout


def listed(server, what):
    lines = ctl(server, what, "list", "--json").splitlines()
    return {one["name"]: one for one in map(json.loads, lines)}


def everywhere(server, model, status):
    server.everywhere(lambda client: chat(client, model).status == status,
                      status)


@pytest.fixture(autouse=True)
def tidy(server):
    yield
    for what in "channels", "models":
        for name in listed(server, what):
            ctl(server, what, "delete", name)


def test_a_channel_from_adding_to_deleting(server, a):
    ctl(server, "channels", "add", "new one", "--base-url",
        a.url.removesuffix("/v1"), "--models", "m,n", "--stdin", "--weight",
        "7", "--priority", "2", stdin=SECRET + "\n")
    everywhere(server, "m", 200)
    assert a.requests[-1].header("authorization") == f"Bearer {SECRET}"
    told = listed(server, "channels")["new one"]
    assert told == {**told, "kind": "openai", "base_url": a.url,
                    "api_key": "sk-...wxyz", "api_key_env": "", "weight": 7,
                    "priority": 2, "enabled": True, "problem": None}
    assert set(listed(server, "models")) == {"m", "n"}
    ctl(server, "channels", "set", "new one", "--name", "other", "--disable")
    everywhere(server, "m", 404)
    ctl(server, "channels", "set", "other", "--enable", "--api-key-env",
        "UP_KEY")
    everywhere(server, "m", 200)
    assert listed(server, "channels")["other"]["api_key_env"] == "UP_KEY"
    ctl(server, "channels", "delete", "other")
    everywhere(server, "m", 404)


def test_a_new_origin_needs_the_key(server, a):
    for how, stdin in (["--stdin"], SECRET), (["--api-key-env", "UP_KEY"], ""):
        ctl(server, "channels", "add", "new", "--base-url", a.url, *how,
            stdin=stdin)
        for more in [], ["--weight", "3"], ["--enable"], ["--name", "new"]:
            told = ctl(server, "channels", "set", "new", "--base-url",
                       "http://127.0.0.1:9/v1", *more, status=1)
            assert "--api-key-env" in told and "--stdin" in told
        ctl(server, "channels", "set", "new", "--base-url", a.url + "/v2")
        assert listed(server, "channels")["new"]["weight"] == 10
        ctl(server, "channels", "set", "new", "--base-url",
            "http://127.0.0.1:9/v1", "--stdin", stdin="sk-of-the-other")
        ctl(server, "channels", "set", "new", "--base-url", a.url,
            "--api-key-env", "UP_KEY")
        ctl(server, "channels", "delete", "new")


def test_a_variable_that_is_not_listed_any_more(make_server):
    server = make_server("lighttpd", CONF)
    ctl(server, "channels", "add", "new", "--base-url", "http://127.0.0.1:9",
        "--api-key-env", "UP_KEY")
    server.write_conf({})
    assert "not in use" in ctl(server, "channels", "list")
    assert listed(server, "channels")["new"]["problem"] == \
        "its variable is not in auth.channel_env of sluice.conf"


def test_models_are_mapped(server, a):
    ctl(server, "channels", "add", "new", "--base-url", a.url)
    ctl(server, "models", "add", "m")
    everywhere(server, "m", 404)
    ctl(server, "models", "map", "m", "new", "--as", "behind", "--weight",
        "3")
    everywhere(server, "m", 200)
    assert a.requests[-1].data()["model"] == "behind"
    assert a.requests[-1].header("authorization") is None
    channels = listed(server, "models")["m"]["channels"]
    assert [(c["channel"], c["backend_model_name"], c["weight"])
            for c in channels] == [("new", "behind", 3)]
    ctl(server, "models", "unmap", "m", "new")
    everywhere(server, "m", 404)


def test_tables(server):
    ctl(server, "channels", "add", "one", "--base-url",
        "http://127.0.0.1:9/v1", "--api-key-env", "SOME_KEY", "--disable",
        "--models", "m")
    ctl(server, "models", "add", "alone")
    assert [line.split() for line in
            ctl(server, "channels", "list").splitlines()] == [
        ["name", "kind", "state", "base", "URL", "key", "weight", "priority"],
        ["one", "openai", "disabled", "http://127.0.0.1:9/v1", "SOME_KEY",
         "10", "0"]]
    assert [line.split() for line in
            ctl(server, "models", "list").splitlines()] == [
        ["model", "channel", "name", "upstream", "weight"],
        ["alone", "-", "-", "-"], ["m", "one", "m", "10"]]


@pytest.mark.parametrize("words, told", [
    (["channels", "add", "filed", "--base-url", "http://h"],
     "there is a channel or a provider of this name"),
    (["channels", "add", "a/b", "--base-url", "http://h"], "a channel's name"),
    (["channels", "add", "x"], "a base URL"),
    (["channels", "add", "x", "--base-url", "http://h", "--kind", "echo"],
     "a channel's kind"),
    (["channels", "add", "x", "--base-url", "http://h", "--api-key-env",
      "HTTP_X"], "no client can set"),
    (["channels", "add", "x", "--base-url", "http://h", "--stdin"],
     "a provider's key is"),
    (["channels", "set", "nobody", "--weight", "3"], "no such channel"),
    (["channels", "add", "x", "--base-url", "http://h", "--api-key-env",
      "OTHER_KEY"], "OTHER_KEY: this variable is not in auth.channel_env"),
    (["channels", "add", "x", "--base-url", "http://h", "--api-key-env",
      "SLUICE_ADMIN_KEY"], "a secret of the gateway"),
    (["channels", "delete", "nobody"], "no such channel"),
    (["models", "add", "a*"], "a model's name"),
    (["models", "delete", "nothing"], "no such model"),
    (["models", "map", "nothing", "nobody"], "no such model"),
])
def test_what_cannot_be_done_is_told(server, words, told):
    assert told in ctl(server, *words, status=1)


@pytest.mark.parametrize("words", [
    ["channels"], ["channels", "nothing"], ["channels", "add"],
    ["channels", "add", "a", "b"], ["channels", "add", "a", "--colour", "x"],
    ["channels", "add", "a", "--weight", "x"],
    ["channels", "add", "a", "--weight", "-1"],
    ["channels", "add", "a", "--models", "a,,b"],
    ["channels", "add", "a", "--stdin", "--api-key-env", "X"],
    ["channels", "delete", "a", "--weight", "3"],
    ["models", "map", "a"], ["models", "add", "a", "b"],
    ["models", "map", "a", "b", "--weight", "1000001"],
    ["models", "list", "a"],
])
def test_wrong_words(server, words):
    assert "usage: sluicectl " + words[0] in ctl(server, *words, status=2)


def test_root_or_not_the_files_are_the_responders(server, a):
    ctl(server, "channels", "add", "new", "--base-url", a.url, "--stdin",
        stdin=SECRET)
    st = os.stat(f"{server.tmp}/state/seal.key")
    assert st.st_mode & 0o777 == 0o600
    assert st.st_uid == os.stat(f"{server.tmp}/state").st_uid


def test_without_the_responders_seal_key_nothing_is_sealed(make_server, a):
    """Else what is given would be of no use to those who have it."""
    server = make_server("lighttpd", env={"SLUICE_SEAL_KEY": "5e" * 32})
    ctl(server, "channels", "add", "one", "--base-url", a.url, "--stdin",
        stdin=SECRET)
    del server.env["SLUICE_SEAL_KEY"]
    told = ctl(server, "channels", "add", "two", "--base-url", a.url,
               "--stdin", stdin=SECRET, status=1)
    assert "seal.key is not there" in told
    assert not os.path.exists(f"{server.tmp}/state/seal.key")
