"""Progress of reading all of a team's pull requests, while its figures are not ready."""

from __future__ import annotations

from apps.metrics.figures.kept import Progress


def sentence(reached: Progress) -> str:
    """How much has been read, and of how much."""
    if reached.pull_requests < reached.whole:
        return f"{reached.pull_requests:,} of {reached.whole:,} pull requests have been read."
    return f"All {reached.whole:,} pull requests and {reached.reviews:,} reviews have been read."
