"""The cost of fetching repositories' pull requests, shown before they are chosen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from apps.integrations.github import limits, records
from apps.integrations.github.client import GitHub
from apps.integrations.github.lists import in_fewer
from apps.integrations.github.reading import decode
from apps.integrations.github.replies import problems_by_item
from apps.integrations.models import AvailableRepository, GitHubIntegration, RateBudget
from apps.integrations.sync.schedule import REQUESTS_AT_ONCE
from apps.integrations.work import budget

AT_ONCE = 100
# GitHub takes about two seconds for a page of this size, and we about one.
SECONDS_A_PAGE = 3.0
POINTS_AN_HOUR = 5000


@dataclass(frozen=True)
class Estimate:
    """The cost of a first sync of all history; `unknown` repositories are not counted yet."""

    repositories: int
    unknown: int
    pull_requests: int
    points: int
    seconds: float

    @property
    def minutes(self) -> int:
        """Minutes, rounded up."""
        return ceil(self.seconds / 60)

    def as_json(self) -> dict[str, int]:
        """For programs."""
        return {
            "pull_requests": self.pull_requests,
            "points": self.points,
            "minutes": self.minutes,
            "unknown": self.unknown,
        }


def estimate_cost(
    rows: Iterable[AvailableRepository], points_an_hour: int = POINTS_AN_HOUR
) -> Estimate:
    """The estimate for listed repositories with this budget of points an hour."""
    chosen = list(rows)
    counts = [row.pull_request_count for row in chosen if row.pull_request_count is not None]
    pages = [max(1, ceil(count / limits.LARGEST_PAGE)) for count in counts]
    points = sum(pages)
    # Pages of one repository are fetched in sequence, those of several in parallel.
    working = max(max(pages, default=0), points / REQUESTS_AT_ONCE) * SECONDS_A_PAGE
    usable = max(1, points_an_hour * (1 - budget.RESERVE))
    waiting = 3600 * (ceil(points / usable) - 1) if points else 0
    return Estimate(
        repositories=len(chosen),
        unknown=len(chosen) - len(counts),
        pull_requests=sum(counts),
        points=points,
        seconds=max(working, waiting),
    )


def points_an_hour(integration: GitHubIntegration) -> int:
    """GitHub's limit for the account; the usual one if unknown."""
    known = RateBudget.objects.filter(
        account=budget.account_of(integration.credential), resource="graphql"
    ).first()
    return (known and known.limit) or POINTS_AN_HOUR


def count_pull_requests(github: GitHub, integration: GitHubIntegration, after: int = 0) -> int:
    """Fetches the number of pull requests of a hundred listed repositories, for a point.

    Those are the ones whose keys follow `after`; returns the last one's, zero if there are none.
    Raises GitHubError.
    """
    rows = AvailableRepository.objects.filter(integration=integration, pk__gt=after)
    some = list(rows.order_by("pk")[:AT_ONCE])
    if not some:
        return 0
    nodes = in_fewer([row.node_id for row in some], lambda ids: _counted(github, ids))
    for row, node in zip(some, nodes, strict=True):
        # A count that is missing this time keeps its former value.
        if node and node.pull_requests.total_count is not None:
            row.pull_request_count = node.pull_requests.total_count
    AvailableRepository.objects.bulk_update(some, ["pull_request_count"])
    return some[-1].pk


def _counted(github: GitHub, ids: Sequence[str]) -> list[records.Counted | None]:
    reply = github.graphql("pull_request_counts", {"ids": list(ids)})
    problems_by_item(reply.problems, "nodes")
    found: list[records.Counted | None]
    found = decode(reply.data, records.NodesReply[records.Counted]).nodes
    return found
