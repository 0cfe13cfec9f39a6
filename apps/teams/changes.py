"""Signals for what other apps must know of a team."""

from __future__ import annotations

from django.dispatch import Signal

# Sent after commit with `team` and `changed` (a set of field names): the history that is wanted
# may have changed, or what a figure counts (then the team has `recalculate_from`).
team_settings_changed = Signal()
