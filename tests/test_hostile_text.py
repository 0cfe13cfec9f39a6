"""Texts of strangers and members are processed in time linear in their length."""

from __future__ import annotations

import ast
import csv
import io
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apps.audit.spreadsheets import no_formula
from apps.metrics.calculations import globs
from apps.metrics.lists.export import csv_lines
from apps.metrics.models import Repository
from apps.teams.models import Team
from apps.users.models import User
from conftest import signed_in
from tests.addresses import RULES
from tests.program import ROOT, clean_environment
from tests.regular_expressions import expressions
from tests.two_teams import Belongings, belongings, undone
from tformance.redaction import LONGEST, redact


@pytest.fixture
def acme(team: Team, bob: User) -> Belongings:
    return belongings(team, bob, 1_000)


def tried(*patterns: str) -> subprocess.CompletedProcess[str]:
    """These regular expressions, or the program's own, with hostile texts in another process."""
    command = [sys.executable, "-m", "tests.regular_expressions", *patterns]
    return subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True
    )


def test_it_works() -> None:
    """The last line names the expression that took too much work."""
    done = tried()
    assert done.returncode == 0, done.stdout.splitlines()[-1] + done.stderr
    assert "tformance/redaction.py" in done.stdout


@pytest.mark.parametrize("pattern", [r"\w+://[^\s/@:]*:x", r"(a+)+b"])
def test_a_bad_expression_would_be_found(pattern: str) -> None:
    assert tried(pattern).returncode != 0


def test_no_text_of_a_users_becomes_a_regular_expression() -> None:
    """Each is a literal in the code: `expressions` refuses assembled ones."""
    assert len(list(expressions("apps", "tformance"))) > 10
    for path in [*ROOT.glob("apps/**/*.py"), *ROOT.glob("tformance/**/*.py")]:
        if "tests" not in path.parts:
            assert not _other_ways(path), f"{path} matches patterns in another way"


