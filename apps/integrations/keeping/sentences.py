"""Sentences about stored data: what there is, for how long, and what was removed."""

from __future__ import annotations

from apps.teams.models import Team
from apps.teams.wording import counted


def of_team(pull_requests: int, repositories: int, people: int) -> str:
    """What a team's archive contains."""
    return (
        f"{counted(pull_requests, 'pull request')} of "
        f"{counted(repositories, 'repository', 'repositories')}, "
        f"{counted(people, 'person', 'people')}, and what the team set up."
    )


def of_person(pull_requests: int, reviews: int, accounts: int) -> str:
    """What a person's archive contains."""
    several = f", by {accounts} accounts" if accounts > 1 else ""
    rows = f"{counted(pull_requests, 'pull request')} and {counted(reviews, 'review')}{several}"
    return f"{rows}, with their commits and events."


def retention(team: Team) -> str:
    """How long the team's data is stored."""
    pull_requests = "Pull requests are kept for good."
    if team.keep_days:
        days = f"{team.keep_days:,} days"
        pull_requests = f"Closed pull requests are deleted after {days} without activity."
    return f"{pull_requests} The audit log is kept for {team.audit_days:,} days."


def forgotten(accounts: int) -> str:
    """The number of people whose identity was removed."""
    if not accounts:
        return ""
    removed = counted(accounts, "account was", "accounts were")
    return f"{removed} removed in this way, and will not be stored again."
