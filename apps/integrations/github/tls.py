"""By whom GitHub's certificate must be signed: public authorities, or one of the company's own."""

from __future__ import annotations

import ssl
from functools import lru_cache


def context(ca_file: str) -> ssl.SSLContext | bool:
    """What httpx verifies with: only the authorities in `ca_file` (PEM), else the public ones."""
    return _context(ca_file) if ca_file else True


@lru_cache(maxsize=4)
def _context(ca_file: str) -> ssl.SSLContext:
    # Reading authorities takes some milliseconds; conversations are many.
    return ssl.create_default_context(cafile=ca_file)
