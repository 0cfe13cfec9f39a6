from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "apps.integrations"

    def ready(self) -> None:
        from apps.integrations.storing.recalculation import settings_changed
        from apps.integrations.sync.freshness import freshness, untracked
        from apps.metrics.figures.freshness import register
        from apps.teams.changes import team_settings_changed

        register(freshness, untracked)
        team_settings_changed.connect(settings_changed, dispatch_uid="recalculation")
