"""Formats deployments and production figures."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString

from apps.metrics.models import Application, Deployment, PullRequest
from apps.metrics.pages import production_sentences as sentences
from apps.metrics.pages.delivery import CAUSES
from apps.metrics.pages.production import Sources
from apps.teams.templatetags.display import duration, duration_text, instant, unbroken

register = template.Library()


@register.simple_tag
def not_granted(sources: Sources) -> str:
    """Which permissions are missing."""
    return sentences.not_granted(sources.not_granted, sources.refused)


@register.simple_tag
def being_read(sources: Sources) -> str:
    """For how many repositories deployments are still to come."""
    return sentences.being_read(sources.reading, sources.with_source)


@register.filter
def version(deployment: Deployment) -> str:
    """What was deployed: a tag or a run if it has one, else the commit."""
    return deployment.name or deployment.sha[:7]


@register.filter
def deployed_as(deployment: Deployment) -> str:
    """What was deployed, and when."""
    at = timezone.localtime(deployment.deployed_at or deployment.requested_at)
    return f"{version(deployment)} of {at:%-d %b %Y %H:%M}"


@register.filter
def when(deployment: Deployment) -> SafeString:
    """When it reached production, else when it was requested."""
    return instant(deployment.deployed_at or deployment.requested_at)


@register.filter
def cause(deployment: Deployment) -> str:
    """The evidence of a failure."""
    return CAUSES.get(Deployment.Cause(deployment.failed_by), "") if deployment.failed_by else ""


@register.filter
def failed_how(deployment: Deployment) -> str:
    """The evidence of a failure, and how long it took to fix."""
    if deployment.recovery_time is None:
        return f"{cause(deployment)}, not mended yet"
    took = unbroken(duration_text(deployment.recovery_time))
    return f"{cause(deployment)}, mended after {took}"


@register.filter
def called(application: Application) -> str:
    """An application's repository and environment."""
    return f"{application.repository.full_name} · {application.environment}"


@register.filter
def until(pull_request: PullRequest, deployment: Deployment) -> SafeString:
    """How long it waited between its merge and this deployment."""
    return duration(_since(pull_request.merged_at, deployment))


@register.filter
def took(pull_request: PullRequest, deployment: Deployment) -> SafeString:
    """How long it took from its first commit until this deployment."""
    wait = _since(pull_request.merged_at, deployment)
    cycle = pull_request.cycle_time
    return duration(None if wait is None or cycle is None else cycle + wait)


def _since(merged_at: datetime | None, deployment: Deployment) -> float | None:
    if merged_at is None or deployment.deployed_at is None:
        return None
    return max((deployment.deployed_at - merged_at).total_seconds(), 0)
