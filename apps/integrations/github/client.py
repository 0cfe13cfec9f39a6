"""A GitHub client for one token: URLs, headers, typed errors, pages.

It never sleeps and never retries: the code that schedules the work decides who waits, and how long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from apps.integrations.github import limits, links, replies, scopes
from apps.integrations.github.documents import NONE, document, later_events, without_teams
from apps.integrations.github.errors import (
    CredentialsRejectedError,
    GitHubError,
    ScopeMissingError,
    UnavailableError,
    WaitError,
)
from apps.integrations.github.limits import Limit
from apps.integrations.github.reading import whole
from apps.integrations.github.tokens import TokenSource
from apps.integrations.github.transport import Transport

API_VERSION = "2022-11-28"
# Anything else is no valid header value, and would appear in the error message.
_SENDABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Addresses:
    """The URLs of a GitHub host's pages and APIs; none ends with a slash."""

    web: str
    rest: str
    graphql: str

    @classmethod
    def of(cls, github_url: str) -> Addresses:
        """The layout of github.com, or that of a GitHub Enterprise Server."""
        web = github_url.rstrip("/")
        if urlsplit(web).hostname == "github.com":
            return cls(web, "https://api.github.com", "https://api.github.com/graphql")
        return cls(web, f"{web}/api/v3", f"{web}/api/graphql")


@dataclass
class Usage:
    """The cost of a client so far: GraphQL points, and requests of both kinds."""

    points: int = 0
    requests: int = 0


@dataclass(frozen=True)
class Reply:
    """A successful REST response; `data` is its JSON, None without a body (204, 304)."""

    status: int
    headers: Mapping[str, str]
    data: Any

    @property
    def is_unchanged(self) -> bool:
        """Whether the resource is unchanged since the ETag that was sent."""
        return self.status == 304

    @property
    def etag(self) -> str:
        """The ETag for the next request; empty if GitHub sent none."""
        return self.headers.get("etag", "")

    @property
    def scopes(self) -> list[str] | None:
        """The token's scopes; None for tokens that have none (fine-grained, Apps)."""
        granted = self.headers.get("x-oauth-scopes")
        return None if granted is None else scopes.parse(granted)


@dataclass(frozen=True)
class GraphQLReply:
    """A GraphQL response with data, and the problems that affect parts of it."""

    data: msgspec.Raw
    problems: list[replies.Problem]
    asked_at: datetime


@dataclass(frozen=True)
class _Ahead:
    """A query that was sent early, and its response, which may still be pending."""

    asked_at: datetime
    query: dict[str, Any]
    reply: Future[httpx.Response]


