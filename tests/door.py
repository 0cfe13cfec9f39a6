"""A proxy to a server on this machine that can be shut, as if the server were down."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Door:
    """Listens on a port of its own and forwards everything while it is open."""

    def __init__(self, host: str, port: int) -> None:
        self._behind = (host, port)
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self.port = 0
        self.open()

    def open(self) -> None:
        """Accepts connections, at the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Refuses connections, and cuts those that are open."""
        if self._listener:
            _end(self._listener)
        for one in self._open:
            _end(one)
        self._open.clear()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                guest, _ = listener.accept()
            except OSError:
                return
            try:
                behind = socket.create_connection(self._behind)
            except OSError:
                guest.close()
                continue
            self._open += [guest, behind]
            for pair in ((guest, behind), (behind, guest)):
                threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for one in (source, target):
        _end(one)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def door(host: str, port: int) -> Iterator[Door]:
    """Open at first, and shut in the end."""
    made = Door(host, port)
    try:
        yield made
    finally:
        made.shut()
