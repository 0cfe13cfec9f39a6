"""GraphQL documents: every operation is a file in `queries/`, with the fragments that it uses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

_SPREAD = re.compile(r"\.\.\.\s*([A-Z]\w*)")
_FRAGMENT = re.compile(r"^fragment (\w+) .*?^}\n", re.DOTALL | re.MULTILINE)

_EVENTS = (
    "READY_FOR_REVIEW_EVENT, CONVERT_TO_DRAFT_EVENT, REVIEW_REQUESTED_EVENT, "
    "REVIEW_REQUEST_REMOVED_EVENT, REVIEW_DISMISSED_EVENT, HEAD_REF_FORCE_PUSHED_EVENT, "
    "CLOSED_EVENT, REOPENED_EVENT, MERGED_EVENT"
)

# A list below a pull request that can be longer than a page: GraphQL field and its page's fragment.
LISTS: Mapping[str, tuple[str, str]] = {
    "commits": ("commits(first: 100, after: $after{n})", "CommitsPage"),
    "reviews": ("reviews(first: 100, after: $after{n})", "ReviewsPage"),
    "timeline_items": (
        f"timelineItems(first: 100, after: $after{{n}}, itemTypes: [{_EVENTS}])",
        "TimelinePage",
    ),
}


@cache
def document(name: str) -> str:
    """The operation in `queries/<name>.graphql`, complete."""
    return with_fragments(_read(name))


def rest_of_lists(wanted: Iterable[str]) -> str:
    """One query for the next page of several lists, each of a pull request of its own.

    The nth of `wanted` (keys of `LISTS`) is answered as `rest<n>`, from `$id<n>` and `$after<n>`.
    """
    names = list(wanted)
    variables = ", ".join(f"$id{n}: ID!, $after{n}: String!" for n in range(len(names)))
    parts = "\n".join(_rest(n, name) for n, name in enumerate(names))
    return with_fragments(
        f"query RestOfLists({variables}) {{\n  rateLimit {{ ...RateLimitFields }}\n{parts}\n}}\n"
    )


def with_fragments(operation: str) -> str:
    """`operation`, followed by each fragment that it needs, once."""
    fragments = _fragments()
    needed: dict[str, str] = {}
    waiting = _SPREAD.findall(operation)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = fragments[name]
            waiting += _SPREAD.findall(fragments[name])
    return "\n".join([operation, *(needed[name] for name in sorted(needed))])


def _rest(n: int, name: str) -> str:
    field, fragment = LISTS[name]
    field = field.replace("{n}", str(n))
    return (
        f"  rest{n}: nodes(ids: [$id{n}]) {{ ... on PullRequest {{ "
        f"rest: {field} {{ ...{fragment} }} }} }}"
    )


@cache
def _fragments() -> dict[str, str]:
    return {match[1]: match[0] for match in _FRAGMENT.finditer(_read("fragments"))}


def _read(name: str) -> str:
    return (files(__package__) / "queries" / f"{name}.graphql").read_text()
