"""The JSON error bodies that GitHub's REST interface answers with."""

from __future__ import annotations

from starlette.responses import JSONResponse

DOCS = "https://docs.github.com/rest"


def refusal(
    status: int, message: str, documentation_url: str = DOCS, headers: dict[str, str] | None = None
) -> JSONResponse:
    """An error with GitHub's body, whose `status` is a string."""
    body = {"message": message, "documentation_url": documentation_url, "status": str(status)}
    return JSONResponse(body, status, headers)


def not_found() -> JSONResponse:
    """What GitHub says where there is nothing, and where the caller may not know that there is."""
    return refusal(404, "Not Found")


def bad_credentials() -> JSONResponse:
    return refusal(401, "Bad credentials")
