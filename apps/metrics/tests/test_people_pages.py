"""Pages of one repository and one person: their content, and who may read them."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from statistics import median
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.metrics.calculations.facts import EventFact
from apps.metrics.models import Group, Note, PullRequest, Repository, SamePerson, TeamMember
from apps.metrics.pages.measures import MEASURES
from apps.metrics.tests.factories import (
    Review,
    make_member,
    make_pull_request,
    make_repository,
    make_team,
)
from apps.teams import api_keys
from apps.teams.models import Team
from apps.users.models import User

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}
MOST_QUERIES = 20


@pytest.fixture
def shop(team: Team) -> Repository:
    return make_repository(team)


@pytest.fixture
def people(team: Team) -> tuple[TeamMember, TeamMember, TeamMember]:
    """Ada, Ben and Cleo on GitHub."""
    ada, ben, cleo = (make_member(team, login) for login in ("ada", "ben", "cleo"))
    return ada, ben, cleo


@pytest.fixture
def work(shop: Repository, people: tuple[TeamMember, TeamMember, TeamMember]) -> list[PullRequest]:
    """Ada merged three, which Ben reviewed after 2, 4 and 9 hours; she reviewed one of Cleo's."""
    ada, ben, cleo = people
    begin = timezone.now().replace(microsecond=0) - timedelta(days=9)
    of_ada = [
        make_pull_request(
            shop,
            author=ada,
            opened_at=begin + timedelta(days=place),
            ended=10 + place,
            reviews=[Review(ben, hours, "commented"), Review(ben, hours + 0.5)],
            title=f"Ada's work {place}",
        )
        for place, hours in enumerate((2, 4, 9))
    ]
    of_cleo = make_pull_request(
        shop, author=cleo, opened_at=begin, ended=30, reviews=[Review(ada, 6)], title="Cleo's work"
    )
    return [*of_ada, of_cleo]


def page(person: TeamMember) -> str:
    return f"/a/acme/people/{person.github_id}/"


def signs_in_with_github(user: User, person: TeamMember) -> None:
    SocialAccount.objects.create(user=user, provider="github", uid=str(person.github_id))


def test_it_works(
    work: list[PullRequest], people: tuple[TeamMember, ...], bob_client: Client
) -> None:
    ada = people[0]
    answer = bob_client.get(page(ada), headers=JSON).json()
    assert answer["person"]["login"] == "ada"
    assert answer["figures"]["merged"] == 3
    cycle = median(row.cycle_time or 0 for row in work[:3])
    assert answer["figures"]["cycle_time"]["median"] == cycle
    assert (answer["reviews_given"], answer["reviews_received"]) == (1, 6)
    assert answer["response_time"]["median"] == 6 * 3600
    exchanged = {each["login"]: each for each in answer["reviewed_with"]}
    assert exchanged["ben"]["received"] == 6
    assert exchanged["ben"]["received_on"] == 3
    assert exchanged["cleo"]["given"] == 1
    text = bob_client.get(page(ada)).content.decode()
    assert "Who they review with" in text
    assert "person=ada" in text
    assert "better" not in text
    assert "worse" not in text


def test_charts_show_the_number_of_pull_requests_of_each_week(
    work: list[PullRequest], people: tuple[TeamMember, ...], bob_client: Client
) -> None:
    """Otherwise the few of a week that has just begun would be drawn."""
    text = bob_client.get(page(people[0])).content.decode()
    for name, count in (("cycle-time", 3), ("response", 1)):
        found = re.search(f'id="{name}-data"[^>]*>(.*?)</script>', text, re.DOTALL)
        assert found
        assert sum(json.loads(found[1])["counts"]) == count


def test_the_figures_are_those_of_the_overview_with_the_filter(
    work: list[PullRequest], people: tuple[TeamMember, ...], shop: Repository, bob_client: Client
) -> None:
    other = make_repository(shop.team, "acme/other")
    make_pull_request(other, author=people[0], opened_at=timezone.now() - timedelta(days=2))
    for address, narrowed in (
        (page(people[0]), "person=ada"),
        (f"/a/acme/repositories/{shop.github_repo_id}/", "repo=acme/shop"),
    ):
        alone = bob_client.get(f"{address}?range=4w", headers=JSON).json()
        overview = bob_client.get(f"/a/acme/?range=4w&{narrowed}", headers=JSON).json()
        assert alone["figures"] == overview["figures"]
        assert alone["previous"] == overview["previous"]


