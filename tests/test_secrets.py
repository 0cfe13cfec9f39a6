"""No secret leaks: everything a full run writes is searched for every secret that it used."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings as our_settings
from django.db import connection
from django.test import Client
from django.views.debug import get_default_exception_reporter_filter
from pytest_django import Settings

from apps.encryption import decrypt
from apps.integrations import tasks
from apps.integrations.models import (
    Farewell,
    GitHubApp,
    Hook,
    IntegrationCredential,
    TrackedRepository,
)
from apps.integrations.tests import apps
from apps.integrations.tests import github as small
from apps.teams import api_keys
from apps.teams.models import Team
from apps.users.models import Session, User
from conftest import signed_in
from github_simulator.faults import Fault
from github_simulator.testing import Running, running
from tests.addresses import RULES, TEAM
from tests.answers import text_of
from tformance.redaction import RedactingFormatter, redact

CLASSIC = "ghp_thisIsPastedByAliceIntoTheForm12345678"
PUBLIC = "https://tformance.example.com"
CALLBACK = f"{PUBLIC}/integrations/github/callback/"
REPOS = "/a/acme/integrations/github/repos/"


@pytest.fixture
def github(settings: Settings) -> Iterator[Running]:
    with running(small.world(), callback_urls=(CALLBACK,)) as github:
        [app] = github.simulator.world.oauth_apps.values()
        app.expiring_tokens = True
        settings.GITHUB_URL = github.url
        settings.GITHUB_CLIENT_ID = app.client_id
        settings.GITHUB_CLIENT_SECRET = app.client_secret
        settings.PUBLIC_URL = PUBLIC
        yield github


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What would be logged to standard error, at the most verbose level."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(RedactingFormatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(before)


def test_it_works(
    github: Running, team: Team, alice: User, alice_client: Client, log: io.StringIO, tmp_path: Path
) -> None:
    client = Client(raise_request_exception=False)
    client.cookies = alice_client.cookies
    replies = list(_a_full_run(client, github))
    replies.append(client.get("/accounts/2fa/").content.decode())
    secrets = _secrets(github) | _second_factor(alice)
    secrets.add(api_keys.make(team, alice, "Wallboard")[1])
    shown = "\n".join([*replies, *_pages(client), *_disconnecting(client, github), *_admin_pages()])
    secrets |= set(github.simulator.world.tokens)
    assert len(secrets) > 6
    written = {
        "the log": log.getvalue(),
        "the database": _dump(),
        "the sessions": " ".join(str(row.get_decoded()) for row in Session.objects.all()),
        "the pages": shown,
    }
    assert not [key for key in Session.objects.values_list("pk", flat=True) if key in shown]
    for place, text in written.items():
        assert text, place
        for secret in secrets:
            assert secret not in text, f"{secret[:8]}… is in {place}"


def _a_full_run(client: Client, github: Running) -> Iterator[str]:
    """Connects in each way, syncs, creates hooks, and provokes errors; yields the responses."""
    yield from _by_the_app(client)
    small.connect(client)
    tasks.look_for_due_work()
    yield client.post(
        REPOS, {"repositories": ["acme/website", "acme/api-service"]}
    ).content.decode()
    tasks.look_for_due_work()
    for kind in ("server_error", "half_body"):
        github.simulator.faults.add(Fault(kind))
        yield client.post("/a/acme/integrations/github/sync/").content.decode()
        tasks.look_for_due_work()
        github.simulator.faults.clear()
    pasted = {"token": CLASSIC, "organization": "acme"}
    for accept in ("text/html", "application/json"):
        reply = client.post(
            "/a/acme/integrations/github/token/", pasted, headers={"accept": accept}
        )
        yield reply.content.decode()
    code = {"code": "thisCodeWasNeverGiven", "state": "x"}
    yield client.get("/integrations/github/callback/", code, follow=True).content.decode()
    for token in github.simulator.world.tokens.values():
        token.revoked = True
    yield client.post("/a/acme/integrations/github/sync/").content.decode()
    tasks.look_for_due_work()


def _by_the_app(client: Client) -> Iterator[str]:
    """Creates the GitHub App from its manifest, installs it, and connects by it."""
    page = client.get("/a/acme/integrations/github/app/?organization=acme").content.decode()
    yield page
    action, manifest = apps.manifest_of(page, "Make it for acme")
    form = {"manifest": apps.text(manifest), "create": "1", "name": manifest["name"]}
    made = httpx.post(action, data=form).headers["location"]
    yield client.get(small.path_of(made), follow=True).content.decode()
    came_back = small.path_of(apps.install(apps.begin(client)))
    yield client.get(came_back, follow=True).content.decode()
    tasks.look_for_due_work()


def _disconnecting(client: Client, github: Running) -> Iterator[str]:
    """While GitHub is down: a token is kept until it can be revoked."""
    small.connect(client)
    github.simulator.faults.add(Fault("server_error"))
    for method in (client.get, client.delete):
        yield method("/a/acme/integrations/github/disconnect/").content.decode()
    assert Farewell.objects.exclude(access_token="").exists()
    yield client.get("/a/acme/integrations/").content.decode()
    github.simulator.faults.clear()


def _secrets(github: Running) -> set[str]:
    """Every secret that either side knows."""
    found = {CLASSIC, *github.simulator.world.tokens}
    found |= {app.client_secret for app in github.simulator.world.oauth_apps.values()}
    made = GitHubApp.objects.get()
    # A line of the key is enough to search for: pages and tables break lines in their own ways.
    found |= {made.client_secret, made.webhook_secret, made.private_key.splitlines()[1]}
    assert any(token.startswith("ghs_") for token in found)
    for credential in IntegrationCredential.objects.all():
        found |= {credential.access_token, credential.refresh_token}
    for hook in Hook.objects.all():
        found |= {hook.secret, hook.previous_secret}
    assert Hook.objects.exists(), [t.hook_error for t in TrackedRepository.objects.all()]
    return {secret for secret in found if secret}


def _second_factor(user: User) -> set[str]:
    """An app's secret, and the seed of the recovery codes."""
    totp = TOTP.activate(user, generate_totp_secret()).instance.data["secret"]
    return {decrypt(kept) for kept in (totp, RecoveryCodes.activate(user).instance.data["seed"])}


