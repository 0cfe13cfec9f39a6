"""Ends a team's connection to GitHub, and shows beforehand what that does.

Locally everything ends at once, in one transaction. The requests to GitHub follow, at once if it
responds, else later (`farewell`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.audit.record import record
from apps.integrations.connection import farewell
from apps.integrations.connection.connecting import Kind, connected
from apps.integrations.hooks import organization_hooks, repository_hooks
from apps.integrations.keeping import erasure
from apps.integrations.models import (
    Farewell,
    GitHubIntegration,
    IntegrationCredential,
    SyncStatus,
    TrackedRepository,
)
from apps.integrations.nudge import nudge
from apps.integrations.repositories import tracking
from apps.metrics.models import PullRequest
from apps.teams.models import Team


@dataclass(frozen=True)
class Plan:
    """What disconnecting will do."""

    ending: Sequence[GitHubIntegration]
    hooks: Sequence[str]
    """Names of the repositories whose hook is deleted on GitHub."""
    shared_hooks: Sequence[str]
    """Repositories whose hook stays, because another team uses it."""
    wiped: Sequence[IntegrationCredential]
    kept: Sequence[IntegrationCredential]
    """Credentials that stay, because another connection of the team uses them."""
    pull_requests: int

    @property
    def revoked(self) -> list[IntegrationCredential]:
        """Credentials that are revoked at GitHub."""
        return [one for one in self.wiped if one.kind == Kind.OAUTH and one.access_token]

    @property
    def pasted(self) -> list[IntegrationCredential]:
        """Pasted tokens, which only their owner can delete on GitHub."""
        return [one for one in self.wiped if one.kind == Kind.TOKEN]


@dataclass(frozen=True)
class Outcome:
    """What was done, and which requests to GitHub are left."""

    plan: Plan
    left: Sequence[Farewell]


def plan(team: Team, only: GitHubIntegration | None = None) -> Plan:
    """What `disconnect` would do now."""
    ending = [only] if only else list(connected(team))
    tracked = _tracked(team, ending)
    hooked = tracked.filter(hook__isnull=False, hook__organization_id=None)
    elsewhere = TrackedRepository.objects.filter(is_active=True).exclude(pk__in=tracked)
    shared = hooked.filter(hook__in=elsewhere.filter(hook__isnull=False).values("hook"))
    staying = set(
        connected(team)
        .exclude(pk__in=[one.pk for one in ending])
        .values_list("credential", flat=True)
    )
    credentials = {one.credential_id: one.credential for one in ending}
    return Plan(
        ending,
        [
            *organization_hooks.last_users(ending),
            *_names(hooked.exclude(pk__in=shared).exclude(hook__hook_id=None)),
        ],
        _names(shared),
        [one for pk, one in credentials.items() if pk not in staying],
        [one for pk, one in credentials.items() if pk in staying],
        PullRequest.objects.filter(repository__in=tracked.values("repository")).count(),
    )


def disconnect(
    request: HttpRequest,
    team: Team,
    only: GitHubIntegration | None = None,
    *,
    delete_data: bool = False,
) -> Outcome:
    """Ends the team's connection, or that of one organisation; may delete what it fetched."""
    planned = plan(team, only)
    with transaction.atomic():
        left = _end(team, planned.ending)
        for integration in planned.ending:
            record(
                "github.disconnected",
                team_id=team.pk,
                request=request,
                object_name=integration.organization_slug,
                data="deleted" if delete_data else "kept",
                hooks_shared=len(planned.shared_hooks),
            )
            if delete_data:
                erasure.of_integration(integration)
    # A user can wait for one deletion; GitHub asks for a second between several.
    now = timezone.now()
    left = [one for one in left if not farewell.go_on(one, now)]
    nudge()
    return Outcome(planned, left)


def _tracked(team: Team, ending: Sequence[GitHubIntegration]) -> QuerySet[TrackedRepository]:
    rows = TrackedRepository.objects.for_team(team)
    return rows.filter(integration__in=ending)


def _names(rows: QuerySet[TrackedRepository]) -> list[str]:
    return list(rows.order_by("full_name").values_list("full_name", flat=True))


def _end(team: Team, ending: Sequence[GitHubIntegration]) -> list[Farewell]:
    """Deletes the connection's data here; returns the requests to GitHub that are left."""
    GitHubIntegration.objects.filter(pk__in=[integration.pk for integration in ending]).update(
        disconnected_at=timezone.now(), members_due_at=None, sync_status=SyncStatus.PENDING
    )
    left = []
    for credential in {one.credential_id: one.credential for one in ending}.values():
        mine = [one for one in ending if one.credential_id == credential.pk]
        tracked = _tracked(team, mine)
        tracking.stop_all(tracked)
        hooks_left = organization_hooks.release_all(mine) + repository_hooks.release_all(tracked)
        left.append(_let_go(credential, hooks_left))
    return [one for one in left if one]


def _let_go(credential: IntegrationCredential, hooks_left: list[dict[str, Any]]) -> Farewell | None:
    # Locked, since another worker may be renewing its token.
    credential = IntegrationCredential.objects.select_for_update(no_key=True).get(pk=credential.pk)
    left = farewell.to(credential, hooks_left)
    if not credential.integrations.filter(disconnected_at=None).exists():
        credential.access_token = credential.refresh_token = ""
        credential.token_expires_at = credential.installation_id = None
        credential.save()
    return left
