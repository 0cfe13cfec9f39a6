"""Every request to GitHub: hostile responses, proxies of the environment, missing files."""

from __future__ import annotations

import gzip
import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from django.http import HttpRequest
from django.test import Client
from pytest_django import Settings

from apps.integrations.access import oauth, problems, token_ends
from apps.integrations.github import apps
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import GitHubError, UnavailableError
from apps.integrations.github.proxies import ProxyError, proxy_for
from apps.integrations.github.tokens import FixedToken
from apps.integrations.github.transport import Transport

ROOT = Path(__file__).resolve().parents[3]
Seen = list[tuple[str, str, bytes]]


@contextmanager
def serving(status: int, location: str = "", body: bytes = b"{}") -> Iterator[tuple[str, Seen]]:
    """A server that answers every request alike, and what it received."""
    seen: Seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append((self.command, self.path, sent))
            self.send_response(status)
            if location:
                self.send_header("Location", location.replace("{path}", self.path))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # By itself it looks only twice a second whether it should end.
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()


def test_it_works() -> None:
    with serving(200) as (url, seen), Transport(url) as http:
        assert http.get(f"{url}/meta").json() == {}
    assert [path for _, path, _ in seen] == ["/meta"]


CALLS: dict[str, Callable[[str], object]] = {
    "exchange": lambda _: oauth.exchange(HttpRequest(), "c0de", "verifier"),
    "refresh": lambda _: oauth.refresh("ghr_opensesame"),
    "revoke": lambda _: token_ends.end_oauth("gho_opensesame"),
    "manifest": lambda url: apps.convert(url, "c0de"),
    "rest": lambda url: GitHub(url, FixedToken("ghp_opensesame")).rest("POST", "/x", json={}),
    "graphql": lambda url: GitHub(url, FixedToken("ghp_opensesame")).graphql_text("{x}", {}),
    "sign-in": lambda _: _sign_in(),
}


def _sign_in() -> None:
    browser = Client()
    begun = browser.post("/accounts/github/login/")
    state = begun.headers["Location"].partition("state=")[2].partition("&")[0]
    reply = browser.get("/accounts/github/login/callback/", {"code": "c0de", "state": state})
    assert reply.status_code in (200, 401), reply.status_code
    assert "_auth_user_id" not in browser.session


@pytest.mark.django_db
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [302, 307, 308])
@pytest.mark.parametrize("place", ["another host", "another port", "the same"])
def test_no_secret_follows_a_redirect(
    call: str, status: int, place: str, point: Callable[[str], None]
) -> None:
    with serving(200) as (elsewhere, seen_elsewhere):
        there = (
            elsewhere.replace("127.0.0.1", "localhost") if place == "another host" else elsewhere
        )
        location = "/elsewhere" if place == "the same" else f"{there}{{path}}"
        with serving(status, location) as (url, seen):
            point(url)
            with suppress(GitHubError, problems.ConnectError):
                CALLS[call](url)
    assert seen_elsewhere == []
    assert seen
    with_secrets = [sent for _, _, sent in seen if b"opensesame" in sent or b"c0de" in sent]
    assert len(with_secrets) <= 1, "a secret was sent in a body twice"


