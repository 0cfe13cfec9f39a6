"""AI marks for display: those of one pull request, and the whole table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.metrics.calculations import ai_marks, own_marks
from apps.metrics.models import PullRequest
from apps.teams.models import Team

PLACES = {
    "author": "Its author’s account",
    "commit": "Author or committer of",
    "trailer": "Message of",
    "body": "The description",
    "branch": "The head branch",
    "label": "A label",
}
MOST_LINKS = 5
WEIGHTS = {
    "writing": "",
    "described": "wrote the description only",
    "weak": "weak: people leave it as well",
}


@dataclass(frozen=True)
class Shown:
    """A mark: its tool, location and text, and links to it.

    `links` have a text each; of many commits only the first, with the number of `more`.
    """

    tool: str
    place: str
    text: str
    note: str
    links: Sequence[tuple[str, str]]
    more: int = 0

    @property
    def before(self) -> str:
        """The text before links that are named after commits."""
        return self.place if self.place in (PLACES["commit"], PLACES["trailer"]) else ""

    @property
    def after(self) -> str:
        """How many commits are not named."""
        return f"and {self.more:,} more" if self.more else ""


@dataclass(frozen=True)
class Entry:
    """A line of the table: the tool, the text to look for, and the source."""

    tool: str
    text: str
    source: str


@dataclass(frozen=True)
class Kind:
    """Lines of one kind, and what they mean for a pull request."""

    title: str
    says: str
    entries: Sequence[Entry]


def sentence(row: PullRequest) -> str:
    """Who wrote a pull request."""
    if row.ai is None:
        return "Its texts have not been read for AI marks yet, so it is not known who wrote it."
    tools = ", ".join(row.ai_tools)
    said = {
        "agent": f"An agent wrote it ({tools}).",
        "assisted": f"It was written with an assistant ({tools}).",
        "described": f"Its description was written by a program ({tools}); of its code there is "
        "no mark.",
        "none": "It has no mark of AI, which does not prove that none was used.",
    }[row.ai]
    return f"{said} {_initiator(row)}".strip()


def _initiator(row: PullRequest) -> str:
    if row.ai != "agent":
        return ""
    if row.initiator_login:
        return f"{row.initiator_login} asked for it."
    if row.asks_initiator:
        return "Who asked for it is being looked up."
    return "It is not known who asked for it."


def shown_marks(row: PullRequest) -> list[Shown]:
    """Each mark found on a pull request, once for all commits that have it."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for kind, tool, weight, text, place in row.findings:
        found.setdefault((kind, tool, weight, text), []).append(place)
    return [
        Shown(
            *(tool, PLACES[kind], text, WEIGHTS[weight]),
            [_link(row, kind, place) for place in places[:MOST_LINKS]],
            max(0, len(places) - MOST_LINKS),
        )
        for (kind, tool, weight, text), places in found.items()
    ]


def _link(row: PullRequest, kind: str, sha: str) -> tuple[str, str]:
    if not sha:
        return PLACES[kind], row.url
    return sha[:7], f"{row.url.rpartition('/pull/')[0]}/commit/{sha}"


def table(team: Team) -> list[Kind]:
    """All marks that are looked for, the team's own at the end."""
    kinds = [
        Kind(
            "Accounts of agents",
            "The account that opened it, or that authored more than half of its commits, wrote it.",
            [_account(each) for each in ai_marks.AGENTS],
        ),
        Kind(
            "Addresses",
            "Of a commit’s author, committer or co-author; GitHub’s own address of an account "
            "above counts as well.",
            [*_texts(ai_marks.ADDRESSES), *_numbers()],
        ),
        Kind(
            "Trailers and names",
            "Trailers are the last lines of a message; names end, and headlines begin, with these.",
            _texts((*ai_marks.TRAILERS, *ai_marks.NAME_ENDINGS, *ai_marks.HEADLINE_BEGINNINGS)),
        ),
        Kind(
            "In the description",
            "Where the tool wrote it: not in a quotation, not in code. The links begin with https.",
            _texts((*ai_marks.BODY_TEXTS, *ai_marks.BODY_LINKS)),
        ),
        Kind(
            "In the description, of the description alone",
            "They do not say who wrote the code.",
            _texts(ai_marks.DESCRIBED),
        ),
        Kind(
            "Head branches and labels",
            "A branch begins with it; a label is exactly that.",
            _texts((*ai_marks.BRANCHES, *ai_marks.LABELS)),
        ),
        Kind(
            "Weak marks",
            "People leave them too. They are shown, but alone do not count as assistance.",
            _texts((*ai_marks.WEAK_BRANCHES, *ai_marks.WEAK_ADDRESSES)),
        ),
        Kind(
            "AI reviewers",
            "Their reviews, and those of the agents above, are counted separately from people’s.",
            [_account(each) for each in ai_marks.REVIEWERS],
        ),
    ]
    own = _own(team)
    return [*kinds, Kind("This team’s own", "Set in the team’s settings.", own)] if own else kinds


def _account(entry: ai_marks.Account) -> Entry:
    number = f" (id {entry.id})" if entry.id else ""
    return Entry(entry.tool, f"{entry.login}{number}", entry.source)


def _texts(marks: Iterable[ai_marks.Mark]) -> list[Entry]:
    return [Entry(mark.tool, mark.text.strip(), mark.source) for mark in marks]


def _numbers() -> list[Entry]:
    return [
        Entry(tool, f"{number}+…@users.noreply.github.com", source)
        for number, (tool, source) in ai_marks.NOREPLY_IDS.items()
    ]


def _own(team: Team) -> list[Entry]:
    kinds = (
        ("account", team.ai_logins),
        ("trailer", team.ai_trailers),
        ("branch", team.ai_branches),
        ("label", team.ai_labels),
    )
    return [
        Entry(tool, text, kind)
        for kind, lines in kinds
        for text, tool in own_marks.read(lines).items()
    ]
