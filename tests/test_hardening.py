"""What protects the installation, over every URL; without its guard, each test fails."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import RefusedError
from apps.integrations.github.tokens import FixedToken
from apps.teams.models import Team
from apps.users.models import Session, User
from conftest import PASSWORD, signed_in
from tests.addresses import RULES, For
from tests.program import DATABASE, ROOT, clean_environment, prepared
from tests.two_teams import Belongings, belongings, undone

# By a signature, by a key, by the signed link of a mail.
OPEN_TO_PROGRAMS = ("webhooks/github/", "api/v1/", "digest/off/")


@pytest.fixture
def acme(team: Team, bob: User) -> Belongings:
    return belongings(team, bob, 1_000)


def test_it_works(tmp_path: Path) -> None:
    """Over https: cookies that stay there, and browsers that remember it."""
    answer = _over_https(tmp_path)
    assert answer["plain"] == ["https://tformance.example.com/accounts/login/"] * 2
    assert answer["hsts"].startswith("max-age=31536000")
    assert "upgrade-insecure-requests" in answer["csp"]
    for name, cookie in answer["cookies"].items():
        assert "Secure" in cookie, name
        assert "SameSite=Lax" in cookie, name
    assert "HttpOnly" in answer["cookies"]["tformance_session"]


ASK = """
import json, django
django.setup()
from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.contrib.sessions.middleware import SessionMiddleware
from django.test import Client
settings.STORAGES["staticfiles"]["BACKEND"] = f"{StaticFilesStorage.__module__}.StaticFilesStorage"
host = {"HTTP_HOST": "tformance.example.com"}
hosts = host, {"HTTP_HOST": "tformance.example.com:6666"}
plain = [Client().get("/accounts/login/", **host).headers["Location"] for host in hosts]
client = Client(HTTP_X_FORWARDED_PROTO="https", **host)
page = client.get("/accounts/login/")
request = page.wsgi_request
request.session["x"] = 1
request.session.save = lambda **_: None
page = SessionMiddleware(lambda request: page).process_response(request, page)
client.cookies.update(page.cookies)
print(json.dumps({
    "plain": plain,
    "hsts": page.headers["Strict-Transport-Security"],
    "csp": page.headers["Content-Security-Policy"],
    "cookies": {name: cookie.OutputString() for name, cookie in client.cookies.items()},
}))
"""


def _over_https(folder: Path) -> dict[str, Any]:
    shutil.copy(prepared() / DATABASE, folder)
    settings = clean_environment(
        DATA_DIR=str(folder),
        PUBLIC_URL="https://tformance.example.com",
        DJANGO_SETTINGS_MODULE="tformance.settings",
    )
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=settings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_no_change_without_a_csrf_token(acme: Belongings, alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = signed_in(alice).cookies
    for route in (route for route in RULES if not route.startswith(OPEN_TO_PROGRAMS)):
        path = acme.path(route)
        assert client.post(path, RULES[route].data).status_code == 403, route
        assert client.delete(path).status_code == 403, route


def test_nothing_else_is_let_off_csrf() -> None:
    exempt = {route for route, view in _views("", get_resolver().url_patterns) if _is_exempt(view)}
    assert [route for route in exempt if not route.startswith(OPEN_TO_PROGRAMS)] == []
    assert {RULES[route].methods for route in exempt if route.startswith("api/")} == {("GET",)}


def _views(start: str, patterns: list[URLPattern | URLResolver]) -> Iterator[tuple[str, object]]:
    for each in patterns:
        route = start + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _views(route, each.url_patterns)
        else:
            yield route, each.callback


def _is_exempt(view: object) -> bool:
    return bool(getattr(view, "csrf_exempt", False))


SAID = {
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}


def test_what_every_answer_says(acme: Belongings, alice: User) -> None:
    for route in (route for route, rule in RULES.items() if "GET" in rule.methods):
        with undone():
            headers = signed_in(alice).get(acme.path(route)).headers
        assert "no-store" in headers["Cache-Control"], f"{route} would stay in a browser's cache"
        assert "public" not in headers["Cache-Control"], route
        assert {name: headers[name] for name in SAID} == SAID, route
        assert "default-src 'none'" in headers["Content-Security-Policy"], route
        assert "camera=()" in headers["Permissions-Policy"], route


def test_a_strangers_reading_stores_nothing(acme: Belongings) -> None:
    """Otherwise made-up links could fill the table of sessions, without an account."""
    made_up = dict.fromkeys(("key", "token"), "x" * 2_000)
    for route in RULES:
        Client().get(acme.path(route, **made_up), follow=True)
        assert not Session.objects.exists(), route


ELSEWHERE = (
    *("https://evil.example/", "//evil.example/", "/\\evil.example/", "javascript:alert(1)"),
    *("\t//evil.example", "http:///evil.example", "https://testserver@evil.example/"),
    "http://[::1",  # which cannot be parsed
)
ACCOUNTS = [
    route
    for route, rule in RULES.items()
    if route.startswith(("accounts/", "invitations/", "teams/")) and rule.who is not For.OWNER
]


@pytest.mark.parametrize("route", ["", *ACCOUNTS])
def test_no_address_leads_elsewhere(acme: Belongings, alice: User, route: str) -> None:
    sign_in = {"login": alice.email, "password": PASSWORD, "email": "new@example.com"}
    for goal in ELSEWHERE:
        cache.clear()
        path = acme.path(route)
        form = {**sign_in, "password1": PASSWORD, "next": goal}
        replies = signed_in(alice).get(path, {"next": goal}), Client().post(path, form)
        for reply in replies:
            # As a value of `next` it may be passed on; as a target of a redirect it may not.
            leads = reply.headers.get("Location", "").partition("?")[0]
            assert reply.status_code < 500, (route, goal)
            assert "evil" not in leads, (route, goal)
            assert "javascript" not in leads, (route, goal)


class _Elsewhere(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []
    redirect = ""

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(302 if self.redirect else 200)
        self.send_header("Location", self.redirect)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def inside() -> Iterator[http.server.HTTPServer]:
    """A server of the company's own that is unreachable from outside."""
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), type("I", (_Elsewhere,), {"asked": []})
    ) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server
        server.shutdown()


def test_a_redirect_leads_to_no_other_server(inside: http.server.HTTPServer) -> None:
    goal = f"http://127.0.0.1:{inside.server_address[1]}/internal"
    handler = type("GitHub", (_Elsewhere,), {"asked": [], "redirect": goal})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        with GitHub(f"http://127.0.0.1:{server.server_address[1]}", FixedToken("t")) as github:
            for path in ("/user", goal):
                with pytest.raises(RefusedError, match="another host"):
                    github.get(path)
        server.shutdown()
    assert inside.RequestHandlerClass.asked == []  # type: ignore[attr-defined]
