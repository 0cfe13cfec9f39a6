"""Limits on what may be stored, enforced by the database, on SQLite and PostgreSQL alike.

SQLite accepts any length for a `CharField`. Forms report a limit politely; these constraints hold
where no form checks.
"""

from __future__ import annotations

from django.db.models import BaseConstraint, CheckConstraint, Q, TextField
from django.db.models.functions import Cast, Length
from django.db.models.lookups import LessThanOrEqual


def at_most(letters: int, *fields: str) -> list[BaseConstraint]:
    """No text in these fields is longer than `letters` characters."""
    return [_bound(name, Length(name), letters) for name in fields]


def json_at_most(letters: int, *fields: str) -> list[BaseConstraint]:
    """No JSON in these fields is longer than `letters` characters, as the database writes it."""
    return [_bound(name, Length(Cast(name, TextField())), letters) for name in fields]


def within(field: str, least: int, most: int) -> BaseConstraint:
    """A number between `least` and `most`, both included."""
    return CheckConstraint(
        condition=Q(**{f"{field}__range": (least, most)}), name=f"%(class)s_{field}_bounded"
    )


def _bound(field: str, length: Length, letters: int) -> CheckConstraint:
    return CheckConstraint(
        condition=LessThanOrEqual(length, letters),
        name=f"%(class)s_{field}_bounded",
        violation_error_message=f"This is too long: {letters:,} letters are the most.",
    )