def test_another_persons_filter_changes_nothing(
    work: list[PullRequest], people: tuple[TeamMember, ...], bob_client: Client
) -> None:
    plain = bob_client.get(page(people[0]), headers=JSON).json()
    narrowed = bob_client.get(f"{page(people[0])}?person=ben", headers=JSON).json()
    assert narrowed["reviews_given"] == plain["reviews_given"] == 1
    assert narrowed["figures"] == plain["figures"]


def test_a_repository_says_what_it_is(
    work: list[PullRequest], shop: Repository, bob_client: Client
) -> None:
    text = bob_client.get(f"/a/acme/repositories/{shop.github_repo_id}/").content.decode()
    assert "<h1>acme/shop</h1>" in text
    assert "repo=acme%2Fshop" in text
    assert "https://github.com/acme/shop" in text


def test_a_recreated_repository_is_another_one(
    work: list[PullRequest], team: Team, alice: User, alice_client: Client
) -> None:
    anew = make_repository(team)  # with the same name, as GitHub allows once the first is deleted
    number, earlier = work[0].number, work[0].fetched_at
    make_pull_request(
        anew,
        opened_at=timezone.now() - timedelta(days=1),
        title="Anew",
        fields={"number": number, "fetched_at": earlier + timedelta(days=8)},
    )
    reply = alice_client.get("/a/acme/compare/repositories/", headers=JSON).json()
    lines = [(line["name"], line["figures"]["merged"]) for line in reply["repositories"]]
    assert lines == [("acme/shop", 4), ("acme/shop", 1)]
    for repository, merged in ((work[0].repository, 4), (anew, 1)):
        path = f"/a/acme/repositories/{repository.github_repo_id}/"
        assert alice_client.get(path, headers=JSON).json()["figures"]["merged"] == merged
    path = f"pull-requests/acme/shop/{number}"
    assert "<h1>Anew</h1>" in alice_client.get(f"/a/acme/{path}/").content.decode()
    assert alice_client.get(f"/a/acme/{path}/", headers=JSON).json()["title"] == "Anew"
    _, key = api_keys.make(team, alice, "Wallboard")
    bearer = {"Authorization": f"Bearer {key}"}
    assert Client().get(f"/api/v1/{path}", headers=bearer).json()["title"] == "Anew"


def test_requests_that_still_stand(
    team: Team, shop: Repository, people: tuple[TeamMember, ...], bob_client: Client
) -> None:
    ada, ben, _ = people
    begin = timezone.now().replace(microsecond=0) - timedelta(days=2)
    titles = {
        "answered": [Review(ben, 3, "commented")],
        "answered, then asked again": [Review(ben, 1, "commented")],
        "standing": [],
        "taken back": [],
    }
    for title, reviews in titles.items():
        make_pull_request(
            shop,
            author=ada,
            opened_at=begin,
            state="open",
            reviews=reviews,
            title=title,
            requests=[(ben, 2)],
            events=[EventFact("review_request_removed", begin + timedelta(hours=3), ben.github_id)][
                : title == "taken back"
            ],
        )
    text = bob_client.get(page(ben)).content.decode()
    listed = text.split("Waits for them")[1].split("</section>")[0]
    assert [title in listed for title in (">answered<", "asked again", "standing", "back")] == [
        False,
        True,
        True,
        False,
    ]


def test_an_outsider_and_an_unknown_person(shop: Repository, bob_client: Client) -> None:
    make_pull_request(
        shop,
        opened_at=timezone.now() - timedelta(days=2),
        fields={"author_github_id": 777, "author_login": "stranger", "is_external": True},
    )
    text = bob_client.get("/a/acme/people/777/").content.decode()
    assert "stranger" in text
    assert "outside" in text
    assert bob_client.get("/a/acme/people/778/").status_code == 404
    assert bob_client.get("/a/acme/repositories/778/").status_code == 404


