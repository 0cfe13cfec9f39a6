"""THE ONLY WRITER of `metrics.models`: backfill, poll, refresh and webhook all end here.

Everything is an upsert by GitHub's own keys, so that storing the same data twice changes nothing.
The caller opens the transaction: rows, cursor and counters belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model

from apps.integrations.github import records
from apps.integrations.people import commit_identities, forgetting, renaming
from apps.integrations.storing import crediting, initiators, last_known, names, reverts
from apps.integrations.storing.facts import PullRequestRow, flags_by_place
from apps.integrations.storing.identity import Accounts, Identity
from apps.integrations.storing.texts import tidy
from apps.integrations.storing.upsert import upsert
from apps.metrics.figures import freshness
from apps.metrics.filters import accounts
from apps.metrics.models import (
    Commit,
    PRReview,
    PullRequest,
    PullRequestCommit,
    Repository,
    TeamMember,
    TimelineEvent,
)
from apps.teams.changes import figures_changed
from apps.teams.models import Team


def repository(team: Team, record: records.Repository) -> Repository:
    """Stores a repository under its numeric id; a rename changes only its name and URLs."""
    values = _repository(record)
    known = Repository.objects.filter(team=team, github_repo_id=record.database_id)
    is_taken = names.move_names(team, {values["full_name"]: record.database_id})
    if is_taken or known.exclude(full_name=values["full_name"]).exists():
        renamed(team)
    former = known.values_list("url", flat=True).first()
    stored, _ = Repository.objects.update_or_create(
        team=team, github_repo_id=record.database_id, defaults=values
    )
    if former and former != stored.url:
        names.follow_url(stored, former)
    figures_changed(team.pk)
    return stored


def renamed(team: Team) -> None:
    """Records that a repository of the team was renamed: exclusion goes by the name.

    Call it in the transaction that renames it.
    """
    figures_changed(team.pk)
    if team.excluded_repositories:
        Team.objects.filter(pk=team.pk).update(recalculate_from=0)


def differs(stored: Repository, record: records.Repository) -> bool:
    """Whether a repository differs from its stored row."""
    return any(getattr(stored, name) != value for name, value in _repository(record).items())


def _repository(record: records.Repository) -> dict[str, Any]:
    branch = record.default_branch_ref
    values = {
        "node_id": record.id,
        "full_name": tidy(record.name_with_owner),
        "default_branch": branch.name if branch else None,
        "is_private": record.is_private,
        "is_archived": record.is_archived,
        "url": record.url,
    }
    # Fields that GitHub could not return stay as they are.
    return {name: value for name, value in values.items() if value is not None}


def pull_requests(
    repository: Repository, incoming: Sequence[records.PullRequest], fetched_at: datetime
) -> None:
    """Stores pull requests with their children; deletes children that are gone on GitHub."""
    unique = {record.number: record for record in incoming}
    team = repository.team
    revision = freshness.changed(repository.pk, fetched_at)
    main = accounts.main_accounts(team)
    completed = last_known.completed(repository, [record for _, record in sorted(unique.items())])
    kept = forgetting.without_forgotten(team, [record for record, _ in completed])
    commit_identities.record_accounts(team, kept)
    with_missing = [
        (record, missing_fields)
        for record, (_, missing_fields) in zip(kept, completed, strict=True)
    ]
    rows = initiators.read_all(team, with_missing, main)
    known = _known(repository, rows)
    members = _members(team, rows, main)
    stamps = {"fetched_at": fetched_at, "stored_revision": revision}
    stored = _store_pull_requests(repository, rows, members, stamps)
    pairs = [(stored[row.number], row) for row in rows]
    before = [key for key in stored.values() if key in known]
    _store_reviews(team, pairs, before, members)
    _store_timeline(team, pairs, before)
    _store_commits(repository, pairs, before, members)
    _link_reverts(repository, pairs, revision)
    crediting.stored(repository, list(stored.values()))


@dataclass(frozen=True)
class Members:
    """Keys and logins of members, by GitHub's id."""

    keys: dict[int, int]
    logins: dict[int, str]

    def key(self, who: Identity) -> int | None:
        """The member with this account."""
        return self.keys.get(who.github_id) if who.github_id else None


Pairs = list[tuple[int, PullRequestRow]]  # keys of pull requests, and their records


def _known(repository: Repository, rows: Sequence[PullRequestRow]) -> set[int]:
    """Pull requests stored before: only they can have children that GitHub no longer has."""
    found = PullRequest.objects.filter(
        repository=repository, number__in=[row.number for row in rows]
    )
    return set(found.values_list("pk", flat=True))


def _members(team: Team, rows: Sequence[PullRequestRow], main: Accounts) -> Members:
    """The member for each account, also for accounts that are not a main one."""
    logins = {who.github_id: who.login for row in rows for who in row.people() if who.github_id}
    # An address may contain an outdated login: it renames nobody.
    asked = {row.initiator.github_id for row in rows if row.initiator.github_id}
    others = {account: main[account] for account in (logins.keys() | asked) & main.keys()}
    wanted = {*logins, *asked, *others.values()}
    found = list(
        TeamMember.objects.filter(team=team, github_id__in=wanted).values_list(
            "github_id", "pk", "github_username"
        )
    )
    renamed = {
        github_id: login
        for github_id, _, former in found
        if (login := logins.get(github_id)) and login != former
    }
    if renamed:
        renaming.follow(team, renamed)
    keys = {github_id: key for github_id, key, _ in found}
    keys |= {account: keys[person] for account, person in others.items() if person in keys}
    return Members(keys, {github_id: login for github_id, _, login in found} | renamed)


