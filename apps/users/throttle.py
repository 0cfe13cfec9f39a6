"""A database cache that counts attempts; no other entry can evict them.

allauth keeps its limits in Django's default cache, and so do we. Here all web processes share them,
they survive a restart, and they do not need Redis: without it users can still sign in, and guessing
is still stopped. Pages are cached elsewhere (`caches["pages"]`).
"""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.users.models import Attempts


class DatabaseThrottle(BaseCache):
    """Entries are JSON, never pickled; keys are hashed, since they hold IP addresses."""

    def __init__(self, _: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        row = Attempts.objects.filter(pk=self._name(key, version), until__gt=timezone.now()).first()
        return default if row is None else row.value

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        Attempts.objects.bulk_create(
            [self._row(key, value, timeout, version)],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["value", "until"],
        )

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        row = self._row(key, value, timeout, version)
        Attempts.objects.filter(pk=row.pk, until__lte=timezone.now()).delete()
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            return False
        return True

    def delete(self, key: str, version: int | None = None) -> bool:
        return bool(Attempts.objects.filter(pk=self._name(key, version)).delete()[0])

    def clear(self) -> None:
        Attempts.objects.all().delete()

    def _row(self, key: str, value: Any, timeout: Any, version: int | None) -> Attempts:
        ends: float = self.get_backend_timeout(timeout) or time.time() + (self.default_timeout or 0)
        left = timedelta(seconds=ends - time.time())
        return Attempts(name=self._name(key, version), value=value, until=timezone.now() + left)

    def _name(self, key: str, version: int | None) -> str:
        return hashlib.sha256(self.make_key(key, version).encode()).hexdigest()


def forget_expired() -> None:
    """Deletes expired entries."""
    Attempts.objects.filter(until__lte=timezone.now()).delete()
