"""Acts of GitHub Apps: create, install, change, suspend and remove."""

from __future__ import annotations

from datetime import timedelta

from .. import app_events, apps
from ..registrations import AppError
from ..state import Simulator
from ..world import GitHubApp, Installation
from . import named
from .named import Act, ImpossibleError, Json


def _app(simulator: Simulator, given: Json) -> GitHubApp:
    for app in simulator.world.apps.values():
        if app.slug == given["app"]:
            return app
    raise ImpossibleError(f"There is no app {given['app']}.")


def _installation(simulator: Simulator, given: Json) -> Installation:
    found = simulator.world.installations.get(given["installation"])
    if found is None:
        raise ImpossibleError(f"There is no installation {given['installation']}.")
    return found


def _register_app(simulator: Simulator, given: Json) -> Json:
    """What its owner would fill in by hand; returns the app's data, including its secrets."""
    owner = named.account(simulator, given["owner"])
    manifest = {"redirect_url": simulator.url, "url": simulator.url, **given.get("manifest", {})}
    if reason := apps.problem(simulator.world, manifest):
        raise ImpossibleError(reason)
    try:
        code, made = apps.register(simulator, manifest, owner, given["name"])
    except AppError as error:
        raise ImpossibleError(error.message) from error
    del simulator.registrations.codes[code]
    return {
        "id": made.app.id,
        "slug": made.app.slug,
        "client_id": made.app.client_id,
        "client_secret": made.client_secret,
        "webhook_secret": made.app.hook.secret if made.app.hook else "",
        "pem": made.private_key,
    }


def _install_app(simulator: Simulator, given: Json) -> Json:
    """A token like GitHub Actions', or any GitHub App's installation."""
    owner = named.account(simulator, given["owner"])
    asked = given.get("permissions", ["contents", "metadata", "pull_requests"])
    permissions = asked if isinstance(asked, dict) else dict.fromkeys(asked, "read")
    slug = given.get("app", "github-actions")
    known = (each for each in simulator.world.apps.values() if each.slug == slug)
    app = next(known, None) or _without_key(simulator, slug)
    chosen = _ids(simulator, given)
    if app.public_key:
        made = app_events.install(simulator, app, owner, app.owner, chosen)
    else:
        made = apps.install(simulator, app, owner, chosen, permissions)
    lifetime = timedelta(seconds=given.get("expires_in", 3600))
    held = None if app.public_key and "permissions" not in given else permissions
    token = apps.new_installation_token(
        simulator, made, held, value=given.get("token", ""), lifetime=lifetime
    )
    return {"token": token.value, "installation": made.id}


def _without_key(simulator: Simulator, slug: str) -> GitHubApp:
    """An app of GitHub's own, which nobody else can act as."""
    account = apps.bot(simulator.world, slug)
    return GitHubApp(0, "A_0", slug, slug, slug, account, account)


def _ids(simulator: Simulator, given: Json) -> set[int] | None:
    if "repositories" not in given:
        return None
    return {named.repository(simulator, {"repository": n}).id for n in given["repositories"]}


def _choose(simulator: Simulator, given: Json) -> None:
    app_events.choose(simulator, _installation(simulator, given), _ids(simulator, given))


def _ask(simulator: Simulator, given: Json) -> None:
    app_events.ask(_app(simulator, given), given.get("permissions", {}), given.get("events", []))


def _accept(simulator: Simulator, given: Json) -> None:
    """Accepts what is requested, unless permissions are given."""
    app_events.accept(simulator, _installation(simulator, given), given.get("permissions"))


def _suspend(simulator: Simulator, given: Json) -> None:
    app_events.suspend(simulator, _installation(simulator, given))


def _unsuspend(simulator: Simulator, given: Json) -> None:
    app_events.unsuspend(simulator, _installation(simulator, given))


def _uninstall(simulator: Simulator, given: Json) -> None:
    app_events.uninstall(simulator, _installation(simulator, given))


def _revoke_user(simulator: Simulator, given: Json) -> None:
    person = named.account(simulator, given["login"])
    app_events.revoke_user(simulator, _app(simulator, given), person)


ACTS: dict[str, Act] = {
    "register_app": _register_app,
    "install_app": _install_app,
    "choose_repositories": _choose,
    "ask_permissions": _ask,
    "accept_permissions": _accept,
    "suspend_installation": _suspend,
    "unsuspend_installation": _unsuspend,
    "uninstall_app": _uninstall,
    "revoke_app_authorization": _revoke_user,
}
