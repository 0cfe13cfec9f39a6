"""Celery's broker on one machine: a folder of messages that cannot crash a worker.

`kombu.transport.filesystem` can read a message before it is written, and crashes the worker on
invalid JSON (celery/kombu#1551). Here a message appears whole or not at all, and an unreadable one
is skipped: since messages only say "look", the next one makes up for it.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import virtual
from kombu.utils.json import dumps, loads

log = logging.getLogger(__name__)


class Channel(virtual.Channel):
    """Sends and receives messages: files in the folder of their queue, oldest first.

    Raises `ChannelError` if a message cannot be written, such as on a full disk.
    """

    def _put(self, queue: str, message: Any, **_: Any) -> None:
        path = self._folder(queue) / f"{time.time_ns():020}-{uuid.uuid4()}"
        aside = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(dumps(message))
            aside.rename(path)
        except OSError as error:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise ChannelError(f"No message can be written to {path.parent}: {error}") from error

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        for path in self._messages(queue):
            try:
                message = path.read_bytes()
                path.unlink()
            except FileNotFoundError:
                continue  # another worker was first
            except OSError as error:
                log.warning("A message is left out: %s", error)
                continue
            with suppress(ValueError):
                found = loads(message)
                if isinstance(found, dict) and "properties" in found:
                    return found
            log.warning("A message is left out, since it is none: %s", path)
        raise Empty

    def _size(self, queue: str) -> int:
        return len(self._messages(queue))

    def _purge(self, queue: str) -> int:
        messages = self._messages(queue)
        for path in messages:
            path.unlink(missing_ok=True)
        return len(messages)

    def _messages(self, queue: str) -> list[Path]:
        folder = self._folder(queue)
        try:
            names = os.listdir(folder)
        except FileNotFoundError:
            return []
        return [folder / name for name in sorted(names) if not name.endswith(".part")]

    def _folder(self, queue: str) -> Path:
        connection: Any = self.connection.client
        return Path(connection.transport_options["folder"], queue)


class Transport(virtual.Transport):
    """Takes the options `folder`, and `polling_interval` in seconds.

    Celery runs it in its event loop, as it does Redis, and then gives each of its processes a queue
    of its own. Otherwise the processes share one queue with a lock, which a process killed with -9
    while waiting would keep for good.
    """

    Channel = Channel
    implements = virtual.Transport.implements.extend(asynchronous=True)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Poll for messages; Celery ends that with the connection."""
        loop.call_repeatedly(self.polling_interval, self._take)

    def _take(self) -> None:
        with suppress(Empty):
            while self.cycle:
                self.cycle.get(self._deliver)
