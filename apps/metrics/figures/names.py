"""What people are called whom the arrays know by numbers: as on one of their rows."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from apps.metrics.figures.arrays import Array
from apps.metrics.filters import accounts
from apps.metrics.models import PRReview, PullRequest

AT_ONCE = 5_000


def authors(keys: Array) -> list[str | None]:
    """Of pull requests with these keys."""
    return _names(PullRequest.objects.all(), accounts.author_login(), keys)


def reviewers(keys: Array) -> list[str | None]:
    """Of reviews with these keys."""
    return _names(PRReview.objects.all(), accounts.reviewer_login(), keys)


def _names(rows: QuerySet[Any], login: Any, keys: Array) -> list[str | None]:
    wanted: list[int] = keys.tolist()
    found: dict[int, str | None] = {}
    for begin in range(0, len(wanted), AT_ONCE):
        some = rows.filter(pk__in=wanted[begin : begin + AT_ONCE])
        found |= dict(some.order_by().annotate(called=login).values_list("pk", "called"))
    return [found.get(key) for key in wanted]
