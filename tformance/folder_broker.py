"""A folder of messages as Celery's broker on one machine, where kombu's own may end its worker.

`kombu.transport.filesystem` lets a message be read before it is written, and ends the worker on
what is no JSON (celery/kombu#1551). Here a message appears whole or not at all, and what cannot be
read is left out: since messages only say "look", the next one makes up for it.
"""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import virtual
from kombu.utils.json import dumps, loads


class Channel(virtual.Channel):
    """Sends and takes messages, each a file in the folder that the transport's options name.

    Raises `ChannelError` where a message cannot be written, such as on a full disk.
    """

    def _put(self, queue: str, message: Any, **_: Any) -> None:
        name = f"{time.time_ns():020}_{uuid.uuid4()}.{queue}"
        aside = self._folder / f"{name}.part"
        try:
            aside.write_text(dumps(message))
            aside.rename(self._folder / f"{name}.msg")
        except OSError as error:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise ChannelError(f"No message can be written to {self._folder}: {error}") from error

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        for path in self._messages(queue):
            try:
                message = path.read_bytes()
                path.unlink()
            except FileNotFoundError:
                continue  # another worker was first
            with suppress(ValueError):
                return loads(message)
        raise Empty

    def _size(self, queue: str) -> int:
        return len(self._messages(queue))

    def _purge(self, queue: str) -> int:
        messages = self._messages(queue)
        for path in messages:
            path.unlink(missing_ok=True)
        return len(messages)

    def _messages(self, queue: str) -> list[Path]:
        """Those that wait, the oldest first."""
        return sorted(self._folder.glob(f"*_*.{queue}.msg"))

    @property
    def _folder(self) -> Path:
        connection: Any = self.connection.client
        return Path(connection.transport_options["folder"])


class Transport(virtual.Transport):
    """Takes the options `folder`, which exists, and `polling_interval`, in seconds."""

    Channel = Channel
    driver_type = driver_name = "folder"

    def driver_version(self) -> str:
        return "1"
