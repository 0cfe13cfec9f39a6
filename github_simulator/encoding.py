"""JSON as sent, including what UTF-8 cannot encode.

A character from U+DC80 to U+DCFF is sent as the raw byte that Python decodes to it (U+DCFF as
0xff), another lone surrogate as its escape.
"""

from __future__ import annotations

import json
import re
from typing import Any

_HALVES = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def encoded(body: Any) -> bytes:
    """The bytes of a response or of a hook's payload."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        escaped = _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
        return escaped.encode("utf-8", "surrogateescape")


def decoded(body: bytes) -> Any:
    """What was encoded, without the bytes that are no text."""
    return json.loads(body.decode("utf-8", "replace"))
