"""`/api/v1/`: the same figures as the pages, for programs with a key of the team."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.metrics.api.operations import api
from apps.metrics.models import PullRequest, Repository, TeamMember
from apps.metrics.tests.factories import Review, make_member, make_pull_request, make_repository
from apps.teams.models import ApiKey, Membership, Team
from apps.users.models import User

pytestmark = pytest.mark.django_db
API = "/api/v1"
KEYS = "/a/acme/settings/api-keys/"
JSON = {"Accept": "application/json"}
UNKNOWN = "This key is unknown or was revoked, or its owner may not enter the team."


def make_key(client: Client, page: str = KEYS) -> str:
    """Creates a key on the page, and copies it as a person would."""
    text = client.post(page, {"name": "Wallboard"}).content.decode()
    found = re.search(r"tfk_[\w-]{40,}", text)
    assert found
    return found[0]


def ask(path: str, key: str, **query: Any) -> Any:
    return Client().get(API + path, query, headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def shop(team: Team) -> Repository:
    """A repository with three merged pull requests and an open one."""
    repository = make_repository(team)
    bob = make_member(team, "bob")
    alice = make_member(team, "alice")
    for days in (3, 5, 9):
        make_pull_request(
            repository,
            author=alice,
            opened_at=timezone.now().replace(microsecond=0) - timedelta(days=days),
            commits=[-2, 3],
            reviews=[Review(bob, 5)],
            events=[("merged", 10)],
            title=f"Change {days}",
        )
    return repository


@pytest.fixture
def key(alice_client: Client, team: Team) -> str:
    return make_key(alice_client)


def test_it_works(shop: Repository, key: str, alice_client: Client) -> None:
    page = alice_client.get("/a/acme/", headers=JSON).json()
    reply = ask("/overview", key).json()
    assert reply["figures"]["merged"] == 3
    assert {name: reply[name] for name in ("figures", "previous", "series")} == {
        name: page[name] for name in ("figures", "previous", "series")
    }


def test_rows_are_those_of_the_export(shop: Repository, key: str, alice_client: Client) -> None:
    lines = b"".join(
        alice_client.get("/a/acme/pull-requests/", {"format": "jsonl"}).streaming_content  # type: ignore[attr-defined]
    )
    exported = [json.loads(line) for line in lines.decode().splitlines()]
    reply = ask("/pull-requests", key).json()
    assert reply["count"] == 3
    assert reply["pull_requests"] == exported
    one = exported[0]
    whole = ask(f"/pull-requests/{one['repository']}/{one['number']}", key).json()
    timeline = whole.pop("timeline")
    assert whole == one
    assert [mark["kind"] for mark in timeline][:2] == ["commit", "opened"]


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/overview", ""),
        ("/flow", "flow/"),
        ("/review-figures", "reviews/"),
        ("/compare/repositories", "compare/repositories/"),
        ("/compare/people", "compare/people/"),
    ],
)
def test_figures_are_those_of_the_page(
    path: str, page: str, shop: Repository, key: str, alice_client: Client
) -> None:
    query = {"range": "4w", "person": "alice"}
    shown = alice_client.get(f"/a/acme/{page}", query, headers=JSON).json()
    assert ask(path, key, **query).json() == shown


@pytest.mark.parametrize(
    ("path", "query", "known"),
    [
        ("/overview", {"repository": "acme/shop"}, "choose from: base, bots, group, label"),
        ("/pull-requests", {"page": "2"}, "choose from: after, base, before"),
        ("/reviews", {"person": "alice"}, "choose from: after, repo."),
        ("/members", {"q": "ali"}, "There is no parameter “q” here."),
    ],
)
def test_an_unknown_parameter(
    path: str, query: dict[str, str], known: str, shop: Repository, key: str
) -> None:
    reply = ask(path, key, **query)
    assert reply.status_code == 400
    assert known in reply.json()["errors"][0]


def test_a_repository_and_a_person(shop: Repository, key: str, alice_client: Client) -> None:
    bob = TeamMember.objects.get(github_username="bob")
    for path, page in (
        (f"/compare/repositories/{shop.github_repo_id}", f"repositories/{shop.github_repo_id}/"),
        (f"/compare/people/{bob.github_id}", f"people/{bob.github_id}/"),
    ):
        shown = alice_client.get(f"/a/acme/{page}?range=4w", headers=JSON).json()
        answer = ask(path, key, range="4w").json()
        assert answer == {name: shown[name] for name in answer}
    assert answer["reviews_given"] == 3
    assert ask(f"/compare/people/{10**30}", key).status_code == 404


def test_figures_on_others_that_a_team_keeps_private(
    shop: Repository, team: Team, bob_client: Client
) -> None:
    key = make_key(bob_client)
    alice = TeamMember.objects.get(github_username="alice")
    Team.objects.filter(pk=team.pk).update(are_people_private=True)
    assert ask(f"/compare/people/{alice.github_id}", key).status_code == 403
    assert ask("/compare/people", key).json()["people"] == []


def test_saved_views_and_freshness(shop: Repository, key: str, alice_client: Client) -> None:
    alice_client.post("/a/acme/views/", {"name": "Mine", "query": "q=change"})
    [view] = ask("/views", key).json()
    assert view["name"] == "Mine"
    assert ask("/pull-requests", key, q="change 3").json()["count"] == 1
    assert ask("/freshness", key).json()["fetched_at"]


def test_unchanged_data_is_not_sent_again(shop: Repository, key: str) -> None:
    for path in ("/overview", "/pull-requests", "/members", "/team"):
        etag = ask(path, key).headers["ETag"]
        headers = {"Authorization": f"Bearer {key}", "If-None-Match": etag}
        again = Client().get(API + path, headers=headers)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == etag
    etag = ask("/overview", key).headers["ETag"]
    make_pull_request(shop, opened_at=timezone.now() - timedelta(days=1))
    assert ask("/overview", key).headers["ETag"] != etag
    headers = {"Authorization": "Bearer tfk_wrong", "If-None-Match": etag}
    assert Client().get(f"{API}/overview", headers=headers).status_code == 401


def test_pages_lead_back(shop: Repository, key: str) -> None:
    for days in range(60):
        make_pull_request(shop, opened_at=timezone.now() - timedelta(hours=days + 12))
    first = ask("/pull-requests", key).json()
    second = ask("/pull-requests", key, after=first["next"]).json()
    assert (first["previous"], second["next"]) == (None, None)
    back = ask("/pull-requests", key, before=second["previous"]).json()
    assert back["pull_requests"] == first["pull_requests"]


def test_a_key_that_asks_too_much_waits(
    shop: Repository, key: str, alice_client: Client, settings: Settings
) -> None:
    caches["counts"].clear()  # the keys of earlier tests had the same ids
    settings.API_RATE_LIMIT = 2
    other = make_key(alice_client)
    answers = [ask("/team", key) for _ in range(6)]
    refused = [each for each in answers if each.status_code == 429]
    assert len(refused) >= 2  # six requests span at most two minutes
    assert 0 < int(refused[0].headers["Retry-After"]) <= 60
    assert "2 times a minute" in refused[0].json()["errors"][0]
    assert ask("/team", other).status_code == 200


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/team", {}, 401),
        ("/overview", {"since": "soon"}, 400),
        ("/pull-requests/acme/none/1", {}, 404),
        ("/pull-requests/acme/none/x", {}, 400),
        ("/nothing", {}, 404),
    ],
)
def test_errors_are_sentences(
    path: str, query: dict[str, str], status: int, shop: Repository, key: str
) -> None:
    reply = ask(path, "" if status == 401 else key, **query)
    assert reply.status_code == status
    assert reply.json()["errors"][0].endswith(".")


@pytest.mark.parametrize("path", ["/team", "/pull-requests", "/openapi.json", "/nothing", "/"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_writing_is_refused_with_a_sentence(path: str, method: str) -> None:
    reply = Client(enforce_csrf_checks=True).generic(method, API + path)
    assert reply.status_code == (404 if path == "/nothing" else 405)
    assert reply.json()["errors"][0].endswith(".")


def test_the_root_is_not_found(client: Client) -> None:
    reply = client.get(f"{API}/")
    assert reply.status_code == 404
    assert reply.json() == {"errors": ["There is no /api/v1/."]}


def test_lists_go_on_to_their_end(shop: Repository, key: str) -> None:
    assert len(ask("/reviews", key).json()["reviews"]) == 3
    assert len(ask("/commits", key).json()["commits"]) == 6
    assert [row["login"] for row in ask("/members", key).json()] == ["bob", "alice"]
    assert [row["full_name"] for row in ask("/repositories", key).json()] == ["acme/shop"]
    assert ask("/team", key).json()["slug"] == "acme"


@pytest.mark.parametrize("path", ["/overview", "/pull-requests", "/reviews", "/members", "/team"])
@pytest.mark.parametrize("wrong", ["", "tfk_wrong", "x" * 5000, "a\x00b"])
def test_without_a_key_nothing(shop: Repository, path: str, wrong: str) -> None:
    reply = ask(path, wrong)
    assert reply.status_code == 401
    said = UNKNOWN if wrong else "Send a key of the team: “Authorization: Bearer tfk_…”."
    assert reply.json() == {"errors": [said]}


def test_a_key_opens_its_own_team_only(shop: Repository, bob: User, bob_client: Client) -> None:
    other = Team.objects.create(name="Other", slug="other")
    Membership.objects.create(team=other, user=bob)
    key = make_key(bob_client, "/a/other/settings/api-keys/")
    assert ask("/overview", key).json()["figures"]["merged"] == 0
    number = PullRequest.objects.values_list("number", flat=True)[0]
    assert ask(f"/pull-requests/acme/shop/{number}", key).status_code == 404
    assert ask("/reviews", key).json() == {"reviews": [], "next": None}
    assert ask("/overview", key, repo="acme/shop").status_code == 400


def test_a_revoked_key_is_closed(shop: Repository, key: str, alice_client: Client) -> None:
    row = ApiKey.objects.get()
    assert key not in (row.key_hash, row.prefix)
    alice_client.post(f"{KEYS}{row.pk}/revoke/")
    reply = ask("/overview", key)
    assert (reply.status_code, reply.json()) == (401, {"errors": [UNKNOWN]})


def test_a_key_ends_with_its_owners_membership(key: str, alice: User, team: Team) -> None:
    Membership.objects.filter(user=alice).delete()
    assert ask("/team", key).status_code == 401


def test_a_team_that_is_being_deleted_answers_no_more(key: str, team: Team) -> None:
    Team.objects.filter(pk=team.pk).update(deleting_since=timezone.now())
    assert ask("/overview", key).status_code == 401


def test_the_key_is_shown_once(key: str, alice_client: Client) -> None:
    assert key not in alice_client.get(KEYS).content.decode()


def test_others_keys(key: str, bob_client: Client, charlie_client: Client) -> None:
    row = ApiKey.objects.get()
    assert row.name not in bob_client.get(KEYS).content.decode()
    assert bob_client.post(f"{KEYS}{row.pk}/revoke/").status_code == 404
    assert charlie_client.get(KEYS).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {"since": "2026-02-31", "until": "2026-01-01", "range": "dates"},
        {"repo": "acme/none"},
        {"sort": "secret"},
        {"after": "not-a-cursor"},
    ],
)
def test_invalid_filters_are_reported(shop: Repository, key: str, query: dict[str, str]) -> None:
    reply = ask("/pull-requests", key, **query)
    assert reply.status_code == 400
    assert reply.json()["errors"]


@pytest.mark.parametrize(
    ("said", "merged"),
    [(None, 3), ("0", 3), ("no", 3), ("off", 3), ("False", 3), ("1", 4), ("True", 4), ("on", 4)],
)
def test_bots_are_in_or_out_as_the_program_says(
    shop: Repository, key: str, alice_client: Client, said: str | None, merged: int
) -> None:
    robot = make_member(shop.team, "robot", is_bot=True)
    make_pull_request(shop, author=robot, opened_at=timezone.now() - timedelta(days=3))
    query = {"bots": said} if said else {}
    page = alice_client.get("/a/acme/", query, headers=JSON).json()
    reply = ask("/overview", key, **query).json()
    assert page["figures"]["merged"] == reply["figures"]["merged"] == merged
    assert page["bots"] is reply["bots"] is (merged == 4)


def test_bots_take_no_other_value(shop: Repository, key: str, alice_client: Client) -> None:
    assert ask("/overview", key, bots="2").status_code == 400
    page = alice_client.get("/a/acme/", {"bots": "2"}, headers=JSON)
    assert page.status_code == 400
    assert page.json() == {"errors": ["Bots are 1 (in) or 0 (out)."]}


def test_the_description(client: Client) -> None:
    described = client.get(f"{API}/openapi.json").json()
    assert f"{API}/pull-requests" in described["paths"]
    page = client.get(f"{API}/docs").content.decode()
    assert all(path in page for path in described["paths"])
    assert "cycle_time" in page


def test_the_description_is_made_once() -> None:
    """It takes a third of a second, and needs no key."""
    assert api.get_openapi_schema() is api.get_openapi_schema(path_params={})
