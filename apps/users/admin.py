from __future__ import annotations

from typing import Any, ClassVar

from allauth.account.admin import EmailConfirmation
from allauth.mfa.admin import Authenticator
from allauth.socialaccount import admin as socialaccount_admin
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from apps.users.models import QueuedMail, User

# These pages show secrets. The OAuth app is a setting, and sign-in tokens are not stored.
for model in (
    socialaccount_admin.SocialApp,
    socialaccount_admin.SocialToken,
    EmailConfirmation,
    Authenticator,
):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    ordering = ["email"]
    list_display = ["email", "first_name", "is_active", "is_staff", "last_login", "date_joined"]
    search_fields = ["email", "first_name", "last_name"]
    readonly_fields = ["last_login", "date_joined"]
    fieldsets: ClassVar[Any] = [
        (None, {"fields": ["email", "password", "first_name", "last_name"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
        ("When", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets: Any = [
        (None, {"fields": ["email", "usable_password", "password1", "password2"]})
    ]


@admin.register(Authenticator)
class SecondFactorAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Staff can remove a second factor that a user has lost, and cannot see its content."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    fields: ClassVar[Any] = ["user", "type", "created_at", "last_used_at"]
    readonly_fields: ClassVar[Any] = fields
    search_fields = ["user__email"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(QueuedMail)
class QueuedMailAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Unsent mail without its content; staff can delete it."""

    list_display = ["recipient", "created_at", "due_at", "failures", "error", "given_up_at"]
    fields: ClassVar[Any] = list_display
    readonly_fields: ClassVar[Any] = list_display

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
