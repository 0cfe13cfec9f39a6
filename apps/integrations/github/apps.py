"""Requests of a GitHub App: its data, its installations, and their tokens.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import httpx
import jwt
import msgspec
from msgspec import Struct

from apps.integrations.github import replies
from apps.integrations.github.client import Addresses, GitHub
from apps.integrations.github.errors import (
    AppRejectedError,
    CredentialsRejectedError,
    GitHubError,
    InstallationRemovedError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from apps.integrations.github.people import Account, ListedRepository, Part, listed
from apps.integrations.github.reading import UNREADABLE, of_rest
from apps.integrations.github.transport import Transport

DRIFT = 60  # seconds by which our clock may be ahead of GitHub's
WRONG = timedelta(seconds=20)  # beyond this, GitHub may refuse our clock, not the key
LIFETIME = 540  # seconds; GitHub allows ten minutes
T = TypeVar("T")


@dataclass(repr=False)
class AppIdentity:
    """A token source for the App itself, which signs its own tokens.

    `offset` is how far GitHub's clock is ahead of ours, once GitHub has refused a token for that.
    """

    app_id: int
    private_key: str
    offset: timedelta = timedelta()

    def token(self) -> str:
        """A new JSON web token. Raises AppRejectedError if the key is invalid."""
        now = int((datetime.now(UTC) + self.offset).timestamp())
        claims = {"iat": now - DRIFT, "exp": now + LIFETIME, "iss": str(self.app_id)}
        try:
            return jwt.encode(claims, self.private_key, algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            raise AppRejectedError(
                "The GitHub App's private key cannot be read.",
                advice="Give the .pem file that GitHub made as GITHUB_APP_PRIVATE_KEY.",
            ) from None

    def instead_of(self, refused: str, error: CredentialsRejectedError) -> str:
        """A token by GitHub's clock if ours was wrong; otherwise a retry would be refused too."""
        offset = clock_offset(error.answered_at)
        if abs(offset - self.offset) < WRONG:
            return ""
        self.offset = offset
        return self.token()


def clock_offset(answered_at: datetime | None) -> timedelta:
    """How far GitHub's clock is ahead of ours, according to a reply that has just arrived."""
    return answered_at - datetime.now(UTC) if answered_at else timedelta()


class AppRecord(Struct, frozen=True):
    """A GitHub App, as returned to itself."""

    id: int
    slug: str = ""
    name: str = ""
    client_id: str = ""
    html_url: str = ""
    owner: Account | None = None


class MadeApp(AppRecord, frozen=True, kw_only=True):
    """A newly created App with its secrets, which GitHub returns only once."""

    client_secret: str
    webhook_secret: str | None = None
    pem: str

    def __repr__(self) -> str:
        return f"MadeApp(slug={self.slug})"


class InstallationRecord(Struct, frozen=True):
    """An installation of the App on an account."""

    id: int
    account: Account
    suspended_at: datetime | None = None
    html_url: str = ""


class InstallationToken(Struct, frozen=True):
    """A token of an installation."""

    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"InstallationToken(expires_at={self.expires_at})"


class _Repositories(Struct, frozen=True):
    repositories: list[object]


class _Installations(Struct, frozen=True):
    installations: list[InstallationRecord]


class _Membership(Struct, frozen=True):
    user: Account
    role: str = ""
    state: str = ""


def about(app: GitHub) -> AppRecord:
    """The App that signs the request."""
    return of_rest(app.get("/app").data, AppRecord)


def installation(app: GitHub, installation_id: int) -> InstallationRecord:
    """One of the App's installations. Raises InstallationRemovedError."""
    try:
        return of_rest(app.get(f"/app/installations/{installation_id}").data, InstallationRecord)
    except NotFoundError:
        raise InstallationRemovedError from None


def new_token(app: GitHub, installation_id: int) -> InstallationToken:
    """A token of an installation. Raises InstallationRemovedError or InstallationSuspendedError."""
    path = f"/app/installations/{installation_id}/access_tokens"
    try:
        return of_rest(app.rest("POST", path).data, InstallationToken)
    except NotFoundError:
        raise InstallationRemovedError from None


def repositories(github: GitHub, following: str = "") -> tuple[Part[ListedRepository], str]:
    """A page of an installation's selected repositories, and the URL of the next."""
    page, following = github.page(following or "/installation/repositories?per_page=100")
    return listed(of_rest(page, _Repositories).repositories), following


def of_user(github: GitHub) -> list[InstallationRecord]:
    """The App's installations that the token's user can see."""
    return [
        found
        for page in github.pages("/user/installations")
        for found in of_rest(page, _Installations).installations
    ]


def is_owner(github: GitHub, organization: str, person: Account) -> bool:
    """Whether a person owns an organisation, asked with its installation's token."""
    try:
        reply = github.get(f"/orgs/{organization}/memberships/{person.login}")
    except NotFoundError:
        return False
    found = of_rest(reply.data, _Membership)
    return found.user.id == person.id and (found.state, found.role) == ("active", "admin")


def convert(github_url: str, code: str, ca_file: str = "") -> MadeApp:
    """Exchanges a manifest's code for the App. Raises GitHubError.

    https://docs.github.com/en/rest/apps/apps#create-a-github-app-from-a-manifest
    """
    url = f"{Addresses.of(github_url).rest}/app-manifests/{code}/conversions"
    with Transport(url, ca_file) as http:
        reply = http.post(url, headers={"Accept": "application/vnd.github+json"})
    if refusal := _refusal(reply):
        raise refusal
    try:
        return msgspec.json.decode(reply.content, type=MadeApp, strict=False)
    except UNREADABLE:
        raise UnavailableError("GitHub's reply cannot be read.") from None


def _refusal(reply: httpx.Response) -> GitHubError | None:
    if reply.status_code in (404, 422):
        return RefusedError(
            "GitHub does not know the code that it sent: it expired, or was used before.",
            advice="Create the App again.",
        )
    return replies.error_from_status(
        reply.status_code, reply.headers, reply.content, datetime.now(UTC)
    )
