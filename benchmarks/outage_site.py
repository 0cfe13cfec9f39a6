"""The system of `benchmarks.outages`: restarted processes, and the faults done to them."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypedDict, Unpack

import httpx
import psycopg
import redis

from github_simulator.faults import Kind
from github_simulator.testing import Running
from tests.program import COMMAND, ROOT, clean_environment, procfile, tformance
from tests.test_deploy_files import nginx
from tests.test_pgbouncer import pgbouncer
from tformance.ports import free_port

PAUSE = 15.0  # seconds between two faults, and the length of a temporary one
DISK = "256m"
WRONG = "+600", "-600"  # seconds that a clock is ahead or behind
ANOTHER_CLOCK = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


class Options(TypedDict, total=False):
    """How a program is started, besides its command."""

    user: str
    cwd: str | Path
    env: dict[str, str]


class Restarted:
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
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                pages += re.findall(r"\nPss: +(\d+)", text)
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
        self.direct = f"postgres://postgres@127.0.0.1:{self.database}/postgres"
        self._start_services()
        through = stack.enter_context(pgbouncer(self.direct))
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

    def _run(self, name: str, command: list[str], **options: Unpack[Options]) -> Restarted:
        part = Restarted(name, command, self.folder, **options)
        self._stack.callback(part.stop)
        return part

    def _start_services(self) -> None:
        [binaries] = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
        data = str(self.disks[0] / "data")
        as_postgres: Options = {"user": "postgres", "cwd": "/"}
        shutil.chown(self.disks[0], "postgres")
        trusting = ("-A", "trust", "-U", "postgres", "--no-sync")
        initdb = [str(binaries / "initdb"), "-D", data, *trusting]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **as_postgres)
        options = ["-p", str(self.database), "-k", data, "-c", "max_wal_size=64MB"]
        self.postgres = self._run(
            "postgres", [str(binaries / "postgres"), "-D", data, *options], **as_postgres
        )
        quiet = ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        self.broker = self._run("redis", ["redis-server", "--port", str(self.redis), *quiet])
        wait_until(self._answers, 30)

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(self.direct):
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

    def _part(self, name: str, number: int, **own: str) -> Restarted:
        command = [COMMAND, *procfile()[name].split()[1:]]
        environment = clean_environment(**{**self.settings, **own})
        return self._run(f"{name}-{number}", command, cwd=ROOT, env=environment)

    def _set_clock(self, seconds: str) -> None:
        self.clock.write_text(f"{seconds}\n")

    def memory(self) -> str:
        parts = {"web": self.webs, "worker": self.workers, "schedule": [self.schedule]}
        sizes = (
            f"{name} {sum(map(Restarted.memory, running)):.0f}" for name, running in parts.items()
        )
        return f"{', '.join(sizes)} MB"

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
            yield "PostgreSQL does not respond", lambda: for_a_while(self.postgres.halted())
            yield "Redis does not respond", lambda: for_a_while(self.broker.halted())
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


def wait_until(happened: Callable[[], bool], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while True:
        with suppress(httpx.HTTPError, subprocess.TimeoutExpired):
            if happened():
                return
        if time.monotonic() > ends:
            raise TimeoutError
        time.sleep(0.5)
