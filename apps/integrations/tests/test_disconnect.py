"""Ending a connection: the token is deleted, fetched data stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.integrations.models import (
    Farewell,
    GitHubIntegration,
    Hook,
    IntegrationCredential,
    RateBudget,
    TrackedRepository,
)
from apps.integrations.tests.github import ACME, REPOSITORIES, connect, messages_of, token_count
from apps.metrics.models import Repository, TeamMember
from apps.teams.models import Membership, Team
from apps.users.models import User
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db
DISCONNECT = "/a/acme/integrations/github/disconnect/"
REPOS = "/a/acme/integrations/github/repos/"
JSON = {"accept": "application/json"}


@pytest.fixture
def connected(
    github: Running, team: Team, alice_client: Client, work: Callable[[], None]
) -> Client:
    """Alice, whose team tracks a repository of Acme."""
    connect(alice_client)
    work()
    alice_client.post(REPOS, {"repositories": ["acme/website"]})
    work()
    return alice_client


def test_it_works(connected: Client, github: Running, work: Callable[[], None]) -> None:
    page = messages_of(connected, DISCONNECT)
    assert "1 webhook is deleted on GitHub: acme/website" in page
    assert "The token of ada is deleted here and revoked at GitHub" in page
    assert token_count(github) == 1
    website = github.simulator.world.repositories[REPOSITORIES["website"]]
    assert len(website.hooks) == 1
    assert connected.delete(DISCONNECT, headers=JSON).status_code == 204
    assert token_count(github) == 0
    assert not website.hooks
    assert IntegrationCredential.objects.get().access_token == ""
    assert not TrackedRepository.objects.filter(is_active=True).exists()
    assert Repository.objects.count() == 1
    assert TeamMember.objects.filter(is_active=True).count() == 2
    answer = connected.get("/a/acme/integrations/", headers=JSON).json()
    assert answer == {"github": {"connected": False, "organizations": []}}
    before = len(github.simulator.log.requests)
    work()
    assert len(github.simulator.log.requests) == before


def test_by_form(connected: Client) -> None:
    reply = connected.post(DISCONNECT, {"_method": "delete"})
    assert reply.headers["location"] == "/a/acme/integrations/"
    page = messages_of(connected)
    assert "GitHub is disconnected, and its token deleted here. The token is revoked" in page
    assert "Left to do on GitHub" not in page
    assert "Connect again" in page


def test_asking_is_not_doing(connected: Client) -> None:
    connected.get(DISCONNECT)
    connected.post(DISCONNECT)
    assert GitHubIntegration.objects.get().disconnected_at is None


def test_one_of_two(connected: Client, github: Running) -> None:
    connect(connected, "ada")
    before = token_count(github)
    connected.post(DISCONNECT, {"_method": "delete", "organization": str(ACME)})
    assert "another connection still uses the token" in messages_of(connected)
    assert token_count(github) == before
    assert not Farewell.objects.exists()
    answer = connected.get("/a/acme/integrations/", headers=JSON).json()
    assert [entry["slug"] for entry in answer["github"]["organizations"]] == ["ada"]
    assert IntegrationCredential.objects.get().access_token


def test_one_of_two_by_json(connected: Client) -> None:
    connect(connected, "ada")
    before = GitHubIntegration.objects.filter(disconnected_at=None)
    for body in ("{", "[]", f'{{"organisation": {ACME}}}', '"acme"'):
        reply = connected.delete(DISCONNECT, body, content_type="application/json")
        assert reply.status_code == 400, body
        assert reply.json()["error"] == "bad_body"
    assert connected.delete(DISCONNECT, "acme", content_type="text/plain").status_code == 400
    for other in (1, "acme", [ACME], False):
        reply = connected.delete(DISCONNECT, {"organization": other}, "application/json")
        assert reply.status_code == 404, other
    assert before.count() == 2
    reply = connected.delete(DISCONNECT, {"organization": ACME}, "application/json")
    assert reply.status_code == 204
    assert [one.organization_slug for one in before] == ["ada"]


def test_one_of_two_by_a_form_that_is_a_delete(connected: Client) -> None:
    connect(connected, "ada")
    form = "application/x-www-form-urlencoded"
    connected.delete(DISCONNECT, f"organization={ACME}", content_type=form)
    kept = GitHubIntegration.objects.get(disconnected_at=None)
    assert kept.organization_slug == "ada"


def test_a_personal_access_token(team: Team, github: Running, alice_client: Client) -> None:
    alice_client.post(
        "/a/acme/integrations/github/token/", {"token": github.token, "organization": "acme"}
    )
    alice_client.post(DISCONNECT, {"_method": "delete"})
    page = messages_of(alice_client)
    assert "A personal access token can only be deleted by its owner" in page
    assert "is revoked" not in page
    assert not Farewell.objects.exists()
    assert IntegrationCredential.objects.get().access_token == ""


def test_connecting_again(connected: Client, work: Callable[[], None]) -> None:
    connect(connected, "ada")
    connected.delete(DISCONNECT)
    connect(connected, "acme")
    answer = connected.get("/a/acme/integrations/", headers=JSON).json()
    assert [entry["slug"] for entry in answer["github"]["organizations"]] == ["acme"]
    before = connected.get(f"{REPOS}?show=before", headers=JSON).json()["repositories"]
    assert [row["full_name"] for row in before] == ["acme/website"]
    connected.post(REPOS, {"repositories": ["acme/website"]})
    assert TrackedRepository.objects.get().is_active


def test_what_is_kept_for_others(connected: Client, github: Running, alice: User) -> None:
    other = Team.objects.create(name="Beta", slug="beta")
    Membership.objects.create(team=other, user=alice, role=Membership.Role.ADMIN)
    connect(connected, team="beta")
    hook = Hook.objects.get()
    assert hook.github_repo_id
    integration = GitHubIntegration.objects.get(team=other)
    repository = Repository.objects.create(team=other, github_repo_id=hook.github_repo_id)
    TrackedRepository.objects.create(
        team=other,
        integration=integration,
        repository=repository,
        github_repo_id=hook.github_repo_id,
        hook=hook,
    )
    plan = connected.get(DISCONNECT, headers=JSON).json()
    assert plan["hooks_deleted"] == []
    assert plan["hooks_kept_for_other_teams"] == ["acme/website"]
    assert "1 webhook stays, because another team" in messages_of(connected, DISCONNECT)
    assert token_count(github) == 2
    connected.delete(DISCONNECT)
    # The other team's token of the same person must stay valid.
    assert token_count(github) == 1
    assert Hook.objects.get() == hook
    assert AuditEvent.objects.get(action="github.token.revoked").details == {
        "whole_authorization": False
    }
    connected.delete("/a/beta/integrations/github/disconnect/")
    assert token_count(github) == 0
    assert not Hook.objects.exists()
    newest = AuditEvent.objects.filter(action="github.token.revoked")[0]
    assert newest.details == {"whole_authorization": True}


def test_the_first_request_notices_an_invalid_token(
    connected: Client, github: Running, work: Callable[[], None]
) -> None:
    """Here the daily check of a hook notices it: all work stops, and one button reconnects."""
    for token in github.simulator.world.tokens.values():
        token.revoked = True
    later = timezone.now() + timedelta(days=1)
    GitHubIntegration.objects.update(poll_due_at=later, sweep_due_at=later, members_due_at=later)
    TrackedRepository.objects.update(due_at=None, hook_due_at=timezone.now())
    RateBudget.objects.update(written_at=None)
    work()
    assert IntegrationCredential.objects.get().rejected_at
    page = messages_of(connected)
    assert page.count("GitHub no longer accepts the token") == 1
    assert page.count("Reconnect</button>") == 1
    TrackedRepository.objects.update(hook_due_at=timezone.now())
    asked = len(github.simulator.log.requests)
    work()
    assert len(github.simulator.log.requests) == asked
