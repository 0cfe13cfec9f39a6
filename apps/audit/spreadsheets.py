"""Makes CSV safe for spreadsheets, which take some texts for formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# East Asian spreadsheets treat the full-width signs the same way.
_SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BEGINNINGS = (*_SIGNS, "\t", "\r", "\n")


# A program that expects another separator than ours splits cells there, quoted or not.
_SEPARATORS = (";", "|", "\t", "\n", "\r")


def no_formula(text: str) -> str:
    """The text changed so that no spreadsheet runs it, whatever separator the spreadsheet uses."""
    if not any(sign in text for sign in _SIGNS):
        return _guarded(text)
    for separator in _SEPARATORS:
        if separator in text:
            text = separator.join(_guarded(part) for part in text.split(separator))
    return _guarded(text)


def for_excel(lines: Iterable[str]) -> Iterator[str]:
    """The same with a byte order mark: without one, Excel takes UTF-8 for another encoding."""
    yield "\ufeff"
    yield from lines


def _guarded(text: str) -> str:
    # A reader that splits inside our quotes drops the ones before the sign: `""=1` is read as `=1`.
    return f"'{text}" if text.lstrip('"').startswith(_BEGINNINGS) else text
