"""What a reply of the test client says, whichever way it is sent."""

from __future__ import annotations

import io
import zipfile
from typing import Any


def text_of(reply: Any) -> str:
    """Its text; of an archive, that of all its files."""
    if reply.headers.get("content-type") != "application/zip":
        return str(reply.getvalue().decode())
    with zipfile.ZipFile(io.BytesIO(reply.getvalue())) as archive:
        return "".join(archive.read(name).decode() for name in archive.namelist())
