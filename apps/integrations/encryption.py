"""Model fields that are encrypted at rest."""

from __future__ import annotations

from typing import Any

from django.db import models

from apps.encryption import decrypt, encrypt


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that is stored encrypted; an empty text stays empty."""

    def get_prep_value(self, value: Any) -> str:
        text = super().get_prep_value(value)
        return encrypt(text) if text else ""

    def from_db_value(self, value: str | None, *_: object) -> str:
        return decrypt(value) if value else ""


def secret_fields(model: type[models.Model]) -> list[str]:
    """Names of a model's encrypted fields."""
    fields: list[Any] = list(model._meta.get_fields())
    return [field.name for field in fields if isinstance(field, EncryptedTextField)]
