"""The pull requests behind each figure: the mask that counts them, by the figure's name.

A URL names a figure and, if it has several parts, which: `pickup_time` are all that the statistics
of pickup time count, `pickup_time.3600.14400` those that took from one to four hours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from apps.metrics.figures import (
    ai_queries,
    flow_queries,
    masks,
    production_queries,
    production_rows,
    review_queries,
    waiting_queries,
)
from apps.metrics.figures.arrays import Array
from apps.metrics.figures.columns import AIS, NONE, REVIEW_STATES
from apps.metrics.figures.pending import GROUP, PERSON
from apps.metrics.figures.queries import DURATIONS
from apps.metrics.figures.rows import Below, Rows
from apps.metrics.figures.waiting_queries import Queue, Wait
from apps.metrics.filters.chosen import Filters
from apps.metrics.models import PRReview, PullRequest
from apps.teams.models import Team

Parts = Sequence[int]
QUEUED: Mapping[str, Callable[[Queue], Sequence[Wait]]] = {
    "asked": lambda queue: queue.reviews,
    "sent_back": lambda queue: queue.changes,
    "to_merge": lambda queue: queue.merges,
    "for_others": lambda queue: queue.theirs,
    "unasked": lambda queue: queue.unasked,
}
"""The part of a person's queue that a figure counts."""
UNTIL_PRODUCTION = ("lead_time", "deploy_time")
NOT_COUNTED = ("not_deployed", "live_before", "other_branches", "without_source")
OF_REVIEWS: Mapping[str, Callable[[Below], Array]] = {
    "reviews": lambda found: np.ones(len(found), bool),
    "approvals": lambda found: found["state"] == _state(PRReview.State.APPROVED),
    "changes_requested": lambda found: found["state"] == _state(PRReview.State.CHANGES_REQUESTED),
    "response_time": lambda found: found["response_time"] != NONE,
}
"""The reviews that a figure counts."""
GHOST = 0
"""Stands for all deleted accounts in place of GitHub's id."""


@dataclass(frozen=True)
class Asked:
    """Which figure, whose, under which filters, when, and which of its parts."""

    team: Team
    filters: Filters
    now: datetime
    parts: Parts = ()


Mask = Callable[[Rows, Asked], Rows]


@dataclass(frozen=True)
class Behind:
    """How to find a figure's pull requests: in one state, or in any for "".

    `least` and `most` are how many parts its name may have; `of_people` of these are people.
    """

    mask: Mask
    state: str = ""
    least: int = 0
    most: int = 0
    of_people: int = 0
    is_part: Callable[[Parts], bool] = lambda parts: True
    sort: str = "-opened_at"

    def takes(self, parts: Parts) -> bool:
        """Whether it accepts these parts."""
        return self.least <= len(parts) <= self.most and self.is_part(parts)


def _took(name: str) -> Mask:
    """Those in a duration's statistics that took at least, and less than, the given parts."""

    def mask(rows: Rows, asked: Asked) -> Rows:
        rows = rows.keep(lambda part: masks.counted(part, name))
        return rows.between(name, *_span(asked.parts)) if asked.parts else rows

    return mask


def _span(parts: Parts) -> tuple[float, float]:
    begin, *end = parts
    return begin, end[0] if end else np.inf


def _stages(rows: Rows, asked: Asked) -> Rows:
    return rows.where("has_old_commit", 0)


def _size(rows: Rows, asked: Asked) -> Rows:
    return rows.keep(lambda part: part["lines"] != NONE)


def _described(rows: Rows, asked: Asked) -> Rows:
    return rows.where("ai", AIS.index("described")).where("is_read", 1)


def _waiting(rows: Rows, asked: Asked) -> Rows:
    return rows.among(waiting_queries.open_now(asked.team, asked.filters)["id"])


def _late(rows: Rows, asked: Asked) -> Rows:
    late = waiting_queries.longer_than_usual(asked.team, asked.filters, asked.now)
    return rows.among(late["id"])


def _queued(kind: str, waits: Callable[[Queue], Sequence[Wait]]) -> Mask:
    """Pull requests in the queue of a person or a GitHub team."""

    def mask(rows: Rows, asked: Asked) -> Rows:
        queue = waiting_queries.queue_of(asked.team, (kind, asked.parts[0]), asked.filters)
        return rows.among(np.array([wait.pull_request.pk for wait in waits(queue)], np.int64))

    return mask


def _age(rows: Rows, asked: Asked) -> Rows:
    youngest, *oldest = asked.parts
    since = flow_queries.opened_before(asked.now, oldest[0]) if oldest else -np.inf
    before = flow_queries.opened_before(asked.now, youngest) if youngest else np.inf
    return _waiting(rows, asked).between("opened_at", since, before)


def _under_way(rows: Rows, asked: Asked) -> Rows:
    [number] = asked.parts
    return flow_queries.under_way(rows, day(number), asked.filters.period.zone)


