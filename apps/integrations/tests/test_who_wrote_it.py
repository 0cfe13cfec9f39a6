"""Who wrote a pull request: stored by every way in, recalculated, and read for older rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from apps.integrations.checks import accuracy
from apps.integrations.models import CoAuthor, TrackedRepository
from apps.integrations.people import forgetting
from apps.integrations.sync import stale
from apps.integrations.tests import github as small
from apps.integrations.tests.stage import Place, Stage, ago, set_up, work
from apps.metrics.lists import export
from apps.metrics.models import Commit, PullRequest
from apps.teams.models import Team
from github_simulator import actions
from github_simulator.node_ids import node_id
from github_simulator.testing import Running
from github_simulator.world import Account
from github_simulator.world import PullRequest as There

pytestmark = pytest.mark.django_db

DEVIN, COPILOT, CURSOR, RABBIT = 158243242, 198982749, 199161495, 136622811
AGENTS = (
    (DEVIN, "devin-ai-integration", "Bot"),
    (COPILOT, "copilot-swe-agent", "Bot"),
    (CURSOR, "cursoragent", "User"),
    (RABBIT, "coderabbitai", "Bot"),
)
TOLD = (
    *("ai", "ai_tools", "ai_evidence", "initiator_login", "initiator_github_id"),
    *("first_ai_review_at", "ai_reviews", "human_touched", "is_bot", "is_external"),
    *("first_review_at", "reviewers"),
)
Row = dict[str, Any]


@pytest.fixture
def stage(team: Team, github: Running) -> Stage:
    world = github.simulator.world
    for number, login, kind in AGENTS:
        name = node_id("U", number)
        world.accounts[number] = Account(number, name, login, kind)  # type: ignore[arg-type]
    world.accounts[small.GRACE].emails = ("grace@home.example",)
    return set_up(team, github)


def by_agent(place: Place, agent: int, at: datetime, co_author: str, **draft: Any) -> There:
    made = place.open(at, by=agent, **draft)
    account = place.person(agent)
    for commit in made.commits:
        commit.author = commit.committer = account
        commit.author_name = account.login
        commit.author_email = f"{agent}+{account.login}[bot]@users.noreply.github.com"
        commit.message += f"\n\nCo-Authored-By: Linus <{co_author}>"
    return made


def assisted(place: Place, at: datetime, trailer: str, **draft: Any) -> There:
    made = place.open(at, **draft)
    made.commits[0].message += f"\n\n{trailer}"
    return made


@pytest.fixture
def asked(shop: Place) -> There:
    """Devin's pull request, which Grace asked for; she and Ada reviewed it."""
    made = by_agent(shop, DEVIN, ago(days=5), "grace@home.example")
    actions.submit_review(shop.deed(ago(days=4), small.GRACE), made, "APPROVED")
    actions.submit_review(shop.deed(ago(days=3), small.ADA), made, "APPROVED")
    actions.merge(shop.deed(ago(days=2), small.ADA), made)
    return made


def rows() -> dict[int, Row]:
    found = export.pull_requests(Team.objects.get())
    return {row["number"]: {name: row[name] for name in TOLD} for row in found}


def test_it_works(stage: Stage, shop: Place, asked: There) -> None:
    again = by_agent(shop, DEVIN, ago(days=4), "Grace@Home.example")
    copilot = by_agent(shop, COPILOT, ago(days=3), f"{small.ADA}+Ada@users.noreply.github.com")
    claude = assisted(shop, ago(days=2), "Co-authored-by: Claude <noreply@anthropic.com>")
    plain = shop.open(ago(days=1), title="Ask Claude and Cursor", body="> https://claude.ai/code")
    for reviewer in (CURSOR, RABBIT):
        actions.submit_review(shop.deed(ago(hours=9), reviewer), plain, "COMMENTED")
    with stage.counted() as counted:
        stage.sync()
    found = rows()
    assert {
        number: (row["ai"], row["ai_tools"], row["ai_evidence"], row["initiator_login"])
        for number, row in found.items()
    } == {
        asked.number: ("agent", ["devin"], ["author", "commit"], "grace"),
        again.number: ("agent", ["devin"], ["author", "commit"], "grace"),
        copilot.number: ("agent", ["copilot"], ["author", "commit"], "ada"),
        claude.number: ("assisted", ["claude"], ["trailer"], None),
        plain.number: ("none", [], [], None),
    }
    # The person who asked for an agent's pull request is no reviewer of it.
    assert found[asked.number]["first_review_at"] == export.instant(asked.reviews[1].updated_at)
    assert [found[asked.number][name] for name in ("reviewers", "is_bot", "is_external")] == [
        *(1, True, False)
    ]
    assert found[asked.number]["human_touched"]
    assert not found[again.number]["human_touched"]
    assert [found[plain.number][name] for name in ("reviewers", "ai_reviews")] == [0, 2]
    # Grace's address is looked up once, however many pull requests name it.
    assert (counted.operations.count("CoAuthors"), CoAuthor.objects.count()) == (1, 1)


AUTHORSHIP = ("Commit.authors", "GitActorConnection.nodes", "GitActor.email", "GitActor.user")


