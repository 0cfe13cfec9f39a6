"""Everything fails in turn while pages are read: `python -m benchmarks.outages [MINUTES]`, as root.

Behind nginx with TLS and PgBouncer: two `web`s, two `worker`s and `schedule`, each with a folder of
its own, on a PostgreSQL and a Redis of their own, on small disks. A process that ends is restarted
after two seconds, as by systemd. Meanwhile pages are read, teams are created, and on a simulated
GitHub pull requests are opened, edited, reviewed, merged and deployed. It prints which reads failed
during which fault, the memory of the parts every ten minutes, and what is wrong in the end: missing
teams whose creation was confirmed, and every stored field that differs from GitHub.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypedDict, Unpack

import httpx
import psycopg
import redis

from benchmarks.github import Served, world
from github_simulator.faults import Kind
from github_simulator.testing import Running, running
from tests.program import COMMAND, ROOT, clean_environment, procfile, tformance
from tests.test_deploy_files import nginx
from tests.test_pgbouncer import pgbouncer
from tformance.ports import free_port

REPOSITORIES, PULL_REQUESTS = 4, 60
PAGES = ("", "pull-requests/", "reviews/", "settings/members/")
PAUSE = 15.0  # seconds between two faults, and the length of a temporary one
CALM = 900.0  # seconds until everything must be consistent in the end
DISK = "256m"
WRONG = "+600", "-600"  # seconds that a clock is ahead or behind
ANOTHER_CLOCK = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


class Options(TypedDict, total=False):
    """How a program is started, besides its command."""

    user: str
    cwd: str | Path
    env: dict[str, str]


class Kept:
    """A program that is restarted two seconds after it ended, until it is stopped."""

    def __init__(
        self, name: str, command: list[str], folder: Path, **options: Unpack[Options]
    ) -> None:
        self.name, self._command, self._options = name, command, options
        self._log = folder / f"{name}.log"
        self._is_wanted = True
        self.start()
        threading.Thread(target=self._keep, daemon=True).start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, **self._options)

    def _keep(self) -> None:
        while self._is_wanted:
            if self.process.poll() is not None:
                time.sleep(2)
                if self._is_wanted:
                    self.start()
            time.sleep(0.1)

    def children(self) -> list[int]:
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Neither responds nor refuses, like a machine that is gone."""
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in (self.process.pid, *self.children()):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            if number == signal.SIGSTOP:
                yield

    def memory(self) -> float:
        """MB of it and its processes, with their shares of common memory."""
        pages = []
        for pid in (self.process.pid, *self.children()):
            with suppress(OSError):
                told = Path(f"/proc/{pid}/smaps_rollup").read_text()
                pages += re.findall(r"\nPss: +(\d+)", told)
        return sum(map(int, pages)) / 1024

    def stop(self) -> None:
        self._is_wanted = False
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()


