from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class MetricsConfig(AppConfig):
    name = "apps.metrics"

    def ready(self) -> None:
        from apps.metrics.figures import arrays
        from apps.metrics.filters import titles
        from apps.metrics.pages.digest_mail import follow_zone
        from apps.teams.changes import team_settings_changed

        connection_created.connect(arrays.spare_compiling, dispatch_uid="metrics.arrays")
        connection_created.connect(titles.register, dispatch_uid="metrics.titles")
        post_migrate.connect(titles.make_index, sender=self, dispatch_uid="metrics.titles")
        team_settings_changed.connect(follow_zone, dispatch_uid="metrics.digest")
