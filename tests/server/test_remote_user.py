"""auth.remote_user: whom the web server has let in, by password or certificate."""
import base64
import hashlib
import http.client
import json
import ssl
import subprocess

import pytest

from fixtures import provider
from servers import KEY, MODULES, SHIPPED, free_port, program
from upstream import chat_answer

ADMIN = "admin-key-5c4d3e"
ENV = {"SLUICE_ADMIN_KEY": ADMIN}
ON = {"auth": {"remote_user": True}}
KINDS = ["lighttpd", "nginx", "apache-proxy-fcgi", "apache-fcgid",
         "apache-cgi"]
SHA = base64.b64encode(hashlib.sha1(b"geheim").digest()).decode()
HTPASSWD = {"etc/htpasswd": ("".join(f"{name}:{{SHA}}{SHA}\n" for name in
                                     ("alice", "bob", "carol")), 0o644)}
LIGHTTPD = '''
server.modules += ( "mod_auth", "mod_authn_file" )
auth.backend = "htpasswd"
auth.backend.htpasswd.userfile = "etc/htpasswd"
auth.require = ( "/v1" => ( "method" => "basic", "realm" => "sluice",
	"require" => "valid-user" ) )
'''
APACHE = '''
<Location "/v1">
	AuthType Basic
	AuthName sluice
	AuthUserFile "etc/htpasswd"
	Require valid-user
</Location>
'''
NGINX = '''
location ^~ /v1/ {
	auth_basic sluice;
	auth_basic_user_file htpasswd;
	include snippets/sluice-fastcgi.conf;
	fastcgi_param REMOTE_USER $remote_user;
}
'''
BODY = {"model": "gpt-test", "messages": []}
SUBJECT = "CN=alice,O=Example"


@pytest.fixture(autouse=True)
def answers(upstream):
    upstream.script = lambda x: x.json(chat_answer())


@pytest.fixture
def start(make_server, the_upstream):
    """A server with an upstream, ours to log in to."""
    def begin(kind, conf=ON, **more):
        providers = {"up": provider(the_upstream,
                                    models=({"name": "gpt-test"},))}
        return make_server(kind, conf, providers, ENV, **more)
    return begin


def with_passwords(start, kind, conf=ON):
    return start(kind, conf, files=HTPASSWD, site={
        "lighttpd": LIGHTTPD, "nginx": NGINX}.get(kind, APACHE))


def basic(user, password="geheim"):
    word = base64.b64encode(f"{user}:{password}".encode()).decode()
    return ("Authorization", f"Basic {word}")


def make_key(server, name, **members):
    reply = server.client(ADMIN).post("/api/keys", {"name": name, **members})
    assert reply.status == 201, reply
    return reply.json()


def change(server, name, **members):
    reply = server.client(ADMIN).ask("PUT", "/api/keys/" + name, members)
    assert reply.status == 200, reply


def ask(server, *headers, key=None):
    return server.client(key).post("/v1/chat/completions", BODY,
                                   headers=headers)


