"""Fetches complete lists of pull requests: many lists in a query, each from both ends.

Whatever GitHub cannot return of a list is recorded with its pull request, and affects nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from apps.chunks import chunks
from apps.integrations.github import limits, records
from apps.integrations.github.client import GitHub
from apps.integrations.github.documents import LISTS, rest_of_lists
from apps.integrations.github.errors import GitHubError, UnavailableError
from apps.integrations.github.missing_fields import with_missing_fields
from apps.integrations.github.reading import decode
from apps.integrations.github.records import Path
from apps.integrations.github.replies import Problem, error_from_problem

Asked = TypeVar("Asked")
Found = TypeVar("Found")

# With up to a hundred items at either end of each, a query stays far below GitHub's ten seconds.
LISTS_AT_ONCE = 10
A_PAGE = 100
_SAME = "GitHub sent the same page twice."
_PAGES: dict[str, Any] = {
    "commits": records.Page[records.CommitNode],
    "reviews": records.Page[records.Review],
    "timeline_items": records.Page[records.TimelineItem],
}


@dataclass
class Growing:
    """A partially read list: the pages from its beginning, and those from its end."""

    id: str
    name: str
    front: list[Any]
    after: str | None
    total: int | None
    back: list[Any] = field(default_factory=list)
    before: str | None = None
    is_complete: bool = False
    empties: int = 0
    """How many pages in a row had no items."""
    missing_fields: list[Path] = field(default_factory=list)
    missing_at_the_end: list[Path] = field(default_factory=list)
    """The same for `back`: positions are counted from the list's end."""

    @property
    def has_tail(self) -> bool:
        """Whether to request the end as well: true if the next page would not reach the known end.

        Only for a list whose total count GitHub reports.
        """
        known = len(self.front) + len(self.back)
        return self.total is not None and self.total - known > A_PAGE

    def close(self) -> None:
        """Stops reading: what is missing between both ends counts as not reported."""
        self.is_complete = True
        self._leave_out(self._missing)
        self.front += self.back

    @property
    def _missing(self) -> int | None:
        """How many items lie between both ends; None: not known."""
        if self.total is None:
            return None
        return max(0, self.total - len(self.front) - len(self.back))

    def _leave_out(self, count: int | None) -> None:
        """Holds the places of so many items, for those that are known from before."""
        self.missing_fields.append((self.name, "nodes", len(self.front)))
        self.front += [None] * (1 if count is None else count)
        if count is None:
            self.missing_fields.append((self.name, "page_info"))  # The list may go on.

    def grow(self, pages: Mapping[str, Raw], missing_fields: Iterable[Path]) -> None:
        """Adds the next page from the beginning, as `rest`, and possibly one from the end."""
        page = _page(pages.get("rest"), self.name)
        if page is None:
            raise UnavailableError("GitHub left out a part.")
        # One list of items that cannot be returned is a gap; two in a row may never end.
        is_gap = page.nodes is None and self.front[-1:] != [None]
        items = [None] if is_gap else page.nodes
        self.empties = refuse_endless(page.page_info, self.after, items, self.empties)
        start, self.total = len(self.front), page.total_count
        if page.nodes is None:
            rest = A_PAGE if page.page_info.has_next_page else None
            missing = self._missing
            self._leave_out(rest if missing is None else min(A_PAGE, missing))
        else:
            self.front += page.nodes
        self.after = page.page_info.end_cursor
        tail = _page(pages.get("tail"), self.name)
        if tail and tail.nodes and tail.page_info.start_cursor:
            self.back = [*tail.nodes, *self.back]
            self.before = tail.page_info.start_cursor
        for path in missing_fields:
            self._record_missing(path, start)
        self._join(page.page_info.has_next_page)

    def _record_missing(self, path: Path, start: int) -> None:
        end, _, index, *below = path
        if end == "rest":
            self.missing_fields.append((self.name, "nodes", start + int(index), *below))
        else:
            self.missing_at_the_end.append((len(self.back) - int(index), *below))

    def _join(self, has_next: bool) -> None:
        """Once both ends meet, they form one list."""
        if not has_next:
            self.is_complete = True
        elif self.total is not None and len(self.front) + len(self.back) >= self.total:
            self.front += self.back[len(self.front) + len(self.back) - self.total :]
            self.is_complete = True

    @property
    def changes(self) -> dict[str, Any]:
        """The record's changed list."""
        page = records.Page(nodes=self.front, total_count=self.total)
        return {self.name: page}

    @property
    def all_missing_fields(self) -> list[Path]:
        """What GitHub did not report, by its position in the complete list."""
        end = len(self.front)
        late = [(self.name, "nodes", end - int(n), *below) for n, *below in self.missing_at_the_end]
        return [*self.missing_fields, *(path for path in late if int(path[2]) >= 0)]