def test_a_renamed_outsider(shop: Repository, bob_client: Client) -> None:
    for login in ("before", "today"):
        make_pull_request(
            shop,
            opened_at=timezone.now() - timedelta(days=2),
            fields={"author_github_id": 777, "author_login": login, "is_external": True},
        )
    compared = bob_client.get("/a/acme/compare/people/", headers=JSON).json()["people"]
    assert [line["figures"]["merged"] for line in compared] == [2]
    for path in ("people/777/", "?person=before", "?person=today"):
        reply = bob_client.get(f"/a/acme/{path}", headers=JSON).json()
        assert reply["figures"]["merged"] == 2
    assert bob_client.get("/a/acme/pull-requests/?person=today", headers=JSON).json()["count"] == 2


def test_an_excluded_person_has_no_figures(
    work: list[PullRequest], people: tuple[TeamMember, ...], alice_client: Client
) -> None:
    TeamMember.objects.filter(github_username="ada").update(is_hidden=True)
    assert "is excluded" in alice_client.get(page(people[0])).content.decode()
    assert "figures" not in alice_client.get(page(people[0]), headers=JSON).json()
    others = alice_client.get(page(people[1]), headers=JSON).json()
    assert [each["login"] for each in others["reviewed_with"]] == []
    # Nor by an equivalent filter; their pull requests can be listed.
    login = people[0].github_username
    for path in ("", "reviews/", "flow/", "waiting/", "compare/repositories/"):
        refused = alice_client.get(f"/a/acme/{path}?person={login}")
        assert refused.status_code == 400
        assert f"An admin has excluded {login}" in refused.content.decode()
    assert alice_client.get(f"/a/acme/pull-requests/?person={login}").status_code == 200


def test_charlie_learns_nothing(
    work: list[PullRequest], people: tuple[TeamMember, ...], charlie_client: Client
) -> None:
    repository = f"/a/acme/repositories/{work[0].repository.github_repo_id}/"
    for address in (page(people[0]), repository):
        assert charlie_client.get(address).status_code == 404
        assert charlie_client.get(address, headers=JSON).status_code == 404


def test_ids_of_another_team_are_unknown(work: list[PullRequest], bob_client: Client) -> None:
    elsewhere = make_team("Other")
    stranger, theirs = make_member(elsewhere, "eve"), make_repository(elsewhere, "eve/own")
    assert bob_client.get(page(stranger)).status_code == 404
    assert bob_client.get(f"/a/acme/repositories/{theirs.github_repo_id}/").status_code == 404


def test_people_see_themselves_first(
    work: list[PullRequest], people: tuple[TeamMember, ...], bob: User, bob_client: Client
) -> None:
    address = "/a/acme/compare/people/"
    assert names(bob_client, address) == ["ada", "ben", "cleo"]
    signs_in_with_github(bob, people[2])
    assert names(bob_client, f"{address}?sort=-merged") == ["cleo", "ada", "ben"]
    assert ">you<" in bob_client.get(page(people[2])).content.decode()


def test_the_users_own_page_is_in_the_menu(
    team: Team,
    people: tuple[TeamMember, ...],
    bob: User,
    bob_client: Client,
    settings: Settings,
) -> None:
    settings.GITHUB_CLIENT_ID = "id"
    members = "/a/acme/settings/members/"
    hint = "Sign in with GitHub once, for your work"
    assert hint in bob_client.get(members).content.decode()
    account = SocialAccount.objects.create(user=bob, provider="github", uid="999999")
    shown = bob_client.get(members).content.decode()
    assert hint not in shown
    assert "Your work" not in shown
    decided = {"team": team, "github_id": 999999, "login": "ada-at-home"}
    SamePerson.objects.create(**decided, member=people[0], is_same=True)
    assert f'<a href="{page(people[0])}">Your work</a>' in bob_client.get(members).content.decode()
    account.delete()
    signs_in_with_github(bob, people[1])
    assert f'<a href="{page(people[1])}">Your work</a>' in bob_client.get(members).content.decode()


