"""GitHub Apps without HTTP: creation, installation, identity, and tokens.

https://docs.github.com/apps/creating-github-apps
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .limits import installation_limit
from .node_ids import node_id
from .registrations import AppError, Registration
from .state import Simulator
from .tokens import new_token
from .world import Account, GitHubApp, Hook, Installation, OAuthApp, Repository, Token, World

TOKEN_LIFETIME = timedelta(hours=1)
CODE_LIFETIME = timedelta(hours=1)
LONGEST_JWT = 600  # seconds
DRIFT = 60  # seconds that GitHub tolerates
LONGEST_NAME = 34
MOST_CALLBACKS = 10
# The permission for each event; others cannot be subscribed to, or come automatically.
NEEDED = {
    "member": "members",
    "membership": "members",
    "organization": "members",
    "team": "members",
    "pull_request": "pull_requests",
    "pull_request_review": "pull_requests",
    "pull_request_review_comment": "pull_requests",
    "pull_request_review_thread": "pull_requests",
    "push": "contents",
    "release": "contents",
    "deployment": "deployments",
    "deployment_status": "deployments",
    "workflow_run": "actions",
    "repository": "metadata",
}
PERMISSIONS = {
    *("actions", "administration", "checks", "contents", "deployments", "issues", "members"),
    *("metadata", "organization_hooks", "pull_requests", "repository_hooks", "statuses"),
}
_KNOWN = {
    *("name", "url", "hook_attributes", "redirect_url", "callback_urls", "setup_url"),
    *("description", "public", "default_events", "default_permissions"),
    *("request_oauth_on_install", "setup_on_update"),
}


def problem(world: World, manifest: Any) -> str:
    """Why a manifest is refused; empty if it is valid."""
    if not isinstance(manifest, dict):
        return "The manifest is no JSON object."
    if unknown := sorted(set(manifest) - _KNOWN):
        return f"Unknown attributes: {', '.join(unknown)}."
    for name in ("url", "redirect_url"):
        if not _is_url(manifest.get(name)):
            return f"{name} must be a URL."
    if len(manifest.get("callback_urls", [])) > MOST_CALLBACKS:
        return f"No more than {MOST_CALLBACKS} callback URLs."
    if manifest.get("setup_url") and manifest.get("request_oauth_on_install"):
        return "setup_url cannot be used with request_oauth_on_install."
    return _hook_problem(manifest) or _rights_problem(manifest)


def _hook_problem(manifest: Mapping[str, Any]) -> str:
    hook = manifest.get("hook_attributes")
    if hook is not None and not _is_url(hook.get("url")):
        return "hook_attributes.url is required."
    if manifest.get("default_events") and hook is None:
        return "Events need a hook."
    return ""


def _rights_problem(manifest: Mapping[str, Any]) -> str:
    asked = manifest.get("default_permissions", {})
    for name, level in asked.items():
        if name not in PERMISSIONS or level not in ("read", "write"):
            return f"Default permissions are invalid: {name}={level}."
    for event in manifest.get("default_events", []):
        if event not in NEEDED or NEEDED[event] not in {*asked, "metadata"}:
            return f"Default events are not supported by permissions: {event}."
    return ""


def _is_url(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def register(
    simulator: Simulator, manifest: Mapping[str, Any], owner: Account, name: str
) -> tuple[str, Registration]:
    """Creates an app from its manifest; returns the one-time code for its secrets.

    Raises AppError.
    """
    world, now = simulator.world, simulator.clock.now()
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    taken = {app.slug for app in world.apps.values()}
    if not slug or len(name) > LONGEST_NAME or slug in taken or world.account(slug):
        raise AppError(422, "Name is already taken, or longer than 34 characters.")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    app = _made(world, manifest, owner, name, slug)
    app.public_key, app.created_at = _public(key), now
    client = OAuthApp(
        app.client_id, secrets.token_hex(20), name, list(manifest.get("callback_urls", []))
    )
    client.github_app, client.expiring_tokens = app.id, True
    world.apps[app.id], world.oauth_apps[app.client_id] = app, client
    registration = Registration(app, client.client_secret, _private(key), now + CODE_LIFETIME)
    code = secrets.token_hex(20)
    simulator.registrations.codes[code] = registration
    return code, registration


def _made(
    world: World, manifest: Mapping[str, Any], owner: Account, name: str, slug: str
) -> GitHubApp:
    number = _free(world.apps, 1_000_000)
    made = GitHubApp(
        number,
        node_id("A", number),
        slug,
        f"Iv23li{secrets.token_hex(7)}",
        name,
        owner,
        bot(world, slug),
        permissions={"metadata": "read", **manifest.get("default_permissions", {})},
        events=list(manifest.get("default_events", [])),
        url=manifest["url"],
        description=manifest.get("description"),
        public=bool(manifest.get("public")),
        setup_url=manifest.get("setup_url", ""),
        asks_users=bool(manifest.get("request_oauth_on_install")),
    )
    if hook := manifest.get("hook_attributes"):
        number = _free({each.hook.id: 0 for each in world.apps.values() if each.hook}, 700_000_000)
        made.hook = Hook(number, hook["url"], secrets.token_hex(20), ["*"])
        made.hook.active = bool(hook.get("active", True))
    return made


def bot(world: World, slug: str) -> Account:
    """The account that an app acts as."""
    number = _free(world.accounts, 0)
    found = world.account(slug) or Account(number, f"BOT_{number}", slug, "Bot")
    return world.accounts.setdefault(found.id, found)


def _free(taken: Iterable[int], least: int) -> int:
    return max(taken, default=least) + 1


def _public(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def _private(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    nothing = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, nothing).decode()


def identify(world: World, assertion: str, now: float) -> GitHubApp:
    """The app that signed a JSON web token. Raises AppError, in GitHub's words."""
    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
        app = _of_issuer(world, claims.get("iss"))
        jwt.decode(assertion, app.public_key, algorithms=["RS256"], options=_UNCHECKED)
    except (jwt.InvalidTokenError, ValueError) as error:
        raise AppError(401, "A JSON web token could not be decoded") from error
    _check_times(claims, now)
    return app


