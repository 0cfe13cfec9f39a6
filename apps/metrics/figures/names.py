"""What people are called whom the arrays know by numbers: as on one of their rows; and teams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from apps.metrics.figures.arrays import Array
from apps.metrics.filters import accounts
from apps.metrics.models import Group, PRReview, PullRequest

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


def of_teams(groups: Iterable[Group]) -> dict[int, str]:
    """What each team is called, by its key; with its slug where several have one name."""
    all_of_them = list(groups)
    alike = Counter(group.name.casefold() for group in all_of_them)
    return {
        each.pk: f"{each.name} ({each.slug})" if alike[each.name.casefold()] > 1 else each.name
        for each in all_of_them
    }
