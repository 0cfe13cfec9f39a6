"""Everything fails in turn while pages are read: `python -m benchmarks.outages [MINUTES]`, as root.

Behind nginx and PgBouncer: `web`, two `worker`s and `schedule`, on a PostgreSQL and a Redis of
their own, on small disks. What ends is started anew after two seconds, as systemd does. Meanwhile
pages are read, teams are made, and pull requests are edited on a simulated GitHub. It prints which
reads failed during what, and what is missing in the end: teams whose making was answered, and pull
requests that are not as on GitHub.
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
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import psycopg

from benchmarks.github import Served, serve
from tests.program import COMMAND, ROOT, clean_environment, procfile, tformance
from tests.test_deploy_files import found
from tests.test_pgbouncer import pgbouncer
from tformance.ports import free_port

REPOSITORIES, PULL_REQUESTS = 4, 60
PAGES = ("", "pull-requests/", "reviews/", "settings/members/")
PAUSE = 15.0  # seconds between two faults, and that a disk stays full
CALM = 300.0  # seconds that it may take in the end until all is told
DISK = "256m"


class Kept:
    """A program that is started anew two seconds after it ended, until it is stopped."""

    def __init__(self, name: str, command: list[str], folder: Path, **options: object) -> None:
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

    def stop(self) -> None:
        self._is_wanted = False
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()


class Site:
    """All that runs, and what is done to it."""

    def __init__(self, folder: Path, stack: ExitStack, github: Served) -> None:
        self.folder, self._stack = folder, stack
        self.disks = [self._disk("postgres-disk"), self._disk("data")]
        self.database, self.redis, self.url = (free_port() for _ in range(3))
        self.url = f"http://127.0.0.1:{self.url}"
        self._start_services()
        direct = f"postgres://postgres@127.0.0.1:{self.database}/postgres"
        through = stack.enter_context(pgbouncer(direct))
        web = free_port()
        self.settings = {
            "PUBLIC_URL": self.url,
            "DATA_DIR": str(self.disks[1]),
            "DATABASE_URL": through,
            "REDIS_URL": f"redis://127.0.0.1:{self.redis}/0",
            "GITHUB_URL": github.url,
            "SIGN_UP": "open",
            "METRICS_TOKEN": "of-the-outages",
            "BIND": f"127.0.0.1:{web}",
        }
        self.direct = direct
        done = tformance("release", **self.settings)
        assert done.returncode == 0, done.stderr
        self._start_parts()
        self._start_nginx(web)

    def _disk(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", name, path], check=True)
        self._stack.callback(subprocess.run, ["umount", "--lazy", path])
        return path

    def _keep(self, name: str, command: list[str], **options: object) -> Kept:
        kept = Kept(name, command, self.folder, **options)
        self._stack.callback(kept.stop)
        return kept

    def _start_services(self) -> None:
        [binaries] = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
        data, someone = self.disks[0] / "data", {"user": "postgres", "cwd": "/"}
        shutil.chown(self.disks[0], "postgres")
        initdb = [binaries / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **someone)
        told = ["-p", str(self.database), "-k", str(data), "-c", "max_wal_size=64MB"]
        self.postgres = self._keep(
            "postgres", [str(binaries / "postgres"), "-D", str(data), *told], **someone
        )
        quiet = ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        self.broker = self._keep("redis", ["redis-server", "--port", str(self.redis), *quiet])
        wait_until(lambda: self._answers(), 30)

    def _answers(self) -> bool:
        url = f"postgres://postgres@127.0.0.1:{self.database}/postgres"
        with suppress(psycopg.OperationalError), psycopg.connect(url):
            return True
        return False

    def _start_parts(self) -> None:
        environment = clean_environment(**self.settings)
        parts = {name: command.split() for name, command in procfile().items()}
        options = {"cwd": ROOT, "env": environment}
        commands = {name: [COMMAND, *parts[name][1:]] for name in ("web", "worker", "schedule")}
        self.web = self._keep("web", commands["web"], **options)
        self.schedule = self._keep("schedule", commands["schedule"], **options)
        self.workers = []
        for number in range(2):
            data = self.folder / f"worker-{number}"
            own = {"DATA_DIR": str(data), "METRICS_ADDRESS": f"127.0.0.1:{free_port()}"}
            keys = {"SECRET_KEY": "secret-key", "TOKEN_ENCRYPTION_KEYS": "token-encryption-keys"}
            same = {name: (self.disks[1] / file).read_text() for name, file in keys.items()}
            options = {"cwd": ROOT, "env": {**environment, **own, **same}}
            self.workers.append(self._keep(f"worker-{number}", commands["worker"], **options))

    def _start_nginx(self, web: int) -> None:
        text = (ROOT / "deploy/nginx.conf").read_text()
        text = re.sub(r"server \{\s+listen 80;.*?\n\}\n", "", text, flags=re.DOTALL)
        text = re.sub(r" +(ssl_\w+|listen \[::\]).*\n", "", text)
        text = text.replace("listen 443 ssl", f"listen {self.url.removeprefix('http://')}")
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{web}").replace("$host;", "$http_host;")
        (self.folder / "site.conf").write_text(text)
        (self.folder / "nginx.conf").write_text(
            f"daemon off; pid {self.folder}/pid; error_log {self.folder}/nginx-errors;\n"
            f"events {{}}\nhttp {{ access_log off; include {self.folder}/site.conf; }}\n"
        )
        command = [found("nginx", "nginx-light"), "-c", str(self.folder / "nginx.conf")]
        self._keep("nginx", command)
        wait_until(lambda: httpx.get(f"{self.url}/health/ready").status_code == 200, 120)

    @contextmanager
    def full_disks(self) -> Iterator[None]:
        """Nothing more can be written, neither by PostgreSQL nor by the program."""
        files = [disk / "filling" for disk in self.disks]
        for each in files:
            with suppress(OSError), each.open("wb") as file:
                while True:
                    file.write(bytes(2**16))
        yield
        for each in files:
            each.unlink()

    def faults(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """What is done in turn, again and again."""
        kill = signal.SIGKILL
        while True:
            worker = random.choice(self.workers)
            yield "a process of web is killed", lambda: os.kill(self.web.children()[0], kill)
            yield "a process of worker is killed", lambda: os.kill(worker.children()[0], kill)  # noqa: B023
            yield "Redis is killed", lambda: self.broker.signal(kill)
            yield "web is reloaded", lambda: self.web.signal(signal.SIGHUP)
            yield "worker is killed", lambda: worker.signal(kill)  # noqa: B023
            yield "schedule is killed", lambda: self.schedule.signal(kill)
            yield "web is killed", lambda: self.web.signal(kill)
            yield "PostgreSQL is killed", lambda: self.postgres.signal(signal.SIGQUIT)
            yield "disks are full", self.fill_for_a_while

    def fill_for_a_while(self) -> None:
        with self.full_disks():
            time.sleep(PAUSE)


class Visitor:
    """Somebody who reads pages and makes teams, and counts what failed during what."""

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
        return self._http.post(address, data={**given, **proof})

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


def edit(github: Served, ends: float) -> None:
    """Somebody changes pull requests on GitHub, about one a second."""
    while time.monotonic() < ends:
        _, _, name = random.choice(github.repositories)
        number = random.randint(1, PULL_REQUESTS)
        github.act("edit", repository=name, number=number, actor="ada", title=str(time.time()))
        time.sleep(1)


def connect(github: Served) -> None:
    """The visitor's team tracks every repository; the workers do the rest."""
    import django

    django.setup()
    from apps.teams.models import Team
    from benchmarks.freshness import connected

    connected(Team.objects.get(slug="acme"), github)


