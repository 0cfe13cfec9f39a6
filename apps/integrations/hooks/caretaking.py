"""What is common to looking after every hook: made, checked, removed, and what it missed asked for.

A hook has one of three homes, each with a module of its own: a repository, an organisation, or the
GitHub App. Which hooks there are to be is decided there.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from apps.audit.record import record
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import GitHubError, NotFoundError, ScopeMissingError
from apps.integrations.hooks import registration
from apps.integrations.hooks.redelivery import redeliver
from apps.integrations.models import GitHubIntegration, Hook, TrackedRepository
from apps.integrations.work.policy import Verdict

LOOK_EVERY = timedelta(hours=1)
Row = TrackedRepository | GitHubIntegration


def keep(github: GitHub, row: Row, now: datetime) -> tuple[bool, datetime | None]:
    """Sees to it that a row has its hook, and asks for one delivery that it missed.

    Whether it was linked to it just now, and when the next one is to be asked for.
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
    """Deletes a hook on GitHub. What is kept of it here goes after that: see its home."""
    home = registration.home_of(row)
    registration.remove(github, home, hook)
    record("github.hook.removed", team_id=row.team_id, object_name=home.name)


def to_delete(hook: Hook, row: Row) -> dict[str, Any]:
    """What must be known later to delete a hook on GitHub whose row goes now."""
    home = registration.home_of(row)
    whose = {"repository_id": hook.github_repo_id}
    if hook.organization_id:
        whose = {"organization_id": hook.organization_id}
    return {"path": f"{home.path}/{hook.hook_id}", "repository": home.name, **whose}


def settle(row: Row, due_at: datetime | None, problem: str = "") -> None:
    """Notes how it stands, and when it is looked at again; who asked meanwhile is not overruled."""
    _rows(row).update(hook_error=problem)
    _rows(row).filter(hook_due_at=row.hook_due_at).update(hook_due_at=due_at)


def problem_of(error: GitHubError, verdict: Verdict, no_right: str) -> str:
    """What a page says of a refusal; empty where it passes by itself."""
    if isinstance(error, NotFoundError | ScopeMissingError):
        return no_right
    return str(error) if verdict.is_told else ""


def soonest(*instants: datetime | None) -> datetime | None:
    """The first of those that are known."""
    return min(filter(None, instants), default=None)


def look_at_once(rows: QuerySet[Any]) -> None:
    """Has the hooks of repositories or organisations looked after as soon as possible."""
    rows.update(hook_due_at=timezone.now())


def _rows(row: Row) -> QuerySet[Any]:
    return type(row)._default_manager.filter(pk=row.pk)
