"""The figures of repositories as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from apps.metrics.figures.ai_queries import Written
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.production_queries import Delivery
from apps.metrics.figures.queries import STAGES
from apps.metrics.filters.chosen import DAYS_FOR_WEEKS
from apps.metrics.models import Repository
from apps.metrics.pages.measures import MEASURES
from apps.metrics.pages.metrics_table import MetricsTable, metrics_table
from apps.teams.models import Team
from apps.teams.templatetags.display import duration_text

NO_DATA = "–"


def table(team: Team, repositories: Sequence[Repository]) -> RenderableType:
    """A table for each repository, over everything stored."""
    return Group(*(_of_repository(team, each.full_name) for each in repositories))


def _of_repository(team: Team, name: str) -> RenderableType:
    found = metrics_table(team, name)
    if found is None:
        return f"{name}: no pull requests yet.\n"
    figures = Table(
        box=box.SIMPLE_HEAD, title=found.repository, title_justify="left", title_style="bold"
    )
    figures.add_column("")
    for heading in ("", "90th percentile", "of"):
        figures.add_column(heading, justify="right")
    for row in _rows(found):
        figures.add_row(*row)
    return figures


def _rows(found: MetricsTable) -> list[tuple[str, ...]]:
    figures = found.figures
    bots = f" ({found.by_bots} by bots, left out below)" if found.by_bots else ""
    states = f"{found.merged} merged, {found.open} open, {found.closed} closed"
    spreads = [_durations(_name(field), spread) for field, spread in found.stages.items()]
    lines = figures.lines
    return [
        (f"Pull requests{bots}", f"{found.pull_requests:,}", "", states),
        _written_by(found.written),
        ("Merged per week", _per_week(found), "", f"{found.weeks:.0f} weeks"),
        *spreads,
        ("Size in lines, median", _number(lines.median), _number(lines.p90), str(lines.count)),
        _share("Review coverage", figures.coverage, figures.reviewed, figures.merged),
        _share("Reverts", figures.revert_rate, figures.reverts, figures.merged),
        *(_production(found.delivery) if found.delivery else ()),
    ]


def _production(found: Delivery) -> list[tuple[str, ...]]:
    """The five production figures."""
    weeks = found.weeks >= DAYS_FOR_WEEKS / 7
    several = f" of {found.applications} applications" if found.applications > 1 else ""
    deployments = f"{found.deployments} deployments{several}"
    return [
        (
            "Deployments per week",
            f"{found.per_week:.1f}" if weeks else NO_DATA,
            "",
            f"{deployments}, {found.weeks:.0f} weeks",
        ),
        _durations("Change lead time", found.lead_time),
        _durations("  Deploy", found.deploy_time),
        _share("Change fail rate", found.failed.value, found.failed.part, found.failed.total),
        _durations("Recovery time", found.recovery),
        _share("Rework rate", found.rework.value, found.rework.part, found.rework.total),
    ]


def _per_week(found: MetricsTable) -> str:
    """For at least two weeks."""
    return f"{found.figures.per_week:.1f}" if found.weeks >= DAYS_FOR_WEEKS / 7 else NO_DATA


def _name(field: str) -> str:
    """Stages are indented below the cycle time."""
    return "  " * (field in STAGES) + MEASURES[field].heading


def _written_by(written: Written) -> tuple[str, ...]:
    people = written.people + written.described
    counts = f"{people:,} people, {written.assisted:,} assisted, {written.agents:,} agents"
    unknown = f", {written.unknown:,} not read yet" if written.unknown else ""
    share = written.share(written.marked)
    least = NO_DATA if share is None else f"at least {share:.0%} AI"
    return ("Merged, written by", least, "", f"{counts}{unknown}")


def _durations(name: str, spread: Spread) -> tuple[str, ...]:
    left_out = f", {spread.left_out} with old commits left out" if spread.left_out else ""
    values = (spread.median, spread.p90)
    texts = [NO_DATA if value is None else duration_text(value) for value in values]
    return (f"{name}, median", *texts, f"{spread.count}{left_out}")


def _number(value: float | None) -> str:
    return NO_DATA if value is None else f"{value:,.0f}"


def _share(name: str, share: float | None, part: int, total: int) -> tuple[str, ...]:
    return (name, NO_DATA if share is None else f"{share:.1%}", "", f"{part} of {total}")
