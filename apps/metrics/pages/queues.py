"""Who waits for whom: each person's review queue, and what of theirs waits for others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.paginator import Paginator
from django.urls import reverse

from apps.metrics.calculations.waiting import NOBODY
from apps.metrics.figures import masks, waiting_queries
from apps.metrics.figures.behind import QUEUED
from apps.metrics.figures.pending import GROUP, Key
from apps.metrics.figures.waiting_queries import Queue, Wait
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.viewer import Viewer, viewer_of
from apps.metrics.models import TeamMember
from apps.metrics.pages.answer import Answer
from apps.teams.access import TeamRequest
from apps.teams.wording import caption, counted

PER_PAGE = 100
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Line:
    """A person's queue, or a GitHub team's, and its page."""

    queue: Queue
    is_group: bool
    page: str

    @property
    def cells(self) -> list[tuple[int, str]]:
        """How many wait for them, and how many of theirs wait, each with the figure of its list."""
        if self.is_group:
            return [(len(self.queue.reviews), f"team_asked.{self.queue.whom.group or 0}")]
        counts = {name: len(waits(self.queue)) for name, waits in QUEUED.items()}
        return [(count, f"{name}.{self.queue.whom.account}") for name, count in counts.items()]


def queues(request: TeamRequest, filters: Filters) -> Answer:
    """For everyone in a queue, and everyone whose pull requests wait."""
    viewer = viewer_of(request)
    found = waiting_queries.queues(request.team, filters)
    lines = _lines(request, viewer, found)
    waiting = [line for line in lines if line.queue.count]
    page = Paginator(lines, PER_PAGE).get_page(request.GET.get("page"))
    nobody = sum(
        group.count
        for group in waiting_queries.waiting(request.team, filters, 0)
        if group.waiting_for == NOBODY
    )
    context = {
        "lines": list(page),
        "page": page,
        "shown": caption(page, "queue"),
        "viewer": viewer,
        "nobody": nobody,
        "answer": _answer(waiting, nobody, viewer),
        "pull_requests": reverse("pull_requests", args=[request.team.slug]),
    }
    return Answer(context, lambda: {"queues": [_data(line) for line in lines], "nobody": nobody})


def _answer(waiting: Sequence[Line], nobody: int, viewer: Viewer) -> str:
    if not viewer.sees_everyone:
        return "What waits for you." if waiting else "Nothing waits for you."
    people = sum(not line.is_group for line in waiting)
    teams = len(waiting) - people
    parts = [counted(people, "person", "people")]
    if teams:
        parts.append(counted(teams, "team"))
    text = f"Pull requests wait for {' and '.join(parts)}."
    if nobody:
        text += f" For {nobody:,} more, no review is requested."
    return text


def _lines(request: TeamRequest, viewer: Viewer, found: dict[Key, Queue]) -> list[Line]:
    """The longest wait first; without people excluded by an admin."""
    hidden = set(
        TeamMember.objects.filter(pk__in=masks.hidden(request.team)).values_list(
            "github_id", flat=True
        )
    )
    lines = [
        Line(queue, kind == GROUP, _page(request, kind, number))
        for (kind, number), queue in found.items()
        if (viewer.sees_everyone if kind == GROUP else viewer.sees(number))
        and not (kind != GROUP and number in hidden)
    ]
    return sorted(lines, key=lambda line: (line.queue.longest or NEVER, line.queue.whom.name))


def _page(request: TeamRequest, kind: str, number: int) -> str:
    if kind == GROUP:
        return ""
    return reverse("person_page", args=[request.team.slug, number])


def _data(line: Line) -> dict[str, Any]:
    queue = line.queue
    return {
        "name": queue.whom.name,
        "is_team": line.is_group,
        "reviews": [_of(wait) for wait in queue.reviews],
        "own": [_of(wait) for wait in queue.own],
        "waiting_for_others": [_of(wait) for wait in queue.theirs],
        "nobody_asked": [_of(wait) for wait in queue.unasked],
    }


def _of(wait: Wait) -> dict[str, Any]:
    row = wait.pull_request
    return {
        "repository": row.repository.full_name,
        "number": row.number,
        "waiting_for": wait.waiting_for or "nobody",
        "since": wait.since,
    }
