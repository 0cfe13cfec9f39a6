"""The Redis cache of an installation; without Redis, pages are slower but still served."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

ASK_AGAIN = 5.0  # seconds: if Redis hangs, not every request waits for it
log = logging.getLogger(__name__)
T = TypeVar("T")


class Serializer:
    """JSON: with Django's default, pickle, anyone who can write to Redis could run code."""

    def dumps(self, value: Any) -> int | bytes:
        return value if type(value) is int else json.dumps(value).encode()  # Redis increments it

    def loads(self, data: bytes) -> Any:
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            return None  # written by another version or another program


class Cache(RedisCache):
    """Acts as an empty cache while Redis is down; `/health/ready` reports the outage."""

    failed_at = -ASK_AGAIN

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._or(default, lambda: super(Cache, self).get(key, default, version))

    def set(self, key: Any, value: Any, *args: Any, **more: Any) -> None:
        self._or(None, lambda: super(Cache, self).set(key, value, *args, **more))

    def add(self, key: Any, value: Any, *args: Any, **more: Any) -> bool:
        return self._or(False, lambda: super(Cache, self).add(key, value, *args, **more))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return self._or(0, lambda: super(Cache, self).incr(key, delta, version))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self._or(False, lambda: super(Cache, self).delete(key, version))

    def _or(self, default: T, ask: Callable[[], T]) -> T:
        if time.monotonic() - self.failed_at < ASK_AGAIN:
            return default
        try:
            return ask()
        except RedisError as error:
            self.failed_at = time.monotonic()
            log.warning("The cache cannot be reached (%s).", error)
            return default
