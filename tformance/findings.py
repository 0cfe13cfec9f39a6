"""A finding of `tformance doctor`."""

from __future__ import annotations

from dataclasses import dataclass

OK, NOTE, PROBLEM = "ok", "note", "problem"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `todo` says how to fix it."""

    state: str
    subject: str
    text: str
    todo: str = ""
