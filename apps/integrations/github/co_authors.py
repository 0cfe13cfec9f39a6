"""Which accounts the addresses in commit messages belong to, according to GitHub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apps.integrations.github import records
from apps.integrations.github.client import GitHub
from apps.integrations.github.reading import decode

AT_ONCE = 100
"""Commits, which GitHub counts as one point."""


def authors(github: GitHub, ids: Sequence[str]) -> Iterator[tuple[str, records.Actor | None]]:
    """Addresses in up to a hundred commits, by node id, with the account of each."""
    reply = github.graphql("co_authors", {"ids": list(ids)})
    for commit in decode(reply.data, records.NodesReply[records.CommitAuthors]).nodes:
        for author in commit.authors.items if commit else ():
            if author.email:
                yield author.email, author.user
