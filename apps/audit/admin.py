from django.contrib import admin

from apps.audit.inspection import InspectionAdmin
from apps.audit.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(InspectionAdmin):
    list_display = ["at", "action", "object_name", "team", "actor_email", "ip_address"]
    list_select_related = ["team"]
    search_fields = ["action", "object_name", "actor_email"]
    date_hierarchy = "at"
