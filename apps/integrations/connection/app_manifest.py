"""Creates the GitHub App from a manifest: one form that leads to GitHub, and its response.

https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import quote

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from apps.audit.record import record
from apps.integrations.access import connect_state, github_app, oauth, problems
from apps.integrations.access.connect_state import State
from apps.integrations.access.problems import ConnectError
from apps.integrations.github import apps
from apps.integrations.github.apps import MadeApp
from apps.integrations.github.errors import GitHubError
from apps.integrations.hooks import events, registration
from apps.integrations.models import GitHubApp
from apps.teams.models import Membership, Team

METHOD = "manifest"
LONGEST_NAME = 34
# The last two are only for deployments: without them everything else works.
PERMISSIONS = dict.fromkeys(
    ("contents", "members", "metadata", "pull_requests", "deployments", "actions"), "read"
)
_CODE = re.compile(r"[0-9A-Za-z_-]{1,100}")


@dataclass(frozen=True)
class Form:
    """A form for GitHub: the App's future owner, the URL, and the manifest."""

    owner: str
    action: str
    manifest: str


def may_make(user_id: int, *, is_staff: bool) -> bool:
    """Whether a user may create the App of the installation.

    The App's owner on GitHub can read everything it is installed on, whichever team connected it.
    So only staff may, or an admin of the only team.
    """
    if github_app.is_configured():
        return False
    if is_staff:
        return True
    only = Team.objects.count() == 1
    admins = Membership.objects.filter(role=Membership.Role.ADMIN)
    return only and admins.filter(user=user_id).exists()


def begin(request: HttpRequest, team: Team, organizations: list[str]) -> list[Form]:
    """A form for each organisation that may own the App, and one for the person's own account."""
    signed, state = connect_state.issue(request.user.pk or 0, team, None, METHOD)
    connect_state.remember(request, state)
    query = f"?state={quote(signed)}"
    web = settings.GITHUB_URL
    # An App of an organisation serves that organisation, a person's only the person.
    forms = [
        Form(name, f"{web}/organizations/{quote(name)}/settings/apps/new{query}", _text(team, name))
        for name in organizations
    ]
    return [*forms, Form("", f"{web}/settings/apps/new{query}", _text(team, ""))]


def _text(team: Team, owner: str) -> str:
    manifest = {
        "name": f"tformance {owner or team.name}"[:LONGEST_NAME].strip(),
        "url": settings.PUBLIC_URL,
        "description": "Reads pull requests to show how they flow. It changes nothing.",
        "redirect_url": settings.PUBLIC_URL + reverse("github_app_made"),
        "callback_urls": [oauth.callback_url()],
        "request_oauth_on_install": True,
        "public": not owner,
        "default_permissions": PERMISSIONS,
    }
    if registration.is_reachable():
        manifest["hook_attributes"] = {"url": registration.address(), "active": True}
        manifest["default_events"] = list(events.SUBSCRIBED_BY_APP)
    return json.dumps(manifest)


def finish(request: HttpRequest, team: Team, state: State, answer: QueryDict) -> GitHubApp:
    """Processes GitHub's response and stores the App. Raises ConnectError."""
    connect_state.redeem(request, answer.get("state", ""), state)
    code = answer.get("code", "")
    if not _CODE.fullmatch(code):
        raise ConnectError(problems.BAD_CODE)
    try:
        made = apps.convert(settings.GITHUB_URL, code, settings.GITHUB_CA_FILE)
    except GitHubError as error:
        raise ConnectError(problems.from_github(error)) from None
    row = _store(request, made)
    record("github.app.made", team_id=team.pk, request=request, object_name=row.name)
    return row


def _store(request: HttpRequest, made: MadeApp) -> GitHubApp:
    try:
        with transaction.atomic():
            row = GitHubApp.objects.create(
                host=settings.GITHUB_URL,
                app_id=made.id,
                slug=made.slug,
                name=made.name,
                html_url=made.html_url,
                owner_login=made.owner.login if made.owner else "",
                client_id=made.client_id,
                client_secret=made.client_secret,
                webhook_secret=made.webhook_secret or "",
                private_key=made.pem,
                made_by_id=request.user.pk,
            )
    except IntegrityError:
        raise ConnectError(problems.app_made_already(made.html_url)) from None
    return row
