"""How far reading all of a team's pull requests is, where its figures have to wait for that."""

from __future__ import annotations

from apps.metrics.figures.kept import Progress


def sentence(reached: Progress) -> str:
    """What was read until now, and of how much."""
    if reached.pull_requests < reached.whole:
        return f"{reached.pull_requests:,} of {reached.whole:,} pull requests have been read."
    return f"All {reached.whole:,} pull requests and {reached.reviews:,} reviews have been read."
