"""Hooks on GitHub: registered when a repository is tracked, looked after daily, removed at the end.

A hook is shared by the teams that track its repository: the first one makes it, the last one to
leave deletes it. Each has a random secret of its own.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.audit.record import record
from apps.integrations import budget
from apps.integrations.conversation import with_github
from apps.integrations.events import SUBSCRIBED
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    CredentialsRejectedError,
    GitHubError,
    NotFoundError,
    RefusedError,
    ScopeMissingError,
    WaitError,
)
from apps.integrations.models import (
    Hook,
    IntegrationCredential,
    TrackedRepository,
    WebhookDelivery,
)
from apps.teams.models import Team

log = logging.getLogger(__name__)

CHECK_EVERY = timedelta(days=1)
TRY_AGAIN = timedelta(minutes=2)
TAKEN_FOR = timedelta(minutes=1)

NO_RIGHT = (
    "The token may not make hooks here (GitHub asks for admin rights on the repository). "
    "Changes are found by asking every five minutes instead."
)
ARCHIVED = "It is archived: nothing changes there, so it needs no hook."
NOT_REACHABLE = (
    "GitHub cannot reach this address, so no hooks are made and changes are found by asking every "
    "five minutes. Set PUBLIC_URL to an address that GitHub can reach."
)


def address() -> str:
    """Where GitHub is to deliver."""
    return f"{settings.PUBLIC_URL}/webhooks/github/"


def is_reachable() -> bool:
    """Whether GitHub could deliver here: not to this machine, unless it is on it too."""
    return not _is_private(settings.PUBLIC_URL) or _is_private(settings.GITHUB_URL)


def due(now: datetime) -> QuerySet[TrackedRepository]:
    """Repositories whose hook is to be made, checked or removed."""
    rows: QuerySet[TrackedRepository] = TrackedRepository.objects.filter(
        hook_due_at__lte=now,
        integration__credential__rejected_at__isnull=True,
        integration__disconnected_at__isnull=True,
    )
    return rows.exclude(integration__credential__kind=IntegrationCredential.Kind.ENVIRONMENT)


def look_after_one(now: datetime) -> bool:
    """Makes, checks or removes the hook of one repository that is due; False when none is."""
    rows = due(now)
    tracked = (
        rows.select_related("integration__credential", "repository").order_by("hook_due_at").first()
    )
    if tracked is None:
        return False
    if not is_reachable():
        rows.update(hook_due_at=now + CHECK_EVERY, hook_error=NOT_REACHABLE)
        return False
    credential = tracked.integration.credential
    if until := budget.wait_for(credential, now, live=True, resource="core"):
        # One account's limit holds up no other's hooks.
        mine = rows.filter(integration__credential__account_id=credential.account_id)
        mine.filter(hook_due_at__lt=until).update(hook_due_at=until)
        return True
    if not budget.may_write(credential, now):
        return False
    taken = TrackedRepository.objects.filter(pk=tracked.pk, hook_due_at=tracked.hook_due_at)
    if taken.update(hook_due_at=now + TAKEN_FOR):
        _look_after(tracked, now)
    return True


def forget(tracked: TrackedRepository, github: GitHub) -> None:
    """Lets a repository's hook go: deleted on GitHub when no other team uses it."""
    hook = _let_go(tracked)
    if hook:
        _delete(tracked, hook, github)


def release_all(rows: QuerySet[TrackedRepository]) -> list[dict[str, Any]]:
    """Lets the hooks of repositories that are no longer tracked go, here.

    Returns those that no other team uses, to be deleted on GitHub.
    """
    ours = rows.filter(hook__isnull=False).values("hook")
    # Locked, so that of two teams that leave at the same time the second sees that it is the last.
    hooks = {hook.pk: hook for hook in Hook.objects.select_for_update().filter(pk__in=ours)}
    tracked = {row.hook_id: row for row in rows.filter(hook__in=hooks)}
    shared = TrackedRepository.objects.filter(hook__in=hooks, is_active=True)
    kept = set(shared.values_list("hook", flat=True))
    rows.filter(hook__in=kept).update(hook=None, hook_error="")
    Hook.objects.filter(pk__in=hooks.keys() - kept).delete()
    return [
        {
            "path": f"/repos/{tracked[pk].full_name}/hooks/{hook.hook_id}",
            "repository": tracked[pk].full_name,
            "repository_id": hook.github_repo_id,
        }
        for pk, hook in hooks.items()
        if pk not in kept and hook.hook_id
    ]


