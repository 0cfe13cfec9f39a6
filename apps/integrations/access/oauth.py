"""OAuth requests to GitHub, with django-allauth's client but without its session storage.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import httpx
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Client
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from apps.integrations.access import problems
from apps.integrations.github import scopes
from apps.integrations.github.errors import GitHubError
from apps.integrations.github.transport import Transport


@dataclass(frozen=True)
class Grant:
    """What GitHub granted."""

    access_token: str
    refresh_token: str
    expires_at: datetime | None
    scopes: list[str]

    def __repr__(self) -> str:
        return f"Grant(scopes={self.scopes})"


@dataclass(frozen=True, repr=False)
class Client:
    """The OAuth app, or a GitHub App when it identifies users."""

    id: str
    secret: str


def own_client() -> Client:
    """The OAuth app of this installation."""
    return Client(settings.GITHUB_CLIENT_ID, settings.GITHUB_CLIENT_SECRET)


class ConnectClient(OAuth2Client):  # type: ignore[misc]
    """allauth's client, with GitHub's errors distinguished: they come with status 200."""

    def get_access_token(
        self, code: str, pkce_code_verifier: str | None = None, extra_data: Any = None
    ) -> dict[str, Any]:
        answer = _post(
            self.access_token_url,
            client_id=self.consumer_key,
            client_secret=self.consumer_secret,
            redirect_uri=self.callback_url,
            code=code,
            code_verifier=pkce_code_verifier or "",
        )
        if not answer.get("access_token"):
            raise problems.ConnectError(problems.from_code(str(answer.get("error", ""))))
        return answer


class ConnectAdapter(GitHubOAuth2Adapter):  # type: ignore[misc]
    """allauth's GitHub adapter for connecting a team: our callback URL, our GitHub host."""

    client_class = ConnectClient

    def __init__(self, request: HttpRequest, app: Client | None = None) -> None:
        super().__init__(request)
        self.app = app or own_client()
        self.access_token_url = self.token_url()
        self.authorize_url = f"{settings.GITHUB_URL}/login/oauth/authorize"

    @staticmethod
    def token_url() -> str:
        """The URL that exchanges codes and refresh tokens."""
        return f"{settings.GITHUB_URL}/login/oauth/access_token"

    def client(self) -> ConnectClient:
        return ConnectClient(
            self.request,
            self.app.id,
            self.app.secret,
            self.access_token_method,
            self.access_token_url,
            callback_url(),
        )


def callback_url() -> str:
    """The one callback URL registered with GitHub for connecting."""
    return settings.PUBLIC_URL + reverse("github_connect_callback")


def authorize_url(
    request: HttpRequest,
    state: str,
    wanted: Sequence[str] = scopes.NEEDED,
    app: Client | None = None,
) -> tuple[str, str]:
    """The URL to send the browser to, and the PKCE verifier to keep until it returns."""
    adapter = ConnectAdapter(request, app)
    client = adapter.client()
    client.state = state
    challenge = generate_code_challenge()
    verifier = challenge.pop("code_verifier")
    url = client.get_redirect_url(adapter.authorize_url, wanted, challenge)
    return url, verifier


def exchange(request: HttpRequest, code: str, verifier: str, app: Client | None = None) -> Grant:
    """Exchanges the code for a token. Raises ConnectError."""
    adapter = ConnectAdapter(request, app)
    return _grant(adapter, adapter.client().get_access_token(code, pkce_code_verifier=verifier))


def refresh(refresh_token: str) -> Grant:
    """Exchanges a refresh token for a new pair; both old tokens end. Raises ConnectError."""
    data = _post(
        ConnectAdapter.token_url(),
        client_id=settings.GITHUB_CLIENT_ID,
        client_secret=settings.GITHUB_CLIENT_SECRET,
        grant_type="refresh_token",
        refresh_token=refresh_token,
    )
    if not data.get("access_token"):
        raise problems.ConnectError(problems.from_code(str(data.get("error", ""))))
    return _grant(ConnectAdapter(HttpRequest()), data)


def _grant(adapter: ConnectAdapter, data: dict[str, Any]) -> Grant:
    try:
        token = adapter.parse_token(data)  # an unsaved SocialToken
    except (OverflowError, TypeError, ValueError):  # of when it ends
        raise problems.ConnectError(problems.UNEXPECTED) from None
    return Grant(
        token.token, token.token_secret, token.expires_at, scopes.parse(str(data.get("scope", "")))
    )


def _post(url: str, **data: str) -> dict[str, Any]:
    try:
        reply = ask("POST", url, data=data, headers={"Accept": "application/json"})
        answer = reply.json()
    except GitHubError:
        raise problems.ConnectError(problems.UNREACHABLE) from None
    except ValueError:
        problem = problems.UNREACHABLE if reply.status_code >= 500 else problems.UNEXPECTED
        raise problems.ConnectError(problem) from None
    return cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}


def ask(method: str, url: str, **options: Any) -> httpx.Response:
    """One request that follows no redirect: its body holds secrets."""
    with Transport(url, settings.GITHUB_CA_FILE) as http:
        return http.request(method, url, **options)