@pytest.fixture
def point(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a server our GitHub."""

    def at(url: str) -> None:
        settings.GITHUB_URL = url
        settings.GITHUB_CLIENT_ID, settings.GITHUB_CLIENT_SECRET = "id", "opensesame"
        app = {"client_id": "id", "secret": "opensesame", "name": "GitHub"}
        settings.SOCIALACCOUNT_PROVIDERS = {"github": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}
        # allauth reads the URL when it is imported.
        token_url = f"{url}/login/oauth/access_token"
        monkeypatch.setattr(GitHubOAuth2Adapter, "access_token_url", token_url)

    return at


@pytest.mark.django_db
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'"x"', b"\xff", b'{"a":'])
@pytest.mark.parametrize("status", [200, 204, 400, 401, 404, 500, 503])
def test_a_malformed_response_signs_nobody_in(
    status: int, body: bytes, point: Callable[[str], None]
) -> None:
    with serving(status, body=b"" if status == 204 else body) as (url, _):
        point(url)
        _sign_in()


ENVIRONMENTS: list[tuple[dict[str, str], str, str | None]] = [
    ({}, "https://github.com", None),
    ({"HTTPS_PROXY": "http://proxy:3128"}, "https://github.com", "http://proxy:3128"),
    ({"https_proxy": "proxy:3128"}, "https://github.com", "http://proxy:3128"),
    ({"HTTP_PROXY": "http://proxy:3128"}, "https://github.com", None),
    ({"ALL_PROXY": "socks5://proxy:1080"}, "https://github.com", "socks5://proxy:1080"),
    ({"ALL_PROXY": "ftp://x", "https_proxy": "http://p"}, "https://github.com", "http://p"),
    ({"ALL_PROXY": "http://p", "NO_PROXY": "*"}, "https://github.com", None),
    ({"ALL_PROXY": "http://p", "NO_PROXY": "fd00::/8,[::1]"}, "https://github.com", "http://p"),
    ({"ALL_PROXY": "http://p", "NO_PROXY": "fd00::/8"}, "https://[fd00::7]", None),
    ({"ALL_PROXY": "http://p", "NO_PROXY": "[::1]"}, "http://[::1]:8000", None),
    ({"ALL_PROXY": "http://p", "NO_PROXY": "[::1]:8000"}, "http://[::1]:8000", None),
    ({"ALL_PROXY": "http://p", "NO_PROXY": "[::1]:8001"}, "http://[::1]:8000", "http://p"),
    ({"ALL_PROXY": "http://p", "NO_PROXY": "10.0.0.0/8"}, "http://10.1.2.3", None),
    ({"ALL_PROXY": "http://p", "NO_PROXY": ".example.com"}, "https://git.example.com", None),
    ({"ALL_PROXY": "http://p", "NO_PROXY": "example.com"}, "https://git.example.com", None),
    ({"ALL_PROXY": "http://p", "NO_PROXY": "example.com"}, "https://notexample.com", "http://p"),
    ({"ALL_PROXY": "http://p", "NO_PROXY": "*.example.com:443"}, "https://a.example.com", None),
    ({"ALL_PROXY": "http://p", "NO_PROXY": "a b,::,/8,:,[,http://x/"}, "https://x.io", "http://p"),
]


@pytest.mark.parametrize(("environment", "url", "proxy"), ENVIRONMENTS)
def test_proxies(environment: dict[str, str], url: str, proxy: str | None) -> None:
    assert proxy_for(url, environment) == proxy
    before = dict(os.environ)
    for name in [*os.environ]:
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    try:
        os.environ.update(environment)
        Transport(url).close()
    finally:
        os.environ.clear()
        os.environ.update(before)


BAD = ["ftp://proxy:21", "socks4://proxy", "http://", "http://[::1", "http://p:port", "http://p:0"]


@pytest.mark.parametrize("value", BAD)
def test_a_proxy_that_cannot_be_used_is_refused_at_the_start(value: str, tmp_path: Path) -> None:
    with pytest.raises(ProxyError):
        proxy_for("https://github.com", {"ALL_PROXY": value})
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "HTTPS_PROXY": value}
    environment["DJANGO_SETTINGS_MODULE"] = "tformance.settings"
    start = [sys.executable, "-c", "import django; django.setup()"]
    done = subprocess.run(start, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("tformance: HTTPS_PROXY: ")


def test_a_socks_proxy_is_used() -> None:
    """The protocol by hand: a greeting, a request, and then the traffic for GitHub itself."""
    listening = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []

    def speak() -> None:
        client, _ = listening.accept()
        with client:
            client.recv(100)
            client.sendall(b"\x05\x00")
            asked.append(client.recv(200))
            client.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            asked.append(client.recv(4000))
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    url = "http://github.invalid"
    os.environ["ALL_PROXY"] = f"socks5h://127.0.0.1:{listening.getsockname()[1]}"
    try:
        with Transport(url) as http:
            assert http.get(f"{url}/meta").json() == {}
    finally:
        del os.environ["ALL_PROXY"]
        listening.close()
    assert b"github.invalid" in asked[0]
    assert asked[1].startswith(b"GET /meta")


ANSWERS = [
    b"",
    b"\x00\xff",
    b"HTTP/1.1 999999 x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: //\xc3\xa9\xe2\x80\x8b.x:99999\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: /meta\r\nContent-Length: 0\r\n\r\n",
]


@pytest.mark.parametrize("answer", ANSWERS, ids=[str(each[:60]) for each in ANSWERS])
def test_every_transport_failure_is_a_github_error(answer: bytes) -> None:
    """So no row stays as it was when the request began."""
    listening = socket.create_server(("127.0.0.1", 0))

    def speak() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with client:
                client.recv(4000)
                client.sendall(answer)

    threading.Thread(target=speak, daemon=True).start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        with pytest.raises(GitHubError), GitHub(url, FixedToken("ghp_x")) as github:
            github.get("/meta")
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


PART = b"x" * 2**20
BOMB = gzip.compress(bytes(100 * 2**20))
LONG = {
    "endless": (b"HTTP/1.1 200 OK\r\n\r\n", PART, 500),
    "compressed": (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", BOMB, 1),
    "compressed, and more": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"{}"),
        PART,
        500,
    ),
    "of an error": (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", PART, 500),
    "of a redirect": (b"HTTP/1.1 302 Found\r\nLocation: /meta\r\n\r\n", PART, 500),
}


@pytest.mark.parametrize("kind", LONG)
def test_a_reply_is_read_up_to_a_length(kind: str) -> None:
    head, part, times = LONG[kind]
    listening = socket.create_server(("127.0.0.1", 0))
    sent: list[bytes] = []

    def speak() -> None:
        client, _ = listening.accept()
        with client, suppress(OSError):
            client.recv(4000)
            client.sendall(head)
            for _ in range(times):
                client.sendall(part)
                sent.append(part)

    threading.Thread(target=speak, daemon=True).start()
    with listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with (
            pytest.raises(UnavailableError, match=r"127\.0\.0\.1 is longer than 64 MB\.") as found,
            GitHub(url, FixedToken("ghp_x")) as github,
        ):
            github.get("/meta")
    assert found.value.is_heavy
    assert len(sent) < 100


NESTED = b"[" * 100_000


def test_deep_nesting_is_a_github_error() -> None:
    for body in (NESTED, b'{"data": ' + NESTED, b'{"data": {"rateLimit": ' + NESTED):
        with serving(200, body=body) as (url, _), GitHub(url, FixedToken("ghp_x")) as github:
            with pytest.raises(UnavailableError):
                github.get("/meta")
            with pytest.raises(UnavailableError):
                github.graphql_text("{x}", {})


def test_a_missing_authorities_file_is_a_github_error(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be asked"):
        Transport("https://github.com", str(tmp_path / "gone.pem"))