def _other_ways(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    words = {str(node.arg) for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    lookups = {word for word in words if word.endswith(("__regex", "__iregex"))}
    return (names & {"fnmatch", "glob", "regex"}) | lookups


FITS = [
    ("hotfix/*", "Hotfix/login", True),
    ("hotfix/*", "my-hotfix/login", False),
    ("*", "", True),
    ("", "", True),
    ("", "a", False),
    ("a", "a", True),
    ("a", "aa", False),
    ("a*", "a", True),
    ("*a", "ba", True),
    ("a?c", "abc", True),
    ("a?c", "ac", False),
    ("?*?", "a", False),
    ("?*?", "ab", True),
    ("*ab*ab*", "xabab", True),
    ("*ab*ab*", "xabxa", False),
    ("**a**", "cab", True),
    ("[hotfix]*", "[HOTFIX] now", True),
    ("[a-c]", "b", False),
    ("a.c", "abc", False),
    ("aba*aba", "ababa", False),
    ("*?b", "b", False),
    ("*\n?", "a\nb", True),
]


@pytest.mark.parametrize(("pattern", "text", "expected"), FITS)
def test_patterns(pattern: str, text: str, expected: bool) -> None:
    assert globs.fits(pattern, text) is expected


HOSTILE = ("*a" * 90 + "*b", "a*" * 90 + "b", "?*" * 90 + "b", "*?" * 90 + "b", "*" * 190 + "b")


@pytest.mark.parametrize("pattern", HOSTILE)
def test_a_pattern_that_was_made_to_stop_a_process(
    pattern: str, acme: Belongings, alice_client: Client, team: Team
) -> None:
    Repository.objects.create(team=team, github_repo_id=77, full_name="acme/" + "a" * 95)
    address = reverse("team_settings", args=["acme"])
    names = ("excluded_repositories", "excluded_branches", "hotfix_branches", "hotfix_titles")
    data = {"name": "Acme", "timezone": "UTC", **dict.fromkeys(names, pattern)}
    assert alice_client.post(address, data).status_code == 302
    assert "so nothing is excluded by it" in alice_client.get(address).content.decode()
    matches = reverse("repository_matches", args=["acme"])
    assert "No repository" in alice_client.get(matches, {"patterns": pattern}).content.decode()


LONG = [
    "https" * 20_000,
    "a://" * 120_000,
    "a://b:" * 80_000,
    "://:" * 120_000,
    "secret = " * 50_000,
    "Bearer " * 60_000,
    "-----BEGIN PRIVATE KEY" * 20_000,
    "/invitations/" * 30_000,
    "x" * 480_000,
    " " * 480_000,
]


@pytest.mark.parametrize("text", LONG, ids=[text[:12] for text in LONG])
def test_a_long_line_of_the_log_is_bounded(text: str) -> None:
    assert len(redact(text)) <= 3 * LONGEST


@pytest.mark.parametrize("place", [0, 8_000, 15_980, 15_990, 16_005, 40_000, 83_990, 90_000])
def test_a_long_line_hides_secrets_wherever_it_is_cut(place: int) -> None:
    for secret in ("password = opensesame", "postgres://me:opensesame@host", "Bearer opensesame"):
        line = "x " * 50_000
        line = line[:place] + f" {secret} " + line[place:]
        for shift in range(0, 30, 7):
            assert "opensesame" not in redact("x" * shift + line)


KEYS = [
    route for route in RULES if any(f"{name}>" in route for name in ("str:key", "token", "P<key"))
]


@pytest.mark.parametrize("route", KEYS)
def test_the_log_of_a_refused_request_holds_no_secret_of_its_address(
    route: str, acme: Belongings, caplog: pytest.LogCaptureFixture
) -> None:
    """Found in the program's own list of URLs, so that a new one is covered."""
    secret = "q7Zk2mB9sXw4tYv8rLp3"
    path = acme.path(route, **dict.fromkeys(("key", "token"), secret))
    assert secret in path
    Client(enforce_csrf_checks=True).post(path)
    Client(enforce_csrf_checks=True).get(f"{path}x/nowhere")
    assert caplog.messages
    assert secret not in redact("\n".join(caplog.messages))


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["localhost:6666", "127.0.0.1:1", "[::1]:9"])
def test_links_in_mail_lead_to_our_own_address(
    host: str, alice: User, settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    client = Client(headers={"host": host})
    assert client.post("/accounts/password/reset/", {"email": alice.email}).status_code == 302
    [mail] = mailoutbox
    assert f"{settings.PUBLIC_URL}/accounts/password/reset/key/" in mail.body
    assert host not in mail.body


BODIES = ["[" * 100_000, '{"a":' * 100_000, '{"names": ["\\ud800"]}', '{"a": "\\u0000"}', "\xff"]


@pytest.mark.parametrize("body", BODIES, ids=[each[:12] for each in BODIES])
def test_a_body_that_is_no_text_is_refused(body: str, acme: Belongings, alice: User) -> None:
    for route in (route for route, rule in RULES.items() if "POST" in rule.methods):
        with undone():
            client = signed_in(alice)
            reply = client.post(acme.path(route), body, content_type="application/json")
        assert reply.status_code < 500, route


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_cell_is_no_formula_whatever_separates(separator: str) -> None:
    """Every text of up to four of these characters, as each reader understands it."""
    texts = [
        "".join(of) for size in range(1, 5) for of in product("=\uff1d\"'a;|\t\n", repeat=size)
    ]
    lines = csv_lines(["title"], ({"title": text} for text in texts))
    beside = csv_lines(["a", "b", "c"], ({"a": "x", "b": text, "c": "y"} for text in texts))
    for line in (*lines, *beside):
        for row in csv.reader(io.StringIO(line, newline=""), delimiter=separator):
            assert not [cell for cell in row if cell.startswith(("=", "\uff1d"))], line


@pytest.mark.parametrize("text", ["{}2", "x;{}2", "x; y;{}SUM(1)", "x\t{}2", "x|{}2", "x\n{}2"])
def test_every_sign_of_a_formula_is_known(text: str) -> None:
    for sign in "=+-@\uff1d\uff0b\uff0d\uff20":
        assert no_formula(text.format(sign)) == text.format(f"'{sign}")
