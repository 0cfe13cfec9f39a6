"""A team's saved lists, for pages and programs."""

from __future__ import annotations

from typing import Any

from apps.metrics.models import SavedView


def as_data(view: SavedView) -> dict[str, Any]:
    """A saved list as JSON."""
    maker = view.made_by
    return {
        "id": view.pk,
        "name": view.name,
        "query": view.query,
        "made_by": maker.email if maker else None,
    }
