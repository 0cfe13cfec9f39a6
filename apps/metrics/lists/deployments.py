"""The deployments of a list, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import QueryDict

from apps.metrics.figures.production_rows import listed
from apps.metrics.filters.chosen import Filters
from apps.metrics.lists import places
from apps.metrics.lists.explorer import BadAddressError
from apps.metrics.models import Application, DeployedPullRequest, Deployment
from apps.teams.models import Team

PAGE = 50
LARGEST = 2**63 - 1  # of a key


@dataclass(frozen=True)
class Kind:
    """Some deployments: which, their singular and plural, and the label of their tab, if any."""

    where: Q
    one: str
    many: str = ""
    tab: str = ""


_BROUGHT = DeployedPullRequest.objects.filter(deployment=OuterRef("pk")).order_by()
_NO_REWORK = _BROUGHT.filter(pull_request__is_revert=False, pull_request__is_hotfix=False)
SUCCEEDED = Q(deployed_at__isnull=False)
PLACED_IN_ORDER = SUCCEEDED & Q(sequence__isnull=False)
COUNTED = PLACED_IN_ORDER & Q(is_repeat=False, is_rollback=False, is_restore=False)
JUDGED = COUNTED & Q(is_unplaced=False)
FAILED = JUDGED & Q(is_failed=True)
BRINGING = COUNTED & Q(Exists(_BROUGHT))
# Every number on the production page is of one of these.
SHOWN: Mapping[str, Kind] = {
    "": Kind(SUCCEEDED, "deployment", tab="All that succeeded"),
    "counted": Kind(COUNTED, "counted deployment", tab="Counted"),
    "failed": Kind(FAILED, "deployment that failed", "deployments that failed", "Failed"),
    "rework": Kind(
        BRINGING & ~Q(Exists(_NO_REWORK)),
        "deployment that brought only reverts and hotfixes",
        "deployments that brought only reverts and hotfixes",
        "Rework",
    ),
    "rollback": Kind(Q(is_rollback=True), "rollback", tab="Rollbacks"),
    "again": Kind(
        Q(is_repeat=True) | Q(is_restore=True),
        "repeat or restore",
        "repeats and restores",
        "Repeats and restores",
    ),
    "unplaced": Kind(
        COUNTED & Q(is_unplaced=True),
        "deployment that could not be placed",
        "deployments that could not be placed",
        "Not placed",
    ),
    "never": Kind(
        Q(deployed_at__isnull=True),
        "deployment that never succeeded",
        "deployments that never succeeded",
        "Never succeeded",
    ),
    "repeat": Kind(Q(is_repeat=True), "repeat"),
    "restore": Kind(Q(is_restore=True), "restore"),
    "judged": Kind(
        JUDGED,
        "counted deployment that could be placed",
        "counted deployments that could be placed",
    ),
    "bringing": Kind(
        BRINGING,
        "counted deployment that brought pull requests",
        "counted deployments that brought pull requests",
    ),
    "recovered": Kind(
        FAILED & Q(recovery_time__isnull=False),
        "failed deployment that was mended",
        "failed deployments that were mended",
    ),
    "unmended": Kind(
        FAILED & Q(failed_by=Deployment.Cause.PERSON, recovery_time__isnull=True),
        "failed deployment that is not mended yet",
        "failed deployments that are not mended yet",
    ),
    "failed-rollback": Kind(
        FAILED & Q(failed_by=Deployment.Cause.ROLLBACK),
        "deployment that was rolled back",
        "deployments that were rolled back",
    ),
    "failed-revert": Kind(
        FAILED & Q(failed_by=Deployment.Cause.REVERT),
        "deployment of what was reverted",
        "deployments of what was reverted",
    ),
    "failed-hotfix": Kind(
        FAILED & Q(failed_by=Deployment.Cause.HOTFIX),
        "deployment followed by a hotfix",
        "deployments followed by a hotfix",
    ),
    "failed-person": Kind(
        FAILED & Q(failed_by=Deployment.Cause.PERSON),
        "deployment that a person marked as failed",
        "deployments that a person marked as failed",
    ),
}


@dataclass(frozen=True)
class Choice:
    """The options of a list besides the filters; `params` are its query parameters."""

    show: str = ""
    application: Application | None = None
    place: tuple[datetime, int] | None = None
    is_back: bool = False
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """Some deployments; `after` and `before` are cursors, empty at the list's ends.

    `begin` is the number of deployments before them.
    """

    rows: Sequence[Deployment]
    after: str
    before: str
    begin: int


def choice(query: QueryDict, applications: Sequence[Application]) -> Choice:
    """The options of a query string. Raises BadAddressError."""
    show, wanted = query.get("show", ""), query.get("application", "")
    if show not in SHOWN:
        known = ", ".join(name for name in SHOWN if name)
        raise BadAddressError(f"“{show[:60]}” cannot be chosen for show. Choose from: {known}.")
    application = next((each for each in applications if str(each.pk) == wanted), None)
    if wanted and application is None:
        raise BadAddressError("There is no such application here.")
    before, after = query.get("before", ""), query.get("after", "")
    params = {"show": show, "application": wanted}
    return Choice(
        show,
        application,
        _place(before or after),
        bool(before),
        {name: value for name, value in params.items() if value},
    )


def _place(text: str) -> tuple[datetime, int] | None:
    if not text:
        return None
    try:
        at, pk = places.parts_of(text)
        return datetime.fromisoformat(at).astimezone(UTC), max(-(2**62), min(int(pk), 2**62))
    except places.UNREADABLE as error:
        raise BadAddressError(
            "This page of the list cannot be found. Start again from the first page."
        ) from error


def matching(team: Team, filters: Filters, chosen: Choice) -> QuerySet[Deployment]:
    """The whole list, newest first; unsuccessful ones by the time of their request."""
    found = listed(team, filters).annotate(at=Coalesce("deployed_at", "requested_at"))
    period = filters.period
    found = found.filter(SHOWN[chosen.show].where, at__gte=period.start, at__lt=period.end)
    if chosen.application is not None:
        found = found.filter(application=chosen.application)
    return found.order_by("-at", "-pk")


def page(found: QuerySet[Deployment], chosen: Choice) -> Page:
    """The page that the URL asks for."""
    rows = list(_beyond(found, chosen)[: PAGE + 1])
    is_more, rows = len(rows) > PAGE, rows[:PAGE]
    if chosen.is_back:
        rows.reverse()
    goes_on = bool(rows) and (is_more or chosen.is_back)
    goes_back = bool(rows) and (is_more if chosen.is_back else chosen.place is not None)
    return Page(
        rows,
        _text(rows[-1]) if goes_on else "",
        _text(rows[0]) if goes_back else "",
        found.filter(_next_to("gt", *_place_of(rows[0]))).count() if goes_back else 0,
    )


def _beyond(found: QuerySet[Deployment], chosen: Choice) -> QuerySet[Deployment]:
    if chosen.is_back:
        found = found.reverse()
    if chosen.place is None:
        return found
    return found.filter(_next_to("gt" if chosen.is_back else "lt", *chosen.place))


def _next_to(way: str, at: datetime, pk: int) -> Q:
    return Q(**{f"at__{way}": at}) | Q(at=at, **{f"pk__{way}": pk})


def _place_of(row: Deployment) -> tuple[datetime, int]:
    return row.deployed_at or row.requested_at, row.pk


def _text(row: Deployment) -> str:
    at, pk = _place_of(row)
    return places.as_text([at.isoformat(), pk])


def brought_by(keys: Sequence[int]) -> dict[int, int]:
    """How many pull requests each deployment brought."""
    links = DeployedPullRequest.objects.filter(deployment__in=keys).order_by()
    counted = links.values_list("deployment").annotate(number=Count("pk"))
    return dict.fromkeys(keys, 0) | dict(counted)


def in_order(keys: Sequence[int]) -> QuerySet[Deployment]:
    """A page's deployments again, newest first."""
    rows = Deployment.objects.filter(pk__in=keys)
    return rows.annotate(at=Coalesce("deployed_at", "requested_at")).order_by("-at", "-pk")
