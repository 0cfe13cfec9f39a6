"""The real program in processes of its own, on one machine or with a company's services."""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg
import redis
from psycopg import sql

from tests.absence import absent
from tformance.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
COMMAND = str(Path(sys.executable).parent / "tformance")
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")
START = 180  # seconds
LONGEST = 300  # seconds that a command may take, however busy the machine is
DATABASE = "tformance.sqlite3"
SHARED = "TFORMANCE_TESTS_SHARED"  # names a folder of all processes of a test run
PREPARE = "import django; django.setup(); from tformance.up import prepare; prepare()"


@dataclass(frozen=True)
class Program:
    """A running program: its URL, its folder, and its processes' output."""

    url: str
    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a `tformance` command with the same settings."""
        return tformance(*arguments, **self.environment)


def clean_environment(**settings: str) -> dict[str, str]:
    """This process's environment with only these settings of the program."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, **settings}


def tformance(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as a user does."""
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=LONGEST,
        cwd=ROOT,
        env=clean_environment(**settings),
    )


def manage(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs one of Django's commands."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean_environment(**settings),
        timeout=LONGEST,
    )


def free_address() -> str:
    """A free URL for a program."""
    return f"http://127.0.0.1:{free_port()}"


def share_a_folder() -> None:
    """The processes of a test run inherit it from the first, which ends last."""
    if SHARED not in os.environ:
        os.environ[SHARED] = str(_temporary("shared"))


def _temporary(name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"tformance-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def prepared() -> Path:
    """A data folder after a first start, to copy from: with tables and static files."""
    folder = _temporary("prepared")
    if SHARED not in os.environ:
        _prepare(folder)
        return folder
    # The processes of a run each copy what the first one made.
    made = Path(os.environ[SHARED], "prepared")
    with Path(os.environ[SHARED], "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _prepare(folder)
            shutil.copytree(folder, made)
    return shutil.copytree(made, folder, dirs_exist_ok=True)


def _prepare(folder: Path) -> None:
    environment = clean_environment(
        DATA_DIR=str(folder), DJANGO_SETTINGS_MODULE="tformance.settings"
    )
    subprocess.run([sys.executable, "-c", PREPARE], check=True, cwd=ROOT, env=environment)


@contextmanager
def on_one_machine(
    folder: Path,
    url: str,
    *options: str,
    command: str = COMMAND,
    cwd: str | Path = ROOT,
    **settings: str,
) -> Iterator[Program]:
    """`tformance up`: SQLite, a folder as broker. `command` may be another installation's."""
    program = _program(folder, url, settings)
    if command == COMMAND and not (folder / DATABASE).exists():
        shutil.copytree(prepared() / "static", folder / "static")
        shutil.copy(prepared() / DATABASE, folder)
    with _process(folder, program.environment, command, "up", *options, cwd=cwd) as process:
        wait_until_ready(program, process)
        yield program


@contextmanager
def on_services(folder: Path, url: str, **settings: str) -> Iterator[Program]:
    """PostgreSQL, Redis, and web, worker and schedule separately, as in docs/deploy.md."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres_database())
        broker = stack.enter_context(redis_database())
        services = {"DATABASE_URL": database, "REDIS_URL": broker}
        program = _program(folder, url, {**settings, **services})
        parts = procfile()
        environment = {**program.environment, "BIND": url.removeprefix("http://")}
        bash = ("bash", "-c")
        subprocess.run([*bash, parts.pop("release")], check=True, cwd=ROOT, env=environment)
        started = [
            stack.enter_context(_process(folder, environment, *bash, f"exec {command}"))
            for command in parts.values()
        ]
        wait_until_ready(program, *started)
        yield program


@contextmanager
def postgres_database(template: str = "template1") -> Iterator[str]:
    """A new database's URL; it is dropped afterwards."""
    name = f"tformance_test_{secrets.token_hex(4)}"
    try:
        server = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError:
        absent("no PostgreSQL at 127.0.0.1:5432; TEST_POSTGRES_URL can name another")
    with server:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        server.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        # A test's data need not survive a loss of power.
        quick = sql.SQL("ALTER DATABASE {} SET synchronous_commit = off")
        server.execute(quick.format(sql.Identifier(name)))
    try:
        yield f"{POSTGRES.rpartition('/')[0]}/{name}"
    finally:
        with psycopg.connect(POSTGRES, autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def redis_database() -> Iterator[str]:
    """The URL of an empty Redis database of its own; it is emptied afterwards."""
    for number in range(1, 16):
        client = redis.Redis.from_url(f"{REDIS}/{number}", socket_connect_timeout=5)
        try:
            taken = client.dbsize() or not client.set("taken-by-test", 1, nx=True, ex=3600)
        except redis.exceptions.ConnectionError:
            absent("no Redis at 127.0.0.1:6379; TEST_REDIS_URL can name another")
        if not taken:
            try:
                yield f"{REDIS}/{number}"
            finally:
                client.flushdb()
            return
    absent("every database of the Redis at 127.0.0.1:6379 is in use")


def procfile() -> dict[str, str]:
    """The commands of deploy/Procfile by part."""
    lines = (ROOT / "deploy/Procfile").read_text().splitlines()
    return {part: command for part, _, command in (line.partition(": ") for line in lines)}


def _program(folder: Path, url: str, settings: Mapping[str, str]) -> Program:
    given = {"DATA_DIR": str(folder), "PUBLIC_URL": url, **settings}
    return Program(url, folder, clean_environment(**given))


@contextmanager
def _process(
    folder: Path, environment: Mapping[str, str], *command: str, cwd: str | Path = ROOT
) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "test.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield process
            assert process.poll() is None, f"It ended by itself:\n{_end_of_log(folder)}"
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_until_ready(program: Program, *processes: subprocess.Popen[bytes]) -> None:
    """Returns when it serves. Raises TimeoutError with the last output of its processes."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and all(process.poll() is None for process in processes):
        try:
            urllib.request.urlopen(f"{program.url}/health/ready", timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"It did not start:\n{_end_of_log(program.folder)}")


def _end_of_log(folder: Path) -> str:
    return (folder / "test.log").read_text()[-3000:]
