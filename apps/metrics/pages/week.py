"""The texts of *This week* and of queues."""

from __future__ import annotations

from apps.metrics.calculations.waiting import AUTHOR, MERGE, REVIEW
from apps.metrics.figures.waiting_queries import ELSE, MOST, Wait
from apps.metrics.models import PullRequest
from apps.teams.templatetags.display import duration_text, unbroken
from apps.teams.wording import counted, listed

NAMED = 2
_WHY = {REVIEW: "no review yet", AUTHOR: "changes requested"}


def placed(row: PullRequest) -> str:
    """`acme/shop#12 · ada`."""
    author = row.author.github_username if row.author else row.author_login
    place = f"{row.repository.full_name}#{row.number}"
    return f"{place} · {author}" if author else place


def why_here(wait: Wait) -> str:
    """Whom it waits for, and what for."""
    names = listed([whom.name for whom in wait.whom], NAMED)
    if wait.waiting_for == MERGE:
        return f"{names} can merge" if names else "approved"
    if wait.waiting_for in _WHY:
        return ", ".join(part for part in (names, _WHY[wait.waiting_for]) if part)
    if wait.pull_request.reviewer_count:
        return "reviewed, no further review requested"
    return "no review requested"


def usual_text(wait: Wait) -> str:
    """What such a wait usually takes here, if known."""
    if wait.usual == ELSE:
        return "more than 3 days"
    return f"usual {unbroken(duration_text(wait.usual))}"


def how_many(late: int) -> str:
    """How many wait longer than usual."""
    if not late:
        return ""
    shown = f", {MOST} shown" if late > MOST else ""
    return f"{counted(late, 'waits', 'wait')} longer than usual{shown}"
