"""Progress of reading all of a team's pull requests, while its figures are not ready."""

from __future__ import annotations

from apps.metrics.figures.kept import Progress


def sentence(reached: Progress) -> str:
    """How much has been read, and of how much."""
    if reached.pull_requests < reached.total:
        return f"{reached.pull_requests:,} of {reached.total:,} pull requests have been read."
    return f"All {reached.total:,} pull requests and {reached.reviews:,} reviews have been read."
