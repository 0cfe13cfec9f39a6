"""A team's rows without their keys, so that two teams' can be compared."""

from __future__ import annotations

import json
import re
from typing import Any

from apps.metrics.models import (
    Commit,
    DeployedPullRequest,
    Deployment,
    PRReview,
    PullRequest,
    PullRequestCommit,
    TimelineEvent,
)
from apps.teams.models import Team

_HASHED = re.compile(r"[0-9a-f]{32}(?=@hashed\.invalid)|(?<=trailer: )[0-9a-f]{32}")
Rows = dict[tuple[str, ...], dict[str, Any]]
OWN = {
    *("id", "team", "created_at", "modified_at", "fetched_at", "stored_revision"),
    "look_again_at",
}
KEYS = {
    PullRequest: ("repository__github_repo_id", "number"),
    PRReview: ("pull_request__github_id", "node_id"),
    Commit: ("repository__github_repo_id", "sha"),
    PullRequestCommit: ("pull_request__github_id", "commit__sha"),
    TimelineEvent: ("pull_request__github_id", "node_id"),
    Deployment: ("application__repository__github_repo_id", "node_id"),
    DeployedPullRequest: ("deployment__node_id", "pull_request__github_id"),
}
LINKED = ("pull_request", "commit", "repository", "application")
AS = {
    "reverts": "reverts__github_id",
    "deployment": "deployment__node_id",
    "took_out": "took_out__node_id",
    "mended_by": "mended_by__node_id",
    "evidence": "evidence__github_id",
}
BELOW = {PullRequestCommit: "pull_request__team", DeployedPullRequest: "deployment__team"}


def rows_of(team: Team) -> Rows:
    """Every column of every row, by table and GitHub's own keys."""
    found: Rows = {}
    for model, keys in KEYS.items():
        names = [f.name for f in model._meta.concrete_fields if f.name not in {*OWN, *LINKED}]
        columns = [AS.get(name, name) for name in names]
        mine = {BELOW.get(model, "team"): team}
        for row in model._default_manager.filter(**mine).values(*keys, *columns):
            if "marks" in row:
                # Hashes of addresses and trailers are keyed: no two teams have the same.
                row["marks"] = _HASHED.sub("", json.dumps(row["marks"]))
            found[(model.__name__, *(str(row[key]) for key in keys))] = row
    return found
