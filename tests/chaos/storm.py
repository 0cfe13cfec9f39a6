"""One storm: a GitHub that changes and fails, workers that die, and in the end a comparison.

`python -m tests.chaos.storm SEED` runs on the database of DATABASE_URL, which must be new. The same
seed makes the same world, faults and events; only the processes' timing depends on the machine.
"""

from __future__ import annotations

import dataclasses
import json
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django

from tests.chaos.judgement import judge

AGO = 1800  # seconds: after the world's last change, and before the newest that a walk trusts
PLAN = json.loads((Path(__file__).parent / "plan.json").read_text())


@dataclass
class Storm:
    """The driver of a storm; only it knows the true state."""

    seed: int
    folder: Path
    events: list[str] = field(default_factory=list)
    interruptions: int = 0
    spent: str = ""

    def run(self) -> list[str]:
        """What is wrong in the end, a line each."""
        self.random = random.Random(self.seed)
        self.patience = random.Random(self.seed)  # its use depends on the machine's speed
        with self._github(), self._workers():
            self._begin()
            for _ in range(PLAN["kills_of_a_first_sync"]):
                self._wait_for_pages(2)  # every walk reads the very first page again
                self.kill_in_transaction()
            self.change_many_long_ago()
            for _ in range(PLAN["steps"]):
                self._event()
                time.sleep(PLAN["seconds_between_steps"])
            # Rare races happen at least once, late enough to matter.
            self.kill_in_transaction()
            for _ in range(2):
                self.hint_in_flight()
                self.stall()
            self._calm_down()
            for place in self.places:
                self.change_in_flight(place)
        with self._github_again():
            self._drain()
            return judge(self, PLAN["workers"])

    @contextmanager
    def _github(self) -> Iterator[None]:
        from django.conf import settings

        from github_simulator.generator import generate
        from github_simulator.testing import running

        self.now = datetime.now(UTC)
        world = generate(self.seed, self.now - timedelta(hours=1), **PLAN["world"])
        self._served = running(
            world, node_latency=PLAN["node_latency"], patience=PLAN["patience"], seed=self.seed
        )
        self.github = self._served.__enter__()
        self.simulator = self.github.simulator
        settings.GITHUB_URL = self.github.url
        self.places = [
            each for each in world.repositories.values() if each.full_name.startswith("acme/")
        ]
        yield

    @contextmanager
    def _github_again(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._served.__exit__(None, None, None)

    def _calm_down(self) -> None:
        """Nothing fails any more, GitHub responds quickly, and its index is complete."""
        self.simulator.faults.clear()
        for place in self.places:
            for number in list(place.late):
                self._act("list", {"repository": place.full_name, "number": number})
            if PLAN["null_leaves"]:  # what was unreadable is readable now, and webhooks report it
                self._hint(place, list(place.pull_requests.values()))
        self.simulator.limits.reset()
        self.simulator.options = dataclasses.replace(
            self.simulator.options, patience=10.0, node_latency=0.0
        )

    @contextmanager
    def _workers(self) -> Iterator[None]:
        import os

        from tests.chaos.workers import Workers

        os.environ["GITHUB_URL"] = self.github.url
        self.workers = Workers(PLAN["workers"], str(self.folder / "workers.log"))
        try:
            yield
        finally:
            self.workers.end()

    def _begin(self) -> None:
        from github_simulator.faults import Fault

        self.team = self.team_of("acme")
        for kind, rate in PLAN["fault_rates"].items():
            seconds = 1.0 if kind in ("timeout", "secondary_limit", "primary_limit") else None
            self.simulator.faults.add(Fault(kind, "/api/graphql", rate=rate, seconds=seconds))
        for leaf, rate in PLAN["null_leaves"].items():
            self.simulator.faults.add(Fault("null_leaf", leaf=leaf, rate=rate))

    def team_of(self, slug: str) -> Any:
        """A team that tracks every repository, from now on."""
        from apps.integrations.models import (
            GitHubIntegration,
            IntegrationCredential,
            SyncRun,
            TrackedRepository,
        )
        from apps.integrations.sync import schedule
        from apps.integrations.tests.stage import NEVER
        from apps.metrics.models import Repository
        from apps.teams.models import Team

        team = Team.objects.create(name=slug, slug=slug)
        credential = IntegrationCredential.objects.create(
            team=team,
            kind="token",
            access_token=self.github.token,
            account_id=self.simulator.world.tokens[self.github.token].account.id,
        )
        later = {"poll_due_at": NEVER, "sweep_due_at": NEVER, "members_due_at": NEVER}
        integration = GitHubIntegration.objects.create(
            team=team, credential=credential, organization_slug="acme", organization_id=1, **later
        )
        for place in self.places:
            repository = Repository.objects.create(
                team=team,
                github_repo_id=place.id,
                node_id=place.node_id,
                full_name=place.full_name,
            )
            TrackedRepository.objects.create(
                team=team,
                integration=integration,
                repository=repository,
                github_repo_id=place.id,
                full_name=place.full_name,
                hook_due_at=None,
            )
        schedule.begin(team, TrackedRepository.objects.for_team(team), SyncRun.Reason.FIRST)
        return team

    # Events

    def _event(self) -> None:
        weights = PLAN["event_weights"]
        name = self.random.choices(list(weights), list(weights.values()))[0]
        happens: Callable[[], None] = getattr(self, name)
        self.events.append(name)
        happens()

    def change(self) -> None:
        """A change, whose webhook is delivered or lost."""
        place = self.random.choice(self.places)
        pull = self._change_one(place)
        if pull is not None and self.random.random() > PLAN["share_of_hints_lost"]:
            self._hint(place, [pull])

    def _change_one(self, place: Any) -> Any:
        pull = self.random.choice(list(place.pull_requests.values()))
        act = self.random.choice(self._possible(pull))
        actor = self.random.choice(list(place.permissions))
        given = {"repository": place.full_name, "number": pull.number}
        given["actor"] = self.simulator.world.accounts[actor].login
        if act == "review":
            given["state"] = self.random.choice(["APPROVED", "COMMENTED", "CHANGES_REQUESTED"])
        elif act == "dismiss_review":
            given["review"] = pull.reviews[0].id
        elif act == "edit":
            given["title"] = f"Title {self.random.random()}"
        elif act == "label":
            given["label"] = self.random.choice(["bug", "hotfix", "later"])
        self._act(act, given)
        return None if act == "open" else pull

    def _possible(self, pull: Any) -> list[str]:
        always = ["open", "review", "edit", "label", "comment"]
        if pull.reviews:
            always.append("dismiss_review")
        if pull.state == "OPEN":
            draft = "mark_ready" if pull.is_draft else "convert_to_draft"
            return [*always, draft, "push", "force_push", "force_push", "merge", "close"]
        return [*always, "reopen"] if pull.state == "CLOSED" else always

    def _act(self, act: str, given: dict[str, Any]) -> Any:
        import httpx

        reply = httpx.post(f"{self.github.url}/_control/acts", json={"act": act, **given})
        return reply.raise_for_status().json()

    def _hint(self, place: Any, pulls: list[Any]) -> None:
        from apps.integrations.models import TrackedRepository
        from apps.integrations.sync import stale

        tracked = TrackedRepository.objects.get(team=self.team, github_repo_id=place.id)
        marked = [(pull.number, pull.node_id) for pull in pulls]
        stale.mark(tracked, marked, datetime.now(UTC))

    def change_many_long_ago(self) -> None:
        """So many changes that a walk needs several pages, longer ago than walks overlap."""
        from apps.integrations.models import TrackedRepository

        place = max(self.places, key=lambda place: len(place.pull_requests))
        rows = TrackedRepository.objects.filter(team=self.team, github_repo_id=place.id)
        self._wait(rows.filter(watermark__isnull=False).exists)
        self.simulator.clock.advance(-AGO)
        given = {"repository": place.full_name, "actor": "alice"}
        for pull in self._by_age(place)[: PLAN["changes_at_once"]]:
            self._act("edit", {**given, "number": pull.number, "title": f"{self.random.random()}"})
        self.simulator.clock.advance(AGO)
        self.ask([place])

    def quiet_change(self) -> None:
        """A change that does not affect `updatedAt`: only its webhook reports it."""
        place = self.random.choice(self.places)
        self._change_quietly(place, [self.random.choice(self._untouched(place))])

    def _untouched(self, place: Any) -> list[Any]:
        """Pull requests so far down that no later walk from the top reaches them."""
        by_age = self._by_age(place)
        return by_age[: max(2, len(by_age) - 40)]

    def _by_age(self, place: Any) -> list[Any]:
        return sorted(place.pull_requests.values(), key=lambda pull: pull.updated_at)

    def _change_quietly(self, place: Any, pulls: list[Any]) -> None:
        for pull in pulls:
            pull.changed_files += 1
        self._hint(place, pulls)

    def deploy(self) -> None:
        """A deployment, or a rollback; some without a webhook, some failing."""
        place = self.random.choice(self.places)
        at = self.simulator.clock.now() - timedelta(seconds=self.random.randint(1, 600))
        given = {"repository": place.full_name, "actor": "alice", "at": at.isoformat()}
        environments = sorted({each.environment for each in place.deployments.values()})
        before = sorted(place.deployments.values(), key=lambda each: each.id)[-4:]
        ref = self.random.choice([place.default_branch, *(each.oid for each in before)])
        where = self.random.choice([*environments, "production", "preview-7"])
        made = self._act("deploy", {**given, "ref": ref, "environment": where})
        for state in self.random.choice([["SUCCESS"], ["IN_PROGRESS", "SUCCESS"], ["FAILURE"], []]):
            status = {"deployment": made["id"], "state": state}
            self._act("set_deployment_status", {**given, **status})
        if self.random.random() > PLAN["share_of_hints_lost"]:
            self._tell_of_deployment(place, made["node_id"])

    def _tell_of_deployment(self, place: Any, node_id: str) -> None:
        from apps.integrations.models import TrackedRepository
        from apps.integrations.sync import stale_deployments

        row = TrackedRepository.objects.get(team=self.team, github_repo_id=place.id)
        stale_deployments.mark({row: {node_id: ()}}, datetime.now(UTC))

    def look(self) -> None:
        """The schedule's turn for what comes after the merge."""
        from apps.integrations.models import GitHubIntegration

        mine = GitHubIntegration.objects.filter(team=self.team)
        mine.update(production_due_at=datetime.now(UTC))

    def late_pull_request(self) -> None:
        """One that GitHub's index shows long after it was opened; no webhook reports it."""
        place = self.random.choice(self.places)
        at = self.simulator.clock.now() - timedelta(seconds=AGO)
        given = {"repository": place.full_name, "actor": "alice", "at": at.isoformat()}
        self._act("open", {**given, "late": True})

    def time_passes(self) -> None:
        """Minutes pass at once: due times come, leases expire."""
        self._forget_leases()
        self.interruptions += 1

    def _forget_leases(self) -> None:
        from apps.integrations.tests.stage import let_time_pass

        let_time_pass(minutes=5)
        self._reconnect()

    def poll(self) -> None:
        """The schedule's turn."""
        from apps.integrations.models import GitHubIntegration

        GitHubIntegration.objects.filter(team=self.team).update(poll_due_at=datetime.now(UTC))

    def ask(self, places: list[Any] | None = None) -> None:
        """A user presses the button."""
        from apps.integrations.models import SyncRun, TrackedRepository
        from apps.integrations.sync import schedule

        ids = [place.id for place in places or self.places]
        rows = TrackedRepository.objects.filter(team=self.team, github_repo_id__in=ids)
        schedule.begin(self.team, rows, SyncRun.Reason.MANUAL)

    def _reconnect(self) -> None:
        """If GitHub refused the token twice in a row, a user connects again."""
        from apps.integrations.models import IntegrationCredential

        rejected = IntegrationCredential.objects.filter(rejected_at__isnull=False)
        if rejected.update(rejected_at=None):
            self.ask()

    def kill(self) -> None:
        """A worker, with -9."""
        self.workers.kill(self.random.choice(self.workers.alive))
        self.interruptions += 1

    def kill_in_transaction(self) -> None:
        """All workers, while one of them waits to store pull requests."""
        with self._nobody_writes():
            deadline = time.monotonic() + 2
            while not (waits := self._is_a_write_waiting()) and time.monotonic() < deadline:
                time.sleep(0.02)
            self.events.append("in transaction" if waits else "not in transaction")
            for pid in list(self.workers.alive):
                self.workers.kill(pid)
                self.interruptions += 1
        self._forget_leases()  # killed workers hold them no more

    def _wait_for_pages(self, number: int) -> None:
        from apps.integrations.models import SyncRun

        runs = SyncRun.objects.filter(team=self.team, reason=SyncRun.Reason.FIRST)
        wanted = runs.get().pages + number
        self._wait(lambda: runs.get().pages >= wanted)

    @contextmanager
    def _nobody_writes(self) -> Iterator[None]:
        from django.db import connection, transaction

        with transaction.atomic():  # on SQLite this alone keeps all others from writing
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("LOCK TABLE metrics_pullrequest IN SHARE MODE")
            yield

    def _is_a_write_waiting(self) -> bool:
        from django.db import connection

        if connection.vendor != "postgresql":
            return False  # SQLite does not say who waits, so all that can be done is to wait
        with connection.cursor() as cursor:
            cursor.execute(
                # Not pg_stat_activity, which does not change within a transaction.
                "SELECT count(*) FROM pg_locks WHERE NOT granted "
                "AND relation = 'metrics_pullrequest'::regclass"
            )
            waiting: int = cursor.fetchone()[0]
            return waiting > 0

    def stall(self) -> None:
        """Suspends a worker with GitHub's response in hand until its lease has expired."""
        from apps.integrations.tests.stage import let_time_pass

        self.interruptions += 2
        place, pulls = self._refresh_in_flight()
        self.workers.start()
        let_time_pass(minutes=5)
        self._change_quietly(place, pulls)
        self._wait(lambda: not self._marked(place))
        self.workers.go_on()
        self._retire()
        time.sleep(1)

    def hint_in_flight(self) -> None:
        """A pull request changes, and its webhook arrives, while it is being fetched."""
        place, pulls = self._refresh_in_flight()
        self._change_quietly(place, pulls)
        self.workers.go_on()

    def change_in_flight(self, place: Any) -> None:
        """Something changes during a walk, without a webhook."""
        self.time_passes()
        self._answer_in_flight(f'"{place.name}"', lambda: self.ask([place]))
        given = {"repository": place.full_name, "number": min(place.pull_requests)}
        self._act("edit", {**given, "actor": "alice", "title": f"Title {self.random.random()}"})
        self.workers.go_on()
        time.sleep(0.5)

    def _refresh_in_flight(self) -> tuple[Any, list[Any]]:
        place = self.random.choice(self.places)
        pulls = self.random.sample(self._untouched(place), 2)
        self._answer_in_flight(pulls[0].node_id, lambda: self._hint(place, pulls))
        return place, pulls

    def _answer_in_flight(self, asked: str, begin: Callable[[], None]) -> None:
        """Suspends all workers while one of them has sent this request and holds the response."""
        from github_simulator.faults import Fault

        slow = Fault("slow", "/api/graphql", contains=asked, seconds=0.6, times=1)
        self.simulator.faults.active.insert(0, slow)
        begin()
        self._wait(lambda: slow.struck > 0)
        self.events.append("in flight" if slow.struck else "not in flight")
        self._stop_outside_transactions()
        time.sleep(0.9)  # GitHub answers; the response waits in the socket
        self.simulator.faults.active.remove(slow)

    def _stop_outside_transactions(self) -> None:
        """Suspends all workers; one suspended with a lock would block everybody."""
        for _ in range(100):
            for pid in list(self.workers.alive):
                self.workers.stop(pid)
            if self._is_quiet():
                return
            self.workers.go_on()
            time.sleep(0.005)
        for pid in list(self.workers.alive):
            self.workers.kill(pid)

    def _is_quiet(self) -> bool:
        from django.db import connection

        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid() AND state <> 'idle'"
                )
                active: int = cursor.fetchone()[0]
                return active == 0
        try:
            with sqlite3.connect(connection.settings_dict["NAME"], timeout=0) as other:
                other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True

    def _retire(self) -> None:
        import os
        import signal

        os.kill(self.workers.alive.pop(0), signal.SIGKILL)
        self.interruptions += 1

    def _marked(self, place: Any) -> bool:
        from apps.integrations.models import StalePullRequest

        rows = StalePullRequest.objects.filter(team=self.team, tracked__github_repo_id=place.id)
        return rows.filter(attempts=0).exists()

    def _wait(self, happened: Callable[[], bool], seconds: float = 5) -> None:
        """Not forever: if faults block the work, the storm goes on without it."""
        from apps.integrations.tests.stage import let_time_pass

        deadline = time.monotonic() + seconds
        while not happened() and time.monotonic() < deadline:
            time.sleep(0.01)
            if self.patience.random() < 0.02:
                let_time_pass(seconds=20)
                self._reconnect()

    def database_restarts(self) -> None:
        """Every connection but ours is cut, on PostgreSQL; SQLite has none."""
        from django.db import connection

        if connection.vendor == "postgresql":
            self.interruptions += 1
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    def _drain(self) -> None:
        from apps.integrations.tasks import look_for_due_work
        from apps.integrations.tests.stage import let_time_pass

        for _ in range(6):
            let_time_pass(days=3)
            self._reconnect()
            self.poll()
            self.look()
            look_for_due_work()


def main() -> int:
    """Runs the storm of a seed; 0 if all is well."""
    import tempfile

    django.setup()
    seed = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        storm = Storm(seed, Path(folder))
        wrong = storm.run()
        if wrong:
            log = (Path(folder) / "workers.log").read_text()[-2000:]
            events = " ".join(storm.events)
            sys.stderr.write(f"Seed {seed}: {len(wrong)} things are wrong.\n")
            sys.stderr.write("\n".join([*wrong[:20], f"Events: {events}", log, ""]))
            return 1
    flights = storm.events.count("in flight")
    sys.stdout.write(f"Seed {seed}: all is true. {storm.spent}, {flights} in flight.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