def names(client: Client, address: str) -> list[str]:
    return [line["name"] for line in client.get(address, headers=JSON).json()["people"]]


@pytest.fixture
def private(team: Team, bob: User, people: tuple[TeamMember, ...], work: list[PullRequest]) -> Team:
    """The team restricts figures on people; Bob is Ada on GitHub."""
    Team.objects.filter(pk=team.pk).update(are_people_private=True)
    signs_in_with_github(bob, people[0])
    return team


def test_private_pages_are_for_admins_and_the_person(
    private: Team, people: tuple[TeamMember, ...], bob_client: Client, alice_client: Client
) -> None:
    ada, ben, _ = people
    assert bob_client.get(page(ada)).status_code == 200
    assert bob_client.get(page(ben)).status_code == 403
    assert bob_client.get(page(ben), headers=JSON).status_code == 403
    assert alice_client.get(page(ben)).status_code == 200
    assert names(bob_client, "/a/acme/compare/people/") == ["ada"]
    assert names(alice_client, "/a/acme/compare/people/") == ["ada", "ben", "cleo"]


@pytest.mark.parametrize(
    "address", ["", "flow/", "reviews/", "pull-requests/", "pull-requests/?format=csv"]
)
def test_a_private_person_cannot_be_chosen_in_the_filter(
    private: Team, address: str, bob_client: Client, alice_client: Client
) -> None:
    joined = "&" if "?" in address else "?"
    refused = bob_client.get(f"/a/acme/{address}{joined}person=BEN")
    assert refused.status_code == 400
    assert "for admins of the team and that person" in refused.content.decode()
    assert bob_client.get(f"/a/acme/{address}{joined}person=ada").status_code == 200
    assert alice_client.get(f"/a/acme/{address}{joined}person=ben").status_code == 200


def test_private_reviews_show_totals_and_the_viewers_own(
    private: Team, bob_client: Client, alice_client: Client
) -> None:
    mine = bob_client.get("/a/acme/reviews/", headers=JSON).json()
    whole = alice_client.get("/a/acme/reviews/", headers=JSON).json()
    assert mine["reviews"] == whole["reviews"] == 7
    assert [each["login"] for each in mine["reviewers"]] == ["ada"]
    assert [each["login"] for each in whole["reviewers"]] == ["ada", "ben"]
    assert "Who reviews whom" not in bob_client.get("/a/acme/reviews/").content.decode()
    assert "Who reviews whom" in alice_client.get("/a/acme/reviews/").content.decode()


def test_a_private_team_of_one_is_a_single_person_too(
    private: Team, people: tuple[TeamMember, ...], bob_client: Client, alice_client: Client
) -> None:
    _, ben, cleo = people
    bot, again = (make_member(private, login) for login in ("ben-bot", "ben-at-work"))
    TeamMember.objects.filter(pk=bot.pk).update(is_bot=True)
    SamePerson.objects.create(
        team=private, github_id=again.github_id, login="ben-at-work", member=ben, is_same=True
    )
    alone = {"solo": [ben], "with-a-bot": [ben, bot], "twice": [ben, again]}
    for number, (slug, members) in enumerate({**alone, "pair": [cleo, again]}.items()):
        group = Group.objects.create(
            team=private, github_id=number, organization_id=1, slug=slug, name=slug
        )
        group.members.set(members)
        refused = slug in alone
        assert bob_client.get(f"/a/acme/?group={slug}").status_code == (400 if refused else 200)
        shown = bob_client.get(f"/a/acme/teams/{group.pk}/").status_code
        assert shown == (403 if refused else 200)
        assert alice_client.get(f"/a/acme/?group={slug}").status_code == 200
    compared = bob_client.get("/a/acme/compare/teams/", headers=JSON).json()["teams"]
    assert [line["name"] for line in compared] == ["pair"]
    make_pull_request(make_repository(private, "acme/alone"), author=ben)
    by_ai = bob_client.get("/a/acme/ai/?range=all", headers=JSON).json()["groups"]
    assert {each["group"] for each in by_ai} == {"pair"}


