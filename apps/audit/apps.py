from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class AuditConfig(AppConfig):
    name = "apps.audit"

    def ready(self) -> None:
        from apps.audit import triggers

        pre_migrate.connect(triggers.before_migrations, sender=self, dispatch_uid="audit")
        post_migrate.connect(triggers.after_migrations, sender=self, dispatch_uid="audit")
