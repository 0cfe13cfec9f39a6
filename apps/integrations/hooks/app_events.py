"""What a GitHub App's hook tells about the App itself: installed, changed, suspended, removed.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#installation
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.integrations.models import IntegrationCredential
from apps.integrations.repositories import suspension

Payload = Mapping[str, Any]


def installation_of(payload: Payload) -> int | None:
    """The number of the installation that a payload is about."""
    return id_of(payload, "installation")


def id_of(payload: Payload, name: str) -> int | None:
    """The id of what a payload calls `name`; None where it is none of GitHub's."""
    thing = payload.get(name)
    number = thing.get("id") if isinstance(thing, dict) else None
    return number if isinstance(number, int) and 0 < number < 2**63 else None


def installation(payload: Payload) -> None:
    """`installation`: work stops, goes on, or may do something else from now on."""
    number = installation_of(payload)
    if number is not None:
        suspension.changed(number, str(payload.get("action", "")))


def repositories(payload: Payload) -> None:
    """`installation_repositories`: others can be chosen from now."""
    number = installation_of(payload)
    if number is not None:
        suspension.reread(number)


def authorization(payload: Payload) -> None:
    """`github_app_authorization`: somebody took back what let us know who they are.

    Such tokens are kept only until a connection is finished; a connection lives on without.
    """
    number = id_of(payload, "sender")
    if number is not None:
        IntegrationCredential.objects.filter(
            kind=IntegrationCredential.Kind.APP, account_id=number, integrations=None
        ).delete()
