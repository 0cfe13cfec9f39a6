"""Pages for creating GitHub Apps from manifests, and for installing and changing them."""

from __future__ import annotations

import json
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from . import app_events, apps, consent
from .grants import Asked
from .pages import page, simulator_of
from .registrations import AppError
from .replies import not_found
from .world import Account, GitHubApp, Installation, World


async def new_app(request: Request) -> Response:
    """A form elsewhere submits a manifest; the person who confirms it then owns the app."""
    simulator, form = simulator_of(request), await request.form()
    owner = _owner(request)
    if "organization" in request.path_params and owner is None:
        return not_found()
    try:
        manifest = json.loads(str(form.get("manifest", "")))
    except ValueError:
        return _refused("The manifest is no JSON.")
    if reason := apps.problem(simulator.world, manifest):
        return _refused(reason)
    name = str(form.get("name") or manifest.get("name") or "")
    if form.get("create") != "1":
        return _confirm(request, manifest, owner, name)
    person = owner or simulator.world.account(str(form.get("login", "")))
    if person is None:
        return _refused("Say whose app it is.")
    try:
        code, _ = apps.register(simulator, manifest, person, name)
    except AppError as error:
        return _refused(error.message)
    return _back(manifest["redirect_url"], code=code, state=request.query_params.get("state"))


def _owner(request: Request) -> Account | None:
    world = simulator_of(request).world
    account = world.account(request.path_params.get("organization", ""))
    return account if account and account.id in world.organizations else None


def _refused(reason: str) -> Response:
    return page("New GitHub App", f"<h1>Invalid GitHub App</h1><p>{escape(reason)}</p>")


def _confirm(
    request: Request, manifest: dict[str, object], owner: Account | None, name: str
) -> Response:
    rights = manifest.get("default_permissions")
    listed = rights.items() if isinstance(rights, dict) else ()
    asked = "".join(
        f"<li><code>{escape(k)}</code> <span>{escape(v)}</span></li>" for k, v in listed
    )
    whose = f"<p>It will belong to {escape(owner.login)}.</p>" if owner else _who(request)
    form = (
        "<h1>Create GitHub App</h1>"
        '<form method="post">'
        f'<input type="hidden" name="manifest" value="{escape(json.dumps(manifest))}">'
        f'<label for="name">Name</label><p><input id="name" name="name" value="{escape(name)}" '
        f'maxlength="{apps.LONGEST_NAME}" required></p>{whose}<h2>It may</h2><ul>{asked}</ul>'
        '<div class="buttons"><button class="main" name="create" value="1">'
        "Create GitHub App</button></div></form>"
    )
    return page("Create GitHub App", form)


def _who(request: Request, label: str = "Sign in as") -> str:
    people = consent.people(simulator_of(request).world)
    options = "".join(f"<option>{escape(person.login)}</option>" for person in people)
    return f'<label for="login">{label}</label><select id="login" name="login">{options}</select>'


def _app(request: Request) -> GitHubApp | None:
    world = simulator_of(request).world
    slug = request.path_params["slug"]
    return next((app for app in world.apps.values() if app.slug == slug), None)


async def installing(request: Request) -> Response:
    """Where to install an app, and for which repositories."""
    app, world = _app(request), simulator_of(request).world
    if app is None:
        return not_found()
    if request.method == "POST":
        return _install(request, app, await request.form())
    owners = [
        account
        for account in world.accounts.values()
        if account.type in ("Organization", "User") and (app.public or account is app.owner)
    ]
    owners.sort(key=lambda account: (account is not app.owner, account.type, account.login))
    options = "".join(f"<option>{escape(account.login)}</option>" for account in owners)
    form = (
        f'<h1>Install {escape(app.name)}</h1><form method="post">{_who(request)}'
        '<label for="target">Install on</label>'
        f'<select id="target" name="target">{options}</select>'
        f"{_choice(world, None)}"
        '<div class="buttons"><button class="main">Install</button></div></form>'
    )
    return page(f"Install {app.name}", form)


def _choice(world: World, installation: Installation | None) -> str:
    """All repositories, or some: by name, one a line."""
    chosen = installation.repositories if installation else None
    lines = "\n".join(_names(world, chosen or set()))
    every, some = (" checked", "") if chosen is None else ("", " checked")
    return (
        "<fieldset><legend>Repositories</legend>"
        f'<label class="scope"><input type="radio" name="selection" value="all"{every}>'
        "<span>All repositories</span></label>"
        f'<label class="scope"><input type="radio" name="selection" value="selected"{some}>'
        "<span>Only these, by their full names</span></label>"
        f'<textarea name="repositories" aria-label="Repositories" rows="4">'
        f"{escape(lines)}</textarea></fieldset>"
    )


