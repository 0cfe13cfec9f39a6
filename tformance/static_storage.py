"""Storage of collected static files: named after their content, and compressed."""

from __future__ import annotations

from typing import Any

import brotli
from django.conf import settings
from django.contrib.staticfiles.storage import HashedFilesMixin
from django.core.management import CommandError
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage


class QuickCompressor(Compressor):  # type: ignore[misc]
    """Brotli's best level takes ten times as long and saves five percent."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        return bytes(brotli.compress(data, quality=9))


class Storage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """WhiteNoise's storage, which ignores missing source maps."""

    patterns = tuple(
        (files, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule)))
        for files, rules in HashedFilesMixin.patterns
    )

    def create_compressor(self, **options: Any) -> Compressor:
        return QuickCompressor(**options)

    def delete(self, name: str) -> None:
        """As usual in a checkout; a wheel's files were collected when it was built."""
        if settings.IS_PACKAGED:
            raise CommandError("The static files came with the wheel: leave collectstatic out.")
        super().delete(name)
