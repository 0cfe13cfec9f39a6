"""Static files: named after their content and compressed once, served as immutable."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.apps import StaticFilesConfig
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command


class StaticFiles(StaticFilesConfig):
    """Django's static files, without files of packages that no page loads."""

    # ECharts serves only echarts.common.min.js.
    ignore_patterns = [
        *("CVS", ".*", "*~", "*.map", "extension", "package.json"),
        *("echarts.[!c]*", "echarts.common.js"),
    ]


def collect() -> bool:
    """Collect the static files if they changed since the last time; returns whether they had."""
    if settings.IS_PACKAGED:
        return False
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    now = _fingerprint()
    if stamp.exists() and stamp.read_text() == now:
        return False
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(now)
    return True


def _fingerprint() -> str:
    found = hashlib.sha256(repr(StaticFiles.ignore_patterns).encode())
    for finder in get_finders():
        for path, storage in finder.list(StaticFiles.ignore_patterns):
            status = Path(storage.path(path)).stat()
            found.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return found.hexdigest()
