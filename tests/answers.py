"""The text of a response, whatever its format."""

from __future__ import annotations

import io
import zipfile
from typing import Any


def text_of(reply: Any) -> str:
    """Its body as text; for an archive, the text of all its files."""
    body = b"".join(reply)
    if not zipfile.is_zipfile(io.BytesIO(body)):
        return body.decode(errors="replace")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist())
