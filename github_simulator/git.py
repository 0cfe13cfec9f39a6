"""A repository's history: real parents, branches and tags.

Merged work is on its branch: the first access adds all merges in order, later ones follow. So
worlds, recordings and tests need not say what follows from their pull requests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from weakref import WeakKeyDictionary

from .changes import CHANGES
from .world import Account, Commit, Git, PullRequest, Repository

WEB_FLOW = ("GitHub", "noreply@github.com")  # who commits merges by button
_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
_KEPT = 16  # histories of a repository
_SHORTEST = 7  # digits of an abbreviated SHA
_laid: WeakKeyDictionary[Repository, int] = WeakKeyDictionary()
_histories: WeakKeyDictionary[Repository, dict[str, list[str]]] = WeakKeyDictionary()


def new_oid(*parts: object) -> str:
    """A commit's SHA, derived from its contents."""
    return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()


def is_empty(repository: Repository) -> bool:
    return not (repository.git.commits or repository.pull_requests)


def git_of(repository: Repository) -> Git:
    """The repository's history, with everything merged so far."""
    if _laid.get(repository) != CHANGES.count and not is_empty(repository):
        _begin(repository)
        for pull_request in _not_laid(repository):
            _lay(repository, pull_request)
        _laid[repository] = CHANGES.count
    return repository.git


def _begin(repository: Repository) -> None:
    git = repository.git
    if repository.default_branch in git.heads:
        return
    known = [each.created_at for each in repository.pull_requests.values()]
    began = min([*known, repository.created_at or max(known, default=_EPOCH)])
    first = began - timedelta(days=1)
    root = Commit(new_oid(repository.id, "root"), first, first, "Initial commit")
    git.commits[root.oid] = root
    git.heads[repository.default_branch] = root.oid


def _not_laid(repository: Repository) -> list[PullRequest]:
    """In order; of several merged by one commit the last, whose branch contains the others'."""
    known = repository.git.commits
    merged = [
        each
        for each in repository.pull_requests.values()
        if each.merged_at and each.merge_commit_oid and each.merge_commit_oid not in known
    ]
    merged.sort(key=lambda each: (each.merged_at, each.number))
    return list({each.merge_commit_oid: each for each in merged}.values())


def _lay(repository: Repository, pull_request: PullRequest) -> None:
    git, branch = repository.git, pull_request.base_ref
    tip = git.heads.get(branch) or git.heads[repository.default_branch]
    attach(repository, pull_request)
    match pull_request.merge_method:
        case "merge":
            made = [_merge_commit(pull_request, tip)]
        case "squash":
            made = [_squash_commit(pull_request, tip)]
        case "rebase":
            made = _rebased(pull_request, tip) or [_squash_commit(pull_request, tip)]
    for commit in made:
        git.commits[commit.oid] = commit
    git.heads[branch] = made[-1].oid


def attach(repository: Repository, pull_request: PullRequest) -> None:
    """Gives the pull request's own commits parents: the branch when it was opened."""
    git = repository.git
    tip = git.heads.get(pull_request.base_ref) or git.heads[repository.default_branch]
    before = _as_of(git, tip, pull_request.created_at)
    for commit in pull_request.commits:
        commit = git.commits.setdefault(commit.oid, commit)
        commit.parents = commit.parents or (before,)
        before = commit.oid


def _as_of(git: Git, tip: str, instant: datetime) -> str:
    """Where a branch was, going back from its tip along first parents."""
    while git.commits[tip].committed_at > instant and git.commits[tip].parents:
        tip = git.commits[tip].parents[0]
    return tip


def _merge_commit(pull_request: PullRequest, tip: str) -> Commit:
    own = [commit.oid for commit in pull_request.commits[-1:]]
    title = f"Merge pull request #{pull_request.number} from {pull_request.head_ref}"
    made = _by_button(pull_request, f"{title}\n\n{pull_request.title}", pull_request.merged_by)
    return replace(made, parents=(tip, *own))


def _squash_commit(pull_request: PullRequest, tip: str) -> Commit:
    own = [f"* {commit.message}" for commit in pull_request.commits]
    text = "\n\n".join(own) if len(own) > 1 else ""
    title = f"{pull_request.title} (#{pull_request.number})"
    made = _by_button(pull_request, f"{title}\n\n{text}".rstrip(), pull_request.author)
    return replace(made, parents=(tip,))


