from typing import Any

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "apps.integrations"

    def ready(self) -> None:
        from apps.integrations.sync.freshness import freshness, untracked
        from apps.metrics.figures.source import register
        from apps.teams.changes import team_settings_changed

        register(freshness, untracked)
        team_settings_changed.connect(_settings_changed, dispatch_uid="recalculation")


def _settings_changed(*_: Any, **changes: Any) -> None:
    # Imported on use: everything imported at startup delays every command.
    from apps.integrations.storing.recalculation import settings_changed

    settings_changed(**changes)
