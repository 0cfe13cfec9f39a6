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
    if not ca_file:
        return httpx.create_ssl_context()
    made = ssl.create_default_context(cafile=ca_file)
    # From Python 3.13 on, certificates of many companies would be refused for their form alone, and
    # an authority in between could be trusted by itself: here, each Python does as the others do.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return made