def _names(world: World, chosen: set[int]) -> list[str]:
    return [world.repositories[n].full_name for n in chosen if n in world.repositories]


def _chosen(world: World, account: Account, form: FormData) -> set[int] | None:
    if form.get("selection", "all") == "all":
        return None
    found = (world.repository(name) for name in str(form.get("repositories", "")).split())
    return {each.id for each in found if each and each.owner is account}


def _install(request: Request, app: GitHubApp, form: FormData) -> Response:
    """Redirects back to the app: to its user authorisation, or to its setup URL."""
    simulator = simulator_of(request)
    world = simulator.world
    person = world.account(str(form.get("login", "")))
    target = world.account(str(form.get("target", "")))
    if person is None or target is None or not (app.public or target is app.owner):
        return not_found()
    state = request.query_params.get("state")
    if not apps.may_install(world, person, target):
        return _returned(request, app, person, state, setup_action="request")
    known = [i for i in world.installations.values() if i.app is app and i.account is target]
    made = app_events.install(simulator, app, target, person, _chosen(world, target, form))
    action = "update" if known else "install"
    return _returned(request, app, person, state, installation_id=str(made.id), setup_action=action)


def _returned(
    request: Request, app: GitHubApp, person: Account, state: str | None, **parameters: str
) -> Response:
    simulator = simulator_of(request)
    client = simulator.world.oauth_apps[app.client_id]
    if app.asks_users and client.callback_urls:
        asked = Asked(client, client.callback_urls[0], [], state)
        code = simulator.authorizations.authorize(asked, person, [], simulator.clock.now())
        return _back(client.callback_urls[0], code=code, state=state, **parameters)
    if app.setup_url:
        return _back(app.setup_url, state=state, **parameters)
    return page(app.name, f"<h1>{escape(app.name)} is installed</h1>")


def _back(target: str, **answer: str | None) -> Response:
    parts = urlsplit(target)
    query = [*parse_qsl(parts.query), *((k, v) for k, v in answer.items() if v is not None)]
    return RedirectResponse(parts._replace(query=urlencode(query)).geturl(), 302)


async def installation(request: Request) -> Response:
    """The repositories of an installation, and buttons that change, suspend or remove it."""
    simulator = simulator_of(request)
    found = simulator.world.installations.get(request.path_params["installation_id"])
    if found is None:
        return not_found()
    if request.method == "POST":
        form = await request.form()
        _change(request, found, form)
        return RedirectResponse(request.url.path, 303)
    name, on = escape(found.app.name), escape(found.account.login)
    switch = "unsuspend" if found.suspended_at else "suspend"
    asked = ", ".join(f"{what}: {level}" for what, level in app_events.asks_for_more(found).items())
    waiting = f"<p>It asks for more: {escape(asked)}.</p>" if asked else ""
    buttons = "".join(
        f'<button name="do" value="{what}">{what.title()}</button>'
        for what in ("save", *(["accept"] if asked else []), switch, "uninstall")
    )
    form_shown = (
        f'<h1>{name} on {on}</h1>{waiting}<form method="post">{_choice(simulator.world, found)}'
        f'<div class="buttons">{buttons}</div></form>'
    )
    return page(f"{found.app.name} on {found.account.login}", form_shown)


def _change(request: Request, found: Installation, form: FormData) -> None:
    simulator = simulator_of(request)
    match form.get("do"):
        case "suspend":
            app_events.suspend(simulator, found)
        case "unsuspend":
            app_events.unsuspend(simulator, found)
        case "accept":
            app_events.accept(simulator, found)
        case "uninstall":
            app_events.uninstall(simulator, found)
        case _:
            chosen = _chosen(simulator.world, found.account, form)
            app_events.choose(simulator, found, chosen)


_BOTH = ["GET", "POST"]
_INSTALLATION = "settings/installations/{installation_id:int}"
routes = [
    Route("/settings/apps/new", new_app, methods=["POST"]),
    Route("/organizations/{organization}/settings/apps/new", new_app, methods=["POST"]),
    # An Enterprise Server's URL, and github.com's.
    Route("/github-apps/{slug}/installations/new", installing, methods=_BOTH),
    Route("/apps/{slug}/installations/new", installing, methods=_BOTH),
    Route(f"/{_INSTALLATION}", installation, methods=_BOTH),
    Route(f"/organizations/{{organization}}/{_INSTALLATION}", installation, methods=_BOTH),
    # Where GitHub redirects an owner who must accept new permissions.
    Route(f"/{_INSTALLATION}/permissions/update", installation, methods=_BOTH),
    Route(
        f"/organizations/{{organization}}/{_INSTALLATION}/permissions/update",
        installation,
        methods=_BOTH,
    ),
]
