"""Removes a person's identity from stored records, and keeps it out of new ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict
from msgspec.structs import replace

from apps.integrations.github import records
from apps.integrations.models import (
    CoAuthor,
    CommitIdentity,
    ForgottenAccount,
    KeptPage,
    SpotCheck,
)
from apps.integrations.nudge import nudge
from apps.integrations.people.roles import ROLES
from apps.integrations.people.team_key import hashed, key_of
from apps.metrics.figures import freshness
from apps.metrics.models import (
    Commit,
    PullRequest,
    SamePerson,
    SavedView,
    TeamMember,
)
from apps.teams.changes import figures_changed
from apps.teams.models import Membership, Team

Page = Any
Actor = TypeVar("Actor", bound=records.Actor)
_NOREPLY = re.compile(r"<(\d{1,18})\+[^@\s<>]{1,100}@users\.noreply\.github\.com(?=>)")


def is_forgotten(team: Team) -> Callable[[int | None], bool]:
    """A function that tells whether an account is forgotten, with one query for the team."""
    hashes = set(ForgottenAccount.objects.for_team(team).values_list("id_hash", flat=True))
    if not hashes:
        return lambda account: False
    key = key_of(team)
    return lambda account: account is not None and hashed(key, str(account)) in hashes


def without_forgotten(
    team: Team, fetched: Iterable[records.PullRequest]
) -> list[records.PullRequest]:
    """The records without forgotten accounts, which look like deleted ones at GitHub."""
    forgotten, found = is_forgotten(team), list(fetched)
    ids = {account for record in found for account in _accounts(record)}
    gone = {account for account in ids if forgotten(account)}
    return [_without(record, gone) for record in found] if gone else found


def _accounts(record: records.PullRequest) -> Iterable[int]:
    for actor in _actors(record):
        if actor and actor.database_id:
            yield actor.database_id
    for message in _messages(record):
        yield from map(int, _NOREPLY.findall(message or ""))


def _messages(record: records.PullRequest) -> Iterable[str | None]:
    yield from (node.commit.message_body for node in record.commits.items)
    yield record.merge_message.message if record.merge_message else None


def _actors(record: records.PullRequest) -> Iterable[records.Actor | None]:
    yield from (record.author, record.merged_by)
    yield from (review.author for review in (record.reviews.items if record.reviews else ()))
    for node in record.commits.items:
        signed = (node.commit.author, node.commit.committer)
        yield from (actor.user for actor in signed if actor)
    for item in record.timeline_items.items:
        yield item.actor
        if item.requested_reviewer and not item.requested_reviewer.is_team:
            yield item.requested_reviewer


def _without(record: records.PullRequest, gone: set[int]) -> records.PullRequest:
    def kept(actor: Actor | None) -> Actor | None:
        return None if actor and actor.database_id in gone else actor

    def asked(reviewer: records.Reviewer | None) -> records.Reviewer | None:
        return reviewer if reviewer and reviewer.is_team else kept(reviewer)

    def review(one: records.Review) -> records.Review:
        return replace(one, author=kept(one.author))

    def event(one: records.TimelineItem) -> records.TimelineItem:
        return replace(one, actor=kept(one.actor), requested_reviewer=asked(one.requested_reviewer))

    def node(one: records.CommitNode) -> records.CommitNode:
        author, committer = (
            None if actor and actor.user and actor.user.database_id in gone else actor
            for actor in (one.commit.author, one.commit.committer)
        )
        body = one.commit.message_body and _without_addresses(one.commit.message_body, gone)
        commit = replace(one.commit, author=author, committer=committer, message_body=body)
        return replace(one, commit=commit)

    squashed = record.merge_message
    if squashed and squashed.message:
        squashed = replace(squashed, message=_without_addresses(squashed.message, gone))
    return replace(
        record,
        author=kept(record.author),
        merged_by=kept(record.merged_by),
        merge_message=squashed,
        reviews=record.reviews and _each(record.reviews, review),
        commits=_each(record.commits, node),
        timeline_items=_each(record.timeline_items, event),
    )


def _without_addresses(message: str, gone: set[int]) -> str:
    """A message without these accounts' noreply addresses in co-author trailers."""
    return _NOREPLY.sub(lambda found: "<" if int(found[1]) in gone else found[0], message)


