"""The figures of one repository, printed in the terminal after a sync."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from apps.metrics.figures import ai_queries, masks, production_queries, queries
from apps.metrics.figures.ai_queries import Written
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.production_queries import Delivery
from apps.metrics.figures.production_rows import listed
from apps.metrics.figures.rows import Rows
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period
from apps.metrics.models import Repository
from apps.teams.models import Team
from apps.teams.zones import zone_of


@dataclass(frozen=True)
class MetricsTable:
    """Over everything stored: counts of all pull requests, statistics of merged ones.

    Statistics leave out bots other than agents. Durations are seconds. All weekly rates use the
    same `weeks`, from the first opening until today, as on pages for all time.
    """

    repository: str
    pull_requests: int
    open: int
    merged: int
    closed: int
    by_bots: int
    weeks: float
    figures: queries.Figures
    written: Written
    delivery: Delivery | None = None
    """The production figures, if anything was deployed."""

    @property
    def stages(self) -> Mapping[str, Spread]:
        """Cycle time and its stages, in order."""
        names = ("cycle_time", *queries.STAGES, "time_to_merge")
        return {name: self.figures.spreads[name] for name in names}


def metrics_table(team: Team, repository: str) -> MetricsTable | None:
    """For a repository by full name; None if nothing is stored of it. Bots are left out."""
    known = Repository.objects.for_team(team).filter(full_name__iexact=repository).first()
    rows = (
        masks.all_of(team).where("is_excluded", 0).where("repository_id", known.pk if known else 0)
    )
    if known is None or not len(rows):
        return None
    period = _period(rows, zone_of(team.timezone))
    filters = Filters(period=period, range="all", repositories=(known.full_name,))
    is_by_bot = (rows["is_bot"] == 1) & (rows["ai"] != masks.AGENT)
    return MetricsTable(
        repository=known.full_name,
        weeks=period.weeks,
        figures=queries.figures(team, filters),
        written=ai_queries.of_rows(masks.merged(team, filters, period)),
        delivery=_delivery(team, filters),
        pull_requests=len(rows),
        by_bots=int(is_by_bot.sum()),
        open=len(rows.where("state", masks.OPEN)),
        merged=len(rows.where("state", masks.MERGED)),
        closed=len(rows.where("state", masks.CLOSED)),
    )


def _period(rows: Rows, zone: ZoneInfo) -> Period:
    """From the first opening until today."""
    first = datetime.fromtimestamp(int(rows["opened_at"].min()), zone).date()
    return Period(first, max(first, timezone.now().astimezone(zone).date()), zone)


def _delivery(team: Team, filters: Filters) -> Delivery | None:
    if not listed(team, filters).filter(sequence__isnull=False).exists():
        return None
    return production_queries.figures(team, filters)
