"""Commits, their authors, and the history that contains them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..coauthors import coauthors
from ..connections import Connection, paginate
from ..git import find, git_of, history, is_empty, resolve
from ..instants import with_offset
from ..nodes import GitCommit, Placed, commit_id
from ..ordering import Ordered, decode
from ..world import Account, Commit, Repository
from .context import Info, Resolver, Resolvers


@dataclass(frozen=True)
class Actor:
    """A commit's author according to git, and the account that GitHub finds for the address."""

    name: str | None
    email: str | None
    date: datetime
    account: Account | None


def _author(placed: GitCommit, info: Info) -> Actor:
    commit = placed.thing
    return Actor(commit.author_name, commit.author_email, commit.authored_at, commit.author)


def _committer(placed: GitCommit, info: Info) -> Actor:
    commit = placed.thing
    name = commit.committer_name or commit.author_name
    email = commit.committer_email or commit.author_email
    return Actor(name, email, commit.committed_at, commit.committer)


def _authors(placed: GitCommit, info: Info, **arguments: Any) -> Connection:
    """The author, and all co-authors named in the message."""
    author, when = _author(placed, info), placed.thing.authored_at
    others = [
        Actor(each.name, each.email, when, each.account)
        for each in coauthors(info.context.world, placed.thing.message)
    ]
    every = [author, *(each for each in others if each.email != author.email)]
    return paginate(info, Ordered([[place] for place in range(len(every))], every), arguments)


def _user(actor: Actor, info: Info) -> Account | None:
    return actor.account if actor.account and actor.account.type == "User" else None


def _avatar(actor: Actor, info: Info, size: int | None = None) -> str:
    user = _user(actor, info)
    url: str = info.context.address(f"/avatars/u/{user.id if user else 0}?v=4")
    return url


def _message(placed: GitCommit, part: int) -> str:
    """The headline (0) or the body (2) of a commit's message."""
    return placed.thing.message.partition("\n")[part].strip("\n")


def commit_path(placed: GitCommit | Placed, info: Info) -> str:
    return f"/{placed.repository.full_name}/commit/{getattr(placed.thing, 'oid', '')}"


def _parents(placed: GitCommit, info: Info, **arguments: Any) -> Connection:
    known = find(placed.repository, placed.thing.oid)
    names = known.parents if known else ()
    commits = [git_of(placed.repository).commits[name] for name in names]
    found = [GitCommit(placed.repository, each) for each in commits]
    return paginate(info, Ordered([[place] for place in range(len(found))], found), arguments)


def _history(placed: GitCommit, info: Info, **arguments: Any) -> Connection:
    """Page after page of the same history, even if the branch has moved in between."""
    info.context.admit_reader(placed.repository, "contents")
    head = placed.thing.oid
    if after := arguments.get("after"):
        head = decode(after)[0]
    names = history(placed.repository, head)
    known = git_of(placed.repository).commits
    wanted = [
        (place, known[name])
        for place, name in enumerate(names)
        if _is_asked_for(known[name], arguments)
    ]
    keys = [[head, place] for place, _ in wanted]
    items = [GitCommit(placed.repository, commit) for _, commit in wanted]
    return paginate(info, Ordered(keys, items), arguments)


def _is_asked_for(commit: Commit, arguments: dict[str, Any]) -> bool:
    since, until = arguments.get("since"), arguments.get("until")
    after = not since or commit.committed_at >= datetime.fromisoformat(since)
    return after and (not until or commit.committed_at <= datetime.fromisoformat(until))


def _commit(repository: Repository, oid: str | None) -> GitCommit | None:
    found = find(repository, oid) if oid else None
    return GitCommit(repository, found) if found else None


def commit_of(name: str) -> Any:
    """A resolver of the commit named by an attribute of a delivery."""
    return lambda delivered, info: _commit(delivered.repository, getattr(delivered.thing, name))


Branch = tuple[Repository, str]  # or a tag: its name begins with refs/tags/


def default_branch(repository: Repository, info: Info) -> Branch | None:
    return None if is_empty(repository) else (repository, repository.default_branch)


def ref(repository: Repository, name: str) -> Branch | None:
    """A branch or a tag that exists."""
    git, short = git_of(repository), name.removeprefix("refs/heads/").removeprefix("refs/tags/")
    if short in git.heads:
        return repository, short
    return (repository, f"refs/tags/{short}") if short in git.tags else None


def _ref(repository: Repository, info: Info, qualifiedName: str) -> Branch | None:  # noqa: N803
    return ref(repository, qualifiedName)


def _object(
    repository: Repository, info: Info, oid: str | None = None, expression: str | None = None
) -> GitCommit | None:
    info.context.admit_reader(repository, "contents")
    name = oid or resolve(repository, expression or "")
    return _commit(repository, name)


def _target(branch: Branch, info: Info) -> GitCommit | None:
    return _commit(branch[0], resolve(*branch))


def _short(branch: Branch, info: Info) -> str:
    return branch[1].removeprefix("refs/tags/")


REPOSITORY: Mapping[str, Resolver] = {
    "defaultBranchRef": default_branch,
    "object": _object,
    "ref": _ref,
}

RESOLVERS: Resolvers = {
    "Commit": {
        "abbreviatedOid": lambda placed, info: placed.thing.oid[:7],
        "additions": lambda placed, info: placed.thing.additions,
        "author": _author,
        "authoredByCommitter": lambda placed, info: (
            placed.thing.committer is None or placed.thing.committer is placed.thing.author
        ),
        "authoredDate": lambda placed, info: placed.thing.authored_at,
        "authors": _authors,
        "changedFiles": lambda placed, info: placed.thing.changed_files,
        "changedFilesIfAvailable": lambda placed, info: placed.thing.changed_files,
        "committedDate": lambda placed, info: placed.thing.committed_at,
        "committer": _committer,
        "deletions": lambda placed, info: placed.thing.deletions,
        "history": _history,
        "id": lambda placed, info: commit_id(placed.repository, placed.thing.oid),
        "message": lambda placed, info: placed.thing.message,
        "messageBody": lambda placed, info: _message(placed, 2),
        "messageHeadline": lambda placed, info: _message(placed, 0),
        "oid": lambda placed, info: placed.thing.oid,
        "parents": _parents,
        "repository": lambda placed, info: placed.repository,
        "resourcePath": commit_path,
        "url": lambda placed, info: info.context.address(commit_path(placed, info)),
    },
    "GitActor": {
        "avatarUrl": _avatar,
        "date": lambda actor, info: with_offset(actor.date),
        "email": lambda actor, info: actor.email,
        "name": lambda actor, info: actor.name,
        "user": _user,
    },
    "Ref": {
        "id": lambda ref, info: f"REF_{ref[0].node_id}_{ref[1]}",
        "name": _short,
        "prefix": lambda ref, info: (
            "refs/tags/" if ref[1].startswith("refs/tags/") else "refs/heads/"
        ),
        "repository": lambda ref, info: ref[0],
        "target": _target,
    },
}
