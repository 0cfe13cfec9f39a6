"""Hooks in disorder: shuffled, some twice, the web without its database, workers killed with -9.

`python -m tests.chaos.deliveries COUNT [SEED]` runs on the PostgreSQL of DATABASE_URL, which must
be new. In the end every row must equal GitHub's, every delivery must be accounted for, and ten of
them must have cost less than a point.
"""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
import httpx

from github_simulator import acts
from tests.chaos import judgement
from tests.chaos.storm import Storm
from tests.door import Door, door
from tests.program import ROOT
from tformance.ports import free_port

AT_ONCE = 500  # deliveries shuffled together
SECONDS_AN_ACT = 0.03
TWICE = 0.1
LATENCY = 0.1  # seconds that GitHub takes for a request
KILL_EVERY = 1.0
LONGEST_ROUND = 120.0


class DeliveryStorm(Storm):
    """Changes are reported by hooks only, not by polls."""

    def blow(self, count: int) -> list[str]:
        """What is wrong after this many deliveries, a line each."""
        self.random = self.patience = random.Random(self.seed)
        self.expected: set[tuple[int, str]] = set()
        self.refused = self.sent = 0
        with self._github():
            self._make_github_patient()
            self.team = self.team_of("acme")
            self._settle()
            with self._workers(), web(self.folder) as behind:
                self._make_hooks()
                self._send_in_chunks()
                self.simulator.log.clear()
                while self.sent < count:
                    self._round(behind, min(AT_ONCE, count), is_first=not self.sent)
            self._settle()
        with self._github_again():
            return self._wrong()

    def _possible(self, pull: Any) -> list[str]:
        """Changes that hooks report: comments outside of reviews are found by polls."""
        return [act for act in super()._possible(pull) if act != "comment"]

    def _act(self, act: str, given: dict[str, Any]) -> None:
        acts.act(self.simulator, act, given)

    def _make_github_patient(self) -> None:
        self.simulator.limits.maximum = {"core": 10**9, "graphql": 10**9}
        self.simulator.limits.per_minute = {"core": 10**9, "graphql": 10**9}
        self.simulator.options = dataclasses.replace(
            self.simulator.options, latency=LATENCY, node_latency=0.0, patience=30.0
        )
        self.simulator.deliveries.attempted = deque()  # all of them are counted

    def _make_hooks(self) -> None:
        from django.utils import timezone

        from apps.integrations.models import Hook, RateBudget, TrackedRepository

        TrackedRepository.objects.update(hook_due_at=timezone.now())
        ends = time.monotonic() + LONGEST_ROUND
        while Hook.objects.filter(is_secret_sent=True).count() < len(self.places):
            assert time.monotonic() < ends, "The hooks were not made."
            RateBudget.objects.update(written_at=None)
            time.sleep(0.05)
        assert self.simulator.deliveries.wait(30)

    def _send_in_chunks(self) -> None:
        """As a proxy may forward a delivery: without a length header."""
        from apps.integrations.github.signature import sign
        from apps.integrations.models import Hook

        hook, body = Hook.objects.all()[0], b'{"zen": "Approachable is better than simple."}'
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "ping",
            "X-GitHub-Delivery": "in-chunks",
            "X-GitHub-Hook-ID": str(hook.hook_id),
            "X-Hub-Signature-256": sign(hook.secret, body),
        }
        url = f"{os.environ['PUBLIC_URL']}/webhooks/github/"
        reply = httpx.post(url, content=iter((body[:9], body[9:])), headers=headers)
        assert reply.status_code == 202, reply.text

    def _round(self, behind: Door, size: int, *, is_first: bool) -> None:
        """Some hundred changes whose deliveries are shuffled together."""
        from github_simulator.hooks import HookFaults

        deliveries = self.simulator.deliveries
        hold = size * SECONDS_AN_ACT
        deliveries.faults = HookFaults(duplicate=TWICE, shuffle=True, delay=hold)
        before = len(deliveries.attempted)
        ends = time.monotonic() + hold
        for _ in range(size):
            if time.monotonic() < ends:
                self._change_one(self.random.choice(self.places))
        deliveries.faults = HookFaults(duplicate=TWICE, shuffle=True)
        self._weather(behind if is_first else None)
        self._take_stock(before)
        self._ask_again()

    def _weather(self, behind: Door | None) -> None:
        """Kills a worker now and then until all was sent; in the middle the database is down."""
        deliveries, began = self.simulator.deliveries, time.monotonic()
        killed_at = began
        quarter = len(deliveries.attempted) + deliveries.waiting // 4
        while not deliveries.wait(0.1) and time.monotonic() < began + LONGEST_ROUND:
            if time.monotonic() > killed_at + KILL_EVERY:
                killed_at = time.monotonic()
                self._kill_one()
            if behind and len(deliveries.attempted) > quarter:
                behind.shut()
                time.sleep(0.5)
                behind.open()
                behind = None
        self._kill_one()

    def _kill_one(self) -> None:
        """With -9; its lease expires at once."""
        from apps.integrations.models import Lease

        self.kill()
        Lease.objects.exclude(until=None).delete()

    def _take_stock(self, before: int) -> None:
        """What GitHub has sent since, and which of it failed."""
        for one in list(self.simulator.deliveries.attempted)[before:]:
            self.sent += not one.redelivery
            self.refused += one.status_code == 503
            self.expected.add((one.hook.id, one.guid))

    def _ask_again(self) -> None:
        """Refused deliveries are found in GitHub's list and sent again: the hooks' next checks.

        A worker may be checking at the same time, so one more check is needed.
        """
        from django.utils import timezone

        from apps.integrations.hooks import repository_hooks
        from apps.integrations.models import MissedDelivery, RateBudget, TrackedRepository

        ends = time.monotonic() + LONGEST_ROUND
        while self._not_received() and time.monotonic() < ends:
            for tracked in TrackedRepository.objects.all():
                RateBudget.objects.update(written_at=None)
                MissedDelivery.objects.filter(hook=tracked.hook_id).update(due_at=timezone.now())
                mine = TrackedRepository.objects.filter(pk=tracked.pk)
                mine.update(hook_due_at=timezone.now())
                repository_hooks.turn(timezone.now())
            self.simulator.deliveries.wait(LONGEST_ROUND)

    def _not_received(self) -> set[tuple[int, str]]:
        from apps.integrations.models import WebhookDelivery

        return self.expected - set(WebhookDelivery.objects.values_list("hook__hook_id", "guid"))

    def _settle(self) -> None:
        """Waits until no worker is left that could interfere."""
        from apps.integrations.tasks import look_for_due_work
        from apps.integrations.tests.stage import let_time_pass

        for _ in range(4):
            let_time_pass(days=1)
            look_for_due_work()

    def _wrong(self) -> list[str]:
        from apps.integrations.models import WebhookDelivery
        from apps.integrations.tests import comparison
        from apps.metrics.models import Repository

        found = judgement.unfinished()
        for place in self.places:
            mine = Repository.objects.get(team=self.team, github_repo_id=place.id)
            found += comparison.differences(mine, judgement.truth(self, place))
        rows = WebhookDelivery.objects.values_list("hook__hook_id", "guid", "state")
        done = {(hook, guid) for hook, guid, state in rows if state in ("handled", "ignored")}
        found += [f"{guid} of hook {hook} is lost" for hook, guid in self.expected - done]
        points = sum(each.points for each in self.simulator.log.requests)
        if not self.refused:
            found.append("Nothing was refused while the database was away.")
        self.spent = (
            f"{len(self.expected)} events in {self.sent} deliveries, {self.refused} refused while "
            f"the database was away, {points} points, {self.interruptions} interruptions"
        )
        return found


