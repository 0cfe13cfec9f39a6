from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class UsersConfig(AppConfig):
    name = "apps.users"
    default = True

    def ready(self) -> None:
        from allauth.account.signals import (
            email_confirmed,
            password_changed,
            password_reset,
            password_set,
        )
        from django.contrib.auth.signals import user_logged_in

        from apps.users import proof, sessions, sign_in_audit

        sign_in_audit.connect()
        user_logged_in.connect(sessions.note_place, dispatch_uid="place")
        for signal in (password_changed, password_set, password_reset):
            signal.connect(sessions.end_others_after, dispatch_uid="others")
        password_reset.connect(proof.after_reset, dispatch_uid="proof")
        email_confirmed.connect(proof.after_confirmation, dispatch_uid="proof")


class OurAdminConfig(admin_apps.AdminConfig):
    default = False
    default_site = "apps.users.admin_site.Site"
