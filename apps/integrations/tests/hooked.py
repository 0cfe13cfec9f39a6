"""Events on GitHub and at its hooks, for tests of webhooks."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client
from django.utils import timezone

from apps.integrations import tasks
from apps.integrations.github import signature
from apps.integrations.models import Hook, Lease, RateBudget, TrackedRepository
from apps.integrations.tests.github import REPOSITORIES
from github_simulator.acts import act
from github_simulator.testing import Running

URL = "/webhooks/github/"
NUMBER = REPOSITORIES["website"]
NAME = "acme/website"


def choose(client: Client, team: str, name: str) -> None:
    address = f"/a/{team}/integrations/github/repos/"
    reply = client.post(
        address,
        json.dumps({"repositories": [name]}),
        content_type="application/json",
        headers={"Accept": "application/json"},
    )
    assert reply.status_code in (200, 201), reply.content


def work() -> None:
    tasks.look_for_due_work()


def do(github: Running, what: str, **details: Any) -> Any:
    """An event on GitHub, of which its hooks are notified."""
    result = act(github.simulator, what, {"repository": NAME, "actor": "ada", **details})
    assert github.simulator.deliveries.wait()
    return result


def hooks_on_github(github: Running) -> list[Any]:
    return list(github.simulator.world.repositories[NUMBER].hooks.values())


def post(
    client: Client,
    body: bytes,
    *,
    hook: Hook | None = None,
    secret: str = "",
    event: str = "pull_request",
    guid: str = "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    content_type: str = "application/json",
    **headers: str,
) -> Any:
    """Delivers a body, signed with the hook's secret unless told otherwise."""
    sent = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": guid,
        "X-GitHub-Hook-ID": str(hook.hook_id) if hook else "1",
        "X-Hub-Signature-256": signature.sign(secret or (hook.secret if hook else "x"), body),
        **headers,
    }
    return client.post(URL, body, content_type=content_type, headers=sent)


def due(tracked: TrackedRepository) -> None:
    """Makes the hook's check due now."""
    RateBudget.objects.update(written_at=None)
    Lease.objects.update(not_before=None)
    TrackedRepository.objects.filter(pk=tracked.pk).update(hook_due_at=timezone.now())
    work()
