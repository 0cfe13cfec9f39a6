"""The database admin: pages answer only the filters that they offer.

Django's own filters by any field that an address names, also by those that no page shows: by
`?key__startswith=a` and how many rows that leaves, staff who may only look could ask for secrets.
"""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest, HttpResponse

# What filters and the hierarchy of dates put behind the name of a field.
_ENDINGS = {"", "exact", "in", "isnull", "gte", "lt", "lte", "id__exact", "year", "month", "day"}


class OfferedFilters:
    """A part of each page of the admin."""

    list_filter: Any
    date_hierarchy: Any

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Whether rows may be asked for like that."""
        offered = [each[0] if isinstance(each, tuple) else each for each in self.list_filter]
        names = [name for name in (*offered, self.date_hierarchy) if isinstance(name, str)]
        return any(_is_of(lookup, name) for name in names)


def _is_of(lookup: str, name: str) -> bool:
    found, _, ending = lookup.partition(name)
    return not found and lookup.startswith(name) and ending.removeprefix("__") in _ENDINGS


class Site(admin.AdminSite):
    """Makes each registered page, a library's too, keep to its filters."""

    site_header = site_title = "tformance, database admin"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        base = admin_class or admin.ModelAdmin
        closed = type(base.__name__, (OfferedFilters, base), {})
        super().register(model_or_iterable, closed, **options)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Staff sign in as everyone does, and everyone else is refused, by our own pages."""
        signing_in: Any = secure_admin_login(super().login)
        reply: HttpResponse = signing_in(request, extra_context)
        return reply
