from django.apps import AppConfig
from django.db.backends.signals import connection_created


class MetricsConfig(AppConfig):
    name = "apps.metrics"

    def ready(self) -> None:
        from apps.metrics.digest_mail import follow_zone
        from apps.metrics.expressions import register
        from apps.teams.changes import team_settings_changed

        connection_created.connect(register, dispatch_uid="metrics.expressions")
        team_settings_changed.connect(follow_zone, dispatch_uid="metrics.digest")
