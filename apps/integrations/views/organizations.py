"""The organisations that a team is or was connected to, with the status of each."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from apps.integrations.access import github_app
from apps.integrations.connection import connecting, sentences
from apps.integrations.models import GitHubIntegration, IntegrationCredential, SyncStatus
from apps.integrations.repositories import discovery
from apps.integrations.sync import progress
from apps.teams.models import Team


def connected(team: Team) -> list[dict[str, Any]]:
    """The organisations and accounts that the team is connected to."""
    counts = progress.tracked_counts(team)
    return [
        _organization(integration, counts.get(integration.pk, {}))
        for integration in connecting.connected(team)
    ]


def _organization(integration: GitHubIntegration, counts: dict[str, Any]) -> dict[str, Any]:
    return {
        "integration": integration,
        "connected_by": sentences.connected_by(integration),
        "reconnects_by": _way_back(integration),
        "installation_page": sentences.installation_page(integration, settings.GITHUB_URL),
        "tracked": counts.get("tracked", 0),
        "failed": counts.get("error", 0),
        "status": counts.get("status", SyncStatus.PENDING),
        "members": integration.members.filter(is_active=True).count(),
        "available": integration.available_repositories.count(),
        "last_sync_at": counts.get("synced_at") or integration.last_sync_at,
        "is_running": discovery.is_running(integration),
    }


def disconnected(team: Team) -> list[dict[str, Any]]:
    """Those that it was connected to."""
    rows = GitHubIntegration.objects.for_team(team).exclude(disconnected_at=None)
    ordered = rows.select_related("credential").order_by("organization_slug")
    return [{"integration": row, "reconnects_by": _way_back(row)} for row in ordered]


def _way_back(integration: GitHubIntegration) -> str:
    """The method of `connect` that reconnects an organisation; empty if there is none."""
    by_app = integration.credential.kind == IntegrationCredential.Kind.APP
    if github_app.is_configured() and (by_app or not settings.GITHUB_CLIENT_ID):
        return "app"
    return "oauth" if settings.GITHUB_CLIENT_ID else ""


def is_moving(organization: dict[str, Any]) -> bool:
    """Whether refreshing soon will show something new."""
    return bool(
        organization["is_running"]
        or (organization["tracked"] and organization["status"] in progress.UNDER_WAY)
    )


def as_json(organizations: list[dict[str, Any]]) -> dict[str, Any]:
    """For programs."""
    return {
        "connected": bool(organizations),
        "organizations": [
            {
                "slug": entry["integration"].organization_slug,
                "id": entry["integration"].organization_id,
                "sync_status": entry["status"],
                "last_sync_at": entry["last_sync_at"],
                "repositories": entry["tracked"],
                "members": entry["members"],
            }
            for entry in organizations
        ],
    }
