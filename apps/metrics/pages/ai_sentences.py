"""Sentences of the AI page: shares are lower bounds, and a difference is no cause."""

from __future__ import annotations

from collections.abc import Mapping

from apps.metrics.calculations.changes import FEWEST, TOO_FEW
from apps.metrics.figures.ai_queries import Compared, Overview
from apps.metrics.figures.reading import Reading
from apps.teams.templatetags.display import unbroken


def answer(found: Overview) -> str:
    """The share, as a lower bound, and what it is of."""
    overall = found.overall
    if not overall.known:
        return "It is not known yet who wrote what was merged in this range."
    if not overall.marked:
        return (
            f"No mark says that any of {overall.known:,} merged pull requests was written with AI."
        )
    return (
        f"At least {_percent(overall.share(overall.marked) or 0)} of {overall.known:,} merged pull "
        f"requests were written with AI: {overall.agents:,} by agents, {overall.assisted:,} by "
        "people with an assistant."
    )


def _percent(share: float) -> str:
    return unbroken(f"{share * 100:.0f} %")


def notice(rest: Reading) -> str:
    """What the upgrade changed, what is still to be read, and what that costs."""
    if not rest.unread or rest.newest is None:
        return ""
    points = "one point" if rest.points == 1 else f"about {rest.points:,} points"
    return (
        "Agents’ pull requests count as the team’s work now. The texts of "
        f"{rest.unread:,} of {rest.total:,} pull requests, which were stored before that, are "
        "being fetched again in the background, the newest first, for "
        f"{points} of the GitHub rate limit; until then the shares by author leave them out. "
        f"Everything opened after {rest.newest:%-d %b %Y} has been read."
    )


def of_cells(each: Compared, groups: tuple[int, ...], names: Mapping[int, str], figure: str) -> str:
    """How many pull requests a comparison has, how many it leaves out, whether that is enough."""
    if not each.cells:
        return _nothing(figure)
    cells = "one cell" if each.cells == 1 else f"{each.cells:,} cells"
    counts = ", ".join(f"{each.rows[group]:,} {names[group].lower()}" for group in groups)
    left_out = sum(each.left_out.values())
    too_few = f"{TOO_FEW}: " if min(each.rows[group] for group in groups) < FEWEST else ""
    return f"{too_few}{counts} in {cells}, {left_out:,} left out"


def _nothing(figure: str) -> str:
    which = ", merged in this range and more than 30 days ago" if figure == "reverted" else ""
    return f"no repository has five of each in a size class{which}"
