"""Expiring tokens are renewed in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.integrations.access import oauth
from apps.integrations.access.conversation import with_github
from apps.integrations.access.token_refresh import keep_good
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import UnavailableError
from apps.integrations.models import AvailableRepository, IntegrationCredential, Lease
from apps.integrations.tests.github import connect, messages_of
from apps.teams.models import Team
from github_simulator.faults import Fault
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db
Work = Callable[[], None]


@pytest.fixture
def expiring(github: Running, team: Team, alice_client: Client) -> IntegrationCredential:
    """A connection whose token ends in five minutes."""
    for app in github.simulator.world.oauth_apps.values():
        app.expiring_tokens = True
    connect(alice_client)
    IntegrationCredential.objects.update(token_expires_at=timezone.now() + timedelta(minutes=5))
    return IntegrationCredential.objects.get()


def test_it_works(github: Running, expiring: IntegrationCredential, work: Work) -> None:
    work()
    assert AvailableRepository.objects.count() == 5
    renewed = IntegrationCredential.objects.get()
    assert renewed.access_token != expiring.access_token
    assert renewed.refresh_token != expiring.refresh_token
    assert renewed.token_expires_at
    assert renewed.token_expires_at > timezone.now() + timedelta(hours=7)
    assert github.simulator.log.counts["POST /login/oauth/access_token"] == 2


def test_token_that_lives_long_enough(
    github: Running, expiring: IntegrationCredential, work: Work
) -> None:
    IntegrationCredential.objects.update(token_expires_at=timezone.now() + timedelta(hours=1))
    work()
    assert IntegrationCredential.objects.get().access_token == expiring.access_token


def test_refused_refresh_asks_to_reconnect(
    github: Running, expiring: IntegrationCredential, alice_client: Client, work: Work
) -> None:
    for token in github.simulator.world.tokens.values():
        token.revoked = True
    work()
    assert "GitHub no longer accepts the token" in messages_of(alice_client)
    assert IntegrationCredential.objects.get().rejected_at


def test_a_refresh_is_retried_when_github_is_down(
    github: Running, expiring: IntegrationCredential, alice_client: Client, work: Work
) -> None:
    github.simulator.faults.add(Fault("server_error", path="/login/oauth/access_token"))
    work()
    assert not IntegrationCredential.objects.get().rejected_at
    assert "GitHub cannot be reached to renew the token" in messages_of(alice_client)
    github.simulator.faults.clear()
    alice_client.post("/a/acme/integrations/github/refresh/")
    work()
    assert AvailableRepository.objects.count() == 5


def test_another_worker_is_renewing(
    github: Running, expiring: IntegrationCredential, work: Work
) -> None:
    until = timezone.now() + timedelta(seconds=20)
    Lease.objects.create(chore="token", key=expiring.pk, owner="another", until=until)
    work()  # The old token is still valid for some minutes.
    assert AvailableRepository.objects.count() == 5
    assert IntegrationCredential.objects.get().access_token == expiring.access_token


def _login(conversation: GitHub) -> str:
    """Retries while a token is being renewed, as all work does."""
    for _ in range(200):
        try:
            return str(conversation.get("/user").data["login"])
        except UnavailableError:
            time.sleep(0.05)
    raise AssertionError("The token was never renewed.")


@pytest.mark.django_db(transaction=True)
def test_many_workers_renew_once(github: Running, expiring: IntegrationCredential) -> None:
    """A refresh ends both old tokens: a second one would end what the first has stored."""

    def ask(_: int) -> str:
        try:
            mine = IntegrationCredential.objects.get(pk=expiring.pk)
            with with_github(mine) as conversation:
                return _login(conversation)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as workers:
        assert list(workers.map(ask, range(12))) == ["ada"] * 12
    assert github.simulator.log.counts["POST /login/oauth/access_token"] == 2
    events = AuditEvent.objects.filter(action__startswith="github.token")
    assert [event.action for event in events] == ["github.token.refreshed"]


@dataclass
class AnotherWorker:
    """Another worker that renewed the token at GitHub, and stores it just before query `after`."""

    credential: IntegrationCredential
    after: int

    def __post_init__(self) -> None:
        self.left = self.after
        until = timezone.now() + timedelta(seconds=20)
        Lease.objects.filter(chore="token").delete()  # an earlier renewal was long ago
        self.lease = Lease.objects.create(
            chore="token", key=self.credential.pk, owner="another", until=until
        )
        self.grant = oauth.refresh(self.credential.refresh_token)

    def __call__(self, execute: Callable[..., Any], *query: Any) -> Any:
        self.left -= 1
        if self.left == -1:
            self._store()
        return execute(*query)

    def _store(self) -> None:
        IntegrationCredential.objects.filter(pk=self.credential.pk).update(
            access_token=self.grant.access_token,
            refresh_token=self.grant.refresh_token,
            token_expires_at=timezone.now() + timedelta(minutes=5),
        )
        self.lease.delete()


def test_a_token_is_never_refused_for_good_because_another_worker_renewed_it(
    github: Running, expiring: IntegrationCredential
) -> None:
    """Whenever the other worker finishes, between any two queries of this one."""
    outcomes = []
    for after in range(100):
        mine = IntegrationCredential.objects.get()
        other = AnotherWorker(IntegrationCredential.objects.get(), after)
        with connection.execute_wrapper(other), with_github(mine) as conversation:
            try:
                outcomes.append(conversation.get("/user").data["login"])
            except UnavailableError:  # all work is retried after it
                outcomes.append("later")
        if other.left >= 0:  # it did not finish before this worker
            break
    assert set(outcomes) == {"ada", "later"}
    assert outcomes[-1] == "later"


def test_disconnecting_meanwhile_leaves_no_token(
    github: Running, expiring: IntegrationCredential, alice_client: Client
) -> None:
    stale = IntegrationCredential.objects.get()
    alice_client.delete("/a/acme/integrations/github/disconnect/")
    keep_good(stale)  # like a worker that has just read the credential
    assert github.simulator.log.counts["POST /login/oauth/access_token"] == 1
    assert IntegrationCredential.objects.get().access_token == ""
