"""Teams, GitHub's and our own: side by side, and each with a page like a repository's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.core.exceptions import PermissionDenied
from django.http import Http404

from apps.metrics.figures import names, side_by_side, waiting_queries
from apps.metrics.figures.pending import GROUP
from apps.metrics.figures.side_by_side import Former
from apps.metrics.figures.waiting_queries import Queue, Whom
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.viewer import REFUSAL, viewer_of, visible_groups
from apps.metrics.models import Group
from apps.metrics.pages import compare, overview
from apps.metrics.pages.answer import Answer
from apps.metrics.pages.compare import Line
from apps.metrics.pages.measures import MEASURES, WEEKLY
from apps.teams.access import TeamRequest
from apps.teams.models import Team


def groups(request: TeamRequest, filters: Filters) -> Answer:
    """The teams side by side, by name."""
    viewer = viewer_of(request)
    shown = list(visible_groups(viewer))
    members, called = side_by_side.members(shown), names.of_teams(shown)
    figures = side_by_side.figures_of_teams(
        request.team, filters, [members[group.pk] for group in shown]
    )
    lines = [
        Line(
            called[group.pk],
            group.pk,
            own,
            is_own=group.is_own,
            called=group.slug,
            key=group.pk,
        )
        for group, own in zip(shown, figures, strict=True)
    ]
    columns = [
        MEASURES[name] for name in compare.OF_REPOSITORIES if name != WEEKLY or filters.tells_weeks
    ]

    def before(team: Team, filters: Filters, lines: Sequence[Line]) -> list[Former]:
        theirs = {line.key: members[line.key] for line in lines}
        return side_by_side.of_teams(team, filters, theirs, [line.figures for line in lines])

    return compare.answer(request, filters, lines, columns, "teams", before)


def group(request: TeamRequest, filters: Filters, group: int) -> Answer:
    """One team's figures, its members, and what waits for it."""
    found = Group.objects.for_team(request.team).filter(pk=group).first()
    if found is None:
        raise Http404("There is no such team.")
    viewer = viewer_of(request)
    if not visible_groups(viewer).filter(pk=found.pk).exists():
        raise PermissionDenied(REFUSAL)
    here = filters.of_everyone()
    here = replace(here, groups=(found.slug,), params={**here.params, "group": [found.slug]})
    answer = overview.answer(request.team, here)
    queue = Queue(Whom(found.name))
    if found.github_id:
        key = (GROUP, found.github_id)
        queue = waiting_queries.queue_of(request.team, key, filters.of_everyone())
    members = list(found.members.filter(is_hidden=False).order_by("github_username"))
    return replace(
        answer,
        context={**answer.context, "filters": here, "queue": queue, "members": members},
        data=lambda: {"team": {"name": found.name, "slug": found.slug}, **answer.data()},
        around={"group": found, "members": members, "fixed": "group", "viewer": viewer},
    )
