"""Events in the world, as reported to listeners."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .world import (
    Account,
    GitHubApp,
    Installation,
    Organization,
    PullRequest,
    Repository,
    Review,
)


@dataclass(frozen=True)
class Happening:
    """An event in the world that hooks may subscribe to.

    `event` and `action` are those of a webhook, such as `pull_request` and `closed`. `extra` holds
    what only this event's payload has, such as `changes` or `requested_reviewer`.
    """

    event: str
    action: str
    repository: Repository | None = None
    pull_request: PullRequest | None = None
    review: Review | None = None
    sender: Account | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    organization: Organization | None = None
    app: GitHubApp | None = None  # only its hook receives it
    installation: Installation | None = None
