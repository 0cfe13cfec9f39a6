"""GraphQL documents: every operation is a file in `queries/`, with the fragments that it uses."""

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

# Types of events that older Enterprise Servers lack, and what is asked of each besides who and
# when. A type that the schema does not know would have the whole query refused.
LATER_EVENTS: Mapping[str, str] = {
    "AddedToMergeQueueEvent": "",
    "RemovedFromMergeQueueEvent": "reason",
    "AutoMergeEnabledEvent": "",
    "AutoMergeDisabledEvent": "reason",
    "AutoSquashEnabledEvent": "",
    "AutoRebaseEnabledEvent": "",
    "BaseRefChangedEvent": "previousRefName currentRefName",
}

# A list below a pull request that can be longer than a page: GraphQL field, what it takes besides
# the place of the page, and its page's fragment.
LISTS: Mapping[str, tuple[str, str, str]] = {
    "commits": ("commits", "", "CommitsPage"),
    "reviews": ("reviews", "", "ReviewsPage"),
    "timeline_items": ("timelineItems", f", itemTypes: [{_EVENTS}]", "TimelinePage"),
}
NONE: frozenset[str] = frozenset()


def later_events(enum_values: Iterable[str]) -> frozenset[str]:
    """Those of `LATER_EVENTS` that a PullRequestTimelineItemsItemType of these values has."""
    values = set(enum_values)
    return frozenset(name for name in LATER_EVENTS if _enum_value(name) in values)


@cache
def document(name: str, later: frozenset[str] = NONE) -> str:
    """The operation in `queries/<name>.graphql`, complete; `later` are events asked for too."""
    return with_fragments(_read(name), later)


def rest_of_lists(wanted: Iterable[tuple[str, bool]], later: frozenset[str] = NONE) -> str:
    """One query for more of several lists, each of a pull request of its own.

    The nth of `wanted` (a key of `LISTS`, and whether the list's end is asked for too) is answered
    in `rest<n>`: as `rest` the page behind `$after<n>`, as `tail` the one before `$before<n>`.
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
    """The same query where the token may not see teams; the same text where it asks of none."""
    fragment = _fragments(NONE)["RequestedTeamFields"]
    return text.replace(fragment, "").replace("...RequestedTeamFields", "")


@cache
def pull_requests_in_parts(later: frozenset[str] = NONE) -> tuple[str, int]:
    """A query for up to a few pull requests (`$ids`) in which no field costs another one.

    Each is asked for by itself, in `part0` and so on: where GitHub cannot tell one that may not be
    null, only that part is. Returns the query and how many parts there are.
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
    """`operation`, followed by each fragment that it needs, once."""
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
    """Each field of a pull request; of its commits and reviews each field of theirs."""
    for field in _selected(_fragments(later)["PullRequestFields"], 2):
        if field.startswith("commits("):
            yield from _list_in_parts("commits", "CommitsPage", "commit {{ {} }}", 6)
        elif field.startswith("reviews("):
            yield from _list_in_parts("reviews", "ReviewsPage", "{}", 4)
        else:
            yield field


def _list_in_parts(name: str, fragment: str, node: str, depth: int) -> Iterator[str]:
    """How many there are, where the page ends, and each field of its nodes at that depth."""
    text = _fragments(NONE)[fragment]
    for part in _selected(text, 2):
        if not part.startswith("nodes"):
            yield f"{name}(first: 100) {{ {part} }}"
    for leaf in _selected(text[text.index("nodes") :], depth):
        yield f"{name}(first: 100) {{ nodes {{ {node.format(leaf)} }} }}"


def _selected(text: str, depth: int) -> list[str]:
    """What stands at this depth of indentation, each with what is selected below it."""
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
    """The last of the values that are always asked for, and those of `later`."""
    return " ".join(
        ["MERGED_EVENT", *(_enum_value(name) for name in LATER_EVENTS if name in later)]
    )


def _enum_value(type_name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type_name).upper()


def _read(name: str) -> str:
    return (files(__package__) / "queries" / f"{name}.graphql").read_text()
