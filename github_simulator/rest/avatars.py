"""Account avatars: initials on a colour derived from the id."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..replies import not_found
from ..state import Simulator

_HUES = (8, 32, 68, 140, 172, 200, 224, 256, 288, 328)
_PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
    '<rect width="64" height="64" fill="hsl({hue} 42% 46%)"/>'
    '<text x="32" y="41" font-family="sans-serif" font-size="26" font-weight="600" '
    'text-anchor="middle" fill="#fff">{letters}</text></svg>'
)


async def avatar(request: Request) -> Response:
    simulator: Simulator = request.app.state.simulator
    account = simulator.world.accounts.get(request.path_params["account"])
    if account is None:
        return not_found()
    words = [word for word in (account.name or account.login).split() if word[0].isalnum()]
    letters = "".join(word[0] for word in words[:2]).upper()
    picture = _PICTURE.format(hue=_HUES[account.id % len(_HUES)], letters=letters)
    headers = {"cache-control": "public, max-age=300"}
    return Response(picture, media_type="image/svg+xml", headers=headers)


routes = [Route("/avatars/u/{account:int}", avatar)]
