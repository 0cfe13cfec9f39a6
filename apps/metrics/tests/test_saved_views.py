"""Saved views: lists of the explorer that a team shares."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.metrics.models import SavedView
from apps.metrics.tests.factories import make_pull_request, make_repository
from apps.teams.models import Team

pytestmark = pytest.mark.django_db
PULLS = "/a/acme/pull-requests/"
VIEWS = "/a/acme/views/"
JSON = {"Accept": "application/json"}
QUERY = "range=12m&q=cart&sort=-lines&columns=title%2Clines&unknown=1"


@pytest.fixture(autouse=True)
def shop(team: Team) -> None:
    day = timezone.now() - timedelta(days=3)
    make_pull_request(make_repository(team), opened_at=day, title="Handle empty carts")


def save(client: Client, name: str = "Carts", query: str = QUERY) -> SavedView:
    assert (
        client.post(VIEWS, {"name": name, "query": query.replace("&after=x", "")}).status_code
        == 302
    )
    found: SavedView = SavedView.objects.get(name=name)
    return found


def test_it_works(bob_client: Client, alice_client: Client) -> None:
    view = save(bob_client)
    assert "Carts" in alice_client.get(PULLS).content.decode()
    reply = alice_client.get(f"{VIEWS}{view.pk}/", follow=True)
    page = " ".join(reply.content.decode().split())
    assert reply.request["QUERY_STRING"] == "range=12m&sort=-lines&q=cart&columns=title%2Clines"
    assert "<strong>1</strong> pull request</span> with “cart”" in page
    [row] = alice_client.get(VIEWS, headers=JSON).json()["views"]
    assert (row["name"], row["made_by"]) == ("Carts", "bob@example.com")


def test_a_name_is_taken_once(alice_client: Client, bob_client: Client) -> None:
    save(alice_client)
    reply = bob_client.post(VIEWS, {"name": " carts ", "query": ""})
    assert reply.status_code == 422
    assert "There is a view called carts already." in reply.content.decode()
    assert SavedView.objects.get().query.startswith("range=12m")


@pytest.mark.parametrize(
    ("name", "query"),
    [("", ""), ("x" * 101, ""), ("Ok", "repo=acme/none"), ("Ok", "sort=x"), ("Ok", "since=x")],
)
def test_invalid_views_are_refused(name: str, query: str, alice_client: Client) -> None:
    assert alice_client.post(VIEWS, {"name": name, "query": query}).status_code == 422
    assert not SavedView.objects.exists()


def test_a_refused_name_is_reported_at_its_field(alice_client: Client) -> None:
    save(alice_client, "<b>Carts")
    given = {"name": "<b>Carts", "query": QUERY}
    refusal = alice_client.post(VIEWS, given, headers={"HX-Request": "true"}).content.decode()
    assert refusal == "There is a view called &lt;b&gt;Carts already."
    given["name"] = "Others"
    reply = alice_client.post(VIEWS, given, headers={"HX-Request": "true"})
    assert "/pull-requests/?" in reply["HX-Redirect"]


def test_its_author_and_admins_change_it(alice_client: Client, bob_client: Client) -> None:
    hers, his = save(alice_client, "Hers"), save(bob_client, "His")
    assert bob_client.post(f"{VIEWS}{hers.pk}/", {"name": "Mine"}).status_code == 403
    assert bob_client.delete(f"{VIEWS}{hers.pk}/").status_code == 403
    page = bob_client.get(VIEWS).content.decode()
    assert 'Change<span class="visually-hidden"> His</span>' in page
    assert 'Change<span class="visually-hidden"> Hers</span>' not in page
    assert bob_client.post(f"{VIEWS}{his.pk}/", {"name": "Hers"}).status_code == 422
    assert bob_client.post(f"{VIEWS}{his.pk}/", {"name": "Renamed"}).status_code == 302
    assert alice_client.post(f"{VIEWS}{his.pk}/", {"_method": "delete"}).status_code == 302
    assert alice_client.delete(f"{VIEWS}{hers.pk}/").status_code == 204
    assert not SavedView.objects.exists()
    actions = AuditEvent.objects.filter(action__startswith="view.").values_list("action", flat=True)
    assert sorted(actions) == [
        *("view.deleted", "view.deleted", "view.renamed", "view.saved", "view.saved")
    ]


def test_charlie_learns_nothing(alice_client: Client, charlie_client: Client) -> None:
    view = save(alice_client)
    for path in (VIEWS, f"{VIEWS}{view.pk}/"):
        assert charlie_client.get(path).status_code == 404
    assert charlie_client.post(VIEWS, {"name": "x"}).status_code == 404
    assert charlie_client.delete(f"{VIEWS}{view.pk}/").status_code == 404


def test_no_such_view(alice_client: Client) -> None:
    assert alice_client.get(f"{VIEWS}999/").status_code == 404
