"""The pull requests of a list: selection, order, columns, and pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from django.db.models import prefetch_related_objects
from django.http import QueryDict

from apps.chunks import chunks
from apps.metrics.figures import behind, columns, masks, waiting_queries
from apps.metrics.figures.ai_queries import BY_AI
from apps.metrics.figures.among import Among
from apps.metrics.figures.behind import BEHIND
from apps.metrics.figures.rows import Rows, Test
from apps.metrics.filters import search, titles
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.viewer import REFUSAL, Viewer
from apps.metrics.lists import export, keyset
from apps.metrics.lists.columns import COLUMNS, DEFAULTS, fields
from apps.metrics.models import PullRequest
from apps.teams.models import Team

PAGE = 50
AT_ONCE = 2_000  # rows of a file, in one query
PART = re.compile(r"\d{1,18}", re.ASCII)
MOST_WORDS = 50  # as with labels
STATES = (
    ("merged", "Merged"),
    ("open", "Open now"),
    ("closed", "Closed unmerged"),
    ("opened", "Opened"),
)
DEFAULT_SORTS = {"merged": "-merged_at", "closed": "-closed_at", "open": "waiting_since"}
DRAFT = columns.WAITING.index("draft")
# Flags that are no column of their own.
MASKS: Mapping[str, Test] = {**BY_AI, "ready": lambda part: part["waiting_for"] != DRAFT}
FLAGS = {"revert": "is_revert", "hotfix": "is_hotfix", "old": "has_old_commit"}
WAITING = {name or "nobody": place for place, name in enumerate(columns.WAITING)}
WAITING["discussion"] = WAITING["nobody"]  # In older URLs.
# In addition to the fields of every export.
FIELDS = {
    **export.PULL_REQUEST_FIELDS,
    **{name: name for name in ("waiting_for", "waiting_since")},
}


class BadAddressError(ValueError):
    """A URL asks for something that does not exist; the text is a sentence for the user."""


@dataclass(frozen=True)
class Figure:
    """The figure behind a list: a name of `figures.behind`, and which of its parts."""

    name: str
    parts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Choice:
    """The options of a list besides the filters; `params` are its query parameters.

    The state is "" for the pull requests behind a figure in any state.
    """

    state: str = "merged"
    sort: str = "-merged_at"
    text: str = ""
    waiting: int | None = None
    reviewed: bool | None = None
    flags: tuple[str, ...] = ()
    figure: Figure | None = None
    columns: Sequence[str] = DEFAULTS["merged"]
    fields: Sequence[str] = tuple(export.PULL_REQUEST_FIELDS)
    place: keyset.Place | None = None
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """The sort column."""
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Whether the greatest come first."""
        return self.sort.startswith("-")

    @property
    def order(self) -> keyset.Order:
        """The order; those without a value come last either way."""
        return COLUMNS[self.column].order(is_descending=self.is_descending)

    @property
    def is_mixed(self) -> bool:
        """Whether it has pull requests of several states."""
        return self.state in ("", "opened")

    @property
    def narrows(self) -> dict[str, str]:
        """The query parameters that decide which pull requests it has."""
        shape = ("sort", "columns")
        return {name: text for name, text in self.params.items() if name not in shape}


def choice(query: QueryDict, viewer: Viewer) -> Choice:
    """The options of a query string. Raises BadAddressError."""
    figure = _figure(query.get("figure", ""), viewer)
    waiting = _one_of(query.get("waiting", ""), ("", *WAITING), "waiting")
    given = _one_of(query.get("state", ""), ("", *dict(STATES)), "state")
    usual = BEHIND[figure.name].state if figure else "open" if waiting else "merged"
    state = given or usual
    reviewed = _one_of(query.get("reviewed", ""), ("", "yes", "no"), "reviewed")
    default = BEHIND[figure.name].sort if figure else DEFAULT_SORTS.get(state, "-opened_at")
    sort = query.get("sort", "") or default
    _one_of(sort.removeprefix("-"), tuple(COLUMNS), "sort")
    flags = tuple(_one_of(flag, (*FLAGS, *MASKS), "flag") for flag in _texts(query, "flag"))
    text = _searched(query)
    wanted = _texts(query, "columns")
    shown = _columns(wanted, state)
    keep = {"state": given if given != usual else "", "sort": sort if sort != default else ""}
    keep |= {"figure": query.get("figure", "")}
    keep |= {"waiting": waiting, "reviewed": reviewed, "q": text, "flag": ",".join(flags)}
    keep["columns"] = ",".join(shown) if wanted else ""
    return Choice(
        state=state,
        sort=sort,
        text=text,
        waiting=WAITING[waiting] if waiting else None,
        reviewed=reviewed == "yes" if reviewed else None,
        flags=flags,
        figure=figure,
        columns=shown,
        fields=fields(shown) if wanted else tuple(export.PULL_REQUEST_FIELDS),
        place=_place(query, sort),
        params={name: value for name, value in keep.items() if value},
    )


