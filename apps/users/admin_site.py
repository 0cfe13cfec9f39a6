"""The database admin: pages accept only the filters that they offer.

Django filters by any field named in the URL, even one that no page shows. With `?key__startswith=a`
and the number of matching rows, staff with read access could guess secrets.
"""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest, HttpResponse

# Lookups that filters and the date hierarchy append to a field name.
_ENDINGS = {"", "exact", "in", "isnull", "gte", "lt", "lte", "id__exact", "year", "month", "day"}


class OfferedFilters:
    """Mixin of each admin page."""

    list_filter: Any
    date_hierarchy: Any

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Whether the page offers this lookup."""
        offered = [each[0] if isinstance(each, tuple) else each for each in self.list_filter]
        names = [name for name in (*offered, self.date_hierarchy) if isinstance(name, str)]
        return any(_is_of(lookup, name) for name in names)


def _is_of(lookup: str, name: str) -> bool:
    found, _, ending = lookup.partition(name)
    return not found and lookup.startswith(name) and ending.removeprefix("__") in _ENDINGS


class Site(admin.AdminSite):
    """Restricts each registered page, also a library's, to its own filters."""

    site_header = site_title = "tformance, database admin"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        base = admin_class or admin.ModelAdmin
        closed = type(base.__name__, (OfferedFilters, base), {})
        super().register(model_or_iterable, closed, **options)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Staff sign in like every user, on our own pages; others are refused there."""
        signing_in: Any = secure_admin_login(super().login)
        reply: HttpResponse = signing_in(request, extra_context)
        return reply
