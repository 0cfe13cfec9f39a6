"""Maintenance common to all hooks: created, checked, removed, and missed deliveries requested.

It also gives existing hooks new secrets and a new URL, which GitHub learns soon after.

A hook belongs to a repository, an organisation or the GitHub App; a module for each decides which
hooks should exist.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.audit.record import record
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import GitHubError, NotFoundError, ScopeMissingError
from apps.integrations.hooks import registration
from apps.integrations.hooks.redelivery import redeliver
from apps.integrations.models import GitHubIntegration, Hook, TrackedRepository
from apps.integrations.work.policy import Verdict
from apps.teams.models import Team

LOOK_EVERY = timedelta(hours=1)
Row = TrackedRepository | GitHubIntegration


def keep(github: GitHub, row: Row, now: datetime) -> tuple[bool, datetime | None]:
    """Makes sure that a row has its hook, and requests one missed delivery.

    Returns whether it was just linked to the hook, and when the next delivery is to be requested.
    """
    home = registration.home_of(row)
    hook, _ = Hook.objects.get_or_create(
        host=settings.GITHUB_URL,
        **home.owner,
        defaults={"secret": registration.new_secret()},
    )
    try:
        registration.ensure(github, home, hook)
    except (NotFoundError, ScopeMissingError):
        unused = Hook.objects.filter(pk=hook.pk, repositories=None, integrations=None)
        unused.delete()
        raise
    is_linked = bool(_rows(row).exclude(hook=hook).update(hook=hook))
    if is_linked:
        record("github.hook.made", team_id=row.team_id, object_name=home.name)
    row.hook = hook
    return is_linked, redeliver(github, home.deliveries(hook), hook, now)


def remove(github: GitHub, row: Row, hook: Hook) -> None:
    """Deletes a hook on GitHub. Its module deletes the stored rows afterwards."""
    home = registration.home_of(row)
    registration.remove(github, home, hook)
    record("github.hook.removed", team_id=row.team_id, object_name=home.name)


def to_delete(hook: Hook, row: Row) -> dict[str, Any]:
    """What is needed later to delete a hook on GitHub whose row is deleted now."""
    home = registration.home_of(row)
    whose = {"repository_id": hook.github_repo_id}
    if hook.organization_id:
        whose = {"organization_id": hook.organization_id}
    return {"path": f"{home.path}/{hook.hook_id}", "repository": home.name, **whose}


def settle(row: Row, due_at: datetime | None, problem: str = "") -> None:
    """Stores the result and the next check; a check requested meanwhile stays due."""
    _rows(row).update(hook_error=problem)
    _rows(row).filter(hook_due_at=row.hook_due_at).update(hook_due_at=due_at)


def problem_of(error: GitHubError, verdict: Verdict, no_right: str) -> str:
    """A page's sentence about a refusal; empty if it passes by itself."""
    if isinstance(error, NotFoundError | ScopeMissingError):
        return no_right
    return str(error) if verdict.is_shown else ""


def soonest(*instants: datetime | None) -> datetime | None:
    """The earliest time given, ignoring None."""
    return min(filter(None, instants), default=None)


def look_at_once(rows: QuerySet[Any]) -> None:
    """Has the hooks of repositories or organisations checked as soon as possible."""
    rows.update(hook_due_at=timezone.now())


def rotate_secrets(team: Team) -> int:
    """Gives the hooks of a team's repositories new secrets; returns how many.

    GitHub gets them soon. Deliveries signed with an old secret are accepted until then, and for
    another day.
    """
    tracked = TrackedRepository.objects.for_team(team).filter(is_active=True, hook__isnull=False)
    organizations = GitHubIntegration.objects.for_team(team).filter(hook__isnull=False)
    used = Q(pk__in=tracked.values("hook")) | Q(pk__in=organizations.values("hook"))
    with transaction.atomic():
        hooks = list(Hook.objects.select_for_update().filter(used))
        for hook in hooks:
            if hook.is_secret_sent:
                hook.previous_secret = hook.secret
            hook.secret, hook.is_secret_sent = registration.new_secret(), False
            hook.rotated_at = timezone.now()
            hook.save()
        look_at_once(tracked)
        look_at_once(organizations)
    return len(hooks)


def follow_address() -> bool:
    """Has GitHub updated with our URL soon, if it changed since the last start."""
    file = settings.DATA_DIR / "hook-address"
    before = file.read_text().strip() if file.exists() else ""
    address = registration.address()
    if before == address:
        return False
    if before:
        _tell_anew()
    file.write_text(address)
    return bool(before)


@transaction.atomic
def _tell_anew() -> None:
    here = Hook.objects.filter(host=settings.GITHUB_URL)
    here.filter(app_id__isnull=False).update(is_secret_sent=False, redelivery_due_at=timezone.now())
    mine = here.filter(app_id=None)
    mine.filter(hook_id__isnull=False).update(is_secret_sent=False)
    look_at_once(TrackedRepository.objects.filter(is_active=True, hook__in=mine))
    look_at_once(GitHubIntegration.objects.filter(hook__in=mine))


def _rows(row: Row) -> QuerySet[Any]:
    return type(row)._default_manager.filter(pk=row.pk)
