"""GitHub Apps and their installations as REST and hooks show them."""

from __future__ import annotations

from ..instants import optional_zulu as instant
from ..world import GitHubApp, Installation, Repository
from .accounts import Json, optional_user, simple_user


def app_shape(url: str, app: GitHubApp, installations: int) -> Json:
    return {
        "id": app.id,
        "slug": app.slug,
        "client_id": app.client_id,
        "node_id": app.node_id,
        "owner": simple_user(url, app.owner),
        "name": app.name,
        "description": app.description,
        "external_url": app.url,
        "html_url": f"{url}/github-apps/{app.slug}",
        "created_at": instant(app.created_at),
        "updated_at": instant(app.created_at),
        "permissions": dict(app.permissions),
        "events": list(app.events),
        "installations_count": installations,
    }


def installation_shape(url: str, installation: Installation) -> Json:
    account, own = installation.account, f"{url}/api/v3/app/installations/{installation.id}"
    page = f"organizations/{account.login}/settings" if account.type != "User" else "settings"
    return {
        "id": installation.id,
        "client_id": installation.app.client_id,
        "account": simple_user(url, account),
        "repository_selection": "all" if installation.repositories is None else "selected",
        "access_tokens_url": f"{own}/access_tokens",
        "repositories_url": f"{url}/api/v3/installation/repositories",
        "html_url": f"{url}/{page}/installations/{installation.id}",
        "app_id": installation.app.id,
        "app_slug": installation.app.slug,
        "target_id": account.id,
        "target_type": account.type,
        "permissions": dict(installation.permissions),
        "events": list(installation.events),
        "created_at": instant(installation.created_at),
        "updated_at": instant(installation.updated_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": optional_user(url, installation.suspended_by),
        "suspended_at": instant(installation.suspended_at),
    }


def chosen_repository(repository: Repository) -> Json:
    """A repository as `installation` events show it."""
    return {
        "id": repository.id,
        "node_id": repository.node_id,
        "name": repository.name,
        "full_name": repository.full_name,
        "private": repository.private,
    }
