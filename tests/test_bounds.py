"""The database itself limits what users write, on both kinds, whatever a form lets through."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction
from django.test import Client

from apps.metrics.models import SavedView
from apps.teams.models import MOST_OF_A_QUERY, Team
from apps.users.models import User

TEXTS = (models.CharField, models.TextField, models.JSONField)
APPS = ("users", "teams", "audit")
MODELS = [*(each for app in APPS for each in apps.get_app_config(app).get_models()), SavedView]
# Written by the program, or hashes.
OURS = {("session", "session_key"), ("attempts", "name"), ("team", "figures_key")}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_it_works(model: type[models.Model]) -> None:
    """Every field that holds text has a limit of its own."""
    names = {each.name for each in model._meta.constraints}
    kind = model._meta.model_name
    texts = [field.name for field in model._meta.concrete_fields if isinstance(field, TEXTS)]
    free = [name for name in texts if (kind, name) not in OURS]
    assert [name for name in free if f"{kind}_{name}_bounded" not in names] == []


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("teams_team", "name", "x" * 101),
        ("teams_team", "hotfix_labels", f'["{"x" * 125_000}"]'),
        ("teams_team", "audit_days", 1),
        ("teams_membership", "last_filter", "x" * 4_001),
        ("users_user", "first_name", "x" * 151),
        ("users_user", "email", f"{'x' * 250}@example.com"),
        ("metrics_savedview", "name", "x" * 101),
        ("metrics_savedview", "query", "x" * 4_001),
    ],
)
def test_the_database_refuses(team: Team, alice: User, table: str, column: str, value: Any) -> None:
    SavedView.objects.create(team=team, name="Mine", query="q=x", made_by=alice)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = %s", [value])


def test_a_view_that_is_too_long_is_refused_and_nothing_is_stored(
    team: Team, alice_client: Client
) -> None:
    form = {"name": "Huge", "query": f"q={'x' * 5_000_000}"}
    reply = alice_client.post("/a/acme/views/", form)
    assert reply.status_code in (413, 422), reply.content[:300]
    form = {"name": "Long", "query": f"q={'x' * (MOST_OF_A_QUERY + 1)}"}
    reply = alice_client.post("/a/acme/views/", form)
    assert reply.status_code == 422
    assert not SavedView.objects.exists()


def test_a_page_to_go_on_to_is_bounded(alice: User) -> None:
    """What waits in a stranger's session is stored, too."""
    client = Client()
    client.get("/accounts/login/", {"next": "/" + "x" * 3_000})
    form = {"login": alice.email, "password": "wrong", "next": "/" + "x" * 500_000}
    assert client.post("/accounts/login/", form).status_code == 200
