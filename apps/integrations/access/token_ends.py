"""Revokes tokens at GitHub: one function for each kind.

Only its owner can delete a pasted token.
"""

from __future__ import annotations

from django.conf import settings

from apps.integrations.access import github_app, oauth
from apps.integrations.access.door import with_token
from apps.integrations.github.client import API_VERSION, Addresses
from apps.integrations.github.errors import CredentialsRejectedError, GitHubError


def end_oauth(token: str, *, whole_grant: bool = False) -> bool:
    """Revokes a token of the OAuth app; returns whether GitHub confirmed it.

    With `whole_grant` the user's authorisation is revoked, with all their tokens of our app.
    """
    return _revoke(token, "grant" if whole_grant else "token", oauth.own_client())


def end_app_user(token: str) -> bool:
    """Revokes the short-lived token with which the GitHub App identified a user."""
    if not token:
        return False
    try:
        app = github_app.named()
    except GitHubError:
        return False
    return _revoke(token, "token", app.client) if app else False


def end_installation(token: str) -> bool:
    """Revokes an installation's token; true if GitHub accepted it or it was invalid already.

    https://docs.github.com/en/rest/apps/installations#revoke-an-installation-access-token
    """
    try:
        with with_token(token) as github:
            github.rest("DELETE", "/installation/token")
    except CredentialsRejectedError:
        return True
    except GitHubError:
        return False
    return True


def _revoke(token: str, what: str, client: oauth.Client) -> bool:
    """https://docs.github.com/en/rest/apps/oauth-applications#delete-an-app-token"""
    if not client.id or not token:
        return False
    url = f"{Addresses.of(settings.GITHUB_URL).rest}/applications/{client.id}/{what}"
    try:
        reply = oauth.ask(
            "DELETE",
            url,
            json={"access_token": token},
            auth=(client.id, client.secret),
            headers={"X-GitHub-Api-Version": API_VERSION},
        )
    except GitHubError:
        return False
    return reply.status_code in (204, 404)