def _figure(text: str, viewer: Viewer) -> Figure | None:
    """A viewer who may not see a person's figures may not see the rows behind them."""
    if not text:
        return None
    name, *numbers = text.split(".")
    parts = tuple(int(each) for each in numbers if PART.fullmatch(each))
    found = BEHIND.get(name)
    if found is None or not found.takes(parts) or len(parts) < len(numbers):
        raise BadAddressError(f"There is no figure “{text[:60]}”.")
    for person in parts[: found.of_people]:
        if not viewer.sees(viewer.main_accounts.get(person, person)):
            raise BadAddressError(REFUSAL)
    return Figure(name, parts)


def _searched(query: QueryDict) -> str:
    text = query.get("q", "").replace("\x00", "").strip()
    if len(titles.words(text)) > MOST_WORDS:
        raise BadAddressError(f"Search for at most {MOST_WORDS} words at once.")
    return text


def _texts(query: QueryDict, name: str) -> list[str]:
    found = [text for value in query.getlist(name) for text in value.split(",")]
    return list(dict.fromkeys(text for text in found if text))


def _columns(wanted: Sequence[str], state: str) -> list[str]:
    """As in the URL; the title is always there, and first."""
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
        raise BadAddressError(
            "This page of the list cannot be found. Start again from the first page."
        ) from error


def _one_of(value: str, allowed: tuple[str, ...], name: str) -> str:
    if value in allowed:
        return value
    known = ", ".join(text for text in allowed if text)
    raise BadAddressError(f"“{value[:60]}” cannot be chosen for {name}. Choose from: {known}.")


def matching(team: Team, filters: Filters, chosen: Choice, now: datetime) -> Rows:
    """The whole list."""
    if chosen.figure is None:
        found = masks.in_state(team, filters, chosen.state, filters.period)
    else:
        asked = behind.Asked(team, filters, now, chosen.figure.parts)
        found = behind.rows(chosen.figure.name, asked, chosen.state)
    for flag in chosen.flags:
        found = found.where(FLAGS[flag], 1) if flag in FLAGS else found.keep(MASKS[flag])
    if chosen.waiting is not None:
        waits = waiting_queries.open_now(team, filters)["id"]
        found = found.among(waits).where("waiting_for", chosen.waiting)
    if chosen.reviewed is not None:
        found = found.keep(lambda part: (part["reviewer_count"] > 0) == chosen.reviewed)
    return _with_words(found, chosen.text) if chosen.text else found


@dataclass(frozen=True)
class Found:
    """How many pull requests match the search words: by state, and in total."""

    by_state: Mapping[str, int]
    in_all: int


def found_elsewhere(team: Team, filters: Filters, chosen: Choice) -> Found | None:
    """Matches within the range in each state, and at any time; None without search words."""
    if not chosen.text:
        return None
    keys = _with_words(masks.pull_requests(team, filters), chosen.text)["id"]
    in_state = {
        state: len(masks.in_state(team, filters, state, filters.period).among(keys))
        for state, _ in STATES
    }
    return Found(in_state, len(keys))


def _with_words(found: Rows, text: str) -> Rows:
    rows = PullRequest.objects.filter(Among(found["id"])).filter(search.condition(text))
    return found.among(np.array(rows.order_by().values_list("pk", flat=True), np.int64))


def page(found: Rows, chosen: Choice) -> keyset.Page:
    """The page that the URL asks for."""
    page = keyset.page(found, chosen.order, chosen.place, PAGE)
    if "deployment" in chosen.columns:
        prefetch_related_objects(page.rows, "deployment__application", "team")
    return page


def waits(team: Team, page: keyset.Page, chosen: Choice) -> dict[int, waiting_queries.Wait]:
    """By key, for whom the open ones of a page wait, if it shows that."""
    if "waiting_for" not in chosen.columns:
        return {}
    still_open = [row for row in page.rows if row.state == PullRequest.State.OPEN]
    return {wait.pull_request.pk: wait for wait in waiting_queries.waits(team, still_open)}


def rows(found: Rows, chosen: Choice) -> Iterator[export.Row]:
    """The whole list as export rows, in the list's order; read while it is sent."""
    keys = keyset.keys(found, chosen.order)
    for some in chunks(keys, AT_ONCE):
        yield from data(some, chosen.fields)


def data(keys: Sequence[int], names: Sequence[str]) -> list[export.Row]:
    """The rows with these keys as export rows."""
    chosen = PullRequest.objects.filter(pk__in=keys)
    fields = {"pk": "pk", **{name: FIELDS[name] for name in names}}
    found = {row.pop("pk"): row for row in export.pull_request_rows(chosen, fields)}
    # One may have been deleted since.
    return [found[key] for key in keys if key in found]
