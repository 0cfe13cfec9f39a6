"""A user's last filter in a team: pages of figures open with it.

Only what the user selects in the bar itself is remembered. A URL with a query shows what it says
and changes nothing, so another person's link never replaces the user's own filter.
"""

from __future__ import annotations

from django.http import QueryDict

from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.form import FilterForm
from apps.teams.access import TeamRequest, wants_json
from apps.teams.models import MOST_OF_A_QUERY, Membership

# Parameters that are no filters, and mean nothing on the next page or list.
_PASSING = (
    "version",
    "whole",
    "after",
    "before",
    "page",
    "format",
    "csrfmiddlewaretoken",
    "path",
    "forget",
)


def opens_with(request: TeamRequest) -> str:
    """The query that a page opens with if its URL has none; programs get none."""
    if request.GET or request.htmx or wants_json(request):
        return ""
    return request.membership.last_filter


def opened_with(request: TeamRequest) -> bool:
    """Whether the URL has exactly the query that this user's pages open with."""
    return bool(request.GET) and request.GET.urlencode() == request.membership.last_filter


def remember(membership: Membership, filters: Filters) -> None:
    """Stores a filter for the user's next visit; the default one is not stored."""
    _write(membership, "" if filters.is_default else filters.query)


def forget(membership: Membership) -> None:
    """Resets the filter that pages open with."""
    _write(membership, "")


def beside(query: QueryDict) -> list[tuple[str, str]]:
    """The query parameters other than filters, such as an order, which a new filter keeps."""
    names = [name for name in query if name not in FilterForm.base_fields and name not in _PASSING]
    return [(name, value) for name in names for value in query.getlist(name)]


def _write(membership: Membership, query: str) -> None:
    if membership.last_filter != query and len(query) <= MOST_OF_A_QUERY:
        membership.last_filter = query
        membership.save(update_fields=["last_filter"])
