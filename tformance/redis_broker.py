"""Redis as Celery's broker; its outage crashes no worker.

When Redis goes away, kombu still tries to return or acknowledge a worker's messages through a
closed connection. It fails with an unexpected exception, which crashes the worker. Here that is a
connection error, which is logged.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis
from redis.exceptions import ConnectionError as ClosedError


class Channel(redis.Channel):
    """Raises redis' `ConnectionError` if its connection is closed."""

    def _connparams(self, *arguments: Any, **named: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise ClosedError("The connection to Redis is closed.")
        return super()._connparams(*arguments, **named)  # type: ignore[misc]


class Transport(redis.Transport):
    """kombu's, with our channel."""

    Channel = Channel
