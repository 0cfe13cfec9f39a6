"""Which pull requests a list shows, in which order, and from where its next page goes on."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import QueryDict

from apps.metrics import queries
from apps.metrics.filters import Filters
from apps.metrics.models import PullRequest
from apps.metrics.periods import Period
from apps.teams.models import Team

PAGE = 50
STATES = (
    ("merged", "Merged"),
    ("open", "Open now"),
    ("closed", "Closed unmerged"),
    ("opened", "Opened"),
)
SORTS: Mapping[str, Any] = {
    "merged_at": F("merged_at"),
    "opened_at": F("opened_at"),
    "closed_at": F("closed_at"),
    "title": F("title"),
    "repository": F("repository__full_name"),
    "author": F("author_login"),
    "lines": F("additions") + F("deletions"),
    **{name: F(name) for name in queries.DURATIONS},
    "review_rounds": F("review_rounds"),
    "waiting_for": F("waiting_for"),
    "reviewers": F("reviewer_count"),
}
DEFAULT_SORTS = {"merged": "-merged_at", "closed": "-closed_at", "open": "opened_at"}
FLAGS = {"revert": "is_revert", "hotfix": "is_hotfix", "old": "has_old_commit"}
WAITING = {"review": "review", "author": "author", "merge": "merge", "draft": "draft"}
WAITING["discussion"] = ""


class BadAddressError(ValueError):
    """An address asks for what there is not; its text is a sentence for the user."""


@dataclass(frozen=True)
class Choice:
    """What a list shows beside the filters; `params` is how its address says it."""

    state: str = "merged"
    sort: str = "-merged_at"
    text: str = ""
    waiting: str | None = None
    reviewed: bool | None = None
    flags: tuple[str, ...] = ()
    after: str = ""
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """What it is sorted by."""
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Whether the greatest come first."""
        return self.sort.startswith("-")


def choice(query: QueryDict) -> Choice:
    """What an address asks for. Raises BadAddressError."""
    waiting = _one_of(query.get("waiting", ""), ("", *WAITING), "waiting")
    state = _one_of(query.get("state", ""), ("", *dict(STATES)), "state")
    state = state or ("open" if waiting else "merged")
    reviewed = _one_of(query.get("reviewed", ""), ("", "yes", "no"), "reviewed")
    default = DEFAULT_SORTS.get(state, "-opened_at")
    sort = query.get("sort", "") or default
    _one_of(sort.removeprefix("-"), tuple(SORTS), "sort")
    flags = tuple(_one_of(flag, tuple(FLAGS), "flag") for flag in query.getlist("flag") if flag)
    text = query.get("q", "").replace("\x00", "").strip()
    keep = {"state": state if state != "merged" else "", "sort": sort if sort != default else ""}
    keep |= {"waiting": waiting, "reviewed": reviewed, "q": text, "flag": ",".join(flags)}
    return Choice(
        state=state,
        sort=sort,
        text=text,
        waiting=WAITING[waiting] if waiting else None,
        reviewed=reviewed == "yes" if reviewed else None,
        flags=flags,
        after=query.get("after", ""),
        params={name: value for name, value in keep.items() if value},
    )


def _one_of(value: str, allowed: tuple[str, ...], name: str) -> str:
    if value in allowed:
        return value
    known = ", ".join(text for text in allowed if text)
    raise BadAddressError(f"“{value[:60]}” is no {name}. Choose from: {known}.")


def matching(team: Team, filters: Filters, chosen: Choice) -> QuerySet[PullRequest]:
    """All that the list has, unsorted."""
    found = queries.pull_requests(team, filters).filter(_in_period(chosen.state, filters.period))
    for flag in chosen.flags:
        found = found.filter(**{FLAGS[flag]: True})
    if chosen.waiting is not None:
        found = found.filter(state=PullRequest.State.OPEN, waiting_for=chosen.waiting)
    if chosen.reviewed is not None:
        found = found.filter(**{"reviewer_count__gt" if chosen.reviewed else "reviewer_count": 0})
    for word in chosen.text.split():
        found = found.filter(title__icontains=word)
    return found


def _in_period(state: str, period: Period) -> Q:
    if state == "open":
        return Q(state=PullRequest.State.OPEN)
    column = {"merged": "merged_at", "closed": "closed_at"}.get(state, "opened_at")
    found = Q(**{f"{column}__gte": period.start, f"{column}__lt": period.end})
    return found if state == "opened" else found & Q(state=state)


def ordered(found: QuerySet[PullRequest], chosen: Choice) -> QuerySet[PullRequest]:
    """Sorted; those without a value come last either way."""
    key, tie = SORTS[chosen.column], "-pk" if chosen.is_descending else "pk"
    # Where none lacks a value, an index gives the order only if nothing is said of nulls.
    last = True if _may_lack(chosen) else None
    order = key.desc(nulls_last=last) if chosen.is_descending else key.asc(nulls_last=last)
    return found.annotate(sort_key=key).order_by(order, tie)


def _may_lack(chosen: Choice) -> bool:
    if chosen.column in ("merged_at", "closed_at"):
        return DEFAULT_SORTS.get(chosen.state) != f"-{chosen.column}"
    return chosen.column in queries.DURATIONS or chosen.column == "author"


@dataclass(frozen=True)
class Page:
    """Some of the list; `after` is where the next page begins, empty on the last."""

    rows: list[Any]
    after: str


def page(found: QuerySet[PullRequest], chosen: Choice) -> Page:
    """The page that the address asks for. Raises BadAddressError."""
    rows: list[Any] = list(
        _beyond(ordered(found, chosen), chosen).select_related("repository", "author")[: PAGE + 1]
    )
    after = _cursor(rows[PAGE - 1]) if len(rows) > PAGE else ""
    return Page(rows[:PAGE], after)


def _cursor(row: Any) -> str:
    key = row.sort_key
    text = json.dumps([key.isoformat() if isinstance(key, datetime) else key, row.pk])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(text: str, column: str) -> tuple[Any, int]:
    try:
        key, pk = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if column.endswith("_at") and key is not None:
            key = datetime.fromisoformat(key)
        elif column in ("title", "repository", "author", "waiting_for"):
            key = key if key is None else str(key).replace("\x00", "")
        elif key is not None:
            key = _bounded(key)
        return key, _bounded(pk)
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadAddressError("This page of the list cannot be found. Begin anew.") from error


def _bounded(value: Any) -> int:
    # Databases refuse what has more than 64 bits.
    return max(-(2**63), min(int(value), 2**63 - 1))


def _beyond(found: QuerySet[PullRequest], chosen: Choice) -> QuerySet[PullRequest]:
    if not chosen.after:
        return found
    key, pk = _read_cursor(chosen.after, chosen.column)
    way = "lt" if chosen.is_descending else "gt"
    if key is None:
        return found.filter(Q(**{"sort_key__isnull": True, f"pk__{way}": pk}))
    beyond = Q(**{f"sort_key__{way}": key}) | Q(**{"sort_key": key, f"pk__{way}": pk})
    if _may_lack(chosen):
        return found.filter(beyond | Q(sort_key__isnull=True))
    # Says nothing new, but this an index can answer.
    return found.filter(beyond, **{f"sort_key__{way}e": key})
