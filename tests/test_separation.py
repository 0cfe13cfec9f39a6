"""Who may open what: every URL × every kind of visitor, and nothing of another team."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.db import transaction
from django.http.response import HttpResponseBase
from django.test import Client, override_settings
from pytest_django import DjangoDbBlocker

from apps.teams.models import Membership, Team
from apps.users.models import User
from conftest import signed_in
from tests.addresses import DOORS, RULES, TEAM, For, Rule, routes, rule_of
from tests.answers import text_of
from tests.two_teams import SHARED, Belongings, belongings, undone

VISITORS = ("signed out", "outsider", "member", "admin", "neighbour", "staff")
REFUSED = (401, 403, 404)
OURS = [route for route in RULES if not route.startswith("accounts/^")]
OF_A_TEAM = [route for route in RULES if route.startswith(TEAM)]


@dataclass(frozen=True)
class Town:
    """Acme and Beta, who track the same repository, and every kind of visitor."""

    acme: Belongings
    beta: Belongings
    clients: dict[str, Client]


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Town]:
    """A town, built once; a test's changes are rolled back to this state."""
    nobody_answers = override_settings(GITHUB_URL="http://127.0.0.1:1")
    with django_db_blocker.unblock(), nobody_answers, transaction.atomic():
        yield _build()
        transaction.set_rollback(True)


@pytest.fixture
def town(built: Town, db: None) -> Town:
    """The town with browsers of this test's own."""
    clients = {visitor: Client() for visitor in VISITORS}
    for visitor, client in clients.items():
        client.cookies.update(built.clients[visitor].cookies)
    return replace(built, clients=clients)


def _build() -> Town:
    names = ("alice", "bob", "charlie", "dana")
    alice, bob, charlie, dana = (User.objects.create(email=f"{n}@example.com") for n in names)
    staff = User.objects.create(email="staff@example.com", is_staff=True, is_superuser=True)
    acme = Team.objects.create(name="Acme", slug="acme")
    beta = Team.objects.create(name="Beta", slug="beta")
    Membership.objects.create(team=acme, user=alice, role=Membership.Role.ADMIN)
    Membership.objects.create(team=acme, user=bob, role=Membership.Role.MEMBER)
    Membership.objects.create(team=beta, user=dana, role=Membership.Role.ADMIN)
    clients = {
        "signed out": Client(),
        "outsider": signed_in(charlie),
        "member": signed_in(bob),
        "admin": signed_in(alice),
        "neighbour": signed_in(dana),
        "staff": signed_in(staff),
    }
    return Town(belongings(acme, bob, 1_000), belongings(beta, dana, 2_000), clients)


def test_it_works(town: Town) -> None:
    assert town.clients["admin"].get("/a/acme/").status_code == 200
    assert town.clients["neighbour"].get("/a/acme/").status_code == 404


def test_every_address_has_a_rule() -> None:
    without = [route for route in routes() if rule_of(route) is None]
    assert without == [], "add each to RULES in tests/addresses.py: who may use it?"


def test_every_rule_has_an_address() -> None:
    assert sorted(set(RULES) - set(routes())) == []


def _cases() -> Iterator[Any]:
    for route in OURS:
        for method in RULES[route].methods:
            yield pytest.param(route, method, id=f"{method} /{route}")


def _ask(client: Client, method: str, path: str, data: Any = None, **more: Any) -> HttpResponseBase:
    if method == "GET":
        return client.get(path, data or {}, **more)
    if method == "POST":
        return client.post(path, data or {}, **more)
    return client.generic(method, path, **more)


@pytest.mark.parametrize(("route", "method"), list(_cases()))
def test_visitors(town: Town, route: str, method: str) -> None:
    """And nobody of Acme sees anything of the other team, which tracks the same repository."""
    rule, path = RULES[route], town.acme.path(route)
    accept = {"accept": "application/json"}
    for visitor, client in town.clients.items():
        with undone():
            page = _ask(client, method, path, rule.data)
            _check_page(rule, visitor, page)
            replies = [page]
            if rule.who in (For.MEMBER, For.ADMIN):
                replies.append(_ask(client, method, path, rule.data, headers=accept))
                _check_data(rule, visitor, replies[1], page)
            if route.startswith(TEAM) and visitor != "neighbour":
                assert not [each for each in replies if town.beta.mark in text_of(each)], visitor


def _check_page(rule: Rule, visitor: str, reply: HttpResponseBase) -> None:
    expected = _expected(rule, visitor)
    status = reply.status_code
    if expected == "sign in":
        assert status == 302, status
        assert reply["Location"].startswith("/accounts/login/")
    elif expected == "not theirs":
        assert status == 404 or "/accounts/reauthenticate/" in reply["Location"], status
    elif expected == "let in":
        assert status < 500, status
        if rule.who is not For.EVERYONE:
            assert status not in REFUSED, status
            assert not reply.get("Location", "").startswith("/accounts/login/")
    else:
        assert status == expected


