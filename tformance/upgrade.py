"""`tformance upgrade`: says what an upgrade does and how long it took elsewhere, and does it.

A backup comes first: to go back, install the former version and restore it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import django
from django.conf import settings

TIMES = Path(__file__).with_name("migration_times.json")
LONG = 1.0  # seconds: from here a user notices


def check() -> bool:
    """Prints pending migrations; returns whether there are any."""
    django.setup()
    known = json.loads(TIMES.read_text())
    waiting = list(_waiting())
    for name, takes_back in waiting:
        duration = _duration(known["seconds"].get(name), known["company"])
        click.echo(f"{name}: {duration}" + ("" if takes_back else "; only a backup leads back"))
    click.echo(f"{len(waiting)} migrations wait." if waiting else "Nothing waits.")
    return bool(waiting)


def _duration(took: float | None, company: str) -> str:
    """A migration is one transaction: what it changes is locked for as long as it takes."""
    if took is None:
        return "was not measured"
    locks = "; what it changes is locked meanwhile" if took >= LONG else ""
    return f"took {took:g} s with {company}{locks}"


def upgrade(backup_to: Path | None, *, makes_backup: bool) -> None:
    """Backs up, migrates, and collects static files."""
    django.setup()
    from django.db import connection

    from tformance import parts
    from tformance.backup import backup

    has_data = bool(connection.introspection.table_names())
    if makes_backup and has_data and any(_waiting()):
        backup(backup_to or _new_file())
    parts.release(_timed())


def _new_file() -> Path:
    folder = Path(settings.DATA_DIR) / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"before-{version('tformance')}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.backup"


def _waiting() -> Iterator[tuple[str, bool]]:
    """Each unapplied migration, and whether it is reversible."""
    from tformance import migrating

    for migration in migrating.waiting():
        name = f"{migration.app_label}.{migration.name}"
        yield name, all(operation.reversible for operation in migration.operations)


def _timed() -> Any:
    """Django's command, which reports how long each migration took."""
    from django.core.management.commands.migrate import Command

    class Timed(Command):
        begun = 0.0

        def migration_progress_callback(
            self, action: str, migration: Any = None, fake: bool = False
        ) -> None:
            if action == "apply_start":
                self.begun = time.monotonic()
            elif action == "apply_success":
                took = time.monotonic() - self.begun
                click.echo(f"{migration.app_label}.{migration.name}: {took:.1f} s")

    return Timed()