def missing(site: Site, visitor: Visitor) -> list[str]:
    """Teams that are not there though their making was answered."""
    with psycopg.connect(site.direct) as database:
        names = {name for (name,) in database.execute("SELECT name FROM teams_team")}
    return [name for name in visitor.made if name not in names]


def is_as_on_github(site: Site) -> bool:
    """Whether every pull request is here, and each of them as it is there."""
    with psycopg.connect(site.direct) as database:
        [(count,)] = database.execute("SELECT count(*) FROM metrics_pullrequest")
    whole = REPOSITORIES * PULL_REQUESTS
    compared = ("audit", "--sample", str(whole))
    return count == whole and tformance(*compared, **site.settings).returncode == 0


def blow(minutes: float) -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        github = stack.enter_context(serve([PULL_REQUESTS] * REPOSITORIES))
        site = Site(folder, stack, github)
        visitor = Visitor(site)
        os.environ.update(site.settings, DJANGO_SETTINGS_MODULE="tformance.settings")
        connect(github)
        ends = time.monotonic() + 60 * minutes
        for each, given in ((visitor.visit, ends), (lambda until: edit(github, until), ends)):
            threading.Thread(target=each, args=(given,), daemon=True).start()
        done = Counter[str]()
        for name, strike in site.faults():
            if time.monotonic() > ends:
                break
            visitor.happening = name
            strike()
            done[name] += 1
            time.sleep(PAUSE)
        return tell(site, visitor, done)


def tell(site: Site, visitor: Visitor, done: Counter[str]) -> int:
    """Prints what was counted; 1 where anything was lost."""
    for name, times in done.items():
        print(f"{times} × {name}: {visitor.reads[name]} reads")
    for what, times in sorted(visitor.failed.items()):
        print(f"  failed, {what}: {times}")
    lost = missing(site, visitor)
    print(f"{len(visitor.made)} teams were made, {len(lost)} are missing.")
    began = time.monotonic()
    wait_until(lambda: is_as_on_github(site), CALM)
    took = time.monotonic() - began
    print(f"All pull requests are as on GitHub after {took:.0f} s more.")
    return 1 if lost else 0


if __name__ == "__main__":
    raise SystemExit(blow(float(sys.argv[1]) if len(sys.argv) > 1 else 10))
