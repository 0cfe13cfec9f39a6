from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "apps.integrations"

    def ready(self) -> None:
        from apps.integrations.freshness import freshness
        from apps.metrics.freshness import register

        register(freshness)
