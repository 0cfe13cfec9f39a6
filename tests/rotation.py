"""`python -m tests.rotation CREDENTIALS`: keys are rotated while a sync runs and pages are read.

In a process of its own, on the database of DATABASE_URL, which must be new. It prints JSON: how
many secrets were rotated in how many seconds, and how much happened meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

import django
from cryptography.fernet import Fernet

from github_simulator.generator import generate
from github_simulator.testing import Running, running
from tests.program import COMMAND, ROOT

PAGES = ("", "github/webhooks/", "github/repos/")


class Meanwhile(threading.Thread):
    """Repeats something until it is stopped; keeps the error."""

    def __init__(self, act: Any) -> None:
        super().__init__(daemon=True)
        self.act, self.count, self.failure = act, 0, ""
        self.over = threading.Event()

    def run(self) -> None:
        """Until the first failure."""
        from django.db import connections

        try:
            while not self.over.is_set():
                self.act()
                self.count += 1
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
        finally:
            connections.close_all()

    def stop(self) -> None:
        """Waits for the current round."""
        self.over.set()
        self.join()


def main(credentials: int) -> dict[str, Any]:
    """The whole scenario. Raises AssertionError if anything failed."""
    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    settings.TOKEN_ENCRYPTION_KEYS = [old]
    world = generate(3, datetime.now(UTC), people=12, repositories=6, pull_requests=160, months=4)
    with running(world) as github:
        settings.GITHUB_URL = github.url
        team, admin = _a_team(github, credentials)
        settings.TOKEN_ENCRYPTION_KEYS = [new, old]
        report = _rotate_while(team, admin, f"{new},{old}")
        report["requests_to_github"] = len(github.simulator.log.requests)
    settings.TOKEN_ENCRYPTION_KEYS = [new]
    _read_all(github.token, credentials)
    report["database"] = connection.vendor
    return report


def _rotate_while(team: Any, admin: Any, keys: str) -> dict[str, Any]:
    from django.test import Client

    from apps.integrations import tasks
    from apps.integrations.models import SyncRun, TrackedRepository
    from apps.integrations.sync import schedule

    def sync_all() -> None:
        rows = list(TrackedRepository.objects.for_team(team))
        run = schedule.begin(team, rows, SyncRun.Reason.MANUAL)
        while run.finished_at is None:
            tasks.look_for_due_work()
            run.refresh_from_db()
        assert run.status == "complete", run.error

    client = Client()
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")

    def read() -> None:
        for page in PAGES:
            status = client.get(f"/a/{team.slug}/integrations/{page}").status_code
            assert status == 200, f"{page}: {status}"

    others = [Meanwhile(sync_all), Meanwhile(read)]
    for other in others:
        other.start()
    while not all(other.count or other.failure for other in others):
        time.sleep(0.05)
    begun = time.monotonic()
    environment = {**os.environ, "TOKEN_ENCRYPTION_KEYS": keys}
    done = subprocess.run(
        [COMMAND, "rotate-keys"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    seconds = time.monotonic() - begun
    for other in others:
        other.stop()
    assert done.returncode == 0, done.stderr
    failures = [other.failure for other in others if other.failure]
    assert not failures, failures
    syncs, pages = (other.count for other in others)
    return {
        "rotated": int(done.stdout.split()[0]),
        "seconds": round(seconds, 1),
        "syncs": syncs,
        "pages": pages * len(PAGES),
    }


def _a_team(github: Running, credentials: int) -> tuple[Any, Any]:
    from apps.integrations.models import IntegrationCredential
    from apps.integrations.tests.stage import set_up
    from apps.teams.models import Membership, Team
    from apps.users.models import User

    team = Team.objects.create(name="Acme", slug="acme")
    admin = User.objects.create(email="alice@example.com")
    Membership.objects.create(team=team, user=admin, role=Membership.Role.ADMIN)
    stage = set_up(team, github)
    from apps.integrations.tests.stage import Place

    for repository in list(github.simulator.world.repositories.values())[:3]:
        stage.take_up(Place(github, repository))
    rows = (
        IntegrationCredential(
            team=team, kind="token", access_token=f"ghp_{number:036}", account_id=number
        )
        for number in range(1, credentials)
    )
    IntegrationCredential.objects.bulk_create(rows, batch_size=500)
    return team, admin


def _read_all(token: str, credentials: int) -> None:
    """With the new key alone."""
    from apps.integrations.models import IntegrationCredential

    kept = set(IntegrationCredential.objects.values_list("access_token", flat=True))
    assert kept == {token, *(f"ghp_{number:036}" for number in range(1, credentials))}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]))) + "\n")
