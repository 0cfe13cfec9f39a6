"""A web process: gunicorn starts, watches and reloads it, waitress handles its clients.

Waitress reads a request completely before a thread handles it, and buffers a response until its
client has read it, so no client occupies a thread, however slowly it sends or reads.
"""

from __future__ import annotations

import os
import resource
import time
from typing import Any

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import WSGITask

from tformance import gunicorn

MOST_CONNECTIONS, FEWEST_CONNECTIONS = 1_000, 8
OWN_FILES = 100  # a process without clients, with a database for each of its threads
LONGEST_HEADERS = 64 * 2**10  # bytes, all of them together
LONGEST_BODY = 26 * 2**20  # bytes: webhook deliveries have up to 25 MB
HELD_IN_MEMORY = 128 * 2**10  # bytes of a body or a response; more goes to disk
LONGEST_HELD = 2**28  # bytes of a response that its client has not read yet
SILENCE = 60  # seconds after which an idle connection is closed
LINGER = 2.0  # seconds: a client may be sending a request on a connection that was kept open
HANDOVER = 60.0  # seconds that a reloaded process keeps serving, at most, until another one does


class LastTask(WSGITask):  # type: ignore[misc]
    """A response after which the connection is closed."""

    def build_response_header(self) -> bytes:
        self.set_close_on_finish()
        return bytes(super().build_response_header())


class WebWorker(Worker):  # type: ignore[misc]
    """Serves until it is asked to stop, then responds to what it had received."""

    def run(self) -> None:
        """Called by gunicorn in the new process."""
        allowed = _allow_files(4 * MOST_CONNECTIONS)
        self.map: dict[int, Any] = {}
        server = create_server(
            self.wsgi,
            map=self.map,
            sockets=[each.sock for each in self.sockets],
            threads=self.cfg.threads,
            connection_limit=_most_connections(allowed),
            max_request_header_size=LONGEST_HEADERS,
            max_request_body_size=LONGEST_BODY,
            inbuf_overflow=HELD_IN_MEMORY,
            outbuf_overflow=HELD_IN_MEMORY,
            outbuf_high_watermark=LONGEST_HELD,
            channel_timeout=SILENCE,
            cleanup_interval=5,
            clear_untrusted_proxy_headers=False,  # `client_address` decides which proxies to trust
            asyncore_use_poll=True,
            ident=None,
        )
        while self.alive and self.ppid == os.getppid():
            self._turn()
        deadline = time.monotonic() + HANDOVER
        while gunicorn.is_without_successor(self.age) and time.monotonic() < deadline:
            self._turn()
        self._finish()
        server.task_dispatcher.shutdown(timeout=0.5)  # idle threads end within it

    def _turn(self) -> None:
        self.notify()
        wasyncore.loop(timeout=0.5, use_poll=True, map=self.map, count=1)

    def _finish(self) -> None:
        """Accepts no new connections, and closes each open one after its response."""
        for each in self.map.values():
            each.accepting = False
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while (channels := self._channels()) and time.monotonic() < deadline:
            for channel in channels:
                channel.task_class = LastTask
                if _is_idle(channel):
                    channel.will_close = True
            self._turn()

    def _channels(self) -> list[HTTPChannel]:
        return [each for each in self.map.values() if isinstance(each, HTTPChannel)]


def _allow_files(wanted: int) -> int:
    """Raises the limit of open files as far as needed and possible; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= enough:
        return enough
    resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
    return enough


def _most_connections(files: int) -> int:
    """As many as leave files for bodies on disk and for the database; others wait to be accepted.

    Without this limit a connection that cannot be accepted is tried again and again.
    """
    return min(MOST_CONNECTIONS, max(FEWEST_CONNECTIONS, (files - OWN_FILES) // 2))


def _is_idle(channel: HTTPChannel) -> bool:
    is_at_work = channel.requests or channel.total_outbufs_len
    return not is_at_work and channel.last_activity < time.time() - LINGER
