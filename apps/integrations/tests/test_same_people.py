"""Several accounts of one person: suggested, decided, undone; every figure counts them once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from apps.audit.models import AuditEvent
from apps.integrations.checks import accuracy
from apps.integrations.models import CommitIdentity
from apps.integrations.tests import github as small
from apps.integrations.tests.stage import Place, Stage, ago, work
from apps.metrics.lists import export
from apps.metrics.models import PRReview, PullRequest, SamePerson, TeamMember
from github_simulator import actions
from github_simulator.world import PullRequest as There

pytestmark = pytest.mark.django_db
PAGE = "/a/acme/people/accounts/"
JSON = {"accept": "application/json"}
LINUS = f"{PAGE}{small.LINUS}/"


def written(shop: Place, by: int, hours: int, email: str, name: str) -> There:
    """A pull request with a commit by this author."""
    made = shop.open(ago(hours=hours), by=by)
    for commit in made.commits:
        commit.author = shop.person(by)
        commit.author_email, commit.author_name = email, name
    return made


@pytest.fixture
def two_accounts(stage: Stage) -> tuple[There, There]:
    """Grace (a member) and Linus (an outsider) are one person, reviewed by each and by Ada."""
    shop = stage.track("shop")
    first = written(shop, small.GRACE, 20, "grace@navy.example", "Grace Hopper")
    actions.request_review(shop.deed(ago(hours=19), small.GRACE), first, shop.person(small.ADA))
    actions.submit_review(shop.deed(ago(hours=18), small.LINUS), first, "APPROVED")
    actions.submit_review(shop.deed(ago(hours=16), small.ADA), first, "APPROVED")
    actions.merge(shop.deed(ago(hours=10), small.GRACE), first)
    second = written(shop, small.LINUS, 9, "GRACE@navy.example", "linus")
    actions.submit_review(shop.deed(ago(hours=8), small.ADA), second, "APPROVED")
    actions.merge(shop.deed(ago(hours=7), small.ADA), second)
    third = written(shop, small.ADA, 6, "ada@engine.example", "Ada Lovelace")
    for who, hours in ((small.LINUS, 5), (small.GRACE, 4)):
        actions.submit_review(shop.deed(ago(hours=hours), who), third, "APPROVED")
    actions.merge(shop.deed(ago(hours=3), small.ADA), third)
    stage.sync()
    return first, second


def decide(client: Client, decision: str, account: int = small.LINUS, member: str = "grace") -> Any:
    return client.post(
        f"{PAGE}{account}/",
        {"decision": decision, "member": member},
        content_type="application/json",
        headers=JSON,
    )


def seen(client: Client) -> dict[str, Any]:
    """What pages show of people, as JSON."""
    people, reviews, overview = (
        client.get(f"/a/acme/{path}", headers=JSON).json()
        for path in ("compare/people/", "reviews/", "")
    )
    figures = overview["figures"]
    return {
        "merged": {row["name"]: row["figures"]["merged"] for row in people["people"]},
        "reviews": {row["name"]: row["reviews"] for row in people["people"]},
        "authors": round(figures["merged_per_week"] / figures["merged_per_week_and_author"]),
        "matrix": reviews,
    }


def test_it_works(stage: Stage, two_accounts: tuple[There, There], alice_client: Client) -> None:
    first, second = two_accounts
    answer = alice_client.get(PAGE, headers=JSON).json()
    assert answer["suggestions"] == [
        {
            "github_id": small.LINUS,
            "login": "linus",
            "member": "grace",
            "reason": "same commit e-mail",
        }
    ]
    before, raw = seen(alice_client), list(export.reviews(stage.team))
    assert before["merged"] == {"ada": 1, "grace": 1, "linus": 1}
    assert before["authors"] == 3
    assert stage.row(first).first_review_at == first.reviews[0].submitted_at
    assert decide(alice_client, "same").status_code == 200
    asked = len(stage.github.simulator.log.requests)
    work()
    assert len(stage.github.simulator.log.requests) == asked, "nothing is fetched"
    after = seen(alice_client)
    assert after["merged"] == {"ada": 1, "grace": 2}
    # The review of her own work by her other account does not count.
    assert before["reviews"] == {"ada": 2, "grace": 1, "linus": 2}
    assert after["reviews"] == {"ada": 2, "grace": 2}
    assert after["authors"] == 2
    row = stage.row(first)
    assert row.first_review_at == first.reviews[1].submitted_at
    assert row.reviewer_count == 1
    assert stage.row(second).is_external is False
    # Two reviews of one pull request by one person: one reviewer, who responded once.
    third = PullRequest.objects.get(number=3)
    assert third.reviewer_count == 1
    answers = PRReview.objects.filter(pull_request=third).exclude(response_time=None)
    assert [review.reviewer_login for review in answers] == ["linus"]
    # GitHub's data stays unchanged.
    assert list(export.reviews(stage.team)) == raw
    logins = {line["author_login"] for line in export.pull_requests(stage.team)}
    assert logins == {"ada", "grace", "linus"}
    event = AuditEvent.objects.get(action="people.made_one")
    assert (event.object_name, event.details["person"]) == ("linus", "grace")


def test_filters_and_pages_follow(
    stage: Stage, two_accounts: tuple[There, There], alice_client: Client
) -> None:
    decide(alice_client, "same")
    work()
    for login in ("grace", "linus"):
        found = alice_client.get(f"/a/acme/pull-requests/?person={login}", headers=JSON).json()
        shown = {row["author_login"] for row in found["pull_requests"]}
        assert shown == {"grace", "linus"}, login
    pages = [
        alice_client.get(f"/a/acme/people/{account}/", headers=JSON).json()
        for account in (small.GRACE, small.LINUS)
    ]
    assert pages[0] == pages[1]
    assert pages[0]["figures"]["merged"] == 2
    assert pages[0]["reviews_given"] == 2
    assert [each["login"] for each in pages[0]["reviewed_with"]] == ["ada"]
    outsiders = alice_client.get("/a/acme/pull-requests/?outsiders=0", headers=JSON).json()
    assert len(outsiders["pull_requests"]) == 3


def test_what_comes_later_is_counted_the_same(
    stage: Stage, two_accounts: tuple[There, There], alice_client: Client
) -> None:
    decide(alice_client, "same")
    work()
    shop = stage.repositories["shop"]
    late = written(shop, small.LINUS, 2, "x@users.noreply.github.com", "linus")
    actions.submit_review(shop.deed(ago(hours=1), small.GRACE), late, "APPROVED")
    stage.sync()
    row = stage.row(late)
    assert (row.author_github_id, row.author_login) == (small.LINUS, "linus")
    assert row.author == TeamMember.objects.get(github_id=small.GRACE)
    assert row.first_review_at is None
    outcome = accuracy.check(10)
    assert (outcome.pull_requests, outcome.differences) == (4, [])


def test_undone(stage: Stage, two_accounts: tuple[There, There], alice_client: Client) -> None:
    before = seen(alice_client)
    rows = json.dumps(list(export.pull_requests(stage.team)))
    decide(alice_client, "same")
    work()
    assert decide(alice_client, "undo").status_code == 200
    work()
    assert seen(alice_client) == before
    assert json.dumps(list(export.pull_requests(stage.team))) == rows
    assert alice_client.get(PAGE, headers=JSON).json()["suggestions"]


def test_refused_and_suggested_again(
    two_accounts: tuple[There, There], alice_client: Client
) -> None:
    decide(alice_client, "other")
    answer = alice_client.get(PAGE, headers=JSON).json()
    assert answer["suggestions"] == []
    assert answer["other"][0]["login"] == "linus"
    assert "linus is not Grace" not in answer
    decide(alice_client, "undo")
    assert alice_client.get(PAGE, headers=JSON).json()["suggestions"]


def test_addresses_are_not_kept(two_accounts: tuple[There, There]) -> None:
    rows = list(CommitIdentity.objects.values())
    assert len(rows) == 3
    text = json.dumps(rows).lower()
    for secret in ("navy", "hopper", "engine", "lovelace"):
        assert secret not in text


def test_by_hand(stage: Stage, two_accounts: tuple[There, There], alice_client: Client) -> None:
    page = alice_client.get(f"{PAGE}?q=LIN").content.decode()
    assert "is the same person as" in page
    assert alice_client.get(f"{PAGE}?q=lin", headers=JSON).json()["found"] == [
        {
            "github_id": small.LINUS,
            "login": "linus",
            "name": "",
            "is_outside": True,
            "same_as": "",
        }
    ]
    assert '<input type="hidden" name="q" value="LIN">' in page
    by_hand = {"decision": "same", "q": "LIN"}
    refused = alice_client.post(LINUS, {**by_hand, "member": "@Adda"}, follow=True)
    assert refused.redirect_chain == [(f"{PAGE}?q=LIN", 302)]
    assert "“@Adda” is not the login of a person" in refused.content.decode()
    made = alice_client.post(LINUS, {**by_hand, "member": "@Ada"})
    assert made.headers["Location"] == f"{PAGE}?q=LIN"
    assert SamePerson.objects.get().member.github_username == "ada"
    assert "Counts as ada" in alice_client.get(f"{PAGE}?q=lin").content.decode()
    # A person merged into another brings all their accounts.
    decide(alice_client, "same", small.ADA, "grace")
    assert dict(SamePerson.objects.values_list("login", "member__github_username")) == {
        "linus": "grace",
        "ada": "grace",
    }


def test_impossible_merges(
    stage: Stage, two_accounts: tuple[There, There], alice_client: Client
) -> None:
    for account, member in (
        (small.GRACE, "grace"),
        (small.LINUS, "nobody"),
        (small.LINUS, "linus"),
    ):
        reply = decide(alice_client, "same", account, member)
        assert reply.status_code == 400, (account, member)
    assert decide(alice_client, "same", 1).status_code == 404
    assert decide(alice_client, "perhaps").status_code == 400
    assert decide(alice_client, "undo").status_code == 404
    decide(alice_client, "same")
    assert "separate it first" in decide(alice_client, "same", member="ada").json()["message"]
    # Nor in reverse: Grace is the one who has another account.
    assert SamePerson.objects.count() == 1


def test_a_renamed_account(
    stage: Stage, two_accounts: tuple[There, There], alice_client: Client
) -> None:
    decide(alice_client, "same")
    stage.github.simulator.world.accounts[small.LINUS].login = "torvalds"
    shop = stage.repositories["shop"]
    written(shop, small.LINUS, 1, "new@navy.example", "linus")
    stage.sync()
    assert seen(alice_client)["merged"] == {"ada": 1, "grace": 2}
    assert set(PullRequest.objects.values_list("author__github_username", flat=True)) == {
        "ada",
        "grace",
    }


def test_who_may(
    two_accounts: tuple[There, There],
    alice_client: Client,
    bob_client: Client,
    charlie_client: Client,
) -> None:
    assert "Several accounts" in alice_client.get("/a/acme/people/").content.decode()
    for client, status in ((bob_client, 403), (charlie_client, 404)):
        assert client.get(PAGE).status_code == status
        assert decide(client, "same").status_code == status
    assert not SamePerson.objects.exists()
