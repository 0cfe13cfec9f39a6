"""The figures of one repository that the terminal prints after a sync."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.db.models import Count, Max, Min, Q

from apps.metrics.figures import ai_queries, masks, production_queries, queries
from apps.metrics.figures.ai_queries import Written
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.production_queries import Delivery
from apps.metrics.figures.production_rows import listed
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period
from apps.metrics.models import PullRequest
from apps.teams.models import Team
from apps.teams.zones import zone_of


@dataclass(frozen=True)
class MetricsTable:
    """Over everything stored: counts of all pull requests, statistics of the merged ones.

    `written` is of all pull requests but those of other bots than agents. Durations are seconds.
    `weeks` runs from the first opening to the last that happened.
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
    """Of production, where anything was deployed."""

    @property
    def stages(self) -> Mapping[str, Spread]:
        """Cycle time and its stages, in order."""
        names = ("cycle_time", *queries.STAGES, "time_to_merge")
        return {name: self.figures.spreads[name] for name in names}


def metrics_table(team: Team, repository: str) -> MetricsTable | None:
    """Of a repository by its full name; none where nothing is stored of it. Bots are left out."""
    found = PullRequest.objects.for_team(team).filter(
        repository__full_name__iexact=repository, is_excluded=False
    )
    counts = found.aggregate(
        name=Max("repository__full_name"),
        pull_requests=Count("pk"),
        by_bots=Count("pk", filter=Q(is_bot=True) & ~Q(ai="agent")),
        first=Min("opened_at"),
        last_merged=Max("merged_at"),
        last_opened=Max("opened_at"),
        **{state: Count("pk", filter=Q(state=state)) for state in PullRequest.State.values},
    )
    if not counts["pull_requests"]:
        return None
    zone = zone_of(team.timezone)
    last = max(filter(None, (counts["last_merged"], counts["last_opened"])))
    period = Period(counts["first"].astimezone(zone).date(), last.astimezone(zone).date(), zone)
    filters = Filters(period=period, range="all", repositories=(counts["name"],))
    columns = ("pull_requests", "open", "merged", "closed", "by_bots")
    return MetricsTable(
        repository=counts["name"],
        weeks=period.weeks,
        figures=queries.figures(team, filters),
        written=ai_queries.of_rows(masks.pull_requests(team, filters)),
        delivery=_delivery(team, filters),
        **{name: counts[name] for name in columns},
    )


def _delivery(team: Team, filters: Filters) -> Delivery | None:
    """From its first deployment to its last: until then nothing was known of any."""
    rows = listed(team, filters).filter(sequence__isnull=False).order_by()
    ends = rows.aggregate(first=Min("deployed_at"), last=Max("deployed_at"))
    if ends["first"] is None:
        return None
    zone = filters.period.zone
    first, last = (ends[name].astimezone(zone).date() for name in ("first", "last"))
    return production_queries.figures(team, replace(filters, period=Period(first, last, zone)))
