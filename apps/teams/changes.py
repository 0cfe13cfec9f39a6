"""Signals for what other apps must know of a team."""

from __future__ import annotations

from django.dispatch import Signal

# Sent after commit with `team` and `changed` (a set of field names): what a figure counts may
# have changed, such as the patterns of hotfixes or the bots.
team_settings_changed = Signal()
