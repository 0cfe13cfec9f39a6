from typing import Any

from django.apps import AppConfig
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class MetricsConfig(AppConfig):
    name = "apps.metrics"

    def ready(self) -> None:
        from apps.metrics.filters import titles
        from apps.teams.changes import team_settings_changed

        connection_created.connect(_spare_compiling, dispatch_uid="metrics.compiling")
        connection_created.connect(titles.register, dispatch_uid="metrics.titles")
        post_migrate.connect(titles.make_index, sender=self, dispatch_uid="metrics.titles")
        team_settings_changed.connect(_settings_changed, dispatch_uid="metrics.digest")


def _spare_compiling(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Turns off PostgreSQL's JIT compilation, which takes longer than it saves."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET jit = off")


def _settings_changed(*_: Any, **changes: Any) -> None:
    # Imported on use: everything imported at startup delays every command.
    from apps.metrics.pages.digest_mail import follow_zone

    follow_zone(**changes)
