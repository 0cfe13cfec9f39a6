"""One organisation hook instead of one for each repository, if a team wants that.

It takes one more scope and an owner, so it is never the default. The teams that want it share it;
the last one deletes it. The repositories' own hooks are deleted once it exists, and it is deleted
once they are back, so no event is lost between.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.integrations.access.conversation import with_github
from apps.integrations.github import scopes
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import GitHubError
from apps.integrations.hooks import caretaking, handling
from apps.integrations.hooks.caretaking import LOOK_EVERY
from apps.integrations.hooks.registration import is_reachable
from apps.integrations.models import (
    GitHubIntegration,
    Hook,
    IntegrationCredential,
    TrackedRepository,
)
from apps.integrations.work import leases
from apps.integrations.work.chores import Chore, Turn
from apps.integrations.work.policy import Verdict

NAME = "organisation's hook"
WAIT_FOR_OTHERS = timedelta(seconds=5)
Kind = IntegrationCredential.Kind

NO_RIGHT = (
    "The token may not create a hook for the organisation: GitHub asks for an owner of it and for "
    f"the scope {scopes.ORGANIZATION_HOOK}. The repositories keep hooks of their own."
)


def is_possible(integration: GitHubIntegration) -> bool:
    """Whether such a hook is possible: personal accounts have none, an App has its own."""
    return (
        integration.account_type == "Organization"
        and integration.credential.kind in (Kind.OAUTH, Kind.TOKEN)
        and integration.disconnected_at is None
    )


def lacks_scope(integration: GitHubIntegration) -> bool:
    """Whether the token is known to lack the scope; fine-grained tokens have no scopes."""
    granted = integration.credential.scopes
    if integration.credential.kind == Kind.TOKEN and not granted:
        return False
    return bool(scopes.missing(granted, [scopes.ORGANIZATION_HOOK]))


@transaction.atomic
def choose(integration: GitHubIntegration, wanted: bool) -> None:
    """Switches to one organisation hook, or back to one for each repository."""
    leases.forgive(NAME, [integration.pk])
    mine = GitHubIntegration.objects.filter(pk=integration.pk)
    mine.update(wants_one_hook=wanted, hook_due_at=timezone.now(), hook_error="")
    if not wanted:
        caretaking.look_at_once(_repositories(integration))


def covering(tracked: TrackedRepository) -> Hook | None:
    """The organisation's hook, if it exists and covers this repository."""
    integration = tracked.integration
    hook = integration.hook
    if not integration.wants_one_hook or integration.hook_error or hook is None:
        return None
    owner = tracked.full_name.partition("/")[0]
    is_here = owner.lower() == integration.organization_slug.lower()
    return hook if is_here and hook.hook_id and hook.is_secret_sent else None


def due(now: datetime) -> QuerySet[GitHubIntegration]:
    """Organisations whose hook is to be created, checked or removed."""
    rows: QuerySet[GitHubIntegration] = GitHubIntegration.objects.filter(
        hook_due_at__lte=now, disconnected_at__isnull=True
    )
    return rows.select_related("credential", "hook").order_by("hook_due_at")


def turn(now: datetime) -> Turn:
    """Creates, checks or removes one organisation's hook, if one is due."""
    if is_reachable():
        return CHORE.turn(now)
    due(now).update(hook_due_at=now + LOOK_EVERY)
    return Turn.NOTHING


def release_all(ending: Sequence[GitHubIntegration]) -> list[dict[str, Any]]:
    """Releases the hooks of organisations whose connection ends.

    Returns those that no other team uses, to be deleted on GitHub.
    """
    rows = GitHubIntegration.objects.filter(pk__in=[one.pk for one in ending])
    hooks = Hook.objects.select_for_update().filter(pk__in=rows.values("hook"))
    left = []
    for hook in hooks:
        others = hook.integrations.exclude(pk__in=rows)
        if hook.hook_id and not others.exists():
            left.append(caretaking.to_delete(hook, rows.filter(hook=hook)[0]))
        if not others.exists():
            hook.delete()
    rows.update(wants_one_hook=False, hook=None, hook_due_at=None, hook_error="")
    return left


def last_users(ending: Sequence[GitHubIntegration]) -> list[str]:
    """The organisations whose hook would be deleted on GitHub with these connections."""
    mine = [one for one in ending if one.hook and one.hook.hook_id]
    keys = [one.pk for one in ending]
    return [
        one.organization_slug
        for one in mine
        if one.hook and not one.hook.integrations.exclude(pk__in=keys).exists()
    ]


def _look_after(integration: GitHubIntegration, now: datetime) -> None:
    with with_github(integration.credential, has_turn=True) as github:
        if not integration.wants_one_hook:
            caretaking.settle(integration, _give_up(integration, github, now))
            return
        is_new, again_at = caretaking.keep(github, integration, now)
    if is_new or integration.hook_error:
        # They no longer need hooks of their own.
        caretaking.look_at_once(_repositories(integration))
    caretaking.settle(integration, caretaking.soonest(again_at, now + LOOK_EVERY))


def _store_error(integration: GitHubIntegration, error: GitHubError, verdict: Verdict) -> None:
    problem = caretaking.problem_of(error, verdict, NO_RIGHT)
    if problem != integration.hook_error:
        # They get hooks of their own again.
        caretaking.look_at_once(_repositories(integration))
    caretaking.settle(integration, verdict.again_at or timezone.now() + LOOK_EVERY, problem)


CHORE = Chore(
    NAME,
    due,
    _look_after,
    credential="credential",
    resource="core",
    writes=True,
    store_error=_store_error,
)


def _give_up(integration: GitHubIntegration, github: GitHub, now: datetime) -> datetime | None:
    """Removes the hook once every repository has one of its own, or cannot have one.

    Returns when to check again.
    """
    hook = integration.hook
    if hook is None:
        return None
    if _repositories(integration).filter(hook=hook, hook_error="").exists():
        return now + WAIT_FOR_OTHERS
    _remove(integration, hook, github)
    return None


def _remove(integration: GitHubIntegration, hook: Hook, github: GitHub) -> None:
    if hook.integrations.exclude(pk=integration.pk).exists():
        GitHubIntegration.objects.filter(pk=integration.pk).update(hook=None)
        _repositories(integration).filter(hook=hook).update(hook=None)
        return
    if hook.hook_id:
        caretaking.remove(github, integration, hook)
    handling.give_back(hook)
    hook.delete()


def _repositories(integration: GitHubIntegration) -> QuerySet[TrackedRepository]:
    return TrackedRepository.objects.filter(integration=integration, is_active=True)
