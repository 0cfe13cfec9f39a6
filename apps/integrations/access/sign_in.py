"""Makes allauth's sign-in requests to GitHub with the program's own HTTP client.

The same goes for a company's OpenID Connect provider.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

import httpx
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import redirect

from apps.integrations.github.client import Addresses
from apps.integrations.github.errors import GitHubError
from apps.integrations.github.transport import Transport
from apps.users.adapters import ElsewhereSignInAdapter

SILENT = (
    "{company} did not respond as expected. Try again in a few minutes; if that does not help, "
    "tell the administrator of tformance."
)
log = logging.getLogger(__name__)
MAY_BE_MISSING = "/user/emails"  # 404 if the token may not read them, which allauth accepts


class Session:
    """allauth's session, implemented by `Transport`, raising the errors that allauth expects."""

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Raises OAuth2Error for anything but a JSON response."""
        headers = {"Accept": "application/json", **(options.pop("headers", None) or {})}
        try:
            with _transport(url) as http:
                reply = http.request(method, url, headers=headers, **options)
            reply.json()
        except (GitHubError, ValueError) as error:
            raise _failure(f"GitHub did not respond as expected ({error})") from None
        if not (reply.is_success or (reply.status_code == 404 and url.endswith(MAY_BE_MISSING))):
            raise _failure(f"GitHub answered {reply.status_code}")
        return reply


def _failure(reason: str) -> OAuth2Error:
    log.warning("Signing in with GitHub failed: %s.", reason)  # allauth only shows a page
    return OAuth2Error(reason)


def _transport(url: str) -> Transport:
    """A transport for one of GitHub's two hosts: the website, which exchanges codes, or the API."""
    addresses = Addresses.of(settings.GITHUB_URL)
    is_web = urlsplit(url).netloc == urlsplit(addresses.web).netloc
    return Transport(addresses.web if is_web else addresses.rest, settings.GITHUB_CA_FILE)


class CompanySession(Session):
    """allauth's session for a company's provider; each URL is one that the issuer names."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Shows the page of a failed sign-in for anything but a JSON response."""
        auth = options.pop("auth", None)  # the same argument as in `requests`
        pair = (auth.username, auth.password) if auth else None
        headers = {"Accept": "application/json", **(options.pop("headers", None) or {})}
        try:
            with Transport(url, settings.OIDC_CA_FILE, settings.OIDC_NAME, timeout=10) as http:
                reply = http.request(method, url, headers=headers, auth=pair, **options)
            reply.raise_for_status().json()
        except (GitHubError, httpx.HTTPStatusError, ValueError) as error:
            log.warning("Signing in with %s failed: %s", settings.OIDC_NAME, error)
            messages.error(self._request, SILENT.format(company=settings.OIDC_NAME))
            raise ImmediateHttpResponse(redirect("socialaccount_login_error")) from None
        return reply


class SignInAdapter(ElsewhereSignInAdapter):
    """allauth's adapter, which uses the program's one HTTP client."""

    def get_requests_session(self) -> Session:
        """Called by allauth for each of its requests."""
        found = self.request.resolver_match if self.request else None
        is_company = found is not None and (found.url_name or "").startswith("openid_connect_")
        return CompanySession(self.request) if is_company else Session()
