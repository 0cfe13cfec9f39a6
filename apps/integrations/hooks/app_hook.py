"""Keeps the GitHub App's hook pointing here, and requests missed deliveries, as the App itself.

https://docs.github.com/en/rest/apps/webhooks
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.integrations.access import github_app
from apps.integrations.github import hooks
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import GitHubError
from apps.integrations.hooks import redelivery, registration
from apps.integrations.hooks.caretaking import LOOK_EVERY
from apps.integrations.models import GitHubIntegration, Hook, IntegrationCredential
from apps.integrations.work import budget
from apps.integrations.work.chores import Chore
from apps.integrations.work.policy import Verdict

CONFIG = "/app/hook/config"
DELIVERIES = "/app/hook/deliveries"


def _due(now: datetime) -> QuerySet[Hook]:
    app = github_app.current() if registration.is_reachable() and _is_used() else None
    if app is None or not app.webhook_secret or budget.wait_for(app.account, now, resource="core"):
        return Hook.objects.none()
    # The hook may never have delivered anything: then there is no row yet.
    hook = github_app.row_of_hook(app.app_id)
    is_due = Q(redelivery_due_at=None) | Q(redelivery_due_at__lte=now)
    return Hook.objects.filter(is_due, pk=hook.pk)


def _is_used() -> bool:
    return GitHubIntegration.objects.filter(
        credential__kind=IntegrationCredential.Kind.APP,
        credential__rejected_at=None,
        disconnected_at=None,
    ).exists()


def _look_after(hook: Hook, now: datetime) -> None:
    app = github_app.current()
    if app is None:
        return
    with github_app.conversation(app) as github:
        if _lead_here(github, app, hook, now):
            due_at = now
        else:
            again_at = redelivery.redeliver(github, DELIVERIES, hook, now)
            due_at = min(filter(None, (again_at, now + LOOK_EVERY)))
    _settle(hook, due_at)


def _store_error(hook: Hook, error: GitHubError, verdict: Verdict) -> None:
    _settle(hook, verdict.again_at or timezone.now() + LOOK_EVERY)


def _settle(hook: Hook, due_at: datetime) -> None:
    """Schedules its next check at least a second later, since this one may have written."""
    rows = Hook.objects.filter(pk=hook.pk, redelivery_due_at=hook.redelivery_due_at)
    rows.update(redelivery_due_at=max(due_at, timezone.now() + budget.BETWEEN_WRITES))


CHORE = Chore("App's hook", _due, _look_after, store_error=_store_error)


def _lead_here(github: GitHub, app: github_app.App, hook: Hook, now: datetime) -> bool:
    """Makes sure that the hook of an App created here points here; True if it did not."""
    if not app.is_from_manifest:
        return False  # Its owner chose the URL.
    if hook.is_secret_sent and redelivery.is_waiting(hook, now):
        return False  # Not before each of many redelivery requests a second apart.
    is_elsewhere = hooks.config(github, CONFIG).url != registration.address()
    if is_elsewhere:
        github.rest("PATCH", CONFIG, json=registration.hook_config(app.webhook_secret))
    Hook.objects.filter(pk=hook.pk).update(is_secret_sent=True)
    return is_elsewhere