@pytest.mark.parametrize(
    ("leaf", "silent"),
    [
        *((leaf, False) for leaf in (*AUTHORSHIP, "User.login", "User.databaseId", "Commit.id")),
        # An account may really be missing; these may not.
        *((leaf, True) for leaf in (*AUTHORSHIP[1:3], "User.databaseId")),
    ],
)
def test_without_an_answer_nobody_is_told_and_everything_else_is(
    stage: Stage, shop: Place, asked: There, leaf: str, silent: bool
) -> None:
    shop.strike("null_leaf", leaf=leaf, silent=silent, contains="query CoAuthors(")
    assert stage.sync().status == "complete"
    row = stage.row(asked)
    assert (row.ai, row.initiator_login) == ("agent", None)
    shop.heal()
    stage.sync()
    assert stage.row(asked).initiator_login == "grace"


def test_recalculated_rows_equal_newly_stored_ones(
    stage: Stage, shop: Place, asked: There, alice_client: Client
) -> None:
    claude = assisted(shop, ago(days=2), "Co-authored-by: Claude <noreply@anthropic.com>")
    own = assisted(shop, ago(days=1), "Written-with: Acme", labels=())
    stage.sync()
    assert rows()[own.number]["ai"] == "none"
    page = alice_client.get("/a/acme/settings/").context["form"]
    data = {name: page[name].value() or "" for name in page.fields}
    data |= {"ai_trailers": "written-with: acme = acme", "ai_ignored": "claude"}
    data = {name: "\n".join(v) if isinstance(v, list) else v for name, v in data.items()}
    with stage.counted() as counted:
        response = alice_client.post("/a/acme/settings/", data, follow=True)
        assert "The figures follow in a moment." in response.content.decode()
        work()
    assert counted.requests == 0
    recalculated = rows()
    assert recalculated[own.number]["ai_tools"] == ["acme"]
    assert recalculated[claude.number]["ai"] == "none"
    marks = list(PullRequest.objects.order_by("number").values_list("findings", flat=True))
    stale.mark(stage.tracked("shop"), PullRequest.objects.values_list("number", "node_id"), ago())
    work()
    assert rows() == recalculated
    assert list(PullRequest.objects.order_by("number").values_list("findings", flat=True)) == marks
    assert accuracy.check(10, team=stage.team).differences == []


def forget_marks() -> None:
    """As an earlier version stored everything."""
    nothing: dict[str, Any] = {
        "ai": None,
        "ai_tools": [],
        "ai_evidence": [],
        "findings": [],
        "marks": None,
    }
    nobody = {"initiator": None, "initiator_login": None, "initiator_github_id": None}
    PullRequest.objects.update(
        **nothing, **nobody, human_touched=None, first_ai_review_at=None, ai_reviews=0
    )
    Commit.objects.update(marks=None)
    Team.objects.update(recalculate_from=0)


def test_older_rows_are_unknown_until_they_are_read(
    stage: Stage, shop: Place, asked: There, alice_client: Client
) -> None:
    claude = assisted(shop, ago(days=2), "", body="https://claude.ai/code/session")
    actions.merge(shop.deed(ago(days=1)), claude)
    stage.sync()
    before = rows()
    forget_marks()
    TrackedRepository.objects.update(is_active=False)
    work()  # Nothing may be fetched.
    unread = rows()
    assert "stored before that" not in alice_client.get("/a/acme/ai/").content.decode()
    TrackedRepository.objects.update(is_active=True)
    assert (unread[asked.number]["ai"], unread[asked.number]["initiator_login"]) == ("agent", None)
    assert unread[claude.number]["ai"] is None
    page = " ".join(alice_client.get("/a/acme/ai/").content.decode().split())
    assert "The texts of 2 of 2 pull requests, which were stored before that" in page
    assert "for one point of the GitHub rate limit" in page
    page = alice_client.get("/a/acme/ai/", headers={"Accept": "application/json"}).json()
    assert (page["merged"]["unknown"], page["unread"]) == (2, 2)
    with stage.counted() as counted:
        work()
    assert counted.points == 1
    assert rows() == before
    assert PullRequest.objects.filter(marks=None).count() == 0
    page = alice_client.get("/a/acme/ai/", headers={"Accept": "application/json"}).json()
    assert (page["merged"]["agents"], page["merged"]["assisted"], page["unread"]) == (1, 1, 0)


def test_what_is_gone_from_github_is_not_asked_for_again(
    stage: Stage, shop: Place, asked: There
) -> None:
    gone = shop.open(ago(days=1))
    stage.sync()
    forget_marks()
    del shop.repository.pull_requests[gone.number]
    work()
    assert stage.row(asked).ai == "agent"
    row = stage.row(gone)
    assert (row.ai, row.marks) == (None, {"untold": True})
    with stage.counted() as counted:
        work()
    assert counted.operations.count("PullRequestsById") == 0


def test_a_forgotten_person_is_no_initiator(stage: Stage, shop: Place, asked: There) -> None:
    address = f"{small.ADA}+ada@users.noreply.github.com"
    ada = by_agent(shop, COPILOT, ago(days=3), address, commits=2)
    actions.merge(shop.deed(ago(days=2), small.GRACE), ada, method="squash")
    stage.sync()
    assert str(small.ADA) in str(PullRequest.objects.get(number=ada.number).marks)
    forgetting.forget(stage.team, [small.GRACE, small.ADA])
    work()
    for _ in range(2):
        found = rows()
        assert {found[one.number]["initiator_github_id"] for one in (asked, ada)} == {None}
        kept = str(list(Commit.objects.values_list("marks", "author_login")))
        kept += str(list(PullRequest.objects.values_list("marks", flat=True)))
        assert str(small.ADA) not in kept
        assert "grace" not in kept.lower()
        stale.mark(
            stage.tracked("shop"), PullRequest.objects.values_list("number", "node_id"), ago()
        )
        work()
