"""Which authorities may sign GitHub's certificate: public ones, or one of the company's own."""

from __future__ import annotations

import ssl
from functools import lru_cache

import httpx


def context(ca_file: str) -> ssl.SSLContext:
    """The SSL context for httpx: only the authorities in `ca_file` (PEM), else the public ones."""
    return _context(ca_file)


@lru_cache(maxsize=4)
def _context(ca_file: str) -> ssl.SSLContext:
    # Loading authorities takes 30 ms; there are many clients.
    if not ca_file:
        return httpx.create_ssl_context()
    made = ssl.create_default_context(cafile=ca_file)
    # From Python 3.13 on, many companies' certificates would be refused for formal reasons, and an
    # intermediate authority could be trusted by itself: this makes every Python version behave
    # alike.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return made
