"""The JSON error bodies of GitHub's REST API."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from .encoding import encoded

DOCS = "https://docs.github.com/rest"


class Reply(JSONResponse):
    """JSON as GitHub sends it, whatever its texts contain."""

    def render(self, content: Any) -> bytes:
        return encoded(content)


def refusal(
    status: int, message: str, documentation_url: str = DOCS, headers: dict[str, str] | None = None
) -> JSONResponse:
    """An error with GitHub's body, whose `status` is a string."""
    body = {"message": message, "documentation_url": documentation_url, "status": str(status)}
    return JSONResponse(body, status, headers)


def not_found() -> JSONResponse:
    """GitHub's answer if there is nothing, or the caller may not know that there is."""
    return refusal(404, "Not Found")


def bad_credentials() -> JSONResponse:
    return refusal(401, "Bad credentials")
