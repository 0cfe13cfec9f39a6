"""The filter bar: the selection stays in the URL, and is remembered for its user."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.metrics.models import Repository, TeamMember
from apps.metrics.tests.factories import make_member, make_pull_request, make_repository
from apps.teams.models import Membership, Team
from apps.users.models import User

pytestmark = pytest.mark.django_db
HOME = "/a/acme/"
PULLS = "/a/acme/pull-requests/"
FILTERS = "/a/acme/filters/"
OPTIONS = f"{FILTERS}options/?kind="
JSON = {"Accept": "application/json"}


@pytest.fixture(autouse=True)
def shop(team: Team) -> Repository:
    repository = make_repository(team)
    alice = make_member(team, "alice")
    for days in (3, 200):
        make_pull_request(
            repository,
            author=alice,
            opened_at=timezone.now() - timedelta(days=days),
            fields={"labels": ["bug", "a,b"], "base_branch": "release/1"},
        )
    return repository


def choose(client: Client, **data: object) -> str:
    """Sends the bar's form; returns where it redirects to."""
    reply = client.post(FILTERS, {"path": HOME, **data})
    assert reply.status_code == 302
    return reply.headers["Location"]


def test_it_works(alice_client: Client) -> None:
    there = choose(alice_client, range="12m", person="alice", label="a,b", since="", until="")
    assert there == f"{HOME}?range=12m&person=alice&label=a%2Cb"
    page = alice_client.get(there).content.decode()
    assert "only by alice" in page
    assert "Pages open with this filter for you" in page
    assert "compared with" in page


def test_the_last_filter_opens_every_page(alice_client: Client, bob_client: Client) -> None:
    choose(alice_client, range="12m", person="alice")
    for path in (HOME, PULLS, f"{HOME}flow/", f"{HOME}reviews/"):
        reply = alice_client.get(path)
        assert reply.headers["Location"] == f"{path}?range=12m&person=alice"
        assert bob_client.get(path).status_code == 200
    assert alice_client.get(HOME, headers=JSON).json()["range"]["name"] == "3m"


def test_dates_the_wrong_way_round_are_swapped(alice_client: Client) -> None:
    late, early = ((timezone.now() - timedelta(days=days)).date().isoformat() for days in (20, 90))
    asked = {"since": late, "until": early}
    found = alice_client.get(HOME, asked, headers=JSON).json()["range"]
    assert (found["since"], found["until"]) == (early, late)


def test_a_link_wins_and_changes_nothing(alice_client: Client) -> None:
    choose(alice_client, range="12m")
    page = alice_client.get(f"{HOME}?range=4w").content.decode()
    assert "This filter came with a link." in page
    assert alice_client.get(HOME).headers["Location"] == f"{HOME}?range=12m"


def test_it_can_be_forgotten(alice_client: Client) -> None:
    there = choose(alice_client, range="12m")
    assert 'name="forget"' in alice_client.get(there).content.decode()
    assert choose(alice_client, forget="1") == HOME
    assert alice_client.get(HOME).status_code == 200


def test_it_is_kept_for_each_team(alice_client: Client, alice: User) -> None:
    other = Team.objects.create(name="Other", slug="other")
    Membership.objects.create(team=other, user=alice)
    make_pull_request(make_repository(other), opened_at=timezone.now() - timedelta(days=2))
    choose(alice_client, range="12m")
    assert alice_client.get("/a/other/").status_code == 200


def test_a_new_filter_keeps_what_else_a_list_shows(alice_client: Client) -> None:
    there = choose(
        alice_client, path=PULLS, range="12m", state="opened", q="add", columns="title,labels"
    )
    assert there == f"{PULLS}?range=12m&state=opened&q=add&columns=title%2Clabels"


