"""/login/oauth: the consent page and the exchange of codes for tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from . import consent
from .grants import KNOWN_SCOPES, MISMATCH, Asked, GrantError, is_registered, normalized
from .state import Simulator
from .tokens import CALLBACKS
from .world import Account, OAuthApp, Token

AUTHORIZE, ACCESS_TOKEN = "/login/oauth/authorize", "/login/oauth/access_token"
_DOCS = "https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps"
_COOKIE = "simulator_login"
_SENT = ("client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
_DENIED = GrantError("access_denied", "The user has denied your application access.")


def _simulator(request: Request) -> Simulator:
    simulator: Simulator = request.app.state.simulator
    return simulator


async def ask(request: Request) -> Response:
    """The consent page; redirects to the app at once if the person agreed to all of it before."""
    simulator, sent = _simulator(request), dict(request.query_params)
    app = simulator.world.oauth_apps.get(sent.get("client_id", ""))
    if app is None:
        return HTMLResponse("<h1>404</h1><p>There is no app with this client_id.</p>", 404)
    try:
        asked = _asked(app, sent)
    except GrantError as error:
        return _failed(app, sent, error)
    remembered = simulator.world.account(request.cookies.get(_COOKIE, ""))
    choosing = sent.get("prompt") == "select_account" or "login" in sent
    if remembered and not choosing and simulator.authorizations.is_settled(asked, remembered):
        return _granted(simulator, asked, remembered, asked.scopes)
    chosen = simulator.world.account(sent.get("login", "")) or remembered or _first(simulator)
    kept = {name: sent[name] for name in _SENT if name in sent}
    return HTMLResponse(consent.page(simulator.world, asked, chosen, kept, choosing))


def _first(simulator: Simulator) -> Account:
    """The person whose token the simulator prints, as the default choice."""
    token = simulator.world.tokens.get(simulator.token)
    return token.account if token else consent.people(simulator.world)[0]


async def decide(request: Request) -> Response:
    """The person pressed a button."""
    simulator, form = _simulator(request), await request.form()
    sent = {name: str(value) for name, value in form.items()}
    app = simulator.world.oauth_apps.get(sent.get("client_id", ""))
    account = simulator.world.account(sent.get("login", ""))
    if app is None or account is None:
        return HTMLResponse("<h1>400</h1><p>Start again from the app.</p>", 400)
    try:
        asked = _asked(app, sent)
        if sent.get("authorize") != "1":
            raise _DENIED
    except GrantError as error:
        return _failed(app, sent, error)
    ticked = [str(scope) for scope in form.getlist("granted") if scope in asked.scopes]
    return _granted(simulator, asked, account, ticked)


def _asked(app: OAuthApp, sent: Mapping[str, str]) -> Asked:
    """What the app requests. Raises GrantError if it may not."""
    redirect_uri = sent.get("redirect_uri") or next(iter(app.callback_urls), "")
    if not is_registered(app, redirect_uri):
        raise MISMATCH
    if app.suspended:
        raise GrantError("application_suspended", "Your application has been suspended.")
    scopes = list(dict.fromkeys(sent.get("scope", "").replace(",", " ").split()))
    unknown = [scope for scope in scopes if scope not in KNOWN_SCOPES]
    if unknown:
        message = f"The scopes requested are invalid: {' '.join(unknown)}."
        raise GrantError("invalid_scope", message)
    challenge = sent.get("code_challenge") or None
    if challenge and sent.get("code_challenge_method") != "S256":
        raise GrantError("invalid_request", "The code_challenge_method must be S256.")
    return Asked(app, redirect_uri, scopes, sent.get("state"), challenge)


def _granted(simulator: Simulator, asked: Asked, account: Account, scopes: list[str]) -> Response:
    code = simulator.authorizations.authorize(asked, account, scopes, simulator.clock.now())
    response = _back(asked.redirect_uri, {"code": code, "state": asked.state})
    response.set_cookie(_COOKIE, account.login, httponly=True, samesite="lax")
    return response


def _failed(app: OAuthApp, sent: Mapping[str, str], error: GrantError) -> Response:
    """Redirects back to the app with the error; never to an unregistered URL."""
    asked = sent.get("redirect_uri", "")
    target = asked if is_registered(app, asked) else next(iter(app.callback_urls), "")
    if target in CALLBACKS or not target:  # these name no port: nothing would listen there
        return HTMLResponse(f"<h1>{error.error}</h1><p>{error.description}</p>", 400)
    answer = {"error": error.error, "error_description": error.description}
    answer |= {"error_uri": f"{_DOCS}/troubleshooting-authorization-request-errors"}
    return _back(target, {**answer, "state": sent.get("state")})


def _back(target: str, answer: Mapping[str, str | None]) -> Response:
    parts = urlsplit(target)
    query = [*parse_qsl(parts.query), *((k, v) for k, v in answer.items() if v is not None)]
    return RedirectResponse(parts._replace(query=urlencode(query)).geturl(), 302)


async def access_token(request: Request) -> Response:
    """A token for a code or for a refresh token. Errors come with status 200, as on GitHub."""
    simulator, sent = _simulator(request), await _parameters(request)
    app = simulator.world.oauth_apps.get(sent.get("client_id", ""))
    if app is None:
        return _answer(request, {"error": "Not Found"}, 404)
    try:
        token = _exchange(simulator, app, sent)
    except GrantError as error:
        described = {"error": error.error, "error_description": error.description}
        uri = f"{_DOCS}/troubleshooting-oauth-app-access-token-request-errors"
        return _answer(request, {**described, "error_uri": uri})
    return _answer(request, _token(token))


async def _parameters(request: Request) -> dict[str, str]:
    sent = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        body = json.loads(await request.body() or b"{}")
        return sent | {name: str(value) for name, value in body.items()}
    form = await request.form()
    return sent | {name: str(value) for name, value in form.items()}


def _exchange(simulator: Simulator, app: OAuthApp, sent: dict[str, str]) -> Token:
    if sent.get("client_secret") != app.client_secret:
        message = "The client_id and/or client_secret passed are incorrect."
        raise GrantError("incorrect_client_credentials", message)
    now, kind = simulator.clock.now(), sent.get("grant_type", "authorization_code")
    if kind == "refresh_token":
        return simulator.authorizations.refresh(app, sent.get("refresh_token", ""), now)
    if kind != "authorization_code":
        raise GrantError("unsupported_grant_type", "The grant type is not supported.")
    return simulator.authorizations.exchange(
        app, sent.get("code", ""), sent.get("redirect_uri"), sent.get("code_verifier"), now
    )


def _token(token: Token) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "access_token": token.value,
        "scope": ",".join(normalized(token.scopes)),
        "token_type": "bearer",
    }
    if token.refresh_token:
        answer |= {
            "expires_in": 28800,
            "refresh_token": token.refresh_token,
            "refresh_token_expires_in": 15897600,
        }
    return answer


def _answer(request: Request, body: dict[str, Any], status: int = 200) -> Response:
    if "json" in request.headers.get("accept", ""):
        return JSONResponse(body, status)
    media_type = "application/x-www-form-urlencoded"
    return Response(urlencode(body), status, media_type=media_type)


routes = [
    Route(AUTHORIZE, ask, methods=["GET"]),
    Route(AUTHORIZE, decide, methods=["POST"]),
    Route(ACCESS_TOKEN, access_token, methods=["POST"]),
]
