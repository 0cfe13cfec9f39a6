"""One hook of an organisation instead of one for each repository, where a team wants that.

It asks for one scope more, and for an owner, so nobody is given it by default. The teams that want
it share it; the last one deletes it. The repositories' own hooks go when it is there, and it goes
when they are back, so that nothing is lost between.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.audit.record import record
from apps.integrations.access.conversation import with_github
from apps.integrations.github import scopes
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    CredentialsRejectedError,
    GitHubError,
    NotFoundError,
    ScopeMissingError,
    WaitError,
)
from apps.integrations.hooks import handling, registration
from apps.integrations.hooks.redelivery import redeliver
from apps.integrations.hooks.registration import home_of_organization, is_reachable
from apps.integrations.models import (
    GitHubIntegration,
    Hook,
    IntegrationCredential,
    TrackedRepository,
)
from apps.integrations.sync import schedule
from apps.integrations.work import budget

log = logging.getLogger(__name__)

LOOK_EVERY = timedelta(hours=1)
TRY_AGAIN = timedelta(minutes=2)
TAKEN_FOR = timedelta(minutes=1)
WAIT_FOR_OTHERS = timedelta(seconds=5)
Kind = IntegrationCredential.Kind

NO_RIGHT = (
    "The token may not make a hook for the organisation: GitHub asks for an owner of it and for "
    f"the scope {scopes.ORGANIZATION_HOOK}. The repositories keep hooks of their own."
)


def is_possible(integration: GitHubIntegration) -> bool:
    """Whether there can be such a hook: personal accounts have none, an App has its own."""
    return (
        integration.account_type == "Organization"
        and integration.credential.kind in (Kind.OAUTH, Kind.TOKEN)
        and integration.disconnected_at is None
    )


def lacks_scope(integration: GitHubIntegration) -> bool:
    """Whether the token is known not to have the scope; fine-grained ones have none at all."""
    granted = integration.credential.scopes
    if integration.credential.kind == Kind.TOKEN and not granted:
        return False
    return bool(scopes.missing(granted, [scopes.ORGANIZATION_HOOK]))


@transaction.atomic
def choose(integration: GitHubIntegration, wanted: bool) -> None:
    """One hook for the organisation from now on, or one for each repository."""
    now = timezone.now()
    GitHubIntegration.objects.filter(pk=integration.pk).update(
        wants_one_hook=wanted, hook_due_at=now, hook_error=""
    )
    if not wanted:
        _repositories(integration).update(hook_due_at=now)


def covering(tracked: TrackedRepository) -> Hook | None:
    """The organisation's hook, where it is there and tells of this repository."""
    integration = tracked.integration
    hook = integration.hook
    if not integration.wants_one_hook or integration.hook_error or hook is None:
        return None
    owner = tracked.full_name.partition("/")[0]
    is_here = owner.lower() == integration.organization_slug.lower()
    return hook if is_here and hook.hook_id and hook.is_secret_told else None


def due(now: datetime) -> QuerySet[GitHubIntegration]:
    """Organisations whose hook is to be made, checked or removed."""
    return GitHubIntegration.objects.filter(
        hook_due_at__lte=now, credential__rejected_at__isnull=True, disconnected_at__isnull=True
    )


def look_after_one(now: datetime) -> bool:
    """Makes, checks or removes one organisation's hook that is due; False when none is."""
    integration = due(now).select_related("credential", "hook").order_by("hook_due_at").first()
    if integration is None:
        return False
    credential = integration.credential
    mine = GitHubIntegration.objects.filter(pk=integration.pk, hook_due_at=integration.hook_due_at)
    if not is_reachable():
        mine.update(hook_due_at=now + LOOK_EVERY)
        return False
    if until := budget.wait_for(credential, now, live=True, resource="core"):
        mine.update(hook_due_at=until)
        return True
    if not budget.may_write(credential, now):
        return False
    if mine.update(hook_due_at=now + TAKEN_FOR):
        _look_after(integration, now)
    return True