def test_private_pages_say_how_ones_own_line_appears(
    settings: Settings, private: Team, bob: User, bob_client: Client
) -> None:
    """Bob has not signed in with GitHub: what waits for him is not known, rather than nothing."""
    settings.GITHUB_CLIENT_ID = "known"
    SocialAccount.objects.filter(user=bob).delete()
    for address in ("waiting/", "compare/people/"):
        page = bob_client.get(f"/a/acme/{address}").content.decode()
        assert "Sign in with GitHub once</a>, and your own" in page
        assert "Nothing" not in page
    assert "Your own line appears here" in bob_client.get("/a/acme/reviews/").content.decode()


def test_a_key_sees_what_its_owner_sees(
    private: Team, alice: User, bob: User, client: Client
) -> None:
    ben = TeamMember.objects.get(github_username="ben")
    for user, expected, alone in ((alice, 200, 200), (bob, 400, 403)):
        key = api_keys.make(private, user, "figures")[1]
        bearer: Any = {"Authorization": f"Bearer {key}"}
        for address in ("overview", "pull-requests"):
            answer = client.get(f"/api/v1/{address}?person=ben", headers=bearer)
            assert answer.status_code == expected
        page = client.get(f"/api/v1/compare/people/{ben.github_id}", headers=bearer)
        assert page.status_code == alone


def test_few_queries(
    work: list[PullRequest], people: tuple[TeamMember, ...], alice_client: Client
) -> None:
    alice_client.get("/a/acme/")
    repository = f"/a/acme/repositories/{work[0].repository.github_repo_id}/"
    for address in (page(people[0]), repository):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            alice_client.get(f"{address}?range=12m")
        assert len(asked) <= MOST_QUERIES


def test_every_definition_that_pages_lead_to_is_there(
    work: list[PullRequest], people: tuple[TeamMember, ...], bob_client: Client
) -> None:
    row = work[0]
    defined = set(
        re.findall(r'id="(\w+)"', bob_client.get("/a/acme/how-we-count/").content.decode())
    )
    addresses = (
        *("", "flow/", "reviews/", "compare/repositories/", "compare/people/"),
        f"pull-requests/{row.repository.full_name}/{row.number}/",
        f"people/{people[0].github_id}/",
    )
    for address in addresses:
        page = bob_client.get(f"/a/acme/{address}").content.decode()
        wanted = set(re.findall(r"/a/acme/how-we-count/#(\w+)", page))
        assert len(wanted) > 2
        assert wanted <= defined
    assert {each.anchor for each in MEASURES.values()} <= defined


def test_the_overview_opens_with_what_changed_and_why(
    shop: Repository, people: tuple[TeamMember, ...], bob_client: Client
) -> None:
    ada, ben, cleo = people
    now = timezone.now().replace(microsecond=0)
    make_pull_request(shop, author=ada, opened_at=now - timedelta(days=100), state="closed")
    # Twenty in each period, equal in everything but their pickup.
    for place in range(40):
        days, author = (40, ada) if place < 20 else (10, (ada, ben)[place % 2])
        hours = 1 if place < 20 else 3
        make_pull_request(
            shop,
            author=author,
            opened_at=now - timedelta(days=days, hours=place % 20),
            ended=hours + 5,
            reviews=[Review(cleo, hours)],
        )
    page = bob_client.get("/a/acme/?range=4w&whole=1").content.decode()
    assert said(page, "answer") == (
        "Pull requests merge 2 h later than in the 28 days before. Half of the 20 merged pull "
        "requests took 8 h or less from first commit to merge."
    )
    assert said(page, "why").startswith(
        "The median was 6 h in the 28 days before (20 pull requests). "
        "The mean is 2 h more, most of it pickup 2 h more."
    )
    assert '<span title="no more than chance">was 5.0</span>' in page
    assert "75th\xa03\xa0h · 90th\xa03\xa0h" in page
    side_by_side = bob_client.get("/a/acme/compare/repositories/?range=4w").content.decode()
    assert '<span class="was worse">was 6\xa0h</span>' in side_by_side
    assert 'title="was 20: no more than chance"' in side_by_side
    # None of this is shown for a single person.
    of_people = bob_client.get("/a/acme/compare/people/?range=4w").content.decode()
    assert ada.github_username in of_people
    assert "was 6" not in of_people
    page = bob_client.get(
        f"/a/acme/?range=4w&whole=1&person={ada.github_username}"
    ).content.decode()
    assert "headline" not in page
    assert 'class="worse"' not in page
    assert "nothing is judged of a single person" in page


