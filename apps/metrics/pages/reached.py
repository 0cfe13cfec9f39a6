"""How a merged pull request reached production, or why that is unknown."""

from __future__ import annotations

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.metrics.models import Deployment, Production, PullRequest
from apps.teams.templatetags.display import day, duration


def outcome(found: PullRequest) -> str:
    """That it reached production, and how long after its merge."""
    if found.deployed_at is None:
        return ""
    return format_html(
        "It reached production <strong>{}</strong> later.", duration(found.deploy_time)
    )


def why_deploy(found: PullRequest) -> str:
    """The origin of a merged pull request's fifth stage, or why it has none."""
    if found.deployed_at is not None and (brought := deployments(found)):
        return format_html("From the merge to the first deployment: {}.", _listed(found, brought))
    slug = found.team.slug
    sources = Production.objects.filter(repository=found.repository)
    if not sources.values_list("source", flat=True).first():
        link = reverse("production_sources", args=[slug])
        text = 'Not known: this repository’s deployments have <a href="{}">no source</a>.'
        return format_html(text, link)
    if found.was_live_before:
        return "Not known: it was in production before the first known deployment."
    if found.base_branch != found.repository.default_branch:
        return f"None: it was merged into {found.base_branch}, not into the default branch."
    merged_at = found.merged_at or timezone.now()
    waited = (timezone.now() - merged_at).total_seconds()
    return format_html("Not deployed yet, <strong>{}</strong> after its merge.", duration(waited))


def deployments(found: PullRequest) -> list[Deployment]:
    """The deployments that brought it, one for each application, the earliest first."""
    rows = found.deployments.filter(application__is_current=True, deployed_at__isnull=False)
    return list(rows.select_related("application").order_by("deployed_at", "pk"))


def _listed(found: PullRequest, brought: list[Deployment]) -> SafeString:
    slug = found.team.slug
    return format_html_join(
        "; ",
        '<a href="{}">{}</a> on {}',
        (
            (
                reverse("deployment", args=[slug, each.pk]),
                f"{each.application.environment} {each.name or each.sha[:7]}",
                day(each.deployed_at),
            )
            for each in brought
        ),
    )
