"""The GitHub App of this installation: from the settings, or created from a manifest.

All teams of this installation share it, so its data is stored once, encrypted.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from django.conf import settings
from django.db.models import QuerySet

from apps.integrations.access import oauth
from apps.integrations.access.door import open_github
from apps.integrations.github import apps
from apps.integrations.github.apps import AppIdentity, AppRecord
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import AppRejectedError, CredentialsRejectedError
from apps.integrations.models import GitHubApp, Hook


@dataclass(frozen=True, repr=False)
class App:
    """What this installation knows of its App; GitHub supplies the rest for one in settings."""

    app_id: int
    private_key: str
    webhook_secret: str
    client_secret: str
    client_id: str = ""
    slug: str = ""
    html_url: str = ""
    is_from_manifest: bool = False

    @property
    def proves_users(self) -> bool:
        """Whether the App can ask GitHub who a user is."""
        return bool(self.client_secret)

    @property
    def account(self) -> str:
        """The account whose budget the App uses for itself."""
        return f"app:{self.app_id}"

    @property
    def page(self) -> str:
        """The App's page on GitHub; an Enterprise Server uses another path than github.com."""
        if self.html_url.startswith(f"{settings.GITHUB_URL}/"):
            return self.html_url
        return f"{settings.GITHUB_URL}/apps/{quote(self.slug)}"

    @property
    def client(self) -> oauth.Client:
        """The OAuth client with which the App identifies users."""
        return oauth.Client(self.client_id, self.client_secret)


def is_configured() -> bool:
    """Whether there is an App to install."""
    return bool(settings.GITHUB_APP_ID) or _rows().exists()


def current() -> App | None:
    """The App, as far as it is known here; None if there is none."""
    if settings.GITHUB_APP_ID:
        return App(
            int(settings.GITHUB_APP_ID),
            settings.GITHUB_APP_PRIVATE_KEY,
            settings.GITHUB_APP_WEBHOOK_SECRET,
            settings.GITHUB_APP_CLIENT_SECRET,
        )
    row = _rows().first()
    if row is None:
        return None
    return App(
        row.app_id,
        row.private_key,
        row.webhook_secret,
        row.client_secret,
        row.client_id,
        row.slug,
        row.html_url,
        is_from_manifest=True,
    )


def named() -> App | None:
    """The App with its name and client ID, possibly requested from GitHub. Raises GitHubError."""
    app = current()
    if app is None or app.slug:
        return app
    with conversation(app) as github:
        record: AppRecord = apps.about(github)
    return App(
        app.app_id,
        app.private_key,
        app.webhook_secret,
        app.client_secret,
        record.client_id,
        record.slug,
        record.html_url,
    )


@contextmanager
def conversation(app: App) -> Iterator[GitHub]:
    """A client with which the App acts as itself. Raises AppRejectedError for a 401."""
    identity = AppIdentity(app.app_id, app.private_key)
    try:
        with open_github(identity, app.account) as github:
            yield github
    except CredentialsRejectedError as error:
        if type(error) is not CredentialsRejectedError:
            raise
        raise _rejected(error) from None


def _rejected(error: CredentialsRejectedError) -> AppRejectedError:
    reason = error.message.partition("It says: ")[2] or "it does not know the key"
    rejected = AppRejectedError(
        f"GitHub does not accept the token that the GitHub App signed: {reason}"
    )
    rejected.answered_at = error.answered_at
    return rejected


def hook(app_id: int) -> tuple[int, str] | None:
    """The row's key and the secret of this App's hook; None if the App is not ours."""
    app = current()
    if app is None or app.app_id != app_id or not app.webhook_secret:
        return None
    return row_of_hook(app_id).pk, app.webhook_secret


def row_of_hook(app_id: int) -> Hook:
    """The row of the App's hook; GitHub reports nothing of it but its deliveries."""
    # The App's own secret is used. The one in the row only has to be unguessable.
    row, _ = Hook.objects.get_or_create(
        host=settings.GITHUB_URL, app_id=app_id, defaults={"secret": secrets.token_urlsafe(32)}
    )
    return row


def _rows() -> QuerySet[GitHubApp]:
    return GitHubApp.objects.filter(host=settings.GITHUB_URL)
