"""METRICS, rule by rule, on examples made by hand, and its invariants for any pull request."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.metrics.calculations.ai_accounts import Actor, TeamMarks, is_bot
from apps.metrics.calculations.facts import (
    CommitFact,
    EventFact,
    Person,
    PullRequestFacts,
    ReviewFact,
)
from apps.metrics.calculations.pull_requests import (
    Figures,
    HotfixPatterns,
    RevertReference,
    calculate,
    is_hotfix,
    reverted_sha,
    reverts,
    size,
)

RECORDING = Path(__file__).resolve().parents[4] / "shared" / "data" / "tls13-spec.json"

ALICE = Person(1, "alice")
BOB = Person(2, "bob")
CHARLIE = Person(3, "charlie")
GHOST = Person(None, None)
ROBOT = Person(9, "dependabot", is_bot=True)


def at(hours: float) -> datetime:
    """A time this many hours after the pull request was opened."""
    return datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(hours=hours)


def hours(number: float) -> int:
    return int(number * 3600)


def review(author: Person, when: float, state: str = "commented") -> ReviewFact:
    return ReviewFact(author, state, at(when))


def commit(when: float, committed: float | None = None) -> CommitFact:
    return CommitFact(at(when), at(when if committed is None else committed))


def facts(**changes: Any) -> PullRequestFacts:
    """Alice's pull request, merged ten hours after it was opened, with the given changes."""
    told: dict[str, Any] = {
        "state": "merged",
        "is_draft": False,
        "author": ALICE,
        "opened_at": at(0),
        "closed_at": at(10),
        "merged_at": at(10),
    }
    if changes.get("state") == "open":
        told |= {"closed_at": None, "merged_at": None}
    if changes.get("state") == "closed":
        told |= {"merged_at": None}
    return PullRequestFacts(**(told | changes))


def figures(**changes: Any) -> Figures:
    """The figures of that pull request."""
    return calculate(facts(**changes))


def stages(found: Figures) -> tuple[int | None, ...]:
    return (found.coding_time, found.pickup_time, found.review_time, found.merge_time)


def test_it_works() -> None:
    found = figures(
        commits=[commit(-3), commit(4)],
        reviews=[review(BOB, 2, "changes_requested"), review(BOB, 6, "approved")],
        additions=30,
        deletions=30,
    )

    assert stages(found) == (hours(3), hours(2), hours(4), hours(4))
    assert found.cycle_time == hours(13)
    assert found.time_to_merge == hours(10)
    assert found.first_commit_at == at(-3)
    assert found.last_commit_at == at(4)
    assert found.first_review_at == at(2)
    assert found.approved_at == at(6)
    assert found.review_rounds == 1
    assert found.commits_after_first_review == 1
    assert found.reviewer_count == 1
    assert found.size == "M"
    assert found.qualifying == (True, True)
    assert found.waiting_for == ""


def test_first_commit_is_never_later_than_opened() -> None:
    assert figures(commits=[commit(5)]).first_commit_at == at(0)


def test_without_commits_the_first_is_the_opening() -> None:
    assert figures().first_commit_at == at(0)
    assert figures().last_commit_at is None


@pytest.mark.parametrize("state", ["open", "closed", "merged"])
def test_old_commit(state: str) -> None:
    month = 30 * 24
    assert not figures(state=state, commits=[commit(-month)]).has_old_commit
    assert figures(state=state, commits=[commit(-month - 1)]).has_old_commit


def test_an_old_commit_keeps_its_durations() -> None:
    found = figures(commits=[commit(-31 * 24)])
    assert found.has_old_commit
    assert found.coding_time == hours(31 * 24)


@pytest.mark.parametrize(
    ("is_draft", "events", "ready_at"),
    [
        (False, [], at(0)),
        (True, [], None),
        (False, [EventFact("ready_for_review", at(3))], at(3)),
        (True, [EventFact("convert_to_draft", at(3))], at(0)),
        (
            False,
            [EventFact("ready_for_review", at(5)), EventFact("convert_to_draft", at(3))],
            at(0),
        ),
        (
            True,
            [EventFact("convert_to_draft", at(5)), EventFact("ready_for_review", at(3))],
            at(3),
        ),
        (True, [EventFact("review_requested", at(1))], None),
    ],
)
def test_ready(is_draft: bool, events: list[EventFact], ready_at: datetime | None) -> None:
    assert figures(state="open", is_draft=is_draft, events=events).ready_at == ready_at


