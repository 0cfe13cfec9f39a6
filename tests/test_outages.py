"""The database is away: pages answer 503, commands end with one line, the log has one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import DatabaseError, connection

from apps.metrics.api.operations import api
from tests.program import ROOT, clean_environment, prepared, tformance
from tformance import outages

NOWHERE = "postgres://nobody@127.0.0.1:1/nothing"
ASK = """
import json, django
django.setup()
from django.conf import settings
from django.test import Client
client = Client(raise_request_exception=False, HTTP_HOST="localhost:8000")
client.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
client.cookies["tformance_theme"] = "dark"
told = []
for method, path, wanted in (
    ("get", "/", "text/html"), ("get", "/a/acme/?range=4w", "text/html"),
    ("get", "/accounts/login/", "text/html"), ("post", "/accounts/login/", "text/html"),
    ("get", "/admin/", "text/html"), ("get", "/a/acme/", "application/json"),
    ("get", "/api/v1/overview", "*/*"), ("post", "/webhooks/github/", "*/*"),
    ("get", "/health/ready", "*/*"), ("get", "/health/live", "*/*"),
):
    key = {"Accept": wanted, "Authorization": "Bearer tfk_0123456789"}
    hook = {"X-GitHub-Hook-ID": "5", "X-Hub-Signature-256": "sha256=00"}
    reply = getattr(client, method)(path, headers={**key, **hook})
    told.append((reply.status_code, reply.headers.get("Retry-After"), reply.content.decode()))
print(json.dumps(told))
"""


def _asked(url: str) -> tuple[list[tuple[int, str | None, str]], str]:
    """The answers while the database is at `url`, and the log."""
    environment = clean_environment(
        DATA_DIR=str(prepared()), DATABASE_URL=url, DJANGO_SETTINGS_MODULE="tformance.settings"
    )
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.fixture
def broken(tmp_path: Path) -> str:
    """A file that is no database."""
    (tmp_path / "broken.sqlite3").write_text("This is no database. " * 100)
    return f"sqlite:///{tmp_path}/broken.sqlite3"


def test_it_works(broken: str) -> None:
    """On both databases."""
    for url, why in ((NOWHERE, "Connection refused"), (broken, "file is not a database")):
        told, log = _asked(url)
        *answers, ready, live = told
        assert (live[0], ready[0]) == (200, 503)
        assert [status for status, _, _ in answers] == [503] * len(answers)
        *pages, as_json, api, hook = answers
        assert {retry for _, retry, _ in (*pages, as_json, api)} == {"30"}
        for _, _, page in pages:
            assert "<h1>Not available right now</h1>" in page
            assert 'data-theme="dark"' in page
        assert 'href="/a/acme/?range=4w"' in pages[1][2]
        assert [n for n, (_, _, page) in enumerate(pages) if "was not saved" in page] == [3]
        assert "cannot be used" in json.loads(as_json[2])["error"]
        assert "cannot be used" in json.loads(api[2])["errors"][0]
        assert "deliver it again" in json.loads(hook[2])["error"]
        assert "Traceback" not in log
        [line] = [line for line in log.splitlines() if "outages" in line]
        assert "WARNING tformance.outages: The database cannot be used: " in line
        assert why in line


def test_the_description_of_the_api_names_the_answer() -> None:
    for path, methods in api.get_openapi_schema()["paths"].items():
        described = methods["get"]["responses"][503]["content"]["application/json"]["schema"]
        assert described == {"$ref": "#/components/schemas/Errors"}, path


def test_tables_that_wait_for_release(tmp_path: Path) -> None:
    told, log = _asked(f"sqlite:///{tmp_path}/empty.sqlite3")
    assert [status for status, _, _ in told[:3]] == [503] * 3
    assert "run `tformance release`" in log
    assert "Traceback" not in log


def test_commands_end_with_one_line(broken: str, tmp_path: Path) -> None:
    for command, url in (("release", NOWHERE), ("export reviews", NOWHERE), ("release", broken)):
        done = tformance(*command.split(), DATA_DIR=str(tmp_path), DATABASE_URL=url)
        assert (done.returncode, done.stdout) == (1, ""), command
        [line] = done.stderr.splitlines()
        assert line.startswith("tformance: The database cannot be used: "), command


@pytest.mark.django_db(transaction=True)
def test_errors_of_ours_stay_errors() -> None:
    """A query with a fault is logged with its traceback, and answered with 500."""
    for statement in (
        "SELECT nothing FROM users_user",
        "SELECT",
        "INSERT INTO users_user DEFAULT VALUES",
    ):
        with pytest.raises(DatabaseError) as found, connection.cursor() as cursor:
            cursor.execute(statement)
        assert outages.reason(found.value) == "", statement
    assert outages.reason(ValueError("locked")) == outages.reason(None) == ""