def everywhere(server, status, user):
    """What the web server says of USER is said to each process."""
    more = {"headers": [basic(user)]}
    if server.kind != "apache-cgi":
        more["params"] = {"REMOTE_USER": user, "AUTH_TYPE": "Basic"}
    server.everywhere(lambda client: client.post(
        "/v1/chat/completions", BODY, **more).status == status, status, None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_password_of_the_web_servers_is_enough(start, kind):
    server = with_passwords(start, kind)
    made = make_key(server, "a", remote_user="alice")
    everywhere(server, 200, "alice")
    reply = ask(server, basic("alice"))
    line = server.journaled(reply.header("x-request-id"))
    assert line["key_id"] == made["id"]
    reply = ask(server, basic("bob"))
    assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
    assert ask(server, basic("alice", "wrong")).header(
        "www-authenticate") is not None
    change(server, "a", remote_user="bob")
    everywhere(server, 200, "bob")
    everywhere(server, 401, "alice")
    shown = ask(server, basic("bob"), ("X-Api-Key", "sk-wrong-wrong"))
    assert (shown.status, shown.error["code"]) == (401, "invalid_api_key")
    assert ask(server, basic("alice"), ("X-Api-Key", KEY)).status == 200


def test_the_key_decides_what_its_user_may(start):
    server = with_passwords(start, "lighttpd")
    make_key(server, "a", remote_user="alice")
    everywhere(server, 200, "alice")
    change(server, "a", models=["other"])
    everywhere(server, 403, "alice")
    change(server, "a", models=None, endpoints=["embeddings"])
    everywhere(server, 403, "alice")
    change(server, "a", endpoints=None, enabled=False)
    everywhere(server, 401, "alice")
    change(server, "a", enabled=True, expires_at="2020-01-01T00:00:00Z")
    everywhere(server, 401, "alice")
    change(server, "a", expires_at=None)
    everywhere(server, 200, "alice")


def test_it_is_off_unless_configured_and_can_be_turned_off(start):
    server = with_passwords(start, "lighttpd", {})
    make_key(server, "a", remote_user="alice")
    everywhere(server, 401, "alice")
    server.write_conf(ON)
    everywhere(server, 200, "alice")
    server.write_conf({})
    everywhere(server, 401, "alice")


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_makes_nobody_a_user(start, kind):
    server = start(kind)
    secret = make_key(server, "a", remote_user="alice")["key"]
    server.everywhere(lambda client: client.post(
        "/v1/chat/completions", BODY).status == 200, "the key", secret)
    for name in ["Remote-User", "Remote_User", "REMOTE_USER",
                 "Redirect-Remote-User", "X-Remote-User", "HTTP_REMOTE_USER"]:
        assert ask(server, (name, "alice")).status == 401, name
    assert ask(server, basic("alice")).status == 401
    for name in ["SSL-Client-S-DN", "SSL_CLIENT_S_DN"]:
        assert ask(server, (name, "alice"),
                   (name.replace("S-DN", "Verify").replace(
                       "S_DN", "VERIFY"), "SUCCESS")).status == 401, name


# Certificates.

def openssl(folder, *words):
    subprocess.run([program("OPENSSL", "openssl"), *words], cwd=folder,
                   check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A CA, the server's and clients' certificates; and one that signs itself."""
    folder = str(tmp_path_factory.mktemp("certificates"))
    new = ["req", "-nodes", "-newkey", "ec", "-pkeyopt",
           "ec_paramgen_curve:prime256v1"]
    for name in ("ca", "forged"):
        openssl(folder, *new, "-x509", "-days", "2", "-subj",
                "/CN=ca" if name == "ca" else "/O=Example/CN=alice",
                "-keyout", f"{name}.key", "-out", f"{name}.pem")
    for name, subject in [("server", "/CN=127.0.0.1"),
                          ("alice", "/O=Example/CN=alice"),
                          ("bob", "/O=Example/CN=bob")]:
        openssl(folder, *new, "-subj", subject, "-keyout", f"{name}.key",
                "-out", f"{name}.csr")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA",
                "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                "2", "-out", f"{name}.pem")
    return folder


def ask_with(certificates, port, name, *headers):
    """A status, by the client with that certificate; None: it was not let in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(f"{certificates}/ca.pem")
    if name:
        context.load_cert_chain(f"{certificates}/{name}.pem",
                                f"{certificates}/{name}.key")
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20,
                                             context=context)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(BODY),
                           dict([("Content-Type", "application/json"),
                                 *headers]))
        return connection.getresponse().status
    except (ssl.SSLError, ConnectionError):
        return None
    finally:
        connection.close()


def tls_site(kind, port):
    """A server beside the other one, which asks clients for certificates."""
    if kind == "nginx":
        return f'''
server {{
	listen 127.0.0.1:{port} ssl;
	ssl_certificate server.pem;
	ssl_certificate_key server.key;
	ssl_client_certificate ca.pem;
	ssl_verify_client optional_no_ca;
	include snippets/sluice.conf;
	location ^~ /v1/ {{
		include snippets/sluice-fastcgi.conf;
		fastcgi_param SSL_CLIENT_VERIFY $ssl_client_verify;
		fastcgi_param SSL_CLIENT_S_DN $ssl_client_s_dn;
	}}
}}
'''
    return f'''
LoadModule ssl_module {MODULES}/mod_ssl.so
Listen 127.0.0.1:{port}
<VirtualHost 127.0.0.1:{port}>
	SSLEngine on
	SSLCertificateFile etc/server.pem
	SSLCertificateKeyFile etc/server.key
	SSLCACertificateFile etc/ca.pem
	SSLVerifyClient optional_no_ca
	SSLOptions +StdEnvVars
	Include {SHIPPED}/apache/sluice.conf
</VirtualHost>
'''


@pytest.mark.parametrize("kind", ["nginx", "apache-proxy-fcgi"])
def test_a_certificate_is_enough_if_it_was_verified(start, kind,
                                                    certificates):
    port = free_port()
    files = {}
    for name in ("ca.pem", "server.pem", "server.key"):
        with open(f"{certificates}/{name}") as f:
            files["etc/" + name] = (f.read(), 0o600)
    server = start(kind, files=files, extra=tls_site(kind, port))
    make_key(server, "a", remote_user=SUBJECT)

    def asked(name, *headers):
        return ask_with(certificates, port, name, *headers)
    everywhere(server, 200, SUBJECT)
    assert asked("alice") == 200
    assert asked("bob") == 401
    assert asked(None) == 401
    assert asked("forged") in (401, 400, None)
    assert asked("alice", ("X-Api-Key", "sk-wrong-wrong")) == 401
    assert asked("bob", ("X-Api-Key", KEY)) == 200
    assert asked("bob", ("SSL-Client-S-DN", SUBJECT),
                 ("SSL-Client-Verify", "SUCCESS")) == 401


