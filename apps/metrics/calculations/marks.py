"""AI marks on a pull request: who wrote it, who initiated it, and the evidence.

Pure: texts in, findings out. Texts are not stored; findings are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.metrics.calculations import ai_marks
from apps.metrics.calculations.ai_accounts import (
    UNSIGNED,
    Actor,
    Signature,
    TeamMarks,
    agent_by_address,
    agent_of,
    is_ai_reviewer,
    is_person,
    is_same,
    noreply_account,
    tool_of_address,
    tool_of_signature,
    tool_of_text,
)

LONGEST_TEXT = 70_000
"""GitHub limits a description to 65,536 characters; more is not read."""

_CO_AUTHOR = re.compile(r"co-authored-by:\s{0,10}[^<]{0,200}<([^>\s]{1,300})>", re.IGNORECASE)
# With another backtick after it, it is inline code.
_FENCE = re.compile(r"\s{0,3}(`{3,}(?=[^`]*$)|~{3,})")
_INLINE_CODE = re.compile(r"`[^`\n]{1,500}`")
_MERGES = ("Merge branch", "Merge remote-tracking branch", "Merge pull request")


@dataclass(frozen=True)
class CommitText:
    """A commit with its message."""

    sha: str
    headline: str
    body: str
    author: Signature = UNSIGNED
    committer: Signature = UNSIGNED


@dataclass(frozen=True)
class ReviewGiven:
    """A submitted review, for counting reviews by AI."""

    author: Actor
    submitted_at: datetime


@dataclass(frozen=True)
class Texts:
    """The texts searched for marks; `merge_message` is the merge commit's whole message."""

    author: Actor
    body: str = ""
    branch: str = ""
    labels: Sequence[str] = ()
    commits: Sequence[CommitText] = ()
    merge_sha: str = ""
    merge_message: str = ""


@dataclass(frozen=True, order=True)
class Finding:
    """A mark and its location.

    `kind` is author, commit, trailer, body, branch or label. `place` is the commit's SHA, else
    empty. `weight` is writing, described or weak.
    """

    kind: str
    tool: str
    weight: str
    text: str
    place: str = ""


@dataclass(frozen=True)
class Initiator:
    """The person who asked for an agent's work; `unknown` are addresses to look up at GitHub.

    While there are any, there is no initiator: an earlier co-author may turn out to be the person.
    """

    account: Actor | None = None
    unknown: tuple[tuple[str, str], ...] = ()
    """Pairs of a commit's SHA and an address in it."""


@dataclass(frozen=True)
class Writing:
    """Who wrote a pull request: see METRICS, *Who wrote it*."""

    ai: str
    tools: tuple[str, ...]
    evidence: tuple[str, ...]
    findings: tuple[Finding, ...]
    initiator: Initiator


Known = Mapping[str, Actor | None]
"""Accounts by address in lower case; None if GitHub knows no account for the address."""
NOBODY: Known = {}


def read(texts: Texts, team: TeamMarks | None = None, known: Known = NOBODY) -> Writing:
    """Who wrote a pull request, by every mark on it."""
    team = team or TeamMarks()
    findings = tuple(sorted(set(_findings(texts, team))))
    is_agents = _is_written_by_agent(texts, team)
    ai = "agent" if is_agents else _weight(findings)
    return Writing(
        ai=ai,
        tools=_tools(findings, ai),
        evidence=tuple(sorted({finding.kind for finding in findings})),
        findings=findings,
        initiator=_initiator(texts, team, known) if is_agents else Initiator(),
    )


def ai_reviews(
    reviews: Iterable[ReviewGiven],
    author: Actor,
    opened_at: datetime,
    ended_at: datetime | None,
    team: TeamMarks | None = None,
) -> list[bool]:
    """Which reviews are by an AI other than the author.

    Counted like people's reviews: from the opening until merged or closed.
    """
    return [
        is_ai_reviewer(review.author, team)
        and not is_same(review.author, author)
        and review.submitted_at >= opened_at
        and (ended_at is None or review.submitted_at <= ended_at)
        for review in reviews
    ]


def is_human_touched(
    actors: Iterable[Actor | None], commits: Iterable[CommitText], team: TeamMarks | None = None
) -> bool:
    """Whether a person reviewed, merged or authored a commit; `actors` reviewed or merged."""
    team = team or TeamMarks()
    return any(actor is not None and is_person(actor, team) for actor in actors) or any(
        _is_persons(commit.author, team) for commit in commits
    )


