"""The HTTP client of every request that the program sends to GitHub.

It uses the proxy of the environment and the certificates trusted for GitHub. It follows no redirect
unless asked to, since a body may hold a secret; and never one to another host.
"""

from __future__ import annotations

import os
import time
import zlib
from typing import Any

import httpx

from apps.integrations.github import tls
from apps.integrations.github.errors import GitHubError, RefusedError, UnavailableError
from apps.integrations.github.proxies import proxy_for
from apps.measures import GITHUB

GITHUB_NAME = "GitHub"
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
LONGEST = 64 * 2**20  # bytes of a reply, uncompressed
_READ_HERE = ("content-encoding", "content-length", "transfer-encoding")


class _Bounded(httpx.HTTPTransport):
    """Reads replies, those of redirects too, up to a length: httpx reads any to its end."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        reply = super().handle_request(request)
        body = bytearray()
        try:
            for part in reply.iter_raw():
                body += part
                _refuse_if_long(body, request)
        finally:
            reply.close()
        if reply.headers.get("Content-Encoding", "").strip().lower() in ("gzip", "x-gzip"):
            body = bytearray(zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, LONGEST + 1))
            _refuse_if_long(body, request)
        headers = [each for each in reply.headers.raw if each[0].lower().decode() not in _READ_HERE]
        return httpx.Response(
            reply.status_code, headers=headers, content=bytes(body), extensions=reply.extensions
        )


def _refuse_if_long(body: bytearray, request: httpx.Request) -> None:
    if len(body) > LONGEST:
        message = f"The reply of {request.url.host} is longer than {LONGEST // 2**20} MB."
        raise UnavailableError(message, is_heavy=True)


class Transport(httpx.Client):
    """A client for one host. Any failure on the way is an UnavailableError."""

    def __init__(
        self, url: str, ca_file: str = "", name: str = GITHUB_NAME, **options: Any
    ) -> None:
        self._home = httpx.URL(url)
        self._name = name
        try:
            super().__init__(
                **{"timeout": TIMEOUT, **options},
                transport=_Bounded(
                    verify=tls.context(ca_file),
                    proxy=proxy_for(url, os.environ),
                    trust_env=False,  # `proxy_for` reads the environment
                ),
                trust_env=False,
                event_hooks={"request": [self._refuse_strangers]},
                headers={"User-Agent": "tformance", "Accept-Encoding": "gzip"},
            )
        except (OSError, ValueError) as error:
            raise UnavailableError(f"{name} cannot be asked ({error}).") from None

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        begun, status = time.perf_counter(), "unreachable"
        try:
            reply = super().send(request, **options)
        except GitHubError:
            raise
        except httpx.TimeoutException as error:
            is_heavy = isinstance(error, httpx.ReadTimeout)
            message = f"{self._name} did not answer in time."
            raise UnavailableError(message, is_heavy=is_heavy) from None
        except Exception as error:  # also of libraries below httpx
            reason = str(error) or type(error).__name__
            raise UnavailableError(f"{self._name} cannot be reached ({reason}).") from None
        else:
            status = str(reply.status_code)
            return reply
        finally:
            if self._name == GITHUB_NAME:
                GITHUB.labels(status).observe(time.perf_counter() - begun)

    def _refuse_strangers(self, request: httpx.Request) -> None:
        # No request, with or without a token, may follow a link or a redirect to another host.
        ours, theirs = self._home, request.url
        if (theirs.scheme, theirs.host, theirs.port) != (ours.scheme, ours.host, ours.port):
            raise RefusedError("GitHub's reply points to another host.")
