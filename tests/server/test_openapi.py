"""/openapi.json against the table of routes, and /docs in a real browser."""
import base64
import hashlib
import html
import http.server
import json
import os
import re
import subprocess
import threading

import pytest

from fixtures import standard_providers
from servers import BUILD, KEY, SRC, program

ANY = ["get", "post", "put", "patch", "delete"]
MOUNTS = {"lighttpd": [""], "apache-cgi": ["", "/cgi-bin/sluice.fcgi"]}
CONF = {"base_url": "https://ai.example/base"}
ADMIN = "admin-key-5c4d3e"
ENV = {"SLUICE_ADMIN_KEY": ADMIN}
ECHO = {"kind": "echo", "base_url": "http://127.0.0.1:9/echo/v1",
        "api_key_env": "UP_KEY", "models": ({"name": "echo"},)}


def table():
    """(path, method, help) of each row, as OpenAPI says it."""
    text = subprocess.run([f"{BUILD}/sluicectl", "routes"], check=True,
                          capture_output=True, text=True).stdout
    rows = set()
    for line in text.splitlines():
        method, pattern, words = line.split(None, 2)
        path = re.sub(r"\*$", "{rest}", pattern)
        for one in ANY if method == "*" else [method.lower()]:
            rows.add((path, one, words))
    assert len(rows) >= 25
    return rows


def without_echo(rows):
    return {row for row in rows if not row[0].startswith("/echo/")}


def operations(spec):
    """(path, method): operation."""
    return {(path, method): operation
            for path, item in spec["paths"].items()
            for method, operation in item.items() if method != "parameters"}


def described(spec):
    return {(path, method, operation["summary"])
            for (path, method), operation in operations(spec).items()}


def unique(pairs):
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), names
    return dict(pairs)


def spec_of(client, path="/openapi.json"):
    reply = client.get(path, auth=False)
    assert reply.status == 200, reply
    assert reply.header("content-type") == "application/json"
    return json.loads(reply.body, object_pairs_hook=unique)


def test_it_tells_the_table_and_nothing_else(client):
    spec = spec_of(client)
    assert spec["openapi"].startswith("3.1.")
    assert spec["servers"] == [{"url": "https://ai.example/base"}]
    assert described(spec) == without_echo(table())
    version = subprocess.run([f"{BUILD}/sluicectl", "version"], check=True,
                             capture_output=True, text=True).stdout.split()[1]
    assert spec["info"]["version"] == version


def test_paths_declare_their_parameters(client):
    for path, item in spec_of(client)["paths"].items():
        named = set(re.findall(r"\{(\w+)\}", path))
        given = item.get("parameters", [])
        assert {p["name"] for p in given} == named, path
        assert all(p["in"] == "path" and p["required"] is True
                   for p in given)


def test_operations_hold_together(client):
    spec = spec_of(client)
    found = operations(spec)
    ids = [operation["operationId"] for operation in found.values()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][A-Za-z0-9_]+", one) for one in ids)
    tags = [tag["name"] for tag in spec["tags"]]
    assert len(set(tags)) == len(tags)
    assert {tag for o in found.values() for tag in o["tags"]} == set(tags)
    schemes = {name for o in found.values() for way in o["security"]
               for name in way}
    assert schemes <= set(spec["components"]["securitySchemes"])
    for name in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(spec)):
        value = spec
        for step in name.split("/"):
            value = value[step]


@pytest.mark.parametrize("path, method, schemes", [
    ("/v1/chat/completions", "post", ["bearer", "xApiKey", "apiKey"]),
    ("/v1/models", "get", ["bearer", "xApiKey", "apiKey"]),
    ("/v1/{rest}", "delete", ["bearer", "xApiKey", "apiKey"]),
    ("/metrics", "get", ["adminBearer", "adminHeader"]),
    ("/health", "get", []), ("/docs", "get", []),
])
def test_who_may_call(client, path, method, schemes):
    operation = spec_of(client)["paths"][path][method]
    assert operation["security"] == [{name: []} for name in schemes]


@pytest.mark.parametrize("path, method, types, required", [
    ("/v1/chat/completions", "post", ["application/json"], True),
    ("/v1/images/edits", "post",
     ["application/json", "multipart/form-data"], True),
    ("/v1/{rest}", "put",
     ["application/json", "multipart/form-data", "*/*"], False),
    ("/v1/{rest}", "get", None, False),
    ("/v1/models", "get", None, False),
])
def test_bodies(client, path, method, types, required):
    body = spec_of(client)["paths"][path][method].get("requestBody")
    assert (body and list(body["content"])) == types
    assert (body or {}).get("required", False) == required


