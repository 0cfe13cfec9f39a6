"""A repository's hook, shared by the teams that track it.

The first team creates it, the last one to leave deletes it. A team may want one organisation hook
instead (`organization_hooks`), and a GitHub App has its own (`app_hook`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from apps.integrations.access.conversation import with_github
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import GitHubError
from apps.integrations.hooks import caretaking, handling, organization_hooks
from apps.integrations.hooks.registration import is_reachable
from apps.integrations.models import (
    GitHubIntegration,
    Hook,
    IntegrationCredential,
    TrackedRepository,
)
from apps.integrations.work.chores import Chore, Turn
from apps.integrations.work.policy import Verdict

REQUESTS_AN_HOUR = 500
REQUESTS_A_VISIT = 2
A_DAY = timedelta(days=1)

NO_RIGHT = (
    "The token may not create hooks here (GitHub requires admin rights on the repository). "
    "Changes are found by polling every five minutes instead."
)
ARCHIVED = "It is archived: nothing changes there, so it needs no hook."
NOT_REACHABLE = (
    "GitHub cannot reach this address, so no hooks are created and changes are found by polling "
    "every five minutes. Set PUBLIC_URL to an address that GitHub can reach."
)


def due(now: datetime) -> QuerySet[TrackedRepository]:
    """Repositories whose hook is to be created, checked or removed."""
    kinds = IntegrationCredential.Kind
    rows: QuerySet[TrackedRepository] = TrackedRepository.objects.filter(
        hook_due_at__lte=now, integration__disconnected_at__isnull=True
    ).exclude(integration__credential__kind__in=[kinds.ENVIRONMENT, kinds.APP])
    return rows.select_related(
        "integration__credential", "integration__hook", "repository", "hook"
    ).order_by("hook_due_at")


def turn(now: datetime) -> Turn:
    """Creates, checks or removes one hook, if one is due."""
    if is_reachable():
        return CHORE.turn(now)
    due(now).update(hook_due_at=now + A_DAY, hook_error=NOT_REACHABLE)
    return Turn.NOTHING


def interval(integration: GitHubIntegration) -> timedelta:
    """An hour, or longer if checks would take more than `REQUESTS_AN_HOUR`."""
    count = integration.tracked_repositories.filter(is_active=True).count()
    hours = count * REQUESTS_A_VISIT / REQUESTS_AN_HOUR
    return timedelta(hours=max(1.0, hours))


def release_all(rows: QuerySet[TrackedRepository]) -> list[dict[str, Any]]:
    """Releases the hooks of repositories that no longer need one.

    Returns those that no other team uses, to be deleted on GitHub.
    """
    rows.filter(hook__organization_id__isnull=False).update(hook=None, hook_error="")
    ours = rows.filter(hook__isnull=False).values("hook")
    # Locked, so that of two teams leaving at once the second sees that it is the last.
    hooks = {hook.pk: hook for hook in Hook.objects.select_for_update().filter(pk__in=ours)}
    tracked = {row.hook_id: row for row in rows.filter(hook__in=hooks)}
    others = TrackedRepository.objects.exclude(pk__in=rows.values("pk"))
    shared = others.filter(hook__in=hooks, is_active=True)
    kept = set(shared.values_list("hook", flat=True))
    rows.filter(hook__in=kept).update(hook=None, hook_error="")
    Hook.objects.filter(pk__in=hooks.keys() - kept).delete()
    return [
        caretaking.to_delete(hook, tracked[pk])
        for pk, hook in hooks.items()
        if pk not in kept and hook.hook_id
    ]


def _look_after(tracked: TrackedRepository, now: datetime) -> None:
    if tracked.is_active and tracked.repository.is_archived:
        # GitHub accepts no hook for an archived repository; the poll notices if it is unarchived.
        caretaking.settle(tracked, now + A_DAY, ARCHIVED)
        return
    with with_github(tracked.integration.credential, has_turn=True) as github:
        due_at = _update_hook(tracked, github, now)
    caretaking.settle(tracked, due_at)


def _store_error(tracked: TrackedRepository, error: GitHubError, verdict: Verdict) -> None:
    usual = timezone.now() + interval(tracked.integration)
    problem = caretaking.problem_of(error, verdict, NO_RIGHT)
    caretaking.settle(tracked, verdict.again_at or usual, problem)


CHORE = Chore(
    "repository's hook",
    due,
    _look_after,
    credential="integration__credential",
    resource="core",
    writes=True,
    store_error=_store_error,
)


def _update_hook(tracked: TrackedRepository, github: GitHub, now: datetime) -> datetime | None:
    """Does what the repository's hook needs; returns when it is due again."""
    if not tracked.is_active:
        if hook := _let_go(tracked):
            # Unlinked only after GitHub deleted it, so that a failure is retried.
            caretaking.remove(github, tracked, hook)
            _drop(tracked, hook)
        return None
    later = now + interval(tracked.integration)
    if common := organization_hooks.covering(tracked):
        _use(tracked, common, github)
        return later
    _, again_at = caretaking.keep(github, tracked, now)
    return caretaking.soonest(again_at, later)


def _let_go(tracked: TrackedRepository) -> Hook | None:
    """The hook, if it is to be deleted on GitHub: no other team uses it."""
    hook = tracked.hook
    if hook is None:
        return None
    others = TrackedRepository.objects.filter(hook=hook, is_active=True).exclude(pk=tracked.pk)
    if hook.organization_id or others.exists():
        TrackedRepository.objects.filter(pk=tracked.pk).update(hook=None, hook_error="")
        return None
    if hook.hook_id:
        return hook
    _drop(tracked, hook)
    return None


def _drop(tracked: TrackedRepository, hook: Hook) -> None:
    handling.handle_all(hook)
    hook.delete()
    # A team that began to track it meanwhile gets a hook of its own.
    caretaking.look_at_once(
        TrackedRepository.objects.filter(github_repo_id=tracked.github_repo_id, is_active=True)
    )


def _use(tracked: TrackedRepository, common: Hook, github: GitHub) -> None:
    """Replaces the repository's own hook by the organisation's existing one."""
    if tracked.hook == common:
        return
    hook = _let_go(tracked)
    if hook:
        caretaking.remove(github, tracked, hook)
    TrackedRepository.objects.filter(pk=tracked.pk).update(hook=common)
    if hook:
        handling.hand_over(hook, common)
        hook.delete()