def _by_button(pull_request: PullRequest, message: str, author: Account | None) -> Commit:
    when = pull_request.merged_at or pull_request.updated_at
    return Commit(
        pull_request.merge_commit_oid or "",
        when,
        when,
        message,
        pull_request.additions,
        pull_request.deletions,
        pull_request.changed_files,
        author=author,
        author_name=(author.name or author.login) if author else None,
        author_email=noreply(author) if author else None,
        committer_name=WEB_FLOW[0],
        committer_email=WEB_FLOW[1],
    )


def noreply(account: Account) -> str:
    """The address that GitHub gives an account, by which its commits are recognised."""
    suffix = "[bot]" if account.type == "Bot" else ""
    return f"{account.id}+{account.login}{suffix}@users.noreply.github.com"


def _rebased(pull_request: PullRequest, tip: str) -> list[Commit]:
    """The commits again on top; the last has the SHA that the pull request reports."""
    made: list[Commit] = []
    when = pull_request.merged_at or pull_request.updated_at
    for commit in pull_request.commits:
        name = new_oid(commit.oid, pull_request.id, "rebased")
        made.append(replace(commit, oid=name, committed_at=when, parents=(tip,)))
        tip = name
    for last in made[-1:]:
        last.oid = pull_request.merge_commit_oid or last.oid
    return made


def find(repository: Repository, oid: str) -> Commit | None:
    """The commit with this SHA, on a branch or in a pull request."""
    git = git_of(repository)
    if oid not in git.commits:
        for pull_request in repository.pull_requests.values():
            if any(commit.oid == oid for commit in pull_request.commits):
                attach(repository, pull_request)
                break
    return git.commits.get(oid)


def resolve(repository: Repository, name: str) -> str | None:
    """The commit of a branch, a tag, a pull request's branch or a SHA."""
    git = git_of(repository)
    short = name.removeprefix("refs/heads/").removeprefix("refs/tags/")
    own = {p.head_ref: p.head_oid for p in repository.pull_requests.values() if p.state == "OPEN"}
    for known in (git.heads, git.tags, own):
        if short in known:
            return known[short]
    if find(repository, name):
        return name
    wanted = name.lower()
    if len(name) < _SHORTEST:
        return None
    return next((oid for oid in git.commits if oid.startswith(wanted)), None)


def history(repository: Repository, oid: str) -> list[str]:
    """A commit and all its ancestors as `git log` lists them: the newest known one first."""
    kept = _histories.setdefault(repository, {})
    if oid not in kept:
        if len(kept) >= _KEPT:
            kept.clear()
        kept[oid] = list(_log(git_of(repository), oid))
    return kept[oid]


def _log(git: Git, oid: str) -> Iterator[str]:
    seen, waiting = {oid}, [(-git.commits[oid].committed_at.timestamp(), 0, oid)]
    while waiting:
        _, _, name = heappop(waiting)
        yield name
        for parent in git.commits[name].parents:
            if parent not in seen:
                seen.add(parent)
                when = git.commits[parent].committed_at.timestamp()
                heappush(waiting, (-when, len(seen), parent))


@dataclass(frozen=True)
class Comparison:
    """How two commits relate; `ahead` are the head's own, the oldest first."""

    base: str
    head: str
    merge_base: str | None
    ahead: list[str]
    behind: int

    @property
    def status(self) -> str:
        if self.ahead and self.behind:
            return "diverged"
        return "ahead" if self.ahead else "behind" if self.behind else "identical"


def compare(repository: Repository, base: str, head: str) -> Comparison:
    """The result of `base...head`."""
    theirs, own = set(history(repository, base)), history(repository, head)
    common = [oid for oid in own if oid in theirs]
    known = repository.git.commits
    below = {parent for oid in common for parent in known[oid].parents}
    best = next((oid for oid in common if oid not in below), None)
    ahead = [oid for oid in own if oid not in theirs]
    return Comparison(base, head, best, ahead[::-1], len(theirs) - len(common))
