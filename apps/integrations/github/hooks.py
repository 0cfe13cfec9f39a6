"""Webhooks on GitHub and their deliveries.

https://docs.github.com/rest/repos/webhooks
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from apps.integrations.github.client import GitHub, Reply
from apps.integrations.github.reading import of_rest


class Config(Struct, frozen=True):
    """Where a hook delivers to, and how."""

    url: str = ""
    content_type: str = ""
    insecure_ssl: str | int = "0"


class HookRecord(Struct, frozen=True):
    """A hook of a repository or an organisation."""

    id: int
    active: bool = False
    events: list[str] = []
    config: Config = Config()


class Attempt(Struct, frozen=True):
    """An attempt to deliver an event; all attempts of one event share its `guid`."""

    id: int
    guid: str
    delivered_at: datetime
    status_code: int | None = None
    status: str | None = None
    event: str | None = None
    installation_id: int | None = None

    @property
    def has_succeeded(self) -> bool:
        """Whether the receiver accepted it."""
        return 200 <= (self.status_code or 0) < 300


def hook(github: GitHub, path: str) -> HookRecord:
    """The hook at an API path."""
    return of_rest(github.get(path).data, HookRecord)


def create(github: GitHub, path: str, wanted: object) -> HookRecord:
    """Creates a hook in the list at `path`."""
    return of_rest(github.rest("POST", path, json=wanted).data, HookRecord)


def hooks(github: GitHub, path: str) -> Iterator[HookRecord]:
    """All hooks of the list at `path`."""
    for page in github.pages(path):
        yield from filter(None, of_rest(page, list[HookRecord | None]))


def config(github: GitHub, path: str) -> Config:
    """The delivery settings at an API path."""
    return of_rest(github.get(path).data, Config)


def attempts(github: GitHub, first: Reply) -> Iterator[Attempt]:
    """The attempts of a list whose first page was fetched already, newest first."""
    for page in github.pages_behind(first):
        yield from filter(None, of_rest(page, list[Attempt | None]))
