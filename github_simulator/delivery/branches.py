"""Changes of branches and tags without a pull request."""

from __future__ import annotations

from ..actions import Deed, pushed
from ..git import git_of, history
from ..happening import Happening
from ..world import Commit


def push(deed: Deed, branch: str, commits: list[Commit]) -> list[Happening]:
    """Adds commits to a branch; a new branch begins where the default one is."""
    git = git_of(deed.repository)
    tip = git.heads.get(branch) or git.heads[deed.repository.default_branch]
    for commit in commits:
        commit.parents = commit.parents or (tip,)
        git.commits[commit.oid] = commit
        tip = commit.oid
    git.heads[branch] = tip
    pushed(deed)
    return []


def reset(deed: Deed, branch: str, oid: str) -> list[Happening]:
    """A force push: moves the branch there, whatever it had before."""
    git_of(deed.repository).heads[branch] = oid
    pushed(deed)
    return []


def rewrite(deed: Deed, branch: str, count: int) -> list[Happening]:
    """A force push that drops this many first parents of a branch."""
    git = git_of(deed.repository)
    tip = git.heads[branch]
    for _ in range(count):
        if not (parents := git.commits[tip].parents):
            raise ValueError(f"{branch} has no {count} commits to drop")
        tip = parents[0]
    return reset(deed, branch, tip)


def tag(deed: Deed, name: str, oid: str) -> list[Happening]:
    """Sets a tag there, or moves it."""
    git_of(deed.repository).tags[name] = oid
    pushed(deed)
    return []


def on_branch(deed: Deed, branch: str) -> list[str]:
    """All commits of a branch, the newest first."""
    return history(deed.repository, git_of(deed.repository).heads[branch])
