"""Tells Prometheus what a machine has counted that runs workers alone, so that nobody serves pages.

What stands in the database is the same from everywhere: the web part tells it.
"""

from __future__ import annotations

import logging
import os
import socket
import socketserver
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from threading import Thread

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from tformance import prometheus

PATIENCE = 10  # seconds that a client has to say what it wants
log = logging.getLogger(__name__)


class Server(socketserver.ThreadingTCPServer):
    """Answers at an address, in threads of its own."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Answer)


class Answer(BaseHTTPRequestHandler):
    """`/metrics` alone, for whoever has `METRICS_TOKEN`."""

    timeout = PATIENCE

    def do_GET(self) -> None:
        """The counts, 401 without the token, 404 elsewhere."""
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
    """Serve from now on; where the address is taken that is said, and nothing else fails."""
    try:
        server = Server(host, port)
    except OSError as error:
        log.warning("METRICS_ADDRESS: nobody is told what is counted here: %s", error)
        return
    # What this process starts later must not keep the port from its successor.
    os.register_at_fork(after_in_child=server.socket.close)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
