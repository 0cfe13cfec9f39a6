"""A deployment's page: what it brought, whether it failed, the evidence, and what fixed it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet

from apps.metrics.models import Deployment, PullRequest
from apps.metrics.pages import production_sentences as sentences
from apps.metrics.pages.production import application_data
from apps.teams.models import Team


def found(team: Team, key: int) -> Deployment | None:
    """A team's deployment with everything that its page shows."""
    rows = Deployment.objects.for_team(team).filter(pk=key)
    return rows.select_related(
        "application__repository__production",
        "mended_by__application__repository",
        "evidence__repository",
        "took_out",
        "marked_by",
    ).first()


def context(deployment: Deployment) -> dict[str, Any]:
    """The context of the page."""
    brought = pull_requests(deployment)
    return {
        "deployment": deployment,
        "application": deployment.application,
        "repository": deployment.application.repository,
        "badge": sentences.badge(deployment),
        "outcome": list(sentences.outcome(deployment, brought)),
        "failure": sentences.failure(deployment),
        "brought": brought,
        "mended": mended(deployment),
        "later": _next(deployment, is_later=True),
        "earlier": _next(deployment, is_later=False),
        "is_judged": deployment.is_judged and deployment.deployed_at is not None,
        "mark": mark(deployment),
    }


def pull_requests(deployment: Deployment) -> list[PullRequest]:
    """What it brought, the longest wait first."""
    rows = deployment.pull_requests.select_related("repository").order_by("merged_at", "number")
    return list(rows)


def mended(deployment: Deployment) -> Sequence[Deployment]:
    """The failed deployments that this one fixed."""
    rows = Deployment.objects.filter(mended_by=deployment, is_failed=True)
    return list(rows.select_related("application__repository").order_by("deployed_at"))


def mark(deployment: Deployment) -> str:
    """A person's correction as in the form: `failed`, `not-failed`, or empty."""
    if deployment.marked_failed is None:
        return ""
    return "failed" if deployment.marked_failed else "not-failed"


def _next(deployment: Deployment, *, is_later: bool) -> Deployment | None:
    """The next, or previous, deployment of the same application."""
    if deployment.sequence is None:
        return None
    rows: QuerySet[Deployment] = Deployment.objects.filter(application=deployment.application)
    if is_later:
        later = rows.filter(Q(sequence__gt=deployment.sequence))
        return later.order_by("sequence").first()
    return rows.filter(Q(sequence__lt=deployment.sequence)).order_by("-sequence").first()


def data(deployment: Deployment, row: dict[str, Any]) -> dict[str, Any]:
    """The deployment as JSON: its export row and further details."""
    return {
        **row,
        **application_data(deployment.application),
        "key": deployment.pk,
        "is_first": deployment.is_first,
        "is_unplaced": deployment.is_unplaced,
        "mended_by": deployment.mended_by.node_id if deployment.mended_by else None,
        "evidence": deployment.evidence.number if deployment.evidence else None,
        "marked_failed": deployment.marked_failed,
        "mark_note": deployment.mark_note,
    }
