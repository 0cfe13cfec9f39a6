"""By whom GitHub's certificate must be signed: public authorities, or one of the company's own."""

from __future__ import annotations

import ssl
from functools import lru_cache

import httpx


def context(ca_file: str) -> ssl.SSLContext:
    """What httpx verifies with: only the authorities in `ca_file` (PEM), else the public ones."""
    return _context(ca_file)


@lru_cache(maxsize=4)
def _context(ca_file: str) -> ssl.SSLContext:
    # Reading authorities takes 30 ms; conversations are many.
    return ssl.create_default_context(cafile=ca_file) if ca_file else httpx.create_ssl_context()
