"""What leaves as CSV is opened in spreadsheets, which take some texts for formulas."""

from __future__ import annotations

# Spreadsheets of East Asia take the full-width ones for the same.
_SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BEGINNINGS = (*_SIGNS, "\t", "\r", "\n")


def no_formula(text: str) -> str:
    """The text so that no spreadsheet runs it."""
    return f"'{text}" if text.startswith(_BEGINNINGS) else text
