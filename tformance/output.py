"""What the command prints: where that cannot be written, one line and exit code 74.

A reader that has seen enough (`| head`) is no failure, and what fails elsewhere is told as such.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

CANNOT_WRITE = 74  # EX_IOERR of sysexits.h


class OutputError(Exception):
    """stdout took no more; the message says why, and is empty where nobody reads any more."""


class Output:
    """stdout, whose failures are told from all others. It has no `buffer` to write past it."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with _telling():
            return self._open().write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:  # what goes wrong in the making of a line is another matter
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
    """stderr: where it cannot be written, nobody can be told."""

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


# What moves the cursor, rings, or begins a command of the terminal; ends of lines and tabs stay.
_CONTROLS = {code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_CONTROLS = {code: text for code, text in _CONTROLS.items() if chr(code) not in "\t\n\r"}


def visible(text: str) -> str:
    """Foreign text that a terminal only shows: nothing in it is a command to the terminal."""
    return text.translate(_CONTROLS)


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
    """While the block runs, everything printed is watched; ends the program where it fails."""
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
        err.write(f"tformance: The output cannot be written: {error}.\n")
        raise SystemExit(CANNOT_WRITE) from None


def _occupy() -> None:
    """What was closed must not become the number of a file that is opened next."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def _let_go() -> None:
    # Else the end of the program would try to write what is left, and complain.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
