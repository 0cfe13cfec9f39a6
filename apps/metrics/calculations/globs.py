"""PURE: patterns in which `*` stands for any text and `?` for one character, in any case.

Users write the patterns, so none becomes a regular expression. A text is read once, character by
character; the positions in the pattern that may come next are the bits of one number. The work
grows with the length of the text, whatever the pattern.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache


class Glob:
    """A pattern that is matched against a whole text."""

    def __init__(self, pattern: str) -> None:
        self._head = _until_wildcard(pattern)
        self._tail = _until_wildcard(pattern[::-1])[::-1]
        self._stays = 0  # positions where `*` accepts any text
        self._any = 0  # positions of `?`
        at: dict[str, int] = defaultdict(int)
        place = 1
        for character in pattern:
            if character == "*":
                self._stays |= place
                continue
            if character == "?":
                self._any |= place
            else:
                at[character] |= place
            place <<= 1
        self._end = place
        self._at = {character: places | self._any for character, places in at.items()}

    def fits(self, text: str) -> bool:
        """Whether the pattern matches the whole of a text that is case-folded already."""
        if not (text.startswith(self._head) and text.endswith(self._tail)):
            return False  # most texts end here, at no cost
        places = 1
        for character in text:
            here = places & self._at.get(character, self._any)
            places = here << 1 | places & self._stays
        return bool(places & self._end)


def fits(pattern: str, text: str) -> bool:
    """Whether a pattern matches the whole of a text."""
    return _glob(pattern).fits(text.casefold())


@lru_cache(1000)
def _glob(pattern: str) -> Glob:
    return Glob(pattern.casefold())


def _until_wildcard(text: str) -> str:
    ends = [place for place in (text.find("*"), text.find("?")) if place >= 0]
    return text[: min(ends)] if ends else text
