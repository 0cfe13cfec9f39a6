"""Fetches complete pull requests: by page from the top of a repository, or by id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import Any

import msgspec
from msgspec import Raw, Struct

from apps.integrations.github import limits, records
from apps.integrations.github.client import GitHub, GraphQLReply
from apps.integrations.github.documents import document, numbered
from apps.integrations.github.errors import NotFoundError, UnavailableError
from apps.integrations.github.lists import complete, refuse_endless
from apps.integrations.github.missing_fields import lacks_rows, read_pull_request
from apps.integrations.github.parts import in_pieces
from apps.integrations.github.reading import decode
from apps.integrations.github.replies import Problem, error_from_problem, problems_by_item

_GONE = "GitHub does not find the repository, or the token may not see it."
_LEFT_OUT = "GitHub left out a part."
_WITHHELD = "GitHub does not give its contents."


class Identified(Struct, frozen=True):
    """The ids of a pull request, with which it can be requested again."""

    id: str
    number: int


class _Open(Struct, rename="camel", frozen=True):
    pull_requests: records.Page[Identified]


@dataclass(frozen=True)
class Spoilt:
    """A pull request of which GitHub returns nothing but its existence."""

    id: str
    number: int
    reason: str
    updated_at: datetime | None


@dataclass
class Batch:
    """The complete pull requests of one query, and those to be set aside."""

    pull_requests: list[records.PullRequest] = field(default_factory=list)
    spoilt: list[Spoilt] = field(default_factory=list)
    withheld: dict[str, str] = field(default_factory=dict)
    """Why GitHub returned nothing of some existing pull requests that were requested by id."""


@dataclass(frozen=True)
class WalkPage:
    """A page of a repository's walk, most recently changed first."""

    repository: records.Repository
    batch: Batch
    total: int
    end_cursor: str | None
    has_next: bool
    asked_at: datetime
    reply: bytes = b""
    """The raw data; empty if there were problems or more of a list must be fetched."""
    open: int | None = None
    """How many are open according to GitHub, if requested."""

    @property
    def instants(self) -> list[datetime]:
        """When each of its pull requests changed, as far as GitHub reports it."""
        known = [record.updated_at for record in self.batch.pull_requests]
        return [at for at in (*known, *(item.updated_at for item in self.batch.spoilt)) if at]


@dataclass(frozen=True)
class Known:
    """A repository as stored; its name may belong to another by now, its ids never do."""

    full_name: str
    node_id: str
    database_id: int


def walk_top(github: GitHub, known: Known, first: int, after: str) -> WalkPage:
    """Like `walk`, with the number of open ones; one fewer at once costs no more."""
    first = min(first, limits.LARGEST_PAGE - 1)
    return walk(github, known, first, after, "pull_requests_on_top")


def walk(
    github: GitHub, known: Known, first: int, after: str, query: str = "pull_requests"
) -> WalkPage:
    """The `first` pull requests after the cursor `after` (empty: from the top), newest first."""
    reply, repository, problems = _page(github, query, known, first, after)
    nodes = _nodes(repository)
    found = _read_nodes(nodes, problems)
    is_plain = not reply.problems and len(found) == len(nodes) and not any(map(_is_more, found))
    batch = _finished(github, found)
    if len(found) < len(nodes):
        _fill(github, batch, names(github, known, first, after).batch.spoilt)
    return _walk_page(repository, batch, reply.asked_at, bytes(reply.data) if is_plain else b"")


def walk_ahead(github: GitHub, full_name: str, first: int, after: str) -> None:
    """Requests the page that `walk` will fetch next."""
    github.graphql_ahead("pull_requests", _variables(full_name, first, after))


def kept_page(github: GitHub, data: bytes, asked_at: datetime) -> WalkPage:
    """The page of a stored `reply`."""
    reply = github.graphql_kept(data, asked_at)
    repository = decode(reply.data, records.PullRequestsReply).repository
    return _walk_page(repository, Batch(_read_nodes(_nodes(repository), {})), asked_at, data)


def query_of(github: GitHub, full_name: str, first: int, after: str) -> str:
    """Identifies the query that `walk` sends: a digest of everything that shapes its response."""
    query = [document("pull_requests", github.later_events), _variables(full_name, first, after)]
    return hashlib.sha256(msgspec.json.encode(query)).hexdigest()


def names(github: GitHub, known: Known, first: int, after: str) -> WalkPage:
    """The same page without contents, if GitHub cannot return them: all items are set aside."""
    reply, repository, _ = _page(github, "pull_request_names", known, first, after)
    batch = Batch()
    for node, change in zip_longest(_nodes(repository), repository.changes.nodes or ()):
        with suppress(UnavailableError):
            one = decode(node, Identified)
            changed_at = change.updated_at if change else None
            batch.spoilt.append(Spoilt(one.id, one.number, _WITHHELD, changed_at))
    return _walk_page(repository, batch, reply.asked_at)


def _walk_page(
    repository: records.RepositoryWithPullRequests,
    batch: Batch,
    asked_at: datetime,
    reply: bytes = b"",
) -> WalkPage:
    page, info = repository.pull_requests, repository.pull_requests.page_info
    return WalkPage(
        repository,
        batch,
        page.total_count or 0,
        info.end_cursor,
        info.has_next_page,
        asked_at,
        reply,
        repository.open.total_count if repository.open else None,
    )


def _variables(full_name: str, first: int, after: str) -> dict[str, Any]:
    owner, _, name = full_name.partition("/")
    return {"owner": owner, "name": name, "first": first, "after": after or None}


