"""Fetches pull requests field by field, where GitHub cannot return a non-null field.

GraphQL nulls the parent of such a field: a commit, or the whole pull request. Requested field by
field, only the field itself is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import msgspec
from msgspec import Raw

from apps.chunks import chunks
from apps.integrations.github import records
from apps.integrations.github.client import GitHub
from apps.integrations.github.documents import pull_requests_in_parts
from apps.integrations.github.errors import UnavailableError
from apps.integrations.github.lists import complete
from apps.integrations.github.missing_fields import read_pull_request
from apps.integrations.github.reading import decode
from apps.integrations.github.replies import Problem, error_from_problem

# A commit's eight fields, each a list of a hundred: about a thousand nodes a pull request.
AT_ONCE = 5


def in_pieces(github: GitHub, ids: Sequence[str]) -> list[records.PullRequest]:
    """Pull requests by node id, as far as GitHub returns them; a point for each five."""
    found: list[records.PullRequest] = []
    for some in chunks(ids, AT_ONCE):
        found += _ask(github, some)
    return complete(github, found)


def _ask(github: GitHub, ids: Sequence[str]) -> list[records.PullRequest]:
    text, count = pull_requests_in_parts(github.later_events)
    reply = github.graphql_text(text, {"ids": list(ids)})
    answered = decode(reply.data, dict[str, Raw])
    parts = [decode(answered[f"part{n}"], list[Any]) for n in range(count)]
    found = []
    for place, pieces in enumerate(zip(*parts, strict=True)):
        merged: Any = None
        for piece in pieces:
            merged = _merged(merged, piece)
        try:
            problems = _problems_of(reply.problems, place)
            found.append(read_pull_request(msgspec.json.encode(merged), problems))
        except UnavailableError:
            pass  # Not even its id is known.
    return found


def _problems_of(problems: Sequence[Problem], place: int) -> list[Problem]:
    """The problems of one pull request. Raises an error that affects everything."""
    for problem in problems:
        if not problem.is_bearable and len(problem.path or ()) < 2:
            raise error_from_problem(problem)
    return [each for each in problems if (each.path or [""])[1:2] == [place]]


def _merged(one: Any, other: Any) -> Any:
    """The union of two partial records; lists are merged by position."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: _merged(one.get(key), other.get(key)) for key in (*one, *other)}
    if isinstance(one, list) and isinstance(other, list):
        return [_merged(*pair) for pair in zip_longest(one, other)]
    return other if one is None else one
