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


def _settings_changed(*_: Any, **told: Any) -> None:
    # Loaded when it is needed: every command waits for what is loaded at its beginning.
    from apps.integrations.storing.recalculation import settings_changed

    settings_changed(**told)
