"""Fetches pull requests complete: by page from the top of a repository, or by their ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from apps.integrations.github import records
from apps.integrations.github.client import GitHub, GraphQLReply
from apps.integrations.github.documents import LISTS, document, rest_of_lists
from apps.integrations.github.errors import NotFoundError, UnavailableError
from apps.integrations.github.replies import Problem, error_from_problem, problems_by_item

# Below twenty lists of a hundred a query stays far from GitHub's ten seconds.
LISTS_AT_ONCE = 20
_SAME = "GitHub sent the same page twice."
_GONE = "GitHub does not find the repository, or the token may not see it."
_WITHHELD = "GitHub does not give its contents."
_PAGES: dict[str, type] = {
    "commits": records.Page[records.CommitNode],
    "reviews": records.Page[records.Review],
    "timeline_items": records.Page[records.TimelineItem],
}


class Identified(Struct, rename="camel", frozen=True):
    """As much of a pull request as is needed to ask for it again."""

    id: str
    number: int
    updated_at: datetime


@dataclass(frozen=True)
class Spoilt:
    """A pull request that GitHub could not tell in full, or that cannot be read."""

    id: str
    number: int
    reason: str
    updated_at: datetime


@dataclass
class Batch:
    """Pull requests of one query, complete, and those to be set aside."""

    pull_requests: list[records.PullRequest] = field(default_factory=list)
    spoilt: list[Spoilt] = field(default_factory=list)
    withheld: dict[str, str] = field(default_factory=dict)
    """Why GitHub gave nothing at all of some that were asked for by id, though they are there."""


@dataclass(frozen=True)
class WalkPage:
    """A page of a repository's walk, newest change first."""

    repository: records.Repository
    batch: Batch
    total: int
    end_cursor: str | None
    has_next: bool
    asked_at: datetime
    reply: bytes = b""
    """The data as it came; empty where there were problems, or more of a list to fetch."""

    @property
    def instants(self) -> list[datetime]:
        """When each of its pull requests changed, the spoilt ones included."""
        told = [record.updated_at for record in self.batch.pull_requests]
        return told + [item.updated_at for item in self.batch.spoilt]


@dataclass(frozen=True)
class Known:
    """A repository as we know it; its name may be another's by now, its ids never are."""

    full_name: str
    node_id: str
    database_id: int


def walk(github: GitHub, known: Known, first: int, after: str) -> WalkPage:
    """The `first` pull requests behind the cursor `after` (empty: from the top), newest first."""
    reply, repository, problems = _page(github, "pull_requests", known, first, after)
    nodes = repository.pull_requests.nodes or ()
    batch = _batch(nodes, problems)
    if any(bytes(node) == b"null" for node in nodes):
        batch.spoilt += _withheld(batch, names(github, known, first, after))
    is_plain = not (reply.problems or batch.spoilt or any(_unfinished(batch.pull_requests)))
    complete(github, batch)
    return _walk_page(repository, batch, reply.asked_at, bytes(reply.data) if is_plain else b"")


def walk_ahead(github: GitHub, full_name: str, first: int, after: str) -> None:
    """Asks for the page that `walk` is going to be asked for next."""
    github.graphql_ahead("pull_requests", _variables(full_name, first, after))


def kept_page(github: GitHub, data: bytes, asked_at: datetime) -> WalkPage:
    """The page whose `reply` was kept."""
    reply = github.graphql_kept(data, asked_at)
    repository = decode(reply.data, records.PullRequestsReply).repository
    return _walk_page(repository, _batch(repository.pull_requests.nodes or (), {}), asked_at, data)


def query_of(full_name: str, first: int, after: str) -> str:
    """Names the query that `walk` sends: a digest of all that decides what its reply looks like."""
    query = [document("pull_requests"), _variables(full_name, first, after)]
    return hashlib.sha256(msgspec.json.encode(query)).hexdigest()


def names(github: GitHub, known: Known, first: int, after: str) -> WalkPage:
    """The same page without its contents, where GitHub cannot give them: all are set aside."""
    reply, repository, _ = _page(github, "pull_request_names", known, first, after)
    nodes = repository.pull_requests.nodes or ()
    found = [decode(node, Identified) for node in nodes if bytes(node) != b"null"]
    batch = Batch(spoilt=[_spoilt(one, _WITHHELD) for one in found])
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
        page.total_count,
        info.end_cursor,
        info.has_next_page,
        asked_at,
        reply,
    )


def _variables(full_name: str, first: int, after: str) -> dict[str, Any]:
    owner, _, name = full_name.partition("/")
    return {"owner": owner, "name": name, "first": first, "after": after or None}


def _page(
    github: GitHub, query: str, known: Known, first: int, after: str
) -> tuple[GraphQLReply, records.RepositoryWithPullRequests, dict[int, list[Problem]]]:
    """Asks by name, which follows a rename, and by the new name where the old one is another's.

    Returns the reply, what it has of the repository, and the problems by the index of the pull
    request that they spoil.
    """
    name = known.full_name
    for _ in range(2):
        try:
            reply = github.graphql(query, _variables(name, first, after))
            # Of a repository that is not found: NotFoundError.
            problems = problems_by_item(reply.problems, "repository", "pullRequests", "nodes")
        except NotFoundError:
            found = None
        else:
            found = decode(reply.data, records.PullRequestsReply).repository
        if found and found.database_id == known.database_id:
            refuse_circle(found.pull_requests.page_info, after)
            return reply, found, problems
        name = _present_name(github, known)
    raise NotFoundError(_GONE)


