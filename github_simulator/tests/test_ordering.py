"""Reading page by page while the list changes: what stays in place is read exactly once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from github_simulator.ordering import Ordered, encode

PAGE = 3


def in_order(instants: dict[int, int], *, descending: bool) -> Ordered:
    return Ordered.of(instants, lambda name: [instants[name], name], descending=descending)


@settings(deadline=None)
@given(
    instants=st.dictionaries(st.integers(1, 40), st.integers(0, 5), min_size=1),
    touched=st.lists(st.integers(1, 60)),
)
def test_it_works(instants: dict[int, int], touched: list[int]) -> None:
    """Newest first, while some are updated (and so jump to the top) or are new."""
    stays = set(instants) - set(touched)
    moves, now = iter(touched), 100
    seen: list[int] = []
    after = None
    while True:
        ordered = in_order(instants, descending=True)
        start = ordered.up_to(after) if after else 0
        keys, names = ordered.part(start, min(start + PAGE, len(ordered)))
        seen.extend(names)
        if start + PAGE >= len(ordered):
            break
        after = encode(keys[-1])
        if (moved := next(moves, None)) is not None:
            now += 1
            instants[moved] = now
    assert [name for name in seen if name in stays] == sorted(
        stays, key=lambda name: (instants[name], name), reverse=True
    )


@settings(deadline=None)
@given(st.dictionaries(st.integers(1, 40), st.integers(0, 5)), st.booleans())
def test_before_and_up_to_enclose_one_item(instants: dict[int, int], descending: bool) -> None:
    ordered = in_order(instants, descending=descending)
    keys, _ = ordered.part(0, len(ordered))
    for place, key in enumerate(keys):
        assert ordered.before(encode(key)) == place
        assert ordered.up_to(encode(key)) == place + 1
