from __future__ import annotations

from typing import Any

from django.contrib import admin

from apps.audit.inspection import InspectionAdmin
from apps.teams.models import Invitation, Membership, Team


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    raw_id_fields = ["user"]
    exclude = ["invitation", "last_filter"]
    readonly_fields = ["created_at", "last_opened_at"]
    extra = 0


@admin.register(Team)
class TeamAdmin(InspectionAdmin):
    """Memberships can be changed here, for example to restore an admin to a team without one."""

    list_display = ["name", "slug", "timezone", "history_days", "created_at"]
    search_fields = ["name", "slug"]
    readonly_fields = [field.name for field in Team._meta.fields]
    inlines = [MembershipInline]

    has_change_permission = admin.ModelAdmin.has_change_permission

    def save_model(self, *_: Any) -> None:
        """Does not save the team's row, which workers update concurrently."""


@admin.register(Invitation)
class InvitationAdmin(InspectionAdmin):
    secrets = ("key_hash",)
    list_display = ["__str__", "role", "invited_by", "expires_at", "accepted_at", "revoked_at"]
    list_select_related = ["team", "invited_by"]
    search_fields = ["email", "team__slug"]