def _check_data(rule: Rule, visitor: str, reply: HttpResponseBase, page: HttpResponseBase) -> None:
    expected = _expected(rule, visitor)
    if expected == "sign in":
        assert reply.status_code == 401
    elif expected != "let in":
        assert reply.status_code == expected
        assert reply["Content-Type"].startswith("application/json")
    else:
        # The page may have changed what the second request then does not find.
        assert reply.status_code not in (401, 500) or page.status_code == 302


def _expected(rule: Rule, visitor: str) -> int | str:
    if rule.who is For.EVERYONE:
        return "let in"
    if rule.who in (For.GITHUB, For.KEY):
        return 401
    if visitor == "signed out":
        return "sign in"
    if rule.who is For.SIGNED_IN:
        return "let in"
    if rule.who is For.OWNER:
        return "not theirs"
    if visitor in ("outsider", "neighbour", "staff"):
        return 404
    return 403 if rule.who is For.ADMIN and visitor == "member" else "let in"


@pytest.mark.parametrize("visitor", VISITORS[:-1])
def test_the_database_admin_is_for_staff(town: Town, visitor: str) -> None:
    client = town.clients[visitor]
    for route in routes():
        if not route.startswith("admin/") or route in DOORS:
            continue
        path = town.acme.path(route, app_label="x", content_type_id=1, object_id=1, id=1)
        reply = client.get(path)
        assert reply.status_code in (302, 403, 404), route
        assert reply.status_code != 302 or "login" in reply["Location"], route


def _with_ids() -> list[str]:
    return [route for route in OF_A_TEAM if "<" in route.removeprefix(TEAM)]


@pytest.mark.parametrize("route", _with_ids())
def test_ids_of_another_team_in_an_address(town: Town, route: str) -> None:
    theirs = town.beta.path(route, team="acme")
    for method in RULES[route].methods:
        for accept in ("text/html", "application/json"):
            reply = _ask(
                town.clients["admin"],
                method,
                theirs,
                RULES[route].data,
                headers={"accept": accept},
            )
            assert reply.status_code == 404, (method, theirs)


@pytest.mark.parametrize("route", [route for route in RULES if RULES[route].who is For.KEY])
def test_a_key_opens_its_own_team_only(town: Town, route: str) -> None:
    for mine, other in ((town.acme, town.beta), (town.beta, town.acme)):
        key = {"authorization": f"Bearer {mine.key}"}
        assert Client().get(mine.path(route), headers=key).status_code == 200
        theirs = Client().get(other.path(route), headers=key)
        assert other.mark not in theirs.content.decode()
        if "<" in route:
            assert theirs.status_code == 404


FORMS = [
    ("POST", "integrations/github/sync/", "repository", "github_repo_id"),
    ("POST", "integrations/github/disconnect/", "organization", "organization"),
    ("GET", "integrations/github/disconnect/", "organization", "organization"),
    ("POST", "integrations/github/connect/", "organization", "organization"),
    ("POST", "integrations/github/webhooks/organization/", "organization", "organization"),
]


@pytest.mark.parametrize(("method", "page", "field", "name"), FORMS)
def test_ids_of_another_team_in_a_form(
    town: Town, method: str, page: str, field: str, name: str
) -> None:
    data = {field: town.beta.ids[name], "_method": "delete" if "disconnect" in page else ""}
    reply = _ask(town.clients["admin"], method, f"/a/acme/{page}", data)
    assert reply.status_code == 404
    assert b"ofacmeonly" in town.clients["admin"].get("/a/acme/integrations/").content


def test_a_repository_of_another_team_cannot_be_tracked(town: Town) -> None:
    reply = town.clients["admin"].post(
        "/a/acme/integrations/github/repos/",
        {"repositories": [f"{town.beta.mark}/{town.beta.mark}"]},
        content_type="application/json",
        headers={"accept": "application/json"},
    )
    assert reply.status_code == 400
    assert reply.json()["error"] == "unknown_repositories"


QUERIES = ("repo={0}/{0}", "person={0}-login", "group={0}", "q={0}", "repository={0}/{0}")


@pytest.mark.parametrize("query", QUERIES)
def test_names_of_another_team_in_a_query(town: Town, query: str) -> None:
    """They find nothing: neither its figures nor whether it exists."""
    for page in (
        "",
        "pull-requests/",
        "reviews/",
        "flow/",
        "ai/",
        "people/",
        "integrations/github/repos/",
    ):
        there = town.clients["admin"].get(f"/a/acme/{page}?{query.format('ofbetaonly')}")
        nowhere = town.clients["admin"].get(f"/a/acme/{page}?{query.format('ofnobodyeh')}")
        assert there.status_code == nowhere.status_code
        assert b"ofbetaonly change" not in there.content
        assert b"ofbetaonly person" not in there.content


def test_stopping_a_shared_repository_stops_it_here_only(town: Town) -> None:
    path = f"/a/acme/integrations/github/repos/{SHARED}/"
    assert town.clients["admin"].delete(path).status_code == 204
    repositories = "/a/beta/integrations/github/repos/"
    page = town.clients["neighbour"].get(repositories, headers={"accept": "application/json"})
    tracked = {row["full_name"]: row["tracked"] for row in page.json()["repositories"]}
    assert tracked["common/shared"] is True
