"""The explorer's columns: labels, sort keys, and export fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Func, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.db.models.sql.compiler import SQLCompiler

from apps.metrics.lists.keyset import Order


class _InOrder(Func):
    """A text to sort by: in any case, and in the same order on every database."""

    function = "LOWER"
    output_field = TextField()

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **_: Any) -> Any:
        # Without locale rules, as SQLite compares.
        return self.as_sql(compiler, connection, template='LOWER((%(expressions)s) COLLATE "C")')


# A phone has the author below the title.
_LOOKS = {
    "author": "name wide-only",
    "waiting_for": "name",
    "labels": "labels",
    "ai_tools": "labels",
}


@dataclass(frozen=True)
class Column:
    """A column; `kind` decides its display, `fields` are its export fields.

    `value` is the database expression of a text, or the name of an array column.
    """

    key: str
    label: str
    kind: str
    value: Any
    fields: tuple[str, ...]
    may_lack: bool = False

    @property
    def is_figure(self) -> bool:
        """Whether it is aligned right."""
        return self.kind in ("duration", "number", "lines")

    @property
    def look(self) -> str:
        """The CSS class of its cells."""
        if self.is_figure:
            return "figure"
        return _LOOKS.get(self.key, "nowrap")

    @property
    def begins_with_greatest(self) -> bool:
        """The order of a first click: texts ascending, figures and dates descending."""
        return self.kind != "text"

    def order(self, *, is_descending: bool) -> Order:
        """The list sorted by it."""
        kinds = {"text": "text", "instant": "instant"}
        kind = kinds.get(self.kind, "number")
        return Order(self.key, self.value, kind, self.may_lack, is_descending)


def _text(key: str, label: str, value: str = "", field: str = "", lacks: bool = False) -> Column:
    return Column(key, label, "text", _InOrder(F(value or key)), (field or key,), lacks)


def _instant(key: str, label: str, lacks: bool = True) -> Column:
    return Column(key, label, "instant", key, (key,), lacks)


def _duration(key: str, label: str) -> Column:
    return Column(key, label, "duration", key, (key,), may_lack=True)


def _number(key: str, label: str, value: str = "", lacks: bool = False) -> Column:
    return Column(key, label, "number", value or key, (key,), lacks)


_ALL = (
    _text("title", "Pull request"),
    _text("repository", "Repository", "repository__full_name"),
    _text("author", "Author", "author_login", "author_login", lacks=True),
    _text("state", "State"),
    _text("waiting_for", "Waits for"),
    _instant("waiting_since", "Waiting since"),
    _instant("opened_at", "Opened", lacks=False),
    _instant("first_commit_at", "First commit", lacks=False),
    _instant("ready_at", "Ready"),
    _instant("first_review_at", "First review"),
    _instant("approved_at", "Approved"),
    _instant("merged_at", "Merged"),
    _instant("closed_at", "Closed"),
    _instant("updated_at", "Updated", lacks=False),
    _duration("cycle_time", "Cycle time"),
    _duration("coding_time", "Coding"),
    _duration("pickup_time", "Pickup"),
    _duration("review_time", "Review"),
    _duration("merge_time", "Merge"),
    _duration("time_to_merge", "Time to merge"),
    _instant("deployed_at", "Deployed"),
    _duration("deploy_time", "Deploy"),
    _duration("lead_time", "Lead time"),
    _text(
        *("deployment", "Deployment", "deployment__application__environment", "deployment"),
        lacks=True,
    ),
    Column(
        *("lines", "Lines", "lines", "lines"),
        fields=("additions", "deletions", "size"),
        may_lack=True,
    ),
    _number("changed_files", "Files", lacks=True),
    _number("commits", "Commits", "commit_count", lacks=True),
    _number("comments", "Comments", "comment_count", lacks=True),
    _number("reviewers", "Reviewers", "reviewer_count"),
    _number("review_rounds", "Rounds"),
    _number("commits_after_first_review", "Commits after review"),
    _text("base_branch", "Into"),
    _text("head_branch", "From"),
    Column("labels", "Labels", "text", _InOrder(KT("labels__0")), ("labels",), may_lack=True),
    _text("merged_by", "Merged by", "merged_by_login", "merged_by_login", lacks=True),
    _text("ai", "Written by", lacks=True),
    Column(
        *("ai_tools", "AI tools", "text", _InOrder(KT("ai_tools__0"))),
        fields=("ai_tools", "ai_evidence"),
        may_lack=True,
    ),
    Column(
        *("initiator", "Initiator", "text", _InOrder(F("initiator_login"))),
        fields=("initiator_login", "initiator_github_id"),
        may_lack=True,
    ),
    _instant("first_ai_review_at", "First AI review"),
    _number("ai_reviews", "AI reviews"),
    Column(
        *("human_touched", "Person took part", "text"),
        _InOrder(Cast("human_touched", TextField())),
        ("human_touched",),
        may_lack=True,
    ),
)
COLUMNS: Mapping[str, Column] = {column.key: column for column in _ALL}
# An export begins with the pull request of each line.
IDENTITY = ("repository", "number")
_LAST = ("lines", "reviewers")
_TIMES = ("cycle_time", "pickup_time", "review_time")
DEFAULTS: Mapping[str, Sequence[str]] = {
    "merged": ("title", "author", "merged_at", *_TIMES, *_LAST),
    "open": ("title", "author", "waiting_for", "waiting_since", "opened_at", *_LAST),
    "closed": ("title", "author", "closed_at", *_LAST),
    "opened": ("title", "author", "opened_at", *_TIMES, *_LAST),
    "": ("title", "author", "opened_at", *_TIMES, *_LAST),
}


def fields(columns: Sequence[str]) -> list[str]:
    """The export fields of these columns."""
    found = [field for key in columns for field in COLUMNS[key].fields]
    return list(dict.fromkeys([*IDENTITY, *found]))
