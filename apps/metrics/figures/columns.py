"""The columns of a team's arrays: numbers only, one line for each column.

To add a column, add a line here; existing files are then rebuilt automatically.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import BigIntegerField, Case, F, Func, IntegerField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce
from django.db.models.sql.compiler import SQLCompiler

from apps.metrics.filters import accounts
from apps.metrics.models import PRReview, PullRequest, TimelineEvent

NONE = -(2**31)
"""Stands for null: less than any value of a row."""
STATES = tuple(PullRequest.State.values)
SIZES = tuple(PullRequest.Size.values)
AIS = ("none", "described", "assisted", "agent")
WAITING = ("", "draft", "review", "author", "merge")
REVIEW_STATES = tuple(PRReview.State.values)
TURNS = (TimelineEvent.Kind.CONVERT_TO_DRAFT, TimelineEvent.Kind.REOPENED)
KINDS = (
    TimelineEvent.Kind.READY_FOR_REVIEW,
    *TURNS,
    TimelineEvent.Kind.CLOSED,
    TimelineEvent.Kind.MERGED,
)


class Seconds(Func):
    """A timestamp as whole seconds since 1970; GitHub's timestamps have no fractions."""

    output_field = BigIntegerField()

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **_: Any) -> Any:
        return self.as_sql(
            compiler,
            connection,
            template="CAST(STRFTIME('%%%%s', %(expressions)s) AS INTEGER)",
        )

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **_: Any) -> Any:
        template = "FLOOR(EXTRACT(EPOCH FROM %(expressions)s))::bigint"
        return self.as_sql(compiler, connection, template=template)


@dataclass(frozen=True)
class Column:
    """A number for each row; `is_text` if it is the code of a text: see `texts`."""

    name: str
    type: Any
    source: Combinable
    is_text: bool = False


def _number(name: str, source: Any = None, kind: Any = np.int32) -> Column:
    return Column(name, np.dtype(kind), Coalesce(source or F(name), Value(NONE)))


def _key(name: str, source: Any = None) -> Column:
    number = Cast(source or F(name), BigIntegerField())
    return _number(name, number, np.int64)


def _instant(name: str) -> Column:
    return _number(name, Seconds(F(name)), np.int64)


def _flag(name: str, source: Combinable | None = None) -> Column:
    return Column(name, np.dtype(np.int8), Cast(source or F(name), IntegerField()))


def _one_of(name: str, values: Sequence[str]) -> Column:
    """The position of a text in a list of possible ones."""
    places = [When(**{name: value}, then=Value(place)) for place, value in enumerate(values)]
    found = Case(*places, default=Value(-1), output_field=IntegerField())
    return Column(name, np.dtype(np.int8), found)


def _text(name: str, source: Combinable | None = None) -> Column:
    return Column(name, np.dtype(np.int64), source or F(name), is_text=True)


PULL_REQUESTS = (
    _key("id"),
    _key("repository_id"),
    # Who counts as the author: for an agent's work, its initiator.
    _key("author_id", accounts.counted(F("author_id"), F("initiator_id"))),
    _key("author_github_id", accounts.counted(F("author_github_id"), F("initiator_github_id"))),
    _key("author_account", accounts.author()),
    _text("author_login", accounts.counted(F("author_login"), F("initiator_login"))),
    _text("base_branch"),
    _text("labels"),
    _text("ai_tools"),
    _one_of("state", STATES),
    _one_of("ai", AIS),
    _flag("is_read", Case(When(marks__isnull=False, then=Value(1)), default=Value(0))),
    _one_of("waiting_for", WAITING),
    _one_of("size", SIZES),
    _instant("opened_at"),
    _instant("first_commit_at"),
    _instant("ready_at"),
    _instant("first_review_at"),
    _instant("approved_at"),
    _instant("merged_at"),
    _instant("closed_at"),
    _instant("waiting_since"),
    _key("merged_by", F("merged_by_github_id")),
    _instant("updated_at"),
    _number("cycle_time"),
    _number("coding_time"),
    _number("pickup_time"),
    _number("review_time"),
    _number("merge_time"),
    _number("time_to_merge"),
    _instant("deployed_at"),
    _number("deploy_time", None, np.int64),
    _number("lead_time", None, np.int64),
    _number("lines", F("additions") + F("deletions"), np.int64),
    _number("changed_files"),
    _number("commit_count"),
    _number("comment_count"),
    _number("reviewer_count"),
    _number("ai_reviews"),
    _instant("first_ai_review_at"),
    _key("reverts_id"),
    _number("review_rounds"),
    _number("commits_after_first_review"),
    _flag("is_bot"),
    _flag("is_external"),
    _flag("is_excluded"),
    _flag("is_revert"),
    _flag("is_hotfix"),
    _flag("has_old_commit"),
    _flag("was_live_before"),
)
# Reviews that count; `row` is the position of their pull request.
REVIEWS = (
    _key("id"),
    _key("pull_request_id"),
    _key("reviewer_id"),
    _key("account", accounts.reviewer()),
    _one_of("state", REVIEW_STATES),
    _instant("submitted_at"),
    _number("response_time"),
    _number("answer_time"),
)
# Reviews by AI; `account` is the reviewer's own.
AI_REVIEWS = (
    _key("id"),
    _key("pull_request_id"),
    _key("account", F("reviewer_github_id")),
    _instant("submitted_at"),
)
# Pull requests that were reopened or redrafted, which are few.
TURNED = (
    _key("id"),
    _key("pull_request_id"),
    _one_of("kind", KINDS),
    _instant("at"),
)