def test_errors_are_reported_and_nothing_else_is_lost(alice_client: Client) -> None:
    there = choose(alice_client, range="12m", repo=["acme/shop", "acme/none"], since="soon")
    assert "acme%2Fnone" in there
    reply = alice_client.get(there)
    page = reply.content.decode()
    assert reply.status_code == 400
    assert "There is no repository “acme/none” here." in page
    assert "Write dates as 2026-01-31." in page
    assert 'value="acme/shop" checked' in page
    assert 'value="12m" data-submit-on-change checked' in page
    assert alice_client.get(HOME).status_code == 200


def test_a_remembered_filter_continues_without_deleted_values(
    alice_client: Client, team: Team, shop: Repository
) -> None:
    make_pull_request(make_repository(team, "acme/old"), opened_at=timezone.now())
    there = choose(alice_client, range="12m", repo=["acme/shop", "acme/old"])
    Repository.objects.filter(full_name="acme/old").delete()
    page = alice_client.get(HOME, follow=True)
    assert page.redirect_chain == [(there, 302), (f"{HOME}?range=12m&repo=acme%2Fshop", 302)]
    sentence = "There is no repository “acme/old” here. Your last filter continues without it."
    assert sentence in page.content.decode()
    again = alice_client.get(PULLS, follow=True)
    assert again.redirect_chain == [(f"{PULLS}?range=12m&repo=acme%2Fshop", 302)]
    assert sentence not in again.content.decode()


@pytest.mark.parametrize(
    "path", ["https://evil.example/", "//evil.example", "http://[::1", "/a/other/", "x", ""]
)
def test_it_leads_nowhere_else(path: str, alice_client: Client) -> None:
    assert choose(alice_client, path=path, range="12m") == f"{HOME}?range=12m"


def test_others_cannot(charlie_client: Client, client: Client) -> None:
    assert charlie_client.post(FILTERS, {"range": "12m"}).status_code == 404
    assert charlie_client.get(f"{OPTIONS}repo").status_code == 404
    assert client.post(FILTERS, {"range": "12m"}).status_code == 302


def test_long_lists_are_looked_up(team: Team, alice_client: Client) -> None:
    """As large as a company: the page stays small, and everyone can be found."""
    for number in range(500):
        Repository.objects.create(
            team=team, github_repo_id=10**6 + number, full_name=f"acme/r{number}"
        )
    TeamMember.objects.bulk_create(
        TeamMember(team=team, github_id=10**6 + n, github_username=f"p{n}", name=f"Name {n}")
        for n in range(300)
    )
    page = alice_client.get(f"{HOME}?repo=acme/r499").content
    assert len(page) < 150_000
    assert b'value="acme/r499" checked' in page
    assert b"50 of 501; type to find the others." in page
    found = alice_client.get(f"{OPTIONS}person&person=name+29").content.decode()
    assert "11 of 301" in found
    assert 'value="p299"' in found
    for kind, names in (("base", ["release/1"]), ("label", ["a,b", "bug"])):
        reply = alice_client.get(f"{OPTIONS}{kind}", headers=JSON).json()
        assert sorted(reply["options"]) == names
    assert "as typed" in alice_client.get(f"{OPTIONS}label&label=new").content.decode()
    assert alice_client.get(f"{OPTIONS}none").status_code == 404


@pytest.mark.parametrize("path", [HOME, f"{HOME}flow/", f"{HOME}reviews/"])
@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("1990-01-01", "2199-12-31"),
        ("1990-01-01", ""),
        ("", "2199-12-31"),
        ("1990-01-01", "1990-12-31"),
        ("2199-01-01", "2199-12-31"),
    ],
)
def test_a_range_ends_where_the_data_ends(
    path: str, since: str, until: str, alice_client: Client
) -> None:
    """Weeks beyond the data would each cost time, and show nothing."""
    whole = alice_client.get(path, {"range": "all"})
    reply = alice_client.get(path, {"range": "dates", "since": since, "until": until})
    assert reply.status_code == whole.status_code == 200
    assert len(reply.content) < len(whole.content) + 3_000
