"""A team's deliveries: how many, how fast, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
    MissedDelivery,
    TrackedRepository,
    WebhookDelivery,
)
from apps.metrics.calculations.percentiles import percentile
from apps.teams.models import Team

LATENCY_OVER = timedelta(days=7)
MOST_MEASURED = 20_000


@dataclass(frozen=True)
class Latency:
    """From an event's time on GitHub to the row here, in whole seconds."""

    median: int
    p95: int
    worst: int
    count: int


def of_team(team: Team) -> QuerySet[WebhookDelivery]:
    """Deliveries about repositories that the team tracks, and about its organisations.

    The hook of an organisation or of the GitHub App also covers what only other teams track.
    """
    tracked = TrackedRepository.objects.for_team(team).filter(is_active=True)
    organizations = GitHubIntegration.objects.for_team(team).filter(hook__isnull=False)
    own = Q(hook__in=tracked.values("hook"), hook__organization_id=None)
    about = Q(github_repo_id=None) | Q(github_repo_id__in=tracked.values("github_repo_id"))
    return WebhookDelivery.objects.filter(
        own | (about & (_installed(team) | Q(hook__in=organizations.values("hook"))))
    )


def _installed(team: Team) -> Q:
    """Deliveries of the App's hook about the team's installations."""
    installations = IntegrationCredential.objects.filter(
        integrations__in=GitHubIntegration.objects.for_team(team).filter(disconnected_at=None),
        installation_id__isnull=False,
    )
    return Q(
        hook__app_id__isnull=False, installation_id__in=installations.values("installation_id")
    )


def with_names(team: Team) -> QuerySet[WebhookDelivery]:
    """The same, each with `owner_and_name` of its repository."""
    tracked = TrackedRepository.objects.for_team(team).filter(
        github_repo_id=OuterRef("github_repo_id")
    )
    return of_team(team).annotate(owner_and_name=Subquery(tracked.values("full_name")[:1]))


def missed(team: Team) -> QuerySet[MissedDelivery]:
    """Deliveries that GitHub could not make to the hooks of the team's repositories."""
    tracked = TrackedRepository.objects.for_team(team).filter(is_active=True)
    return MissedDelivery.objects.filter(Q(hook__in=tracked.values("hook")) | _installed(team))


def by_state(team: Team) -> dict[str, int]:
    """The number of stored deliveries, by state."""
    rows = of_team(team).order_by().values_list("state").annotate(count=Count("pk"))
    return dict(rows)


def latency(team: Team) -> Latency | None:
    """How fast changes arrived in the last seven days; None if there were none."""
    now = timezone.now()
    seconds = seconds_until_seen(team, now - LATENCY_OVER, now)
    if not seconds:
        return None
    median, p95 = (round(percentile(seconds, share)) for share in (0.5, 0.95))
    return Latency(median, p95, round(seconds[-1]), len(seconds))


def seconds_until_seen(team: Team, since: datetime, until: datetime) -> list[float]:
    """For the newest deliveries with changes, seconds from event to row; shortest first."""
    rows = of_team(team).filter(
        received_at__gte=since,
        received_at__lt=until,
        visible_at__isnull=False,
        happened_at__isnull=False,
    )
    pairs = rows.order_by("-received_at").values_list("happened_at", "visible_at")[:MOST_MEASURED]
    return sorted(max(0.0, (seen - at).total_seconds()) for at, seen in pairs if seen and at)


def retry(team: Team, delivery_id: int, now: datetime) -> bool:
    """Makes a failed delivery of the team due again; False if there is none."""
    rows = of_team(team).filter(pk=delivery_id, state=WebhookDelivery.State.FAILED)
    return bool(
        WebhookDelivery.objects.filter(pk__in=rows.values("pk")).update(
            state=WebhookDelivery.State.RECEIVED, due_at=now, attempts=0
        )
    )


def health(team: Team) -> QuerySet[TrackedRepository]:
    """Repositories, those without a hook first, then by name; each with its latest delivery."""
    rows = TrackedRepository.objects.for_team(team)
    latest = (
        WebhookDelivery.objects.filter(
            Q(hook=OuterRef("hook"))
            & (Q(github_repo_id=OuterRef("github_repo_id")) | Q(hook__organization_id=None))
            | Q(
                github_repo_id=OuterRef("github_repo_id"),
                installation_id=OuterRef("integration__credential__installation_id"),
            )
        )
        .order_by("-received_at")
        .values("received_at")[:1]
    )
    return (
        rows.filter(is_active=True)
        .select_related("hook", "integration__credential")
        .annotate(latest_delivery_at=Subquery(latest))
        .order_by(F("hook").asc(nulls_first=True), "full_name")
    )
