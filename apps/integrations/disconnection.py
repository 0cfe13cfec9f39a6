"""Ending a team's connection to GitHub: hooks and tokens go, what was fetched stays."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.audit.record import record
from apps.integrations import hooks, oauth, tracking
from apps.integrations.connection import Kind, connected
from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
    SyncStatus,
    TrackedRepository,
)
from apps.teams.models import Team


@dataclass(frozen=True)
class Outcome:
    """What GitHub did of it."""

    revoked: bool | None
    """Whether it confirmed that every token of ours is revoked; None: there was none to revoke."""
    hooks_left: list[str]
    """Names of the repositories whose hook it keeps."""


def disconnect(request: HttpRequest, team: Team, only: GitHubIntegration | None = None) -> Outcome:
    """Ends the team's connection, or that of one organisation; what was fetched stays."""
    ending = [only] if only else list(connected(team))
    # While there is a token: GitHub keeps hooks when a token is revoked.
    left = {integration.pk: hooks.forget_all(integration) for integration in ending}
    tokens = _end(team, ending)
    answers = [oauth.revoke(token) for token in tokens]
    revoked = all(answers) if answers else None
    for integration in ending:
        record(
            "github.disconnected",
            team_id=team.pk,
            request=request,
            object_name=integration.organization_slug,
            revoked=revoked,
            hooks_left=left[integration.pk],
        )
    return Outcome(revoked, [name for names in left.values() for name in names])


@transaction.atomic
def _end(team: Team, ending: list[GitHubIntegration]) -> list[str]:
    """Forgets the tokens that nothing else needs, and returns them."""
    tracked: QuerySet[TrackedRepository] = TrackedRepository.objects.for_team(team)
    tracking.stop_all(tracked.filter(integration__in=ending))
    GitHubIntegration.objects.filter(pk__in=[integration.pk for integration in ending]).update(
        disconnected_at=timezone.now(), members_due_at=None, sync_status=SyncStatus.PENDING
    )
    needless = IntegrationCredential.objects.for_team(team).exclude(
        integrations__disconnected_at=None
    )
    tokens = []
    for credential in needless.filter(integrations__in=ending).distinct():
        if credential.access_token and credential.kind == Kind.OAUTH:
            tokens.append(credential.access_token)
        credential.access_token = credential.refresh_token = ""
        credential.token_expires_at = None
        credential.save()
    return tokens
