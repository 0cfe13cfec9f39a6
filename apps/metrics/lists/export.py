"""Rows for exports: the command line, the explorer's downloads and the API alike.

Timestamps are ISO 8601 in UTC (`Z`), durations whole seconds, lists arrays in JSON and joined by
`;` in CSV.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.db.models import F, QuerySet

from apps import reading
from apps.audit.spreadsheets import for_excel, no_formula
from apps.metrics.models import (
    DeployedPullRequest,
    Deployment,
    PRReview,
    PullRequest,
    PullRequestCommit,
    TeamMember,
)
from apps.teams.models import Team

Row = dict[str, Any]

PULL_REQUEST_FIELDS: Mapping[str, str] = {
    "repository": "repository__full_name",
    "number": "number",
    "github_id": "github_id",
    "node_id": "node_id",
    "title": "title",
    "state": "state",
    "is_draft": "is_draft",
    "author_login": "author_login",
    "author_github_id": "author_github_id",
    "author_type": "author_type",
    "is_bot": "is_bot",
    "base_branch": "base_branch",
    "head_branch": "head_branch",
    "labels": "labels",
    "additions": "additions",
    "deletions": "deletions",
    "changed_files": "changed_files",
    "commits": "commit_count",
    "comments": "comment_count",
    "opened_at": "opened_at",
    "updated_at": "updated_at",
    "closed_at": "closed_at",
    "merged_at": "merged_at",
    "merged_by_login": "merged_by_login",
    "first_commit_at": "first_commit_at",
    "ready_at": "ready_at",
    "first_review_at": "first_review_at",
    "approved_at": "approved_at",
    "cycle_time": "cycle_time",
    "coding_time": "coding_time",
    "pickup_time": "pickup_time",
    "review_time": "review_time",
    "merge_time": "merge_time",
    "time_to_merge": "time_to_merge",
    "review_rounds": "review_rounds",
    "commits_after_first_review": "commits_after_first_review",
    "reviewers": "reviewer_count",
    "size": "size",
    "is_revert": "is_revert",
    "is_hotfix": "is_hotfix",
    "is_external": "is_external",
    "has_old_commit": "has_old_commit",
    "url": "url",
    "ai": "ai",
    "ai_tools": "ai_tools",
    "ai_evidence": "ai_evidence",
    "initiator_login": "initiator_login",
    "initiator_github_id": "initiator_github_id",
    "first_ai_review_at": "first_ai_review_at",
    "ai_reviews": "ai_reviews",
    "human_touched": "human_touched",
    "deployed_at": "deployed_at",
    "deploy_time": "deploy_time",
    "lead_time": "lead_time",
    "deployment": "deployment__node_id",
}
# Fields that hold a substitute for what GitHub never returned, by GitHub's names for them.
_STAND_INS: Mapping[str, str] = {
    "title": "title",
    "is_draft": "is_draft",
    "base_ref_name": "base_branch",
    "head_ref_name": "head_branch",
    "labels": "labels",
    "created_at": "opened_at",
    "updated_at": "updated_at",
}
REVIEW_FIELDS: Mapping[str, str] = {
    "repository": "pull_request__repository__full_name",
    "number": "pull_request__number",
    "github_id": "github_id",
    "reviewer_login": "reviewer_login",
    "reviewer_github_id": "reviewer_github_id",
    "state": "state",
    "submitted_at": "submitted_at",
}
COMMIT_FIELDS: Mapping[str, str] = {
    "repository": "pull_request__repository__full_name",
    "number": "pull_request__number",
    "sha": "commit__sha",
    "author_login": "commit__author_login",
    "authored_at": "commit__authored_at",
    "committed_at": "commit__committed_at",
    "additions": "commit__additions",
    "deletions": "commit__deletions",
    "message_headline": "commit__message_headline",
}
MEMBER_FIELDS: Mapping[str, str] = {
    "github_id": "github_id",
    "login": "github_username",
    "name": "name",
    "email": "email",
    "role": "role",
    "is_active": "is_active",
    "is_bot": "is_bot",
}

DEPLOYMENT_FIELDS: Mapping[str, str] = {
    "repository": "application__repository__full_name",
    "environment": "application__environment",
    "id": "node_id",
    "source": "application__source",
    "sha": "sha",
    "url": "url",
    "created_at": "requested_at",
    "deployed_at": "deployed_at",
    "is_repeat": "is_repeat",
    "is_rollback": "is_rollback",
    "is_restore": "is_restore",
    "is_failed": "is_failed",
    "failed_by": "failed_by",
    "recovered_at": "recovered_at",
    "recovery_time": "recovery_time",
    "state": "state",
}
DEPLOYMENT_NAMES = (*list(DEPLOYMENT_FIELDS)[:-1], "pull_requests", "state")
AT_ONCE = 500


def pull_requests(team: Team, repository: str | None = None) -> Iterator[Row]:
    """The team's pull requests, by repository and number."""
    found = PullRequest.objects.for_team(team).order_by("repository__full_name", "number")
    if repository:
        found = found.filter(repository__full_name__iexact=repository)
    return pull_request_rows(found)