@pytest.mark.parametrize("path, name", [
    ("/v1/chat/completions", "Error"), ("/v1/messages", "AnthropicError"),
    ("/v1/messages/count_tokens", "AnthropicError")])
def test_errors_have_the_shape_of_the_route(client, path, name):
    spec = spec_of(client)
    answers = spec["paths"][path]["post"]["responses"]
    assert set(answers) == {"200", "default"}
    assert answers["default"] == {"$ref": f"#/components/responses/{name}"}
    error = client.post(path, b"{", auth=False).json()
    wanted = spec["components"]["schemas"][name]
    assert set(wanted["required"]) <= set(error) <= set(wanted["properties"])
    inner = wanted["properties"]["error"]
    assert set(error["error"]) == set(inner["required"])


# What administrators send.

WRONG = {"string": 7, "array": "x", "integer": "x", "number": "x",
         "boolean": "x"}
FORMS = {
    ("/api/keys", "post"): ({"name"}, {
        "owner", "enabled", "expires_at", "models", "endpoints",
        "remote_user", "rpm", "tpm", "concurrency", "day_tokens", "day_cost",
        "week_tokens", "week_cost", "month_tokens", "month_cost", "key"}),
    ("/api/keys/{name}/rotate", "post"): (set(), {"grace_seconds", "key"}),
    ("/api/users", "post"): ({"api_key"}, {"name"}),
    ("/api/models/{id}", "put"): ({"name"}, set()),
    ("/admin/setllmkey", "post"): ({"key"}, {"provider"}),
    ("/admin/setprompt", "post"): ({"prompt"}, set()),
    ("/admin/removeapikey", "post"): ({"user", "key", "name"}, set()),
}


@pytest.fixture
def admin(server):
    return server.client(ADMIN)


def forms(spec):
    """(path, method): the schema, of each administrator's body."""
    return {where: one["requestBody"]["content"]["application/json"]["schema"]
            for where, one in operations(spec).items()
            if {"adminBearer": []} in one["security"] and "requestBody" in one}


def type_of(schema):
    """Without null, which optional members may be."""
    names = schema["type"]
    return names if isinstance(names, str) else \
        [name for name in names if name != "null"][0]


def refusal(admin, where, body):
    path, method = where
    return admin.ask(method.upper(), re.sub(r"\{\w+\}", "77", path),
                     json.dumps(body).encode())


def test_forms_name_their_members(admin):
    found = forms(spec_of(admin))
    for where, (required, optional) in FORMS.items():
        schema = found[where]
        assert set(schema["required"]) == required, where
        assert set(schema["properties"]) == required | optional, where
        assert schema["additionalProperties"] is False
    put = found["/api/keys/{name}", "put"]["properties"]
    new = found["/api/keys", "post"]["properties"]
    assert set(new) - set(put) == {"name", "key"}


def test_forms_tell_bounds(admin):
    new = forms(spec_of(admin))["/api/keys", "post"]["properties"]
    assert new["name"] == {"type": "string", "minLength": 1, "maxLength": 64}
    assert new["rpm"] == {"type": ["integer", "null"], "minimum": 1,
                          "maximum": 1000000}
    assert new["day_cost"] == {"type": ["number", "null"], "minimum": 0,
                               "maximum": 1000000000}
    assert new["enabled"] == {"type": "boolean"}
    assert new["models"]["type"] == ["array", "null"]
    assert new["models"]["items"] == {"type": "string", "minLength": 1,
                                      "maxLength": 256}


def test_every_form_is_what_the_server_checks(admin):
    """It knows each member and its type, needs those, and knows no other."""
    found = forms(spec_of(admin))
    assert len(found) >= 15
    for where, schema in found.items():
        reply = refusal(admin, where, {"of_nobody": 1})
        assert reply.status == 400 and reply.error["param"] == "of_nobody"
        for name, one in schema["properties"].items():
            reply = refusal(admin, where, {name: WRONG[type_of(one)]})
            assert reply.status == 400, (where, name)
            assert reply.error["param"] == name
            assert "must be" in reply.error["message"], (where, name)
        if schema["required"]:
            reply = refusal(admin, where, {})
            assert reply.status == 400, where
            assert reply.error["param"] == next(
                name for name in schema["properties"]
                if name in schema["required"])


def test_bounds_are_what_the_server_checks(admin):
    """One more than the most is refused, by the sentence that tells both."""
    for where, schema in forms(spec_of(admin)).items():
        for name, one in schema["properties"].items():
            if "maximum" in one:
                value, most = one["maximum"] + 1, one["maximum"]
            elif "maxLength" in one:
                value, most = "x" * (one["maxLength"] + 1), one["maxLength"]
            else:
                continue
            reply = refusal(admin, where, {name: value})
            assert reply.status == 400, (where, name)
            assert reply.error["param"] == name
            assert f" to {most}" in reply.error["message"], (where, name)


