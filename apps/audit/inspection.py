"""Django admin that shows rows for debugging: nothing can be changed, secrets never leave."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import BooleanField, Case, Model, QuerySet, URLField, Value, When
from django.http import HttpRequest


class InspectionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Reads only. Of the fields in `secrets` it tells whether they are set, and nothing more."""

    secrets: ClassVar[tuple[str, ...]] = ()
    show_full_result_count = False
    list_per_page = 50
    formfield_overrides: ClassVar[dict[Any, Any]] = {URLField: {"assume_scheme": "https"}}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows are made by the program."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are changed by the program."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What a row stands for on GitHub would stay behind."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leaves secrets in the database, where they are encrypted."""
        empty = {f"has_{name}": _is_set(name) for name in self.secrets}
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**empty)
        return rows.defer(*self.secrets)

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Secrets are no fields of the form."""
        return [*(super().get_exclude(request, obj) or ()), *self.secrets]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """In their place stands whether they are set."""
        shown = [_shows(name) for name in self.secrets]
        return [*super().get_readonly_fields(request, obj), *shown]


def _is_set(name: str) -> Case:
    return Case(When(**{name: ""}, then=Value(False)), default=True, output_field=BooleanField())


def _shows(name: str) -> Any:
    @admin.display(description=name.replace("_", " "))
    def shown(row: Model) -> str:
        return "set, not shown" if getattr(row, f"has_{name}") else "not set"

    return shown
