"""Requests to GitHub left after a connection ended: made later, or left to do by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.integrations.models import (
    CommitIdentity,
    Farewell,
    GitHubIntegration,
    Hook,
    IntegrationCredential,
    Lease,
    RateBudget,
    SpotCheck,
)
from apps.integrations.tests.github import (
    ACME,
    LINUS,
    REPOSITORIES,
    connect,
    messages_of,
    token_count,
)
from apps.metrics.models import Commit, PullRequest, Repository, TeamMember
from apps.teams.models import Team
from github_simulator.faults import Fault
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db
PAGE = "/a/acme/integrations/"
DISCONNECT = f"{PAGE}github/disconnect/"
REPOS = f"{PAGE}github/repos/"
NAMES = ("api-service", "mail-service", "website")


@pytest.fixture
def connected(
    github: Running, team: Team, alice_client: Client, work: Callable[[], None]
) -> Client:
    """Alice, whose team tracks three repositories of Acme, each with its hook."""
    connect(alice_client)
    work()
    alice_client.post(REPOS, {"repositories": [f"acme/{name}" for name in NAMES]})
    make_hooks(work)
    assert all(hooks_of(github).values())
    return alice_client


def make_hooks(work: Callable[[], None]) -> None:
    for _ in NAMES:  # one write a second
        RateBudget.objects.update(written_at=None)
        work()


def hooks_of(github: Running) -> dict[str, int]:
    world = github.simulator.world
    return {name: len(world.repositories[REPOSITORIES[name]].hooks) for name in NAMES}


def fail(github: Running, path: str = "/api/") -> None:
    github.simulator.faults.add(Fault("server_error", path=path))


def later(work: Callable[[], None]) -> None:
    Farewell.objects.exclude(due_at=None).update(due_at=timezone.now())
    Lease.objects.update(not_before=None)
    work()


def test_it_works(connected: Client, github: Running, work: Callable[[], None]) -> None:
    fail(github)
    connected.post(DISCONNECT, {"_method": "delete"})
    assert not IntegrationCredential.objects.exclude(access_token="").exists()
    assert not Hook.objects.exists()
    page = messages_of(connected)
    assert "What is left to do on GitHub follows automatically" in page
    assert "3 webhooks, in the settings of" in page
    assert "Revoke the token of ada" in page
    later(work)
    assert all(hooks_of(github).values())
    assert Farewell.objects.get().attempts >= 2
    github.simulator.faults.clear()
    for _ in NAMES:
        later(work)
    assert not any(hooks_of(github).values())
    assert token_count(github) == 0
    assert not Farewell.objects.exists()
    assert "Left to do on GitHub" not in messages_of(connected)
    assert AuditEvent.objects.filter(action="github.hook.removed").count() == 3
    assert AuditEvent.objects.filter(action="github.farewell.done").count() == 1


def test_it_works_again_where_it_was_cut_off(
    connected: Client, github: Running, work: Callable[[], None]
) -> None:
    fail(github)
    connected.delete(DISCONNECT)
    github.simulator.faults.clear()
    # Killed after GitHub had deleted a hook, before that was stored here; the lease expires.
    first = Farewell.objects.get().hooks[0]["repository"].removeprefix("acme/")
    github.simulator.world.repositories[REPOSITORIES[first]].hooks.clear()
    Farewell.objects.update(due_at=timezone.now() + timedelta(minutes=2))
    work()
    assert Farewell.objects.get().hooks
    for _ in NAMES:
        later(work)
    assert not any(hooks_of(github).values())
    assert not Farewell.objects.exists()


def test_connecting_again_meanwhile(
    connected: Client, github: Running, work: Callable[[], None]
) -> None:
    fail(github, "/api/v3/repos/")
    connected.delete(DISCONNECT)
    github.simulator.faults.clear()
    connect(connected)
    Farewell.objects.update(due_at=timezone.now() + timedelta(hours=1))
    connected.post(REPOS, {"repositories": ["acme/website"]})
    make_hooks(work)
    adopted = Hook.objects.get()
    for _ in NAMES:
        later(work)
    assert not Farewell.objects.exists()
    # The repository in use again keeps its hook, and the new token stays.
    assert hooks_of(github) == {"api-service": 0, "mail-service": 0, "website": 1}
    [kept] = github.simulator.world.repositories[REPOSITORIES["website"]].hooks
    assert Hook.objects.get().hook_id == adopted.hook_id == kept
    assert token_count(github) == 1
    assert "Up to date" in messages_of(connected)


def test_after_a_week_it_is_left_to_a_person(
    connected: Client, github: Running, work: Callable[[], None]
) -> None:
    fail(github)
    connected.delete(DISCONNECT)
    Farewell.objects.update(gives_up_at=timezone.now())
    later(work)
    row = Farewell.objects.get()
    assert (row.access_token, row.refresh_token, row.due_at) == ("", "", None)
    page = messages_of(connected)
    assert "the rest can only be done by hand" in page
    assert f"{github.url}/acme/website/settings/hooks" in page
    assert "Authorized OAuth Apps" in page
    connected.post(f"{PAGE}github/left/{row.pk}/", {"_method": "delete"})
    assert not Farewell.objects.exists()
    assert "Left to do on GitHub" not in messages_of(connected)


def test_trying_again_and_stopping(connected: Client, github: Running) -> None:
    fail(github)
    connected.delete(DISCONNECT)
    row = Farewell.objects.get()
    address = f"{PAGE}github/left/{row.pk}/"
    connected.post(address)
    assert "Not everything is done yet" in messages_of(connected)
    connected.post(address, {"_method": "delete"})
    row.refresh_from_db()
    assert row.access_token == ""
    assert "Its token is deleted here" in messages_of(connected)


def test_a_token_that_github_refuses(
    connected: Client, github: Running, work: Callable[[], None]
) -> None:
    for token in github.simulator.world.tokens.values():
        token.revoked = True
    connected.delete(DISCONNECT)
    row = Farewell.objects.get()
    assert row.has_given_up
    assert not row.is_to_revoke
    assert "3 webhooks, in the settings of" in messages_of(connected)


def test_the_token_of_a_former_connection_is_revoked(
    connected: Client, github: Running, work: Callable[[], None]
) -> None:
    """Reconnecting replaces a token; the old one is revoked once GitHub responds."""
    github.simulator.faults.add(Fault("server_error", path="/api/v3/applications/"))
    connect(connected)
    assert token_count(github) == 2
    github.simulator.faults.clear()
    later(work)
    assert token_count(github) == 1
    assert not Farewell.objects.exists()


def test_with_the_data(connected: Client, work: Callable[[], None]) -> None:
    assert "Delete all of it" in messages_of(connected, DISCONNECT)
    refused = connected.delete(DISCONNECT, {"delete_data": "perhaps"}, "application/json")
    assert refused.status_code == 400
    assert Repository.objects.count() == 3
    connected.delete(DISCONNECT, {"delete_data": True}, "application/json")
    for _ in range(3):
        work()
    for model in (Repository, PullRequest, Commit, TeamMember, IntegrationCredential):
        assert not model.objects.exists(), model
    assert "Connect GitHub to see" in messages_of(connected)
    assert "Disconnected" not in messages_of(connected)
    connect(connected)
    work()
    connected.post(REPOS, {"repositories": ["acme/website"]})
    work()
    assert Repository.objects.get().full_name == "acme/website"


def test_the_data_of_former_members_is_deleted(
    connected: Client, github: Running, team: Team, work: Callable[[], None]
) -> None:
    """Identities from commits are deleted too, and spot check results of pull requests."""
    connect(connected, "ada")
    github.simulator.world.accounts[LINUS].name = "Linus Torvalds"
    for name in ("website", "api-service"):
        github.act("open", repository=f"acme/{name}", actor="grace")
    github.act("open", repository="ada/notes", actor="linus")
    connected.post(f"{PAGE}github/refresh/")
    work()
    connected.post(REPOS, {"repositories": ["ada/notes"]})
    GitHubIntegration.objects.update(poll_due_at=timezone.now())
    work()
    github.act("remove_member", organization="acme", login="grace")
    connected.post(f"{PAGE}github/refresh/")
    work()
    grace = TeamMember.objects.get(github_username="grace")
    assert not grace.is_active
    assert grace.pull_requests.count() == 2
    said = [{"pull_request": f"{name}#1", "here": "Work"} for name in ("acme/website", "ada/notes")]
    SpotCheck.objects.create(team=team, day=timezone.now().date(), differences=said)
    body = {"delete_data": True, "organization": ACME}
    connected.delete(DISCONNECT, body, "application/json")
    for _ in range(3):
        work()
    assert [row.full_name for row in Repository.objects.all()] == ["ada/notes"]
    assert [row.github_username for row in TeamMember.objects.all()] == ["ada"]
    assert [row.login for row in CommitIdentity.objects.all()] == ["linus"]
    assert SpotCheck.objects.get().differences == said[1:]


def test_tracked_again_before_it_was_deleted(connected: Client, work: Callable[[], None]) -> None:
    connected.delete(DISCONNECT, {"delete_data": True}, "application/json")
    connect(connected)
    kept = Repository.objects.get(full_name="acme/website").pk
    connected.post(REPOS, {"repositories": ["acme/website"]})
    for _ in range(3):
        work()
    assert [row.pk for row in Repository.objects.all()] == [kept]
    assert TeamMember.objects.count() == 2


def test_who_may(
    connected: Client, github: Running, bob_client: Client, charlie_client: Client
) -> None:
    fail(github)
    connected.delete(DISCONNECT)
    address = f"{PAGE}github/left/{Farewell.objects.get().pk}/"
    assert bob_client.post(address).status_code == 403
    assert charlie_client.post(address).status_code == 404
    assert "Left to do on GitHub" not in messages_of(bob_client)
    assert connected.post(f"{PAGE}github/left/999999/").status_code == 404
