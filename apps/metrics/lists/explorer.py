"""Which pull requests a list shows, in which order and columns, and where its next page begins."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import cast

from django.core.cache import caches
from django.db.models import F, Q, QuerySet
from django.http import QueryDict

from apps.metrics.filters import search, titles
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period
from apps.metrics.lists import export, keyset
from apps.metrics.lists.columns import COLUMNS, DEFAULTS, fields
from apps.metrics.models import PullRequest
from apps.teams.models import Team

PAGE = 50
COUNT_KEPT = 600  # seconds
MOST_WORDS = 50  # as with labels
STATES = (
    ("merged", "Merged"),
    ("open", "Open now"),
    ("closed", "Closed unmerged"),
    ("opened", "Opened"),
)
DEFAULT_SORTS = {"merged": "-merged_at", "closed": "-closed_at", "open": "opened_at"}
FLAGS = {"revert": "is_revert", "hotfix": "is_hotfix", "old": "has_old_commit"}
# Flags that are no column of their own.
CONDITIONS = {
    "ai-reviewed": Q(ai_reviews__gt=0),
    "ai-first": Q(ai_reviews__gt=0)
    & (Q(first_review_at=None) | Q(first_ai_review_at__lt=F("first_review_at"))),
    "ai-alone": Q(ai_reviews__gt=0, reviewer_count=0),
}
WAITING = {"review": "review", "author": "author", "merge": "merge", "draft": "draft"}
WAITING["nobody"] = WAITING["discussion"] = ""  # The latter in addresses of before.
# Beside the fields of every export.
FIELDS = {**export.PULL_REQUEST_FIELDS, "waiting_for": "waiting_for"}


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
    columns: Sequence[str] = DEFAULTS["merged"]
    fields: Sequence[str] = tuple(export.PULL_REQUEST_FIELDS)
    place: keyset.Place | None = None
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """What it is sorted by."""
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Whether the greatest come first."""
        return self.sort.startswith("-")

    @property
    def order(self) -> keyset.Order:
        """How it is sorted; those without a value come last either way."""
        return COLUMNS[self.column].order(is_descending=self.is_descending)

    @property
    def narrows(self) -> dict[str, str]:
        """What of its address decides which pull requests it has."""
        shape = ("sort", "columns")
        return {name: text for name, text in self.params.items() if name not in shape}


def choice(query: QueryDict) -> Choice:
    """What an address asks for. Raises BadAddressError."""
    waiting = _one_of(query.get("waiting", ""), ("", *WAITING), "waiting")
    state = _one_of(query.get("state", ""), ("", *dict(STATES)), "state")
    state = state or ("open" if waiting else "merged")
    reviewed = _one_of(query.get("reviewed", ""), ("", "yes", "no"), "reviewed")
    default = DEFAULT_SORTS.get(state, "-opened_at")
    sort = query.get("sort", "") or default
    _one_of(sort.removeprefix("-"), tuple(COLUMNS), "sort")
    flags = tuple(_one_of(flag, (*FLAGS, *CONDITIONS), "flag") for flag in _texts(query, "flag"))
    text = _searched(query)
    wanted = _texts(query, "columns")
    columns = _columns(wanted, state)
    keep = {"state": state if state != "merged" else "", "sort": sort if sort != default else ""}
    keep |= {"waiting": waiting, "reviewed": reviewed, "q": text, "flag": ",".join(flags)}
    keep["columns"] = ",".join(columns) if wanted else ""
    return Choice(
        state=state,
        sort=sort,
        text=text,
        waiting=WAITING[waiting] if waiting else None,
        reviewed=reviewed == "yes" if reviewed else None,
        flags=flags,
        columns=columns,
        fields=fields(columns) if wanted else tuple(export.PULL_REQUEST_FIELDS),
        place=_place(query, sort),
        params={name: value for name, value in keep.items() if value},
    )


def _searched(query: QueryDict) -> str:
    text = query.get("q", "").replace("\x00", "").strip()
    if len(titles.words(text)) > MOST_WORDS:
        raise BadAddressError(f"Search for at most {MOST_WORDS} words at once.")
    return text


