"""What was delivered, by whom, and what members want to see of it.

Fields, constraints and scoping; what is derived from them belongs to `calculations` and `figures`.
"""

from __future__ import annotations

from apps.metrics.models.chosen import Digest, Note, SavedView
from apps.metrics.models.delivered import PullRequest, Repository
from apps.metrics.models.people import Group, SamePerson, TeamMember
from apps.metrics.models.production import (
    Application,
    BranchCommit,
    BroughtCommit,
    DeployedPullRequest,
    Deployment,
    Production,
    Source,
)
from apps.metrics.models.within import Commit, PRReview, PullRequestCommit, TimelineEvent

__all__ = [
    "Application",
    "BranchCommit",
    "BroughtCommit",
    "Commit",
    "DeployedPullRequest",
    "Deployment",
    "Digest",
    "Group",
    "Note",
    "PRReview",
    "Production",
    "PullRequest",
    "PullRequestCommit",
    "Repository",
    "SamePerson",
    "SavedView",
    "Source",
    "TeamMember",
    "TimelineEvent",
]
