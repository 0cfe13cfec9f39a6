"""Runs several processes as one: they start together, are watched, and end together."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

GRACE = 5.0  # seconds for a process to end by itself; a killed worker loses nothing
WATCH_INTERVAL = 0.2  # seconds
LONGEST_LOG = 20 * 2**20  # bytes


@dataclass(frozen=True)
class Part:
    """One process of the group."""

    name: str
    command: tuple[str, ...]


class PartError(Exception):
    """A part ended unasked; the message says which, how, and where its log is."""


class Processes:
    """Parts in process groups of their own, so that nothing they started outlives them.

    `watch` and `wait_until` raise `KeyboardInterrupt` or `PartError`.
    """

    def __init__(self, log_folder: Path) -> None:
        self.log_folder = log_folder
        self.running: dict[Part, subprocess.Popen[bytes]] = {}
        self.asked_to_stop = threading.Event()

    def start(self, part: Part, environment: Mapping[str, str] | None = None) -> None:
        """Start a part; its output goes to a file of its own in the log folder."""
        self.log_folder.mkdir(parents=True, exist_ok=True)
        with self.log_of(part).open("ab") as log:
            self.running[part] = _spawn(part, log, {**os.environ, **(environment or {})})

    def log_of(self, part: Part) -> Path:
        return self.log_folder / f"{part.name}.log"

    def watch(self) -> None:
        """Never returns: raises when a part ends or a signal asks to stop."""
        self.wait_until(lambda: False)

    def wait_until(self, ready: Callable[[], bool], seconds: float | None = None) -> None:
        """Return once `ready`; raise TimeoutError after `seconds`."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not ready():
            if self.asked_to_stop.wait(WATCH_INTERVAL):
                raise KeyboardInterrupt
            self._look_for_ended()
            self._turn_over_logs()
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError

    def _turn_over_logs(self) -> None:
        for part in self.running:
            with suppress(OSError):  # a log that cannot be rotated stops nothing
                turn_over(self.log_of(part))

    def stop(self) -> None:
        """End every part, the last started first; kill one that does not end in time."""
        self.asked_to_stop.clear()
        for process in reversed(self.running.values()):
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + GRACE
        for process in self.running.values():
            self._outwait(process, deadline)
            _kill_group(process)
            process.wait()
        self.running.clear()

    def _outwait(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        # A second Ctrl-C means at once.
        while process.poll() is None and time.monotonic() < deadline:
            if self.asked_to_stop.wait(0.05):
                return

    def _look_for_ended(self) -> None:
        for part, process in self.running.items():
            code = process.poll()
            if code is not None:
                how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
                raise PartError(f"The {part.name} {how}; see {self.log_of(part)}.")


def turn_over(log: Path, longest: int = LONGEST_LOG) -> None:
    """Rotates a log, keeping three former ones.

    The file is truncated, not replaced: a part holds it open in append mode.
    """
    if log.stat().st_size < longest:
        return
    for older, old in ((3, 2), (2, 1)):
        with suppress(FileNotFoundError):
            log.with_suffix(f".log.{old}").replace(log.with_suffix(f".log.{older}"))
    shutil.copyfile(log, log.with_suffix(".log.1"))
    os.truncate(log, 0)


@contextmanager
def processes(log_folder: Path) -> Iterator[Processes]:
    """Run parts while the block runs; SIGINT, SIGTERM and SIGHUP ask it to stop."""
    group = Processes(log_folder)

    def ask(number: int, frame: FrameType | None) -> None:
        group.asked_to_stop.set()

    before = {
        number: signal.signal(number, ask)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield group
    finally:
        group.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def _spawn(part: Part, log: IO[bytes], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own commands, no shell
        part.command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )


def _end_with_parent() -> None:
    # PR_SET_PDEATHSIG: if this process is killed with -9, nothing else could end its parts.
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
