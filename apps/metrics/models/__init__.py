"""What was delivered, by whom, and what members want to see of it.

Fields, constraints and scoping; what follows from them belongs into `calculations` and `figures`.
"""

from __future__ import annotations

from apps.metrics.models.chosen import Digest, SavedView
from apps.metrics.models.delivered import (
    Commit,
    PRReview,
    PullRequest,
    PullRequestCommit,
    Repository,
    TimelineEvent,
)
from apps.metrics.models.people import Group, SamePerson, TeamMember

__all__ = [
    "Commit",
    "Digest",
    "Group",
    "PRReview",
    "PullRequest",
    "PullRequestCommit",
    "Repository",
    "SamePerson",
    "SavedView",
    "TeamMember",
    "TimelineEvent",
]
