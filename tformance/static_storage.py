"""Where collected static files are kept: under names made of their content, and compressed."""

from __future__ import annotations

from typing import Any

import brotli
from django.conf import settings
from django.contrib.staticfiles.storage import HashedFilesMixin
from django.core.management import CommandError
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage


class QuickCompressor(Compressor):  # type: ignore[misc]
    """Brotli's best takes ten times as long and saves a twentieth."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        return bytes(brotli.compress(data, quality=9))


class Storage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """As WhiteNoise has it, but indifferent to source maps, which are not collected."""

    patterns = tuple(
        (files, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule)))
        for files, rules in HashedFilesMixin.patterns
    )

    def create_compressor(self, **options: Any) -> Compressor:
        return QuickCompressor(**options)

    def delete(self, name: str) -> None:
        """As ever in a checkout; a wheel's files were collected when it was built."""
        if settings.IS_PACKAGED:
            raise CommandError("The static files came with the wheel: leave collectstatic out.")
        super().delete(name)
