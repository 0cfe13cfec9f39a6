"""Django admin pages that show rows for debugging: read-only, and without secrets."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import BooleanField, Case, Model, QuerySet, URLField, Value, When
from django.http import HttpRequest


class InspectionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Read-only. For the fields in `secrets` it shows only whether they are set."""

    secrets: ClassVar[tuple[str, ...]] = ()
    show_full_result_count = False
    list_per_page = 50
    formfield_overrides: ClassVar[dict[Any, Any]] = {URLField: {"assume_scheme": "https"}}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only the program adds rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only the program changes rows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting a row would leave behind what it stands for on GitHub."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Does not load secrets; they stay encrypted in the database."""
        empty = {f"has_{name}": _is_set(name) for name in self.secrets}
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**empty)
        return rows.defer(*self.secrets)

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Secrets are not fields of the form."""
        return [*(super().get_exclude(request, obj) or ()), *self.secrets]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Shows for each secret whether it is set."""
        shown = [_shows(name) for name in self.secrets]
        return [*super().get_readonly_fields(request, obj), *shown]


def _is_set(name: str) -> Case:
    return Case(When(**{name: ""}, then=Value(False)), default=True, output_field=BooleanField())


def _shows(name: str) -> Any:
    @admin.display(description=name.replace("_", " "))
    def shown(row: Model) -> str:
        return "set, not shown" if getattr(row, f"has_{name}") else "not set"

    return shown
