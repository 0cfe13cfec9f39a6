"""The URLs of a list, common to lists of pull requests and of deployments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from apps.metrics.filters.chosen import Filters


class Choice(Protocol):
    """The options of a list besides the filters; `params` are its query parameters."""

    @property
    def params(self) -> Mapping[str, str]: ...


class Page(Protocol):
    """Some rows of a list; `after` and `before` are cursors, empty at the list's ends."""

    @property
    def after(self) -> str: ...

    @property
    def before(self) -> str: ...


C = TypeVar("C", bound=Choice)


class Here(Generic[C]):
    """The URLs of a list: the same filters and options, some of them changed."""

    def __init__(self, path: str, filters: Filters, chosen: C) -> None:
        self.path, self.filters, self.chosen = path, filters, chosen

    def but(self, **changes: object) -> str:
        """The same list, changed; its first page."""
        return self.filters.address(self.path, **{**self.chosen.params, **changes})

    def page(self, page: Page) -> dict[str, str | None]:
        """The URLs of its other pages."""
        return {
            "first": self.but(),
            "next": self.but(after=page.after) if page.after else None,
            "previous": self.but(before=page.before) if page.before else None,
        }
