"""A team's rows without their keys, so that two teams' can be compared."""

from __future__ import annotations

from typing import Any

from apps.metrics.models import (
    Commit,
    PRReview,
    PullRequest,
    PullRequestCommit,
    TimelineEvent,
)
from apps.teams.models import Team

Rows = dict[tuple[str, ...], dict[str, Any]]
OWN = {"id", "team", "created_at", "modified_at", "fetched_at", "stored_revision"}
KEYS = {
    PullRequest: ("repository__github_repo_id", "number"),
    PRReview: ("pull_request__github_id", "node_id"),
    Commit: ("repository__github_repo_id", "sha"),
    PullRequestCommit: ("pull_request__github_id", "commit__sha"),
    TimelineEvent: ("pull_request__github_id", "node_id"),
}
LINKED = ("pull_request", "commit", "repository")
AS = {"reverts": "reverts__github_id"}


def rows_of(team: Team) -> Rows:
    """Every column of every row, by table and GitHub's own keys."""
    found: Rows = {}
    for model, keys in KEYS.items():
        names = [f.name for f in model._meta.concrete_fields if f.name not in {*OWN, *LINKED}]
        columns = [AS.get(name, name) for name in names]
        mine = {"pull_request__team": team} if model is PullRequestCommit else {"team": team}
        for row in model._default_manager.filter(**mine).values(*keys, *columns):
            found[(model.__name__, *(str(row[key]) for key in keys))] = row
    return found
