"""Encrypts stored secrets again, so that an old key can be removed from TOKEN_ENCRYPTION_KEYS."""

from __future__ import annotations

from django.apps import apps
from django.db import transaction

from apps import reading
from apps.integrations.encryption import secret_fields
from apps.users import outbox, second_factors, sessions


def rotate() -> int:
    """Encrypts every secret of every row with the first key; returns the number of rows.

    Each row is locked while it is read and written, so that a token replaced meanwhile stays the
    newer one.
    """
    count = second_factors.encrypt_anew()
    sessions.encrypt_anew()
    outbox.encrypt_anew()
    for model in apps.get_app_config("integrations").get_models():
        names = secret_fields(model)
        if names:
            filled = model._default_manager.exclude(**dict.fromkeys(names, ""))
            for pk in filled.order_by("pk").values_list("pk", flat=True):
                with transaction.atomic():
                    row = model._default_manager.select_for_update().filter(pk=pk).first()
                    if row is not None:
                        row.save(update_fields=names)
                        count += 1
    return count


def read_each() -> None:
    """Reads every secret once. Raises `EncryptionKeyError` if a key is missing."""
    for model in apps.get_app_config("integrations").get_models():
        if names := secret_fields(model):
            for _ in reading.by_key(model._default_manager.all(), *names, part=500):
                pass
