from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "apps.teams"

    def ready(self) -> None:
        from apps.teams import changes, leaving  # noqa: F401  they listen from the beginning
