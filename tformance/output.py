"""The command's output: if it cannot be written, one line and exit code 74.

A reader that closes early (`| head`) is no failure, and other failures are reported as themselves.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

CANNOT_WRITE = 74  # EX_IOERR of sysexits.h


class OutputError(Exception):
    """stdout could not be written; the message says why, and is empty if the reader has gone."""


class Output:
    """stdout, with failures of its own type. It has no `buffer` to bypass it."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with _telling():
            return self._open().write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:  # an error while producing a line is not an output error
            self.write(line)

    def flush(self) -> None:
        with _telling():
            if self._stream:
                self._stream.flush()

    def _open(self) -> TextIO:
        if self._stream is None:
            raise OSError("it is closed")
        return self._stream

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def __getattr__(self, name: str) -> Any:
        if name == "buffer" or self._stream is None:
            raise AttributeError(name)
        return getattr(self._stream, name)


class Errors:
    """stderr: if it cannot be written, the error is ignored."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream or open(os.devnull, "w")  # noqa: SIM115 - as long as the program

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)


# Whatever moves the cursor, rings, begins a terminal command, ends a line or reverses a text. What
# is written in its place is also how JSON writes it.
_SHOWN = {
    code: f"\\u{code:04x}"
    for codes in (range(0x20), range(0x7F, 0xA0), range(0x2028, 0x202F), range(0x2066, 0x206A))
    for code in codes
}
_CONTROLS = {code: text for code, text in _SHOWN.items() if chr(code) not in "\t\n"}


def visible(text: str) -> str:
    """Foreign text that is safe to show: nothing in it is a command to the terminal.

    Tabs and ends of lines stay; a carriage return alone would let a text overwrite its line.
    """
    return text.translate(_CONTROLS).replace(f"{_SHOWN[0x0D]}\n", "\r\n")


def on_one_line(text: str) -> str:
    """The same without tabs and ends of lines: no part of it is taken for another cell or line."""
    return text.translate(_SHOWN)


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise OutputError("") from None
    except UnicodeEncodeError as error:
        letter = ascii(error.object[error.start])
        raise OutputError(
            f"its encoding, {error.encoding}, has no {letter}; set PYTHONIOENCODING=utf-8"
        ) from None
    except (OSError, ValueError) as error:
        raise OutputError(getattr(error, "strerror", None) or str(error)) from None


@contextmanager
def watched() -> Iterator[None]:
    """Watches everything printed in the block; exits if printing fails."""
    _occupy()
    out, err = Output(sys.stdout), Errors(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        try:
            yield
        finally:
            out.flush()
    except OutputError as error:
        _let_go()
        if not str(error):
            raise SystemExit(0) from None
        err.write(f"tformance: the output cannot be written: {error}.\n")
        raise SystemExit(CANNOT_WRITE) from None


def _occupy() -> None:
    """Keeps a file opened later from getting the number of a closed stream."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def _let_go() -> None:
    # Otherwise Python would try to flush the rest at exit, and complain.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