@contextmanager
def web(folder: Path) -> Iterator[Door]:
    """A real web process; its database is behind the given door."""
    database = urlsplit(os.environ["DATABASE_URL"])
    with door(database.hostname or "127.0.0.1", database.port or 5432) as behind:
        address = urlsplit(os.environ["PUBLIC_URL"]).netloc
        netloc = f"{database.username}@127.0.0.1:{behind.port}"
        environment = {**os.environ, "DATABASE_URL": database._replace(netloc=netloc).geturl()}
        command = ["gunicorn", "--config", "python:tformance.gunicorn", "--bind", address]
        with (folder / "web.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        try:
            _wait(f"http://{address}/health/live")
            yield behind
        finally:
            process.terminate()
            process.wait(15)


def _wait(url: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("The web process did not start.")


def main() -> int:
    """Runs a storm of deliveries; 0 if all is well."""
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    os.environ["PUBLIC_URL"] = f"http://127.0.0.1:{free_port()}"
    django.setup()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        storm = DeliveryStorm(seed, Path(name))
        wrong = storm.blow(count)
        if wrong:
            log = (Path(name) / "workers.log").read_text()[-2000:]
            lines = [f"{len(wrong)} things are wrong.", *wrong[:20], storm.spent, log]
            sys.stderr.write("\n".join([*lines, ""]))
            return 1
    sys.stdout.write(f"All is true: {storm.spent}; {time.monotonic() - began:.0f} s.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