def _let_go(tracked: TrackedRepository) -> Hook | None:
    """The hook, where it is to be deleted on GitHub: nobody else uses it."""
    hook = tracked.hook
    if hook is None:
        return None
    others = TrackedRepository.objects.filter(hook=hook, is_active=True).exclude(pk=tracked.pk)
    if others.exists():
        TrackedRepository.objects.filter(pk=tracked.pk).update(hook=None, hook_error="")
        return None
    if hook.hook_id:
        return hook
    _drop(tracked, hook)
    return None


def _delete(tracked: TrackedRepository, hook: Hook, github: GitHub) -> None:
    # Unlinked only when GitHub has deleted it: what fails here is tried again.
    try:
        github.rest("DELETE", f"/repos/{tracked.full_name}/hooks/{hook.hook_id}")
    except (NotFoundError, ScopeMissingError):
        log.info("Hook %s is gone already, or not ours to delete.", hook.hook_id)
    record("github.hook.removed", team_id=tracked.team_id, object_name=tracked.full_name)
    _drop(tracked, hook)


def _drop(tracked: TrackedRepository, hook: Hook) -> None:
    hook.delete()
    # Whoever began to track it meanwhile gets a hook of its own.
    taken_up = TrackedRepository.objects.filter(
        github_repo_id=tracked.github_repo_id, is_active=True
    )
    taken_up.update(hook_due_at=timezone.now())


def rotate(team: Team) -> int:
    """Gives the hooks of a team's repositories new secrets, which GitHub is told soon; how many.

    What is signed with an old one is taken until GitHub was told, and for another day.
    """
    tracked = TrackedRepository.objects.for_team(team).filter(is_active=True, hook__isnull=False)
    with transaction.atomic():
        hooks = list(Hook.objects.select_for_update().filter(pk__in=tracked.values("hook")))
        for hook in hooks:
            if hook.is_secret_told:
                hook.previous_secret = hook.secret
            hook.secret, hook.is_secret_told, hook.rotated_at = _secret(), False, timezone.now()
            hook.save()
        tracked.update(hook_due_at=timezone.now())
    return len(hooks)


def _look_after(tracked: TrackedRepository, now: datetime) -> None:
    if tracked.is_active and tracked.repository.is_archived:
        # GitHub takes no hook for what is read-only; should it be revived, the poll notices.
        rows = TrackedRepository.objects.filter(pk=tracked.pk)
        rows.update(hook_due_at=now + CHECK_EVERY, hook_error=ARCHIVED)
        return
    problem = ""
    due_at: datetime | None = now + CHECK_EVERY
    try:
        with with_github(tracked.integration.credential) as github:
            if tracked.is_active:
                _ensure(tracked, github)
                if redeliver_one(tracked, github):
                    due_at = now
            else:
                forget(tracked, github)
                due_at = None
    except (NotFoundError, ScopeMissingError):
        problem = NO_RIGHT
    except CredentialsRejectedError as error:
        problem = str(error)
    except GitHubError as error:
        problem, due_at = str(error), now + TRY_AGAIN
        if isinstance(error, WaitError):
            due_at = budget.block(tracked.integration.credential, error, now, resource="core")
    mine = TrackedRepository.objects.filter(pk=tracked.pk)
    mine.update(hook_error=problem)
    # Whoever asked for it meanwhile is not overruled.
    mine.filter(hook_due_at=now + TAKEN_FOR).update(hook_due_at=due_at)


def _ensure(tracked: TrackedRepository, github: GitHub) -> None:
    hook, _ = Hook.objects.get_or_create(
        host=settings.GITHUB_URL,
        github_repo_id=tracked.github_repo_id,
        defaults={"secret": _secret()},
    )
    try:
        told = hook.hook_id is not None and hook.is_secret_told
        if not told or not _is_as_made(github, tracked, hook):
            _write(github, tracked, hook)
    except (NotFoundError, ScopeMissingError):
        Hook.objects.filter(pk=hook.pk, repositories__isnull=True).delete()
        raise
    tracked.hook = hook
    if TrackedRepository.objects.filter(pk=tracked.pk, hook=None).update(hook=hook):
        record("github.hook.made", team_id=tracked.team_id, object_name=tracked.full_name)