def _is_persons(signature: Signature, team: TeamMarks) -> bool:
    if agent_by_address(signature, team):
        return False
    account_named = signature.account if signature.account != Actor() else None
    if account := account_named or noreply_account(signature.address):
        return is_person(account, team)
    return bool(signature.name or signature.address) and not _is_bots(signature)


def _is_bots(signature: Signature) -> bool:
    return "[bot]" in signature.address.lower() or signature.name.lower().endswith("[bot]")


def _findings(texts: Texts, team: TeamMarks) -> Iterator[Finding]:
    for finding in _all_findings(texts, team):
        if finding.tool not in team.ignored_tools:
            yield finding


def _all_findings(texts: Texts, team: TeamMarks) -> Iterator[Finding]:
    if tool := agent_of(texts.author, team):
        yield Finding("author", tool, "writing", texts.author.login or "")
    for commit in texts.commits:
        yield from _of_commit(commit, team)
    yield from _of_message(texts.merge_sha, texts.merge_message, team)
    yield from of_body(texts.body)
    yield from _of_branch(texts.branch, team)
    yield from _of_labels(texts.labels, team)


def _of_commit(commit: CommitText, team: TeamMarks) -> Iterator[Finding]:
    for signature in (commit.author, commit.committer):
        if found := tool_of_signature(signature, team):
            yield Finding("commit", found[0], "writing", found[1], commit.sha)
    for mark in ai_marks.HEADLINE_BEGINNINGS:
        if commit.headline.lower().startswith(mark.text):
            yield Finding("commit", mark.tool, "writing", mark.text, commit.sha)
    yield from _of_message(commit.sha, f"{commit.headline}\n\n{commit.body}", team)


def _of_message(sha: str, message: str, team: TeamMarks) -> Iterator[Finding]:
    if ":" not in message and not team.trailers:
        return
    lines = message[:LONGEST_TEXT].splitlines()
    for address in co_authors(lines):
        if tool := tool_of_address(address, team):
            yield Finding("trailer", tool, "writing", f"Co-authored-by: {address}", sha)
        elif tool := tool_of_text(address.lower(), ai_marks.WEAK_ADDRESSES):
            yield Finding("trailer", tool, "weak", f"Co-authored-by: {address}", sha)
    own = {one_space(text): tool for text, tool in team.trailers.items()}
    known = {mark.text: mark.tool for mark in ai_marks.TRAILERS} | own
    for line in last_paragraph(lines):
        text = team.hashed_trailers.get(one_space(line), line.strip())
        if tool := known.get(one_space(text)):
            yield Finding("trailer", tool, "writing", text, sha)


def co_authors(lines: Iterable[str]) -> Iterator[str]:
    """The co-authors' addresses, in order; a squash puts the trailers anywhere in the message."""
    for line in lines:
        if match := _CO_AUTHOR.match(line.strip()):
            yield match[1]


def last_paragraph(lines: Sequence[str]) -> Sequence[str]:
    """The last paragraph, where trailers are."""
    stripped = [line.strip() for line in lines]
    while stripped and not stripped[-1]:
        stripped.pop()
    begin = max((place + 1 for place, line in enumerate(stripped) if not line), default=0)
    return stripped[begin:]


def one_space(line: str) -> str:
    """A trailer normalised for comparison."""
    key, _, value = line.partition(":")
    return f"{key.strip()}: {value.strip()}".lower()


def of_body(body: str) -> Iterator[Finding]:
    """Marks in a description, as written by a tool and not quoted."""
    text = _written(body[:LONGEST_TEXT]).lower()
    for mark in ai_marks.BODY_TEXTS:
        if mark.text in text:
            yield Finding("body", mark.tool, "writing", mark.text)
    for mark in ai_marks.BODY_LINKS:
        if _has_link(text, mark.text):
            yield Finding("body", mark.tool, "writing", mark.text)
    for mark in ai_marks.DESCRIBED:
        if mark.text in text:
            yield Finding("body", mark.tool, "described", mark.text)


def _written(body: str) -> str:
    """The body without quoted lines (`>`) and code."""
    kept: list[str] = []
    fence = ""
    for line in body.splitlines():
        opened = _FENCE.match(line)
        if fence:
            closes = opened and opened[1].startswith(fence) and not line.strip(" `~")
            fence = "" if closes else fence
        elif opened:
            fence = opened[1]
        elif not line.lstrip().startswith(">"):
            kept.append(_INLINE_CODE.sub(" ", line))
    return "\n".join(kept)


