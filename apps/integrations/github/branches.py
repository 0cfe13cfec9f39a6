"""Fetches a branch's history (commits with parents only), and merge bases of other commits."""

from __future__ import annotations

from datetime import UTC
from urllib.parse import quote

import msgspec

from apps.integrations.github import limits
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    CursorError,
    NotFoundError,
    RefusedError,
    ScopeMissingError,
    UnavailableError,
)
from apps.integrations.github.lists import refuse_endless
from apps.integrations.github.production_records import (
    Commits,
    NotGrantedError,
    next_of,
    repository_of,
)
from apps.integrations.github.reading import of_rest

AT_ONCE = 100


def branch(
    github: GitHub, node_id: str, start: str = "", after: str = "", page_size: int = AT_ONCE
) -> Commits:
    """A page of history from the commit `start`; from the default branch's tip if empty."""
    if start:
        variables = {"id": node_id, "oid": start, "first": page_size, "after": after or None}
        found = repository_of(github.graphql("branch_history", variables), "contents").object
    else:
        reply = github.graphql("branch_tip", {"id": node_id, "first": page_size})
        ref = repository_of(reply, "contents").default_branch_ref
        if ref is None or ref.target is None:
            raise UnavailableError("GitHub left out a part.")
        found = ref.target
    if found is None:
        raise CursorError("GitHub no longer knows the commit where the walk stopped.")
    page = found.history
    if page is None or page.nodes is None:
        raise UnavailableError("GitHub left out a part.")
    refuse_endless(
        page.page_info, after, page.nodes, limits.MOST_EMPTY_PAGES
    )  # No commit is hidden.
    parents: dict[str, tuple[str, ...]] = {}
    for each in page.nodes:
        if each is None or each.parents is None or None in (each.parents.nodes or ()):
            raise UnavailableError("GitHub left out a part.")  # A gap would cut the graph.
        parents[each.oid] = tuple(parent.oid for parent in each.parents.items)
    dates = [each.committed_date.astimezone(UTC) for each in page.items if each.committed_date]
    return Commits(parents, min(dates, default=None), next_of(page.page_info), found.oid or start)


def merge_base(github: GitHub, full_name: str, branch: str, sha: str) -> str | None:
    """The merge base of a commit and a branch; None if GitHub cannot tell or there is none."""
    path = f"/repos/{full_name}/compare/{quote(branch, safe='')}...{quote(sha, safe='')}"
    try:
        reply = github.get(path, per_page=1)
    except (NotFoundError, RefusedError):
        return None  # 422 if the comparison takes GitHub too long.
    except ScopeMissingError:
        raise NotGrantedError("contents") from None
    found = of_rest(reply.data, _Comparison)
    return found.merge_base_commit.sha if found.merge_base_commit else None


class _Sha(msgspec.Struct, frozen=True):
    sha: str


class _Comparison(msgspec.Struct, frozen=True):
    merge_base_commit: _Sha | None = None
