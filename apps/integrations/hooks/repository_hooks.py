"""Which hooks there are to be: registered when a repository is tracked, looked after, removed.

A hook is shared by the teams that track its repository: the first one makes it, the last one to
leave deletes it. A team may want one hook of the organisation instead (`organization_hooks`). Each
has a random secret of its own.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.audit.record import record
from apps.integrations.access.conversation import with_github
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    CredentialsRejectedError,
    GitHubError,
    NotFoundError,
    ScopeMissingError,
    WaitError,
)
from apps.integrations.hooks import app_hook, handling, organization_hooks, registration
from apps.integrations.hooks.redelivery import redeliver
from apps.integrations.hooks.registration import home_of_repository, is_reachable
from apps.integrations.models import (
    GitHubIntegration,
    Hook,
    IntegrationCredential,
    TrackedRepository,
)
from apps.integrations.sync import schedule
from apps.integrations.work import budget
from apps.teams.models import Team

log = logging.getLogger(__name__)

REQUESTS_AN_HOUR = 500
REQUESTS_A_VISIT = 2
ARCHIVED_AGAIN = timedelta(days=1)
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


def due(now: datetime) -> QuerySet[TrackedRepository]:
    """Repositories whose hook is to be made, checked or removed."""
    rows = TrackedRepository.objects.filter(
        hook_due_at__lte=now,
        integration__credential__rejected_at__isnull=True,
        integration__disconnected_at__isnull=True,
    )
    # A GitHub App brings a hook of its own, for all that it is installed on.
    kinds = IntegrationCredential.Kind
    return rows.exclude(integration__credential__kind__in=[kinds.ENVIRONMENT, kinds.APP])


def is_any_due(now: datetime) -> bool:
    """Whether a hook waits to be looked after, perhaps only for its account's next second."""
    is_apps = app_hook.is_due(now + budget.BETWEEN_WRITES)
    return is_apps or organization_hooks.due(now).exists() or due(now).exists()


def interval(integration: GitHubIntegration) -> timedelta:
    """An hour, or as long as it takes not to spend more than `REQUESTS_AN_HOUR` on looking."""
    count = integration.tracked_repositories.filter(is_active=True).count()
    hours = count * REQUESTS_A_VISIT / REQUESTS_AN_HOUR
    return timedelta(hours=max(1.0, hours))


def look_after_one(now: datetime) -> bool:
    """Makes, checks or removes one hook that is due; False when none is."""
    return (
        organization_hooks.look_after_one(now) or _look_after_one(now) or app_hook.look_after(now)
    )


def _look_after_one(now: datetime) -> bool:
    rows = due(now)
    tracked = (
        rows.select_related("integration__credential", "integration__hook", "repository", "hook")
        .order_by("hook_due_at")
        .first()
    )
    if tracked is None:
        return False
    if not is_reachable():
        rows.update(hook_due_at=now + ARCHIVED_AGAIN, hook_error=NOT_REACHABLE)
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


def release_all(rows: QuerySet[TrackedRepository]) -> list[dict[str, Any]]:
    """Lets the hooks of repositories that need none any more go, here.

    Returns those that no other team uses, to be deleted on GitHub.
    """
    rows.filter(hook__organization_id__isnull=False).update(hook=None, hook_error="")
    ours = rows.filter(hook__isnull=False).values("hook")
    # Locked, so that of two teams that leave at the same time the second sees that it is the last.
    hooks = {hook.pk: hook for hook in Hook.objects.select_for_update().filter(pk__in=ours)}
    tracked = {row.hook_id: row for row in rows.filter(hook__in=hooks)}
    others = TrackedRepository.objects.exclude(pk__in=rows.values("pk"))
    shared = others.filter(hook__in=hooks, is_active=True)
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
    if hook.organization_id or others.exists():
        TrackedRepository.objects.filter(pk=tracked.pk).update(hook=None, hook_error="")
        return None
    if hook.hook_id:
        return hook
    _drop(tracked, hook)
    return None


def _delete(tracked: TrackedRepository, hook: Hook, github: GitHub) -> None:
    # Unlinked only when GitHub has deleted it: what fails here is tried again.
    registration.remove(github, home_of_repository(tracked), hook)
    record("github.hook.removed", team_id=tracked.team_id, object_name=tracked.full_name)
    _drop(tracked, hook)


