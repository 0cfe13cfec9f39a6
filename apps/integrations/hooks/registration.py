"""A repository's or organisation's hook on GitHub: created, checked, adopted, deleted."""

from __future__ import annotations

import ipaddress
import logging
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from apps.integrations.github import hooks
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import NotFoundError, RefusedError, ScopeMissingError
from apps.integrations.hooks.events import SUBSCRIBED, SUBSCRIBED_BY_ORGANIZATION
from apps.integrations.models import GitHubIntegration, Hook, TrackedRepository

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Home:
    """Where a hook belongs: API path, possible events, and owner."""

    name: str
    path: str
    events: tuple[str, ...]
    owner: dict[str, int]
    """The filter that finds our hook: GitHub's id of the repository or organisation."""

    def deliveries(self, hook: Hook) -> str:
        """The API path of a hook's deliveries."""
        return f"{self.path}/{hook.hook_id}/deliveries"


def home_of(row: TrackedRepository | GitHubIntegration) -> Home:
    """The place of a repository's or an organisation's own hooks."""
    if isinstance(row, TrackedRepository):
        mine = {"github_repo_id": row.github_repo_id}
        return Home(row.full_name, f"/repos/{row.full_name}/hooks", SUBSCRIBED, mine)
    mine = {"organization_id": row.organization_id}
    path = f"/orgs/{row.organization_slug}/hooks"
    return Home(row.organization_slug, path, SUBSCRIBED_BY_ORGANIZATION, mine)


def address() -> str:
    """The URL that GitHub delivers to."""
    return f"{settings.PUBLIC_URL}/webhooks/github/"


def is_reachable() -> bool:
    """Whether GitHub can deliver here: not to localhost, unless it runs there too."""
    return not _is_private(settings.PUBLIC_URL) or _is_private(settings.GITHUB_URL)


def new_secret() -> str:
    """A random secret for a new hook or a rotation."""
    return secrets.token_urlsafe(32)


def ensure(github: GitHub, home: Home, hook: Hook) -> None:
    """Makes sure that GitHub has the hook as configured here, with its newest secret."""
    has_secret = hook.hook_id is not None and hook.is_secret_sent
    if not has_secret or not _is_as_made(github, home, hook):
        _write(github, home, hook)


def hook_config(secret: str) -> dict[str, str]:
    """The hook's delivery settings; always with the secret: a PATCH without it removes it."""
    return {
        "url": address(),
        "content_type": "json",
        "insecure_ssl": "0",
        "secret": secret,
    }


def remove(github: GitHub, home: Home, hook: Hook) -> None:
    """Deletes the hook on GitHub, if it still exists."""
    try:
        github.rest("DELETE", f"{home.path}/{hook.hook_id}")
    except (NotFoundError, ScopeMissingError):
        log.info("Hook %s is gone already, or not ours to delete.", hook.hook_id)


def _is_as_made(github: GitHub, home: Home, hook: Hook) -> bool:
    """Whether GitHub still has the hook as we configured it; a missing hook's id is cleared."""
    try:
        found = hooks.hook(github, f"{home.path}/{hook.hook_id}")
    except NotFoundError:
        hook.hook_id, hook.deliveries_etag = None, ""
        return False
    wanted = hook_config(hook.secret)
    return (
        found.active
        and set(found.events) == set(home.events)
        and found.config.url == wanted["url"]
        and found.config.content_type == wanted["content_type"]
        and str(found.config.insecure_ssl) == wanted["insecure_ssl"]
    )


def _write(github: GitHub, home: Home, hook: Hook) -> None:
    """Creates the hook, or updates the existing one."""
    if hook.hook_id is None:
        try:
            hook.hook_id = hooks.create(github, home.path, _wanted(home, hook)).id
        except RefusedError as error:
            if "already exists" not in error.message:
                raise
            hook.hook_id = _adopt(github, home)
            github.rest("PATCH", f"{home.path}/{hook.hook_id}", json=_wanted(home, hook))
    else:
        github.rest("PATCH", f"{home.path}/{hook.hook_id}", json=_wanted(home, hook))
    known = {"hook_id": hook.hook_id, "deliveries_etag": hook.deliveries_etag}
    Hook.objects.filter(pk=hook.pk).update(**known)
    now = Hook.objects.filter(pk=hook.pk).first()
    if now is None:
        github.rest("DELETE", f"{home.path}/{hook.hook_id}")
        raise RefusedError("The connection ended while the hook was created; it is deleted again.")
    # If another rotation happened meanwhile, GitHub needs yet another update.
    if now.secret == hook.secret:
        Hook.objects.filter(pk=hook.pk).update(is_secret_sent=True)


def _adopt(github: GitHub, home: Home) -> int:
    for found in hooks.hooks(github, home.path):
        if found.config.url == address():
            return found.id
    raise RefusedError(
        "GitHub says that our hook exists, but does not list it: another application made it.",
        advice="Delete it in the settings on GitHub, under Webhooks; then it is created again.",
    )


def _wanted(home: Home, hook: Hook) -> dict[str, Any]:
    return {
        "name": "web",
        "active": True,
        "events": list(home.events),
        "config": hook_config(hook.secret),
    }


def _is_private(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith((".localhost", ".local")):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
