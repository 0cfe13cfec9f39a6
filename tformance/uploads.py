"""No form of the program takes files."""

from __future__ import annotations

from typing import Any, NoReturn

from django.core.exceptions import SuspiciousMultipartForm
from django.core.files.uploadhandler import FileUploadHandler


class NoFiles(FileUploadHandler):
    """Refuses a request with a file, which Django would accept at any size.

    `DATA_UPLOAD_MAX_MEMORY_SIZE` limits only the other fields of a form.
    """

    def new_file(self, *_: Any, **__: Any) -> NoReturn:
        raise SuspiciousMultipartForm("No form here takes files.")
