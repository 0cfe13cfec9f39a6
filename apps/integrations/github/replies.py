"""PURE: derives an error of `errors` from a response's status, headers and body."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from apps.integrations.github import limits
from apps.integrations.github.errors import (
    AddressRefusedError,
    BlockedError,
    CredentialsRejectedError,
    CursorError,
    GitHubError,
    InstallationSuspendedError,
    NotFoundError,
    OrganizationRestrictedError,
    RefusedError,
    ScopeMissingError,
    SingleSignOnError,
    TooHeavyError,
    UnavailableError,
    WaitError,
)
from apps.integrations.github.reading import UNREADABLE
from apps.integrations.github.records import RateLimit

_RATE_LIMIT = {"RATE_LIMITED", "RATE_LIMIT", "graphql_rate_limit"}
_TOO_HEAVY = {"RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED"}
# GitHub's front end gives up on a query after ten seconds.
_MAYBE_TOO_HEAVY = (500, 502, 504)
_ALLOW_LIST = "ip allow list"
_SIGN_ON = "saml enforcement"
# Of the token's user; an installation of a GitHub App has its own sentence.
_SUSPENDED = ("account was suspended", "account is suspended")
# Statuses that GitHub documents as its own, and as final.
_OF_THE_REQUEST = (400, 405, 406, 409, 413, 414, 415, 422)
# Errors that GitHub documents as final. Any other error may pass, and is retried.
_FINAL = ("UNPROCESSABLE", "MISSING_PAGINATION_BOUNDARIES", "EXCESSIVE_PAGINATION")
_TOO_OLD = (
    "An Enterprise Server may be too old: `tformance doctor` says whether its release is supported."
)
_CAMEL = re.compile(r"[a-z]+(?:[A-Z][a-z]+)+")
_GAVE_UP = (
    "something went wrong while executing your query",
    "we couldn't respond to your request in time",
    "timeout",
    "timed out",
)


class Problem(Struct, frozen=True):
    """An entry in the `errors` of a GraphQL response."""

    message: str = ""
    type: str | None = None
    code: str | None = None
    path: list[str | int] | None = None
    extensions: dict[str, Any] | None = None

    @property
    def is_of_the_query(self) -> bool:
        """Whether GitHub reports an error of the query itself, such as `undefinedField`."""
        code = (self.extensions or {}).get("code")
        return isinstance(code, str) and bool(_CAMEL.fullmatch(code))

    @property
    def kind(self) -> str:
        """GitHub's name of the error, empty if it has none."""
        return self.type or self.code or ""

    @property
    def is_bearable(self) -> bool:
        """Whether the rest is usable: a requested team may be hidden from the token.

        The event still counts. The query's cost is an optional extra, too.
        """
        path = self.path or [""]
        return "requestedReviewer" in path or path[0] == "rateLimit"


class Envelope(Struct, frozen=True):
    """The body of a GraphQL response, or REST's if GitHub refused before GraphQL ran."""

    data: Raw = Raw(b"null")
    errors: list[Problem] | None = None
    message: str = ""

    @property
    def problems(self) -> list[Problem]:
        """The problems of the response or of parts of it."""
        return self.errors or []

    @property
    def has_data(self) -> bool:
        """Whether it has data."""
        return bytes(self.data) != b"null"


class _Named(Struct):
    name: str


class _Enum(Struct, rename="camel"):
    enum_values: list[_Named] | None = None


class Aside(Struct, rename="camel"):
    """What responses report in addition to the requested data."""

    rate_limit: RateLimit | None = None
    event_types: _Enum | None = None


def aside_of(data: Raw) -> Aside:
    """What a response's data reports in addition; nothing of what cannot be read."""
    try:
        return msgspec.json.decode(data, type=Aside | None) or Aside()
    except UNREADABLE:
        return Aside()


class _Refusal(Struct, frozen=True):
    message: str = ""
    errors: list[dict[str, Any] | str] = []


def message_of(body: bytes) -> str:
    """A refusal's `message` and the messages of its parts; empty if the body has none."""
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except UNREADABLE:
        return ""
    parts = [
        part.get("message") or part.get("code") if isinstance(part, dict) else part
        for part in refusal.errors
    ]
    return ": ".join(str(text) for text in (refusal.message, *parts) if text)


def error_from_status(
    status: int, headers: Mapping[str, str], body: bytes, now: datetime
) -> GitHubError | None:
    """The error for a response's status and body; None for a good one.

    A redirect that leads nowhere is not a good one.
    """
    if status < 300 or status == 304:
        return None
    message = message_of(body)
    if status in (403, 429) and (wait := _limit(status, headers, message.lower(), now)):
        return wait
    if status < 500 and body.lstrip()[:1] == b"<":
        # GitHub refuses in JSON. A web page comes from something in between, such as a proxy.
        return UnavailableError(f"Something else than GitHub answered {status} with a web page.")
    if status == 401:
        return _rejected(headers, message)
    if status == 403:
        return _refusal(headers, message)
    if status in (404, 410):
        return NotFoundError("GitHub does not find it, or the token may not see it.")
    if status == 451:
        return BlockedError("GitHub blocks it for legal reasons.")
    if status in _OF_THE_REQUEST:
        reason = message or "no reason given"
        return RefusedError(f"GitHub refused the request ({status}): {reason}.")
    if status == 503 and "retry-after" in headers:
        until = limits.wait_until(headers, now, secondary=True)
        return WaitError("GitHub asks to come back later.", until, secondary=True)
    return UnavailableError(f"GitHub answered {status}.", is_heavy=status in _MAYBE_TOO_HEAVY)


