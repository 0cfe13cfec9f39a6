"""GraphQL documents: each operation is a file in `queries/`, followed by the fragments it uses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files

_SPREAD = re.compile(r"\.\.\.\s*([A-Z]\w*)")
_FRAGMENT = re.compile(r"^fragment (\w+) .*?^}\n", re.DOTALL | re.MULTILINE)

_EVENTS = (
    "READY_FOR_REVIEW_EVENT, CONVERT_TO_DRAFT_EVENT, REVIEW_REQUESTED_EVENT, "
    "REVIEW_REQUEST_REMOVED_EVENT, REVIEW_DISMISSED_EVENT, HEAD_REF_FORCE_PUSHED_EVENT, "
    "CLOSED_EVENT, REOPENED_EVENT, MERGED_EVENT"
)

# Event types that older Enterprise Servers lack, with the fields requested besides actor and time.
# A type unknown to the schema would make GitHub reject the whole query.
LATER_EVENTS: Mapping[str, str] = {
    "AddedToMergeQueueEvent": "",
    "RemovedFromMergeQueueEvent": "reason",
    "AutoMergeEnabledEvent": "",
    "AutoMergeDisabledEvent": "reason",
    "AutoSquashEnabledEvent": "",
    "AutoRebaseEnabledEvent": "",
    "BaseRefChangedEvent": "previousRefName currentRefName",
}

# Lists of a pull request that can be longer than a page: GraphQL field, its arguments besides the
# cursor, and the fragment of its page.
LISTS: Mapping[str, tuple[str, str, str]] = {
    "commits": ("commits", "", "CommitsPage"),
    "reviews": ("reviews", "", "ReviewsPage"),
    "timeline_items": ("timelineItems", f", itemTypes: [{_EVENTS}]", "TimelinePage"),
}
NONE: frozenset[str] = frozenset()


def later_events(enum_values: Iterable[str]) -> frozenset[str]:
    """The types of `LATER_EVENTS` in a schema whose PullRequestTimelineItemsItemType has these."""
    values = set(enum_values)
    return frozenset(name for name in LATER_EVENTS if _enum_value(name) in values)


@cache
def document(name: str, later: frozenset[str] = NONE) -> str:
    """The complete operation of `queries/<name>.graphql`; `later` are the later events in it."""
    return with_fragments(_read(name), later)


def rest_of_lists(wanted: Iterable[tuple[str, bool]], later: frozenset[str] = NONE) -> str:
    """One query for more pages of several lists, each of a pull request of its own.

    The nth of `wanted` (a key of `LISTS`, and whether the list's end is requested too) is answered
    in `rest<n>`: as `rest` the page after `$after<n>`, as `tail` the one before `$before<n>`.
    """
    lists = list(enumerate(wanted))
    variables = [f"$id{n}: ID!, $after{n}: String" for n, _ in lists]
    variables += [f"$before{n}: String" for n, (_, has_tail) in lists if has_tail]
    parts = "\n".join(_rest(n, name, has_tail) for n, (name, has_tail) in lists)
    operation = (
        f"query RestOfLists({', '.join(variables)}) {{\n"
        f"  rateLimit {{ ...RateLimitFields }}\n{parts}\n}}\n"
    )
    return with_fragments(operation.replace("MERGED_EVENT", _enum_values(later)), later)


@cache
def without_teams(text: str) -> str:
    """The same query without teams, for tokens that may not see them."""
    fragment = _fragments(NONE)["RequestedTeamFields"]
    return text.replace(fragment, "").replace("...RequestedTeamFields", "")


@cache
def pull_requests_in_parts(later: frozenset[str] = NONE) -> tuple[str, int]:
    """A query for a few pull requests (`$ids`) in which an unreadable field affects no other.

    Each field is requested separately, as `part0` and so on: if GitHub cannot return a non-null
    field, only that part is null. Returns the query and the number of parts.
    """
    parts = list(_parts(later))
    text = "\n".join(
        f"  part{n}: nodes(ids: $ids) {{ ... on PullRequest {{ {part} }} }}"
        for n, part in enumerate(parts)
    )
    document = with_fragments(
        f"query PullRequestsInParts($ids: [ID!]!) {{\n"
        f"  rateLimit {{ ...RateLimitFields }}\n{text}\n}}\n",
        later,
    )
    return document, len(parts)


def numbered(numbers: Iterable[int]) -> str:
    """A query for pull requests of the repository `$id` by their numbers."""
    parts = "\n".join(f"    n{n}: pullRequest(number: {n}) {{ id number }}" for n in numbers)
    return with_fragments(
        "query PullRequestsByNumber($id: ID!) {\n  rateLimit { ...RateLimitFields }\n"
        f"  nodes(ids: [$id]) {{ ... on Repository {{\n{parts}\n  }} }}\n}}\n"
    )


def with_fragments(operation: str, later: frozenset[str] = NONE) -> str:
    """`operation`, followed by each fragment that it uses, once."""
    fragments = _fragments(later)
    needed: dict[str, str] = {}
    waiting = _SPREAD.findall(operation)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = fragments[name]
            waiting += _SPREAD.findall(fragments[name])
    return "\n".join([operation, *(needed[name] for name in sorted(needed))])


def _rest(n: int, name: str, has_tail: bool) -> str:
    field, more, fragment = LISTS[name]
    rest = f"rest: {field}(first: 100, after: $after{n}{more}) {{ ...{fragment} }}"
    tail = f" tail: {field}(last: 100, before: $before{n}{more}) {{ ...{fragment} }}"
    ends = rest + (tail if has_tail else "")
    return f"  rest{n}: nodes(ids: [$id{n}]) {{ ... on PullRequest {{ {ends} }} }}"


def _parts(later: frozenset[str]) -> Iterator[str]:
    """Each field of a pull request; for its commits and reviews, each of their fields."""
    for field in _selected(_fragments(later)["PullRequestFields"], 2):
        if field.startswith("commits("):
            yield from _list_in_parts("commits", "CommitsPage", "commit {{ {} }}", 6)
        elif field.startswith("reviews("):
            yield from _list_in_parts("reviews", "ReviewsPage", "{}", 4)
        else:
            yield field


def _list_in_parts(name: str, fragment: str, node: str, depth: int) -> Iterator[str]:
    """The list's count, its page info, and each field of its nodes at that depth."""
    text = _fragments(NONE)[fragment]
    for part in _selected(text, 2):
        if not part.startswith("nodes"):
            yield f"{name}(first: 100) {{ {part} }}"
    for leaf in _selected(text[text.index("nodes") :], depth):
        yield f"{name}(first: 100) {{ nodes {{ {node.format(leaf)} }} }}"


def _selected(text: str, depth: int) -> list[str]:
    """The selections at this depth of indentation, each with its own selections."""
    fields: list[str] = []
    is_within = False
    for line in text.splitlines():
        indentation = len(line) - len(line.lstrip())
        if indentation == depth and (line[depth].isalnum() or line[depth] in "._"):
            fields.append(line)
            is_within = True
        elif line.strip() and indentation < depth:
            is_within = False
        elif is_within:
            fields[-1] += f" {line}"
    return [" ".join(field.split()) for field in fields]


@cache
def _fragments(later: frozenset[str]) -> dict[str, str]:
    text = _read("fragments").replace("      MERGED_EVENT", f"      {_enum_values(later)}")
    found = {match[1]: match[0] for match in _FRAGMENT.finditer(text)}
    page = found["TimelinePage"]
    selected = "".join(
        f"    ... on {name} {{ id createdAt actor {{ ...ActorFields }} {more} }}\n"
        for name, more in LATER_EVENTS.items()
        if name in later
    )
    found["TimelinePage"] = page.replace("    __typename\n", f"    __typename\n{selected}", 1)
    return found


def _enum_values(later: frozenset[str]) -> str:
    """The values always requested, and those of `later`."""
    return " ".join(
        ["MERGED_EVENT", *(_enum_value(name) for name in LATER_EVENTS if name in later)]
    )


def _enum_value(type_name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type_name).upper()


def _read(name: str) -> str:
    return (files(__package__) / "queries" / f"{name}.graphql").read_text()
