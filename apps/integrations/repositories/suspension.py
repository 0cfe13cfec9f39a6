"""A suspended or removed GitHub App: stops or resumes the work.

GitHub reports it by the App's hook; a missed delivery is noticed at the next request. Rejected
credentials that may become valid are checked again: a suspension each hour, the App's own signature
after growing pauses, a token once a day for a week.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.audit.record import record
from apps.integrations.access import github_app, token_refresh
from apps.integrations.access.conversation import with_github
from apps.integrations.github import apps
from apps.integrations.github.errors import (
    CredentialsRejectedError,
    GitHubError,
    InstallationRemovedError,
    InstallationSuspendedError,
    NotFoundError,
)
from apps.integrations.models import GitHubIntegration, IntegrationCredential
from apps.integrations.repositories import resumption
from apps.integrations.sync import production_look, schedule
from apps.integrations.work import policy
from apps.integrations.work.chores import Chore
from apps.integrations.work.policy import Verdict
from apps.pauses import growing

FIRST_PAUSE = timedelta(minutes=1)
LOOK_EVERY = timedelta(hours=1)
A_DAY = timedelta(days=1)
LOOKED_AT_FOR = timedelta(days=8)
Rejection = IntegrationCredential.Rejection


def of_installation(installation_id: int) -> QuerySet[GitHubIntegration]:
    """The teams' connections that use an installation."""
    found = GitHubIntegration.objects.filter(
        credential__installation_id=installation_id, disconnected_at=None
    )
    return found.select_related("credential", "team")


def stop(installation_id: int, error: CredentialsRejectedError) -> None:
    """Stops all work with an installation, until a person acts on GitHub."""
    for credential in _credentials(installation_id):
        _reject_anew(credential, error)
    schedule.stop_rejected()


def resume(installation_id: int) -> None:
    """Resumes after a suspension."""
    for credential in _credentials(installation_id).filter(rejection=Rejection.SUSPENDED):
        _resume(credential)


def _credentials(installation_id: int) -> QuerySet[IntegrationCredential]:
    connected = of_installation(installation_id).values("credential")
    return IntegrationCredential.objects.filter(pk__in=connected)


def _reject_anew(credential: IntegrationCredential, error: CredentialsRejectedError) -> None:
    """Also if a suspended installation was removed: nothing will restore it."""
    if credential.rejected_at and credential.rejection != policy.rejection_of(error):
        IntegrationCredential.objects.filter(pk=credential.pk).update(rejected_at=None)
    policy.reject(credential, error)


def _resume(credential: IntegrationCredential) -> None:
    good_again: dict[str, Any] = {"rejected_at": None, "rejection": "", "rejection_said": ""}
    if credential.installation_id:
        good_again |= {"token_expires_at": None, "access_token": ""}
    IntegrationCredential.objects.filter(pk=credential.pk).update(**good_again)
    was_suspended = credential.rejection == Rejection.SUSPENDED
    action = "github.app.resumed" if was_suspended else "github.token.accepted"
    record(action, team_id=credential.team_id, object_name=credential.account_login)
    connected = credential.integrations.filter(disconnected_at=None)
    resumption.go_on(list(connected.select_related("credential", "team")))


def _to_look_at_again(now: datetime) -> QuerySet[IntegrationCredential]:
    """Rejected credentials that may be valid again, after their first pause."""
    may_be = Q(rejection=Rejection.APP, rejected_at__lt=now - FIRST_PAUSE)
    may_be |= Q(rejection=Rejection.SUSPENDED, rejected_at__lt=now - LOOK_EVERY)
    may_be |= Q(
        rejection="", rejected_at__lt=now - A_DAY, rejected_at__gt=now - LOOKED_AT_FOR
    ) & ~Q(access_token="", installation_id=None)
    connected = GitHubIntegration.objects.filter(credential=OuterRef("pk"), disconnected_at=None)
    found: QuerySet[IntegrationCredential] = IntegrationCredential.objects.filter(
        may_be, Exists(connected)
    )
    return found.exclude(kind=IntegrationCredential.Kind.ENVIRONMENT).order_by("pk")


def _look(credential: IntegrationCredential, now: datetime) -> None:
    """Checks whether GitHub accepts it again. Raises the reason if it does not."""
    if credential.installation_id:
        _look_at_installation(credential.installation_id)
    else:
        with with_github(credential) as github, suppress(NotFoundError):
            # This request is free. A server with rate limits disabled answers 404 for a valid
            # token.
            github.get("/rate_limit")
    _resume(credential)


def _look_at_installation(installation_id: int) -> None:
    app = github_app.current()
    if app is None:
        raise CredentialsRejectedError(token_refresh.NO_APP)
    with github_app.conversation(app) as github:
        if apps.installation(github, installation_id).suspended_at:
            raise InstallationSuspendedError


def _store_error(credential: IntegrationCredential, error: GitHubError, verdict: Verdict) -> None:
    if isinstance(error, CredentialsRejectedError):
        _reject_anew(credential, error)


def _pause(credential: IntegrationCredential, failures: int) -> timedelta:
    """Growing pauses if the App itself is refused, for example until its clock is set."""
    if credential.rejection == Rejection.APP:
        return growing(FIRST_PAUSE, LOOK_EVERY, failures)
    return LOOK_EVERY if credential.rejection == Rejection.SUSPENDED else A_DAY


SECOND_LOOK = Chore("second look", _to_look_at_again, _look, store_error=_store_error, pause=_pause)


def changed(installation_id: int, action: str) -> None:
    """Handles the `installation` event, by its action."""
    if action == "suspend":
        stop(installation_id, InstallationSuspendedError())
    elif action == "unsuspend":
        resume(installation_id)
    elif action == "deleted":
        stop(installation_id, InstallationRemovedError())
    else:
        if action == "new_permissions_accepted":
            _may_do_more(installation_id)
        reread(installation_id)


def _may_do_more(installation_id: int) -> None:
    """Requests what was not granted before; the old token lacks the new permission."""
    _credentials(installation_id).update(token_expires_at=None, access_token="")
    production_look.ask_what_was_refused(of_installation(installation_id))


def reread(installation_id: int) -> None:
    """Has people and repositories of an installation fetched again: it may see others now."""
    of_installation(installation_id).update(members_due_at=timezone.now())