def _store_pull_requests(
    repository: Repository,
    rows: Sequence[PullRequestRow],
    members: Members,
    stamps: dict[str, Any],
) -> dict[int, int]:
    """Stores them without their children; returns their keys by number."""
    columns = [_columns(repository, row, members) | stamps for row in rows]
    found = upsert(
        PullRequest,
        columns,
        keys=("repository_id", "number"),
        returning=("number", "id"),
        kept=crediting.COLUMNS,
    )
    return dict(found)


def _columns(repository: Repository, row: PullRequestRow, members: Members) -> dict[str, Any]:
    author, initiator = members.key(row.author), members.key(row.initiator)
    asked = row.initiator.github_id
    who = {"is_bot": row.is_bot, "is_own_agent": row.is_own_agent}
    return {
        **row.columns,
        "team_id": repository.team_id,
        "repository_id": repository.pk,
        "author_id": author,
        "initiator_id": initiator,
        # A member's current login is known.
        "initiator_login": members.logins.get(asked or 0, row.initiator.login),
        **flags_by_place(
            repository,
            row.columns["base_branch"],
            {**row.columns, **who},
            is_member=author is not None,
            is_initiators=initiator is not None,
        ),
    }


def _delete_others(
    model: type[Model], before: Sequence[int], field: str, kept: set[tuple[int, Any]]
) -> list[Any]:
    """Deletes children that GitHub no longer has from stored pull requests; returns their keys."""
    if not before:
        return []
    below = model._default_manager.filter(pull_request__in=before)
    gone = [
        (pk, key)
        for pk, pull_request, key in below.values_list("pk", "pull_request_id", field)
        if (pull_request, key) not in kept
    ]
    if gone:
        model._default_manager.filter(pk__in=[pk for pk, _ in gone]).delete()
    return [key for _, key in gone]


def _store_reviews(team: Team, pairs: Pairs, before: Sequence[int], members: Members) -> None:
    rows = [
        {
            **review.columns,
            "team_id": team.pk,
            "pull_request_id": key,
            "reviewer_id": members.key(review.author),
            "reviewer_github_id": review.author.github_id,
            "reviewer_login": review.author.login,
            "reviewer_type": review.author.type,
        }
        for key, row in pairs
        for review in row.reviews
    ]
    _store_below(PRReview, rows, before)


def _store_timeline(team: Team, pairs: Pairs, before: Sequence[int]) -> None:
    rows = [
        {**event, "team_id": team.pk, "pull_request_id": key}
        for key, row in pairs
        for event in row.timeline
    ]
    _store_below(TimelineEvent, rows, before)


def _store_below(model: type[Model], rows: Sequence[dict[str, Any]], before: Sequence[int]) -> None:
    kept = {(row["pull_request_id"], row["node_id"]) for row in rows}
    _delete_others(model, before, "node_id", kept)
    upsert(model, rows, keys=("pull_request_id", "node_id"))


def _store_commits(
    repository: Repository, pairs: Pairs, before: Sequence[int], members: Members
) -> None:
    rows: dict[str, dict[str, Any]] = {}
    for commit in (commit for _, row in pairs for commit in row.commits):
        columns = {
            **commit.columns,
            "team_id": repository.team_id,
            "repository_id": repository.pk,
            "author_id": members.key(commit.author),
            "author_github_id": commit.author.github_id,
            "author_login": commit.author.login,
        }
        # If two pull requests have it, GitHub may have reported more for one.
        other = rows.get(commit.columns["sha"], {})
        rows[commit.columns["sha"]] = other | {k: v for k, v in columns.items() if v is not None}
    # In one order for all workers, so that two transactions never deadlock.
    in_order = [rows[sha] for sha in sorted(rows)]
    ids = dict(upsert(Commit, in_order, keys=("repository_id", "sha"), returning=("sha", "id")))
    links = [
        {"pull_request_id": key, "commit_id": ids[sha], "position": position}
        for key, row in pairs
        for position, sha in enumerate(row.shas)
    ]
    kept = {(link["pull_request_id"], link["commit_id"]) for link in links}
    # A rebase or a force-push dropped them; some may belong to no other pull request.
    dropped = _delete_others(PullRequestCommit, before, "commit_id", kept)
    upsert(PullRequestCommit, links, keys=("pull_request_id", "commit_id"))
    if dropped:
        Commit.objects.filter(pk__in=dropped, pull_request_links__isnull=True).delete()


def _link_reverts(repository: Repository, pairs: Pairs, revision: int) -> None:
    said: dict[str, list[int]] = {}
    for key, row in pairs:
        for sha in row.reverted_shas:
            said.setdefault(sha, []).append(key)
    merges = {sha: key for key, row in pairs if (sha := row.columns["merge_commit_sha"])}
    reverts.link_by_number(repository, {row.number: key for key, row in pairs})
    reverts.link_by_sha(repository, said, merges, revision)
