"""Cursor pagination, as strict as GitHub's: `first` or `last`, 1 to 100, opaque cursors.

A cursor holds the sort key of its item, not a position, so that changes between two pages neither
repeat nor skip what stayed in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode, GraphQLResolveInfo, InlineFragmentNode, SelectionNode

from .ordering import Key, Ordered
from .refusals import GitHubError

MAXIMUM = 100


@dataclass
class Connection:
    """One page of a list, with the data of its edges, page info and total count."""

    items: Sequence[Any]
    keys: Sequence[Key]
    total: int
    has_next: bool
    has_previous: bool
    owner: Any = None  # the list's owner, if an edge or the list itself has more fields


def paginate(
    info: GraphQLResolveInfo,
    ordered: Ordered,
    arguments: dict[str, Any],
    *,
    owner: Any = None,
) -> Connection:
    """The page for these arguments. Raises GitHubError if GitHub refuses them."""
    _check(info, arguments.get("first"), arguments.get("last"))
    start, end = _bounds(ordered, arguments)
    if _spoiled(info) == "shifted_page" and start > 0:
        start, end = start - 1, end - 1
    keys, items = ordered.part(start, end)
    if _spoiled(info) == "duplicated_page":
        keys = [key for key in keys for _ in range(2)]
        items = [item for item in items for _ in range(2)]
    info.context.nodes += len(items)
    return Connection(items, keys, len(ordered), end < len(ordered), start > 0, owner)


def _bounds(ordered: Ordered, arguments: dict[str, Any]) -> tuple[int, int]:
    """The positions of the page's first item and of the one after its last."""
    start, end = 0, len(ordered)
    if (after := arguments.get("after")) is not None:
        start = ordered.up_to(after)
    if (before := arguments.get("before")) is not None:
        end = max(start, ordered.before(before))
    if (first := arguments.get("first")) is not None:
        return start, min(end, start + first)
    if (last := arguments.get("last")) is not None:
        return max(start, end - last), end
    return start, start  # only counted


def _spoiled(info: GraphQLResolveInfo) -> str | None:
    """The fault of this list, if any. Only the pull requests' own list is affected."""
    fault = info.context.fault
    return fault.kind if fault and info.field_name == "pullRequests" else None


def _check(info: GraphQLResolveInfo, first: int | None, last: int | None) -> None:
    """Refuses as GitHub does; its name of the error for both at once is unconfirmed."""
    name = info.field_name
    if first is not None and last is not None:
        words = f"Passing both `first` and `last` to paginate the `{name}` connection"
        raise GitHubError("INVALID_PAGINATION", f"{words} is not supported.")
    if first is not None:
        _check_range(name, "first", first)
    elif last is not None:
        _check_range(name, "last", last)
    elif _wants_items(info):
        words = "You must provide a `first` or `last` value to properly paginate"
        raise GitHubError("MISSING_PAGINATION_BOUNDARIES", f"{words} the `{name}` connection.")


def _check_range(name: str, argument: str, value: int) -> None:
    if value > MAXIMUM:
        words = f"Requesting {value} records on the `{name}` connection exceeds"
        limit = f"the `{argument}` limit of {MAXIMUM} records."
        raise GitHubError("EXCESSIVE_PAGINATION", f"{words} {limit}")
    if value < 1:  # the documentation requires 1 to 100
        words = f"`{argument}` on the `{name}` connection cannot be less than"
        raise GitHubError("INVALID_PAGINATION", f"{words} {'one' if value == 0 else 'zero'}.")


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
