"""All calculated columns of a pull request: figures, marks, and who counts.

Syncing and recalculating share this code, so that both give the same result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from apps.integrations.storing.identity import NOBODY, Accounts, Identity, main_account
from apps.metrics.calculations import marks
from apps.metrics.calculations import pull_requests as calculations
from apps.metrics.calculations.ai_accounts import Actor, TeamMarks, bare, is_bot
from apps.metrics.calculations.facts import EventFact, PullRequestFacts, ReviewFact
from apps.metrics.calculations.marks import Known, ReviewGiven, Texts, Writing
from apps.metrics.calculations.waiting import answer_times


@dataclass(frozen=True)
class SubmittedReview:
    """A submitted review, and its reviewer."""

    author: Identity
    state: str
    submitted_at: datetime


@dataclass(frozen=True)
class KnownPullRequest:
    """What is known of a pull request; `facts` are without reviews and initiator.

    `is_read`: all its texts were read for marks. If not, only marks of accounts, branch and labels
    are known, and the absence of a mark proves nothing.
    """

    facts: PullRequestFacts
    author: Identity
    merged_by: Identity
    reviews: Sequence[SubmittedReview]
    texts: Texts
    is_read: bool


@dataclass(frozen=True)
class Calculated:
    """Columns of the pull request and of each dated review, and who initiated it.

    `unknown`: addresses whose accounts decide the initiator, each with its commit.
    """

    columns: dict[str, Any]
    reviews: list[dict[str, Any]]
    is_bot: bool
    is_own_agent: bool
    initiator: Identity
    unknown: tuple[tuple[str, str], ...]


def calculate(
    pull_request: KnownPullRequest, own: TeamMarks, main: Accounts, known: Known
) -> Calculated:
    """Calculates everything, with the team's own marks and lists."""
    writing = marks.read(pull_request.texts, own, known)
    ai = writing.ai if pull_request.is_read or writing.ai in ("assisted", "agent") else None
    initiator = _initiator(writing, pull_request)
    facts = replace(
        pull_request.facts,
        reviews=[_fact(review, own, main) for review in pull_request.reviews],
        initiator=initiator.person(own, main) if initiator != NOBODY else None,
    )
    figures = dict(vars(calculations.calculate(facts)))
    counted = counted_reviews(facts, figures)
    by_ai = _by_ai(pull_request, own)
    unknown = writing.initiator.unknown if pull_request.is_read else ()
    return Calculated(
        columns={
            **figures,
            **_written(writing, ai),
            **_ai_reviews(pull_request.reviews, by_ai),
            "human_touched": _is_touched(pull_request, own),
            "initiator_github_id": initiator.github_id,
            "initiator_login": initiator.login,
            "initiator_person": main.get(initiator.github_id or 0),
            "asks_initiator": bool(unknown),
        },
        reviews=[each | {"is_ai": is_ai} for each, is_ai in zip(counted, by_ai, strict=True)],
        is_bot=facts.author.is_bot,
        is_own_agent=bare(pull_request.author.login) in own.logins,
        initiator=initiator,
        unknown=unknown,
    )


NOT_COUNTED: Mapping[str, Any] = {
    "is_qualifying": False,
    "response_time": None,
    "answer_time": None,
    "is_ai": False,
}


def counted_reviews(facts: PullRequestFacts, figures: dict[str, Any]) -> list[dict[str, Any]]:
    """The figures of each review, taken from those of its pull request."""
    qualifying, responses = figures.pop("qualifying"), figures.pop("responses")
    each = zip(qualifying, responses, answer_times(facts, qualifying), strict=True)
    return [dict(zip(NOT_COUNTED, values, strict=False)) for values in each]


def event_fact(own: TeamMarks, event: Mapping[str, Any], main: Accounts) -> EventFact:
    """An event for the calculations, from the columns of its row."""
    kind, asked = event["reviewer_type"], event["reviewer_github_id"]
    return EventFact(
        event["kind"],
        event["at"],
        main_account(main, asked),
        event["group_github_id"],
        is_group=kind == "Team",
        is_bot=is_bot(Actor(asked, event["reviewer_login"], kind), own),
    )


def is_external(row: Mapping[str, Any], *, is_member: bool, is_initiators: bool) -> bool:
    """Whether an external person wrote it: not a member, and not a bot.

    For an agent's pull request, its initiator counts if known, else the agent: a team's own agent
    may be a member. `row` has `ai`, `is_bot`, `is_own_agent` and `initiator_github_id`.
    """
    if row["ai"] != "agent":
        return not (is_member or row["is_bot"])
    if row["initiator_github_id"] is not None:
        return not is_initiators
    return not (is_member or row["is_own_agent"])


def _initiator(writing: Writing, pull_request: KnownPullRequest) -> Identity:
    account = writing.initiator.account if pull_request.is_read else None
    return Identity(account.id, account.login, account.type) if account else NOBODY


def _fact(review: SubmittedReview, own: TeamMarks, main: Accounts) -> ReviewFact:
    return ReviewFact(review.author.person(own, main), review.state, review.submitted_at)


def _written(writing: Writing, ai: str | None) -> dict[str, Any]:
    return {
        "ai": ai,
        "ai_tools": list(writing.tools) if ai else [],
        "ai_evidence": list(writing.evidence),
        "findings": [
            [each.kind, each.tool, each.weight, each.text, each.place] for each in writing.findings
        ],
    }


def _by_ai(pull_request: KnownPullRequest, own: TeamMarks) -> list[bool]:
    given = [ReviewGiven(each.author.actor, each.submitted_at) for each in pull_request.reviews]
    facts = pull_request.facts
    return marks.ai_reviews(given, pull_request.author.actor, facts.opened_at, facts.ended_at, own)


def _ai_reviews(reviews: Sequence[SubmittedReview], by_ai: Sequence[bool]) -> dict[str, Any]:
    given = [each.submitted_at for each, is_ai in zip(reviews, by_ai, strict=True) if is_ai]
    return {"first_ai_review_at": min(given, default=None), "ai_reviews": len(given)}


def _is_touched(pull_request: KnownPullRequest, own: TeamMarks) -> bool | None:
    """Whether a person contributed; None if none is known and not everything was read."""
    actors: list[Actor | None] = [each.author.actor for each in pull_request.reviews]
    if pull_request.facts.merged_at and pull_request.merged_by != NOBODY:
        actors.append(pull_request.merged_by.actor)
    found = marks.is_human_touched(actors, pull_request.texts.commits, own)
    return found if found or pull_request.is_read else None
