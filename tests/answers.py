"""What an answer says, whatever it is packed in."""

from __future__ import annotations

import io
import zipfile
from typing import Any


def text_of(reply: Any) -> str:
    """Its body as text; of an archive, what all its files say."""
    body = b"".join(reply)
    if not zipfile.is_zipfile(io.BytesIO(body)):
        return body.decode(errors="replace")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist())
