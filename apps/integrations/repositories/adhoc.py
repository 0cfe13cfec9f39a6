"""Repositories synced from the command line, with GITHUB_TOKEN and without an account."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

from apps.integrations.access.conversation import with_github
from apps.integrations.github import limits, pull_requests, records
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    GitHubError,
    NotFoundError,
    UnavailableError,
    WaitError,
)
from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
    SyncRun,
    SyncStatus,
    TrackedRepository,
)
from apps.integrations.repositories import people_lists
from apps.integrations.storing import ingest
from apps.integrations.sync import counts, stale
from apps.metrics.models import PullRequest
from apps.teams.models import Team

ATTEMPTS = 4

Note = Callable[[str], None]
T = TypeVar("T")


def team(slug: str) -> Team:
    """The team with this slug, created if missing."""
    return Team.objects.get_or_create(slug=slug, defaults={"name": slug.replace("-", " ").title()})[
        0
    ]


def track(team: Team, full_name: str, note: Note) -> TrackedRepository:
    """Looks a repository up and tracks it; `note` is called with what is waited for."""
    credential = _credential(team)
    found = _look_up(credential, full_name, note)
    integration = _integration(team, credential, found)
    repository = ingest.repository(team, found)
    tracked, _ = TrackedRepository.objects.update_or_create(
        team=team,
        github_repo_id=found.database_id,
        defaults={
            "integration": integration,
            "repository": repository,
            "full_name": found.name_with_owner,
            "is_active": True,
        },
    )
    return tracked


def next_due(run: SyncRun) -> TrackedRepository | None:
    """A run's next due repository; None when the run has ended."""
    run.refresh_from_db()
    if run.finished_at:
        return None
    rows = TrackedRepository.objects.filter(run=run, is_active=True, due_at__isnull=False)
    return rows.order_by("due_at").first()


def problems(tracked: TrackedRepository) -> Iterator[str]:
    """Why a repository's data is incomplete, a sentence each."""
    if tracked.status != SyncStatus.COMPLETE:
        yield f"{tracked.full_name} is incomplete. {tracked.error}"
    for row in stale.set_aside_of(tracked):
        yield f"{tracked.full_name} #{row.number} was set aside: {row.error}"


def remarks(tracked: TrackedRepository, since: datetime | None) -> Iterator[str]:
    """Remarks on complete data: since when it goes back, and what GitHub did not report."""
    if since and tracked.status == SyncStatus.COMPLETE:
        yield f"{tracked.full_name} is complete since {since:%Y-%m-%d}; what is older was left out."
    if remark := counts.remark(tracked.unshown):
        yield f"{tracked.full_name}: {remark}"
    count = (
        PullRequest.objects.filter(repository=tracked.repository).exclude(missing_fields={}).count()
    )
    if count:
        noun = "pull request" if count == 1 else "pull requests"
        yield (
            f"GitHub did not return all data of {count} {noun} of {tracked.full_name}; "
            "missing values are empty, and their pages name them."
        )


def _credential(team: Team) -> IntegrationCredential:
    return IntegrationCredential.objects.update_or_create(
        team=team,
        kind=IntegrationCredential.Kind.ENVIRONMENT,
        defaults={"provider": "github", "rejected_at": None},
    )[0]


def _look_up(credential: IntegrationCredential, full_name: str, note: Note) -> records.Repository:
    owner, _, name = full_name.partition("/")
    variables = {"owner": owner, "name": name}
    try:
        reply = _patiently(credential, lambda github: github.graphql("repository", variables), note)
        found = pull_requests.repository_of(reply)
    except NotFoundError:
        found = None
    if found is None:
        raise NotFoundError(f"GitHub does not find {full_name}, or GITHUB_TOKEN may not see it.")
    if not found.database_id:
        raise UnavailableError(f"GitHub could not tell which repository {full_name} is.")
    return found


def _patiently(credential: IntegrationCredential, ask: Callable[[GitHub], T], note: Note) -> T:
    """GitHub's response, with retries where they help; a user at a terminal can wait."""
    attempt = 1
    while True:
        try:
            with with_github(credential) as github:
                return ask(github)
        except GitHubError as error:
            if not error.retryable or attempt == ATTEMPTS:
                raise
            time.sleep(pause(error, attempt, note))
            attempt += 1


def pause(error: GitHubError, attempt: int, note: Note) -> float:
    """Seconds until a retry is useful; a rate limit is announced, since it can take an hour."""
    if not isinstance(error, WaitError):
        return limits.backoff(attempt).total_seconds()
    note(f"{error.message} Waiting until {error.until.astimezone():%H:%M:%S}.")
    return max(0.0, (error.until - datetime.now(UTC)).total_seconds())


def _integration(
    team: Team, credential: IntegrationCredential, found: records.Repository
) -> GitHubIntegration:
    """The account that owns the repository; an existing connection of the team keeps its token."""
    owner = found.owner
    login = (owner and owner.login) or found.name_with_owner.partition("/")[0]
    integration: GitHubIntegration
    integration, _ = GitHubIntegration.objects.get_or_create(
        team=team,
        organization_id=(owner and owner.database_id) or 0,
        defaults={
            "credential": credential,
            "organization_slug": login,
            "account_type": owner.typename if owner else "User",
        },
    )
    if owner and integration.organization_slug != login:
        integration.organization_slug = login
        integration.save(update_fields=["organization_slug"])
    return integration


def find_people(integration: GitHubIntegration, note: Note) -> None:
    """Reads an account's people; `note` is called with what the token does not allow."""
    try:
        left_out = _patiently(
            integration.credential,
            lambda github: people_lists.read_members(github, integration),
            note,
        )
        if left_out:
            note(left_out)
    except GitHubError as error:
        note(
            f"The members of {integration.organization_slug} cannot be read, so everyone counts as "
            f"external. {error.message}"
        )