def _drop(tracked: TrackedRepository, hook: Hook) -> None:
    handling.handle_all(hook)
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
    organizations = GitHubIntegration.objects.for_team(team).filter(hook__isnull=False)
    used = Q(pk__in=tracked.values("hook")) | Q(pk__in=organizations.values("hook"))
    with transaction.atomic():
        hooks = list(Hook.objects.select_for_update().filter(used))
        for hook in hooks:
            if hook.is_secret_told:
                hook.previous_secret = hook.secret
            hook.secret, hook.is_secret_told = registration.new_secret(), False
            hook.rotated_at = timezone.now()
            hook.save()
        tracked.update(hook_due_at=timezone.now())
        organizations.update(hook_due_at=timezone.now())
    return len(hooks)


def follow_address() -> bool:
    """Has GitHub told of our address soon, where it is not that of the last start."""
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
    now = timezone.now()
    here = Hook.objects.filter(host=settings.GITHUB_URL)
    here.filter(app_id__isnull=False).update(is_secret_told=False, redelivery_due_at=now)
    mine = here.filter(app_id=None)
    mine.filter(hook_id__isnull=False).update(is_secret_told=False)
    TrackedRepository.objects.filter(is_active=True, hook__in=mine).update(hook_due_at=now)
    GitHubIntegration.objects.filter(hook__in=mine).update(hook_due_at=now)


def _look_after(tracked: TrackedRepository, now: datetime) -> None:
    if tracked.is_active and tracked.repository.is_archived:
        # GitHub takes no hook for what is read-only; should it be revived, the poll notices.
        rows = TrackedRepository.objects.filter(pk=tracked.pk)
        rows.update(hook_due_at=now + ARCHIVED_AGAIN, hook_error=ARCHIVED)
        return
    problem = ""
    due_at: datetime | None = now + interval(tracked.integration)
    try:
        with with_github(tracked.integration.credential) as github:
            due_at = _see_to(tracked, github, now, due_at)
    except (NotFoundError, ScopeMissingError):
        problem = NO_RIGHT
    except CredentialsRejectedError as error:
        problem = str(error)
        schedule.reject(tracked.integration.credential, error)
    except GitHubError as error:
        problem = str(error)
        if error.retryable:
            due_at = now + TRY_AGAIN
        if isinstance(error, WaitError):
            due_at = budget.block(tracked.integration.credential, error, now, resource="core")
    mine = TrackedRepository.objects.filter(pk=tracked.pk)
    mine.update(hook_error=problem)
    # Whoever asked for it meanwhile is not overruled.
    mine.filter(hook_due_at=now + TAKEN_FOR).update(hook_due_at=due_at)


def _see_to(
    tracked: TrackedRepository, github: GitHub, now: datetime, later: datetime | None
) -> datetime | None:
    """Does what the repository's hook needs; when it is due again."""
    if not tracked.is_active:
        if hook := _let_go(tracked):
            _delete(tracked, hook, github)
        return None
    if common := organization_hooks.covering(tracked):
        _use(tracked, common, github)
        return later
    hook = _ensure(tracked, github)
    path = home_of_repository(tracked).deliveries(hook)
    again_at = redeliver(github, path, hook, now)
    return min(filter(None, (again_at, later)), default=later)


def _use(tracked: TrackedRepository, common: Hook, github: GitHub) -> None:
    """Lets the organisation's hook, which is there, take the place of the repository's own."""
    own = tracked.hook
    if own == common:
        return
    hook = _let_go(tracked)
    if hook:
        registration.remove(github, home_of_repository(tracked), hook)
        record("github.hook.removed", team_id=tracked.team_id, object_name=tracked.full_name)
    TrackedRepository.objects.filter(pk=tracked.pk).update(hook=common)
    if hook:
        handling.hand_over(hook, common)
        hook.delete()


def _ensure(tracked: TrackedRepository, github: GitHub) -> Hook:
    hook, _ = Hook.objects.get_or_create(
        host=settings.GITHUB_URL,
        github_repo_id=tracked.github_repo_id,
        defaults={"secret": registration.new_secret()},
    )
    try:
        registration.ensure(github, home_of_repository(tracked), hook)
    except (NotFoundError, ScopeMissingError):
        Hook.objects.filter(pk=hook.pk, repositories__isnull=True).delete()
        raise
    mine = TrackedRepository.objects.filter(pk=tracked.pk).exclude(hook=hook)
    if mine.update(hook=hook):
        record("github.hook.made", team_id=tracked.team_id, object_name=tracked.full_name)
    tracked.hook = hook
    return hook