def pull_request_rows(
    found: QuerySet[PullRequest], fields: Mapping[str, str] = PULL_REQUEST_FIELDS
) -> Iterator[Row]:
    """Export rows of any selection of pull requests, in its order; null for unknown values."""
    for row in rows(found, {**fields, "missing_fields": "missing_fields"}):
        missing_fields = row.pop("missing_fields")
        stand_ins = {
            _STAND_INS.get(name) for name, is_kept in missing_fields.items() if not is_kept
        }
        yield {name: None if name in stand_ins else value for name, value in row.items()}


def reviews(team: Team, repository: str | None = None) -> Iterator[Row]:
    """Every submitted review, by anyone."""
    found = PRReview.objects.for_team(team).order_by(
        "pull_request__repository__full_name", "pull_request__number", "submitted_at", "github_id"
    )
    if repository:
        found = found.filter(pull_request__repository__full_name__iexact=repository)
    return rows(found, REVIEW_FIELDS)


def commits(team: Team, repository: str | None = None) -> Iterator[Row]:
    """The commits of each pull request, in GitHub's order."""
    found = PullRequestCommit.objects.filter(pull_request__team=team).order_by(
        "pull_request__repository__full_name", "pull_request__number", "position"
    )
    if repository:
        found = found.filter(pull_request__repository__full_name__iexact=repository)
    return rows(found, COMMIT_FIELDS)


def members(team: Team, repository: str | None = None) -> Iterator[Row]:
    """The people and bots of the team's organisations, whatever the repository."""
    return rows(TeamMember.objects.for_team(team).order_by("github_id"), MEMBER_FIELDS)


def deployments(team: Team, repository: str | None = None) -> Iterator[Row]:
    """All deployments of the applications that count, whatever their outcome."""
    found = Deployment.objects.for_team(team).filter(
        application__is_current=True, is_left_out=False
    )
    found = found.order_by(
        *("application__repository__full_name", "application__environment"),
        *(F("deployed_at").asc(nulls_last=True), "requested_at", "node_id"),
    )
    if repository:
        found = found.filter(application__repository__full_name__iexact=repository)
    return deployment_rows(found)


def deployment_rows(found: QuerySet[Deployment]) -> Iterator[Row]:
    """Export rows of any selection of deployments, in its order, with each one's pull requests."""
    keyed = rows(found, {**DEPLOYMENT_FIELDS, "pk": "pk"})
    while some := list(islice(keyed, AT_ONCE)):
        links = DeployedPullRequest.objects.filter(deployment__in=[row["pk"] for row in some])
        numbers: dict[int, list[int]] = {}
        for key, number in links.values_list("deployment", "pull_request__number"):
            numbers.setdefault(key, []).append(number)
        for row in some:
            row["pull_requests"] = sorted(numbers.get(row.pop("pk"), ()))
            row["failed_by"] = row["failed_by"] or None
            yield {name: row[name] for name in DEPLOYMENT_NAMES}


EXPORTS: Mapping[str, tuple[Callable[[Team, str | None], Iterator[Row]], Iterable[str]]] = {
    "pull-requests": (pull_requests, PULL_REQUEST_FIELDS),
    "reviews": (reviews, REVIEW_FIELDS),
    "commits": (commits, COMMIT_FIELDS),
    "members": (members, MEMBER_FIELDS),
    "deployments": (deployments, DEPLOYMENT_NAMES),
}


def export(
    kind: str, team: Team, repository: str | None = None, file_format: str = "jsonl"
) -> Iterator[str]:
    """The lines, including line ends, of one of `EXPORTS` as `jsonl` or `csv`."""
    make_rows, fields = EXPORTS[kind]
    rows = make_rows(team, repository)
    return csv_lines(fields, rows) if file_format == "csv" else json_lines(rows)


def file_lines(form: str, fields: Iterable[str], rows: Iterable[Row]) -> Iterator[str]:
    """The lines of a file in one of the formats that pages offer."""
    if form == "jsonl":
        return json_lines(rows)
    lines = csv_lines(fields, rows)
    return for_excel(lines) if form == "excel" else lines


def json_lines(rows: Iterable[Row]) -> Iterator[str]:
    """A JSON object a line."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


def csv_lines(fields: Iterable[str], rows: Iterable[Row]) -> Iterator[str]:
    """CSV with a header, and with no cell that a spreadsheet takes for a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    names = list(fields)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in names])
        yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def rows(found: QuerySet[Any], fields: Mapping[str, str]) -> Iterator[Row]:
    """A dict for each row, with `fields` by name."""
    names = list(fields)
    for values in reading.in_order(found, *fields.values()):
        yield dict(zip(names, map(_plain, values), strict=True))


def _plain(value: Any) -> Any:
    return instant(value) if isinstance(value, datetime) else value


def instant(value: datetime) -> str:
    """A timestamp as ISO 8601 in UTC, with `Z`."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        value = ";".join(map(str, value))
    return no_formula(value) if isinstance(value, str) else value
