"""The cache of an installation with Redis; without Redis, pages come more slowly, but they come."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
T = TypeVar("T")


class Serializer:
    """JSON: with Django's own, which is pickle, anyone who can write to Redis could run code."""

    def dumps(self, value: Any) -> int | bytes:
        return value if type(value) is int else json.dumps(value).encode()  # Redis counts numbers

    def loads(self, data: bytes) -> Any:
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            return None  # written by another version, or by nobody of ours


class Cache(RedisCache):
    """Knows nothing while Redis is down, instead of failing: `/health/ready` tells the operator."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return _or(default, lambda: super(Cache, self).get(key, default, version))

    def set(self, key: Any, value: Any, *args: Any, **more: Any) -> None:
        _or(None, lambda: super(Cache, self).set(key, value, *args, **more))

    def add(self, key: Any, value: Any, *args: Any, **more: Any) -> bool:
        return _or(False, lambda: super(Cache, self).add(key, value, *args, **more))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return _or(0, lambda: super(Cache, self).incr(key, delta, version))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return _or(False, lambda: super(Cache, self).delete(key, version))


def _or(default: T, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except RedisError as error:
        log.warning("The cache cannot be reached (%s).", error)
        return default
