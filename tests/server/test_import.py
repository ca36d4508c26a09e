"""Moving in: the samples of other gateways are imported, then used for real."""
import json
import os
import re
import sqlite3
import subprocess

import pytest

from servers import BUILD, LOGIC

SECRET = "hunter2"                  # in every key; nothing may print it


def run(*words, env=None, stdin=""):
    done = subprocess.run([f"{BUILD}/sluicectl", *map(str, words)], input=stdin,
                          capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"], **(env or {})})
    assert SECRET not in done.stdout + done.stderr
    return done


def notes(done):
    return [line[6:] for line in done.stdout.splitlines()
            if line.startswith("note: ")]


def without_probes(text):
    """A provider file that leaves the upstream, which is counting, alone."""
    text = re.sub(r"\n\tinterval = .*", "", text)
    if "\nhealth: {" in text:
        return text.replace("\nhealth: {", "\nhealth: {\n\tinterval = 0;")
    return text + "health: { interval = 0; };\n"


@pytest.fixture
def moved(tmp_path, make_server):
    """Import, check, and serve the result."""
    def move(*words, env=None, more_keys="", kind="lighttpd"):
        target = tmp_path / "new"
        done = run("import", *words, "-o", target, env=env)
        assert (done.returncode, done.stderr) == (0, "")
        keys = target / "keys.env"
        assert keys.stat().st_mode & 0o777 == 0o600
        with keys.open("a") as f:
            f.write(more_keys)
        checked = run("check", "-c", target / "sluice.conf")
        assert (checked.returncode, checked.stderr) == (0, "")
        assert [n for n in notes(checked) if "shorter than" not in n] == []
        files = {f"sluice/providers.d/{path.name}":
                 (without_probes(path.read_text()), 0o644)
                 for path in (target / "providers.d").iterdir()}
        assert SECRET not in str(files)
        files["sluice/keys.env"] = (keys.read_text(), 0o600)
        conf = (target / "sluice.conf").read_text()
        server = make_server(
            kind, conf + 'state_dir = "../state";\n', files=files,
            env={"SLUICE_API_KEYS": "", "UP_KEY": ""})
        return server, done
    return move


def chat(server, key, model=None, path="/v1/chat/completions"):
    client = server.client()
    client.key = key
    body = {"messages": []}
    if model is not None:
        body["model"] = model
    return client.post(path, body)


# A CONFIG of JSON.

def gateway_json(port, inside):
    azure = [{"models": ["gpt-4o", "gpt-4o-mini"], "api_key": "az-hunter2",
              "base_url": f"http://127.0.0.1:{port}/", "is_azure": True,
              "api_version": "2024-02-15-preview"}]
    config = {"default": [
        {"models": ["gpt-4", "gpt-4o"], "api_key": "sk-hunter2",
         "base_url": f"http://127.0.0.1:{port}/v1"},
        {"models": ["deepseek-chat"], "api_key": "ds-hunter2",
         "base_url": f"http://127.0.0.1:{port}/v1"}]}
    if inside:
        config["azure"] = azure
        return json.dumps({"config": config})
    return json.dumps({"config": config, "azure": azure}, indent=2)


@pytest.mark.parametrize("inside", [False, True])
def test_openai_gateway_json(moved, upstream, tmp_path, inside):
    (tmp_path / "config.json").write_text(gateway_json(upstream.port, inside))
    server, done = moved("openai-gateway-json", tmp_path / "config.json",
                         env={"API_KEYS": "k1-hunter2,k2-hunter2",
                              "PORT": "8000", "WORKERS": "4"})
    assert len([n for n in notes(done) if n.startswith(("PORT", "WORKERS"))]) == 2
    assert chat(server, "k2-hunter2", "azure/gpt-4o").status == 200
    x = upstream.wait(1)
    assert x.path == ("/openai/deployments/gpt-4o/chat/completions"
                      "?api-version=2024-02-15-preview")
    assert x.header("api-key") == "az-hunter2"
    assert x.header("authorization") is None
    assert x.data()["model"] == "gpt-4o"
    assert chat(server, "k1-hunter2", "default/deepseek-chat").status == 200
    x = upstream.wait(2)
    assert x.path == "/v1/chat/completions"
    assert x.header("authorization") == "Bearer ds-hunter2"
    assert chat(server, "wrong", "gpt-4").status == 401
    client = server.client()
    client.key = "k1-hunter2"
    assert {(m["id"], m["owned_by"])
            for m in client.get("/v1/models").json()["data"]} == {
        ("gpt-4", "default"), ("gpt-4o", "default"),
        ("deepseek-chat", "default-2"), ("azure/gpt-4o", "azure"),
        ("azure/gpt-4o-mini", "azure")}


@pytest.mark.parametrize("way", ["environment", "env file", "stdin"])
def test_config_from_elsewhere(tmp_path, way):
    text = gateway_json(1, False)
    env = {"API_KEYS": "k-hunter2"}
    words, stdin = [], ""
    if way == "environment":
        env["CONFIG"] = text
    elif way == "stdin":
        words, stdin = ["-"], text
    else:
        (tmp_path / "old.env").write_text(
            f"API_KEYS=k-hunter2\nCONFIG='{text}'\n")
        words, env = [tmp_path / "old.env"], {}
    done = run("import", "openai-gateway-json", *words, "-o",
               tmp_path / "new", env=env, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(os.listdir(tmp_path / "new/providers.d")) == [
        "azure.conf", "default-2.conf", "default.conf"]
    assert "SLUICE_API_KEYS=k-hunter2\n" in (
        tmp_path / "new/keys.env").read_text()


# A directory of provider files.

FOAP = """{
  "openai": {
    "api_key_variable": "OPENAI_API_KEY",
    "prefix": "openai-",
    "target_base_url": "http://127.0.0.1:PORT", // for most of them
    "request_timeout": 120, /* seconds */
    "health_timeout": 15,
    "models": {
      "gpt-4o": {
        "endpoints": [
          { "path": "v1/chat/completions", "target_model_name": "gpt-4o" },
          { "path": "v1/embeddings",
            "target_model_name": "text-embedding-ada-002",
            "target_base_url": "http://127.0.0.1:PORT/other/",
            "request_timeout": 60 } // its own
        ]
      }
    }
  },
  "azureOpenAI": {
    "api_key_variable": "AZURE_OPENAI_KEY",
    "prefix": "azure-",
    "models": {
      "gpt-35-turbo": {
        "endpoints": [
          { "path": "v1/chat/completions",
            "target_base_url": "http://127.0.0.1:PORT/openai/deployments/MINE",
            "target_model_name": "gpt-35-turbo",
            "request_timeout": 180 }
        ]
      }
    }
  }
}
"""


@pytest.mark.parametrize("kind", LOGIC)
def test_foap(moved, upstream, tmp_path, kind):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/models.json").write_text(
        FOAP.replace("PORT", str(upstream.port)))
    (tmp_path / "configs/other.txt").write_text("{")
    server, done = moved(
        "foap", tmp_path / "configs", kind=kind,
        more_keys="SLUICE_API_KEYS=k-hunter2\n",
        env={"OPENAI_API_KEY": "sk-hunter2", "AZURE_OPENAI_KEY": "az-hunter2"})
    assert any("api_version" in n for n in notes(done))
    assert any("SLUICE_API_KEYS" in n for n in notes(done))
    assert chat(server, "k-hunter2", "openai-gpt-4o").status == 200
    x = upstream.wait(1)
    assert (x.path, x.header("authorization"), x.data()["model"]) == (
        "/v1/chat/completions", "Bearer sk-hunter2", "gpt-4o")
    assert chat(server, "k-hunter2", "openai-gpt-4o",
                "/v1/embeddings").status == 200
    x = upstream.wait(2)
    assert (x.path, x.data()["model"]) == (
        "/other/v1/embeddings", "text-embedding-ada-002")
    assert chat(server, "k-hunter2", "azure-gpt-35-turbo").status == 200
    x = upstream.wait(3)
    assert x.path == ("/openai/deployments/MINE/chat/completions"
                      "?api-version=2024-10-21")
    assert x.header("api-key") == "az-hunter2"
    assert chat(server, "k-hunter2", "azure-gpt-35-turbo",
                "/v1/embeddings").status == 404


def foap_of(tmp_path, *words, env=None, **provider):
    """The provider file that a provider with one endpoint becomes."""
    folder = tmp_path / "foap"
    folder.mkdir(exist_ok=True)
    endpoint = {"path": "v1/chat/completions", "target_model_name": "m",
                **provider.pop("endpoint", {})}
    (folder / "a.json").write_text(json.dumps({"up": {
        "target_base_url": "http://h", "models": {"m": {
            "endpoints": [endpoint]}}, **provider}}))
    done = run("import", "foap", *words, "-o", tmp_path / "new", "--force",
               env=env or {})
    assert done.returncode == 0, done
    shown = run("show-config", "-c", tmp_path / "new/sluice.conf").stdout
    return done, shown


def test_foap_keeps_its_timeouts(tmp_path):
    """Those that it has when nobody says, too."""
    folder = tmp_path / "foap"
    _, shown = foap_of(tmp_path, folder)
    for word in ("headers", "first_token", "idle"):
        assert re.search(rf"\b{word} = 60.0;", shown), shown
    assert "timeout = 60.0;" in shown
    _, shown = foap_of(tmp_path, folder, request_timeout=7, health_timeout=9)
    for word in ("headers", "first_token", "idle"):
        assert re.search(rf"\b{word} = 7.0;", shown), shown
    assert "timeout = 9.0;" in shown
    done, shown = foap_of(tmp_path, folder, health_timeout=9,
                          endpoint={"health_timeout": 90})
    assert "timeout = 90.0;" in shown
    assert any("health_timeout" in n and "90 s" in n for n in notes(done))
    _, shown = foap_of(tmp_path, folder, endpoint={"health_timeout": 5})
    assert "timeout = 60.0;" in shown


@pytest.mark.parametrize("said, level", [
    ("DEBUG", "debug"), ("warning", "warn"), ("Info", "info"),
    ("CRITICAL", "error"), ("ERROR", "error")])
def test_foap_reads_its_environment(tmp_path, said, level):
    """Where the files are, and how much the log says."""
    done, shown = foap_of(tmp_path, env={
        "FOAP_CONFIG_DIR": str(tmp_path / "foap"), "FOAP_LOGLEVEL": said})
    assert re.search(rf'level = "{level}";', shown), shown
    assert not any("FOAP_LOGLEVEL" in n for n in notes(done))


def test_foap_without_a_directory(tmp_path):
    done = run("import", "foap", "-o", tmp_path / "new", env={})
    assert done.returncode == 1
    assert "FOAP_CONFIG_DIR is not set" in done.stderr


def test_any_origin_stays_any_origin(tmp_path):
    """A page of another site that could call still can."""
    (tmp_path / "c.json").write_text(json.dumps({"config": {"default": [
        {"base_url": "http://h/v1", "api_key": "k", "models": ["m"]}]}}))
    done = run("import", "openai-gateway-json", tmp_path / "c.json", "-o",
               tmp_path / "new", env={"LOG_LEVEL": "WARNING"})
    assert done.returncode == 0
    shown = run("show-config", "-c", tmp_path / "new/sluice.conf").stdout
    assert re.search(r'origins = \[ "\*" \];', shown)
    assert re.search('level = "warn";', shown)
    assert any("cors.origins" in n for n in notes(done))


def test_a_key_that_is_not_set_is_left_to_fill_in(tmp_path):
    (tmp_path / "a.json").write_text(FOAP.replace("PORT", "9"))
    done = run("import", "foap", tmp_path, "-o", tmp_path / "new",
               env={"OPENAI_API_KEY": "sk-hunter2"})
    assert done.returncode == 0
    assert any("AZURE_OPENAI_KEY is not set" in n for n in notes(done))
    assert "AZURE_OPENAI_KEY=\n" in (tmp_path / "new/keys.env").read_text()
    checked = run("check", "-c", tmp_path / "new/sluice.conf")
    assert checked.returncode == 1
    assert "AZURE_OPENAI_KEY is not set" in checked.stderr


# One target.

APP = """from fastapi import FastAPI
DASHSCOPE_API_KEY = "sk-hunter2"  # yours
URL = 'http://127.0.0.1:PORT/v1/'
TARGET_MODEL = "gemma1b"
VERIFY_API_KEY = "123456"
app = FastAPI()
if TARGET_MODEL == "x":
    URL = "http://nowhere/"
"""
ENV = """DASHSCOPE_API_KEY=sk-hunter2
URL=http://127.0.0.1:PORT/v1/
TARGET_MODEL=gemma1b
export VERIFY_API_KEY='123456'
"""


@pytest.mark.parametrize("text", [APP, ENV])
def test_single_target(moved, upstream, tmp_path, text):
    (tmp_path / "old").write_text(text.replace("PORT", str(upstream.port)))
    server, done = moved("single-target", tmp_path / "old")
    assert any("123456" in n and "guess" in n for n in notes(done))
    for number, model in enumerate(["gpt-4", "a/b", None], 1):
        assert chat(server, "123456", model).status == 200
        x = upstream.wait(number)
        assert (x.path, x.header("authorization"), x.data()["model"]) == (
            "/v1/chat/completions", "Bearer sk-hunter2", "gemma1b")
    assert chat(server, "wrong", "gpt-4").status == 401
    client = server.client()
    client.key = None
    assert [m["id"] for m in client.get("/v1/models").json()["data"]] == [
        "gemma1b"]


def test_single_target_from_the_environment(tmp_path):
    done = run("import", "single-target", "-o", tmp_path / "new", env={
        "URL": "http://127.0.0.1:9/v1/", "TARGET_MODEL": "m",
        "DASHSCOPE_API_KEY": "sk-hunter2"})
    assert done.returncode == 0
    assert any("SLUICE_API_KEYS" in n for n in notes(done))


# config.yaml and a database.

SCHEMA = """
create table channels(id integer primary key autoincrement, name text unique,
  base_url text, api_key text, weight integer default 10,
  enabled integer default 1, models text, created_at, updated_at);
create table users(id integer primary key, api_key text unique, name text,
  created_at, updated_at);
create table models(id integer primary key, name text unique, created_at,
  updated_at);
create table model_channels(id integer primary key, model_id integer,
  channel_id integer, backend_model_name text, weight integer default 10,
  created_at);
"""
YAML = """
server:
  port: 8080
  host: "0.0.0.0"
  read_timeout: 30
  write_timeout: 30
database:
  path: "./data/gateway.db"
health_check:
  interval: 0
  timeout: 7
session:
  idle_timeout: 30
metrics:
  enabled: true
  port: 9090
"""


def database(path, *statements):
    db = sqlite3.connect(path)
    db.executescript(SCHEMA)
    for statement in statements:
        db.execute(*statement) if isinstance(statement, tuple) \
            else db.execute(statement)
    db.commit()
    db.close()
    return path


def test_openai_gateway_go(moved, upstream, tmp_path):
    old = tmp_path / "old"
    (old / "data").mkdir(parents=True)
    (old / "config.yaml").write_text(YAML)
    url = f"http://127.0.0.1:{upstream.port}"
    database(
        old / "data/gateway.db",
        ("insert into channels(name, base_url, api_key, weight, enabled) "
         "values ('openai-channel', ?, 'sk-hunter2', 10, 1), "
         "('other', ?, 'ot-hunter2', 5, 1), "
         "('down', ?, 'dn-hunter2', 10, 0)",
         (url, url + "/api/paas/v4/", url)),
        "insert into users(api_key, name) values "
        "('u1-hunter2', 'Ann'), ('u2-hunter2', 'Bob'), ('a,b', 'Comma')",
        "insert into models(name) values ('gpt-4'), ('glm'), ('lonely')",
        "insert into model_channels(model_id, channel_id, "
        "backend_model_name, weight) values (1, 1, 'gpt-4', 10), "
        "(2, 2, 'glm-4', 3), (1, 3, 'gpt-4', 10)")
    before = (old / "data/gateway.db").read_bytes()
    server, done = moved("openai-gateway-go", old)
    assert (old / "data/gateway.db").read_bytes() == before
    said = notes(done)
    assert "server.port: the port is the web server's" in said
    assert not any("session" in n or "health" in n or "weight" in n
                   for n in said)
    for words in ("/metrics", "down.conf.off", '"lonely"', '"Comma"'):
        assert any(words in n for n in said), words
    files = {path.stem: path.read_text()
             for path in (tmp_path / "new/providers.d").glob("*.conf")}
    assert "weight" not in files["openai-channel"]
    assert "\nweight = 5;\n" in files["other"]
    assert '{ name = "glm"; target = "glm-4"; weight = 3; }' in files["other"]
    for text in files.values():
        assert "health: {\n\tinterval = 0.0;\n\ttimeout = 7.0;\n};" in text
    assert chat(server, "u1-hunter2", "gpt-4").status == 200
    x = upstream.wait(1)
    assert (x.path, x.header("authorization")) == (
        "/v1/chat/completions", "Bearer sk-hunter2")
    assert chat(server, "u2-hunter2", "glm").status == 200
    x = upstream.wait(2)
    assert (x.path, x.data()["model"]) == (
        "/api/paas/v4/chat/completions", "glm-4")


def test_odd_weights_and_settings_of_openai_gateway_go(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "health_check: {interval: 0.5}\nmetrics: {enabled: false}\n"
        "session: {idle_timeout: 5}\n")
    database(
        tmp_path / "gateway.db",
        "insert into channels(name, base_url, api_key, weight) values "
        "('zero', 'http://h', 'a', 0), ('many', 'http://h', 'b', 9000000000),"
        "('null', 'http://h', 'c', null)",
        "insert into models(name) values ('m')",
        "insert into model_channels(model_id, channel_id, "
        "backend_model_name, weight) values (1, 1, 'm', -1), (1, 2, 'm', 7),"
        "(1, 3, 'm', null)")
    done = run("import", "openai-gateway-go", tmp_path, "-o", tmp_path / "n")
    assert (done.returncode, done.stderr) == (0, "")
    said = notes(done)
    for words in ("zero: weight 0 is now 1", 'model "m" of zero: weight -1 is '
                  "now 1", "many: weight 9000000000 is now 1000000",
                  "session.idle_timeout: ", "metrics.enabled: "):
        assert any(n.startswith(words) for n in said), words
    assert not any("/metrics was open" in n for n in said)
    text = (tmp_path / "n/providers.d/zero.conf").read_text()
    assert "\nweight = 1;\n" in text and '"m"; weight = 1; }' in text
    text = (tmp_path / "n/providers.d/many.conf").read_text()
    assert "\nweight = 1000000;\n" in text and '"m"; weight = 7; }' in text
    text = (tmp_path / "n/providers.d/null.conf").read_text()
    assert "weight" not in text and "\tinterval = 0.5;\n" in text


def test_a_database_can_be_named(tmp_path):
    (tmp_path / "config.yaml").write_text("server: {port: 1}\n")
    database(tmp_path / "x.db")
    done = run("import", "openai-gateway-go", tmp_path / "config.yaml",
               tmp_path / "x.db", "-o", tmp_path / "new")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text, line, words", [
    ("server: [1, 2]\n", 1, "list"),
    ("a: &x 1\nb: *x\n", 2, "alias"),
    ("a:\n  b: 1\n c: 2\n", 3, ""),
    ("health_check:\n  timeout: soon\n", 2,
     "health_check.timeout: expected seconds between 0.001 and 300"),
    ("health_check:\n  interval: -1\n", 2,
     "health_check.interval: expected seconds between 0 and 86400"),
    ("health_check:\n  interval: nan\n", 2, "seconds"),
    ("health_check:\n  interval:\n", 2, "seconds"),
    ("a: 1\n---\nb: 1\n", 2, "document"),
    ("a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}\n", 1, "deep"),
])
def test_bad_yaml(tmp_path, text, line, words):
    (tmp_path / "config.yaml").write_text(text)
    database(tmp_path / "gateway.db")
    done = run("import", "openai-gateway-go", tmp_path, "-o", tmp_path / "n")
    assert done.returncode == 1
    assert f"config.yaml:{line}: " in done.stderr
    assert words in done.stderr


