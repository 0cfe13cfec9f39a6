"""The parts of the program as commands: web, worker and schedule, on one machine or on many."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

from tformance import metrics_folder

PYTHON = (sys.executable, "-m")
CELERY = (*PYTHON, "celery", "--app", "tformance", "--quiet")
# On one machine no other worker listens to a worker's events.
ALONE = ("--without-gossip", "--without-mingle", "--without-heartbeat")


def web(bind: str, processes: int = 1) -> tuple[str, ...]:
    """Pages and webhooks, by gunicorn; SIGHUP replaces its processes without a gap."""
    config = ("--config", "python:tformance.gunicorn", "--bind", bind)
    return (*PYTHON, "gunicorn", *config, "--workers", str(processes))


def worker(processes: int, *, alone: bool = False) -> tuple[str, ...]:
    """The part that talks to GitHub; SIGTERM lets it finish the current page."""
    command = (*CELERY, "worker", "--concurrency", str(processes), "--loglevel", "INFO")
    return command + ALONE if alone else command


def schedule() -> tuple[str, ...]:
    """The part that says every few seconds that there may be work."""
    return (*CELERY, "beat", "--pidfile", "", "--loglevel", "WARNING")


def become(part: str, command: tuple[str, ...]) -> NoReturn:
    """Replace this process by a part, so that signals reach it.

    Exits with 2 and one line for a bad setting, which gunicorn would try again and again.
    """
    import tformance.settings  # noqa: F401

    os.environ.update(metrics_folder.begin(part))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)  # noqa: S606


def release(migrate: Any = "migrate") -> None:
    """Migrate the database and collect the static files, once for each new version.

    `migrate` is Django's command, or an equivalent.
    """
    import django

    from tformance import migrating, static_files

    django.setup()
    migrating.migrate(migrate, verbosity=1 if migrate == "migrate" else 0)
    if static_files.collect():
        print("Collected the static files.")  # noqa: T201