def test_a_merged_draft_counts_from_its_opening() -> None:
    found = figures(is_draft=True, commits=[commit(-1)])
    assert found.ready_at is None
    assert stages(found) == (hours(1), None, None, hours(10))


def test_never_reviewed() -> None:
    assert stages(figures()) == (0, None, None, hours(10))


def test_never_approved() -> None:
    assert stages(figures(reviews=[review(BOB, 2)])) == (0, hours(2), hours(8), None)


def test_reviewed_while_a_draft_was_picked_up_at_once() -> None:
    found = figures(
        events=[EventFact("ready_for_review", at(5))], reviews=[review(BOB, 2, "approved")]
    )
    assert found.first_review_at == at(2)
    assert stages(found) == (hours(5), 0, 0, hours(5))


@pytest.mark.parametrize(
    ("given_review", "counts"),
    [
        (review(BOB, 0), True),
        (review(BOB, 10), True),
        (review(BOB, -0.01), False),
        (review(BOB, 10.01), False),
        (review(ALICE, 1), False),
        (review(Person(1, "alice-renamed"), 1), False),
        (review(ROBOT, 1), False),
        (review(BOB, 1, "pending"), False),
        (review(BOB, 1, "dismissed"), True),
        (review(GHOST, 1), True),
    ],
)
def test_reviews_that_count(given_review: ReviewFact, counts: bool) -> None:
    found = figures(reviews=[given_review])
    assert found.qualifying == (counts,)
    assert (found.first_review_at is not None) is counts


def test_a_closed_one_counts_reviews_until_it_was_closed() -> None:
    found = figures(state="closed", reviews=[review(BOB, 9), review(BOB, 11)])
    assert found.qualifying == (True, False)
    assert found.cycle_time is None
    assert stages(found) == (None, None, None, None)


def test_responses_run_from_the_request_to_the_reviewer_s_first_review() -> None:
    found = figures(
        reviews=[review(BOB, 8), review(BOB, 6), review(CHARLIE, 5), review(GHOST, 1)],
        events=[
            EventFact("review_requested", at(2), BOB.id),
            EventFact("review_requested", at(4), BOB.id),
            EventFact("review_requested", at(7), CHARLIE.id),
        ],
    )
    assert found.responses == (None, hours(4), hours(5), None)


def test_a_review_of_a_draft_responds_at_once() -> None:
    ready = [EventFact("ready_for_review", at(3))]
    found = figures(reviews=[review(BOB, 1), review(CHARLIE, 4)], events=ready)
    assert found.responses == (0, hours(1))


def test_a_ghost_reviewer_may_be_the_ghost_author() -> None:
    found = figures(author=GHOST, reviews=[review(GHOST, 1), review(BOB, 2)])
    assert found.qualifying == (False, True)


def test_ghosts_are_one_reviewer() -> None:
    found = figures(reviews=[review(GHOST, 1), review(GHOST, 2), review(BOB, 3), review(BOB, 4)])
    assert found.reviewer_count == 2


def test_a_later_request_does_not_undo_an_approval() -> None:
    reviews = [review(BOB, 1, "approved"), review(BOB, 2, "changes_requested")]
    assert figures(reviews=reviews).approved_at == at(1)


def test_a_dismissed_approval_is_none() -> None:
    assert figures(reviews=[review(BOB, 1, "dismissed")]).approved_at is None


def test_the_last_approval_counts() -> None:
    reviews = [review(BOB, 4, "approved"), review(CHARLIE, 2, "approved")]
    assert figures(reviews=reviews).approved_at == at(4)


@pytest.mark.parametrize(
    ("asked", "committed", "rounds"),
    [
        ([2], [3], 1),
        ([2], [], 0),
        ([2], [1, 2], 0),
        ([2, 4], [3, 5], 2),
        ([2, 4], [5], 1),
        ([2, 4], [3, 3.5], 1),
        ([2], [10, 11], 0),
    ],
)
def test_rounds(asked: list[float], committed: list[float], rounds: int) -> None:
    found = figures(
        reviews=[review(BOB, when, "changes_requested") for when in asked],
        commits=[commit(-1, when) for when in committed],
    )
    assert found.review_rounds == rounds


