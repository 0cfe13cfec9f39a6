"""The production figures in the form of the table of figures, with their display.

Pages, mails and the API read them from here, as they read `measures` for merged pull requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.utils.html import format_html, format_html_join

from apps.metrics.figures.change_queries import Changes
from apps.metrics.figures.production_queries import Delivery, DeliveryPoint
from apps.metrics.figures.queries import Change
from apps.metrics.models import Deployment
from apps.metrics.pages.measures import Measure, Tile
from apps.teams.wording import counted

CAUSES = {
    Deployment.Cause.ROLLBACK: "rolled back",
    Deployment.Cause.REVERT: "reverted",
    Deployment.Cause.HOTFIX: "followed by a hotfix",
    Deployment.Cause.PERSON: "marked by a person",
}


def _per_week(found: Delivery) -> float | None:
    return found.per_week if found.deployments else None  # Missing data is not zero.


def _fail_rate(found: Delivery) -> float | None:
    return found.failed.value


def _rework_rate(found: Delivery) -> float | None:
    return found.rework.value


_ALL = (
    Measure(
        *("deployments_per_week", "Deployments a week", "decimal", "deployment_frequency"),
        _per_week,
        better="more",
        short="A week",
        base=attrgetter("deployments"),
    ),
    Measure(
        *("lead_time", "Change lead time", "duration", "lead_time", attrgetter("lead_time")),
        is_median=True,
        better="less",
        short="Lead time",
    ),
    Measure(
        *("deploy_time", "Deploy time", "duration", "deploy_time", attrgetter("deploy_time")),
        is_median=True,
        better="less",
        short="Deploy",
    ),
    Measure(
        *("change_fail_rate", "Change fail rate", "share", "change_fail_rate", _fail_rate),
        better="less",
        short="Failed",
        base=attrgetter("failed.total"),
    ),
    Measure(
        *("recovery_time", "Recovery time", "duration", "recovery_time", attrgetter("recovery")),
        is_median=True,
        better="less",
        short="Recovery",
    ),
    Measure(
        *("rework_rate", "Rework rate", "share", "rework_rate", _rework_rate),
        better="less",
        short="Rework",
        base=attrgetter("rework.total"),
    ),
)
DELIVERY: Mapping[str, Measure] = {each.field: each for each in _ALL}
# For a single week, which has no weekly rate.
_DEPLOYMENTS = Measure(
    *("deployments", "Deployments", "count", "deployment_frequency", attrgetter("deployments")),
    better="more",
    base=attrgetter("deployments"),
)
FIVE = ("deployments_per_week", "lead_time", "change_fail_rate", "recovery_time", "rework_rate")


@dataclass(frozen=True)
class ProductionFigure(Tile):
    """One of the five figures, with its numerator and denominator in words."""

    made_of: Sequence[str] = ()


def production_figures(
    now: Delivery,
    before: Delivery,
    changes: Changes,
    points: Sequence[DeliveryPoint],
    links: Mapping[str, str],
) -> list[ProductionFigure]:
    """The five figures in their order."""
    measures = [DELIVERY[name] for name in FIVE]
    return [_figure(each, now, before, changes, points, links) for each in measures]


def weekly_production_figures(
    now: Delivery, before: Delivery, changes: Changes
) -> list[ProductionFigure]:
    """The same for a week: how many deployments, not how many a week."""
    measures = [_DEPLOYMENTS, *(DELIVERY[name] for name in FIVE[1:])]
    return [_figure(each, now, before, changes, (), {}) for each in measures]


def _figure(
    measure: Measure,
    now: Delivery,
    before: Delivery,
    changes: Changes,
    points: Sequence[DeliveryPoint],
    links: Mapping[str, str],
) -> ProductionFigure:
    full_weeks = [point for point in points if not point.span.is_partial]
    return ProductionFigure(
        measure,
        Change.between(measure.value(now), measure.value(before), measure.count(before)),
        links.get(measure.field, ""),
        changes.verdict(measure.field),
        measure.spread(now),
        line=[measure.value(point.figures) if point.figures else None for point in full_weeks],
        made_of=list(MADE_OF[measure.field](now, links)),
    )


Links = Mapping[str, str]


def _led(links: Links, name: str, text: str) -> str:
    """Words linked to the rows that they count; plain if there are none."""
    link = links.get(name)
    return format_html('<a class="plain" href="{}">{}</a>', link, text) if link else text


def _of_frequency(found: Delivery, links: Links) -> Iterator[str]:
    deployments = _led(links, "counted", counted(found.deployments, "deployment"))
    yield format_html("{} of {}", deployments, counted(found.applications, "application"))
    yield f"on {found.days.part:,} of {counted(found.days.total, 'day')}"
    again = [
        _led(links, noun, counted(count, noun))
        for count, noun in (
            (found.rollbacks, "rollback"),
            (found.restores, "restore"),
            (found.repeats, "repeat"),
        )
        if count
    ]
    if again:
        yield format_html("{} not counted", _listed(again))


def _of_lead_time(found: Delivery, links: Links) -> Iterator[str]:
    spread = found.lead_time
    yield format_html("of {}", _led(links, "lead_time", counted(spread.count, "pull request")))
    if spread.left_out:
        yield format_html(
            "without {} with an old commit", _led(links, "old", f"{spread.left_out:,}")
        )


def _of_failed(found: Delivery, links: Links) -> Iterator[str]:
    part = _led(links, "failed", f"{found.failed.part:,}")
    total = _led(links, "judged", counted(found.failed.total, "deployment"))
    yield format_html("{} of {}", part, total)
    causes = [
        format_html("{} {}", _led(links, f"failed-{key}", f"{found.causes[key]:,}"), word)
        for key, word in CAUSES.items()
        if found.causes[key]
    ]
    if causes:
        yield _listed(causes)


def _of_recovery(found: Delivery, links: Links) -> Iterator[str]:
    failed = counted(found.recovery.count, "failed deployment")
    yield format_html("of {}", _led(links, "recovered", failed))
    if found.unmended:
        yield format_html("{} not mended yet", _led(links, "unmended", f"{found.unmended:,}"))


def _of_rework(found: Delivery, links: Links) -> Iterator[str]:
    part = _led(links, "rework", f"{found.rework.part:,}")
    total = _led(links, "bringing", counted(found.rework.total, "deployment"))
    yield format_html("{} of {} with a pull request", part, total)


MADE_OF: Mapping[str, Callable[[Delivery, Links], Iterator[str]]] = {
    "deployments": _of_frequency,
    "deployments_per_week": _of_frequency,
    "lead_time": _of_lead_time,
    "change_fail_rate": _of_failed,
    "recovery_time": _of_recovery,
    "rework_rate": _of_rework,
}


def _listed(parts: Sequence[str]) -> str:
    *most, last = parts
    if not most:
        return last
    return format_html("{} and {}", format_html_join(", ", "{}", ((each,) for each in most)), last)


def delivery_data(found: Delivery) -> dict[str, Any]:
    """The figures as JSON; durations in seconds, shares between 0 and 1."""
    values = {
        name: each.read(found)._asdict() if each.is_median else each.read(found)
        for name, each in DELIVERY.items()
    }
    counts = ("deployments", "applications", "repeats", "rollbacks", "restores", "pull_requests")
    return {
        **values,
        **{name: getattr(found, name) for name in counts},
        "days_with_deployment": found.days.part,
        "days": found.days.total,
        "failed": found.failed.part,
        "failed_by": dict(found.causes),
        "not_mended": found.unmended,
        "reworks": found.rework.part,
        "bringing_pull_requests": found.rework.total,
        "mean_stages": dict(found.mean_stages),
        "mean_lead_time": found.mean_lead_time,
    }