def test_a_database_that_never_ends(tmp_path):
    """A view in place of a table could compute for ever."""
    db = sqlite3.connect(tmp_path / "gateway.db")
    db.executescript(
        "create view channels as with recursive c(id) as (select 1 union all "
        "select id + 1 from c) select id, '' name, '' base_url, '' api_key, "
        "1 weight, 1 enabled from c;")
    db.close()
    done = run("import", "openai-gateway-go", tmp_path, "-o", tmp_path / "n")
    assert done.returncode == 1
    assert "gateway.db: " in done.stderr


# An environment.

def test_llmgateway(moved, upstream, tmp_path):
    (tmp_path / "old.env").write_text(
        f"LLM_BASE_URL=http://127.0.0.1:{upstream.port}/openai/gpt4-preview\n"
        "LLM_API_KEY=up-hunter2\nADMIN_KEY=adm-hunter2\nMONGOUSER=u\n"
        "MONGOPASSWORD=mongo-hunter2\nREDISHOST=r\n")
    server, done = moved("llmgateway", tmp_path / "old.env",
                         more_keys="SLUICE_API_KEYS=k-hunter2\n")
    said = notes(done)
    for name in ("ADMIN_KEY", "MONGOUSER", "MONGOPASSWORD", "REDISHOST"):
        assert any(n.startswith(name + ":") for n in said)
    assert "\n\tinterval = 0.0;\n" in (
        tmp_path / "new/providers.d/llm.conf").read_text()
    for number, model in enumerate(["whatever", None], 1):
        assert chat(server, "k-hunter2", model).status == 200
        x = upstream.wait(number)
        assert x.path == "/openai/gpt4-preview/chat/completions"
        assert x.header("Ocp-Apim-Subscription-Key") == "up-hunter2"
        assert x.header("authorization") is None