# Pages of other sites: a browser sends with their requests what the web server
# knows somebody by.

OTHERS = [
    [("Origin", "https://evil.example")], [("Origin", "null")],
    [("Origin", "http://gateway.example.evil.example")],
    [("Origin", "http://gateway.example:8080")],
    [("Origin", "http://gateway.example@evil.example")],
    [("Origin", "http://other.gateway.example")], [("Origin", "garbage")],
    [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")],
    [("Sec-Fetch-Site", "Cross-Site")], [("Sec-Fetch-Site", "newer")],
    [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")],
    [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")],
    [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "none")],
    [("Origin", "http://gateway.example"), ("Sec-Fetch-Site", "cross-site")],
]
OURS = [
    [], [("Origin", "")], [("Origin", "http://gateway.example")],
    [("Origin", "HTTP://Gateway.Example:80")],
    [("Origin", "https://outside.example")],    # base_url
    [("Sec-Fetch-Site", "same-origin")], [("Sec-Fetch-Site", "none")],
    [("Origin", "http://gateway.example"), ("Sec-Fetch-Site", "same-origin")],
    [("Origin", "https://chat.example"), ("Sec-Fetch-Site", "cross-site")],
    [("Origin", "https://chat.example"), ("Sec-Fetch-Site", "same-site")],
]
SITE = {"base_url": "https://outside.example/ai",
        "cors": {"origins": ["https://chat.example"]}}
ALICE = {"HTTP_HOST": "gateway.example", "REMOTE_USER": "alice",
         "AUTH_TYPE": "Basic"}


def is_refused(answer):
    return answer.status == 403 and "A page of another site" in str(
        answer.body)


def routes_of_clients(server):
    """Method and path of each route that a client's key opens."""
    for line in server.sluicectl("routes").stdout.splitlines():
        method, pattern = line.split()[:2]
        if pattern.startswith(("/v1/", "/health/")):
            for one in (("GET", "POST", "PUT", "PATCH", "DELETE")
                        if method == "*" else (method,)):
                yield one, pattern.replace("*", "gpt-test")


@pytest.mark.parametrize("auth", [{"remote_user": True}, {"open": True}])
def test_pages_of_other_sites_are_refused(start, upstream, auth):
    server = start("lighttpd", {**SITE, "auth": auth})
    made = make_key(server, "a", remote_user="alice", day_tokens=1000)
    server.everywhere(lambda client: client.post(
        "/v1/chat/completions", BODY, params=ALICE).status == 200,
        "alice to be known", None)
    client = next(iter(server.each(None)))
    asked = len(upstream.requests)
    routes = list(routes_of_clients(server))
    assert len(routes) > 30
    for method, path in routes:
        body = None if method == "GET" else BODY
        for headers in OTHERS[:1] + OTHERS[7:9]:
            assert is_refused(client.ask(method, path, body, headers=headers,
                                         params=ALICE)), (method, path)
        assert not is_refused(client.ask(method, path, body, params=ALICE))
    upstream.clear()
    upstream.script = lambda x: x.json(chat_answer())
    for headers in OTHERS:
        answer = client.post("/v1/chat/completions", BODY, headers=headers,
                             params=ALICE)
        assert is_refused(answer), headers
    assert upstream.requests == []
    for headers in OURS:
        answer = client.post("/v1/chat/completions", BODY, headers=headers,
                             params=ALICE)
        assert answer.status == 200, headers


def test_a_key_is_asked_nothing_more(start):
    """No browser sends it by itself."""
    server = start("lighttpd", {**SITE, **ON})
    for headers in OTHERS:
        assert ask(server, *headers, key=KEY).status == 200, headers
        assert ask(server, *headers, ("x-api-key", KEY)).status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_other_sites_behind_a_web_server(start, kind):
    server = with_passwords(start, kind)
    make_key(server, "a", remote_user="alice")
    everywhere(server, 200, "alice")
    own = f"http://127.0.0.1:{server.port}"
    for headers in ([("Origin", "https://evil.example")],
                    [("Sec-Fetch-Site", "cross-site")],
                    [("Origin", f"http://127.0.0.1:{server.port + 1}")]):
        reply = ask(server, basic("alice"), *headers)
        assert (reply.status, reply.error["code"]) == (
            403, "cross_site_request"), headers
    for headers in ([], [("Origin", own)], [("Sec-Fetch-Site", "same-origin")]):
        assert ask(server, basic("alice"), *headers).status == 200, headers