def _is_as_made(github: GitHub, tracked: TrackedRepository, hook: Hook) -> bool:
    """Whether GitHub still has the hook as we made it; one that is gone is forgotten."""
    try:
        found = github.get(f"/repos/{tracked.full_name}/hooks/{hook.hook_id}").data
    except NotFoundError:
        hook.hook_id = None
        return False
    wanted = _wanted(hook)
    config = found.get("config", {})
    return bool(
        found.get("active")
        and set(found.get("events", ())) == set(SUBSCRIBED)
        and all(config.get(name) == wanted["config"][name] for name in ("url", "content_type"))
        and str(config.get("insecure_ssl", "0")) == "0"
    )


def _write(github: GitHub, tracked: TrackedRepository, hook: Hook) -> None:
    """Makes the hook, or makes the one that is there ours again."""
    path = f"/repos/{tracked.full_name}/hooks"
    if hook.hook_id is None:
        try:
            hook.hook_id = github.rest("POST", path, json=_wanted(hook)).data["id"]
        except RefusedError as error:
            if "already exists" not in error.message:
                raise
            hook.hook_id = _adopt(github, path)
            github.rest("PATCH", f"{path}/{hook.hook_id}", json=_wanted(hook))
    else:
        github.rest("PATCH", f"{path}/{hook.hook_id}", json=_wanted(hook))
    Hook.objects.filter(pk=hook.pk).update(hook_id=hook.hook_id)
    now = Hook.objects.filter(pk=hook.pk).first()
    if now is None:
        github.rest("DELETE", f"{path}/{hook.hook_id}")
        raise RefusedError("The connection ended while the hook was made; it is deleted again.")
    # Another rotation may have come between: then this was not the last word.
    if now.secret == hook.secret:
        Hook.objects.filter(pk=hook.pk).update(is_secret_told=True)


def _adopt(github: GitHub, path: str) -> int:
    for page in github.pages(path):
        for found in page:
            if found.get("config", {}).get("url") == address():
                return int(found["id"])
    raise RefusedError("GitHub says that our hook exists, but does not list it.")


def _wanted(hook: Hook) -> dict[str, Any]:
    return {
        "name": "web",
        "active": True,
        "events": list(SUBSCRIBED),
        # Always with the secret: a PATCH without it would remove it.
        "config": {
            "url": address(),
            "content_type": "json",
            "insecure_ssl": "0",
            "secret": hook.secret,
        },
    }


def redeliver_one(tracked: TrackedRepository, github: GitHub) -> bool:
    """Asks GitHub to send one delivery again that never reached us; False when all did.

    GitHub lists three days. A time-out is no failure by GitHub's own filter, so all are read.
    """
    hook = tracked.hook
    if hook is None or hook.hook_id is None:
        return False
    path = f"/repos/{tracked.full_name}/hooks/{hook.hook_id}/deliveries"
    attempts: dict[str, int] = {}
    delivered, redelivered = set(), set()
    for page in github.pages(path):
        for attempt in page:
            attempts.setdefault(attempt["guid"], attempt["id"])
            if 200 <= int(attempt.get("status_code") or 0) < 300:
                delivered.add(attempt["guid"])
            if attempt.get("redelivery"):
                redelivered.add(attempt["guid"])
    # What failed again is left to the poll, or it would be asked for for ever.
    missing = attempts.keys() - delivered - redelivered
    known = WebhookDelivery.objects.filter(hook=hook, guid__in=missing)
    lost = sorted(missing - set(known.values_list("guid", flat=True)))
    for guid in lost[:1]:
        github.rest("POST", f"{path}/{attempts[guid]}/attempts")
    return len(lost) > 1


def _secret() -> str:
    return secrets.token_urlsafe(32)


def _is_private(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith((".localhost", ".local")):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
