from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "apps.teams"

    def ready(self) -> None:
        # Importing them connects their signal handlers.
        from apps.teams import changes, invitations, leaving  # noqa: F401