def _present_name(github: GitHub, known: Known) -> str:
    """What the repository is called now. Raises NotFoundError where it is gone."""
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
    batch = _batch(nodes, problems)
    for index, reasons in problems.items():
        if bytes(nodes[index]) == b"null":
            batch.withheld[ids[index]] = _sentence(problem.message for problem in reasons)
    complete(github, batch)
    return batch


def complete(github: GitHub, batch: Batch) -> None:
    """Fetches the lists that are longer than a page to their ends, many in one query.

    A pull request whose list cannot be told or read to its end is set aside.
    """
    while wanted := list(_unfinished(batch.pull_requests)):
        grown: dict[str, dict[str, Any]] = {}
        failed: dict[str, str] = {}
        for some in in_parts(wanted, LISTS_AT_ONCE):
            for (record, name), rest in zip(some, _rest(github, some), strict=True):
                try:
                    # Before the next of its lists: a record may have several unfinished ones.
                    grown.setdefault(record.id, {})[name] = _joined(record, name, rest)
                except UnavailableError as error:
                    failed[record.id] = error.message
        batch.spoilt += [
            _spoilt(record, failed[record.id])
            for record in batch.pull_requests
            if record.id in failed
        ]
        batch.pull_requests = [
            msgspec.structs.replace(record, **grown.get(record.id, {}))
            for record in batch.pull_requests
            if record.id not in failed
        ]


def repository_of(reply: GraphQLReply) -> records.RepositoryWithPullRequests | None:
    """The repository that was asked for by name. Raises what keeps us out of it."""
    problems_by_item(reply.problems, "repository")
    found: records.RepositoryWithPullRequests | None
    found = decode(reply.data, records.PullRequestsReply).repository
    return found


def decode(data: Raw | bytes, kind: type[Any]) -> Any:
    """Data as `kind`; BigInt comes as a string and becomes a number."""
    try:
        return msgspec.json.decode(data, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnavailableError(f"GitHub's reply cannot be read ({error}).") from None


def refuse_circle(page: records.PageInfo, before: str | None) -> None:
    """A list that does not move on would be followed for ever."""
    if page.has_next_page and page.end_cursor in (None, "", before):
        raise UnavailableError(_SAME)


def in_parts(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    """`items` in parts of `size`, the last maybe shorter."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _withheld(batch: Batch, page: WalkPage) -> list[Spoilt]:
    """Those of a page that GitHub gave as null: they are known by name at least."""
    told = {record.id for record in batch.pull_requests} | {item.id for item in batch.spoilt}
    return [item for item in page.batch.spoilt if item.id not in told]


def _batch(nodes: Iterable[Raw], problems: dict[int, list[Problem]]) -> Batch:
    batch = Batch()
    for index, node in enumerate(nodes):
        if bytes(node) in (b"null", b"{}"):
            continue
        reasons = [p.message for p in problems.get(index, ()) if not p.is_bearable]
        try:
            record = msgspec.json.decode(node, type=records.PullRequest, strict=False)
        except msgspec.DecodeError as error:
            reasons.append(str(error))
        if reasons:
            known = decode(node, Identified)
            batch.spoilt.append(_spoilt(known, _sentence(reasons)))
        else:
            batch.pull_requests.append(record)
    return batch


def _sentence(reasons: Iterable[str]) -> str:
    """GitHub says the same of each item of a list."""
    return "; ".join(dict.fromkeys(reasons))


def _spoilt(known: Identified | records.PullRequest, reason: str) -> Spoilt:
    return Spoilt(known.id, known.number, reason, known.updated_at)


def _unfinished(
    pull_requests: Iterable[records.PullRequest],
) -> Iterable[tuple[records.PullRequest, str]]:
    for record in pull_requests:
        for name in LISTS:
            page = getattr(record, name)
            if page and page.page_info.has_next_page:
                yield record, name


@dataclass(frozen=True)
class _Rest:
    """The rest of a list as it came, and what GitHub says of it."""

    nodes: Raw
    reasons: list[str] = field(default_factory=list)


def _rest(github: GitHub, wanted: Sequence[tuple[records.PullRequest, str]]) -> list[_Rest]:
    variables: dict[str, Any] = {}
    for n, (record, name) in enumerate(wanted):
        variables[f"id{n}"] = record.id
        variables[f"after{n}"] = getattr(record, name).page_info.end_cursor
    reply = github.graphql_text(rest_of_lists(name for _, name in wanted), variables)
    found = decode(reply.data, dict[str, Raw])
    rests = {f"rest{n}": _Rest(found[f"rest{n}"]) for n in range(len(wanted))}
    for problem in reply.problems:
        of = rests.get(str(problem.path[0])) if problem.path else None
        if of is None:
            raise error_from_problem(problem)
        if not problem.is_bearable:
            of.reasons.append(problem.message)
    return list(rests.values())


def _joined(record: records.PullRequest, name: str, rest: _Rest) -> records.Page[Any]:
    """A list with its next page. Raises UnavailableError where that is none."""
    if rest.reasons:
        raise UnavailableError(f"GitHub left out a part: {_sentence(rest.reasons)}")
    (node,) = decode(rest.nodes, list[dict[str, Raw] | None]) or [None]
    if node is None:
        raise UnavailableError("GitHub left out a part.")
    page: records.Page[Any] = getattr(record, name)
    more = decode(node["rest"], _PAGES[name])
    refuse_circle(more.page_info, page.page_info.end_cursor)
    nodes = [*page.items, *more.items]
    return msgspec.structs.replace(page, nodes=nodes, page_info=more.page_info)
