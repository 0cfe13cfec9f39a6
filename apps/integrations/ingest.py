"""THE ONE DOOR into `metrics.models`: backfill, poll, refresh and webhook all end here.

Everything is an upsert by GitHub's own keys, so that storing the same thing twice changes nothing.
The caller opens the transaction: rows, cursor and counters belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import models
from django.db.models import Q

from apps.integrations import renaming
from apps.integrations.facts import Identity, PullRequestRow, is_excluded, read, tidy
from apps.integrations.github import records
from apps.metrics.models import (
    Commit,
    PRReview,
    PullRequest,
    PullRequestCommit,
    Repository,
    TeamMember,
    TimelineEvent,
)
from apps.teams.models import Team

Row = TypeVar("Row", bound=models.Model)


def repository(team: Team, record: records.Repository) -> Repository:
    """Stores a repository under its numeric id; a rename changes its name and nothing else."""
    values = _repository(record)
    known = Repository.objects.filter(team=team, github_repo_id=record.database_id)
    if team.excluded_repositories and known.exclude(full_name=values["full_name"]).exists():
        # What is left out goes by the name.
        Team.objects.filter(pk=team.pk).update(recalculate_from=0)
    stored, _ = Repository.objects.update_or_create(
        team=team, github_repo_id=record.database_id, defaults=values
    )
    return stored


def differs(stored: Repository, record: records.Repository) -> bool:
    """Whether a repository is no longer as it is stored."""
    return any(getattr(stored, name) != value for name, value in _repository(record).items())


def _repository(record: records.Repository) -> dict[str, Any]:
    return {
        "node_id": record.id,
        "full_name": tidy(record.name_with_owner),
        "default_branch": record.default_branch_ref.name if record.default_branch_ref else "",
        "is_private": record.is_private,
        "is_archived": record.is_archived,
        "url": record.url,
    }


def pull_requests(
    repository: Repository, incoming: Sequence[records.PullRequest], fetched_at: datetime
) -> list[PullRequest]:
    """Stores pull requests with all that belongs to them; what is gone on GitHub goes here too."""
    unique = {record.number: record for record in incoming}
    rows = [read(repository.team, record) for _, record in sorted(unique.items())]
    members = _members(repository.team, rows)
    stored = _upsert(
        PullRequest,
        [_pull_request(repository, row, members, fetched_at) for row in rows],
        keys=["repository", "number"],
    )
    pairs = list(zip(stored, rows, strict=True))
    _store_reviews(pairs, members)
    _store_timeline(pairs)
    _store_commits(repository, pairs, members)
    _link_reverts(repository, stored)
    return stored


Members = dict[int, TeamMember]
Pairs = list[tuple[PullRequest, PullRequestRow]]


def _members(team: Team, rows: Sequence[PullRequestRow]) -> Members:
    ids = {who.github_id for row in rows for who in row.people() if who.github_id}
    found = {m.github_id: m for m in TeamMember.objects.filter(team=team, github_id__in=ids)}
    logins = {who.github_id: who.login for row in rows for who in row.people()}
    renamed: dict[int, str] = {
        number: login
        for number, login in logins.items()
        if number and number in found and login and found[number].github_username != login
    }
    if renamed:
        renaming.follow(team, renamed)
    return found


def _member(members: Members, who: Identity) -> TeamMember | None:
    return members.get(who.github_id) if who.github_id else None


def _pull_request(
    repository: Repository, row: PullRequestRow, members: Members, fetched_at: datetime
) -> PullRequest:
    author = _member(members, row.author)
    return PullRequest(
        team=repository.team,
        repository=repository,
        author=author,
        is_external=author is None and not row.is_bot,
        is_bot=row.is_bot,
        is_excluded=is_excluded(repository.team, repository.full_name, row.columns["base_branch"]),
        fetched_at=fetched_at,
        **row.columns,
    )


def _upsert(model: type[Row], rows: list[Row], *, keys: list[str]) -> list[Row]:
    """Inserts or updates `rows`, which have their primary keys afterwards."""
    kept = {"id", "created_at", *keys}
    changed = [field.name for field in model._meta.concrete_fields if field.name not in kept]
    return model._default_manager.bulk_create(
        rows,
        batch_size=200,
        update_conflicts=True,
        unique_fields=keys,
        update_fields=changed,
    )


def _delete_others(model: type[Row], pairs: Pairs, field: str, kept: set[tuple[int, Any]]) -> None:
    """Deletes the rows below these pull requests that GitHub no longer has."""
    below = model._default_manager.filter(pull_request__in=[stored for stored, _ in pairs])
    gone = [
        pk
        for pk, pull_request, key in below.values_list("pk", "pull_request_id", field)
        if (pull_request, key) not in kept
    ]
    if gone:
        model._default_manager.filter(pk__in=gone).delete()


def _store_reviews(pairs: Pairs, members: Members) -> None:
    rows = [
        PRReview(
            team_id=stored.team_id,
            pull_request=stored,
            reviewer=_member(members, review.author),
            reviewer_github_id=review.author.github_id,
            reviewer_login=review.author.login,
            reviewer_type=review.author.type,
            **review.columns,
        )
        for stored, row in pairs
        for review in row.reviews
    ]
    _delete_others(PRReview, pairs, "node_id", {(row.pull_request_id, row.node_id) for row in rows})
    _upsert(PRReview, rows, keys=["pull_request", "node_id"])


def _store_timeline(pairs: Pairs) -> None:
    rows = [
        TimelineEvent(team_id=stored.team_id, pull_request=stored, **event)
        for stored, row in pairs
        for event in row.timeline
    ]
    _delete_others(
        TimelineEvent, pairs, "node_id", {(row.pull_request_id, row.node_id) for row in rows}
    )
    _upsert(TimelineEvent, rows, keys=["pull_request", "node_id"])


def _store_commits(repository: Repository, pairs: Pairs, members: Members) -> None:
    rows = {
        commit.columns["sha"]: Commit(
            team=repository.team,
            repository=repository,
            author=_member(members, commit.author),
            author_github_id=commit.author.github_id,
            author_login=commit.author.login,
            **commit.columns,
        )
        for _, row in pairs
        for commit in row.commits
    }
    # In one order for all workers, so that two transactions never wait for each other.
    stored = _upsert(Commit, [rows[sha] for sha in sorted(rows)], keys=["repository", "sha"])
    ids = {commit.sha: commit.pk for commit in stored}
    links = [
        PullRequestCommit(pull_request=pull_request, commit_id=ids[sha], position=position)
        for pull_request, row in pairs
        for position, sha in enumerate(row.shas)
    ]
    dropped = _dropped_commits(pairs, {(link.pull_request_id, link.commit_id) for link in links})
    _upsert(PullRequestCommit, links, keys=["pull_request", "commit"])
    Commit.objects.filter(pk__in=dropped, pull_request_links__isnull=True).delete()


def _dropped_commits(pairs: Pairs, kept: set[tuple[int, int]]) -> list[int]:
    """Unlinks commits that a rebase or a force-push dropped; their ids, since some are orphans."""
    links = PullRequestCommit.objects.filter(pull_request__in=[stored for stored, _ in pairs])
    gone = [
        (pk, commit)
        for pk, pull_request, commit in links.values_list("pk", "pull_request_id", "commit_id")
        if (pull_request, commit) not in kept
    ]
    if gone:
        PullRequestCommit.objects.filter(pk__in=[pk for pk, _ in gone]).delete()
    return [commit for _, commit in gone]


def _link_reverts(repository: Repository, stored: Sequence[PullRequest]) -> None:
    """Links reverts to what they revert, whichever of the two came first."""
    _link_by_number(repository, stored)
    _link_by_sha(repository, stored)


def _link_by_number(repository: Repository, stored: Sequence[PullRequest]) -> None:
    here = Q(reverts_repository__in=["", repository.full_name])
    wanted = [row.reverts_number for row in stored if row.reverts_number]
    numbers = {row.number: row for row in stored}
    if wanted:
        known = PullRequest.objects.filter(repository=repository, number__in=wanted)
        numbers.update({row.number: row for row in known})
    unlinked = PullRequest.objects.filter(
        here, repository=repository, reverts__isnull=True, reverts_number__in=list(numbers)
    )
    for revert in unlinked:
        target = numbers[revert.reverts_number]
        if target.pk != revert.pk:
            PullRequest.objects.filter(pk=revert.pk).update(reverts=target)


def _link_by_sha(repository: Repository, stored: Sequence[PullRequest]) -> None:
    """`This reverts commit SHA` makes a revert only where SHA is a merge that is stored."""
    mine = {row.pk for row in stored}
    merged = [row for row in stored if row.merge_commit_sha]
    # Few commits revert anything, and an index knows them.
    mentions = PullRequestCommit.objects.filter(
        commit__repository=repository, commit__reverts_sha__gt=""
    )
    for sha, revert in mentions.values_list("commit__reverts_sha", "pull_request_id"):
        target = next((row for row in merged if row.merge_commit_sha.startswith(sha)), None)
        if target is None and revert in mine:
            merges = PullRequest.objects.filter(repository=repository)
            target = merges.filter(merge_commit_sha__startswith=sha).first()
        if target and target.pk != revert:
            reverting = PullRequest.objects.filter(pk=revert)
            reverting.update(is_revert=True)
            reverting.filter(reverts__isnull=True).update(reverts=target)
