"""Who wrote what was merged: people, people with an assistant, agents; and who reviewed it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.core.paginator import Paginator
from django.urls import reverse
from django.utils import timezone

from apps.metrics.figures import ai_queries, names
from apps.metrics.figures.ai_queries import AGENT, ASSISTED, PEOPLE, Compared, Overview, Written
from apps.metrics.figures.reading import Reading, reading
from apps.metrics.filters.chosen import Filters
from apps.metrics.pages import ai_sentences, charts
from apps.metrics.pages.answer import Answer
from apps.metrics.pages.charts import Chart, Series
from apps.teams.access import TeamRequest
from apps.teams.models import Team
from apps.teams.wording import caption

PER_PAGE = 100
GROUPS = {AGENT: "Agents", ASSISTED: "Assisted", PEOPLE: "People without a mark"}
# Name, label, unit, and what it is a mean of.
COMPARED = (
    ("merge_rate", "Merged, of those closed", "share"),
    ("pickup_time", "Pickup", "duration"),
    ("cycle_time", "Cycle time", "duration"),
    ("review_rounds", "Review rounds", "decimal"),
    ("reverted", "Reverted within 30 days", "share"),
    ("unreviewed", "Merged without a person’s review", "share"),
)
Address = Callable[..., str]


@dataclass(frozen=True)
class Cell:
    """A number, its share of what is known, and the list of its pull requests.

    `described` is the address of those of them that AI only described, numbered in `of_those`.
    """

    count: int
    share: float | None
    link: str
    of_those: int = 0
    described: str = ""


@dataclass(frozen=True)
class Line:
    """A repository, team or tool with its cells."""

    name: str
    link: str
    cells: Sequence[Cell]


def ai(request: TeamRequest, filters: Filters) -> Answer:
    """Shares, comparisons, and reviews by AI."""
    team = request.team
    found = ai_queries.overview(team, filters)
    # By the hour, so that readers share it.
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    compared = ai_queries.comparison(team, filters, hour)
    rest = reading(team)
    path = reverse("pull_requests", args=[team.slug])

    def address(**changes: Any) -> str:
        return filters.address(path, **changes)

    called = names.of_teams(row for row, _ in found.groups)
    page = Paginator(found.repositories, PER_PAGE).get_page(request.GET.get("page"))
    return Answer(
        {
            "found": found,
            "answer": ai_sentences.answer(found),
            "tiles": _cells(found.overall, address),
            "charts": [_trend(team, found, filters, path), _shares(team, found, filters, path)],
            "tools": [_tool(tool, address) for tool in found.tools],
            "page": page,
            "shown": caption(page, "repository", "repositories"),
            "repositories": [
                _line(each, row.full_name, address, repo=row.full_name) for row, each in page
            ],
            "groups": [
                _line(each, called[row.pk], address, group=row.slug) for row, each in found.groups
            ],
            "compared": _comparison(compared),
            "compared_groups": [GROUPS[group] for group in compared.groups],
            "reviews": _reviews(found, address),
            "reviewers": [
                (each, address(figure=f"ai_reviews.{each.account}")) for each in found.reviewers
            ],
            "waiting": Cell(
                found.waiting,
                None,
                address(state="open", reviewed="no", flag="ready", written="agents"),
            ),
        },
        lambda: _data(found, compared, rest),
    )


def _cells(written: Written, address: Address) -> list[tuple[str, Cell]]:
    agents, assisted, people = _of(written, address)
    described = address(figure="described")
    people = replace(people, of_those=written.described, described=described)
    return [("Agents", agents), ("Assisted", assisted), ("People", people)]


def _of(written: Written, address: Address, **more: str) -> list[Cell]:
    parts = (
        (written.agents, "agents"),
        (written.assisted, "assisted"),
        (written.people + written.described, "people"),
    )
    return [
        Cell(count, written.share(count), address(written=name, **more)) for count, name in parts
    ]


def _line(written: Written, name: str, address: Address, **more: str) -> Line:
    return Line(name, address(**more), _of(written, address, **more))


def _tool(tool: ai_queries.Tool, address: Address) -> Line:
    counts = (
        (tool.pull_requests, ["assisted", "agents"]),
        (tool.agents, ["agents"]),
    )
    cells = [Cell(count, None, address(tool=tool.name, written=kinds)) for count, kinds in counts]
    return Line(tool.name, cells[0].link, cells)


def _trend(team: Team, found: Overview, filters: Filters, path: str) -> Chart:
    spans = filters.period.spans()
    days = [f"since={span.first.isoformat()}&until={span.last.isoformat()}" for span in spans]
    rows: Sequence[tuple[str, str, str, bool, Callable[[Written], int]]] = (
        ("Agents", "agents", "accent", False, lambda each: each.agents),
        ("Assisted", "assisted", "accent", True, lambda each: each.assisted),
        ("People", "people", "outline", False, lambda e: e.people + e.described),
    )
    return Chart(
        id="written",
        title="Merged, by who wrote it",
        kind="stack",
        unit="count",
        labels=[span.name for span in spans],
        series=[
            Series(
                name,
                [part(each) for each in found.spans],
                colour,
                is_faint,
                [f"written={key}&{day}" for day in days],
            )
            for name, key, colour, is_faint, part in rows
        ],
        partial=[span.is_partial for span in spans],
        notes=charts.noted(team, [(span.first, span.last) for span in spans]),
        base=charts.base(filters, path, range=None, since=None, until=None, written=None),
        definition="written_by",
        label_name="Week" if filters.period.unit == "week" else "Month",
    )


def _shares(team: Team, found: Overview, filters: Filters, path: str) -> Chart:
    each = found.spans
    agents = [written.share(written.agents) for written in each]
    marked = [written.share(written.marked) for written in each]
    return replace(
        _trend(team, found, filters, path),
        id="shares",
        title="Written with AI, at least",
        kind="line",
        unit="share",
        series=[Series("Agents", agents), Series("With AI", marked, "accent", True)],
        counts=[written.known for written in each],
    )


def _comparison(compared: ai_queries.Comparison) -> list[dict[str, Any]]:
    """A line for each figure; none if nothing can be compared."""
    if not any(each.cells for each in compared.figures.values()):
        return []
    return [
        {
            "label": label,
            "unit": unit,
            "values": [compared.figures[name].means.get(group) for group in compared.groups],
            "note": ai_sentences.of_cells(compared.figures[name], compared.groups, GROUPS, name),
        }
        for name, label, unit in COMPARED
    ]


def _reviews(found: Overview, address: Address) -> list[tuple[str, Cell]]:
    reviewed = found.reviewed
    parts = (
        ("Reviewed by an AI", reviewed.by_ai, "ai-reviewed"),
        ("By an AI before any person", reviewed.ai_first, "ai-first"),
        ("By an AI and by no person", reviewed.by_ai_alone, "ai-alone"),
    )
    overall = reviewed.merged
    return [
        (label, Cell(count, count / overall if overall else None, address(flag=flag)))
        for label, count, flag in parts
    ]


def _data(found: Overview, compared: ai_queries.Comparison, rest: Reading) -> dict[str, Any]:
    return {
        "merged": asdict(found.overall),
        "by_period": [asdict(each) for each in found.spans],
        "tools": [asdict(each) for each in found.tools],
        "repositories": [{"repository": r.full_name, **asdict(w)} for r, w in found.repositories],
        "groups": [{"group": group.slug, **asdict(each)} for group, each in found.groups],
        "compared": {
            name: _compared_data(each) for name, each in compared.figures.items() if each.cells
        },
        "reviewed": asdict(found.reviewed),
        "reviewers": [asdict(each) for each in found.reviewers],
        "waiting_for_a_person": found.waiting,
        "unread": rest.unread,
    }


def _compared_data(each: Compared) -> dict[str, Any]:
    names = {AGENT: "agents", ASSISTED: "assisted", PEOPLE: "people"}
    return {
        "means": {names[group]: mean for group, mean in each.means.items()},
        "cells": each.cells,
        "rows": {names[group]: count for group, count in each.rows.items()},
        "left_out": {names[group]: count for group, count in each.left_out.items()},
    }
