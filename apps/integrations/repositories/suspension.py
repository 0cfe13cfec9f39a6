"""A GitHub App that is suspended on an account, or removed from it: work stops, or goes on.

GitHub tells it by the App's hook; what the hook misses is noticed at the next question, and each
hour it is asked whether a suspension is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.audit.record import record
from apps.integrations.access import github_app
from apps.integrations.github import apps
from apps.integrations.github.errors import (
    CredentialsRejectedError,
    GitHubError,
    InstallationRemovedError,
    InstallationSuspendedError,
)
from apps.integrations.models import GitHubIntegration, IntegrationCredential
from apps.integrations.repositories import resumption
from apps.integrations.sync import schedule

LOOK_EVERY = timedelta(hours=1)
Rejection = IntegrationCredential.Rejection


def of_installation(installation_id: int) -> QuerySet[GitHubIntegration]:
    """The teams' connections that live on an installation."""
    found = GitHubIntegration.objects.filter(
        credential__installation_id=installation_id, disconnected_at=None
    )
    return found.select_related("credential", "team")


def stop(installation_id: int, error: CredentialsRejectedError) -> None:
    """Ends all work with an installation, until somebody does something on GitHub."""
    for credential in _credentials(installation_id):
        if credential.rejection == Rejection.SUSPENDED:
            # It was suspended and is now removed: nothing will bring it back.
            IntegrationCredential.objects.filter(pk=credential.pk).update(rejected_at=None)
        schedule.reject(credential, error)


def resume(installation_id: int) -> None:
    """Goes on where a suspension stopped it."""
    for credential in _credentials(installation_id).filter(rejection=Rejection.SUSPENDED):
        rows = IntegrationCredential.objects.filter(pk=credential.pk)
        rows.update(rejected_at=None, rejection="", token_expires_at=None, access_token="")
        name = credential.account_login
        record("github.app.resumed", team_id=credential.team_id, object_name=name)
        resumption.go_on(list(of_installation(installation_id).filter(credential=credential)))


def _credentials(installation_id: int) -> QuerySet[IntegrationCredential]:
    connected = of_installation(installation_id).values("credential")
    return IntegrationCredential.objects.filter(pk__in=connected)


def look_again(now: datetime) -> None:
    """Asks GitHub, once an hour, whether suspensions are over that its hook did not tell of."""
    due = IntegrationCredential.objects.filter(
        Q(looked_at=None) | Q(looked_at__lt=now - LOOK_EVERY),
        rejection=Rejection.SUSPENDED,
        rejected_at__lt=now - LOOK_EVERY,
    )
    for installation_id in filter(None, set(due.values_list("installation_id", flat=True))):
        due.filter(installation_id=installation_id).update(looked_at=now)
        _look(installation_id)


def _look(installation_id: int) -> None:
    app = github_app.current()
    if app is None:
        return
    try:
        with github_app.conversation(app) as github:
            found = apps.installation(github, installation_id)
    except InstallationRemovedError as error:
        stop(installation_id, error)
    except GitHubError:
        return
    else:
        if found.suspended_at is None:
            resume(installation_id)


def changed(installation_id: int, action: str) -> None:
    """What the `installation` event says, by its action."""
    if action == "suspend":
        stop(installation_id, InstallationSuspendedError())
    elif action == "unsuspend":
        resume(installation_id)
    elif action == "deleted":
        stop(installation_id, InstallationRemovedError())
    else:
        reread(installation_id)


def reread(installation_id: int) -> None:
    """Has people and repositories of an installation read anew: it may see others now."""
    of_installation(installation_id).update(members_due_at=timezone.now())
