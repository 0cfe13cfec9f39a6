"""Spot checks: randomly chosen pull requests, fetched again and compared field by field.

Deployments are checked too, see `deployment_accuracy`.

A difference is reported with both values, and repaired by storing what was fetched.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from apps.chunks import chunks
from apps.integrations.access.conversation import with_github
from apps.integrations.checks import deployment_accuracy
from apps.integrations.checks.outcomes import Difference, Outcome
from apps.integrations.github import pull_requests, records
from apps.integrations.models import TrackedRepository
from apps.integrations.people import forgetting
from apps.integrations.storing import crediting, ingest, initiators, last_known
from apps.integrations.storing.calculated import is_external
from apps.integrations.storing.facts import PullRequestRow
from apps.integrations.storing.identity import NO_OTHERS, Accounts, Identity, main_account
from apps.metrics.filters import accounts
from apps.metrics.lists import export
from apps.metrics.models import PullRequest, TeamMember
from apps.teams.models import Team

AT_ONCE = 25


def check(
    sample: int,
    chance: random.Random | None = None,
    *,
    team: Team | None = None,
    outcome: Outcome | None = None,
    is_live: bool = True,
) -> Outcome:
    """Compares up to `sample` stored pull requests, and as many deployments, with GitHub.

    They come from tracked repositories of all teams, or of one. Adds to `outcome`, which keeps what
    was compared before an error. `is_live`: a user waits, so the budget's reserve may be used.
    Raises `GitHubError`.
    """
    outcome = outcome or Outcome()
    chance = chance or random.Random()  # noqa: S311 no secret
    # First, since figures of pull requests depend on them.
    deployment_accuracy.check(sample, chance, team, outcome, is_live=is_live)
    for tracked, ids in _drawn(sample, chance, team):
        with with_github(tracked.integration.credential, is_live=lambda: is_live) as github:
            for some in chunks(ids, AT_ONCE):
                asked_at = datetime.now(UTC)
                batch = pull_requests.by_ids(github, some)
                reasons = [*(item.reason for item in batch.spoilt), *batch.withheld.values()]
                outcome.not_compared += reasons
                outcome.gone += len(some) - len(batch.pull_requests) - len(reasons)
                _compare(tracked, batch.pull_requests, asked_at, outcome)
    return outcome


def _drawn(
    sample: int, chance: random.Random, team: Team | None
) -> Iterator[tuple[TrackedRepository, Sequence[str]]]:
    rows = PullRequest.objects.filter(repository__tracking__is_active=True)
    if team:
        rows = rows.filter(team=team)
    ids = list(rows.values_list("pk", flat=True))
    chosen = chance.sample(ids, min(sample, len(ids)))
    by_repository: dict[int, list[str]] = defaultdict(list)
    for repository, node_id in rows.filter(pk__in=chosen).values_list("repository", "node_id"):
        by_repository[repository].append(node_id)
    for tracked in TrackedRepository.objects.filter(repository__in=by_repository).select_related(
        "team", "repository__team", "integration__credential"
    ):
        yield tracked, by_repository[tracked.repository_id]


def _compare(
    tracked: TrackedRepository,
    fetched: Iterable[records.PullRequest],
    asked_at: datetime,
    outcome: Outcome,
) -> None:
    main = accounts.main_accounts(tracked.team)
    for record in fetched:
        rows = PullRequest.objects.filter(repository=tracked.repository, number=record.number)
        stored = rows.first()
        if stored is None or stored.fetched_at > asked_at:
            continue  # It was deleted or fetched again during the request.
        found = _differences(tracked, stored, record, main, outcome)
        outcome.differences += found
        if found:
            with transaction.atomic():
                ingest.pull_requests(tracked.repository, [record], asked_at)
                crediting.credit(tracked.repository, [stored.pk])


def _differences(
    tracked: TrackedRepository,
    stored: PullRequest,
    record: records.PullRequest,
    main: Accounts,
    outcome: Outcome,
) -> list[Difference]:
    """Fields that differ at GitHub; also counts fields compared, and names fields not reported."""
    [(completed, missing_fields)] = last_known.completed(tracked.repository, [record])
    [completed] = forgetting.without_forgotten(tracked.team, [completed])
    here = dict(_stored(stored))
    [row] = initiators.read_all(tracked.team, [(completed, missing_fields)], main)
    there = dict(_expected(stored, row, main))
    for name in _READ_LATER if stored.marks is None else ():
        del here[name], there[name]
    name = f"{tracked.full_name}#{record.number}"
    is_late = record.updated_at is not None and stored.updated_at != record.updated_at
    keys = sorted(here.keys() | there.keys())
    outcome.pull_requests += 1
    outcome.fields += len(keys) - len(missing_fields)
    outcome.fields_missing += [f"{name} {each}" for each in sorted(missing_fields)]
    return [
        Difference(name, key, here.get(key), there.get(key), is_late)
        for key in keys
        if here.get(key) != there.get(key)
    ]


def _stored(stored: PullRequest) -> Iterator[tuple[str, Any]]:
    for name in _COLUMNS:
        yield name, getattr(stored, name)
    for review in stored.reviews.all():
        for name in _OF_REVIEWS:
            yield f"review {review.node_id} {name}", getattr(review, name)
    links = stored.commit_links.select_related("commit").order_by("position")
    for position, commit in enumerate(link.commit for link in links):
        yield f"commit {commit.sha} position", position
        for name in _OF_COMMITS:
            yield f"commit {commit.sha} {name}", getattr(commit, name)
    for event in stored.timeline.all():
        for name in _OF_EVENTS:
            yield f"event {event.node_id} {name}", getattr(event, name)


def _expected(
    stored: PullRequest, row: PullRequestRow, main: Accounts
) -> Iterator[tuple[str, Any]]:
    known = {**row.columns, **_by_others(stored, row, main), "is_bot": row.is_bot}
    known |= _by_deployments(stored, row)
    for name in _COLUMNS:
        yield name, known[name]
    for review in row.reviews:
        who = {
            "reviewer_login": review.author.login,
            "reviewer_github_id": review.author.github_id,
        }
        for name in _OF_REVIEWS:
            yield f"review {review.columns['node_id']} {name}", {**review.columns, **who}[name]
    for position, commit in enumerate(row.commits):
        sha, values = commit.columns["sha"], {**commit.columns, "author_login": commit.author.login}
        yield f"commit {sha} position", position
        for name in _OF_COMMITS:
            yield f"commit {sha} {name}", values[name]
    for event in row.timeline:
        for name in _OF_EVENTS:
            yield f"event {event['node_id']} {name}", event[name]


def _by_others(stored: PullRequest, row: PullRequestRow, main: Accounts) -> dict[str, Any]:
    """Fields that depend on other rows: on members and on known merges."""
    author, initiator = (_member(stored, who, main) for who in (row.author, row.initiator))
    own = _member(stored, row.initiator, NO_OTHERS)
    who = {"is_bot": row.is_bot, "is_own_agent": row.is_own_agent}
    said = {commit.columns["reverts_sha"] for commit in row.commits} - {"", None}
    reverted = (
        PullRequest.objects.filter(
            repository=stored.repository_id,
            merge_commit_sha__gte=sha,
            merge_commit_sha__lt=f"{sha}g",
        ).exclude(pk=stored.pk)
        for sha in said
    )
    return {
        "is_external": is_external(
            {**row.columns, **who},
            is_member=author is not None,
            is_initiators=initiator is not None,
        ),
        "initiator_login": own.github_username if own else row.initiator.login,
        "is_revert": row.columns["is_revert"] or any(merges.exists() for merges in reverted),
    }


def _by_deployments(stored: PullRequest, row: PullRequestRow) -> dict[str, Any]:
    """When it reached production, according to the known deployments."""
    computed = PullRequest(
        pk=stored.pk,
        merged_at=row.columns["merged_at"],
        cycle_time=row.columns["cycle_time"],
        was_live_before=stored.was_live_before,
    )
    return crediting.deployment_columns(computed)


def _member(stored: PullRequest, who: Identity, main: Accounts) -> TeamMember | None:
    account = main_account(main, who.github_id)
    if account is None:
        return None
    return TeamMember.objects.filter(team=stored.team_id, github_id=account).first()


def _own(fields: Mapping[str, str], prefix: str = "") -> tuple[str, ...]:
    """The columns of an export that are stored in the row itself."""
    names = (column.removeprefix(prefix) for column in fields.values())
    return tuple(name for name in names if "__" not in name)


# All exported columns, except the repository's name: the walk updates it, the reply lacks it.
_COLUMNS = (
    *_own(export.PULL_REQUEST_FIELDS),
    *("author_person", "merged_by_github_id", "merge_commit_sha", "last_commit_at", "waiting_for"),
)
# For a pull request not yet read for AI marks; the other AI columns follow from accounts.
_READ_LATER = (
    *("ai", "ai_tools", "ai_evidence", "initiator_login", "initiator_github_id", "human_touched"),
    *("is_external", "first_review_at", "approved_at", "reviewer_count", "review_rounds"),
)
_OF_REVIEWS = (
    *_own(export.REVIEW_FIELDS),
    *("is_qualifying", "is_ai", "response_time", "reviewer_person"),
)
_OF_COMMITS = _own(export.COMMIT_FIELDS, "commit__")
_OF_EVENTS = ("kind", "at", "actor_login", "reviewer_login", "detail")
