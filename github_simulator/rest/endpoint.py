"""Common to every REST endpoint: caller, refusals, pages, validators and URLs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..access import allows
from ..replies import DOCS, Reply, refusal
from ..state import Simulator
from ..world import Account, Organization, Repository, Token, World
from .caller import Access

Item = TypeVar("Item")
PREFIX = "/api/v3"


class RefusedError(Exception):
    """The endpoint responds with an error instead."""

    def __init__(
        self, status: int, message: str, headers: dict[str, str] | None = None, **body: Any
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.headers, self.body = status, message, headers, body

    def response(self) -> Response:
        if not self.body:
            return refusal(self.status, self.message, headers=self.headers)
        body = {"message": self.message, **self.body}
        body |= {"documentation_url": DOCS, "status": str(self.status)}
        return Reply(body, self.status, self.headers)


NOT_FOUND = RefusedError(404, "Not Found")
NOT_ACCESSIBLE = RefusedError(403, "Resource not accessible by integration")


# What anybody can read of a public repository.
PUBLIC = (
    "actions=read",
    "contents=read",
    "deployments=read",
    "metadata=read",
    "pull_requests=read",
)


@dataclass
class Call:
    """One request: its caller, its target, and the headers of the response."""

    request: Request
    simulator: Simulator
    access: Access
    headers: dict[str, str] = field(default_factory=dict)
    base: str = ""  # the URL that pages link to, by ids, below /api/v3
    permission: str = ""  # the permission that an installation's token needs

    @property
    def world(self) -> World:
        return self.simulator.world

    @property
    def url(self) -> str:
        return self.simulator.url

    @property
    def api(self) -> str:
        return self.simulator.url + PREFIX

    def parameter(self, name: str) -> str:
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    def signed_in(self) -> tuple[Token, Account]:
        """The caller's token and account.

        Refuses with 401 without a token, with 403 without an account.
        """
        token = self.access.token
        if token is None:
            raise RefusedError(401, "Requires authentication")
        if token.installation is not None:
            raise NOT_ACCESSIBLE
        return token, token.account

    def admit_installation(self, *, public: bool = False) -> None:
        """Refuses with 403 an installation's token without the endpoint's permission.

        What is `public` needs no permission.
        """
        readable = public and self.permission in PUBLIC
        if not readable and not allows(self.access.token, self.permission):
            raise NOT_ACCESSIBLE

    async def body(self) -> dict[str, Any]:
        """The JSON object of the request. Refuses with 400 if there is none."""
        try:
            sent = json.loads(await self.request.body() or b"{}")
        except ValueError as error:
            raise RefusedError(400, "Problems parsing JSON") from error
        if not isinstance(sent, dict):
            raise RefusedError(400, "Body should be a JSON object")
        return sent

    def page(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items of the requested page; sets the Link header if there are more."""
        size = _number(self.query("per_page"), 30, 100)
        page = _number(self.query("page"), 1, 10**9)
        last = max(1, -(-len(items) // size))
        links = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        if page <= 1:
            del links["prev"], links["first"]
        if page >= last:
            del links["next"], links["last"]
        if links and last > 1:
            self.headers["link"] = ", ".join(
                f'<{self._page_url(number)}>; rel="{relation}"'
                for relation, number in links.items()
                if number <= last
            )
        return items[(page - 1) * size : page * size]

    def _page_url(self, page: int) -> str:
        url = self.request.url.include_query_params(page=page)
        path = self.base or url.path.removeprefix(PREFIX)
        return f"{self.api}{path}?{url.query}"


def _number(text: str, default: int, highest: int) -> int:
    number = int(text) if text.isdecimal() else default
    return min(number or default, highest)


Handler = Callable[[Call], Awaitable[Any]]


def endpoint(
    path: str,
    handler: Handler,
    *,
    method: str = "GET",
    scopes: tuple[str, ...] = (),
    permission: str = "metadata=read",
    status: int = 200,
) -> Route:
    """A route below /api/v3. The response says which `scopes` it accepts, or which `permission`."""

    async def answer(request: Request) -> Response:
        simulator: Simulator = request.app.state.simulator
        access = Access(simulator.world, request.state.token)
        call = Call(request, simulator, access, permission=permission)
        if access.is_fine_grained:
            call.headers["x-accepted-github-permissions"] = permission
        else:
            call.headers["x-accepted-oauth-scopes"] = ", ".join(scopes)
        try:
            reply = await handler(call)
        except RefusedError as refused:
            response = refused.response()
        else:
            response = _reply(call, reply, status)
        for name, value in call.headers.items():
            response.headers.setdefault(name, value)
        return response

    return Route(PREFIX + path, answer, methods=[method], name=handler.__name__)


def _reply(call: Call, reply: Any, status: int) -> Response:
    if isinstance(reply, Response):
        return reply
    if reply is None:
        return Response(status_code=204)
    response = Reply(reply, status)
    if call.request.method in ("GET", "HEAD"):
        tag = f'W/"{hashlib.sha256(bytes(response.body)).hexdigest()}"'
        headers = {"etag": tag, "cache-control": "private, max-age=60, s-maxage=60"}
        if _matches(call.request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        response.headers.update(headers)
    return response


def _matches(asked: str, tag: str) -> bool:
    known = [each.strip().removeprefix("W/") for each in asked.split(",")]
    return tag.removeprefix("W/") in known or asked.strip() == "*"


def guard_organization(call: Call, organization: Organization) -> None:
    """Refuses if the organisation's rules deny this token."""
    name = organization.account.login
    if call.access.restricted(organization):
        raise RefusedError(
            403,
            "Although you appear to have the correct authorization credentials, the "
            f"`{name}` organization has enabled OAuth App access restrictions, meaning that data "
            "access to third-parties is limited. For more information on these restrictions, "
            "including how to enable this app, visit "
            "https://docs.github.com/articles/restricting-access-to-your-organization-s-data/",
        )
    if call.access.barred_by_saml(organization):
        raise RefusedError(
            403,
            "Resource protected by organization SAML enforcement. You must grant your OAuth "
            "token access to this organization.",
            {"x-github-sso": f"required; url={organization.saml_url}"},
        )


def tell_of_partial_results(call: Call) -> None:
    """Names in a header the organisations left out for lack of single sign-on."""
    every = call.world.organizations.values()
    barred = [str(each.account.id) for each in every if call.access.barred_by_saml(each)]
    if barred:
        call.headers["x-github-sso"] = f"partial-results; organizations={','.join(barred)}"


def find_organization(call: Call) -> Organization:
    """The organisation in the URL, by name or by id. Refuses with 404."""
    if "organization_id" in call.request.path_params:
        found = call.world.organizations.get(int(call.parameter("organization_id")))
    else:
        account = call.world.account(call.parameter("organization"))
        found = call.world.organizations.get(account.id) if account else None
    if found is None or not call.access.granted(found.account):
        raise NOT_FOUND
    call.admit_installation()
    call.base = f"/organizations/{found.account.id}{_rest(call, '/orgs/', 1)}"
    return found


def find_repository(call: Call) -> Repository:
    """The repository in the URL. Refuses: 404 invisible, 301 or 307 renamed, 403, 451."""
    found = _named(call)
    if found is None:
        raise NOT_FOUND
    if blocked := call.access.blocked(found):
        guard_organization(call, blocked)
    if not call.access.sees(found):
        raise NOT_FOUND
    call.admit_installation(public=not found.private)
    if found.unavailable:
        raise _unavailable(found.unavailable)
    _redirect_renamed(call, found)
    call.base = _by_id(call, found)
    return found


def _named(call: Call) -> Repository | None:
    if "repository_id" in call.request.path_params:
        return call.world.repositories.get(int(call.parameter("repository_id")))
    return call.world.repository(f"{call.parameter('owner')}/{call.parameter('repository')}")


def _unavailable(status: int) -> RefusedError:
    if status == 451:
        block = {"reason": "dmca", "created_at": "2025-01-01T00:00:00Z", "html_url": DOCS}
        return RefusedError(451, "Repository access blocked", block=block)
    return RefusedError(status, "Repository access blocked" if status == 403 else "Gone")


def _redirect_renamed(call: Call, found: Repository) -> None:
    if "repository_id" in call.request.path_params:
        return
    asked = f"{call.parameter('owner')}/{call.parameter('repository')}"
    if asked.casefold() == found.full_name.casefold():
        return
    query = f"?{call.request.url.query}" if call.request.url.query else ""
    location = f"{call.api}{_by_id(call, found)}{query}"
    status = 301 if call.request.method in ("GET", "HEAD") else 307
    message = "Moved Permanently" if status == 301 else "Temporary Redirect"
    raise RefusedError(status, message, {"location": location}, url=location)


def _by_id(call: Call, repository: Repository) -> str:
    return f"/repositories/{repository.id}{_rest(call, '/repos/', 2)}"


def _rest(call: Call, prefix: str, named: int) -> str:
    """The part of the URL after the name or the id."""
    path = call.request.url.path.removeprefix(PREFIX)
    skipped = named if path.startswith(prefix) else 1
    parts = path.split("/")[2 + skipped :]
    return "".join(f"/{part}" for part in parts)


REPOSITORY_PATHS = ("/repos/{owner}/{repository}", "/repositories/{repository_id:int}")
ORGANIZATION_PATHS = ("/orgs/{organization}", "/organizations/{organization_id:int}")


def endpoints(
    prefixes: tuple[str, ...], path: str, handler: Handler, **options: Any
) -> list[Route]:
    """The same endpoint below each of the prefixes."""
    return [endpoint(prefix + path, handler, **options) for prefix in prefixes]
