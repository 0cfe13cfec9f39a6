"""The source of deployments, as chosen by an admin, and people's corrections of deployments."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
    ProductionWalk,
    TrackedRepository,
)
from apps.metrics.models import Deployment, Production, Repository
from apps.metrics.tests.factories import make_repository
from apps.metrics.tests.production_factories import make_application, make_deployment
from apps.teams.models import Team

pytestmark = pytest.mark.django_db
SOURCES = "/a/acme/production/sources/"
JSON = {"Accept": "application/json"}


@pytest.fixture
def integration(team: Team) -> GitHubIntegration:
    credential = IntegrationCredential.objects.create(
        team=team, kind="app", access_token="", account_id=1, account_login="acme"
    )
    IntegrationCredential.objects.filter(pk=credential.pk).update(installation_id=77)
    found: GitHubIntegration = GitHubIntegration.objects.create(
        team=team, credential=credential, organization_slug="acme", organization_id=1
    )
    return found


@pytest.fixture
def shop(team: Team, integration: GitHubIntegration) -> Repository:
    return tracked(integration, "acme/shop")


def tracked(integration: GitHubIntegration, name: str) -> Repository:
    repository = make_repository(integration.team, name)
    TrackedRepository.objects.create(
        team=integration.team,
        integration=integration,
        repository=repository,
        github_repo_id=repository.github_repo_id,
        full_name=name,
    )
    return repository


def sources(client: Client, query: str = "") -> dict[str, Any]:
    reply = client.get(f"{SOURCES}?{query}", headers=JSON).json()
    return {row["full_name"]: row for row in reply["repositories"]}


def test_it_works(shop: Repository, alice_client: Client, bob_client: Client) -> None:
    make_application(shop, "production-eu")
    make_application(shop, "production-us")
    for client in (alice_client, bob_client):
        page = client.get(SOURCES).content.decode()
        assert "deployments to production-eu, production-us succeeded" in page
    assert sources(bob_client)["acme/shop"]["applications"] == ["production-eu", "production-us"]


def test_each_source_has_its_reason(
    shop: Repository, integration: GitHubIntegration, bob_client: Client
) -> None:
    released, none = tracked(integration, "acme/lib"), tracked(integration, "acme/docs")
    named = tracked(integration, "acme/web")
    make_application(released, "releases", "release")
    make_application(named, "deploy.yml", "workflow", workflow="deploy.yml", is_chosen=True)
    Production.objects.create(team=none.team, repository=none, fetched_at=timezone.now())
    reasons = {name: row["reason"] for name, row in sources(bob_client).items()}
    assert reasons["acme/shop"] == "GitHub has not been asked yet."
    assert reasons["acme/lib"].startswith("Found: releases are published")
    assert reasons["acme/docs"].startswith("No deployment to production ever succeeded")
    assert reasons["acme/web"] == "Chosen by an admin."
    assert set(sources(bob_client, "show=without")) == {"acme/docs", "acme/shop"}
    assert set(sources(bob_client, "show=with&q=web")) == {"acme/web"}


def test_an_admin_chooses_a_source(
    shop: Repository, alice_client: Client, bob_client: Client, charlie_client: Client
) -> None:
    address = f"{SOURCES}{shop.github_repo_id}/"
    chosen = {"source": "workflow", "workflow": "deploy.yml"}
    assert bob_client.get(address).status_code == 403
    assert "Runs of a workflow" in alice_client.get(address).content.decode()
    assert bob_client.post(address, chosen).status_code == 403
    assert charlie_client.post(address, chosen).status_code == 404
    reply = alice_client.post(address, chosen, follow=True)
    assert "The source of acme/shop is saved" in reply.content.decode()
    row = Production.objects.get(repository=shop)
    assert (row.source, row.workflow, row.is_chosen) == ("workflow", "deploy.yml", True)
    assert row.is_recount_due
    assert ProductionWalk.objects.get(tracked=shop.tracking).due_at is not None
    event = AuditEvent.objects.get(action="production.source_chosen")
    assert event.details["workflow"] == "deploy.yml"
    reply = alice_client.post(address, {"source": ""}, headers=JSON)
    assert reply.json()["is_chosen"] is False


@pytest.mark.parametrize(
    "wrong",
    [{"source": "odd"}, {"source": "workflow"}, {"source": "release", "tag_pattern": "v" * 201}],
)
def test_what_cannot_be_chosen_changes_nothing(
    shop: Repository, alice_client: Client, wrong: dict[str, str]
) -> None:
    reply = alice_client.post(f"{SOURCES}{shop.github_repo_id}/", wrong, headers=JSON)
    assert reply.status_code == 400
    assert not Production.objects.filter(repository=shop).exists()


def test_what_is_not_granted_has_a_button(
    shop: Repository, alice_client: Client, bob_client: Client
) -> None:
    Production.objects.create(team=shop.team, repository=shop, not_granted=["deployments"])
    page = alice_client.get(SOURCES).content.decode()
    assert "acme: not granted." in page
    assert "/organizations/acme/settings/installations/77/permissions/update" in page
    assert "/permissions/update" not in bob_client.get(SOURCES).content.decode()
    assert set(sources(bob_client, "show=refused")) == {"acme/shop"}


@pytest.fixture
def deployment(shop: Repository) -> Deployment:
    return make_deployment(make_application(shop), timezone.now())


def test_a_members_correction_wins_and_can_be_removed(
    deployment: Deployment, bob_client: Client
) -> None:
    page = f"/a/acme/production/deployments/{deployment.pk}/"
    reply = bob_client.post(
        f"{page}correction/", {"verdict": "failed", "note": "Carts were empty"}, follow=True
    )
    text = reply.content.decode()
    assert "It counts as failed." in text
    assert "marked it as <strong>failed</strong>" in text
    assert "“Carts were empty”" in text
    figures = bob_client.get("/a/acme/production/", headers=JSON).json()["figures"]
    assert figures["failed"] == 1
    assert figures["not_mended"] == 1
    event = AuditEvent.objects.get(action="deployment.marked")
    assert event.actor_email == "bob@example.com"
    assert event.details["said"] == "failed"
    reply = bob_client.post(f"{page}correction/", {"verdict": "clear"}, headers=JSON)
    assert reply.json()["is_failed"] is False
    figures = bob_client.get("/a/acme/production/", headers=JSON).json()["figures"]
    assert figures["failed"] == 0


def test_what_counts_in_no_fail_rate_cannot_be_marked(
    deployment: Deployment, bob_client: Client, charlie_client: Client
) -> None:
    address = f"/a/acme/production/deployments/{deployment.pk}/correction/"
    assert charlie_client.post(address, {"verdict": "failed"}).status_code == 404
    assert bob_client.post(address, {"verdict": "odd"}, headers=JSON).status_code == 400
    Deployment.objects.update(is_rollback=True)
    reply = bob_client.post(address, {"verdict": "failed"}, headers=JSON)
    assert reply.status_code == 400
    assert "cannot have failed" in reply.json()["message"]
    assert not Deployment.objects.filter(is_failed=True).exists()


def test_more_production_environments_cause_a_recount(
    shop: Repository,
    alice_client: Client,
    bob_client: Client,
    django_capture_on_commit_callbacks: Any,
) -> None:
    make_application(shop, "eu-west")
    page = alice_client.get("/a/acme/settings/").content.decode()
    assert "More environments of production" in page
    team = shop.team
    form = {
        "name": team.name,
        "timezone": team.timezone,
        "audit_days": team.audit_days,
        "production_environments": "eu-*",
    }
    with django_capture_on_commit_callbacks(execute=True):
        assert alice_client.post("/a/acme/settings/", form).status_code == 302
    team.refresh_from_db()
    assert team.production_environments == ["eu-*"]
    assert Production.objects.get(repository=shop).is_recount_due
    assert "eu-*" in bob_client.get("/a/acme/settings/").content.decode()
    assert "eu-*" in bob_client.get("/a/acme/how-we-count/").content.decode()
