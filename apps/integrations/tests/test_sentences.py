"""Sentences of the pages about GitHub, in singular and plural."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from apps.integrations.connection import sentences as connection
from apps.integrations.connection.disconnecting import Plan
from apps.integrations.hooks import sentences as hooks
from apps.integrations.hooks.repository_hooks import ARCHIVED
from apps.integrations.keeping import sentences as keeping
from apps.integrations.models import (
    Farewell,
    GitHubIntegration,
    Hook,
    IntegrationCredential,
    SyncStatus,
    TrackedRepository,
    WebhookDelivery,
)
from apps.integrations.repositories import sentences as repositories
from apps.integrations.repositories.estimate import Estimate
from apps.integrations.sync import sentences as sync
from apps.integrations.sync.progress import Progress, RepositoryProgress
from apps.teams.models import Team

Kind = IntegrationCredential.Kind
LONG_AGO = datetime(2024, 5, 2, tzinfo=UTC)


def row(status: str, done: int = 0, total: int | None = None, **more: object) -> RepositoryProgress:
    fields = {
        "github_repo_id": 1,
        "full_name": "acme/shop",
        "points": 0,
        "waiting_until": None,
        "error": "",
        "is_permanent_error": False,
        "history_complete": False,
        "reached_at": None,
        "last_sync_at": None,
    }
    return RepositoryProgress(status=status, done=done, total=total, **fields | more)  # type: ignore[arg-type]


def test_it_works() -> None:
    progress = Progress([row(SyncStatus.COMPLETE, 1, 1)], None)
    assert sync.headline(progress) == "Up to date"
    of_a_part = Progress(progress.repositories, None, date(2026, 3, 1))
    assert sync.headline(of_a_part) == "Up to date since 1 Mar 2026"
    assert sync.so_far(progress) == "1 pull request stored, 1 of 1 repository up to date."


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row("syncing", 1200, 3000)], "1,200 of 3,000 pull requests, 0 of 1 repository"),
        ([row("syncing", 2)], "2 pull requests so far, 0 of 1 repository"),
        (
            [row("syncing", 2, 9), row("pending")],
            "2 of at least 9 pull requests, 0 of 2 repositories",
        ),
    ],
)
def test_progress_says_what_is_known(rows: list[RepositoryProgress], said: str) -> None:
    assert sync.so_far(Progress(rows, None)) == f"{said} up to date."


def test_a_repository_says_where_its_sync_stands() -> None:
    stopped = sync.of_repository(row("error", error="GitHub refused."))
    assert (stopped.badge, stopped.tone, stopped.note) == ("Stopped", "bad", "GitHub refused.")
    assert sync.headline(Progress([row("error"), row("complete")], None)) == (
        "1 of 2 repositories stopped"
    )
    reading = sync.of_repository(row("syncing", reached_at=LONG_AGO))
    assert reading.badge == "Reading history"
    assert "back to <time" in reading.note
    waiting = sync.of_repository(row("waiting", waiting_until=LONG_AGO, error="Too many requests."))
    assert waiting.note.startswith("Too many requests. Resumes <time")


def tracked(hook: Hook | None = None, error: str = "", kind: str = Kind.OAUTH) -> TrackedRepository:
    integration = GitHubIntegration(credential=IntegrationCredential(kind=kind))
    return TrackedRepository(integration=integration, hook=hook, hook_error=error)


@pytest.mark.parametrize(
    ("repository", "badge"),
    [
        (tracked(), "Being created"),
        (tracked(kind=Kind.APP), "The GitHub App's"),
        (tracked(error=ARCHIVED), "None needed"),
        (tracked(error="No access."), "None"),
        (tracked(Hook(pk=1), "No access."), "Unconfirmed"),
        (tracked(Hook(pk=1, hook_id=5)), "Being renewed"),
        (tracked(Hook(pk=1, hook_id=5, is_secret_sent=True)), "Created, nothing delivered yet"),
        (tracked(Hook(pk=1, hook_id=5, is_secret_sent=True, confirmed_at=LONG_AGO)), "Works"),
    ],
)
def test_a_hook_says_where_it_stands(repository: TrackedRepository, badge: str) -> None:
    assert hooks.of_repository(repository).badge == badge


def test_the_hook_of_an_organization_says_where_it_stands() -> None:
    assert hooks.of_organization(GitHubIntegration()) is None
    wanted = hooks.of_organization(GitHubIntegration(wants_one_hook=True))
    assert wanted
    assert wanted.badge == "Being created"
    leaving = hooks.of_organization(GitHubIntegration(hook=Hook()))
    assert leaving
    assert leaving.badge == "Being removed"
    made = hooks.of_organization(GitHubIntegration(wants_one_hook=True, hook=Hook()))
    assert made
    assert made.note == "One hook for all repositories."


def test_deliveries_are_counted() -> None:
    assert hooks.deliveries({}, 0, 0) == "0 in the last 30 days."
    said = hooks.deliveries({"handled": 2000, "failed": 1, "received": 3}, 50, 1)
    assert said == (
        "2,004 in the last 30 days, 1 failed, 3 waiting. The latest 50 are shown. "
        "1 did not reach us; GitHub is asked to send it again."
    )
    failed = WebhookDelivery(state="failed", error="No such row.", due_at=LONG_AGO)
    assert hooks.of_delivery(failed).note == "No such row. It will be tried again."


def test_hooks_that_are_missing_are_counted() -> None:
    assert hooks.coverage(5, 2, 0) == "2 of 5 repositories have no hook."
    assert "secret of 1 of 5 hooks" in hooks.coverage(5, 0, 1)
    assert hooks.coverage(5, 0, 0) == "Every repository that needs a hook has one."


def test_patterns_say_what_they_match_and_what_that_takes() -> None:
    cost = Estimate(1, 0, 1, 1, 30.0)
    assert repositories.matching([], [], cost) == repositories.HELP
    assert repositories.matching(["x"], [], cost) == "No repository matches."
    assert repositories.matching(["x"], ["acme/x"], cost) == (
        "<strong>1</strong> matches: acme/x. "
        "Fetching 1 pull request takes 1 point of the GitHub rate limit and about 1 minute."
    )
    names = [f"acme/{n}" for n in range(10)]
    said = repositories.matching(["*"], names, Estimate(10, 1, 5000, 200, 600.0))
    assert "<strong>10</strong> match: acme/0, " in said
    assert "acme/7 and 2 more." in said
    assert said.endswith("about 10 minutes; 1 repository is not counted yet.")


def test_a_connection_says_how_it_was_made() -> None:
    credential = IntegrationCredential(
        kind=Kind.TOKEN, account_login="alice", connected_at=LONG_AGO
    )
    integration = GitHubIntegration(credential=credential, account_type="User")
    assert connection.connected_by(integration).startswith(
        "Personal account, by a token of alice, <time"
    )


@pytest.mark.parametrize(
    ("has_app", "has_oauth_app", "may_make_app", "said"),
    [
        (True, True, False, "There are three ways; the first asks for the least."),
        (True, False, False, "There are two ways; the first asks for the least."),
        (False, True, False, "There are two ways."),
        (
            False,
            True,
            True,
            "There are two ways, and a third once the GitHub App below is created.",
        ),
    ],
)
def test_the_ways_to_connect_are_counted(
    has_app: bool, has_oauth_app: bool, may_make_app: bool, said: str
) -> None:
    ways = connection.ways(has_app=has_app, has_oauth_app=has_oauth_app, may_make_app=may_make_app)
    assert ways == said


def plan(hooks: list[str] | None = None, shared: list[str] | None = None, count: int = 0) -> Plan:
    return Plan([], hooks or [], shared or [], [], [], count)


def test_disconnecting_says_what_it_does() -> None:
    assert list(connection.what_disconnecting_does(plan(), "https://github.com")) == []
    one = list(connection.what_disconnecting_does(plan(["acme/a"], ["acme/b"]), "https://x"))
    assert one[0] == "1 webhook is deleted on GitHub: acme/a."
    assert one[1].endswith("another team of this installation needs it.")
    many = list(connection.what_disconnecting_does(plan([f"acme/{n}" for n in range(7)]), ""))
    assert many[0].startswith("7 webhooks are deleted on GitHub: acme/0, ")
    assert many[0].endswith("acme/4 and 2 more.")
    assert connection.what_stays(plan(count=1)).startswith(
        "Keep the 1 pull request: all pages go on showing it."
    )
    assert connection.what_stays(plan(count=9)).startswith(
        "Keep the 9 pull requests: all pages go on showing them."
    )


def test_what_is_left_to_do_leads_to_where_it_is_done() -> None:
    found = [{"repository": "acme", "organization_id": 5}, {"repository": "acme/shop"}]
    row = Farewell(hooks=found, is_to_revoke=True, account_login="alice", due_at=LONG_AGO)
    assert list(connection.left_to_do(row, "https://github.com")) == [
        "Delete 2 webhooks, in the settings of acme, acme/shop",
        "Revoke the token of alice",
    ]
    row.due_at = None
    deleted, revoked = connection.left_to_do(row, "https://github.com")
    assert "https://github.com/organizations/acme/settings/hooks" in deleted
    assert "https://github.com/acme/shop/settings/hooks" in deleted
    assert revoked.endswith("</a>, as alice")


def test_stored_data_is_counted() -> None:
    assert keeping.of_team(1, 1, 1) == (
        "1 pull request of 1 repository, 1 person, and what the team set up."
    )
    assert keeping.of_person(2, 1, 2) == (
        "2 pull requests and 1 review, by 2 accounts, with their commits and events."
    )
    assert keeping.forgotten(0) == ""
    assert keeping.forgotten(1).startswith("1 account was removed")
    assert "for good" in keeping.retention(Team(audit_days=365))
    assert "after 90 days" in keeping.retention(Team(keep_days=90, audit_days=365))
