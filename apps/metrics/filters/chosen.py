"""The selection: conditions on pull requests, a period, and its form as a query string."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from apps.metrics.filters.periods import Period

DEFAULT_RANGE = "3m"
DAYS_FOR_WEEKS = 14
WRITTEN: Mapping[str, Sequence[str]] = {
    "people": ("none", "described"),
    "assisted": ("assisted",),
    "agents": ("agent",),
}
"""The values of the filter for who wrote a pull request, and what they match."""
NAMED = 5  # names of the selection, in the line below the bar


WRITERS: Mapping[str, str] = {
    "people": "people",
    "assisted": "people with an assistant",
    "agents": "agents",
}


@dataclass(frozen=True)
class Coverage:
    """What the data covers of a period and of the one before it; by default, all of both.

    `begins_before` and `begins_within` say in which of them the data begins.
    """

    begins_before: bool = False
    begins_within: bool = False
    is_read: bool = True
    is_to_come: bool = False
    is_stopped: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether both periods lie within the data, so that they can be compared."""
        begins = self.begins_before or self.begins_within
        return self.is_read and not (begins or self.is_to_come or self.is_stopped)


@dataclass(frozen=True)
class Filters:
    """A selection of pull requests and a period; `params` are its query parameters.

    `accounts` are ids of outsiders, whose rows keep their former login; `repository` is the key of
    a page's repository: others may have had its name.
    """

    period: Period
    range: str = DEFAULT_RANGE
    repositories: Sequence[str] = ()
    people: Sequence[str] = ()
    accounts: Sequence[int] = ()
    groups: Sequence[str] = ()
    bases: Sequence[str] = ()
    labels: Sequence[str] = ()
    sizes: Sequence[str] = ()
    written: Sequence[str] = ()
    tools: Sequence[str] = ()
    bots: bool = False
    outsiders: bool = True
    excluded: Sequence[str] = ()
    repository: int | None = None
    params: Mapping[str, Sequence[str]] = field(default_factory=dict)
    coverage: Coverage = Coverage()
    switched_off: Sequence[str] = ()
    """Selected people whom an admin has excluded from figures about people."""

    @property
    def has_more(self) -> bool:
        """Whether the selection includes options that the bar shows only when opened."""
        return bool(self.sizes or self.written or self.tools or self.bots or not self.outsiders)

    @property
    def refusal(self) -> str:
        """Why figures about the selected people are refused; empty if they are not."""
        if not self.switched_off:
            return ""
        names = ", ".join(self.switched_off)
        return f"An admin has excluded {names} from figures about people."

    @property
    def tells_weeks(self) -> bool:
        """Whether weekly figures are shown: for at least 14 days, all of them within the data."""
        return self.period.days >= DAYS_FOR_WEEKS and not self.coverage.begins_within

    @property
    def is_default(self) -> bool:
        """Whether nothing was selected."""
        return self.params == {"range": [DEFAULT_RANGE]}

    @property
    def query(self) -> str:
        """Its query string."""
        return urlencode(self.params, doseq=True)

    def address(self, path: str, **changes: object) -> str:
        """The path with these filters, some of them changed; None removes one."""
        changed = {key: _encoded(key, value) for key, value in changes.items()}
        text = "&".join(filter(None, {**self._encoded_params, **changed}.values()))
        return f"{path}?{text}" if text else path

    @cached_property
    def _encoded_params(self) -> dict[str, str]:
        """Each as in an address, encoded once: a page has hundreds of addresses."""
        return {key: _encoded(key, value) for key, value in self.params.items()}

    def of_everyone(self) -> Filters:
        """The same filters for any kind of author."""
        params = {k: v for k, v in self.params.items() if k not in ("person", "group")}
        return replace(self, people=(), accounts=(), groups=(), params=params)

    def narrowed(self, **to: str) -> Filters:
        """The same for one repository or person alone, given by its query parameter."""
        fields = {"repo": "repositories", "person": "people"}
        chosen: dict[str, Any] = {fields[key]: (text,) for key, text in to.items()}
        return replace(self, params={**self.params, **{k: [t] for k, t in to.items()}}, **chosen)

    @property
    def only(self) -> list[tuple[str, str, int]]:
        """What the selection is limited to: a word, the first names, how many more."""
        kinds = (
            ("only", self.repositories),
            ("only by", self.people),
            ("only in", self.groups),
            ("only into", self.bases),
            ("only labelled", self.labels),
            ("only", self.sizes),
            ("only by", [WRITERS[name] for name in self.written]),
            ("only with", self.tools),
        )
        return [
            (word, ", ".join(names[:NAMED]), max(0, len(names) - NAMED))
            for word, names in kinds
            if names
        ]

    @property
    def hides(self) -> str:
        """What is left out, as a sentence."""
        shown = {"bots": self.bots, "outsiders": self.outsiders}
        hidden = [name for name, is_shown in shown.items() if not is_shown]
        *most, last = [*hidden, *self.excluded] or [""]
        if not most:
            return f"Without {last}." if last else ""
        return f"Without {', '.join(most)} and {last}."


def _encoded(key: str, value: object) -> str:
    return "" if value in (None, "", []) else urlencode({key: value}, doseq=True)
