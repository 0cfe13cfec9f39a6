from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "apps.teams"

    def ready(self) -> None:
        from apps.teams import changes  # noqa: F401  its receivers listen from the beginning
