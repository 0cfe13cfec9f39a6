"""What a list of pull requests says of itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.metrics.figures import behind
from apps.metrics.lists.columns import COLUMNS
from apps.metrics.lists.explorer import Choice, Figure
from apps.teams.templatetags.display import duration_text

FLAGS = {
    "old": "with an old commit",
    "revert": "reverts",
    "hotfix": "hotfixes",
    "ready": "no drafts",
    "ai-reviewed": "reviewed by an AI",
    "ai-first": "reviewed by an AI first",
    "ai-alone": "reviewed by an AI and by no person",
}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def described(count: int, chosen: Choice) -> SafeString:
    """How many it has, which, and in which order."""
    what = "pull request" if count == 1 else "pull requests"
    return format_html("<span><strong>{}</strong> {}</span>{}", f"{count:,}", what, which(chosen))


def which(chosen: Choice) -> str:
    """What follows the count."""
    those = " open now, whatever the range" if chosen.state == "open" else ""
    if chosen.text:
        those += f" with “{chosen.text}”"
    parts = [those]
    if chosen.figure:
        parts.append(_behind(chosen.figure))
    if chosen.reviewed is not None:
        parts.append("reviewed" if chosen.reviewed else "not reviewed")
    parts += [FLAGS[flag] for flag in chosen.flags]
    if waiting := chosen.params.get("waiting"):
        parts.append(f"waiting: {waiting}")
    parts.append(f"sorted by {COLUMNS[chosen.column].label.lower()}")
    return ", ".join(parts)


def _behind(figure: Figure) -> str:
    of_name = _NAMED.get(figure.name)
    if of_name:
        return of_name(figure.parts)
    took = f"counted in {COLUMNS[figure.name].label.lower()}"
    if not figure.parts:
        return took
    return f"{took} with {_from_to([duration_text(each) for each in figure.parts])}"


def _from_to(texts: Sequence[str]) -> str:
    begin, *end = texts
    return f"at least {begin} and less than {end[0]}" if end else f"at least {begin}"


def _age(parts: Sequence[int]) -> str:
    return f"opened {_from_to([f'{days} d' for days in parts])} ago"


def _under_way(parts: Sequence[int]) -> str:
    return f"open and no draft at the end of {behind.day(parts[0]):%-d %B %Y}"


def _waited(parts: Sequence[int]) -> str:
    return f"waiting for a first review on a {DAYS[parts[0]]} at {parts[1]}:00"


def _given(what: str) -> Callable[[Sequence[int]], str]:
    def words(parts: Sequence[int]) -> str:
        by, where = ("", " by one person", " by one person to another")[len(parts)], "in the range"
        return f"{what}{by} {where}"

    return words


def _until_production(name: str) -> Callable[[Sequence[int]], str]:
    def words(parts: Sequence[int]) -> str:
        by = ", brought by one application" * len(parts)
        return f"counted in {COLUMNS[name].label.lower()}{by}"

    return words


_NAMED: dict[str, Callable[[Sequence[int]], str]] = {
    "stages": lambda _: "without an old commit",
    "size": lambda _: "with known lines",
    "waiting": lambda _: "waiting",
    "age": _age,
    "under_way": _under_way,
    "waited": _waited,
    "deployed": lambda _: "deployed in the range",
    **{name: _until_production(name) for name in behind.UNTIL_PRODUCTION},
    "not_deployed": lambda _: "not deployed yet",
    "live_before": lambda _: "live before deployments were known",
    "other_branches": lambda _: "merged into other branches than the default one",
    "without_source": lambda _: "of repositories without known deployments",
    "waiting_to_deploy": lambda _: "waiting to be deployed, whatever the range",
    "reopened": lambda _: "reopened in the range",
    "reviews": _given("with reviews given"),
    "approvals": _given("with approvals given"),
    "changes_requested": _given("with changes requested"),
    "response_time": _given("with first reviews given"),
}