def _texts(query: QueryDict, name: str) -> list[str]:
    found = [text for value in query.getlist(name) for text in value.split(",")]
    return list(dict.fromkeys(text for text in found if text))


def _columns(wanted: Sequence[str], state: str) -> list[str]:
    """As the address has them; the title is always there, and first."""
    found = [_one_of(name, tuple(COLUMNS), "column") for name in wanted]
    return list(dict.fromkeys(["title", *found])) if found else list(DEFAULTS[state])


def _place(query: QueryDict, sort: str) -> keyset.Place | None:
    order = COLUMNS[sort.removeprefix("-")].order(is_descending=sort.startswith("-"))
    before, after = query.get("before", ""), query.get("after", "")
    if not before and not after:
        return None
    try:
        return keyset.read(before or after, order, is_back=bool(before))
    except keyset.UnknownPlaceError as error:
        raise BadAddressError("This page of the list cannot be found. Begin anew.") from error


def _one_of(value: str, allowed: tuple[str, ...], name: str) -> str:
    if value in allowed:
        return value
    known = ", ".join(text for text in allowed if text)
    raise BadAddressError(f"“{value[:60]}” cannot be chosen for {name}. Choose from: {known}.")


def matching(team: Team, filters: Filters, chosen: Choice) -> QuerySet[PullRequest]:
    """All that the list has, unsorted."""
    found = PullRequest.objects.for_team(team).filter(
        filters.condition(), _in_period(chosen.state, filters.period)
    )
    for flag in chosen.flags:
        found = found.filter(CONDITIONS.get(flag) or Q(**{FLAGS[flag]: True}))
    if chosen.waiting is not None:
        found = found.filter(state=PullRequest.State.OPEN, waiting_for=chosen.waiting)
    if chosen.reviewed is not None:
        found = found.filter(**{"reviewer_count__gt" if chosen.reviewed else "reviewer_count": 0})
    return found.filter(search.condition(chosen.text))


def _in_period(state: str, period: Period) -> Q:
    if state == "open":
        return Q(state=PullRequest.State.OPEN)
    column = {"merged": "merged_at", "closed": "closed_at"}.get(state, "opened_at")
    found = Q(**{f"{column}__gte": period.start, f"{column}__lt": period.end})
    return found if state == "opened" else found & Q(state=state)


def page(found: QuerySet[PullRequest], chosen: Choice) -> keyset.Page:
    """The page that the address asks for."""
    # Not joined: a database that guesses badly joins all rows before it takes a page of them.
    return keyset.page(found.prefetch_related("repository"), chosen.order, chosen.place, PAGE)


class Counting:
    """How many a list has: counted once for all of its pages, until the data changes."""

    def __init__(
        self, found: QuerySet[PullRequest], filters: Filters, chosen: Choice, version: str
    ) -> None:
        period = filters.period
        narrowed = (version, period.first, period.last, filters.params, chosen.narrows)
        digest = hashlib.blake2b(repr(narrowed).encode(), digest_size=16).hexdigest()
        self._found, self._key = found, f"count:{digest}"

    def known(self) -> int | None:
        """The count where it was made before."""
        return cast("int | None", caches["pages"].get(self._key))

    def count(self) -> int:
        """The count, made where it was not."""
        return int(caches["pages"].get_or_set(self._key, self._found.count, COUNT_KEPT) or 0)


def rows(found: QuerySet[PullRequest], chosen: Choice) -> Iterator[export.Row]:
    """All of the list as an export has it, in the list's order; read while it is sent."""
    parts = keyset.parts(found, chosen.order)
    return chain.from_iterable(
        export.pull_request_rows(part, _named(chosen.fields)) for part in parts
    )


def data(page: keyset.Page, names: Sequence[str]) -> list[export.Row]:
    """The rows of a page as an export has them."""
    whole = PullRequest.objects.filter(pk__in=[row.pk for row in page.rows])
    found = {
        row.pop("pk"): row for row in export.pull_request_rows(whole, {"pk": "pk", **_named(names)})
    }
    return [found[row.pk] for row in page.rows if row.pk in found]


def _named(names: Sequence[str]) -> dict[str, str]:
    return {name: FIELDS[name] for name in names}