# By the simulator's clock, which tests move, not by the machine's.
_UNCHECKED: Any = {"verify_exp": False, "verify_iat": False, "verify_sub": False}


def _of_issuer(world: World, issuer: object) -> GitHubApp:
    for app in world.apps.values():
        if str(issuer) in (str(app.id), app.client_id) and app.public_key:
            return app
    raise AppError(404, "Integration not found")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    expires, issued = claims.get("exp"), claims.get("iat")
    if not isinstance(expires, int | float) or expires <= now:
        raise AppError(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time "
            "at which the assertion expires",
        )
    if not isinstance(issued, int) or issued > now:
        raise AppError(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion "
            "was issued",
        )
    if expires > now + LONGEST_JWT or expires - issued > LONGEST_JWT + DRIFT:
        raise AppError(401, "'Expiration time' claim ('exp') is too far in the future")


def install(
    simulator: Simulator,
    app: GitHubApp,
    account: Account,
    repositories: set[int] | None = None,
    permissions: Mapping[str, str] | None = None,
) -> Installation:
    """Installs an app on an account, or changes its repositories there."""
    world, now = simulator.world, simulator.clock.now()
    world.last_installation += 1
    number = world.last_installation
    made = Installation(
        number,
        app,
        account,
        dict(app.permissions if permissions is None else permissions),
        list(app.events),
        repositories,
        created_at=now,
        updated_at=now,
    )
    world.installations[number] = made
    simulator.limits.special[-number] = _limit(world, account)
    return made


def _limit(world: World, owner: Account) -> int:
    owned = [each for each in world.repositories.values() if each.owner is owner]
    organization = world.organizations.get(owner.id)
    return installation_limit(len(owned), len(organization.members) if organization else 1)


def new_installation_token(
    simulator: Simulator,
    installation: Installation,
    permissions: Mapping[str, str] | None = None,
    *,
    value: str = "",
    lifetime: timedelta = TOKEN_LIFETIME,
) -> Token:
    """An installation's token, for all its permissions or fewer."""
    token = Token(
        value or new_token("ghs", simulator.random),
        installation.app.bot,
        [],
        organizations={installation.account.id},
        installation=installation,
        permissions=dict(installation.permissions if permissions is None else permissions),
        expires_at=simulator.clock.now() + lifetime,
    )
    simulator.world.tokens[token.value] = token
    return token


def uninstall(world: World, installation: Installation) -> None:
    """Removes an app from an account: its tokens end at once."""
    del world.installations[installation.id]
    for token in world.tokens.values():
        if token.installation is installation:
            token.revoked = True


def may_install(world: World, person: Account, account: Account) -> bool:
    """Whether this person may install apps on that account: their own, or one that they own."""
    organization = world.organizations.get(account.id)
    if organization is None:
        return account is person
    return organization.members.get(person.id) == "admin"


def of_person(world: World, person: Account, client_id: str) -> list[Installation]:
    """The app's installations visible to this person: where they can read something."""
    return [
        each
        for each in world.installations.values()
        if each.app.client_id == client_id and _takes_part(world, person, each.account)
    ]


def _takes_part(world: World, person: Account, account: Account) -> bool:
    organization = world.organizations.get(account.id)
    return account is person or (organization is not None and person.id in organization.members)


def reached(world: World, installation: Installation) -> list[Repository]:
    """The repositories of an installation."""
    return [each for each in world.repositories.values() if installation.reaches(each)]