def _has_link(text: str, address: str) -> bool:
    place = text.find(address)
    while place >= 0:
        before = text[max(0, place - 12) : place]
        after = text[place + len(address) : place + len(address) + 2]
        if before.endswith(("https://", "http://", "https://www.")) and not _continues(after):
            return True
        place = text.find(address, place + 1)
    return False


def _continues(after: str) -> bool:
    """Whether a name continues after the match: `claude.ai/codecov` is no `claude.ai/code`.

    A full stop continues it if a letter or digit follows; else it ends a sentence.
    """
    first, second = after[:1], after[1:]
    return first.isalnum() or first in ("-", "_") or (first == "." and second.isalnum())


def _of_branch(branch: str, team: TeamMarks) -> Iterator[Finding]:
    lower = branch.lower()
    own = [ai_marks.Mark(tool, text.lower(), "") for text, tool in team.branches.items()]
    for mark in (*ai_marks.BRANCHES, *own):
        if mark.text and lower.startswith(mark.text):
            yield Finding("branch", mark.tool, "writing", branch)
    for mark in ai_marks.WEAK_BRANCHES:
        if lower.startswith(mark.text):
            yield Finding("branch", mark.tool, "weak", branch)


def _of_labels(labels: Sequence[str], team: TeamMarks) -> Iterator[Finding]:
    own = {text.lower(): tool for text, tool in team.labels.items()}
    known = {mark.text: mark.tool for mark in ai_marks.LABELS} | own
    for label in labels:
        if tool := known.get(label.lower()):
            yield Finding("label", tool, "writing", label)


def _weight(findings: Sequence[Finding]) -> str:
    weights = {finding.weight for finding in findings}
    if "writing" in weights:
        return "assisted"
    return "described" if "described" in weights else "none"


def _tools(findings: Sequence[Finding], ai: str) -> tuple[str, ...]:
    wanted = {"agent": "writing", "assisted": "writing", "described": "described"}.get(ai)
    return tuple(sorted({finding.tool for finding in findings if finding.weight == wanted}))


def _is_written_by_agent(texts: Texts, team: TeamMarks) -> bool:
    if agent_of(texts.author, team):
        return True
    own = [commit for commit in texts.commits if not commit.headline.startswith(_MERGES)]
    by_agents = sum(_is_by_agent(commit, team) for commit in own)
    return by_agents * 2 > len(own)


def _is_by_agent(commit: CommitText, team: TeamMarks) -> bool:
    by_address = agent_by_address(commit.author, team)
    is_address = by_address is not None and by_address not in team.ignored_tools
    return is_address or agent_of(commit.author.account, team) is not None


def _initiator(texts: Texts, team: TeamMarks, known: Known) -> Initiator:
    """The first person with an account among the co-authors, else the author, else a committer."""
    unknown: list[tuple[str, str]] = []
    addresses = {**_accounts_in(texts.commits), **known}
    for sha, address in _co_authors_of_agents(texts, team):
        if _is_tools(address, team):
            continue
        account = noreply_account(address)
        if account is None:
            if address.lower() not in addresses:
                unknown.append((sha, address.lower()))
                continue
            account = addresses[address.lower()]
        if account is not None and is_person(account, team):
            return Initiator(unknown=tuple(unknown)) if unknown else Initiator(account)
    if unknown:
        return Initiator(unknown=tuple(unknown))
    return Initiator(_author_or_committer(texts, team))


def _is_tools(address: str, team: TeamMarks) -> bool:
    return bool(
        tool_of_address(address, team) or tool_of_text(address.lower(), ai_marks.WEAK_ADDRESSES)
    )


def _co_authors_of_agents(texts: Texts, team: TeamMarks) -> Iterator[tuple[str, str]]:
    for commit in texts.commits:
        if _is_by_agent(commit, team):
            for address in co_authors(commit.body[:LONGEST_TEXT].splitlines()):
                yield commit.sha, address


def _accounts_in(commits: Iterable[CommitText]) -> dict[str, Actor | None]:
    """Accounts that GitHub found for authors' and committers' addresses."""
    return {
        signature.address.lower(): signature.account
        for commit in commits
        for signature in (commit.author, commit.committer)
        if signature.address and signature.account.id is not None
    }


def _author_or_committer(texts: Texts, team: TeamMarks) -> Actor | None:
    if _is_known(texts.author) and is_person(texts.author, team):
        return texts.author
    writers = (commit.author.account for commit in texts.commits)
    return next((who for who in writers if _is_known(who) and is_person(who, team)), None)


def _is_known(account: Actor) -> bool:
    return account.id is not None
