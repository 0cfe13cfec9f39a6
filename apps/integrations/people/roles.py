"""The columns that identify a person in stored activity, in one table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet

from apps.metrics.models import Commit, PRReview, PullRequest, TimelineEvent
from apps.teams.models import Team


@dataclass(frozen=True)
class Role:
    """A person's role in a model: `{name}_github_id` and `{name}_login`, and further columns.

    `has_member`: `{name}` links to a member of the team; `has_person`: `{name}_person` is the main
    account of a person with several.
    """

    model: type[Model]
    name: str
    has_member: bool = False
    has_person: bool = False
    has_type: bool = False

    @property
    def github_id(self) -> str:
        """The column of the id, which a rename does not change."""
        return f"{self.name}_github_id"

    @property
    def login(self) -> str:
        """The column of the login."""
        return f"{self.name}_login"

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns to empty so that nobody is named."""
        more = (
            *((self.name,) if self.has_member else ()),
            *((f"{self.name}_person",) if self.has_person else ()),
            *((f"{self.name}_type",) if self.has_type else ()),
        )
        return (self.github_id, self.login, *more)

    def rows(self, team: Team, accounts: Iterable[int]) -> QuerySet[Any]:
        """What these accounts did in this role."""
        theirs = {f"{self.github_id}__in": list(accounts)}
        return self.model._default_manager.filter(team=team, **theirs)


ROLES = (
    Role(PullRequest, "author", has_member=True, has_person=True, has_type=True),
    Role(PullRequest, "initiator", has_member=True, has_person=True),
    Role(PullRequest, "merged_by", has_type=True),
    Role(PRReview, "reviewer", has_member=True, has_person=True, has_type=True),
    Role(Commit, "author", has_member=True),
    Role(TimelineEvent, "actor"),
    Role(TimelineEvent, "reviewer", has_type=True),
)
LINKED = tuple(role for role in ROLES if role.has_member)
