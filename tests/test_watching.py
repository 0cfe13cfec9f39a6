"""`tformance up` looks after a worker that lives, but finishes nothing any more."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pytest_django import Settings

from tests.test_processes import gone, processes_of
from tformance.processes import Part, Processes
from tformance.up import Silence


class Clock:
    """Stands where it is put."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def asked_at(self, silence: Silence, now: float) -> bool:
        self.now = now
        return silence.is_too_long()


def test_it_works(tmp_path: Path, settings: Settings) -> None:
    """Six minutes by a clock that stands still while a machine sleeps."""
    settings.DATA_DIR, clock = tmp_path, Clock()
    silence = Silence(clock)
    (tmp_path / "heartbeat").touch()
    # Each time something was heard just before.
    assert not any(clock.asked_at(silence, now) for now in (10, 400, 750))
    os.utime(tmp_path / "heartbeat", (1, 1))
    assert [clock.asked_at(silence, now) for now in (755, 1_100, 1_115)] == [False, False, True]


def test_what_it_had_started_goes_with_it(tmp_path: Path) -> None:
    part = Part("worker", ("sh", "-c", "sleep 600 & echo $$ $!; wait"))
    group = Processes(tmp_path)
    group.start(part, {"DATA_DIR": str(tmp_path)})
    log = group.log_of(part)
    while len(log.read_text().split()) < 2:
        time.sleep(0.05)
    former = {int(each) for each in log.read_text().split()}
    group.restart(part)
    while len(log.read_text().split()) < 4:
        time.sleep(0.05)
    assert not former & processes_of(tmp_path)
    group.stop()
    assert gone(tmp_path)
