"""Pull requests of which GitHub cannot tell something that may not be null, told for the rest.

GraphQL drops what is around such a field: a commit, or the whole pull request. Asked for field by
field, only the field itself is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import msgspec
from msgspec import Raw

from apps.integrations.github import records
from apps.integrations.github.client import GitHub
from apps.integrations.github.documents import pull_requests_in_parts
from apps.integrations.github.errors import UnavailableError
from apps.integrations.github.lists import complete, in_parts
from apps.integrations.github.reading import decode
from apps.integrations.github.replies import Problem, error_from_problem
from apps.integrations.github.telling import told

# A commit's eight fields, each a list of a hundred: some thousand nodes a pull request.
AT_ONCE = 5


def in_pieces(github: GitHub, ids: Sequence[str]) -> list[records.PullRequest]:
    """Pull requests by node id, as far as GitHub tells them; a point for each five."""
    found: list[records.PullRequest] = []
    for some in in_parts(ids, AT_ONCE):
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
            found.append(told(msgspec.json.encode(merged), problems))
        except UnavailableError:
            pass  # It is not even identified.
    return found


def _problems_of(problems: Sequence[Problem], place: int) -> list[Problem]:
    """Those of one pull request. Raises the error of what spoils all."""
    for problem in problems:
        if not problem.is_bearable and len(problem.path or ()) < 2:
            raise error_from_problem(problem)
    return [each for each in problems if (each.path or [""])[1:2] == [place]]


def _merged(one: Any, other: Any) -> Any:
    """What either of two tells; lists go by place."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: _merged(one.get(key), other.get(key)) for key in (*one, *other)}
    if isinstance(one, list) and isinstance(other, list):
        return [_merged(*pair) for pair in zip_longest(one, other)]
    return other if one is None else one