def release_all(ending: Sequence[GitHubIntegration]) -> list[dict[str, Any]]:
    """Lets the hooks of organisations whose connection ends go, here.

    Returns those that no other team uses, to be deleted on GitHub.
    """
    rows = GitHubIntegration.objects.filter(pk__in=[one.pk for one in ending])
    hooks = Hook.objects.select_for_update().filter(pk__in=rows.values("hook"))
    left = []
    for hook in hooks:
        others = hook.integrations.exclude(pk__in=rows)
        if hook.hook_id and not others.exists():
            left.append(_to_delete(hook, rows.filter(hook=hook)[0].organization_slug))
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


def _to_delete(hook: Hook, organization: str) -> dict[str, Any]:
    return {
        "path": f"/orgs/{organization}/hooks/{hook.hook_id}",
        "repository": organization,
        "organization_id": hook.organization_id,
    }


def _look_after(integration: GitHubIntegration, now: datetime) -> None:
    problem, due_at = "", now + LOOK_EVERY
    try:
        with with_github(integration.credential) as github:
            if integration.wants_one_hook:
                due_at = _keep(integration, github, now)
            else:
                return _give_up(integration, github, now)
    except (NotFoundError, ScopeMissingError):
        problem = NO_RIGHT
    except CredentialsRejectedError as error:
        problem = str(error)
        schedule.reject(integration.credential, error)
    except GitHubError as error:
        log.info("The hook of %s could not be looked after: %s", integration, error)
        due_at = now + TRY_AGAIN
        if isinstance(error, WaitError):
            due_at = budget.block(integration.credential, error, now, resource="core")
        problem = "" if error.retryable else str(error)
    _note(integration, problem, now, due_at)
    return None


def _note(integration: GitHubIntegration, problem: str, now: datetime, due_at: datetime) -> None:
    mine = GitHubIntegration.objects.filter(pk=integration.pk)
    mine.update(hook_error=problem)
    mine.filter(hook_due_at=now + TAKEN_FOR).update(hook_due_at=due_at)
    if problem != integration.hook_error:
        # They get hooks of their own again, or need them no longer.
        _repositories(integration).update(hook_due_at=now)


def _keep(integration: GitHubIntegration, github: GitHub, now: datetime) -> datetime:
    hook, _ = Hook.objects.get_or_create(
        host=settings.GITHUB_URL,
        organization_id=integration.organization_id,
        defaults={"secret": registration.new_secret()},
    )
    home = home_of_organization(integration)
    try:
        registration.ensure(github, home, hook)
    except GitHubError:
        Hook.objects.filter(pk=hook.pk, hook_id=None, integrations__isnull=True).delete()
        raise
    mine = GitHubIntegration.objects.filter(pk=integration.pk).exclude(hook=hook)
    if mine.update(hook=hook):
        record(
            "github.hook.made",
            team_id=integration.team_id,
            object_name=integration.organization_slug,
        )
        _repositories(integration).update(hook_due_at=now)
    again_at = redeliver(github, home.deliveries(hook), hook, now)
    return min(filter(None, (again_at, now + LOOK_EVERY)))


def _give_up(integration: GitHubIntegration, github: GitHub, now: datetime) -> None:
    """Removes the hook when every repository has one of its own, or cannot have one."""
    mine = GitHubIntegration.objects.filter(pk=integration.pk)
    if integration.hook is None:
        mine.update(hook_due_at=None)
    elif _repositories(integration).filter(hook=integration.hook, hook_error="").exists():
        mine.update(hook_due_at=now + WAIT_FOR_OTHERS)
    else:
        try:
            _remove(integration, integration.hook, github)
        except GitHubError as error:
            log.info("The hook of %s could not be deleted: %s", integration, error)
            mine.update(hook_due_at=now + TRY_AGAIN)
        else:
            mine.update(hook_due_at=None)


def _remove(integration: GitHubIntegration, hook: Hook, github: GitHub) -> None:
    others = hook.integrations.exclude(pk=integration.pk)
    if not others.exists():
        if hook.hook_id:
            registration.remove(github, home_of_organization(integration), hook)
        record(
            "github.hook.removed",
            team_id=integration.team_id,
            object_name=integration.organization_slug,
        )
        handling.give_back(hook)
        hook.delete()
    else:
        GitHubIntegration.objects.filter(pk=integration.pk).update(hook=None)
        _repositories(integration).filter(hook=hook).update(hook=None)


def _repositories(integration: GitHubIntegration) -> QuerySet[TrackedRepository]:
    return TrackedRepository.objects.filter(integration=integration, is_active=True)