def said(page: str, kind: str) -> str:
    """A paragraph as a user reads it."""
    text = re.sub(r"<[^>]+>", "", page.split(f'class="{kind}">')[1].split("</p>")[0])
    return re.sub(r"[\s\xa0]+", " ", text).strip()


def test_teams_side_by_side_and_each_alone(
    work: list[PullRequest],
    people: tuple[TeamMember, ...],
    team: Team,
    alice_client: Client,
    bob_client: Client,
) -> None:
    ada, ben, cleo = people
    core = Group.objects.create(team=team, github_id=7, organization_id=1, slug="core", name="Core")
    core.members.set([ada, ben])
    assert bob_client.get("/a/acme/teams/new/").status_code == 403
    made = alice_client.post("/a/acme/teams/new/", {"name": "Night owls", "members": [cleo.pk]})
    own = Group.objects.get(github_id=None)
    assert made.headers["Location"] == f"/a/acme/teams/{own.pk}/"
    assert own.slug == "own-night-owls"
    assert alice_client.post("/a/acme/teams/new/", {"name": "night owls"}).status_code == 422
    for key in (2**63, "9" * 30, -1, "x"):
        nobody = {"name": "Nobody's", "members": [key]}
        assert alice_client.post("/a/acme/teams/new/", nobody).status_code == 422
    answer = bob_client.get("/a/acme/compare/teams/?range=all", headers=JSON).json()["teams"]
    assert {line["name"]: line["figures"]["merged"] for line in answer} == {
        "Core": 3,
        "Night owls": 1,
    }
    address = f"/a/acme/teams/{core.pk}/"
    page = bob_client.get(f"{address}?range=all").content.decode()
    assert "GitHub team" in page
    assert f"/a/acme/people/{ben.github_id}/" in page
    figures = bob_client.get(f"{address}?range=all", headers=JSON).json()["figures"]
    assert figures["merged"] == 3
    changed = f"/a/acme/teams/{own.pk}/change/"
    assert alice_client.get(f"/a/acme/teams/{core.pk}/change/").status_code == 404
    alice_client.post(changed, {"name": "Owls", "members": [ada.pk, cleo.pk]})
    assert alice_client.get(f"/a/acme/?range=all&group={own.slug}", headers=JSON).json()["figures"][
        "merged"
    ] == len(work)
    alice_client.post(changed, {"_method": "delete"})
    assert not Group.objects.filter(pk=own.pk).exists()
    assert AuditEvent.objects.filter(action__startswith="group.").count() == 3


def test_a_team_of_one_is_private_where_people_are(
    work: list[PullRequest], people: tuple[TeamMember, ...], team: Team, bob_client: Client
) -> None:
    Team.objects.filter(pk=team.pk).update(are_people_private=True)
    solo = Group.objects.create(team=team, slug="own-solo", name="Solo")
    solo.members.set([people[0]])
    assert bob_client.get(f"/a/acme/teams/{solo.pk}/").status_code == 403
    assert bob_client.get("/a/acme/compare/teams/", headers=JSON).json()["teams"] == []


def test_notes_belong_to_days(team: Team, alice_client: Client, bob_client: Client) -> None:
    given = {"day": "2026-03-02", "text": "merge queue introduced"}
    assert bob_client.post("/a/acme/notes/", given | {"day": "soon"}).status_code == 422
    bob_client.post("/a/acme/notes/", given)
    alice_client.post("/a/acme/notes/", given | {"text": "by Alice"})
    assert "merge queue introduced" in alice_client.get("/a/acme/notes/").content.decode()
    his, hers = Note.objects.order_by("pk")
    assert bob_client.post(f"/a/acme/notes/{hers.pk}/").status_code == 403
    alice_client.post(f"/a/acme/notes/{his.pk}/")
    assert list(Note.objects.all()) == [hers]
