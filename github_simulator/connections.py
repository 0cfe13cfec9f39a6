"""Cursor pagination, as strict as GitHub's: `first` or `last`, 1 to 100, opaque cursors.

A cursor holds the sort key of its item and not a position, so that a list that changes between two
pages neither repeats nor skips what stayed in place.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode, GraphQLResolveInfo, InlineFragmentNode, SelectionNode

from .refusals import GitHubError

Key = list[Any]

MAXIMUM = 100
PREFIX = "cursor:v2:"


@dataclass
class Connection:
    """One page of a list, with what its edges, its page info and its total need."""

    items: Sequence[Any]
    keys: Sequence[Key]
    total: int
    has_next: bool
    has_previous: bool
    owner: Any = None  # whose list it is, where an edge or the list itself has to say more


def paginate(
    info: GraphQLResolveInfo,
    items: Iterable[Any],
    key: Callable[[Any], Key],
    arguments: dict[str, Any],
    *,
    descending: bool = False,
    owner: Any = None,
) -> Connection:
    """The page that the arguments ask for. Raises GitHubError where GitHub refuses them."""
    first, last = arguments.get("first"), arguments.get("last")
    _check(info, first, last)
    keyed = sorted(((key(item), item) for item in items), key=_key, reverse=descending)
    start, end = _bounds(keyed, arguments, descending=descending)
    if first is not None:
        end = min(end, start + first)
    elif last is not None:
        start = max(start, end - last)
    else:
        start = end = 0  # only counted
    if _spoiled(info) == "shifted_page" and start > 0:
        start, end = start - 1, end - 1
    page = keyed[start:end]
    if _spoiled(info) == "duplicated_page":
        page = [pair for pair in page for _ in range(2)]
    info.context.nodes += len(page)
    return Connection(
        [item for _, item in page],
        [key for key, _ in page],
        len(keyed),
        end < len(keyed),
        start > 0,
        owner,
    )


def _spoiled(info: GraphQLResolveInfo) -> str | None:
    """The fault that this list suffers, if any. Only the pull requests' own list is spoiled."""
    fault = info.context.fault
    return fault.kind if fault and info.field_name == "pullRequests" else None


def encode(key: Key) -> str:
    return base64.b64encode((PREFIX + json.dumps(key)).encode()).decode()


def decode(cursor: str) -> Key:
    """The sort key in a cursor. Raises GitHubError where it is none of ours."""
    try:
        text = base64.b64decode(cursor, validate=True).decode()
        key = json.loads(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else None
    except (binascii.Error, ValueError):
        key = None
    if not isinstance(key, list):
        raise _invalid(cursor)
    return key


def _invalid(cursor: str) -> GitHubError:
    return GitHubError(
        "INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor."
    )


def _key(pair: tuple[Key, Any]) -> Key:
    return pair[0]


def _bounds(
    keyed: list[tuple[Key, Any]], arguments: dict[str, Any], *, descending: bool
) -> tuple[int, int]:
    start, end = 0, len(keyed)
    if (after := arguments.get("after")) is not None:
        start = _rank(keyed, after, descending=descending, including=True)
    if (before := arguments.get("before")) is not None:
        end = _rank(keyed, before, descending=descending, including=False)
    return start, max(start, end)


def _rank(keyed: list[tuple[Key, Any]], cursor: str, *, descending: bool, including: bool) -> int:
    """How many items come before the cursor's place, the item at the cursor included or not."""
    wanted = decode(cursor)
    try:
        earlier = sum((key > wanted) if descending else (key < wanted) for key, _ in keyed)
    except TypeError as error:
        raise _invalid(cursor) from error
    return earlier + (including and any(key == wanted for key, _ in keyed))


def _check(info: GraphQLResolveInfo, first: int | None, last: int | None) -> None:
    name = info.field_name
    if first is not None and last is not None:
        raise GitHubError(
            "INVALID_PAGINATION_BOUNDARIES",
            f"Passing both `first` and `last` to paginate the `{name}` connection "
            "is not supported.",
        )
    if first is None and last is None:
        if _wants_items(info):
            raise GitHubError(
                "MISSING_PAGINATION_BOUNDARIES",
                "You must provide a `first` or `last` value to properly paginate "
                f"the `{name}` connection.",
            )
        return
    _check_range(
        name, "first" if first is not None else "last", first if first is not None else last
    )


def _check_range(name: str, argument: str, value: int | None) -> None:
    if value is not None and value > MAXIMUM:
        raise GitHubError(
            "EXCESSIVE_PAGINATION",
            f"Requesting {value} records on the `{name}` connection exceeds "
            f"the `{argument}` limit of {MAXIMUM} records.",
        )
    if value is not None and value < 1:
        raise GitHubError(
            "INVALID_PAGINATION_BOUNDARIES",
            f"`{argument}` on the `{name}` connection cannot be less than one.",
        )


def _wants_items(info: GraphQLResolveInfo) -> bool:
    wanted = {"nodes", "edges", "pageInfo"}
    return any(
        _names(selection, info) & wanted
        for node in info.field_nodes
        for selection in (node.selection_set.selections if node.selection_set else ())
    )


def _names(selection: SelectionNode, info: GraphQLResolveInfo) -> set[str]:
    if isinstance(selection, FieldNode):
        return {selection.name.value}
    if isinstance(selection, InlineFragmentNode):
        inner = selection.selection_set.selections
    else:
        fragment = info.fragments[selection.name.value]  # type: ignore[attr-defined]
        inner = fragment.selection_set.selections
    return set().union(*(_names(each, info) for each in inner))