def test_routes_without_a_form_take_no_member(admin):
    spec = spec_of(admin)
    bare = {where for where, one in operations(spec).items()
            if {"adminBearer": []} in one["security"]
            and where[1] != "get"} - set(forms(spec))
    assert ("/admin/getquota", "post") in bare
    for where in bare:
        reply = refusal(admin, where, {"of_nobody": 1})
        assert reply.status == 400 and reply.error["param"] == "of_nobody"


@pytest.mark.parametrize("path, names", [
    ("/api/usage", ["from", "to", "by", "key", "model", "provider"]),
    ("/api/log", ["lines", "key", "model", "status", "outcome", "bodies"]),
    ("/api/config", []),
])
def test_queries(admin, path, names):
    given = spec_of(admin)["paths"][path]["get"].get("parameters", [])
    assert [one["name"] for one in given] == names
    assert all(one["in"] == "query" and one["description"] for one in given)


@pytest.mark.parametrize("path, method, status", [
    ("/api/keys", "post", "201"), ("/api/keys", "get", "200"),
    ("/api/keys/{name}", "put", "200"), ("/api/keys/{name}", "delete", "204"),
    ("/admin/addapikey", "post", "201"),
    ("/api/prompts/models/{rest}", "delete", "204"),
])
def test_successes(client, path, method, status):
    answers = spec_of(client)["paths"][path][method]["responses"]
    assert set(answers) == {status, "default"}


def test_echo_is_told_where_it_is_served(make_server, the_upstream):
    server = make_server("lighttpd", CONF, {
        **standard_providers(the_upstream), "echo": ECHO})
    assert described(spec_of(server.client())) == table()


@pytest.mark.parametrize("auth, open_paths", [
    ({"open": True}, {"/v1/models", "/v1/chat/completions"}),
    ({"models_open": True}, {"/v1/models"})])
def test_open_routes_need_no_key(make_server, the_upstream, auth, open_paths):
    server = make_server("lighttpd", {"auth": auth},
                         standard_providers(the_upstream))
    found = operations(spec_of(server.client()))
    for path, method in (("/v1/models", "get"), ("/metrics", "get"),
                         ("/v1/chat/completions", "post")):
        assert ({} in found[path, method]["security"]) == (path in open_paths)


# The page.

def test_the_page_is_the_file(client):
    reply = client.get("/docs", auth=False)
    assert reply.status == 200, reply
    assert reply.header("content-type") == "text/html; charset=utf-8"
    with open(f"{SRC}/web/docs.html", "rb") as f:
        assert reply.body == f.read()
    head = client.ask("HEAD", "/docs", auth=False)
    assert (head.status, head.body) == (200, b"")


def test_the_page_asks_nobody_else():
    with open(f"{SRC}/web/docs.html") as f:
        text = f.read()
    assert re.findall(r"(?:https?:)?//[\w.]+\.\w", text) == []
    assert re.findall(r"\b(?:src|href)=\"([^\"]*)\"", text) == ["openapi.json"]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write"
                         r"|\beval\b|\son\w+=|\sstyle=", text)


