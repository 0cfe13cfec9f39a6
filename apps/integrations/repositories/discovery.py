"""Fetches the people and repositories of connected organisations, in the background.

`members_due_at` says what is due; people come first, so that authors are never empty. Long lists
take several turns, and a failure that may pass loses nothing of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.integrations.access import problems, token_refresh
from apps.integrations.access.conversation import with_github
from apps.integrations.github import apps, people, pull_requests
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    CursorError,
    GitHubError,
    NotFoundError,
    OrganizationRestrictedError,
    ScopeMissingError,
)
from apps.integrations.github.people import ListedRepository, Part
from apps.integrations.models import (
    AvailableRepository,
    GitHubIntegration,
    IntegrationCredential,
    TrackedRepository,
)
from apps.integrations.nudge import nudge
from apps.integrations.repositories import estimate, people_lists, tracking
from apps.integrations.repositories.places import Place, Step, is_over, place_of
from apps.integrations.storing import ingest
from apps.integrations.work import leases
from apps.integrations.work.chores import Chore
from apps.integrations.work.policy import Verdict
from apps.metrics.models import Repository
from apps.teams.changes import lock_team
from apps.teams.models import Team

log = logging.getLogger(__name__)

CHORE = "discovery"
TURN = timedelta(seconds=10)
EVERY = timedelta(days=1)
SOON = timedelta(minutes=1)
PATIENCE = 3  # failures in a row of a list that the others do not wait for
LOOK_UP_AT_ONCE = 20
RENAMED = (
    "The new one is found within minutes where a repository is tracked; else connect it again."
)


@dataclass(frozen=True)
class Summary:
    """The status of the lists of people and repositories over the connected organisations."""

    integrations: list[GitHubIntegration]

    @property
    def is_running(self) -> bool:
        """Whether one of them is being fetched or about to be."""
        return any(is_running(integration) for integration in self.integrations)

    @property
    def is_listing(self) -> bool:
        """Whether a first list of repositories is still pending."""
        return any(
            integration.repositories_synced_at is None and is_running(integration)
            for integration in self.integrations
        )

    @property
    def problems(self) -> list[GitHubIntegration]:
        """Those with a known problem."""
        return [integration for integration in self.integrations if integration.discovery_error]

    @property
    def people_at(self) -> datetime | None:
        """The oldest fetch of a list of people; None before the first."""
        return min(filter(None, (i.members_synced_at for i in self.integrations)), default=None)

    @property
    def repositories_at(self) -> datetime | None:
        """The same for repositories."""
        known = filter(None, (i.repositories_synced_at for i in self.integrations))
        return min(known, default=None)


def request(integration: GitHubIntegration) -> None:
    """Requests a new fetch of people and repositories, soon and in the background."""
    leases.forgive(CHORE, [integration.pk])
    token_refresh.try_again(integration.credential_id)
    GitHubIntegration.objects.filter(pk=integration.pk).update(
        members_due_at=timezone.now(), **_FROM_THE_START
    )
    transaction.on_commit(nudge)


_FROM_THE_START: dict[str, Any] = {"listing_since": None, "listing_next": ""}


def _due(now: datetime) -> QuerySet[GitHubIntegration]:
    """The organisations due to be fetched."""
    found: QuerySet[GitHubIntegration] = GitHubIntegration.objects.filter(
        disconnected_at=None, members_due_at__lte=now
    ).exclude(credential__kind=IntegrationCredential.Kind.ENVIRONMENT)
    return found.select_related("team", "credential").order_by("members_due_at")


def is_running(integration: GitHubIntegration) -> bool:
    """Whether people and repositories are being fetched or about to be."""
    due_at = integration.members_due_at
    return bool(due_at and due_at <= timezone.now())


def look_up(team: Team, names: Sequence[str]) -> None:
    """Adds repositories that the list lacks, since it is a day old or still being fetched.

    Names that GitHub does not show, or that belong to no connected account, stay unlisted.
    """
    connected = GitHubIntegration.objects.for_team(team).filter(
        disconnected_at=None, credential__rejected_at=None
    )
    owners = {row.organization_slug.lower(): row for row in connected.select_related("credential")}
    for name in names[:LOOK_UP_AT_ONCE]:
        owner, slash, short = name.lower().partition("/")
        if slash and owner in owners:
            _look_up(owners[owner], short)


def _look_up(integration: GitHubIntegration, name: str) -> None:
    variables = {"owner": integration.organization_slug, "name": name}
    try:
        with with_github(integration.credential) as github:
            reply = github.graphql("repository", variables)
        found = pull_requests.repository_of(reply)
    except GitHubError as error:
        log.info("%s/%s could not be looked up: %s", integration, name, error)
        return
    # An outdated name redirects to the repository's current place.
    owner = found.owner.database_id if found and found.owner else None
    if found and found.database_id and owner == integration.organization_id:
        _list(integration, [people.ListedRepository.of(found)])


def _look(integration: GitHubIntegration, now: datetime) -> None:
    """Fetches people, then repositories, for one turn; the next one continues."""
    with with_github(integration.credential) as github:
        if integration.listing_since is None:
            _refuse_namesake(integration, github)
            integration.listing_since = timezone.now()
            integration.listing_next = Place().as_text()
        place = place_of(integration)
        try:
            is_done = _read_on(integration, github, place, now + TURN)
        finally:
            # If it failed, it is stored with the failure.
            integration.listing_next = place.as_text()
        problem = " ".join(place.left_out)
        if not is_done:
            _keep_place(integration, problem)
            return
    tracking.track_new(integration)
    _finish(integration, problem, due_at=timezone.now() + EVERY)


def _read_on(integration: GitHubIntegration, github: GitHub, place: Place, ends: datetime) -> bool:
    """Reads the lists from their place on; returns whether they are complete."""
    for step in Step:
        if place.step is step:
            if not _READ[step](integration, github, place, ends):
                return False
            place.go_on()
    return True


def _refuse_namesake(integration: GitHubIntegration, github: GitHub) -> None:
    """Raises NotFoundError if the account was renamed and another now has its name.

    The new name is found by the ids of tracked repositories: see `poll`.
    """
    login = integration.organization_slug
    named = people.organization if integration.account_type == "Organization" else people.user
    try:
        found = named(github, login).id
    except (ScopeMissingError, NotFoundError):
        return  # If no account has the name, the lists will say so.
    if found == integration.organization_id:
        return
    raise NotFoundError(f"{login} is no longer the name of this account on GitHub.", advice=RENAMED)


def _repositories(
    integration: GitHubIntegration, github: GitHub, place: Place, ends: datetime
) -> bool:
    while True:
        page, following = _page_of_repositories(integration, github, place.next)
        if not page.is_complete:
            # Any known repository may be among those left out.
            integration.available_repositories.update(listed_at=timezone.now())
        _list(integration, page.items)
        place.next = following
        if not following:
            break
        if is_over(ends):
            return False
    tracked = TrackedRepository.objects.filter(integration=integration).values("github_repo_id")
    gone = AvailableRepository.objects.filter(
        integration=integration, listed_at__lt=integration.listing_since
    )
    gone.exclude(github_repo_id__in=tracked).delete()
    integration.repositories_synced_at = integration.listing_since
    integration.save(update_fields=["repositories_synced_at"])
    return True


def _counts(integration: GitHubIntegration, github: GitHub, place: Place, ends: datetime) -> bool:
    try:
        while counted := estimate.count_pull_requests(github, integration, int(place.next or 0)):
            place.next = str(counted)
            if is_over(ends):
                return False
    except GitHubError as error:
        # Only the estimate needs the count: the list is usable without.
        log.info("The pull requests of %s could not be counted: %s", integration, error)
    return True


_READ: Mapping[Step, Callable[[GitHubIntegration, GitHub, Place, datetime], bool]] = {
    Step.MEMBERS: people_lists.members,
    Step.GROUPS: people_lists.groups,
    Step.REPOSITORIES: _repositories,
    Step.COUNTS: _counts,
}


def _page_of_repositories(
    integration: GitHubIntegration, github: GitHub, following: str
) -> tuple[Part[ListedRepository], str]:
    if integration.credential.installation_id:
        return apps.repositories(github, following)
    owner, kind = integration.organization_slug, integration.account_type
    return people.repositories(github, owner, kind, following)


@transaction.atomic
def _list(integration: GitHubIntegration, page: Sequence[ListedRepository]) -> None:
    lock_team(integration.team_id)
    # What GitHub could not return this time stays.
    ids = [one.id for one in page if not (one.default_branch and one.pushed_at)]
    rows = AvailableRepository.objects.filter(integration=integration, github_repo_id__in=ids)
    known = {row.github_repo_id: row for row in rows}
    AvailableRepository.objects.bulk_create(
        [_available(integration, listed, known.get(listed.id)) for listed in page],
        update_conflicts=True,
        unique_fields=["integration", "github_repo_id"],
        update_fields=[
            *("node_id", "full_name", "is_private", "is_archived", "is_fork"),
            *("default_branch", "pushed_at", "listed_at", "modified_at"),
        ],
    )
    _rename(integration, page)


def _available(
    integration: GitHubIntegration, listed: ListedRepository, known: AvailableRepository | None
) -> AvailableRepository:
    now = timezone.now()
    return AvailableRepository(
        team=integration.team,
        integration=integration,
        github_repo_id=listed.id,
        node_id=listed.node_id,
        full_name=listed.full_name,
        is_private=listed.private,
        is_archived=listed.archived,
        is_fork=listed.fork,
        default_branch=listed.default_branch or (known.default_branch if known else ""),
        pushed_at=listed.pushed_at or (known.pushed_at if known else None),
        listed_at=now,
        modified_at=now,
    )


def _rename(integration: GitHubIntegration, page: Sequence[ListedRepository]) -> None:
    names = {listed.id: listed.full_name for listed in page}
    for model in (TrackedRepository, Repository):
        rows = model._default_manager.filter(team=integration.team, github_repo_id__in=names)
        changed: list[Any] = [row for row in rows if row.full_name != names[row.github_repo_id]]
        for row in changed:
            row.full_name = names[row.github_repo_id]
        model._default_manager.bulk_update(changed, ["full_name"])
        if changed and model is Repository:
            ingest.renamed(integration.team)


def _store_error(integration: GitHubIntegration, error: GitHubError, verdict: Verdict) -> None:
    # Checked daily: on GitHub, people may fix what only a person can fix.
    due_at = verdict.again_at or timezone.now() + EVERY
    place = place_of(integration)
    if error.is_heavy and verdict.failures >= PATIENCE and place.step in people_lists.TOO_HEAVY:
        place.note(people_lists.TOO_HEAVY[place.step])
        place.go_on()
        integration.listing_next = place.as_text()
    if isinstance(error, CursorError):
        due_at = timezone.now() + SOON
    _finish(integration, _said(integration, error), due_at=due_at, goes_on=error.retryable)


def _said(integration: GitHubIntegration, error: GitHubError) -> str:
    """What happened, what to do, and where."""
    if isinstance(error, OrganizationRestrictedError):
        problem = problems.restricted(integration.organization_slug)
        return f"{problem} {problem.url}"
    return f"{error} {error.url}".strip()


def _finish(
    integration: GitHubIntegration, problem: str, due_at: datetime, *, goes_on: bool = False
) -> None:
    """Sets the next look, which begins anew unless it `goes_on`."""
    place = _place_columns(integration) if goes_on else _FROM_THE_START
    if not _as_read(integration).update(discovery_error=problem, members_due_at=due_at, **place):
        nudge()


def _keep_place(integration: GitHubIntegration, problem: str) -> None:
    _as_read(integration).update(discovery_error=problem, **_place_columns(integration))


def _place_columns(integration: GitHubIntegration) -> dict[str, Any]:
    since, following = integration.listing_since, integration.listing_next
    return {"listing_since": since, "listing_next": following}


def _as_read(integration: GitHubIntegration) -> QuerySet[GitHubIntegration]:
    """Its row, unless there is a newer request or a connection with another token."""
    rows: QuerySet[GitHubIntegration] = GitHubIntegration.objects.filter(
        pk=integration.pk, members_due_at=integration.members_due_at
    )
    return rows


DISCOVERY = Chore(CHORE, _due, _look, credential="credential", store_error=_store_error)
