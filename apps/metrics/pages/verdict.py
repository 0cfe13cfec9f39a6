"""The overview's verdict, and what moved it. Nothing is said that could be chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.metrics.calculations.moved import Part, main_parts
from apps.metrics.figures.change_queries import Causes
from apps.metrics.figures.counting import Spread
from apps.metrics.pages.measures import Tile
from apps.teams.templatetags.display import duration, unbroken
from apps.teams.wording import counted

# The page opens with the first of these that changed.
_CHANGED = {
    "cycle_time": "Pull requests merge {} than in the {} days before.",
    "pickup_time": "First reviews come {} than in the {} days before.",
    "time_to_merge": "Pull requests merge {} after they are opened than in the {} days before.",
    "merged_per_week": "{} pull requests are merged than in the {} days before.",
    "merged": "{} pull requests were merged than in the {} days before.",
    "review_coverage": "{} of what is merged was reviewed than in the {} days before.",
    "revert_rate": "{} of what is merged reverts something than in the {} days before.",
}
_WORDS = {
    "duration": ("more", "less"),
    "share": ("more", "less"),
    "count": ("more", "fewer"),
    "decimal": ("more", "fewer"),
}
_SOONER = ("later", "sooner")
MOST = 20
"""Lines of a table; a large team has hundreds of repositories."""
DIMENSIONS = {
    "repository": "repository",
    "team": "team",
    "size": "size",
    "written by": "who wrote it",
}
STAGES = {
    "coding_time": "coding",
    "pickup_time": "pickup",
    "review_time": "review",
    "merge_time": "merge",
}


def how_much(tile: Tile, of_time: tuple[str, str] = ("more", "less")) -> str:
    """By how much a figure changed: `8 h less`, `12 % more`, `3.1 points less`."""
    now, before = tile.change.now, tile.change.before
    if now is None or before is None:
        return ""
    word = _WORDS.get(tile.unit, ("more", "less"))[now < before]
    if tile.unit == "duration":
        return format_html("{} {}", duration(abs(now - before)), of_time[now < before])
    if tile.unit == "share":
        return unbroken(f"{abs(now - before) * 100:.1f} points {word}")
    if tile.change.percent is None:
        return unbroken(f"{abs(now - before):,.0f} {word}")
    return unbroken(f"{abs(tile.change.percent):.0f} % {word}")


def headline(tiles: Sequence[Tile], days: int) -> SafeString | None:
    """The first of the main figures that changed beyond chance; None if none did."""
    by_field = {tile.field: tile for tile in tiles}
    for field, sentence in _CHANGED.items():
        tile = by_field.get(field)
        if tile and tile.verdict:
            text = how_much(tile, _SOONER)
            changed = format_html('<strong class="{}">{}</strong>', tile.verdict, text)
            return format_html(sentence, changed, days)
    return None


def median_before(before: Spread, days: int, link: str, reason: str = "") -> SafeString:
    """The median cycle time of the period before, and why the difference is no change."""
    return format_html(
        'The median was <strong>{}</strong> in the {} days before (<a href="{}">{}</a>){}.',
        duration(before.median),
        days,
        link,
        counted(before.count, "pull request"),
        f": {reason}" if reason else "",
    )


def because(causes: Causes, *, is_less: bool) -> Iterator[str]:
    """What moved it: which stages, and which repositories, teams or sizes; for the mean."""
    difference = causes.moved.seconds
    if not difference or (difference < 0) != is_less:
        yield "The mean did not move the same way, so it has no part that explains this."
        return
    yield format_html("The mean is {}{}.", _moved(difference), _stages(causes, difference))
    if found := _groups(causes.parts, difference):
        dimension, parts = found
        named = format_html_join(", ", "<strong>{}</strong> ({})", map(_named, parts))
        yield format_html("By {}, most of it is {}.", DIMENSIONS[dimension], named)


def _stages(causes: Causes, difference: int) -> str:
    parts = main_parts(causes.moved.stages, difference)
    named = (
        (format_html("<strong>{}</strong>", STAGES[part.key]), _moved(part.seconds))
        for part in parts
    )
    listed = format_html_join(", ", "{} {}", named)
    return format_html(", most of it {}", listed) if parts else ""


def _groups(
    parts: Mapping[str, Sequence[Part[str]]], difference: int
) -> tuple[str, list[Part[str]]] | None:
    """The dimension in which the fewest groups make up most of it."""
    found = [
        (name, main_parts(groups, difference)) for name, groups in parts.items() if len(groups) > 1
    ]
    candidates = [(name, candidates) for name, candidates in found if candidates]
    return min(candidates, key=lambda each: len(each[1]), default=None)


def _named(part: Part[str]) -> tuple[str, str]:
    moved = _moved(part.seconds)
    if abs(part.mix) > abs(part.within):
        return part.key, format_html("{}, by its share", moved)
    return part.key, moved


def _moved(seconds: int) -> SafeString:
    return format_html("{} {}", duration(abs(seconds)), "more" if seconds > 0 else "less")


@dataclass(frozen=True)
class Table:
    """What each stage or group contributed; seconds."""

    name: str
    rows: Sequence[Part[str]]
    has_mix: bool = True
    others: int = 0
    """How many groups are not among the rows; `rest` is their total contribution."""
    rest: int = 0


def tables(causes: Causes) -> list[Table]:
    """By stage, and by dimension, the largest contribution first."""
    named = [
        Part(STAGES[part.key].title(), part.within, part.mix, part.now, part.before)
        for part in causes.moved.stages
    ]
    by_group = [
        _table(name, sorted(parts, key=lambda part: -abs(part.seconds)))
        for name, parts in causes.parts.items()
        if len(parts) > 1
    ]
    return [Table("Stage", named, has_mix=False), *by_group]


def _table(name: str, parts: Sequence[Part[str]]) -> Table:
    """The first of many groups, and the total contribution of the others."""
    shown, others = (parts, ()) if len(parts) <= MOST else (parts[: MOST - 1], parts[MOST - 1 :])
    return Table(name.capitalize(), shown, others=len(others), rest=sum(p.seconds for p in others))


def data(causes: Causes) -> dict[str, Any]:
    """The same as JSON; seconds."""
    found = {"stage": causes.moved.stages, **causes.parts}
    return {
        "mean": causes.moved.mean,
        "previous_mean": causes.moved.former_mean,
        "capped_at": causes.moved.cap,
        "parts": {
            name: [{"name": part.key, "within": part.within, "mix": part.mix} for part in parts]
            for name, parts in found.items()
        },
    }
