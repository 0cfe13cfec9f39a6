"""Names of people, whom the arrays know by number, from one of their rows; and of teams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from apps.metrics.figures.among import Among
from apps.metrics.figures.arrays import Array
from apps.metrics.filters import accounts
from apps.metrics.models import Group, PRReview, PullRequest


def authors(keys: Array) -> list[str | None]:
    """Of pull requests with these keys."""
    return _names(PullRequest.objects.all(), accounts.author_login(), keys)


def reviewers(keys: Array) -> list[str | None]:
    """Of reviews with these keys."""
    return _names(PRReview.objects.all(), accounts.reviewer_login(), keys)


def _names(rows: QuerySet[Any], login: Any, keys: Array) -> list[str | None]:
    if not len(keys):
        return []
    some = rows.filter(Among(keys)).order_by()
    found = dict(some.annotate(called=login).values_list("pk", "called"))
    return [found.get(key) for key in keys.tolist()]


def of_teams(groups: Iterable[Group]) -> dict[int, str]:
    """Each team's name, by key; with its slug if several have one name."""
    all_of_them = list(groups)
    alike = Counter(group.name.casefold() for group in all_of_them)
    return {
        each.pk: f"{each.name} ({each.slug})" if alike[each.name.casefold()] > 1 else each.name
        for each in all_of_them
    }
