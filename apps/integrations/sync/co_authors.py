"""Asks GitHub whose addresses co-authors have, if that decides who initiated an agent's work.

Each address is requested once a team, by one commit that names it: a hundred are a point.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from apps.integrations.github import co_authors, records
from apps.integrations.github.client import GitHub
from apps.integrations.models import CoAuthor, TrackedRepository
from apps.integrations.people import forgetting, own_marks
from apps.integrations.storing import recalculation
from apps.integrations.storing.texts import hashes
from apps.metrics.calculations import reduced
from apps.metrics.models import Commit, PullRequest

ROWS = 200


@dataclass(frozen=True)
class Question:
    """Hashed addresses, and the commits to request; `rows` depend on the answer."""

    rows: list[int]
    addresses: list[str]
    ids: list[str]


def next_question(tracked: TrackedRepository) -> Question | None:
    """A repository's next question; answers known by now are applied at once."""
    asking = PullRequest.objects.filter(repository=tracked.repository_id, asks_initiator=True)
    rows = asking.order_by("-opened_at", "-pk")[:ROWS]
    wanted: dict[str, str] = {}
    keys = []
    for row, unknown in recalculation.anew(tracked.team, rows):
        keys += [row.pk] if unknown else []
        for sha, address in unknown:
            wanted.setdefault(address, sha)
    some = dict(list(wanted.items())[: co_authors.AT_ONCE])
    if not some:
        return None
    return Question(keys, list(hashes(list(some))), _ids(tracked, some.values()))


def ask(github: GitHub, question: Question) -> tuple[list[tuple[str, records.Actor | None]], bool]:
    """GitHub's answer: accounts by address, and whether it returned all of them."""
    return co_authors.authors(github, question.ids) if question.ids else ([], True)


def store(
    tracked: TrackedRepository,
    question: Question,
    answer: Iterable[tuple[str, records.Actor | None]],
    *,
    is_complete: bool,
) -> None:
    """Stores the account of each address, or that GitHub knows none, and the initiators.

    Of an incomplete answer only the accounts: the rest is requested again later.
    """
    team, is_forgotten = tracked.team, forgetting.is_forgotten(tracked.team)
    found: dict[str, records.Actor | None] = dict.fromkeys(question.addresses)
    hash_of = own_marks.hashing(team)
    for text, user in answer:
        key = reduced.address(text, hash_of)[:32]
        if key in found and user and not is_forgotten(user.database_id):
            found[key] = user
    CoAuthor.objects.bulk_create(
        [
            CoAuthor(
                team=team,
                address_hash=key,
                github_id=user.database_id if user else None,
                login=user.login if user else None,
            )
            for key, user in found.items()
            if is_complete or (user and user.database_id)
        ],
        update_conflicts=True,
        unique_fields=["team", "address_hash"],
        update_fields=["github_id", "login"],
    )
    recalculation.anew(team, PullRequest.objects.filter(pk__in=question.rows))


def _ids(tracked: TrackedRepository, shas: Iterable[str]) -> list[str]:
    commits = Commit.objects.filter(repository=tracked.repository_id, sha__in=set(shas))
    kept = commits.values_list("marks", flat=True)
    return [marks["id"] for marks in kept if marks and "id" in marks]
