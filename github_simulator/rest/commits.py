"""/repos/…/commits and …/compare: the history in REST."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..git import Comparison, compare, find, git_of, history, is_empty, resolve
from ..world import Commit, Repository
from .accounts import Json
from .endpoint import NOT_FOUND, REPOSITORY_PATHS, Call, RefusedError, endpoints, find_repository
from .pull_shapes import commit_shape

SHOWN = 250


async def commits(call: Call) -> Any:
    """The commits of a branch, a tag or a commit: `sha`, else the default branch."""
    repository = find_repository(call)
    if is_empty(repository):
        raise RefusedError(409, "Git Repository is empty.")
    start = resolve(repository, call.query("sha", repository.default_branch))
    if start is None:
        raise NOT_FOUND
    known = git_of(repository).commits
    every = [known[name] for name in history(repository, start) if _asked(call, known[name])]
    return [commit_shape(call.url, repository, each) for each in call.page(every)]


def _asked(call: Call, commit: Commit) -> bool:
    since, until = call.query("since"), call.query("until")
    after = not since or commit.committed_at >= datetime.fromisoformat(since)
    return after and (not until or commit.committed_at <= datetime.fromisoformat(until))


async def commit(call: Call) -> Any:
    repository = find_repository(call)
    found = _named(repository, call.parameter("ref"))
    return commit_shape(call.url, repository, found)


def _named(repository: Repository, name: str) -> Commit:
    oid = resolve(repository, name)
    found = find(repository, oid) if oid else None
    if found is None:
        raise RefusedError(422, f"No commit found for SHA: {name}")
    return found


async def comparison(call: Call) -> Any:
    """The head's commits that the base lacks, and their merge base."""
    repository = find_repository(call)
    names = call.parameter("names").split("...")
    if len(names) != 2 or is_empty(repository):
        raise NOT_FOUND
    ends = [resolve(repository, name.rpartition(":")[2]) for name in names]
    base, head = ends
    if base is None or head is None:
        raise NOT_FOUND
    found = compare(repository, base, head)
    if found.merge_base is None:
        raise RefusedError(404, f"No common ancestor between {names[0]} and {names[1]}.")
    return _drawn(call, repository, found, "...".join(names))


def _drawn(call: Call, repository: Repository, found: Comparison, names: str) -> Json:
    own = f"{call.api}/repos/{repository.full_name}/compare/{names}"
    page = f"{call.url}/{repository.full_name}/compare/{names}"
    known = git_of(repository).commits
    shown = found.ahead if call.query("page") else found.ahead[:SHOWN]
    return {
        "url": own,
        "html_url": page,
        "permalink_url": f"{page}#{found.base[:7]}",
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": commit_shape(call.url, repository, known[found.base]),
        "merge_base_commit": commit_shape(call.url, repository, known[found.merge_base or ""]),
        "status": found.status,
        "ahead_by": len(found.ahead),
        "behind_by": found.behind,
        "total_commits": len(found.ahead),
        "commits": [commit_shape(call.url, repository, known[n]) for n in _page(call, shown)],
        "files": [],
    }


def _page(call: Call, names: list[str]) -> Any:
    """All of the first 250, or the requested page."""
    return call.page(names) if call.query("page") or call.query("per_page") else names


routes = [
    route
    for path, handler in (
        ("/commits", commits),
        ("/commits/{ref:path}", commit),
        ("/compare/{names:path}", comparison),
    )
    for route in endpoints(
        REPOSITORY_PATHS, path, handler, scopes=("repo",), permission="contents=read"
    )
]
