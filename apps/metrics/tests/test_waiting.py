"""What an open pull request waits for, and for whom: by rule, and by an independent reading."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
    TrackedRepository,
)
from apps.metrics.calculations.facts import EventFact, Person, ReviewFact
from apps.metrics.calculations.waiting import Request, answer_times, pending_requests
from apps.metrics.figures import freshness
from apps.metrics.figures.pending import GROUP, PERSON
from apps.metrics.figures.waiting_queries import (
    Wait,
    queues,
    this_week,
    usual,
    waiting,
)
from apps.metrics.models import Group, PullRequest, Repository, TeamMember
from apps.metrics.tests.factories import (
    Review,
    make_member,
    make_pull_request,
    make_repository,
    make_team,
)
from apps.metrics.tests.test_calculations import (
    ALICE,
    BOB,
    CHARLIE,
    GHOST,
    ROBOT,
    at,
    commit,
    facts,
    figures,
    review,
)
from apps.metrics.tests.test_queries import filters_of
from apps.teams.models import Team

CORE = 7  # a GitHub team


def asked(who: Person, when: float, kind: str = "review_requested") -> EventFact:
    return EventFact(kind, at(when), who.id, is_bot=who.is_bot)


def asked_team(when: float, kind: str = "review_requested", group: int | None = CORE) -> EventFact:
    return EventFact(kind, at(when), group=group, is_group=True)


def removed(who: Person, when: float) -> EventFact:
    return asked(who, when, "review_request_removed")


CHANGES = "changes_requested"


@pytest.mark.parametrize(
    ("changes", "waiting_for", "since"),
    [
        ({}, "", 0),
        ({"is_draft": True}, "draft", 0),
        ({"is_draft": True, "events": [EventFact("convert_to_draft", at(3))]}, "draft", 3),
        ({"events": [asked(BOB, 1)]}, "review", 1),
        ({"events": [asked(CHARLIE, 2), asked(BOB, 1)]}, "review", 1),
        ({"events": [asked(BOB, -1)]}, "review", 0),  # not before it was ready
        ({"events": [EventFact("ready_for_review", at(5)), asked(BOB, 1)]}, "review", 5),
        ({"events": [asked(BOB, 1)], "reviews": [review(BOB, 2)]}, "", 0),
        ({"events": [asked(BOB, 1)], "reviews": [review(CHARLIE, 2)]}, "review", 1),
        ({"events": [asked(BOB, 3)], "reviews": [review(BOB, 2)]}, "review", 3),
        ({"events": [asked(BOB, 1), removed(BOB, 2)]}, "", 0),
        ({"events": [asked(BOB, 1), removed(BOB, 2), asked(BOB, 3)]}, "review", 3),
        ({"events": [asked(ROBOT, 1)]}, "", 0),  # nobody waits for bots
        ({"events": [asked_team(1)]}, "review", 1),
        ({"events": [asked_team(1)], "reviews": [review(BOB, 2)]}, "", 0),
        ({"events": [asked_team(1)], "reviews": [review(CHARLIE, 2)]}, "review", 1),
        ({"events": [asked_team(1), asked_team(2, "review_request_removed")]}, "", 0),
        # Its members are unknown.
        ({"events": [asked_team(1, group=None)], "reviews": [review(CHARLIE, 2)]}, "", 0),
        # Its member may be anyone but a bot, or the author who replies.
        ({"events": [asked_team(1, group=None)], "reviews": [review(ROBOT, 2)]}, "review", 1),
        ({"events": [asked_team(1, group=None)], "reviews": [review(ALICE, 2)]}, "review", 1),
        ({"reviews": [review(ROBOT, 1, "approved")]}, "", 0),
        ({"reviews": [review(BOB, 1, "approved")], "events": [asked(BOB, 2)]}, "merge", 1),
        ({"reviews": [review(BOB, 1, "approved"), review(CHARLIE, 4, "approved")]}, "merge", 4),
        ({"reviews": [review(BOB, 1, "approved"), review(CHARLIE, 2, CHANGES)]}, "merge", 1),
        ({"reviews": [review(BOB, 1, CHANGES)], "commits": [commit(0.5)]}, "author", 1),
        ({"reviews": [review(BOB, 1, CHANGES)], "events": [asked(CHARLIE, 2)]}, "author", 1),
        ({"reviews": [review(BOB, 1, CHANGES)], "commits": [commit(2)]}, "", 0),
        ({"reviews": [review(BOB, 1, CHANGES), review(BOB, 3, "approved")]}, "merge", 3),
        ({"reviews": [review(BOB, 1, "dismissed")]}, "", 0),
    ],
)
def test_it_works(changes: dict[str, Any], waiting_for: str, since: float) -> None:
    found = figures(state="open", group_members={CORE: {BOB.id}}, **changes)
    assert (found.waiting_for, found.waiting_since) == (waiting_for, at(since))


def test_what_is_not_open_waits_for_nothing() -> None:
    found = figures(events=[asked(BOB, 1)])
    assert (found.waiting_for, found.waiting_since) == ("", None)


PEOPLE = st.sampled_from([BOB, CHARLIE, GHOST, ROBOT])
KINDS = st.sampled_from(["review_requested", "review_request_removed"])
HOURS = st.integers(0, 12)
REQUESTS = st.one_of(
    st.builds(asked, PEOPLE, HOURS, KINDS),
    st.builds(asked_team, HOURS, KINDS, st.sampled_from([CORE, 8, None])),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(REQUESTS, max_size=8), st.lists(st.builds(review, PEOPLE, HOURS), max_size=5))
def test_requests_match_an_independent_reading(
    events: list[EventFact], reviews: list[ReviewFact]
) -> None:
    members = {CORE: {BOB.id or 0}}
    found = set(pending_requests(events, reviews, members))
    assert found == set(plain(events, reviews))


def plain(events: Sequence[EventFact], reviews: Sequence[ReviewFact]) -> list[Request]:
    """For each person asked, the first request that was not ended."""

    def ends(who: tuple[bool, int | None]) -> list[datetime]:
        is_group, number = who
        return [
            r.submitted_at
            for r in reviews
            if (number != CORE or r.author is BOB if is_group else r.author.id == number)
        ]

    keys = {(e.is_group, e.group if e.is_group else e.reviewer): e.is_bot for e in events}
    found = []
    for who, is_bot in keys.items():
        if is_bot or who == (False, None):
            continue
        of_who = [e for e in events if (e.is_group, e.group if e.is_group else e.reviewer) == who]
        since: datetime | None = None
        for event in sorted(of_who, key=lambda e: e.at):
            if since and any(since <= end < event.at for end in ends(who)):
                since = None
            asks = event.kind == "review_requested"
            since = (since or event.at) if asks else None
        if since and not any(end >= since for end in ends(who)):
            found.append(Request(since, *((None, who[1]) if who[0] else (who[1], None))))
    return found


def test_an_answer_is_the_next_commit() -> None:
    found = facts(
        reviews=[review(BOB, 1, CHANGES), review(BOB, 2), review(CHARLIE, 6, CHANGES)],
        commits=[commit(0.5), commit(4), commit(5)],
    )
    assert answer_times(found, (True, True, True)) == (3 * 3600, None, None)


@pytest.fixture
def shop(db: None) -> Repository:
    team = make_team("Queues")
    return make_repository(team)


def ago(days: float) -> datetime:
    return timezone.now().replace(microsecond=0) - timedelta(days=days)


def stay(repository: Repository, author: TeamMember, days: float, **more: Any) -> Any:
    return make_pull_request(repository, author=author, opened_at=ago(days), state="open", **more)


def test_this_week_and_queues(shop: Repository) -> None:
    team = shop.team
    ada, ben, cleo = (make_member(team, name) for name in ("ada", "ben", "cleo"))
    core = Group.objects.create(
        team=team, github_id=CORE, organization_id=1, slug="core", name="Core"
    )
    core.members.set([ada, cleo])
    stay(shop, ada, 2, title="young", requests=[(ben, 0)])
    stay(shop, ada, 9, title="asked", requests=[(ben, 0), (cleo, 24)])
    asks_core = [EventFact("review_requested", ago(4), group=CORE, is_group=True)]
    # Her own reply is no review by her team.
    stay(shop, ada, 5, title="of a team", events=asks_core, reviews=[Review(ada, 30)])
    stay(shop, ada, 20, title="approved", reviews=[Review(ben, 1)])
    stay(shop, ben, 8, title="changes", reviews=[Review(ada, 1, CHANGES)])
    stay(shop, ben, 30, title="nobody")
    stay(shop, ben, 90, title="draft", is_draft=True)
    gone = make_repository(team, "acme/gone")
    stay(gone, ada, 99, title="not tracked", requests=[(ben, 0)])
    filters = filters_of(team, "")
    stop_tracking(gone)
    found, count = this_week(team, filters, timezone.now())
    by_owner = queues(team, filters)
    groups = {each.waiting_for: each.count for each in waiting(team, filters)}
    assert [(w.pull_request.title, [who.name for who in w.whom]) for w in found] == [
        ("nobody", []),
        ("approved", ["ada"]),
        ("asked", ["ben", "cleo"]),
        ("changes", ["ben"]),
        ("of a team", ["Core"]),
    ]
    assert count == 5
    assert groups == {"review": 3, "author": 1, "merge": 1, "": 1, "draft": 1}
    ben_queue = by_owner[PERSON, ben.github_id]
    assert titles(ben_queue.reviews) == ["asked", "young"]
    assert titles(ben_queue.own) == ["changes"]
    assert titles(ben_queue.theirs) == []
    assert titles(ben_queue.unasked) == ["nobody"]
    assert titles(by_owner[PERSON, ada.github_id].theirs) == ["asked", "of a team", "young"]
    assert titles(by_owner[PERSON, ada.github_id].own) == ["approved"]
    assert titles(by_owner[GROUP, CORE].reviews) == ["of a team"]


def test_a_page_says_whether_a_review_was_ever_requested(team: Team, alice_client: Client) -> None:
    shop = make_repository(team)
    ada, ben = make_member(team, "ada"), make_member(team, "ben")
    answered = [Review(ben, 5, "commented")]
    taken_back = EventFact("review_request_removed", ago(8), reviewer=ben.github_id)
    for more, said in (
        ({}, "with no review requested."),
        ({"requests": [(ben, 0)], "reviews": answered}, "with no review requested now."),
        ({"requests": [(ben, 0)], "events": [taken_back]}, "with no review requested now."),
    ):
        row = stay(shop, ada, 9, **more)
        page = alice_client.get(f"/a/acme/pull-requests/acme/shop/{row.number}/").content.decode()
        assert row.waiting_for == ""
        assert said in page


def test_lists_say_for_whom_since_when_and_whose(team: Team, alice_client: Client) -> None:
    shop, path = make_repository(team), "/a/acme/pull-requests/"
    ada, ben = make_member(team, "ada"), make_member(team, "ben")
    stay(shop, ada, 9, title="later", requests=[(ben, 48)])
    stay(shop, ada, 8, title="sooner", reviews=[Review(ben, 1, CHANGES), Review(ben, 2, CHANGES)])
    page = " ".join(alice_client.get(f"{path}?state=open").content.decode().split())
    assert re.findall("later|sooner|ben, no review yet|ada, changes requested", page) == [
        *("sooner", "ada, changes requested"),
        *("later", "ben, no review yet"),
    ]
    figures = {
        f"changes_requested.{ben.github_id}": "with 2 requests for changes by ben in the range",
        f"reviews.{ben.github_id}.{ada.github_id}": "with 2 reviews given by ben to ada in",
        f"asked.{ben.github_id}": "of which ben is asked for a review",
        "late": "waiting longer than usual",
    }
    for figure, said in figures.items():
        assert said in alice_client.get(f"{path}?figure={figure}").content.decode()
    page = alice_client.get("/a/acme/waiting/").content.decode()
    assert "compared with" not in page
    assert f"figure=asked.{ben.github_id}" in page
    assert 'type="radio" name="range"' not in page


def test_a_page_says_since_when_its_repository_is_not_tracked(
    team: Team, alice_client: Client
) -> None:
    shop = make_repository(team)
    ada = make_member(team, "ada")
    stay(shop, ada, 99, title="left behind")
    page = f"/a/acme/repositories/{shop.github_repo_id}/"
    assert "is not tracked" not in alice_client.get(page).content.decode()
    assert "left behind" in alice_client.get("/a/acme/").content.decode()
    stop_tracking(shop)
    text = alice_client.get(page).content.decode()
    since = TrackedRepository.objects.get().untracked_at
    assert f"{shop.full_name} is not tracked since {since:%-d %B %Y}" in text
    assert "left behind" not in alice_client.get("/a/acme/").content.decode()


def titles(waits: Sequence[Wait]) -> list[str]:
    return [wait.pull_request.title for wait in waits]


def stop_tracking(repository: Repository) -> None:
    credential = IntegrationCredential.objects.create(team=repository.team)
    integration = GitHubIntegration.objects.create(
        team=repository.team, credential=credential, organization_id=1, organization_slug="acme"
    )
    TrackedRepository.objects.create(
        team=repository.team,
        integration=integration,
        repository=repository,
        github_repo_id=repository.github_repo_id,
        full_name=repository.full_name,
        is_active=False,
        untracked_at=ago(1),
    )


def test_usual_needs_twenty_waits(shop: Repository) -> None:
    team = shop.team
    ada, ben = make_member(team, "ada"), make_member(team, "ben")
    for number in range(20):
        assert "review" not in usual(team, timezone.now())
        make_pull_request(
            shop,
            author=ada,
            opened_at=ago(9),
            ended=40,
            requests=[(ben, 0)],
            reviews=[Review(ben, number + 1)],
        )
    found = usual(team, timezone.now())
    assert found["review"] == found[""] == 15.25 * 3600
    stay(shop, ada, 1, requests=[(ben, 0)], title="late")
    waits, _ = this_week(team, filters_of(team, ""), timezone.now())
    assert titles(waits) == ["late"]
    assert waits[0].usual == 15.25 * 3600


def test_the_merger_merged_the_last_five(shop: Repository) -> None:
    team = shop.team
    ada, ben, cleo = (make_member(team, name) for name in ("ada", "ben", "cleo"))
    stay(shop, ada, 9, reviews=[Review(ben, 1)])
    for number in range(5):
        make_pull_request(
            shop, author=ada, opened_at=ago(20), fields={"merged_by_github_id": cleo.github_id}
        )
        filters = filters_of(team, "")
        (wait,) = this_week(team, filters, timezone.now())[0]
        assert wait.whom[0].name == ("cleo" if number == 4 else "ada")
    make_pull_request(shop, author=ada, opened_at=ago(9), fields={"merged_by_github_id": 1})
    (wait,) = this_week(team, filters, timezone.now())[0]
    assert wait.whom[0].name == "ada"
    # People who merge need not be members, but bots do not count.
    for account, kind, name in ((77, "User", "zoe"), (78, "Bot", "ada")):
        by = {"github_id": account, "login": "zoe", "type": kind}
        fields = {f"merged_by_{name}": value for name, value in by.items()}
        for _ in range(5):
            make_pull_request(shop, author=ada, opened_at=ago(79 - account), fields=fields)
        (wait,) = this_week(team, filters, timezone.now())[0]
        assert wait.whom[0].name == name


def test_the_merger_is_the_same_after_an_edit(shop: Repository) -> None:
    """One of the last five is read anew, beside the four that were known."""
    team = shop.team
    ada, ben, cleo = (make_member(team, name) for name in ("ada", "ben", "cleo"))
    stay(shop, ada, 9, reviews=[Review(ben, 1)])
    rows = [
        make_pull_request(
            shop,
            author=ada,
            opened_at=ago(60 - number),
            fields={"merged_by_github_id": 1 if number < 2 else cleo.github_id},
        )
        for number in range(6)
    ]
    for _ in range(2):
        (wait,) = this_week(team, filters_of(team, ""), timezone.now())[0]
        assert wait.whom[0].name == "ada"
        revision = freshness.changed(shop.pk)
        edited = PullRequest.objects.filter(pk=rows[-1].pk)
        edited.update(comment_count=7, stored_revision=revision)


def test_a_team_made_here_is_not_asked(team: Team, alice_client: Client) -> None:
    """GitHub did not say which of its own teams is."""
    ada, ben = (make_member(team, name) for name in ("ada", "ben"))
    asked = EventFact("review_requested", ago(1), is_group=True)
    stay(make_repository(team), ada, 3, title="Ask somebody", events=[asked])
    ours = Group.objects.create(team=team, slug="own-us", name="Us")
    ours.members.set([ada, ben])
    assert 'id="queue"' not in alice_client.get(f"/a/acme/teams/{ours.pk}/").text
    assert "Ask somebody" in alice_client.get("/a/acme/waiting/").text


def test_people_of_another_team_are_not_waited_for(shop: Repository) -> None:
    other: Team = make_team("Other")
    ada = make_member(shop.team, "ada")
    stay(shop, ada, 9, requests=[(ada, 1)])
    assert queues(other, filters_of(other, "")) == {}
