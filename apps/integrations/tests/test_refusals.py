"""GitHub refuses: no due work is retried before it may be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.integrations.checks import spot_checks
from apps.integrations.models import (
    AvailableRepository,
    Farewell,
    GitHubIntegration,
    IntegrationCredential,
    Lease,
    RateBudget,
    StalePullRequest,
    SyncStatus,
    TrackedRepository,
)
from apps.integrations.sync import stale
from apps.integrations.tests import apps
from apps.integrations.tests.stage import Stage, ago, set_up, work
from apps.teams.models import Team
from github_simulator.faults import Fault
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db

REFUSALS: dict[str, dict[str, Any]] = {
    "the hour's budget is spent": {"kind": "primary_limit", "seconds": 900},
    "asked too fast": {"kind": "secondary_limit"},
    "asked too fast, with a time": {"kind": "secondary_limit", "seconds": 90, "status": 429},
    "the token is dead": {"kind": "unauthorized"},
    "not allowed": {"kind": "reply", "status": 403, "body": {"message": "Forbidden"}},
    "overloaded": {"kind": "server_error", "status": 503},
    "no network": {"kind": "cut"},
}


@pytest.fixture
def stage(team: Team, github: Running, settings: Settings) -> Stage:
    """A team with work for every kind of chore that calls GitHub."""
    settings.PUBLIC_URL = "https://tformance.example"
    stage = set_up(team, github)
    shop = stage.track("shop")
    shop.open(ago(days=2))
    stage.sync()
    kept = {"team": team, "host": github.url, "access_token": github.token, "account_id": 99}
    Farewell.objects.create(
        **kept,
        kind=IntegrationCredential.Kind.OAUTH,
        account_login="ada",
        hooks=[{"path": "/repos/acme/gone/hooks/1", "repository": "acme/gone", "repository_id": 1}],
        gives_up_at=timezone.now() + timedelta(days=7),
    )
    return stage


def make_everything_due() -> None:
    """Makes every chore due now."""
    now = timezone.now()
    GitHubIntegration.objects.update(members_due_at=now, poll_due_at=now, hook_due_at=now)
    TrackedRepository.objects.update(hook_due_at=now)
    tracked = TrackedRepository.objects.get()
    stale.mark(tracked, tracked.repository.pull_requests.values_list("number", "node_id"), now)
    Farewell.objects.exclude(due_at=None).update(due_at=now)


def look() -> None:
    """Runs the workers on what is due."""
    work()
    while spot_checks.SPOT_CHECK.turn(timezone.now()):
        pass
    # Pauses are a second long at first; on a slow machine they must not be over yet.
    Lease.objects.exclude(not_before=None).update(not_before=F("not_before") + timedelta(hours=1))


@pytest.mark.parametrize("refusal", REFUSALS)
def test_nothing_is_asked_again_before_it_may(stage: Stage, refusal: str) -> None:
    stage.github.simulator.faults.add(Fault(**REFUSALS[refusal], path="/api/"))
    log = stage.github.simulator.log
    log.clear()
    make_everything_due()
    look()
    asked = [request.path for request in log.requests]
    assert asked
    for _ in range(3):
        if refusal != "not allowed":  # which people must fix: their request is the due time
            make_everything_due()
        look()
    assert [request.path for request in log.requests] == asked
    github_is_well_again(stage)
    make_everything_due()
    work()
    assert stage.sync().status == SyncStatus.COMPLETE
    assert not StalePullRequest.objects.exists()


def github_is_well_again(stage: Stage) -> None:
    """The limits are over, and a user has connected again."""
    stage.github.simulator.faults.clear()
    RateBudget.objects.all().delete()
    Lease.objects.all().delete()
    IntegrationCredential.objects.update(rejected_at=None, rejection="")


def test_a_limit_applies_to_the_whole_account(stage: Stage) -> None:
    """A limit that one kind of work meets applies to all others."""
    stage.github.simulator.faults.add(Fault("secondary_limit", path="/api/graphql", times=1))
    GitHubIntegration.objects.update(poll_due_at=ago())
    work()
    log = stage.github.simulator.log
    log.clear()
    make_everything_due()
    Farewell.objects.all().delete()  # another account's
    work()
    assert not log.requests


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("SERVICE_UNAVAILABLE", "Service unavailable"),
        ("INTERNAL", "Something went wrong"),
        ("", "We couldn't respond to your request in time. Sorry about that."),
        ("NEVER_HEARD_OF", "A new kind of error"),
    ],
)
def test_temporary_failures_are_retried(stage: Stage, kind: str, message: str) -> None:
    passing = {"type": kind, "message": message}
    error = {name: value for name, value in passing.items() if value}
    body = {"data": None, "errors": [error]}
    struck = stage.github.simulator.faults.add(
        Fault("reply", path="/api/graphql", status=200, body=body, times=2)
    )
    stage.begin()
    for _ in range(4):
        Lease.objects.update(not_before=None)
        TrackedRepository.objects.exclude(due_at=None).update(due_at=ago())
        work()
    assert struck.struck == 2
    assert stage.tracked().status == "complete"


def test_lasting_failures_are_reported_and_retried_now_and_then(stage: Stage) -> None:
    body = {"data": None, "errors": [{"type": "NEVER_HEARD_OF", "message": "No."}]}
    stage.github.simulator.faults.add(Fault("reply", path="/api/graphql", status=200, body=body))
    stage.begin()
    for _ in range(8):
        Lease.objects.update(not_before=None)
        TrackedRepository.objects.exclude(due_at=None).update(due_at=ago())
        work()
    tracked = stage.tracked()
    assert (tracked.status, tracked.is_permanent_error) == ("error", False)
    assert "No." in tracked.error
    assert tracked.due_at
    assert tracked.due_at > timezone.now() + timedelta(minutes=50)


def test_a_token_is_looked_at_again_once_a_day_for_a_week(stage: Stage) -> None:
    stage.github.simulator.faults.add(Fault("unauthorized", message="It has been revoked."))
    stage.begin()
    work()
    log = stage.github.simulator.log
    log.clear()
    assert "It has been revoked" in stage.tracked().error
    for _ in range(10):
        a_day_passes()
        work()
        work()
    assert sum(request.path.endswith("/rate_limit") for request in log.requests) == 7
    IntegrationCredential.objects.update(rejected_at=ago(days=2))
    stage.github.simulator.faults.clear()
    a_day_passes()
    work()
    assert IntegrationCredential.objects.get().rejected_at is None
    assert stage.tracked().status == "complete"


@pytest.mark.parametrize("seconds", [-600, 600])
def test_the_app_signs_by_githubs_clock(
    github: Running, team: Team, alice_client: Client, settings: Settings, seconds: int
) -> None:
    apps.set_up(github, settings)
    apps.connect(alice_client)
    github.simulator.clock.advance(seconds)
    IntegrationCredential.objects.update(token_expires_at=None, access_token="")
    work()
    assert AvailableRepository.objects.exists()
    assert IntegrationCredential.objects.get().rejected_at is None


def test_an_app_that_is_refused_is_looked_at_again_soon(
    github: Running, team: Team, alice_client: Client, settings: Settings
) -> None:
    apps.set_up(github, settings)
    apps.connect(alice_client)
    sentence = "'Issued at' claim ('iat') must be an Integer"
    github.simulator.faults.add(Fault("unauthorized", path="/api/v3/app/", message=sentence))
    work()
    credential = IntegrationCredential.objects.get()
    assert credential.rejection == IntegrationCredential.Rejection.APP
    assert sentence in credential.rejection_said
    for minutes in (2, 4, 8):
        IntegrationCredential.objects.update(rejected_at=ago(minutes=minutes))
        work()
        [lease] = Lease.objects.filter(chore="second look")
        assert lease.not_before
        assert lease.not_before > timezone.now() + timedelta(minutes=minutes - 1)
        Lease.objects.update(not_before=ago())
    github.simulator.faults.clear()
    work()
    assert IntegrationCredential.objects.get().rejected_at is None
    assert AvailableRepository.objects.exists()


def a_day_passes() -> None:
    day = timedelta(days=1)
    IntegrationCredential.objects.update(rejected_at=F("rejected_at") - day)
    Lease.objects.update(not_before=F("not_before") - day)