# Whatever it is.

def single(tmp_path, *words, target="new", name="m"):
    return run("import", "single-target", "-o", tmp_path / target, *words,
               env={"URL": "http://127.0.0.1:9/v1", "TARGET_MODEL": name,
                    "DASHSCOPE_API_KEY": "sk-hunter2",
                    "VERIFY_API_KEY": "k-hunter2"})


def tree(path):
    return {str(p): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_files_that_are_there_stay(tmp_path):
    assert single(tmp_path).returncode == 0
    before = tree(tmp_path)
    done = single(tmp_path, name="other")
    assert done.returncode == 1
    assert "sluice.conf: it is there already" in done.stderr
    assert "nothing was written" in done.stderr
    assert tree(tmp_path) == before


def test_force_replaces_but_keeps_other_keys(tmp_path):
    assert single(tmp_path).returncode == 0
    keys = tmp_path / "new/keys.env"
    keys.write_text("# mine\nMINE=1\n" + keys.read_text().replace(
        "sk-hunter2", "old-hunter2"))
    assert single(tmp_path, "--force", name="other").returncode == 0
    assert keys.stat().st_mode & 0o777 == 0o600
    assert keys.read_text() == ("# mine\nMINE=1\n"
                                "SINGLE_TARGET_API_KEY=sk-hunter2\n"
                                "SLUICE_API_KEYS=k-hunter2\n")
    assert 'force_model = "other"' in (
        tmp_path / "new/providers.d/single-target.conf").read_text()
    assert not [p for p in (tmp_path / "new").iterdir()
                if p.name.startswith(".")]


def test_keys_file_of_others_is_not_followed(tmp_path):
    """A link in the place of keys.env is replaced, never written through."""
    (tmp_path / "new").mkdir()
    (tmp_path / "precious").write_text("A=1\n")
    (tmp_path / "new/keys.env").symlink_to(tmp_path / "precious")
    assert single(tmp_path).returncode == 1
    assert single(tmp_path, "--force").returncode == 0
    assert (tmp_path / "precious").read_text() == "A=1\n"
    assert not (tmp_path / "new/keys.env").is_symlink()


@pytest.mark.parametrize("names", [
    ["../../evil", "a/b", ".hidden", "", "..", "Default", "default"],
    ["x" * 300, "http", "path", "SLUICE", "\x1b[31mred"]])
def test_names_become_files_of_the_directory(tmp_path, names):
    config = {name: [{"models": ["m"], "api_key": "k-hunter2",
                      "base_url": "http://h/v1"}] for name in names}
    (tmp_path / "c.json").write_text(json.dumps(config))
    done = run("import", "openai-gateway-json", tmp_path / "c.json", "-o",
               tmp_path / "new", env={"API_KEYS": "k"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    files = os.listdir(tmp_path / "new/providers.d")
    assert len(files) == len(names)
    assert not [f for f in files if f.startswith(".") or len(f) > 60]
    assert len({f.lower() for f in files}) == len(names)
    assert sorted(os.listdir(tmp_path)) == ["c.json", "new"]
    text = (tmp_path / "new/keys.env").read_text()
    assert not [line for line in text.splitlines()
                if line.startswith(("HTTP_", "PATH="))]
    assert run("check", "-c", tmp_path / "new/sluice.conf").returncode == 0


@pytest.mark.parametrize("text, where", [
    ("", "c.json:1: "),
    ("{\n\"a\": [\n}", "c.json:3: "),
    ("[]", "c.json:1: expected a JSON object"),
    ("{\"a\":" * 5000 + "1" + "}" * 5000, "c.json:1: nested"),
    ("{\"a\":[" * 50 + "\n", "c.json:1: nested"),
    ('{"a":[1]}', "a[0]: expected an object"),
    ('{"a":[{"models":["m"],"api_key":"sk-hunter2"}]}',
     "a[0]: base_url is missing"),
    ('{"a":[{"models":["m"],"base_url":"ftp://sk-hunter2"}]}',
     "a[0].base_url: expected a URL"),
    ('{"a":[{"models":"m","base_url":"http://h"}]}', "a[0].models: "),
    ('{"a":[{"models":["m"],"base_url":"http://h","is_azure":true}]}',
     "a[0]: api_version is missing"),
    ('{"a":[{"models":["m"],"base_url":"http://h",'
     '"api_key":"sk-hunter2\\n"}]}', "A_API_KEY holds control"),
    ('{"x":1}', "no provider"),
    ('{"a":[{"models":["m"],"api_key":"sk-hunter2",}]}', "c.json:1: "),
])
def test_bad_json(tmp_path, text, where):
    path = tmp_path / "c.json"
    # Without a brace or a comment it would be an environment file.
    path.write_text(text if text.startswith("{") else "/**/" + text)
    done = run("import", "openai-gateway-json", path, "-o", tmp_path / "new",
               env={"API_KEYS": "k"})
    assert done.returncode == 1
    assert where in done.stderr
    assert not (tmp_path / "new/sluice.conf").exists()


def test_a_file_that_is_too_large(tmp_path):
    (tmp_path / "c.json").write_text(" " * (1 << 20) + "{}")
    done = run("import", "openai-gateway-json", tmp_path / "c.json", "-o",
               tmp_path / "new")
    assert done.returncode == 1
    assert "too large" in done.stderr


def test_too_many_models(tmp_path):
    config = {"a": [{"models": [f"m{i}" for i in range(9000)],
                     "api_key": "k", "base_url": "http://h/v1"}]}
    (tmp_path / "c.json").write_text(json.dumps(config))
    done = run("import", "openai-gateway-json", tmp_path / "c.json", "-o",
               tmp_path / "new", env={"API_KEYS": "k"})
    assert done.returncode == 1
    assert done.stderr.count("\n") == 2
    assert "more than 4000 models" in done.stderr


def test_the_old_environment_from_a_file(tmp_path):
    """Then our own does not count."""
    (tmp_path / "a.json").write_text(FOAP.replace("PORT", "9"))
    (tmp_path / "old.env").write_text(
        "OPENAI_API_KEY=sk-hunter2\nAZURE_OPENAI_KEY=az-hunter2\n"
        "BASE_URL=https://ai.example\nFOAP_PORT=8000\n"
        "SLUICE_API_KEYS=k-hunter2\n")
    done = run("import", "foap", tmp_path, "-e", tmp_path / "old.env", "-o",
               tmp_path / "new", env={"OPENAI_API_KEY": "wrong",
                                      "FOAP_HOST": "wrong"})
    assert (done.returncode, done.stderr) == (0, "")
    assert [n.split(":")[0] for n in notes(done)] == [
        "azureOpenAI", "FOAP_PORT"]
    assert (tmp_path / "new/keys.env").read_text() == (
        "OPENAI_API_KEY=sk-hunter2\nAZURE_OPENAI_KEY=az-hunter2\n"
        "SLUICE_API_KEYS=k-hunter2\n")
    assert 'base_url = "https://ai.example";' in (
        tmp_path / "new/sluice.conf").read_text()
    assert run("check", "-c", tmp_path / "new/sluice.conf").returncode == 0


def test_models_that_cannot_be_carried_over(tmp_path):
    config = {"default": [
        {"models": ["ok", "*", "a\u0007b", "twice"], "api_key": "k",
         "base_url": "http://h/v1", "colour": "red"},
        {"models": ["twice"], "api_key": "k", "base_url": "http://g/v1"}],
        "future": [{"type": "alias", "alias": {}}], "wat": 1}
    (tmp_path / "c.json").write_text(json.dumps(config))
    done = run("import", "openai-gateway-json", tmp_path / "c.json", "-o",
               tmp_path / "new", env={"API_KEYS": "k"})
    assert done.returncode == 0
    said = "\n".join(notes(done))
    for words in ('model "*"', "control characters", 'model "twice"',
                  "colour", 'type "alias"', "wat: unknown"):
        assert words in said, words
    text = (tmp_path / "new/providers.d/default.conf").read_text()
    assert '{ name = "ok"; }' in text and "twice" not in text


@pytest.mark.parametrize("words", [
    [], ["nope"], ["foap", "d", "e", "-o", "x"], ["foap", "d"], ["single-target"],
    ["single-target", "-o"], ["single-target", "-o", ""],
    ["single-target", "a", "b", "-o", "x"], ["single-target", "-x"],
    ["openai-gateway-go", "a", "b", "c", "-o", "x"]])
def test_wrong_calls_exit_with_2(tmp_path, words):
    done = run("import", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: sluicectl import ")
    assert "openai-gateway-json" in done.stderr


def test_an_unwritable_directory(tmp_path):
    done = run("import", "single-target", "-o", "/proc/nowhere", env={
        "URL": "http://h", "TARGET_MODEL": "m"})
    assert done.returncode == 1
    assert "/proc/nowhere: " in done.stderr