@dataclass
class GitHub:
    """A GitHub client for one token; use it in a `with` block."""

    url: str
    tokens: TokenSource
    on_limit: Callable[[Limit], None] | None = None
    before_request: Callable[[str, str, str], None] | None = None
    """Called with method, URL and resource of each request; may refuse it."""
    on_good_reply: Callable[[], None] | None = None
    on_wait: Callable[[WaitError, str], None] | None = None
    """Called with each rate limit, however GitHub reports it, and its resource."""
    usage: Usage = field(default_factory=Usage)
    ca_file: str = ""
    later_events: frozenset[str] = NONE
    """Those of `documents.LATER_EVENTS` that this GitHub's schema is known to have."""
    on_later_events: Callable[[frozenset[str]], None] | None = None
    """Called with them for each response that reports them."""

    def __post_init__(self) -> None:
        self.addresses = Addresses.of(self.url)
        self._ahead: _Ahead | None = None
        self._sees_teams = True
        self._http = Transport(self.addresses.rest, self.ca_file, follow_redirects=True)
        self._http.headers.update(
            {"X-GitHub-Api-Version": API_VERSION, "X-Github-Next-Global-ID": "1"}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the client."""
        self._http.close()

    def get(self, path: str, *, etag: str = "", **params: Any) -> Reply:
        """GET `path` below the REST URL. Raises a `GitHubError` for anything but success.

        With the ETag of an earlier response the request is free if nothing has changed since.
        """
        return self.rest("GET", path, params=params, etag=etag)

    def rest(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        etag: str = "",
    ) -> Reply:
        """A REST request; `path` begins with a slash, or is a URL that GitHub sent."""
        url = links.absolute(path, self.addresses.rest)
        with self._reporting_waits("core"):
            response = self._send(
                method,
                url,
                params=params or None,
                json=json,
                headers={
                    "Accept": "application/vnd.github+json",
                    **({"If-None-Match": etag} if etag else {}),
                },
            )
        if limit := limits.from_headers(response.headers):
            self._tell(limit)
        data = whole(response.content) if response.content else None
        return Reply(response.status_code, response.headers, data)

    def page(self, path: str, **params: Any) -> tuple[Any, str]:
        """A page of a REST list with items, if any follow, and the URL of the next; or empty."""
        for _ in range(1 + limits.MOST_EMPTY_PAGES):
            reply = self.get_page(path, **params)
            following = links.next_of(reply.headers)
            if not following or _has_items(reply.data):
                return reply.data, following
            path, params = following, {}
        raise UnavailableError(limits.ENDLESS)

    def get_page(self, path: str, *, etag: str = "", **params: Any) -> Reply:
        """A page of a REST list, or only the first part of it if GitHub takes too long over all.

        GitHub's `Link` then leads to the next part.
        """
        url = links.with_query(path, params)
        while True:
            try:
                return self.get(url, etag=etag)
            except GitHubError as error:
                shorter = links.of_fewer(url)
                if not error.is_heavy or not shorter:
                    raise
                url, etag = shorter, ""

    def pages(self, path: str, **params: Any) -> Iterator[list[Any]]:
        """Each page of a REST list, following `Link` headers to the end."""
        yield from self.pages_behind(self.get_page(path, per_page=100, **params))

    def pages_behind(self, first: Reply) -> Iterator[list[Any]]:
        """The same list from its first page on, which was fetched already."""
        yield first.data
        url = links.next_of(first.headers)
        while url:
            data, url = self.page(url)
            yield data

    def graphql(self, name: str, variables: Mapping[str, Any]) -> GraphQLReply:
        """Runs the document `queries/<name>.graphql`."""
        return self.graphql_text(document(name, self.later_events), variables)

    def graphql_text(self, text: str, variables: Mapping[str, Any]) -> GraphQLReply:
        """Runs a query. Raises a `GitHubError` if nothing in the response is usable.

        If the token may not see teams, which GitHub says before it runs anything, the query is
        repeated without them.
        """
        try:
            return self._run(text, variables)
        except ScopeMissingError:
            if self._query(text, variables)["query"] == without_teams(text):
                raise
        self._sees_teams = False
        return self._run(text, variables)

    def _query(self, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        text = text if self._sees_teams else without_teams(text)
        return {"query": text, "variables": dict(variables)}

    def _run(self, text: str, variables: Mapping[str, Any]) -> GraphQLReply:
        query = self._query(text, variables)
        with self._reporting_waits("graphql"):
            asked_at, response = self._answered(query)
            envelope: replies.Envelope = whole(response.content, replies.Envelope)
            self._account(envelope, response.headers)
            if error := replies.error_from_problems(envelope, response.headers, _now()):
                raise error
        return GraphQLReply(envelope.data, envelope.problems, asked_at)

    @contextmanager
    def _reporting_waits(self, resource: str) -> Iterator[None]:
        try:
            yield
        except WaitError as wait:
            if self.on_wait:
                self.on_wait(wait, resource)
            raise
        if self.on_good_reply:
            self.on_good_reply()

    @property
    def is_ahead(self) -> bool:
        """Whether a query was sent early whose response is not taken yet."""
        return self._ahead is not None

    def graphql_ahead(self, name: str, variables: Mapping[str, Any]) -> None:
        """Sends a query without waiting for its response, which the next query takes.

        If the next query is another one, the response is lost, but paid for. Raises a `GitHubError`
        if there is no token. `before_request` is not called, since no caller waits.
        """
        query = self._query(document(name, self.later_events), variables)
        token = self.tokens.token()
        reply: Future[httpx.Response] = Future()

        def send() -> None:
            try:
                reply.set_result(self._exchange(token, "POST", self.addresses.graphql, json=query))
            except Exception as error:
                reply.set_exception(error)

        # A plain thread, no pool: at exit the program would wait for a pool's threads.
        asked_at = _now()
        Thread(target=send, daemon=True).start()
        self._ahead = _Ahead(asked_at, query, reply)
        self.usage.requests += 1

    def _answered(self, query: dict[str, Any]) -> tuple[datetime, httpx.Response]:
        """A query's response, and when the query was sent: now, or early."""
        ahead, self._ahead = self._ahead, None
        if ahead and ahead.query == query:
            try:
                return ahead.asked_at, ahead.reply.result()
            except CredentialsRejectedError:
                pass  # A repeated request uses the token valid by then.
        return _now(), self._send("POST", self.addresses.graphql, json=query)

    def graphql_kept(self, data: bytes, asked_at: datetime) -> GraphQLReply:
        """A stored response, without problems; its cost counts as if it had just arrived."""
        reply = GraphQLReply(msgspec.Raw(data), [], asked_at)
        asked = replies.aside_of(reply.data).rate_limit
        self.usage.requests += 1
        self.usage.points += asked.cost if asked else 0
        return reply

    def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        if self.before_request:
            resource = "graphql" if url == self.addresses.graphql else "core"
            self.before_request(method, url, resource)
        token = self.tokens.token()
        try:
            return self._send_with(token, method, url, **options)
        except CredentialsRejectedError as error:
            # Another worker may have renewed the token meanwhile, which invalidates the old one at
            # once.
            renewed = self.tokens.instead_of(token, error)
            if not renewed:
                raise
            try:
                return self._send_with(renewed, method, url, **options)
            except CredentialsRejectedError as again:
                self.tokens.instead_of(renewed, again)  # raises, if it has just been made
                raise

    def _send_with(self, token: str, method: str, url: str, **options: Any) -> httpx.Response:
        self.usage.requests += 1
        return self._exchange(token, method, url, **options)

    def _exchange(self, token: str, method: str, url: str, **options: Any) -> httpx.Response:
        """Sends a request; safe in several threads, since it does not modify this client."""
        if not _SENDABLE.fullmatch(token):
            raise CredentialsRejectedError("GitHub does not accept the token.")
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        response = self._http.request(method, url, headers=headers, **options)
        refusal = replies.error_from_status(
            response.status_code, response.headers, response.content, _now()
        )
        if refusal:
            raise refusal
        return response

    def _account(self, envelope: replies.Envelope, headers: Mapping[str, str]) -> None:
        limit = limits.from_headers(headers)
        aside = replies.aside_of(envelope.data)
        if aside.event_types and self.on_later_events:
            values = aside.event_types.enum_values or ()
            self.later_events = later_events(value.name for value in values)
            self.on_later_events(self.later_events)
        if asked := aside.rate_limit:
            self.usage.points += asked.cost
            limit = Limit("graphql", asked.limit, asked.remaining, asked.reset_at)
        if limit:
            self._tell(limit)

    def _tell(self, limit: Limit) -> None:
        if self.on_limit:
            self.on_limit(limit)


def _has_items(data: Any) -> bool:
    parts = data.values() if isinstance(data, dict) else [data]
    return any(part for part in parts if isinstance(part, list))


def _now() -> datetime:
    return datetime.now(UTC)
