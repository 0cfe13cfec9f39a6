"""New secrets and a new address for hooks that are there already; GitHub is told soon."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.integrations.hooks import registration
from apps.integrations.hooks.caretaking import look_at_once
from apps.integrations.models import GitHubIntegration, Hook, TrackedRepository
from apps.teams.models import Team


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
        look_at_once(tracked)
        look_at_once(organizations)
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
    here = Hook.objects.filter(host=settings.GITHUB_URL)
    here.filter(app_id__isnull=False).update(is_secret_told=False, redelivery_due_at=timezone.now())
    mine = here.filter(app_id=None)
    mine.filter(hook_id__isnull=False).update(is_secret_told=False)
    look_at_once(TrackedRepository.objects.filter(is_active=True, hook__in=mine))
    look_at_once(GitHubIntegration.objects.filter(hook__in=mine))