def day(number: int) -> date:
    """The day of a number such as 20260131. Raises ValueError."""
    return date(number // 10_000, number // 100 % 100, number % 100)


def _is_day(parts: Parts) -> bool:
    try:
        return 1990 <= day(parts[0]).year < 2200
    except ValueError:
        return False


def _waited(rows: Rows, asked: Asked) -> Rows:
    weekday, hour = asked.parts
    return flow_queries.waited(rows, asked.filters.period, asked.now, weekday, hour)


def _reopened(rows: Rows, asked: Asked) -> Rows:
    return flow_queries.reopened(rows, asked.filters.period)


def _reviewed(name: str) -> Mask:
    """Those with reviews that count, optionally by one person, or of one person's work."""

    def mask(rows: Rows, asked: Asked) -> Rows:
        return rows.among(_reviews(name, asked)["pull_request_id"])

    return mask


def reviews(name: str, asked: Asked) -> int:
    """How many reviews a review figure counts."""
    return len(_reviews(name, asked))


def _reviews(name: str, asked: Asked) -> Below:
    found = _by(review_queries.reviews(asked.team, asked.filters), asked)
    return found.keep(OF_REVIEWS[name](found))


def _state(name: str) -> int:
    return REVIEW_STATES.index(name)


def _by(found: Below, asked: Asked) -> Below:
    if asked.parts:
        found = review_queries.of_seen(found, asked.team)
        found = found.keep(found["account"] == _account(asked.parts[0]))
    if asked.parts[1:]:
        found = found.keep(found.of_pull_request("author_account") == _account(asked.parts[1]))
    return found


def _account(part: int) -> int:
    return NONE if part == GHOST else part


def _reviewed_by_ai(rows: Rows, asked: Asked) -> Rows:
    return rows.among(ai_queries.reviewed_by(asked.team, asked.filters, asked.parts[0]))


def _deployed(rows: Rows, asked: Asked) -> Rows:
    return rows.between("deployed_at", *masks.ends(asked.filters.period))


def _until_production(name: str) -> Mask:
    """Those deployed in the period that the statistics of a duration until production count."""

    def mask(rows: Rows, asked: Asked) -> Rows:
        rows = _by_application(_deployed(rows, asked), asked.parts)
        rows = rows.keep(lambda part: part[name] != NONE)
        return rows.where("has_old_commit", 0) if name == "lead_time" else rows

    return mask


def _by_application(rows: Rows, parts: Parts) -> Rows:
    """Those that the application deployed first; without an application, all."""
    if not parts:
        return rows
    return rows.among(rows["id"][production_rows.applications_of(rows) == parts[0]])


def _not_counted(why: str) -> Mask:
    def mask(rows: Rows, asked: Asked) -> Rows:
        return rows.among(rows["id"][production_queries.left_out(asked.team, rows)[why]])

    return mask


def _waiting_to_deploy(rows: Rows, asked: Asked) -> Rows:
    return rows.among(production_queries.waiting_to_deploy(asked.team, asked.filters)["id"])


_MERGED, _OPEN = PullRequest.State.MERGED.value, PullRequest.State.OPEN.value
BEHIND: Mapping[str, Behind] = {
    **{name: Behind(_took(name), _MERGED, most=2, sort=f"-{name}") for name in DURATIONS},
    "stages": Behind(_stages, _MERGED, sort="-cycle_time"),
    "size": Behind(_size, _MERGED, sort="-lines"),
    "described": Behind(_described, _MERGED, sort="-merged_at"),
    "waiting": Behind(_waiting, _OPEN, sort="waiting_since"),
    "late": Behind(_late, _OPEN, sort="waiting_since"),
    **{
        name: Behind(_queued(PERSON, waits), _OPEN, 1, 1, 1, sort="waiting_since")
        for name, waits in QUEUED.items()
    },
    "team_asked": Behind(
        _queued(GROUP, lambda queue: queue.reviews), _OPEN, 1, 1, sort="waiting_since"
    ),
    "age": Behind(_age, _OPEN, 1, 2, is_part=lambda of: max(of) < 20_000, sort="opened_at"),
    "under_way": Behind(_under_way, least=1, most=1, is_part=_is_day),
    "waited": Behind(_waited, least=2, most=2, is_part=lambda of: of[0] < 7 and of[1] < 24),
    "reopened": Behind(_reopened),
    **{name: Behind(_reviewed(name), most=2, of_people=2) for name in OF_REVIEWS},
    "ai_reviews": Behind(_reviewed_by_ai, least=1, most=1),
    "deployed": Behind(_deployed, sort="-deployed_at"),
    **{name: Behind(_until_production(name), most=1, sort=f"-{name}") for name in UNTIL_PRODUCTION},
    **{name: Behind(_not_counted(name), _MERGED, sort="-merged_at") for name in NOT_COUNTED},
    "waiting_to_deploy": Behind(_waiting_to_deploy, sort="merged_at"),
}


def rows(name: str, asked: Asked, state: str = "") -> Rows:
    """The pull requests behind a figure; for another state, those of them in it."""
    behind = BEHIND[name]
    found = masks.in_state(asked.team, asked.filters, state or behind.state, asked.filters.period)
    return behind.mask(found, asked)
