"""Pages that decide what tokens and apps may access: single sign-on, approvals, tokens."""

from __future__ import annotations

from html import escape

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from .pages import page, simulator_of, table
from .replies import not_found
from .world import Organization

_SIGNED_ON = "The tokens of {login} may use {name} now. Go back to the app and try again."


def _organization(request: Request) -> Organization | None:
    world = simulator_of(request).world
    account = world.account(request.path_params["organization"])
    return world.organizations.get(account.id) if account else None


async def sign_on(request: Request) -> Response:
    """Single sign-on: a person who passes may use the organisation with all of their tokens."""
    organization = _organization(request)
    if organization is None:
        return not_found()
    world, name = simulator_of(request).world, organization.account.login
    if request.method == "POST":
        login = str((await request.form()).get("login", ""))
        mine = [t.value for t in world.tokens.values() if t.account.login == login]
        organization.sso_tokens.update(mine)
        said = _SIGNED_ON.format(login=login, name=name)
        return page("Single sign-on", f"<h1>Signed on</h1><p>{escape(said)}</p>")
    people = "".join(
        f"<option>{escape(world.accounts[number].login)}</option>"
        for number in organization.members
    )
    form = (
        f"<h1>Single sign-on to {escape(name)}</h1>"
        '<form method="post"><label for="login">Sign on as</label>'
        f'<select id="login" name="login">{people}</select>'
        '<div class="buttons"><button class="main">Sign on</button></div></form>'
    )
    return page("Single sign-on", form)


async def application(request: Request) -> Response:
    """What an app may access; here everybody may approve it for an organisation."""
    world = simulator_of(request).world
    app = world.oauth_apps.get(request.path_params["client_id"])
    if app is None:
        return not_found()
    if request.method == "POST":
        login = str((await request.form()).get("organization", ""))
        for organization in world.organizations.values():
            if organization.account.login == login:
                organization.approved_apps.add(app.client_id)
        return RedirectResponse(request.url.path, 303)
    rows = [
        (escape(o.account.login), _approval(o, app.client_id)) for o in world.organizations.values()
    ]
    listed = table(("Organization", "Access"), rows)
    return page(app.name, f"<h1>{escape(app.name)}</h1>{listed}")


def _approval(organization: Organization, client_id: str) -> str:
    if not organization.restricts_oauth_apps or client_id in organization.approved_apps:
        return "Granted"
    login = escape(organization.account.login)
    return (
        f'<form class="bare" method="post"><button class="small" name="organization" '
        f'value="{login}">Approve for {login}</button></form>'
    )


async def tokens(request: Request) -> Response:
    """A token to paste into tformance."""
    simulator = simulator_of(request)
    token = simulator.world.tokens.get(simulator.token)
    if token is None:
        return not_found()
    words = f"A token of {token.account.login} with the scopes {', '.join(token.scopes)}:"
    shown = f"<h1>Tokens</h1><p>{escape(words)}</p><p><code>{escape(token.value)}</code></p>"
    return page("Tokens", shown)


async def new_application(request: Request) -> Response:
    """The simulator's apps, which are registered already."""
    rows = [
        (
            escape(app.name),
            f"<code>{escape(app.client_id)}</code>",
            f"<code>{escape(app.client_secret)}</code>",
            "<br>".join(escape(url) for url in app.callback_urls),
        )
        for app in simulator_of(request).world.oauth_apps.values()
    ]
    listed = table(("App", "Client ID", "Client secret", "Callbacks"), rows)
    shown = f"<h1>OAuth apps</h1><p>Here they are registered already.</p>{listed}"
    return page("OAuth apps", shown)


_BOTH = ["GET", "POST"]
routes = [
    Route("/settings/tokens", tokens),
    Route("/settings/applications/new", new_application),
    Route("/settings/connections/applications/{client_id}", application, methods=_BOTH),
    Route("/orgs/{organization}/sso", sign_on, methods=_BOTH),
]