def test_an_approval_between_does_not_end_a_round() -> None:
    reviews = [review(BOB, 2, "changes_requested"), review(CHARLIE, 3, "approved")]
    assert figures(reviews=reviews, commits=[commit(4)]).review_rounds == 1


@pytest.mark.parametrize(
    ("lines", "name"),
    [(0, "XS"), (10, "XS"), (11, "S"), (50, "S"), (51, "M"), (200, "M"), (201, "L"), (501, "XL")],
)
def test_size(lines: int, name: str) -> None:
    assert size(lines) == name


@pytest.mark.parametrize(
    ("labels", "branch", "title", "expected"),
    [
        (["Hotfix"], "x", "x", True),
        (["hotfix-later"], "x", "x", False),
        ([], "HOTFIX/login", "x", True),
        ([], "my-hotfix/login", "x", False),
        ([], "x", "hotfix: log in again", True),
        ([], "x", "Hotfix(api): log in again", True),
        ([], "x", "Document the hotfix: how", False),
        ([], "x", "hotfixes: none", False),
    ],
)
def test_hotfix(labels: list[str], branch: str, title: str, expected: bool) -> None:
    assert is_hotfix(labels, branch, title, HotfixPatterns()) is expected


def test_a_title_pattern_without_a_star_is_a_prefix_of_whole_words() -> None:
    patterns = HotfixPatterns(labels=[], branches=[], titles=["[urgent]", "emergency"])
    assert is_hotfix([], "", "[Urgent] now", patterns)
    assert is_hotfix([], "", "Emergency fix", patterns)
    assert not is_hotfix([], "", "Emergencyware", patterns)
    assert not is_hotfix([], "", "under way", patterns)


@pytest.mark.parametrize(
    ("title", "body", "expected"),
    [
        ('Revert "Add a thing"', "", RevertReference()),
        ('Revert "Add a thing"', "Reverts acme/shop#12", RevertReference("acme/shop", 12)),
        ("Back out", "It broke.\n\nReverts #7.", RevertReference("", 7)),
        ("Fix revert button", "reverts #7", None),
        ('revert "Add a thing"', "", None),
        ("x", "Reverts the idea", None),
    ],
)
def test_reverts(title: str, body: str, expected: RevertReference | None) -> None:
    assert reverts(title, body) == expected


@pytest.mark.parametrize(
    ("message", "sha"),
    [
        ("Revert x\n\nThis reverts commit 0123abc.", "0123abc"),
        ("This reverts commit " + "a" * 40 + ", reversing\nchanges", "a" * 40),
        ("This reverts commit 012345.", None),
        ("this reverts commit 0123abc.", None),
        ("This reverts commit messages", None),
    ],
)
def test_reverted_sha(message: str, sha: str | None) -> None:
    assert reverted_sha(message) == sha


@pytest.mark.parametrize(
    ("account_type", "login", "expected"),
    [
        ("Bot", "dependabot", True),
        ("User", "renovate[bot]", True),
        ("User", "robothead", False),
        ("User", "ACME-CI", True),
        ("User", "helper", True),
        (None, None, False),
    ],
)
def test_bots(account_type: str | None, login: str | None, expected: bool) -> None:
    own = TeamMarks(bots=frozenset({"acme-ci", "helper"}))
    assert is_bot(Actor(5, login, account_type), own) is expected


people = st.sampled_from([ALICE, BOB, CHARLIE, GHOST, ROBOT])
offsets = st.floats(-2000, 2000, allow_nan=False)
instants = offsets.map(at)
review_facts = st.builds(
    ReviewFact,
    people,
    st.sampled_from(["approved", "changes_requested", "commented", "dismissed", "pending"]),
    instants,
)
event_facts = st.builds(
    EventFact, st.sampled_from(["ready_for_review", "convert_to_draft", "closed"]), instants
)


