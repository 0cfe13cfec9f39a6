"""Node ids in GitHub's form: a prefix and a packed list of numbers. Opaque to everyone else."""

from __future__ import annotations

import base64
import struct

_WIDE = 2**32


def _packed(value: int | str) -> bytes:
    if isinstance(value, str):
        raw = value.encode()
        return b"\xd9" + bytes([len(raw)]) + raw
    if value >= _WIDE:
        return b"\xcf" + struct.pack(">Q", value)
    return b"\xce" + struct.pack(">I", value)


def node_id(prefix: str, *parts: int | str) -> str:
    """The node id of `parts`, for example `node_id("PR", repository_id, pull_request_id)`."""
    head = bytes([0x91 + len(parts), 0x00])
    body = b"".join(_packed(part) for part in parts)
    return f"{prefix}_{base64.urlsafe_b64encode(head + body).decode().rstrip('=')}"
