"""Texts reduced to the parts that AI marks are read from, which may be stored.

Pure. Reduced texts give the same findings as whole ones, so a change of the team's marks needs no
fetch. Names of people are removed, and their addresses become keyed hashes; accounts in GitHub's
own noreply addresses stay. Reducing twice changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from apps.metrics.calculations import ai_marks, marks
from apps.metrics.calculations.ai_accounts import (
    UNSIGNED,
    Signature,
    TeamMarks,
    agent_of,
    noreply_account,
    tool_of_address,
    tool_of_signature,
    tool_of_text,
)
from apps.metrics.calculations.marks import CommitText, Texts

Hash = Callable[[str], str]
"""32 hex digits for a text, with a key of the team's own."""

HASHED = "@hashed.invalid"
"""The domain of hashed addresses; no real address ends like this."""
MOST_TRAILERS = 20

_TABLE = TeamMarks()
_TRAILER = re.compile(r"[A-Za-z][\w-]{0,60}\s{0,5}:.{1,200}")
_HASHED_TRAILER = re.compile(r"trailer: [0-9a-f]{32}")
_TOLD = "?"


def texts(full: Texts, hashed: Hash) -> Texts:
    """All texts of a pull request, reduced."""
    return replace(
        full,
        body=body(full.body),
        commits=[commit(each, hashed) for each in full.commits],
        merge_message=message(full.merge_message, hashed),
    )


def body(text: str) -> str:
    """The marks in a description."""
    links = {mark.text for mark in ai_marks.BODY_LINKS}
    found = dict.fromkeys(finding.text for finding in marks.of_body(text))
    return "\n".join(f"https://{mark}" if mark in links else mark for mark in found)


def commit(full: CommitText, hashed: Hash) -> CommitText:
    """A commit; its headline is no secret, and its committer is only kept if it is a tool."""
    return replace(
        full,
        body=message(full.body, hashed),
        author=_author(full.author, hashed),
        committer=_committer(full.committer),
    )


def message(text: str, hashed: Hash) -> str:
    """A commit's message without its headline: its co-authors and trailers."""
    if ":" not in text:
        return ""
    lines = text[: marks.LONGEST_TEXT].splitlines()
    named = [f"Co-authored-by: <{address(each, hashed)}>" for each in marks.co_authors(lines)]
    trailers = list(dict.fromkeys(_trailers(lines, hashed)))[:MOST_TRAILERS]
    return "\n".join([*named, *trailers])


def address(text: str, hashed: Hash) -> str:
    """A tool's address and GitHub's own for an account unchanged, any other as a hash."""
    lower = text.strip().lower()
    if not lower or lower.endswith(HASHED) or _is_tools(lower):
        return lower
    if noreply_account(lower):
        return text.strip()
    return _as_hash(lower, hashed)


def trailer(line: str, hashed: Hash) -> str:
    """What is stored of a trailer that no tool of the table leaves."""
    return f"trailer: {hashed(marks.one_space(line))}"


def _as_hash(lower: str, hashed: Hash) -> str:
    return f"{hashed(lower)}{'[bot]' if '[bot]' in lower else ''}{HASHED}"


def _is_tools(lower: str) -> bool:
    known = (*ai_marks.ADDRESSES, *ai_marks.WEAK_ADDRESSES)
    return bool(tool_of_text(lower, known) or tool_of_address(lower, _TABLE))


def _trailers(lines: list[str], hashed: Hash) -> Iterator[str]:
    table = {mark.text for mark in ai_marks.TRAILERS}
    for line in marks.last_paragraph(lines):
        if marks.one_space(line) in table or _HASHED_TRAILER.fullmatch(line):
            yield line
        # A sign-off names a person.
        elif _TRAILER.fullmatch(line) and "@" not in line:
            yield trailer(line, hashed)


def _author(full: Signature, hashed: Hash) -> Signature:
    return Signature(_name(full.name), _own_address(full, hashed), full.account)


def _own_address(full: Signature, hashed: Hash) -> str:
    """For a person with a known account, the noreply address adds nothing."""
    lower = full.address.strip().lower()
    if not noreply_account(lower) or _is_tools(lower) or "[bot]" in lower:
        return address(full.address, hashed)
    return "" if full.account.id is not None else _as_hash(lower, hashed)


def _committer(full: Signature) -> Signature:
    if tool_of_signature(full, _TABLE) is None:
        return UNSIGNED
    lower = full.address.strip().lower()
    account = full.account if agent_of(full.account) else UNSIGNED.account
    return Signature(_name(full.name), lower if _is_tools(lower) else "", account)


def _name(name: str) -> str:
    """Whether there is a name, and its ending if that is a mark."""
    endings = (mark.text for mark in ai_marks.NAME_ENDINGS if name.endswith(mark.text))
    return next(endings, "[bot]" if name.lower().endswith("[bot]") else _TOLD if name else "")
