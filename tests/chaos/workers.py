"""Real worker processes that can be killed and suspended, forked from a preloaded one.

Run as a module it reads a line for each worker to start and prints its process id. Such a worker
has no broker at all: it polls the database, as after a nudge.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress


class Workers:
    """The workers of a storm."""

    def __init__(self, number: int, log: str) -> None:
        with open(log, "ab") as file:
            self.nursery = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.workers"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        self.alive: list[int] = []
        self.stopped: list[int] = []
        for _ in range(number):
            self.start()

    def start(self) -> int:
        """Starts one more."""
        assert self.nursery.stdin
        assert self.nursery.stdout
        self.nursery.stdin.write("\n")
        self.nursery.stdin.flush()
        pid = int(self.nursery.stdout.readline())
        self.alive.append(pid)
        return pid

    def kill(self, pid: int) -> None:
        """Kills it with -9, and starts another one."""
        os.kill(pid, signal.SIGKILL)
        self.alive.remove(pid)
        self.start()

    def stop(self, pid: int) -> None:
        """Suspends it."""
        os.kill(pid, signal.SIGSTOP)
        self.alive.remove(pid)
        self.stopped.append(pid)

    def go_on(self) -> None:
        """Resumes all suspended ones."""
        for pid in self.stopped:
            os.kill(pid, signal.SIGCONT)
        self.alive += self.stopped
        self.stopped.clear()

    def end(self) -> None:
        """Kills all of them."""
        for pid in self.alive + self.stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.nursery.kill()
        self.nursery.communicate()


def work_for_ever() -> None:
    """Does what is due, whatever happens to the database."""
    from django.db import DatabaseError, connection

    from apps.integrations.tasks import look_for_due_work

    while True:
        try:
            look_for_due_work()
        except DatabaseError as error:
            sys.stderr.write(f"{os.getpid()}: {error}\n")
            with suppress(DatabaseError):
                connection.close()
        time.sleep(0.05)


def main() -> None:
    """Forks a worker for each line."""
    import django

    django.setup()
    from apps.integrations import tasks  # noqa: F401  (loaded once, for all)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.close(0)
            work_for_ever()
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
