"""Loads a recording of real repositories into a world.

Recorded data is served unchanged; unknown additions are 0, since GitHub always sends a number. Only
derived data is added: a merge is an event of the timeline, mergers can write to the repository and
are members, and the one who merged most is the admin.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from .world import (
    Account,
    Commit,
    Label,
    Organization,
    PullRequest,
    Repository,
    Review,
    TimelineEvent,
    World,
)

Json = dict[str, Any]
Role = Literal["admin", "member"]


def load(path: Path) -> World:
    """The world of a recording. Raises OSError or ValueError if the file cannot be read."""
    try:
        return _world(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no recording ({error!r}).") from error


def _world(recorded: Json) -> World:
    world = World()
    for user in recorded["users"]:
        world.accounts[user["id"]] = _account(user["id"], user["login"], user["type"])
    organization = _organization(world, recorded)
    for each in recorded["repositories"]:
        repository = _repository(world, organization, each)
        world.repositories[repository.id] = repository
    return world


def node_id(kind: str, number: int) -> str:
    """An opaque id in the old format, for objects without a recorded one."""
    return base64.b64encode(f"0{len(kind)}:{kind}{number}".encode()).decode()


def _account(number: int, login: str, kind: Any) -> Account:
    return Account(number, node_id(kind, number), login, kind)


def _organization(world: World, recorded: Json) -> Organization:
    """The recorded organisation, with the people who merged in it."""
    named = recorded["organization"]  # its login, in newer recordings with its id
    if not isinstance(named, dict):
        named = {"login": named, "id": max(world.accounts, default=0) + 1}
    number = named["id"]
    account = _account(number, named["login"], "Organization")
    world.accounts[number] = account
    world.organizations[number] = Organization(account, members=_members(world, recorded))
    return world.organizations[number]


def _members(world: World, recorded: Json) -> dict[int, Role]:
    people = {each.login: each.id for each in world.accounts.values() if each.type == "User"}
    merges = Counter(
        pull["mergedBy"] for repository in recorded["repositories"] for pull in repository["pulls"]
    )
    ordered = [people[login] for login, _ in merges.most_common() if login in people]
    members: dict[int, Role] = dict.fromkeys(ordered, "member")
    for first in (ordered or list(people.values()))[:1]:
        members[first] = "admin"
    return members


def _repository(world: World, organization: Organization, recorded: Json) -> Repository:
    logins = {account.login: account for account in world.accounts.values()}
    labels: dict[str, Label] = {}
    pulls = [_pull_request(pull, logins, labels) for pull in recorded["pulls"]]
    updates = [pull.updated_at for pull in pulls]
    pushes = [pull.merged_at for pull in pulls if pull.merged_at]
    return Repository(
        id=recorded["id"],
        node_id=node_id("Repository", recorded["id"]),
        owner=organization.account,
        name=recorded["full_name"].partition("/")[2],
        default_branch=recorded["default_branch"],
        created_at=min((pull.created_at for pull in pulls), default=None),
        updated_at=max(updates, default=None),
        pushed_at=max(pushes, default=None),
        pull_requests={pull.number: pull for pull in pulls},
    )


def _pull_request(pull: Json, logins: dict[str, Account], labels: dict[str, Label]) -> PullRequest:
    head_owner = (pull["headRepository"] or "").partition("/")[0]
    return PullRequest(
        id=pull["database_id"],
        node_id=pull["node_id"],
        number=pull["number"],
        title=pull["title"],
        body=pull["body"] or "",
        author=logins.get(pull["author"]),
        created_at=_instant(pull["createdAt"]),
        updated_at=_instant(pull["updatedAt"]),
        base_ref=pull["baseRefName"],
        head_ref=pull["headRefName"],
        head_oid=pull["headRefOid"],
        base_oid="0" * 40,
        head_repository=pull["headRepository"],
        head_repository_owner=logins.get(head_owner),
        state=pull["state"],
        closed_at=_optional_instant(pull["closedAt"]),
        merged_at=_optional_instant(pull["mergedAt"]),
        merged_by=logins.get(pull["mergedBy"]),
        merge_commit_oid=pull["mergeCommit"],
        additions=pull["additions"] or 0,
        deletions=pull["deletions"] or 0,
        changed_files=pull["changedFiles"] or 0,
        comments=pull["comments"],
        labels=[_label(name, labels) for name in pull["labels"]],
        commits=[_commit(commit, logins) for commit in pull["commits"]],
        reviews=[_review(review, logins) for review in pull["reviews"]],
        timeline=_timeline(pull, logins),
    )


def _timeline(pull: Json, logins: dict[str, Account]) -> list[TimelineEvent]:
    """Mergers and merge times are recorded; who closed an unmerged pull request is not."""
    if not pull["mergedAt"]:
        return []
    actor, when = logins.get(pull["mergedBy"]), _instant(pull["mergedAt"])
    return [
        TimelineEvent(node_id(kind, pull["database_id"]), kind, actor, when)
        for kind in ("MergedEvent", "ClosedEvent")
    ]


def _label(name: str, labels: dict[str, Label]) -> Label:
    number = len(labels) + 1
    return labels.setdefault(name, Label(number, node_id("Label", number), name))


def _commit(commit: Json, logins: dict[str, Account]) -> Commit:
    """Some recordings also have the account of the commit's address, and the whole message."""
    author, body = logins.get(commit.get("authorLogin") or ""), commit.get("messageBody") or ""
    return Commit(
        oid=commit["oid"],
        authored_at=_instant(commit["authoredDate"]),
        committed_at=_instant(commit["committedDate"]),
        message=f"{commit['messageHeadline']}\n\n{body}".rstrip(),
        additions=commit["additions"] or 0,
        deletions=commit["deletions"] or 0,
        changed_files=commit["changedFiles"] or 0,
        author_name=commit["authorName"],
        author_email=commit.get("authorEmail"),
        author=author,
        committer=author,
    )


def _review(review: Json, logins: dict[str, Account]) -> Review:
    submitted_at = _optional_instant(review["submittedAt"])
    return Review(
        id=review["database_id"],
        node_id=review["node_id"],
        author=logins.get(review["author"]),
        state=review["state"],
        submitted_at=submitted_at,
        updated_at=_optional_instant(review["updatedAt"]) or submitted_at or _EPOCH,
        comments=review["comments"] or 0,
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _optional_instant(text: str | None) -> datetime | None:
    return _instant(text) if text else None
