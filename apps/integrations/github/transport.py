"""The HTTP client of every request that the program sends to GitHub.

It uses the proxy of the environment and the certificates trusted for GitHub. It follows no redirect
unless asked to, since a body may hold a secret; and never one to another host.
"""

from __future__ import annotations

import os
import time
from typing import Any

import httpx

from apps.integrations.github import tls
from apps.integrations.github.errors import RefusedError, UnavailableError
from apps.integrations.github.proxies import proxy_for
from apps.measures import GITHUB

GITHUB_NAME = "GitHub"
TIMEOUT = httpx.Timeout(30.0, connect=10.0)


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
                verify=tls.context(ca_file),
                proxy=proxy_for(url, os.environ),
                trust_env=False,  # `proxy_for` reads the environment
                event_hooks={"request": [self._refuse_strangers]},
                headers={"User-Agent": "tformance"},
            )
        except (OSError, ValueError) as error:
            raise UnavailableError(f"{name} cannot be asked ({error}).") from None

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        begun, status = time.perf_counter(), "unreachable"
        try:
            reply = super().send(request, **options)
        except RefusedError:
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