class Site:
    """The running system, and the faults done to it."""

    def __init__(self, folder: Path, stack: ExitStack, github: Running) -> None:
        self.folder, self._stack, self.github = folder, stack, github
        self.disks = [self._disk("postgres-disk"), self._disk("data")]
        self.database, self.redis, port = (free_port() for _ in range(3))
        self.url = f"https://127.0.0.1:{port}"
        self._start_services()
        direct = f"postgres://postgres@127.0.0.1:{self.database}/postgres"
        through = stack.enter_context(pgbouncer(direct))
        self.settings = {
            "PUBLIC_URL": self.url,
            "DATA_DIR": str(self.disks[1]),
            "DATABASE_URL": through,
            "REDIS_URL": f"redis://127.0.0.1:{self.redis}/0",
            "GITHUB_URL": github.url,
            "SIGN_UP": "open",
            "METRICS_TOKEN": "of-the-outages",
            "PROXIES": "1",
        }
        self.direct = direct
        self._release(self.settings)
        addresses = self._start_parts()
        stack.enter_context(nginx(folder, port, *addresses))
        os.environ["SSL_CERT_FILE"] = str(folder / "own.pem")
        wait_until(lambda: httpx.get(f"{self.url}/health/ready").status_code == 200, 120)

    def _release(self, settings: dict[str, str]) -> None:
        done = tformance("release", **settings)
        assert done.returncode == 0, done.stderr

    def _disk(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", name, path], check=True)
        self._stack.callback(subprocess.run, ["umount", "--lazy", str(path)])
        return path

    def _keep(self, name: str, command: list[str], **options: Unpack[Options]) -> Kept:
        kept = Kept(name, command, self.folder, **options)
        self._stack.callback(kept.stop)
        return kept

    def _start_services(self) -> None:
        [binaries] = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
        data = str(self.disks[0] / "data")
        someone: Options = {"user": "postgres", "cwd": "/"}
        shutil.chown(self.disks[0], "postgres")
        trusting = ("-A", "trust", "-U", "postgres", "--no-sync")
        initdb = [str(binaries / "initdb"), "-D", data, *trusting]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **someone)
        told = ["-p", str(self.database), "-k", data, "-c", "max_wal_size=64MB"]
        self.postgres = self._keep(
            "postgres", [str(binaries / "postgres"), "-D", data, *told], **someone
        )
        quiet = ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        self.broker = self._keep("redis", ["redis-server", "--port", str(self.redis), *quiet])
        wait_until(lambda: self._answers(), 30)

    def _answers(self) -> bool:
        url = f"postgres://postgres@127.0.0.1:{self.database}/postgres"
        with suppress(psycopg.OperationalError), psycopg.connect(url):
            return True
        return False

    def _start_parts(self) -> list[str]:
        """Starts the parts; returns where the two `web`s listen."""
        keys = {"SECRET_KEY": "secret-key", "TOKEN_ENCRYPTION_KEYS": "token-encryption-keys"}
        keys = {name: (self.disks[1] / file).read_text() for name, file in keys.items()}
        addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        elsewhere = {"DATA_DIR": str(self.folder / "web-1"), **keys}
        self._release({**self.settings, **elsewhere})
        self.webs = [
            self._part("web", 0, BIND=addresses[0]),
            self._part("web", 1, BIND=addresses[1], **elsewhere),
        ]
        self.schedule = self._part("schedule", 0)
        self.clock = self.folder / "clock"
        self._set_clock("+0")
        self.workers = []
        for number in range(2):
            own = {**keys, "DATA_DIR": str(self.folder / f"worker-{number}")}
            own["METRICS_ADDRESS"] = f"127.0.0.1:{free_port()}"
            if number and ANOTHER_CLOCK:
                own |= {"LD_PRELOAD": str(ANOTHER_CLOCK), "FAKETIME_CACHE_DURATION": "1"}
                own |= {"FAKETIME_TIMESTAMP_FILE": str(self.clock), "DONT_FAKE_MONOTONIC": "1"}
            self.workers.append(self._part("worker", number, **own))
        return addresses

    def _part(self, name: str, number: int, **own: str) -> Kept:
        command = [COMMAND, *procfile()[name].split()[1:]]
        environment = clean_environment(**{**self.settings, **own})
        return self._keep(f"{name}-{number}", command, cwd=ROOT, env=environment)

    def _set_clock(self, seconds: str) -> None:
        self.clock.write_text(f"{seconds}\n")

    def memory(self) -> str:
        parts = {"web": self.webs, "worker": self.workers, "schedule": [self.schedule]}
        told = (f"{name} {sum(map(Kept.memory, some)):.0f}" for name, some in parts.items())
        return f"{', '.join(told)} MB"

    @contextmanager
    def full_disks(self) -> Iterator[None]:
        """Neither PostgreSQL nor the program can write any more."""
        files = [disk / "filling" for disk in self.disks]
        for each in files:
            with suppress(OSError), each.open("wb") as file:
                while True:
                    file.write(bytes(2**16))
        yield
        for each in files:
            each.unlink()

    def faults(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """The faults in turn, again and again."""
        kill = signal.SIGKILL
        while True:
            web, worker = random.choice(self.webs), random.choice(self.workers)
            yield "a process of web is killed", lambda: os.kill(web.children()[0], kill)  # noqa: B023
            yield "a process of worker is killed", lambda: os.kill(worker.children()[0], kill)  # noqa: B023
            yield "Redis is killed", lambda: self.broker.signal(kill)
            yield "web is reloaded", lambda: web.signal(signal.SIGHUP)  # noqa: B023
            yield "worker is killed", lambda: worker.signal(kill)  # noqa: B023
            yield "schedule is killed", lambda: self.schedule.signal(kill)
            yield "one web is killed", lambda: web.signal(kill)  # noqa: B023
            yield "PostgreSQL is killed", lambda: self.postgres.signal(signal.SIGQUIT)
            yield "disks are full", lambda: for_a_while(self.full_disks())
            yield "PostgreSQL stands still", lambda: for_a_while(self.postgres.halted())
            yield "Redis stands still", lambda: for_a_while(self.broker.halted())
            yield "Redis is emptied", self.empty_redis
            yield "GitHub fails", lambda: for_a_while(self.failing("server_error"))
            yield "GitHub refuses", lambda: for_a_while(self.failing("secondary_limit", seconds=5))
            yield "webhooks are lost", lambda: for_a_while(self.losing_hooks())
            if ANOTHER_CLOCK:
                yield "a worker's clock is wrong", lambda: for_a_while(self.wrong_clock())

    def empty_redis(self) -> None:
        redis.Redis(port=self.redis).flushall()

    @contextmanager
    def failing(self, kind: Kind, **given: float) -> Iterator[None]:
        self.github.fault(kind, **given)
        yield
        self.github.simulator.faults.clear()

    @contextmanager
    def losing_hooks(self) -> Iterator[None]:
        self.github.simulator.deliveries.faults.drop = 1.0
        yield
        self.github.simulator.deliveries.faults.drop = 0.0

    @contextmanager
    def wrong_clock(self) -> Iterator[None]:
        self._set_clock(random.choice(WRONG))
        yield
        self._set_clock("+0")


def for_a_while(state: AbstractContextManager[None]) -> None:
    with state:
        time.sleep(PAUSE)


class Visitor:
    """A visitor who reads pages and creates teams, and counts failures by fault."""

    def __init__(self, site: Site) -> None:
        self.happening = "nothing"
        self.reads, self.failed = Counter[str](), Counter[str]()
        self.made: list[str] = []
        self._http = httpx.Client(base_url=site.url, timeout=30, follow_redirects=True)
        self._sign_up()

    def _sign_up(self) -> None:
        given = {"email": "alice@example.com", "password1": "a calm and quiet lake"}
        self._post("/accounts/signup/", given)
        reply = self._post("/teams/new/", {"name": "acme"})
        assert reply.url.path.startswith("/a/acme/"), reply.url

    def _post(self, address: str, given: dict[str, str]) -> httpx.Response:
        page = self._http.get(address)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        proof = {"csrfmiddlewaretoken": token[1] if token else ""}
        told = {"Origin": str(self._http.base_url).rstrip("/")}
        return self._http.post(address, data={**given, **proof}, headers=told)

    def visit(self, ends: float) -> None:
        while time.monotonic() < ends:
            for page in PAGES:
                self._read(f"/a/acme/{page}")
            self._make(f"team {len(self.reads)}-{self.reads.total()}")

    def _read(self, address: str) -> None:
        during = self.happening
        self.reads[during] += 1
        try:
            said = str(self._http.get(address).status_code)
        except httpx.HTTPError as error:
            said = type(error).__name__
        if said != "200":
            self.failed[f"{during}: {said}"] += 1
        time.sleep(0.2)

    def _make(self, name: str) -> None:
        with suppress(httpx.HTTPError):
            if self._post("/teams/new/", {"name": name}).url.path.startswith("/a/"):
                self.made.append(name)


def wait_until(happened: Callable[[], bool], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while True:
        with suppress(httpx.HTTPError, subprocess.TimeoutExpired):
            if happened():
                return
        if time.monotonic() > ends:
            raise TimeoutError
        time.sleep(0.5)


def work(github: Running, ends: float) -> None:
    """An event on GitHub about once a second; impossible ones are skipped."""
    repositories = list(github.simulator.world.repositories.values())
    acts = ("edit", "edit", "edit", "open", "review", "merge", "deploy")
    while time.monotonic() < ends:
        place = random.choice(repositories)
        pulls = place.pull_requests.values()
        is_open = [each.number for each in pulls if each.state == "OPEN"]
        act, given = random.choice(acts), {"repository": place.full_name, "actor": "ada"}
        if act == "deploy":
            made = github.act("deploy", **given, ref="main")
            deployed = {**given, "deployment": made["id"], "state": "SUCCESS"}
            github.act("set_deployment_status", **deployed)
        elif act == "open":
            github.act("open", **given, title=str(time.time()))
        elif act == "merge":
            for number in is_open[:1]:
                github.act("merge", **given, number=number)
        else:
            more = {"title": str(time.time())} if act == "edit" else {"state": "COMMENTED"}
            github.act(act, **given, number=random.randint(1, len(pulls)), **more)
        time.sleep(1)


def connect(github: Running) -> None:
    """The visitor's team tracks every repository; the workers do the rest."""
    import django

    django.setup()
    from apps.teams.models import Team
    from benchmarks.freshness import connected

    places = github.simulator.world.repositories.values()
    known = [(each.id, each.node_id, each.full_name) for each in places]
    team = Team.objects.get(slug="acme")
    connected(team, Served(github.url, github.token, known))


def missing(site: Site, visitor: Visitor) -> list[str]:
    """Teams that are missing although their creation was confirmed."""
    with psycopg.connect(site.direct) as database:
        names = {name for (name,) in database.execute("SELECT name FROM teams_team")}
    return [name for name in visitor.made if name not in names]


def differences(site: Site) -> list[str]:
    """Every stored field that differs from GitHub, or from what is derived from it."""
    from django.db import connection

    from apps.integrations.tests import comparison, delivered
    from apps.metrics.models import Repository
    from github_simulator.truth import truth

    connection.close()
    found: list[str] = []
    for place in site.github.simulator.world.repositories.values():
        mine = Repository.objects.get(github_repo_id=place.id)
        found += comparison.differences(mine, truth(place)) + delivered.differences(mine, place)
    return found


def blow(minutes: float) -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        github = stack.enter_context(running(world([PULL_REQUESTS] * REPOSITORIES)))
        limits = github.simulator.limits
        limits.maximum = limits.per_minute = {"core": 10**9, "graphql": 10**9}
        site = Site(folder, stack, github)
        visitor = Visitor(site)
        os.environ.update(site.settings, DJANGO_SETTINGS_MODULE="tformance.settings")
        connect(github)
        ends = time.monotonic() + 60 * minutes
        wait_until(lambda: not differences(site), CALM)
        for each, given in ((visitor.visit, (ends,)), (work, (github, ends))):
            threading.Thread(target=each, args=given, daemon=True).start()
        done, told = Counter[str](), 0.0
        for name, strike in site.faults():
            if time.monotonic() > ends:
                break
            if time.monotonic() > told:
                print(f"{time.strftime('%H:%M')}: {site.memory()}", flush=True)
                told = time.monotonic() + 600
            visitor.happening = name
            strike()
            done[name] += 1
            time.sleep(PAUSE)
        visitor.happening = "nothing"
        return tell(site, visitor, done)


def tell(site: Site, visitor: Visitor, done: Counter[str]) -> int:
    """Prints the counts; 1 if anything was lost."""
    for name, times in done.items():
        print(f"{times} × {name}: {visitor.reads[name]} reads")
    for what, times in sorted(visitor.failed.items()):
        print(f"  failed, {what}: {times}")
    lost = missing(site, visitor)
    print(f"{len(visitor.made)} teams were made, {len(lost)} are missing.")
    began = time.monotonic()
    with suppress(TimeoutError):
        wait_until(lambda: not differences(site), CALM)
    took = time.monotonic() - began
    places = site.github.simulator.world.repositories.values()
    pulls, deployed = (
        sum(len(getattr(place, name)) for place in places)
        for name in ("pull_requests", "deployments")
    )
    wrong = differences(site)
    print(
        f"{pulls} pull requests, {deployed} deployments, {took:.0f} s later: {len(wrong)} differ."
    )
    print("".join(f"  {each}\n" for each in wrong[:20]), end="")
    print(f"{time.strftime('%H:%M')}: {site.memory()}")
    return 1 if lost or wrong else 0


if __name__ == "__main__":
    raise SystemExit(blow(float(sys.argv[1]) if len(sys.argv) > 1 else 10))
