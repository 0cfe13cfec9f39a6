"""What `tformance doctor` finds: a line, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

OK, NOTE, PROBLEM = "ok", "note", "problem"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `todo` says what to do about it."""

    state: str
    subject: str
    text: str
    todo: str = ""