def complete(
    github: GitHub, pull_requests: Sequence[records.PullRequest]
) -> list[records.PullRequest]:
    """The pull requests with all lists complete, as far as GitHub returns them."""
    lists = list(_unfinished(pull_requests))
    while wanted := [one for one in lists if not one.is_complete]:
        for some in chunks(wanted, LISTS_AT_ONCE):
            _ask(github, some)
    grown: dict[str, list[Growing]] = {}
    for one in lists:
        grown.setdefault(one.id, []).append(one)
    return [_with_lists(record, grown.get(record.id, ())) for record in pull_requests]


def refuse_endless(
    page: records.PageInfo, before: str | None, items: Sequence[Any] | None, empties: int = 0
) -> int:
    """Refuses a page after which the list may never end: no new cursor, or no items again.

    Returns how many pages in a row had none, given how many there were before this one. GitHub
    hides items after it has counted them, so a few such pages are followed.
    """
    if page.has_next_page and page.end_cursor in (None, "", before):
        raise UnavailableError(_SAME)
    if items or not page.has_next_page:
        return 0
    if empties >= limits.MOST_EMPTY_PAGES:
        raise UnavailableError(limits.ENDLESS)
    return empties + 1


def in_fewer(items: Sequence[Asked], ask: Callable[[Sequence[Asked]], list[Found]]) -> list[Found]:
    """What `ask` finds of items, asking about fewer at once where GitHub finds all too heavy."""
    try:
        return ask(items)
    except GitHubError as error:
        if not error.is_heavy or len(items) == 1:
            raise
        parts = chunks(items, limits.fewer(len(items)))
        return [found for some in parts for found in in_fewer(some, ask)]


def _unfinished(pull_requests: Iterable[records.PullRequest]) -> Iterator[Growing]:
    for record in pull_requests:
        for name in LISTS:
            page = getattr(record, name)
            if page.page_info.has_next_page:
                total = page.total_count
                yield Growing(
                    record.id, name, list(page.nodes or ()), page.page_info.end_cursor, total
                )


def _with_lists(record: records.PullRequest, lists: Iterable[Growing]) -> records.PullRequest:
    for one in lists:
        record = with_missing_fields(
            msgspec.structs.replace(record, **one.changes), one.all_missing_fields
        )
    return record


def _ask(github: GitHub, lists: Sequence[Growing]) -> None:
    variables: dict[str, Any] = {}
    for n, one in enumerate(lists):
        variables |= {f"id{n}": one.id, f"after{n}": one.after}
        if one.has_tail:
            variables[f"before{n}"] = one.before
    text = rest_of_lists([(one.name, one.has_tail) for one in lists], github.later_events)
    reply = github.graphql_text(text, variables)
    found = decode(reply.data, dict[str, Raw])
    problems = _by_list(reply.problems, len(lists))
    for n, one in enumerate(lists):
        try:
            (pages,) = decode(found[f"rest{n}"], list[dict[str, Raw] | None]) or [None]
            one.grow(pages or {}, problems[n])
        except UnavailableError:
            one.close()


def _page(data: Raw | None, name: str) -> records.Page[Any] | None:
    return decode(data, _PAGES[name] | None) if data else None


def _by_list(problems: Iterable[Problem], count: int) -> list[list[Path]]:
    """The positions in each list that problems name. Raises problems that affect everything."""
    found: list[list[Path]] = [[] for _ in range(count)]
    names = {f"rest{n}": n for n in range(count)}
    for problem in problems:
        path = tuple(problem.path or ())
        if problem.is_bearable:
            continue
        if not path or path[0] not in names:
            raise error_from_problem(problem)
        if len(path) > 4 and isinstance(path[4], int):
            found[names[str(path[0])]].append(path[2:])
    return found