def test_the_page_may_run_its_own_script_alone(client):
    reply = client.get("/docs", auth=False)

    def hash_of(tag):
        text = re.search(rb"<%s>(.*?)</%s>" % (tag, tag), reply.body, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        return f"'sha256-{digest}'"

    assert reply.header("content-security-policy") == "; ".join([
        "default-src 'none'", f"script-src {hash_of(b'script')}",
        f"style-src {hash_of(b'style')}", "connect-src 'self'",
        "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"])
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("referrer-policy") == "no-referrer"


def test_with_a_slash_it_is_the_same_page(client):
    reply = client.get("/docs/", auth=False)
    assert reply.status == 308, reply
    assert reply.header("location").endswith("../docs")


# In a browser.

def rendered(url, folder):
    """The DOM of URL after its script has run."""
    run = subprocess.run(
        [program("CHROMIUM", "chromium"), "--headless", "--no-sandbox",
         "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-quic", "--no-proxy-server",
         f"--user-data-dir={folder}", "--virtual-time-budget=20000",
         "--dump-dom", url],
        capture_output=True, text=True, timeout=120,
        env={**os.environ, "HOME": str(folder)})
    assert run.returncode == 0 and "</html>" in run.stdout, run.stderr
    return run.stdout


def shown(dom):
    """Each route as the page tells it: (METHOD path, summary)."""
    return {(html.unescape(name), html.unescape(text)) for name, text in
            re.findall(r"<summary><code>([^<]*)</code><span>([^<]*)</span>",
                       dom)}


@pytest.mark.parametrize("kind, mount", [
    (kind, mount) for kind, mounts in MOUNTS.items() for mount in mounts])
def test_a_browser_shows_every_route(make_server, the_upstream, tmp_path,
                                     kind, mount):
    server = make_server(kind, CONF, standard_providers(the_upstream))
    url = f"http://127.0.0.1:{server.port}{mount}"
    dom = rendered(f"{url}/docs/", tmp_path)
    assert shown(dom) == {(f"{method.upper()} {path}", text)
                          for path, method, text in without_echo(table())}
    assert dom.count("<details>") == len(without_echo(table()))
    text = html.unescape(dom)
    assert f"curl -X POST '{url}/v1/chat/completions'" in text
    keys = text[text.index("POST /api/keys<"):]
    keys = keys[:keys.index("</details>")]
    assert "<code>name</code>: string, 1 to 64 bytes, required<" in keys
    assert "<code>rpm</code>: integer, 1 to 1000000<" in keys
    assert """-d '{"name":"NAME"}'""" in keys
    assert "<code>?by=</code>: some of hour, day," in text


def examples(dom):
    """{METHOD path: its words for a shell}."""
    found = re.findall(r"<summary><code>([^<]*)</code>.*?<pre><code>([^<]*)<",
                       dom, re.S)
    return {html.unescape(name): html.unescape(text) for name, text in found}


def test_the_examples_work(make_server, upstream, tmp_path):
    """As they are copied: with a key and a model put in."""
    upstream.script = lambda x: x.json(b"{}")
    server = make_server("lighttpd", CONF, standard_providers(upstream))
    words = examples(rendered(f"http://127.0.0.1:{server.port}/docs",
                              tmp_path))
    (tmp_path / "audio.mp3").write_bytes(b"x")
    (tmp_path / "image.png").write_bytes(b"x")
    calls = [name for name in words if name.startswith("POST /v1/")
             and "{" not in name]
    assert len(calls) >= 14
    for name in [*calls, "GET /v1/models", "GET /health"]:
        text = words[name].replace("KEY", KEY).replace("MODEL", "gpt-test")
        run = subprocess.run(["sh", "-c", text + " -sS -w '%{http_code}'"],
                             cwd=tmp_path, capture_output=True, text=True,
                             timeout=60)
        assert run.stdout.endswith("200"), (text, run)
    assert [x.path for x in upstream.requests] == \
        [name.split()[1] for name in calls]


def test_the_examples_are_of_routes_that_exist():
    with open(f"{SRC}/web/docs.html") as f:
        named = re.findall(r'^\t"(/v1/[^"]+)":', f.read(), re.M)
    posts = {path for path, method, _ in table() if method == "post"
             and re.match(r"/v1/[^{]*$", path)}
    assert sorted(named) == sorted(posts)


HOSTILE = ("<img src=x onerror=\"document.title='owned'\">"
           "</summary><script>document.title='owned'</script>&lt;b&gt;")


@pytest.fixture
def crafted():
    """The page beside a description that does not mean well."""
    operation = {"summary": HOSTILE, "tags": [HOSTILE], "operationId": "x",
                 "security": [{"constructor": []}, {"k": []}],
                 "parameters": [{"name": HOSTILE, "description": HOSTILE}],
                 "requestBody": {"content": {"application/json": {"schema": {
                     "properties": {HOSTILE: {"type": HOSTILE, "minLength":
                                              HOSTILE}},
                     "required": [HOSTILE], "additionalProperties": False}}}}}
    files = {"/docs": ("text/html", open(f"{SRC}/web/docs.html", "rb").read()),
             "/openapi.json": ("application/json", json.dumps({
                 "info": {"version": HOSTILE}, "tags": [{"name": HOSTILE}],
                 "components": {"securitySchemes": {"k": {
                     "type": "apiKey", "name": "it's " + HOSTILE,
                     "description": HOSTILE}}},
                 "paths": {"/" + HOSTILE: {"get": operation}}}).encode())}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            kind, body = files.get(self.path, ("text/plain", b""))
            self.send_response(200)
            self.send_header("Content-Type", kind + "; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/docs"
    server.shutdown()
    thread.join()
    server.server_close()


def test_hostile_text_is_shown_as_text(crafted, tmp_path):
    """Without the policy, which would stop a script that the page lets in."""
    dom = rendered(crafted, tmp_path)
    assert shown(dom) == {("GET /" + HOSTILE, HOSTILE)}
    assert "<title>sluice: routes</title>" in dom
    assert "<img" not in dom
    assert dom.count("<script>") == 1
    assert r"-H 'it'\''s <img" in html.unescape(dom)
