from django.apps import AppConfig
from django.db.backends.signals import connection_created


class MetricsConfig(AppConfig):
    name = "apps.metrics"

    def ready(self) -> None:
        from apps.metrics.expressions import register

        connection_created.connect(register, dispatch_uid="metrics.expressions")
