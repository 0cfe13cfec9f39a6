"""Fields that GitHub could not return keep their last known value.

Records are completed before they become rows, so that every figure follows from the same values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from apps.integrations.github import records
from apps.integrations.github.missing_fields import all_missing_fields, is_cut
from apps.integrations.github.records import Path
from apps.integrations.storing import texts
from apps.metrics.calculations.ai_accounts import UNSIGNED, Signature
from apps.metrics.models import (
    Commit,
    PRReview,
    PullRequest,
    PullRequestCommit,
    Repository,
    TimelineEvent,
)

MissingFields = dict[str, bool]
"""Fields that were not reported, and whether an earlier value replaces each."""
_LISTS = ("commits", "reviews", "timeline_items")


def completed(
    repository: Repository, incoming: Iterable[records.PullRequest]
) -> list[tuple[records.PullRequest, MissingFields]]:
    """Each pull request, completed with earlier values where GitHub could not return them."""
    return [
        _completed(repository, record, missing_fields)
        if (missing_fields := all_missing_fields(record))
        else (record, {})
        for record in incoming
    ]


def _completed(
    repository: Repository, record: records.PullRequest, missing_fields: Collection[Path]
) -> tuple[records.PullRequest, MissingFields]:
    filling = _Filling()
    row = PullRequest.objects.filter(repository=repository, number=record.number).first()
    known = _known(row) if row else None
    names = {str(path[0]) for path in missing_fields} - set(_LISTS)
    filled = filling.fill(record, known, names)
    if filled.url is None:
        filled = replace(filled, url=f"{repository.url}/pull/{record.number}")
    for name in _LISTS:
        of_list = [path for path in missing_fields if path[0] == name]
        if of_list:
            stored = _stored(repository, row, name, getattr(record, name))
            page = filling.fill_list(name, getattr(filled, name), stored, of_list)
            filled = replace(filled, **{name: page})
    if filled.commits.total_count is None and row and row.commit_count is not None:
        filling.kept["commits.total_count"] = True
        filled = replace(filled, commits=replace(filled.commits, total_count=row.commit_count))
    for name in (
        "url",
        "commits.id",
    ):  # The first follows from the rest; no figure needs the second.
        filling.kept.pop(name, None)
    return filled, filling.kept


@dataclass
class _Filling:
    """Fills gaps of one pull request, and records them."""

    kept: MissingFields = field(default_factory=dict)

    def fill(self, reported: Any, known: Any, names: Iterable[str], prefix: str = "") -> Any:
        """The record, with missing fields among `names` taken from the known one."""
        changes = {}
        for name in sorted(names):
            before = getattr(known, name, None)
            value = _filled(getattr(reported, name), before)
            self._mark_kept(prefix + name, value is not None and value == before)
            changes[name] = value
        return replace(reported, **changes)

    def fill_list(
        self, name: str, page: Any, stored: _Stored, missing_fields: Sequence[Path]
    ) -> records.Page[Any]:
        """A page completed with known items, and each item with its parts."""
        nodes = [
            node and self._item(name, node, stored, _parts_at(missing_fields, place))
            for place, node in enumerate(page.nodes or ())
        ]
        cut = is_cut(page, missing_fields)
        if cut or None in nodes:
            nodes = self._rows(name, nodes, stored, is_cut=cut)
        return replace(page, nodes=nodes)

    def _item(self, name: str, node: Any, stored: _Stored, parts: set[str]) -> Any:
        known = stored.by_key.get(_key(node))
        if isinstance(node, records.CommitNode):
            inner = known.commit if known else None
            return replace(node, commit=self.fill(node.commit, inner, parts, f"{name}."))
        return self.fill(node, known, parts, f"{name}.")

    def _rows(self, name: str, nodes: list[Any], stored: _Stored, *, is_cut: bool) -> list[Any]:
        """Fills missing positions with items that were listed before and are not reported now."""
        reported = {_key(node) for node in nodes if node}
        # By position: a commit pushed since then is none of the known ones.
        before = [None if _key(node) in reported else node for node in stored.listed]
        pairs = list(zip_longest(nodes, before))[: None if is_cut else len(nodes)]
        if name != "commits":
            waiting = iter([node for node in before if node])
            pairs = [(node, None if node else next(waiting, None)) for node, _ in pairs]
        found = [node or known for node, known in pairs]
        self._mark_kept(name, None not in found and bool(found))
        return found

    def _mark_kept(self, name: str, is_kept: bool) -> None:
        self.kept[name] = is_kept and self.kept.get(name, True)


@dataclass(frozen=True)
class _Stored:
    """Items of a list as records: all known ones by key, and which were listed."""

    by_key: dict[str, Any]
    listed: list[Any]


def _filled(reported: Any, known: Any) -> Any:
    """An actor without an id gets the known one only if the login is still the same."""
    if isinstance(reported, records.GitActor):
        before = known or records.GitActor()
        return records.GitActor(
            _filled(reported.user, before.user),
            before.name if reported.name is None else reported.name,
            before.email if reported.email is None else reported.email,
        )
    if isinstance(reported, records.Actor) and reported.database_id is None:
        is_same = isinstance(known, records.Actor) and known.login == reported.login
        return replace(reported, database_id=known.database_id if is_same else None)
    if isinstance(reported, records.Page):
        return reported if known is None else known
    return known if reported is None else reported


def _parts_at(missing_fields: Iterable[Path], place: int) -> set[str]:
    """Which fields of the item at a position are missing."""
    found = set()
    for path in missing_fields:
        below = [step for step in path[3:] if step != "commit"]
        if path[2:3] == (place,) and below:
            found.add(str(below[0]))
    return found


def _key(node: Any) -> str:
    return str(node.commit.oid if isinstance(node, records.CommitNode) else node.id)


def _actor(github_id: int | None, login: str | None, kind: str | None) -> records.Actor | None:
    return records.Actor(kind or "User", login, github_id) if login or github_id else None


def _known(row: PullRequest) -> Struct:
    """A pull request as last known, without its lists; unknown fields are None."""
    merge = row.merge_commit_sha
    record = records.PullRequest(
        id=row.node_id,
        number=row.number,
        full_database_id=row.github_id,
        url=row.url or None,
        title=row.title or None,
        body=_body(row),
        state=row.state.upper(),  # type: ignore[arg-type]
        is_draft=row.is_draft,
        created_at=row.opened_at,
        updated_at=row.updated_at,
        closed_at=row.closed_at,
        merged_at=row.merged_at,
        author=_actor(row.author_github_id, row.author_login, row.author_type),
        merged_by=_actor(row.merged_by_github_id, row.merged_by_login, row.merged_by_type),
        merge_commit=records.CommitId(merge) if merge else None,
        merge_message=_merge_message(row),
        base_ref_name=row.base_branch or None,
        head_ref_name=row.head_branch or None,
        additions=row.additions,
        deletions=row.deletions,
        changed_files=row.changed_files,
        total_comments_count=row.comment_count,
        labels=records.Page(nodes=[records.Label(name) for name in row.labels]),
    )
    never = [
        name for name, is_kept in row.missing_fields.items() if not is_kept and "." not in name
    ]
    return replace(record, **dict.fromkeys(set(never) - set(_LISTS)))


def _body(row: PullRequest) -> str | None:
    """What is stored of the body: mentions of a revert, and AI marks."""
    reverts = f"Reverts {row.reverts_repository}#{row.reverts_number}"
    said = reverts if row.reverts_number else ""
    if not texts.is_read(row.marks):
        return said or None
    return "\n".join(filter(None, (said, (row.marks or {}).get("body"))))


def _merge_message(row: PullRequest) -> records.Message | None:
    """What is stored of the message, under a headline that is not stored."""
    if not texts.is_read(row.marks):
        return None
    return records.Message(f"\n{(row.marks or {}).get('merge', '')}")


def _stored(repository: Repository, row: PullRequest | None, name: str, page: Any) -> _Stored:
    if name == "commits":
        return _commits(repository, row, [node.commit.oid for node in page.items])
    if row is None:
        return _Stored({}, [])
    listed: list[Any]
    if name == "reviews":
        listed = list(map(_review, PRReview.objects.filter(pull_request=row).order_by("pk")))
    else:
        listed = list(map(_event, TimelineEvent.objects.filter(pull_request=row).order_by("pk")))
    return _Stored({_key(node): node for node in listed}, listed)


def _commits(repository: Repository, row: PullRequest | None, shas: Sequence[str]) -> _Stored:
    """Known commits; another pull request may have the same commit."""
    known = Commit.objects.filter(repository=repository, sha__in=shas)
    links = PullRequestCommit.objects.filter(pull_request=row).select_related("commit")
    listed = [_commit(link.commit) for link in links.order_by("position")] if row else []
    return _Stored({_key(node): node for node in [*map(_commit, known), *listed]}, listed)


def _commit(row: Commit) -> records.CommitNode:
    kept = texts.of_commit(row)
    reverts = f"This reverts commit {row.reverts_sha}." if row.reverts_sha else ""
    return records.CommitNode(
        records.Commit(
            oid=row.sha,
            id=(row.marks or {}).get("id"),
            authored_date=row.authored_at,
            committed_date=row.committed_at,
            message_headline=row.message_headline,
            message_body=_message(row, reverts, kept.body),
            additions=row.additions,
            deletions=row.deletions,
            author=_git_actor(kept.author),
            committer=_git_actor(kept.committer),
        )
    )


def _message(row: Commit, reverts: str, kept: str) -> str | None:
    if row.marks is None:
        return reverts or None
    return "\n\n".join(filter(None, (reverts, kept)))


def _git_actor(kept: Signature) -> records.GitActor | None:
    if kept == UNSIGNED:
        return None
    user = _actor(kept.account.id, kept.account.login, kept.account.type)
    return records.GitActor(user, kept.name or None, kept.address or None)


def _review(row: PRReview) -> records.Review:
    return records.Review(
        id=row.node_id,
        state=row.state and row.state.upper(),  # type: ignore[arg-type]
        full_database_id=row.github_id,
        submitted_at=row.submitted_at,
        author=_actor(row.reviewer_github_id, row.reviewer_login, row.reviewer_type),
    )


def _event(row: TimelineEvent) -> records.TimelineItem:
    kind = "".join(word.title() for word in row.kind.split("_"))
    former, tab, present = row.detail.partition("\t")
    return records.TimelineItem(
        typename=f"{kind}Event",
        id=row.node_id,
        created_at=row.at,
        actor=_actor(row.actor_github_id, row.actor_login, None),
        requested_reviewer=_asked(row),
        reason=None if tab else row.detail,
        previous_ref_name=former if tab else None,
        current_ref_name=present if tab else None,
    )


def _asked(row: TimelineEvent) -> records.Reviewer | None:
    if row.reviewer_type == "Team":
        return records.Reviewer("Team", None, row.group_github_id, row.group_slug or None)
    who = _actor(row.reviewer_github_id, row.reviewer_login, row.reviewer_type)
    return records.Reviewer(who.typename, who.login, who.database_id) if who else None
