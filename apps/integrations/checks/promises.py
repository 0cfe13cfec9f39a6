"""The four promises of the product, with their measurements and how these are calculated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, Sum

from apps.audit.models import AuditEvent
from apps.integrations.hooks import deliveries
from apps.integrations.models import SpotCheck, SyncRun, SyncStatus
from apps.metrics.calculations.percentiles import percentile
from apps.teams.models import Team
from apps.teams.templatetags.display import duration_text, unbroken
from apps.teams.wording import Status

MONTH, WEEK = timedelta(days=30), timedelta(days=7)
WEEKS = 4
LATEST = 300  # seconds


@dataclass(frozen=True)
class Measured:
    """A measurement; `made_of` explains its calculation. No value: there was nothing to measure."""

    value: float | None
    shown: str
    made_of: str
    is_kept: bool | None


@dataclass(frozen=True)
class Promise:
    """A promise, its current measurement, and those of the weeks before."""

    name: str
    title: str
    target: str
    measured: Measured
    history: list[tuple[datetime, Measured]]

    @property
    def status(self) -> Status:
        """Whether it is kept."""
        if self.measured.is_kept is None:
            return Status("No data")
        return Status("Kept", "good") if self.measured.is_kept else Status("Not kept", "bad")

    @property
    def sentence(self) -> str:
        """The promise, and the measurement."""
        if self.measured.value is None:
            return f"Promised: {self.target}. There was nothing to measure yet."
        if self.name == "latency":
            return f"Promised: {self.target}. Measured: {self.measured.made_of}."
        measured = f"{self.measured.shown}, which is {self.measured.made_of}"
        return f"Promised: {self.target}. Measured: {measured}."


def of_team(team: Team, now: datetime) -> list[Promise]:
    """All four for a team; connecting is measured over all teams."""
    found = []
    for name, title, target, over, measure in _PROMISES:
        weeks = list(_weeks(measure, team, now))
        found.append(Promise(name, title, target, measure(team, now - over, now), weeks))
    return found


def _weeks(measure: Measure, team: Team, now: datetime) -> Iterator[tuple[datetime, Measured]]:
    for week in range(WEEKS):
        until = now - week * WEEK
        yield until - WEEK, measure(team, until - WEEK, until)


def _connecting(team: Team, since: datetime, until: datetime) -> Measured:
    rows = AuditEvent.objects.filter(at__gte=since, at__lt=until, team__isnull=False)
    counts = rows.aggregate(
        begun=Count("team", filter=Q(action="github.connect.begun"), distinct=True),
        completed=Count("team", filter=Q(action="github.connect.completed"), distinct=True),
    )
    completed, begun = min(counts.values()), counts["begun"]
    teams = "team" if begun == 1 else "teams"
    made_of = f"{completed} of {begun} {teams} that began to connect completed it (audit log)"
    return _share(completed, begun, made_of, lambda share: share > 0.9)


def _syncing(team: Team, since: datetime, until: datetime) -> Measured:
    rows = SyncRun.objects.for_team(team).filter(finished_at__gte=since, finished_at__lt=until)
    counts = rows.aggregate(
        ended=Count("pk"), complete=Count("pk", filter=Q(status=SyncStatus.COMPLETE))
    )
    syncs, were = ("sync", "was") if counts["ended"] == 1 else ("syncs", "were")
    made_of = f"{counts['complete']} of {counts['ended']} {syncs} that ended {were} complete"
    return _share(counts["complete"], counts["ended"], made_of, lambda share: share > 0.99)


def _accuracy(team: Team, since: datetime, until: datetime) -> Measured:
    rows = SpotCheck.objects.for_team(team).filter(created_at__gte=since, created_at__lt=until)
    sums = rows.aggregate(
        fields=Sum("fields", default=0),
        different=Sum("different", default=0),
        pull_requests=Sum("pull_requests", default=0),
    )
    equal = sums["fields"] - sums["different"]
    made_of = (
        f"{equal:,} of {sums['fields']:,} fields equal in {sums['pull_requests']} pull requests "
        "drawn at random and fetched again"
    )
    return _share(equal, sums["fields"], made_of, lambda share: share == 1)


def _latency(team: Team, since: datetime, until: datetime) -> Measured:
    seconds = deliveries.seconds_until_seen(team, since, until)
    if not seconds:
        return Measured(None, "No data", "no delivery changed a pull request", None)
    median, p95 = (percentile(seconds, share) for share in (0.5, 0.95))
    middle, most, worst = (unbroken(duration_text(each)) for each in (median, p95, seconds[-1]))
    made_of = (
        f"median {middle}, 95th percentile {most}, worst {worst}, over {len(seconds)} deliveries, "
        "from the event on GitHub to the stored change"
    )
    is_kept = seconds[-1] < LATEST
    shown = duration_text(p95) if is_kept else f"worst {duration_text(seconds[-1])}"
    return Measured(p95, shown, made_of, is_kept)


def _share(part: int, total: int, made_of: str, is_kept: Callable[[float], bool]) -> Measured:
    if not total:
        return Measured(None, "No data", made_of, None)
    # Never rounded up to 100 %.
    shown = "100 %" if part == total else f"{min(part / total, 0.9999) * 100:.2f} %"
    return Measured(part / total, shown, made_of, is_kept(part / total))


Measure = Callable[[Team, datetime, datetime], Measured]
_PROMISES: tuple[tuple[str, str, str, timedelta, Measure], ...] = (
    ("connecting", "Connecting succeeds", "above 90 % of teams, 30 days", MONTH, _connecting),
    ("syncing", "Syncs end complete", "above 99 %, 30 days", MONTH, _syncing),
    ("accuracy", "What is stored is what GitHub has", "100 % of fields, 30 days", MONTH, _accuracy),
    ("latency", "Changes show at once", "within 5 minutes, 7 days", WEEK, _latency),
)


def as_json(promise: Promise) -> dict[str, Any]:
    """For programs; the history begins with the latest week."""
    return {
        "name": promise.name,
        "target": promise.target,
        **vars(promise.measured),
        "history": [{"since": since, **vars(measured)} for since, measured in promise.history],
    }
