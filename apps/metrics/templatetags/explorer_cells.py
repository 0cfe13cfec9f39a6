"""The explorer's cells, and the team's saved views."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.metrics.calculations.waiting import NOBODY
from apps.metrics.figures.waiting_queries import Wait
from apps.metrics.lists.columns import Column
from apps.metrics.models import PullRequest, SavedView
from apps.metrics.pages.week import why_here
from apps.teams.models import Team
from apps.teams.templatetags.display import NOTHING, day, duration, instant

register = template.Library()

WAITS = {
    "review": "a review",
    "author": "its author",
    "merge": "the merge",
    "draft": "a draft",
}
WRITERS = {
    "none": "people",
    "described": "people, described by AI",
    "assisted": "people, assisted",
    "agent": "an agent",
}


@register.simple_tag(takes_context=True)
def cell(context: dict[str, Any], pull_request: PullRequest, column: Column) -> SafeString | str:
    """A pull request's value in a column; a dash for none."""
    if column.key == "waiting_for" and (wait := context["waits"].get(pull_request.pk)):
        return _waits(wait)
    if column.kind == "lines":
        return _lines(pull_request)
    if column.key in _SPECIAL:
        return _SPECIAL[column.key](pull_request)
    value = getattr(pull_request, _attribute(column))
    if column.kind == "duration":
        return duration(value)
    if column.kind == "instant":
        is_age = pull_request.state == "open" and column.key in ("opened_at", "waiting_since")
        return instant(value) if is_age else day(value)
    return NOTHING if value in (None, "") else f"{value:,}" if column.kind == "number" else value


@register.simple_tag
def saved_views(team: Team) -> list[SavedView]:
    """A team's saved views, by name."""
    return list(SavedView.objects.for_team(team))


def _attribute(column: Column) -> str:
    names = {"commits": "commit_count", "comments": "comment_count", "reviewers": "reviewer_count"}
    return names.get(column.key, column.key)


def _lines(pull_request: PullRequest) -> SafeString:
    if pull_request.lines is None:
        return NOTHING
    return format_html(
        '<span title="+{} −{}">{}</span> <span class="muted small">{}</span>',
        pull_request.additions,
        pull_request.deletions,
        f"{pull_request.lines:,}",
        pull_request.size,
    )


def _author(pull_request: PullRequest) -> str:
    return pull_request.author_login or "deleted account"


def _repository(pull_request: PullRequest) -> str:
    name: str = pull_request.repository.full_name
    return name


def _waits(wait: Wait) -> str:
    """For whom it waits, if known."""
    is_known = wait.whom or wait.waiting_for == NOBODY
    return why_here(wait) if is_known else WAITS[wait.waiting_for]


def _nothing(pull_request: PullRequest) -> SafeString:
    return NOTHING


def _labels(pull_request: PullRequest) -> SafeString:
    return _badges(pull_request.labels)


def _tools(pull_request: PullRequest) -> SafeString:
    return _badges(pull_request.ai_tools)


def _badges(names: list[Any]) -> SafeString:
    if not names:
        return NOTHING
    return format_html_join(" ", '<span class="badge">{}</span>', ((name,) for name in names))


def _merged_by(pull_request: PullRequest) -> SafeString | str:
    return pull_request.merged_by_login or NOTHING


def _written(pull_request: PullRequest) -> SafeString | str:
    return WRITERS[pull_request.ai] if pull_request.ai else NOTHING


def _initiator(pull_request: PullRequest) -> SafeString | str:
    return pull_request.initiator_login or NOTHING


def _touched(pull_request: PullRequest) -> SafeString | str:
    touched = pull_request.human_touched
    return NOTHING if touched is None else "yes" if touched else "no"


def _deployment(pull_request: PullRequest) -> SafeString:
    found = pull_request.deployment
    if found is None:
        return NOTHING
    link = reverse("deployment", args=[pull_request.team.slug, found.pk])
    name = f"{found.application.environment} {found.name or found.sha[:7]}"
    return format_html('<a class="plain" href="{}">{}</a>', link, name)


_SPECIAL = {
    "deployment": _deployment,
    "ai": _written,
    "ai_tools": _tools,
    "initiator": _initiator,
    "human_touched": _touched,
    "author": _author,
    "repository": _repository,
    "waiting_for": _nothing,
    "labels": _labels,
    "merged_by": _merged_by,
}