def _limit(status: int, headers: Mapping[str, str], text: str, now: datetime) -> WaitError | None:
    if "secondary rate limit" in text or "abuse detection" in text:
        return _wait(headers, now, secondary=True)
    if headers.get("x-ratelimit-remaining") == "0" or "rate limit exceeded" in text:
        return _wait(headers, now, secondary=False)
    # Whatever it says, and in whatever form.
    if status == 429 or "retry-after" in headers:
        return _wait(headers, now, secondary=True)
    return None


def _refusal(headers: Mapping[str, str], message: str) -> GitHubError:
    text = message.lower()
    sign_on = re.search(r"url=(\S+)", headers.get("x-github-sso", ""))
    if sign_on or _SIGN_ON in text:
        url = sign_on[1] if sign_on else ""
        return SingleSignOnError("The organisation asks for single sign-on.", url=url)
    if "oauth app access restrictions" in text:
        return OrganizationRestrictedError("The organisation restricts OAuth apps.")
    if _ALLOW_LIST in text:
        return AddressRefusedError()
    if "installation has been suspended" in text:
        return InstallationSuspendedError()
    if "bad credentials" in text or "maximum number of login attempts" in text:
        return _rejected(headers, message)
    if any(words in text for words in _SUSPENDED):
        return _rejected(headers, message)
    return _forbidden(message)


def _rejected(headers: Mapping[str, str], message: str) -> CredentialsRejectedError:
    """With GitHub's message, if it says more than that the credentials are bad."""
    words = message.strip().rstrip(".")
    is_usual = words.lower() in ("", "bad credentials", "requires authentication")
    said = "" if is_usual else f" It says: {words}."
    error = CredentialsRejectedError(f"GitHub does not accept the token.{said}")
    error.answered_at = limits.answered_at(headers)
    return error


def _forbidden(message: str) -> ScopeMissingError:
    reason = message.rstrip(".") or "no reason given"
    return ScopeMissingError(f"GitHub does not allow it: {reason}.")


def _wait(headers: Mapping[str, str], now: datetime, *, secondary: bool) -> WaitError:
    until = limits.wait_until(headers, now, secondary=secondary)
    name = "secondary rate limit" if secondary else "rate limit"
    return WaitError(f"GitHub's {name} is reached.", until, secondary=secondary)


def error_from_problems(
    envelope: Envelope, headers: Mapping[str, str], now: datetime
) -> GitHubError | None:
    """The error for a GraphQL response as a whole; None if parts of it are usable.

    Problems of a list's items are left to the caller: see `problems_by_item`.
    """
    for problem in envelope.problems:
        if error := _whole_error(problem, headers, now):
            return error
    if envelope.has_data:
        return None
    if "secondary rate limit" in envelope.message.lower():
        return _wait(headers, now, secondary=True)
    if envelope.problems:
        return error_from_problem(envelope.problems[0])
    return TooHeavyError("GitHub answered without data.")


def _whole_error(problem: Problem, headers: Mapping[str, str], now: datetime) -> GitHubError | None:
    text = problem.message.lower()
    if "secondary rate limit" in text:
        return _wait(headers, now, secondary=True)
    if {problem.type, problem.code} & _RATE_LIMIT or "rate limit exceeded" in text:
        return _wait(headers, now, secondary=False)
    if problem.kind in _TOO_HEAVY or text.startswith(_GAVE_UP):
        return TooHeavyError("GitHub found the query too heavy.")
    if problem.kind == "INSUFFICIENT_SCOPES" and not problem.is_bearable:
        return ScopeMissingError("The token lacks a scope that GitHub asks for.")
    return None


def error_from_problem(problem: Problem) -> GitHubError:
    """The error for one GraphQL problem."""
    text = problem.message
    if problem.kind == "INVALID_CURSOR_ARGUMENTS" or "valid cursor" in text:
        return CursorError("GitHub no longer knows the cursor where the walk stopped.")
    if problem.kind == "NOT_FOUND":
        return NotFoundError("GitHub does not find it, or the token may not see it.")
    if problem.kind == "FORBIDDEN" and "oauth app access restrictions" in text.lower():
        return OrganizationRestrictedError("The organisation restricts OAuth apps.")
    if problem.kind == "FORBIDDEN" and "saml" in text.lower():
        return SingleSignOnError("The organisation asks for single sign-on.")
    if problem.kind == "FORBIDDEN" and _ALLOW_LIST in text.lower():
        return AddressRefusedError()
    if problem.kind == "FORBIDDEN":
        return _forbidden(text)
    if problem.is_of_the_query:
        return RefusedError(f"GitHub refused the query: {text}.", advice=_TOO_OLD)
    if problem.kind in _FINAL:
        return RefusedError(f"GitHub refused the query: {text or problem.kind}")
    return UnavailableError(f"GitHub could not answer: {text or problem.kind or 'no reason given'}")


def problems_by_item(problems: Sequence[Problem], *prefix: str) -> dict[int, list[Problem]]:
    """Problems by the index of the item that they affect, in the list at `prefix`.

    Raises the error of a problem elsewhere, since it affects the whole response.
    """
    spoilt: dict[int, list[Problem]] = {}
    for problem in problems:
        path = problem.path or []
        if path[:1] == ["rateLimit"]:
            continue
        index = path[len(prefix)] if len(path) > len(prefix) else None
        if tuple(path[: len(prefix)]) != prefix or not isinstance(index, int):
            raise error_from_problem(problem)
        spoilt.setdefault(index, []).append(problem)
    return spoilt
