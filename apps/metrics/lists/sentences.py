"""What a list of pull requests says of itself."""

from __future__ import annotations

from apps.metrics.lists.columns import COLUMNS
from apps.metrics.lists.explorer import Choice

FLAGS = {
    "old": "with an old commit",
    "revert": "reverts",
    "hotfix": "hotfixes",
    "ai-reviewed": "reviewed by an AI",
    "ai-first": "reviewed by an AI first",
    "ai-alone": "reviewed by an AI and by no person",
}


def described(chosen: Choice) -> str:
    """What follows the count: which of them, and in which order."""
    which = " open now, whatever the range" if chosen.state == "open" else ""
    if chosen.text:
        which += f" with “{chosen.text}”"
    parts = [which]
    if chosen.reviewed is not None:
        parts.append("reviewed" if chosen.reviewed else "not reviewed")
    parts += [FLAGS[flag] for flag in chosen.flags]
    if waiting := chosen.params.get("waiting"):
        parts.append(f"waiting: {waiting}")
    parts.append(f"sorted by {COLUMNS[chosen.column].label.lower()}")
    return ", ".join(parts)
