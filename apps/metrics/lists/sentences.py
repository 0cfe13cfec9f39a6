"""Sentences about a list of pull requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.metrics.figures import ai_queries, behind
from apps.metrics.filters import accounts
from apps.metrics.filters.chosen import Filters
from apps.metrics.lists.columns import COLUMNS
from apps.metrics.lists.explorer import Choice, Figure
from apps.teams.models import Team
from apps.teams.templatetags.display import duration_text, unbroken
from apps.teams.wording import counted

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


def described(count: int, chosen: Choice, asked: behind.Asked) -> SafeString:
    """How many it has, which, and in which order."""
    what = "pull request" if count == 1 else "pull requests"
    those = which(chosen, of_figure(chosen.figure, asked) if chosen.figure else "")
    return format_html("<span><strong>{}</strong> {}</span>{}", f"{count:,}", what, those)


def which(chosen: Choice, behind_it: str = "") -> str:
    """The text after the count; `behind_it` describes the figure."""
    those = " open now, whatever the range" if chosen.state == "open" else ""
    if chosen.text:
        those += f" with “{chosen.text}”"
    parts = [those]
    if behind_it:
        parts.append(behind_it)
    if chosen.reviewed is not None:
        parts.append("reviewed" if chosen.reviewed else "not reviewed")
    parts += [FLAGS[flag] for flag in chosen.flags]
    if waiting := chosen.params.get("waiting"):
        parts.append(f"waiting: {waiting}")
    parts.append(f"sorted by {COLUMNS[chosen.column].label.lower()}")
    return ", ".join(parts)


def of_figure(figure: Figure, asked: behind.Asked) -> str:
    """The subject of a figure: whose, and of how many reviews."""
    if figure.name in _QUEUED:
        return _QUEUED[figure.name].format(_called(asked.team, figure.parts[0]))
    if figure.name in _GIVEN:
        asked = replace(asked, parts=figure.parts)
        given = counted(behind.reviews(figure.name, asked), *_GIVEN[figure.name])
        return f"with {given}{_by(asked)} in the range"
    if figure.name == "ai_reviews":
        return _by_ai(asked.team, asked.filters, figure.parts[0])
    of_name = _NAMED.get(figure.name)
    if of_name:
        return of_name(figure.parts)
    took = f"counted in {COLUMNS[figure.name].label.lower()}"
    if not figure.parts:
        return took
    return f"{took} with {_from_to([unbroken(duration_text(each)) for each in figure.parts])}"


def _from_to(texts: Sequence[str]) -> str:
    begin, *end = texts
    return f"at least {begin} and less than {end[0]}" if end else f"at least {begin}"


def _age(parts: Sequence[int]) -> str:
    return f"opened {_from_to([unbroken(f'{days} d') for days in parts])} ago"


def _under_way(parts: Sequence[int]) -> str:
    return f"open and no draft at the end of {behind.day(parts[0]):%-d %B %Y}"


def _waited(parts: Sequence[int]) -> str:
    return f"waiting for a first review on a {DAYS[parts[0]]} at {parts[1]}:00"


def _by(asked: behind.Asked) -> str:
    """Who gave the reviews, and to whom; only for people whom the viewer may see."""
    names = [_called(asked.team, account) for account in asked.parts]
    return "".join(f" {word} {name}" for word, name in zip(("by", "to"), names, strict=False))


def _by_ai(team: Team, filters: Filters, account: int) -> str:
    found = ai_queries.reviewer(team, filters, account)
    given = counted(found.reviews if found else 0, "review", "reviews")
    return f"with {given} by {found.login if found and found.login else 'an AI'} in the range"


def _until_production(name: str) -> Callable[[Sequence[int]], str]:
    def words(parts: Sequence[int]) -> str:
        by = ", brought by one application" * len(parts)
        return f"counted in {COLUMNS[name].label.lower()}{by}"

    return words


def _called(team: Team, account: int) -> str:
    if account == behind.GHOST:
        return "deleted accounts"
    return accounts.login_of(team, account) or "someone"


_GIVEN = {
    "reviews": ("review given", "reviews given"),
    "approvals": ("approval given", "approvals given"),
    "changes_requested": ("request for changes", "requests for changes"),
    "response_time": ("first review given", "first reviews given"),
}
_QUEUED = {
    "asked": "of which {} is asked for a review",
    "sent_back": "by {}, with changes requested",
    "to_merge": "that {} can merge",
    "for_others": "by {}, waiting for others",
    "unasked": "by {}, with no review requested now",
}
_NAMED: dict[str, Callable[[Sequence[int]], str]] = {
    "stages": lambda _: "without an old commit",
    "size": lambda _: "with known lines",
    "described": lambda _: "described by AI, without a mark of writing",
    "waiting": lambda _: "waiting",
    "late": lambda _: "waiting longer than usual",
    "team_asked": lambda _: "of which one team on GitHub is asked for a review",
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
}