def _each(page: Page, change: Callable[[Any], Any]) -> Page:
    return replace(page, nodes=[change(node) for node in page.items])


@transaction.atomic
def forget(team: Team, accounts: list[int]) -> int:
    """Removes a person's identity from a team's rows for good; returns the number of pull requests.

    The rows stay, like those of a deleted account, since other people's figures depend on them.
    """
    figures_changed(team.pk)
    freshness.all_changed(team)
    freshness.gone(team.pk)
    key = key_of(team)
    ForgottenAccount.objects.bulk_create(
        [ForgottenAccount(team=team, id_hash=hashed(key, str(each))) for each in accounts],
        ignore_conflicts=True,
    )
    count = PullRequest.objects.filter(team=team, author_github_id__in=accounts).count()
    _forget_elsewhere(team, accounts)
    _forget_in_commits(team, accounts)
    for role in ROLES:
        role.rows(team, accounts).update(**dict.fromkeys(role.columns))
    Team.objects.filter(pk=team.pk).update(recalculate_from=0)
    transaction.on_commit(nudge)
    return count


def _logins(team: Team, accounts: list[int]) -> set[str]:
    """All logins that a team's rows have for a person, who may be external."""
    members = TeamMember.objects.for_team(team).filter(github_id__in=accounts)
    found = set(members.values_list("github_username", flat=True))
    for role in ROLES:
        found |= set(role.rows(team, accounts).values_list(role.login, flat=True).distinct())
    return {login for login in found if login}


def _forget_elsewhere(team: Team, accounts: list[int]) -> None:
    logins = _logins(team, accounts)
    CommitIdentity.objects.filter(team=team, github_id__in=accounts).delete()
    CoAuthor.objects.filter(team=team, github_id__in=accounts).update(github_id=None, login=None)
    SamePerson.objects.for_team(team).filter(github_id__in=accounts).delete()
    KeptPage.objects.filter(team=team).delete()
    TeamMember.objects.for_team(team).filter(github_id__in=accounts).delete()
    said = logins | set(map(str, accounts))
    for check in SpotCheck.objects.for_team(team):
        kept = [one for one in check.differences if not said & set(map(str, one.values()))]
        if len(kept) < len(check.differences):
            SpotCheck.objects.filter(pk=check.pk).update(differences=kept)
    _forget_filters(SavedView.objects.for_team(team), "query", logins)
    _forget_filters(Membership.objects.filter(team=team), "last_filter", logins)


def _forget_in_commits(team: Team, accounts: list[int]) -> None:
    """Removes a person from stored commit identities, and from co-authors of an agent's work."""
    mine, gone = Commit.objects.for_team(team), set(accounts)
    for commit in mine.filter(author_github_id__in=accounts, marks__has_key="author"):
        commit.marks = {
            name: kept for name, kept in (commit.marks or {}).items() if name != "author"
        }
        commit.save(update_fields=["marks"])
    _forget_in_messages(mine, "message", gone)
    # A squash commit's message contains its commits' co-authors.
    _forget_in_messages(PullRequest.objects.for_team(team), "merge", gone)


def _forget_in_messages(rows: QuerySet[Any], name: str, gone: set[int]) -> None:
    for row in rows.filter(**{f"marks__{name}__icontains": "@users.noreply.github.com"}):
        message = _without_addresses(row.marks[name], gone)
        if message != row.marks[name]:
            row.marks = row.marks | {name: message}
            row.save(update_fields=["marks"])


def _forget_filters(rows: QuerySet[Any], field: str, logins: set[str]) -> None:
    """Removes a person from saved filters, which are stored as query strings."""
    for row in rows.filter(**{f"{field}__contains": "person="}):
        query = QueryDict(getattr(row, field), mutable=True)
        people = query.getlist("person")
        query.setlist("person", [login for login in people if login not in logins])
        if len(query.getlist("person")) < len(people):
            setattr(row, field, query.urlencode())
            row.save(update_fields=[field])
