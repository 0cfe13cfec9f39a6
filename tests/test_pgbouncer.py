"""PostgreSQL behind a real PgBouncer in transaction mode: any statement may run in any session."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.absence import absent
from tests.program import COMMAND, ROOT, clean_environment, manage, postgres_database
from tformance.ports import free_port

pytestmark = pytest.mark.services
MANY = 6_500  # pull requests: several parts of an export
AT_ONCE = 4  # exports, on two sessions
FILL = f"""
from datetime import UTC, datetime
from apps.metrics.models import PullRequest, Repository
from apps.teams.models import Team
team = Team.objects.create(name="Acme", slug="personal")
shop = Repository.objects.create(team=team, github_repo_id=1, full_name="acme/shop")
noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
same = dict(team=team, repository=shop, state="open", opened_at=noon, updated_at=noon,
    first_commit_at=noon, fetched_at=noon)
PullRequest.objects.bulk_create(
    [PullRequest(number=n, github_id=n, title="x" * 60, **same) for n in range(1, {MANY} + 1)],
    batch_size=2000,
)
"""


def program() -> str:
    """The path of PgBouncer; Debian's folder is rarely in PATH."""
    path = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"
    return shutil.which("pgbouncer", path=path) or absent("no pgbouncer; `apt install pgbouncer`")


@contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """The same database through a pool of two sessions in transaction mode."""
    parts, port = urlsplit(url), free_port()
    name = parts.path.strip("/")
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # it runs as another user where we are root
        config = Path(folder) / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n{name} = host={parts.hostname} port={parts.port or 5432} "
            f"dbname={name} user={parts.username}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
            "unix_socket_dir =\npool_mode = transaction\ndefault_pool_size = 2\n"
            "server_login_retry = 1\n"
        )
        config.chmod(0o644)
        someone = ["-u", "nobody"] if os.getuid() == 0 else []
        process = subprocess.Popen([program(), "-q", *someone, config])
        through = f"postgres://{parts.username}@127.0.0.1:{port}/{name}"
        try:
            _wait(through)
            yield through
        finally:
            process.terminate()
            process.wait(10)


def _wait(url: str) -> None:
    for _ in range(100):
        with suppress(psycopg.OperationalError):
            psycopg.connect(url).close()
            return
        time.sleep(0.1)
    raise AssertionError("pgbouncer does not answer")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The program's settings, with a database created and filled through the pool."""
    folder = tmp_path_factory.mktemp("data")
    with postgres_database() as url, pgbouncer(url) as through:
        settings = {"DATA_DIR": str(folder), "DATABASE_URL": through}
        for command in (["migrate", "--verbosity", "0"], ["shell", "-v", "0", "-c", FILL]):
            done = manage(*command, **settings)
            assert done.returncode == 0, done.stderr
        yield settings


def test_it_works(machine: dict[str, str]) -> None:
    """Parallel exports are complete, and in order."""
    command = [COMMAND, "export", "pull-requests"]
    environment = clean_environment(**machine)
    running = [
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(AT_ONCE)
    ]
    for process in running:
        written, said = process.communicate(timeout=300)
        assert process.returncode == 0, said.decode()[-500:]
        numbers = [int(each) for each in re.findall(rb'"number": (\d+)', written)]
        assert numbers == list(range(1, MANY + 1))
