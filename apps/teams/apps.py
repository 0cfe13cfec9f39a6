from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "apps.teams"

    def ready(self) -> None:
        # They listen from the beginning.
        from apps.teams import changes, invitations, leaving  # noqa: F401