@st.composite
def any_facts(draw: st.DrawFn) -> PullRequestFacts:
    state = draw(st.sampled_from(["open", "closed", "merged"]))
    ended = draw(st.floats(0, 1000)) if state != "open" else None
    closed_at = None if ended is None else at(ended)
    return PullRequestFacts(
        state=state,
        is_draft=draw(st.booleans()),
        author=draw(people),
        opened_at=at(0),
        closed_at=closed_at,
        merged_at=closed_at if state == "merged" else None,
        additions=draw(st.integers(0, 1000)),
        commits=draw(st.lists(st.builds(CommitFact, instants, instants), max_size=5)),
        reviews=draw(st.lists(review_facts, max_size=6)),
        events=draw(st.lists(event_facts, max_size=4)),
    )


def assert_promises_hold(facts: PullRequestFacts) -> None:
    found = calculate(facts)
    if facts.merged_at is None:
        assert stages(found) == (None, None, None, None)
        assert found.cycle_time is found.time_to_merge is None
    else:
        assert sum(stage or 0 for stage in stages(found)) == found.cycle_time
        every = [*stages(found), found.cycle_time, found.time_to_merge]
        assert all(duration >= 0 for duration in every if duration is not None)
        assert (found.pickup_time is None) is (found.first_review_at is None)
    assert found.first_commit_at <= facts.opened_at
    assert found.reviewer_count <= sum(found.qualifying)
    assert found.review_rounds <= sum(found.qualifying)
    assert (found.waiting_for == "") or facts.state == "open"


@given(any_facts())
def test_promises(facts: PullRequestFacts) -> None:
    assert_promises_hold(facts)


@given(any_facts(), st.randoms(use_true_random=False))
def test_order_of_what_comes_in_does_not_matter(facts: PullRequestFacts, random: Any) -> None:
    first = calculate(facts)
    reviews = list(enumerate(facts.reviews))
    random.shuffle(reviews)
    events = list(facts.events)
    random.shuffle(events)
    changed = vars(facts) | {"reviews": [review for _, review in reviews], "events": events}
    second = calculate(PullRequestFacts(**changed))
    if len({r.submitted_at for r in facts.reviews}) == len(reviews) and len(
        {e.at for e in facts.events}
    ) == len(events):
        of_reviews = {"qualifying": (), "responses": ()}
        assert vars(first) | of_reviews == vars(second) | of_reviews
        assert second.responses == tuple(first.responses[place] for place, _ in reviews)


def test_another_offset_is_the_same_instant() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    there = figures(merged_at=at(10).astimezone(india))
    assert there.cycle_time == figures().cycle_time


def _recorded(pull: dict[str, Any], people: dict[str, Person]) -> PullRequestFacts:
    def instant(text: str | None) -> datetime | None:
        return datetime.fromisoformat(text) if text else None

    def person(login: str | None) -> Person:
        return people.get(login, Person(None, login)) if login else GHOST

    return PullRequestFacts(
        state=pull["state"].lower(),
        is_draft=False,
        author=person(pull["author"]),
        opened_at=datetime.fromisoformat(pull["createdAt"]),
        closed_at=instant(pull["closedAt"]),
        merged_at=instant(pull["mergedAt"]),
        additions=pull["additions"] or 0,
        deletions=pull["deletions"] or 0,
        commits=[
            CommitFact(
                datetime.fromisoformat(c["authoredDate"]),
                datetime.fromisoformat(c["committedDate"]),
            )
            for c in pull["commits"]
        ],
        reviews=[
            ReviewFact(
                person(r["author"]), r["state"].lower(), datetime.fromisoformat(r["submittedAt"])
            )
            for r in pull["reviews"]
        ],
    )


@pytest.mark.skipif(not RECORDING.exists(), reason="the recording of tls13-spec is not at hand")
def test_promises_hold_for_every_recorded_pull_request() -> None:
    data = json.loads(RECORDING.read_text())
    people = {u["login"]: Person(u["id"], u["login"], u["type"] == "Bot") for u in data["users"]}
    pulls = [pull for repository in data["repositories"] for pull in repository["pulls"]]
    for pull in pulls:
        assert_promises_hold(_recorded(pull, people))
    assert len(pulls) == 998
