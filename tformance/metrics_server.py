"""Serves Prometheus on a machine that runs only workers and no web part.

Only counters of this machine: what the database holds, the web part reports.
"""

from __future__ import annotations

import logging
import os
import socket
import socketserver
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from threading import Lock, Thread
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from tformance import prometheus

PATIENCE = 10  # seconds that a client may stay silent
MOST = 16  # connections at a time, each with a thread
log = logging.getLogger(__name__)


class Server(socketserver.ThreadingTCPServer):
    """An HTTP server with a thread for each connection; of too many the oldest is closed.

    A new one that waited instead would wait for clients that never finish a request.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._open: list[socket.socket] = []
        self._lock = Lock()
        super().__init__((host, port), Answer)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Called for each new connection."""
        with self._lock:
            self._open.append(request)
            if len(self._open) > MOST:
                with suppress(OSError):
                    self._open.pop(0).shutdown(socket.SHUT_RDWR)  # its thread ends then
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Called for each connection that ends."""
        with self._lock, suppress(ValueError):
            self._open.remove(request)
        super().shutdown_request(request)


class Answer(BaseHTTPRequestHandler):
    """`/metrics` only, for clients that send `METRICS_TOKEN`."""

    timeout = PATIENCE

    def do_GET(self) -> None:
        """The counters; 401 without the token, 404 elsewhere."""
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(HTTPStatus.NOT_FOUND)
        elif not prometheus.may_ask(self.headers.get("Authorization", "")):
            self.send_error(HTTPStatus.UNAUTHORIZED, prometheus.WANTED)
        else:
            self._send(generate_latest(_registry()))

    def _send(self, body: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base has it
        """Nothing: Prometheus asks every few seconds."""


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(prometheus.Counted())
    return registry


def begin(host: str, port: int) -> None:
    """Start serving; an address already in use is logged, and nothing else fails."""
    try:
        server = Server(host, port)
    except OSError as error:
        log.warning("METRICS_ADDRESS: metrics of this machine are not served: %s", error)
        return
    # Child processes must not keep the port from a successor.
    os.register_at_fork(after_in_child=server.socket.close)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
