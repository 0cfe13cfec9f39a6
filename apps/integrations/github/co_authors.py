"""Which accounts the addresses in commit messages belong to, according to GitHub."""

from __future__ import annotations

from collections.abc import Sequence

from apps.integrations.github import records
from apps.integrations.github.client import GitHub
from apps.integrations.github.reading import decode

AT_ONCE = 100
"""Commits, which GitHub counts as one point."""


def authors(
    github: GitHub, ids: Sequence[str]
) -> tuple[list[tuple[str, records.Actor | None]], bool]:
    """Addresses in up to a hundred commits, by node id, with the account of each.

    The second value is whether GitHub returned all of them.
    """
    reply = github.graphql("co_authors", {"ids": list(ids)})
    commits = decode(reply.data, records.NodesReply[records.CommitAuthors]).nodes
    found = [
        (author.email, author.user)
        for commit in commits
        for author in (commit.authors.items if commit else ())
        if author.email
    ]
    gone = sum(p.kind == "NOT_FOUND" for p in reply.problems)
    is_complete = sum(commit is None for commit in commits) <= gone and all(
        _is_complete(commit) for commit in commits if commit
    )
    return found, is_complete and all(
        p.kind == "NOT_FOUND" or p.is_bearable for p in reply.problems
    )


def _is_complete(commit: records.CommitAuthors) -> bool:
    """Whether everyone is there with an address; of an account, the id."""
    authors = commit.authors.nodes
    return authors is not None and all(
        author and author.email and (author.user is None or author.user.database_id)
        for author in authors
    )
