"""Webhook deliveries are stored as ids alone, and deleted data is not in the files either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from apps.integrations.hooks import essence
from apps.integrations.models import Hook, TrackedRepository, WebhookDelivery
from apps.integrations.tests import github as small
from apps.integrations.tests.hooked import post
from apps.integrations.tests.stage import ago, set_up, work
from apps.metrics.models import PullRequest
from apps.teams.models import Team
from github_simulator.testing import Running

SAID = "Grace wrote this about Hopper"


def payload(number: int = 7) -> dict[str, Any]:
    """A payload of GitHub's, with many texts of people."""
    grace = {"login": "grace", "id": small.GRACE, "url": "https://github.com/grace"}
    pull = {"number": number, "node_id": "PR_7", "updated_at": "2026-09-01T00:00:00Z"}
    pull |= {"title": SAID, "body": SAID * 400, "user": grace, "merged_by": grace}
    comment = {"updated_at": "2026-09-01T00:00:01Z", "body": SAID, "diff_hunk": f"+ {SAID}"}
    place = {"id": 1, "full_name": "acme/shop", "owner": {"login": "acme"}, "description": SAID}
    payload = {"pull_request": pull, "comment": comment, "repository": place, "sender": grace}
    return {"action": "edited", **payload}


def test_it_works() -> None:
    kept = json.loads(essence.reduce_payload("pull_request", json.dumps(payload())))
    assert kept == {
        "action": "edited",
        "pull_request": {"number": 7, "node_id": "PR_7", "updated_at": "2026-09-01T00:00:00Z"},
        "comment": {"updated_at": "2026-09-01T00:00:01Z"},
        "repository": {"id": 1},
    }


@pytest.mark.parametrize("odd", ["", "null", "[]", "{", "[" * 100_000, '{"action": {"a": 1}}'])
def test_a_payload_that_is_no_object_stores_nothing(odd: str) -> None:
    assert essence.reduce_payload("pull_request", odd) in ("null", "{}")


def test_a_revoked_authorizations_user_is_known_until_it_is_handled() -> None:
    payload = json.dumps({"action": "revoked", "sender": {"id": 4, "login": "grace"}})
    assert json.loads(essence.reduce_payload("github_app_authorization", payload))["sender"] == {
        "id": 4
    }


@pytest.mark.django_db(transaction=True)
def test_nothing_of_a_person_is_left_in_any_file(
    team: Team, github: Running, alice_client: Client, settings: Settings
) -> None:
    stage = set_up(team, github)
    shop = stage.track("shop")
    shop.open(ago(days=1), by=small.GRACE, title="Quick work")
    stage.sync()
    hook = Hook.objects.create(
        host=github.url, github_repo_id=shop.repository.id, hook_id=5, secret="it's a secret"
    )
    TrackedRepository.objects.update(hook=hook)
    body = json.dumps({**payload(), "repository": {"id": shop.repository.id, "name": SAID}})
    post(alice_client, body.encode(), hook=hook, guid="one")
    [waiting] = WebhookDelivery.objects.all()
    assert 7 * len(_raw(waiting)) < len(body)
    work()
    assert _raw(WebhookDelivery.objects.get()) == ""
    assert PullRequest.objects.filter(author_login="grace").exists()
    alice_client.post(
        f"/a/acme/people/{small.GRACE}/data/", {"_method": "delete", "confirm": "grace"}
    )
    work()
    assert not PullRequest.objects.filter(author_login="grace").exists()
    for needle in (SAID, '"grace"'):
        assert needle not in "\n".join(dump())
    if connection.vendor == "sqlite":
        for file in Path(settings.DATABASES["default"]["NAME"]).parent.glob("*sqlite3*"):
            assert SAID.encode() not in file.read_bytes(), file


@pytest.mark.django_db(transaction=True)
def test_a_deleted_repository_leaves_no_delivery(
    team: Team, github: Running, alice_client: Client
) -> None:
    stage = set_up(team, github)
    shop = stage.track("shop")
    stage.sync()
    hook = Hook.objects.create(host=github.url, organization_id=small.ACME, hook_id=5, secret="s")
    WebhookDelivery.objects.create(
        hook=hook, guid="one", event="push", received_at=ago(), github_repo_id=shop.repository.id
    )
    body = {"delete_data": True}
    alice_client.delete("/a/acme/integrations/github/disconnect/", body, "application/json")
    work()
    assert not WebhookDelivery.objects.exists()


def _raw(row: WebhookDelivery) -> str:
    """The payload as stored in the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT payload FROM integrations_webhookdelivery WHERE id = %s", [row.pk])
        return str(cursor.fetchone()[0])


def dump() -> list[str]:
    """Every row of every table, as text."""
    lines = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            lines += [json.dumps(row, default=str) for row in cursor.fetchall()]
    return lines