def _page(
    github: GitHub, query: str, known: Known, first: int, after: str, empties: int = 0
) -> tuple[GraphQLReply, records.RepositoryWithPullRequests, dict[int, list[Problem]]]:
    """Requests by name, or by the current name if another repository has the old one now.

    Returns the response, the repository in it, and problems by the index of the pull request that
    they affect.
    """
    name = known.full_name
    for _ in range(2):
        try:
            reply = github.graphql(query, _variables(name, first, after))
            found = repository_of(reply)
        except NotFoundError:
            found = None
        if found and found.database_id in (known.database_id, 0):
            found = msgspec.structs.replace(found, database_id=known.database_id)
            info = found.pull_requests.page_info
            if empties := refuse_endless(info, after, _nodes(found), empties):
                return _page(github, query, known, first, info.end_cursor or "", empties)
            below = ("repository", "pullRequests", "nodes")
            items = [p for p in reply.problems if tuple(p.path or ())[:3] == below]
            return reply, found, problems_by_item(items, *below)
        name = _present_name(github, known)
    raise NotFoundError(_GONE)


def _present_name(github: GitHub, known: Known) -> str:
    """The repository's current name. Raises NotFoundError if it is gone."""
    reply = github.graphql("newest_changes", {"ids": [known.node_id]})
    (found,) = decode(reply.data, records.NodesReply[records.RepositoryWithNewest]).nodes or [None]
    if found is None:
        raise NotFoundError(_GONE)
    return str(found.name_with_owner)


def by_ids(github: GitHub, ids: Sequence[str]) -> Batch:
    """Up to 100 pull requests by node id; those that are gone are left out."""
    reply = github.graphql("pull_requests_by_id", {"ids": list(ids)})
    problems = problems_by_item([p for p in reply.problems if p.kind != "NOT_FOUND"], "nodes")
    nodes = decode(reply.data, records.RawNodesReply).nodes
    batch = _finished(github, _read_nodes(nodes, problems))
    withheld = [index for index in problems if not _is_there(nodes[index])]
    batch.pull_requests += in_pieces(github, [ids[index] for index in withheld])
    known = {record.id for record in batch.pull_requests}
    for index in withheld:
        if ids[index] not in known:
            batch.withheld[ids[index]] = _sentence(p.message for p in problems[index])
    return batch


def by_numbers(github: GitHub, node_id: str, numbers: Sequence[int]) -> list[Identified]:
    """Which of these numbers are pull requests; issues share the numbering."""
    reply = github.graphql_text(numbered(numbers), {"id": node_id})
    (found,) = decode(reply.data, records.NodesReply[dict[str, Raw]]).nodes or [None]
    return [decode(node, Identified) for node in (found or {}).values() if _is_there(node)]


def open_ones(github: GitHub, node_id: str) -> dict[int, str]:
    """The ids of a repository's open pull requests by number."""
    found: dict[int, str] = {}
    after, empties = None, 0
    while True:
        reply = github.graphql("open_pull_requests", {"id": node_id, "after": after})
        (repository,) = decode(reply.data, records.NodesReply[_Open]).nodes or [None]
        if repository is None or repository.pull_requests.nodes is None:
            raise UnavailableError(_LEFT_OUT)
        found |= {one.number: one.id for one in repository.pull_requests.items}
        page = repository.pull_requests.page_info
        empties = refuse_endless(page, after, repository.pull_requests.nodes, empties)
        if not page.has_next_page:
            return found
        after = page.end_cursor


def _finished(github: GitHub, found: Sequence[records.PullRequest]) -> Batch:
    """Pull requests with complete lists; those that lack a row are fetched field by field."""
    finished = complete(github, found)
    lacking = [record.id for record in finished if lacks_rows(record)]
    pieces = {record.id: record for record in in_pieces(github, lacking)}
    return Batch([pieces.get(record.id, record) for record in finished])


def _fill(github: GitHub, batch: Batch, listed: Sequence[Spoilt]) -> None:
    """Fetches items that are null on a page although `listed`, field by field if possible."""
    known = {record.id for record in batch.pull_requests}
    missing = [item for item in listed if item.id not in known]
    batch.pull_requests += in_pieces(github, [item.id for item in missing])
    known = {record.id for record in batch.pull_requests}
    batch.spoilt += [item for item in missing if item.id not in known]


def repository_of(reply: GraphQLReply) -> records.RepositoryWithPullRequests | None:
    """The repository requested by name. Raises the error that denies access to it.

    Fields of the repository that GitHub cannot return are missing, and affect nothing else.
    """
    found: records.RepositoryWithPullRequests | None
    found = decode(reply.data, records.PullRequestsReply).repository
    for problem in reply.problems:
        if not found and not problem.is_bearable:
            raise error_from_problem(problem)
    return found


def _nodes(repository: records.RepositoryWithPullRequests) -> list[Raw]:
    nodes = repository.pull_requests.nodes
    if nodes is None:  # Treated as an empty page, it would end the walk.
        raise UnavailableError(_LEFT_OUT)
    return nodes


def _is_there(node: Raw) -> bool:
    return bytes(node) not in (b"null", b"{}")


def _is_more(record: records.PullRequest) -> bool:
    """Whether one of its lists continues after the page."""
    lists = (record.commits, record.reviews, record.timeline_items)
    return any(page.page_info.has_next_page for page in lists)


def _read_nodes(
    nodes: Iterable[Raw], problems: Mapping[int, Sequence[Problem]]
) -> list[records.PullRequest]:
    """The pull requests of a list, each with what GitHub could not return."""
    found: list[records.PullRequest] = []
    for index, node in enumerate(nodes):
        if _is_there(node):
            with suppress(UnavailableError):  # An item without an id affects no other.
                found.append(read_pull_request(node, problems.get(index, ())))
    return found


def _sentence(reasons: Iterable[str]) -> str:
    """The distinct reasons: GitHub repeats the same one for each item of a list."""
    return "; ".join(dict.fromkeys(reasons))
