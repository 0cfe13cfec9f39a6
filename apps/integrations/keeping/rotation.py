"""Encrypts stored secrets anew, so that an old key can be taken out of TOKEN_ENCRYPTION_KEYS."""

from __future__ import annotations

from django.apps import apps
from django.db import transaction

from apps import reading
from apps.integrations.encryption import secret_fields
from apps.users import outbox, second_factors, sessions


def rotate() -> int:
    """Re-encrypts every secret of every row with the first key; how many rows there were.

    Each row is locked while it is read and written, so that a token that is replaced meanwhile
    stays the newer one.
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
    """Reads every secret once; raises `EncryptionKeyError` where a key is missing."""
    for model in apps.get_app_config("integrations").get_models():
        if names := secret_fields(model):
            for _ in reading.by_key(model._default_manager.all(), *names, part=500):
                pass