def _dump() -> str:
    """All rows as they are in the database: what a backup or a thief has."""
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows += [str(row) for row in cursor.fetchall()]
    return "\n".join(rows)


def _pages(client: Client) -> Iterator[str]:
    for route, rule in RULES.items():
        page = route.replace(TEAM, "a/acme/")
        if "GET" in rule.methods and route.startswith(TEAM) and "<" not in page:
            for accept in ("text/html", "application/json"):
                reply = client.get(f"/{page}", headers={"accept": accept})
                yield text_of(reply)


def _admin_pages() -> Iterator[str]:
    staff = User.objects.create(email="staff@example.com", is_staff=True, is_superuser=True)
    client = signed_in(staff)
    front = client.get("/admin/").content.decode()
    for address in set(re.findall(r'href="(/admin/\w+/\w+/)"', front)):
        listed = client.get(address).content.decode()
        yield listed
        for row in set(re.findall(rf'href="({address}\d+/change/)', listed)):
            yield client.get(row).content.decode()


LINES = [
    ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
    ("authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
    ("token gho_16C7e42F292c6912E7710c838347Ae178B4a refused", "16C7e42F292c"),
    ("ghs_eyJhbGciOi.eyJpc3MiOiJ.c2lnbmF0dXJl", "c2lnbmF0dXJl"),
    ("github_pat_11ABCDEFG0aaaaaaaaaaaa_bbbbbbbbbb", "bbbbbbbbbb"),
    ("{'client_secret': 'opensesame', 'x': 1}", "opensesame"),
    ("GET /integrations/github/callback/?code=opensesame&state=x", "opensesame"),
    ("cannot connect to postgres://me:opensesame@db/x", "opensesame"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----", "MIIE"),
    ("tfk_abcdefghijklmnopqrstuvwxyz012345", "klmnop"),
]


@pytest.mark.parametrize(("line", "secret"), LINES)
def test_a_line_of_the_log_is_redacted(line: str, secret: str) -> None:
    assert secret not in redact(line)
    assert "[hidden]" in redact(line)


def test_plain_lines_stay() -> None:
    for line in ("status code: 404", "Bearer of news", "ghost left", "https://x.example.com:80/a"):
        assert redact(line) == line


def test_a_traceback_is_redacted() -> None:
    formatter = RedactingFormatter("%(message)s")
    try:
        raise ValueError("gho_16C7e42F292c6912E7710c838347Ae178B4a")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "It broke", None, info)
    assert "16C7e42F" not in formatter.format(record)


def test_error_pages_show_no_secret(settings: Settings, client: Client, db: None) -> None:
    """Not even those of development."""
    settings.DEBUG = True
    settings.GITHUB_CLIENT_SECRET = "opensesame"
    client.raise_request_exception = False
    headers = {"authorization": "Bearer opensesame"}
    page = client.get("/none/?code=opensesame2", headers=headers).content.decode()
    assert 'opensesame"' not in page
    assert "Bearer opensesame" not in page


def test_settings_are_not_dumped() -> None:
    """`manage.py diffsettings` is for the operator; a crash report is not."""
    shown = str(get_default_exception_reporter_filter().get_safe_settings())
    for secret in (our_settings.SECRET_KEY, *our_settings.TOKEN_ENCRYPTION_KEYS):
        assert secret not in shown
