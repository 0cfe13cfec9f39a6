"""Redis as Celery's broker, whose outage ends no worker.

When Redis goes away, kombu still wants to give back or acknowledge what a worker had taken, by a
connection that is closed already. It fails there in a way that nobody expects, which ends the whole
worker. Here it is an error of the connection, which is told in the log.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis
from redis.exceptions import ConnectionError as ClosedError


class Channel(redis.Channel):
    """Raises redis' `ConnectionError` where its connection is closed."""

    def _connparams(self, *arguments: Any, **named: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise ClosedError("The connection to Redis is closed.")
        return super()._connparams(*arguments, **named)  # type: ignore[misc]


class Transport(redis.Transport):
    """As kombu's."""

    Channel = Channel
