"""Loads a recording of real repositories into a world.

What the recording has is served as it is; additions that it does not know are 0, as GitHub always
sends a number; a timeline is left empty, since nothing in a recording tells it truthfully.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .world import Account, Commit, Label, Organization, PullRequest, Repository, Review, World

Json = dict[str, Any]


def load(path: Path) -> World:
    """The world of a recording. Raises OSError or ValueError where the file can't be read."""
    recorded = json.loads(path.read_text(encoding="utf-8"))
    world = World()
    for user in recorded["users"]:
        world.accounts[user["id"]] = _account(user["id"], user["login"], user["type"])
    organization = _organization(world, recorded["organization"])
    for repository in recorded["repositories"]:
        _load_repository(world, organization, repository)
    return world


def node_id(kind: str, number: int) -> str:
    """An opaque id in the old format, for what the recording gives none."""
    return base64.b64encode(f"0{len(kind)}:{kind}{number}".encode()).decode()


def _account(number: int, login: str, kind: Any) -> Account:
    return Account(number, node_id(kind, number), login, kind)


def _organization(world: World, login: str) -> Organization:
    """The recorded organisation, with everyone in it: its first user as admin."""
    number = max(world.accounts, default=0) + 1
    people = [account.id for account in world.accounts.values() if account.type == "User"]
    account = _account(number, login, "Organization")
    organization = Organization(account, members=dict.fromkeys(people, "member"))
    if people:
        organization.members[people[0]] = "admin"
    world.accounts[number] = account
    world.organizations[number] = organization
    return organization


def _load_repository(world: World, organization: Organization, recorded: Json) -> None:
    name = recorded["full_name"].partition("/")[2]
    repository = Repository(
        id=recorded["id"],
        node_id=node_id("Repository", recorded["id"]),
        owner=organization.account,
        name=name,
        default_branch=recorded["default_branch"],
    )
    logins = {account.login: account for account in world.accounts.values()}
    labels: dict[str, Label] = {}
    for pull in recorded["pulls"]:
        pull_request = _pull_request(pull, logins, labels)
        repository.pull_requests[pull_request.number] = pull_request
    instants = [pull_request.updated_at for pull_request in repository.pull_requests.values()]
    repository.created_at = min(
        (pull_request.created_at for pull_request in repository.pull_requests.values()),
        default=None,
    )
    repository.pushed_at = repository.updated_at = max(instants, default=None)
    world.repositories[repository.id] = repository


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
        commits=[_commit(commit) for commit in pull["commits"]],
        reviews=[_review(review, logins) for review in pull["reviews"]],
    )


def _label(name: str, labels: dict[str, Label]) -> Label:
    number = len(labels) + 1
    return labels.setdefault(name, Label(number, node_id("Label", number), name))


def _commit(commit: Json) -> Commit:
    return Commit(
        oid=commit["oid"],
        authored_at=_instant(commit["authoredDate"]),
        committed_at=_instant(commit["committedDate"]),
        message=commit["messageHeadline"],
        additions=commit["additions"] or 0,
        deletions=commit["deletions"] or 0,
        changed_files=commit["changedFiles"] or 0,
        author_name=commit["authorName"],
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
